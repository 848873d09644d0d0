//! Records of one length in order: sorted in memory as long as there is room, else in runs on the local disk.
//!
//! What comes out does not depend on what was put when, nor on what went to disk.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use rayon::prelude::*;

use crate::error::Error;
use crate::memory::Memory;
use crate::store::Spill;

/// A record that goes to disk in so many bytes.
pub(crate) trait Fixed<const BYTES: usize>: Copy + Ord + Send + Sync {
    /// As it goes to disk.
    fn to_bytes(self) -> [u8; BYTES];
    /// As it comes back.
    fn of_bytes(bytes: &[u8; BYTES]) -> Self;
}

/// The next bytes of a record.
pub(crate) fn next<const BYTES: usize>(rest: &mut &[u8]) -> [u8; BYTES] {
    let (first, after) = rest.split_first_chunk().expect("a record has all of its bytes");
    *rest = after;
    *first
}

/// Bytes that are written to a run, or read from it, at a time.
const AT_A_TIME: usize = 1 << 16;

/// Records in no order.
#[derive(Debug)]
pub(crate) struct Sorter<T, const BYTES: usize> {
    held: Vec<T>,
    /// Bytes that may be held.
    room: u64,
    spill: Spill,
    /// Where each run begins, and its records.
    runs: Vec<(u64, usize)>,
}

impl<const BYTES: usize, T: Fixed<BYTES>> Sorter<T, BYTES> {
    /// None yet.
    pub(crate) fn new(memory: &Memory) -> Self {
        Self { held: Vec::new(), room: memory.rows / 2, spill: Spill::new(memory), runs: Vec::new() }
    }

    /// Takes some.
    pub(crate) fn put(&mut self, more: impl IntoIterator<Item = T>) -> Result<(), Error> {
        self.held.extend(more);
        if (self.held.len() * size_of::<T>()) as u64 > self.room { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        self.held.par_sort_unstable();
        let mut begin = None;
        for some in self.held.chunks((AT_A_TIME / BYTES).max(1)) {
            let bytes: Vec<u8> = some.iter().flat_map(|one| one.to_bytes()).collect();
            let at = self.spill.put(&bytes)?;
            begin.get_or_insert(at);
        }
        self.runs.extend(begin.map(|at| (at, self.held.len())));
        self.held.clear();
        Ok(())
    }

    /// All of them in order.
    pub(crate) fn sorted(mut self) -> Result<InOrder<T, BYTES>, Error> {
        self.held.par_sort_unstable();
        let held = Run { at: 0, left: 0, some: self.held.into_iter() };
        let spilled = self.runs.into_iter().map(|(at, left)| Run { at, left, some: Vec::new().into_iter() });
        let mut all = InOrder { runs: spilled.chain([held]).collect(), heads: BinaryHeap::new(), spill: self.spill };
        for run in 0..all.runs.len() {
            if let Some(one) = all.runs[run].next(&all.spill)? {
                all.heads.push(Reverse((one, run)));
            }
        }
        Ok(all)
    }
}

/// Records in order, read as they are asked for.
#[derive(Debug)]
pub(crate) struct InOrder<T, const BYTES: usize> {
    runs: Vec<Run<T>>,
    heads: BinaryHeap<Reverse<(T, usize)>>,
    spill: Spill,
}

/// Some records in order.
#[derive(Debug)]
struct Run<T> {
    /// Where the rest is on disk, and its records.
    at: u64,
    left: usize,
    /// Those that are in memory.
    some: std::vec::IntoIter<T>,
}

impl<T> Run<T> {
    fn next<const BYTES: usize>(&mut self, spill: &Spill) -> Result<Option<T>, Error>
    where
        T: Fixed<BYTES>,
    {
        if self.some.len() == 0 && self.left > 0 {
            let count = self.left.min((AT_A_TIME / BYTES).max(1));
            let bytes = spill.get(self.at, count * BYTES)?;
            let (records, _) = bytes.as_chunks::<BYTES>();
            self.some = records.iter().map(T::of_bytes).collect::<Vec<T>>().into_iter();
            (self.at, self.left) = (self.at + bytes.len() as u64, self.left - count);
        }
        Ok(self.some.next())
    }
}

impl<const BYTES: usize, T: Fixed<BYTES>> InOrder<T, BYTES> {
    /// The next ones, at most so many, as long as they are wanted.
    pub(crate) fn take(&mut self, most: usize, wanted: impl Fn(&T) -> bool) -> Result<Vec<T>, Error> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some(mut head) = self.heads.peek_mut().filter(|head| wanted(&head.0.0)) else { break };
            let Reverse((one, run)) = *head;
            taken.push(one);
            match self.runs[run].next(&self.spill)? {
                Some(next) => *head = Reverse((next, run)),
                None => drop(PeekMut::pop(head)),
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
    struct Probe(u64);

    impl Fixed<8> for Probe {
        fn to_bytes(self) -> [u8; 8] {
            self.0.to_le_bytes()
        }

        fn of_bytes(bytes: &[u8; 8]) -> Self {
            Self(u64::from_le_bytes(*bytes))
        }
    }

    #[test]
    fn what_is_put_comes_in_order_whatever_went_to_disk() {
        let expected: Vec<u64> = (0..50_000).flat_map(|one| [one; 2]).collect();
        for (rows, runs) in [(u64::MAX, 0..=0), (400_000, 3..=4), (20_000, 30..=90)] {
            let mut sorter = Sorter::new(&Memory { rows, ..Memory::of_machine() });
            let scattered = |at: u64| Probe(at * 7_919 % 50_000);
            for lot in 0..100 {
                sorter.put((lot * 1_000..(lot + 1) * 1_000).map(scattered)).unwrap();
            }
            assert!(runs.contains(&sorter.runs.len()), "{} runs", sorter.runs.len());
            let mut sorted = sorter.sorted().unwrap();
            let mut all = Vec::new();
            for (most, limit) in [(10, 100), (1_000, 3), (1_000_000, 30_000), (0, 1), (70_001, u64::MAX), (1, u64::MAX)]
            {
                let some = sorted.take(most, |one| one.0 < limit).unwrap();
                assert!(some.len() <= most && some.iter().all(|one| one.0 < limit));
                all.extend(some.iter().map(|one| one.0));
            }
            assert!(all == expected);
        }
        assert!(Sorter::<Probe, 8>::new(&Memory::of_machine()).sorted().unwrap().take(5, |_| true).unwrap().is_empty());
    }
}
