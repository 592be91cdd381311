//! The small plots of the page, as SVG whose colours are the page's.

use std::fmt::Write;

use super::report::ColumnSummary;

const WIDTH: usize = 168;
const HEIGHT: usize = 34;

/// A column's shares: bars for the first part, a line of steps for the last one.
pub(super) fn plot(column: &ColumnSummary) -> String {
    let Some(first) = column.parts.first().filter(|part| !part.shares.is_empty()) else {
        return String::new();
    };
    let other = column.parts.get(1..).and_then(<[_]>::last).map(|part| &part.shares[..]).unwrap_or_default();
    let largest = first.shares.iter().chain(other).copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return String::new();
    }
    let step = WIDTH as f64 / first.shares.len() as f64;
    let height = |share: f64| share / largest * (HEIGHT - 2) as f64;
    let mut svg = format!(
        "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"shares of rows, up to {:.1}%\"><rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/><path class=\"first\" d=\"",
        largest * 100.0
    );
    // Writing to a string cannot fail.
    for (index, &share) in first.shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let (x, width) = (index as f64 * step + 0.5, (step - 1.0).max(0.5));
        // Something is always to be seen of what is there.
        let tall = height(share).max(0.7);
        let _ = write!(svg, "M{x:.1} {HEIGHT}v-{tall:.1}h{width:.1}v{tall:.1}z");
    }
    svg.push_str("\"/>");
    if !other.is_empty() {
        svg.push_str("<path class=\"other\" d=\"");
        for (index, &share) in other.iter().enumerate() {
            let (x, y) = (index as f64 * step, (HEIGHT as f64 - height(share)).min(HEIGHT as f64 - 0.7));
            let _ = write!(svg, "{}{x:.1} {y:.1}h{step:.1}", if index == 0 { "M" } else { "L" });
        }
        svg.push_str("\"/>");
    }
    svg.push_str("</svg>");
    svg
}

/// A share from 0 to 1 as a bar.
pub(super) fn bar(share: f64) -> String {
    const LONG: usize = 70;
    let width = share.clamp(0.0, 1.0) * LONG as f64;
    format!(
        "<svg width=\"{LONG}\" height=\"6\" aria-hidden=\"true\"><rect class=\"back\" width=\"{LONG}\" height=\"6\"/><rect class=\"first\" width=\"{width:.1}\" height=\"6\"/></svg>"
    )
}
