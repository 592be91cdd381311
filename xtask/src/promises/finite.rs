//! A run whose numbers are not finite ends in that step with 77, says where, and saves nothing.

use super::Check;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] = &[
    Check { says: "a run that diverges ends with 77 and saves no model", run: divergence },
    Check { says: "one extreme value among the rows ends a run in its first step", run: extreme_value },
];

/// Settings that leave the numbers of 32 bits, within a step or within a few.
const DIVERGING: &[&str] = &[
    r#"{"training": {"optimizer": {"learning_rate": 1e30}}}"#,
    r#"{"training": {"optimizer": {"learning_rate": 1e10}}}"#,
    r#"{"model": {"embedding_deviation": 1e30}}"#,
    r#"{"training": {"balance": {"weights": [1e38, 1.0]}}}"#,
];

fn divergence(scene: &Scene) -> Result<(), String> {
    for settings in DIVERGING {
        scene.write("settings.json", settings)?;
        scene
            .run("ali_ccp", "--rows 4000 --epochs 1 --settings {}/settings.json --out {}/out")?
            .expect(77, "not finite")
            .map_err(|problem| format!("{settings}: {problem}"))?;
        expect_no_model(scene)?;
    }
    Ok(())
}

fn extreme_value(scene: &Scene) -> Result<(), String> {
    let mut text = "user,price,click,purchase\n".to_owned();
    for row in 0..400 {
        let price = if row == 7 { "1e20".to_owned() } else { format!("{}.5", row % 13) };
        let (click, purchase) = (u32::from(row % 3 == 0), u32::from(row % 6 == 0));
        text += &format!("{},{price},{click},{purchase}\n", row % 20);
    }
    for part in ["train", "val", "test"] {
        scene.write(&format!("rows/{part}.csv"), &text)?;
    }
    scene
        .run("ali_ccp", "--data {}/rows --epochs 2 --batch-size 400 --out {}/out")?
        .expect(77, "at epoch 1, step 1")?
        .expect(77, "1e20")?;
    expect_no_model(scene)
}

fn expect_no_model(scene: &Scene) -> Result<(), String> {
    match ["out/manifest.json", "out/model.safetensors", "out/model.onnx"]
        .iter()
        .find(|name| scene.path(name).exists())
    {
        Some(name) => Err(format!("{name} was saved")),
        None => Ok(()),
    }
}
