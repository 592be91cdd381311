//! A corpus of bad feature files, each with its exact message; and one letter changed in every key.

use ple_data::prepare::FeatureFile;
use ple_data::{DataError, ExitKind};

/// What the rest of a feature file may be.
const LABEL: &str = "[[label]]\nname = \"click\"\n";

const FORM: &str = "\nexpected: keys, [[sparse]], [[sequence]], [[dense]], [[label]] and [split] in TOML";
const NEXT: &str = "\nnext: correct the feature file; a key that is not known is refused";

/// The start of a file, and the first line of what parsing it says.
const BAD_SYNTAX: &[(&str, &str)] = &[
    ("[[sparse]\n", "f.toml, line 1: unclosed array table, expected `]`"),
    (
        "mincount = 3\n",
        "f.toml, line 1: unknown field `mincount`, expected one of `embedding_dim`, `min_count`, `keys`, `sparse`, `sequence`, `dense`, `label`, `split`\nnearest: `min_count`",
    ),
    (
        "[[sparse]]\nname = \"user\"\nbukets = 7\n",
        "f.toml, line 3: unknown field `bukets`, expected one of `name`, `names`, `column`, `min_count`, `buckets`, `hash_seed`, `embedding_dim`, `shared_with`, `missing`\nnearest: `buckets`",
    ),
    (
        "[[dense]]\nname = \"price\"\nmin_count = 7\n",
        "f.toml, line 3: unknown field `min_count`, expected one of `name`, `names`, `column`, `scale`, `bins`, `embedding_dim`, `missing`",
    ),
    (
        "[[dense]]\nname = \"price\"\nscale = \"minmax\"\n",
        "f.toml, line 3: unknown variant `minmax`, expected one of `none`, `min_max`, `standard`, `log`\nnearest: `min_max`",
    ),
    (
        "[[sparse]]\nname = \"user\"\nmin_count = \"ten\"\n",
        "f.toml, line 3: invalid type: string \"ten\", expected u64",
    ),
    (
        "[[sparse]]\nname = \"user\"\nbuckets = -1\n",
        "f.toml, line 3: invalid value: integer `-1`, expected u32",
    ),
    ("min_count = 1\nmin_count = 2\n", "f.toml, line 2: duplicate key"),
];

/// An entry, and what is wrong with it.
const BAD_SETTINGS: &[(&str, &str)] = &[
    (
        "embedding_dim = 0\n",
        "f.toml, the file: embedding_dim is 0\nexpected: at least 1\nnext: correct embedding_dim in the feature file",
    ),
    (
        "[[sparse]]\nmin_count = 2\n",
        "f.toml, sparse `without a name`: name is nothing\nexpected: name, or names for several features alike\nnext: correct name in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\nnames = [\"b\"]\n",
        "f.toml, sparse `a`: names is both name and names\nexpected: one of the two\nnext: correct names in the feature file",
    ),
    (
        "[[sparse]]\nnames = [\"a\", \"b\"]\ncolumn = \"c\"\n",
        "f.toml, sparse `a`: column is `c` beside names\nexpected: column beside name alone\nnext: correct column in the feature file",
    ),
    (
        "[[sparse]]\nname = \"\"\n",
        "f.toml, sparse ``: name is blank\nexpected: a name with something to be seen\nnext: correct name in the feature file",
    ),
    (
        "[[sparse]]\nnames = [\"user\", \" \"]\n",
        "f.toml, sparse `user`: names is a list with a blank name\nexpected: a name with something to be seen\nnext: correct names in the feature file",
    ),
    (
        "[[dense]]\nname = \"price\"\ncolumn = \"\"\n",
        "f.toml, dense `price`: column is blank\nexpected: a name with something to be seen\nnext: correct column in the feature file",
    ),
    (
        "[split]\nval = 1e300\n",
        "f.toml, split: val is 1e300\nexpected: a share of the rows, from 0 to below 1\nnext: correct val in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\nbuckets = 0\n",
        "f.toml, sparse `a`: buckets is 0\nexpected: 1 to 4294967294\nnext: correct buckets in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\nbuckets = 9\nmin_count = 2\n",
        "f.toml, sparse `a`: min_count is 2 beside buckets\nexpected: one of the two\nnext: correct min_count in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\nhash_seed = 9\n",
        "f.toml, sparse `a`: hash_seed is 9 without buckets\nexpected: buckets as well\nnext: correct hash_seed in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\nembedding_dim = 0\n",
        "f.toml, sparse `a`: embedding_dim is 0\nexpected: at least 1\nnext: correct embedding_dim in the feature file",
    ),
    (
        "[[sparse]]\nname = \"a\"\n[[sparse]]\nname = \"b\"\nshared_with = \"a\"\nmin_count = 3\n",
        "f.toml, sparse `b`: min_count is 3 beside shared_with = `a`\nexpected: the setting at the feature that is shared\nnext: correct min_count in the feature file",
    ),
    (
        "[[sequence]]\nname = \"a\"\nseparator = \"\"\n",
        "f.toml, sequence `a`: separator is nothing\nexpected: at least one character\nnext: correct separator in the feature file",
    ),
    (
        "[[sequence]]\nname = \"a\"\nweight_separator = \":\"\n",
        "f.toml, sequence `a`: weight_separator is `:` without separator\nexpected: separator as well, or weights for a column of lists\nnext: correct weight_separator in the feature file",
    ),
    (
        "[[sequence]]\nname = \"a\"\nseparator = \":\"\nweight_separator = \":\"\n",
        "f.toml, sequence `a`: weight_separator is `:`\nexpected: another text than separator\nnext: correct weight_separator in the feature file",
    ),
    (
        "[[sequence]]\nname = \"a\"\nseparator = \"|\"\nweights = \"w\"\n",
        "f.toml, sequence `a`: weights is `w` beside separator\nexpected: weight_separator, since the lists are texts\nnext: correct weights in the feature file",
    ),
    (
        "[[sequence]]\nnames = [\"a\", \"b\"]\nweights = \"w\"\n",
        "f.toml, sequence `a`: weights is one column for several names\nexpected: weights beside name alone\nnext: correct weights in the feature file",
    ),
    (
        "[[dense]]\nname = \"a\"\nbins = 1\n",
        "f.toml, dense `a`: bins is 1\nexpected: at least 2\nnext: correct bins in the feature file",
    ),
    (
        "[[dense]]\nname = \"a\"\nembedding_dim = 4\n",
        "f.toml, dense `a`: embedding_dim is 4 without bins\nexpected: bins as well\nnext: correct embedding_dim in the feature file",
    ),
    (
        "[[dense]]\nname = \"a\"\nmissing = \"median\"\n",
        "f.toml, dense `a`: missing is `median`\nexpected: a number, or \"mean\"\nnext: correct missing in the feature file",
    ),
    (
        "[[dense]]\nname = \"a\"\nmissing = 1e39\n",
        "f.toml, dense `a`: missing is 1e39\nexpected: a finite number that fits into 32 bits\nnext: correct missing in the feature file",
    ),
    (
        "[split]\nval = 1.5\n",
        "f.toml, split: val is 1.5\nexpected: a share of the rows, from 0 to below 1\nnext: correct val in the feature file",
    ),
    (
        "[split]\nval = 0.5\ntest = 0.5\n",
        "f.toml, split: val is 1 with test\nexpected: less than 1 with test\nnext: correct val in the feature file",
    ),
    (
        "[split]\nseed = 1\n",
        "f.toml, split: val is 0, as test is\nexpected: a share of the rows, or no [split]\nnext: correct val in the feature file",
    ),
];

fn message(text: &str) -> DataError {
    FeatureFile::parse("f.toml", text).unwrap_err()
}

#[test]
fn every_bad_feature_file_has_its_message() {
    for (text, expected) in BAD_SYNTAX {
        let error = message(&format!("{text}{LABEL}"));
        let form = if expected.contains("nearest") { "" } else { FORM };
        assert_eq!(error.to_string(), format!("{expected}{form}{NEXT}"), "{text}");
        assert_eq!(error.kind(), ExitKind::Configuration);
    }
    for (text, expected) in BAD_SETTINGS {
        let error = message(&format!("{text}{LABEL}"));
        assert_eq!(error.to_string(), *expected, "{text}");
        assert_eq!(error.kind(), ExitKind::Configuration);
    }
}

/// A feature file with every key.
const EVERY_KEY: &str = r#"
embedding_dim = 8
min_count = 5
keys = ["session"]
[[sparse]]
name = "user"
column = "user_id"
min_count = 2
embedding_dim = 4
missing = "fail"
[[sparse]]
names = ["city", "country"]
buckets = 100
hash_seed = 1
[[sparse]]
name = "seller"
shared_with = "user"
[[sequence]]
name = "tags"
column = "tag_text"
separator = "|"
weight_separator = ":"
pooling = "sum"
buckets = 100
hash_seed = 1
embedding_dim = 4
missing = "unknown"
[[sequence]]
name = "history"
weights = "history_seconds"
min_count = 3
[[sequence]]
name = "friends"
shared_with = "user"
[[sequence]]
names = ["words"]
[[dense]]
name = "price"
column = "price_in_cents"
scale = "log"
bins = 10
embedding_dim = 4
missing = "mean"
[[dense]]
names = ["age"]
[[label]]
name = "click"
column = "clicked"
task = "classification"
weight = "weight"
space = "labelled"
[[label]]
name = "conversion"
space = { where = "click" }
[split]
val = 0.1
test = 0.1
seed = 7
by = "user_id"
"#;

#[test]
fn one_letter_changed_in_any_key_is_refused() {
    FeatureFile::parse("f.toml", EVERY_KEY).unwrap();
    let mut n_mutations = 0;
    for (number, line) in EVERY_KEY.lines().enumerate() {
        let is_table = line.starts_with('[');
        let mut keys = vec![match is_table {
            true => line.trim_matches(['[', ']']),
            false => line.split(" =").next().unwrap(),
        }];
        if line.contains("where") {
            keys.push("where");
        }
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            let start = line.find(key).unwrap();
            for position in start..start + key.len() {
                for other in [b'x', b'e'] {
                    let mut changed = line.as_bytes().to_vec();
                    if changed[position] == other {
                        continue;
                    }
                    changed[position] = other;
                    let changed = String::from_utf8(changed).unwrap();
                    let mut lines: Vec<&str> = EVERY_KEY.lines().collect();
                    lines[number] = &changed;
                    let result = FeatureFile::parse("f.toml", &lines.join("\n"));
                    assert!(result.is_err(), "`{changed}` instead of `{line}` is accepted");
                    n_mutations += 1;
                }
            }
        }
    }
    assert!(n_mutations > 400, "{n_mutations}");
}
