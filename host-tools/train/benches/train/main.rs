//! Training speed and peak memory beside Keras and PyTorch, by turns: `cargo bench -p thumbnet-train`.
//!
//! Every engine trains the same networks on random pictures, in a process of its own, one after the other, several rounds of
//! all. Printed are the medians, and how many times a peer's pictures a second ours are. `--python PATH` names the Python
//! that has the peers (`pip install tensorflow-cpu torch`); one that is not there is left out, and said to be.

mod worker;

use clap::Parser;
use serde::Deserialize;
use std::path::Path;
use std::process::{Command, Stdio};

#[derive(Parser)]
struct Options {
    /// The Python that may have keras and torch.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Processes of each engine and network.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Threads of each engine; all cores if 0.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Only networks with this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// Runs one measurement of our own: network, batch, pictures, threads.
    #[arg(long, num_args = 4, hide = true)]
    worker: Option<Vec<String>>,
    /// What `cargo bench` hands over.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What a process measured.
#[derive(Clone, Debug, Deserialize)]
struct Measurement {
    pictures_per_second: f64,
    cpu_us: f64,
    peak_mib: f64,
}

/// A network, the pictures of a step and of an epoch.
struct Task {
    network: &'static str,
    batch: usize,
    pictures: usize,
}

const TASKS: [Task; 4] = [
    Task { network: "seed-cnn", batch: 32, pictures: 6400 },
    Task { network: "seed-cnn", batch: 128, pictures: 6400 },
    Task { network: "resnet8", batch: 32, pictures: 960 },
    Task { network: "mobilenet", batch: 32, pictures: 1600 },
];

const ENGINES: [&str; 3] = ["thumbnet", "keras", "torch"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    if let Some(worker) = &options.worker {
        return worker::run(worker);
    }
    let engines: Vec<&str> =
        ENGINES.into_iter().filter(|engine| is_there(engine, &options.python)).collect();
    println!(
        "{:<10} {:>5}  {:<9} {:>10} {:>8} {:>9} {:>6}",
        "network", "batch", "engine", "pictures/s", "CPU us", "peak MiB", "ratio"
    );
    for task in TASKS.iter().filter(|task| task.network.contains(&options.only)) {
        compare(task, &engines, &options)?;
    }
    Ok(())
}

/// Whether an engine can be run; says so if not.
fn is_there(engine: &str, python: &str) -> bool {
    if engine == "thumbnet" {
        return true;
    }
    let import = format!("import {engine}");
    let silent = Command::new(python).args(["-c", &import]).stderr(Stdio::null()).status();
    let there = silent.is_ok_and(|status| status.success());
    if !there {
        println!("{engine} is left out: `{python} -c '{import}'` fails");
    }
    there
}

/// All rounds of a task, every engine's by turns, and its rows of the table.
fn compare(
    task: &Task,
    engines: &[&str],
    options: &Options,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut measured = vec![Vec::new(); engines.len()];
    for _ in 0..options.rounds {
        for (engine, measured) in engines.iter().zip(&mut measured) {
            measured.push(measure(task, engine, options)?);
        }
    }
    let median = |of: &[Measurement], value: fn(&Measurement) -> f64| {
        let mut values: Vec<f64> = of.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let ours = median(&measured[0], |m| m.pictures_per_second);
    for (engine, measured) in engines.iter().zip(&measured) {
        let rate = median(measured, |m| m.pictures_per_second);
        let (cpu, peak) = (median(measured, |m| m.cpu_us), median(measured, |m| m.peak_mib));
        let Task { network, batch, .. } = task;
        println!(
            "{network:<10} {batch:>5}  {engine:<9} {rate:>10.0} {cpu:>8.1} {peak:>9.0} {:>6.2}",
            ours / rate
        );
    }
    Ok(())
}

fn measure(
    task: &Task,
    engine: &str,
    options: &Options,
) -> Result<Measurement, Box<dyn std::error::Error>> {
    let arguments = [
        task.network.to_owned(),
        task.batch.to_string(),
        task.pictures.to_string(),
        options.threads.to_string(),
    ];
    let mut command = if engine == "thumbnet" {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker");
        command
    } else {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/train");
        let mut command = Command::new(&options.python);
        command.arg(script.join(format!("{engine}_worker.py")));
        command
    };
    let output = command.args(arguments).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .map_err(|_| format!("{engine} printed no measurement: {text}").into())
}
