//! Inverted dropout, with masks that are a function of the step's seed.

use ndarray::Array2;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Op, Operation};
use crate::backward::BackwardPass;
use crate::kernel::rows::{for_each_block, for_each_run};
use crate::reach::Reach;
use crate::replay::Replay;
use crate::tape::{Mode, Tape};
use crate::var::Var;
use crate::workspace::Workspace;

/// `y = x * mask`: see [`Tape::dropout`].
#[derive(Debug)]
pub struct Dropout {
    /// The argument.
    pub x: Var,
    /// 0, or `1 / (1 - rate)`, for each element.
    mask: Array2<f32>,
}

impl<'a> Tape<'a> {
    /// In training, sets each element to 0 with probability `rate` and divides the others by `1 - rate`; in evaluation
    /// it is the argument itself.
    ///
    /// The mask is a function of the pass's dropout seed and of how many dropouts came before on this tape, element by
    /// element: no state is carried from step to step. Source: N. Srivastava et al., "Dropout", JMLR 2014.
    ///
    /// # Shapes
    /// `x` and the result are `[batch, width]`.
    ///
    /// # Panics
    /// If `rate` is not in `[0, 1)`.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{Mode, ParamStore, Tape, Workspace};
    ///
    /// let store = ParamStore::new();
    /// let mut tape = Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 1 });
    /// let x = tape.input(array![[1.0, 1.0, 1.0]].view());
    /// let y = tape.dropout(x, 0.5);
    /// assert!(tape.value(y).iter().all(|&value| value == 0.0 || value == 2.0));
    /// ```
    pub fn dropout(&mut self, x: Var, rate: f32) -> Var {
        assert!((0.0..1.0).contains(&rate), "dropout at a rate of {rate}");
        let Mode::Train { dropout_seed } = self.mode else { return x };
        if rate == 0.0 {
            return x;
        }
        let site = self.dropout_sites;
        self.dropout_sites += 1;
        let (rows, width) = self.value(x).dim();
        let mut mask = self.workspace.matrix(rows, width);
        let keep = 1.0 / (1.0 - rate);
        let threshold = (f64::from(rate) * 4_294_967_296.0) as u32;
        // One block of rows takes 16 cycles or so for each element: enough work to share from a few rows on.
        for_each_block(mask.view_mut(), rows * width * 16, |first, mut block| {
            let mut random = ChaCha8Rng::seed_from_u64(dropout_seed);
            random.set_stream(site);
            random.set_word_pos(first as u128 * width as u128);
            for mut row in block.outer_iter_mut() {
                row.iter_mut().for_each(|m| *m = if random.next_u32() < threshold { 0.0 } else { keep });
            }
        });
        let mut value = self.workspace.matrix(rows, width);
        let input = self.value(x);
        for_each_run(value.view_mut(), [input, mask.view()], |out, [x, mask]| {
            out.iter_mut().zip(x.iter().zip(mask)).for_each(|(y, (x, m))| *y = x * m);
        });
        self.push(value, Op::Dropout(Dropout { x, mask }))
    }
}

impl Dropout {
    pub(crate) fn release(self, workspace: &mut Workspace) {
        workspace.recycle(self.mask);
    }
}

impl Operation for Dropout {
    fn inputs(&self) -> Box<dyn Iterator<Item = Var> + '_> {
        Box::new(std::iter::once(self.x))
    }

    fn reach(&self, reached: &[bool], reach: &mut Reach) {
        reach.columns_of(self.x, reached.iter().copied());
    }

    fn backward(&self, _: &Array2<f32>, gradient: &mut Array2<f32>, pass: &mut BackwardPass<'_, '_>) {
        pass.accumulate_runs(self.x, [gradient.view(), self.mask.view()], |dx, [dy, mask]| {
            dx.iter_mut().zip(dy.iter().zip(mask)).for_each(|(dx, (dy, m))| *dx += dy * m);
        });
    }

    fn define(&self, replay: &Replay<'_>) -> Array2<f64> {
        &replay.value(self.x) * &self.mask.mapv(f64::from)
    }
}
