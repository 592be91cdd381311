//! Rows that are to be predicted, compared with the model: what is read of prepared folders, and what is not known.

use ple_data::UnlabelledRows;
use ple_train::{RankingModel, TrainError};

use crate::program::console;

/// Fails for rows of another transformation; says what is taken as it is.
pub(crate) fn compare(model: &RankingModel, rows: &UnlabelledRows) -> Result<(), TrainError> {
    for folder in rows.prepared() {
        console::note(format!("{} is a prepared folder: its part `test` is read", folder.display()));
    }
    if let Some(note) = model.check_origin(rows.origin())? {
        console::note(note);
    }
    Ok(())
}
