//! The devices that burn knows, as the trainer wants them.

use crate::learner::BurnLearner;
use burn_core::tensor::{Device, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use thumbnet_train::{DeviceStart, Learner, TrainError};

/// A device of burn that networks learn on, or several of a kind.
#[derive(Clone, Debug)]
pub struct Gpu {
    name: String,
    /// The first has the network; each batch is dealt out to all.
    devices: Vec<Device>,
}

impl Gpu {
    /// Any device of burn, called `name` in messages.
    ///
    /// # Errors
    /// [`TrainError::Device`] if it cannot compute.
    pub fn new(name: impl Into<String>, device: Device) -> Result<Self, TrainError> {
        Self::of(name.into(), vec![device])
    }

    /// Several devices, each of which learns from its part of every batch.
    ///
    /// # Errors
    /// [`TrainError::Device`] if there is none, or one cannot compute.
    #[cfg(feature = "several")]
    pub fn several(name: impl Into<String>, devices: Vec<Device>) -> Result<Self, TrainError> {
        let name = name.into();
        if devices.is_empty() {
            let problem = "there is no such device here".to_owned();
            return Err(TrainError::Device { device: name, problem });
        }
        Self::of(name, devices)
    }

    fn of(name: String, devices: Vec<Device>) -> Result<Self, TrainError> {
        let devices = devices.into_iter().map(|device| device.autodiff()).collect();
        let gpu = Self { name, devices };
        gpu.devices.iter().try_for_each(|device| gpu.check(device))?;
        Ok(gpu)
    }

    /// The best device that wgpu finds, by Vulkan, Metal or DirectX 12; or so many, in its order.
    ///
    /// # Errors
    /// [`TrainError::Device`] if there is none, or there are not so many.
    #[cfg(feature = "wgpu")]
    pub fn wgpu(count: usize) -> Result<Self, TrainError> {
        let open = || match count {
            1 => vec![Device::wgpu(burn_core::tensor::DeviceKind::DefaultDevice)],
            _ => Device::enumerate(burn_core::tensor::DeviceType::Wgpu).into_vec(),
        };
        Self::named("wgpu", open, count, "install a driver for Vulkan, Metal or DirectX 12")
    }

    /// The first NVIDIA device, or so many.
    ///
    /// # Errors
    /// [`TrainError::Device`] if there is none, or there are not so many, or CUDA is not installed.
    #[cfg(feature = "cuda")]
    pub fn cuda(count: usize) -> Result<Self, TrainError> {
        let open = || match count {
            1 => vec![Device::cuda(burn_core::tensor::DeviceIndex::Default)],
            _ => Device::enumerate(burn_core::tensor::DeviceType::Cuda).into_vec(),
        };
        Self::named("cuda", open, count, "install NVIDIA's driver and CUDA 12 or later")
    }

    /// The first devices of a kind. burn panics where there is none.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn named(
        name: &str,
        open: impl FnOnce() -> Vec<Device>,
        count: usize,
        advice: &str,
    ) -> Result<Self, TrainError> {
        let failed = |problem| TrainError::Device { device: name.to_owned(), problem };
        let none = || {
            failed(format!("there is no such device here: {advice}, or train with --device cpu"))
        };
        let mut devices = quietly(open).ok_or_else(none)?;
        if !devices.is_empty() && devices.len() < count {
            let found = devices.len();
            return Err(failed(format!("there are {found} devices here, not {count}")));
        }
        devices.truncate(count);
        let part = |device: &Device| device.identity().map(|identity| identity.name);
        let parts = quietly(|| devices.iter().filter_map(part).collect::<Vec<_>>());
        let parts = parts.ok_or_else(none)?.join(", ");
        Self::several(format!("{name} ({parts})"), devices).map_err(|_| none())
    }

    /// Computes something whose result is known.
    fn check(&self, device: &Device) -> Result<(), TrainError> {
        let sum = quietly(|| {
            let ones = Tensor::<1>::ones([32], device);
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
        Ok(Box::new(BurnLearner::new(self.name.clone(), &self.devices, start)))
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
