//! The table that is printed.

use core::fmt::{Display, Formatter, Result};
use cortex_m_semihosting::hprintln;

/// What one engine does with a layer.
#[derive(Clone, Copy)]
pub struct Cost {
    /// Executed instructions.
    pub instructions: u32,
    /// Outputs that are not the specification's.
    pub different: usize,
}

/// A layer by all engines.
pub struct Row {
    /// The layer.
    pub name: &'static str,
    /// The kernels that the compiler selects for a Cortex-M4, int8 weights.
    pub ours: Cost,
    /// Our kernels in plain Rust, without DSP instructions.
    pub plain: Cost,
    /// embedded-nn.
    pub embedded_nn: Cost,
    /// microflow, which has no max pool: the convolution alone.
    pub microflow: Cost,
}

impl Display for Cost {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{:>11}", self.instructions)?;
        match self.different {
            0 => write!(f, "  equal     "),
            count => write!(f, " {count:>5} differ"),
        }
    }
}

/// Prints the rows and their sums.
pub fn print(rows: &[Row]) {
    hprintln!("instructions, and outputs that differ from the specification's");
    hprintln!(
        "{:<24} {:<23} {:<23} {:<23} {:<23}",
        "",
        "thumbnet",
        "thumbnet, plain Rust",
        "embedded-nn 0.2",
        "microflow 0.1, no pools"
    );
    for Row { name, ours, plain, embedded_nn, microflow } in rows {
        hprintln!("{:<24} {} {} {} {}", name, ours, plain, embedded_nn, microflow);
    }
    let sum = |cost: fn(&Row) -> Cost| Cost {
        instructions: rows.iter().map(|row| cost(row).instructions).sum(),
        different: rows.iter().map(|row| cost(row).different).sum(),
    };
    let [ours, plain] = [sum(|row| row.ours), sum(|row| row.plain)];
    let [embedded_nn, microflow] = [sum(|row| row.embedded_nn), sum(|row| row.microflow)];
    hprintln!("{:<24} {} {} {} {}", "sum", ours, plain, embedded_nn, microflow);
}

/// How many outputs are not the expected ones.
pub fn differences(outputs: &[i8], expected: &[i8]) -> usize {
    outputs.iter().zip(expected).filter(|(output, expected)| output != expected).count()
}
