//! Scores the rows of Parquet files with a saved model: a column of predictions for each task, in the order of the rows.
//!
//! `cargo run --release -p ple-train --example score -- --model target/ali_ccp --data rows.parquet --out scores.parquet`

#[path = "run/origin.rs"]
mod origin;
#[path = "run/program/mod.rs"]
mod program;
#[path = "run/progress.rs"]
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ple_data::{MemoryRoom, PredictionWriter, UnlabelledRows, local_files};
use ple_files::Outputs;
use ple_train::checkpoint::files_in;
use ple_train::{Predictor, RankingModel};
use program::failure::Failure;
use program::{Program, console, interrupts};
use progress::Progress;
use serde_json::json;

/// Scores the rows of Parquet files with a saved model.
#[derive(Parser)]
#[command(
    name = "score",
    after_help = "Examples:\n  score --model target/ali_ccp --data rows.parquet --out scores.parquet\n  score --model target/ali_ccp --data 'day-*.parquet' --id user --id item --out scores.parquet"
)]
struct Arguments {
    /// The folder that a run saved its model into.
    #[arg(long)]
    model: PathBuf,
    /// Parquet files with the columns that the model reads: files, folders or patterns. Other columns are not read. Of a
    /// prepared folder its part `test` is scored.
    #[arg(long, required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// The Parquet file to write: a column for each task, named after it.
    #[arg(long)]
    out: PathBuf,
    /// A column, of any type, to write beside the predictions; may be given several times.
    #[arg(long, value_name = "COLUMN")]
    id: Vec<String>,
    /// Threads; all processors without it. The result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// The most memory that the model may take, as in 8GB or 500MB; what the machine has without it.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryRoom>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn threads(&self) -> Option<usize> {
        self.threads
    }

    fn run(&self) -> Result<(), Failure> {
        interrupts::keep("nothing was written");
        score(self)?.print(self);
        Ok(())
    }
}

/// Reads, predicts and writes piece by piece.
fn score(arguments: &Arguments) -> Result<Scored, Failure> {
    let data = arguments.data.iter().flat_map(|path| local_files(path));
    Outputs::new().file(&arguments.out, "--out").inputs(files_in(&arguments.model)).inputs(data).check()?;
    let room = arguments.memory.unwrap_or_else(MemoryRoom::of_machine);
    let (model, _manifest) = RankingModel::load_within(&arguments.model, room)?;
    let predictor = Predictor::new(model);
    let tasks = predictor.model().heads();
    let mut rows = UnlabelledRows::open(&arguments.data, predictor.schema(), &arguments.id)?;
    origin::compare(predictor.model(), &rows)?;
    let (progress, total) = (Progress::new(), rows.rows());
    let mut sums = vec![0.0; tasks.len()];
    let mut done = 0;
    // Where a signal ended the program at once, the unfinished file would stay.
    interrupts::asking("ending after this piece", || {
        let mut out = PredictionWriter::create(&arguments.out, &tasks)?;
        let mut next = rows.next().transpose()?;
        while let Some(piece) = next {
            // The next piece is decoded while this one is predicted.
            let (predictions, decoded) = rayon::join(|| predictor.model().predict(&piece), || rows.next());
            let predictions = predictions.map_err(|error| error.after_rows(done))?;
            out.write(&predictions, &piece.named_keys())?;
            for (sum, values) in sums.iter_mut().zip(&predictions) {
                *sum += values.iter().map(|&value| f64::from(value)).sum::<f64>();
            }
            done += piece.rows();
            progress.show(|| {
                let rate = done as f64 / progress.seconds();
                let left = (total - done) as f64 / rate;
                format!("{done} of {total} rows, {rate:.0} a second, about {left:.0} s more")
            });
            if interrupts::asked() {
                progress.end();
                interrupts::check()?;
            }
            next = decoded.transpose()?;
        }
        progress.end();
        out.finish()?;
        interrupts::keep(format!("{} is complete", arguments.out.display()));
        Ok(())
    })?;
    let means = sums.into_iter().map(|sum| sum / done as f64);
    Ok(Scored { rows: done, seconds: progress.seconds(), means: tasks.into_iter().zip(means).collect() })
}

/// What was written.
struct Scored {
    rows: usize,
    seconds: f64,
    /// The mean prediction of each task.
    means: Vec<(String, f64)>,
}

impl Scored {
    fn print(&self, arguments: &Arguments) {
        let Self { rows, seconds, means } = self;
        if arguments.json {
            let means: serde_json::Map<_, _> =
                means.iter().map(|(task, mean)| (task.clone(), json!(mean))).collect();
            let result = json!({"rows": rows, "seconds": seconds, "mean": means, "out": arguments.out});
            console::say_json(result);
            return;
        }
        for (task, mean) in means {
            console::say(format_args!("{task:<16} mean {mean:.6}"));
        }
        let (rate, out) = (*rows as f64 / seconds, arguments.out.display());
        console::say(format_args!("{rows} rows in {seconds:.1} s ({rate:.0} a second) into {out}"));
    }
}
