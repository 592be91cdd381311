//! Settings of any size: an error of the settings, or a model and its run, within a small limit.

use ple_data::{
    DenseBins, Feature, FeatureKind, FeatureSchema, Label, MemoryRoom, RowSource, Table, TableColumns,
    TaskType,
};
use ple_nn::{Architecture, MlpConfig, MmoeConfig, ModelConfig, PleConfig, SharedBottomConfig};
use ple_train::early_stopping::EarlyStopping;
use ple_train::{
    Control, Every, Observer, RankingModel, RunInput, RunSeed, StepProgress, TrainConfig, TrainError, fit,
};
use proptest::prelude::*;

/// What a model and its run may take here.
const ROOM: u64 = 256 << 20;

/// Sizes small and huge, those around powers of two among them.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 1_usize..5,
        1 => (0_u32..64, 0_usize..3).prop_map(|(shift, more)| (1_usize << shift).wrapping_add(more).wrapping_sub(1)),
        1 => any::<usize>(),
    ]
}

fn mlp(dims: std::ops::Range<usize>) -> impl Strategy<Value = MlpConfig> {
    proptest::collection::vec(size(), dims).prop_map(MlpConfig::new)
}

fn architecture() -> impl Strategy<Value = Architecture> {
    let towers = proptest::collection::vec(mlp(0..3), 1);
    (size(), size(), size(), mlp(1..3), mlp(0..3), towers, 0..3).prop_map(
        |(n_levels, n_specific_experts, n_shared_experts, expert, bottom, towers, which)| match which {
            0 => Architecture::Ple(PleConfig {
                n_levels,
                n_specific_experts,
                n_shared_experts,
                expert,
                towers,
            }),
            1 => Architecture::Mmoe(MmoeConfig { n_experts: n_levels, expert, towers }),
            _ => Architecture::SharedBottom(SharedBottomConfig { bottom, towers }),
        },
    )
}

fn rows(embedding_dim: usize, of_bins: usize) -> Result<RowSource, TrainError> {
    let bins = DenseBins { edges: vec![0.5], embedding_dim: of_bins };
    let price = Feature { name: "price".into(), kind: FeatureKind::Dense { bins: Some(bins) } };
    let labels =
        vec![Label::new("click", TaskType::Classification), Label::new("like", TaskType::Regression)];
    let schema = FeatureSchema::new(vec![Feature::sparse("user", 3, embedding_dim), price], labels, vec![])?;
    let columns = TableColumns {
        sparse: vec![0, 1, 2, 1],
        dense: vec![0.0, 0.3, 0.7, 1.0],
        labels: vec![0.0, 0.5, 1.0, 1.5, 0.0, 2.5, 1.0, 3.5],
        ..TableColumns::default()
    };
    Ok(Table::new(schema, columns)?.into())
}

/// Ends a run after its first step.
struct FirstStep;

impl Observer for FirstStep {
    fn stepped(&mut self, _: &StepProgress) -> Control {
        Control::Interrupt
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn any_size_is_refused_or_works(
        architecture in architecture(), embedding_dim in size(), of_bins in size(),
        epochs in size(), batch_size in size(), every in size(), patience in size(),
    ) {
        let model = ModelConfig { architecture, ..ModelConfig::default() };
        let config = TrainConfig {
            epochs: epochs as u64,
            batch_size,
            evaluate_every: Every::Steps(every as u64),
            early_stopping: EarlyStopping::new(patience),
            ..TrainConfig::default()
        };
        let run = || -> Result<(), TrainError> {
            let train = rows(embedding_dim, of_bins)?;
            let room = MemoryRoom::allowed(ROOM);
            let mut model = RankingModel::new_within(train.schema().clone(), model, RunSeed(1), room)?;
            let input = RunInput { validation: Some(train.clone()), train, checkpoints: None };
            fit(&mut model, &input, &config, &mut FirstStep).map(drop)
        };
        if let Err(error) = run() {
            // A stack of hundreds of levels may work, and have gradients beyond 32 bits.
            prop_assert!([2, 77].contains(&error.exit_code()), "{}", error);
        }
    }
}
