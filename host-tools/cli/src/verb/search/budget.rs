//! What a network may need: a board's memories, or less, and instructions.

use crate::model_file;
use crate::tuning::TuningOptions;
use clap::Args;
use serde::{Deserialize, Serialize};
use thumbnet_compile::Board;
use thumbnet_simulate::qemu;

/// Arguments about the budget.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// The board that the network is for (a folder's name in firmware/boards).
    #[arg(long, value_name = "BOARD", default_value = qemu::BOARD)]
    pub(super) board: String,
    /// Flash for weights, factors and names, e.g. 64k [default: what the board has beside the code].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    flash: Option<u64>,
    /// RAM for activations and scratch memory, e.g. 16k [default: what the board has beside stack and data].
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    ram: Option<u64>,
    /// Instructions a picture, e.g. 2M [default: no limit].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(super) instructions: Option<u64>,
}

impl Budget {
    /// The board with no more memory than the budget.
    pub(super) fn board(&self) -> anyhow::Result<Board> {
        let mut board = model_file::board(&self.board, &TuningOptions::default())?;
        if let Some(flash) = self.flash {
            board.flash.bytes =
                board.flash.bytes.min(flash.saturating_add(board.code_bytes as u64));
        }
        if let Some(ram) = self.ram {
            let reserved = (board.stack_bytes + board.data_bytes) as u64;
            board.ram.bytes = board.ram.bytes.min(ram.saturating_add(reserved));
        }
        Ok(board)
    }

    /// Whether there may be so many instructions.
    pub(super) fn allows(&self, instructions: u64) -> bool {
        self.instructions.is_none_or(|most| instructions <= most)
    }
}

/// `64k` is 64 times 1024.
fn bytes(text: &str) -> Result<u64, String> {
    scaled(text, 1 << 10).ok_or_else(|| "bytes are a number, as 65536, 64k or 1M".to_owned())
}

/// `2M` is two million.
fn count(text: &str) -> Result<u64, String> {
    scaled(text, 1000).ok_or_else(|| "a count is a number, as 2000000, 500k or 2.5M".to_owned())
}

fn scaled(text: &str, thousand: u64) -> Option<u64> {
    let (number, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], thousand),
        (at, 'm' | 'M') => (&text[..at], thousand * thousand),
        _ => (text, 1),
    };
    let value = number.parse::<f64>().ok()? * factor as f64;
    (1.0..=1e12).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::{bytes, count};

    #[test]
    fn numbers_with_and_without_a_letter() {
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("1M"), Ok(1 << 20));
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(count("2.5M"), Ok(2_500_000));
        assert_eq!(count("500K"), Ok(500_000));
        for text in ["", "k", "0", "-1k", "1G", "nan", "infM", "1e30", "k1", "ä"] {
            assert!(bytes(text).is_err() && count(text).is_err(), "{text}");
        }
    }
}
