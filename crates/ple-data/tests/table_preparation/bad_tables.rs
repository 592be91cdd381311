//! A corpus of bad tables, each with its exact message, and what becomes of bad rows that may be skipped.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use ple_data::prepare::{
    BadRows, FeatureFile, Fitting, PrepareConfig, TableInput, TableSummary, prepare_table,
};
use ple_data::{DataError, ExitKind};

use super::random_log::{part, write_batch};

const FEATURES: &str = r#"
min_count = 1
keys = ["session"]
[[sparse]]
name = "user"
missing = "fail"
[[sequence]]
name = "tags"
separator = "|"
weight_separator = ":"
missing = "fail"
[[dense]]
name = "price"
[[label]]
name = "click"
weight = "weight"
[[label]]
name = "buy"
space = { where = "click" }
"#;

fn prepared(file: &Path, out: &Path, bad_rows: BadRows) -> Result<TableSummary, DataError> {
    let features = FeatureFile::parse("features.toml", FEATURES).unwrap();
    let input = TableInput::find(&[file])?;
    let config = PrepareConfig { bad_rows, chunk_bytes: 64, ..PrepareConfig::default() };
    prepare_table(&input, Fitting::New(&features), out, &config, &|_| ())
}

const HEADER: &str = "session,user,tags,price,click,weight,buy\n";
const GOOD: &str = "s,anna,a:1|b:2,0.5,1,1,0\n";

/// Texts of CSV files after a header and a good line, and the message.
const BAD_ROWS: &[(&str, &str)] = &[
    (
        "s,,a:1,0.5,1,1,0\n",
        "log.csv, line 3, column `user`: the value is missing\nexpected: an id\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,,0.5,1,1,0\n",
        "log.csv, line 3, column `tags`: the value is missing\nexpected: a list of ids, which may be empty\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,a:1||b:1,0.5,1,1,0\n",
        "log.csv, line 3, column `tags`: the value is missing\nexpected: an id\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,a:much,0.5,1,1,0\n",
        "log.csv, line 3, column `tags`: found `a:much`\nexpected: an id and a number as its weight\nnext: correct the value, or the schema if the column has another meaning",
    ),
    (
        "s,bob,a:,0.5,1,1,0\n",
        "log.csv, line 3, column `tags`: found `a:`\nexpected: an id and a number as its weight\nnext: correct the value, or the schema if the column has another meaning",
    ),
    (
        "s,bob,a:inf,0.5,1,1,0\n",
        "log.csv, line 3, column `tags`: found inf\nexpected: a finite number that fits into 32 bits\nnext: fill or remove the row before training",
    ),
    (
        "s,bob,a:1,,1,1,0\n",
        "log.csv, line 3, column `price`: the value is missing\nexpected: a number\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,a:1,cheap,1,1,0\n",
        "log.csv, line 3, column `price`: found `cheap`\nexpected: a number\nnext: correct the value, or the schema if the column has another meaning",
    ),
    (
        "s,bob,a:1,1e39,1,1,0\n",
        "log.csv, line 3, column `price`: found 1e39\nexpected: a finite number that fits into 32 bits\nnext: fill or remove the row before training",
    ),
    (
        "s,bob,a:1,0.5,2,1,0\n",
        "log.csv, line 3, column `click`: found the label 2\nexpected: 0 or 1, since the task is a classification\nnext: correct the label, or declare the task a regression",
    ),
    (
        "s,bob,a:1,0.5,,1,0\n",
        "log.csv, line 3, column `click`: the value is missing\nexpected: a label, since the row belongs to the task\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,a:1,0.5,1,-1,0\n",
        "log.csv, line 3, column `weight`: found the weight -1\nexpected: 0 (it counts for nothing) or a positive number\nnext: correct the weight",
    ),
    (
        "s,bob,a:1,0.5,1,1,\n",
        "log.csv, line 3, column `buy`: the value is missing\nexpected: a label, since the row belongs to the task\nnext: fill the gap, or remove the row",
    ),
    (
        "s,bob,a:1,0.5,1,1\n",
        "log.csv, line 3: found 6 fields\nexpected: 7, as in the header\nnext: look at the line; a value that holds a comma stands in double quotes",
    ),
    (
        "s,\"bob,a:1,0.5,1,1,0\n",
        "log.csv, line 3: a quoted field is not closed before the end of the field\nexpected: \"text\", with quotes inside doubled, on one line\nnext: correct the line; a value may not hold a line break",
    ),
    (
        "s,bob,a:1,NULL,1,1,0\n",
        "log.csv, line 3, column `price`: found `NULL`\nexpected: a number\nnext: correct the value, or the schema if the column has another meaning",
    ),
    (
        "s,bob,a:1,0.5,true,1,0\n",
        "log.csv, line 3, column `click`: found `true`\nexpected: a number\nnext: correct the value, or the schema if the column has another meaning",
    ),
];

/// What is wrong with files as a whole.
const BAD_FILES: &[(&str, &str)] = &[
    (
        "",
        "log.csv: the file has no row (zero bytes)\nexpected: at least one row of data\nnext: check how the file was made",
    ),
    (
        "\n\n",
        "log.csv: the file has no row (blank lines alone)\nexpected: at least one row of data\nnext: check how the file was made",
    ),
    (
        HEADER,
        "log.csv: the file has no row (a header alone)\nexpected: at least one row of data\nnext: check how the file was made",
    ),
    (
        "session,usr,tags,price,click,weight,buy\n",
        "log.csv: there is no column `user`, which the feature `user` needs\nnearest: `usr`\nnext: correct the schema, or add the column to the file",
    ),
    (
        "session;user;tags\n",
        "log.csv: the header has no comma, but `;`\nexpected: fields separated by commas\nnext: write the file again with commas",
    ),
    (
        "user,price\ranna,1\r",
        "log.csv: the file holds lines that end in CR alone\nexpected: text with one row a line\nnext: write it again with LF or CR LF at the ends of lines",
    ),
    (
        "PK\x03\x04\x14\0\0\n",
        "log.csv: the file holds a zip archive\nexpected: text with one row a line\nnext: unpack it",
    ),
    (
        "PAR1\x15\x04\n",
        "log.csv: the file holds a Parquet file\nexpected: text with one row a line\nnext: give it a name that ends in .parquet",
    ),
    (
        ",,\n",
        "log.csv: the column `` occurs twice\nexpected: each column once\nnext: remove or rename one of the two",
    ),
    (
        "user,user\n",
        "log.csv: the column `user` occurs twice\nexpected: each column once\nnext: remove or rename one of the two",
    ),
];

/// What preparing a text says, without the folder; nothing is left behind.
fn message(text: &[u8]) -> (String, ExitKind) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("log.csv"), folder.path().join("out"));
    std::fs::write(&file, text).unwrap();
    let error = prepared(&file, &out, BadRows::Fail).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the output is half there");
    (error.to_string().replace(&format!("{}/", folder.path().display()), ""), error.kind())
}

#[test]
fn every_bad_table_has_its_message() {
    for (row, expected) in BAD_ROWS {
        let text = format!("{HEADER}{GOOD}{row}{GOOD}");
        assert_eq!(message(text.as_bytes()), ((*expected).to_owned(), ExitKind::BadData), "{row}");
    }
    for (text, expected) in BAD_FILES {
        assert_eq!(message(text.as_bytes()), ((*expected).to_owned(), ExitKind::BadData), "{text}");
    }
    let packed = b"\x1F\x8B\x08\0\0\n";
    let expected = "log.csv: the file holds what gzip has packed\nexpected: text with one row a line\nnext: unpack it with gunzip";
    assert_eq!(message(packed).0, expected);
    let not_utf8 = [HEADER.as_bytes(), b"s,caf\xE9,a:1,0.5,1,1,0\n"].concat();
    let expected = "log.csv, line 2: the text `caf\u{FFFD}` is not UTF-8\nexpected: a file in UTF-8\nnext: save the file as UTF-8";
    assert_eq!(message(&not_utf8).0, expected);
}

#[test]
fn the_first_of_many_errors_is_told_whatever_the_threads() {
    let bad: Vec<&str> = BAD_ROWS.iter().map(|(row, _)| *row).collect();
    let text = format!("{HEADER}{}{}", GOOD.repeat(40), bad.concat().repeat(20));
    for threads in [1, 2, 5] {
        let found = super::random_log::in_pool(threads, || message(text.as_bytes()).0);
        assert!(found.starts_with("log.csv, line 42, column `user`"), "{found}");
    }
}

#[test]
fn bad_rows_may_be_skipped_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("log.csv"), folder.path().join("out"));
    let bad: String = BAD_ROWS.iter().map(|(row, _)| format!("{row}{GOOD}")).collect();
    std::fs::write(&file, format!("{HEADER}{GOOD}{bad}")).unwrap();
    let n_bad = BAD_ROWS.len() as u64;

    let summary = prepared(&file, &out, BadRows::Skip { limit: n_bad }).unwrap();
    assert_eq!(part(&out, "train").rows(), BAD_ROWS.len() + 1);
    assert_eq!(summary.skipped.iter().map(|skipped| skipped.rows).sum::<u64>(), n_bad);
    let reasons: Vec<(&str, u64)> =
        summary.skipped.iter().map(|skipped| (skipped.reason, skipped.rows)).collect();
    assert_eq!(reasons[..2], [("missing value", 6), ("number", 5)]);
    assert!(summary.to_string().contains("skipped 6 rows for their missing value, the first is "));

    let again = folder.path().join("again");
    let error = prepared(&file, &again, BadRows::Skip { limit: n_bad - 1 }).unwrap_err();
    let last = error.to_string().lines().last().unwrap().to_owned();
    assert_eq!(
        last,
        format!(
            "and {} bad rows were skipped before it, which is the limit: raise it if so many may be missing",
            n_bad - 1
        )
    );
    assert_eq!(error.kind(), ExitKind::BadData);
}

/// What preparing a Parquet file says whose columns are good but for one.
fn parquet_message(name: &str, array: ArrayRef) -> String {
    let text = |text: &str| Arc::new(StringArray::from(vec![text; 2])) as ArrayRef;
    let number = || Arc::new(Int64Array::from(vec![1, 0])) as ArrayRef;
    let mut columns = vec![("session", text("s")), ("user", text("anna")), ("tags", text("a:1"))];
    columns.extend(["price", "click", "weight", "buy"].map(|name| (name, number())));
    let columns = columns
        .into_iter()
        .map(|(known, good)| (known, if known == name { Arc::clone(&array) } else { good }, true));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.parquet");
    write_batch(&RecordBatch::try_from_iter_with_nullable(columns).unwrap(), &file, 100);
    let error = prepared(&file, &folder.path().join("out"), BadRows::Fail).unwrap_err();
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn columns_of_other_types_are_refused() {
    let floats = || Arc::new(Float64Array::from(vec![1.0, 2.0])) as ArrayRef;
    assert_eq!(
        parquet_message("user", floats()),
        "log.parquet, column `user`: found the type Float64\nexpected: texts, integers, booleans or bytes\nnext: correct the schema, or convert the column"
    );
    assert_eq!(
        parquet_message("tags", floats()),
        "log.parquet, column `tags`: found the type Float64\nexpected: texts, since there is a separator\nnext: correct the schema, or convert the column"
    );
    let days = || Arc::new(arrow_array::Date32Array::from(vec![1, 2])) as ArrayRef;
    assert_eq!(
        parquet_message("price", days()),
        "log.parquet, column `price`: found the type Date32\nexpected: floats, integers, booleans, decimals or texts of numbers\nnext: correct the schema, or convert the column"
    );
    let nulls = Arc::new(StringArray::from(vec![Some("anna"), None])) as ArrayRef;
    assert_eq!(
        parquet_message("user", nulls),
        "log.parquet, row group 0, row 1, column `user`: the value is missing\nexpected: an id\nnext: fill the gap, or remove the row"
    );
}

#[test]
fn a_key_has_one_type_in_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let texts = Arc::new(StringArray::from(vec!["1", "0"])) as ArrayRef;
    let numbers = Arc::new(Int64Array::from(vec![1, 0])) as ArrayRef;
    for (name, session) in [("a.parquet", &texts), ("b.parquet", &numbers)] {
        let of = |column: &str| if column == "session" { session } else { &texts };
        let names = ["session", "user", "tags", "price", "click", "weight", "buy"];
        let columns = names.map(|column| (column, Arc::clone(of(column))));
        write_batch(&RecordBatch::try_from_iter(columns).unwrap(), &folder.path().join(name), 100);
    }
    std::fs::write(folder.path().join("0.csv"), format!("{HEADER}{GOOD}")).unwrap();
    let error = prepared(folder.path(), &folder.path().join("out"), BadRows::Fail).unwrap_err();
    assert_eq!(
        error.to_string().replace(&format!("{}/", folder.path().display()), ""),
        "b.parquet, column `session`: found the type Int64\nexpected: the type that the column has in the first file\nnext: correct the schema, or convert the column"
    );
    std::fs::remove_file(folder.path().join("b.parquet")).unwrap();
    let out = tempfile::tempdir().unwrap();
    prepared(folder.path(), &out.path().join("out"), BadRows::Fail).unwrap();
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.csv");
    std::fs::write(&file, format!("{HEADER}{GOOD}")).unwrap();
    let error = prepared(&file, folder.path(), BadRows::Fail).unwrap_err();
    assert!(error.to_string().contains("the folder is not empty"), "{error}");
    let missing =
        prepared(&folder.path().join("none.csv"), &folder.path().join("out"), BadRows::Fail).unwrap_err();
    assert_eq!(missing.kind(), ExitKind::MissingInput);
}

const NO_FILE: [&Path; 0] = [];

#[test]
fn files_that_are_all_for_another_part_are_named_with_the_word_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (name, part, because) in [
        ("dev/log.csv", "validation", "the name of its folder has the word `dev`"),
        ("ab-test/log.csv", "test", "the name of its folder has the word `test`"),
        ("a/valid_1.csv", "validation", "its name has the word `valid`"),
    ] {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, format!("{HEADER}{GOOD}")).unwrap();
        let error = prepared(&file, &folder.path().join("out"), BadRows::Fail).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}: the file is for {part}, since {because}, and no file is for training\n\
                 expected: a file of training rows, to which vocabularies and scales are fitted\n\
                 next: rename the file or its folder, or say the part of each file (--train, --val, --test)",
                file.display()
            )
        );
        assert_eq!(error.kind(), ExitKind::BadData);
    }
    let file = folder.path().join("dev/log.csv");
    let input = TableInput::of_parts(&NO_FILE, &NO_FILE, &[&file]).unwrap();
    let features = FeatureFile::parse("features.toml", FEATURES).unwrap();
    let out = folder.path().join("out");
    let error = prepare_table(&input, Fitting::New(&features), &out, &PrepareConfig::default(), &|_| ());
    let text = error.unwrap_err().to_string();
    assert!(text.contains("the file is for test, and no file is for training\n"), "{text}");
}

/// Vocabularies and scales are there, so that rows for test are all that is needed.
#[test]
fn test_files_alone_are_prepared_by_what_was_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("log.csv"), format!("{HEADER}{GOOD}")).unwrap();
    prepared(&path("log.csv"), &path("out"), BadRows::Fail).unwrap();
    let fitted = ple_data::prepare::PreparedTable::open(path("out")).unwrap().transformation().unwrap();
    let input = TableInput::of_parts(&NO_FILE, &NO_FILE, &[path("log.csv")]).unwrap();
    let config = PrepareConfig::default();
    let summary = prepare_table(&input, Fitting::Apply(&fitted), path("next"), &config, &|_| ()).unwrap();
    assert_eq!(
        summary.parts.iter().map(|part| (part.name.as_str(), part.rows)).collect::<Vec<_>>(),
        [("test", 1)]
    );
    assert_eq!(part(&path("next"), "test").rows(), 1);
}

#[test]
fn a_feature_file_or_a_schema_that_is_not_utf8_is_bad_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.toml");
    std::fs::write(&path, b"[[sparse]]\nname = \"caf\xE9\"\n").unwrap();
    let error = FeatureFile::read(&path).unwrap_err();
    assert_eq!(error.kind(), ExitKind::BadData);
    assert!(error.to_string().starts_with(&format!("{}, line 2: ", path.display())), "{error}");
    std::fs::write(folder.path().join("schema.json"), b"{\xFF}").unwrap();
    let error = ple_data::prepare::PreparedTable::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ExitKind::BadData, "{error}");
}
