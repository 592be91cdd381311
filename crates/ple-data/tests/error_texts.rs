//! Every variant of `DataError`, made by the call that gives it, with its exact text and its kind.
//!
//! The errors of bad files are those of `bad_files.rs` and `bad_parquet.rs`; here each occurs once more, so that the
//! table is complete, and a check says which variant is missing when one is added.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, StringArray};
use ple_data::ali_ccp_raw::{RawConfig, RawFiles, prepare_ali_ccp};
use ple_data::prepare::{FeatureFile, TableInput};
use ple_data::{
    BucketError, DataError, DenseBins, ExitKind, Feature, FeatureKind, FeatureSchema, GeneratorConfig, Label,
    MemoryRoom, ParquetShards, Place, Pooling, Roles, RowSource, SequenceColumn, SplitFiles, StreamConfig,
    Table, TableColumns, TaskType, Vocabulary, infer_schema, infer_schema_within, read_csv, read_table,
    write_csv, write_parquet, write_predictions,
};

fn click() -> Label {
    Label::new("click", TaskType::Classification)
}

/// What is said of a column by which a table cannot be grouped.
fn group_error(column: &str) -> DataError {
    let schema = FeatureSchema::new(vec![user()], vec![click()], vec![]).unwrap();
    let columns = TableColumns { sparse: vec![0], labels: vec![1.0], ..TableColumns::default() };
    RowSource::from(Table::new(schema, columns).unwrap()).keeping(&[column]).unwrap_err()
}

fn schema_error(features: Vec<Feature>, labels: Vec<Label>, keys: &[&str]) -> DataError {
    FeatureSchema::new(features, labels, keys.iter().map(|key| (*key).to_string()).collect()).unwrap_err()
}

fn user() -> Feature {
    Feature::sparse("user", 5, 4)
}

fn shared(name: &str, vocab_size: usize, shared_with: &str) -> Feature {
    let shared_with = Some(shared_with.to_string());
    Feature {
        name: name.to_string(),
        kind: FeatureKind::Sparse { vocab_size, embedding_dim: 4, shared_with },
    }
}

fn sequence(vocab_size: usize, padding_id: u32, weights: Option<&str>) -> Feature {
    let kind = FeatureKind::Sequence {
        vocab_size,
        embedding_dim: 4,
        pooling: Pooling::Sum,
        padding_id: Some(padding_id),
        weights: weights.map(str::to_string),
        shared_with: None,
    };
    Feature { name: "history".to_string(), kind }
}

fn binned(edges: &[f32]) -> Feature {
    let bins = Some(DenseBins { edges: edges.to_vec(), embedding_dim: 4 });
    Feature { name: "age".to_string(), kind: FeatureKind::Dense { bins } }
}

/// What reading a text as `a.csv` says, with the schema of one feature `user` and one label `click`.
fn csv_error(text: &str) -> DataError {
    let mut label = click();
    label.weight = text.contains("weight").then(|| "weight".to_string());
    let schema = FeatureSchema::new(vec![user(), Feature::dense("price")], vec![label], vec![]).unwrap();
    in_folder(|path| {
        std::fs::write(path, text).unwrap();
        read_csv(path, &schema).unwrap_err()
    })
}

/// Runs something on the path of `a.csv` in a temporary folder.
fn in_folder(run: impl FnOnce(&Path) -> DataError) -> DataError {
    let folder = tempfile::tempdir().unwrap();
    run(&folder.path().join("a.csv"))
}

fn streamed(path: &Path) -> Result<RowSource, DataError> {
    let schema = FeatureSchema::new(vec![user()], vec![click()], vec![]).unwrap();
    ParquetShards::open(&[path], &schema, StreamConfig::default()).map(RowSource::from)
}

fn table_error(schema: FeatureSchema, columns: TableColumns) -> DataError {
    Table::new(schema, columns).unwrap_err()
}

fn small_table(keys: &[&str], key: &str) -> Table {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_string()).collect();
    let columns = TableColumns {
        sparse: vec![4],
        labels: vec![0.0],
        keys: keys.iter().map(|_| Arc::new(StringArray::from(vec![key])) as ArrayRef).collect(),
        ..TableColumns::default()
    };
    Table::new(FeatureSchema::new(vec![user()], vec![click()], keys).unwrap(), columns).unwrap()
}

fn sequence_error(offsets: Vec<usize>, weights: Option<Vec<f32>>) -> DataError {
    let schema = FeatureSchema::new(vec![sequence(5, 0, Some("strengths"))], vec![click()], vec![]).unwrap();
    let columns = TableColumns {
        labels: vec![0.0, 1.0],
        sequences: vec![SequenceColumn { offsets, ids: vec![1, 2], weights }],
        ..TableColumns::default()
    };
    table_error(schema, columns)
}

/// The cases, made once: two tests that make them at the same time would claim the same outputs.
static CASES: LazyLock<Vec<(DataError, ExitKind, &'static str)>> = LazyLock::new(cases);

/// Errors, their kinds and their texts.
fn cases() -> Vec<(DataError, ExitKind, &'static str)> {
    use ExitKind::{BadData, Configuration, InputOutput, MissingInput};
    let roles = Roles { labels: vec![click()], keys: vec![], embedding_dim: 4 };
    let plain = || FeatureSchema::new(vec![user()], vec![click()], vec![]).unwrap();
    vec![
        // Files.
        (
            read_table("no_such_folder/a.csv", &plain()).unwrap_err(),
            MissingInput,
            "no_such_folder/a.csv: there is no such file or folder\n\
             next: check the path; a relative one starts at the folder that the program was started in",
        ),
        (
            prepare_ali_ccp("tests", "tests", &RawConfig::default(), &|_| ()).unwrap_err(),
            MissingInput,
            "tests/sample_skeleton_train.csv: there is no such file or folder\n\
             next: check the path; a relative one starts at the folder that the program was started in",
        ),
        (
            in_folder(|folder| {
                std::fs::create_dir(folder).unwrap();
                for file in RawFiles::in_folder(folder).all() {
                    std::fs::write(file, b"\x1f\x8b packed").unwrap();
                }
                let out = folder.join("out");
                prepare_ali_ccp(folder, &out, &RawConfig::default(), &|_| ()).unwrap_err()
            }),
            BadData,
            "a.csv/sample_skeleton_train.csv: the file is gzip, not text\n\
             expected: lines of text, unpacked, in UTF-8\n\
             next: unpack or convert the file",
        ),
        (
            ple_files::WholeFolder::begin(Path::new("tests")).unwrap_err().into(),
            Configuration,
            "tests: the folder is not empty\n\
             expected: a folder that does not exist yet, or an empty one\n\
             next: choose another output, or remove the folder",
        ),
        (
            BucketError::NotBuilt { path: "s3://rows/train".into() }.into(),
            Configuration,
            "s3://rows/train: this program was built without buckets\n\
             expected: a local file, folder or pattern\n\
             next: build it with --features buckets, or copy the files",
        ),
        (
            write_csv(&small_table(&[], ""), "no_such_folder/a.csv").unwrap_err(),
            InputOutput,
            "no_such_folder/a.csv: could not write: its folder does not exist\n\
             next: check the permissions, the free space and the disk",
        ),
        (
            in_folder(|folder| {
                std::fs::create_dir(folder).unwrap();
                TableInput::find(&[folder]).unwrap_err()
            }),
            MissingInput,
            "a.csv: the folder holds no table\n\
             expected: files that end in .csv or .parquet, and begin with neither a dot nor an underscore\n\
             next: check the path",
        ),
        (
            csv_error("user,click\r1,1\r"),
            BadData,
            "a.csv: the file holds lines that end in CR alone\n\
             expected: text with one row a line\n\
             next: write it again with LF or CR LF at the ends of lines",
        ),
        (
            read_table("a.txt", &plain()).unwrap_err(),
            Configuration,
            "a.txt: no reader for a file ending in `txt`\n\
             expected: a name that ends in .csv or .parquet\n\
             next: rename the file or convert it",
        ),
        // Schemas.
        (
            schema_error(vec![], vec![click()], &[]),
            Configuration,
            "the schema has no feature\n\
             expected: at least one feature\n\
             next: list the columns that the model may read",
        ),
        (
            schema_error(vec![user()], vec![], &[]),
            Configuration,
            "the schema has no label\n\
             expected: at least one label\n\
             next: name the columns that the model is to predict",
        ),
        (
            schema_error(vec![user(), Feature::dense("user")], vec![click()], &[]),
            Configuration,
            "the feature `user` is named twice\n\
             expected: each name once\n\
             next: remove or rename one of the two",
        ),
        (
            schema_error(vec![user()], vec![click(), click()], &[]),
            Configuration,
            "the label `click` is named twice\n\
             expected: each name once\n\
             next: remove or rename one of the two",
        ),
        (
            schema_error(vec![user()], vec![click()], &["id", "id"]),
            Configuration,
            "the key `id` is named twice\n\
             expected: each name once\n\
             next: remove or rename one of the two",
        ),
        (
            schema_error(vec![user(), Feature::dense(" \t")], vec![click()], &[]),
            Configuration,
            "feature 2 has a blank name\n\
             expected: a name with something to be seen\n\
             next: give it a name",
        ),
        (
            schema_error(vec![user()], vec![Label::in_column("", "click", TaskType::Regression)], &[]),
            Configuration,
            "task 1 has a blank name\n\
             expected: a name with something to be seen\n\
             next: give it a name",
        ),
        (
            schema_error(vec![user()], vec![click()], &["id", "\u{200B}"]),
            Configuration,
            "key 2 has a blank name\n\
             expected: a name with something to be seen\n\
             next: give it a name",
        ),
        (
            schema_error(vec![Feature::sparse("age.bins", 3, 2), binned(&[0.5])], vec![click()], &[]),
            Configuration,
            "the feature `age.bins` and the bins of the feature `age` would both be called `age.bins` in the model\n\
             expected: different names for all features, tasks, lists of weights and tables of bins\n\
             next: rename one of the two",
        ),
        (
            schema_error(
                vec![sequence(5, 0, Some("w")), Feature::dense("history.weights")],
                vec![click()],
                &[],
            ),
            Configuration,
            "the weights of the sequence `history` and the feature `history.weights` would both be called `history.weights` in the model\n\
             expected: different names for all features, tasks, lists of weights and tables of bins\n\
             next: rename one of the two",
        ),
        (
            schema_error(
                vec![sequence(5, 0, Some("w"))],
                vec![Label::in_column("history.weights", "click", TaskType::Classification)],
                &[],
            ),
            Configuration,
            "the weights of the sequence `history` and the task `history.weights` would both be called `history.weights` in the model\n\
             expected: different names for all features, tasks, lists of weights and tables of bins\n\
             next: rename one of the two",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, ",user,click\n0,1,1\n").unwrap();
                infer_schema(&[path], &roles).unwrap_err()
            }),
            BadData,
            "a.csv: column 1 has no name\n\
             expected: a header that names each feature\n\
             next: write the file without the index (index=False in pandas), or name the column, or list the features in a schema",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, "click,user,Unnamed: 0\n1,1,0\n").unwrap();
                infer_schema(&[path], &roles).unwrap_err()
            }),
            BadData,
            "a.csv: column 3 `Unnamed: 0` is an index that pandas has written\n\
             expected: a header that names each feature\n\
             next: write the file without the index (index=False in pandas), or name the column, or list the features in a schema",
        ),
        (
            in_folder(|path| {
                let path = path.with_extension("parquet");
                std::fs::write(&path, b"PARE----PARE").unwrap();
                read_table(&path, &plain()).unwrap_err()
            }),
            BadData,
            "a.parquet: the file is encrypted\n\
             expected: a file without encryption, compressed by Snappy, Zstandard, LZ4 or gzip, or not at all\n\
             next: write the file again in such a way",
        ),
        (
            group_error("usr"),
            Configuration,
            "rows cannot be grouped by `usr`, which is not there\n\
             nearest: `user`\n\
             next: name a sparse feature, a key of the schema, or another column that the reader is asked to keep",
        ),
        (
            schema_error(
                vec![Feature::dense("purchase")],
                vec![Label::in_column("conversion", "purchase", TaskType::Classification)],
                &[],
            ),
            Configuration,
            "the column `purchase` of the label `conversion` is also read by the feature `purchase`: the model would see its answer\n\
             expected: labels and features from different columns\n\
             next: remove `purchase` from the features",
        ),
        (
            schema_error(vec![sequence(5, 0, Some("click"))], vec![click()], &[]),
            Configuration,
            "the column `click` of the label `click` is also read by the feature `history`: the model would see its answer\n\
             expected: labels and features from different columns\n\
             next: remove `history` from the features",
        ),
        (
            schema_error(vec![shared("friend", 5, "user"), user()], vec![click()], &[]),
            Configuration,
            "the feature `friend` shares the table of `user`, which does not stand before it in the schema\n\
             expected: an earlier sparse or sequence feature with the same vocabulary and dimension\n\
             next: correct shared_with, or give `friend` a table of its own",
        ),
        (
            schema_error(
                vec![user(), shared("friend", 5, "user"), shared("rival", 5, "friend")],
                vec![click()],
                &[],
            ),
            Configuration,
            "the feature `rival` shares the table of `friend`, which is itself the table of `user`\n\
             expected: an earlier sparse or sequence feature with the same vocabulary and dimension\n\
             next: correct shared_with, or give `rival` a table of its own",
        ),
        (
            schema_error(vec![Feature::dense("age"), shared("friend", 5, "age")], vec![click()], &[]),
            Configuration,
            "the feature `friend` shares the table of `age`, which is a dense feature\n\
             expected: an earlier sparse or sequence feature with the same vocabulary and dimension\n\
             next: correct shared_with, or give `friend` a table of its own",
        ),
        (
            schema_error(vec![user(), shared("friend", 6, "user")], vec![click()], &[]),
            Configuration,
            "the feature `friend` shares the table of `user`, which has 5 x 4 numbers, not 6 x 4\n\
             expected: an earlier sparse or sequence feature with the same vocabulary and dimension\n\
             next: correct shared_with, or give `friend` a table of its own",
        ),
        (
            schema_error(vec![Feature::sparse("user", 0, 4)], vec![click()], &[]),
            Configuration,
            "the feature `user` has vocab_size = 0\n\
             expected: 1 to 4294967295\n\
             next: correct vocab_size in the schema",
        ),
        (
            schema_error(vec![Feature::sparse("user", 5, 0)], vec![click()], &[]),
            Configuration,
            "the feature `user` has embedding_dim = 0\n\
             expected: at least 1\n\
             next: correct embedding_dim in the schema",
        ),
        (
            schema_error(vec![sequence(5, 5, None)], vec![click()], &[]),
            Configuration,
            "the feature `history` has padding_id = 5\n\
             expected: an id below vocab_size\n\
             next: correct padding_id in the schema",
        ),
        (
            schema_error(vec![binned(&[1.0, 1.0])], vec![click()], &[]),
            Configuration,
            "the feature `age` has bins.edges = [1.0, 1.0]\n\
             expected: at least one edge, finite and strictly increasing\n\
             next: correct bins.edges in the schema",
        ),
        (
            FeatureSchema::from_json("{\"features\": [], \"label\": []}").unwrap_err(),
            Configuration,
            "the schema cannot be read: unknown field `label`, expected one of `features`, `labels`, `keys` at line 1 column 24\n\
             expected: features, labels and, if there are any, keys\n\
             next: correct the schema; a key that is not known is refused",
        ),
        // Columns.
        (
            csv_error("clock,user,price\n1,2,0.5\n"),
            BadData,
            "a.csv: there is no column `click`, which the task `click` needs\n\
             nearest: `clock`\n\
             next: correct the schema, or add the column to the file",
        ),
        (
            csv_error("click,user,user\n1,2,0.5\n"),
            BadData,
            "a.csv: the column `user` occurs twice\n\
             expected: each column once\n\
             next: remove or rename one of the two",
        ),
        (
            DataError::WrongType {
                path: "a.parquet".into(),
                column: "user".to_string(),
                found: "the type Utf8".to_string(),
                expected: "integers",
            },
            BadData,
            "a.parquet, column `user`: found the type Utf8\n\
             expected: integers\n\
             next: correct the schema, or convert the column",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, "click,city\n0,3\n1,Rome\n").unwrap();
                infer_schema(&[path], &roles).unwrap_err()
            }),
            BadData,
            "a.csv, line 3, column `city`: found text (`Rome`)\n\
             expected: integer ids or numbers\n\
             next: replace its values by ids from 0, or name the column as a key, or list the features in a schema",
        ),
        // Lines.
        (
            csv_error(""),
            BadData,
            "a.csv: the file has no row (zero bytes)\n\
             expected: at least one row of data\n\
             next: check how the file was made",
        ),
        (
            csv_error("click;user;price\n1;2;0.5\n"),
            BadData,
            "a.csv: the header has no comma, but `;`\n\
             expected: fields separated by commas\n\
             next: write the file again with commas",
        ),
        (
            csv_error("click,user,price\n1,2\n"),
            BadData,
            "a.csv, line 2: found 2 fields\n\
             expected: 3, as in the header\n\
             next: look at the line; a value that holds a comma stands in double quotes",
        ),
        (
            csv_error(&"1".repeat(9 << 20)),
            BadData,
            "a.csv, line 1: the line does not end within 8388608 bytes\n\
             expected: a text file with one row a line\n\
             next: check that the file is CSV",
        ),
        (
            csv_error("click,user,price\n1,\"2,0.5\n"),
            BadData,
            "a.csv, line 2: a quoted field is not closed before the end of the field\n\
             expected: \"text\", with quotes inside doubled, on one line\n\
             next: correct the line; a value may not hold a line break",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, b"click,us\xE9r\n1,2\n").unwrap();
                read_csv(path, &plain()).unwrap_err()
            }),
            BadData,
            "a.csv, line 1: the text `us\u{FFFD}r` is not UTF-8\n\
             expected: a file in UTF-8\n\
             next: save the file as UTF-8",
        ),
        // Values.
        (
            csv_error("click,user,price\n1,5,0.5\n"),
            BadData,
            "a.csv, line 2, column `user`: found the id 5\n\
             expected: 0 to 4 (vocab_size = 5)\n\
             next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
        ),
        (
            csv_error("click,user,price\n1,2,cheap\n"),
            BadData,
            "a.csv, line 2, column `price`: found `cheap`\n\
             expected: a number\n\
             next: correct the value, or the schema if the column has another meaning",
        ),
        (
            csv_error("click,user,price\n1,2,inf\n"),
            BadData,
            "a.csv, line 2, column `price`: found inf\n\
             expected: a finite number that fits into 32 bits\n\
             next: fill or remove the row before training",
        ),
        (
            csv_error("click,user,price\n1,,0.5\n"),
            BadData,
            "a.csv, line 2, column `user`: the value is missing\n\
             expected: an integer id from 0\n\
             next: fill the gap, or remove the row",
        ),
        (
            csv_error("click,user,price\n2,2,0.5\n"),
            BadData,
            "a.csv, line 2, column `click`: found the label 2\n\
             expected: 0 or 1, since the task is a classification\n\
             next: correct the label, or declare the task a regression",
        ),
        (
            csv_error("click,user,price,weight\n1,2,0.5,-1\n"),
            BadData,
            "a.csv, line 2, column `weight`: found the weight -1\n\
             expected: 0 (it counts for nothing) or a positive number\n\
             next: correct the weight",
        ),
        (
            DataError::SequenceLengths {
                path: "a.parquet".into(),
                place: Place::RowGroup { row_group: 2, row: 7 },
                column: "history".to_string(),
                weights_column: "strengths".to_string(),
                ids: 3,
                weights: 2,
            },
            BadData,
            "a.parquet, row group 2, row 7, column `history`: found 3 ids and 2 weights in `strengths`\n\
             expected: one weight for each id\n\
             next: correct one of the two columns",
        ),
        (
            table_error(
                plain(),
                TableColumns { sparse: vec![1, 5], labels: vec![0.0, 1.0], ..TableColumns::default() },
            ),
            BadData,
            "table in memory, row 1, column `user`: found the id 5\n\
             expected: 0 to 4 (vocab_size = 5)\n\
             next: take the vocabulary from all files (training, validation and test), or map unknown ids to one that is kept for them",
        ),
        // Parquet.
        (
            in_folder(|path| {
                let path = path.with_file_name("a.parquet");
                std::fs::write(&path, "click,user\n1,2\n").unwrap();
                read_table(&path, &plain()).unwrap_err()
            }),
            BadData,
            "a.parquet: the file is damaged or cut short: it does not begin with PAR1\n\
             expected: a complete Parquet file\n\
             next: copy or write the file again",
        ),
        (
            DataError::TooLarge {
                path: "a.parquet".into(),
                what: "the number of rows".to_string(),
                found: 1 << 32,
                limit: u64::from(u32::MAX),
            },
            BadData,
            "a.parquet: the number of rows is 4294967296\n\
             expected: at most 4294967295\n\
             next: split the file, or write it again if it is damaged",
        ),
        // Outputs and tables in memory.
        (
            read_csv(
                "a.csv",
                &FeatureSchema::new(vec![sequence(5, 0, None)], vec![click()], vec![]).unwrap(),
            )
            .unwrap_err(),
            Configuration,
            "a.csv: the feature `history` is a sequence, and CSV has no lists\n\
             expected: sparse and dense features\n\
             next: keep the data as Parquet",
        ),
        (
            write_csv(&small_table(&["session"], "two\nlines"), "a.csv").unwrap_err(),
            Configuration,
            "a.csv: the text `two\\nlines` holds a line break, and a row of CSV is one line\n\
             expected: names and keys on one line\n\
             next: write Parquet, or replace the line break",
        ),
        (
            write_csv(&small_table(&["user"], "anna"), "a.csv").unwrap_err(),
            Configuration,
            "a.csv: the output would have two columns `user`\n\
             expected: each column once\n\
             next: rename the task or the key",
        ),
        (
            write_predictions("a.parquet", &["click"], &[vec![0.5], vec![0.5]], &[]).unwrap_err(),
            Configuration,
            "the list of predictions: 2 values\n\
             expected: 1\n\
             next: pass one value for each row and column",
        ),
        (
            table_error(plain(), TableColumns { labels: vec![0.0], ..TableColumns::default() }),
            Configuration,
            "sparse: 0 values\n\
             expected: 1\n\
             next: pass one value for each row and column",
        ),
        (
            table_error(
                plain(),
                TableColumns {
                    sparse: vec![1],
                    labels: vec![0.0],
                    weights: Some(vec![1.0]),
                    ..TableColumns::default()
                },
            ),
            Configuration,
            "weights: 1 values\n\
             expected: 0\n\
             next: pass one value for each row and column",
        ),
        (
            sequence_error(vec![0, 1, 2], None),
            Configuration,
            "the weights of `history`: 0 values\n\
             expected: 2\n\
             next: pass one value for each row and column",
        ),
        (
            sequence_error(vec![1, 1, 2], Some(vec![1.0, 1.0])),
            Configuration,
            "the offsets of `history` do not start at 0, or fall\n\
             expected: 0, then the number of ids up to each row\n\
             next: correct the offsets",
        ),
        (
            small_table(&[], "").split(&[0.5, 0.25], 1).unwrap_err(),
            Configuration,
            "the fractions of the split are [0.5, 0.25]\n\
             expected: positive numbers with a sum of 1\n\
             next: correct the fractions",
        ),
        (
            FeatureFile::parse("features.toml", "[[sparse]]\nnam = \"user\"\n").unwrap_err(),
            Configuration,
            "features.toml, line 2: unknown field `nam`, expected one of `name`, `names`, `column`, `min_count`, `buckets`, \
             `hash_seed`, `embedding_dim`, `shared_with`, `missing`\nnearest: `name`\n\
             next: correct the feature file; a key that is not known is refused",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, "click,user\n0,1\n").unwrap();
                streamed(path).unwrap_err()
            }),
            Configuration,
            "a.csv: only Parquet files can be streamed\n\
             expected: a name that ends in .parquet\n\
             next: convert the file, or read it into memory; raw values have to be prepared: data prepare --data FILE \
             --with SCHEMA.json",
        ),
        (
            in_folder(|path| {
                std::fs::write(path, "click,user\n0,1\n").unwrap();
                SplitFiles::find(path).unwrap_err()
            }),
            MissingInput,
            "a.csv: there is no file whose name says `train`\n\
             expected: files of training, validation and test\n\
             next: name the files, or their folders, after the part that they belong to, as in train-0.parquet",
        ),
        (
            in_folder(|path| {
                let path = path.with_extension("parquet");
                write_parquet(&small_table(&[], ""), &path).unwrap();
                let source = streamed(&path).unwrap();
                let rows =
                    TableColumns { sparse: vec![1, 1], labels: vec![0.0, 1.0], ..TableColumns::default() };
                let schema = source.schema().clone();
                write_parquet(&Table::new(schema, rows).unwrap(), &path).unwrap();
                source.windows().next().unwrap().unwrap_err()
            }),
            BadData,
            "a.parquet: the file has changed since it was opened\n\
             expected: the same file from the first epoch to the last\n\
             next: start again, and write new data beside the old",
        ),
        (
            raw_ids(&[("user", "2147483648"), ("item", "7")]),
            BadData,
            "training on these ids needs about 550 GB of memory, 550 GB of them for the column `user`, whose largest id is \
             2147483648, with embeddings of 16\n\
             expected: at most 64,000 MB (the memory that was allowed)\n\
             next: map the ids (cargo xtask data prepare), or allow more with --memory",
        ),
        (
            generator(1 << 33).check(10, 10, MemoryRoom::allowed(1 << 40)).unwrap_err(),
            Configuration,
            "generating rows needs about 1,409 GB of memory, 1,409 GB of them for 8589934592 training rows\n\
             expected: at most 1,100 GB (the memory that was allowed)\n\
             next: ask for fewer rows, or allow more with --memory",
        ),
        (
            generator(5).check(1 << 32, 10, MemoryRoom::allowed(u64::MAX)).unwrap_err(),
            Configuration,
            "4294967296 rows are asked for\n\
             expected: at most 4294967295, which is what 32 bits count\n\
             next: ask for fewer rows",
        ),
    ]
}

fn generator(rows: usize) -> GeneratorConfig {
    GeneratorConfig { rows, vocabulary: Vocabulary::Small, seed: 1 }
}

/// What is said of a file without a schema whose columns have these ids.
fn raw_ids(columns: &[(&str, &str)]) -> DataError {
    in_folder(|path| {
        let line = |of: fn(&(&str, &str)) -> String| columns.iter().map(of).collect::<Vec<_>>().join(",");
        let (names, ids) = (line(|column| column.0.to_owned()), line(|column| column.1.to_owned()));
        std::fs::write(path, format!("click,{names}\n1,{ids}\n0,{ids}\n")).unwrap();
        let labels = vec![Label::new("click", TaskType::Classification)];
        let roles = Roles { labels, keys: vec![], embedding_dim: 16 };
        infer_schema_within(&[path], &roles, MemoryRoom::allowed(64_000_000_000)).unwrap_err()
    })
}

/// The text of an error, with the temporary folder before `a.csv` or `a.parquet` left out.
fn text(error: &DataError) -> String {
    let text = error.to_string();
    let temporary = std::env::temp_dir();
    match (text.starts_with(&*temporary.to_string_lossy()), text.find("/a.")) {
        (true, Some(end)) => text[end + 1..].to_string(),
        _ => text,
    }
}

#[test]
fn every_error_has_its_text_and_kind() {
    for (error, kind, expected) in CASES.iter() {
        assert_eq!(text(error), *expected);
        assert_eq!(error.kind(), *kind, "{expected}");
        assert!(expected.lines().count() <= 3, "{expected}");
    }
}

#[test]
fn every_variant_is_in_the_table() {
    let source = include_str!("../src/error.rs");
    let body = source.split_once("pub enum DataError {").unwrap().1.split_once("\n}").unwrap().0;
    let variant = |line: &str| {
        let name = line.strip_prefix("    ")?.split('(').next()?.trim_end_matches([' ', '{', ',']);
        let is_name = name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric);
        is_name.then(|| name.to_string())
    };
    let in_source: BTreeSet<String> = body.lines().filter_map(variant).collect();
    let name = |error: &DataError| format!("{error:?}").split([' ', '{', '(']).next().unwrap().to_string();
    let in_table: BTreeSet<String> = CASES.iter().map(|(error, _, _)| name(error)).collect();
    assert!(in_source.len() > 25, "{in_source:?}");
    assert_eq!(in_source, in_table);
}
