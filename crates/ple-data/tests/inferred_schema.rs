//! The schema that is found in several files: the largest id of any of them, and what a column is in all of them.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use ple_data::{
    DataError, Feature, FeatureSchema, Label, Roles, Table, TableColumns, TaskType, infer_schema, read_table,
    write_parquet,
};

fn roles() -> Roles {
    let mut label = Label::new("click", TaskType::Classification);
    label.weight = Some("weight".to_string());
    Roles { labels: vec![label], keys: vec!["session".to_string()], embedding_dim: 4 }
}

/// Files with the given texts, by name.
fn files(texts: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = texts.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let paths = paths.collect();
    (folder, paths)
}

fn features(texts: &[(&str, &str)]) -> Result<Vec<Feature>, String> {
    let (folder, paths) = files(texts);
    match infer_schema(&paths, &roles()) {
        Ok(schema) => {
            // Every file can be read under the schema that was found in all of them.
            paths.iter().for_each(|path| drop(read_table(path, &schema).unwrap()));
            Ok(schema.features)
        }
        Err(error) => Err(error.to_string().replace(&format!("{}/", folder.path().display()), "")),
    }
}

#[test]
fn the_vocabulary_is_that_of_all_files_and_the_order_that_of_the_first() {
    let found = features(&[
        ("train.csv", "session,click,weight,user,price,D1\na,1,1,3,0.5,2\n"),
        ("val.csv", "price,click,user,weight,session,D1,extra\n0.25,0,8,0,b,3,text\n"),
    ]);
    // What the second file alone has is passed over, text or not.
    assert_eq!(
        found.unwrap(),
        [Feature::sparse("user", 9, 4), Feature::dense("price"), Feature::dense("D1")]
    );
}

#[test]
fn a_column_is_dense_if_any_file_has_a_point_in_it() {
    let found = features(&[
        ("train.csv", "session,click,weight,age\na,1,1,-3\nb,0,1,7\n"),
        ("val.csv", "session,click,weight,age\na,1,1,0.5\n"),
    ]);
    assert_eq!(found.unwrap(), [Feature::dense("age")]);
}

#[test]
fn an_integer_that_is_no_id_is_an_error_if_all_files_hold_integers() {
    let found = features(&[
        ("train.csv", "session,click,weight,age\na,1,1,3\n"),
        ("val.csv", "session,click,weight,age\na,1,1,4\nb,1,1,-5\n"),
    ]);
    assert_eq!(
        found.unwrap_err(),
        "val.csv, line 3, column `age`: found the id -5\n\
         expected: 0 to 4294967294 (vocab_size = 4294967295)\n\
         next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them"
    );
}

#[test]
fn a_column_of_the_first_file_that_another_lacks() {
    let found = features(&[
        ("train.csv", "session,click,weight,user\na,1,1,3\n"),
        ("val.csv", "session,click,weight,usr\na,1,1,4\n"),
    ]);
    assert_eq!(
        found.unwrap_err(),
        "val.csv: there is no column `user`, which the feature `user` of the first file needs\n\
         nearest: `usr`\n\
         next: correct the schema, or add the column to the file"
    );
}

#[test]
fn an_id_outside_of_every_vocabulary_names_its_row() {
    let found = features(&[("train.csv", "session,click,weight,user\na,1,1,3\nb,1,1,4294967295\n")]);
    assert!(found.unwrap_err().starts_with("train.csv, line 3, column `user`: found the id 4294967295\n"));
}

#[test]
fn a_csv_column_of_ids_and_a_parquet_column_of_numbers_are_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let label = Label::new("click", TaskType::Classification);
    let schema = FeatureSchema::new(vec![Feature::dense("age")], vec![label.clone()], vec![]).unwrap();
    let columns = TableColumns { dense: vec![0.5], labels: vec![1.0], ..TableColumns::default() };
    let (parquet, csv) = (folder.path().join("a.parquet"), folder.path().join("a.csv"));
    write_parquet(&Table::new(schema.clone(), columns).unwrap(), &parquet).unwrap();
    std::fs::write(&csv, "click,age\n1,7\n").unwrap();
    let roles = Roles { labels: vec![label.clone()], keys: vec![], embedding_dim: 4 };
    assert_eq!(infer_schema(&[&parquet, &csv], &roles).unwrap(), schema);
    assert_eq!(infer_schema(&[&csv, &parquet], &roles).unwrap(), schema);

    let lists = FeatureSchema::new(vec![Feature::sequence("age", 9, 4)], vec![label], vec![]).unwrap();
    let sequence = ple_data::SequenceColumn { offsets: vec![0, 2], ids: vec![1, 8], weights: None };
    let columns = TableColumns { labels: vec![1.0], sequences: vec![sequence], ..TableColumns::default() };
    let sequences = folder.path().join("lists.parquet");
    write_parquet(&Table::new(lists.clone(), columns).unwrap(), &sequences).unwrap();
    assert_eq!(infer_schema(&[&sequences], &roles).unwrap(), lists);
    let error = infer_schema(&[&csv, &sequences], &roles).unwrap_err();
    assert!(matches!(error, DataError::WrongType { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "{}, column `age`: found lists of integers\n\
             expected: integer ids, as in the files before\n\
             next: correct the schema, or convert the column",
            sequences.display()
        )
    );
}
