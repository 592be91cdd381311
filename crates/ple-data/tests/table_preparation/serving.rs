//! Single rows, encoded as a server does it, are those of the prepared files.

use ple_data::prepare::{Fitting, PreparedTable, RawValue};
use proptest::prelude::*;

use super::random_log::{features, log_rows, part, prepare, tags_text, write_csv};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_server_gives_the_numbers_of_the_files(rows in log_rows(1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let (csv, out) = (folder.path().join("log.csv"), folder.path().join("out"));
        write_csv(&rows, &csv);
        prepare(&csv, Fitting::New(&features()), &out).unwrap();
        let table = part(&out, "train");
        let transformation = PreparedTable::open(&out).unwrap().transformation().unwrap();
        let tags: Vec<String> = rows.iter().map(|row| tags_text(&row.tags)).collect();
        let encoded = transformation.encode(rows.len(), |row, column| match column {
            "user" => rows[row].user.as_deref().map_or(RawValue::Missing, RawValue::Text),
            "item" => rows[row].item.map_or(RawValue::Missing, RawValue::Integer),
            "tags" => RawValue::Text(&tags[row]),
            "price" => rows[row].price.map_or(RawValue::Missing, RawValue::Number),
            other => panic!("{other}"),
        });
        let encoded = encoded.unwrap();
        for feature in 0..3 {
            prop_assert_eq!(&encoded.sparse[feature], &table.sparse(feature).collect::<Vec<_>>());
            let dense: Vec<f32> = encoded.dense.column(feature).to_vec();
            prop_assert_eq!(dense, table.dense(feature).collect::<Vec<_>>());
        }
        let sequence = &table.sequences()[0];
        prop_assert_eq!(&encoded.sequences[0].ids, &sequence.ids);
        prop_assert_eq!(&encoded.sequences[0].weights, &sequence.weights);
        let offsets: Vec<u32> = sequence.offsets.iter().map(|&offset| offset as u32).collect();
        prop_assert_eq!(&encoded.sequences[0].offsets, &offsets);
    }
}
