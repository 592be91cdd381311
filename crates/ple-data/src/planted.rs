//! The truth that the generated data holds: the probability of a click and of a conversion, from a row's features.
//!
//! Four latent factors, each with mean 0 and variance 1 over the rows, are simple functions of the row:
//!
//! - `taste` and `need` add up scores of the ids of some fields with few ids. A score is a fixed pseudo-random number
//!   of (field, id).
//! - `mood` and `moment` add up two dense columns each.
//!
//! With the products `fit = taste * mood` and `urge = need * moment`,
//!
//! ```text
//! click logit                  = a + c1 * fit + c2 * urge + c3 * taste
//! conversion logit, if clicked = b + v1 * fit - v2 * urge + v3 * need
//! ```
//!
//! Products of factors with mean 0 are invisible to a linear model: it finds the third terms alone. Both tasks want
//! the same two products, but disagree on the sign of the second. Few ids carry all of the signal, and each occurs
//! often, so it can be learned from a million rows; the large vocabularies are noise, as most ids of
//! the real data are.

use crate::ali_ccp::ALI_CCP_SPARSE;

/// The strengths of the terms and the rates to be met: the one place to tune.
struct Strengths {
    click_fit: f64,
    click_urge: f64,
    click_taste: f64,
    conversion_fit: f64,
    conversion_urge: f64,
    conversion_need: f64,
    click_rate: f64,
    purchase_rate: f64,
}

const STRENGTHS: Strengths = Strengths {
    click_fit: 1.0,
    click_urge: 0.4,
    click_taste: 0.3,
    conversion_fit: 0.4,
    conversion_urge: 0.6,
    conversion_need: 0.2,
    click_rate: 0.045,
    purchase_rate: 0.012,
};

/// The fields whose ids make up `taste`.
const TASTE_FIELDS: [&str; 2] = ["121", "125"];
/// The fields whose ids make up `need`.
const NEED_FIELDS: [&str; 2] = ["124", "129"];
/// The dense columns (by position) that make up `mood`.
const MOOD_COLUMNS: [usize; 2] = [0, 1];
/// The dense columns (by position) that make up `moment`.
const MOMENT_COLUMNS: [usize; 2] = [2, 3];

/// The probabilities of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Truth {
    /// P(click).
    pub(crate) click: f64,
    /// P(purchase) = P(click) * P(conversion | click).
    pub(crate) purchase: f64,
}

/// The planted truth for one set of vocabularies.
#[derive(Debug, Clone)]
pub(crate) struct PlantedTruth {
    taste: Vec<FieldScores>,
    need: Vec<FieldScores>,
    click_intercept: f64,
    conversion_intercept: f64,
}

/// The scores of the ids of one field, with mean 0 and variance 1 over the rows.
#[derive(Debug, Clone)]
struct FieldScores {
    field: usize,
    scores: Vec<f64>,
}

impl PlantedTruth {
    /// The truth for the given vocabularies, whose rates over the `pilot` rows (ids and dense values) are those
    /// asked for.
    pub(crate) fn calibrated(vocab_sizes: &[usize; 23], pilot: &[(Vec<u32>, Vec<f32>)]) -> Self {
        let scores = |names: &[&str]| {
            let field = |name: &&str| ALI_CCP_SPARSE.iter().position(|field| field == name);
            names.iter().filter_map(field).map(|field| FieldScores::new(field, vocab_sizes[field])).collect()
        };
        let mut truth = PlantedTruth {
            taste: scores(&TASTE_FIELDS),
            need: scores(&NEED_FIELDS),
            click_intercept: 0.0,
            conversion_intercept: 0.0,
        };
        let logits: Vec<(f64, f64)> = pilot.iter().map(|(ids, dense)| truth.logits(ids, dense)).collect();
        let click = |intercept: f64, row: &(f64, f64)| sigmoid(intercept + row.0);
        let mean = |probability: &dyn Fn(&(f64, f64)) -> f64| {
            logits.iter().map(probability).sum::<f64>() / logits.len() as f64
        };
        truth.click_intercept = rising_root(|a| mean(&|row| click(a, row)) - STRENGTHS.click_rate);
        let a = truth.click_intercept;
        truth.conversion_intercept =
            rising_root(|b| mean(&|row| click(a, row) * sigmoid(b + row.1)) - STRENGTHS.purchase_rate);
        truth
    }

    /// The probabilities of a row.
    pub(crate) fn of(&self, ids: &[u32], dense: &[f32]) -> Truth {
        let (click, conversion) = self.logits(ids, dense);
        let click = sigmoid(self.click_intercept + click);
        Truth { click, purchase: click * sigmoid(self.conversion_intercept + conversion) }
    }

    /// Both logits without their intercepts.
    fn logits(&self, ids: &[u32], dense: &[f32]) -> (f64, f64) {
        let s = &STRENGTHS;
        let (taste, need) = (factor(&self.taste, ids), factor(&self.need, ids));
        let fit = taste * dense_factor(MOOD_COLUMNS, dense);
        let urge = need * dense_factor(MOMENT_COLUMNS, dense);
        (
            s.click_fit * fit + s.click_urge * urge + s.click_taste * taste,
            s.conversion_fit * fit - s.conversion_urge * urge + s.conversion_need * need,
        )
    }
}

impl FieldScores {
    /// Scores for every id of a field; the two most frequent ids have opposite signs.
    fn new(field: usize, vocab_size: usize) -> Self {
        let mut scores: Vec<f64> = (0..vocab_size as u64).map(|id| hashed_score(field as u64, id)).collect();
        let logarithm = (vocab_size as f64).ln();
        // Ids are log-uniform: P(id) = log((id + 2) / (id + 1)) / log(size).
        let probability = |id: usize| ((id as f64 + 2.0) / (id as f64 + 1.0)).ln() / logarithm;
        let occurring = 0..vocab_size.saturating_sub(1);
        let mean: f64 = occurring.clone().map(|id| probability(id) * scores[id]).sum();
        let variance: f64 = occurring.map(|id| probability(id) * (scores[id] - mean).powi(2)).sum();
        let deviation = variance.sqrt().max(1e-9);
        scores.iter_mut().for_each(|score| *score = (*score - mean) / deviation);
        FieldScores { field, scores }
    }
}

/// The sum of the scores of some fields, scaled to variance 1.
fn factor(fields: &[FieldScores], ids: &[u32]) -> f64 {
    let sum: f64 = fields.iter().map(|field| field.scores[ids[field.field] as usize]).sum();
    sum / (fields.len() as f64).sqrt()
}

/// The sum of some dense columns that are uniform on [0, 1], scaled to mean 0 and variance 1.
fn dense_factor(columns: [usize; 2], dense: &[f32]) -> f64 {
    let sum: f64 = columns.iter().map(|&column| f64::from(dense[column]) - 0.5).sum();
    sum * (12.0 / columns.len() as f64).sqrt()
}

/// A number of magnitude 0.6 to 1.4; its sign alternates over the two most frequent ids and is random after them.
fn hashed_score(field: u64, id: u64) -> f64 {
    let bits = mixed(mixed(field + 1) ^ id);
    let magnitude = 0.6 + 0.8 * ((bits >> 11) as f64 / (1u64 << 53) as f64);
    let is_negative = match id {
        0 => mixed(field + 1) & 1 == 0,
        1 => mixed(field + 1) & 1 == 1,
        _ => bits & 1 == 0,
    };
    if is_negative { -magnitude } else { magnitude }
}

/// The finaliser of SplitMix64.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The root of a rising function, by bisection between -30 and 30.
fn rising_root(function: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-30.0, 30.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if function(middle) < 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}
