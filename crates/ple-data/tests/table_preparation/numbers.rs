//! Dense values are scaled in 64 bits, from whatever type they come; what earlier versions have fitted is applied as then;
//! and a column that 32 bits do not hold is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, UInt64Array};
use ple_data::prepare::{
    Arithmetic, CollapsedColumn, FeatureFile, FittedKind, Fitting, PrepareConfig, PreparedTable, RawValue,
    Scaler, TableInput, TrainOrder, prepare_table,
};
use proptest::prelude::*;

use super::random_log::{part, prepare, write_batch};

/// One column with two scales.
const SCALES: &str = r#"
    [[dense]]
    name = "time_min_max"
    column = "time"
    scale = "min_max"
    [[dense]]
    name = "time_standard"
    column = "time"
    scale = "standard"
    [[label]]
    name = "click"
"#;

fn features(text: &str) -> FeatureFile {
    FeatureFile::parse("features.toml", text).unwrap()
}

/// Values in hundredths, in every type that holds them exactly.
fn columns(hundredths: &[i64]) -> Vec<(&'static str, ArrayRef)> {
    let decimals = hundredths.iter().map(|&value| Some(i128::from(value))).collect::<Decimal128Array>();
    let floats = Float64Array::from_iter_values(hundredths.iter().map(|&value| value as f64 / 100.0));
    vec![
        ("decimal", Arc::new(decimals.with_precision_and_scale(20, 2).unwrap())),
        ("float", Arc::new(floats)),
        ("signed", Arc::new(Int64Array::from(hundredths.to_vec()))),
        ("unsigned", Arc::new(UInt64Array::from_iter_values(hundredths.iter().map(|&value| value as u64)))),
    ]
}

fn write_parquet(time: &ArrayRef, path: &Path) {
    let clicks = Int64Array::from_iter_values((0..time.len() as i64).map(|row| row % 2));
    let columns: Vec<(&str, ArrayRef)> = vec![("time", Arc::clone(time)), ("click", Arc::new(clicks))];
    write_batch(&RecordBatch::try_from_iter(columns).unwrap(), path, 1000);
}

fn write_csv(times: &[f64], path: &Path) {
    let rows = times.iter().enumerate().map(|(row, time)| format!("{time},{}\n", row % 2));
    fs::write(path, "time,click\n".to_owned() + &rows.collect::<String>()).unwrap();
}

/// Both scales by their definitions, on distances to the first value, which are small.
fn plain(times: &[f64]) -> (Vec<f32>, Vec<f64>) {
    let distances: Vec<f64> = times.iter().map(|time| time - times[0]).collect();
    let n = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / n;
    let deviation = (distances.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let minimum = times.iter().copied().fold(f64::INFINITY, f64::min);
    let width = times.iter().copied().fold(f64::NEG_INFINITY, f64::max) - minimum;
    let divided = |distance: f64, width: f64| if width > 0.0 { distance / width } else { 0.0 };
    (
        times.iter().map(|time| divided(time - minimum, width) as f32).collect(),
        distances.iter().map(|x| if width > 0.0 { (x - mean) / deviation } else { 0.0 }).collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_type_is_scaled_as_64_bits(
        start in prop::sample::select(vec![0_i64, 170_000_000_000, 9_000_000_000_000]),
        steps in prop::collection::vec(0_i64..60_000, 1..60),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let hundredths: Vec<i64> = steps.iter().map(|step| start + step).collect();
        let whole: Vec<f64> = hundredths.iter().map(|&value| value as f64).collect();
        let fractions: Vec<f64> = whole.iter().map(|value| value / 100.0).collect();
        let mut files = Vec::new();
        for (name, column) in columns(&hundredths) {
            let file = folder.path().join(format!("{name}.parquet"));
            write_parquet(&column, &file);
            files.push((file, if name.ends_with("signed") { &whole } else { &fractions }));
        }
        files.push((folder.path().join("text.csv"), &fractions));
        write_csv(&fractions, &files.last().unwrap().0);
        for (file, times) in files {
            let out = file.with_extension("out");
            prepare(&file, Fitting::New(&features(SCALES)), &out).unwrap();
            let table = part(&out, "train");
            let (min_max, standard) = plain(times);
            prop_assert_eq!(table.dense(0).collect::<Vec<_>>(), min_max);
            for (found, expected) in table.dense(1).zip(&standard) {
                prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{} {}", found, expected);
            }
            let transformation = PreparedTable::open(&out).unwrap().transformation().unwrap();
            let encoded = transformation.encode(times.len(), |row, _| RawValue::Number(times[row])).unwrap();
            for feature in 0..2 {
                let of_server = encoded.dense.column(feature).to_vec();
                prop_assert_eq!(of_server, table.dense(feature).collect::<Vec<_>>());
            }
        }
    }
}

/// A folder whose `schema.json` has facts of 32 bits and says nothing of the arithmetic.
#[test]
fn facts_of_an_earlier_version_are_applied_in_32_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let times: Vec<f64> = (0..500).map(|row| f64::from(row * row % 977) / 10.0 + 3.3).collect();
    write_csv(&times, &path("log.csv"));
    let text = SCALES.to_owned() + "[[dense]]\nname = \"time_log\"\ncolumn = \"time\"\nscale = \"log\"\n";
    prepare(&path("log.csv"), Fitting::New(&features(&text)), &path("out")).unwrap();

    let schema = path("out").join("schema.json");
    let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&schema).unwrap()).unwrap();
    // A file of that version has neither a seal nor the hash of the transformation.
    let object = json.as_object_mut().unwrap();
    assert!(object.remove("xxh3").is_some() && object.remove("transformation").is_some());
    object.insert("format".to_owned(), "ple-data.table.1".into());
    let (minimum, maximum, mean, deviation) = (3.3_f32, 100.7_f32, 47.1_f32, 28.1_f32);
    for feature in json["features"].as_array_mut().unwrap() {
        let dense = feature["kind"]["dense"].as_object_mut().unwrap();
        assert_eq!(dense.remove("arithmetic"), Some("double".into()));
        // As 32-bit floats were written: by their shortest digits.
        let shortest = |value: f32| serde_json::from_str::<serde_json::Value>(&value.to_string()).unwrap();
        if let Some(scaler) = dense["scaler"].get_mut("min_max") {
            (scaler["minimum"], scaler["maximum"]) = (shortest(minimum), shortest(maximum));
        }
        if let Some(scaler) = dense["scaler"].get_mut("standard") {
            (scaler["mean"], scaler["deviation"]) = (shortest(mean), shortest(deviation));
        }
    }
    fs::write(&schema, json.to_string()).unwrap();

    let earlier = PreparedTable::open(path("out")).unwrap().transformation().unwrap();
    let is_single =
        |kind: &FittedKind| matches!(kind, FittedKind::Dense { arithmetic: Arithmetic::Single, .. });
    assert!(earlier.features().iter().all(|feature| is_single(&feature.kind)));
    prepare(&path("log.csv"), Fitting::Apply(&earlier), &path("again")).unwrap();
    let table = part(&path("again"), "train");
    let values = || times.iter().map(|&time| time as f32);
    let expected: Vec<f32> = values().map(|x| (x - minimum) / (maximum - minimum)).collect();
    assert_eq!(table.dense(0).collect::<Vec<_>>(), expected);
    let expected: Vec<f32> = values().map(|x| (x - mean) / deviation).collect();
    assert_eq!(table.dense(1).collect::<Vec<_>>(), expected);
    let expected: Vec<f32> = values().map(|x| x.ln_1p()).collect();
    assert_eq!(table.dense(2).collect::<Vec<_>>(), expected);
    let in_64_bits = Scaler::Standard { mean: mean.into(), deviation: deviation.into() };
    let other = times.iter().map(|&time| in_64_bits.scale(time));
    assert!(other.zip(table.dense(1)).any(|(a, b)| a != b), "the two ways differ here");
    // What is applied is passed on as it is.
    let again = PreparedTable::open(path("again")).unwrap().transformation().unwrap();
    assert_eq!(again.features(), earlier.features());
}

#[test]
fn a_column_that_32_bits_do_not_hold_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let times: Vec<f64> = (0..20_000).map(|row| 1.7e9 + f64::from(row % 9_000) / 15.0).collect();
    write_csv(&times, &path("log.csv"));
    let text = SCALES.to_owned() + "[[dense]]\nname = \"time\"\n";
    let summary = prepare(&path("log.csv"), Fitting::New(&features(&text)), &path("out")).unwrap();
    let left = times.iter().map(|&time| (time as f32).to_bits()).collect::<BTreeSet<_>>().len() as u64;
    assert!(left < 10);
    // Beyond 4,096 the number of values is an estimate within some percent.
    let [CollapsedColumn { feature, distinct, left: found }] = &summary.collapsed[..] else {
        panic!("{:?}", summary.collapsed)
    };
    assert_eq!((feature.as_str(), *found), ("time", left));
    assert!(distinct.abs_diff(9_000) < 300, "{distinct}");
    let warning = format!(
        "warning: `time` loses values: {distinct} different ones in training rows become {left} in 32 bits; give it another scale (min_max and standard take off what values have in common, log tells small ones apart)\n"
    );
    assert!(summary.to_string().contains(&warning), "{summary}");
    assert_eq!(summary.to_string().matches("warning").count(), 1, "{summary}");
    let table = part(&path("out"), "train");
    for feature in 0..2 {
        let distinct = table.dense(feature).map(f32::to_bits).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct, 9_000, "feature {feature}");
    }
}

#[test]
fn a_range_of_all_floats_is_scaled() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_csv(&[-3e38, 0.0, 3e38], &path("log.csv"));
    let summary = prepare(&path("log.csv"), Fitting::New(&features(SCALES)), &path("out")).unwrap();
    assert_eq!(summary.collapsed, []);
    let table = part(&path("out"), "train");
    assert_eq!(table.dense(0).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
    for (found, expected) in table.dense(1).zip([-1.224_744_9, 0.0, 1.224_744_9_f32]) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn a_value_that_a_scale_takes_beyond_32_bits_is_shown_in_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_csv(&[1.0, 1.0 + 1e-13], &path("log.csv"));
    let text = "[[dense]]\nname = \"time\"\nscale = \"min_max\"\n[[label]]\nname = \"click\"\n";
    prepare(&path("log.csv"), Fitting::New(&features(text)), &path("out")).unwrap();
    let fitted = PreparedTable::open(path("out")).unwrap().transformation().unwrap();
    let expected = "the feature `time`: its scale takes the value -2.5e38 beyond 32 bits\n\
                    expected: values nearer to those that it was fitted to\n\
                    next: correct the value, or give the column another scale";
    write_csv(&[-2.5e38], &path("next.csv"));
    let error = prepare(&path("next.csv"), Fitting::Apply(&fitted), &path("next")).unwrap_err();
    assert_eq!(error.to_string(), expected);
    let error = fitted.encode(1, |_, _| RawValue::Number(-2.5e38)).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), (expected, ple_data::ExitKind::BadData));
    let error = fitted.encode(1, |_, _| RawValue::Number(1e300)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 0, column `time`: found 1e300\nexpected: a finite number that fits into 32 bits\nnext: correct the value"
    );
}

#[test]
fn a_regression_is_summed_up_by_mean_and_deviation_whatever_the_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = (0..400).map(|row| format!("u{},{}\n", row % 5, if row % 2 == 0 { -2.5 } else { 7.5 }));
    fs::write(path("log.csv"), "user,stay\n".to_owned() + &rows.collect::<String>()).unwrap();
    let features = features(
        "[[sparse]]\nname = \"user\"\n[[label]]\nname = \"stay\"\ntask = \"regression\"\n[split]\ntest = 0.3\n",
    );
    let input = TableInput::find(&[path("log.csv")]).unwrap();
    let mut all = Vec::new();
    for chunk_bytes in [1 << 20, 50] {
        let out = path(&format!("out-{chunk_bytes}"));
        let config = PrepareConfig { chunk_bytes, order: TrainOrder::AsInFiles, ..PrepareConfig::default() };
        let summary = prepare_table(&input, Fitting::New(&features), &out, &config, &|_| ()).unwrap();
        for part in &summary.parts {
            let labels: Vec<f64> =
                super::random_log::part(&out, &part.name).labels(0).map(f64::from).collect();
            let n = labels.len() as f64;
            let mean = labels.iter().sum::<f64>() / n;
            let deviation = (labels.iter().map(|label| (label - mean).powi(2)).sum::<f64>() / n).sqrt();
            let task = &part.tasks[0];
            assert!(
                (task.mean.unwrap() - mean).abs() < 1e-9
                    && (task.deviation.unwrap() - deviation).abs() < 1e-9
            );
            let line = format!("{} rows; stay: mean ", part.rows);
            assert!(summary.to_string().contains(&line), "{summary}");
            assert!(!summary.to_string().contains("above 0"), "{summary}");
        }
        all.push(summary.parts.iter().map(|part| part.tasks.clone()).collect::<Vec<_>>());
    }
    assert_eq!(all[0], all[1]);
}
