//! Random disturbances of every program, each of which has to end as it must: streams that are closed or full, signals in
//! every phase with what they leave over, and two processes at one output.

use super::job::Job;
use super::random::Random;
use super::{rivals, signals, streams};

/// A kind of disturbance.
struct Kind {
    words: &'static str,
    trial: fn(&Job, &mut Random) -> Result<(), String>,
}

const KINDS: &[Kind] = &[
    Kind { words: "closed and full streams", trial: streams::trial },
    Kind { words: "signals", trial: signals::trial },
    Kind { words: "two processes at one output", trial: rivals::trial },
];

/// Disturbs the jobs in turn, `trials` times in all, and names every wrong end.
pub(crate) fn run(trials: usize) -> Result<(), String> {
    let jobs = Job::all()?;
    let mut wrong = Vec::new();
    for number in 0..trials {
        let kind = &KINDS[number % KINDS.len()];
        let job = &jobs[number / KINDS.len() % jobs.len()];
        if let Err(problem) = (kind.trial)(job, &mut Random::new(number as u64)) {
            let problem = format!("trial {number}, {} of {}: {problem}", kind.words, job.name());
            eprintln!("   {problem}");
            wrong.push(problem);
        }
    }
    let words: Vec<&str> = KINDS.iter().map(|kind| kind.words).collect();
    println!("   {} wrong ends in {trials} trials: {}", wrong.len(), words.join(", "));
    match wrong.first() {
        None => Job::remove_all(&jobs),
        Some(first) => Err(format!("{} of {trials} trials ended wrongly, the first: {first}", wrong.len())),
    }
}
