//! A compiled network over many pictures, on all cores of the desktop.

use crate::classify::best;
use crate::progress::bar;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use thumbnet_compile::Program;
use thumbnet_data::{Pictures, to_codes};
use thumbnet_simulate::desktop::Simulator;

/// Correct answers among the first `images` pictures.
pub(crate) fn count_correct(
    program: &Program,
    pictures: &Pictures,
    images: usize,
) -> anyhow::Result<usize> {
    let answers = predict(program, pictures, images)?;
    Ok(answers.iter().zip(&pictures.labels).filter(|(answer, label)| answer == label).count())
}

/// The class of each of the first `images` pictures.
pub(crate) fn predict(
    program: &Program,
    pictures: &Pictures,
    images: usize,
) -> anyhow::Result<Vec<usize>> {
    let bar = bar(images as u64, "pictures");
    let answers = (0..images)
        .into_par_iter()
        .map_init(
            || <Simulator>::new(program),
            |simulator, index| {
                let codes = to_codes(&pictures.picture(index));
                bar.inc(1);
                best(simulator.run(&codes, &mut |_, _| {}))
            },
        )
        .collect();
    bar.finish_and_clear();
    pictures.check()?;
    Ok(answers)
}
