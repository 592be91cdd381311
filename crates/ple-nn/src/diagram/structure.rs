//! The plain description of a model that every format draws: nodes, the edges between them, and counts.

/// A model as its figure shows it.
///
/// Nodes come in the order in which values flow: features, embeddings, experts and gates level by level, towers,
/// outputs. An edge leads from an earlier node to a later one.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagram {
    /// What the model is called, such as `PLE`.
    pub architecture: &'static str,
    /// The number of levels of experts and gates: 1 for MMOE, 0 for the shared bottom.
    pub n_levels: usize,
    /// What the levels are called.
    pub level_names: LevelNames,
    /// The tasks' names.
    pub tasks: Vec<String>,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

/// A box of the figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Whose it is, and so in which column of the figure it stands.
    pub stream: Stream,
    /// The columns that it reads, then those after each of its layers: `[376, 16]` is one layer of 16.
    pub widths: Vec<usize>,
    /// What a layer of it does, in words: `linear, batch norm, relu`. Empty where there are no layers.
    pub layers: String,
    /// The learned values that it holds. Running statistics and edges of bins are not learned.
    pub parameters: usize,
}

/// The kinds of boxes.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// All features of one kind.
    Features(FeatureGroup),
    /// The matrix of all embeddings and dense values.
    Embeddings,
    /// Experts that read one stream: alike, side by side.
    Experts {
        /// The level, from 0.
        level: usize,
        /// How many there are.
        count: usize,
    },
    /// A gate, which mixes the experts that it is joined to.
    Gate {
        /// The level, from 0.
        level: usize,
        /// The number of experts that it mixes.
        n_experts: usize,
    },
    /// What only one architecture has, such as the perceptron that all tasks of a shared-bottom model read.
    Part(Part),
    /// A task's tower.
    Tower,
    /// A prediction.
    Output {
        /// Its name.
        name: String,
        /// What its logit stands for.
        link: crate::Link,
    },
}

/// A box that only one architecture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called: `bottom`.
    pub name: &'static str,
    /// What all of its kind are called together.
    pub plural: &'static str,
    /// The row of the figure in which it stands, from 0 above the embeddings.
    pub row: usize,
}

/// What the levels of experts and gates are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelNames {
    /// By their numbers, from 0.
    Numbered,
    /// There is one at most, the mixture.
    One,
}

/// The features of one kind, as one box.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureGroup {
    /// Their kind.
    pub kind: FeatureGroupKind,
    /// Their names, in the model's order.
    pub names: Vec<String>,
    /// The ids (or bins) of all of them; a shared table counts once, where it is defined.
    pub ids: usize,
    /// The least and the largest number of columns that one of them takes.
    pub columns_each: (usize, usize),
}

/// The kinds of features that are drawn apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureGroupKind {
    /// One id in each row.
    Sparse,
    /// A list of ids in each row.
    Sequence,
    /// A number that enters as it is and as the embedding of its bin.
    Binned,
    /// A number that enters as it is.
    Dense,
}

/// The column of the figure in which a box stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// That of a task.
    Task(usize),
    /// That of all tasks, in the middle.
    Shared,
    /// None: it stands below all of them.
    Input,
}

/// An arrow of the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The position of the node that it leaves.
    pub from: usize,
    /// The position of the node that it reaches.
    pub to: usize,
    /// What flows.
    pub kind: EdgeKind,
}

/// What flows along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// The values that the node works on; of experts, the outputs that a gate mixes.
    Values,
    /// What a gate reads to find the weights of its mixture.
    GateInput,
}

impl Diagram {
    /// The learned values of the whole model.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.parameters).sum()
    }

    /// The learned values of the features' tables: most of most models.
    pub fn table_parameters(&self) -> usize {
        let features = self.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Features(_)));
        features.map(|node| node.parameters).sum()
    }
}

impl Node {
    /// The level of experts and gates.
    pub fn level(&self) -> Option<usize> {
        match self.kind {
            NodeKind::Experts { level, .. } | NodeKind::Gate { level, .. } => Some(level),
            _ => None,
        }
    }
}
