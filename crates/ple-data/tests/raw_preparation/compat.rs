//! The files of torch-rechub's script, against its rules applied plainly.

use std::collections::HashMap;

use ple_data::ali_ccp_raw::{RawConfig, prepare_ali_ccp_compat};
use ple_data::{ALI_CCP_DENSE, ALI_CCP_SPARSE};

use crate::plain_reading::{PlainRow, frequent, last_value, rows};
use crate::raw_texts::{RawTexts, push_common, push_row};

/// What the script makes: ids by first appearance, and dense values before their rounding.
struct Script {
    numbers: Vec<HashMap<String, usize>>,
    ranges: Vec<(f32, f32)>,
}

impl Script {
    fn new(texts: &RawTexts) -> Self {
        let (train, test) = (rows(texts, 0), rows(texts, 1));
        let last = |features: &[(String, f32)], _: &str| vec![features.last().unwrap().0.clone()];
        let numbers = frequent(&train, 10, last)
            .into_iter()
            .map(|ids| ids.into_iter().zip(1..).map(|((id, _), number)| (id, number)).collect())
            .collect();
        let range = |column: &&str| {
            let values = || train.iter().chain(&test).map(|row| last_value(row, &column[1..]));
            (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max))
        };
        Script { numbers, ranges: ALI_CCP_DENSE.iter().map(range).collect() }
    }

    fn line(&self, row: &PlainRow) -> (String, Vec<f32>) {
        let mut text = format!("{},{}", row.click, row.purchase);
        for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
            let id = row.fields.get(*name).and_then(|features| features.last()).map_or("0", |(id, _)| id);
            text += &format!(",{}", self.numbers[field].get(id).copied().unwrap_or(0));
        }
        let dense = ALI_CCP_DENSE.iter().zip(&self.ranges).map(|(column, (least, largest))| {
            let width = if largest > least { largest - least } else { 1.0 };
            (last_value(row, &column[1..]) - least) / width
        });
        (text, dense.collect())
    }
}

fn compat_files(texts: &RawTexts, block_bytes: usize) -> [Vec<(String, Vec<f32>)>; 3] {
    let folder = tempfile::tempdir().unwrap();
    texts.write(folder.path());
    let out = folder.path().join("out");
    // An empty folder may be there.
    std::fs::create_dir(&out).unwrap();
    let config = RawConfig { block_bytes, shard_bytes: 9_000, ..RawConfig::default() };
    prepare_ali_ccp_compat(folder.path(), &out, &config, &|_| ()).unwrap();
    ["train", "val", "test"].map(|part| {
        let text = std::fs::read_to_string(out.join(format!("ali_ccp_{part}.csv"))).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        assert!(
            header.starts_with("click,purchase,101,121,")
                && header.ends_with(",150_14,D109_14,D110_14,D127_14,D150_14,D508,D509,D702,D853")
        );
        let split = |line: &str| {
            let words: Vec<&str> = line.split(',').collect();
            let dense = words[25..].iter().map(|word| word.parse().unwrap()).collect();
            (words[..25].join(","), dense)
        };
        lines.lines().map(split).collect()
    })
}

fn assert_equal(found: &[(String, Vec<f32>)], expected: &[(String, Vec<f32>)]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.0, expected.0);
        let close = found.1.iter().zip(&expected.1).all(|(found, expected)| (found - expected).abs() < 0.002);
        assert!(close && found.1.len() == 8, "{found:?} {expected:?}");
    }
}

#[test]
fn files_are_those_of_the_script() {
    let mut texts = RawTexts::with_odd_lines();
    // Values that 16 bits do not hold would change what closeness means; the scaling has its own tests for them.
    for skeleton in &mut texts.skeleton {
        let text = String::from_utf8(std::mem::take(skeleton)).unwrap();
        *skeleton = text.replace("12345678.125", "3.5").into_bytes();
    }
    let script = Script::new(&texts);
    let [train, val, test] = compat_files(&texts, 3_000);
    let lines = |part| rows(&texts, part).iter().map(|row| script.line(row)).collect::<Vec<_>>();
    assert_equal(&train, &lines(0));
    let (mut halves, mut expected) = ([val, test].concat(), lines(1));
    assert_eq!(halves.len(), expected.len());
    let key = |line: &(String, Vec<f32>)| {
        (line.0.clone(), line.1.iter().map(|v| (v * 64.0) as i64).collect::<Vec<_>>())
    };
    halves.sort_by_key(key);
    expected.sort_by_key(key);
    // Values next to a border of the key may change places with their neighbours, so only most rows are compared.
    let same = halves.iter().zip(&expected).filter(|(found, expected)| found.0 == expected.0).count();
    assert!(same * 10 > expected.len() * 9, "{same} of {}", expected.len());
}

#[test]
fn ids_are_numbered_from_ten_occurrences_on_in_the_order_of_appearance() {
    let mut texts = RawTexts::small();
    for part in 0..2 {
        let (mut common, mut skeleton) = (Vec::new(), Vec::new());
        push_common(&mut common, "a", "101=900:1.0");
        push_common(&mut common, "b", "101=100:1.0 216=5:1.0");
        // Id 30 occurs nine times, 20 ten times but later than 40, and 0 is also what is missing.
        for row in 0..20 {
            let own = match row {
                0..9 => "205=30:1.0 216=1:1.0",
                9 => "205=40:1.0",
                10..19 => "205=20:1.0 205=40:1.0",
                _ => "205=20:1.0 206=0:1.0",
            };
            push_row(&mut skeleton, "0,0", if row < 10 { "b" } else { "a" }, own);
        }
        for _ in 0..10 {
            push_row(&mut skeleton, "0,0", "a", "205=20:1.0 206=0:1.0");
        }
        // A row that is dropped counts for nothing.
        push_row(&mut skeleton, "0,1", "a", "205=30:1.0");
        (texts.common[part], texts.skeleton[part]) = (common, skeleton);
    }
    let [train, val, test] = compat_files(&texts, 1 << 20);
    assert_eq!((train.len(), val.len(), test.len()), (30, 15, 15));
    let column = |field: &str| -> Vec<&str> {
        let place = 2 + ALI_CCP_SPARSE.iter().position(|name| *name == field).unwrap();
        train.iter().map(|(ids, _)| ids.split(',').nth(place).unwrap()).collect()
    };
    // 100 comes first in the rows, though its user stands second among the common features.
    assert_eq!(column("101"), [["1"; 10], ["2"; 10], ["2"; 10]].concat());
    assert_eq!(column("205"), [vec!["0"; 9], vec!["1"; 10], vec!["2"; 11]].concat());
    assert_eq!(column("216"), [["1"; 10], ["0"; 10], ["0"; 10]].concat());
    assert_eq!(column("206"), ["1"; 30]);
}
