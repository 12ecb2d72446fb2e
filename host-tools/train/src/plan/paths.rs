//! Layers with paths of layers inside: the sum of two, several side by side.

use super::StageKind;
use super::planner::{Planner, describe};
use super::windows::{elements, too_large};
use crate::recipe::Layer;
use thumbnet_graph::Shape;

/// Paths inside paths inside paths …: deeper than this is a mistake.
const MAX_DEPTH: usize = 8;

/// Where paths begin.
#[derive(Clone, Copy)]
struct Fork {
    map: Shape,
    flat: bool,
    tip: usize,
}

impl Planner {
    pub(super) fn add_residual(
        &mut self,
        body: &[Layer],
        shortcut: &[Layer],
        relu: bool,
    ) -> Result<(), String> {
        self.needs_map()?;
        check_depth(body.iter().chain(shortcut))?;
        let fork = self.fork();
        let body = self.path(fork, "body", body)?;
        let shortcut = self.path(fork, "shortcut", shortcut)?;
        if body.map != shortcut.map {
            let [body, shortcut] = [body.map, shortcut.map].map(describe);
            return Err(format!(
                "its body gives a {body} map and its shortcut a {shortcut} map, which cannot be added: give both the \
                 same strides, paddings and filters"
            ));
        }
        if body.tip == shortcut.tip {
            return Err("its body does nothing: list the layers of the longer path".to_owned());
        }
        let name = self.add_name();
        self.map = body.map;
        self.join(StageKind::Add { name, relu }, vec![body.tip, shortcut.tip], body.map);
        Ok(())
    }

    pub(super) fn add_concat(&mut self, branches: &[Vec<Layer>]) -> Result<(), String> {
        self.needs_map()?;
        check_depth(branches.iter().flatten())?;
        if branches.len() < 2 {
            return Err(format!("{} branches: list two or more", branches.len()));
        }
        let fork = self.fork();
        let mut ends = Vec::with_capacity(branches.len());
        for (index, branch) in branches.iter().enumerate() {
            ends.push(self.path(fork, &format!("branch {}", index + 1), branch)?);
        }
        let first = ends[0].map;
        if let Some(other) = ends.iter().find(|end| [end.map.h, end.map.w] != [first.h, first.w]) {
            let [first, other] = [first, other.map].map(describe);
            return Err(format!(
                "a {first} and a {other} map have other rows or columns and cannot lie side by side: give all branches \
                 the same strides and paddings"
            ));
        }
        let mut tips: Vec<usize> = ends.iter().map(|end| end.tip).collect();
        tips.sort_unstable();
        if tips.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("more than one of its branches does nothing: leave one of them".to_owned());
        }
        let channels: Vec<usize> = ends.iter().map(|end| end.map.c).collect();
        let all = channels.iter().try_fold(0usize, |sum, &c| sum.checked_add(c));
        let output = all.and_then(|c| elements(&[first.h, first.w, c]).map(|_| c));
        let output = Shape::new(first.h, first.w, output.ok_or_else(|| too_large("outputs"))?);
        let name = self.concat_name();
        self.map = first;
        let inputs = ends.iter().map(|end| end.tip).collect();
        self.join(StageKind::Concat { name, channels }, inputs, output);
        Ok(())
    }

    fn fork(&mut self) -> Fork {
        self.shared = self.stages.len();
        Fork { map: self.map, flat: self.flat, tip: self.tip }
    }

    /// Adds the layers of a path; returns where it ends.
    fn path(&mut self, from: Fork, which: &str, layers: &[Layer]) -> Result<Fork, String> {
        (self.map, self.flat, self.tip) = (from.map, from.flat, from.tip);
        for (index, layer) in layers.iter().enumerate() {
            self.add(layer).map_err(|problem| {
                format!("in its {which}, layer {} ({}): {problem}", index + 1, layer.kind())
            })?;
        }
        self.needs_map().map_err(|_| {
            format!("its {which} ends in a flat list of features: paths join maps, so move the flatten after it")
        })?;
        Ok(Fork { map: self.map, flat: self.flat, tip: self.tip })
    }
}

/// Refuses deep nesting before anything recurses into it.
fn check_depth<'a>(layers: impl Iterator<Item = &'a Layer>) -> Result<(), String> {
    let mut level: Vec<&Layer> = layers.collect();
    for _ in 0..MAX_DEPTH {
        level = level.into_iter().flat_map(inner).collect();
        if level.is_empty() {
            return Ok(());
        }
    }
    Err(format!("paths more than {MAX_DEPTH} deep inside each other: make it flatter"))
}

fn inner(layer: &Layer) -> Vec<&Layer> {
    match layer {
        Layer::Residual { body, shortcut, .. } => body.iter().chain(shortcut).collect(),
        Layer::Concat { branches } => branches.iter().flatten().collect(),
        _ => Vec::new(),
    }
}
