//! What can be wrong with a model that somebody asks for, or with weights that somebody brings.

/// An error of this crate. Each names the setting or tensor, what it was, and what it must be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// A model without tasks.
    #[error("a model needs at least one task, none was given")]
    NoTasks,
    /// A model without features.
    #[error("a model needs at least one feature, none was given")]
    NoFeatures,
    /// A level or mixture without experts.
    #[error(
        "a task has no experts to mix: {setting} leaves none\nat least one specific or shared expert is needed"
    )]
    NoExperts {
        /// The settings at fault.
        setting: String,
    },
    /// A size that is zero.
    #[error("{setting} is 0\nit must be at least 1")]
    ZeroSize {
        /// The setting at fault.
        setting: String,
    },
    /// A size that no machine can hold.
    #[error(
        "the settings ask for more than {limit} values in {what}\nexpected: a model that fits into memory\nnext: lower the numbers of levels, experts and layers, their widths, or the embedding dimensions"
    )]
    TooLarge {
        /// The part of the model.
        what: String,
        /// The most values that a part may have.
        limit: u64,
    },
    /// A rate outside of `[0, 1)`.
    #[error("{setting} is {value}\na dropout rate must be at least 0 and less than 1")]
    BadRate {
        /// The setting at fault.
        setting: String,
        /// What it was.
        value: f32,
    },
    /// A deviation that no distribution has.
    #[error("{setting} is {value}\na standard deviation must be finite and not negative")]
    BadDeviation {
        /// The setting at fault.
        setting: String,
        /// What it was.
        value: f32,
    },
    /// A number of towers that fits no model.
    #[error("{found} towers are configured for {expected} tasks\ngive one for all tasks, or one for each")]
    TowerCount {
        /// The number of tasks.
        expected: usize,
        /// The number of towers.
        found: usize,
    },
    /// Two features, or two tasks, of one name.
    #[error("the {kind} {name} is given twice")]
    Duplicate {
        /// `feature` or `task`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A shared table that does not fit.
    #[error("feature {feature} shares the table of {with}: {problem}")]
    SharedTable {
        /// The feature that shares.
        feature: String,
        /// The feature whose table it names.
        with: String,
        /// What does not fit.
        problem: String,
    },
    /// Bin edges that are not ascending.
    #[error("the bin edges of feature {feature} are not finite and strictly ascending")]
    BadEdges {
        /// The feature.
        feature: String,
    },
    /// A tensor that the weights lack.
    #[error("the weights have no tensor {name}\nexpected shape {expected:?}")]
    MissingTensor {
        /// Its name.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
    },
    /// A tensor of another shape.
    #[error("tensor {name} has shape {found:?}\nthe model needs {expected:?}")]
    TensorShape {
        /// Its name.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
        /// The shape that it has.
        found: Vec<usize>,
    },
}
