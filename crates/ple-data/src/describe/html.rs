//! A description as one page: no script, no request to anywhere, readable in light and in dark.

use std::fmt::{self, Write};
use std::io::Write as _;
use std::path::Path;

use ple_files::write_whole;

use super::plot::{bar, plot};
use super::report::{ColumnSummary, Description};
use super::text::{difference_words, grouped, range_words, rate_words, value_words};
use super::warnings::percent;
use crate::error::DataError;

/// Top ids in a cell of the table; more are in its tooltip.
const TOP_SHOWN: usize = 3;

const STYLE: &str = "
:root { color-scheme: light dark; --page: #ffffff; --text: #1c2128; --muted: #57606a; --line: #d0d7de; --band: #f6f8fa;
  --first: #1f66b5; --other: #d9730d; --bad: #b3304f }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --text: #e6edf3; --muted: #9aa4b0; --line: #3d444d; --band: #151b23;
    --first: #6cb0f5; --other: #f0a558; --bad: #f48fab }
}
body { margin: 2rem auto; padding: 0 1.5rem; max-width: 1500px; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", \"DejaVu Sans\", sans-serif }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; white-space: nowrap }
th { color: var(--muted); font-weight: 600 }
td.n, th.n { text-align: right }
td.name { font-weight: 600; white-space: normal; overflow-wrap: anywhere; min-width: 6rem; max-width: 16rem }
td.values { white-space: normal; min-width: 12rem; max-width: 22rem; overflow-wrap: anywhere }
td.wrap { white-space: normal; min-width: 5rem }
.muted { color: var(--muted) }
.bad { color: var(--bad); font-weight: 600 }
ul { padding-left: 1.2rem }
li { margin: .2rem 0; overflow-wrap: anywhere }
svg { display: block }
svg .back { fill: var(--band) } svg .first { fill: var(--first) }
svg .other { fill: none; stroke: var(--other); stroke-width: 1.5 } svg .axis { stroke: var(--line) }
.key { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem -.1rem .8rem }
";

impl Description {
    /// The description as one HTML page with a small plot for each column.
    pub fn to_html(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_page(&mut page);
        page
    }

    /// Writes the page into a file, whole or not at all.
    ///
    /// # Errors
    /// [`DataError::File`].
    pub fn write_html(&self, path: &Path) -> Result<(), DataError> {
        let page = self.to_html();
        Ok(write_whole(path, |file| file.write_all(page.as_bytes()))?)
    }

    fn write_page(&self, out: &mut String) -> fmt::Result {
        let rows: u64 = self.parts.iter().map(|part| part.rows).sum();
        let title = format!("{} rows, {} columns", grouped(rows), self.columns.len());
        writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>")?;
        writeln!(out, "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>")?;
        self.write_parts(out)?;
        self.write_warnings(out)?;
        self.write_tasks(out)?;
        self.write_columns(out)?;
        if !self.notes.is_empty() {
            writeln!(out, "<h2>Notes</h2>\n<ul class=\"muted\">")?;
            self.notes.iter().try_for_each(|note| writeln!(out, "<li>{}</li>", escaped(note)))?;
            writeln!(out, "</ul>")?;
        }
        writeln!(out, "</body>\n</html>")
    }

    fn write_parts(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "<div class=\"wide\"><table>")?;
        writeln!(
            out,
            "<tr><th>part</th><th class=\"n\">rows</th><th class=\"n\">bytes</th><th>files</th></tr>"
        )?;
        for part in &self.parts {
            let first = part.files.first().map(String::as_str).unwrap_or_default();
            let more = match part.files.len() {
                0 | 1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            writeln!(
                out,
                "<tr><td class=\"name\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td title=\"{}\">{}{more}</td></tr>",
                escaped(&part.name),
                grouped(part.rows),
                grouped(part.bytes),
                escaped(&part.files.join("\n")),
                escaped(first),
            )?;
        }
        writeln!(out, "</table></div>")
    }

    fn write_warnings(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "<h2>Warnings</h2>")?;
        if self.warnings.is_empty() {
            return writeln!(out, "<p class=\"muted\">None.</p>");
        }
        writeln!(out, "<ul>")?;
        for warning in &self.warnings {
            let (column, text) = (escaped(&warning.column), escaped(&warning.text));
            writeln!(out, "<li><span class=\"bad\">{column}</span>: {text}</li>")?;
        }
        writeln!(out, "</ul>")
    }

    fn write_tasks(&self, out: &mut String) -> fmt::Result {
        if self.tasks.is_empty() {
            return Ok(());
        }
        writeln!(out, "<h2>Tasks</h2>\n<div class=\"wide\"><table>")?;
        writeln!(
            out,
            "<tr><th>task</th><th>part</th><th class=\"n\">rows</th><th class=\"n\">positives</th><th class=\"n\">rate</th><th></th><th>over</th></tr>"
        )?;
        for task in &self.tasks {
            let rates =
                || task.parts.iter().filter(|part| part.positives.is_some()).filter_map(|part| part.mean);
            let largest = rates().fold(0.0, f64::max);
            for (index, (part, summary)) in task.parts.iter().zip(&self.parts).enumerate() {
                let first = |text: &str| if index == 0 { escaped(text) } else { String::new() };
                let rate = rate_words(part);
                let share =
                    part.positives.and(part.mean).map_or(0.0, |mean| mean / largest.max(f64::MIN_POSITIVE));
                writeln!(
                    out,
                    "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{rate}</td><td>{}</td><td>{}</td></tr>",
                    first(&task.name),
                    escaped(&summary.name),
                    grouped(part.rows),
                    part.positives.map_or("–".to_owned(), grouped),
                    bar(share),
                    first(&task.space),
                )?;
            }
        }
        writeln!(out, "</table></div>")
    }

    fn write_columns(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "<h2>Columns</h2>\n<p class=\"muted\">Counts, plots and AUCs are those of")?;
        write!(
            out,
            "<span class=\"key\" style=\"background: var(--first)\"></span>{}",
            escaped(&self.parts[0].name)
        )?;
        if let Some(last) = self.parts.get(1..).and_then(<[_]>::last) {
            let name = escaped(&last.name);
            write!(
                out,
                "; the line in the plots is<span class=\"key\" style=\"background: var(--other)\"></span>{name}"
            )?;
        }
        writeln!(
            out,
            ". Bars are the most frequent ids, bins between the outermost percentiles, or lengths. An AUC is that of the column alone: 0.5 says nothing, 1 says all.</p>"
        )?;
        writeln!(
            out,
            "<div class=\"wide\"><table>\n<tr><th>column</th><th>kind</th><th>plot</th><th class=\"n\">distinct</th><th class=\"n\">missing</th><th class=\"n\">id 0</th><th>range</th><th>most frequent, or quartiles</th>"
        )?;
        for task in &self.tasks {
            writeln!(out, "<th>{} alone</th>", escaped(&task.name))?;
        }
        for part in self.parts.iter().skip(1) {
            writeln!(out, "<th>{} differs</th>", escaped(&part.name))?;
        }
        writeln!(out, "</tr>")?;
        self.columns.iter().try_for_each(|column| self.write_column(out, column))?;
        writeln!(out, "</table></div>")
    }

    fn write_column(&self, out: &mut String, column: &ColumnSummary) -> fmt::Result {
        let (part, rows) = (&column.parts[0], self.parts[0].rows.max(1) as f64);
        let (name, about) = (escaped(&column.name), if part.distinct.exact { "" } else { "~" });
        let suspicious = self.warnings.iter().any(|warning| warning.column == column.name);
        let class = if suspicious { "name bad" } else { "name" };
        writeln!(
            out,
            "<tr><td class=\"{class}\">{name}</td><td>{}</td><td>{}</td>",
            column.words(),
            plot(column)
        )?;
        let vocabulary =
            column.vocab_size.map_or(String::new(), |size| format!(" of {}", grouped(size as u64)));
        writeln!(out, "<td class=\"n\">{about}{}{vocabulary}</td>", grouped(part.distinct.count))?;
        writeln!(out, "<td class=\"n\">{}</td>", percent(part.nulls as f64 / rows))?;
        let zero = part.ids.as_ref().filter(|ids| ids.smallest.is_some() && part.lengths.is_none());
        writeln!(
            out,
            "<td class=\"n\">{}</td>",
            zero.map_or("–".to_owned(), |ids| percent(ids.zero as f64 / rows))
        )?;
        writeln!(
            out,
            "<td>{}</td><td class=\"values\" title=\"{}\">{}</td>",
            escaped(&range_words(part)),
            escaped(&value_words(part, usize::MAX)),
            escaped(&value_words(part, TOP_SHOWN)),
        )?;
        for alone in &column.alone {
            match alone.auc {
                None => writeln!(out, "<td class=\"muted\">–</td>")?,
                // From 0.5, which says nothing, to 1.
                Some(auc) => {
                    writeln!(out, "<td title=\"AUC {auc:.4}\">{auc:.3}{}</td>", bar(2.0 * auc - 1.0))?
                }
            }
        }
        for later in column.parts.iter().skip(1) {
            writeln!(out, "<td class=\"wrap\">{}</td>", escaped(&difference_words(later)))?;
        }
        writeln!(out, "</tr>")
    }
}

/// Text as it stands in a page or in an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
