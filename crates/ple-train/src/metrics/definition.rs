//! What the file of a metric gives besides its formula.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;

/// A metric: its words, the tasks that it fits, and its value.
pub(super) trait Definition {
    /// The name in configurations and reports.
    fn name(&self) -> &'static str;

    /// What stands above its column for people to read.
    fn heading(&self) -> &'static str;

    /// Where its best value lies.
    fn best(&self) -> Best;

    /// The type of the tasks that it applies to.
    fn task(&self) -> TaskType;

    /// Its value on these rows, or the reason for which it has none, and its groups.
    fn compute(&self, rows: &Rows<'_>) -> Computed;

    /// The column whose values are the groups that it is taken in; nothing for a metric that knows no groups.
    fn column(&self) -> Option<&str> {
        None
    }

    /// What it comes to where the outputs are the 32-bit probabilities that are served rather than the logits; nothing for a
    /// metric that is not given of them.
    fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        let _ = rows;
        None
    }

    /// What is known before any output: the reason for which it cannot have a value on rows with these labels, of which there
    /// is at least one.
    fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        let _ = counts;
        Ok(())
    }

    /// What stands after the name and an `@`; nothing where the settings are the defaults.
    fn settings(&self) -> Option<String> {
        None
    }
}

/// A metric with settings.
pub(super) trait Settings: Definition + Sized {
    /// What lists of metrics show: its defaults, or the form of what has none.
    fn shown() -> Self;

    /// Reads what stands after the `@`, if there is one.
    ///
    /// # Errors
    ///
    /// What is expected there.
    fn read(text: Option<&str>) -> Result<Self, &'static str>;
}

/// Ranking needs both classes.
pub(super) fn both_classes(counts: LabelCounts) -> Result<(), Undefined> {
    match counts.positives {
        Some(positives) if positives == counts.rows => Err(Undefined::NoNegatives),
        _ => a_positive(counts),
    }
}

/// Some metrics only divide by the positive rows.
pub(super) fn a_positive(counts: LabelCounts) -> Result<(), Undefined> {
    if counts.positives == Some(0) { Err(Undefined::NoPositives) } else { Ok(()) }
}
