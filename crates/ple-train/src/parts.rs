//! What a ranking model is made of, for a loop of one's own: given out, lent, and put together again.

use ple_data::FeatureSchema;
use ple_nn::Model;
use ple_tensor::ParamStore;

use crate::bridge::{feature_specs, task_specs};
use crate::error::TrainError;
use crate::metrics::Metric;
use crate::ranking_model::RankingModel;

/// The parts of a [`RankingModel`], lent: what a [`TrainState`](crate::TrainState) needs of it.
#[derive(Debug)]
pub struct ModelParts<'m> {
    /// What the columns of its data mean.
    pub schema: &'m FeatureSchema,
    /// The model.
    pub model: &'m Model,
    /// The values of its parameters.
    pub store: &'m mut ParamStore,
}

impl RankingModel {
    /// Its parts, of which a step changes the values.
    pub fn parts_mut(&mut self) -> ModelParts<'_> {
        ModelParts { schema: &self.schema, model: &self.model, store: &mut self.store }
    }

    /// The schema, the model and the values of its parameters.
    pub fn into_parts(self) -> (FeatureSchema, Model, ParamStore) {
        (self.schema, self.model, self.store)
    }

    /// A ranking model of a model that was built over a store, and the schema of its data.
    ///
    /// # Errors
    /// [`TrainError::OtherState`] where the model has other features or tasks than the schema.
    ///
    /// # Panics
    /// Later, if the store is not that over which the model was built.
    ///
    /// # Examples
    ///
    /// ```
    /// use ple_data::{GeneratorConfig, Vocabulary, generate};
    /// use ple_nn::ModelConfig;
    /// use ple_train::{RankingModel, RunSeed};
    ///
    /// let table = generate(&GeneratorConfig { rows: 50, vocabulary: Vocabulary::Small, seed: 1 }).table;
    /// let model = RankingModel::new(table.schema().clone(), ModelConfig::default(), RunSeed(1))?;
    /// let predictions = model.predict(&table)?;
    /// let (schema, model, store) = model.into_parts();
    /// let again = RankingModel::from_parts(schema, model, store)?;
    /// assert_eq!(again.predict(&table)?, predictions);
    /// # Ok::<(), ple_train::TrainError>(())
    /// ```
    pub fn from_parts(schema: FeatureSchema, model: Model, store: ParamStore) -> Result<Self, TrainError> {
        if model.features() != feature_specs(&schema) || model.tasks() != task_specs(&schema) {
            return Err(TrainError::OtherState {
                what: "model",
                found: "other features or tasks".to_owned(),
                expected: "those of the schema".to_owned(),
            });
        }
        let metrics = schema.labels.iter().map(|label| Metric::of(label.task).to_vec()).collect();
        Ok(Self { schema, model, store, metrics, allowed: None, transformation: None, place: None })
    }
}
