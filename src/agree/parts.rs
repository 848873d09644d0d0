//! Fingerprints by partition: in memory as long as there is room, then on a local disk.
//!
//! ```text
//!  scan ─ a split's fingerprints, by partition ─▶ put ─┬─▶ held in memory
//!                                                      └─▶ one file without a name: pieces of 28 bytes a record
//!  agree ─ one partition of both sides ◀─ take ────────┘
//! ```
//!
//! What is on disk is read back one partition at a time, so that memory is bounded by the limit and the
//! threads, whatever the number of records. The file has no name: it is gone with the process, however that
//! ends. The result does not depend on what was spilled.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tieout_kernel::fingerprint::Fingerprint;

use super::place_of;
use crate::error::Error;
use crate::memory::Memory;
use crate::store::Spill;

/// A fingerprint as it waits for its partition: its split is that of its piece, so a row is enough.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub struct Waiting {
    /// Hash of account, kind class and event number.
    pub key: u128,
    /// Hash of everything that is compared.
    pub content: u64,
    /// The row within the split.
    pub row: u32,
}

/// Bytes of a waiting fingerprint, in memory and on disk.
const BYTES: usize = size_of::<Waiting>();
const _: () = assert!(BYTES == 28);

impl Waiting {
    /// As it goes to disk.
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&{ self.key }.to_le_bytes());
        bytes.extend_from_slice(&{ self.content }.to_le_bytes());
        bytes.extend_from_slice(&{ self.row }.to_le_bytes());
    }

    /// Takes back what [`Waiting::put`] gave.
    fn of_bytes(bytes: &[u8; BYTES]) -> Self {
        let (key, rest) = bytes.split_at(16);
        let (content, row) = rest.split_at(8);
        Self {
            key: u128::from_le_bytes(key.try_into().expect("sixteen bytes")),
            content: u64::from_le_bytes(content.try_into().expect("eight bytes")),
            row: u32::from_le_bytes(row.try_into().expect("four bytes")),
        }
    }

    fn of_split(self, split: usize) -> Fingerprint {
        Fingerprint { key: self.key, content: self.content, place: place_of(split, self.row) }
    }
}

/// Some fingerprints of one split and one partition.
#[derive(Debug)]
struct Piece {
    split: usize,
    count: usize,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Held(Vec<Waiting>),
    /// On disk, from this byte on.
    Spilled(u64),
}

/// The pieces of one partition: ledger, statement.
type Part = [Vec<Piece>; 2];

/// All partitions.
#[derive(Debug)]
pub struct Parts {
    list: Vec<Mutex<Part>>,
    /// Bytes that are held.
    held: AtomicU64,
    room: u64,
    spill: Spill,
}

/// The partition of a key among so many, a power of two.
#[inline]
#[must_use]
pub fn part_of(key: u128, count: usize) -> usize {
    key as usize & (count - 1)
}

impl Default for Parts {
    /// None at all.
    fn default() -> Self {
        Self::new(0, &Memory::of(0, PathBuf::new()))
    }
}

impl Parts {
    /// So many empty partitions, a power of two.
    #[must_use]
    pub fn new(count: usize, memory: &Memory) -> Self {
        Self {
            list: (0..count).map(|_| Mutex::default()).collect(),
            held: AtomicU64::new(0),
            room: memory.fingerprints,
            spill: Spill::new(memory),
        }
    }

    /// How many partitions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The partition of a key.
    #[inline]
    #[must_use]
    pub fn of_key(&self, key: u128) -> usize {
        part_of(key, self.list.len())
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        let pieces = |part: &Mutex<Part>| -> usize { locked(part).iter().flatten().map(|piece| piece.count).sum() };
        self.list.iter().map(pieces).sum()
    }

    /// Takes a split's fingerprints, one list for each partition; `side` is 0 for the ledger.
    pub fn put(&self, side: usize, split: usize, prints: Vec<Vec<Waiting>>) -> Result<(), Error> {
        let count: usize = prints.iter().map(Vec::len).sum();
        let bytes = (count * BYTES) as u64;
        let some = |(_, prints): &(_, Vec<Waiting>)| !prints.is_empty();
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.room {
            for (part, prints) in self.list.iter().zip(prints).filter(some) {
                locked(part)[side].push(Piece { split, count: prints.len(), kept: Kept::Held(prints) });
            }
            return Ok(());
        }
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        let mut encoded = Vec::with_capacity(count * BYTES);
        prints.iter().flatten().for_each(|print| print.put(&mut encoded));
        let mut at = self.spill.put(&encoded)?;
        for (part, prints) in self.list.iter().zip(prints).filter(some) {
            locked(part)[side].push(Piece { split, count: prints.len(), kept: Kept::Spilled(at) });
            at += (prints.len() * BYTES) as u64;
        }
        Ok(())
    }

    /// The fingerprints of a partition, in no particular order; they are gone from here.
    pub fn take(&self, part: usize) -> Result<[Vec<Fingerprint>; 2], Error> {
        let [ledger, statement] = std::mem::take(&mut *locked(&self.list[part]));
        Ok([self.joined(ledger)?, self.joined(statement)?])
    }

    /// Shows every key of a partition.
    pub fn each_key(&self, part: usize, each: impl Fn(u128)) -> Result<(), Error> {
        locked(&self.list[part]).iter().flatten().try_for_each(|piece| self.read(piece, |print| each(print.key)))
    }

    fn joined(&self, pieces: Vec<Piece>) -> Result<Vec<Fingerprint>, Error> {
        let mut all = Vec::with_capacity(pieces.iter().map(|piece| piece.count).sum());
        for piece in pieces {
            self.read(&piece, |print| all.push(print.of_split(piece.split)))?;
        }
        Ok(all)
    }

    fn read(&self, piece: &Piece, mut each: impl FnMut(Waiting)) -> Result<(), Error> {
        match &piece.kept {
            Kept::Held(prints) => prints.iter().for_each(|print| each(*print)),
            Kept::Spilled(at) => {
                let bytes = self.spill.get(*at, piece.count * BYTES)?;
                bytes.as_chunks().0.iter().for_each(|one| each(Waiting::of_bytes(one)));
            }
        }
        Ok(())
    }
}

fn locked(part: &Mutex<Part>) -> std::sync::MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(key: u128, row: u32) -> Waiting {
        Waiting { key, content: u64::MAX - u64::from(row), row }
    }

    fn put_and_taken(fingerprints: u64) -> (Vec<[Vec<Fingerprint>; 2]>, u64, Vec<u128>) {
        let memory = Memory { fingerprints, ..Memory::of_machine() };
        let parts = Parts::new(2, &memory);
        for split in 0..5 {
            let prints: Vec<Waiting> = (0..20).map(|row| print(u128::from(row) << 70 | u128::from(row), row)).collect();
            let (even, odd) = prints.into_iter().partition(|print| parts.of_key(print.key) == 0);
            parts.put(split % 2, split, vec![even, odd]).unwrap();
        }
        let keys = Mutex::new(Vec::new());
        (0..2).for_each(|part| parts.each_key(part, |key| keys.lock().unwrap().push(key)).unwrap());
        assert_eq!(parts.records(), 100);
        let taken = (0..2).map(|part| parts.take(part).unwrap()).collect();
        assert_eq!(parts.records(), 0);
        (taken, parts.spill.bytes(), keys.into_inner().unwrap())
    }

    #[test]
    fn what_was_spilled_comes_back_as_it_was() {
        let (held, nothing, keys) = put_and_taken(1 << 30);
        assert_eq!((nothing, keys.len()), (0, 100));
        // Room for two splits of 20 records.
        let (some, spilled, keys_too) = put_and_taken(40 * BYTES as u64);
        assert_eq!(spilled, 60 * BYTES as u64);
        let (all_on_disk, spilled, _) = put_and_taken(0);
        assert_eq!(spilled, 100 * BYTES as u64);
        assert_eq!((&some, &all_on_disk), (&held, &held));
        assert_eq!(keys_too, keys);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let memory = Memory::of(0, "/nowhere/at/all".into());
        let refused = Parts::new(1, &memory).put(0, 0, vec![vec![print(1, 1)]]).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("/nowhere/at/all") && text.contains("--spill-dir"), "{text}");
    }
}
