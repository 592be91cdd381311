//! CSV files with changed, missing and added bytes: an error or a sound table, and never a panic.

use ple_data::{Feature, FeatureSchema, Label, Roles, Table, TaskType, infer_schema, read_csv};
use proptest::prelude::*;

const GOOD: &str = "click,weight,user,item,price,session\r\n\
    1,1.5,4,9,0.5,a\n\
    0,1,0,\"2\",-2.5e-3,\"b, c\"\n\
    \n\
    1,0,3,0,7,\"say \"\"hi\"\"\"\n\
    0,1,1,1,0,z";

fn schema() -> FeatureSchema {
    let mut click = Label::new("click", TaskType::Classification);
    click.weight = Some("weight".to_string());
    FeatureSchema::new(
        vec![Feature::sparse("user", 5, 4), Feature::sparse("item", 10, 4), Feature::dense("price")],
        vec![click],
        vec!["session".to_string()],
    )
    .unwrap()
}

/// Reads the bytes as CSV in both ways. A table that comes out has to pass the checks of `Table::new`.
fn try_bytes(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, bytes).unwrap();
    if let Ok(table) = read_csv(&path, &schema()) {
        Table::new(schema(), table.to_columns()).unwrap();
    }
    let roles = Roles { labels: schema().labels, keys: schema().keys, embedding_dim: 4 };
    if let Ok(inferred) = infer_schema(&[&path], &roles) {
        inferred.validate().unwrap();
    }
}

#[test]
fn the_file_itself_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, GOOD).unwrap();
    let table = read_csv(&path, &schema()).unwrap();
    assert_eq!(table.sparse(1).collect::<Vec<_>>(), [9, 2, 0, 1]);
    assert_eq!(table.dense(0).collect::<Vec<_>>(), [0.5, -0.0025, 7.0, 0.0]);
    let sessions = arrow_cast::display::array_value_to_string(&table.keys()[0], 2).unwrap();
    assert_eq!(sessions, "say \"hi\"");
}

#[test]
fn a_file_cut_off_anywhere() {
    (0..GOOD.len()).for_each(|length| try_bytes(&GOOD.as_bytes()[..length]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_changed_byte(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = GOOD.as_bytes().to_vec();
        let position = at.index(bytes.len());
        bytes[position] = byte;
        try_bytes(&bytes);
    }

    #[test]
    fn bytes_put_in_or_taken_out(at in any::<prop::sample::Index>(), added in "[\",\n\r0-9.eE+a\\-]{0,6}", removed in 0usize..6) {
        let mut bytes = GOOD.as_bytes().to_vec();
        let position = at.index(bytes.len());
        let end = (position + removed).min(bytes.len());
        bytes.splice(position..end, added.into_bytes());
        try_bytes(&bytes);
    }
}
