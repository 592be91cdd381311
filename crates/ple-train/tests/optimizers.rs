//! What optimisers do in a run: to the network and the tables apart, and with gradients that are cut.

#![allow(clippy::unwrap_used)]

use ple_data::{GeneratorConfig, Vocabulary, generate};
use ple_nn::ModelConfig;
use ple_tensor::{ParamStore, Role};
use ple_train::{Balance, OptimizerConfig, RankingModel, RunInput, RunSeed, SgdConfig, TrainConfig, fit};

/// How far one step moves the matrices and the tables.
fn moved(optimizer: OptimizerConfig) -> [f64; 2] {
    let table = generate(&GeneratorConfig { rows: 200, vocabulary: Vocabulary::Small, seed: 1 }).table;
    let schema = table.schema().clone();
    let mut model = RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap();
    let values = |store: &ParamStore| {
        let of_matrices = store.matrix_ids().filter(|&id| store.role(id) != Role::Buffer);
        let matrices: Vec<f32> =
            of_matrices.flat_map(|id| store.matrix(id).iter().copied().collect::<Vec<_>>()).collect();
        let rows = store.table_ids().flat_map(|id| (0..store.table(id).rows).map(move |row| (id, row)));
        let tables: Vec<f32> = rows.flat_map(|(id, row)| store.table_row(id, row).to_vec()).collect();
        [matrices, tables]
    };
    let before = values(model.store());
    let input = RunInput { train: table.into(), validation: None, checkpoints: None };
    let config = TrainConfig {
        epochs: 1,
        batch_size: 200,
        balance: Balance::Mean,
        optimizer,
        ..TrainConfig::default()
    };
    assert_eq!(fit(&mut model, &input, &config, &mut ()).unwrap().steps, 1);
    let after = values(model.store());
    [0, 1].map(|part| {
        let pairs = after[part].iter().zip(&before[part]);
        pairs.map(|(after, before)| f64::from(after - before).powi(2)).sum::<f64>()
    })
}

fn descent(learning_rate: f64) -> SgdConfig {
    SgdConfig { learning_rate, momentum: 0.0, ..SgdConfig::default() }
}

#[test]
fn a_step_of_descent_is_as_long_as_the_gradient_is_cut_to() {
    let length = |[network, tables]: [f64; 2]| (network + tables).sqrt();
    let whole = length(moved(descent(1.0).into()));
    for share in [0.1, 0.5, 2.0] {
        let clip_norm = Some(share * whole);
        let cut = length(moved(OptimizerConfig { clip_norm, ..descent(1.0).into() }));
        // Weights of about 1 are rounded as the step is added to them.
        assert!((cut / whole - share.min(1.0)).abs() < 1e-4, "{cut} of {whole}");
    }
}

#[test]
fn a_warm_up_of_ten_steps_begins_with_a_tenth() {
    let whole = moved(descent(1.0).into());
    let tenth = moved(OptimizerConfig { warm_up: 10, ..descent(1.0).into() });
    for (whole, tenth) in whole.iter().zip(tenth) {
        assert!(((tenth / whole).sqrt() - 0.1).abs() < 1e-4, "{tenth} of {whole}");
    }
}

#[test]
fn tables_and_network_have_rates_of_their_own() {
    let [network, tables] = moved(descent(0.5).into());
    assert!(network > 0.0 && tables > 0.0);
    let for_tables = Some(descent(1.0).into());
    let [same, twice] = moved(OptimizerConfig { for_tables, ..descent(0.5).into() });
    assert_eq!(same, network);
    assert!((twice / tables - 4.0).abs() < 1e-3, "{twice} and {tables}");
}
