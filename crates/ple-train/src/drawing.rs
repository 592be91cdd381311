//! The picture of a model as a file: `ple_nn` draws it, and here it is written, whole or not at all.

use std::io::Write;
use std::path::Path;

use ple_files::write_whole;
use ple_nn::diagram::{Diagram, DrawingFormat};

use crate::error::TrainError;
use crate::ranking_model::RankingModel;

impl RankingModel {
    /// The boxes and arrows of the model's picture, with widths and counts.
    pub fn diagram(&self) -> Diagram {
        Diagram::of(&self.model, &self.store)
    }

    /// Draws the model into a file, whose ending says how: `.svg`, `.dot` (Graphviz) or `.mmd` (Mermaid). The same model
    /// gives the same bytes.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for another ending, and [`TrainError::File`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ple_data::{Vocabulary, ali_ccp_schema};
    /// use ple_nn::ModelConfig;
    /// use ple_train::{RankingModel, RunSeed};
    ///
    /// let schema = ali_ccp_schema(&Vocabulary::Small.sizes(), 16);
    /// let model = RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap();
    /// let folder = tempfile::tempdir().unwrap();
    /// model.draw(&folder.path().join("model.svg")).unwrap();
    ///
    /// let refused = model.draw(&folder.path().join("model.png")).unwrap_err();
    /// assert_eq!(refused.exit_code(), 2);
    /// ```
    pub fn draw(&self, path: &Path) -> Result<(), TrainError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(format) = DrawingFormat::of(path).filter(|_| !name.is_empty()) else {
            return Err(TrainError::Setting {
                setting: "the file for the picture".to_owned(),
                found: path.display().to_string(),
                expected: "a name that ends in .svg, .dot or .mmd".to_owned(),
            });
        };
        let picture = self.diagram().draw(format);
        Ok(write_whole(path, |file| file.write_all(picture.as_bytes()))?)
    }
}
