//! How wide a text may become, without knowing the reader's font: an upper estimate by classes of characters.

/// The weights of text in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Normal,
    Bold,
}

/// The width in pixels of a text of a font size: at least that in DejaVu Sans, the widest of the usual fonts.
pub(super) fn text_width(text: &str, size: i32, weight: Weight) -> i32 {
    let thousandths: i64 = text.chars().map(char_width).sum();
    let thousandths = match weight {
        Weight::Normal => thousandths,
        Weight::Bold => thousandths * 23 / 20,
    };
    i32::try_from(thousandths * i64::from(size) / 1000 + 1).unwrap_or(i32::MAX)
}

/// The text, or as much of it as fits into a width, with an ellipsis.
pub(super) fn fit(text: &str, width: i32, size: i32, weight: Weight) -> String {
    if text_width(text, size, weight) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if text_width(&format!("{kept}…"), size, weight) > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// Thousandths of the font size.
fn char_width(character: char) -> i64 {
    match character {
        'i' | 'j' | 'l' | 'I' | 'J' | '\'' | ' ' | ',' | '.' => 320,
        '!' | '|' | '(' | ')' | '[' | ']' | '-' | ':' | ';' | '/' | 'f' | 'r' | 't' => 415,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1000,
        '+' | '<' | '=' | '>' | '#' | '→' | '~' | '^' | '&' => 840,
        'A'..='Z' => 790,
        '\u{20}'..='\u{7e}' => 640,
        // Wide scripts fill a square, pictures somewhat more.
        '\u{1f000}'.. => 1400,
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::{Weight, fit, text_width};

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_cut() {
        assert_eq!(fit("click", 100, 12, Weight::Normal), "click");
        let cut = fit("a rather long name of a task", 100, 12, Weight::Bold);
        assert!(cut.ends_with('…') && text_width(&cut, 12, Weight::Bold) <= 100, "{cut}");
        assert_eq!(fit("click", 0, 12, Weight::Normal), "…");
    }

    #[test]
    fn bold_is_wider_and_width_grows_with_size() {
        assert!(text_width("click", 12, Weight::Bold) > text_width("click", 12, Weight::Normal));
        assert!(text_width("click", 24, Weight::Normal) > text_width("click", 12, Weight::Normal));
    }
}
