//! Draws a saved model as the figure of the PLE paper: features, levels of experts and gates, towers.
//!
//! `cargo xtask draw MODEL --out FILE`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ple_train::{RankingModel, TrainError};

/// Draws a saved model: features, levels, experts, gates and towers, with widths and parameter counts.
#[derive(Parser)]
#[command(
    name = "cargo xtask draw",
    after_help = "Examples:\n  cargo xtask draw target/ali_ccp --out target/model.svg\n  cargo xtask draw target/ali_ccp --out target/model.mmd"
)]
struct Arguments {
    /// The folder that a run saved its model into.
    model: PathBuf,
    /// The picture: a name that ends in .svg, .dot (Graphviz) or .mmd (Mermaid).
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match draw(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn draw(arguments: &Arguments) -> Result<String, TrainError> {
    let (model, _) = RankingModel::load(&arguments.model)?;
    model.draw(&arguments.out)?;
    let diagram = model.diagram();
    Ok(format!("{}: {}, {} parameters", arguments.out.display(), diagram.title(), diagram.parameters()))
}
