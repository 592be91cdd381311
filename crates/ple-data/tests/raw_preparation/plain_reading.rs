//! The raw files read as plainly as possible: texts, maps and the rules of the format, and no thought of speed.

use std::collections::HashMap;

use ple_data::ALI_CCP_SPARSE;

use crate::raw_texts::RawTexts;

/// Ids (as text) and values of each field, in order.
pub(crate) type Fields = HashMap<String, Vec<(String, f32)>>;

/// A row that is kept: common features take the place of the row's own.
pub(crate) struct PlainRow {
    pub(crate) click: u8,
    pub(crate) purchase: u8,
    pub(crate) fields: Fields,
}

/// The rows of a part.
pub(crate) fn rows(texts: &RawTexts, part: usize) -> Vec<PlainRow> {
    let lines = |bytes: &[u8]| -> Vec<Vec<String>> {
        let text = std::str::from_utf8(bytes).unwrap().to_owned();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    let common: HashMap<String, Fields> =
        lines(&texts.common[part]).into_iter().map(|words| (words[0].clone(), fields(&words[2]))).collect();
    let mut rows = Vec::new();
    for words in lines(&texts.skeleton[part]) {
        let (click, purchase) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        if click == 0 && purchase == 1 {
            continue;
        }
        let mut fields = fields(&words[5]);
        fields.extend(common[&words[3]].clone());
        rows.push(PlainRow { click, purchase, fields });
    }
    rows
}

fn fields(list: &str) -> Fields {
    let mut fields = Fields::new();
    for feature in list.split('\x01').filter(|feature| !feature.is_empty()) {
        let (field, rest) = feature.split_once('\x02').unwrap();
        let (id, value) = rest.split_once('\x03').unwrap();
        let value = value.parse::<f64>().unwrap() as f32;
        fields.entry(field.to_owned()).or_default().push((id.to_owned(), value));
    }
    fields
}

/// For each field the ids that occur often enough: `ids_of` says which ids of a row count.
pub(crate) fn frequent(
    rows: &[PlainRow],
    min_count: u32,
    ids_of: impl Fn(&[(String, f32)], &str) -> Vec<String>,
) -> Vec<Vec<(String, u32)>> {
    let of_field = |field: &&str| {
        let mut order: Vec<(String, u32)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for id in rows.iter().filter_map(|row| Some(ids_of(row.fields.get(*field)?, field))).flatten() {
            let place = *places.entry(id.clone()).or_insert_with(|| {
                order.push((id, 0));
                order.len() - 1
            });
            order[place].1 += 1;
        }
        order.retain(|(_, count)| *count >= min_count);
        order
    };
    ALI_CCP_SPARSE.iter().map(of_field).collect()
}

/// The last value of a field, 0 where it is missing.
pub(crate) fn last_value(row: &PlainRow, field: &str) -> f32 {
    row.fields.get(field).and_then(|features| features.last()).map_or(0.0, |(_, value)| *value)
}
