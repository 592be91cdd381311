//! What is written is read back: any table, as CSV and as Parquet, value for value.

use arrow_cast::display::array_value_to_string;
use ple_data::{Table, read_table, write_csv, write_parquet};
use proptest::prelude::*;

use crate::random_table::tables;

fn key_texts(table: &Table) -> Vec<Vec<String>> {
    let texts = |key: &arrow_array::ArrayRef| {
        (0..key.len()).map(|row| array_value_to_string(key, row).unwrap()).collect()
    };
    table.keys().iter().map(texts).collect()
}

/// Equal bit for bit, keys by their text.
fn assert_equal(left: &Table, right: &Table) {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let (a, b) = (left.to_columns(), right.to_columns());
    assert_eq!(left.schema(), right.schema());
    assert_eq!(left.rows(), right.rows());
    assert_eq!(a.sparse, b.sparse);
    assert_eq!(bits(&a.dense), bits(&b.dense));
    assert_eq!(bits(&a.labels), bits(&b.labels));
    assert_eq!(a.weights.as_deref().map(bits), b.weights.as_deref().map(bits));
    assert_eq!(a.sequences, b.sequences);
    assert_eq!(key_texts(left), key_texts(right));
    assert_eq!(left.fingerprint(), right.fingerprint());
}

fn written_and_read(table: &Table, name: &str) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    if name.ends_with(".csv") {
        write_csv(table, &path).unwrap();
    } else {
        write_parquet(table, &path).unwrap();
    }
    read_table(&path, table.schema()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_table_comes_back_from_csv(table in tables(1..50, 0)) {
        assert_equal(&written_and_read(&table, "a.csv"), &table);
    }

    #[test]
    fn a_table_comes_back_from_parquet(table in tables(1..50, 3)) {
        assert_equal(&written_and_read(&table, "a.parquet"), &table);
    }

    #[test]
    fn another_value_is_another_fingerprint(table in tables(1..30, 2), at in any::<prop::sample::Index>()) {
        let mut columns = table.to_columns();
        let place = at.index(columns.labels.len());
        columns.labels[place] = 1.0 - columns.labels[place].min(1.0);
        if columns.labels != table.to_columns().labels {
            let schema = table.schema().clone();
            let other = Table::new(schema, columns);
            if let Ok(other) = other {
                prop_assert_ne!(other.fingerprint(), table.fingerprint());
            }
        }
    }
}

#[test]
fn a_table_of_several_row_groups_comes_back() {
    let config =
        ple_data::GeneratorConfig { rows: 300_001, vocabulary: ple_data::Vocabulary::Small, seed: 5 };
    let table = ple_data::generate(&config).table;
    assert_equal(&written_and_read(&table, "a.parquet"), &table);
}
