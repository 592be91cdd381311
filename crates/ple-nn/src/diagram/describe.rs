//! From a model to its description: which boxes there are, what each reads, and which parameters are whose.

use ple_tensor::{ParamStore, Role};

use super::structure::{
    Diagram, Edge, EdgeKind, FeatureGroup, FeatureGroupKind, LevelNames, Node, NodeKind, Part, Stream,
};
use crate::activation::Activation;
use crate::batch_norm::Norm;
use crate::feature::{FeatureKind, FeatureSpec};
use crate::heads::Head;
use crate::mlp::MlpConfig;
use crate::model::{Model, ModelConfig};

impl Diagram {
    /// Describes a model; the counts are those of the store that holds its parameters.
    pub fn of(model: &Model, store: &ParamStore) -> Self {
        let config = model.config();
        let mut sketch = Sketch {
            config,
            store,
            heads: model.heads(),
            n_tasks: model.tasks().len(),
            embeddings: 0,
            input_dim: model.bank().output_dim(),
            title: "",
            n_levels: 0,
            level_names: LevelNames::One,
            nodes: vec![],
            edges: vec![],
        };
        sketch.embeddings = sketch.input(model);
        config.architecture.design().draw(&mut sketch);
        Diagram {
            architecture: sketch.title,
            n_levels: sketch.n_levels,
            level_names: sketch.level_names,
            tasks: model.tasks().iter().map(|task| task.name.clone()).collect(),
            nodes: sketch.nodes,
            edges: sketch.edges,
        }
    }
}

/// A description in the making: what an architecture draws on.
pub(crate) struct Sketch<'a> {
    config: &'a ModelConfig,
    store: &'a ParamStore,
    heads: &'a [Head],
    /// The number of tasks.
    pub(crate) n_tasks: usize,
    /// The node of the embedding matrix.
    pub(crate) embeddings: usize,
    /// The columns of that matrix.
    pub(crate) input_dim: usize,
    /// What the model is called.
    pub(crate) title: &'static str,
    /// The number of levels of experts and gates.
    pub(crate) n_levels: usize,
    /// What they are called.
    pub(crate) level_names: LevelNames,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

impl Sketch<'_> {
    /// Features by kind, and the matrix that they become.
    fn input(&mut self, model: &Model) -> usize {
        let kinds = [
            FeatureGroupKind::Sparse,
            FeatureGroupKind::Sequence,
            FeatureGroupKind::Binned,
            FeatureGroupKind::Dense,
        ];
        for kind in kinds {
            let members: Vec<&FeatureSpec> =
                model.features().iter().filter(|feature| group_kind(feature) == kind).collect();
            if !members.is_empty() {
                let node = self.features(kind, &members);
                self.nodes.push(node);
            }
        }
        let groups = self.nodes.len();
        let layers = match self.config.embedding_dropout {
            0.0 => String::new(),
            rate => format!("dropout {rate}"),
        };
        self.nodes.push(Node {
            kind: NodeKind::Embeddings,
            stream: Stream::Input,
            widths: vec![model.bank().output_dim()],
            layers,
            parameters: 0,
        });
        self.edges.extend((0..groups).map(|from| Edge { from, to: groups, kind: EdgeKind::Values }));
        groups
    }

    fn features(&self, kind: FeatureGroupKind, members: &[&FeatureSpec]) -> Node {
        let columns: Vec<usize> = members.iter().map(|feature| n_columns(feature)).collect();
        let ids = members.iter().map(|feature| own_ids(feature)).sum();
        let parameters = members.iter().map(|feature| {
            let names = ["weight", "bins.weight"].map(|what| format!("embedding.{}.{what}", feature.name));
            let name = &names[usize::from(kind == FeatureGroupKind::Binned)];
            self.learned(|parameter| parameter == name)
        });
        let least = columns.iter().copied().min().unwrap_or(0);
        let most = columns.iter().copied().max().unwrap_or(0);
        Node {
            parameters: parameters.sum(),
            kind: NodeKind::Features(FeatureGroup {
                kind,
                names: members.iter().map(|feature| feature.name.clone()).collect(),
                ids,
                columns_each: (least, most),
            }),
            stream: Stream::Input,
            widths: vec![columns.iter().sum()],
            layers: String::new(),
        }
    }

    /// A perceptron `PREFIX` that reads `width` columns of `source`, unless it has no layers.
    pub(crate) fn perceptron(
        &mut self,
        part: Part,
        stream: Stream,
        (width, config): (usize, &MlpConfig),
        source: usize,
        prefix: &str,
    ) -> usize {
        if config.dims.is_empty() {
            return source;
        }
        let (widths, layers) = (widths(width, config, &[]), layer_words(self.config.norm, config));
        self.part(part, stream, widths, layers, &[source], prefix)
    }

    /// A box that only this architecture has. Its parameters are those whose names begin with `prefix`.
    pub(crate) fn part(
        &mut self,
        part: Part,
        stream: Stream,
        widths: Vec<usize>,
        layers: String,
        sources: &[usize],
        prefix: &str,
    ) -> usize {
        let parameters = self.learned(|name| name.starts_with(prefix));
        let node = Node { kind: NodeKind::Part(part), stream, widths, layers, parameters };
        let reads: Vec<_> = sources.iter().map(|&source| (source, EdgeKind::Values)).collect();
        self.add(node, &reads)
    }

    /// A tower for each task over the nodes that make the tasks' streams of `width` columns, and an output for each head:
    /// that of a task reads its tower.
    pub(crate) fn towers_and_outputs(&mut self, configs: &[MlpConfig], streams: &[usize], width: usize) {
        let towers: Vec<usize> = streams
            .iter()
            .enumerate()
            .map(|(task, &stream)| {
                let config = &configs[if configs.len() == 1 { 0 } else { task }];
                self.tower(task, config, stream, width, &format!("tower.{task}."))
            })
            .collect();
        for (head, tower) in towers.into_iter().enumerate() {
            self.output(head, Stream::Task(head), &[tower]);
        }
    }

    /// The tower of a task.
    pub(crate) fn tower(
        &mut self,
        task: usize,
        config: &MlpConfig,
        stream: usize,
        width: usize,
        prefix: &str,
    ) -> usize {
        let layers = match config.dims.is_empty() {
            true => "linear".to_owned(),
            false => format!("{}; linear to one value", layer_words(self.config.norm, config)),
        };
        let node = Node {
            kind: NodeKind::Tower,
            stream: Stream::Task(task),
            widths: widths(width, config, &[1]),
            layers,
            parameters: self.learned(|name| name.starts_with(prefix)),
        };
        self.add(node, &[(stream, EdgeKind::Values)])
    }

    /// The output of a head.
    pub(crate) fn output(&mut self, head: usize, stream: Stream, sources: &[usize]) {
        let Head { name, link, .. } = &self.heads[head];
        let node = Node {
            kind: NodeKind::Output { name: name.clone(), link: *link },
            stream,
            widths: vec![1],
            layers: String::new(),
            parameters: 0,
        };
        let reads: Vec<_> = sources.iter().map(|&source| (source, EdgeKind::Values)).collect();
        self.add(node, &reads);
    }

    /// A box of experts, unless there are none. They read `width` columns.
    pub(crate) fn experts(
        &mut self,
        level: usize,
        stream: Stream,
        count: usize,
        (width, config): (usize, &MlpConfig),
        source: usize,
        prefix: &str,
    ) -> Option<usize> {
        let node = Node {
            kind: NodeKind::Experts { level, count },
            stream,
            widths: widths(width, config, &[]),
            layers: layer_words(self.config.norm, config),
            parameters: self.learned(|name| name.starts_with(prefix)),
        };
        (count > 0).then(|| self.add(node, &[(source, EdgeKind::Values)]))
    }

    /// A gate over experts, which reads `width` columns of `source`.
    pub(crate) fn gate(
        &mut self,
        level: usize,
        stream: Stream,
        width: usize,
        source: usize,
        experts: &[usize],
        prefix: &str,
    ) -> usize {
        let count = |&node: &usize| match self.nodes[node].kind {
            NodeKind::Experts { count, .. } => count,
            _ => 0,
        };
        let n_experts = experts.iter().map(count).sum();
        let layers = match self.config.gate_norm {
            Norm::Batch => "linear, batch norm, softmax",
            Norm::None => "linear, softmax",
        };
        let node = Node {
            kind: NodeKind::Gate { level, n_experts },
            stream,
            widths: vec![width, n_experts],
            layers: layers.to_owned(),
            parameters: self.learned(|name| name.starts_with(prefix)),
        };
        let mut reads: Vec<_> = experts.iter().map(|&experts| (experts, EdgeKind::Values)).collect();
        reads.push((source, EdgeKind::GateInput));
        self.add(node, &reads)
    }

    fn add(&mut self, node: Node, reads: &[(usize, EdgeKind)]) -> usize {
        let to = self.nodes.len();
        self.nodes.push(node);
        self.edges.extend(reads.iter().map(|&(from, kind)| Edge { from, to, kind }));
        to
    }

    /// The learned values of the parameters whose names belong.
    fn learned(&self, belongs: impl Fn(&str) -> bool) -> usize {
        let blocks = self.store.blocks().iter();
        let blocks =
            blocks.filter(|block| self.store.role(block.matrix) != Role::Buffer && belongs(&block.name));
        let tables = self.store.table_ids().map(|id| self.store.table(id));
        let tables = tables.filter(|table| belongs(&table.name));
        blocks.map(|block| self.store.matrix(block.matrix).nrows() * block.columns.len()).sum::<usize>()
            + tables.map(|table| table.rows * table.dim).sum::<usize>()
    }
}

fn group_kind(feature: &FeatureSpec) -> FeatureGroupKind {
    match &feature.kind {
        FeatureKind::Sparse { .. } => FeatureGroupKind::Sparse,
        FeatureKind::Sequence { .. } => FeatureGroupKind::Sequence,
        FeatureKind::Dense { bins: Some(_) } => FeatureGroupKind::Binned,
        FeatureKind::Dense { bins: None } => FeatureGroupKind::Dense,
    }
}

/// The columns of the embedding matrix that a feature takes.
fn n_columns(feature: &FeatureSpec) -> usize {
    match &feature.kind {
        FeatureKind::Sparse { embedding_dim, .. } | FeatureKind::Sequence { embedding_dim, .. } => {
            *embedding_dim
        }
        FeatureKind::Dense { bins } => 1 + bins.as_ref().map_or(0, |bins| bins.embedding_dim),
    }
}

/// The rows of a feature's own table.
fn own_ids(feature: &FeatureSpec) -> usize {
    match (&feature.kind, feature.table()) {
        (_, Some((rows, _, None))) => rows,
        (FeatureKind::Dense { bins: Some(bins) }, _) => bins.edges.len() + 1,
        _ => 0,
    }
}

/// The width of what a perceptron gives.
pub(crate) fn last_width(config: &MlpConfig, input: usize) -> usize {
    config.dims.last().copied().unwrap_or(input)
}

fn widths(input: usize, config: &MlpConfig, output: &[usize]) -> Vec<usize> {
    [&[input], &config.dims[..], output].concat()
}

/// What a layer of a perceptron does.
fn layer_words(norm: Norm, config: &MlpConfig) -> String {
    let activation = match config.activation {
        Activation::Relu => "relu",
        Activation::Sigmoid => "sigmoid",
        Activation::Softmax => "softmax",
        Activation::LeakyRelu => "leaky relu",
        Activation::Prelu => "prelu",
        Activation::Dice => "dice",
    };
    let norm = match norm {
        Norm::Batch => "batch norm, ",
        Norm::None => "",
    };
    let dropout = match config.dropout {
        0.0 => String::new(),
        rate => format!(", dropout {rate}"),
    };
    format!("linear, {norm}{activation}{dropout}")
}
