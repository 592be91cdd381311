//! The predictions: one output for each head of the model, or one for all of them.

use ple_nn::Head;

use super::Emitter;
use crate::error::OnnxError;
use crate::graph::{Dim, Graph, Port, batch};
use crate::options::{ExportOptions, Outputs};
use crate::proto::DataType;

/// The name of the output of all heads together.
pub(crate) const MATRIX: &str = "predictions";

/// Adds the outputs and takes their names.
pub(super) fn declare(graph: &mut Graph, heads: &[Head], options: &ExportOptions) -> Result<(), OnnxError> {
    let ports: Vec<Port> = match options.outputs {
        Outputs::PerTask => heads
            .iter()
            .map(|head| Port { name: head.name.clone(), data_type: DataType::Float, dims: vec![batch()] })
            .collect(),
        Outputs::Matrix => {
            let dims = vec![batch(), Dim::Size(heads.len())];
            vec![Port { name: MATRIX.to_owned(), data_type: DataType::Float, dims }]
        }
    };
    for port in ports {
        if !graph.claim(&port.name) {
            return Err(OnnxError::Name { name: port.name });
        }
        graph.outputs.push(port);
    }
    Ok(())
}

impl Emitter<'_> {
    /// Gives each head's block of the last steps the form and the name of an output.
    pub(super) fn outputs(&mut self, heads: &[Head]) {
        let blocks = self.plan.outputs.clone();
        let values: Vec<String> = blocks.into_iter().map(|block| self.value(block)).collect();
        match self.options.outputs {
            Outputs::PerTask => {
                for (head, value) in heads.iter().zip(values) {
                    let axis = self.graph.list(&[1]);
                    self.graph.node("Squeeze", &[&value, &axis], Vec::new());
                    self.graph.rename_last(&head.name);
                }
            }
            Outputs::Matrix => {
                let inputs: Vec<&str> = values.iter().map(String::as_str).collect();
                let axis = vec![crate::proto::AttributeProto::int("axis", 1)];
                self.graph.node("Concat", &inputs, axis);
                self.graph.rename_last(MATRIX);
            }
        }
    }
}
