//! Requests: the numbers of evaluation, whatever rows share a call and whatever threads call; and what is refused.

#![allow(clippy::unwrap_used)]

use ndarray::{Array2, array};
use ple_data::{Batch, Feature, FeatureSchema, GeneratorConfig, Label, TaskType, Vocabulary, generate};
use ple_nn::{BankInput, ModelConfig, SequenceInput};
use ple_train::{Predictor, RankingModel, RunSeed, bank_input};

#[test]
fn answers_are_those_of_evaluation_for_any_cut_of_the_rows_and_any_thread() {
    let table = generate(&GeneratorConfig { rows: 200, vocabulary: Vocabulary::Small, seed: 3 }).table;
    let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(3)).unwrap();
    let expected = model.predict(&table).unwrap();
    let predictor = Predictor::new(model);
    std::thread::scope(|threads| {
        for rows in [1_u32, 3, 5, 64, 200] {
            let (table, expected, predictor) = (&table, &expected, &predictor);
            threads.spawn(move || {
                let mut batch = Batch::new();
                for start in (0..200).step_by(rows as usize) {
                    table.gather(&(start..(start + rows).min(200)).collect::<Vec<_>>(), &mut batch);
                    let mut out = vec![f32::NAN; batch.rows() * 2];
                    predictor.predict(&bank_input(table.schema(), &batch), &mut out).unwrap();
                    for (row, out) in out.chunks(2).enumerate() {
                        let row = start as usize + row;
                        assert_eq!(out, [expected[0][row], expected[1][row]], "row {row} in calls of {rows}");
                    }
                }
            });
        }
    });
}

/// A user of 3, a history of ids below 5 with weights, an age.
fn predictor() -> Predictor {
    let features =
        vec![Feature::sparse("user", 3, 4), Feature::sequence("history", 5, 4), Feature::dense("age")];
    let labels = vec![Label::new("click", TaskType::Classification)];
    let schema = FeatureSchema::new(features, labels, vec![]).unwrap();
    Predictor::new(RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap())
}

/// Asks for two rows, of which something has been changed.
fn ask(change: impl FnOnce(&mut BankInput<'_>)) -> String {
    let ages = array![[20.0], [30.0]];
    let lists = SequenceInput { offsets: &[0, 2, 3], ids: &[4, 0, 1], weights: Some(&[1.0, 0.5, 2.0]) };
    let mut request =
        BankInput { batch: 2, sparse: vec![&[0, 2]], sequences: vec![lists], dense: ages.view() };
    change(&mut request);
    let mut out = [7.0; 2];
    match predictor().predict(&request, &mut out) {
        Ok(()) => "answered".to_owned(),
        Err(error) => {
            assert_eq!((out, error.exit_code()), ([7.0; 2], 65));
            error.to_string()
        }
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut BankInput<'_>), found: &str, expected: &str) {
    let next = "encode requests with the schema of the model";
    assert_eq!(ask(change), format!("a request has {found}\nexpected: {expected}\nnext: {next}"));
}

#[test]
fn requests_that_are_not_the_models_are_refused() {
    assert_eq!(ask(|_| ()), "answered");
    refused(|r| r.sparse.clear(), "0 sparse features", "1 sparse features");
    refused(|r| r.sequences.clear(), "0 sequences", "1 sequences");
    refused(|r| r.sparse[0] = &[0], "1 ids of the feature `user`", "2 ids of the feature `user`");
    refused(|r| r.sparse[0] = &[0, 3], "3 in row 1 of the feature `user`", "an id below 3");
    refused(
        |r| r.sequences[0].ids = &[4, 5, 1],
        "5 in list element 1 of the feature `history`",
        "an id below 5",
    );
    let offsets = "3 offsets that ascend from 0 to the number of ids";
    refused(|r| r.sequences[0].offsets = &[0, 3], "2 offsets for 3 ids in the feature `history`", offsets);
    refused(|r| r.sequences[0].offsets = &[0, 2, 4], "3 offsets for 3 ids in the feature `history`", offsets);
    refused(|r| r.sequences[0].offsets = &[1, 2, 3], "3 offsets for 3 ids in the feature `history`", offsets);
    refused(|r| r.sequences[0].offsets = &[0, 4, 3], "3 offsets for 3 ids in the feature `history`", offsets);
    refused(
        |r| r.sequences[0].weights = Some(&[1.0]),
        "1 weights in the feature `history`",
        "3, one for each id",
    );
    refused(
        |r| r.sequences[0].weights = Some(&[1.0, f32::NAN, 1.0]),
        "NaN as weight 1 of the feature `history`",
        "a finite weight of at least 0",
    );
    let ages: Array2<f32> = array![[20.0], [f32::INFINITY]];
    let message = {
        let mut out = [0.0; 2];
        let lists = SequenceInput { offsets: &[0, 0, 0], ids: &[], weights: None };
        let request =
            BankInput { batch: 2, sparse: vec![&[0, 2]], sequences: vec![lists], dense: ages.view() };
        predictor().predict(&request, &mut out).unwrap_err().to_string()
    };
    assert!(
        message.starts_with("a request has inf in row 1 of the feature `age`\nexpected: a finite value\n")
    );
}
