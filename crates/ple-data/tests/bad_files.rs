//! A corpus of bad files, each with the exact message that reading it gives.
//!
//! The files lie in `tests/bad_files`. To add one, put it there and its message into the table.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ple_data::{Feature, FeatureSchema, Label, TaskType, read_table};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_files")
}

/// The schema under which every file of the corpus is read.
fn schema() -> FeatureSchema {
    let mut click = Label::new("click", TaskType::Classification);
    click.weight = Some("weight".to_string());
    FeatureSchema::new(
        vec![Feature::sparse("user", 5, 4), Feature::sparse("item", 10, 4), Feature::dense("price")],
        vec![click],
        vec!["session".to_string()],
    )
    .unwrap()
}

/// What reading a file says, without the folder.
fn message(file: &str) -> String {
    let error = read_table(folder().join(file), &schema()).unwrap_err();
    error.to_string().replace(&format!("{}/", folder().display()), "")
}

/// Files and messages.
const MESSAGES: &[(&str, &str)] = &[
    (
        "cr_alone.csv",
        "cr_alone.csv: the file holds lines that end in CR alone\n\
         expected: text with one row a line\n\
         next: write it again with LF or CR LF at the ends of lines",
    ),
    (
        "packed_by_gzip.csv",
        "packed_by_gzip.csv: the file holds what gzip has packed\n\
         expected: text with one row a line\n\
         next: unpack it with gunzip",
    ),
    (
        "blank_lines_alone.csv",
        "blank_lines_alone.csv: the file has no row (blank lines alone)\n\
         expected: at least one row of data\n\
         next: check how the file was made",
    ),
    (
        "bytes_in_header.csv",
        "bytes_in_header.csv, line 1: the text `pr�ce` is not UTF-8\n\
         expected: a file in UTF-8\n\
         next: save the file as UTF-8",
    ),
    (
        "bytes_in_id.csv",
        "bytes_in_id.csv, line 3, column `user`: found `�`\n\
         expected: an integer id from 0\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "bytes_in_key.csv",
        "bytes_in_key.csv, line 3: the text `caf�` is not UTF-8\n\
         expected: a file in UTF-8\n\
         next: save the file as UTF-8",
    ),
    (
        "dense_beyond_f32.csv",
        "dense_beyond_f32.csv, line 3, column `price`: found 1e39\n\
         expected: a finite number that fits into 32 bits\n\
         next: fill or remove the row before training",
    ),
    (
        "dense_empty.csv",
        "dense_empty.csv, line 3, column `price`: the value is missing\n\
         expected: a number\n\
         next: fill the gap, or remove the row",
    ),
    (
        "dense_infinite.csv",
        "dense_infinite.csv, line 3, column `price`: found -inf\n\
         expected: a finite number that fits into 32 bits\n\
         next: fill or remove the row before training",
    ),
    (
        "dense_nan.csv",
        "dense_nan.csv, line 3, column `price`: found NaN\n\
         expected: a finite number that fits into 32 bits\n\
         next: fill or remove the row before training",
    ),
    (
        "dense_text.csv",
        "dense_text.csv, line 3, column `price`: found `cheap`\n\
         expected: a number\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "duplicate_column.csv",
        "duplicate_column.csv: the column `user` occurs twice\n\
         expected: each column once\n\
         next: remove or rename one of the two",
    ),
    (
        "first_of_two_errors.csv",
        "first_of_two_errors.csv, line 4, column `user`: found the id 7\n\
         expected: 0 to 4 (vocab_size = 5)\n\
         next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
    ),
    (
        "footer_longer_than_file.parquet",
        "footer_longer_than_file.parquet: the file is damaged or cut short: EOF: Parquet file too small. Size is 12 but need 2147483655\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again",
    ),
    (
        "header_alone.csv",
        "header_alone.csv: the file has no row (a header alone)\n\
         expected: at least one row of data\n\
         next: check how the file was made",
    ),
    (
        "header_without_line_feed.csv",
        "header_without_line_feed.csv: the file has no row (a header alone)\n\
         expected: at least one row of data\n\
         next: check how the file was made",
    ),
    (
        "id_beyond_i64.csv",
        "id_beyond_i64.csv, line 3, column `item`: found `99999999999999999999`\n\
         expected: an integer id from 0\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "id_empty.csv",
        "id_empty.csv, line 3, column `user`: the value is missing\n\
         expected: an integer id from 0\n\
         next: fill the gap, or remove the row",
    ),
    (
        "id_float.csv",
        "id_float.csv, line 3, column `user`: found `1.0`\n\
         expected: an integer id from 0\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "id_long_text.csv",
        "id_long_text.csv, line 3, column `user`: found `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`\n\
         expected: an integer id from 0\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "id_negative.csv",
        "id_negative.csv, line 3, column `user`: found the id -1\n\
         expected: 0 to 4 (vocab_size = 5)\n\
         next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
    ),
    (
        "id_out_of_vocabulary.csv",
        "id_out_of_vocabulary.csv, line 3, column `item`: found the id 10\n\
         expected: 0 to 9 (vocab_size = 10)\n\
         next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
    ),
    (
        "id_text.csv",
        "id_text.csv, line 3, column `user`: found `anna`\n\
         expected: an integer id from 0\n\
         next: correct the value, or the schema if the column has another meaning",
    ),
    (
        "label_2.csv",
        "label_2.csv, line 3, column `click`: found the label 2\n\
         expected: 0 or 1, since the task is a classification\n\
         next: correct the label, or declare the task a regression",
    ),
    (
        "label_empty.csv",
        "label_empty.csv, line 3, column `click`: the value is missing\n\
         expected: a number\n\
         next: fill the gap, or remove the row",
    ),
    (
        "label_half.csv",
        "label_half.csv, line 2, column `click`: found the label 0.5\n\
         expected: 0 or 1, since the task is a classification\n\
         next: correct the label, or declare the task a regression",
    ),
    (
        "label_nan.csv",
        "label_nan.csv, line 3, column `click`: found NaN\n\
         expected: a finite number that fits into 32 bits\n\
         next: fill or remove the row before training",
    ),
    (
        "magic_alone.parquet",
        "magic_alone.parquet: the file is damaged or cut short: EOF: Parquet file too small. Size is 8 but need 827474264\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again",
    ),
    (
        "missing_column.csv",
        "missing_column.csv: there is no column `price`, which the feature `price` needs\n\
         nearest: `prize`\n\
         next: correct the schema, or add the column to the file",
    ),
    (
        "missing_column_without_neighbour.csv",
        "missing_column_without_neighbour.csv: there is no column `session`, which the key `session` needs\n\
         next: correct the schema, or add the column to the file",
    ),
    (
        "other_format.txt",
        "other_format.txt: no reader for a file ending in `txt`\n\
         expected: a name that ends in .csv or .parquet\n\
         next: rename the file or convert it",
    ),
    (
        "semicolons.csv",
        "semicolons.csv: the header has no comma, but `;`\n\
         expected: fields separated by commas\n\
         next: write the file again with commas",
    ),
    (
        "tabs.csv",
        "tabs.csv: the header has no comma, but `\\t`\n\
         expected: fields separated by commas\n\
         next: write the file again with commas",
    ),
    (
        "text.parquet",
        "text.parquet: the file is damaged or cut short: it does not begin with PAR1\n\
         expected: a complete Parquet file\n\
         next: copy or write the file again",
    ),
    (
        "text_after_quote.csv",
        "text_after_quote.csv, line 3: a quoted field is not closed before the end of the field\n\
         expected: \"text\", with quotes inside doubled, on one line\n\
         next: correct the line; a value may not hold a line break",
    ),
    (
        "too_few_fields.csv",
        "too_few_fields.csv, line 3: found 5 fields\n\
         expected: 6, as in the header\n\
         next: look at the line; a value that holds a comma stands in double quotes",
    ),
    (
        "too_many_fields.csv",
        "too_many_fields.csv, line 3: found 7 fields\n\
         expected: 6, as in the header\n\
         next: look at the line; a value that holds a comma stands in double quotes",
    ),
    (
        "unterminated_quote.csv",
        "unterminated_quote.csv, line 3: a quoted field is not closed before the end of the field\n\
         expected: \"text\", with quotes inside doubled, on one line\n\
         next: correct the line; a value may not hold a line break",
    ),
    (
        "unterminated_quote_in_header.csv",
        "unterminated_quote_in_header.csv, line 1: a quoted field is not closed before the end of the field\n\
         expected: \"text\", with quotes inside doubled, on one line\n\
         next: correct the line; a value may not hold a line break",
    ),
    (
        "utf16.csv",
        "utf16.csv, line 1: the text `��c\\0l\\0i\\0c\\0k\\0` is not UTF-8\n\
         expected: a file in UTF-8\n\
         next: save the file as UTF-8",
    ),
    (
        "weight_negative.csv",
        "weight_negative.csv, line 3, column `weight`: found the weight -1\n\
         expected: 0 (it counts for nothing) or a positive number\n\
         next: correct the weight",
    ),
    (
        "zero_bytes.csv",
        "zero_bytes.csv: the file has no row (zero bytes)\n\
         expected: at least one row of data\n\
         next: check how the file was made",
    ),
    (
        "zero_bytes.parquet",
        "zero_bytes.parquet: the file has no row (zero bytes)\n\
         expected: at least one row of data\n\
         next: check how the file was made",
    ),
];

#[test]
fn every_bad_file_gives_its_message() {
    let mut differences = Vec::new();
    for &(file, expected) in MESSAGES {
        let found = message(file);
        if found != expected {
            differences.push(format!("{file}\n--- expected\n{expected}\n--- found\n{found}\n"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_file_of_the_corpus_is_in_the_table() {
    let in_folder: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let in_table: BTreeSet<String> = MESSAGES.iter().map(|(file, _)| (*file).to_string()).collect();
    assert_eq!(in_table.len(), MESSAGES.len(), "a file is in the table twice");
    assert_eq!(in_folder, in_table);
}

#[test]
fn a_missing_file_is_told_apart_from_a_bad_one() {
    let error = read_table("no_such_folder/train.csv", &schema()).unwrap_err();
    let expected = "no_such_folder/train.csv: there is no such file or folder\n\
        next: check the path; a relative one starts at the folder that the program was started in";
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        read_table("no_such_folder/train.parquet", &schema()).unwrap_err().to_string(),
        expected.replace(".csv", ".parquet")
    );
}

#[test]
fn a_folder_in_place_of_a_file_is_said() {
    let parent = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.parquet"] {
        let path = parent.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let error = read_table(&path, &schema()).unwrap_err();
        assert!(error.to_string().contains("found a folder\nexpected: a regular file"), "{error}");
        assert_eq!(error.kind(), ple_data::ExitKind::BadData);
    }
}

#[test]
fn a_line_without_an_end_is_refused_before_memory_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.csv");
    std::fs::write(&path, vec![b'1'; 9 << 20]).unwrap();
    let error = read_table(&path, &schema()).unwrap_err().to_string();
    let expected = "long.csv, line 1: the line does not end within 8388608 bytes\n\
        expected: a text file with one row a line\n\
        next: check that the file is CSV";
    assert_eq!(error.replace(&format!("{}/", folder.path().display()), ""), expected);
}
