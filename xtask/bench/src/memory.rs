//! The peak memory of this process, where the system tells.

/// The largest resident size so far in bytes; `None` where there is no `/proc`.
pub(crate) fn peak_bytes() -> Option<u64> {
    peak_of_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Reads `VmHWM` in the text of a status file, which counts in units of 1,024 bytes.
fn peak_of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

#[cfg(test)]
mod tests {
    use super::peak_of_status;

    #[test]
    fn the_peak_is_read_from_its_line() {
        assert_eq!(peak_of_status("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\nVmRSS: 1 kB"), Some(2_097_152));
        assert_eq!(peak_of_status("VmRSS:\t 1 kB"), None);
    }
}
