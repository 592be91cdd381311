//! The key tables of a finished file, read back from its bytes and compared entry by entry.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use ple_files::FileError;
use ple_nn::FeatureSpec;
use prost::Message;

use super::encode::{ML_DOMAIN, padding};
use super::{Encoder, Keys, PADDING_INT, PADDING_STRING, RawInput};
use crate::error::OnnxError;
use crate::proto::NodeProto;

/// The numbers of the fields on the way to a node.
const GRAPH: u64 = 7;
const NODE: u64 = 1;

/// Compares the key table of each encoder in a file with what it was made of. Gives back the number of entries.
///
/// # Errors
/// [`OnnxError::KeyTable`] for one that differs, [`OnnxError::File`] if the file cannot be read.
pub(crate) fn compare(
    path: &Path,
    features: &[FeatureSpec],
    raw_inputs: &[RawInput],
) -> Result<usize, OnnxError> {
    let nodes = label_encoders(path).map_err(|source| FileError::reading(path, source))?;
    let mut entries = 0;
    for raw in raw_inputs {
        let Encoder::Vocabulary { keys, unknown } = &raw.encoder else { continue };
        let wrong = |detail: String| OnnxError::KeyTable { feature: raw.feature.clone(), detail };
        let node = nodes.iter().find(|node| node.input.first() == Some(&raw.feature));
        let node = node.ok_or_else(|| wrong("it is not there".to_owned()))?;
        let attribute = |name: &str| {
            let found = node.attribute.iter().find(|attribute| attribute.name == name);
            found.ok_or_else(|| wrong(format!("it has no {name}")))
        };
        let padding = padding(features, &raw.feature);
        let values = &attribute("values_int64s")?.ints;
        let differs = |position: usize| wrong(format!("its entry {position} is another one"));
        if attribute("default_int64")?.i != Some(i64::from(*unknown)) {
            return Err(wrong("other keys have another id".to_owned()));
        }
        let n = match keys {
            Keys::Strings(keys) => {
                let found = &attribute("keys_strings")?.strings;
                let expected = keys.iter().map(|(key, id)| (key.as_bytes(), i64::from(*id)));
                let expected = expected.chain(padding.map(|id| (PADDING_STRING.as_bytes(), id)));
                same(found.iter().map(Vec::as_slice), values, expected).map_err(differs)?
            }
            Keys::Ints(keys) => {
                let found = &attribute("keys_int64s")?.ints;
                let expected = keys.iter().map(|(key, id)| (*key, i64::from(*id)));
                let expected = expected.chain(padding.map(|id| (PADDING_INT, id)));
                same(found.iter().copied(), values, expected).map_err(differs)?
            }
        };
        entries += n;
    }
    Ok(entries)
}

/// The number of entries, or the position of the first that differs.
fn same<K: PartialEq>(
    keys: impl ExactSizeIterator<Item = K>,
    values: &[i64],
    expected: impl Iterator<Item = (K, i64)>,
) -> Result<usize, usize> {
    let n = keys.len();
    if n != values.len() {
        return Err(n.min(values.len()));
    }
    let mut found = keys.zip(values.iter().copied());
    let mut position = 0;
    for expected in expected {
        if found.next() != Some(expected) {
            return Err(position);
        }
        position += 1;
    }
    if found.next().is_some() { Err(position) } else { Ok(n) }
}

/// The nodes of LabelEncoder. Everything else is passed over: tables are not read into memory.
fn label_encoders(path: &Path) -> io::Result<Vec<NodeProto>> {
    let mut file = BufReader::new(File::open(path)?);
    let end = file.get_ref().metadata()?.len();
    let mut nodes = Vec::new();
    each_field(&mut file, end, &mut |file, number, length| {
        if number != GRAPH {
            return file.seek_relative(length as i64);
        }
        let end = file.stream_position()? + length;
        each_field(file, end, &mut |file, number, length| {
            if number != NODE {
                return file.seek_relative(length as i64);
            }
            let mut bytes = vec![0; length as usize];
            file.read_exact(&mut bytes)?;
            let node = NodeProto::decode(&bytes[..]).map_err(io::Error::other)?;
            if node.domain == ML_DOMAIN {
                nodes.push(node);
            }
            Ok(())
        })
    })?;
    Ok(nodes)
}

/// What is done with a field: the file stands before its contents, and has to stand behind them afterwards.
type Visit<'v> = dyn FnMut(&mut BufReader<File>, u64, u64) -> io::Result<()> + 'v;

/// Visits the fields of a message with lengths up to its end; numbers are passed over.
fn each_field(file: &mut BufReader<File>, end: u64, visit: &mut Visit<'_>) -> io::Result<()> {
    while file.stream_position()? < end {
        let key = varint(file)?;
        match key & 7 {
            0 => _ = varint(file)?,
            2 => {
                let length = varint(file)?;
                visit(file, key >> 3, length)?;
            }
            _ => return Err(io::Error::other("a field of a kind that the writer does not write")),
        }
    }
    Ok(())
}

fn varint(file: &mut BufReader<File>) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(io::Error::other("a number of more than 64 bits"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use ple_nn::{FeatureKind, FeatureSpec, Pooling};
    use ple_tensor::ParamStore;

    use super::{compare, same};
    use crate::graph::{Graph, Port, batch};
    use crate::proto::DataType;
    use crate::raw::{Encoder, Keys, RawInput, encode};
    use crate::write::write_model;

    #[test]
    fn every_difference_of_two_tables_is_found() {
        let expected = || [(5, 1), (6, 2)].into_iter();
        let keys = |keys: &'static [i64]| keys.iter().copied();
        assert_eq!(same(keys(&[5, 6]), &[1, 2], expected()), Ok(2));
        assert_eq!(same(keys(&[5, 7]), &[1, 2], expected()), Err(1));
        assert_eq!(same(keys(&[5, 6]), &[0, 2], expected()), Err(0));
        assert_eq!(same(keys(&[5]), &[1], expected()), Err(1));
        assert_eq!(same(keys(&[5, 6, 7]), &[1, 2, 3], expected()), Err(2));
        assert_eq!(same(keys(&[5, 6]), &[1], expected()), Err(1));
    }

    fn features() -> Vec<FeatureSpec> {
        let kind = FeatureKind::Sequence {
            vocab_size: 9,
            embedding_dim: 2,
            pooling: Pooling::Mean,
            padding_id: Some(8),
            shared_with: None,
        };
        vec![FeatureSpec::sparse("city", 9, 2), FeatureSpec { name: "tags".to_owned(), kind }]
    }

    fn raw(feature: &str, keys: Keys, unknown: u32) -> RawInput {
        RawInput { feature: feature.to_owned(), encoder: Encoder::Vocabulary { keys, unknown } }
    }

    fn strings(keys: &[(&str, u32)]) -> Keys {
        Keys::Strings(keys.iter().map(|(key, id)| ((*key).to_owned(), *id)).collect())
    }

    /// A file whose only nodes are these encoders.
    fn write(raw_inputs: &[RawInput], path: &Path) {
        let mut graph = Graph::default();
        for raw in raw_inputs {
            let (name, dims) = (raw.feature.clone(), vec![batch()]);
            graph.inputs.push(Port { name, data_type: DataType::Int64, dims });
        }
        let graph = encode(graph, &features(), raw_inputs);
        let mut bytes = Vec::new();
        write_model(&graph, &ParamStore::new(), &[], None, &mut bytes).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_file_with_another_table_is_refused_with_the_place_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let written = [
            raw("city", strings(&[("oslo", 1), ("rome", 2)]), 0),
            raw("tags", Keys::Ints(vec![(-7, 1), (40, 2)]), 3),
        ];
        write(&written, &path);
        // The padding of the sequence is an entry, too.
        assert_eq!(compare(&path, &features(), &written).unwrap(), 2 + 3);

        let differs = |other: RawInput, detail: &str| {
            let error = compare(&path, &features(), std::slice::from_ref(&other)).unwrap_err();
            let text = format!(
                "the key table of `{}` in the file is not its vocabulary: {detail}\n\
                 expected: the same keys and ids in the same order\n\
                 next: please report this with the model's configuration",
                other.feature
            );
            assert_eq!((error.to_string(), error.exit_code()), (text, 70));
        };
        let city = |keys: &[(&str, u32)]| raw("city", strings(keys), 0);
        differs(city(&[("oslo", 1), ("rome", 3)]), "its entry 1 is another one");
        differs(city(&[("bonn", 1), ("rome", 2)]), "its entry 0 is another one");
        differs(city(&[("rome", 2), ("oslo", 1)]), "its entry 0 is another one");
        differs(city(&[("oslo", 1)]), "its entry 1 is another one");
        differs(city(&[("oslo", 1), ("rome", 2), ("bonn", 3)]), "its entry 2 is another one");
        differs(raw("city", strings(&[("oslo", 1), ("rome", 2)]), 4), "other keys have another id");
        differs(raw("city", Keys::Ints(vec![(1, 1), (2, 2)]), 0), "it has no keys_int64s");
        differs(raw("tags", Keys::Ints(vec![(-7, 1), (40, 1)]), 3), "its entry 1 is another one");
        differs(raw("tags", Keys::Ints(vec![(-7, 1)]), 3), "its entry 1 is another one");
        differs(raw("tags", strings(&[]), 3), "it has no keys_strings");
        differs(raw("place", strings(&[]), 0), "it is not there");

        // Another padding is another last entry.
        let mut padded_with_7 = features();
        if let FeatureKind::Sequence { padding_id, .. } = &mut padded_with_7[1].kind {
            *padding_id = Some(7);
        }
        let error = compare(&path, &padded_with_7, &written).unwrap_err().to_string();
        assert!(
            error.contains("`tags` in the file is not its vocabulary: its entry 2 is another one\n"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_ends_early_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let written = [raw("city", strings(&[("oslo", 1), ("rome", 2)]), 0)];
        write(&written, &path);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            // What is behind the node is not needed.
            if let Ok(entries) = compare(&path, &features(), &written) {
                assert_eq!(entries, 2, "{length}");
            }
        }
    }
}
