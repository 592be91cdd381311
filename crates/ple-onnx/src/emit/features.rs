//! The inputs of the graph, and the embedding matrix in pieces: look-ups of one dimension together, sequences, bins,
//! dense values.

use super::{Emitter, Piece};
use crate::error::OnnxError;
use crate::graph::{Dim, Graph, Port, batch};
use crate::options::{ExportOptions, Inputs};
use crate::plan::{BundleKind, FeatureNames, Plan, Segment, Source, Step, Weights, bundles};
use crate::proto::{AttributeProto, DataType};

/// The name of the input of all sparse features together.
pub(crate) const PACKED_IDS: &str = "ids";

/// The name of the input of all dense features together.
pub(crate) const PACKED_DENSE: &str = "dense";

/// The name of the input that holds the weights of a sequence's elements.
pub(crate) fn weights_name(feature: &str) -> String {
    format!("{feature}.weights")
}

/// Adds the inputs, in the order of the features.
pub(super) fn declare(
    graph: &mut Graph,
    plan: &Plan,
    features: &FeatureNames,
    options: &ExportOptions,
) -> Result<(), OnnxError> {
    let sources = || segments(plan).iter().map(|segment| &segment.source);
    let port = |name: &str, data_type, dims: Vec<Dim>| Port { name: name.to_owned(), data_type, dims };
    let mut ports = Vec::new();
    let sparse = sources().filter(|source| matches!(source, Source::Lookup { .. })).count();
    if options.inputs == Inputs::Packed && sparse > 0 {
        ports.push(port(PACKED_IDS, DataType::Int64, vec![batch(), Dim::Size(sparse)]));
    }
    for source in sources() {
        match source {
            Source::Lookup { feature, .. } if options.inputs == Inputs::PerFeature => {
                ports.push(port(feature, DataType::Int64, vec![batch()]));
            }
            Source::Bag { feature, weights, .. } => {
                let dims = vec![batch(), Dim::Named(format!("{feature}.length"))];
                ports.push(port(feature, DataType::Int64, dims.clone()));
                if *weights == Weights::Given {
                    ports.push(port(&weights_name(feature), DataType::Float, dims));
                }
            }
            _ => {}
        }
    }
    match options.inputs {
        Inputs::PerFeature => {
            ports.extend(features.dense.iter().map(|name| port(name, DataType::Float, vec![batch()])));
        }
        Inputs::Packed if !features.dense.is_empty() => {
            let dims = vec![batch(), Dim::Size(features.dense.len())];
            ports.push(port(PACKED_DENSE, DataType::Float, dims));
        }
        Inputs::Packed => {}
    }
    for port in ports {
        if !graph.claim(&port.name) {
            return Err(OnnxError::Name { name: port.name });
        }
        graph.inputs.push(port);
    }
    Ok(())
}

/// The segments of the plan's embedding matrix.
pub(crate) fn segments(plan: &Plan) -> &[Segment] {
    let embedding = plan.steps.iter().find_map(|step| match step {
        Step::Embedding(segments) => Some(&segments[..]),
        _ => None,
    });
    embedding.unwrap_or(&[])
}

impl Emitter<'_> {
    /// The pieces of the embedding matrix.
    pub(super) fn embedding(&mut self, segments: &[Segment]) -> Vec<Piece> {
        let bundles = bundles(segments);
        let mut pieces: Vec<Piece> = Vec::new();
        for bundle in bundles {
            let group: Vec<&Segment> = bundle.segments.iter().map(|&segment| &segments[segment]).collect();
            pieces.push(match bundle.kind {
                BundleKind::Lookups => self.lookups(&group),
                BundleKind::Bins => self.bins(&group),
                BundleKind::Bag => Piece::of_floats(self.bag(group[0]), &group),
                BundleKind::Dense => match &group[0].source {
                    Source::Dense { features } => Piece::of_floats(self.dense(features), &group),
                    _ => continue,
                },
            });
        }
        pieces
    }

    /// `[batch, features]` of some dense features.
    pub(super) fn dense(&mut self, features: &[String]) -> String {
        match (self.options.inputs, features) {
            (Inputs::Packed, _) if features == self.features.dense => self.packed_dense(),
            (Inputs::Packed, _) => {
                let packed = self.packed_dense();
                let place = |name: &String| self.features.dense.iter().position(|dense| dense == name);
                let places: Vec<i64> = features.iter().filter_map(place).map(|place| place as i64).collect();
                let places = self.graph.list(&places);
                self.graph.node("Gather", &[&packed, &places], vec![AttributeProto::int("axis", 1)])
            }
            (Inputs::PerFeature, [only]) if self.gives_the_rows(only) => {
                let axis = self.graph.list(&[1]);
                self.graph.node("Unsqueeze", &[only, &axis], Vec::new())
            }
            (Inputs::PerFeature, [only]) => self.in_rows(only, &[], &[1]),
            (Inputs::PerFeature, _) => {
                let rows = self.stacked(features);
                self.graph.node("Transpose", &[&rows], vec![AttributeProto::ints("perm", &[1, 0])])
            }
        }
    }

    fn packed_dense(&mut self) -> String {
        match self.gives_the_rows(PACKED_DENSE) {
            true => PACKED_DENSE.to_owned(),
            false => self.in_rows(PACKED_DENSE, &[], &[self.features.dense.len() as i64]),
        }
    }

    /// `[features, batch]` of inputs of `[batch]`: one copy, and no reshaping of each.
    pub(super) fn stacked(&mut self, inputs: &[String]) -> String {
        let n = inputs.len() as i64;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let all = self.graph.node("Concat", &inputs, vec![AttributeProto::int("axis", 0)]);
        self.in_rows(&all, &[n], &[])
    }
}
