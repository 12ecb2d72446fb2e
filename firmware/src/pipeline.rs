//! The path of one picture: preprocess, infer, rank; and of one tensor: infer.

use crate::clock::Clock;
use crate::console::message::LayerRecord;
use crate::observer::Trace;
use heapless::Vec;
use thumbnet_kernels::model::Model;

/// A network in its arena, with a clock that measures it. `LAYERS` is how many layers are recorded,
/// `M::INFO.layers.len()` for all.
pub struct Pipeline<'a, M: Model, C, const LAYERS: usize> {
    arena: &'a mut M::Arena,
    clock: C,
    records: Vec<LayerRecord, LAYERS>,
}

impl<'a, M: Model, C: Clock, const LAYERS: usize> Pipeline<'a, M, C, LAYERS> {
    /// A pipeline that computes in `arena`.
    pub fn new(arena: &'a mut M::Arena, clock: C) -> Self {
        Self { arena, clock, records: Vec::new() }
    }

    /// The input tensor, int8 `[h, w, c]`. Each inference overwrites it.
    pub fn input(&mut self) -> &mut [i8] {
        M::input(self.arena)
    }

    /// Runs the network on the input tensor and returns the ticks it took; `checksums` says whether
    /// to take the CRC-32 of every layer's output, at no tick to the count.
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
