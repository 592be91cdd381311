//! The measured tables of `docs/benchmarks.md`, between two marks that nobody sees on the page.

use std::path::PathBuf;

use super::report::Report;
use crate::cargo::workspace_root;

const PAGE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Writes a report's tables into the page, and says where it is.
pub(crate) fn write(report: &Report<'_>) -> Result<PathBuf, String> {
    let path = workspace_root().join(PAGE);
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let page = between_marks(&page, &report.markdown())?;
    std::fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// The page with the text between its marks replaced.
fn between_marks(page: &str, text: &str) -> Result<String, String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => Ok(format!("{before}{BEGIN}\n\n{text}\n\n{END}{after}")),
        None => Err(format!("{PAGE} has no `{BEGIN}` with a `{END}` after it")),
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, PAGE, between_marks, workspace_root};

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("# A\n\n{BEGIN}\nold\n{END}\nend\n");
        let new = between_marks(&page, "new").unwrap();
        assert_eq!(new, format!("# A\n\n{BEGIN}\n\nnew\n\n{END}\nend\n"));
        assert_eq!(between_marks(&new, "new").unwrap(), new);
        assert!(between_marks("no marks", "new").is_err());
    }

    #[test]
    fn the_page_has_its_marks() {
        let page = std::fs::read_to_string(workspace_root().join(PAGE)).unwrap();
        assert!(between_marks(&page, "new").is_ok());
    }
}
