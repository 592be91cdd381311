//! Descriptions of data: what was planted is found, what was not is not warned of, and every form of the result can be
//! read.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use ple_data::describe::{ColumnKind, DescribeOptions, Description, WarningKind, describe};
use ple_data::{
    DataError, Feature, FeatureSchema, GeneratorConfig, Label, TaskType, Vocabulary, generate, write_csv,
    write_parquet,
};
use proptest::prelude::*;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn integers(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// A number from 0 to 999, by SplitMix64's mixing.
fn mixed(row: i64, salt: i64) -> i64 {
    let seed = (row as u64 * 31 + salt as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) % 1000) as i64
}

/// Rows in which a leak, a constant, gaps and a shift are planted, beside columns with nothing wrong.
fn planted(path: &Path, rows: i64, shift: i64) {
    let click = |row: i64| i64::from(mixed(row, 1) < 200);
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..rows {
        (0..mixed(row, 2) % 4).for_each(|index| lists.values().append_value(index * 3));
        lists.append(true);
    }
    let number = |row: i64| (mixed(row, 5) as f64) / 1000.0;
    let gaps = (0..rows).map(|row| (mixed(row, 6) > 300).then(|| number(row)));
    let odd = (0..rows).map(|row| if row == 17 { f64::NAN } else { number(row) });
    write(
        path,
        vec![
            ("click", integers((0..rows).map(click))),
            ("item", integers((0..rows).map(|row| mixed(row, 3) % 50))),
            ("row", integers(0..rows)),
            ("leak", integers((0..rows).map(|row| click(row) * 3 + mixed(row, 4) % 3))),
            ("fixed", integers((0..rows).map(|_| 7))),
            ("price", Arc::new(Float64Array::from_iter_values((0..rows).map(number)))),
            ("gaps", Arc::new(Float64Array::from_iter(gaps))),
            ("odd", Arc::new(Float64Array::from_iter_values(odd))),
            ("later", integers((0..rows).map(|row| mixed(row, 7) % 20 + shift))),
            (
                "city",
                Arc::new(StringArray::from_iter_values(
                    (0..rows).map(|row| format!("c{}", mixed(row, 8) % 9)),
                )),
            ),
            ("history", Arc::new(lists.finish())),
        ],
    );
}

fn described(paths: &[&Path], options: &DescribeOptions) -> Description {
    describe(paths, options).unwrap()
}

#[test]
fn what_was_planted_is_found_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    planted(&folder.path().join("train.parquet"), 4_000, 0);
    planted(&folder.path().join("test.parquet"), 2_000, 10);
    let description = described(&[folder.path()], &DescribeOptions::default());

    let found: BTreeSet<_> = description.warnings.iter().map(|w| (w.kind, w.column.as_str())).collect();
    let expected = BTreeSet::from([
        (WarningKind::LabelLeak, "leak"),
        (WarningKind::NotFinite, "odd"),
        (WarningKind::Constant, "fixed"),
        (WarningKind::Missing, "gaps"),
        (WarningKind::UnseenIds, "later"),
        (WarningKind::PartsDiffer, "later"),
    ]);
    assert_eq!(found, expected, "{}", description.to_text());
    assert!(description.warnings.is_sorted_by_key(|warning| warning.kind));

    let kinds: Vec<_> = description.columns.iter().map(|column| column.kind).collect();
    let (ids, numbers) = (ColumnKind::Ids, ColumnKind::Numbers);
    let expected =
        [ids, ids, ids, ids, ids, numbers, numbers, numbers, ids, ColumnKind::Text, ColumnKind::Lists];
    assert_eq!(kinds, expected);
    let column =
        |name: &str| &description.columns.iter().find(|column| column.name == name).unwrap().parts[0];
    assert_eq!((column("item").distinct.count, column("row").distinct.count), (50, 4_000));
    assert_eq!((column("city").distinct.count, column("history").distinct.count), (9, 3));
    let history = column("history").lengths.as_ref().unwrap();
    assert_eq!((history.smallest, history.largest), (0, 3));
    assert!((history.mean - 1.5).abs() < 0.1 && history.empty > 800, "{history:?}");
    let price = column("price").numbers.as_ref().unwrap();
    assert!(price.exact && (price.mean - 0.5).abs() < 0.02 && (price.quantiles[2] - 0.5).abs() < 0.03);
    assert_eq!(description.tasks[0].parts[0].rows, 4_000);
    assert!((description.tasks[0].parts[0].mean.unwrap() - 0.2).abs() < 0.02);
    // A number of its own for every row says nothing of other rows.
    let alone =
        |name: &str| description.columns.iter().find(|column| column.name == name).unwrap().alone[0].auc;
    assert_eq!(alone("row"), Some(0.5));
    assert!((alone("item").unwrap() - 0.5).abs() < 0.05 && alone("leak").unwrap() > 0.99);
    assert_eq!((alone("click"), alone("history")), (None, None));
}

#[test]
fn a_schema_tells_vocabularies_and_spaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let mut text = "click,purchase,item,price\n".to_owned();
    for row in 0..100 {
        text += &format!("{},{},{},{}\n", u8::from(row < 40), u8::from(row < 10), row % 13 - 1, row * 3);
    }
    fs::write(&path, text).unwrap();
    let conversion = Label {
        weight: Some("click".to_owned()),
        ..Label::in_column("conversion", "purchase", TaskType::Classification)
    };
    let schema = FeatureSchema::new(
        vec![Feature::sparse("item", 10, 4), Feature::dense("price")],
        vec![Label::new("click", TaskType::Classification), conversion],
        vec![],
    )
    .unwrap();
    let description =
        described(&[&path], &DescribeOptions { schema: Some(schema), ..DescribeOptions::default() });

    let conversion = &description.tasks[1];
    assert_eq!((conversion.parts[0].rows, conversion.parts[0].positives), (40, Some(10)));
    assert_eq!(conversion.space, "rows where `click` is not 0");
    let beyond = description.warnings.iter().find(|warning| warning.column == "item").unwrap();
    assert_eq!(beyond.kind, WarningKind::BeyondVocabulary);
    // Of the ids -1 to 11, the first stands in 8 rows, 10 and 11 in 7 each.
    assert_eq!(beyond.text, "22 rows of data (22.0%) have ids that are not from 0 to 9");
    assert_eq!(
        description.columns[3].kind,
        ColumnKind::Numbers,
        "whole numbers of a dense feature are no ids"
    );
}

#[test]
fn csv_and_parquet_of_the_same_rows_are_described_alike_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let table = generate(&GeneratorConfig { rows: 5_000, vocabulary: Vocabulary::Small, seed: 3 }).table;
    let files = [folder.path().join("a.csv"), folder.path().join("a.parquet")];
    write_csv(&table, &files[0]).unwrap();
    write_parquet(&table, &files[1]).unwrap();
    let with_threads = |file: &Path, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| described(&[file], &DescribeOptions::default()))
    };
    let [csv, parquet] = [&files[0], &files[1]].map(|file| {
        let description = with_threads(file, 1);
        assert_eq!(with_threads(file, 3).to_json(), description.to_json());
        description
    });
    assert_eq!(csv.tasks, parquet.tasks);
    assert_eq!(csv.columns.len(), 33);
    for (column, other) in csv.columns.iter().zip(&parquet.columns) {
        // A number of 32 bits is another one of 64 bits when it was text in between.
        match column.kind {
            ColumnKind::Numbers => assert_eq!(column.parts[0].nulls, other.parts[0].nulls),
            _ => assert_eq!(column, other),
        }
    }
}

#[test]
fn a_glob_and_a_comparison_with_other_files() {
    let folder = tempfile::tempdir().unwrap();
    for (day, shift) in [(1, 0), (2, 0), (3, 10)] {
        planted(&folder.path().join(format!("day-{day}.parquet")), 1_000, shift);
    }
    let against = vec![folder.path().join("day-3.parquet")];
    let options = DescribeOptions { labels: vec!["click".to_owned()], against, ..DescribeOptions::default() };
    let description = described(&[&folder.path().join("day-[12].parquet")], &options);
    let parts: Vec<_> = description.parts.iter().map(|part| (part.name.as_str(), part.rows)).collect();
    assert_eq!(parts, [("data", 2_000), ("against", 1_000)]);
    assert!(description.warnings.iter().any(|w| w.kind == WarningKind::PartsDiffer && w.column == "later"));
    assert!(description.notes.is_empty(), "{:?}", description.notes);
}

#[test]
fn what_cannot_be_described_is_an_error_with_facts() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let fails = |path: &Path, labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let options = DescribeOptions { labels, ..DescribeOptions::default() };
        let text = describe(&[path], &options).unwrap_err().to_string();
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    let good = file("good.csv", "click,item\n1,2\n");
    assert_eq!(
        fails(&good, &["clik"]),
        "good.csv: there is no column `clik`, which the task `clik` needs\nnearest: `click`\nnext: correct the schema, or add the column to the file"
    );
    assert!(fails(&folder.path().join("none.csv"), &[]).starts_with("none.csv: there is no such file"));
    assert!(fails(&folder.path().join("no*"), &[]).starts_with("no*: there is no such file"));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(fails(&empty, &[]).starts_with("empty: the folder holds no table"));
    let cut = file("cut.csv", "click,item\n1,2\n1\n");
    assert!(fails(&cut, &[]).starts_with("cut.csv, line 3: found 1 fields\nexpected: 2"));
    assert!(
        fails(&file("head.csv", "click,item\n"), &[])
            .starts_with("head.csv: the file has no row (a header alone)")
    );
    assert!(fails(&file("zero.csv", ""), &[]).starts_with("zero.csv: the file has no row (zero bytes)"));
    assert!(fails(&file("text.parquet", "click"), &[]).contains("does not begin with PAR1"));
    assert!(fails(&file("a.txt", "click"), &[]).contains("expected: a name that ends in .csv or .parquet"));
    let other = file("other.csv", "click,price\n1,2\n");
    let error = describe(&[&good, &other], &DescribeOptions::default()).unwrap_err();
    assert!(matches!(&error, DataError::MissingColumn { column, .. } if column == "item"), "{error}");
}

#[test]
fn the_page_stands_alone_and_no_name_can_break_it() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "<script>alert('x')</script>&\"]]>";
    let rows = 300;
    for name in ["train.parquet", "test.parquet"] {
        let texts = StringArray::from_iter_values((0..rows).map(|row| format!("{hostile}\u{1}{}", row % 3)));
        let click = integers((0..rows).map(|row| row % 2));
        write(&folder.path().join(name), vec![("click", click), (hostile, Arc::new(texts))]);
    }
    let description = described(&[folder.path()], &DescribeOptions::default());
    let page = description.to_html();
    let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let document = roxmltree::Document::parse(body).unwrap();
    let tags: BTreeSet<&str> =
        document.descendants().filter(|n| n.is_element()).map(|n| n.tag_name().name()).collect();
    assert!(!tags.contains("script") && tags.contains("svg") && tags.contains("table"), "{tags:?}");
    for mark in ["http", "src=", "href=", "url(", "@import", "NaN", "inf"] {
        assert!(!page.contains(mark), "{mark}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));

    let path = folder.path().join("page.html");
    description.write_html(&path).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), page);
    let json: serde_json::Value = serde_json::from_str(&description.to_json()).unwrap();
    assert_eq!(json["columns"][1]["name"], hostile);
    assert_eq!(json["parts"][0]["rows"], rows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Counts are those of a plain loop over the rows.
    #[test]
    fn counts_are_those_of_a_plain_loop(
        rows in prop::collection::vec((prop::option::of(-3..12_i64), any::<bool>(), any::<bool>()), 1..200),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let mut text = "id,click\n".to_owned();
        let mut truth: BTreeMap<i64, u64> = BTreeMap::new();
        for (id, far, click) in &rows {
            let id = id.map(|id| if *far { id + 5_000_000_000 } else { id });
            id.into_iter().for_each(|id| *truth.entry(id).or_default() += 1);
            text += &format!("{},{}\n", id.map_or(String::new(), |id| id.to_string()), u8::from(*click));
        }
        fs::write(&path, text).unwrap();
        let description = described(&[&path], &DescribeOptions::default());
        let part = &description.columns[0].parts[0];
        prop_assert_eq!(part.nulls, rows.iter().filter(|row| row.0.is_none()).count() as u64);
        prop_assert_eq!(description.tasks[0].parts[0].positives, Some(rows.iter().filter(|row| row.2).count() as u64));
        prop_assert_eq!((part.distinct.count, part.distinct.exact), (truth.len() as u64, true));
        if let Some(ids) = &part.ids {
            prop_assert_eq!(ids.smallest, truth.keys().next().map(|&id| id.into()));
            prop_assert_eq!(ids.largest, truth.keys().last().map(|&id| id.into()));
            let mut expected: Vec<(i64, u64)> = truth.into_iter().collect();
            expected.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            let found: Vec<_> = ids.top.iter().map(|top| (top.id.parse::<i64>().unwrap(), top.rows)).collect();
            prop_assert_eq!(&found[..], &expected[..expected.len().min(10)]);
        }
    }
}

#[test]
fn a_prepared_folder_is_described_by_its_own_schema() {
    use ple_data::prepare::{FeatureFile, Fitting, PrepareConfig, PreparedTable, TableInput, prepare_table};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = "min_count = 1\nkeys = [\"row\"]\n[[sparse]]\nname = \"user\"\n[[sequence]]\nname = \"tags\"\nseparator = \"|\"\n\
                weight_separator = \":\"\n[[label]]\nname = \"click\"\n[[label]]\nname = \"buy\"\nspace = { where = \"click\" }\n\
                [split]\ntest = 0.3\n";
    let features = FeatureFile::parse("features.toml", text).unwrap();
    let row = |row: usize| format!("{row},u{},a:0.5|b,{},{}\n", row % 7, row % 2, row % 4 / 3);
    let rows: String = (0..400).map(row).collect();
    fs::write(path("log.csv"), format!("row,user,tags,click,buy\n{rows}")).unwrap();
    let (input, config) = (TableInput::find(&[path("log.csv")]).unwrap(), PrepareConfig::default());
    prepare_table(&input, Fitting::New(&features), path("prepared"), &config, &|_| ()).unwrap();

    let description = describe(&[path("prepared")], &DescribeOptions::default()).unwrap();
    let parts: Vec<&str> = description.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(parts, ["train", "test"]);
    assert_eq!(description.parts.iter().map(|part| part.rows).sum::<u64>(), 400);
    let buy = &description.tasks[1];
    assert_eq!(buy.space, "rows where `click` is above 0");
    assert_eq!(buy.parts.iter().map(|part| part.rows).sum::<u64>(), 200);
    assert_eq!(buy.parts.iter().filter_map(|part| part.positives).sum::<u64>(), 100);
    assert!(description.to_text().contains("tags_weights  weight"), "{}", description.to_text());

    // Rows that are only to be scored have no tasks.
    fs::write(
        path("new.csv"),
        rows.lines().fold("row,user,tags\n".to_owned(), |text, line| {
            text + &line.split(',').take(3).collect::<Vec<_>>().join(",") + "\n"
        }),
    )
    .unwrap();
    let fitted = PreparedTable::open(path("prepared")).unwrap().transformation().unwrap();
    let input = TableInput::find(&[path("new.csv")]).unwrap();
    prepare_table(&input, Fitting::Apply(&fitted), path("new"), &config, &|_| ()).unwrap();
    let options = DescribeOptions { against: vec![path("prepared")], ..DescribeOptions::default() };
    let description = describe(&[path("new")], &options).unwrap();
    assert_eq!(
        (description.tasks.len(), description.parts[0].rows, description.parts[1].rows),
        (0, 400, 400)
    );
}

/// Ids of 64 bits, as hashes are: none of them is another one.
#[test]
fn unsigned_ids_of_64_bits_are_counted_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<u64> = (0..3_000_u64).map(|row| (row % 700).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let clicks: Vec<i64> = (0..3_000).map(|row| row % 2).collect();
    let unsigned = Arc::new(UInt64Array::from(ids.clone()));
    let columns: Vec<(&str, ArrayRef)> = vec![("id", unsigned), ("click", integers(clicks.iter().copied()))];
    write(&folder.path().join("log.parquet"), columns);
    let rows = ids.iter().zip(&clicks).map(|(id, click)| format!("{id},{click}\n"));
    fs::write(folder.path().join("log.csv"), "id,click\n".to_owned() + &rows.collect::<String>()).unwrap();

    let mut counts = BTreeMap::new();
    ids.iter().for_each(|id| *counts.entry(*id).or_insert(0_u64) += 1);
    for name in ["log.parquet", "log.csv"] {
        let description = described(&[&folder.path().join(name)], &DescribeOptions::default());
        let part = &description.columns[0].parts[0];
        assert_eq!((part.distinct.count, part.distinct.exact), (700, true), "{name}");
        let found = part.ids.as_ref().unwrap();
        assert_eq!(found.smallest, counts.keys().next().map(|&id| id.into()));
        assert_eq!(found.largest, counts.keys().last().map(|&id| id.into()));
        assert!(found.top.iter().all(|top| counts[&top.id.parse::<u64>().unwrap()] == top.rows), "{name}");
        let json: serde_json::Value = serde_json::from_str(&description.to_json()).unwrap();
        let largest = &json["columns"][0]["parts"][0]["ids"]["largest"];
        assert_eq!(largest.as_u64(), counts.keys().last().copied(), "{name}");
    }
}

#[test]
fn a_value_that_is_missing_because_of_the_event_is_a_leak() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flights.csv");
    // `delay` is missing exactly where the flight was cancelled, `tail` in half of these rows alone, `wind` by chance.
    let row = |row: usize| {
        let cancelled = row % 10 == 3;
        let delay = if cancelled { String::new() } else { (row % 37).to_string() };
        let tail = if cancelled && row % 20 == 3 { String::new() } else { (row % 11).to_string() };
        let wind = if row.is_multiple_of(7) { String::new() } else { format!("{}.5", row % 13) };
        format!("{delay},{tail},{wind},{}\n", u8::from(cancelled))
    };
    fs::write(&path, "delay,tail,wind,cancelled\n".to_owned() + &(0..2_000).map(row).collect::<String>())
        .unwrap();
    let options = DescribeOptions { labels: vec!["cancelled".to_owned()], ..DescribeOptions::default() };
    let description = described(&[&path], &options);
    let leaks: Vec<String> = description
        .warnings
        .iter()
        .filter(|warning| warning.kind == WarningKind::LabelLeak)
        .map(|warning| format!("{}: {}", warning.column, warning.text))
        .collect();
    assert_eq!(
        leaks,
        [
            "delay: whether it is missing predicts `cancelled` almost alone (AUC 1.000): is it known before the event?",
            "tail: of its 100 rows without a value 100.0% are positive for `cancelled`: is it missing because of the event?",
        ]
    );
    let gaps = description.columns[2].alone[0].gaps.unwrap();
    // By the definition: half of the pairs are won by chance.
    let missing =
        |label: bool| (0..2_000).filter(|row| (row % 10 == 3) == label && row % 7 == 0).count() as f64;
    let (positive, negative) = (missing(true) / 200.0, missing(false) / 1_800.0);
    let auc = 0.5 + (positive - negative) / 2.0;
    assert!((gaps.auc - auc.max(1.0 - auc)).abs() < 1e-12, "{gaps:?} {auc}");
    assert_eq!((gaps.rows, gaps.positives), (286, missing(true) as u64));
}

#[test]
fn a_label_of_numbers_has_mean_and_deviation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let rows: String =
        (0..100).map(|row| format!("{},{}\n", row % 9, if row % 2 == 0 { 1.5 } else { 4.5 })).collect();
    fs::write(&path, format!("user,stay\n{rows}")).unwrap();
    let options = DescribeOptions { labels: vec!["stay".to_owned()], ..DescribeOptions::default() };
    let description = described(&[&path], &options);
    let part = &description.tasks[0].parts[0];
    assert_eq!((part.rows, part.positives, part.mean, part.deviation), (100, None, Some(3.0), Some(1.5)));
    assert!(
        description.to_text().contains("100          –  mean 3, deviation 1.5"),
        "{}",
        description.to_text()
    );
    assert!(description.to_html().contains("mean 3, deviation 1.5"));
}

#[test]
fn numbers_that_32_bits_do_not_hold_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let row = |row: usize| format!("{}.5,{},{}\n", 1_700_000_000 + row % 600, row as f64 / 8.0, row % 2);
    fs::write(&path, "time,price,click\n".to_owned() + &(0..3_000).map(row).collect::<String>()).unwrap();
    let description = described(&[&path], &DescribeOptions::default());
    let rounded: Vec<(&str, &str)> = description
        .warnings
        .iter()
        .filter(|warning| warning.kind == WarningKind::Rounded)
        .map(|warning| (warning.column.as_str(), warning.text.as_str()))
        .collect();
    let left =
        (0..600).map(|row| (1_700_000_000.5 + f64::from(row)) as f32 as u64).collect::<BTreeSet<_>>().len();
    let expected = format!(
        "600 different values of data become {left} in 32 bits: scale them with `cargo xtask data prepare`, or take off what they have in common"
    );
    assert_eq!(rounded, [("time", expected.as_str())]);
}

#[test]
fn a_file_with_an_index_is_refused_where_no_schema_names_the_features() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    fs::write(&path, "user,,click\n1,0,1\n2,1,0\n").unwrap();
    let error = describe(&[&path], &DescribeOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: column 2 has no name\nexpected: a header that names each feature\n\
             next: write the file without the index (index=False in pandas), or name the column, or list the features in a schema",
            path.display()
        )
    );
    let schema = FeatureSchema::new(
        vec![Feature::sparse("user", 3, 4)],
        vec![Label::new("click", TaskType::Classification)],
        vec![],
    );
    let options = DescribeOptions { schema: Some(schema.unwrap()), ..DescribeOptions::default() };
    assert_eq!(described(&[&path], &options).parts[0].rows, 2);
}
