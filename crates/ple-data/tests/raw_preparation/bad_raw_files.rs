//! A corpus of bad raw files, each with the exact message that preparing it gives.

use std::path::Path;

use ple_data::DataError;
use ple_data::ali_ccp_raw::{
    BadLines, RawConfig, RawFiles, RawPart, RawSummary, prepare_ali_ccp, prepare_ali_ccp_compat,
};

use crate::raw_texts::{RawTexts, features, push_common, push_row};

/// Where a bad line is put.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Common,
    Skeleton,
}
use Place::{Common, Skeleton};

fn prepare(texts: &RawTexts, folder: &Path, config: &RawConfig) -> Result<RawSummary, DataError> {
    texts.write(folder);
    let result = prepare_ali_ccp(folder, folder.join("out"), config, &|_| ());
    if result.is_err() {
        let left: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 4, "only the raw files are left, not {left:?}");
    }
    result
}

fn message(texts: &RawTexts) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = prepare(texts, folder.path(), &RawConfig::default()).unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

/// The small files with one line more at the end of a training file.
fn with_line(place: Place, line: &[u8]) -> RawTexts {
    let mut texts = RawTexts::small();
    let file = if place == Common { &mut texts.common[0] } else { &mut texts.skeleton[0] };
    file.extend(line);
    file.push(b'\n');
    texts
}

/// Lines and what they give, after the name of the file and the number of the line.
fn bad_lines() -> Vec<(Place, Vec<u8>, &'static str)> {
    let row = |list: &str| format!("9,0,0,u,{}", features(list)).into_bytes();
    let common = |list: &str| format!("w,{}", features(list)).into_bytes();
    vec![
        (
            Skeleton,
            b"9,0,0,u".to_vec(),
            "found 4 parts between commas\n\
             expected: 6, as in `sample_id,click,purchase,common_feature_index,feature_num,features`\n\
             next: look at the line; it may be cut off, or the file has another separator",
        ),
        (
            Common,
            b"w;2;101".to_vec(),
            "found 1 parts between commas\n\
             expected: 3, as in `common_feature_index,feature_num,features`\n\
             next: look at the line; it may be cut off, or the file has another separator",
        ),
        (
            Skeleton,
            b"9,0,0,u,1,101,102".to_vec(),
            "found 7 parts between commas\n\
             expected: 6, as in `sample_id,click,purchase,common_feature_index,feature_num,features`\n\
             next: look at the line; it may be cut off, or the file has another separator",
        ),
        (
            Skeleton,
            b"sample_id,click,purchase,common_feature_index,feature_num,features".to_vec(),
            "click: found `click`\nexpected: 0 or 1\nnext: correct the label",
        ),
        (Skeleton, b"9,1,2,u,0,".to_vec(), "purchase: found `2`\nexpected: 0 or 1\nnext: correct the label"),
        (
            Skeleton,
            b"9,0,0,stranger,0,".to_vec(),
            "common_feature_index: `stranger` has no common features\n\
             expected: an index that has a line in the file of common features\n\
             next: check that both files are whole and belong together",
        ),
        (
            Common,
            b"u,0,".to_vec(),
            "common_feature_index: `u` has had a line before\n\
             expected: each index once\n\
             next: remove one of the lines",
        ),
        (
            Common,
            b"caf\xE9,0,".to_vec(),
            "common_feature_index: found `caf\u{FFFD}`\n\
             expected: a text of 1 to 64 characters\n\
             next: look at the line; it may be damaged",
        ),
        (
            Common,
            b",0,".to_vec(),
            "common_feature_index: found ``\n\
             expected: a text of 1 to 64 characters\n\
             next: look at the line; it may be damaged",
        ),
        (
            Common,
            b"w,many,101\x025\x031.0".to_vec(),
            "feature_num: found `many`\n\
             expected: the number of features in the list\n\
             next: look at the line; it may be damaged",
        ),
        (
            Skeleton,
            b"9,0,0,u,3,205\x024\x031.0\x01206\x024\x031.0".to_vec(),
            "found 2 features\nexpected: 3, as feature_num says\nnext: look at the line; it may be cut off",
        ),
        (
            Skeleton,
            b"9,0,0,u,2,205\x024\x031.0\x01206\x0217".to_vec(),
            "feature 2: found `206\\u{2}17`\n\
             expected: field, byte 2, id, byte 3, value; byte 1 between features\n\
             next: look at the line; it may be cut off, or its separators were replaced",
        ),
        (
            Common,
            b"w,2,101:5:1.0 121:7:1.0".to_vec(),
            "feature 1: found `101:5:1.0 121:7:1.0`\n\
             expected: field, byte 2, id, byte 3, value; byte 1 between features\n\
             next: look at the line; it may be cut off, or its separators were replaced",
        ),
        (
            Common,
            common(&"x".repeat(100)),
            "feature 1: found `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`\n\
             expected: field, byte 2, id, byte 3, value; byte 1 between features\n\
             next: look at the line; it may be cut off, or its separators were replaced",
        ),
        (
            Common,
            b"w,1,\xFF\xFE\x025\x031.0".to_vec(),
            "feature 1: the text `\u{FFFD}\u{FFFD}` is not UTF-8\n\
             expected: the name of a field\n\
             next: look at the line; it may be damaged",
        ),
        (
            Skeleton,
            row("205=4x:1.0"),
            "feature of field `205`: found the id `4x`\n\
             expected: a whole number of at most 18 digits, without sign or leading zero\n\
             next: correct the id",
        ),
        (
            Skeleton,
            row("205=1234567890123456789:1.0"),
            "feature of field `205`: found the id `1234567890123456789`\n\
             expected: a whole number of at most 18 digits, without sign or leading zero\n\
             next: correct the id",
        ),
        (
            Common,
            common("109_14=5:0.5 109_14=5:much"),
            "feature of field `109_14`: found the value `much`\n\
             expected: a finite number that fits into 32 bits\n\
             next: correct the value",
        ),
        (
            Common,
            common("109_14=5:NaN"),
            "feature of field `109_14`: found the value `NaN`\n\
             expected: a finite number that fits into 32 bits\n\
             next: correct the value",
        ),
        (
            Common,
            common("109_14=5:0.5 109_14=6:-1.5"),
            "feature of field `109_14`: found the weight -1.5\n\
             expected: 0 (it counts for nothing) or a positive number\n\
             next: correct the weight",
        ),
        (
            Common,
            common("109_14=5:1e300"),
            "feature of field `109_14`: found the value `1e300`\n\
             expected: a finite number that fits into 32 bits\n\
             next: correct the value",
        ),
    ]
}

#[test]
fn every_bad_line_has_its_exact_message() {
    for (place, line, expected) in bad_lines() {
        let file = match place {
            Common => "common_features_train.csv, line 3",
            Skeleton => "sample_skeleton_train.csv, line 7",
        };
        assert_eq!(message(&with_line(place, &line)), format!("{file}, {expected}"));
    }
}

#[test]
fn files_that_are_no_text_or_not_there_are_named() {
    let mut texts = RawTexts::small();
    texts.common[0] = vec![0x1F, 0x8B, 8, 0, 0, 0];
    assert_eq!(
        message(&texts),
        "common_features_train.csv: the file is gzip, not text\n\
         expected: lines of text, unpacked, in UTF-8\n\
         next: unpack or convert the file"
    );
    texts.common[0] = b"\xFF\xFEu\0,\0".to_vec();
    assert!(message(&texts).starts_with("common_features_train.csv: the file is UTF-16, not text"));
    let mut texts = RawTexts::small();
    texts.skeleton[1].clear();
    assert!(message(&texts).starts_with("sample_skeleton_test.csv: the file has no row (zero bytes)"));
    let mut texts = RawTexts::small();
    texts.skeleton[0] = b"\n\n".to_vec();
    assert_eq!(
        message(&texts),
        "sample_skeleton_train.csv: no row is left for training\n\
         expected: at least one row, with a click where there is a purchase\n\
         next: check how the file was made"
    );
    let mut texts = RawTexts::small();
    texts.skeleton[0].extend(vec![b'x'; 9 << 20]);
    assert_eq!(
        message(&texts),
        "sample_skeleton_train.csv, line 7: the line does not end within 8388608 bytes\n\
         expected: one line for each impression or index\n\
         next: check that the file is one of Ali-CCP's"
    );

    let folder = tempfile::tempdir().unwrap();
    RawTexts::small().write(folder.path());
    std::fs::remove_file(RawFiles::in_folder(folder.path()).skeleton(RawPart::Test)).unwrap();
    let out = folder.path().join("out");
    let error = prepare_ali_ccp(folder.path(), &out, &RawConfig::default(), &|_| ()).unwrap_err();
    assert!(error.to_string().contains("sample_skeleton_test.csv: there is no such file"), "{error}");
}

#[test]
fn bad_lines_are_skipped_and_counted_up_to_a_limit() {
    let mut texts = RawTexts::small();
    push_common(&mut texts.common[0], "u", "101=3:1.0");
    push_common(&mut texts.common[0], "w", "101=x:1.0");
    for index in ["w", "u", "w"] {
        push_row(&mut texts.skeleton[0], "1,1", index, "205=4:1.0");
    }
    let folder = tempfile::tempdir().unwrap();
    let skip = |limit| RawConfig { bad_lines: BadLines::Skip { limit }, ..RawConfig::default() };
    let summary = prepare(&texts, folder.path(), &skip(4)).unwrap();
    assert_eq!((summary.parts[0].rows, summary.parts[0].purchases, summary.parts[0].users), (7, 1, 2));
    let counts: Vec<_> = summary
        .skipped
        .iter()
        .map(|skipped| (&*skipped.file, skipped.reason, skipped.lines, skipped.first_line))
        .collect();
    assert_eq!(
        counts,
        [
            ("common_features_train.csv", "duplicate index", 1, 3),
            ("common_features_train.csv", "id", 1, 4),
            ("sample_skeleton_train.csv", "index without common features", 2, 7),
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let error = prepare(&texts, folder.path(), &skip(3)).unwrap_err().to_string();
    let expected = "sample_skeleton_train.csv, line 9, common_feature_index: `w` has no common features\n\
                    expected: an index that has a line in the file of common features\n\
                    next: check that both files are whole and belong together\n\
                    and 3 bad lines were skipped before it, which is the limit: raise it if so many may be missing";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn output_that_is_there_stays_and_what_was_left_half_way_goes() {
    let folder = tempfile::tempdir().unwrap();
    RawTexts::small().write(folder.path());
    let (out, config) = (folder.path().join("out"), RawConfig::default());
    // A run that was killed leaves its folder under another name.
    let partial = folder.path().join(".out.unfinished");
    std::fs::create_dir_all(partial.join("train")).unwrap();
    prepare_ali_ccp(folder.path(), &out, &config, &|_| ()).unwrap();
    assert!(!partial.exists() && out.join("schema.json").is_file() && !out.join("spill").exists());
    for result in [
        prepare_ali_ccp(folder.path(), &out, &config, &|_| ()),
        prepare_ali_ccp_compat(folder.path(), &out, &config, &|_| ()),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.ends_with(
            "out: the folder is not empty\n\
             expected: a folder that does not exist yet, or an empty one\n\
             next: choose another output, or remove the folder"
        ));
    }
}

/// A folder cannot be made in a device.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_to_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    RawTexts::small().write(folder.path());
    let out = Path::new("/dev/full/out");
    let error = prepare_ali_ccp(folder.path(), out, &RawConfig::default(), &|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("/dev/full/out: could not write"), "{error}");
}
