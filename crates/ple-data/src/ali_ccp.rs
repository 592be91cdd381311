//! The columns of Ali-CCP as its processed files have them.

use crate::schema::{Feature, FeatureSchema, Label, TaskType};

/// The sparse fields of Ali-CCP's processed files, in column order.
pub const ALI_CCP_SPARSE: [&str; 23] = [
    "101", "121", "122", "124", "125", "126", "127", "128", "129", "205", "206", "207", "210", "216", "508",
    "509", "702", "853", "301", "109_14", "110_14", "127_14", "150_14",
];

/// The dense columns of Ali-CCP's processed files, in column order.
pub const ALI_CCP_DENSE: [&str; 8] =
    ["D109_14", "D110_14", "D127_14", "D150_14", "D508", "D509", "D702", "D853"];

/// How many ids each sparse field of Ali-CCP has with at least 10 occurrences, in column order.
pub(crate) const FULL_VOCABULARY: [usize; 23] = [
    238_635, 98, 14, 3, 8, 4, 4, 3, 5, 467_298, 6_929, 263_942, 105_622, 106_399, 5_888, 104_830, 51_878,
    37_148, 4, 5_853, 105_622, 53_843, 31_858,
];

/// The sizes of the vocabularies of the generated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// About 55,000 ids in all: fields of up to 1,000 ids as they are, larger ones a thirtieth (but at least 1,000).
    Small,
    /// Those of Ali-CCP: about 1.6 million ids with at least 10 occurrences.
    Full,
}

impl Vocabulary {
    /// The number of ids of each field of [`ALI_CCP_SPARSE`].
    pub fn sizes(self) -> [usize; 23] {
        match self {
            Vocabulary::Full => FULL_VOCABULARY,
            Vocabulary::Small => {
                FULL_VOCABULARY.map(|size| if size <= 1_000 { size } else { (size / 30).max(1_000) })
            }
        }
    }
}

/// The schema of Ali-CCP's processed files: 23 sparse fields with the given vocabularies, 8 dense columns, and the
/// tasks `click` and `conversion` (whose column is `purchase`), both over all rows.
///
/// For the real files, take the vocabularies from the files with [`infer_schema`](crate::infer_schema).
///
/// # Examples
///
/// ```
/// use ple_data::{Vocabulary, ali_ccp_schema};
///
/// let schema = ali_ccp_schema(&Vocabulary::Small.sizes(), 16);
/// assert_eq!((schema.n_sparse(), schema.n_dense(), schema.n_tasks()), (23, 8, 2));
/// assert_eq!(schema.labels[1].column_name(), "purchase");
/// ```
///
/// # Panics
///
/// If a vocabulary or the dimension is 0.
pub fn ali_ccp_schema(vocab_sizes: &[usize; 23], embedding_dim: usize) -> FeatureSchema {
    let sparse = ALI_CCP_SPARSE
        .iter()
        .zip(vocab_sizes)
        .map(|(name, &vocab_size)| Feature::sparse(*name, vocab_size, embedding_dim));
    let dense = ALI_CCP_DENSE.iter().map(|name| Feature::dense(*name));
    let labels = vec![
        Label::new("click", TaskType::Classification),
        Label::in_column("conversion", "purchase", TaskType::Classification),
    ];
    FeatureSchema::new(sparse.chain(dense).collect(), labels, Vec::new())
        .expect("the names are distinct and the sizes at least 1")
}
