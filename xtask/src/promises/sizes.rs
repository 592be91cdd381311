//! What does not fit is refused before memory is asked for or time is spent, with the part that is too large.

use super::Check;
use super::scene::Scene;

pub(super) const CHECKS: &[Check] = &[
    Check { says: "settings that no memory holds are refused before anything is built", run: settings },
    Check { says: "an id that no table can have is refused with its column", run: raw_ids },
    Check { says: "rows that no memory holds are not generated", run: rows },
    Check { says: "a run beyond --memory is refused, and one within it is not", run: limit },
    Check { says: "epochs without end begin at once", run: epochs },
];

fn settings(scene: &Scene) -> Result<(), String> {
    let ple = |key: &str, value: &str| {
        format!(r#"{{"model": {{"architecture": {{"ple": {{"{key}": {value}}}}}}}}}"#)
    };
    for settings in [
        ple("n_levels", "1000000000"),
        ple("n_specific_experts", "1000000000"),
        ple("expert", r#"{"dims": [1099511627776]}"#),
        ple("expert", r#"{"dims": [4611686018427387904]}"#),
    ] {
        scene.write("settings.json", &settings)?;
        scene
            .run("ali_ccp", "--rows 2000 --settings {}/settings.json --out {}/out")?
            .expect(2, "expected: ")
            .map_err(|problem| format!("{settings}: {problem}"))?;
    }
    Ok(())
}

fn raw_ids(scene: &Scene) -> Result<(), String> {
    let mut text = "user,click,purchase\n".to_owned();
    for row in 0..100 {
        text += &format!("{},{},{}\n", row % 9, u32::from(row % 3 == 0), u32::from(row % 6 == 0));
    }
    for part in ["train", "val", "test"] {
        scene.write(&format!("rows/{part}.csv"), &format!("{text}2147483648,1,0\n"))?;
    }
    scene
        .run("ali_ccp", "--data {}/rows --out {}/out")?
        .expect(65, "column `user`")?
        .expect(65, "data prepare")?;
    Ok(())
}

fn rows(scene: &Scene) -> Result<(), String> {
    scene.run("ali_ccp", "--rows 8589934592 --out {}/out")?.expect(2, "GB")?;
    scene.run("generate", "--rows 8589934592 --out {}/rows")?.expect(2, "GB")?;
    Ok(())
}

fn limit(scene: &Scene) -> Result<(), String> {
    scene.run("ali_ccp", "--rows 20000 --epochs 1 --memory 20MB --out {}/out")?.expect(2, "--memory")?;
    scene.succeed("ali_ccp", "--rows 20000 --epochs 1 --memory 2GB --out {}/out").map(drop)
}

fn epochs(scene: &Scene) -> Result<(), String> {
    scene.succeed("ali_ccp", "--rows 2000 --epochs 1000000000 --out {}/out").map(drop)
}
