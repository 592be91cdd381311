//! From what was kept of each part to what is said of it.

use super::column_stats::{ColumnStats, LENGTH_BARS};
use super::comparison::{largest_difference, total_variation, unseen};
use super::numbers::{Sample, quantile};
use super::report::{
    Alone, AsFloats, ColumnInPart, ColumnKind, ColumnSummary, Description, Distinct, IdSummary,
    LengthSummary, NumberSummary, TaskInPart, TaskSummary, TopId,
};
use super::roles::{ColumnPlan, Roles};
use super::run::PartStats;
use super::separation::{gaps_alone, ids_alone, numbers_alone};
use super::warnings::warnings;
use crate::schema::TaskType;

/// The bars of a plot of ids or numbers.
const BARS: usize = 24;
/// The ids that are listed.
const TOP_IDS: usize = 10;

/// The description of the parts that were counted.
pub(super) fn summarize(names: &[String], roles: &Roles, parts: &[PartStats]) -> Description {
    let tasks: Vec<TaskSummary> =
        (0..roles.tasks.len()).map(|task| summarize_task(task, names, roles, parts)).collect();
    let columns = names.iter().zip(&roles.columns).enumerate().map(|(index, (name, plan))| {
        let stats: Vec<&ColumnStats> = parts.iter().map(|part| &part.columns[index]).collect();
        summarize_column(name, plan, &stats, &tasks)
    });
    let mut description = Description {
        parts: parts.iter().map(|part| part.summary.clone()).collect(),
        columns: columns.collect(),
        tasks,
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    description.notes = notes(roles, &description);
    description.warnings = warnings(&description);
    description
}

fn summarize_task(index: usize, names: &[String], roles: &Roles, parts: &[PartStats]) -> TaskSummary {
    let task = &roles.tasks[index];
    let binary =
        task.kind != Some(TaskType::Regression) && parts.iter().all(|part| part.tasks[index].others == 0);
    let in_part = |part: &PartStats| {
        let stats = part.tasks[index];
        TaskInPart {
            rows: stats.rows,
            nulls: stats.nulls,
            positives: binary.then_some(stats.positives),
            mean: (stats.rows > 0).then_some(stats.labels.mean),
            deviation: (stats.rows > 0).then(|| stats.labels.deviation()),
        }
    };
    let space = match (task.space, task.weight) {
        (None, None) => "all rows with a label".to_owned(),
        (Some(space), None) => format!("rows where `{}` is above 0", names[space]),
        (None, Some(weight)) => format!("rows where `{}` is not 0", names[weight]),
        (Some(space), Some(weight)) => {
            format!("rows where `{}` is above 0 and `{}` is not 0", names[space], names[weight])
        }
    };
    TaskSummary {
        name: task.name.clone(),
        column: names[task.column].clone(),
        space,
        parts: parts.iter().map(in_part).collect(),
    }
}

fn summarize_column(
    name: &str,
    plan: &ColumnPlan,
    stats: &[&ColumnStats],
    tasks: &[TaskSummary],
) -> ColumnSummary {
    let kind = kind_of(plan, stats);
    let alone = |(task, summary): (usize, &TaskSummary)| {
        let binary = summary.parts.iter().all(|part| part.positives.is_some());
        let auc = match kind {
            _ if summary.column == name || !binary => None,
            ColumnKind::Ids | ColumnKind::Text => ids_alone(&stats[0].ids, task),
            ColumnKind::Numbers => numbers_alone(&stats[0].sample.in_task(task)),
            ColumnKind::Lists | ColumnKind::Other => None,
        };
        let gaps = stats[0].gaps.get(task).filter(|_| summary.column != name && binary);
        let gaps = gaps.and_then(|gaps| gaps_alone(*gaps, &summary.parts[0]));
        Alone { task: summary.name.clone(), auc, gaps }
    };
    let bars = Bars::of(kind, stats[0]);
    let first = bars.shares(stats[0]);
    let parts = stats.iter().enumerate().map(|(index, part)| {
        let shares = bars.shares(part);
        let later = index > 0;
        let counts_ids = matches!(kind, ColumnKind::Ids | ColumnKind::Text) || part.range.is_some();
        let distance = match kind {
            ColumnKind::Numbers => largest_difference(&stats[0].sample.sorted(), &part.sample.sorted()),
            _ => Some(total_variation(&first, &shares)),
        };
        ColumnInPart {
            nulls: part.nulls,
            distinct: distinct(kind, part),
            ids: (counts_ids && kind != ColumnKind::Numbers).then(|| id_summary(plan, part)),
            numbers: (kind == ColumnKind::Numbers).then(|| number_summary(part)),
            lengths: length_summary(part),
            unseen: if later && counts_ids && kind != ColumnKind::Numbers {
                unseen(&stats[0].ids, &part.ids)
            } else {
                None
            },
            distance: if later && !shares.is_empty() { distance } else { None },
            shares,
            as_floats: (kind == ColumnKind::Numbers).then(|| as_floats(&part.sample)),
        }
    });
    ColumnSummary {
        name: name.to_owned(),
        kind,
        role: plan.role,
        vocab_size: plan.vocab_size,
        alone: tasks.iter().enumerate().map(alone).collect(),
        parts: parts.collect(),
    }
}

fn kind_of(plan: &ColumnPlan, stats: &[&ColumnStats]) -> ColumnKind {
    let any = |seen: fn(&ColumnStats) -> bool| stats.iter().any(|part| seen(part));
    if any(|part| part.seen.lists) {
        ColumnKind::Lists
    } else if any(|part| part.seen.texts) {
        ColumnKind::Text
    } else if any(|part| part.seen.numbers) || plan.is_dense && any(|part| part.seen.integers) {
        ColumnKind::Numbers
    } else if any(|part| part.seen.integers) {
        ColumnKind::Ids
    } else {
        ColumnKind::Other
    }
}

fn distinct(kind: ColumnKind, part: &ColumnStats) -> Distinct {
    let (ids, ids_exact) = part.ids.distinct();
    let (numbers, numbers_exact) = part.numbers.count();
    let (count, exact) = match kind {
        // Whole numbers beside fractions were counted as ids, and may be among the numbers too.
        ColumnKind::Numbers if numbers > 0 => (numbers.max(ids), numbers_exact && ids == 0),
        ColumnKind::Lists if ids == 0 => (numbers, numbers_exact),
        _ => (ids, ids_exact),
    };
    Distinct { count, exact }
}

/// The different values of the rows that were chosen, and how many of them are left as 32-bit floats.
fn as_floats(sample: &Sample) -> AsFloats {
    let sorted = sample.sorted();
    // The order of the numbers is that of their floats, so that equal ones stand side by side.
    let distinct = sorted.chunk_by(|a, b| a == b).count() as u64;
    let left = sorted.chunk_by(|a, b| *a as f32 == *b as f32).count() as u64;
    AsFloats { distinct, left }
}

fn id_summary(plan: &ColumnPlan, part: &ColumnStats) -> IdSummary {
    let total: u64 = part.ids.cells().map(|(_, cell)| u64::from(cell[0])).sum();
    let beyond = plan.vocab_size.map(|size| {
        let outside = |id: i64| id < 0 || id as u64 >= size as u64;
        part.ids.cells().filter(|(id, _)| outside(*id)).map(|(_, cell)| u64::from(cell[0])).sum()
    });
    let top = part.ids.top(TOP_IDS).into_iter().map(|(id, rows)| TopId {
        id: part.ids.name(id),
        rows,
        share: rows as f64 / total.max(1) as f64,
    });
    IdSummary {
        smallest: part.range.map(|range| range.0),
        largest: part.range.map(|range| range.1),
        zero: part.ids.rows(0),
        beyond,
        top: top.collect(),
        missed: part.ids.missed(),
    }
}

fn number_summary(part: &ColumnStats) -> NumberSummary {
    let sorted = part.sample.sorted();
    NumberSummary {
        smallest: part.values.smallest,
        largest: part.values.largest,
        mean: part.values.moments.mean,
        deviation: part.values.moments.deviation(),
        zeros: part.values.zeros,
        not_finite: part.values.not_finite,
        quantiles: [0.01, 0.25, 0.5, 0.75, 0.99].map(|share| quantile(&sorted, share)),
        exact: part.sample.is_whole(),
    }
}

fn length_summary(part: &ColumnStats) -> Option<LengthSummary> {
    part.lengths.as_ref().map(|lengths| LengthSummary {
        smallest: lengths.smallest,
        largest: lengths.largest,
        mean: lengths.elements as f64 / lengths.rows.max(1) as f64,
        empty: lengths.bars[0],
    })
}

/// The bars of a column's plot: those of the first part, so that the parts can be laid on each other.
enum Bars {
    Ids(Vec<i64>),
    Bins { start: f64, width: f64 },
    Lengths,
    None,
}

impl Bars {
    fn of(kind: ColumnKind, first: &ColumnStats) -> Self {
        match kind {
            ColumnKind::Ids | ColumnKind::Text => {
                Bars::Ids(first.ids.top(BARS).into_iter().map(|(id, _)| id).collect())
            }
            ColumnKind::Numbers => {
                let sorted = first.sample.sorted();
                let (start, end) = (quantile(&sorted, 0.005), quantile(&sorted, 0.995));
                Bars::Bins { start, width: (end - start) / BARS as f64 }
            }
            ColumnKind::Lists => Bars::Lengths,
            ColumnKind::Other => Bars::None,
        }
    }

    /// The share of a part's rows in each bar.
    fn shares(&self, part: &ColumnStats) -> Vec<f64> {
        let (counts, total): (Vec<u64>, u64) = match self {
            Bars::Ids(ids) => {
                let total = part.ids.cells().map(|(_, cell)| u64::from(cell[0])).sum();
                (ids.iter().map(|&id| part.ids.rows(id)).collect(), total)
            }
            Bars::Bins { start, width } => {
                let mut counts = vec![0; BARS];
                let values = part.sample.sorted();
                for value in &values {
                    // What lies outside is in the first and the last bar; so is everything if there is one value.
                    let bar = if *width > 0.0 { ((value - start) / width).floor() } else { 0.0 };
                    counts[bar.clamp(0.0, (BARS - 1) as f64) as usize] += 1;
                }
                (counts, values.len() as u64)
            }
            Bars::Lengths => {
                let bars = part.lengths.as_ref().map_or([0; LENGTH_BARS], |lengths| lengths.bars);
                (bars.to_vec(), part.lengths.as_ref().map_or(0, |lengths| lengths.rows))
            }
            Bars::None => (Vec::new(), 0),
        };
        counts.into_iter().map(|count| count as f64 / total.max(1) as f64).collect()
    }
}

/// What was assumed, and what is no exact count.
fn notes(roles: &Roles, description: &Description) -> Vec<String> {
    let mut notes = Vec::new();
    if roles.guessed {
        let names: Vec<&str> = description.tasks.iter().map(|task| task.name.as_str()).collect();
        notes.push(format!(
            "labels by their usual names: {}; name others where that is wrong",
            names.join(", ")
        ));
    }
    let mut list = |belongs: fn(&ColumnInPart) -> bool, text: &str| {
        let columns = description.columns.iter().filter(|column| column.parts.iter().any(belongs));
        let names: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        if !names.is_empty() {
            notes.push(format!("{text}: {}", names.join(", ")));
        }
    };
    list(
        |part| part.ids.as_ref().is_some_and(|ids| ids.missed > 0),
        "more ids than are counted one by one, so that counts may be too low by the number given as missed",
    );
    list(|part| !part.distinct.exact, "distinct values estimated, within some percent");
    list(
        |part| part.numbers.as_ref().is_some_and(|numbers| !numbers.exact),
        "quantiles and plots from a sample of rows, the same for all columns",
    );
    notes
}
