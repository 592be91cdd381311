//! The checker is checked: an operation with one fault of each kind, and where the checker has to find it.

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{GradientCheck, GradientMismatch, GradientReport, gradient_check};
use crate::ops::faulty::{Fault, Faulty};
use crate::store::{ParamStore, Role};

/// Whether both factors of the operation are one input, or two.
#[derive(Clone, Copy)]
enum Factors {
    One,
    Two,
}

/// Checks a tape that holds the operation between others; its inputs are its first two variables.
fn check(fault: Fault, factors: Factors) -> Result<GradientReport, GradientMismatch> {
    let random = &mut ChaCha8Rng::seed_from_u64(11);
    let mut values =
        |rows, columns| Array2::from_shape_simple_fn((rows, columns), || random.random_range(0.5f32..1.5));
    let mut store = ParamStore::new();
    let bias = store.add("bias", values(1, 3), Role::Decayed);
    let table = store.add_table("table", 4, 3);
    for row in 0..4 {
        store.table_row_mut(table, row).copy_from_slice(values(1, 3).as_slice().unwrap());
    }
    let inputs = [values(5, 3), values(5, 3)];
    gradient_check(&store, GradientCheck::default(), |tape| {
        let [x, z] = [0, 1].map(|input| tape.variable(inputs[input].view()));
        let z = match factors {
            Factors::One => x,
            Factors::Two => z,
        };
        let y = tape.faulty(Faulty { x, z, bias, table, ids: vec![2, 0, 2, 3, 2], fault });
        tape.sigmoid(y)
    })
}

/// The kind of a mismatch and the place that it names.
fn found(fault: Fault, factors: Factors) -> (&'static str, String) {
    match check(fault, factors) {
        Ok(report) => panic!("{fault:?} was not found: {report:?}"),
        Err(GradientMismatch::Forward { op, .. }) => ("forward", op.to_owned()),
        Err(GradientMismatch::Gradient { tensor, .. }) => ("gradient", tensor),
        Err(GradientMismatch::Reach { tensor, .. }) => ("reach", tensor),
    }
}

#[test]
fn an_operation_without_a_fault_is_accepted_and_all_its_derivatives_are_counted() {
    for (factors, variables) in [(Factors::One, 2), (Factors::Two, 2)] {
        let report = check(Fault::None, factors).unwrap();
        assert_eq!(report.derivatives, 3 + 4 * 3 + variables * 5 * 3);
        assert!(report.operations.iter().eq(&["faulty", "sigmoid"]));
    }
}

#[test]
fn each_fault_is_found_and_named_by_its_kind() {
    let two = [
        (Fault::Forward, "forward", "faulty"),
        (Fault::Derivative, "gradient", "variable 0"),
        (Fault::Sign, "gradient", "variable 0"),
        (Fault::NotANumber, "gradient", "variable 0"),
        (Fault::MissingTerm, "gradient", "variable 1"),
        (Fault::Parameter, "gradient", "bias"),
        (Fault::MissingParameter, "gradient", "bias"),
        (Fault::OtherRow, "gradient", "table"),
        (Fault::LastReading, "gradient", "table"),
        (Fault::RepeatedRow, "gradient", "table"),
        (Fault::Unreached, "reach", "bias"),
    ];
    for (fault, kind, place) in two {
        assert_eq!(found(fault, Factors::Two), (kind, place.to_owned()), "{fault:?}");
    }
}

#[test]
fn an_input_that_is_used_twice_has_to_receive_both_terms() {
    for fault in [Fault::Overwritten, Fault::MissingTerm] {
        assert_eq!(found(fault, Factors::One), ("gradient", "variable 0".to_owned()), "{fault:?}");
    }
    assert!(check(Fault::Overwritten, Factors::Two).is_ok(), "where it is used once, nothing is lost");
}

#[test]
fn a_mismatch_says_where_it_is_and_what_both_sides_are() {
    let Err(error) = check(Fault::Sign, Factors::Two) else { panic!("a wrong sign was accepted") };
    let GradientMismatch::Gradient { row, column, computed, expected, .. } = error.clone() else {
        panic!("{error}")
    };
    assert!((computed + expected).abs() < 1e-5, "{error}");
    let text = format!(
        "gradient of variable 0 at [{row}, {column}]: backward gives {computed}, central difference {expected}"
    );
    assert_eq!(error.to_string(), text);
}
