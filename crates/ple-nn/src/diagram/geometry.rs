//! Rectangles and lines of text in whole pixels, `y` growing downwards.

use super::text_width::Weight;

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: i32,
    pub height: i32,
}

impl Rect {
    pub(super) fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) fn bottom(self) -> i32 {
        self.y + self.height
    }

    pub(super) fn center(self) -> i32 {
        self.x + self.width / 2
    }
}

/// Where a line of text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
}

/// A line of text; `y` is its baseline.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub x: i32,
    pub y: i32,
    pub size: i32,
    pub weight: Weight,
    pub anchor: Anchor,
    pub words: String,
}

/// A node's box, its words, and the boxes of its experts.
#[derive(Clone, Debug)]
pub(super) struct NodeBox {
    pub rect: Rect,
    pub texts: Vec<Text>,
    pub cells: Vec<(Rect, Text)>,
}
