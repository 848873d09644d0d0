//! Tables that are too large to be held: written part by part.

use std::io::Write as _;

use parquet::arrow::ArrowWriter;
use rayon::prelude::*;

use super::sheet::{ForPeople, Table, TableSpec};
use crate::error::Error;
use crate::memory::Memory;
use crate::store::{Body, Spool};

/// Parts that are in work at once.
pub(super) const AT_ONCE: usize = 8;

/// A table as the two files that programs read.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its name, version and columns.
    pub spec: TableSpec,
    /// As CSV.
    pub csv: Body,
    /// As Parquet.
    pub parquet: Body,
    /// As CSV for people, where that is wanted.
    pub for_people: Option<Body>,
    /// How many rows.
    pub rows: u64,
}

impl Written {
    /// Its files with their names.
    #[must_use]
    pub fn files(&self) -> [(String, &Body); 2] {
        [(format!("{}.csv", self.spec.name), &self.csv), (self.spec.parquet_name(), &self.parquet)]
    }
}

/// Writes a table of which never more than some parts are in memory.
pub fn in_parts<P: Sync>(
    spec: TableSpec,
    people: Option<ForPeople<'_>>,
    parts: &[P],
    memory: &Memory,
    make: impl Fn(&P) -> Result<Table, Error> + Sync,
) -> Result<Written, Error> {
    let mut lots = parts.chunks(AT_ONCE);
    in_lots(spec, people, memory, || {
        let Some(lot) = lots.next() else { return Ok(None) };
        lot.par_iter().with_max_len(1).map(&make).collect::<Result<_, Error>>().map(Some)
    })
}

/// Writes a table lot by lot, each a few parts: while one lot is written the next is made.
pub(super) fn in_lots(
    spec: TableSpec,
    people: Option<ForPeople<'_>>,
    memory: &Memory,
    mut next: impl FnMut() -> Result<Option<Vec<Table>>, Error> + Send,
) -> Result<Written, Error> {
    let mut files = Files::new(spec, people, memory)?;
    let mut made = || -> Result<Option<Vec<Part>>, Error> {
        let part = |table: Table| {
            let (csv, for_people) = (table.csv_rows(), people.map(|people| table.rows_for_people(people)));
            Part { table, csv, for_people }
        };
        Ok(next()?.map(|lot| lot.into_par_iter().with_max_len(1).map(part).collect()))
    };
    let mut waiting = made()?;
    while let Some(lot) = waiting.take() {
        let (written, next) = rayon::join(|| files.write(lot), &mut made);
        written?;
        waiting = next?;
    }
    files.finish()
}

/// A part with its rows as text.
struct Part {
    table: Table,
    csv: Vec<u8>,
    for_people: Option<Vec<u8>>,
}

/// The files in the making.
struct Files<'m> {
    spec: TableSpec,
    memory: &'m Memory,
    csv: Spool,
    parquet: ArrowWriter<Spool>,
    for_people: Option<Spool>,
    rows: u64,
}

impl<'m> Files<'m> {
    fn new(spec: TableSpec, people: Option<ForPeople<'_>>, memory: &'m Memory) -> Result<Self, Error> {
        let begun = |head: Vec<u8>| -> Result<Spool, Error> {
            let mut file = Spool::new(memory);
            file.write_all(&head).map_err(|e| Memory::cannot_spill(&memory.spill_dir, &e))?;
            Ok(file)
        };
        let csv = begun(spec.csv_head())?;
        let for_people = people.map(|people| begun(spec.head_for_people(people))).transpose()?;
        Ok(Self { spec, memory, csv, parquet: spec.writer(Spool::new(memory)), for_people, rows: 0 })
    }

    fn write(&mut self, lot: Vec<Part>) -> Result<(), Error> {
        let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&self.memory.spill_dir, e);
        for Part { table, csv, for_people } in lot {
            self.csv.write_all(&csv).map_err(|e| full(&e))?;
            if let (Some(file), Some(rows)) = (&mut self.for_people, for_people) {
                file.write_all(&rows).map_err(|e| full(&e))?;
            }
            table.batches.iter().try_for_each(|batch| self.parquet.write(batch)).map_err(|e| full(&e))?;
            self.rows += table.rows;
        }
        Ok(())
    }

    fn finish(self) -> Result<Written, Error> {
        let parquet = self.parquet.into_inner().map_err(|e| Memory::cannot_spill(&self.memory.spill_dir, &e))?;
        let for_people = self.for_people.map(Spool::finish).transpose()?;
        let (csv, parquet) = (self.csv.finish()?, parquet.finish()?);
        Ok(Written { spec: self.spec, csv, parquet, for_people, rows: self.rows })
    }
}
