//! How much memory a run may use, and where it goes on when that is used up.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Complaint, Error};

/// What a run may use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// Bytes of everything.
    pub limit: u64,
    /// Bytes of fingerprints, before they go to disk.
    pub fingerprints: u64,
    /// Bytes of rows that are kept for later, a statement's or a table's, before they go to disk.
    pub rows: u64,
    /// Bytes of records that differ and are decided together; where all of them take more, some are decided apart.
    pub whole: u64,
    /// Bytes of a file in the making, before it goes to disk.
    pub output: u64,
    /// A folder on a local disk for what does not fit.
    pub spill_dir: PathBuf,
    /// A folder on a local disk in which large files of the result are made, so that they can stay there.
    pub results: Option<PathBuf>,
}

impl Memory {
    /// Three quarters of what the machine or its control group allows, and the system's folder for
    /// temporary files.
    #[must_use]
    pub fn of_machine() -> Self {
        Self::of(allowed() / 4 * 3, std::env::temp_dir())
    }

    /// So many bytes, of which half are for fingerprints and an eighth for what is kept of rows: what else a run
    /// has while it reads takes the other. Once fingerprints are gone a quarter, but never much, is for records that
    /// are decided together although they could be decided apart.
    #[must_use]
    pub const fn of(limit: u64, spill_dir: PathBuf) -> Self {
        Self {
            limit,
            fingerprints: limit / 2,
            rows: limit / 8,
            whole: if limit / 4 < TOGETHER { limit / 4 } else { TOGETHER },
            output: limit / 64,
            spill_dir,
            results: None,
        }
    }

    /// The same, where files of the result can stay in a folder: then little of one is held before it goes there.
    #[must_use]
    pub fn near(self, folder: &Path) -> Self {
        Self { output: self.output.min(HELD_NEAR), results: Some(folder.to_path_buf()), ..self }
    }

    /// What is wrong with the folder of the result.
    #[must_use]
    pub fn cannot_write(folder: &Path, cause: &dyn std::fmt::Display) -> Error {
        let what = format!("writing to {}: {cause}", folder.display());
        Error::Limit(Complaint::new(what).hint("make room there, or name another folder"))
    }

    /// What is wrong with a file of the result: where it is made is where it may stay, if there is such a folder.
    #[must_use]
    pub fn cannot_make(&self, cause: &dyn std::fmt::Display) -> Error {
        match &self.results {
            Some(folder) => Self::cannot_write(folder, cause),
            None => Self::cannot_spill(&self.spill_dir, cause),
        }
    }

    /// What is wrong with the folder for what does not fit.
    #[must_use]
    pub fn cannot_spill(folder: &Path, cause: &dyn std::fmt::Display) -> Error {
        let what = format!("spilling to {}: {cause}", folder.display());
        let hint = "what memory should not hold goes there: name another folder with --spill-dir, or raise \
                    --memory-limit";
        Error::Limit(Complaint::new(what).hint(hint))
    }
}

/// Bytes of records that are always few enough to be decided together: more are decided faster apart, lot by lot.
const TOGETHER: u64 = 256 << 20;
/// Bytes of a file that are held before it goes where it stays: less is not worth a file of its own.
const HELD_NEAR: u64 = 16 << 20;

/// What a machine allows of which nothing is known.
const UNKNOWN: u64 = 8 << 30;

/// The memory of the machine, or of the control group, if that is less.
fn allowed() -> u64 {
    let whole = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let of_group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| whole(path).trim().parse::<u64>().ok());
    [of_group, told_by("/proc/meminfo", "MemTotal:")].into_iter().flatten().min().unwrap_or(UNKNOWN)
}

/// The most memory that the process has had; zero where the system does not say.
#[must_use]
pub fn peak() -> u64 {
    told_by("/proc/self/status", "VmHWM:").unwrap_or(0)
}

/// Bytes that a file of the kernel tells under a name, in kilobytes.
fn told_by(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// A size as people write it: `4GiB`, `800MB`, `1073741824`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size(pub u64);

/// Units with their bytes.
const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Less than this is no limit within which anything can be read.
const LEAST: u64 = 64 << 20;

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (number, bytes) = unit.map_or((text, 1), |(unit, bytes)| (text[..text.len() - unit.len()].trim(), *bytes));
        let number: u64 =
            number.parse().map_err(|_| "write a whole number and a unit, such as 4GiB or 800MB".to_owned())?;
        let size = number.checked_mul(bytes).ok_or("more than any machine has")?;
        if size < LEAST {
            return Err("a run needs at least 64MiB".to_owned());
        }
        Ok(Self(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(read("4GiB"), Ok(4 << 30));
        assert_eq!(read(" 800 MB "), Ok(800_000_000));
        assert_eq!(read("1073741824"), Ok(1 << 30));
        for wrong in ["", "GiB", "4 giga", "-1GiB", "1.5GiB", "1KiB", "99999999999TiB"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(Memory::of_machine().limit > LEAST);
        assert!(peak() > 0);
    }

    #[test]
    fn a_file_of_a_result_that_cannot_be_made_names_the_folder_that_it_is_made_in() {
        let memory = Memory::of(1 << 30, "/spilled".into());
        let text = memory.cannot_make(&"full").to_string();
        assert!(text.contains("/spilled") && text.contains("--spill-dir"), "{text}");
        let text = memory.near(Path::new("/results")).cannot_make(&"full").to_string();
        assert!(text.contains("/results") && !text.contains("--spill-dir"), "{text}");
    }
}
