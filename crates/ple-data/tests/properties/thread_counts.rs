//! The number of threads changes nothing: generated rows, written bytes, what is read and what is inferred.

use ple_data::{
    DataError, FeatureSchema, GeneratorConfig, Roles, Vocabulary, generate, generate_rows, infer_schema,
    read_table, write_csv, write_parquet,
};

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Everything that comes out of one number of threads.
#[derive(PartialEq)]
struct Outcome {
    csv: Vec<u8>,
    parquet: Vec<u8>,
    probabilities: Vec<Vec<f64>>,
    fingerprints: [u64; 2],
    schema: FeatureSchema,
}

fn outcome(threads: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
    with_threads(threads, || {
        // More than two blocks of the generator.
        let config = GeneratorConfig { rows: 9_001, vocabulary: Vocabulary::Small, seed: 7 };
        let generated = generate(&config);
        write_csv(&generated.table, &csv).unwrap();
        write_parquet(&generated.table, &parquet).unwrap();
        let labels = generated.table.schema().labels.clone();
        let schema = infer_schema(&[&csv], &Roles { labels, keys: vec![], embedding_dim: 16 }).unwrap();
        let read = |path| read_table(path, &schema).unwrap().fingerprint();
        Outcome {
            csv: std::fs::read(&csv).unwrap(),
            parquet: std::fs::read(&parquet).unwrap(),
            probabilities: generated.probabilities,
            fingerprints: [read(&csv), read(&parquet)],
            schema,
        }
    })
}

#[test]
fn one_two_and_three_threads_give_the_same_bytes() {
    let one = outcome(1);
    assert_eq!(one.fingerprints[0], one.fingerprints[1]);
    assert!(one == outcome(2), "2 threads differ from 1");
    assert!(one == outcome(3), "3 threads differ from 1");
}

#[test]
fn rows_do_not_depend_on_how_many_are_generated() {
    let config = |rows| GeneratorConfig { rows, vocabulary: Vocabulary::Small, seed: 7 };
    let all = generate(&config(9_001));
    assert_eq!(generate(&config(5_000)).probabilities[0], all.probabilities[0][..5_000]);
    let middle = generate_rows(&config(0), 4_000..8_200);
    let indices: Vec<u32> = (4_000..8_200).collect();
    assert_eq!(middle.table.fingerprint(), all.table.select(&indices).fingerprint());
}

#[test]
fn the_first_error_of_a_file_is_reported_by_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let mut text = String::from("click,user\n");
    for row in 0..5_000 {
        text.push_str(if row == 3_210 || row == 4_321 { "0,9\n" } else { "1,3\n" });
    }
    std::fs::write(&path, text).unwrap();
    let label = ple_data::Label::new("click", ple_data::TaskType::Classification);
    let schema =
        FeatureSchema::new(vec![ple_data::Feature::sparse("user", 4, 2)], vec![label], vec![]).unwrap();
    for threads in [1, 2, 3, 8] {
        let error = with_threads(threads, || read_table(&path, &schema)).unwrap_err();
        let DataError::IdOutOfVocabulary { place, .. } = error else { panic!("{error}") };
        assert_eq!(place, ple_data::Place::Line(3_212), "{threads} threads");
    }
}
