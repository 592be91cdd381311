//! A model as a picture: the figure of the PLE paper, for any number of levels and tasks, with widths and counts.
//!
//! - [`Diagram::of`] describes a model in plain data: its [`Node`]s, the [`Edge`]s between them, and how many learned
//!   values each holds. It can be asked without drawing anything.
//! - [`Diagram::draw`] writes it as SVG (to look at, in light and dark pages), as DOT (for Graphviz) or as Mermaid (for
//!   pages that draw it themselves): a [`DrawingFormat`].
//!
//! The values flow from the bottom to the top, as in the paper: features, embeddings, levels of experts and gates,
//! towers, outputs. The same model always gives the same bytes.
//!
//! ```
//! use ple_nn::diagram::{Diagram, DrawingFormat};
//! use ple_nn::{FeatureSpec, Model, ModelConfig, TaskKind, TaskSpec};
//! use ple_tensor::ParamStore;
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//!
//! let features = vec![FeatureSpec::sparse("user", 100, 16), FeatureSpec::sparse("item", 50, 16)];
//! let task = |name: &str| TaskSpec { name: name.into(), kind: TaskKind::Classification };
//! let checked = ModelConfig::default().check(features, vec![task("click"), task("conversion")])?;
//! let mut store = ParamStore::new();
//! let model = Model::new(&mut store, checked, &mut ChaCha8Rng::seed_from_u64(0));
//!
//! let diagram = Diagram::of(&model, &store);
//! assert_eq!(diagram.parameters(), store.n_parameters());
//! assert_eq!(diagram.lines(&diagram.nodes[0]), ["2 sparse features", "150 ids, 16 columns each", "2,400 parameters"]);
//! assert!(diagram.draw(DrawingFormat::Svg).starts_with("<svg"));
//! assert!(diagram.draw(DrawingFormat::Mermaid).starts_with("flowchart BT"));
//! # Ok::<(), ple_nn::NnError>(())
//! ```

mod describe;
mod dot;
mod geometry;
mod labels;
mod layout;
#[cfg(test)]
mod layout_tests;
mod mermaid;
mod routes;
mod structure;
mod svg;
mod svg_style;
mod text_width;

use std::path::Path;

pub(crate) use describe::{Sketch, last_width};
pub use structure::{
    Diagram, Edge, EdgeKind, FeatureGroup, FeatureGroupKind, LevelNames, Node, NodeKind, Part, Stream,
};

/// The formats in which a diagram is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrawingFormat {
    /// A picture that stands alone and follows the reader's light or dark theme: `.svg`.
    Svg,
    /// Text for Graphviz: `.dot`.
    Dot,
    /// Text for Mermaid, which many pages draw by themselves: `.mmd`.
    Mermaid,
}

impl DrawingFormat {
    /// The format that a file's name asks for by its ending, if it is one of these.
    ///
    /// ```
    /// use ple_nn::diagram::DrawingFormat;
    ///
    /// assert_eq!(DrawingFormat::of("model.SVG".as_ref()), Some(DrawingFormat::Svg));
    /// assert_eq!(DrawingFormat::of("model.png".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_ascii_lowercase().to_str()? {
            "svg" => Some(DrawingFormat::Svg),
            "dot" => Some(DrawingFormat::Dot),
            "mmd" => Some(DrawingFormat::Mermaid),
            _ => None,
        }
    }
}

impl Diagram {
    /// The diagram as text of a format.
    pub fn draw(&self, format: DrawingFormat) -> String {
        match format {
            DrawingFormat::Svg => svg::draw(self),
            DrawingFormat::Dot => dot::draw(self),
            DrawingFormat::Mermaid => mermaid::draw(self),
        }
    }
}
