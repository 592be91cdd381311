//! What is recorded is compared when it is read: which transformation made a number, and every byte of a prepared folder.

use std::fs;

use super::Check;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] = &[
    Check { says: "rows of another preparation are not scored", run: other_rows },
    Check { says: "vocabularies of another preparation are not exported", run: other_vocabularies },
    Check { says: "weights are not carried over by the keys of another folder", run: other_old_folder },
    Check { says: "a run that starts from a model has the settings of that model", run: other_settings },
    Check { says: "a flipped bit of a prepared folder is found by every program", run: flipped_bits },
    Check { says: "rows that carry no transformation are named", run: unknown_rows },
    Check { says: "a prepared folder is a folder that is scored and exported", run: prepared_folders },
];

/// Two days of the same features, with vocabularies of the same sizes and in another order, and a model of the first.
fn prepare_days(scene: &Scene) -> Result<(), String> {
    let features = "min_count = 1\nembedding_dim = 4\n[[sparse]]\nnames = [\"user\", \"item\"]\n\
                    [[dense]]\nname = \"price\"\nscale = \"min_max\"\nbins = 4\n[[label]]\nname = \"click\"\n\
                    [split]\nval = 0.2\ntest = 0.2\n";
    write(scene, "features.toml", features)?;
    for (day, shift) in [("monday", 0), ("tuesday", 5)] {
        let row = |row: u64| {
            // Users of unlike frequencies, so that the shift changes which one comes first.
            let (user, item) = ((row * row + row / 7) % 11, (row * 7 + shift) % 13);
            format!("u{},i{item},{}.5,{}\n", (user + shift) % 11, row % 17, (row * 5 / 3) % 2)
        };
        write(
            scene,
            &format!("{day}.csv"),
            &format!("user,item,price,click\n{}", (0..900).map(row).collect::<String>()),
        )?;
        let log = format!("--data {{}}/{day}.csv --features {{}}/features.toml --out {{}}/{day}");
        scene.succeed("prepare_table", &log)?;
    }
    scene.succeed("ali_ccp", "--data {}/monday --epochs 1 --batch-size 100 --out {}/model")?;
    let with = "--data {}/tuesday.csv --with {}/monday/schema.json --out {}/tuesday-with";
    scene.succeed("prepare_table", with).map(drop)
}

fn write(scene: &Scene, name: &str, text: &str) -> Result<(), String> {
    fs::write(scene.path(name), text).map_err(|error| format!("{name}: {error}"))
}

const OTHER: &str = "found the transformation";

fn other_rows(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    let score = |rows: &str| format!("--model {{}}/model --data {{}}/{rows} --out {{}}/scores.parquet");
    for rows in ["tuesday", "tuesday/test", "tuesday/train/part-00000.parquet"] {
        scene.run("score", &score(rows))?.expect(65, OTHER)?;
    }
    for rows in ["monday/test", "tuesday-with/test"] {
        scene.succeed("score", &score(rows))?;
    }
    scene
        .run("score", "--model {}/model --data {}/monday/test {}/tuesday/test --out {}/scores.parquet")?
        .expect(65, "rows of one transformation")?;
    scene
        .run("ali_ccp", "--data {}/tuesday --epochs 2 --batch-size 100 --out {}/model --resume")?
        .expect(65, OTHER)?;
    Ok(())
}

fn other_vocabularies(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    let export = |rows: &str, folder: &str| {
        format!("--model {{}}/model --data {{}}/{rows} --raw-inputs {{}}/{folder} --out {{}}/model.onnx")
    };
    scene.run("export", &export("monday/test", "tuesday"))?.expect(65, OTHER)?;
    scene.run("export", &export("tuesday/test", "monday"))?.expect(65, OTHER)?;
    scene.succeed("export", &export("monday/test", "monday"))?;
    scene.succeed("export", &export("tuesday-with", "tuesday-with"))?;
    // None of the features, of a model that knows no transformation.
    scene.succeed("generate", "--out {}/rows --rows 1000 --format parquet")?;
    scene.succeed("ali_ccp", "--data {}/rows --epochs 1 --out {}/plain")?;
    scene
        .run("export", "--model {}/plain --data {}/rows --raw-inputs {}/monday --out {}/plain.onnx")?
        .expect(65, "no feature of the model has a vocabulary or a scale there")?;
    Ok(())
}

fn other_old_folder(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    scene
        .succeed("prepare_table", "--data {}/tuesday.csv --extend {}/monday/schema.json --out {}/extended")?;
    let from = |old: &str| {
        format!(
            "--data {{}}/extended --from {{}}/model --from-data {{}}/{old} --epochs 1 --batch-size 100 --out {{}}/next"
        )
    };
    scene.run("ali_ccp", &from("tuesday"))?.expect(65, OTHER)?;
    scene.succeed("ali_ccp", &from("monday")).map(drop)
}

fn other_settings(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    scene
        .succeed("prepare_table", "--data {}/tuesday.csv --extend {}/monday/schema.json --out {}/extended")?;
    let from = |more: &str| {
        format!(
            "--data {{}}/extended --from {{}}/model --from-data {{}}/monday --epochs 1 --out {{}}/next {more}"
        )
    };
    for other in ["mmoe", "shared-bottom", "logistic-regression"] {
        scene
            .run("ali_ccp", &from(&format!("--model {other}")))?
            .expect(2, &format!("--model says {other}, and the model to start from is ple"))?;
    }
    write(
        scene,
        "other.json",
        r#"{"model": {"architecture": {"ple": {"n_levels": 2}}, "embedding_dropout": 0.5}}"#,
    )?;
    scene.run("ali_ccp", &from("--settings {}/other.json"))?.expect(
        2,
        "other.json: model.architecture.ple.n_levels = 2 (there 1), model.embedding_dropout = 0.5 (there 0.0)",
    )?;
    write(
        scene,
        "same.json",
        r#"{"model": {"architecture": {"ple": {"n_levels": 1}}}, "training": {"batch_size": 100}}"#,
    )?;
    scene.succeed("ali_ccp", &from("--model ple --settings {}/same.json")).map(drop)
}

fn flipped_bits(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    let flip = |name: &str, place: usize| {
        let mut bytes = scene.bytes(name)?;
        let place = place % bytes.len();
        bytes[place] ^= 1;
        fs::write(scene.path(name), bytes).map_err(|error| format!("{name}: {error}"))
    };
    let runs = [
        ("ali_ccp", "--data {}/monday --epochs 1 --out {}/again"),
        ("ali_ccp", "--data {}/monday --stream --epochs 1 --out {}/again"),
        ("score", "--model {}/model --data {}/monday --out {}/scores.parquet"),
        ("export", "--model {}/model --data {}/monday --out {}/model.onnx"),
        ("export", "--model {}/model --data {}/monday --raw-inputs {}/monday --out {}/model.onnx"),
        ("describe", "{}/monday"),
    ];
    for place in [100, 333, 1234] {
        flip("monday/test/part-00000.parquet", place)?;
        for (program, arguments) in runs {
            scene.run(program, arguments)?.expect(65, "test/part-00000.parquet: the file is damaged")?;
        }
        flip("monday/test/part-00000.parquet", place)?;
    }
    for file in ["monday/vocabulary/000-user.parquet", "monday/schema.json"] {
        flip(file, 150)?;
        for (program, arguments) in runs.iter().filter(|(_, arguments)| arguments.contains("--raw-inputs")) {
            scene.run(program, arguments)?.expect(65, "monday")?;
        }
        scene
            .run("prepare_table", "--data {}/tuesday.csv --with {}/monday/schema.json --out {}/other")?
            .expect(65, "monday")?;
        flip(file, 150)?;
    }
    Ok(())
}

fn unknown_rows(scene: &Scene) -> Result<(), String> {
    scene.succeed("generate", "--out {}/rows --rows 1000 --format parquet")?;
    scene
        .run("ali_ccp", "--data {}/rows --epochs 1 --out {}/model")?
        .expect(0, "3 files carry no transformation")?;
    scene
        .run("score", "--model {}/model --data {}/rows/ali_ccp_test_sample.parquet --out {}/scores.parquet")?
        .expect(
            0,
            "ali_ccp_test_sample.parquet carries no transformation; its numbers are taken as they are",
        )?;
    Ok(())
}

fn prepared_folders(scene: &Scene) -> Result<(), String> {
    prepare_days(scene)?;
    let says = "monday is a prepared folder: its part `test` is read";
    scene.run("score", "--model {}/model --data {}/monday --out {}/scores.parquet")?.expect(0, says)?;
    scene.run("export", "--model {}/model --data {}/monday --out {}/model.onnx")?.expect(0, says)?;
    scene
        .run(
            "score",
            "--model {}/model --data {}/monday/vocabulary/000-user.parquet --out {}/scores.parquet",
        )?
        .expect(65, "monday/test")?;
    Ok(())
}
