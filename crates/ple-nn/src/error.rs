//! What can be wrong with the configuration of a model, or with weights from elsewhere.

/// An error of this crate. `Display` gives three lines: what was found, what was expected, the next step.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// A model without tasks.
    #[error("the model has no task\nexpected: at least one\nnext: name what it is to predict")]
    NoTasks,
    /// A model without features.
    #[error("the model has no feature\nexpected: at least one\nnext: name what it may read")]
    NoFeatures,
    /// A model of a name that there is not.
    #[error("there is no model `{found}`\nexpected: one of {}{}", listed(known), nearest_line(*nearest))]
    UnknownModel {
        /// The name.
        found: String,
        /// The models that there are.
        known: Vec<&'static str>,
        /// The one whose name is nearest, if one is near.
        nearest: Option<&'static str>,
    },
    /// A size in torch-rechub's words that is missing, or is none.
    #[error("config: {key} {problem}")]
    RechubSize {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A level or mixture without experts.
    #[error(
        "a task has no experts to mix: {setting} leaves none\nexpected: at least one specific or shared expert\nnext: raise one of the two in the settings of the model"
    )]
    NoExperts {
        /// The settings at fault.
        setting: String,
    },
    /// A size that is zero.
    #[error(
        "{setting} is 0\nexpected: at least 1\nnext: correct it in the settings of the model, or in the schema"
    )]
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
    /// Tasks that are not those that an architecture is for.
    #[error(
        "{model} cannot learn from the labels {}\nexpected: {expected}\nnext: correct the labels in the schema, or choose another model",
        found.join(", ")
    )]
    OtherTasks {
        /// The architecture.
        model: &'static str,
        /// The tasks that it is for.
        expected: &'static str,
        /// The tasks that there are.
        found: Vec<String>,
    },
    /// A head of a task that there is not.
    #[error(
        "heads: there is no task `{found}`\nexpected: one of {}{}",
        listed(known),
        nearest_line(nearest.as_deref())
    )]
    UnknownTask {
        /// The name.
        found: String,
        /// The tasks that there are.
        known: Vec<String>,
        /// The one whose name is nearest, if one is near.
        nearest: Option<String>,
    },
    /// A link of another kind of task.
    #[error(
        "heads: the link of `{task}` is `{link}`\nexpected: `sigmoid`, since the label says whether something happens\nnext: choose a loss for the link `sigmoid`, or correct heads.{task}.link in the settings of the model; or make the label one of regression in the schema"
    )]
    OtherLink {
        /// The task.
        task: String,
        /// Its link.
        link: &'static str,
    },
    /// A rate outside of `[0, 1)`.
    #[error(
        "{setting} is {value:?}\nexpected: a rate from 0 to below 1\nnext: correct it in the settings of the model"
    )]
    BadRate {
        /// The setting at fault.
        setting: String,
        /// What it was.
        value: f32,
    },
    /// A deviation or a weight that is negative or not finite.
    #[error(
        "{setting} is {value:?}\nexpected: a finite number from 0\nnext: correct it in the settings of the model"
    )]
    BadDeviation {
        /// The setting at fault.
        setting: String,
        /// What it was.
        value: f32,
    },
    /// A number of towers that fits no model.
    #[error(
        "there are {found} towers for {expected} tasks\nexpected: one tower for all tasks, or one for each\nnext: correct towers in the settings of the model"
    )]
    TowerCount {
        /// The number of tasks.
        expected: usize,
        /// The number of towers.
        found: usize,
    },
    /// Two features, or two tasks, of one name.
    #[error("the {kind} `{name}` is named twice\nexpected: each name once\nnext: rename one of the two")]
    Duplicate {
        /// `feature` or `task`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The table of a feature, and that of another one's bins, would have one name.
    #[error(
        "the feature `{feature}` and the bins of the feature `{binned}` would both be called `{feature}` in the model\nexpected: different names for all tables\nnext: rename one of the two"
    )]
    BinsCollision {
        /// The feature with a table.
        feature: String,
        /// The dense feature with bins.
        binned: String,
    },
    /// A shared table that does not fit.
    #[error(
        "the feature `{feature}` shares the table of `{with}`: {problem}\nexpected: an earlier sparse or sequence feature with the same vocabulary and dimension\nnext: correct shared_with, or give `{feature}` a table of its own"
    )]
    SharedTable {
        /// The feature that shares.
        feature: String,
        /// The feature whose table it names.
        with: String,
        /// What does not fit.
        problem: String,
    },
    /// Bin edges that are not ascending.
    #[error(
        "the bin edges of the feature `{feature}` are no edges\nexpected: finite numbers, each above the one before\nnext: correct bins.edges in the schema"
    )]
    BadEdges {
        /// The feature.
        feature: String,
    },
    /// A tensor that the weights lack.
    #[error(
        "the weights have no tensor `{name}`\nexpected: one of shape {expected:?}\nnext: check that the weights are of this model"
    )]
    MissingTensor {
        /// Its name.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
    },
    /// A tensor of another shape.
    #[error(
        "the tensor `{name}` has the shape {found:?}\nexpected: {expected:?}\nnext: check that the weights are of this model"
    )]
    TensorShape {
        /// Its name.
        name: String,
        /// The shape that the model needs.
        expected: Vec<usize>,
        /// The shape that it has.
        found: Vec<usize>,
    },
}

fn listed(names: &[impl std::fmt::Display]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn nearest_line(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("\nnext: did you mean `{name}`?"))
}
