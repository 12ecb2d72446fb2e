//! A compiled network over many pictures, on all cores of the desktop.

use crate::classify::best;
use crate::progress::bar;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use thumbnet_compile::Program;
use thumbnet_data::{Pictures, to_codes};
use thumbnet_graph::Quantization;
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
    each(program, pictures, images, best)
}

/// The logits of all pictures as real numbers, `[n, classes]`.
pub(crate) fn logits(program: &Program, pictures: &Pictures) -> anyhow::Result<Vec<f32>> {
    let Quantization { scale, zero_point } = program.output_quantization;
    let real = |code: &i8| (f32::from(*code) - f32::from(zero_point)) * scale;
    let row = |codes: &[i8]| codes.iter().map(real).collect::<Vec<f32>>();
    Ok(each(program, pictures, pictures.len(), row)?.concat())
}

/// What `answer` makes of the codes of the logits of each of the first `images` pictures.
fn each<R: Send>(
    program: &Program,
    pictures: &Pictures,
    images: usize,
    answer: impl Fn(&[i8]) -> R + Sync,
) -> anyhow::Result<Vec<R>> {
    let bar = bar(images as u64, "pictures");
    let answers = (0..images)
        .into_par_iter()
        .map_init(
            || <Simulator>::new(program),
            |simulator, index| {
                let codes = to_codes(&pictures.picture(index));
                bar.inc(1);
                answer(simulator.run(&codes, &mut |_, _| {}))
            },
        )
        .collect();
    bar.finish_and_clear();
    pictures.check()?;
    Ok(answers)
}
