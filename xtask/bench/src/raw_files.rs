//! Raw files in Ali-CCP's format: made once for all who read them, prepared against the clock, and the source of rows with
//! lists of users.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ple_data::Vocabulary;
use ple_data::ali_ccp_raw::{Prepared, RawConfig, RawGeneratorConfig, generate_ali_ccp, prepare_ali_ccp};
use serde_json::{Value, json};

use crate::memory::peak_bytes;
use crate::options::Prepare;
use crate::workload::SEED;

/// Rows to a user, and rows of the training part to one of the test part.
const ROWS_PER_USER: u64 = 20;
const TRAIN_PER_TEST: u64 = 5;

/// The common features of a user, as many as the published files have.
const FEATURES_PER_USER: usize = 500;

/// Says what the files of a folder are; written last.
const DONE: &str = "generated.json";

/// Prepares raw files once, in a folder that goes again.
pub(crate) fn prepare(options: &Prepare) -> Result<Value, String> {
    let (rows, bytes) = raw_files(options.rows, &options.raw)?;
    let folder = tempfile::tempdir_in(&options.raw).map_err(|error| error.to_string())?;
    let start = Instant::now();
    prepare_ali_ccp(&options.raw, folder.path().join("prepared"), &RawConfig::default(), &|_| ())
        .map_err(|error| error.to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(json!({
        "rows_per_second": rows as f64 / seconds,
        "rows": rows,
        "seconds": seconds,
        "megabytes_per_second": bytes as f64 / 1e6 / seconds,
        "peak_memory_bytes": peak_bytes(),
        "threads": rayon::current_num_threads(),
        "instruction_set": ple_train::instruction_set(),
    }))
}

/// Raw files of so many training rows, prepared in a folder unless they are there.
pub(crate) fn prepared(rows: usize, folder: &Path) -> Result<Prepared, String> {
    let (raw, out) = (folder.join("raw"), folder.join("prepared"));
    if out.is_dir() {
        return Prepared::open(&out).map_err(|error| error.to_string());
    }
    raw_files(rows, &raw)?;
    prepare_ali_ccp(&raw, &out, &RawConfig::default(), &|_| ()).map_err(|error| error.to_string())?;
    fs::remove_dir_all(&raw).map_err(|error| error.to_string())?;
    Prepared::open(&out).map_err(|error| error.to_string())
}

/// The raw files of a folder, which are made if they are not there: the rows of both parts, and the bytes of all files.
fn raw_files(rows: usize, folder: &Path) -> Result<(u64, u64), String> {
    let rows = rows as u64;
    let config = RawGeneratorConfig {
        rows,
        test_rows: rows / TRAIN_PER_TEST,
        users: rows / ROWS_PER_USER,
        features_per_user: FEATURES_PER_USER,
        vocabulary: Vocabulary::Full,
        seed: SEED,
    };
    let done = folder.join(DONE);
    let facts = |bytes: u64| json!({"configuration": format!("{config:?}"), "bytes": bytes});
    let before: Value =
        fs::read(&done).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let bytes = before["bytes"].as_u64().unwrap_or_default();
    if before == facts(bytes) {
        return Ok((config.rows + config.test_rows, bytes));
    }
    let make = || {
        fs::create_dir_all(folder)?;
        if done.exists() { fs::remove_file(&done) } else { Ok(()) }
    };
    make().map_err(|error| format!("{}: {error}", folder.display()))?;
    let generated = generate_ali_ccp(&config, folder).map_err(|error| error.to_string())?;
    let bytes = generated.train.bytes + generated.test.bytes;
    fs::write(&done, facts(bytes).to_string()).map_err(|error| format!("{}: {error}", done.display()))?;
    Ok((config.rows + config.test_rows, bytes))
}

#[cfg(test)]
mod tests {
    use super::{prepare, raw_files};
    use crate::options::Prepare;

    #[test]
    fn files_that_are_there_are_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("raw");
        let made = raw_files(100, &raw).unwrap();
        let skeleton = raw.join("sample_skeleton_train.csv");
        let when = || std::fs::metadata(&skeleton).unwrap().modified().unwrap();
        let before = when();
        assert_eq!(raw_files(100, &raw).unwrap(), made);
        assert_eq!((when(), made.0), (before, 120));
        assert_eq!(raw_files(60, &raw).unwrap().0, 72);
        let found = prepare(&Prepare { rows: 60, raw: raw.clone() }).unwrap();
        assert_eq!(found["rows"], 72);
        assert_eq!(std::fs::read_dir(&raw).unwrap().count(), 5, "nothing of the preparation is left");
    }
}
