//! The AUC against its quadratic definition, against scikit-learn, and under maps that must not change it.

#![allow(clippy::unwrap_used)]

use approx::assert_relative_eq;
use ple_train::metrics::{Undefined, roc_auc};
use proptest::prelude::*;

/// The definition, pair by pair.
fn by_definition(scores: &[f32], labels: &[f32], weights: &[f32]) -> Option<f64> {
    let (mut won, mut pairs) = (0.0, 0.0);
    for i in (0..scores.len()).filter(|&i| labels[i] == 1.0) {
        for j in (0..scores.len()).filter(|&j| labels[j] == 0.0) {
            let weight = f64::from(weights[i]) * f64::from(weights[j]);
            pairs += weight;
            if scores[i] > scores[j] {
                won += weight;
            } else if scores[i] == scores[j] {
                won += weight / 2.0;
            }
        }
    }
    (pairs > 0.0).then(|| won / pairs)
}

/// Rows whose scores tie often, with both zeros among them.
fn rows() -> impl Strategy<Value = Vec<(f32, f32, f32)>> {
    let score = prop_oneof![
        3 => (-8_i32..8).prop_map(|step| step as f32 / 4.0),
        1 => Just(-0.0_f32),
        2 => -1e30_f32..1e30,
    ];
    let label = prop::bool::ANY.prop_map(|positive| f32::from(u8::from(positive)));
    let weight = (0_u8..4).prop_map(|step| f32::from(step) / 2.0);
    prop::collection::vec((score, label, weight), 0..200)
}

type Columns = (Vec<f32>, Vec<f32>, Vec<f32>);

fn columns(rows: &[(f32, f32, f32)]) -> Columns {
    let scores = rows.iter().map(|row| row.0).collect();
    let labels = rows.iter().map(|row| row.1).collect();
    (scores, labels, rows.iter().map(|row| row.2).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn equals_the_definition(rows in rows()) {
        let (scores, labels, weights) = columns(&rows);
        let ones = vec![1.0; rows.len()];
        let mask: Vec<f32> = weights.iter().map(|weight| f32::from(u8::from(*weight > 0.0))).collect();
        for (given, used) in [(None, &ones), (Some(&weights[..]), &weights), (Some(&mask[..]), &mask)] {
            match (roc_auc(&scores, &labels, given), by_definition(&scores, &labels, used)) {
                (Ok(found), Some(expected)) => prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}"),
                (Err(_), None) => {}
                (found, expected) => prop_assert!(false, "{found:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn an_increasing_map_changes_nothing(rows in rows()) {
        let (scores, labels, weights) = columns(&rows);
        // Exact in f32, so that it neither makes nor breaks ties.
        let mapped: Vec<f32> = scores.iter().map(|score| score * 2.0).collect();
        prop_assert_eq!(roc_auc(&scores, &labels, Some(&weights)), roc_auc(&mapped, &labels, Some(&weights)));
    }

    #[test]
    fn the_other_direction_is_one_minus_it(rows in rows()) {
        let (scores, labels, _) = columns(&rows);
        let turned: Vec<f32> = scores.iter().map(|score| -score).collect();
        if let (Ok(auc), Ok(other)) = (roc_auc(&scores, &labels, None), roc_auc(&turned, &labels, None)) {
            prop_assert!((auc + other - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn the_order_of_the_rows_changes_nothing(rows in rows()) {
        let (scores, labels, _) = columns(&rows);
        let turned: Vec<_> = rows.iter().rev().copied().collect();
        let (other_scores, other_labels, _) = columns(&turned);
        prop_assert_eq!(roc_auc(&scores, &labels, None), roc_auc(&other_scores, &other_labels, None));
    }
}

/// Values of scikit-learn 1.9.1's `roc_auc_score`.
#[test]
fn equals_scikit_learn_on_a_few_rows() {
    let scores = [0.5, 0.5, 0.5, 0.2, 0.9, 0.9, -1.5, 3.25];
    let labels = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let weights = [1.0, 2.0, 0.5, 3.0, 0.0, 1.25, 4.0, 0.75];
    assert_eq!(roc_auc(&scores, &labels, None), Ok(0.78125));
    let weighted = roc_auc(&scores, &labels, Some(&weights)).unwrap();
    assert_relative_eq!(weighted, 0.8536585365853658, epsilon = 1e-15);
}

/// Values of scikit-learn 1.9.1 on 1,000 rows from the generator below, with at most 97 different scores.
#[test]
fn equals_scikit_learn_on_a_thousand_rows() {
    let mut state: u64 = 12345;
    let mut draw = || {
        state = (state * 1_103_515_245 + 12345) % (1 << 31);
        state >> 16
    };
    let (mut scores, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1000 {
        let step = draw() % 97;
        scores.push(step as f32 / 8.0 - 6.0);
        labels.push(f32::from(u8::from(draw() % 100 < 10 + step / 2)));
        weights.push((draw() % 5) as f32 / 2.0);
    }
    assert_eq!(labels.iter().sum::<f32>(), 331.0);
    assert_relative_eq!(roc_auc(&scores, &labels, None).unwrap(), 0.6675585601452317, epsilon = 1e-14);
    assert_relative_eq!(
        roc_auc(&scores, &labels, Some(&weights)).unwrap(),
        0.6630918220946915,
        epsilon = 1e-14
    );
}

#[test]
fn an_undefined_auc_says_why() {
    assert_eq!(roc_auc(&[], &[], None), Err(Undefined::NoRows));
    assert_eq!(roc_auc(&[1.0], &[1.0], Some(&[0.0])), Err(Undefined::NoRows));
    assert_eq!(roc_auc(&[1.0, 2.0], &[1.0, 0.0], Some(&[1.0, 0.0])), Err(Undefined::NoNegatives));
    assert_eq!(
        roc_auc(&[1.0, 2.0, 3.0], &[1.0, 0.0, 0.0], Some(&[0.0, 1.0, 2.0])),
        Err(Undefined::NoPositives)
    );
    for score in [f32::NAN, f32::INFINITY] {
        assert_eq!(roc_auc(&[score, 2.0], &[1.0, 0.0], None), Err(Undefined::NotFinite));
        assert_eq!(roc_auc(&[1.0, 2.0], &[1.0, 0.0], Some(&[score, 1.0])), Err(Undefined::NotFinite));
    }
}

#[test]
fn a_row_outside_of_the_task_may_hold_anything() {
    let scores = [f32::NAN, 1.0, 2.0];
    assert_eq!(roc_auc(&scores, &[1.0, 0.0, 1.0], Some(&[0.0, 1.0, 1.0])), Ok(1.0));
}
