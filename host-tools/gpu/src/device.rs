//! The devices that burn knows, as the trainer wants them.

use crate::learner::BurnLearner;
use burn_core::tensor::{Device, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thumbnet_train::{DeviceStart, Learner, TrainError};

/// A device of burn that networks learn on.
#[derive(Clone, Debug)]
pub struct Gpu {
    name: String,
    device: Device,
}

impl Gpu {
    /// Any device of burn, called `name` in messages.
    ///
    /// # Errors
    /// [`TrainError::Device`] if it cannot compute.
    pub fn new(name: impl Into<String>, device: Device) -> Result<Self, TrainError> {
        let gpu = Self { name: name.into(), device: device.autodiff() };
        gpu.check()?;
        Ok(gpu)
    }

    /// The best device that wgpu finds: by Vulkan, Metal or DirectX 12.
    ///
    /// # Errors
    /// [`TrainError::Device`] if there is none.
    #[cfg(feature = "wgpu")]
    pub fn wgpu() -> Result<Self, TrainError> {
        let open = || Device::wgpu(burn_core::tensor::DeviceKind::DefaultDevice);
        Self::named("wgpu", open, "install a driver for Vulkan, Metal or DirectX 12")
    }

    /// The first NVIDIA device.
    ///
    /// # Errors
    /// [`TrainError::Device`] if there is none, or CUDA is not installed.
    #[cfg(feature = "cuda")]
    pub fn cuda() -> Result<Self, TrainError> {
        let open = || Device::cuda(burn_core::tensor::DeviceIndex::Default);
        Self::named("cuda", open, "install NVIDIA's driver and CUDA 12 or later")
    }

    /// burn panics where there is no device.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn named(name: &str, open: impl FnOnce() -> Device, advice: &str) -> Result<Self, TrainError> {
        let opened = quietly(|| {
            let device = open();
            let part = device
                .identity()
                .map_or(name.to_owned(), |identity| format!("{name} ({})", identity.name));
            (device, part)
        });
        let missing = || TrainError::Device {
            device: name.to_owned(),
            problem: format!("there is no such device here: {advice}, or train with --device cpu"),
        };
        let (device, part) = opened.ok_or_else(missing)?;
        Self::new(part, device).map_err(|_| missing())
    }

    /// Computes something whose result is known.
    fn check(&self) -> Result<(), TrainError> {
        let sum = quietly(|| {
            let ones = Tensor::<1>::ones([32], &self.device);
            ones.sum().try_into_data().ok().and_then(|data| data.try_to_vec::<f32>().ok())
        });
        if sum.flatten().as_deref() == Some(&[32.0]) {
            return Ok(());
        }
        let problem =
            "it does not compute: check its driver, or train with --device cpu".to_owned();
        Err(TrainError::Device { device: self.name.clone(), problem })
    }
}

impl thumbnet_train::Device for Gpu {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn begin(&self, start: DeviceStart<'_>) -> Result<Box<dyn Learner>, TrainError> {
        Ok(Box::new(BurnLearner::new(self.name.clone(), self.device.clone(), start)))
    }
}

/// What `work` gives, or nothing if it panics; what it says then would only confuse.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    std::panic::set_hook(hook);
    result
}
