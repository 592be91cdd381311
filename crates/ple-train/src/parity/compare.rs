//! The comparison: the largest difference of each group, and whether every value is within its tolerance.

use std::fmt;

/// The groups of values that are compared, in the order in which they are reported.
pub const GROUPS: [&str; 6] = ["out.eval", "out.train", "loss", "grad", "after", "after.out.eval"];

/// What the comparison of one file found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    name: String,
    groups: [Group; GROUPS.len()],
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    noise: f64,
    compared: usize,
    largest: f64,
    /// The first tensor with a value outside of its tolerance.
    differs: Option<String>,
}

impl Report {
    pub(super) fn new(name: String, noise: impl Fn(&str) -> f64) -> Self {
        Self { name, groups: GROUPS.map(|group| Group { noise: noise(group), ..Group::default() }) }
    }

    /// Compares one tensor of a group. A value agrees within 2e-5, a gradient within 2e-6 + 1e-4 of its size; where
    /// PyTorch's own rounding in f32 is more than an eighth of that, within eight times the rounding.
    pub(super) fn compare(
        &mut self,
        group: &str,
        tensor: &str,
        ours: impl IntoIterator<Item = f32>,
        theirs: &[f32],
    ) {
        let index = GROUPS.iter().position(|name| *name == group).expect("a group of the list");
        let group = &mut self.groups[index];
        let mut compared = 0;
        for (ours, &theirs) in ours.into_iter().zip(theirs) {
            compared += 1;
            let theirs = f64::from(theirs);
            let tolerance = if GROUPS[index] == "grad" { 2e-6 + 1e-4 * theirs.abs() } else { 2e-5 };
            let difference = (f64::from(ours) - theirs).abs();
            group.largest = if difference.is_nan() { f64::NAN } else { group.largest.max(difference) };
            let agrees = difference <= tolerance.max(8.0 * group.noise);
            if !agrees && group.differs.is_none() {
                group.differs = Some(tensor.to_owned());
            }
        }
        if compared != theirs.len() && group.differs.is_none() {
            group.differs = Some(tensor.to_owned());
        }
        group.compared += compared;
    }

    /// Whether every value agrees, and each group has some.
    pub fn agrees(&self) -> bool {
        self.groups.iter().all(|group| group.differs.is_none() && group.compared > 0)
    }
}

impl fmt::Display for Report {
    /// One line: name, the largest difference of each group, and `ok` or `DIFFERS` with the first tensor that does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<28}", self.name)?;
        for (name, group) in GROUPS.iter().zip(&self.groups) {
            write!(f, " {name} {:.1e}", group.largest)?;
        }
        match self.agrees() {
            true => f.write_str(" ok"),
            false => {
                f.write_str(" DIFFERS")?;
                let tensors: Vec<&str> =
                    self.groups.iter().filter_map(|group| group.differs.as_deref()).collect();
                write!(f, " ({})", tensors.join(", "))
            }
        }
    }
}
