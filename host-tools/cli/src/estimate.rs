//! What a network will cost on a board, before it has learned anything.

use crate::model_file;
use crate::quantization::quantized;
use crate::report::thousands;
use crate::tuning::TuningOptions;
use serde::Serialize;
use thumbnet_compile::{Board, Budget, CompileError, compile, fit};
use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::Form;
use thumbnet_simulate::qemu;
use thumbnet_train::{Network, Recipe, TrainError};

/// Pictures that ranges of activations are taken from: what the weights become hardly changes what they cost.
const PICTURES: usize = 8;

/// What a network needs of a board.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Estimate {
    pub(crate) board: String,
    /// Weights, biases, factors and names, in the flash that code leaves.
    pub(crate) flash: Budget,
    /// Activations and scratch, in the RAM that stack and other data leave.
    pub(crate) ram: Budget,
    /// Of one inference: a model of the kernels, not a count.
    pub(crate) instructions: u64,
}

impl Estimate {
    /// Of a recipe's network, with weights that have learned nothing; an error too if it does not fit.
    pub(crate) fn untrained(
        recipe: &Recipe,
        classes: &[String],
        pictures: &Pictures,
        board: &Board,
    ) -> anyhow::Result<Self> {
        let network = Network::new(recipe, classes)?;
        let some = pictures.subset(PICTURES);
        let quantized = quantized(&network, &some.pixels(), Form::QLinear)?;
        Self::of(&quantized.graph, board)
    }

    /// Of a quantized network; an error too if it does not fit.
    pub(crate) fn of(graph: &Int8Graph, board: &Board) -> anyhow::Result<Self> {
        let options = board.options();
        let program = compile(graph, [0; 8], &options)?;
        let fit = fit(&program, board)?;
        Ok(Self {
            board: fit.board,
            flash: fit.flash,
            ram: fit.ram,
            instructions: program.estimated_instructions(options.instruction_set),
        })
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let budget = |budget: Budget| {
            let Budget { need_bytes, have_bytes } = budget;
            format!("{} of {} B", thousands(need_bytes), thousands(have_bytes))
        };
        format!(
            "estimate for {}: flash {}, RAM {}, {:.2} M instructions a picture",
            self.board,
            budget(self.flash),
            budget(self.ram),
            self.instructions as f64 / 1e6
        )
    }
}

/// The board that a network is to fit; `None`, with a note, if there are no boards and none was asked for.
pub(crate) fn board(name: Option<&str>) -> anyhow::Result<Option<Board>> {
    match model_file::board(name.unwrap_or(qemu::BOARD), &TuningOptions::default()) {
        Err(error) if name.is_none() => {
            eprintln!("note: what it will cost is not known: {error:#}");
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// The estimate for a training: an error if the network does not fit the board, so that no epoch is spent on it. `None`, with
/// a note, if there is nothing to be said before it has learned.
pub(crate) fn before_training(
    recipe: &Recipe,
    dataset: &Dataset,
    board: &Board,
) -> anyhow::Result<Option<Estimate>> {
    match Estimate::untrained(recipe, &dataset.classes, &dataset.train, board) {
        Ok(estimate) => Ok(Some(estimate)),
        Err(error) if does_not_fit(&error) => Err(error.context(format!(
            "{} does not fit {}: take a smaller one (fewer filters, a stride or a pool earlier, a smaller --input) or \
             another --board",
            recipe.name, board.name
        ))),
        // A recipe that is none is not about this board.
        Err(error) if error.is::<TrainError>() => Err(error),
        Err(error) => {
            eprintln!("note: what it will cost on {} is not known yet: {error:#}", board.name);
            Ok(None)
        }
    }
}

/// Whether a network was found too large, and not found impossible to compile.
pub(crate) fn does_not_fit(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(CompileError::FlashTooSmall(_) | CompileError::RamTooSmall(_))
    )
}
