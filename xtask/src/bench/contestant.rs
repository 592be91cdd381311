//! One contestant: a program that measures one workload and prints what it found as one JSON object.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// A program with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// The workload.
    pub workload: &'static str,
    /// The contestant's name in tables.
    pub name: &'static str,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The threads that it may use.
    pub threads: usize,
}

impl Contestant {
    /// Runs the program once.
    pub(crate) fn measure(&self) -> Result<Value, String> {
        let threads = self.threads.to_string();
        // PyTorch, ONNX Runtime and rayon look here before a program can say anything.
        let output = Command::new(&self.program)
            .args(&self.arguments)
            .env("OMP_NUM_THREADS", &threads)
            .env("MKL_NUM_THREADS", &threads)
            .env("RAYON_NUM_THREADS", &threads)
            .env("MATMUL_NUM_THREADS", &threads)
            .output()
            .map_err(|error| format!("{} could not be started: {error}", self.program.display()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(12)..].join("\n");
            return Err(format!("{} ended with {}\n{last}", self.program.display(), output.status));
        }
        last_object(&String::from_utf8_lossy(&output.stdout))
    }
}

/// The JSON object in the last line of what a program printed.
fn last_object(text: &str) -> Result<Value, String> {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(Value::Object(object)),
        _ => Err(format!("expected a JSON object in the last line, found `{line}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::last_object;

    #[test]
    fn what_a_library_prints_before_the_object_does_not_matter() {
        let value = last_object("epoch: 0\n{\"rows_per_second\": 5}\n\n").unwrap();
        assert_eq!(value["rows_per_second"], 5);
        assert!(last_object("{\"a\": 1}\nTraceback").unwrap_err().contains("Traceback"));
    }
}
