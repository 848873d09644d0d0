//! What ended, as compact keys, and what tonight's keys find in it.
//!
//! Each run writes the records that ended in it: 28 bytes and a tag each, sorted by key. A run reads
//! the files of the days before once, and keeps only rows whose key or order tonight asks for; a
//! [`Filter`] of a few bits per key tells most of the others apart without looking at them twice.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use jiff::civil;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tieout_kernel::calendar::Day;
use tieout_kernel::code::Codes;
use tieout_kernel::currency::Currency;
use tieout_kernel::key::{KeyHasher, KindClass, event_key};
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::record::{Book, Direction, Instant, Kind, Notes, Origin, Record, Status};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Carried;
use super::days::{Chain, days_between};
use crate::agree::{Agreed, Night, Residue, Scan, split_of};
use crate::error::Error;
use crate::job::{Plan, day_of};
use crate::memory::Memory;
use crate::reconcile::Reconciled;
use crate::report::VERSION_KEY;
use crate::report::evidence::Lines;
use crate::report::schema::HISTORY;
use crate::store::{Body, Spool, Store};

/// The file of a run's history.
pub const FILE: &str = "history.parquet";
/// Where the file's metadata holds the list of tags.
const TAGS_KEY: &str = "tieout.tags";
/// Rows of one batch of the file as it is read, and of one task as it is written.
const BATCH: usize = 1 << 17;
/// Rows of a bucket that is sorted by itself.
const BUCKET: usize = 1 << 13;
/// Bytes of a page: whoever reads the file reads all of it.
const PAGE: usize = 4 << 20;

/// The hash of a provider's number.
#[must_use]
pub fn txn_hash(seed: u64, number: &str) -> u64 {
    xxh3_64_with_seed(number.as_bytes(), seed).max(1)
}

/// What a row was: written once for all rows that share it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    account: String,
    /// Where the ledger had it.
    ledger: Option<Origins>,
    /// Where the statement had it.
    statement: Option<Origins>,
    kind: String,
    status: String,
    direction: String,
    currency: String,
    exponent: u8,
    state: String,
}

/// The file that a row was in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Origins {
    source: String,
    file: String,
    /// The night whose file it was, as a day; none for the night of the history itself.
    night: Option<i32>,
}

/// A row that ended, in the order in which rows are written. What it lacks is a value that nothing has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Line {
    key: u128,
    txn: u64,
    tag: u32,
    day: i32,
    amount: i64,
    order: u128,
    closed_at: i64,
    /// Lines of the ledger's and the statement's row; 0 without one.
    lines: [u32; 2],
}

/// The order of what goes back to none.
const NO_ORDER: u128 = 0;
/// The day of a row without one.
const NO_DAY: i32 = i32::MIN;
/// When an order was closed that never was.
const NEVER: i64 = i64::MIN;

#[derive(Default)]
struct Tags {
    numbers: HashMap<Tag, u32>,
    list: Vec<Tag>,
}

impl Tags {
    fn number(&mut self, tag: Tag) -> u32 {
        let next = u32::try_from(self.list.len()).expect("a night has fewer than 2³² kinds of rows");
        *self.numbers.entry(tag).or_insert_with_key(|tag| {
            self.list.push(tag.clone());
            next
        })
    }
}

/// What a run leaves to the history.
pub struct Ended<'h, 'r> {
    /// The files.
    pub night: &'h Night<'h>,
    /// Their scan.
    pub scan: &'h Scan,
    /// What agreed at first sight.
    pub agreed: &'h Agreed,
    /// What did not.
    pub residue: &'h Residue,
    /// What became of that.
    pub reconciled: &'h Reconciled<'r>,
    /// The lines of what agreed.
    pub lines: &'h Lines,
}

impl Ended<'_, '_> {
    /// The file of the history.
    pub fn written(&self, memory: &Memory) -> Result<Body, Error> {
        let mut tags = Tags::default();
        let mut lines = Vec::new();
        for outcome in &self.reconciled.outcomes {
            let ended = match outcome {
                Outcome::Difference(_)
                | Outcome::Match { state: State::MatchedBefore, .. }
                | Outcome::Rest { state: State::TimingPending | State::Held | State::Replica, .. } => continue,
                Outcome::Match { .. } | Outcome::Rest { .. } => outcome.records(),
            };
            for (at, state) in ended {
                if self.reconciled.records[at as usize].origin != Origin::History {
                    lines.extend(self.of_record(at, state, &mut tags));
                }
            }
        }
        let numbers = self.tag_numbers(&mut tags)?;
        // Tags are numbered in the order of their texts, so that no order of input shows.
        let mut order: Vec<u32> = (0_u32..).take(tags.list.len()).collect();
        order.sort_by(|a, b| tags.list[*a as usize].cmp(&tags.list[*b as usize]));
        let mut rank = vec![0_u32; order.len()];
        for (new, old) in (0_u32..).zip(&order) {
            rank[*old as usize] = new;
        }
        tags.list.sort();
        lines.iter_mut().for_each(|line| line.tag = rank[line.tag as usize]);
        // By the highest bits of the key first: each bucket is then sorted within a cache. As many buckets at a
        // time as memory has room for.
        let matches = &self.agreed.matches;
        let count = matches.len() + lines.len();
        let bits = (count / BUCKET + 1).next_power_of_two().trailing_zeros();
        let bucket_of = |key: u128| usize::try_from(key.checked_shr(128 - bits).unwrap_or(0)).unwrap_or(0);
        let bytes = (count * size_of::<Line>() * 3) as u64;
        let turns = usize::try_from(bytes / (memory.limit / 8).max(1) + 1).unwrap_or(1).next_power_of_two();
        let turns = turns.min(1 << bits);
        let full = |e: &dyn std::fmt::Display| Memory::cannot_spill(&memory.spill_dir, e);
        let mut writer = writer(Spool::new(memory), &tags.list);
        for turn in 0..turns {
            let each = (1 << bits) / turns;
            let (first, past) = (turn * each, (turn + 1) * each);
            let is_now = |key: u128| (first..past).contains(&bucket_of(key));
            let of_part = |part: &[(u64, u64)]| self.of_pairs(part, &numbers, &rank, is_now);
            let parts = matches.par_chunks(BATCH).map(of_part).collect::<Result<Vec<_>, Error>>()?;
            let mut buckets: Vec<Vec<Line>> = vec![Vec::new(); each];
            for line in parts.into_iter().flatten().chain(lines.iter().copied().filter(|line| is_now(line.key))) {
                buckets[bucket_of(line.key) - first].push(line);
            }
            let in_order = buckets.into_par_iter().map(|mut bucket| {
                bucket.sort_unstable();
                batch(&bucket)
            });
            let batches: Vec<RecordBatch> = in_order.collect();
            batches.iter().try_for_each(|batch| writer.write(batch)).map_err(|e| full(&e))?;
        }
        writer.into_inner().map_err(|e| full(&e))?.finish()
    }

    /// The numbers of the tags of what agreed at first sight.
    fn tag_numbers(&self, tags: &mut Tags) -> Result<TagNumbers, Error> {
        let mut numbers = TagNumbers::new();
        let mut last = None;
        let mut rows = self.scan.rows.reader();
        for &(ledger, statement) in &self.agreed.matches {
            let Some(row) = rows.at(statement)? else { continue };
            let what = (split_of(statement), row.what, self.night.splits[split_of(ledger)].0);
            if last == Some(what) {
                continue;
            }
            last = Some(what);
            if numbers.contains_key(&what) {
                continue;
            }
            let origins = |place: u64| {
                let file = self.night.file_of(place);
                let source = self.night.policy.source(file.source).name.clone();
                Some(Origins { source, file: file.open.name.clone(), night: None })
            };
            let number = tags.number(Tag {
                account: row.tag.account.clone(),
                ledger: origins(ledger),
                statement: origins(statement),
                kind: row.tag.kind.word().to_owned(),
                status: row.tag.status.word().to_owned(),
                direction: row.tag.direction.word().to_owned(),
                currency: row.tag.currency.code().to_owned(),
                exponent: row.tag.currency.exponent(),
                state: State::Matched.word().to_owned(),
            });
            numbers.insert(what, number);
        }
        Ok(numbers)
    }

    /// Pairs of the fast path: one row for both sides, which agree in everything it says.
    fn of_pairs(
        &self,
        pairs: &[(u64, u64)],
        numbers: &TagNumbers,
        rank: &[u32],
        is_now: impl Fn(u128) -> bool,
    ) -> Result<Vec<Line>, Error> {
        let mut rows = self.scan.rows.reader();
        let mut lines = Vec::new();
        for &(ledger, statement) in pairs {
            let Some(row) = rows.at(statement)?.filter(|row| is_now(row.key)) else { continue };
            let what = (split_of(statement), row.what, self.night.splits[split_of(ledger)].0);
            let Some(&number) = numbers.get(&what) else { continue };
            lines.push(Line {
                key: row.key,
                txn: row.txn,
                order: self.agreed.orders.get(&statement).copied().unwrap_or(NO_ORDER),
                amount: row.amount.get(),
                day: row.day.map_or(NO_DAY, |day| day.0),
                closed_at: NEVER,
                lines: [ledger, statement].map(|place| narrow(self.lines.line(self.night, place))),
                tag: rank[number as usize],
            });
        }
        Ok(lines)
    }

    fn of_record(&self, at: u32, state: State, tags: &mut Tags) -> Option<Line> {
        let record = &self.reconciled.records[at as usize];
        let stored = self.residue.stored(self.night, at as usize);
        let hasher = KeyHasher::new(self.night.seed, record.account);
        let key = hasher.hash(record.kind.class(), event_key(record)?);
        let origins = Some(Origins {
            source: self.night.policy.source(record.source).name.clone(),
            file: stored.file.to_owned(),
            night: stored.night.map(|night| night.0),
        });
        let of_ledger = record.book == Book::Ledger;
        let tag = tags.number(Tag {
            account: record.account.to_owned(),
            ledger: origins.clone().filter(|_| of_ledger),
            statement: origins.filter(|_| !of_ledger),
            kind: record.kind.word().to_owned(),
            status: record.status.word().to_owned(),
            direction: record.direction.word().to_owned(),
            currency: record.currency.code().to_owned(),
            exponent: record.currency.exponent(),
            state: state.word().to_owned(),
        });
        let goes_back = matches!(record.kind, Kind::Refund | Kind::Chargeback);
        let line = narrow(stored.line);
        Some(Line {
            key,
            txn: record.provider_txn_id.map_or(0, |number| txn_hash(self.night.seed, number)),
            order: record
                .order_no
                .filter(|_| goes_back)
                .map_or(NO_ORDER, |order| hasher.hash(KindClass::Payment, order)),
            amount: record.principal.get(),
            day: record.business_date.map_or(NO_DAY, |day| day.0),
            closed_at: record.closed_at.map_or(NEVER, |instant| instant.0),
            lines: if of_ledger { [line, 0] } else { [0, line] },
            tag,
        })
    }
}

/// Numbers of tags by split and what of the statement, and file of the ledger.
type TagNumbers = HashMap<(usize, u32, usize), u32>;

/// A line as it is kept; 0 for the few that are beyond four billion.
fn narrow(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn halves(key: u128) -> (i64, i64) {
    ((key >> 64) as i64, key as i64)
}

const fn whole(high: i64, low: i64) -> u128 {
    ((high.cast_unsigned() as u128) << 64) | low.cast_unsigned() as u128
}

fn schema() -> Arc<Schema> {
    let int = |name: &str, nullable| Field::new(name, DataType::Int64, nullable);
    Arc::new(Schema::new(vec![
        int("key_high", false),
        int("key_low", false),
        int("txn", false),
        int("order_high", true),
        int("order_low", true),
        int("amount_minor", false),
        Field::new("business_date", DataType::Date32, true),
        Field::new("closed_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
        Field::new("ledger_line", DataType::UInt32, false),
        Field::new("statement_line", DataType::UInt32, false),
        Field::new("tag", DataType::Int32, false),
    ]))
}

fn batch(lines: &[Line]) -> RecordBatch {
    let ints = |of: fn(&Line) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(lines.iter().map(of))) };
    let orders = |of: fn((i64, i64)) -> i64| -> ArrayRef {
        let half = |line: &Line| (line.order != NO_ORDER).then(|| of(halves(line.order)));
        Arc::new(lines.iter().map(half).collect::<Int64Array>())
    };
    let columns: Vec<ArrayRef> = vec![
        ints(|line| halves(line.key).0),
        ints(|line| halves(line.key).1),
        ints(|line| line.txn.cast_signed()),
        orders(|(high, _)| high),
        orders(|(_, low)| low),
        ints(|line| line.amount),
        Arc::new(lines.iter().map(|line| (line.day != NO_DAY).then_some(line.day)).collect::<Date32Array>()),
        Arc::new(
            lines
                .iter()
                .map(|line| (line.closed_at != NEVER).then_some(line.closed_at))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| line.lines[0]))),
        Arc::new(UInt32Array::from_iter_values(lines.iter().map(|line| line.lines[1]))),
        Arc::new(Int32Array::from_iter_values(lines.iter().map(|line| line.tag.cast_signed()))),
    ];
    RecordBatch::try_new(schema(), columns).expect("columns of one table have one length")
}

/// Hashes do not compress and nobody searches them by range: they are written as they are.
fn writer<W: Write + Send>(to: W, tags: &[Tag]) -> ArrowWriter<W> {
    let version = KeyValue::new(VERSION_KEY.to_owned(), format!("{}/{}", HISTORY.name, HISTORY.version));
    let listed = serde_json::to_string(tags).expect("tags are plain values");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_size_limit(PAGE)
        .set_key_value_metadata(Some(vec![version, KeyValue::new(TAGS_KEY.to_owned(), listed)]))
        .set_created_by(format!("tieout {}", env!("CARGO_PKG_VERSION")));
    let plain =
        ["key_high", "key_low", "txn", "order_high", "order_low", "amount_minor", "ledger_line", "statement_line"];
    for name in plain {
        properties = properties.set_column_dictionary_enabled(name.into(), false);
    }
    ArrowWriter::try_new(to, schema(), Some(properties.build())).expect("a schema of plain columns can be written")
}

/// A set of keys that may say yes too often and never no too often.
#[derive(Debug)]
pub struct Filter {
    bits: Vec<AtomicU64>,
    mask: u64,
}

impl Filter {
    /// An empty set for about so many keys.
    #[must_use]
    pub fn for_keys(count: usize) -> Self {
        let bits = (count.max(64) * 16).next_power_of_two();
        Self { bits: (0..bits / 64).map(|_| AtomicU64::new(0)).collect(), mask: bits as u64 - 1 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves of the key are two hashes of it")]
    fn places(&self, key: u128) -> [u64; 2] {
        [(key >> 64) as u64 & self.mask, (key >> 24) as u64 & self.mask]
    }

    fn word(&self, place: u64) -> (&AtomicU64, u64) {
        (&self.bits[usize::try_from(place / 64).unwrap_or(0)], 1 << (place % 64))
    }

    /// Adds a key.
    pub fn add(&self, key: u128) {
        for place in self.places(key) {
            let (word, bit) = self.word(place);
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Whether a key may have been added.
    #[must_use]
    pub fn may_have(&self, key: u128) -> bool {
        self.places(key).into_iter().all(|place| {
            let (word, bit) = self.word(place);
            word.load(Ordering::Relaxed) & bit != 0
        })
    }
}

/// The file that a row of the history was in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whence {
    /// The source, as its number in the plan.
    pub source: u16,
    /// The file.
    pub file: String,
    /// The night whose file it was; none for the night of the history itself.
    pub night: Option<Day>,
}

/// What a row of the history was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct What {
    /// The account.
    pub account: String,
    /// Where the ledger had it.
    pub ledger: Option<Whence>,
    /// Where the statement had it.
    pub statement: Option<Whence>,
    /// The kind.
    pub kind: Kind,
    /// The status.
    pub status: Status,
    /// The direction.
    pub direction: Direction,
    /// The currency.
    pub currency: Currency,
    /// Where it ended.
    pub state: State,
}

/// A row of the history that tonight asked for.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Hash of account, class and number.
    pub key: u128,
    /// Of refunds and chargebacks: the hash of their order.
    pub order: Option<u128>,
    /// Hash of the provider's number; 0 without one.
    pub txn: u64,
    /// What was compared, without sign.
    pub amount: Minor,
    /// The business day.
    pub day: Option<Day>,
    /// When the ledger closed the order.
    pub closed_at: Option<Instant>,
    /// Lines of the ledger's and the statement's row; 0 without one.
    pub lines: [u32; 2],
    /// What it was.
    pub what: Arc<What>,
    /// The night on which it ended.
    pub night: Day,
}

/// What tonight found in the history.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Rows by key and night; some may be of keys that only look alike.
    pub rows: Vec<Seen>,
    /// For how many days it reaches back.
    pub reach: u32,
}

impl Found {
    /// The rows of a key.
    #[must_use]
    pub fn of_key(&self, key: u128) -> &[Seen] {
        let from = self.rows.partition_point(|row| row.key < key);
        let until = from + self.rows[from..].partition_point(|row| row.key == key);
        &self.rows[from..until]
    }
}

/// Reads the history and keeps what `filter` may have, by key or by the order that an event goes back to.
pub fn look_up(store: &Store, plan: &Plan, date: civil::Date, chain: &Chain, filter: &Filter) -> Result<Found, Error> {
    let reach = i64::from(plan.carry.history_days);
    let links: Vec<_> = chain.links.iter().filter(|link| days_between(link.date, date) <= reach).collect();
    // A night may have no history: it was turned off then, or the night's results were removed since.
    let found: Vec<Option<Vec<Seen>>> = links
        .par_iter()
        .map(|link| {
            let Some(body) = link.find(store, plan, FILE)? else { return Ok(None) };
            let seen = read(plan, day_of(link.date), body, filter);
            seen.map(Some).map_err(|cause| link.unreadable(plan, FILE, cause))
        })
        .collect::<Result<_, Error>>()?;
    // The history reaches back to the first night that has none.
    let unbroken = links.iter().zip(&found).take_while(|(_, seen)| seen.is_some());
    let first = unbroken.last().map_or(0, |(link, _)| days_between(link.date, date));
    let mut rows: Vec<Seen> = found.into_iter().flatten().flatten().collect();
    rows.sort_by_key(|row| (row.key, row.night, row.txn, row.amount));
    Ok(Found { rows, reach: u32::try_from(first).unwrap_or(0) })
}

fn read(plan: &Plan, night: Day, body: Body, filter: &Filter) -> Result<Vec<Seen>, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(body).map_err(|e| e.to_string())?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = metadata.into_iter().flatten().find(|pair| pair.key == key);
        pair.and_then(|pair| pair.value.clone()).unwrap_or_default()
    };
    let version = format!("{}/{}", HISTORY.name, HISTORY.version);
    if value(VERSION_KEY) != version {
        return Err(format!("its schema is `{}`, and this program reads `{version}`", value(VERSION_KEY)));
    }
    let tags: Vec<Tag> = serde_json::from_str(&value(TAGS_KEY)).map_err(|e| format!("its tags: {e}"))?;
    let whats: Vec<Option<Arc<What>>> = tags.iter().map(|tag| what(plan, tag).map(Arc::new)).collect();
    let reader = reader.with_batch_size(BATCH).build().map_err(|e| e.to_string())?;
    let mut seen = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| e.to_string())?;
        let ints = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        let (high, low, order_high, order_low) = (ints(0), ints(1), ints(3), ints(4));
        let days = batch.column(6).as_primitive::<Date32Type>();
        let closed = batch.column(7).as_primitive::<TimestampMicrosecondType>();
        let lines = [8, 9].map(|at| batch.column(at).as_primitive::<UInt32Type>());
        let tag = batch.column(10).as_primitive::<Int32Type>();
        let all_without_order = order_high.null_count() == batch.num_rows();
        for row in 0..batch.num_rows() {
            let key = whole(high.value(row), low.value(row));
            let order = (!all_without_order && !order_high.is_null(row))
                .then(|| whole(order_high.value(row), order_low.value(row)));
            if !filter.may_have(key) && !order.is_some_and(|order| filter.may_have(order)) {
                continue;
            }
            let what = usize::try_from(tag.value(row)).ok().and_then(|tag| whats.get(tag));
            let what = what.ok_or("a row has a tag that is not in its list")?;
            let amount = Minor::new(ints(5).value(row)).ok_or("an amount is out of range")?;
            // Of a source that the job no longer has, nothing can be said any more.
            let Some(what) = what else { continue };
            seen.push(Seen {
                key,
                order,
                txn: ints(2).value(row).cast_unsigned(),
                amount,
                day: (!days.is_null(row)).then(|| Day(days.value(row))),
                closed_at: (!closed.is_null(row)).then(|| Instant(closed.value(row))),
                lines: lines.map(|lines| lines.value(row)),
                what: Arc::clone(what),
                night,
            });
        }
    }
    Ok(seen)
}

/// Whether a file of the history has a row with a provider's number, by its hash.
///
/// # Errors
/// What is wrong with the file, as text.
pub fn has_number(body: Body, txn: u64) -> Result<bool, String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(body).map_err(|e| e.to_string())?;
    let only = ProjectionMask::roots(reader.parquet_schema(), [2]);
    for batch in reader.with_projection(only).with_batch_size(BATCH).build().map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        if batch.column(0).as_primitive::<Int64Type>().values().contains(&txn.cast_signed()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn what(plan: &Plan, tag: &Tag) -> Option<What> {
    let whence = |origins: &Option<Origins>| -> Option<Whence> {
        let origins = origins.as_ref()?;
        let at = plan.sources.iter().position(|source| source.name == origins.source)?;
        Some(Whence { source: u16::try_from(at).ok()?, file: origins.file.clone(), night: origins.night.map(Day) })
    };
    let (ledger, statement) = (whence(&tag.ledger), whence(&tag.statement));
    let known = plan.currency(&tag.currency).filter(|currency| currency.exponent() == tag.exponent);
    (ledger.is_some() || statement.is_some()).then_some(())?;
    Some(What {
        account: tag.account.clone(),
        ledger,
        statement,
        kind: Kind::from_word(&tag.kind)?,
        status: Status::from_word(&tag.status)?,
        direction: Direction::from_word(&tag.direction)?,
        currency: known.or_else(|| Currency::declared(&tag.currency, tag.exponent))?,
        state: State::from_word(&tag.state)?,
    })
}

/// Texts of tonight that rows of the history have only as hashes.
#[derive(Debug, Default)]
pub struct Texts<'t> {
    /// Numbers of providers, by hash.
    pub txns: HashMap<u64, &'t str>,
    /// Orders, by the hash of their payment's key.
    pub orders: HashMap<u128, &'t str>,
}

impl<'t> Texts<'t> {
    /// Takes what a record names.
    pub fn learn(&mut self, seed: u64, record: &Record<'t>) {
        for number in [record.provider_txn_id, record.original_txn_id].into_iter().flatten() {
            self.txns.insert(txn_hash(seed, number), number);
        }
        if let Some(order) = record.order_no {
            self.orders.insert(KeyHasher::new(seed, record.account).hash(KindClass::Payment, order), order);
        }
    }
}

/// A provider's number of which only the hash is known.
fn unnamed(txn: u64) -> String {
    format!("#{txn:016x}")
}

/// Whether a provider's number is only its hash, so that nobody at the provider knows it.
#[must_use]
pub fn is_unnamed(number: &str) -> bool {
    number.len() == 17 && number.starts_with('#') && number[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Gives records that came from the history on an earlier night the provider's numbers that tonight knows.
pub fn name(carried: &mut [Carried], texts: &Texts<'_>) {
    let named: HashMap<String, &str> = texts.txns.iter().map(|(txn, number)| (unnamed(*txn), *number)).collect();
    for one in carried.iter_mut().filter(|one| one.origin == Origin::History) {
        if let Some(number) = one.provider_txn_id.as_ref().and_then(|number| named.get(number)) {
            one.provider_txn_id = Some((*number).to_owned());
        }
    }
}

/// The records of earlier nights that stand under tonight's keys. `keys` gives the number of each key.
#[must_use]
pub fn revived(found: &Found, keys: &BTreeMap<u128, &str>, texts: &Texts<'_>) -> Vec<Carried> {
    let mut revived = Vec::new();
    for (&key, &number) in keys {
        for row in found.of_key(key) {
            let sides = [(Book::Ledger, &row.what.ledger), (Book::Statement, &row.what.statement)];
            for ((book, whence), line) in sides.into_iter().zip(row.lines) {
                if let Some(whence) = whence {
                    revived.push(revive(row, book, whence, line, number, texts));
                }
            }
        }
    }
    revived
}

fn revive(row: &Seen, book: Book, whence: &Whence, line: u32, number: &str, texts: &Texts<'_>) -> Carried {
    let what = &row.what;
    let by_order = what.kind.class() == KindClass::Payment;
    let order = row.order.and_then(|order| texts.orders.get(&order)).map(|order| (*order).to_owned());
    let txn = (row.txn != 0).then(|| {
        let known = texts.txns.get(&row.txn).map(|number| (*number).to_owned());
        known.unwrap_or_else(|| unnamed(row.txn))
    });
    // One row for both sides has the number of the statement's.
    let txn = txn.filter(|_| book != Book::Ledger || what.statement.is_none());
    let (high, low) = halves(row.key);
    let numbers = [high, low, row.txn.cast_signed(), row.amount.get(), i64::from(row.night.0), i64::from(line)];
    let words = [book as u8, what.kind as u8, what.status as u8, what.direction as u8];
    let bytes: Vec<u8> = numbers.iter().flat_map(|part| part.to_le_bytes()).chain(words).collect();
    Carried {
        book,
        source: whence.source,
        origin: Origin::History,
        held: false,
        content: xxh3_64_with_seed(&bytes, 0),
        account: what.account.clone(),
        kind: what.kind,
        direction: what.direction,
        status: what.status,
        currency: what.currency,
        principal: row.amount,
        amount: row.amount,
        order_amount: None,
        fee: None,
        tax: None,
        net: None,
        event_no: (!by_order).then(|| number.to_owned()),
        order_no: if by_order { Some(number.to_owned()) } else { order },
        provider_txn_id: txn,
        original_txn_id: None,
        batch_id: None,
        counterparty: None,
        occurred_at: None,
        business_date: row.day,
        closed_at: row.closed_at.filter(|_| book == Book::Ledger),
        fulfilled: None,
        notes: Notes::NONE,
        compared: Vec::new(),
        extra: Vec::new(),
        marks: Codes::NONE,
        marked: Total::ZERO,
        orphan: false,
        file: whence.file.clone(),
        line: u64::from(line),
        night: whence.night.unwrap_or(row.night),
        difference: None,
        first_seen: row.night,
    }
}
