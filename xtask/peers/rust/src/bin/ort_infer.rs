//! ONNX Runtime through its C interface, on a graph that torch-rechub exported or on ours: what it takes without Python,
//! which at a batch of one is most of what a Python program measures. Inputs and outputs of every batch are bound once.
//!
//! Arguments: the library, the graph, the folder of the rows, rows to a batch, seconds, threads.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ort::memory::Allocator;
use ort::session::Session;
use ort::value::{Tensor, ValueType};
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
    let outputs: Vec<String> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
    let rank = |dtype: &ValueType| dtype.tensor_shape().map_or(0, |shape| shape.len());
    let input_ranks: Vec<usize> = session.inputs().iter().map(|input| rank(input.dtype())).collect();
    let output_ranks: Vec<usize> = session.outputs().iter().map(|output| rank(output.dtype())).collect();
    // A vector of rows, or a matrix of rows and whatever the graph has on its other side.
    let shape = |rank: usize, width: usize| if rank == 1 { vec![batch] } else { vec![batch, width] };

    let mut bindings = Vec::new();
    for number in 0..MOST_BATCHES.min(ROWS / batch) {
        let range = number * batch..(number + 1) * batch;
        let mut binding = session.create_binding()?;
        for (name, &rank) in inputs.iter().zip(&input_ranks) {
            let column = name.strip_prefix("feature_").unwrap_or(name);
            if let Some(index) = rows.sparse_names.iter().position(|sparse| sparse == column) {
                let id = |row: usize| i64::from(rows.sparse[row * rows.sparse_names.len() + index]);
                let values: Vec<i64> = range.clone().map(id).collect();
                binding.bind_input(name, &Tensor::from_array(([batch], values))?)?;
            } else if let Some(index) = rows.dense_names.iter().position(|dense| dense == column) {
                let value = |row: usize| rows.dense[row * rows.dense_names.len() + index];
                let values: Vec<f32> = range.clone().map(value).collect();
                binding.bind_input(name, &Tensor::from_array((shape(rank, 1), values))?)?;
            } else {
                return Err(format!("the graph reads `{name}`, which is no column").into());
            }
        }
        for (name, &rank) in outputs.iter().zip(&output_ranks) {
            let shape: Vec<i64> = shape(rank, TASKS).into_iter().map(|side| side as i64).collect();
            binding.bind_output(name, Tensor::<f32>::new(&Allocator::default(), shape)?)?;
        }
        bindings.push(binding);
    }

    let mut predictions = vec![0.0; TASKS];
    {
        let found = session.run_binding(&bindings[0])?;
        for (index, name) in outputs.iter().enumerate() {
            let (_, values) = found[name.as_str()].try_extract_tensor::<f32>()?;
            match outputs.len() {
                1 => predictions.copy_from_slice(&values[..TASKS]),
                _ => predictions[index] = values[0],
            }
        }
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
            "predictions": predictions,
            "peak_memory_bytes": peak_bytes(),
        })
    );
    Ok(())
}
