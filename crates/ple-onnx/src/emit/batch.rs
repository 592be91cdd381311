//! The rows of a batch: all inputs have to have as many as the first. Runtimes do not compare the inputs' sizes, and a
//! product or a sum that met a single row where there are several would repeat it; a Reshape refuses the batch.

use super::Emitter;
use crate::proto::AttributeProto;

impl Emitter<'_> {
    /// `value` in a shape whose other sizes are `before` and `after` the number of rows.
    pub(super) fn in_rows(&mut self, value: &str, before: &[i64], after: &[i64]) -> String {
        let shape = self.shape(before, after);
        // A batch of no rows has the size 0, which would otherwise mean another size of the input.
        self.graph.node("Reshape", &[value, &shape], vec![AttributeProto::int("allowzero", 1)])
    }

    /// Whether the batch has the rows of this input, because it is the first.
    pub(super) fn gives_the_rows(&self, input: &str) -> bool {
        self.graph.inputs.first().is_some_and(|first| first.name == input)
    }

    fn shape(&mut self, before: &[i64], after: &[i64]) -> String {
        let key = (before.to_vec(), after.to_vec());
        if let Some(shape) = self.shapes.get(&key) {
            return shape.clone();
        }
        let rows = self.rows();
        let mut sizes = Vec::new();
        if !before.is_empty() {
            sizes.push(self.graph.list(before));
        }
        sizes.push(rows);
        if !after.is_empty() {
            sizes.push(self.graph.list(after));
        }
        let shape = match &sizes[..] {
            [rows] => rows.clone(),
            _ => {
                let sizes: Vec<&str> = sizes.iter().map(String::as_str).collect();
                self.graph.node("Concat", &sizes, vec![AttributeProto::int("axis", 0)])
            }
        };
        self.shapes.insert(key, shape.clone());
        shape
    }

    fn rows(&mut self) -> String {
        if let Some(rows) = &self.rows {
            return rows.clone();
        }
        let first = self.graph.inputs.first().map_or(String::new(), |port| port.name.clone());
        let one = vec![AttributeProto::int("start", 0), AttributeProto::int("end", 1)];
        let rows = self.graph.node("Shape", &[&first], one);
        self.rows = Some(rows.clone());
        rows
    }
}
