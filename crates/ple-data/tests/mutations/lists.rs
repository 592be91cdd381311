//! Raw lines, and of the folder that is prepared from them `schema.json` and the files of users' lists.

use std::fs;
use std::path::Path;

use ple_data::ali_ccp_raw::{
    BadLines, Prepared, RawConfig, RawFiles, RawGeneratorConfig, RawPart, generate_ali_ccp, prepare_ali_ccp,
};
use ple_data::{Batch, DataError, Vocabulary};

use crate::mutator::{scratch, survives};

fn generate(folder: &Path) {
    let vocabulary = Vocabulary::Small;
    let config =
        RawGeneratorConfig { rows: 12, test_rows: 6, users: 3, features_per_user: 20, vocabulary, seed: 1 };
    generate_ali_ccp(&config, folder).unwrap();
}

fn config() -> RawConfig {
    RawConfig { min_count: 1, ..RawConfig::default() }
}

/// Reads everything that a prepared folder has: all rows, with the lists of their users.
fn read_all(folder: &Path) -> Result<(), DataError> {
    let prepared = Prepared::open(folder)?;
    let lists = prepared.user_lists()?;
    for part in ["train", "val", "test"] {
        let files = prepared.shards(part)?;
        if !files.is_empty() {
            let table = lists.read_tables(&files, &prepared.schema.schema)?;
            table.gather(&(0..table.rows() as u32).collect::<Vec<_>>(), &mut Batch::new());
        }
    }
    Ok(())
}

pub(crate) fn raw_lines() {
    let folder = scratch();
    generate(folder.path());
    let files = RawFiles::in_folder(folder.path());
    let paths = RawPart::ALL.map(|part| [files.common_features(part), files.skeleton(part)]);
    let good = paths.concat().into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>();
    let out = folder.path().join("out");
    survives("raw lines", |random| {
        let (bytes, path) = &good[random.below(good.len())];
        fs::write(path, random.changed(bytes, b"\x01\x02\x03,.\n\r09- \0\xFFx")).unwrap();
        let bad_lines = [BadLines::Fail, BadLines::Skip { limit: 1000 }][random.below(2)];
        let block_bytes = [50, 300, 1 << 20][random.below(3)];
        let result =
            prepare_ali_ccp(folder.path(), &out, &RawConfig { bad_lines, block_bytes, ..config() }, &|_| ());
        assert_eq!(result.is_ok(), out.exists());
        if result.is_ok() {
            read_all(&out).unwrap();
            fs::remove_dir_all(&out).unwrap();
        }
        fs::write(path, bytes).unwrap();
    });
}

fn prepared(folder: &Path) -> std::path::PathBuf {
    generate(folder);
    let out = folder.join("out");
    prepare_ali_ccp(folder, &out, &config(), &|_| ()).unwrap();
    read_all(&out).unwrap();
    out
}

/// What stands before the hash at the end of a `schema.json`.
const SEAL: &str = ",\n  \"xxh3\": \"";

/// A text with the hash that it should have.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    let seal = ple_data::ContentHash::of(&body);
    body.extend_from_slice(format!("{SEAL}{seal}\"\n}}\n").as_bytes());
    body
}

pub(crate) fn prepared_schema() {
    let folder = scratch();
    let out = prepared(folder.path());
    let path = out.join("schema.json");
    let good = fs::read_to_string(&path).unwrap();
    let (body, _seal) = good.rsplit_once(SEAL).unwrap();
    survives("prepared schema", |random| {
        let mut changed = random.changed(body.as_bytes(), b"{}[]\",:0.9-eE\\\xFF");
        // Every other file has a whole seal, so that what comes after it sees the change.
        if random.below(2) == 0 {
            changed = sealed(changed);
        }
        fs::write(&path, changed).unwrap();
        let _ = read_all(&out);
    });
}

/// Every other file has the hash that `schema.json` says, so that what comes after the hash sees it.
pub(crate) fn user_lists() {
    let folder = scratch();
    let out = prepared(folder.path());
    let schema_path = out.join("schema.json");
    let schema = fs::read_to_string(&schema_path).unwrap();
    let files = ["offsets.bin", "ids.bin", "weights.bin"].map(|file| out.join("common").join(file));
    let good = files.each_ref().map(|path| fs::read(path).unwrap());
    survives("user lists", |random| {
        let chosen = random.below(files.len());
        let changed = random.changed(&good[chosen], &[0, 1, 0x7F, 0x80, 0xFF]);
        fs::write(&files[chosen], &changed).unwrap();
        if random.below(2) == 0 {
            let hash = |bytes: &[u8]| format!("{:032x}", xxhash_rust::xxh3::xxh3_128(bytes));
            let (old, new) = (good[chosen].len(), changed.len());
            let forged = schema.replace(&hash(&good[chosen]), &hash(&changed));
            let forged = forged.replace(&format!("\"bytes\": {old},"), &format!("\"bytes\": {new},"));
            let (body, _seal) = forged.rsplit_once(SEAL).unwrap();
            fs::write(&schema_path, sealed(body.as_bytes().to_vec())).unwrap();
        }
        let _ = read_all(&out);
        fs::write(&files[chosen], &good[chosen]).unwrap();
        fs::write(&schema_path, &schema).unwrap();
    });
}
