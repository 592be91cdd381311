//! The gate's step for `docs/serving.md`: its Python listings serve models that the examples have left, in ONNX Runtime,
//! and predict what this project predicted.

use std::fs;
use std::process::Command;

use crate::cargo::workspace_root;
use crate::end_to_end;
use crate::python::environment;

/// The page, from the top of the workspace.
const PAGE: &str = "docs/serving.md";

/// The listings of the page in Python, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// Sends the log as it is.
    RawRows,
    /// Sends rows whose ids are encoded, and then two ids that do not exist.
    EncodedRows,
}

/// All of them.
const LISTINGS: [Listing; 2] = [Listing::RawRows, Listing::EncodedRows];

impl Listing {
    /// How many requests it makes that have to be refused.
    fn refusals(self) -> &'static str {
        match self {
            Listing::RawRows => "0",
            Listing::EncodedRows => "2",
        }
    }
}

/// A model, rows that it has not learned from, and the file into which the example `score` has put its predictions.
struct Served {
    listing: Listing,
    /// A file in the folder of the end-to-end runs, as are the predictions.
    model: &'static str,
    /// From the top of the workspace.
    rows: &'static str,
    predictions: &'static str,
}

/// A model of rows whose ids are encoded.
const fn encoded(model: &'static str) -> Served {
    let rows = "data/ali_ccp_generated/ali_ccp_test_sample.parquet";
    Served { listing: Listing::EncodedRows, model, rows, predictions: "scores.parquet" }
}

/// A model of a log as it is: strings of which some are in no vocabulary, lists, numbers of which some are missing.
const fn raw(model: &'static str) -> Served {
    let rows = "data/shop_log/log.csv";
    Served { listing: Listing::RawRows, model, rows, predictions: "shop-scores.parquet" }
}

const MODELS: &[Served] = &[
    encoded("streamed/model.onnx"),
    encoded("streamed-f16.onnx"),
    encoded("streamed-int8.onnx"),
    raw("shop-wide-f32.onnx"),
    raw("shop-wide-f16.onnx"),
    raw("shop-wide-int8.onnx"),
];

/// Runs the listings on every model. Without Python or the way to its packages nothing is run, which is said.
pub(crate) fn check() -> Result<(), String> {
    let python = match environment("serving-venv", "serving/requirements.txt") {
        Ok(python) => python,
        Err(reason) => {
            println!("   not run: the Python listings of {PAGE} in ONNX Runtime ({reason})");
            return Ok(());
        }
    };
    let (root, scratch) = (workspace_root(), end_to_end::scratch());
    let page = fs::read_to_string(root.join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    for (listing, text) in LISTINGS.into_iter().zip(python_listings(&page)?) {
        let path = scratch.join(format!("{listing:?}.py"));
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for Served { listing, model, rows, predictions } in MODELS {
        if !scratch.join(model).is_file() {
            return Err(format!("{model} is not there; the step `end to end` leaves it"));
        }
        let mut command = Command::new(&python);
        command.arg(root.join("xtask/serving/check.py")).args(["--refusals", listing.refusals()]);
        command.arg("--listing").arg(scratch.join(format!("{listing:?}.py")));
        command.arg("--model").arg(scratch.join(model)).arg("--rows").arg(root.join(rows));
        command.arg("--predictions").arg(scratch.join(predictions));
        let output = command.output().map_err(|error| format!("{}: {error}", python.display()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{model}, served as {PAGE} says, ended with {}\n{text}", output.status));
        }
        println!("   {model}: {}", String::from_utf8_lossy(&output.stdout).trim());
    }
    Ok(())
}

/// The page's blocks of Python.
fn python_listings(page: &str) -> Result<[&str; LISTINGS.len()], String> {
    let blocks = page.split("```python\n").skip(1);
    let texts: Vec<&str> =
        blocks.filter_map(|block| block.split_once("```")).map(|(listing, _)| listing).collect();
    let n = texts.len();
    texts
        .try_into()
        .map_err(|_| format!("{PAGE} has {n} blocks of `python`, and has to have {}", LISTINGS.len()))
}

#[cfg(test)]
mod tests {
    use super::python_listings;

    #[test]
    fn the_listings_are_the_blocks_of_python() {
        let page = "text\n```sh\nls\n```\n```python\nx = 1\n```\n```python\ny = 2\n```\n";
        assert_eq!(python_listings(page).unwrap(), ["x = 1\n", "y = 2\n"]);
        let refused = |page: &str| python_listings(page).unwrap_err();
        assert_eq!(refused("```sh\nls\n```"), "docs/serving.md has 0 blocks of `python`, and has to have 2");
        assert_eq!(refused(&page.repeat(2)), "docs/serving.md has 4 blocks of `python`, and has to have 2");
    }
}
