//! Tables as text: aligned for a terminal, or as Markdown.

/// A figure with its thousands set apart; three digits count, so small ones have decimals.
pub(crate) fn grouped(value: f64) -> String {
    if value.abs() < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Rows under a header, each column as wide as its widest cell; all but the first `left` columns are set to the right.
pub(crate) fn plain(header: &[&str], rows: &[Vec<String>], left: usize) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let cells = cells.iter().enumerate().map(|(column, cell)| match column < left {
            true => format!("{cell:<0$}", widths[column]),
            false => format!("{cell:>0$}", widths[column]),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(header.to_vec())).chain(rows).collect::<Vec<_>>().join("\n")
}

/// The same as Markdown.
pub(crate) fn markdown(header: &[&str], rows: &[Vec<String>], left: usize) -> String {
    let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
    let rule = (0..header.len()).map(|column| if column < left { "---" } else { "---:" }).collect();
    let rows = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(header.to_vec()), line(rule)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{grouped, markdown, plain};

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1.256, 99.0, 100.4, 1_234.0, 25_411_862.0].map(grouped),
            ["1.26", "99.00", "100", "1,234", "25,411,862"]
        );
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".to_owned(), "1,000".to_owned()], vec!["long".to_owned(), "7".to_owned()]];
        assert_eq!(plain(&["who", "rate"], &rows, 1), "who    rate\na     1,000\nlong      7");
        assert_eq!(
            markdown(&["who", "rate"], &rows, 1),
            "| who | rate |\n| --- | ---: |\n| a | 1,000 |\n| long | 7 |"
        );
    }
}
