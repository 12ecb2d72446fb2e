//! What a user may choose for one compilation instead of what the board's manifest says.
//!
//! A build script cannot take arguments, so it takes these choices as environment variables.

use crate::error::CompileError;
use crate::options::Optimize;
use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;

/// `speed`, `balanced` or `size`.
const OPTIMIZE_VARIABLE: &str = "THUMBNET_OPTIMIZE";
/// `NODE=KERNEL`, one a line.
const KERNELS_VARIABLE: &str = "THUMBNET_KERNELS";
/// All variables that a [`Tuning`] is made of.
pub(crate) const VARIABLES: [&str; 2] = [OPTIMIZE_VARIABLE, KERNELS_VARIABLE];

/// Choices for one compilation; the default leaves all to the manifest and the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tuning {
    /// What to spend where a faster kernel costs memory.
    pub optimize: Option<Optimize>,
    /// Kernels of single layers.
    pub kernels: Vec<KernelChoice>,
}

/// The kernel that a user wants for a layer: `NODE=KERNEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelChoice {
    /// Name of an ONNX node of the layer.
    pub node: String,
    /// Name of the kernel, as reports have it.
    pub kernel: String,
}

impl Tuning {
    /// What `THUMBNET_OPTIMIZE` and `THUMBNET_KERNELS` (`NODE=KERNEL`, one a line) say.
    ///
    /// # Errors
    /// [`CompileError::Tuning`] if one of them cannot be understood.
    pub fn from_environment() -> Result<Self, CompileError> {
        let optimize = variable(OPTIMIZE_VARIABLE)?;
        let optimize = match optimize.trim() {
            "" => None,
            word => Some(word.parse().map_err(|problem| wrong(OPTIMIZE_VARIABLE, problem))?),
        };
        let lines = variable(KERNELS_VARIABLE)?;
        let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        let kernels =
            lines.map(|line| line.parse().map_err(|error| wrong(KERNELS_VARIABLE, error)));
        Ok(Self { optimize, kernels: kernels.collect::<Result<_, _>>()? })
    }

    /// The environment variables that say the same.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let kernels: Vec<String> = self.kernels.iter().map(KernelChoice::to_string).collect();
        let optimize = self.optimize.map_or(String::new(), |optimize| optimize.to_string());
        [(OPTIMIZE_VARIABLE, optimize), (KERNELS_VARIABLE, kernels.join("\n"))]
    }
}

fn variable(name: &str) -> Result<String, CompileError> {
    let value = std::env::var_os(name).unwrap_or_default();
    let text = |value: OsString| format!("'{}' is no text", value.display());
    value.into_string().map_err(|value| wrong(name, text(value)))
}

fn wrong(variable: &str, problem: String) -> CompileError {
    CompileError::Tuning { variable: variable.to_owned(), problem }
}

impl FromStr for KernelChoice {
    type Err = String;

    /// Splits at the last `=`: names of kernels have none.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('=') {
            Some((node, kernel)) if !node.is_empty() && !kernel.is_empty() => {
                Ok(Self { node: node.to_owned(), kernel: kernel.to_owned() })
            }
            _ => Err(format!("'{text}' is not NODE=KERNEL, for example conv2=deep_conv2d")),
        }
    }
}

impl fmt::Display for KernelChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.node, self.kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::{KernelChoice, Tuning};
    use crate::Optimize;

    #[test]
    fn a_choice_is_split_at_its_last_equals_sign() {
        let choice: KernelChoice = "a=b;c/d=conv2d".parse().expect("well formed");
        assert_eq!((choice.node.as_str(), choice.kernel.as_str()), ("a=b;c/d", "conv2d"));
        assert_eq!(choice.to_string(), "a=b;c/d=conv2d");
        for wrong in ["", "conv2", "=conv2d", "conv2="] {
            let error = wrong.parse::<KernelChoice>().expect_err(wrong);
            assert!(error.contains("is not NODE=KERNEL"), "{error}");
        }
    }

    #[test]
    fn variables_say_all_of_a_tuning() {
        let kernels = ["a=conv2d", "b=deep_conv2d"].map(|text| text.parse().expect("well formed"));
        let tuning = Tuning { optimize: Some(Optimize::Speed), kernels: kernels.into() };
        let values = tuning.variables().map(|(_, value)| value);
        assert_eq!(values, ["speed", "a=conv2d\nb=deep_conv2d"]);
        assert_eq!(Tuning::default().variables().map(|(_, value)| value), ["", ""]);
    }
}
