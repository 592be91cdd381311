//! The rows that `ple-bench export` wrote, and what a process says of its memory.

use std::error::Error;
use std::path::Path;

use serde_json::Value;

/// The generated rows, row-major.
pub struct Rows {
    /// Ids, `[rows, features]`.
    pub sparse: Vec<u32>,
    /// Numbers, `[rows, dense]`.
    pub dense: Vec<f32>,
    /// Labels, `[rows, tasks]`.
    pub labels: Vec<f32>,
    /// The number of ids of each sparse feature.
    pub vocabularies: Vec<usize>,
    /// The names of the sparse columns.
    pub sparse_names: Vec<String>,
    /// The names of the dense columns.
    pub dense_names: Vec<String>,
}

impl Rows {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let facts: Value = serde_json::from_slice(&std::fs::read(folder.join("rows.json"))?)?;
        let list = |key: &str| facts[key].as_array().cloned().unwrap_or_default();
        let names = |key: &str| list(key).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let sizes = list("vocabularies");
        Ok(Self {
            sparse: words(&folder.join("sparse.u32"))?.map(u32::from_le_bytes).collect(),
            dense: words(&folder.join("dense.f32"))?.map(f32::from_le_bytes).collect(),
            labels: words(&folder.join("labels.f32"))?.map(f32::from_le_bytes).collect(),
            vocabularies: sizes.iter().filter_map(Value::as_u64).map(|size| size as usize).collect(),
            sparse_names: names("sparse"),
            dense_names: names("dense"),
        })
    }
}

fn words(path: &Path) -> Result<impl Iterator<Item = [u8; 4]>, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let words = bytes.len() / 4;
    Ok((0..words).map(move |i| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]))
}

/// The largest resident size so far, where the system tells.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}
