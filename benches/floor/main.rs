//! The floor under a comparison of Parquet files: bare decoding of the columns, with the same library, the same
//! threads and the same way of reading text, and nothing else.
//!
//! `cargo bench --bench floor -- FILE COLUMN,COLUMN,… [FILE COLUMN,…]…` prints rows and seconds as JSON.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

/// Rows decoded at a time, as the reader does it.
const BATCH: usize = 32_768;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    assert!(!arguments.is_empty() && arguments.len().is_multiple_of(2), "usage: FILE COLUMN,COLUMN,… for each file");
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for pair in arguments.chunks(2) {
        let path = PathBuf::from(&pair[0]);
        let file = std::fs::File::open(&path).expect("the file can be opened");
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file, plain).expect("the file is Parquet");
        let columns: Vec<String> = pair[1].split(',').map(str::to_owned).collect();
        tasks.extend((0..metadata.metadata().num_row_groups()).map(|group| (path.clone(), columns.clone(), group)));
    }
    let rows: usize = tasks.par_iter().map(|(path, columns, group)| decoded(path, columns, *group)).sum();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{{\"rows\": {rows}, \"seconds\": {:.3}}}", begun.elapsed().as_secs_f64())
        .expect("standard output is open");
}

/// Decodes some columns of a row group; gives its rows.
fn decoded(path: &Path, columns: &[String], group: usize) -> usize {
    let file = std::fs::File::open(path).expect("the file can be opened");
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(&file, plain.clone()).expect("the file is Parquet");
    let views = metadata.schema().fields().iter().map(|field| match field.data_type() {
        arrow_schema::DataType::Utf8 => field.as_ref().clone().with_data_type(arrow_schema::DataType::Utf8View),
        _ => field.as_ref().clone(),
    });
    let schema = std::sync::Arc::new(arrow_schema::Schema::new(views.collect::<Vec<_>>()));
    let roots = columns.iter().map(|name| schema.index_of(name).expect("the file has the column"));
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.collect::<Vec<_>>());
    let metadata = ArrowReaderMetadata::try_new(std::sync::Arc::clone(metadata.metadata()), plain.with_schema(schema))
        .expect("text can be read as views");
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH)
        .build()
        .expect("the row group can be read");
    reader.map(|batch| batch.expect("the batch can be decoded").num_rows()).sum()
}
