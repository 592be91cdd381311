//! What a run is said to need of memory, against the peak of a process that does it; and settings of any size, which are
//! refused or built, quickly and in little memory.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod huge_settings;
mod peak;
