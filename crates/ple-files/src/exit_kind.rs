//! The kinds of ends that a program comes to, and the one place where their numbers stand.

/// Why a program ends before its work is done. Every error of ours has a kind, and the kind its code.
///
/// ```
/// use ple_files::ExitKind;
///
/// assert_eq!(ExitKind::BadData.code(), 65);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitKind {
    /// An option, a schema or a setting is wrong, whatever the files hold.
    Configuration,
    /// A file was read and its contents are wrong.
    BadData,
    /// A file is not there.
    MissingInput,
    /// The program itself is wrong.
    Bug,
    /// The operating system refused to read or write, or another process is writing.
    InputOutput,
    /// A loss, a weight or a prediction is not finite.
    NotFinite,
    /// The program was asked to stop.
    Interrupted,
}

impl ExitKind {
    /// The code that a program ends with: 2 options, schemas and settings, 65 bad data, 66 missing input, 70 a bug, 74
    /// input or output, 77 not finite, 130 interrupted.
    pub fn code(self) -> u8 {
        match self {
            ExitKind::Configuration => 2,
            ExitKind::BadData => 65,
            ExitKind::MissingInput => 66,
            ExitKind::Bug => 70,
            ExitKind::InputOutput => 74,
            ExitKind::NotFinite => 77,
            ExitKind::Interrupted => 130,
        }
    }
}
