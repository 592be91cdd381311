//! What can go wrong with files in buckets.

use std::path::PathBuf;

use ple_files::ExitKind;
use thiserror::Error;

/// An error of reading from a bucket. `Display` gives three lines: what, what was expected, the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BucketError {
    /// A bucket does not answer, or refuses.
    #[error("{}: could not read from the bucket: {detail}\nexpected: a bucket that the credentials in the environment (AWS_..., GOOGLE_..., AZURE_...) may read\nnext: check the name, the credentials and the connection", path.display())]
    Refused {
        /// The name asked for.
        path: PathBuf,
        /// What was said, after all attempts.
        detail: String,
    },

    /// A name in a bucket was given to a program that reads local files alone.
    #[error("{}: this program was built without buckets\nexpected: a local file, folder or pattern\nnext: build it with --features buckets, or copy the files", path.display())]
    NotBuilt {
        /// The name asked for.
        path: PathBuf,
    },

    /// A name in a bucket was given where a local file is read.
    #[error("{}: this is read from local files alone\nexpected: a local file; Parquet shards in buckets are streamed under a given schema\nnext: give --stream and --schema FILE (in a program, use ParquetShards::open), or copy the files", path.display())]
    NotLocal {
        /// The name asked for.
        path: PathBuf,
    },
}

impl BucketError {
    pub(crate) fn kind(&self) -> ExitKind {
        match self {
            BucketError::Refused { .. } => ExitKind::InputOutput,
            BucketError::NotBuilt { .. } | BucketError::NotLocal { .. } => ExitKind::Configuration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Feature, FeatureSchema, Label, Roles, TaskType, infer_schema, read_table};

    #[test]
    fn each_has_its_text_and_its_kind() {
        let path = PathBuf::from("s3://rows/train");
        let refused = BucketError::Refused { path: path.clone(), detail: "no route to host".to_owned() };
        assert_eq!(
            refused.to_string(),
            "s3://rows/train: could not read from the bucket: no route to host\n\
             expected: a bucket that the credentials in the environment (AWS_..., GOOGLE_..., AZURE_...) may read\n\
             next: check the name, the credentials and the connection"
        );
        let not_built = BucketError::NotBuilt { path };
        assert_eq!(
            not_built.to_string(),
            "s3://rows/train: this program was built without buckets\n\
             expected: a local file, folder or pattern\n\
             next: build it with --features buckets, or copy the files"
        );
        assert_eq!([refused.kind(), not_built.kind()], [ExitKind::InputOutput, ExitKind::Configuration]);
    }

    #[test]
    fn a_reader_of_local_files_says_so() {
        let schema = FeatureSchema::new(
            vec![Feature::sparse("user", 5, 4)],
            vec![Label::new("click", TaskType::Classification)],
            vec![],
        )
        .unwrap();
        let roles = Roles { labels: schema.labels.clone(), keys: vec![], embedding_dim: 4 };
        for name in ["s3://rows/a.parquet", "gs://rows/a.csv"] {
            let errors = [read_table(name, &schema).unwrap_err(), infer_schema(&[name], &roles).unwrap_err()];
            for error in errors {
                assert_eq!(
                    error.to_string(),
                    format!(
                        "{name}: this is read from local files alone\n\
                         expected: a local file; Parquet shards in buckets are streamed under a given schema\n\
                         next: give --stream and --schema FILE (in a program, use ParquetShards::open), or copy the files"
                    )
                );
                assert_eq!(error.kind(), ExitKind::Configuration);
            }
        }
    }
}
