//! Splits: each row lands in one part, in its old order, and the parts have the sizes asked for.

use proptest::prelude::*;

use crate::random_table::tables;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_row_lands_in_one_part(table in tables(0..60, 1), shares in proptest::collection::vec(1u8..20, 1..5), seed: u64) {
        let total: f64 = shares.iter().map(|&share| f64::from(share)).sum();
        let fractions: Vec<f64> = shares.iter().map(|&share| f64::from(share) / total).collect();
        // A table that holds its own row numbers tells where the rows went.
        let numbers = numbered(table.rows());
        let parts = numbers.split(&fractions, seed).unwrap();
        let mut seen = Vec::new();
        for (part, fraction) in parts.iter().zip(&fractions) {
            let rows: Vec<u32> = part.sparse(0).collect();
            prop_assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!((rows.len() as f64 - fraction * table.rows() as f64).abs() <= 1.0);
            seen.extend(rows);
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..table.rows() as u32).collect::<Vec<_>>());

        let again = table.split(&fractions, seed).unwrap();
        for (part, number_part) in again.iter().zip(&parts) {
            let rows: Vec<u32> = number_part.sparse(0).collect();
            prop_assert_eq!(part.fingerprint(), table.select(&rows).fingerprint());
        }
    }
}

fn numbered(rows: usize) -> ple_data::Table {
    let feature = ple_data::Feature::sparse("row", 1_000, 4);
    let label = ple_data::Label::new("click", ple_data::TaskType::Classification);
    let schema = ple_data::FeatureSchema::new(vec![feature], vec![label], vec![]).unwrap();
    let columns = ple_data::TableColumns {
        sparse: (0..rows as u32).collect(),
        labels: vec![0.0; rows],
        ..ple_data::TableColumns::default()
    };
    ple_data::Table::new(schema, columns).unwrap()
}
