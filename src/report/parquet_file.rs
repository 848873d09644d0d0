//! A Parquet file in the making, of which the columns are encoded side by side.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
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
        let mut group = self.file.next_row_group()?;
        chunks.into_iter().try_for_each(|chunk| chunk.append_to_row_group(&mut group))?;
        group.close()?;
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
