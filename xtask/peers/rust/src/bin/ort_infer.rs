//! ONNX Runtime through its C interface, on a graph that torch-rechub exported: what it takes without Python, which at
//! a batch of one is most of what a Python program measures. Inputs and output of every batch are bound once.
//!
//! Arguments: the library, the graph, the folder of the rows, rows to a batch, seconds, threads.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ort::memory::Allocator;
use ort::session::Session;
use ort::value::Tensor;
use ple_peers::{Rows, peak_bytes};
use serde_json::json;

/// Rows that the batches are cut from.
const ROWS: usize = 1 << 18;
/// The most batches that are bound, for small ones.
const MOST_BATCHES: usize = 1 << 10;
const TASKS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [library, graph, folder, batch, seconds, threads] = &words[..] else {
        return Err("expected: LIBRARY GRAPH FOLDER BATCH SECONDS THREADS".into());
    };
    let (batch, seconds): (usize, f64) = (batch.parse()?, seconds.parse()?);
    let rows = Rows::read(Path::new(folder))?;

    let environment = ort::init_from(library)?.build()?;
    let mut session =
        Session::builder(&environment)?.with_intra_threads(threads.parse()?)?.commit_from_file(graph)?;
    let inputs: Vec<String> = session.inputs().iter().map(|input| input.name().to_owned()).collect();
    let output = session.outputs()[0].name().to_owned();

    let mut bindings = Vec::new();
    for number in 0..MOST_BATCHES.min(ROWS / batch) {
        let range = number * batch..(number + 1) * batch;
        let mut binding = session.create_binding()?;
        for name in &inputs {
            let column = name.strip_prefix("feature_").unwrap_or(name);
            if let Some(index) = rows.sparse_names.iter().position(|sparse| sparse == column) {
                let id = |row: usize| i64::from(rows.sparse[row * rows.sparse_names.len() + index]);
                let values: Vec<i64> = range.clone().map(id).collect();
                binding.bind_input(name, &Tensor::from_array(([batch], values))?)?;
            } else if let Some(index) = rows.dense_names.iter().position(|dense| dense == column) {
                let value = |row: usize| rows.dense[row * rows.dense_names.len() + index];
                let values: Vec<f32> = range.clone().map(value).collect();
                binding.bind_input(name, &Tensor::from_array(([batch, 1], values))?)?;
            } else {
                return Err(format!("the graph reads `{name}`, which is no column").into());
            }
        }
        binding.bind_output(&output, Tensor::<f32>::new(&Allocator::default(), [batch, TASKS])?)?;
        bindings.push(binding);
    }

    for binding in bindings.iter().take(8) {
        session.run_binding(binding)?;
    }
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        session.run_binding(&bindings[calls % bindings.len()])?;
        calls += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "rows_per_second": (calls * batch) as f64 / seconds,
            "rows": calls * batch,
            "seconds": seconds,
            "peak_memory_bytes": peak_bytes(),
        })
    );
    Ok(())
}
