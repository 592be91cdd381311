//! The sample space of a task: which rows it counts.

use serde::{Deserialize, Serialize};

use crate::cell::{CellFault, check_label};
use crate::schema::{Label, TaskType};

/// The rows that belong to a task. All others count neither in its loss nor in its metrics.
///
/// # Examples
///
/// ```
/// use ple_data::{Feature, FeatureSchema, Label, Space, TaskType, read_csv};
///
/// // Conversions are learned from clicks; the rating is known of some rows only.
/// let labels = vec![
///     Label::new("click", TaskType::Classification),
///     Label::new("conversion", TaskType::Classification).in_space(Space::Where("click".into())),
///     Label::new("rating", TaskType::Regression).in_space(Space::Labelled),
/// ];
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("train.csv");
/// std::fs::write(&path, "user,click,conversion,rating\n1,1,0,4.5\n2,0,,\n3,1,1,\n")?;
/// let schema = FeatureSchema::new(vec![Feature::sparse("user", 5, 8)], labels, vec![])?;
/// let table = read_csv(&path, &schema)?;
/// assert_eq!([0, 1, 2].map(|task| table.rows_in_task(task)), [3, 2, 1]);
/// assert_eq!(schema.labels[1].space_text(), "rows where click is above 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Space {
    /// Every row. One without a label is an error.
    #[default]
    All,
    /// The rows that have a label: a null, or an empty field in CSV, says that a row is outside.
    Labelled,
    /// The rows in which a column, often the label of another task, is above 0. A row in which it is 0 or missing is
    /// outside, and needs no label; a row inside without a label is an error.
    Where(String),
}

impl Space {
    /// Whether every row is inside, as serde asks it.
    pub(crate) fn is_all(&self) -> bool {
        *self == Space::All
    }

    /// The column that decides, if one does.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Space::Where(column) => Some(column),
            Space::All | Space::Labelled => None,
        }
    }

    /// Whether a row is inside, by its label and by the column that decides.
    fn holds(&self, label: Option<f64>, decisive: Option<f64>) -> bool {
        match self {
            Space::All => true,
            Space::Labelled => label.is_some(),
            Space::Where(_) => decisive.is_some_and(|value| value > 0.0),
        }
    }

    /// The label of a row of a task, and whether the row is inside. A row outside without a label gets a 0.
    pub(crate) fn label(
        &self,
        label: Option<f64>,
        decisive: Option<f64>,
        task: TaskType,
    ) -> Result<(f32, Inside), CellFault> {
        let inside = self.holds(label, decisive);
        match label {
            Some(label) => Ok((check_label(label, task)?, if inside { Inside::Yes } else { Inside::No })),
            None if inside => {
                Err(CellFault::Missing { expected: "a label, since the row belongs to the task" })
            }
            None => Ok((0.0, Inside::No)),
        }
    }
}

/// Whether a row belongs to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    Yes,
    No,
}

impl Label {
    /// The same label for the rows of a space.
    pub fn in_space(self, space: Space) -> Self {
        Label { space, ..self }
    }

    /// The same label with rows that count as much as a column says.
    pub fn weighted_by(self, column: impl Into<String>) -> Self {
        Label { weight: Some(column.into()), ..self }
    }

    /// The space in words, for every number that is shown: `all rows`, `rows where click is above 0`.
    pub fn space_text(&self) -> String {
        let rows = match &self.space {
            Space::All => "all rows".to_owned(),
            Space::Labelled => "rows with a label".to_owned(),
            Space::Where(column) => format!("rows where {column} is above 0"),
        };
        match &self.weight {
            None => rows,
            Some(weight) => format!("{rows}, weighed by {weight}"),
        }
    }

    /// Whether rows may count differently in this task: the table then has weights.
    pub(crate) fn has_row_weights(&self) -> bool {
        self.weight.is_some() || !self.space.is_all()
    }
}
