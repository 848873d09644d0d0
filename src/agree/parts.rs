//! Fingerprints by partition: in memory as long as there is room, then on a local disk.
//!
//! ```text
//!  scan ─ sheaves of a split, each in order of partitions ─▶ put ─┬─▶ held in memory
//!                                                                 └─▶ one file without a name, 28 bytes a record
//!  agree ─ one partition of both sides, from every sheaf ◀─ of ───┘
//! ```
//!
//! What is on disk is read back one partition at a time, so that memory is bounded by the limit and the
//! threads, whatever the number of records. The file has no name: it is gone with the process, however that
//! ends. The result does not depend on what was spilled.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

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

/// Some fingerprints of one split in order of their partitions: one piece of memory, however many partitions there are.
#[derive(Debug)]
pub struct Sheaf {
    prints: Vec<Waiting>,
    /// Where each partition ends.
    ends: Vec<u32>,
}

impl Sheaf {
    /// Puts fingerprints in order of so many partitions, a power of two.
    #[must_use]
    pub fn of(prints: &[Waiting], parts: usize) -> Self {
        let mut ends = vec![0_u32; parts];
        prints.iter().for_each(|print| ends[part_of(print.key, parts)] += 1);
        let mut end = 0;
        for count in &mut ends {
            // Where it begins, until it is filled.
            (*count, end) = (end, end + *count);
        }
        let mut in_order = prints.to_vec();
        for print in prints {
            let at = &mut ends[part_of(print.key, parts)];
            in_order[*at as usize] = *print;
            *at += 1;
        }
        Self { prints: in_order, ends }
    }

    fn of_part(&self, part: usize) -> &[Waiting] {
        &self.prints[range(&self.ends, part)]
    }
}

/// Where a partition is among fingerprints in order.
fn range(ends: &[u32], part: usize) -> Range<usize> {
    let from = part.checked_sub(1).map_or(0, |before| ends[before]);
    from as usize..ends[part] as usize
}

/// Fingerprints of one split.
#[derive(Debug)]
enum Piece {
    Held(usize, Sheaf),
    /// On disk, from this byte on, and where each partition ends.
    Spilled(usize, u64, Vec<u32>),
}

impl Piece {
    /// How many fingerprints of a partition it has.
    fn count(&self, part: usize) -> usize {
        match self {
            Self::Held(_, Sheaf { ends, .. }) | Self::Spilled(_, _, ends) => range(ends, part).len(),
        }
    }
}

/// All partitions.
#[derive(Debug)]
pub struct Parts {
    count: usize,
    /// Ledger, statement.
    pieces: [RwLock<Vec<Piece>>; 2],
    records: AtomicUsize,
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
            count,
            pieces: Default::default(),
            records: AtomicUsize::new(0),
            held: AtomicU64::new(0),
            room: memory.fingerprints,
            spill: Spill::new(memory),
        }
    }

    /// How many partitions there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The partition of a key.
    #[inline]
    #[must_use]
    pub fn of_key(&self, key: u128) -> usize {
        part_of(key, self.count)
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records.load(Ordering::Relaxed)
    }

    /// Takes sheaves of a split; `side` is 0 for the ledger.
    pub fn put(&self, side: usize, split: usize, sheaves: Vec<Sheaf>) -> Result<(), Error> {
        let count: usize = sheaves.iter().map(|sheaf| sheaf.prints.len()).sum();
        let bytes = (count * BYTES) as u64;
        self.records.fetch_add(count, Ordering::Relaxed);
        let pieces = if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.room {
            sheaves.into_iter().map(|sheaf| Piece::Held(split, sheaf)).collect()
        } else {
            self.held.fetch_sub(bytes, Ordering::Relaxed);
            // One piece, so that a partition is read from few places.
            let mut encoded = Vec::with_capacity(count * BYTES);
            let mut ends = Vec::with_capacity(self.count);
            for part in 0..self.count {
                sheaves.iter().flat_map(|sheaf| sheaf.of_part(part)).for_each(|print| print.put(&mut encoded));
                ends.push(narrow(encoded.len() / BYTES));
            }
            vec![Piece::Spilled(split, self.spill.put(&encoded)?, ends)]
        };
        self.pieces[side].write().unwrap_or_else(PoisonError::into_inner).extend(pieces);
        Ok(())
    }

    /// The fingerprints of a partition, in no particular order: ledger, statement.
    pub fn of(&self, part: usize) -> Result<[Vec<Fingerprint>; 2], Error> {
        Ok([self.joined(0, part)?, self.joined(1, part)?])
    }

    /// Shows every key of a partition.
    pub fn each_key(&self, part: usize, each: impl Fn(u128)) -> Result<(), Error> {
        let show = |_, prints: &[Waiting]| prints.iter().for_each(|print| each(print.key));
        [0, 1].into_iter().try_for_each(|side| self.read(side, part, show))
    }

    fn joined(&self, side: usize, part: usize) -> Result<Vec<Fingerprint>, Error> {
        let mut all = Vec::with_capacity(self.pieces(side).iter().map(|piece| piece.count(part)).sum());
        self.read(side, part, |split, prints| all.extend(prints.iter().map(|print| print.of_split(split))))?;
        Ok(all)
    }

    fn pieces(&self, side: usize) -> RwLockReadGuard<'_, Vec<Piece>> {
        self.pieces[side].read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a partition of one side piece by piece, each with its split.
    fn read(&self, side: usize, part: usize, mut each: impl FnMut(usize, &[Waiting])) -> Result<(), Error> {
        for piece in self.pieces(side).iter() {
            match piece {
                Piece::Held(split, sheaf) => each(*split, sheaf.of_part(part)),
                Piece::Spilled(split, at, ends) => {
                    let range = range(ends, part);
                    if range.is_empty() {
                        continue;
                    }
                    let bytes = self.spill.get(at + (range.start * BYTES) as u64, range.len() * BYTES)?;
                    let prints: Vec<Waiting> = bytes.as_chunks().0.iter().map(Waiting::of_bytes).collect();
                    each(*split, &prints);
                }
            }
        }
        Ok(())
    }
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a split has fewer than 2³² records")
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
            // A sheaf for each 16, and one of none.
            let sheaves = prints.chunks(16).chain([&[][..]]).map(|prints| Sheaf::of(prints, 2)).collect();
            parts.put(split % 2, split, sheaves).unwrap();
        }
        let keys = std::sync::Mutex::new(Vec::new());
        (0..2).for_each(|part| parts.each_key(part, |key| keys.lock().unwrap().push(key)).unwrap());
        assert_eq!(parts.records(), 100);
        let taken: Vec<_> = (0..2).map(|part| parts.of(part).unwrap()).collect();
        let of_part = |part: usize| taken[part].iter().flatten().all(|print| parts.of_key(print.key) == part);
        assert!(of_part(0) && of_part(1));
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
        let refused = Parts::new(1, &memory).put(0, 0, vec![Sheaf::of(&[print(1, 1)], 1)]).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("/nowhere/at/all") && text.contains("--spill-dir"), "{text}");
    }
}
