//! Raw inputs: what a server sends as its log has it, and how that becomes what the model was trained with.
//!
//! All of it is plain data, so that whatever fitted a vocabulary or a scaler can be converted. [`encode`] puts the encoders
//! before a graph that was proved without them; [`key_tables`] reads the tables back from the finished file.

mod check;
mod encode;
mod key_tables;
mod least;
mod scale;

pub(crate) use check::check;
pub(crate) use encode::{ML_DOMAIN, describe, encode};
pub(crate) use key_tables::compare;

/// The key of no element in a sequence of strings.
pub(crate) const PADDING_STRING: &str = "";

/// The key of no element in a sequence of integers.
pub(crate) const PADDING_INT: i64 = i64::MIN;

/// A feature that is sent as it is in the log.
///
/// ```
/// use ple_onnx::{Arithmetic, Encoder, Keys, RawInput, Scaler};
///
/// let keys = Keys::Strings(vec![("beijing".to_owned(), 1), ("shanghai".to_owned(), 2)]);
/// let city = RawInput { feature: "city".to_owned(), encoder: Encoder::Vocabulary { keys, unknown: 0 } };
/// let scaler = Scaler::MinMax { minimum: 0.5, maximum: 99.5 };
/// let arithmetic = Arithmetic::Double;
/// let encoder = Encoder::Dense { missing: Some(0.0), scaler, arithmetic };
/// let price = RawInput { feature: "price".to_owned(), encoder };
/// assert_ne!(city, price);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RawInput {
    /// Its name, which the input of the graph has too.
    pub feature: String,
    /// How its raw values become ids, or numbers of the right scale.
    pub encoder: Encoder,
}

/// How raw values become ids, or numbers of the right scale.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Encoder {
    /// For a sparse or a sequence feature: a key is an id.
    ///
    /// The lists of a sequence are filled up with the empty string, or with the smallest 64-bit integer, which are no keys
    /// then.
    Vocabulary {
        /// The keys and their ids.
        keys: Keys,
        /// The id of every other key.
        unknown: u32,
    },
    /// For a sparse feature: the id of a number is `first` plus the number of edges at or below it.
    Bins {
        /// Finite and strictly increasing.
        edges: Vec<f32>,
        /// The id of what is below all edges.
        first: u32,
        /// The id of NaN.
        missing: u32,
    },
    /// For a sparse or a sequence feature: a key is hashed. The operators of ONNX have no hash, so that an export refuses it;
    /// such a feature is sent as an id.
    Buckets {
        /// How many buckets there are.
        buckets: u32,
    },
    /// For a dense feature: what stands in for a missing number, and the scale.
    Dense {
        /// The raw number that NaN stands for; without one NaN stays what it is.
        missing: Option<f64>,
        /// The scale.
        scaler: Scaler,
        /// In how many bits the training rows were scaled.
        arithmetic: Arithmetic,
    },
}

/// The keys of a vocabulary with their ids, each key once.
#[derive(Clone, Debug, PartialEq)]
pub enum Keys {
    /// The input is a tensor of strings.
    Strings(Vec<(String, u32)>),
    /// The input is a tensor of int64.
    Ints(Vec<(i64, u32)>),
}

/// The scale of a dense feature. In a runtime a scaled number may be off in its last bits, but a feature with bins has
/// the bin of the training rows, also at an edge.
///
/// An input is a double where a float would lose what the scale keeps: where the numbers are more than 64 times as far from 0
/// as the scale is wide, as seconds since 1970 are. Else it is a float.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scaler {
    /// `x`.
    Identity,
    /// `(x - minimum) / (maximum - minimum)`; 0 where the two are equal.
    MinMax {
        /// The smallest value of the training rows.
        minimum: f64,
        /// The largest one.
        maximum: f64,
    },
    /// `(x - mean) / deviation`; 0 where the deviation is.
    Standard {
        /// The mean of the training rows.
        mean: f64,
        /// Their standard deviation.
        deviation: f64,
    },
    /// `sign(x) ln(1 + |x|)`.
    Log,
}

/// In how many bits training rows were scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32 bits, in the order of the formula.
    Single,
    /// 64 bits, rounded to 32 once at the end.
    Double,
}
