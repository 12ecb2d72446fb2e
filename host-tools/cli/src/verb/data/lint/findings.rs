//! What was found, picture by picture.

use super::name;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use thumbnet_data::lint::{At, Part, blanks, duplicates, lines, scarce_classes};
use thumbnet_data::{Dataset, Loaded};
use thumbnet_graph::Shape;
use thumbnet_train::doubt::Doubt;

/// Why a picture is suspicious, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reason {
    Leakage,
    OtherLabel,
    Duplicate,
    NearDuplicate,
    Blank,
    WrongLabel,
}

impl Reason {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Leakage => "test pictures that are training pictures, too: the test is too kind",
            Self::OtherLabel => "the same picture with another label",
            Self::Duplicate => "pictures that are there twice",
            Self::NearDuplicate => {
                "pictures that are there twice but for tone, noise or compression"
            }
            Self::Blank => "blank pictures",
            Self::WrongLabel => "labels that are likely wrong",
        }
    }
}

/// One suspicious picture.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub reason: Reason,
    /// Its file, or its place.
    pub picture: String,
    pub label: String,
    /// In words.
    pub why: String,
    #[serde(skip)]
    pub at: At,
    /// The picture that it repeats.
    #[serde(skip)]
    pub other: Option<At>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Findings {
    /// About the set as a whole: files that cannot be read, sizes, classes.
    pub notes: Vec<String>,
    /// Gravest reason first.
    pub pictures: Vec<Finding>,
}

impl Findings {
    /// All that can be told without training.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let dataset = &loaded.dataset;
        let mut findings = Self { notes: loaded.notes.clone(), ..Self::default() };
        for (class, count) in scarce_classes(dataset) {
            let most = dataset.train.class_counts(dataset.classes.len()).into_iter().max();
            findings.notes.push(format!(
                "class `{}` has {count} training pictures, the largest {}: add some, or expect it to be missed",
                dataset.classes[class],
                most.unwrap_or(0)
            ));
        }
        let blanks = blanks(dataset);
        for at in &blanks {
            findings.add(loaded, Reason::Blank, *at, None, "shows one tone only".to_owned());
        }
        for pair in duplicates(dataset).iter().filter(|pair| !blanks.contains(&pair.again)) {
            let reason = if pair.first.part != pair.again.part {
                Reason::Leakage
            } else if pair.first.label(dataset) != pair.again.label(dataset) {
                Reason::OtherLabel
            } else if pair.distance == 0.0 {
                Reason::Duplicate
            } else {
                Reason::NearDuplicate
            };
            let likeness = if pair.distance == 0.0 { "the same as" } else { "nearly the same as" };
            let why = format!(
                "{likeness} {} (`{}`)",
                name(loaded, pair.first),
                dataset.classes[pair.first.label(dataset)]
            );
            findings.add(loaded, reason, pair.again, Some(pair.first), why);
        }
        findings
    }

    /// Notes about the files' sizes and colours.
    pub(super) fn add_shapes(&mut self, shapes: Vec<(PathBuf, Shape)>, input: Shape) {
        let mut sizes: BTreeMap<[usize; 2], usize> = BTreeMap::new();
        for (_, shape) in &shapes {
            *sizes.entry([shape.h, shape.w]).or_default() += 1;
        }
        if sizes.len() > 1 {
            let count = sizes.len();
            let (smallest, largest) = (sizes.keys().next(), sizes.keys().next_back());
            if let (Some([h, w]), Some([most_h, most_w])) = (smallest, largest) {
                self.notes.push(format!(
                    "{count} sizes of pictures, from {h} x {w} to {most_h} x {most_w}"
                ));
            }
        }
        let coloured = shapes.iter().filter(|(_, shape)| shape.c == 3).count();
        if coloured > 0 && coloured < shapes.len() {
            let grey = shapes.len() - coloured;
            self.notes.push(format!(
                "{coloured} pictures are in colour, {grey} grey: classes may be told by that"
            ));
        }
        let mut tiny = shapes.iter().filter(|(_, shape)| shape.h < input.h || shape.w < input.w);
        if let Some((first, shape)) = tiny.next() {
            self.notes.push(format!(
                "{} pictures are smaller than the input of {} x {}, first {} ({} x {})",
                tiny.count() + 1,
                input.h,
                input.w,
                first.display(),
                shape.h,
                shape.w
            ));
        }
    }

    /// Labels that networks contradict.
    pub(super) fn add_doubts(&mut self, loaded: &Loaded, doubts: &[Doubt]) {
        let classes = &loaded.dataset.classes;
        for doubt in doubts {
            let at = At { part: Part::Train, index: doubt.index };
            let why = format!(
                "looks like `{}` ({:.0} %, its label {:.1} %)",
                classes[doubt.suggestion],
                doubt.of_suggestion * 100.0,
                doubt.of_label * 100.0
            );
            self.add(loaded, Reason::WrongLabel, at, None, why);
        }
    }

    fn add(&mut self, loaded: &Loaded, reason: Reason, at: At, other: Option<At>, why: String) {
        let label = loaded.dataset.classes[at.label(&loaded.dataset)].clone();
        let finding = Finding { reason, picture: name(loaded, at), label, why, at, other };
        let place = self.pictures.partition_point(|found| found.reason <= reason);
        self.pictures.insert(place, finding);
    }

    /// How many pictures for each reason.
    pub(super) fn counts(&self) -> BTreeMap<Reason, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.pictures {
            *counts.entry(finding.reason).or_default() += 1;
        }
        counts
    }

    /// The list for `train --exclude`: every suspicious picture once; of leakage, the training picture, so that the
    /// test stays as it is.
    pub(super) fn exclusions(&self, dataset: &Dataset) -> String {
        let mut out: BTreeMap<At, String> = BTreeMap::new();
        for finding in &self.pictures {
            let at = match (finding.reason, finding.other) {
                (Reason::Leakage, Some(other)) => other,
                _ => finding.at,
            };
            out.entry(at).or_insert_with(|| {
                format!("{}, `{}`: {}", finding.picture, finding.label, finding.why)
            });
        }
        let head = "# Pictures to leave out: thumbnet train --exclude. Take out the lines that you do not agree with.\n";
        head.to_owned() + &lines(dataset, &out.into_iter().collect::<Vec<_>>())
    }
}
