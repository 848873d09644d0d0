//! Bytes that are made one after the other, and may come to more than memory should hold.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempPath;

use super::Body;
use crate::error::Error;
use crate::memory::Memory;

/// A file in the making: in memory while it is small, then on the local disk.
#[derive(Debug)]
pub struct Spool<'m> {
    memory: &'m Memory,
    /// Whether it goes where it may stay.
    may_stay: bool,
    /// Bytes that are held before they go to disk.
    room: u64,
    held: Vec<u8>,
    file: Option<(File, Option<TempPath>)>,
}

impl<'m> Spool<'m> {
    /// An empty file that is read again and then forgotten: on disk from the beginning, where it has no name.
    #[must_use]
    pub const fn on_disk(memory: &'m Memory) -> Self {
        Self { memory, may_stay: false, room: 0, held: Vec::new(), file: None }
    }

    /// An empty file of a result, which is made where it may stay if there is such a folder.
    #[must_use]
    pub const fn of_result(memory: &'m Memory) -> Self {
        Self { memory, may_stay: memory.results.is_some(), room: memory.output, held: Vec::new(), file: None }
    }

    /// The finished file.
    pub fn finish(self) -> Result<Body, Error> {
        match self.file {
            None => Ok(Body::memory(self.held)),
            Some((file, path)) => Body::file(file, path).map_err(|e| failed(self.memory, self.may_stay, &e)),
        }
    }

    /// An error of writing to it.
    #[must_use]
    pub fn failed(&self, cause: &dyn std::fmt::Display) -> Error {
        failed(self.memory, self.may_stay, cause)
    }

    fn open(&self) -> io::Result<(File, Option<TempPath>)> {
        let Some(folder) = self.memory.results.as_ref().filter(|_| self.may_stay) else {
            return Ok((tempfile::tempfile_in(&self.memory.spill_dir)?, None));
        };
        // As readable as any file that is created there.
        let mode = Permissions::from_mode(0o666);
        let named = tempfile::Builder::new().prefix(".tieout-").permissions(mode).tempfile_in(folder)?;
        let (file, path) = named.into_parts();
        Ok((file, Some(path)))
    }
}

fn failed(memory: &Memory, may_stay: bool, cause: &dyn std::fmt::Display) -> Error {
    match memory.results.as_ref().filter(|_| may_stay) {
        Some(folder) => Memory::cannot_write(folder, cause),
        None => Memory::cannot_spill(&memory.spill_dir, cause),
    }
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((file, _)) = &mut self.file {
            return file.write(bytes);
        }
        if (self.held.len() + bytes.len()) as u64 > self.room {
            let (mut file, path) = self.open()?;
            file.write_all(&std::mem::take(&mut self.held))?;
            return self.file.insert((file, path)).0.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_or_large_it_is_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory { output: 100, results: Some(folder.path().to_owned()), ..Memory::of_machine() };
        for pieces in [0_u8, 3, 200] {
            for of_result in [false, true] {
                let mut spool = if of_result { Spool::of_result(&memory) } else { Spool::on_disk(&memory) };
                let written: Vec<u8> = (0..pieces).flat_map(|piece| [piece; 7]).collect();
                written.chunks(7).for_each(|piece| spool.write_all(piece).unwrap());
                let body = spool.finish().unwrap();
                assert_eq!(body.is_file(), written.len() > if of_result { 100 } else { 0 });
                assert_eq!(body.whole().unwrap(), written);
                let kept = folder.path().join("kept");
                let stays = body.kept_as(&kept);
                assert_eq!(stays.is_ok(), of_result && written.len() > 100);
                if stays.is_ok() {
                    assert_eq!(std::fs::read(&kept).unwrap(), written);
                    std::fs::remove_file(kept).unwrap();
                }
                drop(stays);
                assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let nowhere = std::path::PathBuf::from("/nowhere/at/all");
        let memory = Memory { output: 1, results: Some(nowhere.clone()), ..Memory::of(1 << 30, nowhere) };
        for (mut spool, hint) in [(Spool::on_disk(&memory), "--spill-dir"), (Spool::of_result(&memory), "room")] {
            let refused = spool.write_all(b"more than one").unwrap_err();
            let text = spool.failed(&refused).to_string();
            assert!(text.contains("/nowhere/at/all") && text.contains(hint), "{text}");
        }
    }
}
