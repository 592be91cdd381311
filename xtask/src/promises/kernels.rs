//! The kernels that are asked for are those that run: `PLE_INSTRUCTION_SET` with a name that is none is refused by every
//! program before it does anything.

use super::Check;
use super::scene::{Ended, Scene};

pub(super) const CHECKS: &[Check] =
    &[Check { says: "an instruction set that does not exist is refused by every program", run: unknown_set }];

/// Each program with arguments that would otherwise do something.
const PROGRAMS: &[(&str, &str)] = &[
    ("ali_ccp", "--rows 2000 --epochs 1 --out {}/out"),
    ("census_income", "--data {}/none --epochs 1 --out {}/out"),
    ("describe", "data/ali_ccp_generated"),
    ("draw", "{}/none --out {}/out.svg"),
    ("export", "--model {}/none --data data/ali_ccp_generated --out {}/out.onnx"),
    ("generate", "--out {}/out --rows 1000"),
    ("generate_ali_ccp", "--out {}/out --rows 1000"),
    ("parity", "crates/ple-train/tests/golden/ple_tutorial.safetensors"),
    ("prepare_ali_ccp", "--raw {}/none --out {}/out"),
    ("prepare_table", "--data data/shop_log/log.csv --features data/shop_log/features.toml --out {}/out"),
    ("score", "--model {}/none --data data/ali_ccp_generated --out {}/out.parquet"),
];

fn unknown_set(scene: &Scene) -> Result<(), String> {
    for (program, arguments) in PROGRAMS {
        let mut command = scene.command(program, arguments);
        let output = command.env("PLE_INSTRUCTION_SET", "axv2").output();
        let output = output.map_err(|error| format!("{program}: {error}"))?;
        Ended::new(format!("PLE_INSTRUCTION_SET=axv2 {program} {arguments}"), &output)
            .expect(2, "PLE_INSTRUCTION_SET names no instruction set: `axv2` (nearest: `avx2`)")?;
    }
    match ["out", "out.svg", "out.onnx", "out.parquet"].iter().find(|name| scene.path(name).exists()) {
        Some(name) => Err(format!("{name} was written")),
        None => Ok(()),
    }
}
