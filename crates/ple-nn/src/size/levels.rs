//! The levels of PLE by the sizes of their operations.

use super::layers::{Gates, experts, last, mixtures, softmax};
use super::step::{Place, Recorder};
use crate::batch_norm::Norm;
use crate::mlp::MlpConfig;

/// The levels of PLE.
pub(crate) struct Levels<'c> {
    pub(crate) n_levels: u64,
    pub(crate) n_tasks: u64,
    pub(crate) n_specific: u64,
    pub(crate) n_shared: u64,
    pub(crate) expert: &'c MlpConfig,
    pub(crate) norms: [Norm; 2],
}

impl Levels<'_> {
    /// Records all levels, and gives the step whose result are the last streams.
    pub(crate) fn record(&self, recorder: &mut Recorder, x: Place, width: u64) -> Place {
        let mut streams = self.first(recorder, (x, width), self.n_levels > 1);
        recorder.repeat(self.n_levels.saturating_sub(2), |recorder| {
            streams = self.later(recorder, streams, true);
        });
        if self.n_levels > 1 {
            streams = self.later(recorder, streams, false);
        }
        streams
    }

    fn of_task(&self) -> u64 {
        self.n_specific.saturating_add(self.n_shared)
    }

    fn of_all(&self) -> u64 {
        self.n_tasks.saturating_mul(self.n_specific).saturating_add(self.n_shared)
    }

    /// The level over the embeddings: all experts and gates read one input.
    fn first(&self, recorder: &mut Recorder, x: (Place, u64), shared_gate: bool) -> Place {
        let of_tasks = self.n_tasks.saturating_mul(self.of_task());
        let of_shared = if shared_gate { self.of_all() } else { 0 };
        let n_gates = self.n_tasks.saturating_add(u64::from(shared_gate));
        let gates = Gates { n: n_gates, columns: of_tasks.saturating_add(of_shared) };
        let group = experts(recorder, x, self.of_all(), gates, self.expert, self.norms);
        let mut weights = Vec::new();
        // Gates of one size are one operation.
        match shared_gate && self.of_all() == self.of_task() {
            true => weights.push(softmax(recorder, group.logits, gates.columns)),
            false => {
                weights.push(softmax(recorder, group.logits, of_tasks));
                weights.extend(shared_gate.then(|| softmax(recorder, group.logits, of_shared)));
            }
        }
        mixtures(recorder, &weights, &[group.outputs], n_gates, last(self.expert, x.1))
    }

    /// A level over streams, which are blocks of columns of one value.
    fn later(&self, recorder: &mut Recorder, streams: Place, shared_gate: bool) -> Place {
        let dim = last(self.expert, 0);
        let x = (streams, dim);
        let (mut outputs, mut task_logits) = (Vec::new(), Vec::new());
        let task_gate = Gates { n: 1, columns: self.of_task() };
        recorder.repeat(self.n_tasks, |recorder| {
            let group = experts(recorder, x, self.n_specific, task_gate, self.expert, self.norms);
            outputs.extend((self.n_specific > 0).then_some(group.outputs));
            task_logits.push(group.logits);
        });
        let shared_gates = match shared_gate {
            true => Gates { n: 1, columns: self.of_all() },
            false => Gates { n: 0, columns: 0 },
        };
        let shared = (self.n_shared > 0 || shared_gate)
            .then(|| experts(recorder, x, self.n_shared, shared_gates, self.expert, self.norms));
        outputs.extend(shared.iter().filter(|_| self.n_shared > 0).map(|group| group.outputs));
        let mut weights = Vec::new();
        recorder.repeat(self.n_tasks, |recorder| {
            // Where parts are counted with a factor, there is one for all tasks.
            let logits = task_logits[weights.len().min(task_logits.len() - 1)];
            weights.push(softmax(recorder, logits, task_gate.columns));
        });
        let shared = shared.filter(|_| shared_gate);
        weights.extend(shared.map(|group| softmax(recorder, group.logits, shared_gates.columns)));
        let n_gates = self.n_tasks.saturating_add(u64::from(shared_gate));
        mixtures(recorder, &weights, &outputs, n_gates, dim)
    }
}
