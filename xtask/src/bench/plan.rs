//! Which programs take part in which workload, and on how many rows: enough steps for a steady rate, and few enough for
//! the slow ones to end. All of them read the same rows; who takes fewer takes the first steps' share.

use std::ffi::OsString;
use std::path::PathBuf;

use super::contestant::Contestant;
use super::native_program;
use super::options::{Extent, Options};
use super::peers::{Python, raw_folder};
use super::rust_peers;

/// Every workload, in the order in which they run.
pub(crate) const WORKLOADS: &[&str] = &[
    "train_full",
    "train_small",
    "exact_full",
    "paper",
    "stream",
    "lists",
    "raw",
    "infer_1",
    "infer_256",
    "infer_1024",
    "infer_8192",
    "graph_1",
    "graph_1024",
    "evaluate",
];

/// Rows to a training step.
const BATCH: usize = 1024;

/// This project, with all threads.
pub(crate) const OURS: &str = "ple";
/// This project, with one thread.
pub(crate) const OURS_ONE_THREAD: &str = "ple, 1 thread";
/// This project, with the rows in memory.
pub(crate) const OURS_IN_MEMORY: &str = "ple, rows in memory";
/// The rates of the machine.
pub(crate) const LIMIT: &str = "the machine's limit";
/// The reference as its users run it.
pub(crate) const RECHUB: &str = "torch-rechub";
/// The raw files read by Python alone.
pub(crate) const PLAIN_PYTHON: &str = "plain Python pass";
/// Hand-tuned PyTorch with dense Adam.
pub(crate) const PYTORCH_DENSE: &str = "pytorch, fused dense Adam";
/// Hand-tuned PyTorch with sparse gradients.
pub(crate) const PYTORCH_SPARSE: &str = "pytorch, SparseAdam";
/// A Rust framework.
pub(crate) const BURN: &str = "burn";
/// The reference's exported graph, called from Python.
pub(crate) const ONNX_RUNTIME: &str = "onnxruntime, from Python";
/// The same through the C interface.
pub(crate) const ONNX_RUNTIME_C: &str = "onnxruntime, from C";

/// The graph that this project writes, in ONNX Runtime through its C interface.
pub(crate) const OUR_GRAPH: &str = "ple's graph, from C";
/// The reference's exported graph, on as many threads as ours.
pub(crate) const THEIR_GRAPH: &str = "torch-rechub's graph, from C";

/// The fixed work that runs between the workloads.
pub(crate) fn control(options: &Options) -> Contestant {
    let mut plan = Plan { workload: "control", options, python: None, contestants: Vec::new() };
    plan.native("control", "control", &[]);
    plan.contestants.swap_remove(0)
}

/// Everything that takes part, workload by workload.
pub(crate) fn contestants(options: &Options, python: Option<&Python>) -> Vec<Contestant> {
    let wanted = WORKLOADS.iter().filter(|workload| options.wants(workload));
    wanted.flat_map(|workload| of_workload(workload, options, python)).collect()
}

fn of_workload(workload: &'static str, options: &Options, python: Option<&Python>) -> Vec<Contestant> {
    let mut plan = Plan { workload, options, python, contestants: Vec::new() };
    match workload {
        "train_full" => {
            plan.native(OURS, "train", &["--rows", &plan.rows(976, 196)]);
            plan.peer(RECHUB, "rechub_train.py", &["--vocabulary", "full", "--steps", "50"]);
            plan.peer(PYTORCH_DENSE, "tuned_train.py", &["--adam", "dense", "--steps", "100"]);
            plan.peer(PYTORCH_SPARSE, "tuned_train.py", &["--adam", "sparse", "--steps", "200"]);
            plan.burn("50");
            plan.native_with_threads(1, OURS_ONE_THREAD, "train", &["--rows", &plan.rows(976, 196)]);
            plan.native(LIMIT, "limits", &["--size", "tutorial"]);
        }
        "train_small" => {
            plan.native(OURS, "train", &["--vocabulary", "small", "--rows", &plan.rows(976, 196)]);
            plan.peer(RECHUB, "rechub_train.py", &["--vocabulary", "small", "--steps", "100"]);
            let small = ["--vocabulary", "small", "--steps", "300", "--adam"];
            plan.peer(PYTORCH_DENSE, "tuned_train.py", &[&small[..], &["dense"]].concat());
            plan.peer(PYTORCH_SPARSE, "tuned_train.py", &[&small[..], &["sparse"]].concat());
        }
        "exact_full" => {
            // The number of steps belongs to the workload: the debt of a row grows with it.
            let rows = plan.rows(500, 100);
            plan.native(OURS, "train", &["--tables", "exact", "--rows", &rows]);
            let steps = ["--adam", "dense", "--steps", "500", "--steps-per-loss", "500"];
            plan.peer(PYTORCH_DENSE, "tuned_train.py", &steps);
        }
        "paper" => {
            plan.native(OURS, "train", &["--size", "paper", "--rows", &plan.rows(150, 30)]);
            let paper = ["--size", "paper", "--steps", "100", "--adam"];
            plan.peer(PYTORCH_DENSE, "tuned_train.py", &[&paper[..], &["dense"]].concat());
            plan.peer(PYTORCH_SPARSE, "tuned_train.py", &[&paper[..], &["sparse"]].concat());
            plan.native(LIMIT, "limits", &["--size", "paper"]);
        }
        "stream" => {
            let rows = plan.rows(1952, 392);
            plan.native(OURS, "train", &["--source", "shards", "--rows", &rows]);
            plan.native(OURS_IN_MEMORY, "train", &["--rows", &rows]);
        }
        "lists" => {
            let rows = plan.rows(391, 98);
            let lists = ["--features", "lists", "--rows", &rows];
            plan.native(OURS, "train", &[&lists[..], &["--source", "shards"]].concat());
            plan.native(OURS_IN_MEMORY, "train", &lists);
        }
        "raw" => {
            let rows = plan.rows(782, 98);
            let raw = raw_folder().to_string_lossy().into_owned();
            plan.native(OURS, "prepare", &["--rows", &rows, "--raw", &raw]);
            plan.peer(PLAIN_PYTHON, "plain_raw_pass.py", &[]);
        }
        "evaluate" => plan.native(OURS, "evaluate", &["--rows", &plan.rows(976, 196)]),
        "graph_1" => plan.graphs("1", 1),
        "graph_1024" => plan.graphs("1024", plan.options.threads),
        infer => {
            let batch = infer.trim_start_matches("infer_");
            // A single row is a matter of latency, which a second thread does not help.
            let threads = if batch == "1" { 1 } else { options.threads };
            let arguments = ["--batch", batch, "--seconds", plan.seconds()];
            plan.native_with_threads(threads, OURS, "infer", &arguments);
            plan.peer_with_threads(threads, ONNX_RUNTIME, "onnx_infer.py", &arguments);
            if let Some(python) = python {
                plan.onnx_runtime_in_c(ONNX_RUNTIME_C, python.graph(), batch, threads);
            }
        }
    }
    plan.contestants
}

/// A workload's list as it grows.
struct Plan<'o> {
    workload: &'static str,
    options: &'o Options,
    python: Option<&'o Python>,
    contestants: Vec<Contestant>,
}

impl Plan<'_> {
    /// Rows of so many steps.
    fn rows(&self, full: usize, quick: usize) -> String {
        let steps = match self.options.extent {
            Extent::Full => full,
            Extent::Quick => quick,
        };
        (steps * BATCH).to_string()
    }

    fn seconds(&self) -> &'static str {
        match self.options.extent {
            Extent::Full => "3",
            Extent::Quick => "1",
        }
    }

    fn native(&mut self, name: &'static str, measurement: &str, arguments: &[&str]) {
        self.native_with_threads(self.options.threads, name, measurement, arguments);
    }

    fn native_with_threads(
        &mut self,
        threads: usize,
        name: &'static str,
        measurement: &str,
        arguments: &[&str],
    ) {
        let number = threads.to_string();
        let words = [&[measurement, "--threads", &number], arguments].concat();
        self.contestants.push(Contestant {
            workload: self.workload,
            name,
            program: native_program(),
            arguments: words.into_iter().map(OsString::from).collect(),
            threads,
        });
    }

    fn burn(&mut self, steps: &str) {
        if let Some(python) = self.python {
            let rows = python.rows_of("full").into_os_string();
            self.rust_peer(BURN, "burn_train", vec![rows, steps.into()], self.options.threads);
        }
    }

    /// Two graphs of one model in one runtime.
    fn graphs(&mut self, batch: &str, threads: usize) {
        if let Some(python) = self.python {
            self.onnx_runtime_in_c(OUR_GRAPH, python.our_graph(), batch, threads);
            self.onnx_runtime_in_c(THEIR_GRAPH, python.graph(), batch, threads);
        }
    }

    fn onnx_runtime_in_c(&mut self, name: &'static str, graph: PathBuf, batch: &str, threads: usize) {
        if let Some(python) = self.python {
            let paths = [python.onnx_runtime.clone(), graph, python.rows_of("full")];
            let number = threads.to_string();
            let words = [batch, self.seconds(), &number].map(OsString::from);
            let arguments = paths.map(PathBuf::into_os_string).into_iter().chain(words).collect();
            self.rust_peer(name, "ort_infer", arguments, threads);
        }
    }

    fn rust_peer(&mut self, name: &'static str, program: &str, arguments: Vec<OsString>, threads: usize) {
        let program = rust_peers::program(program);
        self.contestants.push(Contestant { workload: self.workload, name, program, arguments, threads });
    }

    fn peer(&mut self, name: &'static str, script: &str, arguments: &[&str]) {
        self.peer_with_threads(self.options.threads, name, script, arguments);
    }

    fn peer_with_threads(&mut self, threads: usize, name: &'static str, script: &str, arguments: &[&str]) {
        if let Some(python) = self.python {
            self.contestants.push(Contestant {
                workload: self.workload,
                name,
                program: python.program.clone(),
                arguments: python.arguments(script, threads, arguments),
                threads,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{OUR_GRAPH, OURS, Python, THEIR_GRAPH, WORKLOADS, contestants};
    use crate::bench::options::Options;

    #[test]
    fn we_take_part_in_every_workload() {
        let python = Python::at(PathBuf::from("python"), PathBuf::from("libonnxruntime.so"));
        let plan = contestants(&Options::parse(&[]).unwrap(), Some(&python));
        for workload in WORKLOADS {
            let ours = if workload.starts_with("graph") { OUR_GRAPH } else { OURS };
            assert!(plan.iter().any(|c| c.workload == *workload && c.name == ours), "{workload}");
        }
    }

    #[test]
    fn graphs_of_one_row_run_on_one_thread() {
        let python = Python::at(PathBuf::from("python"), PathBuf::from("libonnxruntime.so"));
        let plan = contestants(&Options::parse(&["--only", "graph_1"]).unwrap(), Some(&python));
        assert_eq!(
            plan.iter().map(|c| (c.name, c.threads)).collect::<Vec<_>>(),
            [(OUR_GRAPH, 1), (THEIR_GRAPH, 1)]
        );
    }

    #[test]
    fn one_workload_can_be_picked() {
        let plan = contestants(&Options::parse(&["--only", "paper", "--quick"]).unwrap(), None);
        assert!(!plan.is_empty() && plan.iter().all(|contestant| contestant.workload == "paper"));
        assert!(plan[0].arguments.iter().any(|word| word == "30720"), "{:?}", plan[0].arguments);
    }
}
