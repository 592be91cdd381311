//! What usually goes wrong, looked for in what was counted.

use super::comparison::expected_variation;
use super::report::{
    AsFloats, ColumnInPart, ColumnKind, ColumnRole, ColumnSummary, Description, Gaps, PartSummary,
    TaskSummary, Warning, WarningKind,
};

/// A single feature that separates better is hardly known before the event.
const SUSPICIOUS_AUC: f64 = 0.95;
/// The same of the share of positive rows where a feature has no value, if most rows are negative.
const SUSPICIOUS_SHARE: f64 = 0.95;
/// Fewer positive rows than these prove nothing.
const FEWEST_POSITIVES: u64 = 20;
/// Shares and distances that are worth a word.
const MUCH_UNSEEN: f64 = 0.1;
const MUCH_MISSING: f64 = 0.2;
const MUCH_APART: f64 = 0.1;

/// Every warning, the gravest kind first, then in the order of the columns.
pub(super) fn warnings(description: &Description) -> Vec<Warning> {
    let mut found = Vec::new();
    for task in &description.tasks {
        check_task(description, task, &mut found);
    }
    for column in &description.columns {
        let mut add = |kind, text| found.push(Warning { kind, column: column.name.clone(), text });
        check_values(description, column, &mut add);
        if column.role == ColumnRole::Feature {
            check_leak(description, column, &mut add);
            check_constant(description, column, &mut add);
            check_parts(description, column, &mut add);
        }
    }
    found.sort_by_key(|warning| warning.kind);
    found
}

fn check_task(description: &Description, task: &TaskSummary, found: &mut Vec<Warning>) {
    let mut add = |kind, text| found.push(Warning { kind, column: task.column.clone(), text });
    for (part, summary) in task.parts.iter().zip(&description.parts) {
        if let Some(positives) = part.positives.filter(|&positives| positives == 0 || positives == part.rows)
        {
            let text = match (part.rows, positives) {
                (0, _) => format!("`{}` has no row inside of the task in {}", task.name, summary.name),
                (_, 0) => format!("`{}` is 0 in all {} rows of {}", task.name, part.rows, summary.name),
                _ => format!("`{}` is 1 in all {} rows of {}", task.name, part.rows, summary.name),
            };
            add(WarningKind::OneClass, format!("{text}: nothing can be learned or measured there"));
        }
    }
    let (first, first_name) = (&task.parts[0], &description.parts[0].name);
    for (part, summary) in task.parts.iter().zip(&description.parts).skip(1) {
        let (Some(a), Some(b), Some(_)) = (first.mean, part.mean, first.positives) else { continue };
        let pooled = (a * first.rows as f64 + b * part.rows as f64) / (first.rows + part.rows) as f64;
        let variance = pooled * (1.0 - pooled) * (1.0 / first.rows as f64 + 1.0 / part.rows as f64);
        if (a - b).abs() > 4.0 * variance.sqrt() && (a - b).abs() > 0.1 * a {
            let text = format!(
                "`{}` is positive in {} of {first_name} and {} of {}: are the rows from other times or places?",
                task.name,
                percent(a),
                percent(b),
                summary.name,
            );
            add(WarningKind::PartsDiffer, text);
        }
    }
}

fn check_values(
    description: &Description,
    column: &ColumnSummary,
    add: &mut impl FnMut(WarningKind, String),
) {
    for (part, summary) in column.parts.iter().zip(&description.parts) {
        let rows = summary.rows.max(1) as f64;
        let of = |count: u64| format!("{count} rows of {} ({})", summary.name, percent(count as f64 / rows));
        if let Some(ids) = &part.ids {
            if let (Some(beyond), Some(size)) = (ids.beyond.filter(|&beyond| beyond > 0), column.vocab_size) {
                let text = format!("{} have ids that are not from 0 to {}", of(beyond), size - 1);
                add(WarningKind::BeyondVocabulary, text);
            } else if column.role == ColumnRole::Feature && ids.smallest.is_some_and(|smallest| smallest < 0)
            {
                let smallest = ids.smallest.unwrap_or_default();
                let text =
                    format!("ids down to {smallest} in {}: an id is the number of a row", summary.name);
                add(WarningKind::NegativeIds, text);
            }
        }
        if let Some(numbers) = part.numbers.as_ref().filter(|numbers| numbers.not_finite > 0) {
            add(WarningKind::NotFinite, format!("{} are NaN or infinite", of(numbers.not_finite)));
        }
        let is_read = column.role != ColumnRole::Unused && column.role != ColumnRole::Key;
        if let Some(AsFloats { distinct, left }) = part.as_floats
            && is_read
            && distinct >= 2
            && 2 * left <= distinct
        {
            let text = format!(
                "{distinct} different values of {} become {left} in 32 bits: scale them with `cargo xtask data prepare`, or take off what they have in common",
                summary.name
            );
            add(WarningKind::Rounded, text);
        }
        let expects_values = !matches!(column.role, ColumnRole::Unused | ColumnRole::Label);
        if expects_values && part.nulls > 0 && part.nulls < summary.rows {
            let share = part.nulls as f64 / rows;
            let much = if share > MUCH_MISSING { ": is the column worth keeping?" } else { "" };
            add(WarningKind::Missing, format!("{} have no value{much}", of(part.nulls)));
        }
    }
}

fn check_leak(description: &Description, column: &ColumnSummary, add: &mut impl FnMut(WarningKind, String)) {
    for (alone, task) in column.alone.iter().zip(&description.tasks) {
        if task.parts[0].positives.is_none_or(|positives| positives < FEWEST_POSITIVES) {
            continue;
        }
        if let Some(auc) = alone.auc.filter(|&auc| auc >= SUSPICIOUS_AUC) {
            let text = format!(
                "predicts `{}` almost alone (AUC {auc:.3}): is it known before the event?",
                alone.task
            );
            add(WarningKind::LabelLeak, text);
        }
        if let Some(gaps) = alone.gaps {
            check_gaps(gaps, task, &mut *add);
        }
    }
}

/// A value that is missing since the event happened, or since it did not, tells the label as well as any value.
fn check_gaps(gaps: Gaps, task: &TaskSummary, add: &mut impl FnMut(WarningKind, String)) {
    let share = gaps.positives as f64 / gaps.rows.max(1) as f64;
    let is_rare = task.parts[0].mean.is_some_and(|rate| rate < 0.5);
    let text = if gaps.auc >= SUSPICIOUS_AUC {
        format!(
            "whether it is missing predicts `{}` almost alone (AUC {:.3}): is it known before the event?",
            task.name, gaps.auc
        )
    } else if is_rare && share >= SUSPICIOUS_SHARE && gaps.positives >= FEWEST_POSITIVES {
        format!(
            "of its {} rows without a value {} are positive for `{}`: is it missing because of the event?",
            gaps.rows,
            percent(share),
            task.name
        )
    } else {
        return;
    };
    add(WarningKind::LabelLeak, text);
}

fn check_constant(
    description: &Description,
    column: &ColumnSummary,
    add: &mut impl FnMut(WarningKind, String),
) {
    let (part, summary) = (&column.parts[0], &description.parts[0]);
    if part.nulls == summary.rows {
        add(WarningKind::Constant, format!("no row of {} has a value", summary.name));
    } else if part.distinct.count == 1 && part.nulls == 0 && column.kind != ColumnKind::Lists {
        add(WarningKind::Constant, format!("has one value in all rows of {}", summary.name));
    }
}

fn check_parts(description: &Description, column: &ColumnSummary, add: &mut impl FnMut(WarningKind, String)) {
    let (first, first_name) = (&column.parts[0], &description.parts[0].name);
    let later = || column.parts.iter().zip(&description.parts).skip(1);
    if later().any(|(part, _)| part.unseen.is_some_and(|unseen| unseen > MUCH_UNSEEN)) {
        let share = |(part, summary): (&ColumnInPart, &PartSummary)| {
            part.unseen.map(|unseen| format!("{} of {}", percent(unseen), summary.name))
        };
        let shares: Vec<String> = later().filter_map(share).collect();
        add(WarningKind::UnseenIds, format!("ids that {first_name} lacks stand in {}", shares.join(", ")));
    }
    for (part, summary) in later() {
        let rows = [description.parts[0].rows - first.nulls, summary.rows - part.nulls];
        let chance = match column.kind {
            // Beyond this the distance of two draws from one distribution goes once in a thousand times.
            ColumnKind::Numbers => {
                1.95 * rows.iter().map(|&rows| 1.0 / rows.max(1) as f64).sum::<f64>().sqrt()
            }
            _ => 3.0 * expected_variation(&first.shares, rows),
        };
        if let Some(distance) = part.distance.filter(|&distance| distance > MUCH_APART.max(chance)) {
            let text = format!(
                "is distributed differently in {first_name} and {} (distance {distance:.2} of 1)",
                summary.name
            );
            add(WarningKind::PartsDiffer, text);
        }
    }
}

/// A share as a percentage, with as many digits as a small one needs.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0%".to_owned(),
        value if value < 0.01 => "<0.01%".to_owned(),
        value if value < 10.0 => format!("{value:.2}%"),
        value => format!("{value:.1}%"),
    }
}
