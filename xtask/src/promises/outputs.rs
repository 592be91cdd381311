//! An output is checked before the first row is read: it may be written, is no input, and no device.

use super::Check;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] =
    &[Check { says: "predictions do not replace the rows that are scored", run: scores_over_rows }];

fn scores_over_rows(scene: &Scene) -> Result<(), String> {
    scene.succeed("generate", "--out {}/rows --rows 1000 --format parquet")?;
    scene.succeed("ali_ccp", "--data {}/rows --epochs 1 --out {}/out")?;
    let test = "rows/ali_ccp_test_sample.parquet";
    let before = scene.bytes(test)?;
    scene
        .run("score", &format!("--model {{}}/out --data {{}}/{test} --out {{}}/{test}"))?
        .expect(2, "is among the files to be read")?;
    scene.expect_bytes(test, &before)
}
