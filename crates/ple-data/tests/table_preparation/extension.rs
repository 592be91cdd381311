//! What was fitted, applied to new rows, and extended by them.

use ple_data::prepare::{
    Encoder, Fitting, Key, PrepareConfig, PreparedTable, TableInput, Transformation, prepare_table,
};
use ple_data::read_table;
use proptest::prelude::*;

use super::random_log::{LogRow, contents, features, log_rows, part, prepare, write_csv, write_parquet};

fn transformation(folder: &std::path::Path) -> Transformation {
    PreparedTable::open(folder).unwrap().transformation().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_same_rows_give_the_same_bytes_with_what_was_fitted(rows in log_rows(1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("log.csv"), folder.path().join("log.parquet"));
        write_csv(&rows, &csv);
        write_parquet(&rows, &parquet, 13);
        let outs = ["fitted", "applied", "applied-to-parquet"].map(|name| folder.path().join(name));
        prepare(&csv, Fitting::New(&features()), &outs[0]).unwrap();
        let fitted = transformation(&outs[0]);
        prepare(&csv, Fitting::Apply(&fitted), &outs[1]).unwrap();
        prop_assert!(contents(&outs[0]) == contents(&outs[1]));
        prepare(&parquet, Fitting::Apply(&fitted), &outs[2]).unwrap();
        prop_assert_eq!(part(&outs[0], "train").fingerprint(), part(&outs[2], "train").fingerprint());
    }

    #[test]
    fn known_keys_keep_their_numbers_and_new_ones_follow(first in log_rows(1..80), second in log_rows(1..80)) {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one.csv", "two.csv"].map(|name| folder.path().join(name));
        write_csv(&first, &one);
        write_csv(&second, &two);
        let outs = ["fitted", "extended", "applied"].map(|name| folder.path().join(name));
        prepare(&one, Fitting::New(&features()), &outs[0]).unwrap();
        let fitted = transformation(&outs[0]);
        prepare(&two, Fitting::Extend(&fitted), &outs[1]).unwrap();
        let extended = transformation(&outs[1]);
        for (old, new) in fitted.encoders().iter().zip(extended.encoders()) {
            let (Encoder::Vocabulary(old), Encoder::Vocabulary(new)) = (&old.encoder, &new.encoder) else {
                prop_assert_eq!(&old.encoder, &new.encoder);
                continue;
            };
            prop_assert!(old.iter().all(|(key, _)| new.id(&key) == old.id(&key)));
            prop_assert!(new.len() >= old.len());
            prop_assert_eq!(new.min_count(), old.min_count());
        }
        prop_assert_eq!(extended.features(), fitted.features(), "scalers stay");
        let users = extended.encoder("user").unwrap();
        let seen = |rows: &[LogRow], user: &str| rows.iter().filter(|row| row.user.as_deref() == Some(user)).count();
        for row in first.iter().chain(&second) {
            if let Some(user) = &row.user {
                let is_known = seen(&first, user) >= 2 || seen(&second, user) >= 2;
                prop_assert_eq!(users.id(&Key::from(user.as_str())) > 0, is_known);
            }
        }
        // Rows of the first day mean the same under both.
        prepare(&one, Fitting::Apply(&extended), &outs[2]).unwrap();
        let (before, after) = (part(&outs[0], "train"), part(&outs[2], "train"));
        for feature in 0..3 {
            for (old, new) in before.sparse(feature).zip(after.sparse(feature)) {
                prop_assert!(old == 0 || old == new);
            }
        }
    }
}

#[test]
fn counts_of_known_keys_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let row = |user: &str| LogRow {
        user: Some(user.to_owned()),
        item: None,
        tags: vec![],
        price: None,
        click: true,
    };
    let [one, two] = ["one.csv", "two.csv"].map(|name| folder.path().join(name));
    write_csv(&["a", "a", "b"].map(row), &one);
    write_csv(&["b", "b", "c", "a", "d", "d", "d"].map(row), &two);
    let outs = ["fitted", "extended"].map(|name| folder.path().join(name));
    prepare(&one, Fitting::New(&features()), &outs[0]).unwrap();
    prepare(&two, Fitting::Extend(&transformation(&outs[0])), &outs[1]).unwrap();
    let extended = transformation(&outs[1]);
    let Encoder::Vocabulary(users) = extended.encoder("user").unwrap() else { panic!("no vocabulary") };
    let found: Vec<(String, u64)> = users.iter().map(|(key, count)| (key.to_string(), count)).collect();
    let expected = [("a", 3), ("d", 3), ("b", 2)].map(|(key, count)| (key.to_owned(), count));
    assert_eq!(found, expected);
}

#[test]
fn rows_without_labels_are_prepared_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let row = |number: i64| LogRow {
        user: Some(format!("u{}", number % 3)),
        item: Some(number % 5),
        tags: vec![("a".to_owned(), 0.5)],
        price: Some(1.5),
        click: number % 2 == 0,
    };
    let rows: Vec<LogRow> = (0..30).map(row).collect();
    write_csv(&rows, &path("labelled.csv"));
    prepare(&path("labelled.csv"), Fitting::New(&features()), &path("fitted")).unwrap();
    let fitted = transformation(&path("fitted"));
    let text = std::fs::read_to_string(path("labelled.csv")).unwrap();
    let unlabelled: String =
        text.lines().map(|line| format!("{}\n", line.rsplit_once(',').unwrap().0)).collect();
    std::fs::write(path("unlabelled.csv"), unlabelled).unwrap();

    let input = TableInput::find(&[path("unlabelled.csv")]).unwrap();
    let config = PrepareConfig::default();
    prepare_table(&input, Fitting::Apply(&fitted), path("applied"), &config, &|_| ()).unwrap();
    let prepared = PreparedTable::open(path("applied")).unwrap();
    let parts: Vec<_> = prepared.schema.parts.iter().map(|part| (part.name.as_str(), part.rows)).collect();
    assert_eq!(parts, [("test", 30)]);
    assert_eq!(prepared.transformation().unwrap(), fitted, "what was fitted goes on to more rows");
    let shard = prepared.shards("test").unwrap().remove(0);
    let mut rows = ple_data::UnlabelledRows::open(&[&shard], fitted.schema(), &["row"]).unwrap();
    let piece = rows.next().unwrap().unwrap();
    let labelled = part(&path("fitted"), "train");
    assert_eq!(piece.sparse(0).collect::<Vec<_>>(), labelled.sparse(0).collect::<Vec<_>>());
    let error = read_table(&shard, fitted.schema()).unwrap_err().to_string();
    assert!(error.contains("there is no column `click`, which the task `click` needs"), "{error}");

    // A new fit needs labels, and so does an extension; and either all files have them, or none.
    for fitting in [Fitting::New(&super::random_log::features()), Fitting::Extend(&fitted)] {
        let error = prepare_table(&input, fitting, path("none"), &config, &|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("unlabelled.csv: there is no column `click`, which the task `click` needs"),
            "{error}"
        );
    }
    let both = TableInput::find(&[path("labelled.csv"), path("unlabelled.csv")]).unwrap();
    let error = prepare_table(&both, Fitting::Apply(&fitted), path("none"), &config, &|_| ())
        .unwrap_err()
        .to_string();
    assert!(error.contains("unlabelled.csv: there is no column `click`"), "{error}");
}
