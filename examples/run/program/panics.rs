//! A panic is a bug of the program, on whichever thread: it is said as one, with its place, and ends with 70.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};

use super::failure::Failure;

/// A panic that has happened. One that the libraries contain, as they do those of decoders, ends nothing.
struct Panic {
    text: String,
    place: String,
    /// Where it came from, if the environment asks for that.
    backtrace: Option<String>,
}

/// The last panics, the newest last.
static HAPPENED: Mutex<Vec<Panic>> = Mutex::new(Vec::new());

/// How many of them are kept.
const KEPT: usize = 16;

/// Keeps panics for the end of the program instead of printing them where they happen.
pub(super) fn remember() {
    std::panic::set_hook(Box::new(keep));
}

fn keep(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let happened = Panic {
        text: text_of(panic.payload()),
        place: panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    };
    let mut all = HAPPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() == KEPT {
        all.remove(0);
    }
    all.push(happened);
}

/// The failure of a panic that has reached the top.
pub(super) fn failure(payload: &(dyn Any + Send)) -> Failure {
    let text = text_of(payload);
    let all = HAPPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let happened = all.iter().rfind(|panic| panic.text == text).or(all.last());
    let place = happened.map_or("an unknown place", |panic| panic.place.as_str());
    let backtrace = happened.and_then(|panic| panic.backtrace.as_ref());
    let backtrace = backtrace.map_or_else(String::new, |backtrace| format!("\n{}", backtrace.trim_end()));
    Failure::Error {
        text: format!(
            "this is a bug of the program: it panicked at {place}: {text}\nexpected: a result, or an error that names its \
             cause\nnext: report it with this text, the command and the version {}{backtrace}",
            env!("CARGO_PKG_VERSION")
        ),
        exit_code: 70,
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::super::failure::Failure;
    use super::{failure, keep};

    #[test]
    fn the_panic_that_reached_the_top_is_told_from_contained_ones() {
        // The other tests of this process say why they fail with the hook that there is.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            keep(panic);
            before(panic);
        }));
        let thrown = std::thread::spawn(|| panic!("on a {}", "worker")).join().unwrap_err();
        let _ = catch_unwind(|| panic!("of a decoder"));
        let Failure::Error { text, exit_code } = failure(thrown.as_ref()) else { unreachable!() };
        assert!(text.starts_with("this is a bug of the program: it panicked at "), "{text}");
        assert!(text.contains("panics.rs:") && text.contains(": on a worker\n"), "{text}");
        assert_eq!(exit_code, 70);
    }
}
