//! Files of users' lists that another process changes while a run reads them: an error with the file's name, and no panic
//! and no signal.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ple_data::ali_ccp_raw::Prepared;
use ple_data::{
    Batch, BatchPlan, BatchPosition, Batches, DataError, ExitKind, LastBatch, ParquetShards, RowSource,
    Shuffle, StreamConfig,
};

use crate::parquet::{config, prepared};
use crate::raw_texts::RawTexts;

/// Rows with the lists of their users, in memory or streamed, and the files of ids and weights.
fn sources() -> Vec<(tempfile::TempDir, RowSource, [PathBuf; 2])> {
    [false, true]
        .map(|streamed| {
            let (folder, prepared) = prepared(&RawTexts::with_odd_lines(), &config());
            let out = folder.path().join("out");
            let files = [&prepared.schema.common.ids, &prepared.schema.common.weights];
            let files = files.map(|facts| out.join(&facts.file));
            (folder, source(&prepared, streamed), files)
        })
        .into()
}

fn source(prepared: &Prepared, streamed: bool) -> RowSource {
    // Small files would be held in memory.
    let lists = prepared.user_lists_within(0).unwrap();
    let (shards, schema) = (prepared.shards("train").unwrap(), &prepared.schema.schema);
    match streamed {
        true => ParquetShards::open_joined(&shards, schema, &lists, StreamConfig::default()).unwrap().into(),
        false => lists.read_tables(&shards, schema).unwrap().into(),
    }
}

/// Reads one epoch of batches.
fn epoch(source: &RowSource) -> Result<usize, DataError> {
    let plan = BatchPlan { batch_size: 4, last_batch: LastBatch::Keep, shuffle: Shuffle::Seeded(1) };
    let mut batches = Batches::new(source, plan, BatchPosition::default(), 1, 2);
    let mut rows = 0;
    while let Some(batch) = batches.next_batch(|_| ()) {
        rows += batch?.rows();
    }
    Ok(rows)
}

fn says(source: &RowSource, path: &Path, detail: &str) {
    let error = epoch(source).unwrap_err();
    assert_eq!(error.kind(), ExitKind::BadData);
    let text = format!("{}: the file is damaged: {detail}", path.display());
    assert!(error.to_string().starts_with(&text), "{error}\nnot {text}");
}

fn overwrite(path: &Path, word: [u8; 4]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    let words = file.metadata().unwrap().len() / 4;
    assert!(words > 0);
    file.seek(SeekFrom::Start(0)).unwrap();
    (0..words).for_each(|_| file.write_all(&word).unwrap());
}

#[test]
fn lists_that_are_cut_short_end_a_run() {
    for (_folder, source, files) in sources() {
        assert_eq!(epoch(&source).unwrap(), source.rows());
        for path in files {
            let whole = std::fs::read(&path).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
            says(&source, &path, "it has become shorter since it was opened");
            // The same file again, since another one of that name would not be what was opened.
            File::options().write(true).open(&path).unwrap().write_all(&whole).unwrap();
            assert_eq!(epoch(&source).unwrap(), source.rows());
        }
    }
}

#[test]
fn lists_in_memory_are_those_of_the_files() {
    let (_folder, prepared) = prepared(&RawTexts::with_odd_lines(), &config());
    let (shards, schema) = (prepared.shards("train").unwrap(), &prepared.schema.schema);
    let [in_memory, in_files] = [prepared.user_lists(), prepared.user_lists_within(0)]
        .map(|lists| lists.unwrap().read_tables(&shards, schema).unwrap());
    let all: Vec<u32> = (0..in_files.rows() as u32).collect();
    let (mut expected, mut found) = (Batch::new(), Batch::new());
    in_memory.gather(&all, &mut expected);
    in_files.gather(&all, &mut found);
    assert_eq!(found, expected);
}

#[test]
fn ids_and_weights_that_cannot_be_end_a_run() {
    for (_folder, source, [ids, weights]) in sources() {
        let whole = std::fs::read(&ids).unwrap();
        overwrite(&ids, u32::MAX.to_ne_bytes());
        let error = epoch(&source).unwrap_err().to_string();
        assert!(
            error.contains("has in the list `") && error.contains("the id 4294967295, where "),
            "{error}"
        );
        File::options().write(true).open(&ids).unwrap().write_all(&whole).unwrap();
        overwrite(&weights, f32::NAN.to_ne_bytes());
        let error = epoch(&source).unwrap_err().to_string();
        assert!(error.contains("the weight NaN"), "{error}");
        // It is said once: what is asked next is about what is read next.
        assert!(source.check_lists().is_ok());
    }
}
