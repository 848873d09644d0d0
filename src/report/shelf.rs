//! Rows of a table that wait on the local disk until their partition is decided.
//!
//! ```text
//!  rows in any order ─ put ─▶ blocks, each in order of partitions ─▶ a file without a name ─ read ─▶ those of some places
//! ```
//!
//! A block is as many rows as there is memory for. Of each row its place is held, so whoever asks for places of few
//! partitions reads little more than these.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use arrow_select::interleave::interleave_record_batch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use rayon::prelude::*;

use super::runs;
use super::sheet::{Cells, Table, TableSpec};
use crate::error::Error;
use crate::memory::Memory;
use crate::store::{Body, Spool};

/// Rows of which a block is written and read at a time.
const AT_A_TIME: usize = 1 << 12;
/// Rows that one thread reads.
const READ: usize = 1 << 14;

/// Rows on disk.
#[derive(Debug)]
pub struct Shelf {
    spec: TableSpec,
    memory: Memory,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    body: Body,
    /// The place of each row, in order of partitions, and in order within one.
    places: Vec<u32>,
    /// Where each partition ends.
    ends: Vec<u32>,
}

/// A row that waits to be written.
struct Waiting {
    part: u32,
    place: u32,
    /// Batch and row.
    at: (usize, usize),
}

/// A shelf that is being filled.
pub struct Filling {
    shelf: Shelf,
    parts: usize,
    batches: Vec<RecordBatch>,
    bytes: u64,
    rows: Vec<Waiting>,
}

impl Filling {
    /// Nothing yet, for so many partitions.
    pub fn new(spec: TableSpec, parts: usize, memory: &Memory) -> Self {
        let shelf = Shelf { spec, memory: memory.clone(), blocks: Vec::new() };
        Self { shelf, parts, batches: Vec::new(), bytes: 0, rows: Vec::new() }
    }

    /// Takes some rows of a table, each as its number in the first batch, its partition and its place; places ascend.
    pub fn put(&mut self, table: Table, rows: &[(usize, usize, u32)]) -> Result<(), Error> {
        let batch = self.batches.len();
        let narrow = |part: usize| u32::try_from(part).expect("there are fewer than 2³² partitions");
        let waiting =
            |&(row, part, place): &(usize, usize, u32)| Waiting { part: narrow(part), place, at: (batch, row) };
        self.rows.extend(rows.iter().map(waiting));
        self.bytes += table.batches.iter().map(|batch| batch.get_array_memory_size() as u64).sum::<u64>();
        self.batches.extend(table.batches);
        if self.bytes > self.shelf.memory.rows { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Error> {
        let (batches, mut rows) = (std::mem::take(&mut self.batches), std::mem::take(&mut self.rows));
        self.bytes = 0;
        rows.par_sort_by_key(|row| row.part);
        let memory = &self.shelf.memory;
        let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&memory.spill_dir, e);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let mut writer = runs::run_file(self.shelf.spec, Spool::on_disk(memory));
        for some in rows.chunks(AT_A_TIME) {
            let places: Vec<(usize, usize)> = some.iter().map(|row| row.at).collect();
            let batch = interleave_record_batch(&batches, &places).map_err(|e| full(&e))?;
            writer.write(std::iter::once(&batch)).map_err(|e| full(&e))?;
        }
        let body = writer.finish().map_err(|e| full(&e))?.finish()?;
        let end = |part: usize| rows.partition_point(|row| row.part as usize <= part);
        let ends = (0..self.parts).map(|part| u32::try_from(end(part)).expect("a block has fewer than 2³² rows"));
        let places = rows.iter().map(|row| row.place).collect();
        self.shelf.blocks.push(Block { body, places, ends: ends.collect() });
        Ok(())
    }

    /// All of it.
    pub fn finish(mut self) -> Result<Shelf, Error> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        Ok(self.shelf)
    }
}

impl Shelf {
    /// What `make` makes of the rows of some places, which ascend and are in some partitions, by place.
    pub fn read<T: Send>(
        &self,
        places: &[u32],
        parts: &BTreeSet<usize>,
        make: impl Fn(&Cells<'_>) -> Option<T> + Sync,
    ) -> Result<Vec<(u32, T)>, Error> {
        let wanted: Vec<(&Block, Vec<usize>)> =
            self.blocks.par_iter().map(|block| (block, block.rows_of(places, parts))).collect();
        let some = wanted.iter().flat_map(|(block, rows)| rows.chunks(READ).map(move |rows| (*block, rows)));
        let some: Vec<(&Block, &[usize])> = some.collect();
        let made = some.par_iter().with_max_len(1).map(|(block, rows)| self.of_block(block, rows, &make));
        let mut all: Vec<(u32, T)> = made.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect();
        all.par_sort_unstable_by_key(|(place, _)| *place);
        Ok(all)
    }

    /// Some rows of a block, in order.
    fn of_block<T>(
        &self,
        block: &Block,
        rows: &[usize],
        make: impl Fn(&Cells<'_>) -> Option<T>,
    ) -> Result<Vec<(u32, T)>, Error> {
        let broken = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        let selection = rows.iter().map(|&row| row..row + 1);
        let selection = RowSelection::from_consecutive_ranges(selection, block.places.len());
        let reader = ParquetRecordBatchReaderBuilder::try_new(block.body.clone()).map_err(|e| broken(&e))?;
        let reader = reader.with_batch_size(AT_A_TIME).with_row_selection(selection).build().map_err(|e| broken(&e))?;
        let mut all = Vec::with_capacity(rows.len());
        let mut rows = rows.iter();
        for batch in reader {
            let batch = batch.map_err(|e| broken(&e))?;
            let table = Table { spec: self.spec, rows: batch.num_rows() as u64, batches: vec![batch] };
            for cells in table.cells() {
                let row = rows.next().ok_or_else(|| broken(&"more rows than were asked for"))?;
                let one = make(&cells).ok_or_else(|| broken(&"a row lacks what every row has"))?;
                all.push((block.places[*row], one));
            }
        }
        if rows.next().is_some() {
            return Err(broken(&"fewer rows than were asked for"));
        }
        Ok(all)
    }
}

impl Block {
    /// The rows of some places, which ascend and are in some partitions.
    fn rows_of(&self, places: &[u32], parts: &BTreeSet<usize>) -> Vec<usize> {
        let range = |part: usize| {
            let from = part.checked_sub(1).map_or(0, |before| self.ends[before]);
            from as usize..self.ends[part] as usize
        };
        let wanted = |row: &usize| places.binary_search(&self.places[*row]).is_ok();
        parts.iter().flat_map(|&part| range(part)).filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sheet::{Holds, Sheet, Spec};
    use super::*;

    const SPEC: TableSpec = TableSpec {
        name: "probe",
        version: 1,
        columns: &[
            Spec { name: "number", holds: Holds::Integer, about: "", zh: "" },
            Spec { name: "text", holds: Holds::Text, about: "", zh: "" },
        ],
    };

    #[test]
    fn what_is_asked_for_is_read_whatever_is_in_which_block() {
        let parts = 8;
        let part_of = |place: u32| (place as usize * 5 / 3) % parts;
        for (rows, blocks) in [(u64::MAX, 1..=1), (30_000, 3..=9)] {
            let memory = Memory { rows, ..Memory::of_machine() };
            let mut filling = Filling::new(SPEC, parts, &memory);
            // Every third row is left out, as if it had lapsed.
            let mut place = 0_u32;
            for _ in 0..10 {
                let mut sheet = Sheet::new(SPEC);
                let mut kept = Vec::new();
                for row in 0..1_000 {
                    let left_out = row % 3 == 0;
                    let number = if left_out { -1 } else { i64::from(place) };
                    sheet.integer(Some(number)).text((row % 2 > 0).then_some("some text")).end_row();
                    if !left_out {
                        kept.push((row, part_of(place), place));
                        place += 1;
                    }
                }
                filling.put(sheet.finish().unwrap(), &kept).unwrap();
            }
            let shelf = filling.finish().unwrap();
            assert!(blocks.contains(&shelf.blocks.len()), "{} blocks", shelf.blocks.len());
            let asked: [Vec<u32>; 4] = [
                vec![],
                (0..place).collect(),
                vec![0, 17, place - 1],
                (0..place).filter(|one| part_of(*one) == 3).collect(),
            ];
            for places in asked {
                let of = places.iter().map(|&place| part_of(place)).collect();
                let read = shelf.read(&places, &of, |cells| cells.integer("number")).unwrap();
                let expected: Vec<(u32, i64)> = places.iter().map(|&place| (place, i64::from(place))).collect();
                assert_eq!(read, expected);
            }
        }
    }
}
