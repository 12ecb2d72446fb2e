//! The path of one picture: preprocess, infer, rank; and of one tensor: infer.

use crate::classify::{accept, top_classes};
use crate::clock::Clock;
use crate::console::message::{Class, LayerRecord};
use crate::observer::Trace;
use crate::preprocess::{PictureError, Recipe, preprocess};
use crate::sensor::Camera;
use heapless::Vec;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::model::Model;

/// A network in its arena, with a clock that measures it. `LAYERS` is how many layers are recorded,
/// `M::INFO.layers.len()` for all.
pub struct Pipeline<'a, M: Model, C, const LAYERS: usize> {
    arena: &'a mut M::Arena,
    clock: C,
    records: Vec<LayerRecord, LAYERS>,
    threshold: f32,
}

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<const K: usize> {
    /// The best classes, best first.
    pub top: Vec<Class, K>,
    /// The best class, unless the network is too unsure to name it.
    pub accepted: Option<Class>,
    /// Ticks that the network took; preprocessing and ranking are not counted.
    pub ticks: u64,
}

/// Why a picture cannot be classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PipelineError<E> {
    /// The camera's error.
    Camera(E),
    /// The camera's pictures need a buffer of this many bytes.
    Buffer(usize),
    /// The model does not say how a picture becomes its input.
    NoPreprocessing,
    /// The picture is unusable.
    Picture(PictureError),
}

impl<'a, M: Model, C: Clock, const LAYERS: usize> Pipeline<'a, M, C, LAYERS> {
    /// A pipeline that computes in `arena` and believes every class.
    pub fn new(arena: &'a mut M::Arena, clock: C) -> Self {
        Self { arena, clock, records: Vec::new(), threshold: 0.0 }
    }

    /// From now on a best class is accepted only if its softmax confidence is at least `threshold`.
    pub fn reject_below(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// Preprocesses a picture, u8 `[h, w, c]` of shape `shape`, runs the network and ranks the classes.
    ///
    /// # Errors
    /// [`PipelineError`]; the last inference's results are then still there.
    pub fn classify<const K: usize, E>(
        &mut self,
        picture: &[u8],
        shape: Shape,
        checksums: bool,
    ) -> Result<Verdict<K>, PipelineError<E>> {
        let Some(how) = M::PREPROCESSING else { return Err(PipelineError::NoPreprocessing) };
        let recipe = Recipe { shape: M::INFO.input, how };
        preprocess(picture, shape, &recipe, M::input(self.arena))
            .map_err(PipelineError::Picture)?;
        let ticks = self.infer(checksums);
        let top = top_classes(self.logits(), M::INFO.softmax_scale);
        let accepted = accept(&top, self.threshold);
        Ok(Verdict { top, accepted, ticks })
    }

    /// Takes a picture into `picture`, which must hold it, and classifies it.
    ///
    /// # Errors
    /// [`PipelineError`].
    pub fn look<const K: usize, S: Camera>(
        &mut self,
        camera: &mut S,
        picture: &mut [u8],
    ) -> Result<Verdict<K>, PipelineError<S::Error>> {
        let shape = camera.shape();
        let picture = picture.get_mut(..shape.len()).ok_or(PipelineError::Buffer(shape.len()))?;
        camera.capture(picture).map_err(PipelineError::Camera)?;
        self.classify(picture, shape, false)
    }

    /// The input tensor, int8 `[h, w, c]`. Each inference overwrites it.
    pub fn input(&mut self) -> &mut [i8] {
        M::input(self.arena)
    }

    /// Runs the network on the input tensor and returns the ticks it took; `checksums` says whether
    /// to take the CRC-32 of every layer's output, which is not counted.
    pub fn infer(&mut self, checksums: bool) -> u64 {
        let mut trace = Trace::start(&mut self.clock, &mut self.records, checksums);
        M::infer(self.arena, &mut trace);
        trace.ticks()
    }

    /// The logits of the last inference.
    pub fn logits(&self) -> &[i8] {
        M::logits(self.arena)
    }

    /// The layers of the last inference.
    pub fn records(&self) -> &[LayerRecord] {
        &self.records
    }
}

#[cfg(test)]
mod tests {
    use super::{Pipeline, PipelineError};
    use crate::fakes::{Stepping, Tiny};
    use crate::preprocess::PictureError;
    use crate::sensor::{Still, WrongLength};
    use thumbnet_kernels::geometry::Shape;
    use thumbnet_kernels::model::Model;

    type TinyPipeline<'a> = Pipeline<'a, Tiny, Stepping, 2>;

    #[test]
    fn what_the_camera_sees_is_classified() {
        let mut arena = Tiny::ARENA;
        let mut pipeline = TinyPipeline::new(&mut arena, Stepping::default()).reject_below(0.9);
        // White but for its last column, which is black: the crop to a square leaves that out.
        let picture: std::vec::Vec<u8> = [255, 255, 255, 0].repeat(2);
        let mut camera = Still { shape: Shape::new(2, 4, 1), picture: &picture };
        let verdict = pipeline.look::<3, _>(&mut camera, &mut [0; 10]).unwrap();
        assert_eq!(verdict.ticks, 200);
        assert_eq!(verdict.accepted, None, "300 classes share the softmax");
        assert_eq!(pipeline.logits()[..4], [-127; 4]);
        let found: std::vec::Vec<_> = verdict.top.iter().map(|class| class.index).collect();
        assert_eq!(found, [299, 4, 5], "the wrapping sum is 4, untouched logits are 0");
    }

    #[test]
    fn unusable_pictures_are_errors() {
        let mut arena = Tiny::ARENA;
        let mut pipeline = TinyPipeline::new(&mut arena, Stepping::default());
        let mut two_channels = Still { shape: Shape::new(1, 1, 2), picture: &[1, 2] };
        let found = pipeline.look::<1, _>(&mut two_channels, &mut [0; 2]);
        assert_eq!(found, Err(PipelineError::Picture(PictureError::Channels)));
        let found = pipeline.look::<1, _>(&mut two_channels, &mut [0; 1]);
        assert_eq!(found, Err(PipelineError::Buffer(2)));
        let mut short = Still { shape: Shape::new(1, 1, 3), picture: &[1, 2] };
        let found = pipeline.look::<1, _>(&mut short, &mut [0; 3]);
        assert_eq!(found, Err(PipelineError::Camera(WrongLength)));
    }
}
