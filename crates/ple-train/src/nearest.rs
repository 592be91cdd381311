//! What refusals of names end with: the nearest known one, or the list.

pub(crate) use ple_nn::nearest;

/// The nearest known key in the message that serde gives for an unknown one:
/// ``unknown field `sead`, expected one of `seed`, `step` `` gives `seed`.
pub(crate) fn nearest_key(serde_message: &str) -> Option<&str> {
    if !serde_message.starts_with("unknown ") {
        return None;
    }
    let mut names = serde_message.split('`').skip(1).step_by(2);
    nearest(names.next()?, names)
}

/// Names one after the other.
pub(crate) fn list(names: &[impl ToString]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The last line of the refusal of a name.
pub(crate) fn hint(found: &str, known: &[impl AsRef<str>]) -> String {
    match nearest(found, known.iter().map(AsRef::as_ref)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "choose one of these".to_owned(),
    }
}

/// The last line of the refusal of a manifest.
pub(crate) fn key_hint(detail: &str) -> String {
    match nearest_key(detail) {
        Some(name) => format!("did you mean `{name}`? The manifest was changed after it was saved"),
        None => "take another checkpoint; this manifest was changed after it was saved".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest_key;

    #[test]
    fn the_key_is_read_out_of_the_message_of_serde() {
        assert_eq!(nearest_key("unknown field `sead`, expected one of `seed`, `step`"), Some("seed"));
        assert_eq!(nearest_key("missing field `seed`"), None);
    }
}
