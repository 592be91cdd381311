//! Every type of column that the Parquet reader accepts, and that it gives the ids and numbers of the file exactly.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float32Array, Int32Array, Int64Array, LargeListArray,
    ListArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_cast::cast;
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use ple_data::{
    DataError, Feature, FeatureKind, FeatureSchema, Label, Roles, Table, TaskType, infer_schema, read_csv,
    read_parquet, write_csv, write_parquet,
};

const INTEGERS: [DataType; 8] = [
    DataType::Int8,
    DataType::Int16,
    DataType::Int32,
    DataType::Int64,
    DataType::UInt8,
    DataType::UInt16,
    DataType::UInt32,
    DataType::UInt64,
];

fn dictionary(values: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(values))
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Reads `click` and one more column, which is the given feature.
fn read_one(array: ArrayRef, feature: Feature) -> Result<Table, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let clicks = Int32Array::from_iter_values((0..array.len()).map(|row| (row % 2) as i32));
    write(&path, vec![("click", Arc::new(clicks)), (feature.name.as_str(), array)]);
    let labels = vec![Label::new("click", TaskType::Classification)];
    read_parquet(&path, &FeatureSchema::new(vec![feature], labels, vec![]).unwrap())
}

#[test]
fn ids_of_every_integer_type_and_dictionaries_of_them() {
    let source: ArrayRef = Arc::new(Int64Array::from(vec![0, 7, 127, 3, 7]));
    for data_type in INTEGERS.into_iter().flat_map(|integer| [integer.clone(), dictionary(integer)]) {
        let array = cast(&cast(&source, unpacked(&data_type)).unwrap(), &data_type).unwrap();
        let table = read_one(array, Feature::sparse("user", 128, 4)).unwrap();
        assert_eq!(table.sparse(0).collect::<Vec<_>>(), [0, 7, 127, 3, 7], "{data_type}");
    }
}

fn unpacked(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

#[test]
fn large_ids_are_exact() {
    // 2^24 + 1 and its like are the first integers that an f32 cannot hold.
    let ids = [16_777_217u32, 16_777_219, 33_554_433, 4_294_967_293, 4_294_967_294];
    let arrays: [ArrayRef; 3] = [
        Arc::new(Int64Array::from_iter_values(ids.map(i64::from))),
        Arc::new(UInt32Array::from(ids.to_vec())),
        Arc::new(UInt64Array::from_iter_values(ids.map(u64::from))),
    ];
    for array in arrays {
        let table = read_one(array, Feature::sparse("user", u32::MAX as usize, 4)).unwrap();
        assert_eq!(table.sparse(0).collect::<Vec<_>>(), ids);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let rows: String = ids.iter().map(|id| format!("0,{id}\n")).collect();
    std::fs::write(&path, format!("click,user\n{rows}")).unwrap();
    let labels = vec![Label::new("click", TaskType::Classification)];
    let schema =
        FeatureSchema::new(vec![Feature::sparse("user", u32::MAX as usize, 4)], labels, vec![]).unwrap();
    assert_eq!(read_csv(&path, &schema).unwrap().sparse(0).collect::<Vec<_>>(), ids);
}

#[test]
fn numbers_of_every_type() {
    let source: ArrayRef = Arc::new(Float32Array::from(vec![0.0, 1.0, 2.0, 100.0]));
    let floats = [DataType::Float16, DataType::Float32, DataType::Float64];
    for data_type in INTEGERS.into_iter().chain(floats) {
        let array = cast(&source, &data_type).unwrap();
        let table = read_one(array, Feature::dense("price")).unwrap();
        assert_eq!(table.dense(0).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 100.0], "{data_type}");
    }
}

#[test]
fn booleans_are_0_and_1_in_every_role() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let flags = || -> ArrayRef { Arc::new(BooleanArray::from(vec![true, false, true])) };
    write(&path, vec![("click", flags()), ("member", flags()), ("new", flags())]);
    let features = vec![Feature::sparse("member", 2, 4), Feature::dense("new")];
    let labels = vec![Label::new("click", TaskType::Classification)];
    let table = read_parquet(&path, &FeatureSchema::new(features, labels, vec![]).unwrap()).unwrap();
    assert_eq!(table.labels(0).collect::<Vec<_>>(), [1.0, 0.0, 1.0]);
    assert_eq!(table.sparse(0).collect::<Vec<_>>(), [1, 0, 1]);
    assert_eq!(table.dense(0).collect::<Vec<_>>(), [1.0, 0.0, 1.0]);
}

#[test]
fn sequences_in_every_kind_of_list() {
    let rows = || [Some(vec![Some(1), Some(2)]), Some(vec![Some(3), Some(4)]), Some(vec![Some(5), Some(6)])];
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows()));
    let large: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Int64Type, _, _>(rows()));
    let element = Arc::new(Field::new_list_field(DataType::Int64, true));
    let fixed = cast(&list, &DataType::FixedSizeList(element, 2)).unwrap();
    for array in [list, large, fixed] {
        let name = array.data_type().to_string();
        let table = read_one(array, Feature::sequence("history", 7, 4)).unwrap();
        let sequence = &table.sequences()[0];
        assert_eq!(
            (&sequence.offsets[..], &sequence.ids[..]),
            (&[0, 2, 4, 6][..], &[1, 2, 3, 4, 5, 6][..]),
            "{name}"
        );
    }
}

#[test]
fn sequences_of_dictionary_ids() {
    let keys = Int32Array::from(vec![0, 1, 0]);
    let values: ArrayRef = Arc::new(UInt32Array::from(vec![9, 4]));
    let ids = DictionaryArray::<Int32Type>::new(keys, values);
    let element = Arc::new(Field::new_list_field(ids.data_type().clone(), false));
    let lists = ListArray::new(element, OffsetBuffer::from_lengths([2, 0, 1]), Arc::new(ids), None);
    let table = read_one(Arc::new(lists), Feature::sequence("history", 10, 4)).unwrap();
    assert_eq!(table.sequences()[0].ids, [9, 4, 9]);
}

#[test]
fn the_schema_is_found_in_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![3, 8]));
    let lists =
        ListArray::from_iter_primitive::<UInt32Type, _, _>([Some(vec![Some(4), Some(11)]), Some(vec![])]);
    write(
        &path,
        vec![
            ("click", Arc::new(BooleanArray::from(vec![true, false]))),
            ("user", Arc::clone(&ids)),
            ("item", cast(&ids, &dictionary(DataType::Int64)).unwrap()),
            ("member", Arc::new(BooleanArray::from(vec![false, true]))),
            ("price", cast(&ids, &DataType::Float16).unwrap()),
            ("history", Arc::new(lists)),
            ("session", Arc::new(StringArray::from(vec!["a", "b"]))),
        ],
    );
    let labels = vec![Label::new("click", TaskType::Classification)];
    let roles = Roles { labels: labels.clone(), keys: vec!["session".to_string()], embedding_dim: 4 };
    let schema = infer_schema(&[&path], &roles).unwrap();
    let features = vec![
        Feature::sparse("user", 9, 4),
        Feature::sparse("item", 9, 4),
        Feature::sparse("member", 2, 4),
        Feature::dense("price"),
        Feature::sequence("history", 12, 4),
    ];
    assert_eq!(schema.features, features);
    read_parquet(&path, &schema).unwrap();

    let error = infer_schema(&[&path], &Roles { labels, keys: vec![], embedding_dim: 4 }).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}, column `session`: found text (`the type Utf8`)\n\
             expected: integer ids or numbers\n\
             next: replace its values by ids from 0, or name the column as a key, or list the features in a schema",
            path.display()
        )
    );
}

#[test]
fn keys_of_any_type_count_by_their_text() {
    let folder = tempfile::tempdir().unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["b, with a comma", "say \"hi\"", ""]));
    let keys: [ArrayRef; 4] = [
        Arc::clone(&texts),
        cast(&texts, &dictionary(DataType::Utf8)).unwrap(),
        Arc::new(UInt64Array::from(vec![u64::MAX, 0, 7])),
        Arc::new(Int32Array::from(vec![-3, 0, 7])),
    ];
    for (position, key) in keys.into_iter().enumerate() {
        let path = folder.path().join("a.parquet");
        let ids: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 2]));
        let clicks: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 1]));
        write(&path, vec![("click", clicks), ("user", ids), ("session", key)]);
        let labels = vec![Label::new("click", TaskType::Classification)];
        let keys = vec!["session".to_string()];
        let schema = FeatureSchema::new(vec![Feature::sparse("user", 3, 4)], labels, keys).unwrap();
        let table = read_parquet(&path, &schema).unwrap();

        let (csv, parquet) = (folder.path().join("b.csv"), folder.path().join("b.parquet"));
        write_csv(&table, &csv).unwrap();
        write_parquet(&table, &parquet).unwrap();
        assert_eq!(read_csv(&csv, &schema).unwrap().fingerprint(), table.fingerprint(), "key {position}");
        let again = read_parquet(&parquet, &schema).unwrap();
        assert_eq!(again.fingerprint(), table.fingerprint(), "key {position}");
        assert_eq!(again.keys()[0].as_ref(), table.keys()[0].as_ref(), "key {position}");
        assert_ne!(table.select(&[1, 0, 2]).fingerprint(), table.fingerprint());
    }
}

#[test]
fn the_file_does_not_decide_what_a_feature_is() {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![3, 8]));
    let table = read_one(ids, Feature::dense("age")).unwrap();
    assert!(matches!(table.schema().features[0].kind, FeatureKind::Dense { bins: None }));
    assert_eq!(table.dense(0).collect::<Vec<_>>(), [3.0, 8.0]);
}
