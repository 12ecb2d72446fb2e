//! `--unlabelled`: a first network labels pictures where it is confident, a second one learns from them too.

use super::observer::Console;
use crate::loading::{Loading, loose_pictures};
use crate::report::thousands;
use anyhow::{bail, ensure};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use thumbnet_data::{Dataset, Pictures};
use thumbnet_train::{Device, Labelled, Labelling, Recipe, load, resume_on, train_on};

/// The first network's folder, in that of the second.
const TEACHER: &str = "teacher";

/// Arguments about pictures without labels.
#[derive(Args)]
pub(super) struct Unlabelled {
    /// A folder of pictures without labels: where a network trained on the others, and pictures that look alike, leave little
    /// doubt, that is their label, and a second network learns from them too.
    #[arg(long, value_name = "DIR")]
    unlabelled: Option<PathBuf>,
    /// How likely a label must be, 0 to 1 [default: 0.5; 0.95 with --neighbours 0].
    #[arg(long, value_name = "SHARE", requires = "unlabelled")]
    pseudo_threshold: Option<f64>,
    /// How many pictures that look most like one have a say in its label [default: 5].
    #[arg(long, value_name = "N", requires = "unlabelled")]
    neighbours: Option<usize>,
}

/// What became of the pictures without labels.
#[derive(Serialize)]
pub(super) struct PseudoLabelled {
    #[serde(flatten)]
    how: Labelling,
    /// How many each class got.
    counts: Vec<usize>,
    /// How many no class got.
    left: usize,
}

/// What the second network learns from.
pub(super) struct Joined {
    pub(super) recipe: Recipe,
    pub(super) dataset: Dataset,
    pub(super) report: PseudoLabelled,
}

/// Pictures without labels, and what it takes to get one.
pub(super) struct Candidates {
    source: String,
    how: Labelling,
    pictures: Pictures,
}

/// Pictures that have a say in a label, if nothing else is said.
const USUAL_NEIGHBOURS: usize = 5;

/// Where that is enough, if nothing else is said: labels that have spread are less extreme than a softmax.
const fn usual_threshold(neighbours: usize) -> f64 {
    if neighbours == 0 { 0.95 } else { 0.5 }
}

impl Unlabelled {
    /// The recipe's file of an unfinished training.
    pub(super) fn recipe_file(&self, folder: &Path) -> PathBuf {
        let own = folder.join("model.toml");
        let teacher = folder.join(TEACHER).join("model.toml");
        if self.unlabelled.is_some() && !own.is_file() { teacher } else { own }
    }

    /// Loads the pictures, if there are to be any: those of the command line, or those that a resumed recipe names.
    pub(super) fn load(
        &self,
        recipe: &Recipe,
        loading: &Loading,
    ) -> anyhow::Result<Option<Candidates>> {
        let recorded = recipe.pseudo_labels.as_ref();
        let source = match (&self.unlabelled, recorded) {
            (Some(folder), _) => folder.clone(),
            (None, Some(recorded)) => PathBuf::from(&recorded.source),
            (None, None) => return Ok(None),
        };
        let recorded = recorded.map(|recorded| recorded.how);
        let neighbours = self.neighbours.or(recorded.map(|how| how.neighbours));
        let neighbours = neighbours.unwrap_or(USUAL_NEIGHBOURS);
        let usual = usual_threshold(neighbours);
        let threshold =
            self.pseudo_threshold.or(recorded.map(|how| how.threshold)).unwrap_or(usual);
        ensure!(
            threshold > 0.0 && threshold <= 1.0,
            "--pseudo-threshold: {threshold} is not above 0 and at most 1; {usual} is usual"
        );
        let files = loose_pictures(&source)?;
        let source = source.display().to_string();
        ensure!(!files.is_empty(), "{source}: no pictures lie in this folder itself");
        let pictures = loading.load_files(&source, files, recipe.input_spec())?;
        Ok(Some(Candidates { source, how: Labelling { threshold, neighbours }, pictures }))
    }
}

impl Candidates {
    /// Trains the first network, or reads it if that is done, and lets it label the pictures; `None` if the user stopped it.
    pub(super) fn join(
        &self,
        device: Option<&dyn Device>,
        recipe: &Recipe,
        dataset: &Dataset,
        folder: &Path,
        resumes: bool,
        (interrupted, quiet): (&Arc<AtomicBool>, bool),
    ) -> anyhow::Result<Option<Joined>> {
        let say = |line: &str| if quiet { eprintln!("{line}") } else { println!("{line}") };
        let folder = folder.join(TEACHER);
        let mut console = Console::new(Arc::clone(interrupted), quiet);
        let is_there = resumes && folder.join("weights.safetensors").is_file();
        let teacher = match (is_there, folder.join("checkpoint.safetensors").is_file()) {
            (true, true) => resume_on(device, &folder, dataset, &mut console)?,
            (true, false) => load(&folder)?,
            (false, _) => train_on(
                device,
                &Recipe { pseudo_labels: None, ..recipe.clone() },
                dataset,
                &folder,
                &mut console,
            )?,
        };
        console.finish();
        if !teacher.is_finished() {
            return Ok(None);
        }
        let labelled = teacher.network.label(&dataset.train, &self.pictures, self.how);
        say(&self.line(&labelled, &dataset.classes));
        self.pictures.check()?;
        if labelled.pictures.is_empty() {
            bail!(
                "no label of {} is likely enough to learn from: lower --pseudo-threshold, or train longer or with more \
                 labelled pictures; what there is so far is in {}",
                self.source,
                folder.display()
            );
        }
        let (recipe, dataset) = labelled.join(recipe, dataset, &self.source, self.how);
        let Labelled { counts, left, .. } = labelled;
        let report = PseudoLabelled { how: self.how, counts, left };
        Ok(Some(Joined { recipe, dataset, report }))
    }

    /// `120 of 300 pictures without labels are learned from, labels of at least 0.5: 60 cat, 60 dog; 180 are left`.
    fn line(&self, labelled: &Labelled, classes: &[String]) -> String {
        let counts = labelled.counts.iter().zip(classes);
        let counts: Vec<String> =
            counts.map(|(count, class)| format!("{} {class}", thousands(*count))).collect();
        format!(
            "{} of {} pictures without labels are learned from, labels of at least {}: {}; {} are left",
            thousands(labelled.pictures.len()),
            thousands(self.pictures.len()),
            self.how.threshold,
            counts.join(", "),
            thousands(labelled.left)
        )
    }

    /// The command line that goes on.
    pub(super) fn advice(&self, folder: &Path) -> String {
        format!(
            "stopped while the first network was trained; go on with: thumbnet train --resume --unlabelled {} -o {}",
            self.source,
            folder.display()
        )
    }
}
