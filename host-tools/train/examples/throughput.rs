//! Pictures a second in training: `cargo run --release -p thumbnet-train --example throughput -- --batch 32`.
//!
//! Trains the built-in seed CNN (or `--model`) on random pictures, `--rounds` times `--pictures` of them, and prints
//! the median. `--threads` says how many threads; all cores if absent.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;
use thumbnet_train::{EpochResult, Observer, Recipe, Schedule, train};

struct Options {
    model: String,
    batch: usize,
    pictures: usize,
    rounds: usize,
    threads: usize,
}

/// Measures the time between the first and the last batch of each epoch.
#[derive(Default)]
struct Clock {
    began: Option<Instant>,
    rates: Vec<f64>,
}

impl Observer for Clock {
    fn batch(&mut self, progress: &thumbnet_train::BatchProgress) -> ControlFlow<()> {
        let began = *self.began.get_or_insert_with(Instant::now);
        if progress.batches_done == progress.batches {
            let batches = progress.batches as f64 - 1.0;
            self.rates.push(batches / began.elapsed().as_secs_f64());
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochResult, _: Duration) -> ControlFlow<()> {
        self.began = None;
        ControlFlow::Continue(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    let mut recipe = Recipe::find(&options.model)?;
    recipe.training.batch = options.batch;
    recipe.training.epochs = options.rounds;
    recipe.training.schedule = Schedule::Constant;
    recipe.training.learning_rate = 0.001;
    let dataset = random_pictures(&recipe, options.pictures);
    let folder = tempfile::tempdir()?;
    let mut clock = Clock::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let before = cpu_seconds();
    pool.install(|| train(&recipe, &dataset, folder.path(), &mut clock))?;
    let pictures = options.pictures * options.rounds;
    let cpu = (cpu_seconds() - before) / pictures as f64 * 1e6;
    clock.rates.sort_by(f64::total_cmp);
    let batch = options.batch as f64;
    let median = clock.rates[clock.rates.len() / 2] * batch;
    let best = clock.rates[clock.rates.len() - 1] * batch;
    println!(
        "{}, batch {}: {median:.0} pictures/s (median of {}; best {best:.0}), {cpu:.1} CPU us a picture",
        options.model, options.batch, options.rounds
    );
    Ok(())
}

fn random_pictures(recipe: &Recipe, count: usize) -> Dataset {
    let [h, w, c] = recipe.input.shape;
    let shape = Shape::new(h, w, c);
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    let pixels = (0..count * shape.len()).map(|_| byte()).collect();
    let labels = (0..count).map(|_| usize::from(byte()) % 10).collect();
    Dataset {
        name: "random".to_owned(),
        classes: (0..10).map(|class| class.to_string()).collect(),
        train: Pictures::new(shape, pixels, labels),
        test: Pictures::empty(shape),
    }
}

/// CPU time of this process so far, from `/proc`; 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15 of the file, in hundredths of a second.
    (ticks(11) + ticks(12)) / 100.0
}

fn options() -> Result<Options, String> {
    let mut options =
        Options { model: "seed-cnn".to_owned(), batch: 32, pictures: 6400, rounds: 7, threads: 0 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name}: {value} is no number"));
        match name.as_str() {
            "--model" => options.model = value,
            "--batch" => options.batch = number()?,
            "--pictures" => options.pictures = number()?,
            "--rounds" => options.rounds = number()?,
            "--threads" => options.threads = number()?,
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}
