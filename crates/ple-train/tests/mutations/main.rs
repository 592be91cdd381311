//! Changed files of checkpoints: each is refused, without a panic and in bounded memory, whether or not its hashes were
//! made to fit again.

#![allow(clippy::unwrap_used)]

// The readers of both crates are treated alike.
#[path = "../../../ple-data/tests/mutations/counting_allocator.rs"]
mod counting_allocator;
#[path = "../../../ple-data/tests/mutations/mutator.rs"]
mod mutator;

use std::fs;

use counting_allocator::Counting;
use mutator::{scratch, survives};
use ple_data::{Feature, FeatureSchema, Label, TaskType};
use ple_nn::{Architecture, MlpConfig, ModelConfig, SharedBottomConfig};
use ple_train::checkpoint::RunFacts;
use ple_train::{RankingModel, RunSeed};
use xxhash_rust::xxh3::xxh3_128;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn model() -> RankingModel {
    let features =
        vec![Feature::sparse("user", 9, 4), Feature::sequence("seen", 5, 2), Feature::dense("price")];
    let labels = vec![Label::new("click", TaskType::Classification)];
    let schema = FeatureSchema::new(features, labels, vec![]).unwrap();
    let (bottom, towers) = (MlpConfig::new([3]), vec![MlpConfig::new([])]);
    let architecture = Architecture::SharedBottom(SharedBottomConfig { bottom, towers });
    RankingModel::new(schema, ModelConfig { architecture, ..ModelConfig::default() }, RunSeed(1)).unwrap()
}

fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// Puts the hash of a manifest right, where it still has one.
fn seal(manifest: &[u8]) -> Vec<u8> {
    const HASH: std::ops::Range<usize> = 13..45;
    let mut sealed = manifest.to_vec();
    if let Some(rest) = manifest.get(HASH.end..) {
        sealed[HASH].copy_from_slice(hash(rest).as_bytes());
    }
    sealed
}

/// One test, since memory is counted for the whole process.
#[test]
fn changed_checkpoints_are_refused() {
    let folder = scratch();
    model().save(folder.path(), &RunFacts::default()).unwrap();
    let [manifest_path, tensors_path] =
        ["manifest.json", "model.safetensors"].map(|file| folder.path().join(file));
    let [manifest, tensors] = [&manifest_path, &tensors_path].map(|path| fs::read(path).unwrap());
    assert_eq!(seal(&manifest), manifest);
    let (whole, _) = RankingModel::load(folder.path()).unwrap();
    let whole = whole.store().snapshot();

    survives("manifest", |random| {
        let changed = random.changed(&manifest, b"{}[]\",:0.9-eE\\\xFF");
        let is_sealed = random.below(2) == 0;
        fs::write(&manifest_path, if is_sealed { seal(&changed) } else { changed.clone() }).unwrap();
        if let Ok((loaded, _)) = RankingModel::load(folder.path()) {
            assert!(is_sealed || changed == manifest, "a changed manifest was taken for a whole one");
            drop(loaded);
        }
    });
    fs::write(&manifest_path, &manifest).unwrap();

    survives("tensors", |random| {
        let changed = random.changed(&tensors, &[0, 1, 0x7F, 0x80, 0xFF, b'{', b'"', b'9']);
        fs::write(&tensors_path, &changed).unwrap();
        let is_sealed = random.below(2) == 0;
        if is_sealed {
            let text = String::from_utf8(manifest.clone()).unwrap();
            let (old, new) = (tensors.len(), changed.len());
            let text = text.replace(&hash(&tensors), &hash(&changed));
            let text = text.replace(&format!("\"size\": {old}"), &format!("\"size\": {new}"));
            fs::write(&manifest_path, seal(text.as_bytes())).unwrap();
        }
        if let Ok((loaded, _)) = RankingModel::load(folder.path()) {
            assert!(is_sealed || changed == tensors, "a changed file was taken for a whole one");
            assert!(loaded.store().snapshot() == whole, "changed tensors were taken for whole ones");
        }
        fs::write(&manifest_path, &manifest).unwrap();
    });
}
