//! Which rows of an embedding table a step changes.

use serde::{Deserialize, Serialize};

/// Which rows of an embedding table a step changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableUpdates {
    /// The rows that the batch read: each takes one step, with decay and with the numbers of the *global* step, such as Adam's
    /// bias correction, as PyTorch's `SparseAdam`. Steps that a row missed change nothing in it: no decay, no momentum. The
    /// reference moves every row at every step instead, and thereby draws rare rows to zero.
    #[default]
    Lazy,
    /// The same numbers as `Dense`: a row replays the steps that it missed when it is next read.
    Exact,
    /// Every row at every step, as the reference does.
    Dense,
}
