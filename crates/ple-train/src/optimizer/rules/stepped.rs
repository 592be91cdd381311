//! The steps that tests of rules take: those of PyTorch's optimisers are printed by
//!
//! ```text
//! import torch
//! W = [0.5, -1.25, 2.0, 0.0]
//! G = [[0.25, -1.0, 0.0, 0.125], [0.5, 0.75, -2.0, 0.0], [-0.25, 0.5, 1.0, -0.375], [0.0, -1.5, 0.25, 0.5]]
//! def run(optimizer, **settings):
//!     w = torch.tensor(W, dtype=torch.float64, requires_grad=True)
//!     steps = optimizer([w], **settings)
//!     for g in G:
//!         w.grad = torch.tensor(g, dtype=torch.float64)
//!         steps.step()
//!         print([float(f"{x:.9g}") for x in w.tolist()])
//! ```
//!
//! with torch 2.8.0, as in `run(torch.optim.AdamW, lr=.1)`.

use ple_tensor::{RuleStep, SlotWidth, Written};

use crate::optimizer::rule::{Rule, StepAt, WeightDecay};

const WEIGHTS: [f32; 4] = [0.5, -1.25, 2.0, 0.0];

/// The gradients of four steps.
const GRADIENTS: [[f32; 4]; 4] =
    [[0.25, -1.0, 0.0, 0.125], [0.5, 0.75, -2.0, 0.0], [-0.25, 0.5, 1.0, -0.375], [0.0, -1.5, 0.25, 0.5]];

/// The weights after each step.
pub(super) fn stepped<R: Rule>(rule: &R) -> [[f32; 4]; 4] {
    rule.check().unwrap();
    let values = |width| if width == SlotWidth::Row { 4 } else { 1 };
    let slots = rule.slots().iter();
    let mut slots: Vec<_> = slots.map(|slot| vec![rule.first(slot); values(slot.width)]).collect();
    let mut weights = WEIGHTS;
    let mut step = 0;
    GRADIENTS.map(|gradient| {
        step += 1;
        let at = StepAt { step, carried: 0, factor: 1.0, decay: WeightDecay::Acts };
        let mut slots: Vec<_> = slots.iter_mut().map(|slot| &mut slot[..]).collect();
        assert_eq!(rule.step(at).update(&mut weights, &mut slots, &gradient), Written::Finite);
        weights
    })
}

/// Four steps in 32 bits differ from those in 64 by some roundings of values of up to 3.
const TOLERANCE: f64 = 2e-6;

#[track_caller]
pub(super) fn assert_near(found: [[f32; 4]; 4], expected: [[f64; 4]; 4]) {
    for (step, (found, expected)) in found.iter().zip(expected).enumerate() {
        for (found, expected) in found.iter().zip(expected) {
            let difference = (f64::from(*found) - expected).abs();
            assert!(difference < TOLERANCE, "step {}: {found} instead of {expected}", step + 1);
        }
    }
}
