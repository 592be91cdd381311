//! What a metric comes to: a value or the reason why there is none, and which groups it was taken of.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::undefined::Undefined;

/// A metric's value, and its groups if it is taken group by group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Computed {
    /// The value, or the reason why there is none.
    pub value: Result<f64, Undefined>,
    /// The groups; none of a metric that declares no column.
    pub groups: Option<GroupCounts>,
}

impl From<Result<f64, Undefined>> for Computed {
    fn from(value: Result<f64, Undefined>) -> Self {
        Self { value, groups: None }
    }
}

/// Which groups a metric was taken of, and what was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupCounts {
    /// All groups that have a row of the task.
    pub groups: usize,
    /// Those of them that have no value, and are left out.
    pub left_out: usize,
    /// Why they have none.
    pub because: LeftOut,
    /// Rows of the task that have no value in the column, and so are in no group.
    pub rows_without_group: usize,
}

impl GroupCounts {
    /// Whether a row of the task does not count.
    pub fn have_left_out(&self) -> bool {
        self.left_out > 0 || self.rows_without_group > 0
    }
}

/// Why a group has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Its rows are all positive or all negative.
    OneClass,
    /// None of its rows is positive.
    NoPositive,
}

/// What was left out, as in `1204 of 5000 groups left out: one class; 37 rows are in no group`; nothing if all rows count.
impl fmt::Display for GroupCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { groups, left_out, because, rows_without_group } = self;
        let because = match because {
            LeftOut::OneClass => "one class",
            LeftOut::NoPositive => "no positive",
        };
        if *left_out > 0 {
            write!(f, "{left_out} of {groups} groups left out: {because}")?;
        }
        if *rows_without_group > 0 {
            let between = if *left_out > 0 { "; " } else { "" };
            write!(f, "{between}{rows_without_group} rows are in no group")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{GroupCounts, LeftOut};

    #[test]
    fn what_was_left_out_is_said_and_nothing_else() {
        let counts = |left_out, because, rows_without_group| {
            GroupCounts { groups: 5000, left_out, because, rows_without_group }.to_string()
        };
        assert_eq!(counts(1204, LeftOut::OneClass, 0), "1204 of 5000 groups left out: one class");
        assert_eq!(counts(0, LeftOut::NoPositive, 37), "37 rows are in no group");
        assert_eq!(
            counts(1, LeftOut::NoPositive, 37),
            "1 of 5000 groups left out: no positive; 37 rows are in no group"
        );
        assert_eq!(counts(0, LeftOut::OneClass, 0), "");
    }
}
