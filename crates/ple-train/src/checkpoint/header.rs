//! The header of a safetensors file: eight bytes of length, then JSON with the name, type, shape and place of every
//! tensor. Written here, so that tensors can be streamed and the bytes depend on the contents alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::{Dtype, TensorRecord};

/// The bytes before the length of the header is known.
pub(super) const LENGTH_BYTES: usize = 8;

/// One tensor, as the format describes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

const METADATA: &str = "__metadata__";

/// The whole header for tensors that follow each other in this order, padded with spaces so that the values start at
/// a multiple of eight.
pub(super) fn encode(
    tensors: &[TensorRecord],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = String::from("{");
    if !metadata.is_empty() {
        json += &format!("{}:{}", serde_json::to_string(METADATA)?, serde_json::to_string(metadata)?);
    }
    let mut start = 0;
    for tensor in tensors {
        let end = start + tensor.n_bytes().unwrap_or(u64::MAX - start);
        let entry = Entry { dtype: tensor.dtype, shape: tensor.shape.clone(), data_offsets: [start, end] };
        if json.len() > 1 {
            json.push(',');
        }
        json += &format!("{}:{}", serde_json::to_string(&tensor.name)?, serde_json::to_string(&entry)?);
        start = end;
    }
    json.push('}');
    let padded = json.len().next_multiple_of(LENGTH_BYTES);
    let mut bytes = (padded as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(LENGTH_BYTES + padded, b' ');
    Ok(bytes)
}

/// The metadata in a header, or `None` if it is no header.
pub(super) fn metadata(bytes: &[u8]) -> Option<BTreeMap<String, String>> {
    let json = bytes.get(LENGTH_BYTES..)?;
    let mut entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(json).ok()?;
    match entries.remove(METADATA) {
        Some(metadata) => serde_json::from_value(metadata).ok(),
        None => Some(BTreeMap::new()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::tensor::{Dtype as TheirDtype, TensorView};

    use super::{Dtype, TensorRecord, encode, metadata};

    fn record(name: &str, shape: &[usize]) -> TensorRecord {
        TensorRecord { name: name.into(), dtype: Dtype::F32, shape: shape.to_vec(), xxh3: String::new() }
    }

    /// The crate of the format's authors writes the same bytes for the same tensors.
    #[test]
    fn the_bytes_are_those_of_the_safetensors_crate() {
        let records = [record("a", &[2, 3]), record("b \"quoted\"", &[]), record("c", &[0, 4])];
        let mut bytes = encode(&records, &BTreeMap::new()).unwrap();
        bytes.extend([7_u8; 28]);
        let data = [7_u8; 28];
        let view =
            |range, shape: &[usize]| TensorView::new(TheirDtype::F32, shape.to_vec(), &data[range]).unwrap();
        let theirs =
            [("a", view(0..24, &[2, 3])), ("b \"quoted\"", view(0..4, &[])), ("c", view(0..0, &[0, 4]))];
        assert_eq!(safetensors::serialize(theirs, None).unwrap(), bytes);
    }

    #[test]
    fn metadata_comes_back() {
        let given = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "é\n".to_owned())]);
        let bytes = encode(&[record("x", &[1])], &given).unwrap();
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(metadata(&bytes), Some(given));
        assert_eq!(metadata(&encode(&[], &BTreeMap::new()).unwrap()), Some(BTreeMap::new()));
        assert_eq!(metadata(b"12345678{"), None);
    }
}
