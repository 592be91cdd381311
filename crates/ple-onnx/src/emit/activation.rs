//! Activations, softmax, and a batch norm that was not folded.

use super::Emitter;
use super::columns::groups_of;
use crate::graph::Values;
use crate::plan::{Block, Map, Scale};
use crate::proto::AttributeProto;

/// What Dice adds to each squared deviation.
const DICE_EPSILON: f32 = 1e-3;

impl Emitter<'_> {
    pub(super) fn map(&mut self, x: Block, map: &Map) -> String {
        let input = self.value(x);
        match map {
            Map::Relu => self.graph.node("Relu", &[&input], Vec::new()),
            Map::Sigmoid => self.graph.node("Sigmoid", &[&input], Vec::new()),
            Map::Exp => self.graph.node("Exp", &[&input], Vec::new()),
            Map::LeakyRelu { slope } => {
                self.graph.node("LeakyRelu", &[&input], vec![AttributeProto::float("alpha", *slope)])
            }
            Map::Prelu { slopes, name } => {
                let slope = match &slopes[..] {
                    [only] => self.graph.initializer(name, vec![1], Values::Floats(vec![*only])),
                    several => {
                        let columns = x.width / several.len();
                        let spread: Vec<f32> =
                            several.iter().flat_map(|&slope| std::iter::repeat_n(slope, columns)).collect();
                        let wanted = format!("{name}.spread");
                        self.graph.initializer(&wanted, vec![x.width], Values::Floats(spread))
                    }
                };
                self.graph.node("PRelu", &[&input, &slope], Vec::new())
            }
        }
    }

    pub(super) fn softmax(&mut self, x: Block, groups: usize) -> String {
        let input = self.value(x);
        let axis = vec![AttributeProto::int("axis", -1)];
        if groups == 1 {
            return self.graph.node("Softmax", &[&input], axis);
        }
        let input = self.grouped(&input, groups, x.width);
        let softmax = self.graph.node("Softmax", &[&input], axis);
        self.flat(&softmax, x.width)
    }

    /// A softmax for each group, so that nobody has to cut them apart.
    pub(super) fn softmax_of_each(&mut self, x: Block, groups: usize) {
        for (number, group) in groups_of(x, groups).enumerate() {
            let value = self.softmax(group, 1);
            let start = number * group.width;
            self.keep(Block { step: self.step, start, width: group.width }, value);
        }
    }

    /// `y = x (alpha + p (1 - alpha))`, `p = sigmoid((x - m) / sqrt(Σ (x - m)² + n epsilon))` over the n columns of a
    /// group.
    pub(super) fn dice(&mut self, x: Block, alpha: &[f32]) -> String {
        let input = self.value(x);
        let groups = alpha.len();
        let columns = x.width / groups.max(1);
        let input = if groups == 1 { input } else { self.grouped(&input, groups, x.width) };
        let last = self.graph.list(&[-1]);
        let sum = self.graph.node("ReduceSum", &[&input, &last], Vec::new());
        let count = self.graph.floats(&[columns as f32], &[]);
        let mean = self.graph.node("Div", &[&sum, &count], Vec::new());
        let centred = self.graph.node("Sub", &[&input, &mean], Vec::new());
        let squares = self.graph.node("Mul", &[&centred, &centred], Vec::new());
        let sum = self.graph.node("ReduceSum", &[&squares, &last], Vec::new());
        let epsilon = self.graph.floats(&[columns as f32 * DICE_EPSILON], &[]);
        let variance = self.graph.node("Add", &[&sum, &epsilon], Vec::new());
        let deviation = self.graph.node("Sqrt", &[&variance], Vec::new());
        let scaled = self.graph.node("Div", &[&centred, &deviation], Vec::new());
        let p = self.graph.node("Sigmoid", &[&scaled], Vec::new());
        let dims = if groups == 1 { vec![1] } else { vec![groups, 1] };
        let rest: Vec<f32> = alpha.iter().map(|alpha| 1.0 - alpha).collect();
        let (alpha, rest) = (self.graph.floats(alpha, &dims), self.graph.floats(&rest, &dims));
        let slope = self.graph.node("Mul", &[&p, &rest], Vec::new());
        let slope = self.graph.node("Add", &[&slope, &alpha], Vec::new());
        let y = self.graph.node("Mul", &[&input, &slope], Vec::new());
        if groups == 1 { y } else { self.flat(&y, x.width) }
    }

    pub(super) fn scale(&mut self, scale: &Scale) -> String {
        let input = self.value(scale.x);
        let narrow = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<_>>();
        let width = [scale.x.width];
        let factor = self.graph.floats(&narrow(&scale.factor), &width);
        let shift = self.graph.floats(&narrow(&scale.shift), &width);
        let scaled = self.graph.node("Mul", &[&input, &factor], Vec::new());
        self.graph.node("Add", &[&scaled, &shift], Vec::new())
    }

    fn grouped(&mut self, value: &str, groups: usize, width: usize) -> String {
        let shape = self.graph.list(&[-1, groups as i64, (width / groups) as i64]);
        self.graph.node("Reshape", &[value, &shape], Vec::new())
    }

    pub(super) fn flat(&mut self, value: &str, width: usize) -> String {
        let shape = self.graph.list(&[-1, width as i64]);
        self.graph.node("Reshape", &[value, &shape], Vec::new())
    }
}
