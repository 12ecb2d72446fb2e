//! The pictures that a network is calibrated on and judged by, with labels in the network's order.

use super::Quantize;
use crate::loading::loose_pictures;
use anyhow::{Context, bail, ensure};
use std::path::Path;
use thumbnet_data::{Dataset, InputSpec, Pictures};

/// Pictures that ranges of activations are taken from: more change nothing that can be measured.
const CALIBRATION_PICTURES: usize = 500;

/// Pictures, and what is known about their classes.
pub(super) struct Judged {
    pub(super) calibration: Pictures,
    /// To compare int8 with float on.
    pub(super) pictures: Pictures,
    /// Whether the pictures' labels are the network's classes; else they mean nothing.
    pub(super) is_labelled: bool,
    /// Names of the network's classes; empty if unknown.
    pub(super) labels: Vec<String>,
}

impl Judged {
    /// Loads what `arguments` name for a network of `classes` classes, whose own file calls them
    /// `own`, if it does.
    pub(super) fn load(
        arguments: &Quantize,
        input: InputSpec,
        classes: usize,
        own: &[String],
    ) -> anyhow::Result<Self> {
        let labels = match &arguments.labels {
            Some(file) => read_labels(file, classes)?,
            None if own.len() == classes => own.to_vec(),
            None => Vec::new(),
        };
        let folder = Path::new(&arguments.data);
        let files = loose_pictures(folder)?;
        if !files.is_empty() {
            let pictures = arguments.loading.load_files(&arguments.data, files, input)?;
            return Self::unlabelled(pictures, labels);
        }
        let loaded = arguments.loading.load(&arguments.data, input, 0)?;
        Self::labelled(loaded.dataset, classes, labels)
    }

    fn labelled(dataset: Dataset, classes: usize, labels: Vec<String>) -> anyhow::Result<Self> {
        let Dataset { name, classes: names, train, mut test } = dataset;
        let labels =
            if labels.is_empty() && names.len() == classes { names.clone() } else { labels };
        let order = order_of(&names, &labels).with_context(|| {
            format!(
                "{name} has {} classes, the model gives {classes} scores; say which score is which class with \
                 --labels, one name a line",
                names.len()
            )
        })?;
        test.labels.iter_mut().for_each(|label| *label = order[*label]);
        let source = if train.is_empty() { &test } else { &train };
        let calibration = source.subset(CALIBRATION_PICTURES);
        Ok(Self { calibration, pictures: test, is_labelled: true, labels })
    }

    fn unlabelled(pictures: Pictures, labels: Vec<String>) -> anyhow::Result<Self> {
        ensure!(!pictures.is_empty(), "no picture can be read");
        // Spread over all: files are often sorted by what they show.
        let step = pictures.len().div_ceil(CALIBRATION_PICTURES);
        let some: Vec<usize> = (0..pictures.len()).step_by(step).collect();
        let calibration = pictures.select(&some);
        Ok(Self { calibration, pictures, is_labelled: false, labels })
    }
}

fn read_labels(file: &Path, classes: usize) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let labels: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if labels.len() != classes {
        bail!(
            "{} names {} classes, but the model gives {classes} scores; write one name a line",
            file.display(),
            labels.len()
        );
    }
    Ok(labels)
}

/// Which of the network's classes each class of the data is: by name, or by number where the data
/// has only those.
fn order_of(names: &[String], labels: &[String]) -> anyhow::Result<Vec<usize>> {
    if names.len() == labels.len()
        && names.iter().enumerate().all(|(at, name)| *name == at.to_string())
    {
        return Ok((0..names.len()).collect());
    }
    let find = |name: &String| {
        let found = labels.iter().position(|label| label == name);
        found.with_context(|| format!("no score of the model is called '{name}'"))
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::order_of;

    fn names(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn classes_are_matched_by_name_or_number() {
        assert_eq!(order_of(&names("cat dog"), &names("dog bird cat")).unwrap(), [2, 0]);
        assert_eq!(order_of(&names("0 1 2"), &names("dog bird cat")).unwrap(), [0, 1, 2]);
        let error = order_of(&names("cat cow"), &names("dog cat")).unwrap_err();
        assert_eq!(error.to_string(), "no score of the model is called 'cow'");
    }
}
