//! What the gradients of several losses are to each other: dot products, norms and sums, over all parameters or over those
//! that the losses share.

use std::collections::HashMap;

use ndarray::{Array2, s};

use crate::gradients::{Gradients, RowGradients};
use crate::kernel::dots::{add_scaled_run, dot_64};
use crate::kernel::team::for_each_in_parallel;
use crate::reach::Reach;
use crate::workspace::Workspace;

/// Values to a task: fixed, so that a sum does not depend on the number of threads.
const PIECE: usize = 16 * 1024;

/// Which parameters several losses depend on: tables as a whole, and columns of matrices, which may hold the weights of
/// several towers or experts side by side.
///
/// ```
/// use ndarray::array;
/// use ple_tensor::{Mode, ParamStore, Role, SharedParameters, Tape, Workspace};
///
/// let mut store = ParamStore::new();
/// let shared = store.add("shared", array![[2.0]], Role::Decayed);
/// let towers = store.add("towers", array![[1.0, -3.0]], Role::Decayed);
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });
/// let x = tape.input(array![[1.0]].view());
/// let h = tape.linear(x, shared, None, 1);
/// let y = tape.linear(h, towers, None, 1);
/// let (each, _, _) = tape.backward_each(&[y.columns(0..1), y.columns(1..2)]);
///
/// assert_eq!(each[0].dot(&each[1]), -3.0); // 1 x -3, by way of `shared`
/// let both = SharedParameters::of(&each);
/// assert_eq!(each[0].dot_over(&each[0], &both), 1.0);
/// assert_eq!(each[0].norm(), 5.0_f64.sqrt()); // with its column of `towers`
/// ```
#[derive(Clone, Debug)]
pub struct SharedParameters {
    matrices: Vec<Columns>,
    tables: Vec<bool>,
}

#[derive(Clone, Debug)]
enum Columns {
    None,
    All,
    Some(Vec<bool>),
}

impl Columns {
    /// Of those for which `shared` says so.
    fn of(shared: Vec<bool>) -> Self {
        match (shared.contains(&true), shared.contains(&false)) {
            (false, _) => Columns::None,
            (true, false) => Columns::All,
            (true, true) => Columns::Some(shared),
        }
    }
}

impl SharedParameters {
    /// Those that at least two of the losses depend on whose gradients these are.
    pub fn of(each: &[Gradients]) -> Self {
        let (n_matrices, n_tables) = each.first().map_or((0, 0), |g| (g.matrices.len(), g.tables.len()));
        let matrix = |index: usize| {
            let mut reached: Vec<u32> = Vec::new();
            for gradients in each {
                let Some(matrix) = &gradients.matrices[index] else { continue };
                reached.resize(matrix.ncols(), 0);
                let columns = gradients.reach.as_ref().map(|reach| reach.matrix(index));
                for (column, times) in reached.iter_mut().enumerate() {
                    *times += u32::from(columns.is_none_or(|columns| columns[column]));
                }
            }
            Columns::of(reached.into_iter().map(|times| times > 1).collect())
        };
        let table = |index: usize| each.iter().filter(|g| g.tables[index].is_some()).count() > 1;
        Self { matrices: (0..n_matrices).map(matrix).collect(), tables: (0..n_tables).map(table).collect() }
    }
}

/// Two runs of values, and the columns that count of a matrix.
struct Pair<'g> {
    x: &'g [f32],
    y: &'g [f32],
    columns: Option<&'g [bool]>,
    dot: f64,
}

impl Gradients {
    /// The dot product of two gradients over all parameters, `Σ g h`, in 64 bits. A parameter that one of them does not
    /// have adds nothing; neither does a table's row that is in one of them alone.
    pub fn dot(&self, other: &Gradients) -> f64 {
        self.dot_of(other, None)
    }

    /// The same over parameters that losses share.
    pub fn dot_over(&self, other: &Gradients, shared: &SharedParameters) -> f64 {
        self.dot_of(other, Some(shared))
    }

    /// The length of the gradient over all parameters, `sqrt(Σ g²)`.
    pub fn norm(&self) -> f64 {
        self.dot(self).sqrt()
    }

    fn dot_of(&self, other: &Gradients, shared: Option<&SharedParameters>) -> f64 {
        let mut pairs = Vec::new();
        for (index, matrices) in self.matrices.iter().zip(&other.matrices).enumerate() {
            let (Some(x), Some(y)) = matrices else { continue };
            let columns = match shared.map(|shared| &shared.matrices[index]) {
                Some(Columns::None) => continue,
                None | Some(Columns::All) => None,
                Some(Columns::Some(columns)) => Some(&columns[..]),
            };
            let width = x.ncols().max(1);
            let [x, y] = [x, y].map(|g| g.as_slice().expect("gradients are contiguous"));
            // Pieces of whole rows.
            let piece = (PIECE / width).max(1) * width;
            let pieces = x.chunks(piece).zip(y.chunks(piece));
            pairs.extend(pieces.map(|(x, y)| Pair { x, y, columns, dot: 0.0 }));
        }
        let mut odd_rows = 0.0;
        for (index, tables) in self.tables.iter().zip(&other.tables).enumerate() {
            let (Some(x), Some(y)) = tables else { continue };
            if shared.is_some_and(|shared| !shared.tables[index]) {
                continue;
            }
            match x.rows == y.rows {
                true => {
                    let pieces = x.values.chunks(PIECE).zip(y.values.chunks(PIECE));
                    pairs.extend(pieces.map(|(x, y)| Pair { x, y, columns: None, dot: 0.0 }));
                }
                false => odd_rows += dot_of_rows(x, y),
            }
        }
        for_each_in_parallel(&mut pairs, |_, pair| {
            pair.dot = match pair.columns {
                None => dot_64(pair.x, pair.y),
                Some(columns) => pair
                    .x
                    .chunks_exact(columns.len())
                    .zip(pair.y.chunks_exact(columns.len()))
                    .map(|(x, y)| {
                        let counted = x.iter().zip(y).zip(columns).filter(|(_, counts)| **counts);
                        counted.map(|((x, y), _)| f64::from(*x) * f64::from(*y)).sum::<f64>()
                    })
                    .sum(),
            };
        });
        pairs.iter().map(|pair| pair.dot).sum::<f64>() + odd_rows
    }

    /// Adds `factor` times another gradient, `g += factor h`, over all parameters. It depends on what either depended on.
    pub fn add_scaled(&mut self, factor: f32, other: &Gradients, workspace: &mut Workspace) {
        let of_matrix = |_| Factors { shared: factor, own: factor, of: None };
        self.add_factors(other, of_matrix, |_| factor, workspace);
    }

    /// Multiplies the gradient of all parameters by a factor.
    pub fn scale(&mut self, factor: f32) {
        self.matrices.iter_mut().flatten().for_each(|matrix| matrix.mapv_inplace(|value| factor * value));
        let values = self.tables.iter_mut().flatten().flat_map(|rows| &mut rows.values);
        values.for_each(|value| *value *= factor);
    }

    /// Multiplies the gradient of parameters that losses share by a factor.
    pub fn scale_over(&mut self, factor: f32, shared: &SharedParameters) {
        for (matrix, columns) in self.matrices.iter_mut().zip(&shared.matrices) {
            let Some(matrix) = matrix else { continue };
            match columns {
                Columns::None => {}
                Columns::All => matrix.mapv_inplace(|value| factor * value),
                Columns::Some(columns) => {
                    for (mut column, _) in matrix.columns_mut().into_iter().zip(columns).filter(|(_, s)| **s)
                    {
                        column.mapv_inplace(|value| factor * value);
                    }
                }
            }
        }
        for (table, _) in self.tables.iter_mut().zip(&shared.tables).filter(|(_, shared)| **shared) {
            let values = table.iter_mut().flat_map(|rows| &mut rows.values);
            values.for_each(|value| *value *= factor);
        }
    }

    /// Adds another gradient, `factor` times over parameters that losses share and once over all others.
    pub fn add_scaled_over(
        &mut self,
        factor: f32,
        other: &Gradients,
        shared: &SharedParameters,
        workspace: &mut Workspace,
    ) {
        let of_matrix = |index: usize| match &shared.matrices[index] {
            Columns::None => Factors { shared: 1.0, own: 1.0, of: None },
            Columns::All => Factors { shared: factor, own: factor, of: None },
            Columns::Some(columns) => Factors { shared: factor, own: 1.0, of: Some(columns) },
        };
        let of_table = |index: usize| if shared.tables[index] { factor } else { 1.0 };
        self.add_factors(other, of_matrix, of_table, workspace);
    }

    fn add_factors<'s>(
        &mut self,
        other: &Gradients,
        of_matrix: impl Fn(usize) -> Factors<'s>,
        of_table: impl Fn(usize) -> f32,
        workspace: &mut Workspace,
    ) {
        self.reach = reach_of_both(self, other);
        for (index, (sum, added)) in self.matrices.iter_mut().zip(&other.matrices).enumerate() {
            let Some(added) = added else { continue };
            let sum = sum.get_or_insert_with(|| workspace.zeros(added.nrows(), added.ncols()));
            of_matrix(index).add(sum, added);
        }
        let mut runs = Vec::new();
        for (index, (sum, added)) in self.tables.iter_mut().zip(&other.tables).enumerate() {
            let (Some(added), factor) = (added, of_table(index)) else { continue };
            if sum.as_ref().is_none_or(|sum| sum.rows != added.rows) {
                let dim = added.values.len() / added.rows.len().max(1);
                let mut scaled = workspace.row_gradients(added.rows.len(), dim);
                scaled.rows.extend_from_slice(&added.rows);
                scaled.values.extend(added.values.iter().map(|value| factor * value));
                *sum = Some(match sum.take() {
                    Some(sum) => sum.merge(&scaled, dim),
                    None => scaled,
                });
            } else if let Some(sum) = sum {
                let pieces = sum.values.chunks_mut(PIECE).zip(added.values.chunks(PIECE));
                runs.extend(pieces.map(|(sum, added)| (sum, added, factor)));
            }
        }
        for_each_in_parallel(&mut runs, |_, (sum, added, factor)| add_scaled_run(sum, *factor, added));
    }
}

/// What the columns of a matrix are multiplied by before they are added.
struct Factors<'s> {
    /// Of columns that are shared.
    shared: f32,
    /// Of the others.
    own: f32,
    /// Which are shared, where not all are alike.
    of: Option<&'s [bool]>,
}

impl Factors<'_> {
    fn add(&self, sum: &mut Array2<f32>, added: &Array2<f32>) {
        let Some(shared) = self.of else {
            let sum = sum.as_slice_mut().expect("gradients are contiguous");
            return add_scaled_run(sum, self.shared, added.as_slice().expect("gradients are contiguous"));
        };
        // Shared columns lie side by side, as experts do.
        let mut start = 0;
        for run in shared.chunk_by(|a, b| a == b) {
            let factor = if run[0] { self.shared } else { self.own };
            let columns = s![.., start..start + run.len()];
            sum.slice_mut(columns).scaled_add(factor, &added.slice(columns));
            start += run.len();
        }
    }
}

/// The dot product of two gradients of a table over the rows that both have.
fn dot_of_rows(x: &RowGradients, y: &RowGradients) -> f64 {
    let dim = x.values.len() / x.rows.len().max(1);
    let places: HashMap<u32, usize> = y.rows.iter().enumerate().map(|(place, &row)| (row, place)).collect();
    let rows = x.rows.iter().zip(x.values.chunks_exact(dim.max(1)));
    let both = rows.filter_map(|(row, x)| {
        let place = places.get(row)?;
        Some(dot_64(x, &y.values[place * dim..][..dim]))
    });
    both.sum()
}

/// The columns that either gradient is reached in; none where all columns of every matrix with a gradient are.
fn reach_of_both(one: &Gradients, other: &Gradients) -> Option<Reach> {
    if one.reach.is_none() && other.reach.is_none() {
        return None;
    }
    let matrices = one.matrices.iter().zip(&other.matrices).enumerate().map(|(index, (a, b))| {
        let width = a.as_ref().or(b.as_ref()).map_or(0, Array2::ncols);
        let reached = |gradients: &Gradients, column: usize| {
            gradients.matrices[index].is_some()
                && gradients.reach.as_ref().is_none_or(|reach| reach.matrix(index)[column])
        };
        (0..width).map(|column| reached(one, column) || reached(other, column)).collect()
    });
    Some(Reach::of_matrices(matrices.collect()))
}
