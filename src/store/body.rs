//! Bytes that can be read at any place, many times: a file on this machine or memory.

use std::fs::File;
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use tempfile::TempPath;

/// Immutable bytes with random access. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Body(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Memory(Bytes),
    File {
        file: File,
        length: u64,
        /// Removes a spooled copy when the last clone goes.
        _spooled: Option<TempPath>,
        /// Whether it has no name yet and may be given one.
        nameless: bool,
    },
}

impl Body {
    /// Bytes in memory.
    #[must_use]
    pub fn memory(bytes: impl Into<Bytes>) -> Self {
        Self(Arc::new(Inner::Memory(bytes.into())))
    }

    /// A file; with `spooled` it is removed with the last clone.
    pub fn file(file: File, spooled: Option<TempPath>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self(Arc::new(Inner::File { file, length, _spooled: spooled, nameless: false })))
    }

    /// A file that has no name yet: it goes with the last clone, unless it is kept under one.
    pub fn nameless(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self(Arc::new(Inner::File { file, length, _spooled: None, nameless: true })))
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &*self.0 {
            Inner::Memory(bytes) => bytes.len() as u64,
            Inner::File { length, .. } => *length,
        }
    }

    /// Whether there is not a single byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `length` bytes from `offset`, fewer only at the end.
    pub fn read(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let length = length.min(self.len().saturating_sub(offset));
        match &*self.0 {
            Inner::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(bytes.len()).min(bytes.len());
                let end = start + usize::try_from(length).map_err(io::Error::other)?;
                Ok(bytes.slice(start..end))
            }
            Inner::File { file, .. } => {
                let length = usize::try_from(length).map_err(io::Error::other)?;
                // Memory that is read into is not cleared before: that costs as much as a third of the reading.
                let mut buffer = Vec::with_capacity(length);
                let mut at = offset;
                while buffer.len() < length {
                    match rustix::io::retry_on_intr(|| rustix::io::pread(file, spare_capacity(&mut buffer), at))? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        more => at += more as u64,
                    }
                }
                buffer.truncate(length);
                Ok(buffer.into())
            }
        }
    }

    /// All of it.
    pub fn whole(&self) -> io::Result<Bytes> {
        self.read(0, self.len())
    }

    /// Whether it is a file, and so no burden to memory.
    #[must_use]
    pub fn is_file(&self) -> bool {
        matches!(&*self.0, Inner::File { .. })
    }

    /// Gives a file that has no name this one, replacing what has it; `false` where it is no such file, or the name is
    /// on another disk. With `synced` the bytes and the name are on the disk before.
    pub fn kept_as(&self, to: &Path, synced: bool) -> io::Result<bool> {
        let Inner::File { file, nameless: true, .. } = &*self.0 else { return Ok(false) };
        if synced {
            file.sync_all()?;
        }
        if !named(file, to)? {
            return Ok(false);
        }
        if let Some(folder) = to.parent().filter(|_| synced) {
            File::open(folder)?.sync_all()?;
        }
        Ok(true)
    }

    /// A reader from `offset` to the end.
    #[must_use]
    pub fn reader(&self, offset: u64) -> BodyReader {
        BodyReader { body: self.clone(), offset }
    }
}

/// Names a file that has none.
#[cfg(target_os = "linux")]
fn named(file: &File, to: &Path) -> io::Result<bool> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use rustix::io::Errno;

    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |to: &Path| linkat(CWD, own.as_str(), CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(to) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => {
            let Some(name) = to.file_name() else { return Ok(false) };
            let beside = to.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
            if link(&beside).is_err() {
                return Ok(false);
            }
            std::fs::rename(&beside, to).inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
            Ok(true)
        }
        // Whatever forbids it, the bytes can still be copied.
        Err(_) => Ok(false),
    }
}

#[cfg(not(target_os = "linux"))]
fn named(_: &File, _: &Path) -> io::Result<bool> {
    Ok(false)
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::memory(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::memory(bytes)
    }
}

/// Reads a [`Body`] from front to back.
#[derive(Clone, Debug)]
pub struct BodyReader {
    body: Body,
    offset: u64,
}

impl io::Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.body.len().saturating_sub(self.offset);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match &*self.body.0 {
            Inner::Memory(bytes) => {
                let start = usize::try_from(self.offset).map_err(io::Error::other)?;
                buffer[..count].copy_from_slice(&bytes[start..start + count]);
            }
            Inner::File { file, .. } => file.read_exact_at(&mut buffer[..count], self.offset)?,
        }
        self.offset += count as u64;
        Ok(count)
    }
}

impl io::Seek for BodyReader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            io::SeekFrom::Start(offset) => (offset, 0),
            io::SeekFrom::Current(by) => (self.offset, by),
            io::SeekFrom::End(by) => (self.body.len(), by),
        };
        self.offset = from
            .checked_add_signed(by)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the beginning"))?;
        Ok(self.offset)
    }
}
