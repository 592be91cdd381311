//! Rust source seen as lines of code: what a rule about code must not find in a comment.

/// The lines of a source that are not comments, numbered from one, each cut off where a comment starts.
///
/// It is no parser: two slashes after a colon (an address in a string) are kept, and block comments are seen as code.
pub(crate) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, without_comment(line)))
        .filter(|(_, line)| !line.trim().is_empty())
}

/// Whether a word stands in a line, with no letter, digit or underscore at either side.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(start, _)| !line[..*start].ends_with(':'));
    comment.map_or(line, |(start, _)| &line[..start])
}

#[cfg(test)]
mod tests {
    use super::{code_lines, has_word};

    #[test]
    fn comments_are_not_code() {
        let text = "//! head\nlet a = 1; // one\n\n/// doc\nlet b = \"http://x\";";
        let lines: Vec<_> = code_lines(text).collect();
        assert_eq!(lines, [(2, "let a = 1; "), (5, "let b = \"http://x\";")]);
    }

    #[test]
    fn words_end_at_underscores() {
        assert!(has_word("a flatten, b", "flatten"));
        assert!(!has_word("flatten_all", "flatten") && !has_word("un_flatten", "flatten"));
    }
}
