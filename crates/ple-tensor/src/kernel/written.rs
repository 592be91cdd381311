//! What a kernel that steps says of its results.

/// Whether what a kernel wrote is finite. The kernels find out while the values are in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// Every value is finite.
    Finite,
    /// A value may be NaN or infinite. It is not said where: that takes a search, which the caller makes.
    Suspect,
}

impl Written {
    /// Both parts of what was written.
    pub fn and(self, other: Self) -> Self {
        if self == Self::Finite { other } else { Self::Suspect }
    }

    /// By the largest of the values' bits without their signs.
    pub(crate) fn of(magnitude: u32) -> Self {
        if magnitude < INFINITY { Self::Finite } else { Self::Suspect }
    }
}

/// The bits of infinity. Without the sign, the bits of NaN are above them and those of every number below.
const INFINITY: u32 = f32::INFINITY.to_bits();
