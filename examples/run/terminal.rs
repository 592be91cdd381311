//! Progress of a run on standard error: a bar in a terminal, otherwise a plain line every ten seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ple_train::metrics::{LabelCounts, LabelSpread, Measured, Metric};
use ple_train::{Control, Evaluation, Observer, Resumed, RunStart, StepProgress};

use crate::program::{console, interrupts};

/// The time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Watches a run for somebody at a terminal, or for a log file.
pub(crate) struct Terminal {
    tasks: Vec<String>,
    bar: Option<ProgressBar>,
    last_line: Instant,
    /// The best primary metric of each task so far.
    best: Vec<Option<f64>>,
    total_steps: u64,
    /// The time after the first step of this process, and the steps and rows of the whole run at that time.
    before: Option<(Instant, u64, u64)>,
}

impl Terminal {
    /// A terminal for the tasks of a run.
    pub(crate) fn new(tasks: Vec<String>) -> Self {
        let (now, best) = (Instant::now(), vec![None; tasks.len()]);
        Self { tasks, bar: None, last_line: now, best, total_steps: 0, before: None }
    }

    /// A line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| console::note(text)),
            None => console::note(text),
        }
    }

    /// What an evaluation says of a task: every metric by its name, the first with its change to the best one so far.
    fn row(&mut self, evaluation: &Evaluation, task: usize) -> String {
        let epoch = if task == 0 { evaluation.epoch.to_string() } else { String::new() };
        let loss = evaluation.train_losses[task];
        let loss = loss.map_or_else(|| "no row".to_owned(), |loss| Measured::Value(loss).to_string());
        let mut row = format!("{epoch:>5}  {:<16} {loss:>10}", self.tasks[task]);
        let Some(metrics) = evaluation.validation.get(task) else { return row };
        let primary = Metric::primary(metrics.task_type);
        let change = match (metrics.primary().value(), self.best[task]) {
            (Some(value), Some(best)) => format!("{:+.4}", value - best),
            _ => String::new(),
        };
        if let Some(value) = metrics.primary().value()
            && self.best[task].is_none_or(|best| primary.best().is_better(value, best))
        {
            self.best[task] = Some(value);
        }
        for (metric, measured) in &metrics.values {
            let measured = measured.to_string();
            row += &format!("  {} {measured:>6}", metric.heading());
            if let Some(groups) = metrics.groups.get(metric).filter(|groups| groups.have_left_out()) {
                row += &format!(" ({groups})");
            }
            if *metric == primary {
                row += &format!(" {change:>7}");
            }
        }
        let LabelCounts { rows, positives, spread } = metrics.counts;
        row += &format!("  {rows} rows");
        if let Some(positives) = positives {
            row += &format!(", {positives} positive");
        }
        if let Some(LabelSpread { mean, deviation }) = spread {
            let [mean, deviation] = [mean, deviation].map(Measured::Value);
            row += &format!(", labels {mean} ± {deviation}");
        }
        row
    }
}

/// What a signal makes of a run.
fn control() -> Control {
    match interrupts::asked() {
        true => Control::Interrupt,
        false => Control::Continue,
    }
}

impl Observer for Terminal {
    fn started(&mut self, start: &RunStart) {
        self.last_line = Instant::now();
        self.total_steps = start.epochs.saturating_mul(start.steps_per_epoch as u64);
        match &start.early_stopping {
            Some(text) => self.line(text),
            None => self.line("no validation data: no early stopping, and the last weights are kept"),
        }
        self.line("");
        self.line("epoch  task             train loss  validation, with the change to the best so far");
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
    }

    fn stepped(&mut self, progress: &StepProgress) -> Control {
        let StepProgress { epoch, step, steps_per_epoch, rows, loss } = *progress;
        let steps = (epoch - 1) * steps_per_epoch as u64 + step as u64;
        let (since, steps_before, rows_before) = *self.before.get_or_insert((Instant::now(), steps, rows));
        match &self.bar {
            Some(bar) => {
                bar.set_message(epoch.to_string());
                bar.set_position(steps);
            }
            None if steps > steps_before && self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                let seconds = since.elapsed().as_secs_f64();
                let left = seconds / (steps - steps_before) as f64 * (self.total_steps - steps) as f64;
                console::note(format_args!(
                    "epoch {epoch}, step {step} of {steps_per_epoch}: loss {loss:.4}, {:.0} rows a second, at most \
                     {left:.0} s more",
                    (rows - rows_before) as f64 / seconds
                ));
            }
            None => {}
        }
        control()
    }

    fn evaluated_rows(&mut self, _rows: usize) -> Control {
        control()
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        for task in 0..self.tasks.len() {
            let row = self.row(evaluation, task);
            self.line(&row);
        }
    }
}
