//! The figure for Graphviz: boxes, a cluster for each level, and arrows that go upwards.

use std::fmt::{self, Write};

use super::structure::{Diagram, EdgeKind, NodeKind, Stream};

/// The insides of the boxes, by task; all are light, so the words in them are black on any page.
const COLORS: [&str; 6] = ["#dceafb", "#fde8d0", "#d9f2e3", "#efe2f8", "#fde0e7", "#d8f0f2"];

/// The graph as text.
pub(super) fn draw(diagram: &Diagram) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, diagram);
    text
}

fn write(out: &mut String, diagram: &Diagram) -> fmt::Result {
    writeln!(out, "digraph model {{")?;
    writeln!(out, "  rankdir=BT;")?;
    writeln!(out, "  bgcolor=\"transparent\";")?;
    writeln!(out, "  label={};", quoted(&[diagram.title(), diagram.subtitle()]))?;
    writeln!(out, "  fontname=\"Helvetica\"; fontcolor=\"#808080\"; color=\"#808080\";")?;
    writeln!(
        out,
        "  node [shape=box, style=\"filled,rounded\", fontname=\"Helvetica\", color=\"#808080\"];"
    )?;
    writeln!(out, "  edge [color=\"#808080\"];")?;
    for (index, _) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.level().is_none()) {
        write_node(out, diagram, index, "  ")?;
    }
    for level in 0..diagram.n_levels {
        writeln!(out, "  subgraph cluster_{level} {{")?;
        let lines = diagram.level_lines(level);
        writeln!(out, "    label={};", quoted(&[lines[0].clone(), lines[1..].join(" ")]))?;
        for (index, _) in diagram.nodes.iter().enumerate().filter(|(_, node)| node.level() == Some(level)) {
            write_node(out, diagram, index, "    ")?;
        }
        writeln!(out, "  }}")?;
    }
    for edge in &diagram.edges {
        let style = match edge.kind {
            EdgeKind::Values => "",
            EdgeKind::GateInput => " [style=dashed]",
        };
        writeln!(out, "  n{} -> n{}{style};", edge.from, edge.to)?;
    }
    writeln!(out, "}}")
}

fn write_node(out: &mut String, diagram: &Diagram, index: usize, indent: &str) -> fmt::Result {
    let node = &diagram.nodes[index];
    let color = match node.stream {
        Stream::Task(task) => COLORS[task % COLORS.len()],
        Stream::Shared => "#e4e8ec",
        Stream::Input => "#ffffff",
    };
    let shape = match node.kind {
        NodeKind::Gate { .. } | NodeKind::Output { .. } => ", shape=ellipse",
        _ => "",
    };
    writeln!(out, "{indent}n{index} [label={}, fillcolor=\"{color}\"{shape}];", quoted(&diagram.lines(node)))
}

/// Lines as one quoted string.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            text.push_str("\\n");
        }
        for character in line.chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                // Graphviz reads `&name;` as a character.
                '&' => text.push_str("&amp;"),
                c if c.is_control() => text.push('\u{fffd}'),
                c => text.push(c),
            }
        }
    }
    text.push('"');
    text
}
