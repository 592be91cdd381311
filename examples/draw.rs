//! Draws a saved model as the figure of the PLE paper: features, levels of experts and gates, towers.
//!
//! `cargo xtask draw MODEL --out FILE`

#[path = "run/program/mod.rs"]
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use ple_data::MemoryRoom;
use ple_files::Outputs;
use ple_train::RankingModel;
use ple_train::checkpoint::files_in;
use program::failure::Failure;
use program::{Program, console};

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
    /// The most memory that the model may take, as in 8GB or 500MB; what the machine has without it.
    #[arg(long, value_name = "SIZE")]
    memory: Option<MemoryRoom>,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        Outputs::new().file(&self.out, "--out").inputs(files_in(&self.model)).check()?;
        let room = self.memory.unwrap_or_else(MemoryRoom::of_machine);
        let (model, _) = RankingModel::load_within(&self.model, room)?;
        model.draw(&self.out)?;
        let (diagram, out) = (model.diagram(), self.out.display());
        console::say(format_args!("{out}: {}, {} parameters", diagram.title(), diagram.parameters()));
        Ok(())
    }
}
