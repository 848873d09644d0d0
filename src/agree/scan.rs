//! One pass over every file: fingerprints, totals, rejects, and what the rules across groups need.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use tieout_kernel::across::Sighting;
use tieout_kernel::calendar::Day;
use tieout_kernel::classify::scheduled_fee;
use tieout_kernel::currency::Currency;
use tieout_kernel::fee::{FeeCase, FeeExpectation};
use tieout_kernel::fingerprint::{Content, Fingerprint, with_column};
use tieout_kernel::key::{KeyHasher, KindClass, event_number};
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::outcome::State;
use tieout_kernel::party::{Party, is_beneficiary};
use tieout_kernel::pass::outside_this_edge;
use tieout_kernel::record::{Book, Direction, Instant, Kind, Status};

use super::parts::Parts;
use super::rows::{Placed, Rows, Shelf, SplitRows};
use super::totals::{Tag, Total, Totals};
use super::{Held, Night, NightFile, place_of, row_of};
use crate::carry::history::txn_hash;
use crate::error::Error;
use crate::expression::{Condition, Value};
use crate::formats::{Measured, RawBatch, Split};
use crate::normalise::{Columns, Exact};
use crate::progress::Progress;
use crate::reject::Reject;
use xxhash_rust::xxh3::xxh3_64;

/// Rows of one partition aimed at: small enough for a cache, large enough to be worth a task.
const PARTITION_ROWS: u64 = 65_536;
/// There are at least so many: how many rows come is only guessed, and what differs goes through memory by
/// partitions.
const PARTITIONS_MIN: u64 = 64;
/// Fingerprints that are put into their partitions at once: few enough for a cache.
const LATEST: usize = 1 << 13;
/// Fingerprints of a split that are handed over before it ends.
const HANDED_OVER: usize = 1 << 20;
/// Rejects of a file that are kept as rows; beyond that they are counted.
const REJECTS_MAX: usize = 100_000;

/// What was found in one file.
#[derive(Debug, Default)]
pub struct ScanFile {
    /// Records that take part.
    pub totals: Totals,
    /// Records that do not, by why.
    pub aside: BTreeMap<State, Totals>,
    /// Rows that are no records, with their split.
    pub rejects: Vec<(usize, Reject)>,
    /// How many there are, kept or not.
    pub rejected: u64,
    /// What the rejected rows would have moved, where that could be read, without sign.
    pub rejected_amount: Sum,
    /// What the file's own totals come to.
    pub measured: Measured,
    /// Codes that are in no map: column, code, how often.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// First and last business day.
    pub days: Option<(Day, Day)>,
    /// Records by business day, for files that should hold one day.
    pub rows_by_day: BTreeMap<Day, u64>,
    /// The last instant.
    pub latest: Option<Instant>,
    /// First and last row's balance with the row's own movement, and the sum of all movements.
    pub balance: Balance,
}

/// A successful refund or chargeback at the provider.
#[derive(Clone, Copy, Debug)]
pub struct Return {
    /// Hash of account and order, as the payment's own key.
    pub order: u128,
    /// Hash of its own number, or its place where it has none.
    pub event: u128,
    /// Where the record is.
    pub place: u64,
    /// Refund or chargeback.
    pub kind: Kind,
    /// Its currency.
    pub currency: Currency,
    /// How much, without sign.
    pub amount: Minor,
}

/// The running balance of a file, as far as its rows print one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Balance {
    /// Balance after, and movement of, the first row.
    pub first: Option<(Minor, Sum)>,
    /// The same of the last row.
    pub last: Option<(Minor, Sum)>,
    /// All movements.
    pub moved: Sum,
}

impl Balance {
    /// Whether opening balance and movements give the closing balance, oldest first or newest first.
    /// `None` where the file prints no balances.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        let (first, last) = (self.first?, self.last?);
        let holds =
            |open: (Minor, Sum), close: (Minor, Sum)| Sum::from(open.0) - open.1 + self.moved == Sum::from(close.0);
        Some(holds(first, last) || holds(last, first))
    }

    /// Takes the next row in, if it prints a balance.
    fn follow(&mut self, columns: &Columns<'_>, row: usize, direction: Direction, amount: Minor, fee: Option<Minor>) {
        if let Some(after) = columns.balance_after.get(row).copied().flatten() {
            let signed = if direction == Direction::Out { -amount } else { amount };
            let moved = Sum::from(signed) + Sum::from(fee.unwrap_or(Minor::ZERO));
            self.first = self.first.or(Some((after, moved)));
            self.last = Some((after, moved));
            self.moved += moved;
        }
    }

    fn add(&mut self, later: &Self) {
        self.first = self.first.or(later.first);
        self.last = later.last.or(self.last);
        self.moved += later.moved;
    }
}

/// What one pass over all files gave.
#[derive(Debug, Default)]
pub struct Scan {
    /// By file.
    pub files: Vec<ScanFile>,
    /// Fingerprints by partition.
    pub parts: Parts,
    /// Places of records without a number.
    pub keyless: Vec<u64>,
    /// Refunds and chargebacks at the provider.
    pub returns: Vec<Return>,
    /// Orders that events of either book go back to.
    pub event_orders: Vec<u128>,
    /// Orders and numbers of all refunds that did not fail: ledger, statement.
    pub refund_orders: [Vec<(u128, u128)>; 2],
    /// Payments and payouts by what makes them look alike.
    pub sightings: Vec<Sighting>,
    /// Statement records by split; empty unless wanted.
    pub rows: Rows,
    /// Line ends before each split within its file.
    pub lines_before: Vec<u64>,
}

/// Reads every split once.
pub fn scan(night: &Night<'_>, progress: &Progress) -> Result<Scan, Error> {
    let rows: u64 = night.splits.iter().map(|(_, split)| likely_rows(split)).sum();
    progress.stage("scan", Some(rows));
    let count =
        usize::try_from((rows / 2 / PARTITION_ROWS).next_power_of_two().clamp(PARTITIONS_MIN, 1024)).unwrap_or(1);
    let parts = Parts::new(count, &night.memory);
    let shelf = Shelf::new(&night.memory);
    let results: Vec<SplitScan> = night
        .splits
        .par_iter()
        .enumerate()
        .map(|(number, (file, split))| {
            SplitScan::run(night, &night.files[*file], number, split, (&parts, &shelf), progress)
        })
        .collect::<Result<_, Error>>()?;

    let mut scan = Scan {
        files: night
            .files
            .iter()
            .map(|file| ScanFile { measured: Measured::of(&file.open.controls), ..ScanFile::default() })
            .collect(),
        parts,
        ..Scan::default()
    };
    let mut lines = vec![0; night.files.len()];
    let mut placed = Vec::with_capacity(results.len());
    for ((file, _), mut result) in night.splits.iter().zip(results) {
        scan.lines_before.push(lines[*file]);
        lines[*file] += result.line_ends;
        placed.push(std::mem::take(&mut result.placed));
        scan.take(*file, result);
    }
    scan.rows = Rows::new(shelf, placed);
    scan.keyless.sort_unstable();
    Ok(scan)
}

fn likely_rows(split: &Split) -> u64 {
    match split {
        Split::Bytes { start, end } => (end - start) / 100 + 1,
        Split::RowGroup { rows, .. } => *rows,
    }
}

impl Scan {
    fn take(&mut self, file: usize, split: SplitScan) {
        let into = &mut self.files[file];
        into.totals.add(&split.file.totals);
        for (state, totals) in &split.file.aside {
            into.aside.entry(*state).or_default().add(totals);
        }
        into.rejected += split.file.rejected;
        let room = REJECTS_MAX.saturating_sub(into.rejects.len());
        into.rejects.extend(split.file.rejects.into_iter().take(room));
        into.rejected_amount += split.file.rejected_amount;
        into.measured.merge(&split.file.measured);
        for (code, count) in split.file.unmapped {
            *into.unmapped.entry(code).or_default() += count;
        }
        for (day, count) in split.file.rows_by_day {
            *into.rows_by_day.entry(day).or_default() += count;
        }
        into.days = match (into.days, split.file.days) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        into.latest = into.latest.max(split.file.latest);
        into.balance.add(&split.file.balance);
        self.keyless.extend(split.keyless);
        self.returns.extend(split.returns);
        self.event_orders.extend(split.event_orders);
        for (all, more) in self.refund_orders.iter_mut().zip(split.refund_orders) {
            all.extend(more);
        }
        self.sightings.extend(split.sightings);
    }
}

/// One split in work.
struct SplitScan {
    file: ScanFile,
    keyless: Vec<u64>,
    returns: Vec<Return>,
    event_orders: Vec<u128>,
    refund_orders: [Vec<(u128, u128)>; 2],
    sightings: Vec<Sighting>,
    rows: SplitRows,
    placed: Placed,
    line_ends: u64,
    /// The latest fingerprints.
    latest: Vec<Fingerprint>,
    /// Those before it, by partition.
    prints: Vec<Vec<Fingerprint>>,
    /// How many they are.
    waiting: usize,
    sorts: Sorts,
    accounts: Accounts,
    tags: Vec<(Tag, Total)>,
    what_numbers: HashMap<(u32, Option<Day>), u32>,
    /// The business day of the last record, and how many had it in a row.
    day_run: (Day, u64),
}

/// What many records have in common: looked at once for all of them.
struct Sort {
    /// All of it in one number.
    bits: u64,
    kind: Kind,
    status: Status,
    direction: Direction,
    currency: Currency,
    /// Whether records of it take part, as far as their kind decides.
    takes_part: bool,
}

/// The sorts of a split, few as a rule; the last one is remembered.
#[derive(Default)]
struct Sorts {
    list: Vec<Sort>,
    last: usize,
}

impl Sorts {
    #[inline]
    fn number(&mut self, columns: &Columns<'_>, row: usize) -> usize {
        let (kind, status, direction) = (columns.kind[row], columns.status[row], columns.direction[row]);
        let currency = columns.currency[row];
        let [a, b, c] = currency.letters();
        let bits = u64::from_le_bytes([kind as u8, status as u8, direction as u8, a, b, c, currency.exponent(), 0]);
        if self.list.get(self.last).is_some_and(|sort| sort.bits == bits) {
            return self.last;
        }
        self.last = self.list.iter().position(|sort| sort.bits == bits).unwrap_or_else(|| {
            let takes_part = outside_this_edge(kind).is_none();
            self.list.push(Sort { bits, kind, status, direction, currency, takes_part });
            self.list.len() - 1
        });
        self.last
    }
}

/// An account of a split.
struct Account {
    name: String,
    hasher: KeyHasher,
    /// Whether its statement's fees follow a schedule.
    scheduled: bool,
    /// Whether its records take part.
    in_scope: bool,
    /// The number of the tag of each sort; [`NO_TAG`] where it has none yet.
    tags: Vec<u32>,
}

const NO_TAG: u32 = u32::MAX;

/// The accounts of a split by number, found without copying a name.
#[derive(Default)]
struct Accounts {
    list: Vec<Account>,
    numbers: HashMap<String, usize>,
    /// The account that had a hash of few bits last.
    recent: Vec<usize>,
    last: usize,
}

/// How many accounts are found without a look into the map.
const RECENT: usize = 1_024;

impl Accounts {
    #[inline]
    fn number(&mut self, night: &Night<'_>, file: &NightFile, name: &str) -> usize {
        if self.list.get(self.last).is_some_and(|account| same_text(&account.name, name)) {
            return self.last;
        }
        self.last = self.look_up(night, file, name);
        self.last
    }

    fn look_up(&mut self, night: &Night<'_>, file: &NightFile, name: &str) -> usize {
        if self.recent.is_empty() {
            self.recent = vec![0; RECENT];
        }
        let slot = usize::try_from(xxh3_64(name.as_bytes()) % RECENT as u64).unwrap_or(0);
        if self.list.get(self.recent[slot]).is_some_and(|account| account.name == name) {
            return self.recent[slot];
        }
        let number = self.numbers.get(name).copied().unwrap_or_else(|| {
            let hasher = KeyHasher::new(night.seed, name);
            let scheduled = night.policy.statement_of(name).is_some_and(|source| source.fees.is_some());
            let in_scope = is_in_scope(file, name);
            self.list.push(Account { name: name.to_owned(), hasher, scheduled, in_scope, tags: Vec::new() });
            self.numbers.insert(name.to_owned(), self.list.len() - 1);
            self.list.len() - 1
        });
        self.recent[slot] = number;
        number
    }
}

impl SplitScan {
    fn run(
        night: &Night<'_>,
        file: &NightFile,
        number: usize,
        split: &Split,
        (parts, shelf): (&Parts, &Shelf),
        progress: &Progress,
    ) -> Result<Self, Error> {
        let mut names = file.compared.wanted().to_vec();
        for column in file.open.controls.iter().flat_map(crate::formats::Control::columns) {
            if !names.iter().any(|name| name == column) {
                names.push(column.to_owned());
            }
        }
        let mut scan = Self {
            file: ScanFile { measured: Measured::of(&file.open.controls), ..ScanFile::default() },
            keyless: Vec::new(),
            returns: Vec::new(),
            event_orders: Vec::new(),
            refund_orders: [Vec::new(), Vec::new()],
            sightings: Vec::new(),
            rows: SplitRows::default(),
            placed: Placed::default(),
            line_ends: 0,
            latest: Vec::with_capacity(LATEST),
            prints: room_for_prints(split, parts.count()),
            waiting: 0,
            sorts: Sorts::default(),
            accounts: Accounts::default(),
            tags: Vec::new(),
            what_numbers: HashMap::new(),
            day_run: (Day(0), 0),
        };
        if night.wanted.rows && file.book != Book::Ledger {
            let likely = usize::try_from(likely_rows(split)).unwrap_or(0);
            scan.rows.reserve(likely, night.wanted.history);
        }
        file.open.read(split, &names, false, &mut |batch| {
            scan.file.measured.add(&file.open.controls, &names, &batch);
            scan.batch(night, file, number, &batch);
            if scan.waiting > HANDED_OVER {
                scan.hand_over(file.book, number, parts)?;
            }
            progress.did(batch.rows.len() as u64, 0);
            Ok(())
        })?;
        progress.did(0, file.open.bytes_of(split, &names));
        scan.finish(file.book, number, parts, shelf)?;
        Ok(scan)
    }

    /// Hands over the fingerprints so far.
    fn hand_over(&mut self, book: Book, number: usize, parts: &Parts) -> Result<(), Error> {
        let empty = vec![Vec::new(); parts.count()];
        let prints = std::mem::replace(&mut self.prints, empty);
        self.waiting = 0;
        parts.put(usize::from(book != Book::Ledger), number, prints)
    }

    fn finish(&mut self, book: Book, number: usize, parts: &Parts, shelf: &Shelf) -> Result<(), Error> {
        self.hand_over(book, number, parts)?;
        self.end_day_run();
        let tags = std::mem::take(&mut self.tags);
        for (tag, total) in &tags {
            if total.rows > 0 {
                self.file.totals.0.entry(tag.clone()).or_default().add(total);
            }
        }
        if !self.rows.rows.is_empty() {
            self.rows.kinds = tags.into_iter().map(|(tag, _)| tag).collect();
        }
        self.placed = shelf.put(std::mem::take(&mut self.rows))?;
        Ok(())
    }

    fn batch(&mut self, night: &Night<'_>, file: &NightFile, number: usize, raw: &RawBatch) {
        self.line_ends += raw.line_ends;
        self.reject(number, raw.faults.iter().cloned());
        let columns = file.compared.columns(raw);
        for (code, count) in &columns.unmapped {
            *self.file.unmapped.entry(code.clone()).or_default() += count;
        }
        for row in (0..columns.len()).filter(|&row| columns.rejected[row]) {
            self.file.rejected_amount += columns.principal[row];
        }
        self.reject(number, columns.rejects.iter().cloned());
        for row in 0..columns.len() {
            if !columns.rejected[row] {
                self.row(night, file, place_of(number, raw.rows[row]), &columns, row);
            }
        }
        self.scatter();
    }

    fn reject(&mut self, split: usize, rejects: impl Iterator<Item = Reject>) {
        for reject in rejects {
            self.file.rejected += 1;
            if self.file.rejects.len() < REJECTS_MAX {
                self.file.rejects.push((split, reject));
            }
        }
    }

    fn row(&mut self, night: &Night<'_>, file: &NightFile, place: u64, columns: &Columns<'_>, row: usize) {
        let sort_number = self.sorts.number(columns, row);
        let sort = &self.sorts.list[sort_number];
        let (kind, status, direction, currency) = (sort.kind, sort.status, sort.direction, sort.currency);
        let takes_part = sort.takes_part;
        let account_name = columns.account(row);
        let account_number = self.accounts.number(night, file, &account_name);
        let account = &mut self.accounts.list[account_number];
        let (hasher, scheduled) = (account.hasher, account.scheduled);
        let principal = columns.principal[row];
        let amount = columns.amount.get(row).copied().unwrap_or(principal);
        let fee = columns.fee.get(row).copied().flatten();
        let net = columns.net.get(row).copied().flatten();

        if !columns.balance_after.is_empty() {
            self.file.balance.follow(columns, row, direction, amount, fee);
        }
        let plain = takes_part && account.in_scope && file.held != Held::All && file.filter.is_none();
        if !plain && let Some(state) = aside(file, columns, row, &account_name) {
            let tag = Tag { account: account_name.into_owned(), kind, status, direction, currency };
            let totals = self.file.aside.entry(state).or_default();
            totals.0.entry(tag).or_default().count(direction, principal, amount, fee, net);
            return;
        }
        let tag = tag_of(&mut self.tags, account, sort, sort_number);
        self.tags[tag as usize].1.count(direction, principal, amount, fee, net);
        let day = columns.business_date.get(row).copied();
        self.follow_days(columns.occurred_at.get(row).copied(), day);
        if night.wanted.rows && file.book != Book::Ledger {
            self.rows.rows.push(row_of(place));
            self.rows.amounts.push(principal.get());
            let what = self.what(tag, day);
            self.rows.tags.push(what);
        }

        // Payments go by their order; of the others only the rules across groups ask for it.
        let is_payment = kind.class() == KindClass::Payment;
        let order_no = if is_payment || night.wanted.across { columns.order_no(row) } else { None };
        let event_no = if is_payment && order_no.is_some() { None } else { columns.event_no(row) };
        let number = event_number(kind, event_no.as_deref(), order_no.as_deref());
        let key = number.map(|number| hasher.hash(kind.class(), number));
        if night.wanted.history && file.book != Book::Ledger {
            self.rows.keys.push(key.unwrap_or(0));
            let number = columns.provider_txn_id(row);
            self.rows.txns.push(number.map_or(0, |number| txn_hash(night.seed, &number)));
        }
        if night.wanted.across {
            let order = order_no.as_deref().map(|order| hasher.hash(KindClass::Payment, order));
            self.look_across(night, file.book, place, columns, row, key, order);
        }
        let Some(key) = key else {
            self.keyless.push(place);
            return;
        };
        let of_ledger = file.book == Book::Ledger;
        let content = Content {
            book: file.book,
            status,
            kind,
            direction,
            currency,
            principal: principal.get(),
            day: day.filter(|_| night.wanted.dated),
            fee: compared_fee(night, file, columns, row, scheduled, amount, fee),
            tax: if night.policy.compared.tax { columns.tax.get(row).copied().flatten().map(Minor::get) } else { None },
            net_gap: if of_ledger { Sum::ZERO } else { net_gap(columns, row, direction, amount, fee) },
            notes: columns.notes[row],
            party: if night.policy.compared.counterparty && is_beneficiary(kind) {
                Party::of(columns.counterparty(row).as_deref(), night.seed)
            } else {
                Party::Nobody
            },
        };
        let mut hash = content.hash(night.seed);
        for at in 0..night.policy.compared.columns.len() {
            hash = with_column(hash, columns.compared(row, at).as_deref());
        }
        self.latest.push(Fingerprint { key, content: hash, place });
        if self.latest.len() == LATEST {
            self.scatter();
        }
    }

    /// Puts the latest fingerprints into their partitions. Each goes to memory that no cache has; done for many one
    /// after the other and nothing else, a processor waits for several at a time.
    fn scatter(&mut self) {
        let mask = self.prints.len() - 1;
        for print in &self.latest {
            self.prints[print.key as usize & mask].push(*print);
        }
        self.waiting += self.latest.len();
        self.latest.clear();
    }

    /// The number of a tag on a day. Rows of a day come in runs.
    fn what(&mut self, tag: u32, day: Option<Day>) -> u32 {
        let rows = &mut self.rows;
        if let Some(&last) = rows.tags.last()
            && rows.whats[last as usize] == (tag, day)
        {
            return last;
        }
        let next = u32::try_from(rows.whats.len()).expect("a split has fewer than 2³² tags");
        let number = *self.what_numbers.entry((tag, day)).or_insert(next);
        if number == next {
            rows.whats.push((tag, day));
        }
        number
    }

    #[inline]
    fn follow_days(&mut self, instant: Option<Instant>, day: Option<Day>) {
        if let Some(day) = day {
            if self.day_run.0 != day {
                self.end_day_run();
                self.day_run.0 = day;
            }
            self.day_run.1 += 1;
        }
        if let Some(instant) = instant {
            self.file.latest = Some(self.file.latest.map_or(instant, |latest| latest.max(instant)));
        }
    }

    fn end_day_run(&mut self) {
        let (day, count) = (self.day_run.0, std::mem::take(&mut self.day_run.1));
        if count > 0 {
            *self.file.rows_by_day.entry(day).or_default() += count;
            self.file.days = Some(self.file.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one row's parts, taken apart once")]
    fn look_across(
        &mut self,
        night: &Night<'_>,
        book: Book,
        place: u64,
        columns: &Columns<'_>,
        row: usize,
        key: Option<u128>,
        order: Option<u128>,
    ) {
        let (kind, amount, currency) = (columns.kind[row], columns.principal[row], columns.currency[row]);
        let at = columns.occurred_at.get(row).copied().unwrap_or(Instant(0));
        let moved = columns.status[row] == Status::Success;
        let event = key.unwrap_or_else(|| u128::from(place));
        if super::goes_back(kind) {
            self.event_orders.extend(order);
        }
        if kind == Kind::Refund
            && !matches!(columns.status[row], Status::Failed | Status::Closed)
            && let Some(order) = order
        {
            self.refund_orders[usize::from(book != Book::Ledger)].push((order, event));
        }
        if book == Book::Ledger || !moved {
            return;
        }
        if let (Kind::Refund | Kind::Chargeback, Some(order)) = (kind, order) {
            self.returns.push(Return { order, event, place, kind, currency, amount });
        }
        if matches!(kind, Kind::Payment | Kind::Payout)
            && night.wanted.look_alikes.is_some()
            && let (Some(party), Some(order)) = (columns.counterparty(row), key.or(order))
            && !night.allowed_parties.contains(party.as_ref())
            && amount > Minor::ZERO
        {
            let text = format!("{party}\u{1f}{}\u{1f}{currency}\u{1f}{kind}", amount.get());
            let tie = columns.provider_txn_id(row).or_else(|| columns.order_no(row));
            let tie = tie.map_or(0, |text| xxh3_64(text.as_bytes()));
            let likeness = KeyHasher::new(night.seed, "likeness").hash(KindClass::Payment, &text);
            self.sightings.push(Sighting { likeness, at, tie, order, place, amount });
        }
    }
}

/// Fingerprints of a split by partition, with room for as many as are likely to come.
fn room_for_prints(split: &Split, parts: usize) -> Vec<Vec<Fingerprint>> {
    let each = usize::try_from(likely_rows(split)).unwrap_or(0).min(HANDED_OVER) / parts;
    let room = if parts == 1 { each } else { each + each / 8 + 8 };
    (0..parts).map(|_| Vec::with_capacity(room)).collect()
}

/// The number of the tag of an account and a sort.
#[inline]
fn tag_of(tags: &mut Vec<(Tag, Total)>, account: &mut Account, sort: &Sort, sort_number: usize) -> u32 {
    match account.tags.get(sort_number) {
        Some(&tag) if tag != NO_TAG => tag,
        _ => {
            let next = u32::try_from(tags.len()).ok().filter(|&next| next != NO_TAG);
            let next = next.expect("a split has fewer than 2³² tags");
            let Sort { kind, status, direction, currency, .. } = *sort;
            tags.push((Tag { account: account.name.clone(), kind, status, direction, currency }, Total::default()));
            account.tags.resize(account.tags.len().max(sort_number + 1), NO_TAG);
            account.tags[sort_number] = next;
            next
        }
    }
}

/// Equality of texts of which both are often empty. Two empty texts have no address worth reading, and
/// the comparison of the C library reads it all the same, at a hundred cycles a time.
fn same_text(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

fn is_in_scope(file: &NightFile, account: &str) -> bool {
    file.accounts.is_empty() || file.accounts.iter().any(|one| one == account)
}

/// Why a record takes no part, if it does not.
pub(crate) fn aside(file: &NightFile, columns: &Columns<'_>, row: usize, account: &str) -> Option<State> {
    if let Some(state) = outside_this_edge(columns.kind[row]) {
        return Some(state);
    }
    if !is_in_scope(file, account) {
        return Some(State::OutOfScope);
    }
    if file.held == Held::All {
        return Some(State::Held);
    }
    let selected = file.filter.as_ref().is_none_or(|filter| selects(filter, file, columns, row));
    (!selected).then_some(State::Filtered)
}

fn selects(filter: &Condition, file: &NightFile, columns: &Columns<'_>, row: usize) -> bool {
    let text = |text: Option<Cow<'_, str>>| text.map_or(Value::Null, |text| Value::Text(text.into_owned()));
    let money = |minor: Option<Minor>| minor.map_or(Value::Null, |minor| Value::integer(i128::from(minor.get())));
    filter.selects(&|name| match name {
        "account" => Value::Text(columns.account(row).into_owned()),
        "kind" => Value::Text(columns.kind[row].word().to_owned()),
        "status" => Value::Text(columns.status[row].word().to_owned()),
        "direction" => Value::Text(columns.direction[row].word().to_owned()),
        "currency" => Value::Text(columns.currency[row].code().to_owned()),
        "amount_minor" => {
            let amount = columns.amount.get(row).copied().unwrap_or(columns.principal[row]);
            money(Some(if columns.direction[row] == Direction::Out { -amount } else { amount }))
        }
        "fee_minor" => money(columns.fee.get(row).copied().flatten()),
        "order_no" => text(columns.order_no(row)),
        "event_no" => text(columns.event_no(row)),
        "provider_txn_id" => text(columns.provider_txn_id(row)),
        "counterparty" => text(columns.counterparty(row)),
        "occurred_at" => columns.occurred_at.get(row).map_or(Value::Null, |instant| Value::Instant(instant.0)),
        "business_date" => columns.business_date.get(row).map_or(Value::Null, |day| Value::Date(i64::from(day.0))),
        extra => match file.extra.iter().position(|name| name == extra) {
            Some(at) => text(columns.extra(row, at)),
            None => Value::Null,
        },
    })
}

/// The fee as both sides hash it: its gap to the schedule where one applies, itself where the
/// ledger's fee is the expectation, nothing where nobody expects one.
fn compared_fee(
    night: &Night<'_>,
    file: &NightFile,
    columns: &Columns<'_>,
    row: usize,
    scheduled: bool,
    amount: Minor,
    fee: Option<Minor>,
) -> Option<Sum> {
    if file.book == Book::Ledger {
        return if scheduled { Some(Sum::ZERO) } else { fee.filter(|_| night.policy.compared.fee).map(Sum::from) };
    }
    let case = FeeCase {
        kind: columns.kind[row],
        day: columns.business_date.get(row).copied(),
        currency: columns.currency[row],
        amount,
        order_amount: columns.order_amount.get(row).copied().flatten().unwrap_or(amount),
    };
    let charged = fee.unwrap_or(Minor::ZERO);
    match scheduled_fee(case, night.policy, file.source) {
        Some(FeeExpectation::Known(expected)) => Some(charged - expected),
        Some(FeeExpectation::NoRule | FeeExpectation::None) => Some(Sum::from(charged)),
        None => fee.filter(|_| night.policy.compared.fee).map(Sum::from),
    }
}

fn net_gap(columns: &Columns<'_>, row: usize, direction: Direction, amount: Minor, fee: Option<Minor>) -> Sum {
    let Some(printed) = columns.net.get(row).copied().flatten() else { return Sum::ZERO };
    let signed = if direction == Direction::Out { -amount } else { amount };
    let tax = columns.tax.get(row).copied().flatten().unwrap_or(Minor::ZERO);
    Sum::from(printed) - (Sum::from(signed) + Sum::from(fee.unwrap_or(Minor::ZERO)) + Sum::from(tax))
}

impl ScanFile {
    /// The share of rows that were rejected, in a million.
    #[must_use]
    pub fn rejected_per_million(&self) -> u64 {
        let aside: u64 = self.aside.values().map(Totals::rows).sum();
        let rows = self.totals.rows() + aside + self.rejected;
        (self.rejected * 1_000_000).checked_div(rows).unwrap_or(0)
    }

    /// What each of the file's own totals came to.
    #[must_use]
    pub fn controls(&self, controls: &[crate::formats::Control]) -> Vec<(String, Exact, Exact, bool)> {
        let verdicts = self.measured.against(controls);
        controls
            .iter()
            .zip(verdicts)
            .map(|(control, (computed, ties))| (control.name.clone(), control.declared, computed, ties))
            .collect()
    }
}
