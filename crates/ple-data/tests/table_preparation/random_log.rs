//! Small random logs, as CSV and as Parquet, and what is read back of prepared folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use ple_data::prepare::{
    FeatureFile, Fitting, PrepareConfig, PreparedTable, TableInput, TableSummary, TrainOrder, prepare_table,
};
use ple_data::{DataError, Table, read_tables};
use proptest::prelude::*;

/// A row of a log; what is `None` is missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogRow {
    pub(crate) user: Option<String>,
    pub(crate) item: Option<i64>,
    pub(crate) tags: Vec<(String, f32)>,
    pub(crate) price: Option<f64>,
    pub(crate) click: bool,
}

/// The features of such a log.
pub(crate) const FEATURES: &str = r#"
    embedding_dim = 4
    min_count = 2
    keys = ["row"]

    [[sparse]]
    name = "user"

    [[sparse]]
    name = "item"
    min_count = 1

    [[sparse]]
    name = "item_bucket"
    column = "item"
    buckets = 5
    hash_seed = 3

    [[sequence]]
    name = "tags"
    separator = "|"
    weight_separator = ":"

    [[dense]]
    name = "price"
    scale = "min_max"
    missing = 0.5

    [[dense]]
    name = "price_standard"
    column = "price"
    scale = "standard"
    missing = "mean"

    [[dense]]
    name = "price_log"
    column = "price"
    scale = "log"
    bins = 4
    missing = 0

    [[label]]
    name = "click"
"#;

pub(crate) fn features() -> FeatureFile {
    FeatureFile::parse("features.toml", FEATURES).unwrap()
}

pub(crate) fn log_rows(
    rows: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = Vec<LogRow>> {
    let tag = ("[a-d]", prop::sample::select(vec![0.5_f32, 1.0, 2.25]));
    let row = (
        prop::option::weighted(0.8, "[a-c0-3é]{1,2}"),
        prop::option::weighted(0.9, -2_i64..6),
        prop::collection::vec(tag, 0..4),
        prop::option::weighted(0.8, (-8_i8..20).prop_map(|value| f64::from(value) / 10.0)),
        any::<bool>(),
    );
    let row = row.prop_map(|(user, item, tags, price, click)| LogRow { user, item, tags, price, click });
    // Prices around 0, or seconds since 1970, which 32 bits cannot tell apart.
    let start = prop::sample::select(vec![0.0, 1.7e9]);
    (prop::collection::vec(row, rows), start).prop_map(|(mut rows, start)| {
        rows.iter_mut().flat_map(|row| &mut row.price).for_each(|price| *price += start);
        rows
    })
}

/// The list of tags as the column of texts has it.
pub(crate) fn tags_text(tags: &[(String, f32)]) -> String {
    tags.iter().map(|(tag, weight)| format!("{tag}:{weight}")).collect::<Vec<_>>().join("|")
}

pub(crate) fn write_csv(rows: &[LogRow], path: &Path) {
    let mut text = "row,user,item,tags,price,click\n".to_owned();
    for (number, row) in rows.iter().enumerate() {
        let user = row.user.clone().unwrap_or_default();
        let item = row.item.map_or(String::new(), |item| item.to_string());
        let price = row.price.map_or(String::new(), |price| price.to_string());
        let (tags, click) = (tags_text(&row.tags), u8::from(row.click));
        text.push_str(&format!("{number},\"{user}\",{item},{tags},{price},{click}\n"));
    }
    std::fs::write(path, text).unwrap();
}

pub(crate) fn write_parquet(rows: &[LogRow], path: &Path, rows_per_group: usize) {
    let numbers = (0..rows.len()).map(|number| number.to_string());
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("row", Arc::new(StringArray::from_iter_values(numbers))),
        ("user", Arc::new(rows.iter().map(|row| row.user.clone()).collect::<StringArray>())),
        ("item", Arc::new(rows.iter().map(|row| row.item).collect::<Int64Array>())),
        ("tags", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| tags_text(&row.tags))))),
        ("price", Arc::new(rows.iter().map(|row| row.price).collect::<Float64Array>())),
        ("click", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| i64::from(row.click))))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    write_batch(&batch.unwrap(), path, rows_per_group);
}

pub(crate) fn write_batch(batch: &RecordBatch, path: &Path, rows_per_group: usize) {
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_per_group))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Prepares a file whose rows keep their order.
pub(crate) fn prepare(file: &Path, fitting: Fitting<'_>, out: &Path) -> Result<TableSummary, DataError> {
    let input = TableInput { train: vec![file.to_owned()], ..TableInput::default() };
    let config = PrepareConfig { order: TrainOrder::AsInFiles, ..PrepareConfig::default() };
    prepare_table(&input, fitting, out, &config, &|_| ())
}

/// The rows of a part.
pub(crate) fn part(folder: &Path, part: &str) -> Table {
    let prepared = PreparedTable::open(folder).unwrap();
    prepared.verify().unwrap();
    read_tables(&prepared.shards(part).unwrap(), &prepared.schema.schema).unwrap()
}

/// Every file below a folder with its bytes.
pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    all.push((path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    all.sort();
    all
}

pub(crate) fn in_pool<T: Send>(threads: usize, task: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(task)
}
