//! Goldens of costs: files of lines `NAME VALUE`, and what has changed against them.

use std::fmt::Write;
use std::path::Path;

/// A hundredth of a cost may come and go, for example with an update of the compiler's backend.
const TOLERANCE: f64 = 0.01;
/// The boards' clocks tick every 40 or 125 instructions, and a layer's cost is the difference of two readings.
const COUNTING_ERROR: u64 = 250;

/// A cost and its name.
pub type Cost = (String, u64);

/// What has changed against the golden at `path`; if the environment asks for it, the golden is rewritten instead.
pub fn check(title: &str, costs: &[Cost], path: &Path) -> Vec<String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(path, text(title, costs)).expect("the golden is writable");
        println!("wrote {}", path.display());
        return Vec::new();
    }
    let expected = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let told = |line: String| format!("{name}: {line}");
    compare(costs, &parse(&expected)).into_iter().map(told).collect()
}

/// The golden's text.
pub fn text(title: &str, costs: &[Cost]) -> String {
    let mut text = format!("# {title}\n");
    for (name, value) in costs {
        writeln!(text, "{name} {value}").expect("a string takes everything");
    }
    text
}

fn parse(text: &str) -> Vec<Cost> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("`{line}` is no cost"))).collect()
}

/// One line for every cost that is not what it was.
pub fn compare(costs: &[Cost], golden: &[Cost]) -> Vec<String> {
    let find =
        |list: &[Cost], name: &str| list.iter().find(|cost| cost.0 == name).map(|cost| cost.1);
    let changed = costs.iter().filter_map(|(name, value)| match find(golden, name) {
        None => Some(format!("{name}: {value}, not in the golden")),
        Some(expected) => difference(name, *value, expected),
    });
    let gone = golden.iter().filter(|(name, _)| find(costs, name).is_none());
    let gone =
        gone.map(|(name, value)| format!("{name}: {value} in the golden, no longer measured"));
    changed.chain(gone).collect()
}

fn difference(name: &str, value: u64, expected: u64) -> Option<String> {
    // Answers are exact, whatever they cost.
    if name.starts_with("correct") || name.starts_with("logits") {
        return (value != expected).then(|| format!("{name}: {value}, not {expected}"));
    }
    let counting_error = if name.contains("instructions") { COUNTING_ERROR } else { 0 };
    let allowed = counting_error.max((expected as f64 * TOLERANCE) as u64);
    if value.abs_diff(expected) <= allowed {
        None
    } else if value > expected {
        Some(format!("{name}: {value}, dearer than {expected}"))
    } else {
        Some(format!("{name}: {value}, cheaper than {expected}: update the golden to keep it"))
    }
}

#[test]
fn a_dearer_and_a_cheaper_model_are_told() {
    let golden = "speed instructions 100000\nspeed instructions conv1 4000\ncorrect_of_1000 870\n\
                  gone 1\n";
    let cost = |name: &str, value| (name.to_owned(), value);
    let costs = [
        cost("speed instructions", 101_001),
        cost("speed instructions conv1", 4_080),
        cost("correct_of_1000", 871),
        cost("new", 5),
    ];
    let differences = compare(&costs, &parse(golden));
    let words: Vec<&str> = differences.iter().map(String::as_str).collect();
    assert_eq!(
        words,
        [
            "speed instructions: 101001, dearer than 100000",
            "correct_of_1000: 871, not 870",
            "new: 5, not in the golden",
            "gone: 1 in the golden, no longer measured",
        ]
    );
    let cheaper = compare(&[cost("ram_bytes", 7_000)], &parse("ram_bytes 8000"));
    assert_eq!(cheaper, ["ram_bytes: 7000, cheaper than 8000: update the golden to keep it"]);
    assert!(compare(&[cost("ram_bytes", 7_930)], &parse("ram_bytes 8000")).is_empty());
}
