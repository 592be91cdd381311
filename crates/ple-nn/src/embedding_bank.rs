//! The bank of embeddings: from ids, lists of ids and numbers to one matrix.

use std::collections::HashMap;

use ndarray::{Array2, ArrayView2, s};
use ple_tensor::{MatrixId, Role, Segment, TableId, Tape, Var};
use rand::RngCore;
use rand_distr::{Distribution, Normal};

use crate::feature::{FeatureKind, FeatureSpec, Pooling};
use crate::init::Builder;

/// The tables of a model's features, and how their embeddings stand side by side.
///
/// The columns are, in this order: sparse and sequence features in the order given, the bins of dense features, and
/// the dense features as they are. That is torch-rechub's order where there are no bins.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{BankInput, Builder, EmbeddingBank, FeatureSpec, Initialization};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let features = [FeatureSpec::sparse("user", 10, 4), FeatureSpec::dense("price")];
/// let bank = EmbeddingBank::new(builder, &features, 0.01);
/// assert_eq!(bank.output_dim(), 5);
///
/// let (user, price) = ([3, 7], array![[0.5], [1.5]]);
/// let input = BankInput { batch: 2, sparse: vec![&user], sequences: vec![], dense: price.view() };
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = bank.forward(&mut tape, &input);
/// assert_eq!(tape.value(x).dim(), (2, 5));
/// assert_eq!(tape.value(x)[[1, 4]], 1.5);
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddingBank {
    columns: Vec<Column>,
    output_dim: usize,
}

/// A batch of features, by reference: ids of the sparse features, lists of the sequence features, and dense values,
/// each in the order of the model's features of that kind.
#[derive(Clone, Debug)]
pub struct BankInput<'a> {
    /// The number of rows.
    pub batch: usize,
    /// `[batch]` ids of each sparse feature.
    pub sparse: Vec<&'a [u32]>,
    /// The lists of each sequence feature.
    pub sequences: Vec<SequenceInput<'a>>,
    /// `[batch, dense features]` values.
    pub dense: ArrayView2<'a, f32>,
}

/// The lists of one sequence feature.
#[derive(Clone, Copy, Debug)]
pub struct SequenceInput<'a> {
    /// `[batch + 1]`: the elements of row r are `offsets[r]..offsets[r + 1]`.
    pub offsets: &'a [u32],
    /// The elements' ids.
    pub ids: &'a [u32],
    /// The elements' weights, 1 without.
    pub weights: Option<&'a [f32]>,
}

#[derive(Clone, Debug)]
enum Column {
    Sparse { input: usize, table: TableId },
    Sequence { input: usize, table: TableId, pooling: Pooling, padding_id: Option<u32> },
    Bins { input: usize, table: TableId, edges: MatrixId },
    Dense,
}

impl EmbeddingBank {
    /// Adds the tables to the store, their values normal with the given standard deviation around 0.
    ///
    /// Table names are `embedding.FEATURE.weight`; a binned feature's table is `embedding.FEATURE.bins.weight`, and its
    /// edges are the buffer `embedding.FEATURE.edges`.
    ///
    /// # Panics
    /// If a shared table does not fit; [`ModelConfig::check`](crate::ModelConfig::check) finds it before.
    pub fn new(builder: &mut Builder<'_>, features: &[FeatureSpec], deviation: f32) -> Self {
        let mut bank = Self { columns: Vec::new(), output_dim: 0 };
        let mut tables: HashMap<&str, TableId> = HashMap::new();
        let (mut sparse, mut sequences, mut dense) = (0, 0, 0);
        let mut binned = Vec::new();
        for feature in features {
            let table = feature.table().map(|(rows, dim, shared_with)| {
                bank.output_dim += dim;
                let shared = shared_with.and_then(|name| tables.get(name).copied());
                assert!(
                    shared.is_some() || shared_with.is_none(),
                    "feature {} shares no table",
                    feature.name
                );
                let name = format!("embedding.{}.weight", feature.name);
                shared.unwrap_or_else(|| add_table(builder, &name, rows, dim, deviation))
            });
            match (&feature.kind, table) {
                (FeatureKind::Sparse { .. }, Some(table)) => {
                    tables.insert(&feature.name, table);
                    bank.columns.push(Column::Sparse { input: sparse, table });
                    sparse += 1;
                }
                (FeatureKind::Sequence { pooling, padding_id, .. }, Some(table)) => {
                    tables.insert(&feature.name, table);
                    let (pooling, padding_id) = (*pooling, *padding_id);
                    bank.columns.push(Column::Sequence { input: sequences, table, pooling, padding_id });
                    sequences += 1;
                }
                (FeatureKind::Dense { bins }, _) => {
                    binned.extend(bins.as_ref().map(|bins| (feature, dense, bins)));
                    dense += 1;
                }
                _ => unreachable!("every sparse and sequence feature has a table"),
            }
        }
        for (feature, input, bins) in binned {
            let name = format!("embedding.{}.bins.weight", feature.name);
            let table = add_table(builder, &name, bins.edges.len() + 1, bins.embedding_dim, deviation);
            let edges =
                Array2::from_shape_vec((1, bins.edges.len()), bins.edges.clone()).expect("one row of edges");
            let edges = builder.store.add(&format!("embedding.{}.edges", feature.name), edges, Role::Buffer);
            bank.columns.push(Column::Bins { input, table, edges });
            bank.output_dim += bins.embedding_dim;
        }
        if dense > 0 {
            bank.columns.push(Column::Dense);
            bank.output_dim += dense;
        }
        bank
    }

    /// The width of the matrix that it makes.
    pub fn output_dim(&self) -> usize {
        self.output_dim
    }

    /// The `[batch, output_dim]` matrix of a batch.
    ///
    /// # Panics
    /// If the input lacks a feature, or an id is outside its vocabulary.
    pub fn forward<'a>(&self, tape: &mut Tape<'a>, input: &BankInput<'a>) -> Var {
        let segment = |column: &Column| match *column {
            Column::Sparse { input: index, table } => Segment::Lookup { table, ids: input.sparse[index] },
            Column::Sequence { input: index, table, pooling, padding_id } => {
                let SequenceInput { offsets, ids, weights } = input.sequences[index];
                let pooling = match pooling {
                    Pooling::Mean => ple_tensor::Pooling::Mean,
                    Pooling::Sum => ple_tensor::Pooling::Sum,
                };
                Segment::Bag { table, offsets, ids, weights, pooling, padding: padding_id }
            }
            Column::Bins { input: index, table, edges } => {
                Segment::Bins { table, edges, values: input.dense.slice_move(s![.., index..index + 1]) }
            }
            Column::Dense => Segment::Dense { values: input.dense },
        };
        tape.embedding(input.batch, self.columns.iter().map(segment))
    }

    /// Calls `visit` with each table and each id that a batch reads from it: what exact mode has to bring up to date.
    pub fn for_each_reading(
        &self,
        store: &ple_tensor::ParamStore,
        input: &BankInput<'_>,
        mut visit: impl FnMut(TableId, usize),
    ) {
        for column in &self.columns {
            match *column {
                Column::Sparse { input: index, table } => {
                    input.sparse[index].iter().for_each(|&id| visit(table, id as usize));
                }
                Column::Sequence { input: index, table, .. } => {
                    input.sequences[index].ids.iter().for_each(|&id| visit(table, id as usize));
                }
                Column::Bins { input: index, table, edges } => {
                    let edges = store.matrix(edges);
                    for &value in input.dense.column(index) {
                        visit(table, edges.iter().filter(|&&edge| edge <= value).count());
                    }
                }
                Column::Dense => {}
            }
        }
    }
}

fn add_table(builder: &mut Builder<'_>, name: &str, rows: usize, dim: usize, deviation: f32) -> TableId {
    let table = builder.store.add_table(name, rows, dim);
    for row in 0..rows {
        first_embedding(builder.random, deviation, builder.store.table_row_mut(table, row));
    }
    table
}

/// Gives a row of a table its first values: normal with the given standard deviation around 0, in order.
///
/// # Panics
/// If the deviation is negative or not finite.
pub fn first_embedding(random: &mut dyn RngCore, deviation: f32, row: &mut [f32]) {
    let normal = Normal::new(0.0, deviation).expect("a deviation is finite and not negative");
    row.iter_mut().for_each(|value| *value = normal.sample(random));
}
