//! Parquet and CSV files, and schemas of features.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder, UInt32Builder};
use arrow_array::{ArrayRef, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterVersion};
use ple_data::describe::{DescribeOptions, describe};
use ple_data::{
    Feature, FeatureKind, FeatureSchema, Label, ParquetShards, Pooling, Roles, RowSource, StreamConfig,
    Table, TaskType, infer_schema, read_csv, read_parquet,
};

use crate::mutator::{scratch, survives};

fn schema(with_list: bool) -> FeatureSchema {
    let mut features =
        vec![Feature::sparse("user", 90, 4), Feature::sparse("item", 10, 4), Feature::dense("price")];
    if with_list {
        let kind = FeatureKind::Sequence {
            vocab_size: 300,
            embedding_dim: 4,
            pooling: Pooling::Sum,
            padding_id: None,
            weights: Some("strengths".to_owned()),
            shared_with: None,
        };
        features.push(Feature { name: "history".to_owned(), kind });
    }
    let labels = vec![Label::new("click", TaskType::Classification)];
    FeatureSchema::new(features, labels, vec!["session".to_owned()]).unwrap()
}

/// Files of 50 rows in three row groups, by several kinds of writers.
fn good_parquet(place: &Path) -> Vec<Vec<u8>> {
    let rows = 50;
    let (mut ids, mut strengths) =
        (ListBuilder::new(UInt32Builder::new()), ListBuilder::new(Float32Builder::new()));
    for row in 0..rows {
        for element in 0..row % 4 {
            ids.values().append_value(row * 5 + element);
            strengths.values().append_value(element as f32 / 4.0);
        }
        ids.append(true);
        strengths.append(true);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("click", Arc::new(Int32Array::from_iter_values((0..rows as i32).map(|row| row % 2)))),
        ("user", Arc::new(UInt32Array::from_iter_values(0..rows))),
        ("item", Arc::new(UInt32Array::from_iter_values((0..rows).map(|row| row % 10)))),
        ("price", Arc::new(Float32Array::from_iter_values((0..rows).map(|row| row as f32)))),
        ("history", Arc::new(ids.finish())),
        ("strengths", Arc::new(strengths.finish())),
        ("session", Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("s{}", row / 3))))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let builder = || WriterProperties::builder().set_max_row_group_row_count(Some(20));
    let v2 = WriterVersion::PARQUET_2_0;
    let writers = [
        builder().set_compression(Compression::SNAPPY),
        builder().set_dictionary_enabled(false),
        builder().set_compression(Compression::ZSTD(Default::default())).set_writer_version(v2),
        builder().set_compression(Compression::LZ4_RAW).set_data_page_row_count_limit(7),
    ];
    let written = writers.map(|properties| {
        let properties = Some(properties.build());
        let mut writer =
            ArrowWriter::try_new(File::create(place).unwrap(), batch.schema(), properties).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        fs::read(place).unwrap()
    });
    written.to_vec()
}

/// A table that was read has to pass the checks of `Table::new`.
fn check(table: &Table) {
    Table::new(table.schema().clone(), table.to_columns()).unwrap();
}

pub(crate) fn parquet() {
    let folder = scratch();
    let path = folder.path().join("a.parquet");
    let (schema, good) = (schema(true), good_parquet(&path));
    let roles = Roles { labels: schema.labels.clone(), keys: schema.keys.clone(), embedding_dim: 4 };
    survives("parquet", |random| {
        let bytes = &good[random.below(good.len())];
        fs::write(&path, random.changed(bytes, &[0x15, 0x19, 0x1C, 0x18, 0x2C, 0x00, b'P'])).unwrap();
        if let Ok(table) = read_parquet(&path, &schema) {
            check(&table);
        }
        if let Ok(shards) =
            ParquetShards::open(&[&path], &schema, StreamConfig { window_bytes: 1, decoders: 1 })
        {
            for window in RowSource::from(shards).windows().map_while(Result::ok) {
                check(&window);
            }
        }
        let _ = infer_schema(&[&path], &roles);
        let _ = describe(&[&path], &DescribeOptions::default());
    });
}

pub(crate) fn csv() {
    let folder = scratch();
    let path = folder.path().join("a.csv");
    let mut good = "click,user,item,price,session\r\n".to_owned();
    for row in 0..12 {
        good += &format!("{},{row},{},{}.5e-{},\"a, {row}\"\"\"\n", row % 2, row % 10, row * 7, row % 3);
    }
    let schema = schema(false);
    let roles = Roles { labels: schema.labels.clone(), keys: schema.keys.clone(), embedding_dim: 4 };
    survives("csv", |random| {
        fs::write(&path, random.changed(good.as_bytes(), b",\"\n\r\t;09-+.eE\0\xFF")).unwrap();
        if let Ok(table) = read_csv(&path, &schema) {
            check(&table);
        }
        if let Ok(inferred) = infer_schema(&[&path], &roles) {
            inferred.validate().unwrap();
        }
        let _ = describe(&[&path], &DescribeOptions::default());
    });
}

pub(crate) fn feature_schema() {
    let good = schema(true).to_json();
    survives("feature schema", |random| {
        let changed = random.changed(good.as_bytes(), b"{}[]\",:0.9-eE\\\xFF");
        if let Ok(schema) = FeatureSchema::from_json(&String::from_utf8_lossy(&changed)) {
            schema.validate().unwrap();
            assert_eq!(FeatureSchema::from_json(&schema.to_json()).unwrap(), schema);
        }
    });
}
