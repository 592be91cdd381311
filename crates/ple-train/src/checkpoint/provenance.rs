//! What a file that is made of a checkpoint, such as an ONNX model, says about where it comes from.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

use super::manifest::{Manifest, hexadecimal};

impl Manifest {
    /// Where the model comes from, as text under names: the 128-bit XXH3 hashes of the checkpoint's tensors and of the
    /// schema as JSON, the configuration of model and training, the metrics of the last evaluation, the seed, the steps
    /// taken, the data, the transformation that made its rows (where they said so), the instruction set, and the version of
    /// this crate.
    ///
    /// ```
    /// use ple_data::{Vocabulary, ali_ccp_schema};
    /// use ple_nn::ModelConfig;
    /// use ple_train::checkpoint::RunFacts;
    /// use ple_train::{RankingModel, RunSeed};
    ///
    /// let schema = ali_ccp_schema(&Vocabulary::Small.sizes(), 16);
    /// let model = RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap();
    /// let folder = tempfile::tempdir().unwrap();
    /// let manifest = model.save(folder.path(), &RunFacts { seed: 1, ..RunFacts::default() }).unwrap();
    /// let provenance = manifest.provenance();
    /// assert_eq!((provenance["ple.seed"].as_str(), provenance["ple.schema_hash"].len()), ("1", 32));
    /// ```
    pub fn provenance(&self) -> BTreeMap<String, String> {
        let run = &self.run;
        let hash = |text: &str| hexadecimal(xxh3_128(text.as_bytes()));
        let transformation = run.transformation.map(|hash| ("transformation", hash.to_string()));
        [
            ("checkpoint_hash", self.file.xxh3.clone()),
            ("schema_hash", hash(&run.schema.to_string())),
            ("config", run.config.to_string()),
            ("metrics", run.metrics.to_string()),
            ("seed", run.seed.to_string()),
            ("steps", run.position.step.to_string()),
            ("data", run.data_fingerprint.clone()),
            ("instruction_set", run.instruction_set.clone()),
            ("version", self.crate_version.clone()),
        ]
        .into_iter()
        .chain(transformation)
        .map(|(key, value)| (format!("ple.{key}"), value))
        .collect()
    }
}
