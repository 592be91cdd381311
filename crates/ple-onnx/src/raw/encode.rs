//! Encoders as nodes before a graph that reads ids and scaled numbers.

use std::collections::HashMap;

use ple_nn::{FeatureKind, FeatureSpec};
use serde_json::{Value, json};

use super::scale::DenseColumn;
use super::{Encoder, Keys, PADDING_INT, PADDING_STRING, RawInput, Scaler};
use crate::emit::NO_ELEMENT;
use crate::graph::Graph;
use crate::proto::{AttributeProto, DataType};

/// The domain of LabelEncoder.
pub(crate) const ML_DOMAIN: &str = "ai.onnx.ml";

/// The graph with encoders before it: its inputs keep their names and become raw, and its nodes read what the encoders make
/// of them.
pub(crate) fn encode(graph: Graph, features: &[FeatureSpec], raw_inputs: &[RawInput]) -> Graph {
    let mut graph = graph;
    let behind = std::mem::take(&mut graph.nodes);
    let bin_readers = std::mem::take(&mut graph.bin_readers);
    let mut encoded: HashMap<&str, String> = HashMap::new();
    // What takes the place of a scaled number where only its bin counts.
    let mut binned: HashMap<&str, String> = HashMap::new();
    for raw in raw_inputs {
        let name = raw.feature.as_str();
        let made = match &raw.encoder {
            Encoder::Vocabulary { keys, unknown } => {
                retype(
                    &mut graph,
                    name,
                    if matches!(keys, Keys::Ints(_)) { DataType::Int64 } else { DataType::String },
                );
                let attributes = label_encoder(keys, *unknown, padding(features, name));
                graph.node_of(ML_DOMAIN, "LabelEncoder", &[name], attributes)
            }
            Encoder::Bins { edges, first, missing } => {
                retype(&mut graph, name, DataType::Float);
                bins(&mut graph, name, edges, *first, *missing)
            }
            &Encoder::Dense { missing, scaler, arithmetic } => {
                let column = DenseColumn { missing, scaler, arithmetic };
                retype(&mut graph, name, column.input_type());
                let is_missing = column.is_missing(&mut graph, name);
                if let (edges @ [_, ..], false) = (edges(features, name), scaler == Scaler::Identity) {
                    let reached = column.edge_reached(&mut graph, name, is_missing.as_deref(), edges);
                    binned.insert(name, reached);
                }
                column.scaled(&mut graph, name, is_missing.as_deref())
            }
            // Refused before.
            Encoder::Buckets { .. } => continue,
        };
        encoded.insert(name, made);
    }
    for (position, mut node) in behind.into_iter().enumerate() {
        let for_bins = bin_readers.iter().any(|readers| readers.contains(&position));
        for input in &mut node.input {
            let made = binned.get(input.as_str()).filter(|_| for_bins);
            if let Some(made) = made.or_else(|| encoded.get(input.as_str())) {
                input.clone_from(made);
            }
        }
        graph.nodes.push(node);
    }
    graph
}

/// What the metadata say of the encoders: for each feature what its input is, and what every other key becomes.
pub(crate) fn describe(raw_inputs: &[RawInput]) -> String {
    let describe = |raw: &RawInput| {
        let about = match &raw.encoder {
            Encoder::Vocabulary { keys: Keys::Strings(keys), unknown } => {
                json!({"strings": keys.len(), "unknown": unknown})
            }
            Encoder::Vocabulary { keys: Keys::Ints(keys), unknown } => {
                json!({"int64": keys.len(), "unknown": unknown})
            }
            Encoder::Bins { edges, first, missing } => {
                json!({"edges": edges.len(), "first": first, "missing": missing})
            }
            Encoder::Buckets { buckets } => json!({"buckets": buckets}),
            &Encoder::Dense { missing, scaler, arithmetic } => {
                let column = DenseColumn { missing, scaler, arithmetic };
                let mut about = json!({"missing": missing, "scaler": scaler_name(scaler)});
                if column.input_type() == DataType::Double {
                    about["input"] = json!("double");
                }
                about
            }
        };
        (raw.feature.clone(), about)
    };
    Value::Object(raw_inputs.iter().map(describe).collect()).to_string()
}

fn scaler_name(scaler: Scaler) -> &'static str {
    match scaler {
        Scaler::Identity => "identity",
        Scaler::MinMax { .. } => "min-max",
        Scaler::Standard { .. } => "standard",
        Scaler::Log => "log",
    }
}

fn retype(graph: &mut Graph, name: &str, data_type: DataType) {
    if let Some(port) = graph.inputs.iter_mut().find(|port| port.name == name) {
        port.data_type = data_type;
    }
}

/// What the key of no element becomes, where a feature is a sequence.
pub(super) fn padding(features: &[FeatureSpec], name: &str) -> Option<i64> {
    match features.iter().find(|feature| feature.name == name)?.kind {
        FeatureKind::Sequence { padding_id, .. } => Some(padding_id.map_or(NO_ELEMENT, i64::from)),
        FeatureKind::Sparse { .. } | FeatureKind::Dense { .. } => None,
    }
}

/// The edges of a dense feature's bins; none where it has no bins.
fn edges<'f>(features: &'f [FeatureSpec], name: &str) -> &'f [f32] {
    match features.iter().find(|feature| feature.name == name).map(|feature| &feature.kind) {
        Some(FeatureKind::Dense { bins: Some(bins) }) => &bins.edges,
        _ => &[],
    }
}

fn label_encoder(keys: &Keys, unknown: u32, padding: Option<i64>) -> Vec<AttributeProto> {
    let ids = |ids: &mut dyn Iterator<Item = u32>| {
        let ids: Vec<i64> = ids.map(i64::from).chain(padding).collect();
        AttributeProto::ints("values_int64s", &ids)
    };
    let (keys, ids) = match keys {
        Keys::Strings(keys) => {
            let names = keys.iter().map(|(key, _)| key.as_str()).chain(padding.map(|_| PADDING_STRING));
            (AttributeProto::strings("keys_strings", names), ids(&mut keys.iter().map(|(_, id)| *id)))
        }
        Keys::Ints(keys) => {
            let numbers: Vec<i64> =
                keys.iter().map(|(key, _)| *key).chain(padding.map(|_| PADDING_INT)).collect();
            (AttributeProto::ints("keys_int64s", &numbers), ids(&mut keys.iter().map(|(_, id)| *id)))
        }
    };
    vec![keys, ids, AttributeProto::int("default_int64", i64::from(unknown))]
}

fn bins(graph: &mut Graph, name: &str, edges: &[f32], first: u32, missing: u32) -> String {
    let last = graph.list(&[1]);
    let edges = match edges {
        // No number is at or above a NaN.
        [] => graph.floats(&[f32::NAN], &[1]),
        edges => graph.floats(edges, &[edges.len()]),
    };
    let column = graph.node("Unsqueeze", &[name, &last], Vec::new());
    let reached = graph.node("GreaterOrEqual", &[&column, &edges], Vec::new());
    let to = AttributeProto::int("to", DataType::Int64 as i64);
    let ones = graph.node("Cast", &[&reached], vec![to]);
    let count = graph.node("ReduceSum", &[&ones, &last], vec![AttributeProto::int("keepdims", 0)]);
    let first = graph.ints(&[i64::from(first)], &[]);
    let id = graph.node("Add", &[&count, &first], Vec::new());
    let is_missing = graph.node("IsNaN", &[name], Vec::new());
    let missing = graph.ints(&[i64::from(missing)], &[]);
    graph.node("Where", &[&is_missing, &missing, &id], Vec::new())
}
