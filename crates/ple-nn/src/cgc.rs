//! Customized Gate Control: one level of extraction.

use ple_tensor::{Tape, Var};

use crate::batch_norm::Norm;
use crate::expert::{Expert, Experts};
use crate::gate::Gate;
use crate::init::Builder;
use crate::mlp::MlpConfig;

/// The sizes of a CGC level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgcShape {
    /// The level's number, from 0: part of its parameters' names.
    pub level: usize,
    /// The number of tasks.
    pub n_tasks: usize,
    /// Experts of each task.
    pub n_specific_experts: usize,
    /// Experts shared by all tasks.
    pub n_shared_experts: usize,
    /// The width of each stream that the level reads.
    pub input_dim: usize,
    /// Whether the streams that it reads are one and the same: so for the first level.
    pub source: Source,
    /// Whether the level makes a shared stream: all but the last do.
    pub shared_stream: SharedStream,
}

/// What a level reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// All experts and gates read the embeddings.
    Embeddings,
    /// Each task's experts and gate read the task's stream, the shared ones the shared stream.
    Streams,
}

/// Whether a level has a shared gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedStream {
    /// The shared gate mixes all experts: of task 0, task 1, ..., shared.
    Mixed,
    /// The level is the last: nothing would read the stream.
    Absent,
}

/// What a level reads and makes: a stream for each task, and a shared one.
#[derive(Clone, Debug)]
pub struct Streams {
    /// `[batch, dim]` for each task.
    pub tasks: Vec<Var>,
    /// `[batch, dim]`; absent after the last level.
    pub shared: Option<Var>,
    /// The outputs of the shared experts of the level that made the streams, `[batch, dim]` each.
    pub shared_experts: Vec<Var>,
}

/// One level of Customized Gate Control: task k's gate mixes task k's experts, then the shared ones.
///
/// Source: H. Tang et al., "Progressive Layered Extraction", RecSys 2020, section 4.1, equations 1 to 4 (the task gates),
/// and section 4.2 (the shared gate).
///
/// # Shapes
/// Each stream is `[batch, input_dim]` before, `[batch, expert_dim]` after the level.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, CgcLayer, CgcShape, Initialization, MlpConfig, Norm, SharedStream, Source, Streams};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let shape = CgcShape {
///     level: 0,
///     n_tasks: 2,
///     n_specific_experts: 2,
///     n_shared_experts: 1,
///     input_dim: 3,
///     source: Source::Embeddings,
///     shared_stream: SharedStream::Mixed,
/// };
/// let level = CgcLayer::new(builder, shape, &MlpConfig::new([4]), [Norm::Batch, Norm::None]);
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0]].view());
/// let streams = level.forward(&mut tape, &Streams { tasks: vec![x; 2], shared: Some(x), shared_experts: vec![] });
/// assert_eq!(streams.tasks.len(), 2);
/// assert_eq!(tape.value(streams.tasks[0]).dim(), (1, 4));
/// ```
#[derive(Clone, Debug)]
pub struct CgcLayer {
    shape: CgcShape,
    /// One group of experts and gates over the embeddings, or one for each stream: the tasks', then the shared one's.
    groups: Vec<Option<Experts>>,
}

impl CgcLayer {
    /// A level whose parameters are named `cgc.LEVEL.task.TASK.expert.I`, `cgc.LEVEL.task.TASK.gate`,
    /// `cgc.LEVEL.shared.expert.I` and `cgc.LEVEL.shared.gate`. `norms` are the experts' and the gates'.
    pub fn new(builder: &mut Builder<'_>, shape: CgcShape, config: &MlpConfig, norms: [Norm; 2]) -> Self {
        let CgcShape { level, n_tasks, n_specific_experts, n_shared_experts, input_dim, .. } = shape;
        let stream_experts = |stream: usize| -> Vec<Expert> {
            let (prefix, n) = match stream < n_tasks {
                true => (format!("cgc.{level}.task.{stream}"), n_specific_experts),
                false => (format!("cgc.{level}.shared"), n_shared_experts),
            };
            (0..n).map(|expert| Expert { name: format!("{prefix}.expert.{expert}") }).collect()
        };
        let task_gate = |task: usize| Gate {
            name: format!("cgc.{level}.task.{task}.gate"),
            n_experts: n_specific_experts + n_shared_experts,
        };
        let shared_gate = (shape.shared_stream == SharedStream::Mixed).then(|| Gate {
            name: format!("cgc.{level}.shared.gate"),
            n_experts: n_tasks * n_specific_experts + n_shared_experts,
        });
        let stream_gate = |stream: usize| match stream < n_tasks {
            true => Some(task_gate(stream)),
            false => shared_gate.clone(),
        };
        let mut group = |experts: Vec<Expert>, gates: Vec<Gate>| {
            let any = !experts.is_empty() || !gates.is_empty();
            any.then(|| Experts::new(builder, &experts, &gates, input_dim, config, norms))
        };
        let groups = match shape.source {
            Source::Embeddings => {
                let experts = (0..=n_tasks).flat_map(stream_experts).collect();
                vec![group(experts, (0..=n_tasks).filter_map(stream_gate).collect())]
            }
            Source::Streams => (0..=n_tasks)
                .map(|s| group(stream_experts(s), stream_gate(s).into_iter().collect()))
                .collect(),
        };
        Self { shape, groups }
    }

    /// Records the level.
    ///
    /// # Panics
    /// If the streams are not those of the level's tasks.
    pub fn forward(&self, tape: &mut Tape<'_>, streams: &Streams) -> Streams {
        let n_tasks = self.shape.n_tasks;
        assert_eq!(streams.tasks.len(), n_tasks, "streams for a level of {n_tasks} tasks");
        let [mut experts, mut logits, mut mixed, mut tasks, mut shared_experts] =
            [(); 5].map(|()| tape.list());
        for (index, group) in self.groups.iter().enumerate() {
            if let (Some(group), Some(x)) = (group, streams.tasks.get(index).copied().or(streams.shared)) {
                group.forward(tape, x, &mut experts, &mut logits);
            }
        }
        // Task k's gate mixes task k's experts and the shared ones, the shared gate all of them.
        let n_specific = self.shape.n_specific_experts;
        let (specific, shared) = experts.split_at(n_tasks * n_specific);
        for task in 0..n_tasks {
            mixed.extend_from_slice(&specific[task * n_specific..(task + 1) * n_specific]);
            mixed.extend_from_slice(shared);
        }
        shared_experts.extend_from_slice(shared);
        let has_shared_stream = self.shape.shared_stream == SharedStream::Mixed;
        if has_shared_stream {
            mixed.extend_from_slice(&experts);
        }
        let outputs = Gate::mix(tape, &logits, &mixed);
        let dim = outputs.width() / logits.len();
        let stream = |number: usize| outputs.columns(number * dim..(number + 1) * dim);
        tasks.extend((0..n_tasks).map(stream));
        let shared = has_shared_stream.then(|| stream(n_tasks));
        [experts, logits, mixed].into_iter().for_each(|list| tape.recycle_list(list));
        Streams { tasks, shared, shared_experts }
    }
}
