//! `docs/onnx.md` names every operator that the reader takes.

const READER: &str = include_str!("../src/onnx/lower/mod.rs");
const DOCUMENT: &str = include_str!("../../../docs/onnx.md");

#[test]
fn every_operator_is_in_the_table() {
    let arms = READER.lines().filter(|line| line.trim_start().starts_with("(Domain::"));
    let operators: Vec<&str> = arms.flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
    assert!(operators.len() > 15, "the reader has moved: {operators:?}");
    for operator in operators {
        assert!(DOCUMENT.contains(&format!("`{operator}`")), "{operator} is not in docs/onnx.md");
    }
}
