//! The ratios that have targets, each under the key that it has in the JSON.

use super::plan::{
    BURN, LIMIT, ONNX_RUNTIME, ONNX_RUNTIME_C, OUR_GRAPH, OURS, OURS_IN_MEMORY, OURS_ONE_THREAD,
    PLAIN_PYTHON, PYTORCH_DENSE, PYTORCH_SPARSE, RECHUB, THEIR_GRAPH,
};
use super::results::Results;

/// What a run's memory may be beside weights and moments.
const MEMORY_ALLOWANCE: f64 = 300e6;

/// Bytes of a weight and its two moments.
const BYTES_PER_PARAMETER: f64 = 12.0;

/// One ratio, what it should be at least, and what is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    /// Its key in the JSON.
    pub key: &'static str,
    /// What is compared.
    pub meaning: &'static str,
    /// The smallest that will do (for memory: the largest).
    pub at_least: f64,
    /// What is aimed at.
    pub aim: f64,
    measure: fn(&Results) -> Option<f64>,
}

impl Ratio {
    /// The ratio of what was measured; none where a side of it was not.
    pub(crate) fn of(&self, results: &Results) -> Option<f64> {
        (self.measure)(results).filter(|ratio| ratio.is_finite())
    }
}

const fn ratio(
    key: &'static str,
    meaning: &'static str,
    [at_least, aim]: [f64; 2],
    measure: fn(&Results) -> Option<f64>,
) -> Ratio {
    Ratio { key, meaning, at_least, aim, measure }
}

/// Every ratio, in the order of the table. All are quotients of medians.
pub(crate) const RATIOS: &[Ratio] = &[
    ratio("train_full_vs_rechub", "full vocabulary, against torch-rechub", [100.0, 200.0], |results| {
        against(results, "train_full", &[RECHUB])
    }),
    ratio("train_full_vs_pytorch", "full vocabulary, against the best PyTorch", [7.0, 10.0], |results| {
        against(results, "train_full", &[PYTORCH_DENSE, PYTORCH_SPARSE])
    }),
    ratio("train_full_of_limit", "full vocabulary, share of the limit", [0.6, 0.8], |results| {
        against(results, "train_full", &[LIMIT])
    }),
    ratio("train_small_vs_pytorch", "small vocabulary, against the best PyTorch", [6.0, 10.0], |results| {
        against(results, "train_small", &[PYTORCH_DENSE, PYTORCH_SPARSE])
    }),
    ratio("paper_vs_pytorch", "paper size in f32, against the best PyTorch", [1.8, 2.5], |results| {
        against(results, "paper", &[PYTORCH_DENSE, PYTORCH_SPARSE])
    }),
    ratio("paper_of_limit", "paper size, share of the limit", [0.6, 0.8], |results| {
        against(results, "paper", &[LIMIT])
    }),
    ratio("train_full_vs_burn", "full vocabulary, against burn", [100.0, 300.0], |results| {
        against(results, "train_full", &[BURN])
    }),
    ratio("infer_1024_vs_ort", "inference at 1,024, against ONNX Runtime", [3.0, 4.0], |results| {
        against(results, "infer_1024", &[ONNX_RUNTIME, ONNX_RUNTIME_C])
    }),
    ratio("infer_1_vs_ort", "one row, against ONNX Runtime from C", [5.0, 8.0], |results| {
        against(results, "infer_1", &[ONNX_RUNTIME_C])
    }),
    ratio(
        "graph_1024_vs_export",
        "our graph at 1,024, against torch-rechub's export",
        [1.5, 2.0],
        |results| graphs(results, "graph_1024"),
    ),
    ratio("graph_1_vs_export", "our graph at 1, against torch-rechub's export", [1.5, 2.0], |results| {
        graphs(results, "graph_1")
    }),
    ratio("exact_vs_pytorch_dense", "exact mode, against fused dense Adam", [5.0, 8.0], |results| {
        against(results, "exact_full", &[PYTORCH_DENSE])
    }),
    ratio("eval_vs_infer", "evaluation, against our inference at its best batch", [0.9, 1.0], |results| {
        let batches = ["infer_1", "infer_256", "infer_1024", "infer_8192"];
        let best = batches.iter().filter_map(|batch| median(results, batch, OURS)).reduce(f64::max)?;
        Some(median(results, "evaluate", OURS)? / best)
    }),
    ratio("threads_2_vs_1", "two threads against one, full vocabulary", [1.65, 1.9], |results| {
        against(results, "train_full", &[OURS_ONE_THREAD])
    }),
    ratio("stream_vs_memory", "streamed from Parquet, against rows in memory", [0.9, 1.0], |results| {
        against(results, "stream", &[OURS_IN_MEMORY])
    }),
    ratio("raw_vs_plain_python", "raw files prepared, against a plain Python pass", [8.0, 25.0], |results| {
        against(results, "raw", &[PLAIN_PYTHON])
    }),
    ratio("memory_of_bound", "peak memory, over weights + moments + 300 MB", [1.0, 0.85], |results| {
        let row = results.row("train_full", OURS)?;
        let parameters = row.samples.first()?.1.get("parameters")?.as_f64()?;
        Some(row.peak_memory()? as f64 / (BYTES_PER_PARAMETER * parameters + MEMORY_ALLOWANCE))
    }),
];

/// What has targets and is not measured here: what is compared, with the smallest that will do (for memory and minutes: the
/// largest), and what is aimed at.
pub(crate) const NOT_MEASURED: &[(&str, [f64; 2])] = &[
    ("paper size with bf16 products, against PyTorch's bf16 autocast", [1.2, 2.0]),
    ("any table prepared from raw ids, against the same job in polars", [1.5, 3.0]),
    ("the same, peak memory", [0.3, 0.2]),
    ("fresh clone to the first line of the main job, minutes against an earlier state", [0.7, 0.5]),
];

/// Our median over the best of the others'.
fn against(results: &Results, workload: &str, others: &[&str]) -> Option<f64> {
    let best = others.iter().filter_map(|other| median(results, workload, other)).reduce(f64::max)?;
    Some(median(results, workload, OURS)? / best)
}

/// Our graph's median over that of torch-rechub's, in the same runtime.
fn graphs(results: &Results, workload: &str) -> Option<f64> {
    Some(median(results, workload, OUR_GRAPH)? / median(results, workload, THEIR_GRAPH)?)
}

fn median(results: &Results, workload: &str, contestant: &str) -> Option<f64> {
    results.rate(workload, contestant).map(|rate| rate.median)
}

#[cfg(test)]
mod tests {
    use super::{OURS, PYTORCH_DENSE, PYTORCH_SPARSE, RATIOS, Results};
    use serde_json::json;

    fn ratio(results: &Results, key: &str) -> Option<f64> {
        RATIOS.iter().find(|ratio| ratio.key == key).and_then(|ratio| ratio.of(results))
    }

    #[test]
    fn the_better_peer_counts() {
        let mut results = Results::default();
        let mut add = |workload: &str, contestant: &str, rate: f64| {
            results.add(workload, contestant, 0, json!({"rows_per_second": rate}));
        };
        add("train_full", OURS, 100.0);
        add("train_full", PYTORCH_DENSE, 5.0);
        add("train_full", PYTORCH_SPARSE, 20.0);
        add("infer_256", OURS, 300.0);
        add("infer_1024", OURS, 400.0);
        add("evaluate", OURS, 200.0);
        assert_eq!(ratio(&results, "train_full_vs_pytorch"), Some(5.0));
        assert_eq!(ratio(&results, "eval_vs_infer"), Some(0.5));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        assert!(RATIOS.iter().all(|ratio| ratio.of(&Results::default()).is_none()));
    }

    #[test]
    fn memory_is_compared_with_its_bound() {
        let mut results = Results::default();
        let sample =
            json!({"rows_per_second": 1, "parameters": 25_000_000, "peak_memory_bytes": 900_000_000});
        results.add("train_full", OURS, 0, sample);
        assert_eq!(ratio(&results, "memory_of_bound"), Some(1.5));
    }
}
