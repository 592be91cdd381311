//! The bytes of a model: small messages are encoded as they are, the values of initialisers are streamed from where they
//! lie. The bytes are a function of the graph and the values alone.

mod folder;
mod values;

use std::io::{self, Write};

use ple_tensor::ParamStore;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use crate::graph::{Dim, Graph, Initializer, Port};
use crate::proto::{
    Dimension, DimensionProto, GraphProto, ModelProto, OperatorSetIdProto, ShapeProto,
    StringStringEntryProto, TensorProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

use crate::raw::ML_DOMAIN;

pub(crate) use folder::Unfinished;
pub use folder::check_path;

/// The version of the operators. Runtimes since the middle of 2022 know it, and nothing here needs a later one.
pub(crate) const OPSET: i64 = 17;

/// The version of the operators for machine learning: the first whose LabelEncoder has integers as keys.
const ML_OPSET: i64 = 2;

/// The version of the format that came with that opset.
pub(crate) const IR_VERSION: i64 = 8;

/// The start of each tensor in a file of external data: a multiple of what every system maps at once.
const ALIGNMENT: u64 = 1 << 16;

/// Values of fewer bytes stay in the model's file.
const LEAST_EXTERNAL: u64 = 1 << 12;

/// Where the values of an initialiser are in a file of external data.
#[derive(Clone, Debug)]
pub(crate) struct External {
    pub(crate) file: String,
    pub(crate) offset: u64,
}

/// Whether an initialiser goes to the file of external data, where there is one.
fn is_external(initializer: &Initializer) -> bool {
    initializer.bytes() >= LEAST_EXTERNAL
}

/// Writes the values of the large initialisers, and gives back the start of each.
pub(crate) fn write_data(graph: &Graph, store: &ParamStore, out: &mut dyn Write) -> io::Result<Vec<u64>> {
    let mut offsets = Vec::new();
    let mut position = 0_u64;
    for initializer in graph.initializers.iter().filter(|initializer| is_external(initializer)) {
        let start = position.next_multiple_of(ALIGNMENT);
        io::copy(&mut io::Read::take(io::repeat(0), start - position), out)?;
        values::write(&initializer.values, store, out)?;
        offsets.push(start);
        position = start + initializer.bytes();
    }
    Ok(offsets)
}

/// Writes the model. `external` are the file of external data and the start of each large initialiser in it.
pub(crate) fn write_model(
    graph: &Graph,
    store: &ParamStore,
    metadata: &[(String, String)],
    external: Option<(&str, &[u64])>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "ple".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: None,
        opset_import: opsets(graph),
        metadata_props: entries(metadata),
    };
    out.write_all(&model.encode_to_vec())?;

    let message = GraphProto {
        node: graph.nodes.clone(),
        name: "model".to_owned(),
        initializer: Vec::new(),
        input: graph.inputs.iter().map(value_info).collect(),
        output: graph.outputs.iter().map(value_info).collect(),
    };
    let message = message.encode_to_vec();
    let mut offsets = external.map(|(_, offsets)| offsets.iter());
    let tensors: Vec<Tensor<'_>> = graph
        .initializers
        .iter()
        .map(|initializer| {
            let place = match (&mut offsets, external) {
                (Some(offsets), Some((file, _))) if is_external(initializer) => {
                    offsets.next().map(|&offset| External { file: file.to_owned(), offset })
                }
                _ => None,
            };
            Tensor::new(initializer, place)
        })
        .collect();
    let length =
        message.len() as u64 + tensors.iter().map(|t| length_of_field(INITIALIZER, t.length())).sum::<u64>();
    field(out, GRAPH, length)?;
    out.write_all(&message)?;
    for tensor in tensors {
        field(out, INITIALIZER, tensor.length())?;
        out.write_all(&tensor.head)?;
        if let Some(initializer) = tensor.inline {
            field(out, RAW_DATA, initializer.bytes())?;
            values::write(&initializer.values, store, out)?;
        }
    }
    Ok(())
}

/// The operators that the nodes are of: ONNX's own, and those of its domain for machine learning where a node is of it.
fn opsets(graph: &Graph) -> Vec<OperatorSetIdProto> {
    let opset = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    let mut opsets = vec![opset("", OPSET)];
    if graph.nodes.iter().any(|node| node.domain == ML_DOMAIN) {
        opsets.push(opset(ML_DOMAIN, ML_OPSET));
    }
    opsets
}

/// The bytes that add entries to the metadata of a model that ends before them: a repeated field may go on anywhere.
pub(crate) fn more_metadata(metadata: &[(String, String)]) -> Vec<u8> {
    ModelProto { metadata_props: entries(metadata), ..ModelProto::default() }.encode_to_vec()
}

/// The numbers of the fields that are written by hand.
const GRAPH: u32 = 7;
const INITIALIZER: u32 = 5;
const RAW_DATA: u32 = 9;

/// A tensor's message without its values.
struct Tensor<'g> {
    head: Vec<u8>,
    /// The initialiser whose values follow the head.
    inline: Option<&'g Initializer>,
}

impl<'g> Tensor<'g> {
    fn new(initializer: &'g Initializer, external: Option<External>) -> Self {
        let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
        let head = TensorProto {
            dims: initializer.dims.iter().map(|&dim| dim as i64).collect(),
            data_type: initializer.values.data_type() as i32,
            name: initializer.name.clone(),
            raw_data: None,
            external_data: external
                .iter()
                .flat_map(|External { file, offset }| {
                    [
                        entry("location", file.clone()),
                        entry("offset", offset.to_string()),
                        entry("length", initializer.bytes().to_string()),
                    ]
                })
                .collect(),
            data_location: external.is_some().then_some(1),
        };
        Self { head: head.encode_to_vec(), inline: external.is_none().then_some(initializer) }
    }

    fn length(&self) -> u64 {
        let values = self.inline.map_or(0, |initializer| length_of_field(RAW_DATA, initializer.bytes()));
        self.head.len() as u64 + values
    }
}

/// Writes the key and the length of a field of bytes.
fn field(out: &mut dyn Write, tag: u32, length: u64) -> io::Result<()> {
    let mut head = Vec::new();
    encode_key(tag, WireType::LengthDelimited, &mut head);
    encode_varint(length, &mut head);
    out.write_all(&head)
}

fn length_of_field(tag: u32, length: u64) -> u64 {
    (key_len(tag) + encoded_len_varint(length)) as u64 + length
}

fn entries(metadata: &[(String, String)]) -> Vec<StringStringEntryProto> {
    let entry =
        |(key, value): &(String, String)| StringStringEntryProto { key: key.clone(), value: value.clone() };
    metadata.iter().map(entry).collect()
}

fn value_info(port: &Port) -> ValueInfoProto {
    let dim = |dim: &Dim| DimensionProto {
        value: Some(match dim {
            Dim::Size(size) => Dimension::Value(*size as i64),
            Dim::Named(name) => Dimension::Name(name.clone()),
        }),
    };
    let shape = ShapeProto { dim: port.dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: port.data_type as i32, shape: Some(shape) };
    ValueInfoProto { name: port.name.clone(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}
