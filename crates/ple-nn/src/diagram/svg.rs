//! The figure as SVG: one file that asks for nothing else, with its own colours for light and for dark pages, and with
//! the same in words for those who cannot see it.

use std::fmt::{self, Write};

use super::geometry::{Anchor, Rect, Text};
use super::layout::{Layout, ROUND};
use super::routes::Route;
use super::structure::{Diagram, Edge, EdgeKind, NodeKind, Stream};
use super::svg_style::{style, task_class};
use super::text_width::Weight;

/// The picture as text.
pub(super) fn draw(diagram: &Diagram) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, diagram, &Layout::of(diagram));
    text
}

fn write(out: &mut String, diagram: &Diagram, layout: &Layout) -> fmt::Result {
    let (width, height) = (layout.width, layout.height);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ple\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"ple-title ple-desc\">"
    )?;
    writeln!(out, "<title id=\"ple-title\">{}</title>", escaped(&diagram.title()))?;
    writeln!(out, "<desc id=\"ple-desc\">{}</desc>", escaped(&diagram.description()))?;
    write!(out, "<style>\n{}</style>\n", style())?;
    rect(out, Rect { x: 0, y: 0, width, height }, 10, "page")?;
    for frame in &layout.frames {
        rect(out, frame.rect, 10, "frame")?;
        frame.texts.iter().try_for_each(|line| words(out, line))?;
    }
    layout.header.iter().chain(&layout.notes).try_for_each(|line| words(out, line))?;
    for (edge, way) in diagram.edges.iter().zip(&layout.routes) {
        arrow(out, diagram, edge, way)?;
    }
    for (node, placed) in diagram.nodes.iter().zip(&layout.boxes) {
        let color = stream_class(node.stream);
        let radius = match node.kind {
            NodeKind::Gate { .. } | NodeKind::Output { .. } => ROUND,
            _ => 6,
        };
        writeln!(out, "<g>")?;
        let more = [diagram.lines(node).join(", "), diagram.more(node)];
        let more: Vec<String> =
            more.iter().filter(|part| !part.is_empty()).map(|part| escaped(part)).collect();
        writeln!(out, "<title>{}</title>", more.join("\n"))?;
        rect(out, placed.rect, radius, &format!("box {color}"))?;
        for (cell, index) in &placed.cells {
            rect(out, *cell, 4, &format!("cell {color}"))?;
            words(out, index)?;
        }
        placed.texts.iter().try_for_each(|line| words(out, line))?;
        writeln!(out, "</g>")?;
    }
    writeln!(out, "</svg>")
}

fn rect(out: &mut String, rect: Rect, radius: i32, class: &str) -> fmt::Result {
    let Rect { x, y, width, height } = rect;
    writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
    )
}

fn words(out: &mut String, text: &Text) -> fmt::Result {
    let Text { x, y, size, weight, anchor, words } = text;
    let class = match weight {
        Weight::Bold => " class=\"b\"",
        Weight::Normal => "",
    };
    let anchor = match anchor {
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::Start => "",
    };
    writeln!(out, "<text{class} x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{anchor}>{}</text>", escaped(words))
}

/// A line and its head; the head is drawn rather than a marker, which could not have the line's colour everywhere.
fn arrow(out: &mut String, diagram: &Diagram, edge: &Edge, way: &Route) -> fmt::Result {
    let Route { from: (x0, y0), to: (x1, y1) } = *way;
    let (class, color) = match edge.kind {
        EdgeKind::GateInput => ("way reads", "input".to_owned()),
        EdgeKind::Values => ("way", stream_class(diagram.nodes[edge.from].stream)),
    };
    let (neck, half) = (y1 + 6, (y0 - y1) / 2);
    match x0 == x1 {
        true => writeln!(out, "<path class=\"{class} {color}\" d=\"M{x0} {y0}V{neck}\"/>")?,
        false => writeln!(
            out,
            "<path class=\"{class} {color}\" d=\"M{x0} {y0}C{x0} {} {x1} {} {x1} {neck}\"/>",
            y0 - half,
            y1 + half
        )?,
    }
    writeln!(out, "<path class=\"head {color}\" d=\"M{} {}h8l-4 -6z\"/>", x1 - 4, y1 + 7)
}

fn stream_class(stream: Stream) -> String {
    match stream {
        Stream::Task(task) => task_class(task),
        Stream::Shared => "shared".to_owned(),
        Stream::Input => "input".to_owned(),
    }
}

/// Text as XML holds it: marks escaped, and characters that XML or a reader cannot bear replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Control characters, marks that turn the direction of writing, and what is no character.
            c if c.is_control() => escaped.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}
