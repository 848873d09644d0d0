//! Bytes that are made one after the other, and may come to more than memory should hold.

use std::io::{self, Write};
use std::path::PathBuf;

use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile_in};

use super::Body;
use crate::error::Error;
use crate::memory::Memory;

/// A file in the making: in memory while it is small, then on the local disk without a name.
#[derive(Debug)]
pub struct Spool {
    file: SpooledTempFile,
    folder: PathBuf,
}

impl Spool {
    /// An empty file.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        let room = usize::try_from(memory.output).unwrap_or(usize::MAX);
        Self { file: spooled_tempfile_in(room, &memory.spill_dir), folder: memory.spill_dir.clone() }
    }

    /// The finished file.
    pub fn finish(self) -> Result<Body, Error> {
        let folder = self.folder;
        match self.file.into_inner() {
            SpooledData::InMemory(bytes) => Ok(Body::memory(bytes.into_inner())),
            SpooledData::OnDisk(file) => Body::file(file, None).map_err(|e| Memory::cannot_spill(&folder, &e)),
        }
    }

    /// An error of writing to it.
    #[must_use]
    pub fn failed(&self, cause: &dyn std::fmt::Display) -> Error {
        Memory::cannot_spill(&self.folder, cause)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_or_large_it_is_what_was_written() {
        let memory = Memory { output: 100, ..Memory::of_machine() };
        for pieces in [0_u8, 3, 200] {
            let mut spool = Spool::new(&memory);
            let written: Vec<u8> = (0..pieces).flat_map(|piece| [piece; 7]).collect();
            written.chunks(7).for_each(|piece| spool.write_all(piece).unwrap());
            let body = spool.finish().unwrap();
            assert_eq!(body.is_file(), written.len() > 100);
            assert_eq!(body.whole().unwrap(), written);
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let memory = Memory { output: 1, ..Memory::of(1 << 30, "/nowhere/at/all".into()) };
        let mut spool = Spool::new(&memory);
        let refused = spool.write_all(b"more than one").unwrap_err();
        let text = spool.failed(&refused).to_string();
        assert!(text.contains("/nowhere/at/all") && text.contains("--spill-dir"), "{text}");
    }
}
