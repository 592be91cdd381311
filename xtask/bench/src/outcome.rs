//! What a measurement found, as the one JSON object that it prints.

use serde_json::{Value, json};

use crate::memory::peak_bytes;

/// Rows and seconds of one measurement, and what shows that the work was the same as another contestant's.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Rows that went through.
    pub rows: u64,
    /// The time that they took.
    pub seconds: f64,
    /// Learned values of the model.
    pub parameters: usize,
    /// The mean of the tasks' losses over each stretch of `steps_per_loss` training steps; empty without training.
    pub losses: Vec<f64>,
    /// The length of such a stretch.
    pub steps_per_loss: u64,
}

impl Outcome {
    /// Rows a second, the facts that have to agree between contestants, and those of this process.
    pub(crate) fn json(&self) -> Value {
        json!({
            "rows_per_second": self.rows as f64 / self.seconds,
            "rows": self.rows,
            "seconds": self.seconds,
            "parameters": self.parameters,
            "losses": self.losses,
            "steps_per_loss": self.steps_per_loss,
            "peak_memory_bytes": peak_bytes(),
            "threads": rayon::current_num_threads(),
            "instruction_set": ple_train::instruction_set(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn the_rate_is_rows_over_seconds() {
        let outcome =
            Outcome { rows: 300, seconds: 1.5, parameters: 7, losses: vec![0.5], steps_per_loss: 50 };
        let json = outcome.json();
        assert_eq!(json["rows_per_second"], 200.0);
        assert_eq!(json["losses"][0], 0.5);
    }
}
