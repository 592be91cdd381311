//! The picture of a model as a file, and the picture in the docs.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use ple_data::{Vocabulary, ali_ccp_schema};
use ple_nn::ModelConfig;
use ple_train::checkpoint::RunFacts;
use ple_train::{FileError, RankingModel, RunSeed, TrainError};

/// The model of the tutorial, with the vocabularies of the main job's generated rows.
fn tutorial_model() -> RankingModel {
    let schema = ali_ccp_schema(&Vocabulary::Small.sizes(), 16);
    RankingModel::new(schema, ModelConfig::default(), RunSeed(1)).unwrap()
}

#[test]
fn the_picture_in_the_docs_is_the_one_that_the_code_draws() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures/tutorial_model.svg");
    let folder = tempfile::tempdir().unwrap();
    let drawn = folder.path().join("model.svg");
    tutorial_model().draw(&drawn).unwrap();
    assert!(
        fs::read_to_string(path).unwrap_or_default() == fs::read_to_string(drawn).unwrap(),
        "the picture has changed; run the main job, then\n\
         cargo xtask draw target/ali_ccp --out docs/pictures/tutorial_model.svg\n\
         and look at it"
    );
}

#[test]
fn a_model_looks_the_same_after_it_was_saved_and_loaded() {
    let model = tutorial_model();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path(), &RunFacts::default()).unwrap();
    let (loaded, _) = RankingModel::load(folder.path()).unwrap();
    for name in ["a.svg", "a.dot", "a.mmd"] {
        let path = folder.path().join(name);
        model.draw(&path).unwrap();
        let first = fs::read(&path).unwrap();
        loaded.draw(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first, "{name}");
        assert!(!first.is_empty());
    }
    // Pictures beside a model are in nobody's way.
    assert!(RankingModel::load(folder.path()).is_ok());
}

#[test]
fn another_ending_is_refused_with_the_endings_that_are_known() {
    for name in ["model.png", "model", "svg", "model.svg.bak"] {
        let error = tutorial_model().draw(Path::new(name)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            error.to_string(),
            format!(
                "the file for the picture is {name}\n\
                 expected: a name that ends in .svg, .dot or .mmd\n\
                 next: correct the file for the picture"
            )
        );
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("none/model.svg");
    let error = tutorial_model().draw(&path).unwrap_err();
    assert!(
        matches!(&error, TrainError::File(FileError::Io { path: named, .. }) if *named == path),
        "{error}"
    );
    assert_eq!(error.exit_code(), 74);
    assert!(error.to_string().contains("could not write: its folder does not exist\n"), "{error}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}
