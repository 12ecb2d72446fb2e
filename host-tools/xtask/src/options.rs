//! The command line of `cargo xtask`.

use crate::step::Failure;
use lexopt::ValueExt;
use lexopt::prelude::{Long, Short, Value};
use thumbnet_toolchain::{Consent, Route};

pub(crate) const USAGE: &str = "\
Set-up, demo and test of Thumbnet.

Usage: cargo xtask <VERB> [OPTIONS]

Verbs:
  demo    Train, export, prove, compile and run a classifier on an emulated Cortex-M4
  test    Check everything: formatting, lints, documentation, host and emulated tests
  peers   Run the seed CNN's layers with the kernels of other Rust crates beside ours, in the emulator
  miri    Run the kernels' tests under Miri, which finds undefined behaviour; minutes, on nightly Rust
  setup   Install what the others need and is missing, and nothing else

Options:
  --toolchain rustup|debian  Where the Cortex-M core libraries come from (default: the first that works)
  --no-install               Install nothing; print the command that would, and stop with exit code 2
  -h, --help                 Print this

Examples:
  cargo xtask demo
  cargo xtask test --toolchain debian
";

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Help,
    Setup,
    Demo,
    Test,
    Peers,
    Miri,
}

/// The parsed command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) verb: Verb,
    pub(crate) toolchain: Option<Route>,
    pub(crate) consent: Consent,
}

impl Options {
    /// Parses the arguments of this process.
    pub(crate) fn from_arguments() -> Result<Self, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut arguments: lexopt::Parser) -> Result<Self, Failure> {
        let mut verb = None;
        let mut options = Self { verb: Verb::Help, toolchain: None, consent: Consent::Install };
        while let Some(argument) = arguments.next().map_err(Failure::usage)? {
            match argument {
                Long("toolchain") => {
                    let word = arguments.value().and_then(|word| word.string());
                    let route = word.map_err(Failure::usage)?.parse();
                    options.toolchain = Some(route.map_err(Failure::usage)?);
                }
                Long("no-install") => options.consent = Consent::AskOnly,
                Short('h') | Long("help") => return Ok(Self { verb: Verb::Help, ..options }),
                Value(word) if verb.is_none() => verb = Some(verb_named(&word.to_string_lossy())?),
                other => return Err(Failure::usage(other.unexpected())),
            }
        }
        options.verb = verb.ok_or_else(|| {
            Failure::usage("say a verb: demo, test, peers, miri or setup (--help)")
        })?;
        Ok(options)
    }

    /// Environment for every command that is run: the toolchain route, if one was asked for.
    pub(crate) fn environment(&self) -> Vec<(&'static str, &'static str)> {
        self.toolchain.map(|route| ("THUMBNET_TOOLCHAIN", route.name())).into_iter().collect()
    }
}

fn verb_named(word: &str) -> Result<Verb, Failure> {
    match word {
        "setup" => Ok(Verb::Setup),
        "demo" => Ok(Verb::Demo),
        "test" => Ok(Verb::Test),
        "peers" => Ok(Verb::Peers),
        "miri" => Ok(Verb::Miri),
        "help" => Ok(Verb::Help),
        other => {
            Err(Failure::usage(format!("no verb '{other}'; say demo, test, peers, miri or setup")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Verb};
    use thumbnet_toolchain::{Consent, Route};

    fn parse(words: &[&str]) -> Result<Options, String> {
        Options::parse(lexopt::Parser::from_args(words)).map_err(|failure| failure.message)
    }

    #[test]
    fn options_may_stand_before_and_after_the_verb() {
        let options = parse(&["--no-install", "test", "--toolchain", "debian"]).unwrap();
        assert_eq!(options.verb, Verb::Test);
        assert_eq!(options.toolchain, Some(Route::Debian));
        assert_eq!(options.consent, Consent::AskOnly);
        assert_eq!(options.environment(), [("THUMBNET_TOOLCHAIN", "debian")]);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse(&["tset"]).unwrap_err().contains("'tset'"));
        assert!(parse(&[]).unwrap_err().contains("demo, test, peers, miri or setup"));
        assert!(parse(&["test", "--toolchain", "nix"]).unwrap_err().contains("nix"));
        assert!(parse(&["test", "--fast"]).unwrap_err().contains("--fast"));
    }
}
