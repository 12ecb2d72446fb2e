//! Models of other tools, which lie beside the repository where they are: what they cost.

use crate::golden;
use crate::measure::{compiled, run};
use parity::{foreign, is_equipped, reference_board, root};
use thumbnet_compile::Optimize;

/// Most activations and scratch: name of the folder, balanced, speed.
const RAM_LIMITS: [(&str, usize, usize); 5] = [
    ("seed_mnist__qdq_s8s8_pc", 7_680, 18 << 10),
    ("mlperf_ic_tf2onnx_qdq", 40 << 10, 40 << 10),
    ("mlperf_kws_tf2onnx_qdq", 16_896, 16_896),
    ("mlperf_vww_tf2onnx_qdq", 56 << 10, 56 << 10),
    ("mlperf_ad_tf2onnx_qdq", 1_536, 1_536),
];

#[test]
fn foreign_models_need_no_more_memory_than_promised() {
    let (board, models) = (reference_board(), foreign());
    for (name, balanced, speed) in RAM_LIMITS {
        let Some(model) = models.iter().find(|model| model.name == name) else { continue };
        for (optimize, limit) in [(Optimize::Balanced, balanced), (Optimize::Speed, speed)] {
            let bytes = compiled(&board, model, optimize).arena_bytes;
            assert!(bytes <= limit, "{name}, {optimize}: {bytes} of {limit} B");
        }
    }
}

#[test]
fn foreign_models_cost_what_the_goldens_say() {
    if !is_equipped() {
        return;
    }
    let models = foreign();
    if models.is_empty() {
        return;
    }
    let board = reference_board();
    let mut costs = Vec::new();
    for model in models {
        for optimize in [Optimize::Speed, Optimize::Balanced] {
            let program = compiled(&board, &model, optimize);
            let (instructions, _) = run(&board, &model, optimize);
            let line = |name: &str| format!("{} {optimize} {name}", model.name);
            costs.push((line("instructions"), instructions));
            costs.push((line("ram_bytes"), program.arena_bytes as u64));
        }
    }
    let title = "Models of other tools: counted instructions, activations and scratch.";
    let golden = root().join("tests/golden/foreign.txt");
    let differences = golden::check(title, &costs, &golden);
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}
