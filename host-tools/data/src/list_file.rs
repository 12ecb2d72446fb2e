//! A list of pictures with their labels: a CSV file of `path,label`, or `path,label,part`.

use crate::{
    DataError, Dataset, InputSpec, LoadOptions, Loaded,
    decoding::{Labelled, decode},
    split,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Whether a path is that of a list.
pub(crate) fn looks_like_list(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// One line of the list.
struct Row {
    file: PathBuf,
    label: String,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Test,
    /// The list does not say.
    Unsaid,
}

/// Loads the pictures of a list; their paths are relative to its folder, classes are sorted by name.
pub(crate) fn load(
    path: &Path,
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let rows = read(path)?;
    let names: BTreeSet<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    let classes: Vec<String> = names.into_iter().map(str::to_owned).collect();
    if let [class] = &classes[..] {
        return Err(DataError::OneClass { path: path.to_owned(), class: class.clone() });
    }
    let part = |part: Part| -> Vec<Labelled> {
        let rows = rows.iter().filter(|row| row.part == part);
        let label = |row: &Row| classes.binary_search(&row.label).expect("it is among them");
        rows.map(|row| (row.file.clone(), label(row))).collect()
    };
    let mut notes = Vec::new();
    let (decoded, parts) = if rows.iter().any(|row| row.part == Part::Unsaid) {
        let decoded = decode(path, part(Part::Unsaid), input, options)?;
        let parts = split::split(&decoded.pictures, &decoded.files, &classes, options.seed)?;
        notes.push(split::note(path, &parts));
        let parts = decoded.parts(parts);
        (decoded, parts)
    } else {
        let train = part(Part::Train);
        let count = train.len();
        let decoded = decode(path, [train, part(Part::Test)].concat(), input, options)?;
        let parts = decoded.parts_at(count);
        (decoded, parts)
    };
    notes.extend(decoded.notes);
    let [(train, train_files), (test, test_files)] = parts;
    split::check_all_present(path, &classes, [&train, &test])?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let dataset = Dataset { name, classes, train, test };
    let unreadable = decoded.unreadable;
    Ok(Loaded { dataset, files: [train_files, test_files], unreadable, notes })
}

/// The rows, of which either all or none say their part.
fn read(path: &Path) -> Result<Vec<Row>, DataError> {
    let problem =
        |line: u64, problem: String| DataError::List { path: path.to_owned(), line, problem };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_path(path)
        .map_err(|error| problem(0, error.to_string()))?;
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| {
            problem(error.position().map_or(0, csv::Position::line), "is no text".to_owned())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        if index == 0 && is_header(&fields) {
            continue;
        }
        let row = row(folder, &fields).map_err(|words| problem(line, words))?;
        let all_say = rows
            .first()
            .is_none_or(|first: &Row| (first.part == Part::Unsaid) == (row.part == Part::Unsaid));
        if !all_say {
            return Err(problem(line, "some lines name a part and some do not".to_owned()));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(problem(0, "names no picture".to_owned()));
    }
    Ok(rows)
}

fn is_header(fields: &[&str]) -> bool {
    let is = |index: usize, names: &[&str]| {
        fields
            .get(index)
            .is_some_and(|field| names.iter().any(|name| field.eq_ignore_ascii_case(name)))
    };
    is(0, &["path", "file", "filename", "image"]) && is(1, &["label", "class"])
}

fn row(folder: &Path, fields: &[&str]) -> Result<Row, String> {
    let (file, label, part) = match *fields {
        [file, label] => (file, label, Part::Unsaid),
        [file, label, part] => (file, label, named_part(part)?),
        _ => return Err(format!("has {} fields, not path,label or path,label,part", fields.len())),
    };
    if file.is_empty() || label.is_empty() {
        return Err("has an empty path or label".to_owned());
    }
    Ok(Row { file: folder.join(file), label: label.to_owned(), part })
}

fn named_part(part: &str) -> Result<Part, String> {
    match part.to_ascii_lowercase().as_str() {
        "train" | "training" => Ok(Part::Train),
        "test" | "val" | "validation" => Ok(Part::Test),
        "" => Ok(Part::Unsaid),
        _ => Err(format!("names the part `{part}`, which is neither train nor test")),
    }
}
