//! Where each key of a JSON text stands: a parsed value knows neither lines nor keys that are given twice.

/// A key, by its path from the top, and the line that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The keys and positions from the top down to it.
    pub(super) path: Vec<String>,
    /// Counted from 1.
    pub(super) line: usize,
}

impl Key {
    /// The key of a path; in line 1 if it is not there.
    pub(super) fn find(keys: &[Key], path: &[&str]) -> Key {
        let found = keys.iter().find(|key| key.path == path).cloned();
        found.unwrap_or_else(|| Key { path: path.iter().map(ToString::to_string).collect(), line: 1 })
    }

    /// Its path, as in `training.epochs`.
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}

/// Every key of a text that is valid JSON, in order.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let mut scanner = Scanner { rest: text, line: 1, path: Vec::new(), keys: Vec::new() };
    scanner.value();
    scanner.keys
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    path: Vec<String>,
    keys: Vec<Key>,
}

impl Scanner<'_> {
    fn value(&mut self) {
        match self.peek() {
            Some('{') => self.members('}', |scanner, _| {
                let name = scanner.string();
                scanner.path.push(name);
                scanner.keys.push(Key { path: scanner.path.clone(), line: scanner.line });
                // The colon.
                scanner.peek();
                scanner.skip(1);
            }),
            Some('[') => self.members(']', |scanner, position| scanner.path.push(position.to_string())),
            Some('"') => drop(self.string()),
            _ => {
                let end = self.rest.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(self.rest.len());
                self.skip(end);
            }
        }
    }

    /// The members of an object or array, each of which `begins` puts onto the path.
    fn members(&mut self, close: char, begins: impl Fn(&mut Self, usize)) {
        self.skip(1);
        let mut position = 0;
        while self.peek().is_some_and(|next| next != close) {
            begins(self, position);
            self.value();
            self.path.pop();
            position += 1;
            if self.peek() == Some(',') {
                self.skip(1);
            }
        }
        self.skip(1);
    }

    /// A string, without its quotes and escapes.
    fn string(&mut self) -> String {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, letter)| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let quoted = &self.rest[..end.map_or(self.rest.len(), |(end, _)| end + 1)];
        let text = serde_json::from_str(quoted).unwrap_or_default();
        self.skip(quoted.len());
        text
    }

    /// The next character that is no white space.
    fn peek(&mut self) -> Option<char> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.skip(blank);
        self.rest.chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::keys;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            "[\"{},:a\\\\\\[\\] \n]{0,6}".prop_map(|value| json!(value)),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            let names = "[\"{},:b\\\\\\[\\] \n]{0,4}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..4)
                    .prop_map(|object| Value::Object(object.into_iter().collect())),
            ]
        })
    }

    /// The paths of all keys of a value, as serde_json keeps it.
    fn expected(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let members: Vec<(String, &Value)> = match value {
            Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(array) => {
                array.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
            }
            _ => return,
        };
        for (name, member) in members {
            path.push(name);
            if value.is_object() {
                found.push(path.clone());
            }
            expected(member, path, found);
            path.pop();
        }
    }

    proptest! {
        #[test]
        fn every_key_is_found_in_its_line(value in values()) {
            let mut paths = Vec::new();
            expected(&value, &mut Vec::new(), &mut paths);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let found = keys(&text);
                prop_assert_eq!(found.iter().map(|key| key.path.clone()).collect::<Vec<_>>(), paths.clone());
                for key in found {
                    let quoted = Value::from(key.path.last().unwrap().as_str()).to_string();
                    let line = text.split('\n').nth(key.line - 1).unwrap();
                    prop_assert!(line.contains(&format!("{quoted}:")), "{key:?} is not in {line}");
                }
            }
        }
    }
}
