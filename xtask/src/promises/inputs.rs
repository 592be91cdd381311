//! Inputs: what is no regular file is refused at once, by what it is; a pipe is never waited for.

use std::fs;
use std::os::unix::fs::symlink;

use super::Check;
use super::outputs::pipe;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] =
    &[Check { says: "what is no file is refused by what it is, and never waited for", run: special_files }];

/// Programs that read `@`, and the code that they end with where it is not what it should be.
const READERS: &[(&str, &str)] = &[
    ("ali_ccp", "--rows 2000 --epochs 1 --settings @ --out {}/out"),
    ("ali_ccp", "--data {}/rows --schema @ --epochs 1 --out {}/out"),
    ("describe", "@"),
    ("describe", "{}/rows --schema @"),
    ("prepare_table", "--data data/shop_log/log.csv --features @ --out {}/out"),
    ("prepare_table", "--data @ --features data/shop_log/features.toml --out {}/out"),
    ("score", "--model {}/model --data @ --out {}/scores"),
];

fn special_files(scene: &Scene) -> Result<(), String> {
    scene.succeed("generate", "--out {}/rows --rows 2000 --format parquet")?;
    scene.succeed("ali_ccp", "--data {}/rows --epochs 1 --out {}/model")?;
    let link = |to: &str, name: &str| symlink(to, scene.path(name)).map_err(|error| error.to_string());
    for ending in ["json", "csv", "parquet"] {
        pipe(scene, &format!("pipe.{ending}"))?;
        link("/dev/zero", &format!("zero.{ending}"))?;
    }
    fs::write(scene.path("latin1.json"), b"{\"m\xFCll\": 1}").map_err(|error| error.to_string())?;
    for (program, arguments) in READERS {
        let is_data = arguments.contains("--data @") || *arguments == "@";
        let endings: &[&str] = match (is_data, *program) {
            (true, "score") => &["parquet"],
            (true, _) => &["csv", "parquet"],
            (false, _) => &["json"],
        };
        for ending in endings {
            for (name, says) in [("pipe", "found a pipe"), ("zero", "found a device")] {
                let arguments = arguments.replace('@', &format!("{{}}/{name}.{ending}"));
                scene.run(program, &arguments)?.expect(65, says)?;
            }
        }
        if !is_data {
            let says = "latin1.json, line 1: the text is not UTF-8";
            scene.run(program, &arguments.replace('@', "{}/latin1.json"))?.expect(65, says)?;
            scene
                .run(program, &arguments.replace('@', "{}/none.json"))?
                .expect(66, "there is no such file")?;
            scene.run(program, &arguments.replace('@', "{}/rows"))?.expect(65, "found a folder")?;
        }
    }
    for (file, part) in [("manifest.json", "the manifest"), ("model.safetensors", "the tensors")] {
        let (from, to) = (scene.path("model").join(file), scene.path("kept"));
        fs::rename(&from, &to).map_err(|error| error.to_string())?;
        pipe(scene, &format!("model/{file}"))?;
        let ended = scene.run("score", "--model {}/model --data {}/rows --out {}/scores")?;
        ended.expect(65, file).map_err(|problem| format!("{part}: {problem}"))?;
        fs::rename(&to, &from).map_err(|error| error.to_string())?;
    }
    for program in ["score", "export"] {
        let arguments = "--model {}/model/manifest.json --data {}/rows --out {}/new.onnx";
        scene.run(program, arguments)?.expect(65, "found a file\nexpected: a folder")?;
    }
    Ok(())
}
