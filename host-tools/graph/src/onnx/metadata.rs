//! Labels, preprocessing and producer in the metadata of an ONNX file.

use super::labels;
use super::proto::StringStringEntryProto;
use crate::graph::Metadata;
use crate::{Fit, Preprocessing, Resize, Turn};
use std::ops::RangeInclusive;

/// JSON list of class names.
const LABELS: &str = "thumbnet.labels";
/// The name of a [`Fit`]; without it, the model does not say how a picture becomes its input.
const FIT: &str = "thumbnet.fit";
/// The name of a [`Resize`]; absent for area.
const RESIZE: &str = "thumbnet.resize";
/// The name of a [`Turn`]; absent for 0.
const TURN: &str = "thumbnet.turn";
/// `true` or `false`.
const INVERT: &str = "thumbnet.invert";
/// A number.
const TEMPERATURE: &str = "thumbnet.temperature";

/// Temperatures outside this would make every confidence 1, or all the same.
const TEMPERATURES: RangeInclusive<f32> = 0.01..=100.0;

/// The properties that [`read`] understands.
pub(crate) fn properties(metadata: &Metadata) -> Vec<StringStringEntryProto> {
    let mut properties = Vec::new();
    let mut add = |key: &str, value: String| {
        properties.push(StringStringEntryProto { key: key.to_owned(), value });
    };
    if !metadata.labels.is_empty() {
        add(LABELS, labels::to_json(&metadata.labels));
    }
    if let Some(preprocessing) = metadata.preprocessing {
        let Preprocessing { fit, resize, invert, turn } = preprocessing;
        add(FIT, fit.name().to_owned());
        add(INVERT, invert.to_string());
        if resize != Resize::default() {
            add(RESIZE, resize.name().to_owned());
        }
        if turn != Turn::default() {
            add(TURN, turn.name().to_owned());
        }
    }
    if let Some(temperature) = metadata.temperature {
        add(TEMPERATURE, temperature.to_string());
    }
    properties
}

/// What a file says about itself. Properties that are unknown or malformed count as absent: they do
/// not change what the network computes.
pub(crate) fn read(
    name: &str,
    producer_name: &str,
    producer_version: &str,
    properties: &[StringStringEntryProto],
) -> Metadata {
    let value = |key: &str| {
        properties.iter().find(|property| property.key == key).map(|property| &*property.value)
    };
    Metadata {
        name: name.to_owned(),
        labels: value(LABELS).and_then(labels::from_json).unwrap_or_default(),
        preprocessing: read_preprocessing(value),
        producer: join_producer(producer_name, producer_version),
        temperature: value(TEMPERATURE).and_then(read_temperature),
    }
}

/// `None` also if any of it is none that this version knows: the picture would become something else.
fn read_preprocessing<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<Preprocessing> {
    let named = |key: &str, usual: &'static str| value(key).unwrap_or(usual);
    let (fit, resize, turn) = (value(FIT)?, named(RESIZE, "area"), named(TURN, "0"));
    Some(Preprocessing {
        fit: Fit::ALL.into_iter().find(|each| each.name() == fit)?,
        resize: Resize::ALL.into_iter().find(|each| each.name() == resize)?,
        invert: value(INVERT) == Some("true"),
        turn: Turn::ALL.into_iter().find(|each| each.name() == turn)?,
    })
}

fn read_temperature(text: &str) -> Option<f32> {
    text.parse().ok().filter(|temperature| TEMPERATURES.contains(temperature))
}

/// Name and version of `thumbnet 0.1.0`: the parts around the last space, if both are there.
pub(crate) fn split_producer(producer: &str) -> (String, String) {
    match producer.rsplit_once(' ') {
        Some((name, version)) if !version.is_empty() && !name.is_empty() => {
            (name.to_owned(), version.to_owned())
        }
        _ => (producer.to_owned(), String::new()),
    }
}

fn join_producer(name: &str, version: &str) -> String {
    if version.is_empty() { name.to_owned() } else { format!("{name} {version}") }
}

#[cfg(test)]
mod tests {
    use super::{join_producer, read_temperature, split_producer};

    #[test]
    fn a_temperature_is_a_number_that_a_softmax_can_use() {
        assert_eq!(read_temperature("0.873"), Some(0.873));
        for text in ["", "warm", "0", "-1", "NaN", "inf", "1e9", "1e-9"] {
            assert_eq!(read_temperature(text), None, "{text}");
        }
    }

    #[test]
    fn every_producer_survives_splitting_and_joining() {
        for producer in ["thumbnet 0.1.0", "a b 1", "pytorch", "", " ", "x ", " 1"] {
            let (name, version) = split_producer(producer);
            assert_eq!(join_producer(&name, &version), producer);
        }
    }
}
