//! A Parquet file in the making, of which the columns are encoded side by side.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

/// A file of plain columns. Equal rows in equal batches give equal bytes, those that [`ArrowWriter`] gives.
pub(super) struct ParquetFile<W: Write + Send> {
    schema: SchemaRef,
    file: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    /// Those of the row group in the making; none while it has no row.
    columns: Vec<ArrowColumnWriter>,
    /// Rows of it so far, and at most.
    rows: usize,
    rows_max: usize,
    /// Row groups before it.
    groups: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    /// An empty file.
    pub(super) fn new(to: W, schema: SchemaRef, properties: WriterProperties) -> Self {
        let rows_max = properties.max_row_group_row_count().unwrap_or(usize::MAX);
        let (file, factory) = ArrowWriter::try_new(to, SchemaRef::clone(&schema), Some(properties))
            .and_then(ArrowWriter::into_serialized_writer)
            .expect("a schema of plain columns can be written");
        Self { schema, file, factory, columns: Vec::new(), rows: 0, rows_max, groups: 0 }
    }

    /// Adds rows.
    pub(super) fn write<'b>(&mut self, batches: impl Iterator<Item = &'b RecordBatch>) -> Result<(), ParquetError> {
        let mut some: Vec<RecordBatch> = Vec::new();
        for batch in batches {
            let mut from = 0;
            while from < batch.num_rows() {
                let count = (batch.num_rows() - from).min(self.rows_max - self.rows);
                some.push(batch.slice(from, count));
                self.rows += count;
                from += count;
                if self.rows == self.rows_max {
                    self.encode(&std::mem::take(&mut some))?;
                    self.end_group()?;
                }
            }
        }
        self.encode(&some)
    }

    fn encode(&mut self, batches: &[RecordBatch]) -> Result<(), ParquetError> {
        if batches.is_empty() {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.groups)?;
        }
        let schema = &self.schema;
        self.columns.par_iter_mut().with_max_len(1).enumerate().try_for_each(|(at, writer)| {
            batches.iter().try_for_each(|batch| {
                let leaves = compute_leaves(schema.field(at), batch.column(at))?;
                leaves.iter().try_for_each(|leaf| writer.write(leaf))
            })
        })
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let columns = std::mem::take(&mut self.columns);
        if columns.is_empty() {
            return Ok(());
        }
        let chunks: Vec<_> =
            columns.into_par_iter().with_max_len(1).map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        append_group(&mut self.file, chunks)?;
        (self.rows, self.groups) = (0, self.groups + 1);
        Ok(())
    }

    /// What it is written to.
    pub(super) fn inner(&self) -> &W {
        self.file.inner()
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> Result<W, ParquetError> {
        self.end_group()?;
        self.file.into_inner()
    }
}

/// Adds a row group of encoded columns to a file.
pub(crate) fn append_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    columns: Vec<ArrowColumnChunk>,
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    columns.into_iter().try_for_each(|column| column.append_to_row_group(&mut group))?;
    group.close().map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn the_bytes_are_those_of_one_thread_wherever_row_groups_end() {
        let fields = vec![Field::new("number", DataType::Int64, true), Field::new("text", DataType::Utf8, true)];
        let schema = Arc::new(Schema::new(fields));
        let batch = |rows: i64| {
            let numbers: Int64Array = (0..rows).map(|row| (row % 3 > 0).then_some(row)).collect();
            let texts = StringArray::from_iter_values((0..rows).map(|row| format!("text {}", row % 7)));
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(numbers), Arc::new(texts)]).unwrap()
        };
        // None, fewer than a group of ten, whole groups, some more than a group, several groups at once.
        let cases: [&[&[i64]]; 6] = [&[], &[&[0]], &[&[9]], &[&[10], &[4, 6]], &[&[7, 7], &[0, 16, 1]], &[&[35], &[5]]];
        for lots in cases {
            let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).build();
            let mut single = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties.clone())).unwrap();
            let mut file = ParquetFile::new(Vec::new(), Arc::clone(&schema), properties);
            for lot in lots {
                let batches: Vec<RecordBatch> = lot.iter().map(|&rows| batch(rows)).collect();
                batches.iter().for_each(|batch| single.write(batch).unwrap());
                file.write(batches.iter()).unwrap();
            }
            assert!(file.finish().unwrap() == single.into_inner().unwrap(), "{lots:?}");
        }
    }
}
