//! The figure for Mermaid, whose readers (GitHub's pages among them) choose place and colour by themselves.

use std::fmt::{self, Write};

use super::structure::{Diagram, EdgeKind, NodeKind};

/// The flowchart as text.
pub(super) fn draw(diagram: &Diagram) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, diagram);
    text
}

fn write(out: &mut String, diagram: &Diagram) -> fmt::Result {
    writeln!(out, "flowchart BT")?;
    writeln!(out, "  accTitle: {}", one_line(&diagram.title()))?;
    writeln!(out, "  accDescr: {}", one_line(&diagram.subtitle()))?;
    for index in members(diagram, None) {
        write_node(out, diagram, index, "  ")?;
    }
    for level in 0..diagram.n_levels {
        let lines = diagram.level_lines(level);
        writeln!(out, "  subgraph level{level}[{}]", quoted(&[lines.join(" ")]))?;
        for index in members(diagram, Some(level)) {
            write_node(out, diagram, index, "    ")?;
        }
        writeln!(out, "  end")?;
    }
    for edge in &diagram.edges {
        let arrow = match edge.kind {
            EdgeKind::Values => "-->",
            EdgeKind::GateInput => "-.->",
        };
        writeln!(out, "  n{} {arrow} n{}", edge.from, edge.to)?;
    }
    Ok(())
}

fn members(diagram: &Diagram, level: Option<usize>) -> impl Iterator<Item = usize> + '_ {
    diagram.nodes.iter().enumerate().filter(move |(_, node)| node.level() == level).map(|(index, _)| index)
}

fn write_node(out: &mut String, diagram: &Diagram, index: usize, indent: &str) -> fmt::Result {
    let node = &diagram.nodes[index];
    let words = quoted(&diagram.lines(node));
    match node.kind {
        NodeKind::Gate { .. } | NodeKind::Output { .. } => writeln!(out, "{indent}n{index}([{words}])"),
        _ => writeln!(out, "{indent}n{index}[{words}]"),
    }
}

/// Lines as one label. Everything but letters, digits, spaces and what no grammar minds becomes a character's number.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push_str("<br/>");
        }
        for character in line.chars() {
            match character {
                c if c.is_alphanumeric() || " ,.:→-_()".contains(c) => text.push(c),
                c if c.is_control() => text.push('\u{fffd}'),
                c => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "#{};", u32::from(c));
                }
            }
        }
    }
    text.push('"');
    text
}

/// Text that stands without quotes.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == ';' || c == '#' { ' ' } else { c }).collect()
}
