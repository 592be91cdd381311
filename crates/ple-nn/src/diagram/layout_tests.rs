//! The layout of random models: nothing overlaps, nothing leaves the page, no arrow crosses a box or a word.

use proptest::prelude::*;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::geometry::{Anchor, Rect, Text};
use super::layout::Layout;
use super::structure::Diagram;
use super::text_width::text_width;
use crate::{
    Architecture, FeatureSpec, MlpConfig, MmoeConfig, Model, ModelConfig, PleConfig, SharedBottomConfig,
    TaskKind, TaskSpec,
};

/// Models of every architecture, with up to six tasks of short and long names.
fn diagrams() -> impl Strategy<Value = Diagram> {
    let sizes = (0..3_usize, 1..=3_usize, 0..=9_usize, 1..=20_usize);
    let names = prop::collection::vec("[a-z ]{1,50}", 1..=6);
    (sizes, names, 1..=3_usize).prop_map(|((which, n_levels, specific, shared), names, layers)| {
        let (expert, towers) = (MlpConfig::new(vec![64; layers]), vec![MlpConfig::new([8])]);
        let architecture = match which {
            0 => Architecture::Ple(PleConfig {
                n_levels,
                n_specific_experts: specific,
                n_shared_experts: if specific > 0 { shared - 1 } else { shared },
                expert,
                towers,
            }),
            1 => Architecture::Mmoe(MmoeConfig { n_experts: shared, expert, towers }),
            _ => Architecture::SharedBottom(SharedBottomConfig {
                bottom: MlpConfig::new(vec![64; specific.min(3)]),
                towers,
            }),
        };
        let task = |(index, name): (usize, &String)| TaskSpec {
            name: format!("{index}{name}"),
            kind: TaskKind::Classification,
        };
        let tasks = names.iter().enumerate().map(task).collect();
        let features = vec![FeatureSpec::sparse("a", 1_000, 16), FeatureSpec::dense("b")];
        let config = ModelConfig { architecture, ..ModelConfig::default() };
        let checked = config.check(features, tasks).unwrap();
        let mut store = ple_tensor::ParamStore::new();
        let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(0));
        Diagram::of(&model, &store)
    })
}

fn apart(a: Rect, b: Rect, by: i32) -> bool {
    a.right() + by <= b.x || b.right() + by <= a.x || a.bottom() + by <= b.y || b.bottom() + by <= a.y
}

fn within(inner: Rect, outer: Rect) -> bool {
    outer.x <= inner.x
        && outer.y <= inner.y
        && inner.right() <= outer.right()
        && inner.bottom() <= outer.bottom()
}

/// The most that a text can cover.
fn extent(text: &Text) -> Rect {
    let width = text_width(&text.words, text.size, text.weight);
    let x = match text.anchor {
        Anchor::Start => text.x,
        Anchor::Middle => text.x - width / 2,
    };
    Rect { x, y: text.y - text.size, width, height: text.size + text.size / 4 }
}

/// Points of an arrow as it is drawn.
fn points((x0, y0): (i32, i32), (x1, y1): (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    (0..=60).map(move |step| {
        let t = f64::from(step) / 60.0;
        let along = 3.0 * t * t - 2.0 * t * t * t;
        let (height, half) = (f64::from(y0 - y1), f64::from(y0 - y1) / 2.0);
        let y = 3.0 * t * (1.0 - t) * (1.0 - t) * half
            + 3.0 * t * t * (1.0 - t) * (height - half)
            + t * t * t * height;
        (x0 + (f64::from(x1 - x0) * along).round() as i32, y0 - y.round() as i32)
    })
}

fn covers(rect: Rect, (x, y): (i32, i32)) -> bool {
    rect.x < x && x < rect.right() && rect.y < y && y < rect.bottom()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_overlaps_and_everything_is_on_the_page(diagram in diagrams()) {
        let layout = Layout::of(&diagram);
        let page = Rect { x: 8, y: 8, width: layout.width - 16, height: layout.height - 16 };
        for (index, placed) in layout.boxes.iter().enumerate() {
            prop_assert!(within(placed.rect, page));
            for other in &layout.boxes[..index] {
                prop_assert!(apart(placed.rect, other.rect, 10), "{placed:?} {other:?}");
            }
            let inside: Vec<Rect> =
                placed.texts.iter().map(extent).chain(placed.cells.iter().map(|cell| cell.0)).collect();
            for (part, rect) in inside.iter().enumerate() {
                prop_assert!(within(*rect, placed.rect), "{placed:?}");
                prop_assert!(inside[..part].iter().all(|other| apart(*rect, *other, 0)), "{placed:?}");
            }
            for (cell, index) in &placed.cells {
                prop_assert!(within(extent(index), *cell), "{cell:?} {index:?}");
            }
            for (level, frame) in layout.frames.iter().enumerate() {
                let member = diagram.nodes[index].level() == Some(level);
                let (inside, outside) =
                    (within(placed.rect, frame.rect), apart(placed.rect, frame.rect, 10));
                prop_assert!(matches!((member, inside, outside), (true, true, _) | (false, _, true)));
            }
        }
        let words = layout.frames.iter().flat_map(|frame| &frame.texts);
        let words: Vec<Rect> = words.chain(&layout.header).chain(&layout.notes).map(extent).collect();
        for (index, text) in words.iter().enumerate() {
            prop_assert!(within(*text, page));
            prop_assert!(words[..index].iter().all(|other| apart(*text, *other, 0)));
            prop_assert!(layout.boxes.iter().all(|placed| apart(*text, placed.rect, 4)));
        }
    }

    #[test]
    fn arrows_join_their_boxes_and_pass_all_others(diagram in diagrams()) {
        let layout = Layout::of(&diagram);
        for (edge, route) in diagram.edges.iter().zip(&layout.routes) {
            let [source, target] = [edge.from, edge.to].map(|node| layout.boxes[node].rect);
            prop_assert!((source.x..=source.right()).contains(&route.from.0));
            prop_assert!((target.x..=target.right()).contains(&route.to.0));
            prop_assert!((source.y - route.from.1).abs() <= 3 && (target.bottom() - route.to.1).abs() <= 3);
            for point in points(route.from, route.to) {
                for (node, placed) in layout.boxes.iter().enumerate() {
                    let own = node == edge.from || node == edge.to;
                    prop_assert!(own || !covers(placed.rect, point), "{edge:?} crosses {node}");
                }
                let words = layout.frames.iter().flat_map(|frame| &frame.texts);
                for text in words.chain(&layout.header).chain(&layout.notes) {
                    prop_assert!(!covers(extent(text), point), "{edge:?} crosses {text:?}");
                }
            }
        }
        // No two arrows end at one point.
        for (index, route) in layout.routes.iter().enumerate() {
            for other in &layout.routes[..index] {
                prop_assert!(route.to.1 != other.to.1 || (route.to.0 - other.to.0).abs() >= 8);
            }
        }
    }
}
