//! A description as aligned text for a terminal, and as JSON.

use super::report::{ColumnInPart, ColumnKind, ColumnSummary, Description, TaskInPart};
use super::warnings::percent;

/// Top ids in a line of the table.
const TOP_SHOWN: usize = 3;

impl Description {
    /// The description as tables of text: parts, tasks, columns, then warnings and notes.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        text += &table(&["part", "files", "rows", "bytes"], self.part_rows(), &[1, 2, 3]);
        if !self.tasks.is_empty() {
            text.push('\n');
            text +=
                &table(&["task", "part", "rows", "positives", "rate", "over"], self.task_rows(), &[2, 3, 4]);
        }
        text.push('\n');
        let headings =
            ["column", "kind", "distinct", "missing", "id 0", "range", "most frequent, or quartiles"];
        let mut headings = headings.map(str::to_owned).to_vec();
        headings.extend(self.tasks.iter().map(|task| format!("{} alone", task.name)));
        headings.extend(self.parts.iter().skip(1).map(|part| format!("{} differs", part.name)));
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        let rows = self.columns.iter().map(|column| self.column_row(column)).collect();
        text += &table(&headings, rows, &[2, 3, 4]);
        for (heading, lines) in [("warnings", self.warning_lines()), ("notes", self.notes.clone())] {
            if !lines.is_empty() {
                text += &format!("\n{heading}\n");
                lines.iter().for_each(|line| text += &format!("  {line}\n"));
            }
        }
        text
    }

    /// The description as indented JSON: the fields of the types of this module.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self)
            .expect("a description has string keys alone, which JSON can always hold")
    }

    fn part_rows(&self) -> Vec<Vec<String>> {
        let row = |part: &super::PartSummary| {
            vec![part.name.clone(), part.files.len().to_string(), grouped(part.rows), grouped(part.bytes)]
        };
        self.parts.iter().map(row).collect()
    }

    fn task_rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for task in &self.tasks {
            for (index, (part, summary)) in task.parts.iter().zip(&self.parts).enumerate() {
                let first = |text: &str| if index == 0 { text.to_owned() } else { String::new() };
                let rate = rate_words(part);
                rows.push(vec![
                    first(&task.name),
                    summary.name.clone(),
                    grouped(part.rows),
                    part.positives.map_or("–".to_owned(), grouped),
                    rate,
                    first(&task.space),
                ]);
            }
        }
        rows
    }

    fn column_row(&self, column: &ColumnSummary) -> Vec<String> {
        let (part, rows) = (&column.parts[0], self.parts[0].rows.max(1) as f64);
        let about = if part.distinct.exact { "" } else { "~" };
        let zero = part.ids.as_ref().filter(|_| column.kind == ColumnKind::Ids);
        let mut row = vec![
            column.name.clone(),
            column.words().to_owned(),
            format!("{about}{}", grouped(part.distinct.count)),
            percent(part.nulls as f64 / rows),
            zero.map_or("–".to_owned(), |ids| percent(ids.zero as f64 / rows)),
            range_words(part),
            value_words(part, TOP_SHOWN),
        ];
        row.extend(
            column.alone.iter().map(|alone| alone.auc.map_or("–".to_owned(), |auc| format!("{auc:.3}"))),
        );
        row.extend(column.parts.iter().skip(1).map(difference_words));
        row
    }

    /// The warnings, a line for each.
    fn warning_lines(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("{}: {}", warning.column, warning.text)).collect()
    }
}

impl ColumnSummary {
    /// Kind or role in a word: what is no feature is called by its role.
    pub(super) fn words(&self) -> &'static str {
        use super::report::ColumnRole;
        match (self.role, self.kind) {
            (ColumnRole::Label, _) => "label",
            (ColumnRole::Weight, _) => "weight",
            (ColumnRole::Key, _) => "key",
            (ColumnRole::Unused, _) => "unused",
            (ColumnRole::Feature, ColumnKind::Ids) => "ids",
            (ColumnRole::Feature, ColumnKind::Numbers) => "numbers",
            (ColumnRole::Feature, ColumnKind::Text) => "text",
            (ColumnRole::Feature, ColumnKind::Lists) => "lists",
            (ColumnRole::Feature, ColumnKind::Other) => "other",
        }
    }
}

/// The share of positive rows, or mean and deviation where labels are numbers.
pub(super) fn rate_words(part: &TaskInPart) -> String {
    match (part.positives, part.mean, part.deviation) {
        (Some(_), Some(mean), _) => percent(mean),
        (None, Some(mean), Some(deviation)) => {
            format!("mean {}, deviation {}", number(mean), number(deviation))
        }
        _ => "–".to_owned(),
    }
}

/// From the smallest to the largest value, of lists to the longest.
pub(super) fn range_words(part: &ColumnInPart) -> String {
    if let Some(lengths) = &part.lengths {
        return format!("{} to {} long", grouped(lengths.smallest), grouped(lengths.largest));
    }
    if let Some(numbers) = &part.numbers {
        return format!("{} to {}", number(numbers.smallest), number(numbers.largest));
    }
    match part.ids.as_ref().and_then(|ids| ids.smallest.zip(ids.largest)) {
        Some((smallest, largest)) => format!("{smallest} to {largest}"),
        None => "–".to_owned(),
    }
}

/// The most frequent values, or the quartiles of numbers.
pub(super) fn value_words(part: &ColumnInPart, most: usize) -> String {
    let top = part.ids.iter().flat_map(|ids| ids.top.iter().take(most));
    let top: Vec<String> = top.map(|top| format!("{} ({})", top.id, percent(top.share))).collect();
    match &part.numbers {
        Some(numbers) => {
            numbers.quantiles[1..4].iter().map(|&value| number(value)).collect::<Vec<_>>().join(" | ")
        }
        None if top.is_empty() => "–".to_owned(),
        None => top.join(", "),
    }
}

/// What a later part has that the first has not.
pub(super) fn difference_words(part: &ColumnInPart) -> String {
    let distance = part.distance.map(|distance| format!("{distance:.2}"));
    let unseen =
        part.unseen.filter(|&unseen| unseen > 0.0).map(|unseen| format!("{} unseen", percent(unseen)));
    let words: Vec<String> = distance.into_iter().chain(unseen).collect();
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

/// A number in four digits or so.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e7).contains(&size) => format!("{value:.3e}"),
        size => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{value:.digits$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    }
}

/// A count with its thousands apart.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows below headings, in columns as wide as they need; those of `right` are flush right.
fn table(headings: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> String {
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&headings]).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    for row in [&headings].into_iter().chain(&rows) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            match right.contains(&column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{grouped, number, table};

    #[test]
    fn numbers_are_short() {
        let values = [0.0, 1.0, 0.5, 1234.5678, 123456.7, 1e-5, -0.125, 3e9, 99.999];
        let shown = values.map(number);
        assert_eq!(shown, ["0", "1", "0.5", "1235", "123457", "1.000e-5", "-0.125", "3.000e9", "100"]);
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["bcd".to_owned(), "1".to_owned()]];
        assert_eq!(table(&["x", "n"], rows, &[1]), "x     n\na    10\nbcd   1\n");
    }
}
