//! Python environments under the target folder, for what this project is compared with: one for each list of packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{target_folder, workspace_root};

/// The interpreter of an environment `name` that has the packages of `requirements`, a file of `xtask/`. It is made
/// where it is not there, and made again where the list has changed since.
///
/// The error is one line that says what is missing: Python, its module `venv`, or the way to the packages.
pub(crate) fn environment(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let requirements = workspace_root().join("xtask").join(requirements);
    let wanted =
        fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = target_folder().join(name);
    let program = match cfg!(windows) {
        true => folder.join("Scripts").join("python.exe"),
        false => folder.join("bin").join("python"),
    };
    // Written last, so an environment whose making was broken off is not taken for a whole one.
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|list| list == wanted) {
        return Ok(program);
    }
    eprintln!("making a Python environment in {}", folder.display());
    quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"];
    quietly(Command::new(&program).args(install).arg("--requirement").arg(&requirements))?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(program)
}

/// Runs a command of which nothing is shown; the error is the last line that it wrote.
fn quietly(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no message");
    Err(format!("{program} ended with {}: {last}", output.status))
}

/// Where the library is that comes with the Python package of ONNX Runtime.
pub(crate) fn onnx_runtime_library(python: &Path) -> Result<PathBuf, String> {
    let output = Command::new(python).args(["-c", FIND_LIBRARY]).output();
    let output = output.map_err(|error| format!("{} could not be started: {error}", python.display()))?;
    match output.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        false => Err(format!(
            "{} has no onnxruntime: {}",
            python.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Prints where the library is.
const FIND_LIBRARY: &str = "\
import onnxruntime, pathlib
folder = pathlib.Path(onnxruntime.__file__).parent / 'capi'
names = ('libonnxruntime.so', 'libonnxruntime.1', 'libonnxruntime.dylib', 'onnxruntime.dll')
print(next(path for path in folder.iterdir() if path.name.startswith(names)))
";

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{environment, quietly};

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let reason = quietly(&mut Command::new("no-such-python")).unwrap_err();
        assert!(reason.starts_with("no-such-python could not be started: "), "{reason}");
    }

    #[test]
    fn a_list_of_packages_that_is_not_there_is_named() {
        let reason = environment("no-such-venv", "no/such/requirements.txt").unwrap_err();
        assert!(reason.contains("requirements.txt: "), "{reason}");
    }
}
