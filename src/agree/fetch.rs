//! The residue as records: read again, this time whole.

use std::sync::Arc;

use indicatif::{HumanBytes, HumanCount};
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Minor;
use tieout_kernel::proof::Broken;
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, Notes, Origin, Record, Status};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Night, row_of, split_of};
use crate::carry::Carried;
use crate::carry::history::Names;
use crate::error::{Complaint, Error};
use crate::normalise::Columns;
use crate::progress::Progress;

/// A slice of a chunk's text; absent when it starts after it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slice {
    start: u32,
    end: u32,
}

impl Slice {
    const ABSENT: Self = Self { start: 1, end: 0 };
}

/// One record as it is kept: figures as values, texts as slices of its chunk.
#[derive(Clone, Debug)]
struct Row {
    place: u64,
    line: u64,
    content: u64,
    kind: Kind,
    direction: Direction,
    status: Status,
    currency: Currency,
    principal: Minor,
    amount: Minor,
    order_amount: Option<Minor>,
    fee: Option<Minor>,
    tax: Option<Minor>,
    net: Option<Minor>,
    occurred_at: Option<Instant>,
    business_date: Option<Day>,
    closed_at: Option<Instant>,
    fulfilled: Option<bool>,
    notes: Notes,
    account: Slice,
    event_no: Slice,
    order_no: Slice,
    provider_txn_id: Slice,
    original_txn_id: Slice,
    counterparty: Slice,
    batch_id: Slice,
}

impl Row {
    /// A hash of what is kept of the row, for rows of which nobody needs to know whether all bytes are the same.
    fn content_of(&self, texts: &str) -> u64 {
        let money = |amount: Option<Minor>| amount.map_or(i64::MIN, Minor::get);
        let instant = |instant: Option<Instant>| instant.map_or(i64::MIN, |instant| instant.0);
        let words = [self.kind as u8, self.direction as u8, self.status as u8, self.notes.bits()];
        let numbers = [
            i64::from(u32::from_le_bytes(words)),
            self.principal.get(),
            self.amount.get(),
            money(self.order_amount),
            money(self.fee),
            money(self.tax),
            money(self.net),
            instant(self.occurred_at),
            self.business_date.map_or(i64::MIN, |day| i64::from(day.0)),
            instant(self.closed_at),
            self.fulfilled.map_or(-1, i64::from),
        ];
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        xxh3_64_with_seed(
            texts.as_bytes(),
            xxh3_64_with_seed(self.currency.code().as_bytes(), xxh3_64_with_seed(&bytes, 0)),
        )
    }
}

/// Records of one split.
#[derive(Debug, Default)]
struct Chunk {
    file: usize,
    text: String,
    rows: Vec<Row>,
    /// Further compared columns and columns for the reports, row after row.
    others: Vec<Slice>,
}

/// Records that need the full rules, in order of their places: carried ones, then tonight's.
#[derive(Debug, Default)]
pub struct Residue {
    /// Each with its place.
    carried: Vec<(u64, Arc<Carried>)>,
    chunks: Vec<Chunk>,
    /// Chunk and row of each of tonight's records.
    index: Vec<(u32, u32)>,
    compared: usize,
}

/// Where a stored record came from, and what the reports say of it beyond the kernel's record.
#[derive(Clone, Debug)]
pub struct Stored<'r> {
    /// The file's name.
    pub file: &'r str,
    /// Line, or row number in files without lines; 0 where only the night is known.
    pub line: u64,
    /// The night whose file it was in; none for tonight's.
    pub night: Option<Day>,
    /// The settlement batch.
    pub batch_id: Option<&'r str>,
    /// The columns carried to the reports that it has.
    pub extra: Vec<(&'r str, &'r str)>,
}

impl std::fmt::Display for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.night, self.line) {
            (None, line) => write!(f, "{}:{line}", self.file),
            (Some(night), 0) => write!(f, "{}@{night}", self.file),
            (Some(night), line) => write!(f, "{}:{line}@{night}", self.file),
        }
    }
}

/// How many records fit into so many bytes until they are looked at.
#[must_use]
pub fn room_for(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX) / (size_of::<Row>() + TEXT_OF_A_RECORD)
}

/// Reads some records, named by their places in order, with everything they have; `repeated` is that of what agreed.
pub fn fetch(
    night: &Night<'_>,
    lines_before: &[u64],
    places: &[u64],
    repeated: [bool; 2],
    progress: &Progress,
) -> Result<Residue, Error> {
    let places: Vec<(u64, u32)> = places.iter().map(|&place| (place, 0)).collect();
    let mut lots = fetch_lots(night, lines_before, &places, 1, repeated, progress)?;
    Ok(lots.pop().expect("there is one lot"))
}

/// The same for records of several lots, by place and lot: those of a lot lie together, in order of their places.
pub fn fetch_lots(
    night: &Night<'_>,
    lines_before: &[u64],
    places: &[(u64, u32)],
    lots: usize,
    repeated: [bool; 2],
    progress: &Progress,
) -> Result<Vec<Residue>, Error> {
    fits(places.len(), places.len() * BYTES_OF_A_RECORD, night.memory.limit)?;
    progress.stage("fetch", Some(places.len() as u64));
    let by_split: Vec<&[(u64, u32)]> = places.chunk_by(|a, b| split_of(a.0) == split_of(b.0)).collect();
    let chunks = by_split.par_iter().with_max_len(1).map(|rows| {
        let split = split_of(rows[0].0);
        let chunks = fetch_split(night, lines_before[split], split, rows, lots, repeated)?;
        progress.did(rows.len() as u64, 0);
        Ok(chunks)
    });
    let chunks: Vec<Vec<(u32, Chunk)>> = chunks.collect::<Result<_, Error>>()?;
    let compared = night.policy.compared.columns.len();
    let mut residues: Vec<Residue> = (0..lots).map(|_| Residue { compared, ..Residue::default() }).collect();
    for (lot, chunk) in chunks.into_iter().flatten() {
        residues[lot as usize].add(chunk);
    }
    Ok(residues)
}

/// Refuses more records than fit, before they take what the machine does not have.
fn fits(records: usize, bytes: usize, limit: u64) -> Result<(), Error> {
    let bytes = bytes as u64;
    if bytes <= limit {
        return Ok(());
    }
    let what = format!(
        "{} records differ or have no partner, which takes {} of memory; the limit is {}",
        HumanCount(records as u64),
        HumanBytes(bytes),
        HumanBytes(limit)
    );
    let hint = "raise --memory-limit; or check that both sides have the same key, unit and day before anything else";
    Err(Error::Limit(Complaint::new(what).hint(hint)))
}

/// Refuses a night with more records, tonight's and those of earlier nights, than can be kept whole until all of them
/// are decided and published.
pub fn fits_whole(tonight: usize, carried: usize, limit: u64) -> Result<(), Error> {
    fits(tonight + carried, tonight * BYTES_UNTIL_PUBLISHED + carried * BYTES_OF_A_CARRIED, limit)
}

/// Bytes of text that a record has at least, with its share of what becomes of it.
const TEXT_OF_A_RECORD: usize = 200;
/// Bytes that a record takes while its end is decided.
const BYTES_OF_A_RECORD: usize = size_of::<Row>() + size_of::<Record<'_>>() + TEXT_OF_A_RECORD;
// As many as are read into half the memory are never too many to be decided at once.
const _: () = assert!(BYTES_OF_A_RECORD <= 2 * (size_of::<Row>() + TEXT_OF_A_RECORD));

/// Bytes that a record takes until everything is published: itself, what became of it, and its share of the tables in
/// the making, which take the rest of the memory. Measured on nights of which every record differs.
const BYTES_UNTIL_PUBLISHED: usize = 1_500;
/// The same of a record of an earlier night, which has its texts one by one.
const BYTES_OF_A_CARRIED: usize = 2_000;
const _: () = assert!(BYTES_UNTIL_PUBLISHED > BYTES_OF_A_RECORD);

/// Reads records of one split, named by place and lot: a chunk for every lot that has any.
fn fetch_split(
    night: &Night<'_>,
    lines_before: u64,
    split: usize,
    places: &[(u64, u32)],
    lots: usize,
    repeated: [bool; 2],
) -> Result<Vec<(u32, Chunk)>, Error> {
    let (file_number, part) = &night.splits[split];
    let file = &night.files[*file_number];
    let whole_rows = repeated[usize::from(file.book != Book::Ledger)];
    let rows: Vec<u32> = places.iter().map(|&(place, _)| row_of(place)).collect();
    let (batches, lines) = file.open.fetch_with_lines(part, &rows, file.full.wanted(), whole_rows, lines_before)?;
    let found: usize = batches.iter().map(|batch| batch.rows.len()).sum();
    if found != rows.len() {
        let what = format!("{}: {} of {} rows that differ could be read again", file.open.name, found, rows.len());
        return Err(Broken(what).into());
    }
    let mut counts = vec![0; lots];
    places.iter().for_each(|&(_, lot)| counts[lot as usize] += 1);
    let mut chunks: Vec<Chunk> = counts.into_iter().map(|count| Chunk::with_room_for(*file_number, count)).collect();
    let mut named = places.iter().zip(lines);
    for batch in &batches {
        let columns = file.full.columns(batch);
        for row in 0..columns.len() {
            let (&(place, lot), line) = named.next().expect("as many rows as were asked for");
            chunks[lot as usize].push(
                &columns,
                row,
                place,
                line,
                batch.contents.get(row).copied(),
                night.policy.compared.columns.len(),
                file.extra.len(),
            );
        }
    }
    Ok((0..).zip(chunks).filter(|(_, chunk)| !chunk.rows.is_empty()).collect())
}

impl Chunk {
    fn with_room_for(file: usize, rows: usize) -> Self {
        Self { file, text: String::new(), rows: Vec::with_capacity(rows), others: Vec::new() }
    }

    fn keep(&mut self, text: Option<impl AsRef<str>>) -> Slice {
        let Some(text) = text else { return Slice::ABSENT };
        let narrow = |at: usize| u32::try_from(at).expect("the text of one split's residue is smaller than 4 GiB");
        let start = narrow(self.text.len());
        self.text.push_str(text.as_ref());
        Slice { start, end: narrow(self.text.len()) }
    }

    fn get(&self, slice: Slice) -> Option<&str> {
        self.text.get(slice.start as usize..slice.end as usize)
    }

    #[expect(clippy::too_many_arguments, reason = "one row's parts, taken apart once")]
    fn push(
        &mut self,
        columns: &Columns<'_>,
        row: usize,
        place: u64,
        line: u64,
        content: Option<u64>,
        compared: usize,
        extra: usize,
    ) {
        let money = |values: &[Option<Minor>]| values.get(row).copied().flatten();
        let text_before = self.text.len();
        let mut kept = Row {
            place,
            line,
            content: content.unwrap_or(0),
            kind: columns.kind[row],
            direction: columns.direction[row],
            status: columns.status[row],
            currency: columns.currency[row],
            principal: columns.principal[row],
            amount: columns.amount.get(row).copied().unwrap_or(columns.principal[row]),
            order_amount: money(&columns.order_amount),
            fee: money(&columns.fee),
            tax: money(&columns.tax),
            net: money(&columns.net),
            occurred_at: columns.occurred_at.get(row).copied(),
            business_date: columns.business_date.get(row).copied(),
            closed_at: columns.closed_at(row),
            fulfilled: columns.fulfilled(row),
            notes: columns.notes[row],
            account: self.keep(Some(columns.account(row))),
            event_no: self.keep(columns.event_no(row)),
            order_no: self.keep(columns.order_no(row)),
            provider_txn_id: self.keep(columns.provider_txn_id(row)),
            original_txn_id: self.keep(columns.original_txn_id(row)),
            counterparty: self.keep(columns.counterparty(row)),
            batch_id: self.keep(columns.batch_id(row)),
        };
        for at in 0..compared {
            let slice = self.keep(columns.compared(row, at));
            self.others.push(slice);
        }
        for at in 0..extra {
            let slice = self.keep(columns.extra(row, at));
            self.others.push(slice);
        }
        if content.is_none() {
            kept.content = kept.content_of(&self.text[text_before..]);
        }
        self.rows.push(kept);
    }

    fn others(&self, row: usize) -> Vec<Option<&str>> {
        let width = self.others.len().checked_div(self.rows.len()).unwrap_or(0);
        self.others[row * width..(row + 1) * width].iter().map(|&slice| self.get(slice)).collect()
    }
}

impl Residue {
    /// Puts records of earlier nights before tonight's, in order of their places.
    pub fn bring(&mut self, carried: impl IntoIterator<Item = (u64, Arc<Carried>)>) {
        self.carried.extend(carried);
    }

    /// The record of an earlier night at a position; `None` for tonight's.
    #[must_use]
    pub fn carried(&self, at: usize) -> Option<&Carried> {
        self.carried.get(at).map(|(_, one)| &**one)
    }

    fn add(&mut self, chunk: Chunk) {
        let number = u32::try_from(self.chunks.len()).expect("a night has fewer than 2³² splits");
        let count = u32::try_from(chunk.rows.len()).expect("a split has fewer than 2³² rows");
        self.index.extend((0..count).map(|row| (number, row)));
        self.chunks.push(chunk);
    }

    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.carried.len() + self.index.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where one of tonight's records is kept, by its position among all.
    fn row(&self, at: usize) -> (&Chunk, usize) {
        let (chunk, row) = self.index[at - self.carried.len()];
        (&self.chunks[chunk as usize], row as usize)
    }

    /// The further compared columns of all records, for [`Residue::records`] to borrow.
    #[must_use]
    pub fn compared(&self) -> Vec<Vec<Option<&str>>> {
        let compared = |at: usize| {
            if let Some(carried) = self.carried(at) {
                return carried.compared.iter().map(Option::as_deref).collect();
            }
            let (chunk, row) = self.row(at);
            let mut others = chunk.others(row);
            others.truncate(self.compared);
            others
        };
        if self.compared == 0 { Vec::new() } else { (0..self.len()).into_par_iter().map(compared).collect() }
    }

    /// The records as the kernel takes them.
    #[must_use]
    pub fn records<'r>(&'r self, night: &Night<'_>, compared: &'r [Vec<Option<&'r str>>]) -> Vec<Record<'r>> {
        (0..self.len())
            .into_par_iter()
            .map(|at| {
                let compared = compared.get(at).map_or(&[][..], Vec::as_slice);
                match self.carried.get(at) {
                    Some((place, carried)) => carried.record(*place, compared),
                    None => self.of_tonight(night, at, compared),
                }
            })
            .collect()
    }

    /// One record, without its further compared columns.
    #[must_use]
    pub fn record<'r>(&'r self, night: &Night<'_>, at: usize) -> Record<'r> {
        match self.carried.get(at) {
            Some((place, carried)) => carried.record(*place, &[]),
            None => self.of_tonight(night, at, &[]),
        }
    }

    /// All records of earlier nights.
    pub fn all_carried(&self) -> impl Iterator<Item = &Carried> {
        self.carried.iter().map(|(_, one)| &**one)
    }

    /// Gives those that came from the history the provider's numbers that are known now.
    pub fn name(&mut self, names: &Names) {
        for (_, one) in &mut self.carried {
            if let Some(number) = names.of(one) {
                Arc::make_mut(one).provider_txn_id = Some(number.to_owned());
            }
        }
    }

    /// Whether there are any.
    #[must_use]
    pub const fn has_carried(&self) -> bool {
        !self.carried.is_empty()
    }

    fn of_tonight<'r>(&'r self, night: &Night<'_>, at: usize, compared: &'r [Option<&'r str>]) -> Record<'r> {
        let (chunk, row) = self.row(at);
        let file = &night.files[chunk.file];
        let kept = &chunk.rows[row];
        let account = chunk.get(kept.account).unwrap_or_default();
        Record {
            book: if file.book == Book::Ledger { Book::Ledger } else { Book::Statement },
            source: file.source,
            place: kept.place,
            origin: Origin::Tonight,
            held: file.held.holds(account),
            content: kept.content,
            account,
            kind: kept.kind,
            direction: kept.direction,
            status: kept.status,
            currency: kept.currency,
            principal: kept.principal,
            amount: kept.amount,
            order_amount: kept.order_amount,
            fee: kept.fee,
            tax: kept.tax,
            net: kept.net,
            event_no: chunk.get(kept.event_no),
            order_no: chunk.get(kept.order_no),
            provider_txn_id: chunk.get(kept.provider_txn_id),
            original_txn_id: chunk.get(kept.original_txn_id),
            counterparty: chunk.get(kept.counterparty),
            occurred_at: kept.occurred_at,
            business_date: kept.business_date,
            closed_at: kept.closed_at,
            fulfilled: kept.fulfilled,
            notes: kept.notes,
            compared,
            across: Across::default(),
        }
    }

    /// Adds where a record came from, as people are shown it.
    pub fn show_place(&self, night: &Night<'_>, at: usize, shown: &mut String) {
        if let Some(carried) = self.carried(at) {
            *shown += &carried.stored().to_string();
            return;
        }
        let (file, line) = self.file_and_line(night, at);
        shown.push_str(file);
        shown.push(':');
        shown.push_str(itoa::Buffer::new().format(line));
    }

    /// The file that a record was in, and its line.
    #[must_use]
    pub fn file_and_line<'r>(&'r self, night: &'r Night<'_>, at: usize) -> (&'r str, u64) {
        if let Some(carried) = self.carried(at) {
            return (&carried.file, carried.line);
        }
        let (chunk, row) = self.row(at);
        (&night.files[chunk.file].open.name, chunk.rows[row].line)
    }

    /// Where a record came from and what else is known of it.
    #[must_use]
    pub fn stored<'r>(&'r self, night: &'r Night<'_>, at: usize) -> Stored<'r> {
        if let Some(carried) = self.carried(at) {
            return carried.stored();
        }
        let (chunk, row) = self.row(at);
        let kept = &chunk.rows[row];
        let file = &night.files[chunk.file];
        let extra = if file.extra.is_empty() { Vec::new() } else { chunk.others(row).split_off(self.compared) };
        let named = file.extra.iter().zip(extra);
        Stored {
            file: &file.open.name,
            line: kept.line,
            night: None,
            batch_id: chunk.get(kept.batch_id),
            extra: named.filter_map(|(name, text)| Some((name.as_str(), text?))).collect(),
        }
    }
}
