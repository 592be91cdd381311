//! What is computed of two values at a time: the logit of two events, and dot products row by row.

use super::Emitter;
use crate::plan::Block;
use crate::proto::AttributeProto;

impl Emitter<'_> {
    /// `-ln(exp(-a) + exp(-b) + exp(-a - b))`, with the largest exponent taken out, so that nothing overflows.
    pub(super) fn joint_logit(&mut self, first: Block, second: Block) -> String {
        let logits = [first, second].map(|logit| self.value(logit));
        let [a, b] = logits.map(|logit| self.graph.node("Neg", &[&logit], Vec::new()));
        let both = self.graph.node("Add", &[&a, &b], Vec::new());
        let largest = self.graph.node("Max", &[&a, &b, &both], Vec::new());
        let [a, b, both] = [a, b, both].map(|term| {
            let below = self.graph.node("Sub", &[&term, &largest], Vec::new());
            self.graph.node("Exp", &[&below], Vec::new())
        });
        let sum = self.graph.node("Add", &[&a, &b], Vec::new());
        let sum = self.graph.node("Add", &[&sum, &both], Vec::new());
        let log = self.graph.node("Log", &[&sum], Vec::new());
        let negated = self.graph.node("Add", &[&log, &largest], Vec::new());
        self.graph.node("Neg", &[&negated], Vec::new())
    }

    /// `scale Σ left right` in each row, a column for each pair.
    pub(super) fn row_dots(&mut self, left: &[Block], right: &[Block], scale: f32) -> String {
        let last = self.graph.list(&[-1]);
        let mut columns = Vec::new();
        for (&left, &right) in left.iter().zip(right) {
            let (left, right) = (self.value(left), self.value(right));
            let products = self.graph.node("Mul", &[&left, &right], Vec::new());
            columns.push(self.graph.node("ReduceSum", &[&products, &last], Vec::new()));
        }
        let sums = match &columns[..] {
            [only] => only.clone(),
            several => {
                let inputs: Vec<&str> = several.iter().map(String::as_str).collect();
                self.graph.node("Concat", &inputs, vec![AttributeProto::int("axis", 1)])
            }
        };
        let scale = self.graph.floats(&[scale], &[]);
        self.graph.node("Mul", &[&sums, &scale], Vec::new())
    }
}
