//! `--optimize` and `--kernel`: how a network is compiled, where the board's manifest is not to decide.

use anyhow::bail;
use clap::Args;
use thumbnet_compile::{KernelChoice, Optimize, Tuning};

/// How to compile; the board's manifest says what is left out.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TuningOptions {
    /// What to spend where a faster kernel costs memory: speed, balanced or size [default: the board's manifest, else
    /// balanced].
    #[arg(long, value_name = "PROFILE")]
    optimize: Option<Optimize>,
    /// The kernel of one layer, named by an ONNX node of it; repeatable.
    #[arg(long = "kernel", value_name = "NODE=KERNEL")]
    kernels: Vec<KernelChoice>,
}

impl TuningOptions {
    /// What is chosen here, else in the environment, where the boards' build scripts look, too.
    pub(crate) fn tuning(&self) -> anyhow::Result<Tuning> {
        let Tuning { optimize, kernels } = Tuning::from_environment()?;
        Ok(Tuning {
            optimize: self.optimize.or(optimize),
            kernels: if self.kernels.is_empty() { kernels } else { self.kernels.clone() },
        })
    }

    /// Refuses choices where no firmware is built.
    pub(crate) fn only_in_emulator(&self) -> anyhow::Result<()> {
        if self.is_given() {
            bail!("--optimize and --kernel choose how firmware is built: add --runtime qemu");
        }
        Ok(())
    }

    /// Refuses choices where there is no board whose kernels could be chosen.
    pub(crate) fn only_for_a_board(&self) -> anyhow::Result<()> {
        if self.is_given() {
            bail!("--optimize and --kernel choose among a board's kernels: add --board NAME");
        }
        Ok(())
    }

    fn is_given(&self) -> bool {
        self.optimize.is_some() || !self.kernels.is_empty()
    }
}
