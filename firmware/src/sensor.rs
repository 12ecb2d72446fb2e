//! Where pictures come from. A board implements [`Camera`] for its sensor; the rest is the same for all.

use embedded_hal::delay::DelayNs;
use embedded_hal::digital::InputPin;
use thumbnet_kernels::geometry::Shape;

/// Takes pictures.
pub trait Camera {
    /// What can go wrong, most often the bus's error.
    type Error;

    /// Shape `[h, w, c]` of every picture; `c` is 1 (grey) or 3 (RGB).
    fn shape(&self) -> Shape;

    /// Fills `picture`, u8 `[h, w, c]`, with a new picture: [`Camera::shape`]`.len()` bytes, 0 black to
    /// 255 white. Blocks until it is there.
    ///
    /// # Errors
    /// The sensor's; `picture` may then hold half a picture.
    fn capture(&mut self, picture: &mut [u8]) -> Result<(), Self::Error>;
}

/// A picture from memory, the same every time: for boards without a sensor, and for tests.
#[derive(Clone, Copy, Debug)]
pub struct Still<'a> {
    /// `[h, w, c]`.
    pub shape: Shape,
    /// As many as the shape says.
    pub picture: &'a [u8],
}

/// A [`Still`] whose bytes are not as many as its shape says, or not as many as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WrongLength;

impl Camera for Still<'_> {
    type Error = WrongLength;

    fn shape(&self) -> Shape {
        self.shape
    }

    fn capture(&mut self, picture: &mut [u8]) -> Result<(), WrongLength> {
        if picture.len() != self.picture.len() || picture.len() != self.shape.len() {
            return Err(WrongLength);
        }
        picture.copy_from_slice(self.picture);
        Ok(())
    }
}

/// A camera with a button: each picture is taken when a pin goes low.
#[derive(Clone, Debug)]
pub struct Shutter<C, P, D> {
    camera: C,
    button: P,
    delay: D,
}

/// What can go wrong in a [`Shutter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ShutterError<C, P> {
    /// The camera's error.
    Camera(C),
    /// The pin's error.
    Button(P),
}

impl<C: Camera, P: InputPin, D: DelayNs> Shutter<C, P, D> {
    /// How long a contact may bounce, with a margin: makers of tact switches state up to 10 ms.
    const BOUNCE_MS: u32 = 20;

    /// Puts a button, which pulls its pin low, before a camera.
    pub fn new(camera: C, button: P, delay: D) -> Self {
        Self { camera, button, delay }
    }

    /// Waits until the button was let go and is pressed anew.
    fn wait(&mut self) -> Result<(), P::Error> {
        while self.button.is_low()? {}
        self.delay.delay_ms(Self::BOUNCE_MS);
        while self.button.is_high()? {}
        self.delay.delay_ms(Self::BOUNCE_MS);
        Ok(())
    }
}

impl<C: Camera, P: InputPin, D: DelayNs> Camera for Shutter<C, P, D> {
    type Error = ShutterError<C::Error, P::Error>;

    fn shape(&self) -> Shape {
        self.camera.shape()
    }

    fn capture(&mut self, picture: &mut [u8]) -> Result<(), Self::Error> {
        self.wait().map_err(ShutterError::Button)?;
        self.camera.capture(picture).map_err(ShutterError::Camera)
    }
}

#[cfg(test)]
mod tests {
    use super::{Camera, Shutter, ShutterError, Still, WrongLength};
    use crate::fakes::{Pin, Waits};
    use thumbnet_kernels::geometry::Shape;

    const STILL: Still<'static> = Still { shape: Shape::new(1, 2, 1), picture: &[3, 250] };

    #[test]
    fn a_still_is_the_same_every_time() {
        let mut picture = [0; 2];
        assert_eq!(STILL.clone().capture(&mut picture), Ok(()));
        assert_eq!(picture, [3, 250]);
        assert_eq!(STILL.clone().capture(&mut [0; 3]), Err(WrongLength));
        let mut short = Still { shape: Shape::new(2, 2, 1), ..STILL };
        assert_eq!(short.capture(&mut picture), Err(WrongLength));
    }

    #[test]
    fn the_shutter_waits_for_a_new_press() {
        // Still held from the last picture, let go, pressed.
        let button = Pin::reading(&[false, false, true, true, true, false]);
        let mut delay = Waits::default();
        let mut shutter = Shutter::new(STILL, button, &mut delay);
        assert_eq!(shutter.shape(), STILL.shape);
        let mut picture = [0; 2];
        assert_eq!(shutter.capture(&mut picture), Ok(()));
        assert_eq!(picture, [3, 250]);
        assert!(shutter.button.is_exhausted());
        assert_eq!(delay.total_ms(), 40);
    }

    #[test]
    fn errors_say_whose_they_are() {
        let mut delay = Waits::default();
        let button = Pin::reading(&[true, false]);
        let mut shutter = Shutter::new(STILL, button, &mut delay);
        assert_eq!(shutter.capture(&mut [0]), Err(ShutterError::Camera(WrongLength)));
        // Nothing left to read: the fake fails.
        assert!(matches!(shutter.capture(&mut [0; 2]), Err(ShutterError::Button(_))));
    }
}
