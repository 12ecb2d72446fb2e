//! `thumbnet data lint`: what is suspicious about a data set, as a page to look at and a list to leave out.

mod findings;
mod page;

use super::super::train::{Console, interruption};
use crate::loading::Storage;
use crate::outcome::Outcome;
use crate::report::{print_json, thousands};
use anyhow::Context;
use clap::Args;
use findings::Findings;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use thumbnet_data::lint::{At, Part};
use thumbnet_data::{LoadOptions, Loaded, MaxBad};
use thumbnet_graph::Shape;
use thumbnet_train::Recipe;
use thumbnet_train::doubt::{cross_validate, doubts};

const EXAMPLES: &str = "\
Examples:
  thumbnet data lint pictures/                     writes lint.html and exclude.txt
  thumbnet data lint pictures/ --no-labels         without training: seconds
  thumbnet train --data pictures/ --exclude exclude.txt

Look at lint.html, take the lines out of exclude.txt that you do not agree with, then train with it.";

/// Arguments of `data lint`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Lint {
    /// A data set's name, a folder of IDX or CIFAR files or of class folders of pictures, or a CSV list.
    #[arg(value_name = "NAME|DIR", default_value = thumbnet_data::EMBEDDED)]
    data: String,
    /// The network that doubts labels, and whose input pictures are turned into.
    #[arg(long, value_name = "NAME|FILE", default_value = "seed-cnn")]
    model: String,
    /// Do not look for wrong labels, which takes trainings.
    #[arg(long)]
    no_labels: bool,
    /// Parts of the training pictures that are judged by networks trained on the others.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=20))]
    folds: u32,
    /// Epochs of each of these trainings.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    epochs: u32,
    #[command(flatten)]
    storage: Storage,
    /// The page.
    #[arg(long, value_name = "FILE", default_value = "lint.html")]
    html: PathBuf,
    /// The list for `train --exclude`.
    #[arg(long, value_name = "FILE", default_value = "exclude.txt")]
    exclude: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl Lint {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let mut recipe = Recipe::find(&self.model)?;
        recipe.training.epochs = self.epochs as usize;
        let shapes = Mutex::new(Vec::new());
        let loaded = self.load(&recipe, &shapes)?;
        let mut findings = Findings::of(&loaded);
        findings.add_shapes(shapes.into_inner().unwrap_or_default(), recipe.input_spec().shape);
        if !self.no_labels {
            self.doubt_labels(&recipe, &loaded, &mut findings)?;
        }
        self.write(&self.html, &page::html(&loaded, &findings))?;
        self.write(&self.exclude, &findings.exclusions(&loaded.dataset))?;
        if self.json {
            print_json(&findings)?
        } else {
            self.print(&loaded, &findings)
        }
        Ok(Outcome::Good)
    }

    fn doubt_labels(
        &self,
        recipe: &Recipe,
        loaded: &Loaded,
        findings: &mut Findings,
    ) -> anyhow::Result<()> {
        let dataset = &loaded.dataset;
        let interrupted = Arc::new(AtomicBool::new(false));
        interruption(&interrupted)?;
        let mut console = Console::new(interrupted, true);
        let (pictures, classes) = (&dataset.train, &dataset.classes);
        let probabilities =
            cross_validate(recipe, pictures, classes, self.folds as usize, &mut console)
                .context("the labels could not be judged: lower --folds, or say --no-labels")?;
        console.finish();
        findings.add_doubts(loaded, &doubts(&probabilities, &pictures.labels));
        Ok(())
    }

    /// Loads what can be read; everything else becomes a note.
    fn load(
        &self,
        recipe: &Recipe,
        shapes: &Mutex<Vec<(PathBuf, Shape)>>,
    ) -> anyhow::Result<Loaded> {
        let seen = |path: &Path, shape: Shape| {
            if let Ok(mut shapes) = shapes.lock() {
                shapes.push((path.to_owned(), shape));
            }
        };
        let (seed, max_bad) = (recipe.training.seed, MaxBad::Count(usize::MAX));
        let options = LoadOptions { seed, max_bad, seen: Some(&seen), ..LoadOptions::default() };
        self.storage.load(&self.data, recipe.input_spec(), &options)
    }

    fn write(&self, path: &Path, text: &str) -> anyhow::Result<()> {
        thumbnet_files::write(path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn print(&self, loaded: &Loaded, findings: &Findings) {
        println!("{}", loaded.dataset);
        for note in &findings.notes {
            println!("{note}");
        }
        for (reason, count) in findings.counts() {
            println!("{:>7}  {}", thousands(count as u64), reason.title());
        }
        if findings.pictures.is_empty() {
            println!("nothing suspicious");
        }
        println!(
            "\nlook at {}; then: thumbnet train --data {} --exclude {}",
            self.html.display(),
            self.data,
            self.exclude.display()
        );
    }
}

/// A picture's file, or its place.
fn name(loaded: &Loaded, at: At) -> String {
    let files = &loaded.files[usize::from(at.part == Part::Test)];
    match files.get(at.index) {
        Some(file) => file.display().to_string(),
        None => format!("{} picture {}", at.part.name(), at.index),
    }
}
