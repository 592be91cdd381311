//! Random changes of good files, each a function of the format's name and a number, and what counts as surviving one: no
//! panic, and no more memory than the limits of the readers allow.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use crate::counting_allocator::growth;

/// The formats of both crates that share the cases.
const N_FORMATS: usize = 8;

/// The changed files of all formats, unless the environment says otherwise.
const CASES: usize = 3_200;

/// The most bytes that reading a changed file may take: a page of a Parquet file may claim 256 MiB.
const MOST_BYTES: usize = 600 << 20;

/// Random numbers of one case: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    fn of(format: &str, case: usize) -> Self {
        let name = format.bytes().fold(0, |name: u64, byte| name.wrapping_mul(31).wrapping_add(byte.into()));
        Random(name ^ (case as u64).wrapping_mul(0xA076_1D64_78BD_642F))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// The bytes with one to four changes; `telling` are bytes that mean something in the format.
    pub(crate) fn changed(&mut self, good: &[u8], telling: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, telling);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, telling: &[u8]) {
        // Half of the changes are near the end, where a footer is.
        let length = bytes.len();
        let at = match self.below(2) {
            0 => self.below(length + 1),
            _ => length - self.below(length.min(400) + 1),
        };
        let end = (at + 1 + self.below(24)).min(length);
        let extreme = [0, 1, 0x7F, 0x80, 0xFF][self.below(5)];
        match self.below(10) {
            0 | 1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (self.next() % 8)),
            2 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = extreme),
            3 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = telling[self.below(telling.len())]),
            4 => bytes.insert(at, telling[self.below(telling.len())]),
            5 => bytes[at..end].fill(extreme),
            6 => drop(bytes.drain(at..end)),
            7 => {
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            8 => {
                let other = self.below(length + 1).min(length - (end - at));
                bytes.copy_within(at..end, other);
            }
            _ => bytes.truncate(at),
        }
    }
}

/// Lets `read` see as many changed files of a format as its share is.
///
/// # Panics
///
/// If a case panics or takes too much memory, with all such cases.
pub(crate) fn survives(format: &str, mut read: impl FnMut(&mut Random)) {
    let cases = std::env::var("PLE_MUTATIONS").ok().map_or(CASES, |text| text.parse().unwrap());
    let mut failures = Vec::new();
    // What the decoders' caught panics would print says nothing here.
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    for case in 0..cases / N_FORMATS {
        let mut result = Ok(());
        let bytes = growth(|| {
            result = catch_unwind(AssertUnwindSafe(|| read(&mut Random::of(format, case))));
        });
        if let Err(panic) = result {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            failures.push(format!("{format}, case {case}: a panic: {text}"));
        }
        if bytes > MOST_BYTES {
            failures.push(format!("{format}, case {case}: {bytes} bytes of memory"));
        }
    }
    set_hook(hook);
    assert!(failures.is_empty(), "{} cases failed\n{}", failures.len(), failures.join("\n"));
}

/// A folder in memory where there is one, since nothing here has to outlast the test.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
