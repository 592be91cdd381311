//! Schemas as JSON: what is written is read back, and a key with one wrong letter is refused.

use ple_data::{DataError, FeatureSchema};
use proptest::prelude::*;

use crate::random_table::shapes;

/// A schema that uses every key that there is.
const EVERY_KEY: &str = r#"{
  "features": [
    { "name": "user", "kind": { "sparse": { "vocab_size": 9, "embedding_dim": 4 } } },
    { "name": "friend", "kind": { "sparse": { "vocab_size": 9, "embedding_dim": 4, "shared_with": "user" } } },
    { "name": "age", "kind": { "dense": { "bins": { "edges": [18.0, 65.0], "embedding_dim": 2 } } } },
    { "name": "price", "kind": { "dense": {} } },
    { "name": "history", "kind": { "sequence": { "vocab_size": 9, "embedding_dim": 4, "pooling": "mean",
      "padding_id": 0, "weights": "strengths", "shared_with": "user" } } }
  ],
  "labels": [
    { "name": "click", "task": "classification" },
    { "name": "conversion", "task": "regression", "column": "purchase", "weight": "click" }
  ],
  "keys": ["session"]
}"#;

/// Every key of a JSON text, as the span between its quotes.
fn keys(text: &str) -> Vec<std::ops::Range<usize>> {
    let quotes: Vec<usize> = text.match_indices('"').map(|(position, _)| position).collect();
    let strings = quotes.chunks_exact(2).map(|pair| pair[0] + 1..pair[1]);
    strings.filter(|span| text[span.end + 1..].trim_start().starts_with(':')).collect()
}

#[test]
fn one_wrong_letter_in_any_key_is_refused() {
    FeatureSchema::from_json(EVERY_KEY).unwrap();
    let keys = keys(EVERY_KEY);
    assert_eq!(keys.len(), 38);
    for position in keys.into_iter().flatten() {
        for letter in ["x", "q", "_", ""] {
            let mut changed = EVERY_KEY.to_string();
            changed.replace_range(position..position + 1, letter);
            if changed != EVERY_KEY {
                let result = FeatureSchema::from_json(&changed);
                assert!(matches!(result, Err(DataError::SchemaSyntax { .. })), "{changed}");
            }
        }
    }
}

#[test]
fn a_key_that_is_given_twice_or_left_out_is_refused() {
    for key in
        ["\"name\": \"user\"", "\"vocab_size\": 9", "\"embedding_dim\": 4", "\"task\": \"classification\""]
    {
        let twice = EVERY_KEY.replacen(key, &format!("{key}, {key}"), 1);
        let without = EVERY_KEY.replacen(&format!("{key}, "), "", 1).replacen(&format!(", {key}"), "", 1);
        assert!(FeatureSchema::from_json(&twice).is_err(), "{twice}");
        assert!(without == EVERY_KEY || FeatureSchema::from_json(&without).is_err(), "{without}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_schema_comes_back_from_json(shape in shapes(0..1, 4)) {
        let schema = shape.schema();
        let text = schema.to_json();
        prop_assert_eq!(&FeatureSchema::from_json(&text).unwrap(), &schema);
        prop_assert_eq!(FeatureSchema::from_json(&text).unwrap().to_json(), text);
    }

    #[test]
    fn a_changed_byte_of_a_schema_never_panics(at in any::<prop::sample::Index>(), byte in 32u8..127) {
        let mut text = EVERY_KEY.as_bytes().to_vec();
        let position = at.index(text.len());
        text[position] = byte;
        let _ = FeatureSchema::from_json(std::str::from_utf8(&text).unwrap());
    }
}
