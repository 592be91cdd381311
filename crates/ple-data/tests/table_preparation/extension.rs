//! What was fitted, applied to new rows, and extended by them.

use ple_data::prepare::{Encoder, Fitting, Key, PreparedTable, Transformation};
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
        for (old, new) in fitted.encoders.iter().zip(&extended.encoders) {
            let (Encoder::Vocabulary(old), Encoder::Vocabulary(new)) = (&old.encoder, &new.encoder) else {
                prop_assert_eq!(&old.encoder, &new.encoder);
                continue;
            };
            prop_assert!(old.iter().all(|(key, _)| new.id(&key) == old.id(&key)));
            prop_assert!(new.len() >= old.len());
            prop_assert_eq!(new.min_count(), old.min_count());
        }
        prop_assert_eq!(&extended.features, &fitted.features, "scalers stay");
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
