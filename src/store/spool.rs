//! Bytes that are made one after the other, and may come to more than memory should hold.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

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
    /// Without a name: it is gone with the process, however that ends.
    file: Option<File>,
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
            Some(file) => {
                let body = if self.may_stay { Body::nameless(file) } else { Body::file(file, None) };
                body.map_err(|e| failed(self.memory, self.may_stay, &e))
            }
        }
    }

    /// An error of writing to it.
    #[must_use]
    pub fn failed(&self, cause: &dyn std::fmt::Display) -> Error {
        failed(self.memory, self.may_stay, cause)
    }

    fn open(&mut self) -> io::Result<File> {
        if let Some(folder) = self.memory.results.as_ref().filter(|_| self.may_stay) {
            if let Some(file) = nameless_in(folder)? {
                return Ok(file);
            }
            self.may_stay = false;
        }
        tempfile::tempfile_in(&self.memory.spill_dir)
    }
}

/// A file without a name that can be given one, as readable then as any file that is created there; none where the
/// file system has no such files. The folder is made if need be.
#[cfg(target_os = "linux")]
fn nameless_in(folder: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;

    std::fs::create_dir_all(folder)?;
    match open(folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok(Some(file.into())),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn nameless_in(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

fn failed(memory: &Memory, may_stay: bool, cause: &dyn std::fmt::Display) -> Error {
    if may_stay { memory.cannot_make(cause) } else { Memory::cannot_spill(&memory.spill_dir, cause) }
}

impl Write for Spool<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(bytes);
        }
        if (self.held.len() + bytes.len()) as u64 > self.room {
            let mut file = self.open()?;
            file.write_all(&std::mem::take(&mut self.held))?;
            return self.file.insert(file).write(bytes);
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
        let has_nameless = nameless_in(folder.path()).unwrap().is_some();
        let kept = folder.path().join("kept");
        for (pieces, of_result, before) in [0_u8, 3, 200]
            .into_iter()
            .flat_map(|pieces| [(pieces, false, false), (pieces, true, false), (pieces, true, true)])
        {
            let mut spool = if of_result { Spool::of_result(&memory) } else { Spool::on_disk(&memory) };
            let written: Vec<u8> = (0..pieces).flat_map(|piece| [piece; 7]).collect();
            written.chunks(7).for_each(|piece| spool.write_all(piece).unwrap());
            let body = spool.finish().unwrap();
            assert_eq!(body.is_file(), written.len() > if of_result { 100 } else { 0 });
            assert_eq!(body.whole().unwrap(), written);
            if before {
                std::fs::write(&kept, "another file").unwrap();
            }
            let stays = body.kept_as(&kept, before).unwrap();
            // On a file system without nameless files it is copied instead.
            assert_eq!(stays, of_result && body.is_file() && has_nameless);
            if stays {
                assert_eq!(std::fs::read(&kept).unwrap(), written);
            }
            drop(body);
            let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            let left: Vec<std::path::PathBuf> = left.collect();
            assert_eq!(
                left,
                if stays || before { vec![kept.clone()] } else { Vec::new() },
                "nothing else is left behind"
            );
            drop(std::fs::remove_file(&kept));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let nowhere = std::path::PathBuf::from("/proc/nowhere/at/all");
        let memory = Memory { output: 1, results: Some(nowhere.clone()), ..Memory::of(1 << 30, nowhere) };
        for (mut spool, hint) in [(Spool::on_disk(&memory), "--spill-dir"), (Spool::of_result(&memory), "room")] {
            let refused = spool.write_all(b"more than one").unwrap_err();
            let text = spool.failed(&refused).to_string();
            assert!(text.contains("/proc/nowhere/at/all") && text.contains(hint), "{text}");
        }
    }
}
