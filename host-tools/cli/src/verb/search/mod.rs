//! `thumbnet search`: a good network inside a budget.

mod budget;
mod design;
mod halving;
mod plot;
mod report;
mod state;
mod trial;
mod verify;

use super::data::augmentation;
use super::train::interruption;
use crate::estimate::does_not_fit;
use crate::loading::Loading;
use crate::outcome::Outcome;
use crate::picture_shape::picture_shape;
use crate::progress::bar;
use crate::report::{print_json, thousands};
use anyhow::{Context, bail};
use budget::Budget;
use clap::Args;
use design::Design;
use report::Report;
use serde::{Deserialize, Serialize};
use state::{Candidate, State, candidate_folder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thumbnet_compile::Board;
use thumbnet_data::Random;
use thumbnet_data::augment::Augmentation;
use trial::Trials;
use verify::Finalist;

/// The stream of [`Random`] that designs come from.
const STREAM: u64 = 1 << 62;
/// So many are drawn before the first candidate is found, at most, and so many more for each that is.
const DRAWN: [usize; 2] = [200, 40];

const EXAMPLES: &str = "\
Examples:
  thumbnet search --board nucleo-f446re                 the embedded set, 24 candidates
  thumbnet search --data pictures/ --input 48x48x3 --board nucleo-f446re --flash 64k --ram 16k --instructions 2M
  thumbnet search --candidates 60 --epochs 40 --augment shift=0.1,flip=true -o models/searched

Ctrl-C stops it; the same command goes on, to the same result. The best network's folder is a model's folder:
`thumbnet simulate`, `profile` and `train --from` take it.";

/// Arguments of `search`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Search {
    /// A data set's name (see `data list`), a folder of IDX or CIFAR files or of class folders of pictures, or a CSV list.
    #[arg(long, value_name = "NAME|DIR", default_value = thumbnet_data::EMBEDDED)]
    data: String,
    /// The largest shape of the pictures that networks take; also three quarters and half of its sides are tried.
    #[arg(long, value_name = "HxWxC", value_parser = picture_shape, default_value = "28x28x1")]
    input: PictureShape,
    #[command(flatten)]
    budget: Budget,
    /// Networks to begin with.
    #[arg(long, value_name = "N", default_value_t = 24)]
    candidates: usize,
    /// Epochs of the last round; the first has a quarter of them, for all candidates, the second a half, for the better half.
    #[arg(long, value_name = "N", default_value_t = 12)]
    epochs: usize,
    /// Where designs, weights and order come from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How training pictures are changed at random, as for `train`.
    #[arg(long, value_name = "FIELD=VALUE,…", value_parser = augmentation)]
    augment: Option<Augmentation>,
    #[command(flatten)]
    loading: Loading,
    /// The folder of the search.
    #[arg(short, long, value_name = "DIR", default_value = "models/search")]
    output: PathBuf,
    /// Forget the search that is in the folder.
    #[arg(long)]
    overwrite: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// `[h, w, c]`.
type PictureShape = [usize; 3];

/// All that a search's result depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The data's SHA-256 in the largest shape.
    digest: String,
    input: PictureShape,
    budget: Budget,
    candidates: usize,
    epochs: usize,
    seed: u64,
    augment: Option<Augmentation>,
}

/// Most candidates and epochs: more is a typing error.
const MOST: usize = 10_000;

impl Search {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        for (option, count) in [("--candidates", self.candidates), ("--epochs", self.epochs)] {
            if !(1..=MOST).contains(&count) {
                bail!("{option}: {count} is not between 1 and {MOST}");
            }
        }
        let board = self.budget.board()?;
        let mut settings = Settings {
            digest: String::new(),
            input: self.input,
            budget: self.budget.clone(),
            candidates: self.candidates,
            epochs: self.epochs,
            seed: self.seed,
            augment: self.augment,
        };
        let interrupted = Arc::new(AtomicBool::new(false));
        interruption(&interrupted)?;
        let mut trials = Trials {
            base: trial::base(&settings)?,
            source: &self.data,
            loading: &self.loading,
            folder: self.output.clone(),
            interrupted,
            datasets: BTreeMap::new(),
        };
        let dataset = trials.dataset(self.input)?;
        settings.digest = dataset.digest().to_string();
        self.say(&dataset.to_string());
        let mut state = self.begin(settings, &mut trials, &board)?;
        let Some(finalists) = self.rounds(&mut state, &mut trials)? else {
            eprintln!("stopped; the same command goes on, with {}", self.output.display());
            return Ok(Outcome::Good);
        };
        let finalists = self.verify(&finalists, &state, &mut trials, &board)?;
        self.finish(&state, finalists)
    }

    /// The state to go on from: that in the folder, or fresh candidates.
    fn begin(
        &self,
        settings: Settings,
        trials: &mut Trials<'_>,
        board: &Board,
    ) -> anyhow::Result<State> {
        let found = if self.overwrite { None } else { State::read(&self.output, &settings)? };
        if let Some(state) = found {
            let done: usize = state.candidates.iter().map(|one| one.results.len()).sum();
            self.say(&format!("going on after {done} trainings"));
            return Ok(state);
        }
        std::fs::create_dir_all(&self.output)
            .with_context(|| format!("the folder {} cannot be made", self.output.display()))?;
        let candidates = self.draw(trials, board)?;
        let state = State { settings, candidates };
        state.write(&self.output)?;
        Ok(state)
    }

    /// Draws candidates inside the budget.
    fn draw(&self, trials: &mut Trials<'_>, board: &Board) -> anyhow::Result<Vec<Candidate>> {
        let mut random = Random::new(self.seed, STREAM);
        let (mut candidates, mut seen) = (Vec::new(), Vec::new());
        let [mut too_large, mut too_slow, mut impossible] = [0, 0, 0];
        let bar = bar(self.candidates as u64, "candidates inside the budget");
        let mut drawn = 0;
        while candidates.len() < self.candidates && drawn < DRAWN[0] + DRAWN[1] * candidates.len() {
            if trials.interrupted.load(Ordering::Relaxed) {
                bail!("stopped before there was anything to keep");
            }
            drawn += 1;
            let design = Design::draw(&mut random, self.input);
            // Designs that differ in what does not matter are one network.
            let recipe = design.recipe(&trials.base, String::new());
            if seen.contains(&recipe) {
                continue;
            }
            seen.push(recipe);
            match trials.estimate(&design, board) {
                Ok(estimate) if self.budget.allows(estimate.instructions) => {
                    candidates.push(Candidate::new(design, &estimate));
                    bar.inc(1);
                }
                Ok(_) => too_slow += 1,
                Err(error) if does_not_fit(&error) => too_large += 1,
                Err(_) => impossible += 1,
            }
        }
        bar.finish_and_clear();
        let dropped = format!(
            "{too_large} do not fit the memory, {too_slow} take too many instructions, {impossible} cannot be compiled"
        );
        if candidates.is_empty() {
            bail!(
                "no network of the space is inside the budget ({dropped}): allow more --flash, --ram or --instructions, or \
                 a smaller --input"
            );
        }
        self.say(&format!(
            "{} candidates; of others, before training, {dropped}",
            candidates.len()
        ));
        Ok(candidates)
    }

    /// Trains round after round; the numbers of those left, or `None` if the user stopped it.
    fn rounds(
        &self,
        state: &mut State,
        trials: &mut Trials<'_>,
    ) -> anyhow::Result<Option<Vec<usize>>> {
        let rounds = halving::rounds(self.epochs);
        let mut alive: Vec<usize> = (0..state.candidates.len()).collect();
        for (round, &epochs) in rounds.iter().enumerate() {
            if round > 0 {
                alive = halving::better_half(&alive, &state.candidates, round - 1);
            }
            self.say(&format!(
                "round {} of {}: {} networks, {epochs} epochs",
                round + 1,
                rounds.len(),
                alive.len()
            ));
            for &number in &alive {
                let candidate = &mut state.candidates[number];
                if candidate.results.len() <= round {
                    let Some(result) = trials.train(number, &candidate.design, epochs)? else {
                        return Ok(None);
                    };
                    candidate.results.push(result);
                    state.write(&self.output)?;
                }
                self.say_result(number, &state.candidates[number], round);
            }
        }
        Ok(Some(alive))
    }

    fn say_result(&self, number: usize, candidate: &Candidate, round: usize) {
        let result = &candidate.results[round];
        let outcome = match &result.failed {
            Some(reason) => format!("failed: {reason}"),
            None => {
                format!("{:6.2} %", 100.0 * result.right as f64 / result.held_out.max(1) as f64)
            }
        };
        self.say(&format!(
            "  {number:03}  {outcome}  {} B flash, {} B RAM, {:.2} M instructions  {}",
            thousands(candidate.flash_bytes),
            thousands(candidate.ram_bytes),
            candidate.instructions as f64 / 1e6,
            candidate.design
        ));
    }

    /// Those of the last round as files; who fails there, or takes more than was estimated, is out, and it is said.
    fn verify(
        &self,
        numbers: &[usize],
        state: &State,
        trials: &mut Trials<'_>,
        board: &Board,
    ) -> anyhow::Result<Vec<Finalist>> {
        let mut finalists = Vec::new();
        for &number in numbers {
            let candidate = &state.candidates[number];
            if candidate.results.iter().any(|result| result.failed.is_some()) {
                continue;
            }
            match Finalist::verify(number, candidate, trials, board) {
                Ok(finalist) if self.budget.allows(finalist.estimated_instructions) => {
                    finalists.push(finalist);
                }
                Ok(_) => {
                    eprintln!("{number:03} takes more instructions, once trained, than the budget")
                }
                Err(error) => eprintln!("{number:03} cannot be used: {error:#}"),
            }
        }
        if finalists.is_empty() {
            bail!("no network is left: allow a larger budget, or more --candidates or --epochs");
        }
        Ok(verify::rank(finalists))
    }

    /// Copies the best, draws the plot, reports.
    fn finish(&self, state: &State, finalists: Vec<Finalist>) -> anyhow::Result<Outcome> {
        let best = self.output.join("best");
        copy(&candidate_folder(&self.output, finalists[0].candidate), &best)?;
        let plot = self.output.join("pareto.svg");
        let title = format!(
            "Held-out pictures right: {} networks for {}",
            state.candidates.len(),
            self.budget.board
        );
        plot::write(&plot, &title, &state.candidates, &finalists)?;
        let report = Report {
            board: self.budget.board.clone(),
            candidates: state.candidates.len(),
            finalists,
            best: best.display().to_string(),
            plot: plot.display().to_string(),
        };
        if self.json {
            print_json(&report)?
        } else {
            report.print()
        }
        Ok(Outcome::Good)
    }

    /// A line for people.
    fn say(&self, line: &str) {
        if self.json { eprintln!("{line}") } else { println!("{line}") }
    }
}

/// Copies a model's files.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)
        .with_context(|| format!("the folder {} cannot be made", to.display()))?;
    for name in ["model.toml", "history.jsonl", "weights.safetensors", "model.onnx"] {
        let source = from.join(name);
        let bytes = std::fs::read(&source)
            .with_context(|| format!("{} cannot be read", source.display()))?;
        thumbnet_files::write(&to.join(name), &bytes)
            .with_context(|| format!("{} cannot be written", to.join(name).display()))?;
    }
    Ok(())
}
