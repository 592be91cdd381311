//! The least number of which something holds, found by halving the ordered list of all floats, or of all doubles.

/// The least float of which something holds that holds of all larger ones too; infinity if it holds of none.
pub(super) fn least_float(holds: impl Fn(f32) -> bool) -> f32 {
    // The bits of floats, as integers that are in the order of the floats.
    let from_order = |order: i32| f32::from_bits((order ^ ((order >> 31) & i32::MAX)) as u32);
    let to_order = |bits: i32| bits ^ ((bits >> 31) & i32::MAX);
    let lowest = to_order(f32::NEG_INFINITY.to_bits() as i32);
    let highest = to_order(f32::INFINITY.to_bits() as i32);
    from_order(least(i64::from(lowest), i64::from(highest), |order| holds(from_order(order as i32))) as i32)
}

/// The same for doubles.
pub(super) fn least_double(holds: impl Fn(f64) -> bool) -> f64 {
    let from_order = |order: i64| f64::from_bits((order ^ ((order >> 63) & i64::MAX)) as u64);
    let to_order = |bits: i64| bits ^ ((bits >> 63) & i64::MAX);
    let lowest = to_order(f64::NEG_INFINITY.to_bits() as i64);
    let highest = to_order(f64::INFINITY.to_bits() as i64);
    from_order(least(lowest, highest, |order| holds(from_order(order))))
}

/// The least integer above `below` of which something holds, `holds` at the latest.
fn least(mut below: i64, mut highest: i64, holds: impl Fn(i64) -> bool) -> i64 {
    while i128::from(highest) - i128::from(below) > 1 {
        let middle = ((i128::from(below) + i128::from(highest)) / 2) as i64;
        match holds(middle) {
            true => highest = middle,
            false => below = middle,
        }
    }
    highest
}
