//! The rows and positives that `schema.json` records of a part, compared with those that were read.

use crate::ali_ccp_raw::PREPARED_SCHEMA;
use crate::error::DataError;
use crate::prepared_folder::PreparedFolder;
use crate::row_source::RowSource;
use crate::schema::{Label, TaskType};
use crate::schema_file::damaged;
use crate::shards::TaskCounts;
use crate::space::Space;

/// What is recorded of the rows of one task, as far as it is.
struct Recorded {
    rows: Option<u64>,
    positives: Option<u64>,
}

impl PreparedFolder {
    /// Compares the rows that were read of a part, and the rows and positives of each classification, with what
    /// `schema.json` says. A task that is another one there is passed over.
    ///
    /// # Errors
    ///
    /// [`RawError::Damaged`](crate::ali_ccp_raw::RawError::Damaged) for a number that is another one.
    pub fn check_counts(&self, part: &str, rows: &RowSource) -> Result<(), DataError> {
        let refuse = |what: String, said: u64, found: usize| {
            let detail = format!("it says {said} {what} in the part `{part}`, and {found} were read");
            Err(damaged(&self.path().join(PREPARED_SCHEMA), &detail))
        };
        let said = self.rows(part);
        if said != rows.rows() as u64 {
            return refuse("rows".to_owned(), said, rows.rows());
        }
        for (task, label) in rows.schema().labels.iter().enumerate() {
            let TaskCounts { rows, positives } = rows.task_counts(task);
            let recorded = self.recorded(part, label);
            let name = &label.name;
            match (recorded.rows, recorded.positives.zip(positives)) {
                (Some(said), _) if said != rows as u64 => {
                    return refuse(format!("rows of `{name}`"), said, rows);
                }
                (_, Some((said, positives))) if said != positives as u64 => {
                    return refuse(format!("positives of `{name}`"), said, positives);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The rows of a part.
    fn rows(&self, part: &str) -> u64 {
        match self {
            PreparedFolder::AliCcp(prepared) => {
                prepared.schema.parts.iter().filter(|known| known.name == part).map(|part| part.rows).sum()
            }
            PreparedFolder::Table(prepared) => {
                prepared.schema.parts.iter().filter(|known| known.name == part).map(|part| part.rows).sum()
            }
        }
    }

    fn recorded(&self, part: &str, label: &Label) -> Recorded {
        let nothing = Recorded { rows: None, positives: None };
        if !self.schema().labels.contains(label) || label.task != TaskType::Classification {
            return nothing;
        }
        match self {
            PreparedFolder::Table(prepared) => {
                let part = prepared.schema.parts.iter().find(|known| known.name == part);
                let task = part.and_then(|part| part.tasks.iter().find(|task| task.task == label.name));
                task.map_or(nothing, |task| Recorded {
                    rows: Some(task.rows),
                    positives: Some(task.positives),
                })
            }
            PreparedFolder::AliCcp(prepared) => {
                let Some(part) = prepared.schema.parts.iter().find(|known| known.name == part) else {
                    return nothing;
                };
                let positives = match (label.column_name(), &label.space, &label.weight) {
                    ("click", Space::All, None) => Some(part.clicks),
                    ("purchase", Space::All, None) => Some(part.purchases),
                    _ => None,
                };
                Recorded { rows: None, positives }
            }
        }
    }
}
