//! Tables that are too large to be held: written part by part.

use std::io::Write as _;

use rayon::prelude::*;

use super::parquet_file::ParquetFile;
use super::sheet::{ForPeople, Sheet, Table, TableSpec};
use crate::error::Error;
use crate::memory::Memory;
use crate::pipeline::{at_once, side_by_side};
use crate::store::{Body, Spool};

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
    /// Its files for programs with their names.
    #[must_use]
    pub fn files(self) -> [(String, Body); 2] {
        [(format!("{}.csv", self.spec.name), self.csv), (self.spec.parquet_name(), self.parquet)]
    }
}

/// Writes a table that is made of many things, some of them at a time.
pub fn in_rows<T: Sync>(
    spec: TableSpec,
    people: Option<ForPeople<'_>>,
    (rows, at_a_time): (&[T], usize),
    memory: &Memory,
    put: impl Fn(&mut Sheet, &T) + Sync,
) -> Result<Written, Error> {
    let parts: Vec<&[T]> = rows.chunks(at_a_time).collect();
    in_parts(spec, people, &parts, memory, |rows| {
        let mut sheet = Sheet::new(spec);
        rows.iter().for_each(|row| put(&mut sheet, row));
        sheet.finish()
    })
}

/// Writes a table of which never more than some parts are in memory.
pub fn in_parts<P: Sync>(
    spec: TableSpec,
    people: Option<ForPeople<'_>>,
    parts: &[P],
    memory: &Memory,
    make: impl Fn(&P) -> Result<Table, Error> + Sync,
) -> Result<Written, Error> {
    let mut lots = parts.chunks(at_once());
    in_lots(spec, people, memory, || {
        let Some(lot) = lots.next() else { return Ok(None) };
        lot.par_iter().with_max_len(1).map(&make).collect::<Result<_, Error>>().map(Some)
    })
}

/// Writes a table lot by lot, each a few parts.
pub(super) fn in_lots(
    spec: TableSpec,
    people: Option<ForPeople<'_>>,
    memory: &Memory,
    next: impl FnMut() -> Result<Option<Vec<Table>>, Error> + Send,
) -> Result<Written, Error> {
    let mut files = Files::new(spec, people, memory)?;
    side_by_side(next, |lot| files.write(&lot, people))?;
    files.finish(spec)
}

/// The files in the making.
struct Files<'m> {
    texts: Texts<'m>,
    parquet: ParquetFile<Spool<'m>>,
    rows: u64,
}

/// Those that are text.
struct Texts<'m> {
    csv: Spool<'m>,
    for_people: Option<Spool<'m>>,
}

impl<'m> Files<'m> {
    fn new(spec: TableSpec, people: Option<ForPeople<'_>>, memory: &'m Memory) -> Result<Self, Error> {
        let begun = |head: Vec<u8>| -> Result<Spool<'m>, Error> {
            let mut file = Spool::of_result(memory);
            file.write_all(&head).map_err(|e| file.failed(&e))?;
            Ok(file)
        };
        let csv = begun(spec.csv_head())?;
        let for_people = people.map(|people| begun(spec.head_for_people(people))).transpose()?;
        Ok(Self { texts: Texts { csv, for_people }, parquet: spec.writer(Spool::of_result(memory)), rows: 0 })
    }

    fn write(&mut self, lot: &[Table], people: Option<ForPeople<'_>>) -> Result<(), Error> {
        let Self { texts, parquet, rows } = self;
        let encode = || parquet.write(lot.iter().flat_map(|table| &table.batches));
        let (encoded, written) = rayon::join(encode, || texts.write(lot, people));
        encoded.map_err(|e| parquet.inner().failed(&e))?;
        *rows += lot.iter().map(|table| table.rows).sum::<u64>();
        written
    }

    fn finish(self, spec: TableSpec) -> Result<Written, Error> {
        let Texts { csv, for_people } = self.texts;
        let parquet = self.parquet.finish().map_err(|e| csv.failed(&e))?;
        let for_people = for_people.map(Spool::finish).transpose()?;
        Ok(Written { spec, csv: csv.finish()?, parquet: parquet.finish()?, for_people, rows: self.rows })
    }
}

impl Texts<'_> {
    fn write(&mut self, lot: &[Table], people: Option<ForPeople<'_>>) -> Result<(), Error> {
        let of_table = |table: &Table| (table.csv_rows(), people.map(|people| table.rows_for_people(people)));
        let made: Vec<(Vec<u8>, Option<Vec<u8>>)> = lot.par_iter().with_max_len(1).map(of_table).collect();
        for (csv, for_people) in made {
            self.csv.write_all(&csv).map_err(|e| self.csv.failed(&e))?;
            if let (Some(file), Some(rows)) = (&mut self.for_people, for_people) {
                file.write_all(&rows).map_err(|e| file.failed(&e))?;
            }
        }
        Ok(())
    }
}
