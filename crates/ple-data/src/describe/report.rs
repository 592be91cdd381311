//! What a description says, as plain data.

use serde::Serialize;

/// What is in some files.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Training, validation and test, as far as the names of files tell them apart.
    pub parts: Vec<PartSummary>,
    /// The tasks that have a label here.
    pub tasks: Vec<TaskSummary>,
    /// Every column of the first file, in its order.
    pub columns: Vec<ColumnSummary>,
    /// What looks wrong, the gravest first.
    pub warnings: Vec<Warning>,
    /// What was assumed, and what is approximate.
    pub notes: Vec<String>,
}

/// Files that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartSummary {
    /// `train`, `val`, `test`, `data` where the names tell nothing, or `against`.
    pub name: String,
    /// The files, in the order in which they were read.
    pub files: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
}

/// The label of a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskSummary {
    /// The name of the task.
    pub name: String,
    /// The column of its label.
    pub column: String,
    /// Which rows are inside of the task, in words.
    pub space: String,
    /// One for each part.
    pub parts: Vec<TaskInPart>,
}

/// The label of a task in one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskInPart {
    /// The rows inside of the task.
    pub rows: u64,
    /// The rows without a label.
    pub nulls: u64,
    /// The rows of label 1, if all labels are 0 or 1.
    pub positives: Option<u64>,
    /// The mean of the labels: of a classification, the positive rate.
    pub mean: Option<f64>,
    /// Their standard deviation.
    pub deviation: Option<f64>,
}

/// A column in all parts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// What it is for.
    pub role: ColumnRole,
    /// The number of ids that the schema has for it.
    pub vocab_size: Option<usize>,
    /// How well it alone separates the rows of each task, in the first part.
    pub alone: Vec<Alone>,
    /// One for each part.
    pub parts: Vec<ColumnInPart>,
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Whole numbers.
    Ids,
    /// Numbers with fractions, or whole ones that are no ids.
    Numbers,
    /// Text.
    Text,
    /// Lists of ids, numbers or texts.
    Lists,
    /// Dates, structs, and columns without a value.
    Other,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnRole {
    /// An input of the model.
    Feature,
    /// What a task predicts.
    Label,
    /// How much a row counts.
    Weight,
    /// What identifies a row.
    Key,
    /// Nothing, by the schema.
    Unused,
}

/// What one column alone says of a task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alone {
    /// The task.
    pub task: String,
    /// The AUC; of ids, by the positive rate that an id has in the other half of the rows. `None` for lists, for other
    /// tasks than classifications, and where there are not both positive and negative rows.
    pub auc: Option<f64>,
    /// What is said by whether the column has a value: `None` where all rows of the task have one, or none has, and as
    /// for `auc`.
    pub gaps: Option<Gaps>,
}

/// What the rows without a value say of a task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gaps {
    /// The rows of the task that have no value.
    pub rows: u64,
    /// Those of them with label 1.
    pub positives: u64,
    /// The AUC of having no value, in the direction that separates better.
    pub auc: f64,
}

/// A column in one part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnInPart {
    /// The rows without a value.
    pub nulls: u64,
    /// The number of different values; of lists, of different elements.
    pub distinct: Distinct,
    /// Of ids, texts, and lists of them.
    pub ids: Option<IdSummary>,
    /// Of numbers.
    pub numbers: Option<NumberSummary>,
    /// Of lists.
    pub lengths: Option<LengthSummary>,
    /// The share of rows in each bar of the column's plot: the first part's most frequent ids, bins between its
    /// outermost percentiles, or lengths. The bars are the same for all parts.
    pub shares: Vec<f64>,
    /// The share of rows (of lists: of elements) whose id the first part does not have. `None` for the first part, for
    /// numbers, and where not all ids are counted.
    pub unseen: Option<f64>,
    /// How far the values are from the first part's, from 0 to 1: the largest difference of the two distribution
    /// functions of numbers, half the sum of differences over the bars of ids and lengths.
    pub distance: Option<f64>,
    /// Of numbers: what 32 bits leave of them.
    pub as_floats: Option<AsFloats>,
}

/// How many values are still different ones when they are read as dense values, which have 32 bits. Counted among the
/// rows that quantiles are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AsFloats {
    /// The different values.
    pub distinct: u64,
    /// The different values after rounding.
    pub left: u64,
}

/// A number of different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Distinct {
    /// The number.
    pub count: u64,
    /// Whether it was counted; otherwise it is an estimate within some percent.
    pub exact: bool,
}

/// Ids or texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdSummary {
    /// The smallest id; `None` for texts.
    pub smallest: Option<i128>,
    /// The largest id; `None` for texts.
    pub largest: Option<i128>,
    /// The rows of id 0, which stands for what is out of vocabulary in prepared data.
    pub zero: u64,
    /// The rows whose id is negative or not below the schema's vocabulary size.
    pub beyond: Option<u64>,
    /// The most frequent ones.
    pub top: Vec<TopId>,
    /// By how much a count may be too low: 0 where all ids were counted.
    pub missed: u64,
}

/// A frequent id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopId {
    /// The id, or the beginning of the text.
    pub id: String,
    /// Its rows; of lists, its elements.
    pub rows: u64,
    /// Their share.
    pub share: f64,
}

/// Numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberSummary {
    /// The smallest finite value.
    pub smallest: f64,
    /// The largest finite value.
    pub largest: f64,
    /// The mean of the finite values.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The rows of value 0.
    pub zeros: u64,
    /// The rows that are NaN or infinite.
    pub not_finite: u64,
    /// The values below which 1%, 25%, 50%, 75% and 99% lie.
    pub quantiles: [f64; 5],
    /// Whether the quantiles are those of all rows, or of a sample.
    pub exact: bool,
}

/// The lengths of lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LengthSummary {
    /// The shortest.
    pub smallest: u64,
    /// The longest.
    pub largest: u64,
    /// The mean.
    pub mean: f64,
    /// The rows whose list is empty.
    pub empty: u64,
}

/// Something that looks wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Warning {
    /// What it is.
    pub kind: WarningKind,
    /// The column it is about, or the task's label.
    pub column: String,
    /// What was found, and what to do about it.
    pub text: String,
}

/// The kinds of warnings, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A feature predicts a label almost alone: it may be known only afterwards.
    LabelLeak,
    /// Ids that have no row in the table.
    BeyondVocabulary,
    /// Negative ids.
    NegativeIds,
    /// NaN or infinite values.
    NotFinite,
    /// Different numbers that become one in 32 bits.
    Rounded,
    /// A label that is always the same.
    OneClass,
    /// A column that is always the same, or empty.
    Constant,
    /// Rows without a value.
    Missing,
    /// Rows of a later part whose ids the first part does not have.
    UnseenIds,
    /// Parts whose values or labels are distributed differently.
    PartsDiffer,
}
