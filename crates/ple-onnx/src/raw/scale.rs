//! Scalers as nodes, as close to the numbers of the training rows as the input's type goes.
//!
//! An input is a float where that moves no scaled number by more than some millionths, and a double where the values lie
//! close together and far from 0: seconds since 1970 are 128 apart as floats. Doubles are shifted and divided as such, and
//! become floats then.
//!
//! Runtimes differ in the last bit: of a logarithm, and of a quotient where they multiply by the reciprocal. For a number that
//! is nothing. But the edges of bins are scaled values of training rows, and one bit less would put such a value into the bin
//! below; so where only the bin counts, the raw number is compared, with raw edges.

use super::least::{least_double, least_float};
use super::{Arithmetic, Scaler};
use crate::graph::Graph;
use crate::proto::{AttributeProto, DataType};

/// A float input is 2^-24 of the number off. Where the numbers are no more than these widths of the scale away from 0, the
/// scaled number is less than 4e-6 off.
const MOST_WIDTHS_AWAY: f64 = 64.0;
/// Beyond this size the difference of two floats may be infinite.
const LARGEST_FLOAT_INPUT: f64 = 1e37;

/// How raw numbers become those of the training rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DenseColumn {
    pub(super) missing: Option<f64>,
    pub(super) scaler: Scaler,
    pub(super) arithmetic: Arithmetic,
}

impl DenseColumn {
    /// The type of the input: double where a float would lose what the scale keeps.
    pub(super) fn input_type(&self) -> DataType {
        let (farthest, width) = match self.scaler {
            _ if self.arithmetic == Arithmetic::Single => return DataType::Float,
            Scaler::Identity | Scaler::Log => return DataType::Float,
            Scaler::MinMax { minimum, maximum } => (minimum.abs().max(maximum.abs()), maximum - minimum),
            Scaler::Standard { mean, deviation } => (mean.abs(), deviation),
        };
        let is_near = farthest <= MOST_WIDTHS_AWAY * width && farthest <= LARGEST_FLOAT_INPUT;
        match width == 0.0 || is_near && (width as f32).is_normal() {
            true => DataType::Float,
            false => DataType::Double,
        }
    }

    /// Which rows have no number, if something stands in for it.
    pub(super) fn is_missing(&self, graph: &mut Graph, x: &str) -> Option<String> {
        self.missing?;
        let x = match self.input_type() {
            DataType::Double => to_float(graph, x),
            _ => x.to_owned(),
        };
        Some(graph.node("IsNaN", &[&x], Vec::new()))
    }

    /// The scaled form of the input `x`.
    pub(super) fn scaled(&self, graph: &mut Graph, x: &str, is_missing: Option<&str>) -> String {
        let scaled = match self.scaler {
            Scaler::Identity => graph.node("Identity", &[x], Vec::new()),
            Scaler::Log => log(graph, x),
            Scaler::MinMax { minimum, maximum } => self.divided(graph, x, minimum, maximum - minimum),
            Scaler::Standard { mean, deviation } => self.divided(graph, x, mean, deviation),
        };
        self.with_missing(graph, scaled, is_missing, |missing| missing)
    }

    fn divided(&self, graph: &mut Graph, x: &str, shift: f64, width: f64) -> String {
        if self.input_type() == DataType::Double {
            let (shift, width) = (graph.doubles(&[shift], &[]), graph.doubles(&[width], &[]));
            let centred = graph.node("Sub", &[x, &shift], Vec::new());
            let quotient = graph.node("Div", &[&centred, &width], Vec::new());
            return to_float(graph, &quotient);
        }
        let width = match (self.scaler, self.arithmetic) {
            (Scaler::MinMax { minimum, maximum }, Arithmetic::Single) => maximum as f32 - minimum as f32,
            _ => width as f32,
        };
        let shift = graph.floats(&[shift as f32], &[]);
        let centred = graph.node("Sub", &[x, &shift], Vec::new());
        let constant = graph.floats(&[if width > 0.0 { width } else { 0.0 }], &[]);
        graph.node(if width > 0.0 { "Div" } else { "Mul" }, &[&centred, &constant], Vec::new())
    }

    /// For nodes that ask for a bin alone: the largest of the ascending `edges` that the scaled form of x reaches, or a
    /// number below all of them.
    pub(super) fn edge_reached(
        &self,
        graph: &mut Graph,
        x: &str,
        is_missing: Option<&str>,
        edges: &[f32],
    ) -> String {
        let last = graph.list(&[1]);
        let raw_edges: Vec<f64> = edges.iter().map(|&edge| self.least_that_reaches(edge)).collect();
        let raw_edges = match self.input_type() {
            DataType::Double => graph.doubles(&raw_edges, &[edges.len()]),
            // Rounding keeps the order, so that what reaches an edge reaches it as a float too.
            _ => {
                let raw_edges: Vec<f32> = raw_edges.iter().map(|&edge| edge as f32).collect();
                graph.floats(&raw_edges, &[edges.len()])
            }
        };
        let column = graph.node("Unsqueeze", &[x, &last], Vec::new());
        let reached = graph.node("GreaterOrEqual", &[&column, &raw_edges], Vec::new());
        let ones = graph.node("Cast", &[&reached], vec![AttributeProto::int("to", DataType::Int64 as i64)]);
        let count = graph.node("ReduceSum", &[&ones, &last], vec![AttributeProto::int("keepdims", 0)]);
        let values: Vec<f32> = [f32::MIN].into_iter().chain(edges.iter().copied()).collect();
        let of_edges = graph.floats(&values, &[values.len()]);
        let reached = graph.node("Gather", &[&of_edges, &count], vec![AttributeProto::int("axis", 0)]);
        let largest = |scaled: f32| values.iter().rev().find(|&&edge| edge <= scaled).copied();
        self.with_missing(graph, reached, is_missing, |missing| largest(missing).unwrap_or(f32::MIN))
    }

    /// What was made of the rows that have a number, and a constant for the others.
    fn with_missing(
        &self,
        graph: &mut Graph,
        made: String,
        is_missing: Option<&str>,
        of_scaled: impl FnOnce(f32) -> f32,
    ) -> String {
        let (Some(missing), Some(is_missing)) = (self.missing, is_missing) else { return made };
        let constant = graph.floats(&[of_scaled(self.scale(missing))], &[]);
        graph.node("Where", &[is_missing, &constant, &made], Vec::new())
    }

    /// The number of the training rows.
    fn scale(&self, x: f64) -> f32 {
        match self.arithmetic {
            Arithmetic::Single => self.scaler.scale_single(x as f32),
            Arithmetic::Double => self.scaler.scale(x),
        }
    }

    /// The least number whose scaled form is not below an edge; infinity if none is. Every scaler ascends.
    fn least_that_reaches(&self, edge: f32) -> f64 {
        match self.arithmetic {
            Arithmetic::Single => f64::from(least_float(|x| self.scaler.scale_single(x) >= edge)),
            Arithmetic::Double => least_double(|x| self.scaler.scale(x) >= edge),
        }
    }
}

fn to_float(graph: &mut Graph, x: &str) -> String {
    graph.node("Cast", &[x], vec![AttributeProto::int("to", DataType::Float as i64)])
}

/// `sign(x) ln(1 + |x|) = asinh(x (1/2 + 1/2 / (1 + |x|)))`: the sum `1 + |x|` loses what a tiny x has, and that form does not
/// need it.
fn log(graph: &mut Graph, x: &str) -> String {
    let (one, half) = (graph.floats(&[1.0], &[]), graph.floats(&[0.5], &[]));
    let size = graph.node("Abs", &[x], Vec::new());
    let above = graph.node("Add", &[&size, &one], Vec::new());
    let part = graph.node("Div", &[&half, &above], Vec::new());
    let factor = graph.node("Add", &[&part, &half], Vec::new());
    let argument = graph.node("Mul", &[x, &factor], Vec::new());
    graph.node("Asinh", &[&argument], Vec::new())
}

impl Scaler {
    /// In 64 bits, rounded once.
    fn scale(self, x: f64) -> f32 {
        let divided = |distance: f64, width: f64| if width > 0.0 { distance / width } else { 0.0 };
        let scaled = match self {
            Scaler::Identity => x,
            Scaler::MinMax { minimum, maximum } => divided(x - minimum, maximum - minimum),
            Scaler::Standard { mean, deviation } => divided(x - mean, deviation),
            Scaler::Log => x.abs().ln_1p().copysign(x),
        };
        scaled as f32
    }

    /// In 32 bits throughout.
    fn scale_single(self, x: f32) -> f32 {
        let divided = |distance: f32, width: f32| if width > 0.0 { distance / width } else { 0.0 };
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { minimum, maximum } => {
                divided(x - minimum as f32, maximum as f32 - minimum as f32)
            }
            Scaler::Standard { mean, deviation } => divided(x - mean as f32, deviation as f32),
            Scaler::Log => x.abs().ln_1p().copysign(x),
        }
    }
}

#[cfg(all(test, feature = "proof"))]
mod tests {
    use std::collections::HashMap;

    use ple_tensor::ParamStore;
    use proptest::prelude::*;
    use rten::{Model, Value};

    use super::DenseColumn;
    use crate::graph::{Graph, Port, Values, batch};
    use crate::proto::DataType;
    use crate::raw::{Arithmetic, Scaler};
    use crate::write::write_model;

    fn column(scaler: Scaler, arithmetic: Arithmetic) -> DenseColumn {
        DenseColumn { missing: None, scaler, arithmetic }
    }

    /// A graph of nodes that make `y` of `x`.
    fn graph_of(input: DataType, nodes: impl FnOnce(&mut Graph) -> String) -> Graph {
        let mut graph = Graph::default();
        let port = |name: &str, data_type| Port { name: name.to_owned(), data_type, dims: vec![batch()] };
        graph.inputs.push(port("x", input));
        nodes(&mut graph);
        graph.outputs.push(port("y", DataType::Float));
        graph.rename_last("y");
        graph
    }

    /// What nodes make of some floats, in rten.
    fn run(nodes: impl FnOnce(&mut Graph) -> String, values: &[f32]) -> Vec<f32> {
        let mut bytes = Vec::new();
        let graph = graph_of(DataType::Float, nodes);
        write_model(&graph, &ParamStore::new(), &[], None, &mut bytes).unwrap();
        let model = Model::load(bytes).unwrap();
        let x = Value::from_shape(&[values.len()], values.to_vec()).unwrap();
        let y = model.run_one(x.into(), None).unwrap();
        let Value::FloatTensor(y) = y else { panic!("{y:?}") };
        y.into_data()
    }

    /// What nodes make of a double by the definitions of their operators, since rten has no doubles.
    fn interpreted(nodes: impl FnOnce(&mut Graph) -> String, x: f64) -> f32 {
        let graph = graph_of(DataType::Double, nodes);
        let constant = |values: &Values| match values {
            Values::Floats(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::Doubles(values) => values.clone(),
            Values::Ints(values) => values.iter().map(|&value| value as f64).collect(),
            other => panic!("{other:?}"),
        };
        let constants = graph.initializers.iter().map(|each| (each.name.clone(), constant(&each.values)));
        let mut known: HashMap<String, Vec<f64>> = constants.collect();
        known.insert("x".to_owned(), vec![x]);
        for node in &graph.nodes {
            let input = |position: usize| known[&node.input[position]].clone();
            let one = |position: usize| input(position)[0];
            let flag = |is_so: bool| if is_so { 1.0 } else { 0.0 };
            let made: Vec<f64> = match node.op_type.as_str() {
                "Sub" => vec![one(0) - one(1)],
                "Div" => vec![one(0) / one(1)],
                "Unsqueeze" => input(0),
                "IsNaN" => vec![flag(one(0).is_nan())],
                "Where" => vec![if one(0) == 1.0 { one(1) } else { one(2) }],
                "GreaterOrEqual" => input(1).iter().map(|&edge| flag(one(0) >= edge)).collect(),
                "ReduceSum" => vec![input(0).iter().sum()],
                "Gather" => vec![input(0)[one(1) as usize]],
                "Cast" if node.attribute[0].i == Some(DataType::Float as i64) => {
                    input(0).iter().map(|&value| f64::from(value as f32)).collect()
                }
                "Cast" => input(0),
                other => panic!("{other}"),
            };
            known.insert(node.output[0].clone(), made);
        }
        known["y"][0] as f32
    }

    /// Numbers of every size, of both signs, and 0.
    fn number() -> impl Strategy<Value = f32> {
        let signed = |(exponent, negative): (f64, bool)| {
            let size = 10_f64.powf(exponent) as f32;
            if negative { -size } else { size }
        };
        prop_oneof![9 => (-44.0..38.5, any::<bool>()).prop_map(signed), 1 => Just(0.0)]
    }

    /// Scalers that read floats.
    fn any_scaler() -> impl Strategy<Value = Scaler> {
        prop_oneof![
            Just(Scaler::Log),
            (-1e2_f64..1e2, 10.0_f64..1e3).prop_map(|(mean, deviation)| Scaler::Standard { mean, deviation }),
            (-1e3_f64..0.0, 100.0_f64..1e3)
                .prop_map(|(minimum, maximum)| Scaler::MinMax { minimum, maximum }),
            Just(Scaler::Standard { mean: 1.0, deviation: 0.0 }),
        ]
    }

    fn any_arithmetic() -> impl Strategy<Value = Arithmetic> {
        prop::sample::select(vec![Arithmetic::Single, Arithmetic::Double])
    }

    /// Seconds of some days, or numbers that lie closer together still.
    fn far_from_0() -> impl Strategy<Value = (f64, f64)> {
        (prop::sample::select(vec![1.7e9, -1.7e9, 1e15, 273.15]), -6.0..0.4_f64)
            .prop_map(|(start, exponent)| (start, 10_f64.powf(exponent) * f64::abs(start) / 200.0))
    }

    fn bin(scaled: f32, edges: &[f32]) -> usize {
        edges.iter().filter(|&&edge| edge <= scaled).count()
    }

    proptest! {
        #[test]
        fn the_logarithm_is_right_for_numbers_of_every_size(values in prop::collection::vec(number(), 1..200)) {
            let log = column(Scaler::Log, Arithmetic::Double);
            let found = run(|graph| log.scaled(graph, "x", None), &values);
            for (&x, found) in values.iter().zip(found) {
                let exact = f64::from(x).abs().ln_1p().copysign(f64::from(x));
                // Below the smallest normal number there are fewer digits.
                let tolerance = 1e-6 * exact.abs() + 2.0 * f64::from(f32::from_bits(1));
                prop_assert!((f64::from(found) - exact).abs() <= tolerance, "{x:e} {found:e} {exact:e}");
                let single = f64::from(Scaler::Log.scale_single(x));
                prop_assert!((f64::from(found) - single).abs() <= 2.0 * tolerance);
            }
        }

        #[test]
        fn a_quotient_of_32_bits_is_off_by_its_last_bits(
            values in prop::collection::vec(number(), 1..50), shift in number(), width in 1e-3_f32..1e3,
        ) {
            let scaler = Scaler::Standard { mean: shift.into(), deviation: width.into() };
            let found = run(|graph| column(scaler, Arithmetic::Single).scaled(graph, "x", None), &values);
            for (&x, found) in values.iter().zip(found) {
                let native = scaler.scale_single(x);
                let tolerance = 2.0 * f32::EPSILON * native.abs() + 2.0 * f32::from_bits(1);
                prop_assert!(found == native || (found - native).abs() <= tolerance, "{x:e} {found:e} {native:e}");
            }
        }

        #[test]
        fn a_float_input_is_some_millionths_of_the_width_off(
            values in prop::collection::vec(-2e3_f64..2e3, 1..50), scaler in any_scaler(),
        ) {
            let column = column(scaler, Arithmetic::Double);
            prop_assert_eq!(column.input_type(), DataType::Float);
            let sent: Vec<f32> = values.iter().map(|&x| x as f32).collect();
            let found = run(|graph| column.scaled(graph, "x", None), &sent);
            for (&x, found) in values.iter().zip(found) {
                let native = scaler.scale(x);
                let tolerance = 8e-6 + 4.0 * f32::EPSILON * native.abs();
                prop_assert!((found - native).abs() <= tolerance, "{x:e} {found:e} {native:e}");
            }
        }

        #[test]
        fn a_value_of_the_training_rows_at_an_edge_stays_in_its_bin(
            mut raw in prop::collection::vec(number(), 1..40), scaler in any_scaler(),
        ) {
            raw.sort_by(f32::total_cmp);
            let mut edges: Vec<f32> = raw.iter().step_by(3).map(|&x| scaler.scale_single(x)).collect();
            edges.dedup();
            let values: Vec<f32> = raw.iter().flat_map(|x| [x.next_down(), *x, x.next_up()]).collect();
            let column = column(scaler, Arithmetic::Single);
            let found = run(|graph| column.edge_reached(graph, "x", None, &edges), &values);
            for (&x, found) in values.iter().zip(found) {
                prop_assert_eq!(bin(found, &edges), bin(scaler.scale_single(x), &edges), "{:e}", x);
            }
        }

        /// Also where the value is none that 32 bits can hold.
        #[test]
        fn no_value_falls_below_its_edge_as_a_float(
            mut raw in prop::collection::vec(-2e3_f64..2e3, 1..40), scaler in any_scaler(),
        ) {
            raw.sort_by(f64::total_cmp);
            let mut edges: Vec<f32> = raw.iter().step_by(3).map(|&x| scaler.scale(x)).collect();
            edges.dedup();
            let column = column(scaler, Arithmetic::Double);
            let sent: Vec<f32> = raw.iter().map(|&x| x as f32).collect();
            let found = run(|graph| column.edge_reached(graph, "x", None, &edges), &sent);
            for ((&x, &sent), found) in raw.iter().zip(&sent).zip(found) {
                let (found, native) = (bin(found, &edges), bin(scaler.scale(x), &edges));
                let is_next_edge = || column.least_that_reaches(edges[native]) as f32 == sent;
                prop_assert!(found == native || found == native + 1 && is_next_edge(), "{x:e}");
            }
        }

        #[test]
        fn a_double_is_scaled_and_put_into_its_bin_as_in_training(
            (start, width) in far_from_0(), shares in prop::collection::vec(0.0..=1.0_f64, 1..12),
            is_standard in any::<bool>(), missing in prop::option::of(0.0..=1.0_f64),
        ) {
            let scaler = match is_standard {
                true => Scaler::Standard { mean: start, deviation: width },
                false => Scaler::MinMax { minimum: start, maximum: start + width },
            };
            let raw: Vec<f64> = shares.iter().map(|share| start + share * width).collect();
            let missing = missing.map(|share| start + share * width);
            let column = DenseColumn { missing, scaler, arithmetic: Arithmetic::Double };
            prop_assert_eq!(column.input_type(), DataType::Double);
            let mut edges: Vec<f32> = raw.iter().step_by(2).map(|&x| scaler.scale(x)).collect();
            edges.sort_by(f32::total_cmp);
            edges.dedup();
            let sent = raw.iter().flat_map(|x| [x.next_down(), *x, x.next_up()]).chain(missing.map(|_| f64::NAN));
            for x in sent {
                let native = scaler.scale(if x.is_nan() { missing.unwrap() } else { x });
                let scaled = |graph: &mut Graph| {
                    let is_missing = column.is_missing(graph, "x");
                    column.scaled(graph, "x", is_missing.as_deref())
                };
                prop_assert_eq!(interpreted(scaled, x), native, "{:e}", x);
                let reached = |graph: &mut Graph| {
                    let is_missing = column.is_missing(graph, "x");
                    column.edge_reached(graph, "x", is_missing.as_deref(), &edges)
                };
                prop_assert_eq!(bin(interpreted(reached, x), &edges), bin(native, &edges), "{:e}", x);
            }
        }

        #[test]
        fn the_least_number_is_the_least(
            edge in -3.0_f32..3.0, scaler in any_scaler(), arithmetic in any_arithmetic(),
        ) {
            let column = column(scaler, arithmetic);
            let least = column.least_that_reaches(edge);
            let below = match arithmetic {
                Arithmetic::Single => f64::from((least as f32).next_down()),
                Arithmetic::Double => least.next_down(),
            };
            prop_assert!(least == f64::INFINITY || column.scale(least) >= edge);
            prop_assert!(below == f64::NEG_INFINITY || column.scale(below) < edge);
        }
    }

    #[test]
    fn an_edge_that_nothing_reaches_is_infinite() {
        let least = |scaler, edge| column(scaler, Arithmetic::Single).least_that_reaches(edge);
        assert_eq!(least(Scaler::Log, 1e3), f64::INFINITY);
        assert_eq!(least(Scaler::Log, 0.0), 0.0);
        assert_eq!(least(Scaler::Log, -1e3), f64::from(f32::NEG_INFINITY.next_up()));
        let constant = Scaler::MinMax { minimum: 2.0, maximum: 2.0 };
        assert_eq!([0.0, 0.5].map(|edge| least(constant, edge)), [f64::from(f32::MIN), f64::INFINITY]);
    }

    #[test]
    fn what_a_float_cannot_tell_apart_is_sent_as_a_double() {
        let input = |minimum: f64, maximum: f64| {
            column(Scaler::MinMax { minimum, maximum }, Arithmetic::Double).input_type()
        };
        assert_eq!(input(1.7e9, 1.7e9 + 600.0), DataType::Double);
        assert_eq!(input(-3e38, 3e38), DataType::Double, "the difference of two floats may be infinite");
        assert_eq!(input(0.0, 1e-300), DataType::Double, "no float is as narrow");
        assert_eq!(input(1990.0, 2025.0), DataType::Float);
        assert_eq!(input(5.0, 5.0), DataType::Float, "one value, which becomes 0");
        let seconds = Scaler::Standard { mean: 1.7e9, deviation: 150.0 };
        assert_eq!(column(seconds, Arithmetic::Double).input_type(), DataType::Double);
        assert_eq!(column(seconds, Arithmetic::Single).input_type(), DataType::Float);
        assert_eq!(column(Scaler::Log, Arithmetic::Double).input_type(), DataType::Float);
    }
}
