//! What is made to fail, by strace: a kind of system call, and what happens at its N-th call.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A fault at one kind of system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The system calls, as strace names them.
    calls: &'static str,
    /// What happens there, as strace names it.
    what: &'static str,
    /// The same in words.
    words: &'static str,
}

impl Fault {
    /// Every fault.
    pub(crate) const ALL: [Fault; 8] = [
        Fault { calls: "write", what: "signal=KILL", words: "killed at write" },
        Fault { calls: "openat", what: "signal=KILL", words: "killed at open" },
        Fault { calls: "fsync", what: "signal=KILL", words: "killed at fsync" },
        Fault { calls: "/^rename", what: "signal=KILL", words: "killed at rename" },
        Fault { calls: "/^(unlink|rmdir)", what: "signal=KILL", words: "killed at unlink" },
        Fault { calls: "fsync", what: "error=EIO", words: "the disk fails at fsync" },
        Fault { calls: "write", what: "error=ENOSPC", words: "the disk is full at write" },
        Fault { calls: "/^rename", what: "error=ENOSPC", words: "the disk is full at rename" },
    ];

    /// Whether the fault ends the process by a signal.
    pub(crate) fn kills(self) -> bool {
        self.what.starts_with("signal")
    }

    /// The arguments of strace for the fault at call `n` of a thread; the calls are listed in `log`.
    pub(crate) fn strace(self, n: u32, log: &Path) -> Vec<OsString> {
        let Fault { calls, what, .. } = self;
        let trace = format!("trace={calls}");
        let inject = format!("inject={calls}:{what}:when={n}");
        // Not with --seccomp-bpf, with which strace 6.1 counts calls for signals wrongly.
        let mut words = ["-f", "-qq", "-e", &trace, "-e", &inject, "-o"].map(OsString::from).to_vec();
        words.push(log.into());
        words
    }

    /// Whether a list of calls says that the fault has happened.
    pub(crate) fn happened(log: &Path) -> bool {
        fs::read(log).is_ok_and(|log| String::from_utf8_lossy(&log).contains("(INJECTED)"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }
}

/// Whether strace can be run, and may trace here.
pub(crate) fn strace_is_there() -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "true"]);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
