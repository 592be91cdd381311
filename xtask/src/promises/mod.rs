//! The step `promises` of the gate: what the programs promise where something goes wrong, a file of checks for each
//! promise. A check starts programs as a user would, and says which end it expected.
//!
//! A new check is a function in the file of its promise and a line in that file's list; a new promise is a file and a line
//! in [`PROMISES`].

mod finite;
mod hashes;
mod inputs;
mod interrupts;
mod kernels;
mod names;
mod outputs;
mod scene;
mod sizes;
mod terminals;

use scene::Scene;

use crate::examples::build;

/// One thing that holds.
struct Check {
    /// What holds, as a sentence without its full stop.
    says: &'static str,
    run: fn(&Scene) -> Result<(), String>,
}

/// What all programs promise in one respect.
struct Promise {
    name: &'static str,
    checks: &'static [Check],
}

const PROMISES: &[Promise] = &[
    Promise { name: "names", checks: names::CHECKS },
    Promise { name: "outputs", checks: outputs::CHECKS },
    Promise { name: "inputs", checks: inputs::CHECKS },
    Promise { name: "terminals", checks: terminals::CHECKS },
    Promise { name: "interrupts", checks: interrupts::CHECKS },
    Promise { name: "finite", checks: finite::CHECKS },
    Promise { name: "sizes", checks: sizes::CHECKS },
    Promise { name: "kernels", checks: kernels::CHECKS },
    Promise { name: "hashes", checks: hashes::CHECKS },
];

/// Runs every check, and names all that fail.
pub(crate) fn check() -> Result<(), String> {
    build()?;
    let mut failures = Vec::new();
    for promise in PROMISES {
        for (number, check) in promise.checks.iter().enumerate() {
            let scene = Scene::new(&format!("{}-{number}", promise.name))?;
            match (check.run)(&scene) {
                Ok(()) => println!("   {}: {}", promise.name, check.says),
                Err(problem) => {
                    eprintln!("   {}: BROKEN: {}\n{problem}", promise.name, check.says);
                    failures.push(check.says);
                }
            }
        }
    }
    match failures.len() {
        0 => Ok(()),
        n => Err(format!("{n} promises are broken: {}", failures.join("; "))),
    }
}
