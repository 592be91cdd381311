//! The known key nearest to one that serde does not know.

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

#[cfg(test)]
mod tests {
    use super::nearest_key;

    #[test]
    fn the_key_is_read_out_of_the_message_of_serde() {
        assert_eq!(nearest_key("unknown field `sead`, expected one of `seed`, `step`"), Some("seed"));
        assert_eq!(nearest_key("missing field `seed`"), None);
    }
}
