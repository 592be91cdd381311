//! The control: fixed work between the workloads. While it takes longer than at its best, something else is at work on the
//! machine, and what was measured meanwhile is not to be believed.

use std::collections::BTreeMap;

use super::contestant::Contestant;
use super::spread::Spread;

/// By how much the control may be slower than at its best.
const TOLERANCE: f64 = 0.15;

/// How long the control took each time, and beside which workloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    seconds: Vec<f64>,
    /// The position of the run before a workload in a round; the one after it is the next.
    before: BTreeMap<(String, usize), usize>,
}

impl Control {
    /// Takes the time of a run before a workload.
    pub(crate) fn ran(&mut self, seconds: f64, workload: &str, round: usize) {
        self.before.insert((workload.to_owned(), round), self.seconds.len());
        self.seconds.push(seconds);
    }

    /// Takes the time of the last run.
    pub(crate) fn ended(&mut self, seconds: f64) {
        self.seconds.push(seconds);
    }

    /// Whether the machine was disturbed before or after a workload in a round.
    pub(crate) fn was_disturbed(&self, workload: &str, round: usize) -> bool {
        let best = self.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let place = self.before.get(&(workload.to_owned(), round));
        let beside = place.map_or(&[][..], |&place| &self.seconds[place..self.seconds.len().min(place + 2)]);
        beside.iter().any(|&seconds| seconds > best * (1.0 + TOLERANCE))
    }

    /// All times.
    pub(crate) fn spread(&self) -> Option<Spread> {
        Spread::of(&self.seconds)
    }

    /// What the times say, and what the mark of a row means.
    pub(crate) fn describe(&self) -> String {
        let Some(Spread { median, min, max }) = self.spread() else { return String::new() };
        format!(
            "The control loop took {median:.2} s, at least {min:.2} and at most {max:.2}. Where it was slower by more than \
             {:.0}% before or after a row in half of its rounds, the machine was disturbed; such a row is marked with * and \
             not to be believed",
            100.0 * TOLERANCE
        )
    }
}

/// Runs the control once.
pub(crate) fn seconds(control: &Contestant) -> Result<f64, String> {
    let sample = control.measure()?;
    sample["seconds"].as_f64().ok_or_else(|| format!("the control loop printed no seconds: {sample}"))
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn a_slow_run_disturbs_what_stands_beside_it() {
        let mut control = Control::default();
        control.ran(1.0, "a", 0);
        control.ran(1.1, "b", 0);
        control.ran(1.3, "c", 0);
        control.ran(1.05, "a", 1);
        control.ended(1.0);
        let disturbed = |workload, round| control.was_disturbed(workload, round);
        assert_eq!([disturbed("a", 0), disturbed("b", 0), disturbed("c", 0)], [false, true, true]);
        assert!(!disturbed("a", 1) && !disturbed("never ran", 0));
        assert!(
            control.describe().starts_with("The control loop took 1.05 s, at least 1.00 and at most 1.30. ")
        );
    }
}
