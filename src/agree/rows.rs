//! The statement's records as the scan knows them, split by split: where they are, what they are, how much.
//!
//! Evidence and history ask for them again, in the order of the statement. Beyond the memory that they may take,
//! splits wait on the local disk; those that were asked for last are kept.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tieout_kernel::calendar::Day;
use tieout_kernel::money::Minor;

use super::totals::Tag;
use super::{row_of, split_of};
use crate::error::Error;
use crate::memory::Memory;
use crate::store::Spill;

/// Spilled splits that are kept in memory.
const KEPT: usize = 8;
/// Bytes of a record on disk: row, amount, what, key, number.
const SPILLED: usize = 40;

/// The statement records of one split.
#[derive(Clone, Debug, Default)]
pub struct SplitRows {
    /// Rows, ascending.
    pub rows: Vec<u32>,
    /// What each is compared by, in minor units without sign.
    pub amounts: Vec<i64>,
    /// What each is, as a number in `whats`.
    pub tags: Vec<u32>,
    /// Tag, as a number in `kinds`, and business day.
    pub whats: Vec<(u32, Option<Day>)>,
    /// The tags.
    pub kinds: Vec<Tag>,
    /// Key of each; empty unless history is wanted, as `txns`.
    pub keys: Vec<u128>,
    /// Hash of the provider's number of each, 0 without one.
    pub txns: Vec<u64>,
}

/// A statement record.
#[derive(Clone, Copy, Debug)]
pub struct StatementRow<'s> {
    /// What it is.
    pub tag: &'s Tag,
    /// How much, in minor units without sign.
    pub amount: Minor,
    /// Its business day.
    pub day: Option<Day>,
    /// What it is, as a number within its split.
    pub what: u32,
    /// Its key; 0 unless history is wanted.
    pub key: u128,
    /// Hash of the provider's number; 0 without one, and unless history is wanted.
    pub txn: u64,
}

impl SplitRows {
    /// Room for as many records as are likely to come.
    pub(super) fn reserve(&mut self, count: usize, history: bool) {
        self.rows.reserve(count);
        self.amounts.reserve(count);
        self.tags.reserve(count);
        if history {
            self.keys.reserve(count);
            self.txns.reserve(count);
        }
    }

    /// A record; none where the split has no such row.
    fn at(&self, row: u32) -> Option<StatementRow<'_>> {
        let at = self.position(row)?;
        let what = self.tags[at];
        let (tag, day) = self.whats[what as usize];
        Some(StatementRow {
            tag: &self.kinds[tag as usize],
            amount: Minor::new(self.amounts[at])?,
            day,
            what,
            key: self.keys.get(at).copied().unwrap_or(0),
            txn: self.txns.get(at).copied().unwrap_or(0),
        })
    }

    fn position(&self, row: u32) -> Option<usize> {
        // Most files have a record in every row.
        let guess = row as usize;
        match self.rows.get(guess) {
            Some(&found) if found == row => Some(guess),
            _ => self.rows.binary_search(&row).ok(),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.rows.len() * SPILLED);
        self.rows.iter().for_each(|row| bytes.extend_from_slice(&row.to_le_bytes()));
        self.amounts.iter().for_each(|amount| bytes.extend_from_slice(&amount.to_le_bytes()));
        self.tags.iter().for_each(|tag| bytes.extend_from_slice(&tag.to_le_bytes()));
        self.keys.iter().for_each(|key| bytes.extend_from_slice(&key.to_le_bytes()));
        self.txns.iter().for_each(|txn| bytes.extend_from_slice(&txn.to_le_bytes()));
        bytes
    }

    /// Takes back what [`SplitRows::encoded`] gave.
    fn decoded(&self, count: usize, bytes: &[u8]) -> Self {
        let (rows, rest) = bytes.split_at(count * 4);
        let (amounts, rest) = rest.split_at(count * 8);
        let (tags, rest) = rest.split_at(count * 4);
        let (keys, txns) = if rest.is_empty() { (rest, rest) } else { rest.split_at(count * 16) };
        let (rows, _) = rows.as_chunks();
        let (amounts, _) = amounts.as_chunks();
        let (tags, _) = tags.as_chunks();
        let (keys, _) = keys.as_chunks();
        let (txns, _) = txns.as_chunks();
        Self {
            rows: rows.iter().map(|row| u32::from_le_bytes(*row)).collect(),
            amounts: amounts.iter().map(|amount| i64::from_le_bytes(*amount)).collect(),
            tags: tags.iter().map(|tag| u32::from_le_bytes(*tag)).collect(),
            keys: keys.iter().map(|key| u128::from_le_bytes(*key)).collect(),
            txns: txns.iter().map(|txn| u64::from_le_bytes(*txn)).collect(),
            whats: self.whats.clone(),
            kinds: self.kinds.clone(),
        }
    }
}

#[derive(Debug)]
enum Kept {
    Held(Arc<SplitRows>),
    /// What is small stays, the rest is on disk.
    Spilled {
        small: SplitRows,
        count: usize,
        at: u64,
        length: usize,
    },
}

/// Where the records of splits go while they are scanned.
#[derive(Debug)]
pub struct Shelf {
    held: AtomicU64,
    room: u64,
    spill: Spill,
}

impl Shelf {
    /// An empty one.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        Self { held: AtomicU64::new(0), room: memory.rows, spill: Spill::new(memory) }
    }

    /// Takes the records of a split.
    pub(super) fn put(&self, rows: SplitRows) -> Result<Placed, Error> {
        let count = rows.rows.len();
        let bytes = (count * SPILLED) as u64;
        if count == 0 || self.held.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.room {
            return Ok(Placed(Kept::Held(Arc::new(rows))));
        }
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        let encoded = rows.encoded();
        let at = self.spill.put(&encoded)?;
        let small = SplitRows { whats: rows.whats, kinds: rows.kinds, ..SplitRows::default() };
        Ok(Placed(Kept::Spilled { small, count, at, length: encoded.len() }))
    }
}

/// The records of one split on the shelf.
#[derive(Debug)]
pub struct Placed(Kept);

impl Default for Placed {
    /// No records.
    fn default() -> Self {
        Self(Kept::Held(Arc::default()))
    }
}

/// The statement's records of all splits.
#[derive(Debug)]
pub struct Rows {
    splits: Vec<Placed>,
    spill: Spill,
    /// Spilled splits that were asked for last.
    recent: Mutex<VecDeque<(usize, Arc<SplitRows>)>>,
}

impl Default for Rows {
    /// None.
    fn default() -> Self {
        Self {
            splits: Vec::new(),
            spill: Spill::new(&Memory::of(0, std::path::PathBuf::new())),
            recent: Mutex::default(),
        }
    }
}

impl Rows {
    /// What is on a shelf, split by split.
    #[must_use]
    pub(super) fn new(shelf: Shelf, splits: Vec<Placed>) -> Self {
        Self { splits, spill: shelf.spill, recent: Mutex::default() }
    }

    /// Reads them in an order of one's own; neighbours are read together.
    #[must_use]
    pub fn reader(&self) -> RowReader<'_> {
        RowReader { rows: self, current: None }
    }

    fn split(&self, number: usize) -> Result<Option<Arc<SplitRows>>, Error> {
        let (small, count, at, length) = match self.splits.get(number) {
            None => return Ok(None),
            Some(Placed(Kept::Held(rows))) => return Ok(Some(Arc::clone(rows))),
            Some(Placed(Kept::Spilled { small, count, at, length })) => (small, *count, *at, *length),
        };
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rows)) = recent().iter().find(|(kept, _)| *kept == number) {
            return Ok(Some(Arc::clone(rows)));
        }
        let rows = Arc::new(small.decoded(count, &self.spill.get(at, length)?));
        let mut recent = recent();
        recent.push_front((number, Arc::clone(&rows)));
        recent.truncate(KEPT);
        Ok(Some(rows))
    }
}

/// Reads statement records by their places.
#[derive(Debug)]
pub struct RowReader<'r> {
    rows: &'r Rows,
    current: Option<(usize, Arc<SplitRows>)>,
}

impl RowReader<'_> {
    /// The record of a place; none where the scan kept none of it.
    pub fn at(&mut self, place: u64) -> Result<Option<StatementRow<'_>>, Error> {
        let number = split_of(place);
        if self.current.as_ref().is_none_or(|(current, _)| *current != number) {
            self.current = self.rows.split(number)?.map(|rows| (number, rows));
        }
        Ok(self.current.as_ref().and_then(|(_, rows)| rows.at(row_of(place))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::place_of;
    use super::*;
    use tieout_kernel::currency::Currency;
    use tieout_kernel::record::{Direction, Kind, Status};

    fn rows_of(split: u32, history: bool) -> SplitRows {
        let count = 50 + split;
        let tag = |kind| Tag {
            account: format!("account {split}"),
            kind,
            status: Status::Success,
            direction: Direction::In,
            currency: Currency::iso("CNY").unwrap(),
        };
        let numbers = || 0..count;
        SplitRows {
            // Every third row is none of the statement's.
            rows: numbers().map(|row| row + row / 3).collect(),
            amounts: numbers().map(|row| i64::from(row) * 100).collect(),
            tags: numbers().map(|row| row % 2).collect(),
            whats: vec![(1, None), (0, Some(Day(7)))],
            kinds: vec![tag(Kind::Payment), tag(Kind::Refund)],
            keys: if history { numbers().map(|row| u128::from(row) << 90).collect() } else { Vec::new() },
            txns: if history { numbers().map(u64::from).collect() } else { Vec::new() },
        }
    }

    fn told(room: u64, history: bool) -> (Vec<String>, u64) {
        let memory = Memory { rows: room, ..Memory::of_machine() };
        let shelf = Shelf::new(&memory);
        let splits = (0..12).map(|split| shelf.put(rows_of(split, history)).unwrap()).collect();
        let rows = Rows::new(shelf, splits);
        let mut reader = rows.reader();
        let places = (0..100).flat_map(|row| (0..13).map(move |split| place_of(split, row)));
        (places.map(|place| format!("{:?}", reader.at(place).unwrap())).collect(), rows.spill.bytes())
    }

    #[test]
    fn what_was_spilled_is_read_as_if_it_had_been_held() {
        for history in [false, true] {
            let (held, nothing) = told(1 << 30, history);
            let (some, spilled) = told(200 * SPILLED as u64, history);
            let (all_on_disk, more) = told(0, history);
            assert_eq!(nothing, 0);
            assert!(0 < spilled && spilled < more);
            assert!(held.iter().filter(|row| *row != "None").count() > 600);
            assert_eq!((&some, &all_on_disk), (&held, &held));
        }
    }
}
