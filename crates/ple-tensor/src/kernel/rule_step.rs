//! The step of any optimiser over values of a matrix and over the rows of a table. A rule gives its arithmetic for one run
//! of weights as a plain loop, and the loops here compile it for each instruction set. Adam has its own kernels, in `adam.rs`.

use std::fmt::Debug;

use super::instruction_set::multiversion;
use super::prefetch::{ROWS_AHEAD, prefetch};
use super::written::Written;
use crate::table::{SlotWidth, TableRows};

/// What one step of an optimiser needs besides weights, gradient and slots: a function of its settings and the step's number.
///
/// ```
/// use ple_tensor::{RuleStep, Written};
///
/// /// `w -= rate g`, which keeps nothing.
/// #[derive(Clone, Copy, Debug)]
/// struct Descent {
///     rate: f32,
/// }
///
/// impl RuleStep for Descent {
///     #[inline(always)]
///     fn run(&self, weights: &mut [f32], _slots: &mut [&mut [f32]], gradient: &[f32]) {
///         weights.iter_mut().zip(gradient).for_each(|(weight, gradient)| *weight -= self.rate * gradient);
///     }
/// }
///
/// let mut weights = [1.0, 2.0];
/// assert_eq!(Descent { rate: 0.5 }.update(&mut weights, &mut [], &[1.0, -1.0]), Written::Finite);
/// assert_eq!(weights, [0.5, 2.5]);
/// ```
pub trait RuleStep: Copy + Debug + Send + Sync + 'static {
    /// The number of rows that are best given to [`RuleStep::replay`] at a time.
    const REPLAYED_TOGETHER: usize = 1;

    /// One step of a run of weights, which is a row of a table or some values of a matrix, against its gradient. A slot has a
    /// value for each weight, or one for the row. To be compiled for each instruction set, it is `#[inline(always)]`.
    fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]);

    /// One step of some values of a matrix.
    fn update(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) -> Written {
        Written::of(update_run(self, weights, slots, gradient))
    }

    /// One step of some rows of a table that keeps the rule's slots beside its weights: row `rows[i]` against the gradient
    /// `gradients[i * dim..(i + 1) * dim]`.
    ///
    /// # Panics
    /// If a row is not the table's, has more than [`MOST_SLOTS`] slots, or the lengths differ.
    fn update_rows(&self, table: &mut TableRows<'_>, rows: &[u32], gradients: &[f32]) -> Written {
        assert_eq!(gradients.len(), rows.len() * table.dim, "gradients of {} rows", rows.len());
        let TableRows { data, dim, stride, slots, .. } = table;
        Written::of(update_rows(self, data, (*dim, *stride), slots, rows, gradients))
    }

    /// The steps that rows missed, in order, each with a gradient of zero.
    ///
    /// # Panics
    /// If a row is not the table's, or has more than [`MOST_SLOTS`] slots.
    fn replay(steps: &[Self], table: &mut TableRows<'_>, rows: &[usize]) -> Written {
        static ZEROS: [f32; 256] = [0.0; 256];
        let of_wide_rows = if table.dim > ZEROS.len() { vec![0.0; table.dim] } else { Vec::new() };
        let zeros = ZEROS.get(..table.dim).unwrap_or(&of_wide_rows);
        let TableRows { data, dim, stride, slots, .. } = table;
        let magnitudes = rows.iter().map(|&row| {
            let values = &mut data[row * *stride..(row + 1) * *stride];
            replay_row(steps, values, *dim, slots, zeros)
        });
        Written::of(magnitudes.max().unwrap_or(0))
    }
}

/// A gradient below this is zero: its square, times a small factor such as Adam's 1 - beta2, would be no normal number any
/// more. The weights that nothing but decay pulls at come to rest where it stops, at 1e-12 for a decay of 1e-5.
pub const LEAST_GRADIENT: f32 = 1e-17;

/// A value of a slot that fades below this is zero, some steps before it is no normal number any more.
pub const LEAST_SLOT: f32 = 1e-37;

/// The value, or zero where its size is below `least`. Weights of a constant feature, and slots of rows that no batch reads, would
/// decay into subnormal numbers, on which arithmetic takes a hundred times as long: a run slowed down to a seventeenth.
///
/// ```
/// use ple_tensor::{LEAST_SLOT, or_zero};
///
/// assert_eq!([1e-38, -2e-37].map(|value| or_zero(value, LEAST_SLOT)), [0.0, -2e-37]);
/// ```
#[inline(always)]
pub fn or_zero(value: f32, least: f32) -> f32 {
    if value.abs() < least { 0.0 } else { value }
}

/// The most slots that a rule may have.
pub const MOST_SLOTS: usize = 4;

/// Bits of values that are looked at together: one or two vectors.
const LANES: usize = 16;

/// The largest bits of values without their signs, in lanes: a maximum over the lanes at the end of each row takes as long as
/// its arithmetic.
#[inline(always)]
fn look_at(values: &[f32], magnitudes: &mut [u32; LANES]) {
    let (whole, last) = values.as_chunks::<LANES>();
    for values in whole {
        for lane in 0..LANES {
            magnitudes[lane] = magnitudes[lane].max(values[lane].abs().to_bits());
        }
    }
    for (value, magnitude) in last.iter().zip(magnitudes) {
        *magnitude = (*magnitude).max(value.abs().to_bits());
    }
}

/// A row cut into its weights and its slots.
#[inline(always)]
fn cut<'v>(
    values: &'v mut [f32],
    dim: usize,
    widths: &[SlotWidth],
) -> (&'v mut [f32], [&'v mut [f32]; MOST_SLOTS]) {
    let (weights, mut rest) = values.split_at_mut(dim);
    let mut slots = [(); MOST_SLOTS].map(|()| Default::default());
    for (slot, width) in slots.iter_mut().zip(widths) {
        let (values, after) = rest.split_at_mut(width.values(dim));
        (*slot, rest) = (values, after);
    }
    (weights, slots)
}

multiversion! {
    fn update_run<S: RuleStep>(step: &S, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) -> u32 {
        step.run(weights, slots, gradient);
        let mut magnitudes = [0; LANES];
        look_at(weights, &mut magnitudes);
        slots.iter().for_each(|slot| look_at(slot, &mut magnitudes));
        magnitudes.into_iter().max().unwrap_or(0)
    }
}

multiversion! {
    fn update_rows<S: RuleStep>(
        step: &S,
        data: &mut [f32],
        sizes: (usize, usize),
        widths: &[SlotWidth],
        rows: &[u32],
        gradients: &[f32],
    ) -> u32 {
        let (dim, stride) = sizes;
        let mut magnitudes = [0; LANES];
        for (index, (&row, gradient)) in rows.iter().zip(gradients.chunks_exact(dim)).enumerate() {
            if let Some(&ahead) = rows.get(index + ROWS_AHEAD) {
                prefetch(data, ahead as usize * stride, stride);
            }
            let values = &mut data[row as usize * stride..][..stride];
            let (weights, mut slots) = cut(values, dim, widths);
            step.run(weights, &mut slots[..widths.len()], gradient);
            look_at(values, &mut magnitudes);
        }
        magnitudes.into_iter().max().unwrap_or(0)
    }
}

multiversion! {
    fn replay_row<S: RuleStep>(
        steps: &[S],
        values: &mut [f32],
        dim: usize,
        widths: &[SlotWidth],
        zeros: &[f32],
    ) -> u32 {
        let (weights, mut slots) = cut(values, dim, widths);
        for step in steps {
            step.run(weights, &mut slots[..widths.len()], zeros);
        }
        let mut magnitudes = [0; LANES];
        look_at(values, &mut magnitudes);
        magnitudes.into_iter().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RuleStep, SlotWidth, TableRows, Written};

    /// Counts a row's steps, sums its gradients up, and follows them.
    #[derive(Clone, Copy, Debug)]
    struct Counting;

    impl RuleStep for Counting {
        #[inline(always)]
        fn run(&self, weights: &mut [f32], slots: &mut [&mut [f32]], gradient: &[f32]) {
            let [count, sums] = slots else { unreachable!("two slots") };
            count[0] += 1.0;
            for ((weight, sum), gradient) in weights.iter_mut().zip(sums.iter_mut()).zip(gradient) {
                *sum += gradient;
                *weight -= *sum;
            }
        }
    }

    proptest! {
        #[test]
        fn rows_are_stepped_and_replayed_by_themselves(
            dim in 1_usize..40,
            picked in proptest::collection::vec(any::<bool>(), 1..9),
            missed in 0_usize..4,
            bad in any::<Option<prop::sample::Index>>(),
        ) {
            let (slots, stride) = ([SlotWidth::One, SlotWidth::Row], 2 * dim + 1);
            let mut data = vec![0.5_f32; picked.len() * stride];
            data.chunks_mut(stride).for_each(|row| row[dim] = 0.0);
            if let Some(place) = &bad {
                let place = place.index(data.len());
                data[place] = f32::NAN;
            }
            let mut expected = data.clone();
            let rows: Vec<u32> = (0..picked.len() as u32).filter(|&row| picked[row as usize]).collect();
            let gradients: Vec<f32> = (0..rows.len() * dim).map(|i| (i % 5) as f32).collect();
            let mut table = TableRows { data: &mut data, dim, stride, slots: &slots, stamps: &mut [] };
            let stepped = Counting.update_rows(&mut table, &rows, &gradients);
            let all: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
            let replayed = RuleStep::replay(&vec![Counting; missed], &mut table, &all);
            for (&row, gradient) in rows.iter().zip(gradients.chunks(dim)) {
                let row = &mut expected[row as usize * stride..][..stride];
                for missed in 0..=missed {
                    row[dim] += 1.0;
                    for j in 0..dim {
                        row[dim + 1 + j] += if missed == 0 { gradient[j] } else { 0.0 };
                        row[j] -= row[dim + 1 + j];
                    }
                }
            }
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&data), bits(&expected));
            let touched = rows.iter().flat_map(|&row| &data[row as usize * stride..][..stride]);
            let finite = touched.into_iter().all(|value| value.is_finite());
            for written in [stepped, replayed] {
                prop_assert_eq!(written, if finite { Written::Finite } else { Written::Suspect });
            }
        }
    }
}
