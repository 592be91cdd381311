//! The hash of a transformation: what it depends on, what it does not depend on, and where it is written.

use std::path::Path;

use ple_data::prepare::{
    Arithmetic, Encoder, FeatureFile, FittedFeature, FittedKind, Fitting, HashBuckets, Key, KeyVocabulary,
    ListForm, MissingId, NamedEncoder, PreparedTable, RawValue, Scaler, Transformation,
};
use ple_data::{
    DenseBins, Feature, FeatureKind, FeatureSchema, Label, PreparedFolder, RowSource, TRANSFORMATION_KEY,
    TaskType, TransformationHash, read_tables,
};
use proptest::prelude::*;

use super::random_log::{FEATURES, LogRow, features, in_pool, log_rows, part, prepare, write_csv};

/// The parts of a transformation, to be changed one by one.
#[derive(Debug, Clone)]
struct Parts {
    features: Vec<Feature>,
    labels: Vec<Label>,
    fitted: Vec<FittedFeature>,
    encoders: Vec<NamedEncoder>,
}

fn fitted(name: &str, kind: FittedKind) -> FittedFeature {
    FittedFeature { name: name.into(), column: name.into(), kind }
}

fn vocabulary(keys: &[&str]) -> Encoder {
    Encoder::Vocabulary(KeyVocabulary::new(1, keys.iter().map(|&key| (Key::from(key), 7))))
}

/// A vocabulary, a hash, a list and a number with bins.
fn parts() -> Parts {
    let text = ListForm::Text { separator: "|".into(), weight_separator: None };
    let bins = Some(DenseBins { edges: vec![0.25, 0.5], embedding_dim: 4 });
    let named = |name: &str, encoder| NamedEncoder { name: name.into(), encoder };
    let unknown = MissingId::Unknown;
    Parts {
        features: vec![
            Feature::sparse("city", 4, 8),
            Feature::sparse("item", 6, 8),
            Feature::sequence("tags", 4, 8),
            Feature { name: "price".into(), kind: FeatureKind::Dense { bins } },
        ],
        labels: vec![Label::new("click", TaskType::Classification)],
        fitted: vec![
            fitted("city", FittedKind::Sparse { encoder: "city".into(), missing: unknown }),
            fitted("item", FittedKind::Sparse { encoder: "item".into(), missing: unknown }),
            fitted("tags", FittedKind::Sequence { encoder: "tags".into(), form: text, missing: unknown }),
            fitted(
                "price",
                FittedKind::Dense {
                    scaler: Scaler::MinMax { minimum: 0.0, maximum: 4.0 },
                    missing: Some(1.0),
                    arithmetic: Arithmetic::Double,
                },
            ),
        ],
        encoders: vec![
            named("city", vocabulary(&["oslo", "rome", "5"])),
            named("item", Encoder::Hash(HashBuckets { buckets: 5, seed: 3 })),
            named("tags", vocabulary(&["red", "new", "eco"])),
        ],
    }
}

fn hash(parts: Parts) -> TransformationHash {
    let Parts { features, labels, fitted, encoders } = parts;
    Transformation::new(FeatureSchema::new(features, labels, vec![]).unwrap(), fitted, encoders).hash()
}

/// The hash after a change.
fn changed(change: impl FnOnce(&mut Parts)) -> TransformationHash {
    let mut parts = parts();
    change(&mut parts);
    hash(parts)
}

fn edges(parts: &mut Parts) -> &mut DenseBins {
    match &mut parts.features[3].kind {
        FeatureKind::Dense { bins: Some(bins) } => bins,
        _ => panic!("price has bins"),
    }
}

#[test]
fn every_change_of_a_number_is_another_hash() {
    let scaled = |scaler| {
        move |parts: &mut Parts| {
            parts.fitted[3].kind =
                FittedKind::Dense { scaler, missing: Some(1.0), arithmetic: Arithmetic::Double }
        }
    };
    let list = |form: ListForm| {
        move |parts: &mut Parts| {
            parts.fitted[2].kind =
                FittedKind::Sequence { encoder: "tags".into(), form, missing: MissingId::Unknown };
        }
    };
    let text = |separator: &str, weight: Option<&str>| ListForm::Text {
        separator: separator.into(),
        weight_separator: weight.map(str::to_owned),
    };
    let all = [
        changed(|_| ()),
        // Two keys swapped, another key, one less, one more.
        changed(|parts| parts.encoders[0].encoder = vocabulary(&["rome", "oslo", "5"])),
        changed(|parts| parts.encoders[0].encoder = vocabulary(&["oslo", "rome", "6"])),
        changed(|parts| parts.encoders[0].encoder = vocabulary(&["oslo", "rome"])),
        changed(|parts| parts.encoders[0].encoder = vocabulary(&["oslo", "rome", "5", "lima"])),
        changed(|parts| parts.encoders[0].encoder = vocabulary(&["oslor", "ome", "5"])),
        changed(|parts| parts.encoders[2].encoder = vocabulary(&["red", "eco", "new"])),
        changed(|parts| parts.encoders.swap(0, 2)),
        // The vocabulary of another feature.
        changed(|parts| {
            parts.fitted[0].kind = FittedKind::Sparse { encoder: "tags".into(), missing: MissingId::Unknown };
        }),
        changed(|parts| parts.encoders[1].encoder = Encoder::Hash(HashBuckets { buckets: 6, seed: 3 })),
        changed(|parts| parts.encoders[1].encoder = Encoder::Hash(HashBuckets { buckets: 5, seed: 4 })),
        changed(|parts| parts.encoders[1].encoder = vocabulary(&[])),
        changed(scaled(Scaler::MinMax { minimum: 0.0, maximum: 4.0_f64.next_up() })),
        changed(scaled(Scaler::MinMax { minimum: 0.5, maximum: 4.0 })),
        changed(scaled(Scaler::Standard { mean: 0.0, deviation: 4.0 })),
        changed(scaled(Scaler::Identity)),
        changed(scaled(Scaler::Log)),
        changed(|parts| {
            let scaler = Scaler::MinMax { minimum: 0.0, maximum: 4.0 };
            parts.fitted[3].kind =
                FittedKind::Dense { scaler, missing: Some(1.0), arithmetic: Arithmetic::Single };
        }),
        changed(|parts| {
            let scaler = Scaler::MinMax { minimum: 0.0, maximum: 4.0 };
            parts.fitted[3].kind =
                FittedKind::Dense { scaler, missing: None, arithmetic: Arithmetic::Double };
        }),
        changed(|parts| {
            let scaler = Scaler::MinMax { minimum: 0.0, maximum: 4.0 };
            parts.fitted[3].kind =
                FittedKind::Dense { scaler, missing: Some(0.0), arithmetic: Arithmetic::Double };
        }),
        changed(|parts| {
            parts.fitted[0].kind = FittedKind::Sparse { encoder: "city".into(), missing: MissingId::Fail };
        }),
        changed(|parts| edges(parts).edges[0] = 0.25_f32.next_up()),
        changed(|parts| edges(parts).edges.truncate(1)),
        changed(list(text(",", None))),
        changed(list(text("|", Some(":")))),
        changed(list(text("|", Some(",")))),
        changed(list(ListForm::List { weights: None })),
        changed(list(ListForm::List { weights: Some("weights".into()) })),
        changed(|parts| parts.fitted[0].column = "town".into()),
        changed(|parts| {
            parts.fitted[0].name = "town".into();
            parts.features[0].name = "town".into();
        }),
        changed(|parts| {
            parts.fitted.pop();
            parts.features.pop();
        }),
    ];
    // "swap(0, 2)" is the second to last of the vocabularies' changes: encoders go by their names.
    assert_eq!(all[7], all[0]);
    let mut distinct: Vec<TransformationHash> = all.to_vec();
    distinct.remove(7);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), all.len() - 1);
}

#[test]
fn what_changes_no_number_changes_no_hash() {
    let before = hash(parts());
    let same = [
        changed(|parts| {
            parts.features.reverse();
            parts.fitted.reverse();
        }),
        changed(|parts| parts.features[0] = Feature::sparse("city", 4, 32)),
        changed(|parts| edges(parts).embedding_dim = 16),
        changed(|parts| parts.labels = vec![Label::new("buy", TaskType::Regression)]),
        // How often keys occurred, and had to.
        changed(|parts| {
            let keys = ["oslo", "rome", "5"].map(|key| (Key::from(key), 99));
            parts.encoders[0].encoder = Encoder::Vocabulary(KeyVocabulary::new(50, keys));
        }),
    ];
    assert_eq!(same, [before; 5]);
    // Hashes stand in files: another one here is another form, which needs another number in the name of the form.
    assert_eq!(before.to_string(), GOLDEN);
}

/// The hash of `parts()`.
const GOLDEN: &str = "a9eaed2f671b200778cbf1170b80e01e";

/// What a footer says of the transformation.
fn in_footer(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let entries = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    entries.into_iter().find(|entry| entry.key == TRANSFORMATION_KEY)?.value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_shard_and_the_schema_carry_it(rows in log_rows(1..60), more in log_rows(1..60), threads in 1_usize..4) {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one.csv", "two.csv"].map(|name| folder.path().join(name));
        write_csv(&rows, &one);
        write_csv(&more, &two);
        let outs = ["fitted", "again", "applied", "extended"].map(|name| folder.path().join(name));
        prepare(&one, Fitting::New(&features()), &outs[0]).unwrap();
        in_pool(threads, || prepare(&one, Fitting::New(&features()), &outs[1]).unwrap());
        let fitted = PreparedTable::open(&outs[0]).unwrap().transformation().unwrap();
        prepare(&two, Fitting::Apply(&fitted), &outs[2]).unwrap();
        prepare(&two, Fitting::Extend(&fitted), &outs[3]).unwrap();
        let lineages = outs.each_ref().map(|out| PreparedFolder::find(out).unwrap().unwrap().lineage().unwrap());
        for (out, lineage) in outs.iter().zip(&lineages) {
            for shard in PreparedTable::open(out).unwrap().shards("train").unwrap() {
                prop_assert_eq!(in_footer(&shard), Some(lineage.hash.to_string()));
            }
            prop_assert_eq!(part(out, "train").origin().hash(), Some(lineage.hash));
        }
        prop_assert!(lineages[..3].iter().all(|lineage| lineage.hash == fitted.hash() && lineage.extends.is_empty()));
        // An extension is another transformation if and only if it has new keys.
        let extended = PreparedTable::open(&outs[3]).unwrap().transformation().unwrap();
        prop_assert_eq!(extended.lineage(), &lineages[3]);
        let has_new = extended.encoders().iter().zip(fitted.encoders()).any(|(new, old)| new.encoder.vocab_size() > old.encoder.vocab_size());
        let expected: &[TransformationHash] = if has_new { &[fitted.hash()] } else { &[] };
        prop_assert_eq!(&lineages[3].extends[..], expected);
        prop_assert!(lineages[3].includes(fitted.hash()));
        prop_assert_eq!(lineages[3].hash != fitted.hash(), has_new);
    }

    #[test]
    fn one_hash_is_one_encoding(first in log_rows(1..40), second in log_rows(1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let fitted = [&first, &second].map(|rows| {
            let (log, out) = (folder.path().join("log.csv"), folder.path().join(rows.len().to_string()));
            let _ = std::fs::remove_dir_all(&out);
            write_csv(rows, &log);
            prepare(&log, Fitting::New(&features()), &out).unwrap();
            PreparedTable::open(&out).unwrap().transformation().unwrap()
        });
        let all: Vec<&LogRow> = first.iter().chain(&second).collect();
        let [one, two] = fitted.each_ref().map(|transformation| {
            let encoded = transformation.encode(all.len(), |row, column| match column {
                "user" => all[row].user.as_deref().map_or(RawValue::Missing, RawValue::Text),
                "item" => all[row].item.map_or(RawValue::Missing, RawValue::Integer),
                "price" => all[row].price.map_or(RawValue::Missing, RawValue::Number),
                _ => RawValue::Missing,
            });
            let edges: Vec<FeatureKind> = transformation.schema().dense().map(|feature| feature.kind.clone()).collect();
            (encoded.unwrap(), edges)
        });
        let parts = fitted.each_ref().map(|transformation| {
            let keys = |named: &NamedEncoder| match &named.encoder {
                Encoder::Vocabulary(keys) => keys.iter().map(|(key, _)| key.to_string()).collect(),
                Encoder::Hash(hash) => vec![format!("{hash:?}")],
            };
            let keys: Vec<Vec<String>> = transformation.encoders().iter().map(keys).collect();
            (transformation.features().to_vec(), keys)
        });
        let is_one = fitted[0].hash() == fitted[1].hash();
        prop_assert!(!is_one || one == two, "one hash, two encodings");
        prop_assert_eq!(is_one, parts[0] == parts[1] && one.1 == two.1);
    }
}

/// Two folders whose vocabularies have the same sizes.
fn two_days(folder: &Path) -> [std::path::PathBuf; 2] {
    [["anna", "bob"], ["bob", "carl"]].map(|users| {
        let log = folder.join("train.csv");
        std::fs::write(&log, format!("user,click\n{},1\n{},1\n{},0\n", users[0], users[0], users[1]))
            .unwrap();
        let text = "min_count = 1\n[[sparse]]\nname = \"user\"\n[[label]]\nname = \"click\"\n";
        let out = folder.join(users[0]);
        prepare(&log, Fitting::New(&FeatureFile::parse("features.toml", text).unwrap()), &out).unwrap();
        out
    })
}

#[test]
fn shards_of_two_transformations_are_not_read_together() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = two_days(folder.path()).map(|out| PreparedTable::open(out).unwrap());
    assert_eq!(one.schema.schema, two.schema.schema);
    let shards = [&one, &two].map(|prepared| prepared.shards("train").unwrap().remove(0));
    let hashes = [&one, &two].map(|prepared| prepared.lineage().unwrap().hash.short());
    let expected = format!(
        "{}: its rows were made by the transformation {}, those of {} by {}\n\
         expected: rows of one transformation, in which a number means one raw value\n\
         next: prepare one of the two again with the schema.json of the other: data prepare --with SCHEMA.json",
        shards[1].display(),
        hashes[1],
        shards[0].display(),
        hashes[0],
    );
    let schema = &one.schema.schema;
    let streamed = ple_data::ParquetShards::open(&shards, schema, ple_data::StreamConfig::default());
    let none: [&str; 0] = [];
    let errors = [
        read_tables(&shards, schema).unwrap_err(),
        streamed.unwrap_err(),
        ple_data::UnlabelledRows::open(&shards, schema, &none).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), ple_data::ExitKind::BadData);
    }
}

#[test]
fn rows_of_other_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let [one, _] = two_days(folder.path());
    let prepared = PreparedTable::open(&one).unwrap();
    let schema = &prepared.schema.schema;
    let shard = prepared.shards("train").unwrap().remove(0);
    let table = read_tables(&[&shard], schema).unwrap();
    assert_eq!((table.origin().note(), table.origin().carrier()), (None, Some(&*shard)));
    // What is written of the rows carries it on, CSV cannot.
    let [parquet, csv] = ["again.parquet", "again.csv"].map(|name| folder.path().join(name));
    ple_data::write_parquet(&table, &parquet).unwrap();
    ple_data::write_csv(&table, &csv).unwrap();
    assert_eq!(in_footer(&parquet), Some(prepared.lineage().unwrap().hash.to_string()));
    let plain = read_tables(&[&csv], schema).unwrap();
    assert_eq!(plain.origin().hash(), None);
    let (text, path) = ("carries no transformation; its numbers are taken as they are", csv.display());
    assert_eq!(plain.origin().note(), Some(format!("{path} {text}")));
    assert_eq!(RowSource::from(plain.select(&[0])).origin(), plain.origin());
    let text = "3 files carry no transformation, the first is";
    let together = read_tables(&[&csv, &parquet, &csv, &csv], schema).unwrap();
    let note = format!("{text} {path}; their numbers are taken as they are");
    assert_eq!((together.origin().hash(), together.origin().note()), (table.origin().hash(), Some(note)));
    // Rows of two kinds are no longer known to be of one.
    ple_data::write_parquet(&together, &parquet).unwrap();
    assert_eq!(in_footer(&parquet), None);
}

#[test]
fn a_folder_of_the_version_before_has_the_same_hash() {
    let folder = tempfile::tempdir().unwrap();
    let (log, out) = (folder.path().join("log.csv"), folder.path().join("out"));
    std::fs::write(&log, "row,user,item,tags,price,click\n0,anna,1,a:1|b,2.5,1\n1,anna,7,,0.5,0\n").unwrap();
    prepare(&log, Fitting::New(&FeatureFile::parse("features.toml", FEATURES).unwrap()), &out).unwrap();
    let now = PreparedTable::open(&out).unwrap().lineage().unwrap();
    let path = out.join("schema.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut before: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = before.as_object_mut().unwrap();
    fields.remove("xxh3");
    fields.remove("transformation");
    fields["format"] = "ple-data.table.1".into();
    for encoder in fields["encoders"].as_array_mut().unwrap() {
        if let Some(vocabulary) = encoder["kind"].get_mut("vocabulary") {
            vocabulary.as_object_mut().unwrap().remove("hash");
        }
    }
    std::fs::write(&path, before.to_string()).unwrap();
    let prepared = PreparedTable::open(&out).unwrap();
    assert_eq!(prepared.schema.transformation, None);
    assert_eq!(
        (prepared.lineage().unwrap(), prepared.transformation().unwrap().hash()),
        (now.clone(), now.hash)
    );
}
