//! Whether the numbers of some rows are those that a model was trained on: every model knows the transformation that made
//! its rows, and rows of another one are refused wherever both are known.

use std::path::Path;

use ple_data::{RowOrigin, TransformationHash};

use crate::error::TrainError;
use crate::ranking_model::RankingModel;

impl RankingModel {
    /// The transformation that made the rows that the model was trained on; `None` where the rows did not say so, or the
    /// model was saved before models knew it.
    pub fn transformation(&self) -> Option<TransformationHash> {
        self.transformation
    }

    /// Compares where rows come from with the model. Gives a line for people where one of the two does not say so: the
    /// numbers are then taken as they are.
    ///
    /// # Errors
    /// [`TrainError::OtherTransformation`] for rows of another transformation.
    pub fn check_origin(&self, rows: &RowOrigin) -> Result<Option<String>, TrainError> {
        let without = rows.note().map(|note| match self.transformation {
            Some(hash) => format!("warning: {note}, and the model has learned those of {}", hash.short()),
            None => note,
        });
        match rows.carrier().zip(rows.hash()) {
            Some((file, hash)) => Ok(self.check_transformation(file, hash)?.or(without)),
            None => Ok(without),
        }
    }

    /// Compares the transformation of a file or folder with the model. Gives a line for people where the model knows none.
    ///
    /// # Errors
    /// [`TrainError::OtherTransformation`] for another one.
    pub fn check_transformation(
        &self,
        place: &Path,
        found: TransformationHash,
    ) -> Result<Option<String>, TrainError> {
        match self.transformation {
            None => Ok(Some(format!(
                "{} knows no transformation; the numbers of {} are taken as they are",
                self.in_words(),
                place.display()
            ))),
            Some(expected) if expected == found => Ok(None),
            Some(_) => Err(self.other_transformation(place.display().to_string(), found)),
        }
    }

    /// The error for numbers of another transformation than the model's.
    pub(crate) fn other_transformation(&self, what: String, found: TransformationHash) -> TrainError {
        TrainError::OtherTransformation {
            what,
            found: found.short(),
            model: self.in_words(),
            expected: self.transformation.map_or_else(|| "none".to_owned(), TransformationHash::short),
        }
    }

    /// The model in a message.
    fn in_words(&self) -> String {
        match &self.place {
            Some(place) => format!("the model in {}", place.display()),
            None => "the model".to_owned(),
        }
    }
}
