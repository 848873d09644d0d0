//! Pieces of bytes that wait on the local disk until they are needed again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::memory::Memory;

/// A file of pieces. It has no name: it is gone with the process, however that ends.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    file: Mutex<Option<File>>,
    /// Bytes that are taken.
    taken: AtomicU64,
}

impl Spill {
    /// No pieces; the file is made with the first.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        Self { folder: memory.spill_dir.clone(), file: Mutex::default(), taken: AtomicU64::new(0) }
    }

    /// Puts a piece aside and tells where.
    pub fn put(&self, bytes: &[u8]) -> Result<u64, Error> {
        let at = self.taken.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.with_file(|file| file.write_all_at(bytes, at))?;
        Ok(at)
    }

    /// So many bytes from a place.
    pub fn get(&self, at: u64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.with_file(|file| file.read_exact_at(&mut bytes, at))?;
        Ok(bytes)
    }

    /// Bytes of all pieces.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn with_file<T>(&self, act: impl FnOnce(&File) -> io::Result<T>) -> Result<T, Error> {
        let handle = || -> io::Result<File> {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            match file.as_ref() {
                Some(file) => file.try_clone(),
                None => file.insert(tempfile::tempfile_in(&self.folder)?).try_clone(),
            }
        };
        handle().and_then(|file| act(&file)).map_err(|e| Memory::cannot_spill(&self.folder, &e))
    }
}
