//! Raw files for the tests: generated ones, and small ones written by hand.

use std::path::Path;

use ple_data::Vocabulary;
use ple_data::ali_ccp_raw::{RawFiles, RawGeneratorConfig, RawPart, generate_ali_ccp};

/// The four files as text.
#[derive(Clone)]
pub(crate) struct RawTexts {
    pub(crate) common: [Vec<u8>; 2],
    pub(crate) skeleton: [Vec<u8>; 2],
}

impl RawTexts {
    /// Generated files, with lines before them that hold what generated ones do not: fields in both files, fields that
    /// are missing, several values of a field that should have one, unknown fields, long ids, an id 0, a user without
    /// rows, and blank lines.
    pub(crate) fn with_odd_lines() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = RawGeneratorConfig {
            rows: 700,
            test_rows: 301,
            users: 40,
            features_per_user: 60,
            vocabulary: Vocabulary::Small,
            seed: 3,
        };
        generate_ali_ccp(&config, folder.path()).unwrap();
        let files = RawFiles::in_folder(folder.path());
        let mut texts = RawTexts {
            common: RawPart::ALL.map(|part| std::fs::read(files.common_features(part)).unwrap()),
            skeleton: RawPart::ALL.map(|part| std::fs::read(files.skeleton(part)).unwrap()),
        };
        for part in 0..2 {
            let mut common = Vec::new();
            push_common(&mut common, "u", "121=7:1.0 205=9:1.0 109_14=5:0.5 109_14=6:2 109_14=5:1.5e0 D=1:1");
            push_common(&mut common, "nobody", "101=1:1.0 110_14=77:3.0");
            push_common(&mut common, "an_index_of_more_than_16_bytes", "101=123456789012345678:1.0");
            common.extend(b"\r\n");
            push_common(&mut common, "v", "");
            common.extend(&texts.common[part]);
            texts.common[part] = common;

            let mut skeleton = Vec::new();
            for row in 0..9 {
                let labels = ["0,0", "1,0", "1,1", "0,1"][row % 4];
                push_row(
                    &mut skeleton,
                    labels,
                    "u",
                    "205=4:1.0 121=8:1.0 127_14=3:0.25 127_14=4:12345678.125",
                );
                push_row(&mut skeleton, labels, "v", "205=4:1.0 205=0:1.0 210=5000000000:2.5 508=3:0.75");
                push_row(&mut skeleton, labels, "an_index_of_more_than_16_bytes", "");
                push_row(&mut skeleton, labels, "v", "205=5000000000:1.0 unknown_field=1:1 853=2:-4");
            }
            skeleton.extend(b"\n");
            skeleton.extend(&texts.skeleton[part]);
            texts.skeleton[part] = skeleton;
        }
        // Only the test part has this id, however often.
        for _ in 0..30 {
            push_row(&mut texts.skeleton[1], "0,0", "v", "205=31337:1.0 702=1:9999.5");
        }
        // The last line may lack its end.
        texts.skeleton[1].pop();
        texts
    }

    pub(crate) fn write(&self, folder: &Path) {
        let files = RawFiles::in_folder(folder);
        for (number, part) in RawPart::ALL.into_iter().enumerate() {
            std::fs::write(files.common_features(part), &self.common[number]).unwrap();
            std::fs::write(files.skeleton(part), &self.skeleton[number]).unwrap();
        }
    }

    /// Files of a few lines.
    pub(crate) fn small() -> Self {
        let (mut common, mut skeleton) = (Vec::new(), Vec::new());
        push_common(&mut common, "u", "101=1:1.0 109_14=5:0.5 109_14=6:2.0");
        push_common(&mut common, "v", "101=2:1.0 109_14=5:0.25");
        for row in 0..6 {
            push_row(&mut skeleton, "1,0", ["u", "v"][row / 3], "205=4:1.0 210=7:1.0 210=8:2.0 508=3:0.75");
        }
        RawTexts { common: [common.clone(), common], skeleton: [skeleton.clone(), skeleton] }
    }
}

/// A list of features: `field=id:value`, with spaces between them.
pub(crate) fn features(list: &str) -> String {
    let list = list.replace(' ', "\x01").replace('=', "\x02").replace(':', "\x03");
    let n = if list.is_empty() { 0 } else { list.matches('\x01').count() + 1 };
    format!("{n},{list}")
}

pub(crate) fn push_common(text: &mut Vec<u8>, index: &str, list: &str) {
    text.extend(format!("{index},{}\n", features(list)).into_bytes());
}

pub(crate) fn push_row(text: &mut Vec<u8>, labels: &str, index: &str, list: &str) {
    text.extend(format!("1,{labels},{index},{}\n", features(list)).into_bytes());
}

/// Changes a text of a `schema.json`, and its seal with it.
pub(crate) fn forge_schema(prepared_folder: &Path, before: &str, after: &str) {
    let path = prepared_folder.join("schema.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let (body, _seal) = text.rsplit_once(",\n  \"xxh3\": \"").unwrap();
    assert!(body.contains(before), "{before}");
    let body = body.replace(before, after);
    let seal = ple_data::ContentHash::of(body.as_bytes());
    std::fs::write(path, format!("{body},\n  \"xxh3\": \"{seal}\"\n}}\n")).unwrap();
}
