//! An ONNX graph as it is put together: nodes in order, and initialisers whose values may still lie in the store.

use std::collections::HashSet;
use std::ops::Range;

use ple_tensor::TableId;
use serde_json::Value;

use crate::proto::{AttributeProto, DataType, NodeProto};
use crate::rounding::{TableForm, ZERO_POINT};

/// The graph, in the order in which it runs.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<NodeProto>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) initializers: Vec<Initializer>,
    /// For each initialiser that is not one parameter as it is: its name, and what it is made of.
    pub(crate) notes: Vec<(String, Value)>,
    /// The positions of the nodes that read dense inputs for the sake of their bins alone.
    pub(crate) bin_readers: Vec<Range<usize>>,
    names: HashSet<String>,
}

/// An input or output of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) dims: Vec<Dim>,
}

/// A side of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Dim {
    Size(usize),
    Named(String),
}

/// The rows of a batch.
pub(crate) fn batch() -> Dim {
    Dim::Named("batch".to_owned())
}

/// A tensor that is part of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Initializer {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Values,
}

/// Where an initialiser's values are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Values {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    /// 32-bit floats that are written as 16-bit ones.
    Halves(Vec<f32>),
    Ints(Vec<i64>),
    Bytes(Vec<u8>),
    SignedBytes(Vec<i8>),
    /// The weights of tables, all of one form and one after the other, read row by row when the file is written.
    Tables(Vec<(TableId, TableForm)>),
}

impl Values {
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Values::Floats(_) => DataType::Float,
            Values::Doubles(_) => DataType::Double,
            Values::Halves(_) => DataType::Float16,
            Values::Ints(_) => DataType::Int64,
            Values::Bytes(_) => DataType::Uint8,
            Values::SignedBytes(_) => DataType::Int8,
            Values::Tables(tables) => match tables.first() {
                Some((_, TableForm::Halves)) => DataType::Float16,
                Some((_, TableForm::Codes(_))) => DataType::Uint8,
                Some((_, TableForm::Floats)) | None => DataType::Float,
            },
        }
    }
}

impl Initializer {
    /// The bytes of its values.
    pub(crate) fn bytes(&self) -> u64 {
        self.dims.iter().product::<usize>() as u64 * self.values.data_type().bytes() as u64
    }
}

impl Graph {
    /// Takes a name, or gives back false if something has it.
    pub(crate) fn claim(&mut self, name: &str) -> bool {
        self.names.insert(name.to_owned())
    }

    /// A name that nothing else has: the one wanted, or that with a number.
    fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.claim(&name) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        name
    }

    /// Adds a node with one output, and gives back the output's name.
    pub(crate) fn node(&mut self, op_type: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        self.node_with_outputs(op_type, inputs, 1, attributes).swap_remove(0)
    }

    /// Adds a node with one output, of an operator of another domain than ONNX's own.
    pub(crate) fn node_of(
        &mut self,
        domain: &str,
        op_type: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        let output = self.node(op_type, inputs, attributes);
        if let Some(node) = self.nodes.last_mut() {
            node.domain = domain.to_owned();
        }
        output
    }

    /// Adds a node with several outputs.
    pub(crate) fn node_with_outputs(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        n_outputs: usize,
        attribute: Vec<AttributeProto>,
    ) -> Vec<String> {
        let name = self.unique(&format!("{op_type}_{}", self.nodes.len()));
        let output: Vec<String> = match n_outputs {
            1 => vec![self.unique(&format!("{name}.y"))],
            n => (0..n).map(|i| self.unique(&format!("{name}.y{i}"))).collect(),
        };
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.clone(),
            name,
            op_type: op_type.to_owned(),
            attribute,
            domain: String::new(),
        });
        output
    }

    /// Lets the last node make an output of the graph instead of a value with a name of its own.
    pub(crate) fn rename_last(&mut self, name: &str) {
        if let Some(output) = self.nodes.last_mut().and_then(|node| node.output.first_mut()) {
            *output = name.to_owned();
        }
    }

    /// Adds an initialiser under the name wanted, or one with a number if that is taken, and gives back its name.
    pub(crate) fn initializer(&mut self, wanted: &str, dims: Vec<usize>, values: Values) -> String {
        let name = self.unique(wanted);
        self.initializers.push(Initializer { name: name.clone(), dims, values });
        name
    }

    /// An int64 constant; equal ones are one.
    pub(crate) fn ints(&mut self, values: &[i64], dims: &[usize]) -> String {
        self.constant("ints", Values::Ints(values.to_vec()), dims)
    }

    /// A list of axes, sizes or positions.
    pub(crate) fn list(&mut self, values: &[i64]) -> String {
        self.ints(values, &[values.len()])
    }

    /// A float constant; equal ones are one.
    pub(crate) fn floats(&mut self, values: &[f32], dims: &[usize]) -> String {
        self.constant("floats", Values::Floats(values.to_vec()), dims)
    }

    /// A constant of doubles; equal ones are one.
    pub(crate) fn doubles(&mut self, values: &[f64], dims: &[usize]) -> String {
        self.constant("doubles", Values::Doubles(values.to_vec()), dims)
    }

    /// The constant that is taken from the codes of tables.
    pub(crate) fn zero_point(&mut self, dims: &[usize]) -> String {
        let values = Values::Bytes(vec![ZERO_POINT; dims.iter().product()]);
        self.constant("bytes", values, dims)
    }

    fn constant(&mut self, kind: &str, values: Values, dims: &[usize]) -> String {
        let same = |i: &&Initializer| i.dims == dims && i.values == values && i.name.starts_with("constant.");
        match self.initializers.iter().find(same) {
            Some(constant) => constant.name.clone(),
            None => {
                let wanted = format!("constant.{kind}_{}", self.initializers.len());
                self.initializer(&wanted, dims.to_vec(), values)
            }
        }
    }
}
