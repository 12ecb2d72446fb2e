//! One measurement of our own engine.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;
use thumbnet_train::{BatchProgress, EpochResult, Observer, Recipe, Schedule, train};

/// Epochs measured, after one that is not.
const EPOCHS: usize = 5;

/// The time from the first batch of each epoch to the last, so that judging and saving are left out.
#[derive(Default)]
struct Clock {
    began: Option<(Instant, f64)>,
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Observer for Clock {
    fn batch(&mut self, progress: &BatchProgress) -> ControlFlow<()> {
        let (began, cpu) = *self.began.get_or_insert_with(|| (Instant::now(), cpu_seconds()));
        if progress.batches_done == progress.batches {
            let batches = progress.batches as f64 - 1.0;
            self.rates.push(batches / began.elapsed().as_secs_f64());
            self.cpu.push((cpu_seconds() - cpu) / batches);
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, _: &EpochResult, _: Duration) -> ControlFlow<()> {
        self.began = None;
        ControlFlow::Continue(())
    }
}

/// Trains `[network, batch, pictures, threads]` and prints one line of JSON.
pub fn run(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [network, batch, pictures, threads] = arguments else {
        return Err("four arguments".into());
    };
    let mut recipe = Recipe::find(network)?;
    let batch: usize = batch.parse()?;
    if recipe.input.shape[2] == 3 {
        recipe.input.shape = [32, 32, 3];
    }
    recipe.training.batch = batch;
    recipe.training.epochs = EPOCHS + 1;
    recipe.training.schedule = Schedule::Constant;
    recipe.training.learning_rate = 0.001;
    let dataset = random_pictures(&recipe, pictures.parse()?);
    let folder = tempfile::tempdir()?;
    let mut clock = Clock::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    pool.install(|| train(&recipe, &dataset, folder.path(), &mut clock))?;
    let median = |values: &[f64]| {
        let mut values = values[1..].to_vec();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = median(&clock.rates) * batch as f64;
    let cpu = median(&clock.cpu) / batch as f64 * 1e6;
    let peak = peak_mib();
    println!("{{\"pictures_per_second\":{rate},\"cpu_us\":{cpu},\"peak_mib\":{peak}}}");
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

/// The largest memory this process had, from `/proc`; 0 where there is none.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
    kib / 1024.0
}
