//! The pool: what is open when a run ends, as the table `open_items`, and back.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use indicatif::{HumanBytes, HumanCount};
use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::currency::Currency;
use tieout_kernel::key::{KeyHasher, KindClass, event_number};
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::State;
use tieout_kernel::proof::Broken;
use tieout_kernel::record::{Book, Direction, Kind, Note, Notes, Origin, Status};

use super::Carried;
use super::days::Chain;
use super::history::{narrow, row_hash};
use super::roll::Roll;
use crate::agree::{fits_whole, part_of};
use crate::error::{Complaint, Error};
use crate::job::{Plan, day_of};
use crate::memory::Memory;
use crate::publish::Link;
use crate::report::schema::OPEN_ITEMS;
use crate::report::tables::id_number;
use crate::report::{Cells, Filling, Shelf, Table};
use crate::store::Store;

/// What the day before left.
#[derive(Debug, Default)]
pub struct Pool<'p> {
    /// Ids of differences that records of another number have.
    pub lent_ids: HashSet<u128>,
    /// Hashes of provider's numbers of which nobody knows more.
    pub unnamed: Vec<u64>,
    /// What was open.
    pub opening: Roll,
    /// What was open for too long, and takes part no more.
    pub lapsed: Lapsed,
    kept: Kept<'p>,
}

/// The share of the memory that what is known of the pool may take.
const KNOWN: u64 = 4;

/// What is known of a record of an earlier night without looking at it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    key: Option<NonZero<u128>>,
    order: Option<NonZero<u128>>,
    /// A hash of where it was.
    pub row: u64,
    /// What is compared, without sign.
    pub principal: Minor,
    /// The currency.
    pub currency: Currency,
    /// Its side.
    pub book: Book,
    /// The kind.
    pub kind: Kind,
    /// The status.
    pub status: Status,
    /// Open, or known to have ended.
    pub origin: Origin,
    /// Whether it has to do with more than its own number.
    pub is_tied: bool,
}

impl Known {
    /// The hash of its key, as pass K1 knows it.
    #[must_use]
    pub fn key(&self) -> Option<u128> {
        self.key.map(NonZero::get)
    }

    /// The hash of the order that it goes back to.
    #[must_use]
    pub fn order(&self) -> Option<u128> {
        self.order.map(NonZero::get)
    }
}

/// Records that were open for too long.
#[derive(Debug, Default)]
pub struct Lapsed {
    /// Their differences, as numbers.
    differences: HashSet<u128>,
    /// How many records were open.
    open: u64,
    /// When the first of them was seen.
    first: Option<Day>,
}

/// The records themselves.
#[derive(Debug)]
enum Kept<'p> {
    Held(Vec<Arc<Carried>>),
    OnDisk(OnDisk<'p>),
}

/// Records as rows of the table.
#[derive(Debug)]
struct OnDisk<'p> {
    plan: &'p Plan,
    rows: Shelf,
    /// The partition of each, by the place.
    parts: Vec<u16>,
}

/// The pool of the day before, and what the fast path needs to know of it.
#[derive(Debug, Default)]
pub struct Left<'p> {
    /// The pool.
    pub pool: Pool<'p>,
    /// What is known of each record that takes part tonight; its place is its position.
    pub known: Vec<Known>,
    /// Into how many partitions keys are put tonight.
    pub parts: usize,
}

impl Default for Kept<'_> {
    fn default() -> Self {
        Self::Held(Vec::new())
    }
}

/// Where the pool of the day before is read from, and what for.
#[derive(Clone, Copy)]
pub struct Reading<'p> {
    /// The job.
    pub plan: &'p Plan,
    /// The date.
    pub date: civil::Date,
    /// The seed of the run's hashes.
    pub seed: u64,
    /// How much memory there is.
    pub memory: &'p Memory,
}

impl<'p> Reading<'p> {
    /// What the day before left; `parts` says into how many partitions keys are put when there are so many records.
    ///
    /// # Errors
    /// When it cannot be read, or has records of a source that the job no longer has.
    pub fn read(&self, store: &Store, chain: &Chain, parts: impl Fn(u64) -> usize) -> Result<Left<'p>, Error> {
        let Some(before) = chain.before() else { return Ok(Left { parts: parts(0), ..Left::default() }) };
        let name = OPEN_ITEMS.parquet_name();
        let body = before.read(store, self.plan, &name)?;
        let unreadable = |cause: String| before.unreadable(self.plan, &name, cause);
        let rows = Table::rows_of(body.clone(), unreadable)?;
        self.fits(rows, before)?;
        let parts = parts(rows);
        let is_held = fits_whole(0, usize::try_from(rows).unwrap_or(usize::MAX), self.memory.whole).is_ok();
        let mut left = Left { parts, ..Left::default() };
        let (mut held, mut parts_of) = (Vec::new(), Vec::new());
        let mut filling = (!is_held).then(|| Filling::new(OPEN_ITEMS, parts, self.memory));
        Table::read_parts(OPEN_ITEMS, body, unreadable, |table| {
            let cells: Vec<Cells<'_>> = table.cells().collect();
            let read = |cells: &Cells<'_>| {
                let one = from_cells(self.plan, cells)?;
                let known = self.known(&one);
                Some((one, known))
            };
            let read: Vec<Option<(Carried, Known)>> = cells.par_iter().map(read).collect();
            let mut rows = Vec::with_capacity(read.len());
            for (row, (read, cells)) in read.into_iter().zip(&cells).enumerate() {
                let (one, known) = read.ok_or_else(|| self.unknown(before, cells))?;
                if !left.pool.take(self, &one, &known) {
                    continue;
                }
                let part = part_of(known.key().unwrap_or_default(), parts);
                if is_held {
                    held.push(Arc::new(one));
                } else {
                    let place = u32::try_from(left.known.len()).expect("a pool has fewer than 2³² records");
                    rows.push((row, part, place));
                    parts_of.push(u16::try_from(part).expect("there are fewer than 2¹⁶ partitions"));
                }
                left.known.push(known);
            }
            filling.as_mut().map_or(Ok(()), |filling| filling.put(table, &rows))
        })?;
        left.pool.kept = match filling {
            None => Kept::Held(held),
            Some(filling) => Kept::OnDisk(OnDisk { plan: self.plan, rows: filling.finish()?, parts: parts_of }),
        };
        Ok(left)
    }

    /// Refuses a pool of which not even the keys fit.
    fn fits(&self, rows: u64, before: &Link) -> Result<(), Error> {
        let (bytes, room) = (rows * size_of::<Known>() as u64, self.memory.limit / KNOWN);
        if bytes <= room {
            return Ok(());
        }
        let what = format!(
            "{} left {} records, whose keys take {} of memory; there is room for {}",
            before.date,
            HumanCount(rows),
            HumanBytes(bytes),
            HumanBytes(room)
        );
        Err(Error::Limit(Complaint::new(what).hint("raise --memory-limit, or lower keep_open under [carry]")))
    }

    /// What is wrong with a row that cannot be read.
    fn unknown(&self, before: &Link, cells: &Cells<'_>) -> Error {
        let source = cells.text("source").unwrap_or_default();
        if self.plan.sources.iter().any(|known| known.name == source) {
            let cause = "a row lacks what every row has".to_owned();
            return before.unreadable(self.plan, &OPEN_ITEMS.parquet_name(), cause);
        }
        let what = format!("the pool of {} has records of source `{source}`, which the job no longer has", before.date);
        Error::usage(what, "give the source its name back, or begin again with --start-fresh")
    }

    fn known(&self, one: &Carried) -> Known {
        let order = one.order_no.as_deref().filter(|_| one.kind.goes_back());
        let order = order.map(|order| KeyHasher::new(self.seed, &one.account).hash(KindClass::Payment, order));
        let key = one.key(self.seed).and_then(NonZero::new);
        Known {
            key,
            order: order.and_then(NonZero::new),
            row: row_hash(one.book, one.source, &one.file, narrow(one.line), one.night),
            principal: one.principal,
            currency: one.currency,
            book: one.book,
            kind: one.kind,
            status: one.status,
            origin: one.origin,
            is_tied: key.is_none() || one.has_lent_id(&self.plan.job) || one.unnamed().is_some(),
        }
    }
}

impl Pool<'_> {
    /// Takes a record in, or says that it lapsed.
    fn take(&mut self, reading: &Reading<'_>, one: &Carried, known: &Known) -> bool {
        let open_for = i64::from(day_of(reading.date).0) - i64::from(one.first_seen.0);
        let has_lapsed = open_for > i64::from(reading.plan.carry.keep_open);
        self.opening.open(reading.plan, one, has_lapsed);
        if has_lapsed {
            self.lapsed.add(one);
            return false;
        }
        if known.is_tied {
            let lent = one.difference.as_deref().filter(|_| one.has_lent_id(&reading.plan.job));
            self.lent_ids.extend(lent.map(id_number));
            self.unnamed.extend(one.unnamed());
        }
        true
    }

    /// Whether all of it is in memory, because it is small.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        matches!(self.kept, Kept::Held(_))
    }

    /// How many records take part tonight.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.kept {
            Kept::Held(held) => held.len(),
            Kept::OnDisk(on_disk) => on_disk.parts.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places of all records.
    #[must_use]
    pub const fn places(&self) -> Range<u64> {
        0..self.len() as u64
    }

    /// The records of some places, which ascend, each with its place.
    pub fn fetch(&self, places: &[u64]) -> Result<Vec<(u64, Arc<Carried>)>, Error> {
        let OnDisk { plan, rows, parts } = match &self.kept {
            Kept::Held(held) => {
                let one = |&place: &u64| Some((place, Arc::clone(held.get(usize::try_from(place).ok()?)?)));
                return Ok(places.iter().filter_map(one).collect());
            }
            Kept::OnDisk(on_disk) => on_disk,
        };
        let narrow = |&place: &u64| u32::try_from(place).expect("a pool has fewer than 2³² records");
        let places: Vec<u32> = places.iter().map(narrow).collect();
        let parts = places.iter().map(|&place| usize::from(parts[place as usize])).collect();
        let read = rows.read(&places, &parts, |cells| from_cells(plan, cells).map(Arc::new))?;
        if read.len() != places.len() {
            let what = format!("{} of {} records of earlier nights could be read again", read.len(), places.len());
            return Err(Broken(what).into());
        }
        Ok(read.into_iter().map(|(place, one)| (u64::from(place), one)).collect())
    }
}

impl Lapsed {
    fn add(&mut self, one: &Carried) {
        self.differences.extend(one.difference.as_deref().map(id_number));
        self.open += u64::from(one.origin.is_pool());
        self.first = self.first.into_iter().chain([one.first_seen]).min();
    }

    /// How many records left the list because nobody closed them, and what to say of them.
    #[must_use]
    pub fn in_words(&self) -> Option<(u64, String)> {
        let (first, open, differences) = (self.first?, self.open, self.differences.len());
        (open > 0).then(|| {
            (open, format!("{differences} differences, open since {first} and later, leave the list: {open} records"))
        })
    }
}

fn from_cells(plan: &Plan, cells: &Cells<'_>) -> Option<Carried> {
    let source = plan.sources.iter().position(|known| Some(known.name.as_str()) == cells.text("source"))?;
    let owned = |name: &str| cells.text(name).map(str::to_owned);
    let money = |name: &str| cells.integer(name).and_then(Minor::new);
    let size = |name: &str| cells.integer(name).and_then(|minor| Minor::new(minor.abs()));
    let exponent = u8::try_from(cells.integer("exponent")?).ok()?;
    let code = cells.text("currency")?;
    let known = plan.currency(code).filter(|currency| currency.exponent() == exponent);
    let notes = cells.text("notes").unwrap_or_default().split_whitespace();
    let marks = cells.text("marks").unwrap_or_default().split_whitespace();
    let compared: BTreeMap<String, Option<String>> =
        serde_json::from_str(cells.text("compared").unwrap_or("{}")).ok()?;
    // Where the job compares a column that it did not compare then, nothing can be said of any.
    let columns = plan.compared.columns.iter().map(|column| compared.get(&column.name).cloned());
    let compared: Vec<Option<String>> = columns.collect::<Option<_>>().unwrap_or_default();
    let extra: BTreeMap<String, String> = serde_json::from_str(cells.text("extra").unwrap_or("{}")).ok()?;
    let state = State::from_word(cells.text("state")?)?;
    Some(Carried {
        book: Book::from_word(cells.text("book")?)?,
        source: u16::try_from(source).ok()?,
        origin: match state {
            State::TimingPending | State::Held => Origin::Transit,
            State::InDifference => Origin::Difference,
            State::Settled => Origin::Settled,
            _ => Origin::History,
        },
        held: cells.truth("held").unwrap_or(false),
        content: cells.integer("content")?.cast_unsigned(),
        account: owned("account")?,
        kind: Kind::from_word(cells.text("kind")?)?,
        direction: Direction::from_word(cells.text("direction")?)?,
        status: Status::from_word(cells.text("status")?)?,
        currency: known.or_else(|| Currency::declared(code, exponent))?,
        principal: size("amount_minor")?,
        amount: size("moved_minor")?,
        order_amount: size("order_amount_minor"),
        fee: money("fee_minor"),
        tax: money("tax_minor"),
        net: money("net_minor"),
        event_no: owned("event_no"),
        order_no: owned("order_no"),
        provider_txn_id: owned("provider_txn_id"),
        original_txn_id: owned("original_txn_id"),
        batch_id: owned("batch_id"),
        counterparty: owned("counterparty"),
        occurred_at: cells.instant("occurred_at"),
        business_date: cells.date("business_date"),
        closed_at: cells.instant("closed_at"),
        fulfilled: cells.truth("fulfilled"),
        notes: notes.filter_map(Note::from_word).fold(Notes::NONE, Notes::with),
        compared,
        extra: extra.into_iter().collect(),
        marks: marks.filter_map(Code::from_word).fold(Codes::NONE, Codes::with),
        marked: Total::new(i128::from(cells.integer("marked_minor").unwrap_or(0))),
        orphan: cells.truth("orphan").unwrap_or(false),
        file: owned("file")?,
        line: u64::try_from(cells.integer("line")?).ok()?,
        night: cells.date("night")?,
        difference: owned("difference_id"),
        first_seen: cells.date("first_seen")?,
    })
}

/// What differs comes before what waits, and that before what only explains.
pub(super) const fn how_open(state: State) -> u8 {
    match state {
        State::InDifference => 0,
        State::TimingPending | State::Held => 1,
        _ => 2,
    }
}

/// Where a record belongs in the table.
pub type Rank = (u8, Option<Book>, usize, String, Option<String>, Option<Day>, String, Option<i64>);

/// The order of the table: by state, book, source, account, event number, night and row.
pub fn order(plan: &Plan) -> impl Fn(&Table) -> Vec<Rank> {
    let [state, book, source, account, kind, event_no, order_no, night, file, line] =
        ["state", "book", "source", "account", "kind", "event_no", "order_no", "night", "file", "line"]
            .map(|name| OPEN_ITEMS.place(name));
    move |table| {
        let rows = table.batches.first().map_or(0, RecordBatch::num_rows);
        let rank = |row: usize| {
            let text = |column: usize| table.text(column, row);
            let owned = |column: usize| text(column).unwrap_or_default().to_owned();
            let kind = text(kind).and_then(Kind::from_word);
            let number = kind.and_then(|kind| event_number(kind, text(event_no), text(order_no)));
            (
                text(state).and_then(State::from_word).map_or(u8::MAX, how_open),
                text(book).and_then(Book::from_word),
                plan.sources.iter().position(|known| Some(known.name.as_str()) == text(source)).unwrap_or(usize::MAX),
                owned(account),
                number.map(str::to_owned),
                table.date(night, row),
                owned(file),
                table.integer(line, row),
            )
        };
        (0..rows).map(rank).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job;

    #[test]
    fn a_pool_of_which_the_keys_do_not_fit_is_refused() {
        let plan = job::load(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/jobs/shop.toml"))).unwrap();
        let date: civil::Date = "2026-11-20".parse().unwrap();
        let memory = Memory::of(64 << 20, std::env::temp_dir());
        let reading = Reading { plan: &plan, date, seed: 0, memory: &memory };
        let before = Link { date, run_id: String::new(), manifest_sha256: String::new() };
        assert!(reading.fits(262_144, &before).is_ok());
        let refused = reading.fits(262_145, &before).unwrap_err();
        assert_eq!(refused.exit_code(), 50);
        let text = refused.to_string();
        assert!(text.contains("2026-11-20 left 262,145 records") && text.contains("--memory-limit"), "{text}");
    }
}
