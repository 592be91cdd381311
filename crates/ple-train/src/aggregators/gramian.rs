//! The Gramian of the tasks' gradients: all that an aggregator sees of them.

use ndarray::Array2;

/// The products of the tasks' gradients with each other, `[tasks, tasks]`: `G[i, j] = g_i . g_j`, in 64 bits.
///
/// ```
/// use ple_train::Gramian;
///
/// let gramian = Gramian::of_rows(&[vec![3.0, 4.0], vec![-1.0, 0.0]]);
/// assert_eq!((gramian.of(0, 0), gramian.of(0, 1), gramian.norm(0)), (25.0, -3.0, 5.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gramian(Array2<f64>);

impl Gramian {
    /// From the product of each pair of gradients. It is asked for `i <= j` alone.
    pub fn new(tasks: usize, product: impl Fn(usize, usize) -> f64) -> Self {
        let mut products = Array2::zeros((tasks, tasks));
        for i in 0..tasks {
            for j in i..tasks {
                let value = product(i, j);
                products[[i, j]] = value;
                products[[j, i]] = value;
            }
        }
        Self(products)
    }

    /// Of gradients that are at hand, one a task.
    ///
    /// # Panics
    ///
    /// If their lengths differ.
    pub fn of_rows(rows: &[Vec<f64>]) -> Self {
        assert!(rows.windows(2).all(|pair| pair[0].len() == pair[1].len()), "gradients of several lengths");
        Self::new(rows.len(), |i, j| rows[i].iter().zip(&rows[j]).map(|(a, b)| a * b).sum())
    }

    /// The number of tasks.
    pub fn tasks(&self) -> usize {
        self.0.nrows()
    }

    /// The product of the gradients of two tasks.
    pub fn of(&self, i: usize, j: usize) -> f64 {
        self.0[[i, j]]
    }

    /// The length of a task's gradient.
    pub fn norm(&self, task: usize) -> f64 {
        self.of(task, task).sqrt()
    }

    /// The length of the weighted sum of the gradients.
    pub fn norm_of_sum(&self, weights: &[f64]) -> f64 {
        let square: f64 =
            weights.iter().zip(self.times(weights)).map(|(weight, product)| weight * product).sum();
        square.max(0.0).sqrt()
    }

    /// The product of each gradient with the weighted sum of all.
    pub(super) fn times(&self, weights: &[f64]) -> Vec<f64> {
        self.0.rows().into_iter().map(|row| row.iter().zip(weights).map(|(g, w)| g * w).sum()).collect()
    }

    /// That of the gradients divided by one number, with which the squares of their lengths add up to 1; itself where all are 0.
    pub(super) fn normalized(&self) -> Self {
        let trace = self.0.diag().sum();
        if trace > 0.0 { Self(&self.0 / trace) } else { self.clone() }
    }

    /// That of the gradients each multiplied by a number.
    pub(super) fn scaled(&self, factors: &[f64]) -> Self {
        Self::new(self.tasks(), |i, j| factors[i] * self.of(i, j) * factors[j])
    }

    /// With a number added to the diagonal.
    pub(super) fn plus_diagonal(&self, value: f64) -> Self {
        Self(&self.0 + value * Array2::<f64>::eye(self.tasks()))
    }

    pub(super) fn matrix(&self) -> &Array2<f64> {
        &self.0
    }
}
