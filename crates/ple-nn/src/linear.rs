//! Linear maps: one layer may be the maps of many, side by side.

use ndarray::{Array2, Axis};
use ple_tensor::{MatrixId, Role, Tape, Var};

use crate::init::Builder;

/// A part of a layer that several share: the prefix of its parameters' names, and its number of columns.
pub type Part = (String, usize);

/// `y = x W + b`.
///
/// The maps of several experts that read one input are one layer: one product, in which each part keeps its own named
/// weight and bias. In a *grouped* layer every part reads its own block of columns instead.
///
/// # Shapes
/// `x` is `[batch, fan_in]` (grouped: `[batch, parts x fan_in]`), the result `[batch, sum of the parts' columns]`.
///
/// ```
/// use ndarray::array;
/// use ple_nn::{Builder, Initialization, Linear};
/// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
/// use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
///
/// let mut store = ParamStore::new();
/// let mut random = ChaCha8Rng::seed_from_u64(0);
/// let builder = &mut Builder { store: &mut store, random: &mut random, initialization: Initialization::Torch };
/// let layer = Linear::new(builder, &[("left".into(), 3), ("right".into(), 2)], 4);
/// assert_eq!(store.get("right.weight").map(|weight| weight.dim()), Some((4, 2)));
///
/// let mut tape = Tape::new(&store, Workspace::new(), Mode::Evaluate);
/// let x = tape.input(array![[1.0, 2.0, 3.0, 4.0]].view());
/// let y = layer.forward(&mut tape, x);
/// assert_eq!(tape.value(y).dim(), (1, 5));
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    weight: MatrixId,
    bias: Option<MatrixId>,
    groups: usize,
}

impl Linear {
    /// A layer whose parts read one input of `fan_in` columns.
    pub fn new(builder: &mut Builder<'_>, parts: &[Part], fan_in: usize) -> Self {
        Self::with_groups(builder, parts, fan_in, 1)
    }

    /// A layer whose parts read one input of `fan_in` columns, and add nothing to it.
    pub fn without_bias(builder: &mut Builder<'_>, parts: &[Part], fan_in: usize) -> Self {
        let weights: Vec<_> = parts
            .iter()
            .map(|&(_, width)| builder.initialization.weight(builder.random, fan_in, width))
            .collect();
        let weight = builder.store.add_matrix(&named(parts, "weight"), side_by_side(&weights), Role::Decayed);
        Self { weight, bias: None, groups: 1 }
    }

    /// A layer whose parts, all of one width, each read their own `fan_in` columns.
    pub fn grouped(builder: &mut Builder<'_>, parts: &[Part], fan_in: usize) -> Self {
        Self::with_groups(builder, parts, fan_in, parts.len())
    }

    fn with_groups(builder: &mut Builder<'_>, parts: &[Part], fan_in: usize, groups: usize) -> Self {
        let initialization = builder.initialization;
        // Each part starts as if it were alone: its own random numbers, its own fan out.
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for &(_, width) in parts {
            weights.push(initialization.weight(builder.random, fan_in, width));
            biases.push(initialization.bias(builder.random, fan_in, width));
        }
        let (weight, bias) = (side_by_side(&weights), side_by_side(&biases));
        Self {
            weight: builder.store.add_matrix(&named(parts, "weight"), weight, Role::Decayed),
            bias: Some(builder.store.add_matrix(&named(parts, "bias"), bias, Role::Decayed)),
            groups,
        }
    }

    /// Records the map.
    pub fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Var {
        tape.linear(x, self.weight, self.bias, self.groups)
    }
}

/// The names of one kind of the parts' parameters, and their widths.
fn named(parts: &[Part], what: &str) -> Vec<Part> {
    parts.iter().map(|(prefix, width)| (format!("{prefix}.{what}"), *width)).collect()
}

fn side_by_side(parts: &[Array2<f32>]) -> Array2<f32> {
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    ndarray::concatenate(Axis(1), &views).expect("the parts have as many rows")
}
