//! The arithmetic of Adam over whole slices and over the rows of a table: a kernel, since a step of a ranking model
//! spends as much time on the rows that it read as on its products.

use super::instruction_set::{InstructionSet, multiversion};
use super::prefetch::{ROWS_AHEAD, prefetch};
use super::rule_step::{LEAST_GRADIENT, LEAST_SLOT, RuleStep, or_zero};
use super::team::for_each_in_parallel;
use super::written::Written;
use crate::table::{SlotWidth, TableRows};

/// What one step of Adam needs besides weight, gradient and moments: a function of the settings and the step's number.
///
/// With gradient g, weight w and moments m, v, in this order of operations (that of PyTorch):
///
/// ```text
/// g = g + coupled_decay w
/// m = beta1 m + (1 - beta1) g
/// v = beta2 v + (1 - beta2) g²
/// w = kept w - step_size m / (sqrt(v) root_correction + epsilon)
/// ```
///
/// A `g` below 1e-17 and moments below 1e-37 are zero, so that no number becomes subnormal.
///
/// Source: D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1; with `kept` below
/// 1, AdamW of I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
///
/// ```
/// use ple_tensor::{AdamStep, RuleStep, Written};
///
/// let step = AdamStep {
///     beta1: 0.9,
///     one_minus_beta1: 0.1,
///     beta2: 0.999,
///     one_minus_beta2: 0.001,
///     epsilon: 0.0,
///     coupled_decay: 0.0,
///     kept: 1.0,
///     step_size: 0.01 / (1.0 - 0.9),                            // learning rate / (1 - beta1^t), t = 1
///     root_correction: 1.0 / (1.0_f32 - 0.999).sqrt(),          // 1 / sqrt(1 - beta2^t)
/// };
/// let (mut weight, mut m, mut v) = ([1.0], [0.0], [0.0]);
/// assert_eq!(step.update(&mut weight, &mut [&mut m, &mut v], &[5.0]), Written::Finite);
/// assert!((weight[0] - 0.99).abs() < 1e-5); // the first step is as long as the learning rate, whatever the gradient
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The decay rate of the first moment.
    pub beta1: f32,
    /// `1 - beta1`, rounded once.
    pub one_minus_beta1: f32,
    /// The decay rate of the second moment.
    pub beta2: f32,
    /// `1 - beta2`, rounded once.
    pub one_minus_beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Multiplies the weight before it is added to the gradient.
    pub coupled_decay: f32,
    /// Multiplies the weight itself.
    pub kept: f32,
    /// `learning_rate / (1 - beta1^t)`.
    pub step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub root_correction: f32,
}

/// Values to a task: less would not pay for the fork.
const CHUNK: usize = 1 << 12;

impl AdamStep {
    /// One step of one weight. Gives back the bits of `w + v` without the sign, which are those of infinity or more if one of
    /// the three results is not finite: `v` and `w` by themselves, and `m` by way of `w`, which it is divided into.
    #[inline(always)]
    fn step(&self, weight: &mut f32, m: &mut f32, v: &mut f32, gradient: f32) -> u32 {
        let g = or_zero(gradient + self.coupled_decay * *weight, LEAST_GRADIENT);
        *m = or_zero(self.beta1 * *m + self.one_minus_beta1 * g, LEAST_SLOT);
        *v = or_zero(self.beta2 * *v + self.one_minus_beta2 * (g * g), LEAST_SLOT);
        let denominator = v.sqrt() * self.root_correction + self.epsilon;
        *weight = *weight * self.kept - self.step_size * (*m / denominator);
        (*weight + *v).abs().to_bits()
    }
}

impl RuleStep for AdamStep {
    const REPLAYED_TOGETHER: usize = 4;

    #[inline(always)]
    fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) {
        let [m, v] = two(slots);
        for (((weight, m), v), &gradient) in weights.iter_mut().zip(m).zip(v).zip(gradient) {
            self.step(weight, m, v, gradient);
        }
    }

    /// One step of weights and their moments, first and second.
    ///
    /// # Panics
    /// If there are not two slots, or the lengths differ.
    fn update(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) -> Written {
        let ([m, v], n) = (two(slots), weights.len());
        assert!(m.len() == n && v.len() == n && gradient.len() == n, "moments and gradient of {n} weights");
        if n <= CHUNK {
            return Written::of(update_slice(self, weights, m, v, gradient));
        }
        let moments = m.chunks_mut(CHUNK).zip(v.chunks_mut(CHUNK));
        let parts = weights.chunks_mut(CHUNK).zip(moments).zip(gradient.chunks(CHUNK));
        let mut chunks: Vec<_> = parts.map(|part| (part, 0)).collect();
        for_each_in_parallel(&mut chunks, |_, (((weights, (m, v)), gradient), magnitude)| {
            *magnitude = update_slice(self, weights, m, v, gradient);
        });
        Written::of(chunks.iter().map(|(_, magnitude)| *magnitude).max().unwrap_or(0))
    }

    /// One step of some rows of a table that keeps two moments beside its weights: row `rows[i]` against the gradient
    /// `gradients[i * dim..(i + 1) * dim]`.
    ///
    /// # Panics
    /// If a row is not the table's, a row is too short for two moments, or the lengths differ.
    fn update_rows(&self, table: &mut TableRows<'_>, rows: &[u32], gradients: &[f32]) -> Written {
        assert!(table.stride >= 3 * table.dim, "rows of {} values and their moments", table.dim);
        debug_assert!(!table.slots.contains(&SlotWidth::One), "moments of each weight");
        assert_eq!(gradients.len(), rows.len() * table.dim, "gradients of {} rows", rows.len());
        Written::of(update_rows(self, table.data, table.dim, table.stride, rows, gradients))
    }

    /// The steps that rows missed, in order, each with a gradient of zero: the values stay in registers meanwhile. Up to
    /// [`RuleStep::REPLAYED_TOGETHER`] rows go through the steps together, so that one's roots and divisions hide those of
    /// the others; no bit depends on it.
    ///
    /// # Panics
    /// If a row comes twice, is not the table's, or is too short for two moments.
    fn replay(steps: &[AdamStep], table: &mut TableRows<'_>, rows: &[usize]) -> Written {
        // Four rows need the 32 wide registers of AVX-512.
        let together = if InstructionSet::in_use() == InstructionSet::Avx512 { 4 } else { 2 };
        let magnitudes = rows.chunks(together).map(|rows| match *rows {
            [a, b, c, d] => replay_together(steps, table, [a, b, c, d]),
            [a, b, c] => replay_together(steps, table, [a, b, c]),
            [a, b] => replay_together(steps, table, [a, b]),
            [a] => replay_together(steps, table, [a]),
            _ => unreachable!("up to four rows"),
        });
        Written::of(magnitudes.max().unwrap_or(0))
    }
}

/// The first and the second moments.
#[inline(always)]
fn two<'a>(slots: &'a mut [&mut [f32]]) -> [&'a mut [f32]; 2] {
    match slots {
        [m, v] => [m, v],
        _ => panic!("Adam: {} slots instead of two moments", slots.len()),
    }
}

fn replay_together<const ROWS: usize>(
    steps: &[AdamStep],
    table: &mut TableRows<'_>,
    rows: [usize; ROWS],
) -> u32 {
    let ranges = rows.map(|row| row * table.stride..(row + 1) * table.stride);
    let rows = table.data.get_disjoint_mut(ranges).expect("rows of the table, all of them different");
    replay_rows(steps, rows, table.dim)
}

multiversion! {
    fn update_slice(step: &AdamStep, weights: &mut [f32], m: &mut [f32], v: &mut [f32], gradient: &[f32]) -> u32 {
        let mut magnitude = 0;
        for (((weight, m), v), &gradient) in weights.iter_mut().zip(m).zip(v).zip(gradient) {
            magnitude = step.step(weight, m, v, gradient).max(magnitude);
        }
        magnitude
    }
}

multiversion! {
    fn update_rows(step: &AdamStep, data: &mut [f32], dim: usize, stride: usize, rows: &[u32], gradients: &[f32]) -> u32 {
        // A magnitude for each lane, since a maximum over the lanes at the end of each row takes as long as its arithmetic.
        let mut magnitudes = [0; LANES];
        for (index, (&row, gradient)) in rows.iter().zip(gradients.chunks_exact(dim)).enumerate() {
            if let Some(&ahead) = rows.get(index + ROWS_AHEAD) {
                prefetch(data, ahead as usize * stride, stride);
            }
            let values = &mut data[row as usize * stride..][..stride];
            let (weights, moments) = values.split_at_mut(dim);
            let (m, v) = moments.split_at_mut(dim);
            let (weights, last_weights) = weights.as_chunks_mut::<LANES>();
            let ((m, last_m), (v, last_v)) = (m.as_chunks_mut::<LANES>(), v.as_chunks_mut::<LANES>());
            let (gradient, last_gradient) = gradient.as_chunks::<LANES>();
            for (((weights, m), v), gradient) in weights.iter_mut().zip(m).zip(v).zip(gradient) {
                for lane in 0..LANES {
                    let found = step.step(&mut weights[lane], &mut m[lane], &mut v[lane], gradient[lane]);
                    magnitudes[lane] = found.max(magnitudes[lane]);
                }
            }
            let last = last_weights.iter_mut().zip(last_m).zip(last_v).zip(last_gradient);
            for ((((weight, m), v), &gradient), magnitude) in last.zip(&mut magnitudes) {
                *magnitude = step.step(weight, m, v, gradient).max(*magnitude);
            }
        }
        magnitudes.into_iter().max().unwrap_or(0)
    }
}

/// Values of a row that go through the missed steps together: one or two vectors.
const LANES: usize = 16;

/// The weights and moments of a piece of a row, in registers.
type Piece = [[f32; LANES]; 3];

/// Replays the rows piece by piece, one piece of every row at a time. Gives back the largest `w + v` at the end, as
/// [`AdamStep::step`] does: what is not finite after one step is not after the next.
fn replay_rows<const ROWS: usize>(steps: &[AdamStep], mut rows: [&mut [f32]; ROWS], dim: usize) -> u32 {
    let mut magnitude = 0;
    for first in (0..dim).step_by(LANES) {
        let n = LANES.min(dim - first);
        // The lanes past the end start at zero, and stay there.
        let mut pieces: [Piece; ROWS] = [[[0.0; LANES]; 3]; ROWS];
        for (piece, row) in pieces.iter_mut().zip(&rows) {
            for (values, part) in piece.iter_mut().zip(row.chunks_exact(dim)) {
                values[..n].copy_from_slice(&part[first..first + n]);
            }
        }
        replay_pieces(steps, &mut pieces);
        for (piece, row) in pieces.iter().zip(&mut rows) {
            for (values, part) in piece.iter().zip(row.chunks_exact_mut(dim)) {
                part[first..first + n].copy_from_slice(&values[..n]);
            }
            let [w, _, v] = piece;
            let sums = w.iter().zip(v).map(|(w, v)| (w + v).abs().to_bits());
            magnitude = sums.fold(magnitude, u32::max);
        }
    }
    magnitude
}

fn replay_pieces<const ROWS: usize>(steps: &[AdamStep], pieces: &mut [Piece; ROWS]) {
    match pieces.as_mut_slice() {
        [a] => replay_one(steps, [a]),
        [a, b] => replay_two(steps, [a, b]),
        [a, b, c] => replay_three(steps, [a, b, c]),
        [a, b, c, d] => replay_four(steps, [a, b, c, d]),
        _ => unreachable!("up to four rows"),
    }
}

#[inline(always)]
fn replay_step(step: &AdamStep, [w, m, v]: &mut Piece) {
    for lane in 0..LANES {
        let _ = step.step(&mut w[lane], &mut m[lane], &mut v[lane], 0.0);
    }
}

/// The loop over the steps, with values that the compiler keeps in registers.
#[inline(always)]
fn replay_all<const ROWS: usize>(steps: &[AdamStep], pieces: [&mut Piece; ROWS]) {
    let mut values: [Piece; ROWS] = std::array::from_fn(|row| *pieces[row]);
    for step in steps {
        values.iter_mut().for_each(|values| replay_step(step, values));
    }
    pieces.into_iter().zip(values).for_each(|(piece, values)| *piece = values);
}

multiversion! {
    fn replay_one(steps: &[AdamStep], rows: [&mut Piece; 1]) {
        replay_all(steps, rows);
    }
}

multiversion! {
    fn replay_two(steps: &[AdamStep], rows: [&mut Piece; 2]) {
        replay_all(steps, rows);
    }
}

multiversion! {
    fn replay_three(steps: &[AdamStep], rows: [&mut Piece; 3]) {
        replay_all(steps, rows);
    }
}

multiversion! {
    fn replay_four(steps: &[AdamStep], rows: [&mut Piece; 4]) {
        replay_all(steps, rows);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AdamStep, RuleStep, Written};
    use crate::table::{SlotWidth, TableRows};

    const SLOTS: [SlotWidth; 2] = [SlotWidth::Row; 2];

    fn step(coupled_decay: f32, beta1: f32, beta2: f32) -> AdamStep {
        AdamStep {
            beta1,
            one_minus_beta1: 1.0 - beta1,
            beta2,
            one_minus_beta2: 1.0 - beta2,
            epsilon: 1e-8,
            coupled_decay,
            kept: 1.0,
            step_size: 1e-3,
            root_correction: 1.0,
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_left_to_decay_becomes_subnormal(
            weight in -1.0_f32..1.0,
            gradient in -1.0_f32..1.0,
            coupled_decay in prop_oneof![Just(0.0), Just(1e-5), 1e-6_f32..1e-2],
            beta1 in 0.5_f32..0.95,
        ) {
            // The gradients stop after the first step.
            let rule = step(coupled_decay, beta1, 0.99);
            let (mut weights, mut m, mut v, mut gradients) = ([weight; 17], [0.0; 17], [0.0; 17], [gradient; 17]);
            for _ in 0..20_000 {
                prop_assert_eq!(rule.update(&mut weights, &mut [&mut m, &mut v], &gradients), Written::Finite);
                gradients.fill(0.0);
                let all = weights.iter().chain(&m).chain(&v);
                prop_assert!(all.clone().all(|value| !value.is_subnormal()), "{:?}", all.collect::<Vec<_>>());
            }
        }

        /// A NaN, an infinity or a number whose square is none, in any of the four, is found by each kernel, wherever it
        /// stands; and nothing is suspected without one.
        #[test]
        fn what_is_not_finite_is_found_by_the_step_that_wrote_it(
            dim in 1_usize..70,
            n_rows in 1_usize..6,
            place in any::<prop::sample::Index>(),
            part in 0_usize..4,
            bad in prop_oneof![
                Just(None),
                prop_oneof![Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(1e38)].prop_map(Some),
            ],
            beta1 in prop_oneof![Just(0.0_f32), Just(0.9)],
            missed in 1_usize..4,
        ) {
            let rule = step(1e-5, beta1, 0.99);
            let n = n_rows * dim;
            let mut values: [Vec<f32>; 4] = [0.5, 0.1, 0.01, -0.3].map(|value| vec![value; n]);
            if let Some(bad) = bad {
                values[part][place.index(n)] = bad;
            }
            // The magnitudes of w and v are added up, and no two of these numbers add up to infinity.
            let expected = |parts: &[&[f32]]| match parts.iter().copied().flatten().all(|value| value.is_finite()) {
                true => Written::Finite,
                false => Written::Suspect,
            };
            let [w, m, v, g] = &values;
            let (mut dense_w, mut dense_m, mut dense_v) = (w.clone(), m.clone(), v.clone());
            let written = rule.update(&mut dense_w, &mut [&mut dense_m, &mut dense_v], g);
            prop_assert_eq!(written, expected(&[&dense_w, &dense_m, &dense_v]));
            // 1e38 is a number: as a second moment it may stay, and as a first one it may be forgotten.
            let stays = part == 2 || (part == 1 && beta1 == 0.0);
            prop_assert_eq!(written == Written::Finite, bad.is_none() || (bad == Some(1e38) && stays));

            let rows = |row: usize| [w, m, v].into_iter().flat_map(move |part| &part[row * dim..(row + 1) * dim]);
            let mut data: Vec<f32> = (0..n_rows).flat_map(rows).copied().collect();
            let mut table = TableRows { data: &mut data, dim, stride: 3 * dim, slots: &SLOTS, stamps: &mut [] };
            let all: Vec<u32> = (0..n_rows as u32).collect();
            let mut replayed = table.data.to_vec();
            let written = rule.update_rows(&mut table, &all, g);
            prop_assert_eq!(written, expected(&[table.data]));

            table.data = &mut replayed;
            let all: Vec<usize> = (0..n_rows).collect();
            let written = AdamStep::replay(&vec![rule; missed], &mut table, &all);
            prop_assert_eq!(written, expected(&[table.data]));
        }
    }
}
