//! Good raw files with random changes: each ends in an error with a place, or in output that can be read again.

use ple_data::DataError;
use ple_data::ali_ccp_raw::{
    BadLines, Prepared, RawConfig, RawError, prepare_ali_ccp, prepare_ali_ccp_compat,
};
use proptest::prelude::*;

use crate::raw_texts::RawTexts;

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Put(u8),
    Insert(u8),
    Remove(usize),
    Repeat(usize),
    CutOff,
}

fn change() -> impl Strategy<Value = Change> {
    let telling = prop::sample::select(b"\x01\x02\x03,.\n\r0919- \x00\xFFx".to_vec());
    prop_oneof![
        telling.clone().prop_map(Change::Put),
        any::<u8>().prop_map(Change::Put),
        telling.prop_map(Change::Insert),
        (1usize..40).prop_map(Change::Remove),
        (1usize..80).prop_map(Change::Repeat),
        Just(Change::CutOff),
    ]
}

fn apply(bytes: &mut Vec<u8>, place: f64, change: &Change) {
    let at = (place * bytes.len() as f64) as usize;
    match change {
        Change::Put(byte) => bytes.get_mut(at).into_iter().for_each(|old| *old = *byte),
        Change::Insert(byte) => bytes.insert(at, *byte),
        Change::Remove(n) => drop(bytes.drain(at..(at + n).min(bytes.len()))),
        Change::Repeat(n) => {
            let piece = bytes[at..(at + n).min(bytes.len())].to_vec();
            drop(bytes.splice(at..at, piece));
        }
        Change::CutOff => bytes.truncate(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn changed_files_end_in_an_error_or_in_output(
        changes in prop::collection::vec((0usize..4, 0.0..1.0f64, change()), 1..4),
        skip in any::<bool>(),
        compat in any::<bool>(),
        block_bytes in prop::sample::select(vec![50usize, 300, 1 << 20]),
    ) {
        let mut texts = RawTexts::small();
        for (file, place, change) in &changes {
            let bytes = if *file < 2 { &mut texts.common[*file] } else { &mut texts.skeleton[*file - 2] };
            apply(bytes, *place, change);
        }
        let folder = tempfile::tempdir().unwrap();
        texts.write(folder.path());
        let out = folder.path().join("out");
        let bad_lines = if skip { BadLines::Skip { limit: 1000 } } else { BadLines::Fail };
        let config = RawConfig { bad_lines, block_bytes, min_count: 2, ..RawConfig::default() };
        let result = match compat {
            true => prepare_ali_ccp_compat(folder.path(), &out, &config, &|_| ()),
            false => prepare_ali_ccp(folder.path(), &out, &config, &|_| ()),
        };
        match result {
            Ok(_) if compat => prop_assert!(out.join("ali_ccp_test.csv").is_file()),
            Ok(summary) => {
                let prepared = Prepared::open(&out).unwrap();
                prepared.verify().unwrap();
                prepared.common_features().unwrap();
                prop_assert_eq!(prepared.schema.parts[0].rows, summary.parts[0].rows);
            }
            Err(DataError::Raw(RawError::Line { line, .. })) => prop_assert!(line >= 1 && !skip && !out.exists()),
            Err(error) => {
                let is_known = matches!(
                    error,
                    DataError::EmptyFile { .. } | DataError::Raw(RawError::NoRows { .. } | RawError::NotText { .. })
                );
                prop_assert!(is_known && !out.exists(), "{}", error);
            }
        }
    }
}
