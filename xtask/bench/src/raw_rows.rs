//! The rows as raw little-endian files, which a program in another language maps into memory as they are.

use std::fs;
use std::path::Path;

use ple_data::ALI_CCP_SPARSE;
use serde_json::{Value, json};

use crate::options::Export;
use crate::workload;

/// Writes `sparse.u32` `[rows, 23]`, `dense.f32` `[rows, 8]`, `labels.f32` `[rows, 2]`, and last `rows.json`, which
/// says how many rows there are and how large the vocabularies.
pub(crate) fn export(options: &Export) -> Result<Value, String> {
    let table = workload::table(options.vocabulary, options.rows)?;
    let columns = table.to_columns();
    let out = options.out.as_path();
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    write(out, "sparse.u32", columns.sparse.iter().flat_map(|id| id.to_le_bytes()))?;
    write(out, "dense.f32", columns.dense.iter().flat_map(|value| value.to_le_bytes()))?;
    write(out, "labels.f32", columns.labels.iter().flat_map(|value| value.to_le_bytes()))?;
    let facts = json!({
        "rows": table.rows(),
        "vocabularies": workload::sizes(options.vocabulary).to_vec(),
        "sparse": ALI_CCP_SPARSE.to_vec(),
        "dense": ple_data::ALI_CCP_DENSE.to_vec(),
        "seed": workload::SEED,
    });
    write(out, "rows.json", facts.to_string().into_bytes())?;
    Ok(facts)
}

fn write(folder: &Path, name: &str, bytes: impl IntoIterator<Item = u8>) -> Result<(), String> {
    let path = folder.join(name);
    fs::write(&path, bytes.into_iter().collect::<Vec<u8>>())
        .map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::export;
    use crate::options::{Export, Vocabulary};

    #[test]
    fn the_files_have_the_sizes_of_their_shapes() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("rows");
        export(&Export { vocabulary: Vocabulary::Small, rows: 10, out: out.clone() }).unwrap();
        let size = |name: &str| std::fs::metadata(out.join(name)).unwrap().len();
        assert_eq!([size("sparse.u32"), size("dense.f32"), size("labels.f32")], [920, 320, 80]);
        assert!(out.join("rows.json").is_file());
    }
}
