//! `cargo xtask tidy`: the house rules that a machine can check. Each rule is one function in a file of its own.

mod arrow_border;
mod changelog;
mod crate_edges;
mod file_heads;
mod file_length;
mod file_names;
mod finding;
mod kernel_border;
mod layout;
mod left_open;
mod links;
mod machine_traces;
mod manifests;
mod serde_flatten;
mod source_text;
mod test_honesty;
mod tree;

use std::process::ExitCode;

use finding::Finding;
use tree::Tree;

/// A rule looks at the whole tree and gives back every place that breaks it.
type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule. A new one is a file beside this one and a line here.
const RULES: &[Rule] = &[
    layout::check,
    crate_edges::check,
    arrow_border::check,
    manifests::check,
    file_heads::check,
    file_names::check,
    file_length::check,
    kernel_border::check,
    serde_flatten::check,
    left_open::check,
    test_honesty::check,
    machine_traces::check,
    links::check,
    changelog::check,
];

/// The command: prints what was found and fails if there is anything.
pub(crate) fn run() -> ExitCode {
    match check_workspace() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask tidy: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Checks the workspace that this program was built in, printing one line for each finding.
pub(crate) fn check_workspace() -> Result<(), String> {
    let tree = Tree::of_workspace()?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err("1 place breaks a house rule".to_owned()),
        n => Err(format!("{n} places break a house rule")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_is_tidy() {
        assert_eq!(super::check_workspace(), Ok(()));
    }
}
