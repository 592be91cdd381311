//! A measurement that is repeated for a while: its median, since a single one says as much of the machine's other guests.

use std::time::Instant;

/// The median of what `measure` gives (in seconds), repeated until `seconds` have passed, at least once.
pub(crate) fn median_of_repeats(seconds: f64, mut measure: impl FnMut() -> f64) -> f64 {
    let start = Instant::now();
    let mut all = vec![measure()];
    while start.elapsed().as_secs_f64() < seconds {
        all.push(measure());
    }
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::median_of_repeats;

    #[test]
    fn one_slow_repeat_does_not_count() {
        let mut times = [3.0, 1.0, 900.0, 2.0, 4.0].into_iter().cycle();
        let median = median_of_repeats(1e-3, || times.next().unwrap_or(0.0));
        assert!((2.0..=4.0).contains(&median), "{median}");
        assert_eq!(median_of_repeats(0.0, || 7.0), 7.0);
    }
}
