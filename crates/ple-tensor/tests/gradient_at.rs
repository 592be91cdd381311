//! The gradient of a loss at values in the middle of a graph, against a graph that begins there.

#![allow(clippy::unwrap_used)]

use ndarray::Array2;
use ndarray_rand::RandomExt;
use ndarray_rand::rand_distr::StandardNormal;
use ple_tensor::{Mode, ParamStore, Role, Tape, Workspace};
use proptest::prelude::*;

proptest! {
    #[test]
    fn is_that_of_a_graph_that_begins_there(rows in 1_usize..80, width in 2_usize..9) {
        let mut store = ParamStore::new();
        let normal = |rows, columns| Array2::random((rows, columns), StandardNormal);
        let below = store.add("below", normal(3, width), Role::Decayed);
        let beside = store.add("beside", normal(3, 2), Role::Decayed);
        let above = store.add("above", normal(width - 1, 2), Role::Decayed);
        let (x, labels, weights) = (normal(rows, 3), vec![0.5; rows], vec![1.0; rows]);
        let train = || Tape::new(&store, Workspace::new(), Mode::Train { dropout_seed: 0 });

        let mut tape = train();
        let input = tape.variable(x.view());
        let h = tape.linear(input, below, None, 1);
        let h = tape.relu(h);
        let gate = tape.linear(input, beside, None, 1);
        let y = tape.linear(h.columns(1..width), above, None, 1);
        // The gate depends on the input alone, and its gradient is not asked for.
        let mixed = tape.mixtures(&[gate.columns(0..2)], &[y.columns(0..1), y.columns(1..2)]);
        let unread = tape.linear(input, below, None, 1);
        let loss = tape.squared_error(mixed, &labels, &weights);
        let found = tape.gradient_at(loss, &[h, h.columns(1..width), unread]);
        let (value, gates) = (tape.value(h).to_owned(), tape.value(gate).to_owned());

        let mut alone = train();
        let from_here = alone.variable(value.view());
        let gate = alone.input(gates.view());
        let y = alone.linear(from_here.columns(1..width), above, None, 1);
        let mixed = alone.mixtures(&[gate.columns(0..2)], &[y.columns(0..1), y.columns(1..2)]);
        let loss_alone = alone.squared_error(mixed, &labels, &weights);
        let (gradients, _) = alone.backward(loss_alone);
        let expected = gradients.input(from_here).unwrap();
        prop_assert_eq!(found[0].as_ref().unwrap().view(), expected);
        prop_assert_eq!(found[1].as_ref().unwrap().view(), expected.slice(ndarray::s![.., 1..]));
        prop_assert!(found[2].is_none());
        // The pass is as it was.
        prop_assert!(tape.backward(loss).0.matrix(below).is_some());
    }
}
