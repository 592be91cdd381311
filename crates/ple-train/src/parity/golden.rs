//! A golden file: its configuration in torch-rechub's words, its tensors, and what of it this crate can rebuild.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ple_nn::rechub::{RechubColumns, RechubSizes};
use ple_nn::{Architecture, HeadConfig, LabelScale, ModelConfig, NnError, Norm};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};

/// Why a file cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not a golden file.
    #[error("{}: {detail}\nexpected: a safetensors file with the metadata keys `config` and `noise`", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file is no file of cases for aggregators.
    #[error("{}: {detail}\nexpected: JSON with `cases`, each a `jacobian` and what is `aggregated` of it", path.display())]
    Cases {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A model that this version does not have.
    #[error("{}: {unknown}", path.display())]
    NotSupported {
        /// The file.
        path: PathBuf,
        /// What is said of the name.
        unknown: NnError,
    },
    /// A tensor is missing, or is not what it must be.
    #[error("{}: tensor {name}: {detail}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// The configuration cannot be built or trained.
    #[error("{}: {detail}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// A golden file in memory.
#[derive(Debug)]
pub struct GoldenFile {
    pub(super) path: PathBuf,
    pub(super) config: GoldenConfig,
    pub(super) noise: BTreeMap<String, f64>,
    architecture: Architecture,
    floats: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ids: BTreeMap<String, (Vec<usize>, Vec<i64>)>,
}

/// The configuration in torch-rechub's words.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct GoldenConfig {
    pub(super) sparse: Ordered,
    pub(super) dense: Vec<String>,
    pub(super) embed_dim: usize,
    pub(super) sequence: Option<GoldenSequence>,
    pub(super) task_types: Vec<ple_data::TaskType>,
    pub(super) lr: f64,
    pub(super) eps: f64,
    pub(super) weight_decay: f64,
    pub(super) steps: usize,
    #[serde(default)]
    pub(super) norm: GoldenNorm,
    #[serde(default)]
    pub(super) balance: GoldenBalance,
    /// Features that come first, in an order of the model's.
    #[serde(default)]
    pub(super) user: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct GoldenSequence {
    pub(super) name: String,
    pub(super) vocab_size: usize,
    pub(super) pooling: ple_data::Pooling,
    pub(super) padding_idx: Option<u32>,
    pub(super) shared_with: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GoldenNorm {
    #[default]
    Batch,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GoldenBalance {
    #[default]
    Mean,
    Uwl,
}

/// A JSON object whose order counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Ordered(pub(super) Vec<(String, usize)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and vocabulary sizes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl GoldenFile {
    /// Reads a golden file.
    ///
    /// # Errors
    /// A file that cannot be read, or is none; a model that is not supported.
    pub fn read(path: &Path) -> Result<Self, ParityError> {
        let bytes =
            std::fs::read(path).map_err(|source| ParityError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &bytes)
    }

    /// Reads a golden file that is in memory; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`GoldenFile::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ParityError> {
        let format = |detail: String| ParityError::Format { path: path.to_owned(), detail };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| format(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let text =
            |key: &str| metadata.get(key).ok_or_else(|| format(format!("there is no metadata key `{key}`")));
        let named: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text("config")?).map_err(|error| format(format!("config: {error}")))?;
        let model = named.get("model").and_then(|model| model.as_str()).unwrap_or("without a name");
        let sizes: RechubSizes =
            serde_json::from_str(text("config")?).map_err(|error| format(format!("config: {error}")))?;
        let architecture = Architecture::of_rechub(model, &sizes).map_err(|error| match error {
            unknown @ NnError::UnknownModel { .. } => {
                ParityError::NotSupported { path: path.to_owned(), unknown }
            }
            error => ParityError::Model { path: path.to_owned(), detail: error.to_string() },
        })?;
        let config =
            serde_json::from_str(text("config")?).map_err(|error| format(format!("config: {error}")))?;
        let noise =
            serde_json::from_str(text("noise")?).map_err(|error| format(format!("noise: {error}")))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| format(error.to_string()))?;
        let (mut floats, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for (name, tensor) in tensors.tensors() {
            let shape = tensor.shape().to_vec();
            match tensor.dtype() {
                Dtype::F32 => {
                    let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
                    floats.insert(name, (shape, values.collect()));
                }
                Dtype::I64 => {
                    let values = tensor.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes));
                    ids.insert(name, (shape, values.collect()));
                }
                other => {
                    let detail = format!("its type is {other:?}, expected F32 or I64");
                    return Err(ParityError::Tensor { path: path.to_owned(), name, detail });
                }
            }
        }
        Ok(Self { path: path.to_owned(), config, noise, architecture, floats, ids })
    }

    /// A tensor of floats, if there is one of that name.
    pub(super) fn find(&self, name: &str) -> Option<(&[usize], &[f32])> {
        self.floats.get(name).map(|(shape, values)| (&shape[..], &values[..]))
    }

    /// A tensor of floats with so many values.
    pub(super) fn floats(&self, name: &str, length: usize) -> Result<&[f32], ParityError> {
        let values = self.find(name).map(|(_, values)| values);
        match values {
            Some(values) if values.len() == length => Ok(values),
            Some(values) => {
                Err(self.tensor_error(name, format!("{} values, expected {length}", values.len())))
            }
            None => Err(self.tensor_error(name, format!("missing, expected {length} floats"))),
        }
    }

    /// A tensor of ids.
    pub(super) fn ids(&self, name: &str) -> Result<(&[usize], Vec<u32>), ParityError> {
        let (shape, values) = self
            .ids
            .get(name)
            .ok_or_else(|| self.tensor_error(name, "missing, expected int64 ids".to_owned()))?;
        let ids = values.iter().map(|&id| u32::try_from(id)).collect::<Result<_, _>>();
        ids.map(|ids| (&shape[..], ids)).map_err(|_| self.tensor_error(name, "an id is negative".to_owned()))
    }

    /// The names of the float tensors that begin with a prefix.
    pub(super) fn names<'g>(&'g self, prefix: &'g str) -> impl Iterator<Item = &'g str> {
        self.floats.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    pub(super) fn tensor_error(&self, name: &str, detail: String) -> ParityError {
        ParityError::Tensor { path: self.path.clone(), name: name.to_owned(), detail }
    }

    pub(super) fn model_error(&self, detail: impl ToString) -> ParityError {
        ParityError::Model { path: self.path.clone(), detail: detail.to_string() }
    }

    /// The configuration in this project's words.
    pub(super) fn model_config(&self) -> ModelConfig {
        let norm = match self.config.norm {
            GoldenNorm::Batch => Norm::Batch,
            GoldenNorm::None => Norm::None,
        };
        let architecture = self.architecture.clone();
        // torch-rechub learns labels as they are.
        let raw = HeadConfig { labels: LabelScale::Raw, ..HeadConfig::default() };
        let n_tasks = self.columns().labels.len();
        let heads = (0..n_tasks).map(|task| (task_name(task), raw.clone())).collect();
        ModelConfig { architecture, norm, gate_norm: norm, heads, ..ModelConfig::default() }
    }

    /// What the columns of predictions, labels and losses are.
    pub(super) fn columns(&self) -> RechubColumns {
        self.architecture.rechub_columns(self.config.task_types.len())
    }
}

/// What a task of a golden file is called.
pub(super) fn task_name(task: usize) -> String {
    format!("task{task}")
}
