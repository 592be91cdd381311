//! The report of a run: text for people, JSON for programs, Markdown for the page.

use serde_json::{Map, Value, json};

use super::machine::Machine;
use super::options::Options;
use super::plan::LIMIT;
use super::ratios::{NOT_MEASURED, RATIOS};
use super::results::{Results, Row};
use super::text_table::{grouped, markdown, plain};

/// Keys of a sample that are facts of the work rather than figures of a round.
const FACTS: &[&str] = &["parameters", "rows", "losses", "steps_per_loss"];

/// Keys of the limit's samples.
const RATES: &[&str] = &["flops_per_second", "reads_per_second", "changes_per_second"];

/// What was measured, and on what.
pub(crate) struct Report<'r> {
    machine: Machine,
    results: &'r Results,
    threads: usize,
    rounds: usize,
}

impl<'r> Report<'r> {
    /// A report of results.
    pub(crate) fn new(machine: Machine, results: &'r Results, options: &Options) -> Self {
        Self { machine, results, threads: options.threads, rounds: options.rounds }
    }

    /// Everything, with a null for each ratio that was not measured.
    pub(crate) fn json(&self) -> Value {
        let ratios: Map<String, Value> =
            RATIOS.iter().map(|ratio| (ratio.key.to_owned(), json!(ratio.of(self.results)))).collect();
        json!({
            "machine": self.machine.json(),
            "versions": self.machine.versions,
            "commit": self.machine.commit,
            "threads": self.threads,
            "rounds": self.rounds,
            "rows": self.results.rows().iter().map(|row| self.row_json(row)).collect::<Vec<_>>(),
            "ratios": ratios,
            "not_measured": NOT_MEASURED.iter().map(|(meaning, _)| *meaning).collect::<Vec<_>>(),
            "control_seconds": self.results.control.spread().map(|seconds| seconds.json()),
        })
    }

    fn row_json(&self, row: &Row) -> Value {
        let mut object = Map::new();
        object.insert("workload".to_owned(), json!(row.workload));
        object.insert("contestant".to_owned(), json!(row.contestant));
        object.insert("rows_per_second".to_owned(), json!(self.results.spread(row).map(|rate| rate.json())));
        object.insert("disturbed".to_owned(), json!(self.results.was_disturbed(row)));
        object.insert("peak_memory_bytes".to_owned(), json!(row.peak_memory()));
        let facts = row.samples.first().map_or(&Value::Null, |(_, sample)| sample);
        for key in FACTS.iter().filter(|key| facts.get(key).is_some_and(|fact| !fact.is_null())) {
            object.insert((*key).to_owned(), facts[*key].clone());
        }
        for key in RATES {
            let values = row.samples.iter().filter_map(|(_, sample)| sample.get(key)?.as_f64());
            if let Some(spread) = super::spread::Spread::of(&values.collect::<Vec<_>>()) {
                object.insert((*key).to_owned(), spread.json());
            }
        }
        Value::Object(object)
    }

    /// The tables for a terminal.
    pub(crate) fn text(&self) -> String {
        let rates = plain(&RATE_HEADER, &self.rate_cells(), 2);
        let ratios = plain(&RATIO_HEADER, &self.ratio_cells(), 1);
        let control = self.results.control.describe();
        format!("\n{}\n{control}\n\n{rates}\n\n{ratios}\n", self.title())
    }

    /// The tables for the page.
    pub(crate) fn markdown(&self) -> String {
        let rates = markdown(&RATE_HEADER, &self.rate_cells(), 2);
        let ratios = markdown(&RATIO_HEADER, &self.ratio_cells(), 1);
        let versions: Vec<String> =
            self.machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let (title, commit) = (self.title(), &self.machine.commit);
        let (versions, control) = (versions.join(", "), self.results.control.describe());
        format!("{title}. Commit {commit}; {versions}.\n\n{control}.\n\n{rates}\n\n{ratios}")
    }

    fn title(&self) -> String {
        let Machine { processor, cores, instruction_set, .. } = &self.machine;
        let (threads, rounds) = (self.threads, self.rounds);
        format!(
            "{processor}, {cores} cores, {instruction_set}; {threads} threads, medians of {rounds} rounds"
        )
    }

    fn rate_cells(&self) -> Vec<Vec<String>> {
        let cells = |row: &Row| {
            let rate = self.results.spread(row)?;
            let memory = row.peak_memory().map_or_else(dash, |bytes| grouped(bytes as f64 / 1e6));
            let memory = if row.contestant == LIMIT { dash() } else { memory };
            let mark = if self.results.was_disturbed(row) { " *" } else { "" };
            let (workload, contestant) = (row.workload.clone(), format!("{}{mark}", row.contestant));
            let [median, min, max] = [rate.median, rate.min, rate.max].map(grouped);
            Some(vec![workload, contestant, median, min, max, memory])
        };
        self.results.rows().iter().filter_map(cells).collect()
    }

    fn ratio_cells(&self) -> Vec<Vec<String>> {
        let cells = |ratio: &super::ratios::Ratio| {
            let found = ratio.of(self.results)?;
            Some(vec![ratio.meaning.to_owned(), grouped(found), grouped(ratio.at_least), grouped(ratio.aim)])
        };
        let not_measured = NOT_MEASURED.iter().map(|(meaning, [at_least, aim])| {
            vec![(*meaning).to_owned(), "not measured".to_owned(), grouped(*at_least), grouped(*aim)]
        });
        RATIOS.iter().filter_map(cells).chain(not_measured).collect()
    }
}

const RATE_HEADER: [&str; 6] = ["workload", "contestant", "rows a second", "least", "most", "peak MB"];
const RATIO_HEADER: [&str; 4] = ["ratio", "found", "at least", "aim"];

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Machine, Options, RATIOS, Report, Results};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn with_report(check: impl FnOnce(&Report<'_>)) {
        let mut results = Results::default();
        let sample =
            |rate: f64| json!({"rows_per_second": rate, "peak_memory_bytes": 5_000_000, "parameters": 3});
        results.add("train_full", "ple", 0, sample(100_000.0));
        results.add("train_full", "ple", 1, sample(120_000.0));
        results.add("train_full", "ple, 1 thread", 0, sample(55_000.0));
        let machine = Machine {
            processor: "A processor".to_owned(),
            cores: 2,
            instruction_set: "x".to_owned(),
            versions: BTreeMap::from([("ple".to_owned(), "0.1.0".to_owned())]),
            commit: "c0ffee".to_owned(),
        };
        check(&Report::new(machine, &results, &Options::parse(&["--rounds", "2"]).unwrap()));
    }

    #[test]
    fn the_json_has_the_keys_that_programs_read() {
        with_report(|report| {
            let json = report.json();
            assert_eq!(json["machine"]["processor"], "A processor");
            assert_eq!((&json["commit"], &json["versions"]["ple"]), (&json!("c0ffee"), &json!("0.1.0")));
            let row = &json["rows"][0];
            assert_eq!((&row["workload"], &row["contestant"]), (&json!("train_full"), &json!("ple")));
            assert_eq!(
                row["rows_per_second"],
                json!({"median": 110_000.0, "min": 100_000.0, "max": 120_000.0})
            );
            assert_eq!(row["peak_memory_bytes"], 5_000_000);
            assert_eq!(json["ratios"]["threads_2_vs_1"], 2.0);
            assert!(json["ratios"]["train_full_vs_burn"].is_null());
            assert_eq!(json["ratios"].as_object().unwrap().len(), RATIOS.len());
        });
    }

    #[test]
    fn tables_hold_what_was_measured_and_nothing_else() {
        with_report(|report| {
            let text = report.text();
            assert!(text.contains("train_full  ple                  110,000"), "{text}");
            assert!(text.contains("two threads against one") && !text.contains("burn"), "{text}");
            let polars = "any table prepared from raw ids, against the same job in polars";
            let line = text.lines().find(|line| line.starts_with(polars));
            assert!(line.is_some_and(|line| line.contains("not measured")), "{text}");
            assert!(report.markdown().contains("| train_full | ple | 110,000 | 100,000 | 120,000 | 5.00 |"));
        });
    }
}
