//! The raw columns that a transformation reads from a file, each once, and who reads them.

use std::path::Path;

use arrow_schema::DataType;

use super::raw_column::{
    KEY_LIST_TYPES, KEY_TYPES, NUMBER_OR_TEXT_TYPES, is_key_list_type, is_key_type, is_number_list_type,
    is_number_or_text_type, is_text_type,
};
use super::transformation::{FittedKind, ListForm, Transformation};
use crate::arrow_columns::NUMBER_LIST_TYPES;
use crate::error::DataError;
use crate::resolve::Header;

/// Which raw columns are read. Positions are those of `columns`.
#[derive(Debug, Clone)]
pub(crate) struct RowLayout {
    /// The names of the raw columns.
    pub(crate) columns: Vec<String>,
    /// The column of each feature, and of its weights.
    pub(crate) features: Vec<(usize, Option<usize>)>,
    /// Columns of numbers that tasks need: labels, weights, and columns that decide on spaces.
    pub(crate) numbers: Vec<NumberColumn>,
    /// The keys that are carried along.
    pub(crate) keys: Vec<usize>,
    /// The column whose equal values stay together in a split.
    pub(crate) by: Option<usize>,
    /// Who needs each column, for messages.
    roles: Vec<String>,
    /// The types that each column may have.
    accepts: Vec<Vec<Accepts>>,
}

/// A column of numbers that tasks need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberColumn {
    pub(crate) column: usize,
    /// The tasks whose label it is.
    pub(crate) label_of: Vec<usize>,
    /// Whether it weighs rows.
    pub(crate) is_weight: bool,
}

/// The types that a use of a column accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepts {
    Keys,
    Texts,
    KeyLists,
    Numbers,
    NumberLists,
    Anything,
}

impl RowLayout {
    pub(crate) fn new(transformation: &Transformation) -> Self {
        let mut layout = RowLayout {
            columns: Vec::new(),
            features: Vec::new(),
            numbers: Vec::new(),
            keys: Vec::new(),
            by: None,
            roles: Vec::new(),
            accepts: Vec::new(),
        };
        for (task, label) in transformation.schema.labels.iter().enumerate() {
            let role = || format!("the task `{}`", label.name);
            layout.number(label.column_name(), role()).label_of.push(task);
            if let Some(weight) = &label.weight {
                layout.number(weight, role()).is_weight = true;
            }
            if let Some(space) = label.space.column() {
                layout.number(space, role());
            }
        }
        for feature in &transformation.features {
            let role = || format!("the feature `{}`", feature.name);
            let accepts = match &feature.kind {
                FittedKind::Sparse { .. } => Accepts::Keys,
                FittedKind::Dense { .. } => Accepts::Numbers,
                FittedKind::Sequence { form: ListForm::Text { .. }, .. } => Accepts::Texts,
                FittedKind::Sequence { form: ListForm::List { .. }, .. } => Accepts::KeyLists,
            };
            let column = layout.position(&feature.column, accepts, role());
            let weights = feature.raw_columns().nth(1);
            let weights = weights.map(|weights| layout.position(weights, Accepts::NumberLists, role()));
            layout.features.push((column, weights));
        }
        for key in &transformation.schema.keys {
            let position = layout.position(key, Accepts::Anything, format!("the key `{key}`"));
            layout.keys.push(position);
        }
        let by = transformation.split.as_ref().and_then(|split| split.by.as_deref());
        layout.by = by.map(|by| layout.position(by, Accepts::Keys, "the split".to_owned()));
        layout
    }

    fn number(&mut self, column: &str, role: String) -> &mut NumberColumn {
        let column = self.position(column, Accepts::Numbers, role);
        let known = self.numbers.iter().position(|known| known.column == column);
        let at = known.unwrap_or_else(|| {
            self.numbers.push(NumberColumn { column, label_of: Vec::new(), is_weight: false });
            self.numbers.len() - 1
        });
        &mut self.numbers[at]
    }

    fn position(&mut self, column: &str, accepts: Accepts, role: String) -> usize {
        let position = self.columns.iter().position(|known| known == column).unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.roles.push(role);
            self.accepts.push(Vec::new());
            self.columns.len() - 1
        });
        self.accepts[position].push(accepts);
        position
    }

    /// Where each column is among the columns of a file.
    pub(crate) fn find<'a>(
        &self,
        path: &'a Path,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<usize>, DataError> {
        let header = Header::new(path, names)?;
        let columns = self.columns.iter().zip(&self.roles);
        columns.map(|(column, role)| header.position(column, || role.clone())).collect()
    }

    /// Refuses a column of a type that one of its uses cannot read.
    pub(crate) fn check_type(
        &self,
        path: &Path,
        column: usize,
        data_type: &DataType,
    ) -> Result<(), DataError> {
        for accepts in &self.accepts[column] {
            let (fits, expected) = match accepts {
                Accepts::Keys => (is_key_type(data_type), KEY_TYPES),
                Accepts::Texts => (is_text_type(data_type), "texts, since there is a separator"),
                Accepts::KeyLists => (is_key_list_type(data_type), KEY_LIST_TYPES),
                Accepts::Numbers => (is_number_or_text_type(data_type), NUMBER_OR_TEXT_TYPES),
                Accepts::NumberLists => (is_number_list_type(data_type), NUMBER_LIST_TYPES),
                Accepts::Anything => (true, ""),
            };
            if !fits {
                return Err(DataError::WrongType {
                    path: path.to_owned(),
                    column: self.columns[column].clone(),
                    found: format!("the type {data_type}"),
                    expected,
                });
            }
        }
        Ok(())
    }
}
