//! From a model to its description: which boxes there are, what each reads, and which parameters are whose.

use ple_tensor::{ParamStore, Role};

use super::structure::{Diagram, Edge, EdgeKind, FeatureGroup, FeatureGroupKind, Node, NodeKind, Stream};
use crate::activation::Activation;
use crate::batch_norm::Norm;
use crate::feature::{FeatureKind, FeatureSpec};
use crate::mlp::MlpConfig;
use crate::mmoe::MmoeConfig;
use crate::model::{Architecture, Model, ModelConfig};
use crate::ple::PleConfig;
use crate::shared_bottom::SharedBottomConfig;

impl Diagram {
    /// Describes a model; the counts are those of the store that holds its parameters.
    pub fn of(model: &Model, store: &ParamStore) -> Self {
        let config = model.config();
        let mut sketch = Sketch { config, store, n_tasks: model.tasks().len(), nodes: vec![], edges: vec![] };
        let embeddings = sketch.input(model);
        let input_dim = model.bank().output_dim();
        let (architecture, n_levels, outputs, output_dim, towers) = match &config.architecture {
            Architecture::Ple(ple) => {
                let outputs = sketch.ple(ple, embeddings, input_dim);
                ("PLE", ple.n_levels, outputs, last_width(&ple.expert, input_dim), &ple.towers)
            }
            Architecture::Mmoe(mmoe) => {
                let outputs = sketch.mmoe(mmoe, embeddings, input_dim);
                ("MMOE", 1, outputs, last_width(&mmoe.expert, input_dim), &mmoe.towers)
            }
            Architecture::SharedBottom(shared) => {
                let output = sketch.bottom(shared, embeddings, input_dim);
                let outputs = vec![output; sketch.n_tasks];
                ("Shared bottom", 0, outputs, last_width(&shared.bottom, input_dim), &shared.towers)
            }
        };
        sketch.towers(model, towers, &outputs, output_dim);
        let tasks = model.tasks().iter().map(|task| task.name.clone()).collect();
        Diagram { architecture, n_levels, tasks, nodes: sketch.nodes, edges: sketch.edges }
    }
}

/// A description in the making.
struct Sketch<'a> {
    config: &'a ModelConfig,
    store: &'a ParamStore,
    n_tasks: usize,
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

    /// The levels of PLE; gives back the node that makes each task's last stream.
    fn ple(&mut self, ple: &PleConfig, embeddings: usize, input_dim: usize) -> Vec<usize> {
        let names = |level: usize, stream: Stream| match stream {
            Stream::Task(task) => format!("cgc.{level}.task.{task}"),
            _ => format!("cgc.{level}.shared"),
        };
        let mut sources = vec![embeddings; self.n_tasks + 1];
        let mut width = input_dim;
        for level in 0..ple.n_levels {
            let streams: Vec<Stream> = (0..self.n_tasks).map(Stream::Task).chain([Stream::Shared]).collect();
            let mut experts = Vec::new();
            for (&stream, &source) in streams.iter().zip(&sources) {
                let count = match stream {
                    Stream::Task(_) => ple.n_specific_experts,
                    _ => ple.n_shared_experts,
                };
                let prefix = format!("{}.expert.", names(level, stream));
                experts.push(self.experts(level, stream, count, (width, &ple.expert), source, &prefix));
            }
            let all: Vec<usize> = experts.iter().copied().flatten().collect();
            let (mut made, shared) = (sources.clone(), experts[self.n_tasks]);
            for (index, &stream) in streams.iter().enumerate() {
                let mixed: Vec<usize> = match stream {
                    Stream::Task(_) => [experts[index], shared].into_iter().flatten().collect(),
                    _ if level + 1 == ple.n_levels => continue,
                    _ => all.clone(),
                };
                let prefix = format!("{}.gate.", names(level, stream));
                made[index] = self.gate(level, stream, width, sources[index], &mixed, &prefix);
            }
            sources = made;
            width = last_width(&ple.expert, width);
        }
        sources.truncate(self.n_tasks);
        sources
    }

    /// One mixture for each task over the same experts.
    fn mmoe(&mut self, mmoe: &MmoeConfig, embeddings: usize, input_dim: usize) -> Vec<usize> {
        let read = (input_dim, &mmoe.expert);
        let experts = self.experts(0, Stream::Shared, mmoe.n_experts, read, embeddings, "expert.");
        let experts: Vec<usize> = experts.into_iter().collect();
        (0..self.n_tasks)
            .map(|task| {
                let prefix = format!("gate.{task}.");
                self.gate(0, Stream::Task(task), input_dim, embeddings, &experts, &prefix)
            })
            .collect()
    }

    /// The shared perceptron, unless it has no layers.
    fn bottom(&mut self, shared: &SharedBottomConfig, embeddings: usize, input_dim: usize) -> usize {
        if shared.bottom.dims.is_empty() {
            return embeddings;
        }
        self.add(
            Node {
                kind: NodeKind::Bottom,
                stream: Stream::Shared,
                widths: widths(input_dim, &shared.bottom, &[]),
                layers: layer_words(self.config.norm, &shared.bottom),
                parameters: self.learned(|name| name.starts_with("bottom.")),
            },
            &[(embeddings, EdgeKind::Values)],
        )
    }

    /// Towers and outputs over the nodes that make the tasks' streams.
    fn towers(&mut self, model: &Model, configs: &[MlpConfig], streams: &[usize], width: usize) {
        let towers: Vec<usize> = streams
            .iter()
            .enumerate()
            .map(|(task, &stream)| {
                let config = &configs[if configs.len() == 1 { 0 } else { task }];
                let prefix = format!("tower.{task}.");
                let layers = match config.dims.is_empty() {
                    true => "linear".to_owned(),
                    false => format!("{}; linear to one value", layer_words(self.config.norm, config)),
                };
                let node = Node {
                    kind: NodeKind::Tower,
                    stream: Stream::Task(task),
                    widths: widths(width, config, &[1]),
                    layers,
                    parameters: self.learned(|name| name.starts_with(&prefix)),
                };
                self.add(node, &[(stream, EdgeKind::Values)])
            })
            .collect();
        for (task, (spec, tower)) in model.tasks().iter().zip(towers).enumerate() {
            let node = Node {
                kind: NodeKind::Output(spec.kind),
                stream: Stream::Task(task),
                widths: vec![1],
                layers: String::new(),
                parameters: 0,
            };
            self.add(node, &[(tower, EdgeKind::Values)]);
        }
    }

    /// A box of experts, unless there are none. They read `width` columns.
    fn experts(
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

    fn gate(
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

fn last_width(config: &MlpConfig, input: usize) -> usize {
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
