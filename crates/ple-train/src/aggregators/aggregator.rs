//! The list of aggregators, and the ways through it.

use std::fmt;

use super::ca_grad::CaGrad;
use super::definition::{Definition, Settings};
use super::gramian::Gramian;
use super::{aligned_mtl, conflict_free, dual_cone, imtl_g, mean, mgda, pc_grad};

/// Makes the enum and the ways through it. An aggregator is one line.
macro_rules! aggregators {
    (
        plain { $($(#[$page:meta])* $plain:ident => $definition:path,)* }
        with settings { $($(#[$settings_page:meta])* $with:ident($settings:ty),)* }
    ) => {
        /// What makes one gradient of those of several tasks: their sum, with weights that are a function of their
        /// [`Gramian`] alone. One with settings has them after an `@`; without them it has the defaults.
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_train::{Aggregator, Gramian};
        ///
        /// let gramian = Gramian::of_rows(&[vec![1.0, 0.0], vec![0.0, 2.0]]);
        /// let weights = Aggregator::Mgda.weights(&gramian);
        /// assert!((weights[0] - 0.8).abs() < 1e-15 && (weights[1] - 0.2).abs() < 1e-15);
        /// assert_eq!(Aggregator::named("mgda", None), Some(Aggregator::Mgda));
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub enum Aggregator {
            $($(#[$page])* $plain,)*
            $($(#[$settings_page])* $with($settings),)*
        }

        impl Aggregator {
            /// Every aggregator, with the defaults of its settings.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$plain,)* $(Self::$with(<$settings>::default()),)*]
            }

            fn definition(&self) -> &dyn Definition {
                match self {
                    $(Self::$plain => &$definition,)*
                    $(Self::$with(settings) => settings,)*
                }
            }

            fn with(self, settings: &str) -> Option<Self> {
                match self {
                    $(Self::$with(_) => <$settings as Settings>::read(settings).map(Self::$with),)*
                    _ => None,
                }
            }
        }
    };
}

aggregators! {
    plain {
        /// The mean, `mean`.
        Mean => mean::Mean,
        /// The sum, `sum`.
        Sum => mean::Total,
        /// The sum of projected gradients, `pcgrad`; see [`pcgrad_weights`](crate::pcgrad_weights), here in the order of the tasks.
        PcGrad => pc_grad::PcGrad,
        /// The shortest weighted sum, weights not negative and 1 in sum, `mgda`: along it every loss falls by the same amount or
        /// more. Exact. Source: J.-A. Désidéri, 2012; O. Sener and V. Koltun, NeurIPS 2018.
        Mgda => mgda::Mgda,
        /// The sum of which every gradient's direction has the same part, `imtl_g`. Source: L. Liu et al., ICLR 2021.
        ImtlG => imtl_g::ImtlG,
        /// The mean of the gradients, each projected to where no loss rises, `upgrad`. Source: P. Quinton and V. Rey, 2024.
        UpGrad => dual_cone::UpGrad,
        /// The mean gradient, projected to where no loss rises, `dual_proj`. Source: D. Lopez-Paz and M. Ranzato, NeurIPS 2017.
        DualProj => dual_cone::DualProj,
        /// The mean of gradients turned to right angles, at the least of the scales, `aligned_mtl`. Source: D. Senushkin et al., CVPR
        /// 2023.
        AlignedMtl => aligned_mtl::AlignedMtl,
        /// The direction with the same cosine to every gradient, as long as their parts in it, `config`. Source: Q. Liu, M. Chu and
        /// N. Thuerey, ICLR 2025.
        ConFig => conflict_free::ConFig,
    }
    with settings {
        /// Near the mean, the vector with the largest smallest gain, `cagrad`; see [`CaGrad`].
        CaGrad(CaGrad),
    }
}

impl Aggregator {
    /// The one of that name, with what would stand after the `@`; nothing if there is none, or none with such settings.
    pub fn named(name: &str, settings: Option<&str>) -> Option<Self> {
        let found = Self::all().into_iter().find(|aggregator| aggregator.name() == name)?;
        match settings {
            Some(settings) => found.with(settings),
            None => Some(found),
        }
    }

    /// The name in configurations and reports, without settings.
    pub fn name(&self) -> &'static str {
        self.definition().name()
    }

    /// A weight for each task, in the order of the Gramian. The result is the sum of the gradients, each times its weight.
    pub fn weights(&self, gramian: &Gramian) -> Vec<f64> {
        self.definition().weights(gramian)
    }
}

/// The name, and after an `@` the settings that are not the defaults.
impl fmt::Display for Aggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition().settings() {
            Some(settings) => f.pad(&format!("{}@{settings}", self.name())),
            None => f.pad(self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::{Aggregator, CaGrad, Gramian};
    use crate::aggregators::test_rows::{combined, rows};

    #[test]
    fn names_differ_and_lead_back() {
        let names: BTreeSet<_> = Aggregator::all().iter().map(Aggregator::name).collect();
        assert_eq!(names.len(), Aggregator::all().len());
        for aggregator in Aggregator::all() {
            assert_eq!(Aggregator::named(aggregator.name(), None), Some(aggregator.clone()));
            assert_eq!(aggregator.to_string(), aggregator.name());
            assert_eq!(Aggregator::named(aggregator.name(), Some("x")), None);
        }
        let other = Aggregator::CaGrad(CaGrad { c: 0.25 });
        assert_eq!(Aggregator::named("cagrad", Some("0.25")), Some(other.clone()));
        assert_eq!(other.to_string(), "cagrad@0.25");
        assert_eq!(Aggregator::named("cagrad_0.5", None), None);
    }

    proptest! {
        /// Gradients ten times as long, in another order, have a sum that is ten times as long.
        #[test]
        fn neither_units_nor_the_order_of_tasks_count(rows in rows()) {
            let longest = rows.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
            let other: Vec<Vec<f64>> =
                rows.iter().rev().map(|row| row.iter().map(|value| 10.0 * value).collect()).collect();
            for aggregator in Aggregator::all().into_iter().filter(|one| *one != Aggregator::PcGrad) {
                let one = combined(&rows, &aggregator.weights(&Gramian::of_rows(&rows)));
                let two = combined(&other, &aggregator.weights(&Gramian::of_rows(&other)));
                for (one, two) in one.iter().zip(two) {
                    prop_assert!((10.0 * one - two).abs() <= 1e-6 * longest, "{aggregator}: {one} {two}");
                }
            }
        }
    }
}
