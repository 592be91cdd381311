//! The gate's step for `docs/serving.md`: its Python listing serves a model that an example has left, in ONNX Runtime,
//! and predicts what this project predicted.

use std::fs;
use std::process::Command;

use crate::cargo::workspace_root;
use crate::end_to_end;
use crate::python::environment;

/// The page, from the top of the workspace.
const PAGE: &str = "docs/serving.md";

/// The most that ONNX Runtime may differ from this project.
const TOLERANCE: &str = "1e-5";

/// A model, rows that it has not learned from, and the file into which the example `score` has put its predictions.
struct Served {
    /// A file in the folder of the end-to-end runs, as are the predictions.
    model: &'static str,
    /// From the top of the workspace.
    rows: &'static str,
    predictions: &'static str,
}

const MODELS: &[Served] = &[Served {
    model: "streamed/model.onnx",
    rows: "data/ali_ccp_generated/ali_ccp_test_sample.parquet",
    predictions: "scores.parquet",
}];

/// Runs the listing on every model. Without Python or the way to its packages nothing is run, which is said.
pub(crate) fn check() -> Result<(), String> {
    let python = match environment("serving-venv", "serving/requirements.txt") {
        Ok(python) => python,
        Err(reason) => {
            println!("   not run: the Python listing of {PAGE} in ONNX Runtime ({reason})");
            return Ok(());
        }
    };
    let (root, scratch) = (workspace_root(), end_to_end::scratch());
    let page = fs::read_to_string(root.join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let listing = scratch.join("listing.py");
    fs::write(&listing, python_listing(&page)?).map_err(|error| format!("{}: {error}", listing.display()))?;
    for Served { model, rows, predictions } in MODELS {
        if !scratch.join(model).is_file() {
            return Err(format!("{model} is not there; the step `end to end` leaves it"));
        }
        let mut command = Command::new(&python);
        command.arg(root.join("xtask/serving/check.py")).args(["--tolerance", TOLERANCE]);
        command.arg("--listing").arg(&listing).arg("--model").arg(scratch.join(model));
        command.arg("--rows").arg(root.join(rows)).arg("--predictions").arg(scratch.join(predictions));
        let output = command.output().map_err(|error| format!("{}: {error}", python.display()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{model}, served as {PAGE} says, ended with {}\n{text}", output.status));
        }
        println!("   {model}: {}", String::from_utf8_lossy(&output.stdout).trim());
    }
    Ok(())
}

/// The page's one block of Python.
fn python_listing(page: &str) -> Result<&str, String> {
    let mut blocks = page.split("```python\n").skip(1);
    let listing = blocks.next().and_then(|block| block.split_once("```")).map(|(listing, _)| listing);
    match (listing, blocks.next()) {
        (Some(listing), None) => Ok(listing),
        _ => Err(format!("{PAGE} has to have exactly one block of `python`")),
    }
}

#[cfg(test)]
mod tests {
    use super::python_listing;

    #[test]
    fn the_listing_is_the_one_block_of_python() {
        let page = "text\n```sh\nls\n```\n```python\nx = 1\n```\n";
        assert_eq!(python_listing(page).unwrap(), "x = 1\n");
        assert!(python_listing("```sh\nls\n```").unwrap_err().contains("exactly one"));
        assert!(python_listing(&page.repeat(2)).unwrap_err().contains("exactly one"));
    }
}
