//! `--device`: where a network learns.

use clap::ValueEnum;
use thumbnet_train::Device;

/// What `--device` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceName {
    /// This machine's cores, by the tool's own engine: the same bytes on every run.
    Cpu,
    /// A graphics processor, by Vulkan, Metal or DirectX 12.
    Wgpu,
    /// An NVIDIA device.
    Cuda,
}

impl DeviceName {
    /// So many devices; `None` for this machine's cores.
    ///
    /// # Errors
    /// If there are no such devices, or this program was built without them.
    pub(crate) fn open(self, count: usize) -> anyhow::Result<Option<Box<dyn Device>>> {
        match self {
            Self::Cpu if count > 1 => {
                anyhow::bail!("--devices is of --device wgpu and cuda; the CPU's cores all work")
            }
            Self::Cpu => Ok(None),
            Self::Wgpu => wgpu(count).map(Some),
            Self::Cuda => cuda(count).map(Some),
        }
    }
}

#[cfg(feature = "gpu")]
fn wgpu(count: usize) -> anyhow::Result<Box<dyn Device>> {
    Ok(Box::new(thumbnet_gpu::Gpu::wgpu(count)?))
}

#[cfg(feature = "cuda")]
fn cuda(count: usize) -> anyhow::Result<Box<dyn Device>> {
    Ok(Box::new(thumbnet_gpu::Gpu::cuda(count)?))
}

#[cfg(not(feature = "gpu"))]
fn wgpu(_: usize) -> anyhow::Result<Box<dyn Device>> {
    anyhow::bail!(absent("wgpu", "gpu"))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> anyhow::Result<Box<dyn Device>> {
    anyhow::bail!(absent("cuda", "cuda"))
}

#[cfg(not(feature = "cuda"))]
fn absent(device: &str, feature: &str) -> String {
    format!(
        "--device {device} is not in this build, for it takes minutes to compile: run the tool as\n  cargo run --release \
         --package host-tools --features {feature} --bin thumbnet -- train --device {device} ..."
    )
}
