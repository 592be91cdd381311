//! Progress on standard error: a bar in a terminal, otherwise a plain line every ten seconds.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ple_train::{Control, Evaluation, Observer, RunStart, StepProgress};

/// Watches a run for somebody at a terminal, or for a log file.
pub(crate) struct Terminal {
    bar: Option<ProgressBar>,
    last_line: Instant,
    started: Instant,
    tasks: Vec<String>,
}

impl Terminal {
    /// A terminal for the tasks of a run.
    pub(crate) fn new(tasks: Vec<String>) -> Self {
        let now = Instant::now();
        Self { bar: None, last_line: now, started: now, tasks }
    }

    /// A line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }
}

impl Observer for Terminal {
    fn started(&mut self, start: &RunStart) {
        self.started = Instant::now();
        if let Some(text) = &start.early_stopping {
            self.line(text);
        }
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{msg} {bar:30} {pos}/{len} steps, {elapsed} elapsed, {eta} left",
            );
            let bar = ProgressBar::new(start.steps_per_epoch as u64);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar = Some(bar);
        }
    }

    fn stepped(&mut self, progress: &StepProgress) -> Control {
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("epoch {}", progress.epoch));
                bar.set_position(progress.step as u64);
            }
            None if self.last_line.elapsed() >= Duration::from_secs(10) => {
                self.last_line = Instant::now();
                let rate = progress.rows as f64 / self.started.elapsed().as_secs_f64();
                let StepProgress { epoch, step, steps_per_epoch, loss, .. } = progress;
                eprintln!(
                    "epoch {epoch}, step {step}/{steps_per_epoch}, loss {loss:.4}, {rate:.0} rows a second"
                );
            }
            None => {}
        }
        Control::Continue
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        for (task, name) in self.tasks.iter().enumerate() {
            let validation = evaluation.validation.get(task).map_or_else(String::new, |metrics| {
                let better =
                    evaluation.improved.iter().any(|improved| improved.starts_with(&format!("{name}.")));
                let mark = if better { " *" } else { "" };
                format!(", validation {:.4}, loss {:.4}{mark}", metrics.primary(), metrics.loss())
            });
            let loss = evaluation.train_losses[task];
            self.line(&format!(
                "epoch {:>2}  {name:<14} training loss {loss:.4}{validation}",
                evaluation.epoch
            ));
        }
        if let Some(bar) = &self.bar {
            bar.reset();
        }
    }
}
