//! How much memory there is: the least of what the machine, its control group and the process's limits leave, or what the
//! caller allows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An upper limit of the memory of this process, all that it has already included.
///
/// # Examples
///
/// ```
/// use ple_data::MemoryRoom;
///
/// let room: MemoryRoom = "8GB".parse()?;
/// assert_eq!(room.bytes, 8_000_000_000);
/// assert_eq!("1GiB".parse::<MemoryRoom>()?.bytes, 1 << 30);
/// assert_eq!(room.to_string(), "8,000 MB (the memory that was allowed)");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryRoom {
    /// The most bytes that the process may have at a time.
    pub bytes: u64,
    /// Where the limit comes from.
    pub limit: MemoryLimit,
}

/// Where a limit of memory comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The caller, or an option.
    Allowed,
    /// The control group that the process is in.
    ControlGroup,
    /// The limit on the process's address space, `ulimit -v`.
    AddressSpace,
    /// What the system has left.
    Available,
    /// There is none that could be found.
    Unknown,
}

impl MemoryRoom {
    /// This number of bytes, whatever the machine has.
    pub fn allowed(bytes: u64) -> Self {
        Self { bytes, limit: MemoryLimit::Allowed }
    }

    /// What there is on this machine: the least of `MemAvailable`, the limits of the control groups (version 2 and 1) and
    /// `RLIMIT_AS`. Where the system tells none of them, there is no limit.
    pub fn of_machine() -> Self {
        Self::found(&|path| std::fs::read_to_string(path).ok())
    }

    /// The same from the texts of the files of `/proc` and `/sys/fs/cgroup`.
    fn found(read: &dyn Fn(&Path) -> Option<String>) -> Self {
        let of_process = |key| read(Path::new("/proc/self/status")).and_then(|text| kilobytes(&text, key));
        let (resident, mapped) = (of_process("VmRSS:").unwrap_or(0), of_process("VmSize:").unwrap_or(0));
        let available = read(Path::new("/proc/meminfo")).and_then(|text| kilobytes(&text, "MemAvailable:"));
        // What is mapped and not resident takes addresses too.
        let addresses = read(Path::new("/proc/self/limits")).and_then(|text| address_space(&text));
        let addresses = addresses.map(|limit| limit.saturating_sub(mapped.saturating_sub(resident)));
        let limits = [
            (available.map(|bytes| bytes.saturating_add(resident)), MemoryLimit::Available),
            (control_group(read, resident), MemoryLimit::ControlGroup),
            (addresses, MemoryLimit::AddressSpace),
        ];
        let found = limits.into_iter().filter_map(|(bytes, limit)| Some(Self { bytes: bytes?, limit }));
        let unknown = Self { bytes: u64::MAX, limit: MemoryLimit::Unknown };
        found.min_by_key(|room| room.bytes).unwrap_or(unknown)
    }
}

/// The bytes behind a key of a file of `/proc`, which counts in units of 1,024.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The soft limit on the address space, if there is one.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The least that the control groups of the process leave to it: a limit less what other processes have there.
fn control_group(read: &dyn Fn(&Path) -> Option<String>, resident: u64) -> Option<u64> {
    let groups = read(Path::new("/proc/self/cgroup"))?;
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, limit_file, used_key) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "anon "),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "total_rss ")
            }
            _ => continue,
        };
        // The limit of each group above holds too. Inside of a container the path may be that of the host: then the root
        // is the group.
        let mut folder = PathBuf::from(format!("{root}{}", path.trim_end_matches('/')));
        loop {
            let number = |text: String| text.trim().parse::<u64>().ok();
            if let Some(limit) = read(&folder.join(limit_file)).and_then(number) {
                let used = read(&folder.join("memory.stat")).and_then(|stat| {
                    stat.lines().find_map(|line| line.strip_prefix(used_key)).map(str::to_owned)
                });
                let of_others = used.and_then(number).unwrap_or(0).saturating_sub(resident);
                let left = limit.saturating_sub(of_others);
                least = Some(least.map_or(left, |least: u64| least.min(left)));
            }
            if folder == Path::new(root) || !folder.pop() {
                break;
            }
        }
    }
    least
}

impl FromStr for MemoryRoom {
    type Err = String;

    /// A number of bytes with a unit: `500MB`, `8GB`, `1.5TB`, or by powers of 1,024 as in `8GiB`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let (number, unit) = (digits.trim(), &text[digits.len()..]);
        let factor =
            UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, factor)| factor);
        let value = number.parse::<f64>().ok().filter(|value| value.is_finite() && *value > 0.0);
        match (value, factor) {
            // Numbers beyond 64 bits become the largest of them.
            (Some(value), Some(factor)) => Ok(Self::allowed((value * factor) as u64)),
            _ => Err("expected a size with its unit, as in 500MB, 8GB or 8GiB".to_owned()),
        }
    }
}

const UNITS: [(&str, f64); 14] = [
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("K", 1024.0),
    ("M", 1_048_576.0),
    ("G", 1_073_741_824.0),
    ("T", 1_099_511_627_776.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PB", 1e15),
];

impl fmt::Display for MemoryRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            MemoryLimit::Allowed => "the memory that was allowed",
            MemoryLimit::ControlGroup => "the limit of the control group",
            MemoryLimit::AddressSpace => "the limit on the address space, ulimit -v",
            MemoryLimit::Available => "the memory that is available",
            MemoryLimit::Unknown => return f.write_str("any memory, since the system names no limit"),
        };
        write!(f, "{} ({what})", Bytes(self.bytes))
    }
}

/// A number of bytes for people, in units of 1,000: megabytes up to 100,000 of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX {
            return f.write_str("more than 18 million TB");
        }
        let (unit, name) = match self.0 {
            0..100_000_000_000 => (1_000_000, "MB"),
            100_000_000_000..100_000_000_000_000 => (1_000_000_000, "GB"),
            _ => (1_000_000_000_000, "TB"),
        };
        let number = self.0.div_ceil(unit).to_string();
        for (place, digit) in number.chars().enumerate() {
            if place > 0 && (number.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        write!(f, " {name}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::{Bytes, MemoryLimit, MemoryRoom};

    const MB: u64 = 1 << 20;

    /// The room of a machine with these files.
    fn room(files: &[(&str, &str)]) -> MemoryRoom {
        let files: HashMap<&Path, &str> = files.iter().map(|&(path, text)| (Path::new(path), text)).collect();
        MemoryRoom::found(&|path| files.get(path).map(|text| (*text).to_owned()))
    }

    const STATUS: (&str, &str) = ("/proc/self/status", "VmSize:\t 102400 kB\nVmRSS:\t 20480 kB\n");
    const AVAILABLE: (&str, &str) = ("/proc/meminfo", "MemFree: 1 kB\nMemAvailable:  1024000 kB\n");

    #[test]
    fn what_is_available_counts_with_what_the_process_has() {
        let found = room(&[STATUS, AVAILABLE]);
        assert_eq!(found, MemoryRoom { bytes: 1020 * MB, limit: MemoryLimit::Available });
        assert_eq!(room(&[]), MemoryRoom { bytes: u64::MAX, limit: MemoryLimit::Unknown });
    }

    #[test]
    fn addresses_that_are_not_resident_count_too() {
        let limits = |soft: &str| format!("Max address space         {soft}  unlimited            bytes\n");
        let limited = limits("524288000");
        let found = room(&[STATUS, AVAILABLE, ("/proc/self/limits", &limited)]);
        assert_eq!(found, MemoryRoom { bytes: 420 * MB, limit: MemoryLimit::AddressSpace });
        let free = limits("unlimited");
        assert_eq!(room(&[STATUS, AVAILABLE, ("/proc/self/limits", &free)]).limit, MemoryLimit::Available);
    }

    #[test]
    fn the_least_of_the_control_groups_above_counts() {
        let group = ("/proc/self/cgroup", "12:cpu:/a\n4:memory:/a/b\n0::/\n");
        let limit = |path, bytes| (path, bytes);
        let found = room(&[
            STATUS,
            AVAILABLE,
            group,
            limit("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            limit("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "209715200\n"),
            limit("/sys/fs/cgroup/memory/a/memory.stat", "cache 5\ntotal_rss 31457280\n"),
        ]);
        // Of the 30 MB of the group 20 are this process's.
        assert_eq!(found, MemoryRoom { bytes: 190 * MB, limit: MemoryLimit::ControlGroup });
        let unified = room(&[
            STATUS,
            AVAILABLE,
            ("/proc/self/cgroup", "0::/a\n"),
            limit("/sys/fs/cgroup/a/memory.max", "max\n"),
            limit("/sys/fs/cgroup/memory.max", "104857600\n"),
        ]);
        assert_eq!(unified, MemoryRoom { bytes: 100 * MB, limit: MemoryLimit::ControlGroup });
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in
            [("500MB", 500_000_000), ("8 GB", 8_000_000_000), ("1.5gib", 3 << 29), ("2M", 2 << 20), ("7B", 7)]
        {
            assert_eq!(text.parse(), Ok(MemoryRoom::allowed(bytes)), "{text}");
        }
        for text in ["", "GB", "8", "-1GB", "0MB", "8 XB", "nanGB", "1GB2"] {
            assert!(text.parse::<MemoryRoom>().is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_written_in_the_unit_that_keeps_them_short() {
        let texts = [0, 1, 551_000_000, 23_000_000_000, 400_000_000_000, 5_000_000_000_000_000, u64::MAX];
        let texts = texts.map(|bytes| Bytes(bytes).to_string());
        let expected =
            ["0 MB", "1 MB", "551 MB", "23,000 MB", "400 GB", "5,000 TB", "more than 18 million TB"];
        assert_eq!(texts, expected);
    }
}
