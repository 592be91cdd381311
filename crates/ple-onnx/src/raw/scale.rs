//! Scalers as nodes, as close to the numbers of the training rows as 32 bits go.
//!
//! Runtimes differ in the last bit: of a logarithm, and of a quotient where they multiply by the reciprocal. For a number that
//! is nothing. But the edges of bins are scaled values of training rows, and one bit less would put such a value into the bin
//! below; so where only the bin counts, the raw number is compared, with raw edges.

use super::Scaler;
use crate::graph::Graph;
use crate::proto::{AttributeProto, DataType};

/// The scaled form of the value `x`.
pub(super) fn scaled(graph: &mut Graph, x: &str, scaler: Scaler) -> String {
    let (shift, width) = match scaler {
        Scaler::Identity => return graph.node("Identity", &[x], Vec::new()),
        Scaler::MinMax { minimum, maximum } => (minimum, maximum - minimum),
        Scaler::Standard { mean, deviation } => (mean, deviation),
        Scaler::Log => return log(graph, x),
    };
    let shift = graph.floats(&[shift], &[]);
    let centred = graph.node("Sub", &[x, &shift], Vec::new());
    let constant = graph.floats(&[if width > 0.0 { width } else { 0.0 }], &[]);
    graph.node(if width > 0.0 { "Div" } else { "Mul" }, &[&centred, &constant], Vec::new())
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

/// For nodes that ask for a bin alone: the largest of the ascending `edges` that the scaled form of x reaches, or a
/// number below all of them.
pub(super) fn edge_reached(graph: &mut Graph, x: &str, scaler: Scaler, edges: &[f32]) -> String {
    let last = graph.list(&[1]);
    let raw_edges: Vec<f32> = edges.iter().map(|&edge| least_that_reaches(edge, scaler)).collect();
    let raw_edges = graph.floats(&raw_edges, &[edges.len()]);
    let column = graph.node("Unsqueeze", &[x, &last], Vec::new());
    let reached = graph.node("GreaterOrEqual", &[&column, &raw_edges], Vec::new());
    let ones = graph.node("Cast", &[&reached], vec![AttributeProto::int("to", DataType::Int64 as i64)]);
    let count = graph.node("ReduceSum", &[&ones, &last], vec![AttributeProto::int("keepdims", 0)]);
    let values: Vec<f32> = [f32::MIN].into_iter().chain(edges.iter().copied()).collect();
    let values = graph.floats(&values, &[values.len()]);
    graph.node("Gather", &[&values, &count], vec![AttributeProto::int("axis", 0)])
}

impl Scaler {
    /// The number of the training rows.
    fn scale(self, x: f32) -> f32 {
        let divided = |distance: f32, width: f32| if width > 0.0 { distance / width } else { 0.0 };
        match self {
            Scaler::Identity => x,
            Scaler::MinMax { minimum, maximum } => divided(x - minimum, maximum - minimum),
            Scaler::Standard { mean, deviation } => divided(x - mean, deviation),
            Scaler::Log => x.abs().ln_1p().copysign(x),
        }
    }
}

/// The least number whose scaled form is not below an edge; infinity if none is. Every scaler ascends.
fn least_that_reaches(edge: f32, scaler: Scaler) -> f32 {
    // The bits of floats, as integers that are in the order of the floats.
    let from_order = |order: i32| f32::from_bits((order ^ ((order >> 31) & i32::MAX)) as u32);
    let to_order = |bits: i32| bits ^ ((bits >> 31) & i32::MAX);
    let (mut below, mut reaches) =
        (to_order(f32::NEG_INFINITY.to_bits() as i32), to_order(f32::INFINITY.to_bits() as i32));
    while i64::from(reaches) - i64::from(below) > 1 {
        let middle = ((i64::from(below) + i64::from(reaches)) / 2) as i32;
        match scaler.scale(from_order(middle)) >= edge {
            true => reaches = middle,
            false => below = middle,
        }
    }
    from_order(reaches)
}

#[cfg(all(test, feature = "proof"))]
mod tests {
    use ple_tensor::ParamStore;
    use proptest::prelude::*;
    use rten::{Model, Value};

    use super::{edge_reached, least_that_reaches, scaled};
    use crate::graph::{Graph, Port, batch};
    use crate::proto::DataType;
    use crate::raw::Scaler;
    use crate::write::write_model;

    /// What nodes make of some values, in rten.
    fn run(nodes: impl FnOnce(&mut Graph) -> String, values: &[f32]) -> Vec<f32> {
        let mut graph = Graph::default();
        let port =
            |name: &str| Port { name: name.to_owned(), data_type: DataType::Float, dims: vec![batch()] };
        graph.inputs.push(port("x"));
        nodes(&mut graph);
        graph.outputs.push(port("y"));
        graph.rename_last("y");
        let mut bytes = Vec::new();
        write_model(&graph, &ParamStore::new(), &[], None, &mut bytes).unwrap();
        let model = Model::load(bytes).unwrap();
        let x = Value::from_shape(&[values.len()], values.to_vec()).unwrap();
        let y = model.run_one(x.into(), None).unwrap();
        let Value::FloatTensor(y) = y else { panic!("{y:?}") };
        y.into_data()
    }

    /// Numbers of every size, of both signs, and 0.
    fn number() -> impl Strategy<Value = f32> {
        let signed = |(exponent, negative): (f64, bool)| {
            let size = 10_f64.powf(exponent) as f32;
            if negative { -size } else { size }
        };
        prop_oneof![9 => (-44.0..38.5, any::<bool>()).prop_map(signed), 1 => Just(0.0)]
    }

    fn any_scaler() -> impl Strategy<Value = Scaler> {
        prop_oneof![
            Just(Scaler::Log),
            (-1e3_f32..1e3, 0.0_f32..1e3).prop_map(|(mean, deviation)| Scaler::Standard { mean, deviation }),
            (-1e3_f32..0.0, 0.0_f32..1e3).prop_map(|(minimum, maximum)| Scaler::MinMax { minimum, maximum }),
            Just(Scaler::Standard { mean: 1.0, deviation: 0.0 }),
        ]
    }

    proptest! {
        #[test]
        fn the_logarithm_is_right_for_numbers_of_every_size(values in prop::collection::vec(number(), 1..200)) {
            let found = run(|graph| scaled(graph, "x", Scaler::Log), &values);
            for (&x, found) in values.iter().zip(found) {
                let exact = f64::from(x).abs().ln_1p().copysign(f64::from(x));
                // Below the smallest normal number there are fewer digits.
                let tolerance = 1e-6 * exact.abs() + 2.0 * f64::from(f32::from_bits(1));
                prop_assert!((f64::from(found) - exact).abs() <= tolerance, "{x:e} {found:e} {exact:e}");
                prop_assert!((f64::from(found) - f64::from(Scaler::Log.scale(x))).abs() <= 2.0 * tolerance);
            }
        }

        #[test]
        fn a_quotient_is_off_by_its_last_bits(
            values in prop::collection::vec(number(), 1..50), shift in number(), width in 1e-3_f32..1e3,
        ) {
            let scaler = Scaler::Standard { mean: shift, deviation: width };
            let found = run(|graph| scaled(graph, "x", scaler), &values);
            for (&x, found) in values.iter().zip(found) {
                let native = scaler.scale(x);
                let tolerance = 2.0 * f32::EPSILON * native.abs() + 2.0 * f32::from_bits(1);
                prop_assert!(found == native || (found - native).abs() <= tolerance, "{x:e} {found:e} {native:e}");
            }
        }

        #[test]
        fn a_value_of_the_training_rows_at_an_edge_stays_in_its_bin(
            mut raw in prop::collection::vec(number(), 1..40), scaler in any_scaler(),
        ) {
            raw.sort_by(f32::total_cmp);
            let mut edges: Vec<f32> = raw.iter().step_by(3).map(|&x| scaler.scale(x)).collect();
            edges.dedup();
            let values: Vec<f32> = raw.iter().flat_map(|x| [x.next_down(), *x, x.next_up()]).collect();
            let found = run(|graph| edge_reached(graph, "x", scaler, &edges), &values);
            let bin = |scaled: f32| edges.iter().filter(|&&edge| edge <= scaled).count();
            for (&x, found) in values.iter().zip(found) {
                prop_assert_eq!(bin(found), bin(scaler.scale(x)), "{:e}", x);
            }
        }
    }

    #[test]
    fn an_edge_that_nothing_reaches_is_infinite() {
        assert_eq!(least_that_reaches(1e3, Scaler::Log), f32::INFINITY);
        assert_eq!(least_that_reaches(0.0, Scaler::Log), 0.0);
        assert_eq!(least_that_reaches(-1e3, Scaler::Log), f32::NEG_INFINITY.next_up());
        let constant = Scaler::MinMax { minimum: 2.0, maximum: 2.0 };
        assert_eq!([0.0, 0.5].map(|edge| least_that_reaches(edge, constant)), [f32::MIN, f32::INFINITY]);
    }
}
