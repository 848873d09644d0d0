//! A table whose rows are made in no order: sorted in memory as long as there is room, else on the local disk.
//!
//! ```text
//!  lots, each in order ─ put ─┬─▶ held                                        ┐
//!                             └─▶ merged into a run on disk, when they are    ├─▶ merged ─▶ the table
//!                                 too many; runs into a longer one likewise   ┘
//! ```
//!
//! A run is Parquet with light compression. Runs are read back side by side, a few rows at a time from each, and never
//! more of them than there is room for, so that memory is bounded whatever the number of rows. What comes out is the
//! same bytes whatever was put in which lot, and whatever went to disk: parts of the same length in the same order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType};
use arrow_select::interleave::interleave_record_batch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rayon::prelude::*;

use super::parquet_file::ParquetFile;
use super::sheet::{ForPeople, PART, Table, TableSpec};
use super::written::{Written, in_lots};
use crate::error::Error;
use crate::memory::Memory;
use crate::pipeline::{at_once, side_by_side};
use crate::store::{Body, Spool};

/// Rows that are read from a run at a time.
const READ: usize = 1 << 10;
/// Bytes of a page of a run: one page of every column of every run is in memory while they are merged.
const PAGE: usize = 1 << 16;
/// Runs that are always read side by side.
const SIDE_BY_SIDE: u64 = 16;
/// Rows of a row group of a run: as much of every column as a reader holds.
const ROW_GROUP: usize = 1 << 13;

/// The rows of one table so far.
#[derive(Debug)]
pub struct Runs<'m, O> {
    spec: TableSpec,
    memory: &'m Memory,
    order: O,
    held: Vec<Vec<Table>>,
    /// Bytes that are held.
    bytes: u64,
    /// Rows and their bytes so far.
    all: (u64, u64),
    /// Runs on disk: of lots, of such runs, and so on.
    spilled: Vec<Vec<Body>>,
}

impl<'m, K: Ord + Send, O: Fn(&Table) -> Vec<K> + Sync> Runs<'m, O> {
    /// None yet; `order` says where the rows of the first batch of a table belong;
    /// those that belong to one place stay in the order in which they are put.
    #[must_use]
    pub const fn new(spec: TableSpec, memory: &'m Memory, order: O) -> Self {
        Self { spec, memory, order, held: Vec::new(), bytes: 0, all: (0, 0), spilled: Vec::new() }
    }

    /// Takes rows that are in order.
    pub fn put(&mut self, lot: Vec<Table>) -> Result<(), Error> {
        let batches = lot.iter().flat_map(|table| &table.batches);
        let bytes = batches.map(|batch| batch.get_array_memory_size() as u64).sum::<u64>();
        self.bytes += bytes;
        self.all.0 += lot.iter().map(|table| table.rows).sum::<u64>();
        self.all.1 += bytes;
        self.held.push(lot);
        if self.bytes > self.memory.rows { self.spill() } else { Ok(()) }
    }

    /// Whether any of it is on disk.
    #[must_use]
    pub const fn has_spilled(&self) -> bool {
        !self.spilled.is_empty()
    }

    fn spill(&mut self) -> Result<(), Error> {
        let held = std::mem::take(&mut self.held).into_iter().map(Source::held).collect();
        self.bytes = 0;
        let mut run = self.run_of(held)?;
        let most = self.side_by_side();
        for level in 0.. {
            if level == self.spilled.len() {
                self.spilled.push(Vec::new());
            }
            self.spilled[level].push(run);
            if self.spilled[level].len() < most {
                break;
            }
            let all = std::mem::take(&mut self.spilled[level]);
            run = self.run_of(all.into_iter().map(|run| self.read(run)).collect::<Result<_, Error>>()?)?;
        }
        Ok(())
    }

    /// As many runs as there is room for some rows of each.
    fn side_by_side(&self) -> usize {
        let (rows, bytes) = self.all;
        let of_run = READ as u64 * (bytes / rows.max(1)) + (PAGE * self.spec.columns.len()) as u64;
        usize::try_from((self.memory.rows * 2 / of_run).max(SIDE_BY_SIDE)).unwrap_or(usize::MAX)
    }

    /// A run on disk of what is in order.
    fn run_of(&self, sources: Vec<Source>) -> Result<Body, Error> {
        let mut writer = run_file(self.spec, Spool::on_disk(self.memory));
        let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        let mut merge = Merge::of(self.spec, &self.order, sources).map_err(|e| full(&e))?;
        let next = || merge.lot().map_err(|e| full(&e));
        side_by_side(next, |lot| writer.write(lot.iter().flat_map(|table| &table.batches)).map_err(|e| full(&e)))?;
        writer.finish().map_err(|e| full(&e))?.finish()
    }

    fn read(&self, run: Body) -> Result<Source, Error> {
        let broken = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        let reader = ParquetRecordBatchReaderBuilder::try_new(run).map_err(|e| broken(&e))?;
        Ok(Source::Read(Box::new(reader.with_batch_size(READ).build().map_err(|e| broken(&e))?)))
    }

    /// All of it as one table; `each` sees the rows as they are written, in order and some parts at a time.
    pub fn merged(
        mut self,
        people: Option<ForPeople<'_>>,
        mut each: impl FnMut(&[Table]) -> Result<(), Error> + Send,
    ) -> Result<Written, Error> {
        let broken = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        // In the order in which they were put: the longer a run, the older it is.
        let spilled = std::mem::take(&mut self.spilled).into_iter().rev().flatten();
        let mut sources = spilled.map(|run| self.read(run)).collect::<Result<Vec<_>, Error>>()?;
        sources.extend(std::mem::take(&mut self.held).into_iter().map(Source::held));
        let mut merge = Merge::of(self.spec, &self.order, sources).map_err(|e| broken(&e))?;
        in_lots(self.spec, people, self.memory, || {
            let lot = merge.lot().map_err(|e| broken(&e))?;
            lot.iter().try_for_each(|lot| each(lot))?;
            Ok(lot)
        })
    }
}

/// A file that is read again soon, a few rows at a time.
pub(super) fn run_file(spec: TableSpec, to: Spool<'_>) -> ParquetFile<Spool<'_>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_size_limit(PAGE)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    ParquetFile::new(to, spec.schema(), properties)
}

/// An id, which is a letter and 32 digits, as two numbers of the same order.
pub fn id_in_order(id: &str) -> [u128; 2] {
    let digits: &[u8; 32] = id.as_bytes().last_chunk().expect("all ids have one length");
    let (high, low) = digits.split_at(16);
    [high, low].map(|half| u128::from_be_bytes(half.try_into().expect("half of 32 is 16")))
}

/// Where rows in order come from.
enum Source {
    Held(std::vec::IntoIter<RecordBatch>),
    Read(Box<ParquetRecordBatchReader>),
}

impl Source {
    fn held(lot: Vec<Table>) -> Self {
        Self::Held(lot.into_iter().flat_map(|table| table.batches).collect::<Vec<_>>().into_iter())
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        match self {
            Self::Held(batches) => Ok(batches.next()),
            Self::Read(reader) => reader.next().transpose(),
        }
    }
}

/// Rows in order of which the next one is known.
struct Run<K> {
    source: Source,
    /// The rows at hand, as one batch; none at the beginning and at the end.
    table: Table,
    row: usize,
    /// Where those belong that are not among the heads yet.
    places: std::vec::IntoIter<K>,
}

struct Merge<'m, K, O> {
    spec: TableSpec,
    order: &'m O,
    runs: Vec<Run<K>>,
    /// The next row of each run that has one.
    heads: BinaryHeap<Reverse<(K, usize)>>,
}

impl<'m, K: Ord, O: Fn(&Table) -> Vec<K>> Merge<'m, K, O> {
    fn of(spec: TableSpec, order: &'m O, sources: Vec<Source>) -> Result<Self, ArrowError> {
        let mut merge = Self { spec, order, runs: Vec::new(), heads: BinaryHeap::new() };
        for source in sources {
            let table = Table { spec, rows: 0, batches: Vec::new() };
            merge.runs.push(Run { source, table, row: 0, places: Vec::new().into_iter() });
            merge.advance(merge.runs.len() - 1)?;
        }
        Ok(merge)
    }

    /// Makes the row at hand of a run the next one; reads on where there is none. Gives whether it read.
    fn advance(&mut self, at: usize) -> Result<bool, ArrowError> {
        let run = &mut self.runs[at];
        let read = run.row >= run.table.batches.first().map_or(0, RecordBatch::num_rows);
        if read {
            run.row = 0;
            run.table.batches = run.source.next()?.into_iter().collect();
            run.places = (self.order)(&run.table).into_iter();
        }
        if let Some(place) = run.places.next() {
            self.heads.push(Reverse((place, at)));
        }
        Ok(read)
    }

    /// The next parts; none when all runs are at their end.
    fn lot(&mut self) -> Result<Option<Vec<Table>>, ArrowError> {
        let most = at_once() * PART;
        let mut batches: Vec<RecordBatch> = Vec::new();
        // Where the rows at hand of each run are among them.
        let mut numbers: Vec<Option<usize>> = vec![None; self.runs.len()];
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(most);
        while rows.len() < most {
            let Some(Reverse((_, at))) = self.heads.pop() else { break };
            let run = &mut self.runs[at];
            let number = *numbers[at].get_or_insert_with(|| {
                batches.extend(run.table.batches.first().cloned());
                batches.len() - 1
            });
            rows.push((number, run.row));
            run.row += 1;
            if self.advance(at)? {
                numbers[at] = None;
            }
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        let part = |rows: &[(usize, usize)]| {
            let batch = plain(&interleave_record_batch(&batches, rows)?)?;
            Ok(Table { spec: self.spec, rows: rows.len() as u64, batches: vec![batch] })
        };
        let parts: Vec<Table> = rows.par_chunks(PART).map(part).collect::<Result<_, ArrowError>>()?;
        Ok((!parts.is_empty()).then_some(parts))
    }
}

/// The same rows, where columns without nulls have no list of nulls: that is how they are made one by one, and
/// the bytes of a Parquet file depend on it.
fn plain(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |array: &ArrayRef| -> ArrayRef {
        if array.nulls().is_none() || array.null_count() > 0 {
            return Arc::clone(array);
        }
        match array.data_type() {
            DataType::Utf8 => {
                let (offsets, bytes, _) = array.as_string::<i32>().clone().into_parts();
                Arc::new(StringArray::new(offsets, bytes, None))
            }
            DataType::Int64 => Arc::new(without_nulls(array.as_primitive::<Int64Type>())),
            DataType::Decimal128(..) => Arc::new(without_nulls(array.as_primitive::<Decimal128Type>())),
            DataType::Date32 => Arc::new(without_nulls(array.as_primitive::<Date32Type>())),
            DataType::Timestamp(..) => Arc::new(without_nulls(array.as_primitive::<TimestampMicrosecondType>())),
            DataType::Boolean => Arc::new(BooleanArray::new(array.as_boolean().values().clone(), None)),
            other => unreachable!("no table has a column of {other}"),
        }
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(column).collect())
}

fn without_nulls<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> PrimitiveArray<T> {
    PrimitiveArray::new(array.values().clone(), None).with_data_type(array.data_type().clone())
}

#[cfg(test)]
mod tests {
    use tieout_kernel::calendar::Day;
    use tieout_kernel::money::Total;
    use tieout_kernel::record::Instant;

    use super::super::sheet::{Holds, Sheet, Spec};
    use super::super::written::in_parts;
    use super::*;

    const SPEC: TableSpec = TableSpec {
        name: "probe",
        version: 1,
        columns: &[
            Spec { name: "number", holds: Holds::Integer, about: "", zh: "" },
            Spec { name: "amount", holds: Holds::Decimal, about: "", zh: "" },
            Spec { name: "text", holds: Holds::Text, about: "", zh: "" },
            Spec { name: "day", holds: Holds::Date, about: "", zh: "" },
            Spec { name: "at", holds: Holds::Instant, about: "", zh: "" },
            Spec { name: "is", holds: Holds::Boolean, about: "", zh: "" },
        ],
    };

    /// Columns of which stretches have nothing, some rows have nothing, or all have something.
    fn table(numbers: &[i64]) -> Result<Table, Error> {
        let mut sheet = Sheet::new(SPEC);
        for &number in numbers {
            let text = format!("text of {number}, \"quoted\"");
            let some = number < 20_000 || number % 1_000 > 0;
            sheet
                .money(Some(Total::new(number.into())), None)
                .text((number % 3 > 0).then_some(text.as_str()))
                .date(some.then_some(Day(7)))
                .instant((number > 70_000).then_some(Instant(number)))
                .truth(some.then_some(number % 2 == 0))
                .end_row();
        }
        sheet.finish()
    }

    fn numbers(table: &Table) -> Vec<i64> {
        let batch = table.batches.first();
        let number = |row: usize| batch.and_then(|batch| table.cell(batch, 0, row)).unwrap().parse().unwrap();
        (0..batch.map_or(0, RecordBatch::num_rows)).map(number).collect()
    }

    #[test]
    fn ids_as_numbers_keep_their_order() {
        let mut ids: Vec<String> =
            (0..500_u128).map(|one| format!("D{:032x}", one.wrapping_mul(u128::MAX / 7))).collect();
        ids.sort();
        assert!(ids.is_sorted_by_key(|id| id_in_order(id)));
        assert_ne!(id_in_order(&ids[0]), id_in_order(&ids[1]));
    }

    #[test]
    fn whatever_is_put_where_and_whatever_spills_the_bytes_are_the_same() {
        let held = Memory { output: 10_000, ..Memory::of_machine() };
        let on_disk = Memory { rows: 2_000_000, ..held.clone() };
        // So little that runs are too many to be read side by side.
        let in_turn = Memory { rows: 200_000, ..held.clone() };
        for count in [0_i64, 1, 1_023, 8_193, 150_000] {
            let all: Vec<i64> = (0..count).collect();
            let parts: Vec<&[i64]> = all.chunks(PART).collect();
            let single = in_parts(SPEC, None, &parts, &held, |part| table(part)).unwrap();
            for (lots, memory) in [(1_i64, &held), (7, &held), (7, &on_disk), (40, &on_disk), (60, &in_turn)] {
                let mut runs = Runs::new(SPEC, memory, numbers);
                for lot in 0..lots {
                    // Lots of very different lengths.
                    let own: Vec<i64> = all.iter().copied().filter(|one| (one * one / 5) % lots == lot).collect();
                    runs.put(own.chunks(1_000).map(|part| table(part).unwrap()).collect()).unwrap();
                }
                if count == 150_000 {
                    let spilled = memory.rows != held.rows;
                    assert_eq!((runs.has_spilled(), runs.spilled.len() > 1), (spilled, lots == 60));
                }
                let merged = runs.merged(None, |_| Ok(())).unwrap();
                assert_eq!(merged.rows, single.rows, "{count} rows in {lots} lots");
                for (merged, single) in [(&merged.csv, &single.csv), (&merged.parquet, &single.parquet)] {
                    assert!(merged.whole().unwrap() == single.whole().unwrap(), "{count} rows in {lots} lots");
                }
            }
        }
    }
    #[test]
    fn rows_of_one_place_stay_in_the_order_in_which_they_are_put() {
        let all: Vec<i64> = (0..60_000).collect();
        let held = Memory { output: 10_000, ..Memory::of_machine() };
        // Nothing on disk, some of it, and so many runs that some are merged before.
        for (rows, levels) in [(held.rows, 0..=0), (4_000_000, 1..=1), (100_000, 2..=9)] {
            let memory = Memory { rows, ..held.clone() };
            let tens = |table: &Table| numbers(table).into_iter().map(|number| number / 1_000).collect();
            let mut runs = Runs::new(SPEC, &memory, tens);
            all.chunks(700).for_each(|lot| runs.put(vec![table(lot).unwrap()]).unwrap());
            assert!(levels.contains(&runs.spilled.len()), "{} levels", runs.spilled.len());
            let mut seen = Vec::new();
            let merged = runs.merged(None, |lot| {
                seen.extend(lot.iter().flat_map(numbers));
                Ok(())
            });
            assert_eq!(merged.unwrap().rows, 60_000);
            assert!(seen == all);
        }
    }
}
