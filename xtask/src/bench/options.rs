//! The options of `cargo xtask bench`.

use std::path::PathBuf;

use super::plan::WORKLOADS;

/// Where the peers' Python comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peers {
    /// No peers.
    Absent,
    /// An environment that this command makes under the target folder.
    Managed,
    /// A Python that has everything already.
    Python(PathBuf),
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What the figures in the docs are made of.
    Full,
    /// Enough to see that nothing is broken.
    Quick,
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// One workload, or the beginning of the names of several; all without it.
    pub only: Option<String>,
    /// How much is measured.
    pub extent: Extent,
    /// How often each contestant runs.
    pub rounds: usize,
    /// Threads of each contestant.
    pub threads: usize,
    /// The peers.
    pub peers: Peers,
    /// Where the JSON goes.
    pub out: Option<PathBuf>,
    /// Whether the page is rewritten.
    pub write_docs: bool,
}

impl Options {
    /// Reads the command line.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut options = Self {
            only: None,
            extent: Extent::Full,
            rounds: 0,
            threads: cores.min(2),
            peers: Peers::Absent,
            out: None,
            write_docs: false,
        };
        let mut words = arguments.iter();
        while let Some(&word) = words.next() {
            let mut value =
                || words.next().map(|word| (*word).to_owned()).ok_or(format!("{word} needs a value"));
            match word {
                "--only" => options.only = Some(known_workload(value()?)?),
                "--quick" => options.extent = Extent::Quick,
                "--rounds" => options.rounds = at_least_one(word, &value()?)?,
                "--threads" => options.threads = at_least_one(word, &value()?)?,
                "--peers" => options.peers = Peers::Managed,
                "--peers-python" => options.peers = Peers::Python(PathBuf::from(value()?)),
                "--out" => options.out = Some(PathBuf::from(value()?)),
                "--write-docs" => options.write_docs = true,
                unknown => return Err(format!("unknown option: {unknown}")),
            }
        }
        if options.rounds == 0 {
            options.rounds = match options.extent {
                Extent::Full => 5,
                Extent::Quick => 2,
            };
        }
        Ok(options)
    }

    /// Whether a workload was asked for.
    pub(crate) fn wants(&self, workload: &str) -> bool {
        match &self.only {
            None => true,
            Some(name) if WORKLOADS.contains(&name.as_str()) => workload == name,
            Some(beginning) => workload.starts_with(beginning.as_str()),
        }
    }
}

fn known_workload(name: String) -> Result<String, String> {
    match WORKLOADS.iter().any(|workload| workload.starts_with(name.as_str())) && !name.is_empty() {
        true => Ok(name),
        false => Err(format!("there is no workload `{name}`; there are {}", WORKLOADS.join(", "))),
    }
}

fn at_least_one(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} is {value}, expected a number of at least 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Extent, Options, Peers};

    #[test]
    fn options_are_read_in_any_order() {
        let options = Options::parse(&["--out", "a.json", "--quick", "--only", "infer", "--peers"]).unwrap();
        assert_eq!((options.extent, options.rounds, &options.peers), (Extent::Quick, 2, &Peers::Managed));
        assert!(options.wants("infer_256") && !options.wants("paper"));
        assert!(!Options::parse(&["--only", "infer_1"]).unwrap().wants("infer_1024"));
        assert_eq!(Options::parse(&["--rounds", "7", "--quick"]).unwrap().rounds, 7);
    }

    #[test]
    fn mistakes_are_named() {
        let problem = |arguments: &[&str]| Options::parse(arguments).unwrap_err();
        assert_eq!(problem(&["--rounds"]), "--rounds needs a value");
        assert_eq!(problem(&["--rounds", "0"]), "--rounds is 0, expected a number of at least 1");
        assert!(
            problem(&["--only", "train_huge"])
                .starts_with("there is no workload `train_huge`; there are train_full")
        );
        assert_eq!(problem(&["--fast"]), "unknown option: --fast");
    }
}
