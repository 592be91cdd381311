//! The ways of the arrows. All go upwards: straight within a column, and as curves in the strip between experts and
//! gates (or a shared bottom and towers), where no box stands. What a gate reads passes its experts in a lane beside
//! them.

use super::geometry::{NodeBox, Rect};
use super::layout::{LANE, ROUND_AT_LANE};
use super::structure::{Diagram, Edge, EdgeKind, Stream};

/// The space between two arrows that end at one box.
const PORT_SPACING: i32 = 22;

/// An arrow from the top of one box to the bottom of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub from: (i32, i32),
    pub to: (i32, i32),
}

/// A way for each edge of a diagram.
pub(super) fn routes(diagram: &Diagram, boxes: &[NodeBox]) -> Vec<Route> {
    let rect = |node: usize| boxes[node].rect;
    diagram
        .edges
        .iter()
        .map(|edge| {
            let (source, target) = (rect(edge.from), rect(edge.to));
            // Where an arrow meets a gate's round corner, the outline is not on the edge of its rectangle.
            let tuck = if edge.kind == EdgeKind::GateInput { ROUND_AT_LANE } else { 0 };
            let (start, end) = match (edge.kind, is_curved(diagram, edge)) {
                (EdgeKind::GateInput, _) => (target.right() - LANE / 2, target.right() - LANE / 2),
                (EdgeKind::Values, true) => {
                    (leaves_at(diagram, boxes, edge), arrives_at(diagram, boxes, edge))
                }
                // The matrix of embeddings is as wide as all that stands on it and below it.
                (EdgeKind::Values, false) => {
                    let narrower = if source.width < target.width { source } else { target };
                    (narrower.center(), narrower.center())
                }
            };
            Route { from: (start, source.y + tuck), to: (end, target.bottom() - tuck) }
        })
        .collect()
}

/// Whether an edge joins boxes of a strip: then several may end at one box.
fn is_curved(diagram: &Diagram, edge: &Edge) -> bool {
    let shared_by_several = |node: usize| {
        let leaving =
            diagram.edges.iter().filter(|other| other.from == node && other.kind == EdgeKind::Values);
        leaving.count() > 1
    };
    let arriving = diagram.edges.iter().filter(|other| other.to == edge.to && other.kind == EdgeKind::Values);
    let from_input = diagram.nodes[edge.from].stream == Stream::Input;
    edge.kind == EdgeKind::Values
        && !from_input
        && (shared_by_several(edge.from)
            || arriving.count() > 1
            || diagram.nodes[edge.from].stream != diagram.nodes[edge.to].stream)
}

/// Where on its source's top an edge starts: in the order of the targets.
fn leaves_at(diagram: &Diagram, boxes: &[NodeBox], edge: &Edge) -> i32 {
    let mut targets: Vec<i32> = diagram
        .edges
        .iter()
        .filter(|other| other.from == edge.from && other.kind == EdgeKind::Values)
        .map(|other| boxes[other.to].rect.center())
        .collect();
    targets.sort_unstable();
    port(boxes[edge.from].rect, &targets, boxes[edge.to].rect.center())
}

/// Where on its target's bottom an edge ends: in the order of the sources.
fn arrives_at(diagram: &Diagram, boxes: &[NodeBox], edge: &Edge) -> i32 {
    let mut sources: Vec<i32> = diagram
        .edges
        .iter()
        .filter(|other| other.to == edge.to && other.kind == EdgeKind::Values)
        .map(|other| boxes[other.from].rect.center())
        .collect();
    sources.sort_unstable();
    port(boxes[edge.to].rect, &sources, boxes[edge.from].rect.center())
}

fn port(rect: Rect, others: &[i32], other: i32) -> i32 {
    let (n, index) =
        (others.len() as i32, others.iter().take_while(|&&center| center < other).count() as i32);
    let spacing = PORT_SPACING.min((rect.width - 3 * LANE) / n.max(1));
    rect.center() + (2 * index - (n - 1)) * spacing / 2
}
