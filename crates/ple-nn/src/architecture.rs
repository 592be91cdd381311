//! The list of architectures: a line for each. What is particular to one is in its own file, behind [`Design`].

use std::fmt::Debug;
use std::sync::Arc;

use ple_tensor::{Tape, Var};
use serde::{Deserialize, Serialize};

use crate::aitm::AitmConfig;
use crate::batch_norm::Norm;
use crate::diagram::Sketch;
use crate::error::NnError;
use crate::esmm::EsmmConfig;
use crate::heads::{Head, Outputs, one_for_each};
use crate::init::Builder;
use crate::mlp::MlpConfig;
use crate::mmoe::MmoeConfig;
use crate::model::TaskSpec;
use crate::nearest::nearest;
use crate::ple::PleConfig;
use crate::rechub::{RechubColumns, RechubSizes};
use crate::shared_bottom::SharedBottomConfig;
use crate::size::{Place, Recorder};

/// What an architecture says of itself: its configuration implements it.
pub(crate) trait Design {
    /// The models that are made with it by name, the architecture's own first.
    fn forms() -> &'static [Form<Self>]
    where
        Self: Sized;

    /// The position in [`Design::forms`] of the form that the configuration has.
    fn form(&self) -> usize {
        0
    }

    /// The configuration in torch-rechub's words.
    ///
    /// # Errors
    /// A size that is missing, or is none.
    fn of_rechub(sizes: &RechubSizes) -> Result<Self, NnError>
    where
        Self: Sized;

    /// Checks what no other architecture has: sizes, and that there are the tasks that it needs.
    ///
    /// # Errors
    /// The first setting that is impossible.
    fn check(&self, tasks: &[TaskSpec]) -> Result<(), NnError>;

    /// Whether the forward pass names [shared values](Outputs::shared).
    fn shares_values(&self) -> bool {
        false
    }

    /// What it predicts: without more, a head for each task.
    fn heads(&self, tasks: &[TaskSpec]) -> Vec<Head> {
        one_for_each(tasks)
    }

    /// Adds its parameters to a store.
    fn build(&self, builder: &mut Builder<'_>, site: Site<'_>) -> Arc<dyn Body>;

    /// Draws what stands between the embeddings and the outputs.
    fn draw(&self, sketch: &mut Sketch<'_>);

    /// Records its operations by their sizes, in the order of [`Body::forward`].
    fn record(&self, recorder: &mut Recorder, site: SizeSite);

    /// torch-rechub's columns of predictions: without more, a task each, and the mean of their losses.
    fn rechub_columns(&self, n_columns: usize) -> RechubColumns {
        let columns: Vec<usize> = (0..n_columns).collect();
        RechubColumns { heads: columns.clone(), labels: columns, weight: 1.0 / n_columns as f32 }
    }

    /// torch-rechub's module for a parameter of ours whose name has these parts, and the parts that name the parameter
    /// within the module.
    fn rechub_module<'n>(&self, parts: &'n [&'n str]) -> Option<(String, &'n [&'n str])>;
}

/// Where a body is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'s> {
    /// The tasks.
    pub(crate) tasks: &'s [TaskSpec],
    /// The columns of the embedding matrix.
    pub(crate) input_dim: usize,
    /// The normalisation of experts, bottoms and towers, and that of gates.
    pub(crate) norms: [Norm; 2],
}

/// The same for its sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeSite {
    pub(crate) n_tasks: u64,
    /// The embedding matrix, and its columns.
    pub(crate) x: (Place, u64),
    pub(crate) norms: [Norm; 2],
}

/// The layers between the embedding matrix and the logits.
pub(crate) trait Body: Debug + Send + Sync {
    /// Records the forward pass over the embedding matrix.
    fn forward(&self, tape: &mut Tape<'_>, x: Var) -> Outputs;
}

/// A model by name: an architecture with experts (or bottoms) and towers of a given form.
#[derive(Debug)]
pub(crate) struct Form<D> {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) of: fn(expert: MlpConfig, tower: MlpConfig) -> D,
}

/// The name of a model, and what it is: see [`Architecture::known`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The name, as in `shared-bottom`.
    pub name: &'static str,
    /// What it is, in a line.
    pub what: &'static str,
}

macro_rules! architectures {
    ($($(#[$doc:meta])* $name:ident($config:ty)),* $(,)?) => {
        /// The sizes of a model, by architecture.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Architecture {
            $($(#[$doc])* $name($config)),*
        }

        impl Architecture {
            /// The name that the field uses.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Architecture::$name(_) => <$config>::forms()[0].name),*
                }
            }

            /// The name of the model that it is: that of the architecture, or of the special case of it that has its own.
            pub fn model_name(&self) -> &'static str {
                match self {
                    $(Architecture::$name(config) => <$config>::forms()[config.form()].name),*
                }
            }

            /// The names of all architectures, special cases left out.
            pub fn names() -> impl Iterator<Item = &'static str> {
                [$(<$config>::forms()[0].name),*].into_iter()
            }

            /// The models that can be asked for by name.
            pub fn known() -> Vec<ModelName> {
                let mut known = Vec::new();
                $(known.extend(<$config>::forms().iter().map(|form| ModelName { name: form.name, what: form.what }));)*
                known
            }

            /// The model of a name, with experts (or bottoms) and towers of the given form.
            ///
            /// # Errors
            /// [`NnError::UnknownModel`].
            ///
            /// ```
            /// use ple_nn::{Architecture, MlpConfig};
            ///
            /// let (expert, tower) = (MlpConfig::new([16]), MlpConfig::new([8]));
            /// assert_eq!(Architecture::named("mmoe", expert.clone(), tower.clone())?.name(), "mmoe");
            /// assert_eq!(
            ///     Architecture::named("mmeo", expert, tower).unwrap_err().to_string().lines().last(),
            ///     Some("next: did you mean `mmoe`?")
            /// );
            /// # Ok::<(), ple_nn::NnError>(())
            /// ```
            pub fn named(name: &str, expert: MlpConfig, tower: MlpConfig) -> Result<Self, NnError> {
                $(if let Some(form) = <$config>::forms().iter().find(|form| form.name == name) {
                    return Ok(Architecture::$name((form.of)(expert, tower)));
                })*
                Err(unknown(name, Self::known().iter().map(|model| model.name).collect()))
            }

            /// The architecture of a name of torch-rechub's, with its sizes in torch-rechub's words.
            ///
            /// # Errors
            /// [`NnError::UnknownModel`], or a size that is missing.
            pub fn of_rechub(name: &str, sizes: &RechubSizes) -> Result<Self, NnError> {
                $(if <$config>::forms()[0].name.replace('-', "_") == name {
                    return <$config>::of_rechub(sizes).map(Architecture::$name);
                })*
                Err(unknown(name, Self::names().collect()))
            }

            /// What the columns of a file of torch-rechub's are, of which there are so many.
            pub fn rechub_columns(&self, n_columns: usize) -> RechubColumns {
                self.design().rechub_columns(n_columns)
            }

            /// Whether its tasks share last values, such as the outputs of shared experts: see
            /// [`Outputs::shared`](crate::Outputs::shared).
            pub fn shares_values(&self) -> bool {
                self.design().shares_values()
            }

            pub(crate) fn design(&self) -> &dyn Design {
                match self {
                    $(Architecture::$name(config) => config),*
                }
            }
        }
    };
}

architectures! {
    /// Progressive Layered Extraction.
    Ple(PleConfig),
    /// Multi-gate Mixture of Experts.
    Mmoe(MmoeConfig),
    /// One perceptron for all tasks.
    SharedBottom(SharedBottomConfig),
    /// Entire-space Multi-task Model.
    Esmm(EsmmConfig),
    /// Adaptive Information Transfer Multi-task.
    Aitm(AitmConfig),
}

fn unknown(found: &str, known: Vec<&'static str>) -> NnError {
    let nearest = nearest(found, known.iter().copied());
    NnError::UnknownModel { found: found.to_owned(), known, nearest }
}
