//! The structure of a graph, checked before it is written: names, definitions before uses, sizes.

use std::collections::HashSet;

use ple_tensor::ParamStore;

use crate::error::OnnxError;
use crate::graph::{Graph, Values};

/// Checks that every name is defined once, before it is used, and used; and that each initialiser has the values that
/// its shape promises.
///
/// # Errors
/// [`OnnxError::Structure`].
pub(crate) fn check(graph: &Graph, store: &ParamStore) -> Result<(), OnnxError> {
    let invalid = |detail: String| Err(OnnxError::Structure { detail });
    let mut defined: HashSet<&str> = HashSet::new();
    let mut used: HashSet<&str> = HashSet::new();
    let names = graph.inputs.iter().map(|port| &port.name);
    for name in names.chain(graph.initializers.iter().map(|initializer| &initializer.name)) {
        if name.is_empty() || !defined.insert(name) {
            return invalid(format!("the name `{name}` is empty or defined twice"));
        }
    }
    for node in &graph.nodes {
        for input in &node.input {
            if !defined.contains(input.as_str()) {
                return invalid(format!("`{}` reads `{input}`, which nothing defines before it", node.name));
            }
            used.insert(input);
        }
        for output in &node.output {
            if output.is_empty() || !defined.insert(output) {
                return invalid(format!("`{}` defines `{output}` a second time", node.name));
            }
        }
    }
    let made: HashSet<&str> = graph.nodes.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    for output in &graph.outputs {
        if !made.contains(output.name.as_str()) {
            return invalid(format!("nothing makes the output `{}`", output.name));
        }
    }
    for initializer in &graph.initializers {
        let name = &initializer.name;
        if !used.contains(name.as_str()) {
            return invalid(format!("nothing reads the initialiser `{name}`"));
        }
        let promised: usize = initializer.dims.iter().product();
        let found = match &initializer.values {
            Values::Floats(values) | Values::Halves(values) => values.len(),
            Values::Doubles(values) => values.len(),
            Values::Ints(values) => values.len(),
            Values::Bytes(values) => values.len(),
            Values::SignedBytes(values) => values.len(),
            Values::Tables(tables) => {
                tables.iter().map(|&(table, _)| store.table(table).rows * store.table(table).dim).sum()
            }
        };
        if found != promised {
            let dims = &initializer.dims;
            return invalid(format!("the initialiser `{name}` of shape {dims:?} has {found} values"));
        }
    }
    match graph.inputs.iter().find(|port| !used.contains(port.name.as_str())) {
        Some(port) => invalid(format!("nothing reads the input `{}`", port.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ple_tensor::ParamStore;

    use super::check;
    use crate::graph::{Dim, Graph, Port, Values};
    use crate::proto::DataType;

    fn port(name: &str) -> Port {
        Port { name: name.to_owned(), data_type: DataType::Float, dims: vec![Dim::Size(1)] }
    }

    fn valid() -> Graph {
        let mut graph = Graph::default();
        graph.inputs.push(port("x"));
        graph.outputs.push(port("y"));
        let two = graph.floats(&[2.0], &[1]);
        graph.node("Mul", &["x", &two], Vec::new());
        graph.rename_last("y");
        graph
    }

    fn problem(change: impl FnOnce(&mut Graph)) -> String {
        let mut graph = valid();
        change(&mut graph);
        check(&graph, &ParamStore::new()).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        assert!(check(&valid(), &ParamStore::new()).is_ok());
        assert!(problem(|g| g.nodes[0].input[0] = "z".into()).contains("reads `z`, which nothing defines"));
        assert!(problem(|g| g.nodes[0].output[0] = "x".into()).contains("defines `x` a second time"));
        assert!(problem(|g| g.outputs[0].name = "z".into()).contains("nothing makes the output `z`"));
        assert!(problem(|g| g.inputs.push(port("x"))).contains("`x` is empty or defined twice"));
        assert!(problem(|g| g.inputs.push(port("u"))).contains("nothing reads the input `u`"));
        assert!(problem(|g| _ = g.list(&[1])).contains("nothing reads the initialiser"));
        assert!(problem(|g| g.initializers[0].values = Values::Floats(vec![])).contains("[1] has 0 values"));
    }
}
