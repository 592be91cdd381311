//! A name that no model can have is refused before anything runs, by each program that reads it.

use std::fs;

use super::Check;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] = &[
    Check { says: "an index that pandas has written is no feature", run: refuses_an_index },
    Check { says: "two things of a model do not have one name", run: refuses_a_collision },
];

/// Rows of which the first column is the number of the row.
fn write_rows(scene: &Scene, header: &str) -> Result<(), String> {
    let rows: String =
        (0..60).map(|row| format!("{row},{},{},{}\n", row % 7, row % 2, row % 4 / 3)).collect();
    for part in ["train", "val", "test"] {
        let path = scene.path(&format!("{part}.csv"));
        fs::write(&path, format!("{header}\n{rows}"))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn refuses_an_index(scene: &Scene) -> Result<(), String> {
    for (header, says) in [
        (",user,click,purchase", "column 1 has no name"),
        ("Unnamed: 0,user,click,purchase", "column 1 `Unnamed: 0` is an index that pandas has written"),
    ] {
        write_rows(scene, header)?;
        scene.run("ali_ccp", "--data {} --epochs 1 --out {}/out")?.expect(65, says)?;
        scene.run("describe", "{}/train.csv")?.expect(65, says)?;
    }
    Ok(())
}

fn refuses_a_collision(scene: &Scene) -> Result<(), String> {
    write_rows(scene, "age,age.bins,click,purchase")?;
    let features =
        "[[dense]]\nname = \"age\"\nbins = 4\n[[sparse]]\nname = \"age.bins\"\n[[label]]\nname = \"click\"\n";
    let path = scene.path("features.toml");
    fs::write(&path, features).map_err(|error| format!("{}: {error}", path.display()))?;
    scene
        .run("prepare_table", "--data {}/train.csv --features {}/features.toml --out {}/prepared")?
        .expect(2, "would both be called `age.bins` in the model")?;
    Ok(())
}
