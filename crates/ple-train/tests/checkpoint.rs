//! A checkpoint comes back to the last bit or is refused: cut at every length, flipped at every byte, renamed, forged.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ple_train::TrainError;
use ple_train::checkpoint::{
    self, FORMAT_VERSION, OLDEST_VERSION, Position, RunFacts, TensorEntry, TensorSource,
};
use proptest::prelude::*;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_128;

const TRANSFORMATION: &str = "0123456789abcdef0123456789abcdef";

fn facts() -> RunFacts {
    RunFacts {
        seed: u64::MAX,
        position: Position { epoch: 2, step: 71, rows: 4096 },
        instruction_set: "avx2".into(),
        schema: json!({"features": ["101", "é"]}),
        config: json!({"learning_rate": 0.1 + 0.2}),
        data_fingerprint: "00ff".into(),
        transformation: Some(TRANSFORMATION.parse().unwrap()),
        early_stopping: Some(json!({"evaluations": 3})),
        metrics: json!({"click": {"auc": 0.6112}}),
        state: None,
    }
}

fn metadata() -> BTreeMap<String, String> {
    BTreeMap::from([("model".to_owned(), "ple".to_owned()), ("about".to_owned(), "line\nline".to_owned())])
}

/// A table of three rows of two values, each with four values of an optimiser behind it.
const ARENA: [f32; 18] = [
    1.0,
    -2.0,
    9.0,
    9.0,
    9.0,
    9.0,
    3.5,
    f32::MIN_POSITIVE,
    9.0,
    9.0,
    9.0,
    9.0,
    -0.0,
    6.0,
    9.0,
    9.0,
    9.0,
    9.0,
];
const BIAS: [f32; 3] = [0.25, f32::NAN, f32::INFINITY];

fn entries() -> [TensorEntry<'static>; 3] {
    let table = TensorSource::Rows { data: &ARENA, dim: 2, stride: 6, rows: 3 };
    [
        TensorEntry { name: "tower.bias".into(), shape: vec![3], source: TensorSource::Contiguous(&BIAS) },
        TensorEntry { name: "item.table".into(), shape: vec![3, 2], source: table },
        TensorEntry { name: "nothing".into(), shape: vec![0, 4], source: TensorSource::Contiguous(&[]) },
    ]
}

fn saved() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    checkpoint::write(folder.path(), &entries(), &metadata(), &facts()).unwrap();
    folder
}

fn file_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Changes the manifest as a program would that knows how it is sealed.
fn forge(folder: &Path, from: &str, to: &str) {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    let (head, rest) = text.split_at("{\n  \"xxh3\": \"".len());
    let rest = rest[32..].replacen(from, to, 1);
    fs::write(path, format!("{head}{:032x}{rest}", xxh3_128(rest.as_bytes()))).unwrap();
}

#[track_caller]
fn refused(folder: &Path, exit_code: u8, text: &str) {
    let error = checkpoint::read(folder).unwrap_err();
    let place = format!("{}/", folder.display());
    assert_eq!(error.to_string().replace(&place, ""), text);
    assert_eq!(error.exit_code(), exit_code);
}

#[test]
fn everything_comes_back_to_the_last_bit() {
    let folder = saved();
    let stored = checkpoint::read(folder.path()).unwrap();
    let bits =
        |name: &str| stored.tensors[name].values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits("tower.bias"), BIAS.map(f32::to_bits));
    assert_eq!(bits("item.table"), [1.0, -2.0, 3.5, f32::MIN_POSITIVE, -0.0, 6.0].map(f32::to_bits));
    assert_eq!(stored.tensors["item.table"].shape, [3, 2]);
    assert_eq!(stored.tensors["nothing"].shape, [0, 4]);
    assert_eq!(stored.metadata, metadata());
    assert_eq!(stored.manifest.run, facts());
    assert_eq!(file_names(folder.path()), ["manifest.json", "model.safetensors"]);
}

#[test]
fn the_same_arguments_give_the_same_bytes_in_any_order() {
    let (first, second) = (saved(), tempfile::tempdir().unwrap());
    let mut turned = entries();
    turned.reverse();
    checkpoint::write(second.path(), &turned, &metadata(), &facts()).unwrap();
    for name in ["manifest.json", "model.safetensors"] {
        assert_eq!(fs::read(first.path().join(name)).unwrap(), fs::read(second.path().join(name)).unwrap());
    }
}

#[test]
fn the_safetensors_crate_reads_it() {
    let bytes = fs::read(saved().path().join("model.safetensors")).unwrap();
    let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), 3);
    let table = theirs.tensor("item.table").unwrap();
    assert_eq!((table.dtype(), table.shape()), (safetensors::Dtype::F32, &[3, 2][..]));
    let values: Vec<f32> =
        table.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(values, [1.0, -2.0, 3.5, f32::MIN_POSITIVE, -0.0, 6.0]);
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["about"], "line\nline");
}

#[test]
fn a_file_cut_at_any_length_is_refused() {
    let folder = saved();
    for name in ["manifest.json", "model.safetensors"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let error = checkpoint::read(folder.path()).unwrap_err();
            assert_eq!(error.exit_code(), 65, "{name} cut at {length}: {error}");
        }
        fs::write(&path, &whole).unwrap();
    }
    checkpoint::read(folder.path()).unwrap();
}

#[test]
fn a_flipped_bit_at_any_byte_is_refused_and_the_tensor_named() {
    let folder = saved();
    for name in ["manifest.json", "model.safetensors"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        let values_start = whole.len() - 4 * (BIAS.len() + 6);
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[place] ^= 1 << bit;
                fs::write(&path, &flipped).unwrap();
                let error = checkpoint::read(folder.path()).unwrap_err();
                assert_eq!(error.exit_code(), 65, "{name}, byte {place}, bit {bit}: {error}");
                if name == "model.safetensors" && place >= values_start {
                    let TrainError::CheckpointTensor { tensor, .. } = error else { panic!("{error}") };
                    let expected = if place < values_start + 24 { "item.table" } else { "tower.bias" };
                    assert_eq!(tensor, expected);
                }
            }
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_folder_without_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    assert_eq!(
        checkpoint::read(folder.path()).unwrap_err().to_string().replace(&place, "RUN"),
        "RUN: there is no manifest.json, so this is no complete checkpoint\n\
         expected: a folder that a run has saved\nnext: check the path, or take an earlier checkpoint"
    );
    assert_eq!(checkpoint::read(&folder.path().join("none")).unwrap_err().exit_code(), 66);
}

#[test]
fn a_missing_file() {
    let folder = saved();
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    refused(
        folder.path(),
        66,
        "model.safetensors: the file is missing, and manifest.json names it\n\
         expected: every file of the checkpoint in one folder\n\
         next: copy the checkpoint again, or take an earlier one",
    );
}

#[test]
fn a_file_cut_short() {
    let folder = saved();
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..100]).unwrap();
    let text = format!(
        "model.safetensors: found 100 bytes\nexpected: {}, as manifest.json says\n\
         next: copy the checkpoint again, or take an earlier one",
        whole.len()
    );
    refused(folder.path(), 65, &text);
}

#[test]
fn a_damaged_tensor_and_a_damaged_header() {
    let folder = saved();
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let values = |bytes: &[u8]| format!("{:032x}", xxh3_128(&bytes[bytes.len() - 4 * BIAS.len()..]));
    fs::write(&path, &damaged).unwrap();
    let text = format!(
        "model.safetensors: the values of `tower.bias` are damaged\nexpected: the hash {}, found {}\n\
         next: copy the checkpoint again, or take an earlier one",
        values(&whole),
        values(&damaged)
    );
    refused(folder.path(), 65, &text);

    let mut damaged = whole;
    damaged[0] ^= 1;
    fs::write(&path, &damaged).unwrap();
    refused(
        folder.path(),
        65,
        "model.safetensors: the header of the file is damaged\nexpected: the bytes that were saved\n\
         next: copy the checkpoint again, or take an earlier one",
    );
}

#[test]
fn names_that_leave_the_folder() {
    for name in ["../model.safetensors", "/etc/passwd", "a/model.safetensors", "..\\\\model.safetensors"] {
        let folder = saved();
        forge(folder.path(), "\"model.safetensors\"", &format!("\"{name}\""));
        let text = format!(
            "manifest.json: the name `{}` leads out of the folder\n\
             expected: the plain name of a file beside manifest.json\n\
             next: do not use this checkpoint; it was not written by this program",
            name.replace("\\\\", "\\")
        );
        refused(folder.path(), 65, &text);
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leaves_the_folder() {
    let (folder, elsewhere) = (saved(), tempfile::tempdir().unwrap());
    let (path, target) =
        (folder.path().join("model.safetensors"), elsewhere.path().join("model.safetensors"));
    fs::rename(&path, &target).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let error = checkpoint::read(folder.path()).unwrap_err();
    assert!(matches!(error, TrainError::CheckpointName { .. }), "{error}");
}

#[test]
fn another_format_version() {
    let folder = saved();
    forge(folder.path(), &format!("\"format_version\": {FORMAT_VERSION}"), "\"format_version\": 3");
    refused(
        folder.path(),
        65,
        "manifest.json: the format version is 3\nexpected: 2\n\
         next: read the checkpoint with the version of the program that wrote it",
    );
}

#[test]
fn the_format_version_before() {
    let folder = saved();
    let now = checkpoint::read(folder.path()).unwrap();
    forge(
        folder.path(),
        &format!("\"format_version\": {FORMAT_VERSION}"),
        &format!("\"format_version\": {OLDEST_VERSION}"),
    );
    forge(folder.path(), &format!("\"transformation\": \"{TRANSFORMATION}\","), "");
    let before = checkpoint::read(folder.path()).unwrap();
    assert_eq!(before.manifest.format_version, OLDEST_VERSION);
    let facts = RunFacts { transformation: None, ..now.manifest.run };
    assert_eq!(before.manifest.run, facts);
}

#[test]
fn keys_that_are_not_known_or_not_there() {
    let folder = saved();
    forge(folder.path(), "\"seed\"", "\"sead\"");
    refused(
        folder.path(),
        65,
        "manifest.json: unknown field `sead`, expected one of `seed`, `position`, `instruction_set`, `schema`, \
         `config`, `data_fingerprint`, `transformation`, `early_stopping`, `metrics`, `state`\nexpected: the keys of format version 2\n\
         next: did you mean `seed`? The manifest was changed after it was saved",
    );
    let folder = saved();
    forge(folder.path(), "\"crate_version\": \"0.1.0\",", "");
    refused(
        folder.path(),
        65,
        "manifest.json: missing field `crate_version`\nexpected: the keys of format version 2\n\
         next: take another checkpoint; this manifest was changed after it was saved",
    );
}

#[test]
fn a_manifest_that_was_edited_or_forged() {
    let folder = saved();
    let path = folder.path().join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("4096", "4097")).unwrap();
    refused(
        folder.path(),
        65,
        "manifest.json: the manifest is not as it was written\nexpected: the bytes that were saved\n\
         next: copy the checkpoint again, or take an earlier one",
    );
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let text = checkpoint::read(folder.path()).unwrap_err().to_string();
    assert!(
        text.contains("manifest.json: the manifest is cut short or damaged (EOF while parsing "),
        "{text}"
    );

    // A claim of 2^62 values is refused by arithmetic, before anything of the kind is allocated.
    for shape in ["4611686018427387904", "1099511627776,\n 1099511627776,\n 0", "1000"] {
        let folder = saved();
        let stored = checkpoint::read(folder.path()).unwrap();
        assert_eq!(stored.manifest.tensors[2].shape, [3]);
        forge_last_shape(folder.path(), shape);
        refused(
            folder.path(),
            65,
            "manifest.json: the shapes of the tensors do not add up to the size of their file\n\
             expected: the bytes that were saved\nnext: copy the checkpoint again, or take an earlier one",
        );
    }

    // The same number of values under another shape: the header of the file says otherwise.
    let folder = saved();
    forge_last_shape(folder.path(), "1,\n 3");
    refused(
        folder.path(),
        65,
        "model.safetensors: the header names other tensors than manifest.json does\n\
         expected: the bytes that were saved\nnext: copy the checkpoint again, or take an earlier one",
    );
}

/// Gives the one-dimensional tensor of three values another shape.
fn forge_last_shape(folder: &Path, shape: &str) {
    let name = "\"name\": \"tower.bias\",\n        \"dtype\": \"F32\",\n        \"shape\": [\n          ";
    forge(folder, &format!("{name}3"), &format!("{name}{shape}"));
}

#[test]
fn replacing_keeps_one_checkpoint_and_other_files() {
    let folder = saved();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    for step in 1..4 {
        let facts = RunFacts { position: Position { step, ..Position::default() }, ..facts() };
        checkpoint::write(folder.path(), &entries(), &metadata(), &facts).unwrap();
        assert_eq!(file_names(folder.path()), ["manifest.json", "model.safetensors", "notes.txt"]);
        assert_eq!(checkpoint::read(folder.path()).unwrap().manifest.run.position.step, step);
    }
}

#[test]
fn a_write_that_fails_leaves_the_old_checkpoint_and_no_other_file() {
    let folder = saved();
    // The place of the new file is taken by a folder, which nothing replaces.
    fs::create_dir(folder.path().join("model-2.safetensors")).unwrap();
    let error = checkpoint::write(folder.path(), &entries(), &metadata(), &RunFacts::default()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("model-2.safetensors: found a folder where a file is"), "{error}");
    assert_eq!(file_names(folder.path()), ["manifest.json", "model-2.safetensors", "model.safetensors"]);
    assert_eq!(checkpoint::read(folder.path()).unwrap().manifest.run, facts());
}

#[test]
#[should_panic(expected = "checkpoint: two tensors have one name")]
fn two_tensors_of_one_name_are_a_bug() {
    let [first, _, _] = entries();
    let folder = tempfile::tempdir().unwrap();
    let _ = checkpoint::write(folder.path(), &[first.clone(), first], &metadata(), &facts());
}

proptest! {
    // Few, because every case waits for the disk a dozen times.
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Sizes around the buffer, rows of every width, and any bits as values.
    #[test]
    fn strided_rows_equal_the_same_values_laid_out(
        rows in prop_oneof![0_usize..9, 65_530_usize..65_545],
        dim in 1_usize..4,
        slots in 0_usize..3,
        seed in any::<u32>(),
    ) {
        let stride = dim * (1 + slots);
        let mixed = |index: usize| f32::from_bits((index as u32).wrapping_mul(2_654_435_761) ^ seed);
        let arena: Vec<f32> = (0..rows * stride).map(mixed).collect();
        let flat: Vec<f32> = arena.chunks(stride).flat_map(|row| row[..dim].to_vec()).collect();
        let entry = |source| [TensorEntry { name: "t".into(), shape: vec![rows, dim], source }];
        let (strided, contiguous) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let by_row = TensorSource::Rows { data: &arena, dim, stride, rows };
        let first = checkpoint::write(strided.path(), &entry(by_row), &metadata(), &facts()).unwrap();
        let flat_source = TensorSource::Contiguous(&flat);
        let second = checkpoint::write(contiguous.path(), &entry(flat_source), &metadata(), &facts()).unwrap();
        prop_assert_eq!(first, second);
        let stored = checkpoint::read(strided.path()).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&stored.tensors["t"].values), bits(&flat));
    }
}
