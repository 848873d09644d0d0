//! A table that was made in turns, each in order: merged into one.
//!
//! Each turn's rows wait on the local disk as Parquet with light compression. They are read back side by side,
//! a few at a time from each, so that memory is bounded by the number of turns. What comes out is what would have come
//! out of a single turn, byte for byte: parts of the same length in the same order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType};
use arrow_select::interleave::interleave_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rayon::prelude::*;

use super::sheet::{PART, Table, TableSpec};
use super::written::{AT_ONCE, Written, in_lots};
use crate::error::Error;
use crate::memory::Memory;
use crate::store::{Body, Spool};

/// Rows that are read from a turn at a time.
const READ: usize = 1 << 10;
/// Bytes of a page of a turn: one page of every column of every turn is in memory while they are merged.
const PAGE: usize = 1 << 16;
/// Rows of a row group of a turn: as much of every column as a reader holds.
const ROW_GROUP: usize = 1 << 13;

/// The turns of one table.
#[derive(Debug)]
pub struct Runs {
    spec: TableSpec,
    memory: Memory,
    list: Vec<Body>,
}

impl Runs {
    /// None yet.
    #[must_use]
    pub fn new(spec: TableSpec, memory: &Memory) -> Self {
        Self { spec, memory: memory.clone(), list: Vec::new() }
    }

    /// Puts a turn away, whose parts are in order and of which never more than some are in memory.
    pub fn put<P: Sync>(&mut self, parts: &[P], make: impl Fn(&P) -> Result<Table, Error> + Sync) -> Result<(), Error> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_data_page_size_limit(PAGE)
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let mut writer = ArrowWriter::try_new(Spool::new(&self.memory), self.spec.schema(), Some(properties))
            .expect("a schema of plain columns can be written");
        let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        let made = |lot: &[P]| lot.par_iter().with_max_len(1).map(&make).collect::<Result<Vec<Table>, Error>>();
        let mut lots = parts.chunks(AT_ONCE);
        let mut waiting = lots.next().map(made).transpose()?;
        while let Some(lot) = waiting.take() {
            let write = || lot.iter().flat_map(|table| &table.batches).try_for_each(|batch| writer.write(batch));
            let (written, next) = rayon::join(write, || lots.next().map(made).transpose());
            written.map_err(|e| full(&e))?;
            waiting = next?;
        }
        self.list.push(writer.into_inner().map_err(|e| full(&e))?.finish()?);
        Ok(())
    }

    /// All turns as one table, in the order of what `order` gives for a row.
    pub fn merged<K: Ord + Send>(self, order: impl Fn(&Table, usize) -> K + Sync) -> Result<Written, Error> {
        let spec = self.spec;
        let broken = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        let mut merge = Merge { spec, order: &order, turns: Vec::new(), heads: BinaryHeap::new() };
        for body in self.list {
            let reader = ParquetRecordBatchReaderBuilder::try_new(body).map_err(|e| broken(&e))?;
            let reader = reader.with_batch_size(READ).build().map_err(|e| broken(&e))?;
            merge.turns.push(Turn { reader, table: Table { spec, rows: 0, batches: Vec::new() }, row: 0 });
            merge.advance(merge.turns.len() - 1).map_err(|e| broken(&e))?;
        }
        in_lots(spec, None, &self.memory, || merge.lot().map_err(|e| broken(&e)))
    }
}

/// A turn that is being read.
struct Turn {
    reader: ParquetRecordBatchReader,
    /// The rows at hand, as one batch; none at the beginning and at the end.
    table: Table,
    row: usize,
}

struct Merge<'m, K, O> {
    spec: TableSpec,
    order: &'m O,
    turns: Vec<Turn>,
    /// The next row of each turn that has one.
    heads: BinaryHeap<Reverse<(K, usize)>>,
}

impl<K: Ord, O: Fn(&Table, usize) -> K> Merge<'_, K, O> {
    /// Makes the row at hand of a turn the next one; reads on where there is none. Gives whether it read.
    fn advance(&mut self, at: usize) -> Result<bool, ArrowError> {
        let turn = &mut self.turns[at];
        let read = turn.row >= turn.table.batches.first().map_or(0, RecordBatch::num_rows);
        if read {
            turn.row = 0;
            turn.table.batches = turn.reader.next().transpose()?.into_iter().collect();
        }
        if !turn.table.batches.is_empty() {
            let key = (self.order)(&turn.table, turn.row);
            self.heads.push(Reverse((key, at)));
        }
        Ok(read)
    }

    /// The next parts; none when all turns are at their end.
    fn lot(&mut self) -> Result<Option<Vec<Table>>, ArrowError> {
        let mut batches: Vec<RecordBatch> = Vec::new();
        // Where the rows at hand of each turn are among them.
        let mut numbers: Vec<Option<usize>> = vec![None; self.turns.len()];
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(AT_ONCE * PART);
        while rows.len() < AT_ONCE * PART {
            let Some(Reverse((_, at))) = self.heads.pop() else { break };
            let turn = &mut self.turns[at];
            let number = *numbers[at].get_or_insert_with(|| {
                batches.extend(turn.table.batches.first().cloned());
                batches.len() - 1
            });
            rows.push((number, turn.row));
            turn.row += 1;
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

/// The same rows, where columns without nulls have no list of nulls: that is how they are made in one turn, and
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

    fn number(table: &Table, row: usize) -> i64 {
        table.cell(&table.batches[0], 0, row).unwrap().parse().unwrap()
    }

    #[test]
    fn turns_give_the_bytes_that_a_single_turn_gives() {
        let memory = Memory { output: 10_000, ..Memory::of_machine() };
        for count in [0_i64, 1, 1_023, 1_025, 150_000] {
            let all: Vec<i64> = (0..count).collect();
            let single =
                super::super::written::in_parts(SPEC, None, &all.chunks(PART).collect::<Vec<_>>(), &memory, |part| {
                    table(part)
                });
            let single = single.unwrap();
            for turns in [1_i64, 2, 7] {
                let mut runs = Runs::new(SPEC, &memory);
                for turn in 0..turns {
                    // Turns of very different lengths.
                    let own: Vec<i64> = all.iter().copied().filter(|one| (one * one / 5) % turns == turn).collect();
                    runs.put(&own.chunks(1_000).collect::<Vec<_>>(), |part| table(part)).unwrap();
                }
                let merged = runs.merged(number).unwrap();
                assert_eq!(merged.rows, single.rows, "{count} rows in {turns} turns");
                for (merged, single) in [(&merged.csv, &single.csv), (&merged.parquet, &single.parquet)] {
                    assert_eq!(merged.whole().unwrap(), single.whole().unwrap(), "{count} rows in {turns} turns");
                }
            }
        }
    }
}
