//! Progress of a run on standard error: a bar in a terminal, otherwise a plain line every ten seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ple_train::metrics::Metric;
use ple_train::{Control, Evaluation, Observer, Resumed, RunStart, StepProgress};

use crate::program::{console, interrupts};

/// The time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Watches a run for somebody at a terminal, or for a log file.
pub(crate) struct Terminal {
    tasks: Vec<String>,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
    /// The best primary metric of each task so far.
    best: Vec<Option<f64>>,
    total_steps: u64,
    /// The steps that were taken before the run went on.
    steps_before: u64,
}

impl Terminal {
    /// A terminal for the tasks of a run.
    pub(crate) fn new(tasks: Vec<String>) -> Self {
        let (now, best) = (Instant::now(), vec![None; tasks.len()]);
        Self { tasks, bar: None, started: now, last_line: now, best, total_steps: 0, steps_before: 0 }
    }

    /// A line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| console::note(text)),
            None => console::note(text),
        }
    }

    fn row(&mut self, evaluation: &Evaluation, task: usize) -> String {
        let epoch = if task == 0 { evaluation.epoch.to_string() } else { String::new() };
        let (name, loss) = (&self.tasks[task], cell(evaluation.train_losses[task]));
        let trained = format!("{epoch:>5}  {name:<16} {loss:>9}");
        let Some(metrics) = evaluation.validation.get(task) else { return trained };
        let primary = metrics.primary().value();
        let change = match (primary, self.best[task]) {
            (Some(value), Some(best)) => format!("{:+.4}", value - best),
            _ => String::new(),
        };
        let direction = Metric::primary(metrics.task_type).direction();
        if let Some(value) = primary
            && self.best[task].is_none_or(|best| direction.is_better(value, best))
        {
            self.best[task] = Some(value);
        }
        format!(
            "{trained} {:>9} {:>9} {change:>9} {:>9} {:>9}",
            cell(primary),
            cell(metrics.loss().value()),
            metrics.counts.rows,
            metrics.counts.positives,
        )
    }
}

/// Four decimals, or a dash.
pub(crate) fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

impl Observer for Terminal {
    fn started(&mut self, start: &RunStart) {
        self.started = Instant::now();
        self.last_line = self.started;
        self.total_steps = start.epochs * start.steps_per_epoch as u64;
        match &start.early_stopping {
            Some(text) => self.line(text),
            None => self.line("no validation data: no early stopping, and the last weights are kept"),
        }
        self.line("");
        self.line("epoch  task             train loss      AUC      loss  to best      rows  positives");
        if std::io::stderr().is_terminal() {
            let template = "epoch {msg}  {bar:30} {pos}/{len} steps  {elapsed} so far, at most {eta} more";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(ProgressBar::new(self.total_steps).with_style(style));
        }
    }

    fn resumed(&mut self, resumed: &Resumed) {
        for (place, error) in &resumed.passed_over {
            self.line(&format!("passed over {}, which does not verify: {error}", place.display()));
        }
        resumed.changes.iter().for_each(|change| self.line(&format!("since it was saved: {change}")));
        resumed.evaluations.iter().for_each(|evaluation| self.evaluated(evaluation));
        let (place, step) = (resumed.place.display(), resumed.step);
        self.line(&format!("going on in epoch {}, after step {step}, from {place}", resumed.epoch));
        self.steps_before = step;
    }

    fn stepped(&mut self, progress: &StepProgress) -> Control {
        let StepProgress { epoch, step, steps_per_epoch, rows, loss } = *progress;
        let steps = (epoch - 1) * steps_per_epoch as u64 + step as u64;
        match &self.bar {
            Some(bar) => {
                bar.set_message(epoch.to_string());
                bar.set_position(steps);
            }
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let seconds = self.started.elapsed().as_secs_f64();
                let left = seconds / (steps - self.steps_before) as f64 * (self.total_steps - steps) as f64;
                console::note(format_args!(
                    "epoch {epoch}, step {step} of {steps_per_epoch}: loss {loss:.4}, {:.0} rows a second, at most \
                     {left:.0} s more",
                    rows as f64 / seconds
                ));
            }
            None => {}
        }
        match interrupts::asked() {
            true => Control::Interrupt,
            false => Control::Continue,
        }
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        for task in 0..self.tasks.len() {
            let row = self.row(evaluation, task);
            self.line(&row);
        }
    }
}
