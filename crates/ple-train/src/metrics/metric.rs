//! The list of metrics: their names, which value is best, which tasks they apply to, and how each is computed.

use ple_data::TaskType;

use super::best::Best;
use super::computed::Computed;
use super::definition::{Definition, Settings};
use super::rows::Rows;
use super::task_metrics::LabelCounts;
use super::undefined::Undefined;
use super::{ece, gauc, log_loss, ndcg, normalized_entropy, pcoc, pr_auc, regression, roc_auc};
use crate::error::TrainError;
use crate::named::{Named, text_of_named};

/// Makes the enum and the ways through it. A metric is one line, in the order of reports.
macro_rules! metrics {
    (
        plain { $($(#[$page:meta])* $plain:ident => $definition:path,)* }
        with settings { $($(#[$settings_page:meta])* $with:ident($settings:ty),)* }
    ) => {
        /// A metric, by the name that configurations and reports use. One with settings has them after an `@`, as in `ece@20`;
        /// without them it has the defaults.
        ///
        /// # Examples
        ///
        /// ```
        /// use ple_train::metrics::{Best, Metric};
        ///
        /// let metric: Metric = "log_loss".parse().unwrap();
        /// assert_eq!(metric, Metric::LogLoss);
        /// assert_eq!(metric.best(), Best::Lowest);
        /// assert!("logloss".parse::<Metric>().unwrap_err().to_string().contains("did you mean `log_loss`?"));
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $($(#[$page])* $plain,)*
            $($(#[$settings_page])* $with($settings),)*
        }

        impl Metric {
            /// Every metric, with the defaults of its settings; where these have none, in the form in which it is written, with
            /// `COLUMN` for the name of a column.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$plain,)* $(Self::$with(<$settings as Settings>::shown()),)*]
            }

            fn definition(&self) -> &dyn Definition {
                match self {
                    $(Self::$plain => &$definition,)*
                    $(Self::$with(settings) => settings,)*
                }
            }

            /// The same metric with other settings, or what was expected of them.
            fn with(self, settings: Option<&str>) -> Result<Self, &'static str> {
                match (self, settings) {
                    $((Self::$with(_), _) => <$settings as Settings>::read(settings).map(Self::$with),)*
                    (plain, None) => Ok(plain),
                    (_, Some(_)) => Err("a name alone, since it has no settings"),
                }
            }
        }
    };
}

metrics! {
    plain {
        /// The area under the ROC curve, see [`roc_auc`](super::roc_auc()).
        Auc => roc_auc::Auc,
        /// The log loss in nats, see [`log_loss`](super::log_loss()).
        LogLoss => log_loss::LogLoss,
        /// The mean squared error, see [`mse`](super::mse).
        Mse => regression::Mse,
        /// The root of the mean squared error, see [`rmse`](super::rmse).
        Rmse => regression::Rmse,
        /// The mean absolute error, see [`mae`](super::mae).
        Mae => regression::Mae,
        /// The share of the labels' variance that the predictions explain, see [`r2`](super::r2).
        R2 => regression::R2,
        /// Predicted over observed positives, see [`pcoc`](super::pcoc()).
        Pcoc => pcoc::Pcoc,
        /// The log loss over that of the base rate, see [`normalized_entropy`](super::normalized_entropy()).
        NormalizedEntropy => normalized_entropy::NormalizedEntropy,
        /// The area under the precision-recall curve, see [`pr_auc`](super::pr_auc()).
        PrAuc => pr_auc::PrAuc,
    }
    with settings {
        /// The expected calibration error, see [`expected_calibration_error`](super::expected_calibration_error).
        Ece(ece::Ece),
        /// The AUC within groups, see [`gauc`](super::gauc()).
        Gauc(gauc::Gauc),
        /// The discounted gain within groups, see [`ndcg`](super::ndcg()).
        Ndcg(ndcg::Ndcg),
    }
}

impl Metric {
    /// What stands above its column for people to read.
    pub fn heading(&self) -> String {
        self.with_settings(self.definition().heading())
    }

    fn with_settings(&self, name: &str) -> String {
        match self.definition().settings() {
            Some(settings) => format!("{name}@{settings}"),
            None => name.to_owned(),
        }
    }

    /// The name in configurations and reports, without settings.
    pub fn name(&self) -> &'static str {
        self.definition().name()
    }

    /// Where its best value lies.
    pub fn best(&self) -> Best {
        self.definition().best()
    }

    /// Whether it applies to tasks of a type.
    pub fn fits(&self, task: TaskType) -> bool {
        self.definition().task() == task
    }

    /// The metrics that a type of task has unless others are named besides, the primary one first.
    pub fn of(task: TaskType) -> &'static [Self] {
        match task {
            TaskType::Classification => &[Self::Auc, Self::LogLoss],
            TaskType::Regression => &[Self::Mse, Self::Rmse, Self::Mae, Self::R2],
        }
    }

    /// The metric that a type of task is judged by unless another is named: AUC, or the mean squared error.
    pub fn primary(task: TaskType) -> Self {
        match task {
            TaskType::Classification => Self::Auc,
            TaskType::Regression => Self::Mse,
        }
    }

    /// The metric that is also the task's training loss: the log loss, or the mean squared error.
    pub fn loss(task: TaskType) -> Self {
        match task {
            TaskType::Classification => Self::LogLoss,
            TaskType::Regression => Self::Mse,
        }
    }

    /// The column whose values are the groups that it is taken in, as `user_id` in `gauc@user_id`; nothing for a metric that
    /// knows no groups.
    pub fn column(&self) -> Option<&str> {
        self.definition().column()
    }

    /// Computes it: the value, or the reason for which it has none on these rows, and its groups.
    ///
    /// # Panics
    ///
    /// If the lengths differ, a weight is negative, or the rows have no groups and it declares a column.
    pub fn compute(&self, rows: &Rows<'_>) -> Computed {
        self.definition().compute(rows)
    }

    pub(super) fn compute_served(&self, rows: &Rows<'_>) -> Option<Computed> {
        self.definition().compute_served(rows)
    }

    /// Whether it will have a value on rows with these labels, whatever a model predicts: what can be known of a
    /// validation set before training.
    ///
    /// # Errors
    ///
    /// The reason for which it cannot have one.
    pub fn check_labels(&self, counts: LabelCounts) -> Result<(), Undefined> {
        match counts.rows {
            0 => Err(Undefined::NoRows),
            _ => self.definition().check_labels(counts),
        }
    }
}

impl Named for Metric {
    const KIND: &'static str = "metric";

    fn known() -> Vec<Self> {
        Self::all()
    }

    fn word(&self) -> &'static str {
        self.name()
    }

    fn written_settings(&self) -> Option<String> {
        self.definition().settings()
    }

    fn configured(self, settings: Option<&str>) -> Result<Self, &'static str> {
        self.with(settings)
    }

    fn unknown(found: String) -> TrainError {
        TrainError::UnknownMetric { found }
    }
}

text_of_named!(Metric);

#[cfg(test)]
mod tests {
    use super::{LabelCounts, Metric, TaskType, Undefined};

    #[test]
    fn names_go_both_ways_and_equal_those_of_serde() {
        for metric in Metric::all() {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_value(&metric).unwrap(), metric.to_string());
            // A column has no default.
            if metric.column().is_none() {
                assert_eq!(serde_json::from_value::<Metric>(metric.name().into()).unwrap(), metric);
            }
        }
    }

    #[test]
    fn no_two_metrics_have_one_name() {
        let mut names: Vec<_> = Metric::all().iter().map(Metric::name).collect();
        let n_metrics = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), n_metrics);
    }

    #[test]
    fn an_unknown_name_in_json_is_said_as_serde_says_it() {
        let error = serde_json::from_str::<Metric>("\"acu\"").unwrap_err().to_string();
        assert!(error.starts_with("unknown variant `acu`, expected one of `auc`, `log_loss`"), "{error}");
    }

    #[test]
    fn a_metric_without_settings_takes_none() {
        assert_eq!(
            "auc@3".parse::<Metric>().unwrap_err().to_string(),
            "the metric `auc` is `auc@3`\nexpected: a name alone, since it has no settings\nnext: correct the metric `auc`"
        );
    }

    #[test]
    fn the_primary_metric_and_the_loss_belong_to_the_task() {
        for task in [TaskType::Classification, TaskType::Regression] {
            assert!(Metric::of(task).iter().all(|metric| metric.fits(task)));
            assert_eq!(Metric::of(task)[0], Metric::primary(task));
            assert!(Metric::of(task).contains(&Metric::loss(task)));
        }
    }

    #[test]
    fn labels_alone_tell_what_will_be_undefined() {
        let check = |metric: Metric, rows, positives| {
            metric.check_labels(LabelCounts { rows, positives: Some(positives), ..LabelCounts::default() })
        };
        assert_eq!(check(Metric::Auc, 10, 0), Err(Undefined::NoPositives));
        assert_eq!(check(Metric::Auc, 10, 10), Err(Undefined::NoNegatives));
        assert_eq!(check(Metric::Auc, 10, 3), Ok(()));
        assert_eq!(check(Metric::Mse, 10, 0), Ok(()));
        assert_eq!(check(Metric::LogLoss, 0, 0), Err(Undefined::NoRows));
    }
}
