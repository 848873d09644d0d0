//! What ended, as compact keys, and what tonight's keys find in it.
//!
//! Each run writes the records that ended in it, some 30 bytes each, in the order of the statement: what agreed at
//! first sight, then the rest. A run reads the keys of the days before once, and the rest only of rows whose key or
//! order tonight asks for; a [`Filter`] of a few bits per key tells most of the others apart.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type};
use arrow_array::{Array, ArrayRef, Date32Array, Int32Array, Int64Array, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use jiff::civil;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
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
use super::pool::Known;
use crate::agree::{Agreed, Night, Residue, Scan, Stored, split_of};
use crate::distinct::Distinct;
use crate::error::Error;
use crate::job::{Plan, day_of};
use crate::memory::Memory;
use crate::pipeline::{at_once, side_by_side};
use crate::reconcile::Reconciled;
use crate::report::evidence::Lines;
use crate::report::schema::HISTORY;
use crate::report::{VERSION_KEY, append_group};
use crate::sorter::{Fixed, Sorter, next};
use crate::store::{Body, Spool, Store};

/// The file of a run's history.
pub const FILE: &str = "history.parquet";
/// Where the file's metadata holds the list of tags.
const TAGS_KEY: &str = "tieout.tags";
/// Rows of one batch of the file as it is read.
const BATCH: usize = 1 << 15;
/// Rows of a row group at most: as many as one thread makes at a time.
const GROUP: usize = 1 << 17;
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

/// A row that ended. What it lacks is a value that nothing has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Line {
    key: u128,
    txn: u64,
    /// A hash of what it was: that has a number only when all are known.
    what: u64,
    day: i32,
    amount: i64,
    order: u128,
    closed_at: i64,
    /// Lines of the ledger's and the statement's row; 0 without one.
    lines: [u32; 2],
    tag: u32,
}

/// Bytes of a line on disk.
const BYTES: usize = 2 * 16 + 4 * 8 + 4 * 4;

impl Fixed<BYTES> for Line {
    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(self.key.to_le_bytes());
        bytes.extend(self.order.to_le_bytes());
        bytes.extend(self.txn.to_le_bytes());
        bytes.extend(self.what.to_le_bytes());
        bytes.extend(self.amount.to_le_bytes());
        bytes.extend(self.closed_at.to_le_bytes());
        bytes.extend(self.day.to_le_bytes());
        bytes.extend(self.tag.to_le_bytes());
        bytes.extend(self.lines.iter().flat_map(|line| line.to_le_bytes()));
        bytes.try_into().expect("all of its numbers")
    }

    fn of_bytes(bytes: &[u8; BYTES]) -> Self {
        let mut rest = bytes.as_slice();
        Self {
            key: u128::from_le_bytes(next(&mut rest)),
            order: u128::from_le_bytes(next(&mut rest)),
            txn: u64::from_le_bytes(next(&mut rest)),
            what: u64::from_le_bytes(next(&mut rest)),
            amount: i64::from_le_bytes(next(&mut rest)),
            closed_at: i64::from_le_bytes(next(&mut rest)),
            day: i32::from_le_bytes(next(&mut rest)),
            tag: u32::from_le_bytes(next(&mut rest)),
            lines: [(); 2].map(|()| u32::from_le_bytes(next(&mut rest))),
        }
    }
}

/// The order of what goes back to none.
const NO_ORDER: u128 = 0;
/// The day of a row without one.
const NO_DAY: i32 = i32::MIN;
/// When an order was closed that never was.
const NEVER: i64 = i64::MIN;

/// Rows that one thread writes.
enum Part<'p> {
    /// Pairs that agreed at first sight.
    Pairs(&'p [(u64, u64)]),
    /// What the full rules ended.
    Rest(Vec<Line>),
}

/// All that the full rules ended, in memory as long as there is room.
pub struct AllRest {
    tags: Distinct<Tag>,
    lines: Sorter<Line, BYTES>,
}

impl AllRest {
    /// Nothing yet.
    #[must_use]
    pub fn new(memory: &Memory) -> Self {
        Self { tags: Distinct::default(), lines: Sorter::new(memory) }
    }

    /// Takes some of it.
    pub fn put(&mut self, some: Rest) -> Result<(), Error> {
        let numbers = self.tags.numbers_of(&some.tags);
        self.lines.put(some.lines.into_iter().map(|line| Line { tag: numbers[line.tag as usize], ..line }))
    }
}

/// Some of what the full rules ended, as the history has it.
#[derive(Default)]
pub struct Rest {
    tags: Distinct<Tag>,
    /// Their hashes.
    hashes: Vec<u64>,
    lines: Vec<Line>,
}

impl Rest {
    /// Takes what ended among some outcomes.
    pub fn gather(&mut self, night: &Night<'_>, residue: &Residue, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            let ended = match outcome {
                Outcome::Difference(_)
                | Outcome::Match { state: State::MatchedBefore, .. }
                | Outcome::Rest { state: State::TimingPending | State::Held | State::Replica, .. } => continue,
                Outcome::Match { .. } | Outcome::Rest { .. } => outcome.records(),
            };
            for (at, state) in ended {
                let record = &reconciled.records[at as usize];
                if record.origin != Origin::History {
                    let stored = residue.stored(night, at as usize);
                    let line = of_record(night, record, &stored, state, &mut self.tags);
                    let hashed = |tag: &Tag| xxh3_64_with_seed(&serde_json::to_vec(tag).unwrap_or_default(), 0);
                    self.hashes.extend(self.tags.list[self.hashes.len()..].iter().map(hashed));
                    self.lines.extend(line.map(|line| Line { what: self.hashes[line.tag as usize], ..line }));
                }
            }
        }
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
    /// The file of the history; `all` is what ended of that which was decided apart.
    pub fn written(&self, mut all: AllRest, memory: &Memory) -> Result<Body, Error> {
        let mut rest = Rest::default();
        rest.gather(self.night, self.residue, self.reconciled);
        all.put(rest)?;
        let AllRest { mut tags, lines } = all;
        let numbers = self.tag_numbers(&mut tags)?;
        // Tags are numbered in the order of their texts, so that no order of input shows.
        let mut order: Vec<u32> = (0_u32..).take(tags.list.len()).collect();
        order.sort_by(|a, b| tags.list[*a as usize].cmp(&tags.list[*b as usize]));
        let mut rank = vec![0_u32; order.len()];
        for (new, old) in (0_u32..).zip(&order) {
            rank[*old as usize] = new;
        }
        tags.list.sort();
        let mut lines = lines.sorted()?;
        let full = |e: &dyn std::fmt::Display| memory.cannot_make(e);
        let (mut writer, factory) = writer(Spool::of_result(memory), &tags.list).map_err(|e| full(&e))?;
        let mut pairs = self.agreed.matches.chunks(GROUP);
        let mut part = || -> Result<Option<Part<'_>>, Error> {
            if let Some(pairs) = pairs.next() {
                return Ok(Some(Part::Pairs(pairs)));
            }
            let rest = lines.take(GROUP, |_| true)?;
            Ok((!rest.is_empty()).then_some(Part::Rest(rest)))
        };
        let encode = |(number, part): (usize, Part<'_>)| {
            let rows = match part {
                Part::Pairs(pairs) => self.of_pairs(pairs, &numbers, &rank)?,
                Part::Rest(lines) => Rows::of(&lines, &rank),
            };
            rows.encoded(&factory, number).map_err(|e| full(&e))
        };
        let mut groups = 0..;
        let next = || {
            let some = groups.by_ref().take(at_once());
            let some = some.map_while(|number| Some(part().transpose()?.map(|part| (number, part))));
            let some = some.collect::<Result<Vec<_>, Error>>()?;
            let encoded = some.into_par_iter().with_max_len(1).map(encode).collect::<Result<Vec<_>, Error>>()?;
            Ok((!encoded.is_empty()).then_some(encoded))
        };
        side_by_side(next, |lot| {
            let written = lot.into_iter().try_for_each(|columns| append_group(&mut writer, columns));
            written.map_err(|e| full(&e))
        })?;
        writer.into_inner().map_err(|e| full(&e))?.finish()
    }

    /// The numbers of the tags of what agreed at first sight.
    fn tag_numbers(&self, tags: &mut Distinct<Tag>) -> Result<TagNumbers, Error> {
        let mut numbers = TagNumbers::new();
        let mut files = None;
        let mut of_files = Vec::new();
        let mut rows = self.scan.rows.reader();
        for &(ledger, statement) in &self.agreed.matches {
            let Some(row) = rows.at(statement)? else { continue };
            let these = self.files_of(ledger, statement);
            if files != Some(these) {
                let before = std::mem::replace(&mut of_files, numbers.remove(&these).unwrap_or_default());
                files.replace(these).and_then(|those| numbers.insert(those, before));
            }
            let what = row.what as usize;
            if of_files.get(what).is_some_and(|&number| number != NO_TAG) {
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
            of_files.resize(of_files.len().max(what + 1), NO_TAG);
            of_files[what] = number;
        }
        numbers.extend(files.map(|files| (files, of_files)));
        Ok(numbers)
    }

    /// Where a pair comes from: the ledger's file and the statement's split.
    fn files_of(&self, ledger: u64, statement: u64) -> (usize, usize) {
        (self.night.splits[split_of(ledger)].0, split_of(statement))
    }

    /// Pairs of the fast path: one row for both sides, which agree in everything it says.
    fn of_pairs(&self, pairs: &[(u64, u64)], numbers: &TagNumbers, rank: &[u32]) -> Result<Rows, Error> {
        let mut rows = self.scan.rows.reader();
        let mut lines = Rows::with_room_for(pairs.len());
        let mut files = None;
        let mut of_files: &[u32] = &[];
        for &(ledger, statement) in pairs {
            let Some(row) = rows.at(statement)? else { continue };
            let these = self.files_of(ledger, statement);
            if files != Some(these) {
                files = Some(these);
                of_files = numbers.get(&these).map_or(&[], Vec::as_slice);
            }
            let number = of_files[row.what as usize];
            lines.push(&Line {
                key: row.key,
                txn: row.txn,
                what: 0,
                order: if goes_back(row.tag.kind) {
                    self.agreed.orders.get(&statement).copied().unwrap_or(NO_ORDER)
                } else {
                    NO_ORDER
                },
                amount: row.amount.get(),
                day: row.day.map_or(NO_DAY, |day| day.0),
                closed_at: NEVER,
                lines: [ledger, statement].map(|place| narrow(self.lines.line(self.night, place))),
                tag: rank[number as usize],
            });
        }
        Ok(lines)
    }
}

/// A record that ended, as a line.
fn of_record(
    night: &Night<'_>,
    record: &Record<'_>,
    stored: &Stored<'_>,
    state: State,
    tags: &mut Distinct<Tag>,
) -> Option<Line> {
    let hasher = KeyHasher::new(night.seed, record.account);
    let key = hasher.hash(record.kind.class(), event_key(record)?);
    let origins = Some(Origins {
        source: night.policy.source(record.source).name.clone(),
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
    let line = narrow(stored.line);
    Some(Line {
        key,
        txn: record.provider_txn_id.map_or(0, |number| txn_hash(night.seed, number)),
        order: record
            .order_no
            .filter(|_| goes_back(record.kind))
            .map_or(NO_ORDER, |order| hasher.hash(KindClass::Payment, order)),
        amount: record.principal.get(),
        day: record.business_date.map_or(NO_DAY, |day| day.0),
        closed_at: record.closed_at.map_or(NEVER, |instant| instant.0),
        lines: if of_ledger { [line, 0] } else { [0, line] },
        what: 0,
        tag,
    })
}

/// Numbers of tags by what a row of the statement is, for each file of the ledger and split of the statement.
type TagNumbers = BTreeMap<(usize, usize), Vec<u32>>;
/// The number of what no pair is.
const NO_TAG: u32 = u32::MAX;

/// Whether rows of a kind name the order that they go back to.
const fn goes_back(kind: Kind) -> bool {
    matches!(kind, Kind::Refund | Kind::Chargeback)
}

/// A line as it is kept; 0 for the few that are beyond four billion.
pub(super) fn narrow(line: u64) -> u32 {
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

/// Some rows, column by column.
#[derive(Default)]
struct Rows {
    keys: [Vec<i64>; 2],
    txns: Vec<i64>,
    orders: Vec<u128>,
    amounts: Vec<i64>,
    days: Vec<i32>,
    closed_at: Vec<i64>,
    lines: [Vec<u32>; 2],
    tags: Vec<i32>,
}

impl Rows {
    fn with_room_for(count: usize) -> Self {
        Self {
            keys: [Vec::with_capacity(count), Vec::with_capacity(count)],
            txns: Vec::with_capacity(count),
            orders: Vec::with_capacity(count),
            amounts: Vec::with_capacity(count),
            days: Vec::with_capacity(count),
            closed_at: Vec::with_capacity(count),
            lines: [Vec::with_capacity(count), Vec::with_capacity(count)],
            tags: Vec::with_capacity(count),
        }
    }

    fn of(lines: &[Line], rank: &[u32]) -> Self {
        let mut rows = Self::with_room_for(lines.len());
        lines.iter().for_each(|line| rows.push(&Line { tag: rank[line.tag as usize], ..*line }));
        rows
    }

    fn push(&mut self, line: &Line) {
        let (high, low) = halves(line.key);
        self.keys[0].push(high);
        self.keys[1].push(low);
        self.txns.push(line.txn.cast_signed());
        self.orders.push(line.order);
        self.amounts.push(line.amount);
        self.days.push(line.day);
        self.closed_at.push(line.closed_at);
        self.lines[0].push(line.lines[0]);
        self.lines[1].push(line.lines[1]);
        self.tags.push(line.tag.cast_signed());
    }

    /// As the columns of the file.
    fn columns(self) -> [ArrayRef; 11] {
        let Self { keys: [high, low], txns, orders, amounts, days, closed_at, lines: [ledger, statement], tags } = self;
        let ints = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        let order = |half: fn(u128) -> i64| -> ArrayRef {
            let value = |&order: &u128| (order != NO_ORDER).then(|| half(order));
            Arc::new(orders.iter().map(value).collect::<Int64Array>())
        };
        let days = days.into_iter().map(|day| (day != NO_DAY).then_some(day)).collect::<Date32Array>();
        let closed_at = closed_at.into_iter().map(|at| (at != NEVER).then_some(at));
        let closed_at = closed_at.collect::<TimestampMicrosecondArray>().with_timezone("UTC");
        [
            ints(high),
            ints(low),
            ints(txns),
            order(|order| halves(order).0),
            order(|order| halves(order).1),
            ints(amounts),
            Arc::new(days),
            Arc::new(closed_at),
            Arc::new(UInt32Array::from(ledger)),
            Arc::new(UInt32Array::from(statement)),
            Arc::new(Int32Array::from(tags)),
        ]
    }

    /// As one row group of the file, the `number`th.
    fn encoded(
        self,
        factory: &ArrowRowGroupWriterFactory,
        number: usize,
    ) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
        let mut writers = factory.create_column_writers(number)?.into_iter();
        let mut chunks = Vec::with_capacity(writers.len());
        for (field, column) in schema().fields().iter().zip(self.columns()) {
            for (leaf, mut writer) in compute_leaves(field, &column)?.into_iter().zip(&mut writers) {
                writer.write(&leaf)?;
                chunks.push(writer.close()?);
            }
        }
        Ok(chunks)
    }
}

type HistoryWriter<'m> = SerializedFileWriter<Spool<'m>>;

/// Hashes do not compress and nobody searches them by range: they are written as they are. What is small beside its
/// type is written as differences.
fn writer<'m>(to: Spool<'m>, tags: &[Tag]) -> Result<(HistoryWriter<'m>, ArrowRowGroupWriterFactory), ParquetError> {
    let version = KeyValue::new(VERSION_KEY.to_owned(), format!("{}/{}", HISTORY.name, HISTORY.version));
    let listed = serde_json::to_string(tags).expect("tags are plain values");
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_size_limit(PAGE)
        .set_key_value_metadata(Some(vec![version, KeyValue::new(TAGS_KEY.to_owned(), listed)]))
        .set_created_by(format!("tieout {}", env!("CARGO_PKG_VERSION")));
    for name in ["key_high", "key_low", "txn", "order_high", "order_low"] {
        properties = properties.set_column_dictionary_enabled(name.into(), false);
    }
    for name in ["amount_minor", "ledger_line", "statement_line"] {
        properties = properties
            .set_column_dictionary_enabled(name.into(), false)
            .set_column_encoding(name.into(), Encoding::DELTA_BINARY_PACKED);
    }
    ArrowWriter::try_new(to, schema(), Some(properties.build()))?.into_serialized_writer()
}

/// A set of keys that may say yes too often and never no too often: three bits of one word for each key.
///
/// Keys of one partition are in neighbouring words, so that whoever adds them by partitions stays within a cache.
#[derive(Debug)]
pub struct Filter {
    words: Vec<AtomicU64>,
    /// How many bits choose a word.
    bits: u32,
}

impl Filter {
    /// An empty set for about so many keys.
    #[must_use]
    pub fn for_keys(count: usize) -> Self {
        let words = (count.max(64) / 4).next_power_of_two();
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect(), bits: words.trailing_zeros() }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits choose a word, others the bits in it")]
    fn place(&self, key: u128) -> (&AtomicU64, u64) {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let word = usize::try_from(low.reverse_bits() >> (u64::BITS - self.bits)).unwrap_or(0);
        (&self.words[word], 1 << (high & 63) | 1 << (high >> 6 & 63) | 1 << (high >> 12 & 63))
    }

    /// Adds a key.
    pub fn add(&self, key: u128) {
        let (word, bits) = self.place(key);
        if word.load(Ordering::Relaxed) & bits != bits {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    /// Whether a key may have been added.
    #[must_use]
    pub fn may_have(&self, key: u128) -> bool {
        let (word, bits) = self.place(key);
        word.load(Ordering::Relaxed) & bits == bits
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
    /// Whether the ledger's row and the statement's ended again later, or are open again.
    pub gone: [bool; 2],
}

impl Seen {
    /// Its rows of both sides that have ended, with their lines and where they were.
    pub fn sides(&self) -> impl Iterator<Item = (Book, &Whence, u32)> {
        let [ledger, statement] = [&self.what.ledger, &self.what.statement];
        let sides = [(Book::Ledger, ledger), (Book::Statement, statement)].into_iter().zip(self.lines).zip(self.gone);
        sides.filter_map(|(((book, whence), line), gone)| Some((book, whence.as_ref().filter(|_| !gone)?, line)))
    }
}

/// A hash of where a row of a night was.
#[must_use]
pub fn row_hash(book: Book, source: u16, file: &str, line: u32, night: Day) -> u64 {
    let numbers = [u64::from(book as u8), u64::from(source), line.into(), night.0.cast_unsigned().into()];
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    xxh3_64_with_seed(file.as_bytes(), xxh3_64_with_seed(&bytes, 0))
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

    /// Of a row that ended on several nights, because it was open in between, leaves the last end only; of one that is
    /// in the pool none.
    pub fn keep_last_ends(&mut self, known: &[Known]) {
        let in_pool = known.iter().filter_map(|one| Some((one.key()?, one.row)));
        let mut taken: HashSet<(u128, u64)> = in_pool.filter(|(key, _)| !self.of_key(*key).is_empty()).collect();
        // Of one key the latest night comes last.
        for row in self.rows.iter_mut().rev() {
            let mut is_gone = |(book, whence, line): (Book, &Whence, u32)| {
                let night = whence.night.unwrap_or(row.night);
                !taken.insert((row.key, row_hash(book, whence.source, &whence.file, line, night)))
            };
            let gone: Vec<(Book, bool)> = row.sides().map(|side| (side.0, is_gone(side))).collect();
            for (book, _) in gone.into_iter().filter(|(_, gone)| *gone) {
                row.gone[usize::from(book != Book::Ledger)] = true;
            }
        }
        self.rows.retain(|row| row.sides().next().is_some());
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
            let seen = read(plan, day_of(link.date), &body, filter);
            seen.map(Some).map_err(|cause| link.unreadable(plan, FILE, cause))
        })
        .collect::<Result<_, Error>>()?;
    // The history reaches back to the first night that has none.
    let unbroken = links.iter().zip(&found).take_while(|(_, seen)| seen.is_some());
    let first = unbroken.last().map_or(0, |(link, _)| days_between(link.date, date));
    let mut rows: Vec<Seen> = found.into_iter().flatten().flatten().collect();
    rows.sort_by_key(|row| (row.key, row.night, row.txn, row.amount, row.day, row.closed_at, row.lines));
    Ok(Found { rows, reach: u32::try_from(first).unwrap_or(0) })
}

fn read(plan: &Plan, night: Day, body: &Body, filter: &Filter) -> Result<Vec<Seen>, String> {
    let metadata = ArrowReaderMetadata::load(body, ArrowReaderOptions::new()).map_err(|e| e.to_string())?;
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = pairs.into_iter().flatten().find(|pair| pair.key == key);
        pair.and_then(|pair| pair.value.clone()).unwrap_or_default()
    };
    let version = format!("{}/{}", HISTORY.name, HISTORY.version);
    if value(VERSION_KEY) != version {
        return Err(format!("its schema is `{}`, and this program reads `{version}`", value(VERSION_KEY)));
    }
    let tags: Vec<Tag> = serde_json::from_str(&value(TAGS_KEY)).map_err(|e| format!("its tags: {e}"))?;
    let whats: Vec<Option<Arc<What>>> = tags.iter().map(|tag| what(plan, tag).map(Arc::new)).collect();
    let groups = 0..metadata.metadata().num_row_groups();
    let seen = groups.into_par_iter().map(|group| read_group(&metadata, body, group, &whats, night, filter));
    Ok(seen.collect::<Result<Vec<_>, String>>()?.concat())
}

/// Reads the keys of a row group, and the rest of the rows that `filter` may have.
fn read_group(
    metadata: &ArrowReaderMetadata,
    body: &Body,
    group: usize,
    whats: &[Option<Arc<What>>],
    night: Day,
    filter: &Filter,
) -> Result<Vec<Seen>, String> {
    let reader = || {
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(body.clone(), metadata.clone());
        reader.with_row_groups(vec![group]).with_batch_size(BATCH)
    };
    let keys_only = ProjectionMask::roots(metadata.parquet_schema(), [0, 1, 3, 4]);
    let mut rows = Vec::new();
    let mut before = 0;
    for batch in reader().with_projection(keys_only).build().map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        let [high, low, order_high, order_low] = [0, 1, 2, 3].map(|at| batch.column(at).as_primitive::<Int64Type>());
        let has_orders = order_high.null_count() < batch.num_rows();
        let may_have = |row: usize| {
            let has_order = || has_orders && !order_high.is_null(row);
            filter.may_have(whole(high.value(row), low.value(row)))
                || has_order() && filter.may_have(whole(order_high.value(row), order_low.value(row)))
        };
        rows.extend((0..batch.num_rows()).filter(|&row| may_have(row)).map(|row| before + row..before + row + 1));
        before += batch.num_rows();
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let selection = RowSelection::from_consecutive_ranges(rows.into_iter(), before);
    let mut seen = Vec::new();
    for batch in reader().with_row_selection(selection).build().map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        let ints = |at: usize| batch.column(at).as_primitive::<Int64Type>();
        let (high, low, order_high, order_low) = (ints(0), ints(1), ints(3), ints(4));
        let days = batch.column(6).as_primitive::<Date32Type>();
        let closed = batch.column(7).as_primitive::<TimestampMicrosecondType>();
        let lines = [8, 9].map(|at| batch.column(at).as_primitive::<UInt32Type>());
        let tag = batch.column(10).as_primitive::<Int32Type>();
        for row in 0..batch.num_rows() {
            let what = usize::try_from(tag.value(row)).ok().and_then(|tag| whats.get(tag));
            let what = what.ok_or("a row has a tag that is not in its list")?;
            let amount = Minor::new(ints(5).value(row)).ok_or("an amount is out of range")?;
            // Of a source that the job no longer has, nothing can be said any more.
            let Some(what) = what else { continue };
            seen.push(Seen {
                key: whole(high.value(row), low.value(row)),
                order: (!order_high.is_null(row)).then(|| whole(order_high.value(row), order_low.value(row))),
                txn: ints(2).value(row).cast_unsigned(),
                amount,
                day: (!days.is_null(row)).then(|| Day(days.value(row))),
                closed_at: (!closed.is_null(row)).then(|| Instant(closed.value(row))),
                lines: lines.map(|lines| lines.value(row)),
                what: Arc::clone(what),
                night,
                gone: [false; 2],
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

/// Numbers of which earlier nights have only the hashes, and whoever of tonight has them.
#[derive(Debug, Default)]
pub struct Names {
    txns: HashMap<u64, Option<String>>,
    orders: HashMap<u128, Option<String>>,
}

impl Names {
    /// Those that earlier nights ask for.
    #[must_use]
    pub fn asked(unnamed: &[u64], found: &Found) -> Self {
        let txns = unnamed.iter().copied().chain(found.rows.iter().map(|row| row.txn));
        Self {
            txns: txns.map(|txn| (txn, None)).collect(),
            orders: found.rows.iter().filter_map(|row| row.order).map(|order| (order, None)).collect(),
        }
    }

    /// What some records have of it.
    #[must_use]
    pub fn among<'a>(&self, seed: u64, records: impl Iterator<Item = Record<'a>>) -> Self {
        let mut names = Self::default();
        if self.txns.is_empty() && self.orders.is_empty() {
            return names;
        }
        for record in records {
            for number in [record.provider_txn_id, record.original_txn_id].into_iter().flatten() {
                let txn = txn_hash(seed, number);
                if self.txns.contains_key(&txn) {
                    names.txns.insert(txn, Some(number.to_owned()));
                }
            }
            if let Some(number) = record.order_no.filter(|_| !self.orders.is_empty()) {
                let order = KeyHasher::new(seed, record.account).hash(KindClass::Payment, number);
                if self.orders.contains_key(&order) {
                    names.orders.insert(order, Some(number.to_owned()));
                }
            }
        }
        names
    }

    /// The provider's number of a record that has only its hash yet.
    #[must_use]
    pub fn of(&self, one: &Carried) -> Option<&str> {
        self.txns.get(&one.unnamed()?)?.as_deref()
    }

    /// Takes what was found among some records.
    pub fn add(&mut self, more: Self) {
        self.txns.extend(more.txns);
        self.orders.extend(more.orders);
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

/// The records of earlier nights that stand under tonight's keys. `keys` gives the number of each key.
#[must_use]
pub fn revived(found: &Found, keys: &BTreeMap<u128, &str>, names: &Names) -> Vec<Carried> {
    let mut revived = Vec::new();
    for (&key, &number) in keys {
        for row in found.of_key(key) {
            let revive = |(book, whence, line)| revive(row, book, whence, line, number, names);
            revived.extend(row.sides().map(revive));
        }
    }
    revived
}

fn revive(row: &Seen, book: Book, whence: &Whence, line: u32, number: &str, names: &Names) -> Carried {
    let what = &row.what;
    let by_order = what.kind.class() == KindClass::Payment;
    let order = row.order.and_then(|order| names.orders.get(&order)?.clone());
    let txn = (row.txn != 0).then(|| {
        let known = names.txns.get(&row.txn).cloned().flatten();
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
