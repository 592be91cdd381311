//! Describes data before anything is learned from it: as a table, as JSON, or as a page with plots.
//!
//! `cargo xtask data describe PATH`

#[path = "run/program/mod.rs"]
mod program;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ple_data::describe::{DescribeOptions, describe};
use ple_data::{DataError, FeatureSchema, local_files};
use ple_files::{FileError, MOST_TEXT_BYTES, Outputs, WholeFile, read_text};
use program::failure::Failure;
use program::{Program, console};

/// Describes CSV and Parquet files: rows, columns, vocabularies, labels, and what looks wrong.
#[derive(Parser)]
#[command(
    name = "cargo xtask data describe",
    after_help = "Examples:\n  cargo xtask data describe data/ali_ccp_generated --html target/data.html\n  cargo xtask data describe 'logs/day-*.parquet' --against logs/today.parquet --label click --json"
)]
struct Arguments {
    /// Files, folders or patterns; train, val and test are told apart by their names.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Files, folders or patterns to compare with.
    #[arg(long)]
    against: Vec<PathBuf>,
    /// A feature schema as JSON: vocabularies, labels and their spaces.
    #[arg(long)]
    schema: Option<PathBuf>,
    /// A label column, where there is no schema.
    #[arg(long, conflicts_with = "schema")]
    label: Vec<String>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// Write one page with plots to this file, too.
    #[arg(long)]
    html: Option<PathBuf>,
}

fn main() -> ExitCode {
    program::main::<Arguments>()
}

impl Program for Arguments {
    fn run(&self) -> Result<(), Failure> {
        // The page is begun before the data are read, so that what it cannot be written for is said at once.
        let page = self.html.as_deref().map(|html| self.begin_page(html)).transpose()?;
        let schema = self.schema.as_deref().map(read_schema).transpose()?;
        let options = DescribeOptions { schema, labels: self.label.clone(), against: self.against.clone() };
        let description = describe(&self.paths, &options)?;
        if let (Some(mut page), Some(path)) = (page, &self.html) {
            let written = page.write_all(description.to_html().as_bytes());
            written.map_err(|source| FileError::writing(path, source))?;
            page.finish()?;
            console::note(format_args!("the page is {}", path.display()));
        }
        match self.json {
            true => console::say_json(description.to_json()),
            false => console::say(description.to_text().trim_end_matches('\n')),
        }
        Ok(())
    }
}

impl Arguments {
    fn begin_page(&self, html: &Path) -> Result<WholeFile, Failure> {
        let data = self.paths.iter().chain(&self.against).flat_map(|path| local_files(path));
        Outputs::new().file(html, "--html").inputs(&self.schema).inputs(data).check()?;
        Ok(WholeFile::create(html)?)
    }
}

fn read_schema(path: &Path) -> Result<FeatureSchema, DataError> {
    FeatureSchema::from_json(&read_text(path, MOST_TEXT_BYTES)?)
}
