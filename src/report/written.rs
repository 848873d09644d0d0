//! Tables that are too large to be held: written part by part.

use std::io::Write as _;

use rayon::prelude::*;

use super::sheet::{Table, TableSpec};
use crate::error::Error;
use crate::memory::Memory;
use crate::store::{Body, Spool};

/// Parts that are in work at once.
const AT_ONCE: usize = 8;

/// A table as the two files that programs read.
#[derive(Clone, Debug)]
pub struct Written {
    /// As CSV.
    pub csv: Body,
    /// As Parquet.
    pub parquet: Body,
    /// How many rows.
    pub rows: u64,
}

/// Writes a table of which never more than some parts are in memory: while one lot is written the next is made.
pub fn in_parts<P: Sync>(
    spec: TableSpec,
    parts: &[P],
    memory: &Memory,
    make: impl Fn(&P) -> Result<Table, Error> + Sync,
) -> Result<Written, Error> {
    let mut csv = Spool::new(memory);
    let mut parquet = spec.writer(Spool::new(memory));
    let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&memory.spill_dir, e);
    csv.write_all(&spec.csv_head()).map_err(|e| full(&e))?;
    let made = |lot: &[P]| -> Result<Vec<(Table, Vec<u8>)>, Error> {
        let one = |part: &P| make(part).map(|table| (table.csv_rows(), table)).map(|(rows, table)| (table, rows));
        lot.par_iter().with_max_len(1).map(one).collect()
    };
    let mut rows = 0;
    let mut write = |lot: Vec<(Table, Vec<u8>)>| -> Result<(), Error> {
        for (table, text) in lot {
            csv.write_all(&text).map_err(|e| full(&e))?;
            table.batches.iter().try_for_each(|batch| parquet.write(batch)).map_err(|e| full(&e))?;
            rows += table.rows;
        }
        Ok(())
    };
    let mut lots = parts.chunks(AT_ONCE);
    let mut waiting = lots.next().map(made).transpose()?;
    while let Some(lot) = waiting.take() {
        let next = lots.next();
        let (written, made) = rayon::join(|| write(lot), || next.map(made).transpose());
        written?;
        waiting = made?;
    }
    let parquet = parquet.into_inner().map_err(|e| full(&e))?;
    Ok(Written { csv: csv.finish()?, parquet: parquet.finish()?, rows })
}
