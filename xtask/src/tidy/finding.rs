//! One place that breaks one rule, printed so that an editor can jump to it.

use std::fmt;

/// Where a rule is broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Finding {
    /// A finding about a file or a folder as a whole.
    pub(crate) fn about(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    /// A finding at a line, counted from one.
    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn a_finding_prints_its_place_first() {
        assert_eq!(Finding::at("a/b.rs", 7, "odd").to_string(), "a/b.rs:7: odd");
        assert_eq!(Finding::about("a/b.rs", "odd").to_string(), "a/b.rs: odd");
    }
}
