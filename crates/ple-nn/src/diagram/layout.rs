//! Where everything stands: rows from the input at the bottom to the outputs at the top, a column for each task and one
//! for what they share, and box sizes from the words in them. All in whole pixels.

use std::collections::BTreeMap;

use super::geometry::{Anchor, NodeBox, Rect, Text};
use super::routes::{Route, routes};
use super::structure::{Diagram, EdgeKind, Node, NodeKind, Stream};
use super::text_width::{Weight, fit, text_width};

/// The space around the whole.
const MARGIN: i32 = 20;
/// The space between a box and its words.
const PADDING: i32 = 10;
/// The space beside a box in which the dashed arrow to its gate runs.
pub(super) const LANE: i32 = 18;
/// The round corners of gates and outputs, and how far the outline has left its straight side where that arrow ends.
pub(super) const ROUND: i32 = 20;
pub(super) const ROUND_AT_LANE: i32 = 3;
/// The space between columns.
const COLUMN_GAP: i32 = 14;
/// The space between rows that straight arrows join.
const ROW_GAP: i32 = 32;
/// The space between a level's frame and what is in it.
const FRAME_PADDING: i32 = 14;
/// Columns are no wider, whatever the tasks are called.
const WIDEST_COLUMN: i32 = 250;
const NARROWEST_COLUMN: i32 = 170;
/// The boxes of single experts: so many side by side, and in all.
const CELLS_IN_ROW: usize = 4;
const MOST_CELLS: usize = 12;
const CELL_HEIGHT: i32 = 22;
const CELL_WIDTH: i32 = 40;
const CELL_GAP: i32 = 6;
const LINE_HEIGHT: i32 = 17;

const TITLE_SIZE: i32 = 18;
const HEADING_SIZE: i32 = 13;
const TEXT_SIZE: i32 = 12;

/// The frame around a level.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub rect: Rect,
    pub texts: Vec<Text>,
}

/// The whole figure.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub width: i32,
    pub height: i32,
    pub header: Vec<Text>,
    pub frames: Vec<Frame>,
    /// One for each node of the diagram.
    pub boxes: Vec<NodeBox>,
    /// One for each edge of the diagram.
    pub routes: Vec<Route>,
    pub notes: Vec<Text>,
}

/// The columns: which stream stands where.
struct Columns {
    streams: Vec<Stream>,
    width: i32,
    left: i32,
}

impl Layout {
    pub(super) fn of(diagram: &Diagram) -> Self {
        let titles =
            [(diagram.title(), TITLE_SIZE, Weight::Bold), (diagram.subtitle(), TEXT_SIZE, Weight::Normal)];
        let notes = diagram.notes();
        let widest_note = notes.iter().map(|note| text_width(note, TEXT_SIZE, Weight::Normal)).max();
        let widest_title = titles.iter().map(|(words, size, weight)| text_width(words, *size, *weight)).max();
        let widest_text = widest_note.max(widest_title).unwrap_or(0);

        // Horizontally: the frames' words, then the columns, centred above the features.
        let levels: Vec<Vec<String>> =
            (0..diagram.n_levels).map(|level| diagram.level_lines(level)).collect();
        let words = levels.iter().flatten().map(|line| text_width(line, HEADING_SIZE, Weight::Bold));
        let gutter = words.max().map_or(0, |width| width + 2 * FRAME_PADDING);
        let streams = streams(diagram);
        let column = column_width(diagram);
        let columns_width = row_width(streams.iter().map(|_| column));
        let cards: Vec<(usize, i32)> = of_kind(diagram, |kind| matches!(kind, NodeKind::Features(_)))
            .map(|(index, node)| (index, words_width(&diagram.lines(node)) + 2 * PADDING))
            .collect();
        let cards_width = row_width(cards.iter().map(|&(_, width)| width));
        let content = columns_width.max(cards_width).max(widest_text - gutter);
        let left = MARGIN + gutter;
        let columns = Columns { streams, width: column, left: left + (content - columns_width) / 2 };

        // Vertically: rows by what their nodes are, from the outputs down.
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, node) in diagram.nodes.iter().enumerate() {
            rows.entry(row(node)).or_default().push(index);
        }
        let rows: Vec<Vec<usize>> = rows.into_values().rev().collect();
        let mut y = MARGIN + TITLE_SIZE + LINE_HEIGHT + ROW_GAP / 2 + 6;
        let mut boxes: Vec<Option<NodeBox>> = vec![None; diagram.nodes.len()];
        for (index, members) in rows.iter().enumerate() {
            if let Some(above) = index.checked_sub(1) {
                y += gap(diagram, members, &rows[above], columns.width);
            }
            let height = members.iter().map(|&node| box_height(diagram, node)).max().unwrap_or(0);
            let mut card_x = left + (content - cards_width) / 2;
            for &node in members {
                let (x, width) = match (&diagram.nodes[node].kind, cards.iter().find(|card| card.0 == node)) {
                    (_, Some(&(_, width))) => {
                        card_x += width + COLUMN_GAP;
                        (card_x - width - COLUMN_GAP, width)
                    }
                    (NodeKind::Embeddings, _) => (left, content),
                    (NodeKind::Gate { .. }, _) => columns.place(diagram.nodes[node].stream, 0),
                    _ => columns.place(diagram.nodes[node].stream, LANE),
                };
                boxes[node] = Some(node_box(diagram, node, Rect { x, y, width, height }));
            }
            y += height;
        }
        let boxes: Vec<NodeBox> = boxes.into_iter().flatten().collect();

        let frames = levels.into_iter().enumerate();
        let frames =
            frames.map(|(level, lines)| frame(diagram, &boxes, level, lines, left + content)).collect();
        let mut text_y = y + ROW_GAP / 2;
        let notes = notes.into_iter().map(|words| {
            text_y += LINE_HEIGHT;
            let (x, weight, anchor) = (MARGIN, Weight::Normal, Anchor::Start);
            Text { x, y: text_y, size: TEXT_SIZE, weight, anchor, words }
        });
        let notes: Vec<Text> = notes.collect();
        let mut title_y = MARGIN;
        let header = titles.into_iter().map(|(words, size, weight)| {
            title_y += size.max(LINE_HEIGHT);
            Text { x: MARGIN, y: title_y, size, weight, anchor: Anchor::Start, words }
        });
        Self {
            width: left + content + FRAME_PADDING + MARGIN,
            height: text_y + MARGIN,
            header: header.collect(),
            frames,
            routes: routes(diagram, &boxes),
            boxes,
            notes,
        }
    }
}

impl Columns {
    /// Left edge and width of a box in a stream's column.
    fn place(&self, stream: Stream, inset: i32) -> (i32, i32) {
        let position = self.streams.iter().position(|&other| other == stream).unwrap_or(0) as i32;
        (self.left + position * (self.width + COLUMN_GAP) + inset, self.width - 2 * inset)
    }
}

/// The columns from left to right: the shared one in the middle, so that its arrows are short.
fn streams(diagram: &Diagram) -> Vec<Stream> {
    let n_tasks = diagram.tasks.len();
    let mut streams: Vec<Stream> = (0..n_tasks).map(Stream::Task).collect();
    if diagram.nodes.iter().any(|node| node.stream == Stream::Shared) {
        streams.insert(n_tasks.div_ceil(2), Stream::Shared);
    }
    streams
}

/// The row that a node stands in, counted from below.
fn row(node: &Node) -> usize {
    match node.kind {
        NodeKind::Features(_) => 0,
        NodeKind::Embeddings => 1,
        NodeKind::Part(part) => 2 + part.row,
        NodeKind::Experts { level, .. } => 2 + 2 * level,
        NodeKind::Gate { level, .. } => 3 + 2 * level,
        NodeKind::Tower => usize::MAX - 1,
        NodeKind::Output { .. } => usize::MAX,
    }
}

fn of_kind(diagram: &Diagram, belongs: fn(&NodeKind) -> bool) -> impl Iterator<Item = (usize, &Node)> {
    diagram.nodes.iter().enumerate().filter(move |(_, node)| belongs(&node.kind))
}

/// The width of boxes side by side.
fn row_width(widths: impl Iterator<Item = i32>) -> i32 {
    let sum: i32 = widths.map(|width| width + COLUMN_GAP).sum();
    (sum - COLUMN_GAP).max(0)
}

/// The width of a title and the lines below it.
fn words_width(lines: &[String]) -> i32 {
    let weight = |index| if index == 0 { (HEADING_SIZE, Weight::Bold) } else { (TEXT_SIZE, Weight::Normal) };
    let widths =
        lines.iter().enumerate().map(|(index, line)| text_width(line, weight(index).0, weight(index).1));
    widths.max().unwrap_or(0)
}

fn column_width(diagram: &Diagram) -> i32 {
    let in_columns = diagram.nodes.iter().filter(|node| node.stream != Stream::Input);
    let widest = in_columns.map(|node| words_width(&diagram.lines(node))).max().unwrap_or(0);
    (widest + 2 * (PADDING + LANE)).clamp(NARROWEST_COLUMN, WIDEST_COLUMN)
}

/// The space between a row and the one above it: more where arrows change columns, and at the frame of a level.
fn gap(diagram: &Diagram, row: &[usize], above: &[usize], column: i32) -> i32 {
    let between = |edge: &&super::Edge| row.contains(&edge.from) && above.contains(&edge.to);
    let streams = |edge: &super::Edge| [edge.from, edge.to].map(|node| diagram.nodes[node].stream);
    let crossing = diagram.edges.iter().filter(between).any(|edge| {
        let [from, to] = streams(edge);
        edge.kind == EdgeKind::Values && from != Stream::Input && from != to
    });
    let [below, above] = [row, above].map(|row| row.first().and_then(|&node| diagram.nodes[node].level()));
    let frame = |level: Option<usize>| if level.is_some() { FRAME_PADDING } else { 0 };
    let frames = if below == above { 0 } else { frame(below) + frame(above) };
    match crossing {
        // The flatter an arrow, the harder it is to follow.
        true => (40 + column * diagram.tasks.len() as i32 / 12).min(130) + frames,
        false => ROW_GAP + frames,
    }
}

fn box_height(diagram: &Diagram, node: usize) -> i32 {
    let lines = diagram.lines(&diagram.nodes[node]).len() as i32;
    let cells = match diagram.nodes[node].kind {
        NodeKind::Experts { count, .. } => {
            count.min(MOST_CELLS).div_ceil(CELLS_IN_ROW) as i32 * (CELL_HEIGHT + CELL_GAP)
        }
        _ => 0,
    };
    lines * LINE_HEIGHT + cells + PADDING + 4
}

fn node_box(diagram: &Diagram, index: usize, rect: Rect) -> NodeBox {
    let node = &diagram.nodes[index];
    let mut y = rect.y + (rect.height - box_height(diagram, index)) / 2 + PADDING / 2;
    let mut texts = Vec::new();
    let mut cells = Vec::new();
    for (line, words) in diagram.lines(node).into_iter().enumerate() {
        let (size, weight) = match line {
            0 => (HEADING_SIZE, Weight::Bold),
            _ => (TEXT_SIZE, Weight::Normal),
        };
        y += LINE_HEIGHT;
        let words = fit(&words, rect.width - 2 * PADDING, size, weight);
        texts.push(Text { x: rect.center(), y: y - 3, size, weight, anchor: Anchor::Middle, words });
        if let (0, NodeKind::Experts { count, .. }) = (line, &node.kind) {
            cells = expert_cells(*count, Rect { y: y + 3, ..rect });
            y += (cells.len().div_ceil(CELLS_IN_ROW) as i32) * (CELL_HEIGHT + CELL_GAP);
        }
    }
    NodeBox { rect, texts, cells }
}

/// A small box for each expert, or for the first of many, below the top of `area`.
fn expert_cells(count: usize, area: Rect) -> Vec<(Rect, Text)> {
    let shown = count.min(MOST_CELLS);
    let in_row = shown.min(CELLS_IN_ROW) as i32;
    let width = CELL_WIDTH.min((area.width - 2 * PADDING - (in_row - 1) * CELL_GAP) / in_row);
    let cell = |index: usize| {
        let (line, place) = (index / CELLS_IN_ROW, (index % CELLS_IN_ROW) as i32);
        let members = (shown - line * CELLS_IN_ROW).min(CELLS_IN_ROW) as i32;
        let left = area.center() - (members * (width + CELL_GAP) - CELL_GAP) / 2;
        let (x, y) = (left + place * (width + CELL_GAP), area.y + line as i32 * (CELL_HEIGHT + CELL_GAP));
        let rect = Rect { x, y, width, height: CELL_HEIGHT };
        let words = if count > shown && index + 1 == shown { "…".to_owned() } else { index.to_string() };
        let (size, weight, anchor) = (TEXT_SIZE, Weight::Normal, Anchor::Middle);
        (rect, Text { x: rect.center(), y: y + 15, size, weight, anchor, words })
    };
    (0..shown).map(cell).collect()
}

/// The frame around the boxes of a level, its words to the left of them.
fn frame(diagram: &Diagram, boxes: &[NodeBox], level: usize, lines: Vec<String>, right: i32) -> Frame {
    let members = diagram.nodes.iter().zip(boxes).filter(|(node, _)| node.level() == Some(level));
    let rects: Vec<Rect> = members.map(|(_, placed)| placed.rect).collect();
    let top = rects.iter().map(|rect| rect.y).min().unwrap_or(0) - FRAME_PADDING;
    let bottom = rects.iter().map(|rect| rect.bottom()).max().unwrap_or(0) + FRAME_PADDING;
    let rect = Rect { x: MARGIN, y: top, width: right + FRAME_PADDING - MARGIN, height: bottom - top };
    let texts = lines.into_iter().enumerate().map(|(index, words)| {
        let (size, weight) = match index {
            0 => (HEADING_SIZE, Weight::Bold),
            _ => (TEXT_SIZE, Weight::Normal),
        };
        let y = top + FRAME_PADDING + (index as i32 + 1) * LINE_HEIGHT - 4;
        Text { x: MARGIN + FRAME_PADDING, y, size, weight, anchor: Anchor::Start, words }
    });
    Frame { rect, texts: texts.collect() }
}
