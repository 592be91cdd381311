//! The order of training rows: a hash decides on it, whatever the threads, chunks, shards and files in between.

use arrow_array::cast::AsArray;
use ple_data::prepare::{FeatureFile, Fitting, PrepareConfig, TableInput, TrainOrder, prepare_table};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::random_log::{in_pool, part};

/// Rows with a number, a user and tags that lean on the number.
fn log(numbers: impl Iterator<Item = usize>) -> String {
    let row = |number: usize| {
        let tags = vec![format!("t{}", number % 7); number % 5].join("|");
        format!("{number},user-{},{tags},{}\n", number / 50, number % 3 / 2)
    };
    "row,user,tags,click\n".to_owned() + &numbers.map(row).collect::<String>()
}

fn features() -> FeatureFile {
    let text = "min_count = 1\nkeys = [\"row\"]\n[[sparse]]\nname = \"user\"\n[[sequence]]\nname = \"tags\"\nseparator = \"|\"\n\
                [[label]]\nname = \"click\"\n[split]\nval = 0.2\nseed = 4\n";
    FeatureFile::parse("features.toml", text).unwrap()
}

/// The numbers of the rows of a part.
fn numbers(folder: &std::path::Path, name: &str) -> Vec<usize> {
    let table = part(folder, name);
    table.keys()[0].as_string::<i64>().iter().map(|key| key.unwrap().parse().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_row_comes_once_and_its_hash_decides_where(
        files in prop::collection::vec(200_usize..900, 1..4),
        seed in 0_u64..3,
        threads in 1_usize..4,
        chunk_bytes in 500_usize..5000,
        shard_bytes in 1000_u64..40_000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut expected, mut input, mut next) = (Vec::new(), TableInput::default(), 0);
        let stream = xxh3_64_with_seed(b"order of training rows", seed);
        for (file, &rows) in files.iter().enumerate() {
            let path = folder.path().join(format!("log-{file}.csv"));
            std::fs::write(&path, log(next..next + rows)).unwrap();
            input.undivided.push(path);
            for row in 0..rows {
                // The line, counted from 1, in the file of that number.
                let draw = xxh3_64_with_seed(&(row as u64 + 2).to_le_bytes(), file as u64);
                expected.push((xxh3_64_with_seed(&draw.to_le_bytes(), stream), next + row));
            }
            next += rows;
        }
        let out = folder.path().join("out");
        let order = TrainOrder::Shuffled { seed };
        let config = PrepareConfig { order, chunk_bytes, shard_bytes, ..PrepareConfig::default() };
        in_pool(threads, || prepare_table(&input, Fitting::New(&features()), &out, &config, &|_| ())).unwrap();

        let (train, val) = (numbers(&out, "train"), numbers(&out, "val"));
        let mut all: Vec<usize> = train.iter().chain(&val).copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..next).collect::<Vec<_>>());
        prop_assert!(val.is_sorted(), "rows for validation keep their order");
        expected.sort_unstable();
        expected.retain(|(_, number)| val.binary_search(number).is_err());
        prop_assert_eq!(train, expected.into_iter().map(|(_, number)| number).collect::<Vec<_>>());
    }
}
