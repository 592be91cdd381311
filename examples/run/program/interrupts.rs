//! SIGINT, SIGTERM and SIGHUP: a program that one of them reaches never ends with 0.
//!
//! Where work has a state to keep it runs inside of [`asking`], and asks [`asked`] between its pieces. Everywhere else a
//! signal ends the program at once: an output gets its name when it is whole, so there is nothing half-written to keep. In
//! either case the program ends with 130 and says what there is now. A second SIGINT or SIGTERM leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::console;
use super::failure::Failure;

/// Set by the first signal.
static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Taken by the thread that ends the program.
static ENDING: AtomicBool = AtomicBool::new(false);

/// What a signal finds.
struct Now {
    /// What is said where the work asks for signals itself.
    asking: Option<&'static str>,
    /// What there is once the program has ended.
    kept: String,
}

static NOW: Mutex<Option<Now>> = Mutex::new(None);

fn now<T>(change: impl FnOnce(&mut Now) -> T) -> T {
    let mut now = NOW.lock().unwrap_or_else(PoisonError::into_inner);
    change(now.get_or_insert_with(|| Now {
        asking: None,
        kept: "an output that was not complete is not kept".to_owned(),
    }))
}

/// Takes signals over, for the whole program. Where that is refused they end it as they end any other.
pub(super) fn listen(json: bool) {
    let listening = || -> std::io::Result<Signals> {
        let mut signals = vec![SIGINT, SIGTERM];
        for &signal in &signals {
            // Answered inside of the signal handler, so that it works whatever the other threads wait for.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&ASKED))?;
        }
        // A program that was started to outlive its terminal does; and a terminal that closes may send two.
        if !ignores(SIGHUP) {
            signals.push(SIGHUP);
        }
        for &signal in &signals {
            flag::register(signal, Arc::clone(&ASKED))?;
        }
        Signals::new(signals)
    };
    let thread = |mut signals: Signals| {
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                answer(json);
            }
        })
    };
    if let Err(error) = listening().and_then(thread) {
        console::note(format_args!("signals end this program without a word: {error}"));
    }
}

/// Whether a signal was ignored when the program was started, as nohup does it.
fn ignores(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// What a first signal does, outside of the signal handler.
fn answer(json: bool) {
    match now(|now| now.asking) {
        Some(what) => console::note(format_args!("\ninterrupted: {what}; once more to leave at once")),
        None if !ENDING.swap(true, Ordering::SeqCst) => {
            interrupted().print(json);
            std::process::exit(130);
        }
        None => {}
    }
}

/// Does work that asks [`asked`] itself, and whose state is worth keeping; `says` is what a signal is answered with.
///
/// # Errors
/// Those of the work, and an interruption that came too late for it.
pub(crate) fn asking<T>(says: &'static str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    now(|now| now.asking = Some(says));
    let result = work();
    now(|now| now.asking = None);
    let result = result?;
    check()?;
    Ok(result)
}

/// Says what there is from here on if a signal ends the program.
pub(crate) fn keep(what: impl Into<String>) {
    now(|now| now.kept = what.into());
}

/// Whether a signal has asked the program to end.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// # Errors
/// An interruption, if one was asked for.
pub(crate) fn check() -> Result<(), Failure> {
    match asked() {
        true => Err(interrupted()),
        false => Ok(()),
    }
}

fn interrupted() -> Failure {
    Failure::Interrupted { text: now(|now| format!("interrupted: {}", now.kept)) }
}

/// Gives the end of the program to the calling thread. If a signal has it already, it ends the program.
pub(super) fn claim_the_end() {
    while ENDING.swap(true, Ordering::SeqCst) {
        std::thread::park();
    }
}

/// The command that goes on with this run.
pub(crate) fn command_to_go_on() -> String {
    let words = std::env::args_os().map(|word| quoted(&word.to_string_lossy()));
    words.filter(|word| word != "--resume").chain(["--resume".to_owned()]).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+@%".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_come_back_from_a_shell() {
        for (word, expected) in [
            ("--epochs", "--epochs"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("day-*", "'day-*'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
