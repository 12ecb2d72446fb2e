//! How a verb ends.

/// What a verb found; errors, which are bad input, travel as `anyhow::Error` instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Good,
    /// A check ran and did not hold: exit code 1.
    CheckFailed,
}

impl Outcome {
    /// [`Outcome::Good`] if the check held.
    pub(crate) fn of(held: bool) -> Self {
        if held { Self::Good } else { Self::CheckFailed }
    }
}
