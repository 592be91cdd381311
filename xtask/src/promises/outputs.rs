//! Outputs: each is checked before the first row is read (it can be written, is no input, no other output and no device),
//! appears whole, is made by one process at a time, and what a killed process has left of it is removed by the next one.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use super::Check;
use super::scene::{Ended, Scene};

pub(super) const CHECKS: &[Check] = &[
    Check { says: "no output replaces what is read, by whatever name", run: inputs_stay },
    Check { says: "no two outputs replace each other", run: two_places },
    Check { says: "what stands in the way of an output is said before anything is read", run: in_the_way },
    Check { says: "links stay, and lead to what is written", run: links },
    Check { says: "a run that is not over is not replaced unasked, one that is over is", run: earlier_runs },
    Check { says: "a picture and an ONNX file are those of the manifest beside them", run: derived_files },
    Check { says: "two processes at one output: one succeeds, the other is told", run: two_processes },
    Check { says: "what killed processes have left is removed", run: left_overs },
];

/// Rows, a model of them, a prepared folder, and raw files, under `{}`.
fn prepare(scene: &Scene) -> Result<(), String> {
    scene.succeed("generate", "--out {}/rows --rows 2000 --format parquet")?;
    scene.succeed("ali_ccp", "--data {}/rows --epochs 1 --out {}/model")?;
    scene.succeed(
        "prepare_table",
        "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/shop",
    )?;
    Ok(())
}

/// Programs with one output each, `@`, and what they read.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    (
        "score",
        "--model {}/model --data {}/rows --out @",
        &["rows/ali_ccp_test_sample.parquet", "model/manifest.json", "model/model.safetensors"],
    ),
    ("export", "--model {}/model --data {}/rows --out @.onnx", &[]),
    (
        "ali_ccp",
        "--data {}/rows --epochs 1 --out {}/new --predictions @",
        &["rows/ali_ccp_train_sample.parquet", "rows/ali_ccp_test_sample.parquet"],
    ),
    ("ali_ccp", "--data {}/shop --epochs 1 --out {}/new --predictions @", &["shop/schema.json"]),
    ("describe", "{}/rows --html @", &["rows/ali_ccp_val_sample.parquet"]),
];

fn inputs_stay(scene: &Scene) -> Result<(), String> {
    prepare(scene)?;
    for (program, arguments, inputs) in PROGRAMS {
        for input in *inputs {
            let before = scene.bytes(input)?;
            let (hard, soft) = (scene.path("hard"), scene.path("soft"));
            fs::hard_link(scene.path(input), &hard).map_err(|error| error.to_string())?;
            symlink(scene.path(input), &soft).map_err(|error| error.to_string())?;
            for output in [*input, "hard", "soft", &format!("rows/../{input}")] {
                let arguments = arguments.replace('@', &format!("{{}}/{output}"));
                scene.run(program, &arguments)?.expect(2, "would replace an input")?;
                scene.expect_bytes(input, &before)?;
            }
            for link in [hard, soft] {
                fs::remove_file(link).map_err(|error| error.to_string())?;
            }
        }
    }
    let from = "--data {}/shop --from {}/model/checkpoints/step-00000001 --from-data {}/shop --out {}/model";
    fs::create_dir_all(scene.path("model/checkpoints/step-00000001")).map_err(|error| error.to_string())?;
    fs::copy(scene.path("model/manifest.json"), scene.path("model/checkpoints/step-00000001/manifest.json"))
        .map_err(|error| error.to_string())?;
    scene.run("ali_ccp", from)?.expect(2, "would replace an input")?;
    Ok(())
}

fn two_places(scene: &Scene) -> Result<(), String> {
    let run = |predictions: &str| {
        let arguments = format!("--rows 2000 --epochs 1 --out {{}}/out --predictions {{}}/{predictions}");
        scene.run("ali_ccp", &arguments)?.expect(2, "would replace each other")
    };
    for predictions in [
        "out",
        "out/model.onnx",
        "out/manifest.json",
        "out/model.safetensors",
        "out/../out/model.svg",
        "out/checkpoints/rows.parquet",
        "out/checkpoints/step-00000005/model.safetensors",
    ] {
        run(predictions)?;
    }
    Ok(())
}

fn in_the_way(scene: &Scene) -> Result<(), String> {
    prepare(scene)?;
    let make = |name: &str| fs::create_dir_all(scene.path(name)).map_err(|error| error.to_string());
    make("folder.onnx")?;
    make("taken")?;
    fs::write(scene.path("taken/file"), "of somebody else").map_err(|error| error.to_string())?;
    symlink("/dev/null", scene.path("null.onnx")).map_err(|error| error.to_string())?;
    symlink(scene.path("gone"), scene.path("broken.onnx")).map_err(|error| error.to_string())?;
    pipe(scene, "pipe.onnx")?;
    let _socket = std::os::unix::net::UnixListener::bind(scene.path("socket.onnx"));
    for (program, arguments, _) in PROGRAMS {
        for (output, code) in [
            ("folder", 2),
            ("null", 2),
            ("broken", 2),
            ("pipe", 2),
            ("socket", 2),
            ("none/file", 74),
            ("taken/file/file", 74),
        ] {
            let output =
                if arguments.contains("@.onnx") { output.to_owned() } else { format!("{output}.onnx") };
            let ended = scene.run(program, &arguments.replace('@', &format!("{{}}/{output}")))?;
            before_the_first_row(ended.expect(code, &output)?)?;
        }
    }
    for (program, arguments) in [
        ("prepare_table", "--data data/shop_log/log.csv --features data/shop_log/features.toml --out"),
        ("generate", "--rows 100 --out"),
        ("ali_ccp", "--rows 2000 --epochs 1 --out"),
    ] {
        for output in ["null.onnx", "pipe.onnx", "taken/file"] {
            let ended = scene.run(program, &format!("{arguments} {{}}/{output}"))?;
            before_the_first_row(ended.expect(2, "where a folder is to be written")?)?;
        }
    }
    make("out/model.onnx")?;
    let ended = scene.run("ali_ccp", "--rows 2000 --epochs 1 --out {}/out")?;
    before_the_first_row(ended.expect(2, "model.onnx: found a folder where a file is")?)?;
    let ended = scene.run("export", "--model {}/model --data {}/rows --out {}/m.bin")?;
    before_the_first_row(ended.expect(2, "expected: a name such as model.onnx")?)?;
    fs::remove_dir(scene.path("out/model.onnx")).map_err(|error| error.to_string())?;
    for name in ["manifest.json", "model.svg", "model.safetensors"] {
        fs::write(scene.path("out").join(name), "of somebody else").map_err(|error| error.to_string())?;
        let ended = scene.run("ali_ccp", "--rows 2000 --epochs 1 --out {}/out")?;
        before_the_first_row(ended.expect(2, &format!(
            "{name}: this is not what a run has saved, or it is damaged\nexpected: the result of an earlier run, or no file \
             of this name\nnext: choose another folder, or move the file away"
        ))?)?;
        scene.expect_bytes(&format!("out/{name}"), b"of somebody else")?;
        fs::remove_file(scene.path("out").join(name)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Fails if a program said that it has begun.
fn before_the_first_row(ended: Ended) -> Result<(), String> {
    match ["generating", "training rows", "counting ids"].iter().find(|begun| ended.text().contains(**begun))
    {
        Some(begun) => Err(format!("refused only after `{begun}`\n{}", ended.text())),
        None => Ok(()),
    }
}

pub(super) fn pipe(scene: &Scene, name: &str) -> Result<(), String> {
    let made = Command::new("mkfifo").arg(scene.path(name)).status().map_err(|error| error.to_string())?;
    if made.success() { Ok(()) } else { Err(format!("mkfifo {name} ended with {made}")) }
}

fn links(scene: &Scene) -> Result<(), String> {
    prepare(scene)?;
    let make = |name: &str| fs::create_dir_all(scene.path(name)).map_err(|error| error.to_string());
    make("elsewhere/empty")?;
    fs::write(scene.path("elsewhere/scores"), "older").map_err(|error| error.to_string())?;
    let link =
        |name: &str, to: &str| symlink(scene.path(to), scene.path(name)).map_err(|error| error.to_string());
    link("scores", "elsewhere/scores")?;
    link("prepared", "elsewhere/empty")?;
    scene.succeed("score", "--model {}/model --data {}/rows --out {}/scores")?;
    scene.succeed(
        "prepare_table",
        "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/prepared",
    )?;
    for name in ["scores", "prepared"] {
        let found = fs::symlink_metadata(scene.path(name)).map_err(|error| error.to_string())?;
        if !found.is_symlink() {
            return Err(format!("{name} is no link any more"));
        }
    }
    scene.expect_bytes("elsewhere/empty/schema.json", &scene.bytes("shop/schema.json")?)?;
    match scene.bytes("elsewhere/scores")?.starts_with(b"PAR1") {
        true => Ok(()),
        false => Err("the scores are not where the link leads to".to_owned()),
    }
}

const TRAIN: &str = "--rows 20000 --epochs 2 --checkpoint-every 3 --out {}/out";

fn earlier_runs(scene: &Scene) -> Result<(), String> {
    // Somebody else's files stay whatever happens.
    let notes =
        ["out/notes.txt", "out/checkpoints/step-500/weights.bin", "out/checkpoints/step-00000003/mine"];
    for name in notes {
        let path = scene.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|error| error.to_string())?;
        fs::write(path, name).map_err(|error| error.to_string())?;
    }
    killed_after(scene, TRAIN, "checkpoints/step-00000006/manifest.json")?;
    let ended = scene.run("ali_ccp", TRAIN)?.expect(2, "(--resume), or begin anew over it (--overwrite)")?;
    before_the_first_row(ended)?;
    scene.succeed("ali_ccp", &format!("{TRAIN} --resume"))?;
    let [resumed, manifest] = [scene.bytes("out/model.safetensors")?, scene.bytes("out/manifest.json")?];
    scene.succeed("ali_ccp", TRAIN)?.expect(0, "is replaced")?;
    scene.expect_bytes("out/model.safetensors", &resumed)?;
    scene.expect_bytes("out/manifest.json", &manifest)?;
    killed_after(scene, &format!("{TRAIN} --seed 1"), "checkpoints/step-00000006/manifest.json")?;
    scene.run("ali_ccp", TRAIN)?.expect(2, "this is not over")?;
    scene.succeed("ali_ccp", &format!("{TRAIN} --overwrite"))?.expect(0, "are removed")?;
    scene.expect_bytes("out/model.safetensors", &resumed)?;
    notes.iter().try_for_each(|name| scene.expect_bytes(name, name.as_bytes()))
}

/// Starts a run into `out`, and kills it once a file there is another one than before, or is there.
fn killed_after(scene: &Scene, arguments: &str, file: &str) -> Result<(), String> {
    let path = scene.path("out").join(file);
    let stamp = || fs::metadata(&path).and_then(|found| found.modified()).ok();
    let before = stamp();
    let mut command = scene.command("ali_ccp", arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.map_err(|error| format!("{command:?}: {error}"))?;
    while stamp() == before || stamp().is_none() {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("ali_ccp {arguments} ended with {status} before it could be killed"));
        }
        std::thread::yield_now();
    }
    child.kill().and_then(|()| child.wait()).map(|_| ()).map_err(|error| error.to_string())
}

fn derived_files(scene: &Scene) -> Result<(), String> {
    scene.succeed("ali_ccp", TRAIN)?;
    let older = scene.bytes("out/model.onnx")?;
    killed_after(scene, &format!("{TRAIN} --seed 1 --model mmoe"), "manifest.json")?;
    let manifest = String::from_utf8_lossy(&scene.bytes("out/manifest.json")?).into_owned();
    if !manifest.contains("mmoe") {
        return Err("the manifest is not that of the newer run".to_owned());
    }
    match fs::read(scene.path("out/model.onnx")) {
        Ok(bytes) if bytes == older => Err("the ONNX file is that of the older run".to_owned()),
        _ => Ok(()),
    }
}

fn two_processes(scene: &Scene) -> Result<(), String> {
    prepare(scene)?;
    for (program, arguments, leaves) in [
        ("ali_ccp", "--rows 20000 --epochs 1 --out {}/out", "out/model.onnx"),
        (
            "prepare_table",
            "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/two",
            "two/schema.json",
        ),
        ("score", "--model {}/model --data {}/rows --out {}/scores", "scores"),
        ("export", "--model {}/model --data {}/rows --out {}/two.onnx", "two.onnx"),
        ("describe", "{}/rows --html {}/page.html", "page.html"),
        ("generate", "--rows 100000 --out {}/generated", "generated/ali_ccp_test_sample.csv"),
    ] {
        for _ in 0..5 {
            let start = || {
                let mut command = scene.command(program, arguments);
                let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
                child.map_err(|error| format!("{command:?}: {error}"))
            };
            let both = [start()?, start()?];
            let mut succeeded = 0;
            for child in both {
                let output = child.wait_with_output().map_err(|error| error.to_string())?;
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                match output.status.code() {
                    Some(0) => succeeded += 1,
                    Some(74) if said.contains("another process is writing here") => {}
                    // The second one came when the folder was there.
                    Some(2) if said.contains("the folder is not empty") => {}
                    code => return Err(format!("{program} ended with {code:?}\n{said}")),
                }
            }
            if succeeded == 0 {
                return Err(format!("both of two `{program}` failed"));
            }
            scene.bytes(leaves)?;
            let _ = fs::remove_dir_all(scene.path("two"));
        }
    }
    Ok(())
}

fn left_overs(scene: &Scene) -> Result<(), String> {
    prepare(scene)?;
    let half = |name: &str| fs::write(scene.path(name), "half").map_err(|error| error.to_string());
    let make = |name: &str| fs::create_dir_all(scene.path(name)).map_err(|error| error.to_string());
    for (program, arguments, left) in [
        ("score", "--model {}/model --data {}/rows --out {}/scores", ".scores.unfinished"),
        ("export", "--model {}/model --data {}/rows --out {}/m.onnx", ".m.onnx.unfinished"),
        ("describe", "{}/rows --html {}/page.html", ".page.html.unfinished"),
        ("generate", "--rows 100 --out {}/g", "g/.ali_ccp_val_sample.csv.unfinished"),
        ("ali_ccp", "--rows 2000 --epochs 1 --out {}/model", "model/.model.safetensors.unfinished"),
        ("ali_ccp", "--rows 2000 --epochs 1 --out {}/model", "model/.model.onnx.unfinished"),
        (
            "prepare_table",
            "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/again",
            ".again.unfinished",
        ),
    ] {
        make("g")?;
        if left.contains("onnx") || left.contains("again") {
            make(&format!("{left}/deep"))?;
            half(&format!("{left}/deep/file"))?;
        } else {
            half(left)?;
        }
        scene.succeed(program, arguments)?;
        if scene.path(left).exists() {
            return Err(format!("{program} has left {left}"));
        }
    }
    Ok(())
}
