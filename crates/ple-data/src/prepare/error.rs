//! What can be wrong with a feature file, and with tables that are prepared by one.

use std::path::PathBuf;

use ple_files::ExitKind;
use thiserror::Error;

use crate::error::DataError;
use crate::nearest::nearest_line;
use crate::row_origin::OtherTransformation;
use crate::short_number::ShortNumber;

/// An error of preparing a table. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// A feature file cannot be read.
    #[error(
        "{file}{}: {detail}{}\nnext: correct the feature file; a key that is not known is refused",
        in_line(line),
        nearest_or_form(nearest)
    )]
    FeatureFile {
        /// The file.
        file: String,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What the parser said.
        detail: String,
        /// The known key that is nearest to one that is not known.
        nearest: Option<String>,
    },

    /// Settings of a feature file contradict each other, or have no effect.
    #[error(
        "{file}, {entry}: {setting} is {found}\nexpected: {expected}\nnext: correct {setting} in the feature file"
    )]
    Setting {
        /// The file.
        file: String,
        /// The kind and the name of the entry.
        entry: String,
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The values that it may have.
        expected: &'static str,
    },

    /// More rows would have had to be skipped than the limit allows.
    #[error(
        "{error}\nand {skipped} bad rows were skipped before it, which is the limit: raise it if so many may be missing"
    )]
    TooManyBadRows {
        /// What is wrong with the row.
        error: Box<DataError>,
        /// How many rows were skipped before it.
        skipped: u64,
    },

    /// A raw value of a single row is not what its feature reads.
    #[error("row {row}, column `{column}`: found {found}\nexpected: {expected}\nnext: correct the value")]
    Value {
        /// The row, counted from 0.
        row: usize,
        /// The column.
        column: String,
        /// The value found.
        found: String,
        /// The values that the feature reads.
        expected: &'static str,
    },

    /// A feature of a transformation names an encoder that is not there.
    #[error(
        "the feature `{feature}` asks for the encoder `{encoder}`, which is not there\nexpected: an encoder of that name\nnext: read the transformation again from its folder"
    )]
    NoEncoder {
        /// The feature.
        feature: String,
        /// The name of the encoder.
        encoder: String,
    },

    /// The rows of two files were made by different transformations.
    #[error(transparent)]
    OtherTransformation(#[from] OtherTransformation),

    /// A prepared folder was asked for the encoders of a model's features, and has none of them.
    #[error(
        "{}: no feature of the model has a vocabulary or a scale there\nexpected: the prepared folder of the model's rows, with a feature that is not hashed\nnext: pass that folder, or leave out --raw-inputs", folder.display()
    )]
    NoRawInputs {
        /// The folder.
        folder: PathBuf,
    },

    /// A scaler takes a value beyond 32 bits.
    #[error(
        "the feature `{feature}`: its scale takes the value {} beyond 32 bits\nexpected: values nearer to those that it was fitted to\nnext: correct the value, or give the column another scale",
        ShortNumber(*value)
    )]
    BeyondScale {
        /// The feature.
        feature: String,
        /// The value, before it is scaled.
        value: f64,
    },

    /// Every file is for validation or test.
    #[error(
        "{}: the file is for {part}{because}, and no file is for training\nexpected: a file of training rows, to which vocabularies and scales are fitted\nnext: rename the file or its folder, or say the part of each file (--train, --val, --test)",
        path.display()
    )]
    NoTrainingFile {
        /// The first file.
        path: PathBuf,
        /// `validation` or `test`.
        part: &'static str,
        /// Why, as it follows in the message.
        because: String,
    },

    /// No row is left for training.
    #[error(
        "no row is left for training\nexpected: at least one good row in the files of the training part\nnext: check the files and the split"
    )]
    NoRows,
}

impl PrepareError {
    pub(crate) fn kind(&self) -> ExitKind {
        match self {
            PrepareError::FeatureFile { .. }
            | PrepareError::Setting { .. }
            | PrepareError::NoEncoder { .. } => ExitKind::Configuration,
            _ => ExitKind::BadData,
        }
    }
}

/// The nearest key, or else what a feature file consists of.
fn nearest_or_form(nearest: &Option<String>) -> String {
    match nearest {
        Some(_) => nearest_line(nearest),
        None => {
            "\nexpected: keys, [[sparse]], [[sequence]], [[dense]], [[label]] and [split] in TOML".to_owned()
        }
    }
}

fn in_line(line: &Option<usize>) -> String {
    line.map_or(String::new(), |line| format!(", line {line}"))
}
