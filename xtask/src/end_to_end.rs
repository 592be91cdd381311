//! The runs of the examples that the gate makes, as a user would type them: with good input, and with bad.

use std::fs;
use std::path::PathBuf;

use crate::cargo::target_folder;
use crate::examples::{build, from_the_top, program};

/// One run of an example, the exit code that it must give, and what it must say.
struct Run {
    example: &'static str,
    /// Words with blanks between them; `{scratch}` stands for a folder that is made fresh for this pass of the gate.
    arguments: &'static str,
    exit_code: i32,
    /// A part of what it prints.
    says: &'static str,
}

const fn run(example: &'static str, arguments: &'static str, exit_code: i32, says: &'static str) -> Run {
    Run { example, arguments, exit_code, says }
}

/// A run on streamed rows.
const STREAMED: &str = "--data data/ali_ccp_generated --stream --epochs 2 --batch-size 100 --checkpoint-every 7 \
         --out {scratch}/streamed";

/// The same, from its last checkpoint.
const STREAMED_ON: &str = "--data data/ali_ccp_generated --stream --epochs 2 --batch-size 100 --out \
         {scratch}/streamed --resume";

/// Another run, which cannot go on from there.
const STREAMED_OTHER: &str = "--data data/ali_ccp_generated --stream --epochs 2 --batch-size 100 --out \
         {scratch}/streamed --resume --seed 1";

/// The commands of the page on data, on a log with raw ids.
const SHOP_LOG: &str =
    "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {scratch}/shop";

/// Training on it.
const ON_SHOP_LOG: &str =
    "--data {scratch}/shop --stream --epochs 1 --batch-size 100 --out {scratch}/shop-model";

/// Another day of it, by the numbers of the first, and its new ids.
const NEXT_DAY: &str =
    "--data data/shop_log/log.csv --extend {scratch}/shop/schema.json --out {scratch}/shop-2";

/// Training on the other day, from the first one's model.
const FROM_SHOP_LOG: &str = "--data {scratch}/shop-2 --from {scratch}/shop-model --from-data {scratch}/shop --epochs 1 \
         --batch-size 100 --out {scratch}/shop-model-2";

/// A model of it with products that are wide enough to be quantised at each call.
const WIDE_ON_SHOP_LOG: &str = "--data {scratch}/shop --stream --epochs 4 --batch-size 50 --settings \
         xtask/serving/wide.json --out {scratch}/shop-wide";

/// The whole log as one part, by the numbers of the first preparation.
const WHOLE_SHOP_LOG: &str = "--train data/shop_log/log.csv --val data/shop_log/log.csv --test data/shop_log/log.csv \
         --with {scratch}/shop/schema.json --out {scratch}/shop-log";

/// A run with the lists of users, which are joined to streamed rows.
const WITH_LISTS: &str = "--data {scratch}/prepared --stream --user-lists --epochs 1 --out {scratch}/lists";

/// Every run, in order: a later one may read what an earlier one left in `{scratch}`.
const RUNS: &[Run] = &[
    run(
        "ali_ccp",
        "--rows 4000 --epochs 1 --out {scratch}/ple --json --predictions {scratch}/p.parquet",
        0,
        r#""epochs":1,"model":"ple","onnx":{"bytes":"#,
    ),
    run(
        "ali_ccp",
        "--rows 4000 --epochs 1 --model mmoe --out {scratch}/mmoe",
        0,
        "As ONNX it is in model.onnx",
    ),
    run(
        "ali_ccp",
        "--rows 4000 --epochs 1 --model shared-bottom --threads 1 --out {scratch}/shared",
        0,
        "1 threads",
    ),
    run("own_loop", "{scratch}/own", 0, "conversion: test AUC 0."),
    run("draw", "{scratch}/own --out {scratch}/own.svg", 0, "PLE: 1 level, 2 tasks"),
    run("draw", "{scratch}/ple --out {scratch}/ple.svg", 0, "PLE: 1 level, 2 tasks, 918884 parameters"),
    run("draw", "{scratch}/mmoe --out {scratch}/mmoe.mmd", 0, "MMOE: 2 tasks"),
    run("draw", "{scratch}/shared --out {scratch}/shared.dot", 0, "Shared bottom: 2 tasks"),
    run("draw", "{scratch}/ple --out {scratch}/ple.png", 2, "ends in .svg, .dot or .mmd"),
    run("draw", "{scratch} --out {scratch}/ple.svg", 66, "no complete checkpoint"),
    run("draw", "{scratch}/ple --out {scratch}/none/ple.svg", 74, "its folder does not exist"),
    run(
        "describe",
        "data/ali_ccp_generated --html {scratch}/data.html",
        0,
        "click     train  1,000         49  4.90%  all rows with a label",
    ),
    run("describe", "{scratch}/p.parquet --json", 0, r#""name": "conversion""#),
    run("describe", "{scratch}/none-*.csv", 66, "there is no such file"),
    run("describe", "data/ali_ccp_generated --label clik", 65, "nearest: `click`"),
    run(
        "generate",
        "--out {scratch}/rows --rows 1000 --format parquet",
        0,
        "ali_ccp_train_sample.parquet: 1000 rows, 49 clicks",
    ),
    run("generate", "--out /proc/nowhere", 74, "/proc/nowhere: could not create the folder"),
    run("generate", "--help", 0, "Examples:"),
    run(
        "generate_ali_ccp",
        "--out {scratch}/raw --rows 4000 --features-per-user 60",
        0,
        "train        4000       200",
    ),
    run("prepare_ali_ccp", "--raw {scratch}/raw --out {scratch}/prepared", 0, "test           2000"),
    run("ali_ccp", WITH_LISTS, 0, "18 sparse, 5 sequence, 8 dense"),
    run(
        "ali_ccp",
        "--data data/ali_ccp_generated --user-lists --out {scratch}/none",
        66,
        "schema.json: there is no such file",
    ),
    run("describe", "{scratch}/prepared/val", 0, "1,000"),
    run("prepare_ali_ccp", "--raw {scratch}/raw --out {scratch}/csv --compat", 0, "MB/s"),
    run("prepare_ali_ccp", "--raw {scratch}/raw --out {scratch}/csv --compat", 2, "the folder is not empty"),
    run(
        "prepare_ali_ccp",
        "--raw {scratch}/missing --out {scratch}/none",
        66,
        "sample_skeleton_train.csv: there is no such file",
    ),
    run("prepare_ali_ccp", "--help", 0, "Examples:"),
    run("generate_ali_ccp", "--out /proc/nowhere", 74, "/proc/nowhere: could not create the folder"),
    run("prepare_table", SHOP_LOG, 0, "user    150 ids that occur at least 3 times in training rows"),
    run("ali_ccp", ON_SHOP_LOG, 0, "buy         "),
    run("prepare_table", NEXT_DAY, 0, "MB/s"),
    run("ali_ccp", FROM_SHOP_LOG, 0, "embedding.user.weight: 151 rows carried over, 0 new, 0 gone"),
    run("ali_ccp", WIDE_ON_SHOP_LOG, 0, "optimizer.learning_rate = 0.003"),
    run("prepare_table", WHOLE_SHOP_LOG, 0, "test    3000 rows"),
    run(
        "score",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --out {scratch}/shop-scores.parquet",
        0,
        "3000 rows in",
    ),
    run(
        "export",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --raw-inputs {scratch}/shop \
         --out {scratch}/shop-wide-f32.onnx",
        0,
        "It reads raw ids: the 238 keys in the file are those of the vocabularies.",
    ),
    run(
        "export",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --raw-inputs {scratch}/shop \
         --precision f16 --out {scratch}/shop-wide-f16.onnx",
        0,
        "f16, ",
    ),
    run(
        "export",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --raw-inputs {scratch}/shop \
         --precision int8 --out {scratch}/shop-wide-int8.onnx --json",
        0,
        r#""precision":"int8","proved_rows":512"#,
    ),
    run(
        "export",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --raw-inputs {scratch}/shop \
         --inputs packed --out {scratch}/none.onnx",
        65,
        "has an encoder, and inputs are packed",
    ),
    run(
        "export",
        "--model {scratch}/shop-wide --data {scratch}/shop-log/test --raw-inputs {scratch}/shop-log/test \
         --out {scratch}/none.onnx",
        66,
        "schema.json: there is no such file",
    ),
    run(
        "prepare_table",
        "--data data/shop_log/log.csv --features data/shop_log/log.csv --out {scratch}/none",
        2,
        "correct the feature file",
    ),
    run(
        "prepare_table",
        "--data {scratch}/missing --with {scratch}/shop/schema.json --out {scratch}/none",
        66,
        "missing: there is no such file or folder",
    ),
    run("prepare_table", "--help", 0, "Examples:"),
    run("ali_ccp", STREAMED, 0, "streamed    1 training files with 1 row groups"),
    run("ali_ccp", STREAMED_ON, 0, "going on in epoch 2, after step 20"),
    run("ali_ccp", STREAMED_OTHER, 2, "training.seed was 2020; now it is 1"),
    run(
        "score",
        "--model {scratch}/streamed --data data/ali_ccp_generated/ali_ccp_test_sample.parquet \
         --out {scratch}/scores.parquet",
        0,
        "300 rows in",
    ),
    run(
        "export",
        "--model {scratch}/streamed --data data/ali_ccp_generated/ali_ccp_test_sample.parquet \
         --precision f16 --out {scratch}/streamed-f16.onnx",
        0,
        "in 300 rows it differs from the model by at most",
    ),
    run(
        "export",
        "--model {scratch}/streamed --data data/ali_ccp_generated/ali_ccp_test_sample.parquet \
         --precision int8 --out {scratch}/streamed-int8.onnx",
        0,
        "in 300 rows it differs from the model by at most",
    ),
    run(
        "export",
        "--model {scratch}/streamed --data data/ali_ccp_generated/ali_ccp_test_sample.parquet \
         --inputs packed --outputs matrix --out {scratch}/packed.onnx",
        0,
        "f32, ",
    ),
    run(
        "export",
        "--model {scratch}/streamed --data {scratch}/scores.parquet --out {scratch}/none.onnx",
        65,
        "there is no column `101`, which the feature `101` needs",
    ),
    run(
        "export",
        "--model {scratch} --data {scratch}/scores.parquet --out {scratch}/none.onnx",
        66,
        "no complete checkpoint",
    ),
    run(
        "export",
        "--model {scratch}/streamed --data {scratch}/scores.parquet --precision int4 --out {scratch}/none.onnx",
        2,
        "nearest: `int8`",
    ),
    run("export", "--help", 0, "Examples:"),
    run(
        "score",
        "--model {scratch}/streamed --data data/ali_ccp_generated/*_sample.parquet --id 101 --id \
         121 --out {scratch}/all.parquet --json",
        0,
        r#""rows":1600"#,
    ),
    run(
        "score",
        "--model {scratch}/streamed --data {scratch}/all.parquet --out {scratch}/none.parquet",
        65,
        "there is no column `122`, which the feature `122` needs",
    ),
    run(
        "score",
        "--model {scratch} --data {scratch}/all.parquet --out {scratch}/none.parquet",
        66,
        "no complete checkpoint",
    ),
    run("score", "--help", 0, "Examples:"),
    run("ali_ccp", "--rows 4000 --resume --out {scratch}/new", 66, "no checkpoint to go on from"),
    run("ali_ccp", "--rows 4000 --checkpoint-every 5h", 2, "expected a number of steps"),
    run("ali_ccp", "--help", 0, "Examples:"),
    run("ali_ccp", "--data {scratch}/missing", 66, "missing: there is no such file or folder"),
    run("ali_ccp", "--rows 4000 --epochs 0", 2, "epochs is 0"),
    run("ali_ccp", "--rows many", 2, "invalid value"),
    run("ali_ccp", "--rows 4000 --out /proc/nowhere --json", 74, r#""exit_code":74"#),
    run("ali_ccp", "--settings {scratch}/none.json", 66, "none.json"),
    run("census_income", "--data {scratch}/missing", 66, "train.parquet: there is no such file"),
];

/// Examples that have no run of their own here, each with its reason.
const NOT_RUN: &[(&str, &str)] = &[("parity", "it needs golden files, which are its arguments")];

/// Runs the examples in order and stops at the first that does not end as it must.
pub(crate) fn run_all() -> Result<(), String> {
    build()?;
    let scratch = fresh_scratch()?;
    for run in RUNS {
        let place = scratch.to_string_lossy();
        let arguments: Vec<String> =
            run.arguments.split_whitespace().map(|word| word.replace("{scratch}", &place)).collect();
        let line = format!("{} {}", run.example, arguments.join(" "));
        println!("   {line}");
        let output = from_the_top(program(run.example))
            .args(&arguments)
            .output()
            .map_err(|error| format!("{line}: {error}"))?;
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&text);
        if output.status.code() != Some(run.exit_code) {
            let (status, expected) = (output.status, run.exit_code);
            return Err(format!("{line} ended with {status}, expected exit code {expected}\n{text}"));
        }
        if !text.contains(run.says) {
            return Err(format!("{line} does not say `{}`\n{text}", run.says));
        }
    }
    for (example, reason) in NOT_RUN {
        println!("   not run: {example} ({reason})");
    }
    Ok(())
}

/// Where the runs leave their files, which later steps of the gate read. It is inside the target folder, so that nothing
/// is left in the checkout.
pub(crate) fn scratch() -> PathBuf {
    target_folder().join("end-to-end")
}

/// The same folder, empty.
fn fresh_scratch() -> Result<PathBuf, String> {
    let scratch = scratch();
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    Ok(scratch)
}

#[cfg(test)]
mod tests {
    use super::{NOT_RUN, RUNS};
    use crate::cargo::workspace_root;

    /// An example that the gate never runs is one that breaks in silence.
    #[test]
    fn every_example_is_run_or_says_why_not() {
        let manifest = std::fs::read_to_string(workspace_root().join("crates/ple-train/Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let examples = manifest.get("example").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        for example in examples {
            let name = example.get("name").and_then(toml::Value::as_str).unwrap();
            let run = RUNS.iter().any(|run| run.example == name);
            let excused = NOT_RUN.iter().any(|(excused, _)| *excused == name);
            assert!(run != excused, "example `{name}` belongs in exactly one of RUNS and NOT_RUN");
        }
    }
}
