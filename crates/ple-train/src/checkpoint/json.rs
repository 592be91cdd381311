//! Plain data as JSON in which an f32 keeps its shortest form: 0.3, not 0.30000001192092896.

use serde::Serialize;
use serde_json::Value;

/// The JSON of plain data, with every number as it would be printed.
///
/// # Panics
///
/// If the data has a map whose keys are not strings: a bug of the caller.
///
/// ```
/// assert_eq!(ple_train::checkpoint::to_json(&[0.3_f32]).to_string(), "[0.3]");
/// ```
pub fn to_json(data: &impl Serialize) -> Value {
    let text = serde_json::to_string(data).expect("plain data becomes JSON");
    serde_json::from_str(&text).expect("JSON that was just written")
}
