//! One split in work: some records at a time, question by question.
//!
//! ```text
//!  batch ─▶ columns ─ chunks ─┬─ admit    who takes part; what they come to
//!                             ├─ name     their keys
//!                             ├─ keep     what evidence and history ask for
//!                             ├─ across   what the rules across groups ask for
//!                             └─ print    fingerprints, put into their partitions
//! ```
//!
//! Each step looks at few columns and leaves its answers in lists that are as long as a chunk, so that they stay in a
//! cache and a processor works on several records at a time.

use std::collections::HashMap;

use tieout_kernel::across::Sighting;
use tieout_kernel::calendar::Day;
use tieout_kernel::fee::{FeeCase, FeeExpectation, FeeSchedule};
use tieout_kernel::fingerprint::{Content, column_hash, with_column};
use tieout_kernel::key::{KeyHasher, KindClass, event_number};
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::party::{Party, is_beneficiary};
use tieout_kernel::record::{Book, Direction, Instant, Kind, Status};
use xxhash_rust::xxh3::xxh3_64;

use super::aside::aside;
use super::common::{Accounts, Sorts, tag_of};
use super::parts::{Parts, Sheaf, Waiting};
use super::rows::{Placed, Shelf, SplitRows};
use super::scan::{REJECTS_MAX, Return, ScanFile, likely_rows};
use super::totals::{Tag, Total};
use super::{Held, Night, NightFile, place_of};
use crate::carry::history::txn_hash;
use crate::error::Error;
use crate::formats::{Measured, RawBatch, Split};
use crate::normalise::{Columns, Once};
use crate::progress::Progress;
use crate::reject::Reject;

/// Records that are looked at together: few enough for a cache.
const CHUNK: usize = 1 << 13;
/// Fingerprints that are put in order of partitions at a time, at least.
const SHEAF: usize = 1 << 15;
/// As many of each partition on average, so that reading one back does not jump from record to record.
const OF_A_PARTITION: usize = 32;
/// Fingerprints of a split that are handed over before it ends.
const HANDED_OVER: usize = 1 << 20;

/// What one split gave.
#[derive(Default)]
pub(super) struct Gave {
    pub(super) file: ScanFile,
    pub(super) keyless: Vec<u64>,
    pub(super) returns: Vec<Return>,
    pub(super) event_orders: Vec<u128>,
    pub(super) refund_orders: [Vec<(u128, u128)>; 2],
    pub(super) sightings: Vec<Sighting>,
    pub(super) placed: Placed,
    pub(super) line_ends: u64,
}

/// What it takes to read a split.
pub(super) struct SplitScan {
    gave: Gave,
    rows: SplitRows,
    /// The latest fingerprints.
    latest: Vec<Waiting>,
    /// Those before them, in order of partitions.
    sheaves: Vec<Sheaf>,
    sorts: Sorts,
    accounts: Accounts,
    tags: Vec<(Tag, Total)>,
    what_numbers: HashMap<(u32, Option<Day>), u32>,
    /// The business day of the last record, and how many had it in a row.
    day_run: (Day, u64),
}

/// The records of a chunk that take part; all lists have one length.
#[derive(Default)]
struct Taken {
    /// Their rows within the batch.
    rows: Vec<usize>,
    /// Numbers of their sorts.
    sorts: Vec<usize>,
    /// Numbers of their accounts.
    accounts: Vec<usize>,
    /// Numbers of their tags.
    tags: Vec<u32>,
    /// Their keys, or [`NO_KEY`].
    keys: Vec<u128>,
}

/// The key of a record without a number; no hash is zero but by a chance that nobody lives to see.
const NO_KEY: u128 = 0;

/// Fingerprints of a sheaf with so many partitions.
fn sheaf_of(parts: usize) -> usize {
    SHEAF.max(parts * OF_A_PARTITION)
}

impl SplitScan {
    /// Reads all of a split.
    pub(super) fn run(
        night: &Night<'_>,
        file: &NightFile,
        number: usize,
        split: &Split,
        (parts, shelf): (&Parts, &Shelf),
        progress: &Progress,
    ) -> Result<Gave, Error> {
        let mut names = file.compared.wanted().to_vec();
        for column in file.open.controls.iter().flat_map(crate::formats::Control::columns) {
            if !names.iter().any(|name| name == column) {
                names.push(column.to_owned());
            }
        }
        let sheaf = sheaf_of(parts.count());
        let mut scan = Self {
            gave: Gave {
                file: ScanFile { measured: Measured::of(&file.open.controls), ..ScanFile::default() },
                ..Gave::default()
            },
            rows: SplitRows::default(),
            latest: Vec::with_capacity(sheaf + CHUNK),
            sheaves: Vec::new(),
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
        let mut taken = Taken::default();
        file.open.read(split, &names, false, &mut |batch| {
            scan.gave.file.measured.add(&file.open.controls, &names, &batch);
            scan.batch(night, file, number, &batch, parts.count(), &mut taken);
            if scan.sheaves.len() > HANDED_OVER / sheaf {
                scan.hand_over(file.book, number, parts)?;
            }
            progress.did(batch.rows.len() as u64, 0);
            Ok(())
        })?;
        progress.did(0, file.open.bytes_of(split, &names));
        scan.finish(file.book, number, parts, shelf)
    }

    /// Hands over the fingerprints so far.
    fn hand_over(&mut self, book: Book, number: usize, parts: &Parts) -> Result<(), Error> {
        parts.put(usize::from(book != Book::Ledger), number, std::mem::take(&mut self.sheaves))
    }

    fn finish(mut self, book: Book, number: usize, parts: &Parts, shelf: &Shelf) -> Result<Gave, Error> {
        self.bind(parts.count());
        self.hand_over(book, number, parts)?;
        self.end_day_run();
        let tags = std::mem::take(&mut self.tags);
        for (tag, total) in &tags {
            if total.rows > 0 {
                self.gave.file.totals.0.entry(tag.clone()).or_default().add(total);
            }
        }
        if !self.rows.rows.is_empty() {
            self.rows.kinds = tags.into_iter().map(|(tag, _)| tag).collect();
        }
        self.gave.placed = shelf.put(self.rows)?;
        Ok(self.gave)
    }

    fn batch(
        &mut self,
        night: &Night<'_>,
        file: &NightFile,
        number: usize,
        raw: &RawBatch,
        parts: usize,
        taken: &mut Taken,
    ) {
        self.gave.line_ends += raw.line_ends;
        self.reject(number, raw.faults.iter().cloned());
        let columns = file.compared.columns(raw);
        for (code, count) in &columns.unmapped {
            *self.gave.file.unmapped.entry(code.clone()).or_default() += count;
        }
        for row in (0..columns.len()).filter(|&row| columns.rejected[row]) {
            self.gave.file.rejected_amount += columns.principal[row];
        }
        self.reject(number, columns.rejects.iter().cloned());
        let accounts = columns.accounts(|name| self.accounts.number(night, file, &name.unwrap_or_default()));
        let hashes = |at: usize| columns.texts_compared(at, |text| column_hash(text.as_deref(), night.seed));
        let compared: Vec<Once<'_, u64>> = (0..night.policy.compared.columns.len()).map(hashes).collect();
        for from in (0..columns.len()).step_by(CHUNK) {
            let rows = from..columns.len().min(from + CHUNK);
            self.admit(night, file, &columns, rows, &accounts, taken);
            self.name(&columns, taken);
            let place = |row: usize| place_of(number, raw.rows[row]);
            if night.wanted.rows && file.book != Book::Ledger {
                self.keep(night, &columns, &raw.rows, taken);
            }
            if night.wanted.across {
                self.look_across(night, file.book, &columns, taken, place);
            }
            let keyless = taken.records().filter(|(_, key, ..)| *key == NO_KEY);
            self.gave.keyless.extend(keyless.map(|(row, ..)| place(row)));
            self.print(night, file, &columns, &raw.rows, &compared, taken);
            if self.latest.len() >= sheaf_of(parts) {
                self.bind(parts);
            }
        }
    }

    fn reject(&mut self, split: usize, rejects: impl Iterator<Item = Reject>) {
        for reject in rejects {
            self.gave.file.rejected += 1;
            if self.gave.file.rejects.len() < REJECTS_MAX {
                self.gave.file.rejects.push((split, reject));
            }
        }
    }

    /// Who takes part, and what they come to.
    fn admit(
        &mut self,
        night: &Night<'_>,
        file: &NightFile,
        columns: &Columns<'_>,
        rows: std::ops::Range<usize>,
        accounts: &Once<'_, usize>,
        taken: &mut Taken,
    ) {
        taken.clear();
        let all_of_file = file.held != Held::All && file.filter.is_none();
        let prints_balances = !columns.balance_after.is_empty();
        for row in rows.filter(|&row| !columns.rejected[row]) {
            let sort_number = self.sorts.number(columns, row);
            let account_number = accounts.get(row, |name| self.accounts.number(night, file, &name.unwrap_or_default()));
            let sort = &self.sorts.list[sort_number];
            let account = &mut self.accounts.list[account_number];
            let principal = columns.principal[row];
            let amount = columns.amount.get(row).copied().unwrap_or(principal);
            let fee = columns.fee.get(row).copied().flatten();
            let net = columns.net.get(row).copied().flatten();
            if prints_balances {
                self.gave.file.balance.follow(columns, row, sort.direction, amount, fee);
            }
            let takes_part = sort.takes_part && account.in_scope && all_of_file;
            if !takes_part && let Some(state) = aside(file, columns, row, &account.name) {
                let totals = self.gave.file.aside.entry(state).or_default();
                let total = totals.0.entry(sort.tag_with(&account.name)).or_default();
                total.count(sort.direction, principal, amount, fee, net);
                continue;
            }
            let tag = tag_of(&mut self.tags, account, sort, sort_number);
            self.tags[tag as usize].1.count(sort.direction, principal, amount, fee, net);
            taken.rows.push(row);
            taken.sorts.push(sort_number);
            taken.accounts.push(account_number);
            taken.tags.push(tag);
        }
        if !columns.occurred_at.is_empty() {
            taken.rows.iter().for_each(|&row| self.follow_days(columns.occurred_at[row], columns.business_date[row]));
        }
    }

    /// Their keys. Payments go by their order.
    fn name(&self, columns: &Columns<'_>, taken: &mut Taken) {
        let Taken { rows, sorts, accounts, keys, .. } = taken;
        keys.extend(rows.iter().zip(&*sorts).zip(&*accounts).map(|((&row, &sort), &account)| {
            let kind = self.sorts.list[sort].kind;
            let is_payment = kind.class() == KindClass::Payment;
            let order_no = if is_payment { columns.order_no(row) } else { None };
            let event_no = if is_payment && order_no.is_some() { None } else { columns.event_no(row) };
            let number = event_number(kind, event_no.as_deref(), order_no.as_deref());
            number.map_or(NO_KEY, |number| self.accounts.list[account].hasher.hash(kind.class(), number))
        }));
    }

    /// What evidence and history ask for.
    fn keep(&mut self, night: &Night<'_>, columns: &Columns<'_>, places: &[u32], taken: &Taken) {
        for (&row, &tag) in taken.rows.iter().zip(&taken.tags) {
            self.rows.rows.push(places[row]);
            self.rows.amounts.push(columns.principal[row].get());
            let what = self.what(tag, columns.business_date.get(row).copied());
            self.rows.tags.push(what);
        }
        if night.wanted.history {
            self.rows.keys.extend(&taken.keys);
            let txn = |&row: &usize| columns.provider_txn_id(row).map_or(0, |number| txn_hash(night.seed, &number));
            self.rows.txns.extend(taken.rows.iter().map(txn));
        }
    }

    /// Fingerprints of what has a key.
    fn print(
        &mut self,
        night: &Night<'_>,
        file: &NightFile,
        columns: &Columns<'_>,
        places: &[u32],
        compared: &[Once<'_, u64>],
        taken: &Taken,
    ) {
        let policy = &night.policy.compared;
        let of_ledger = file.book == Book::Ledger;
        let schedule = night.policy.source(file.source).fees.as_ref().filter(|_| !of_ledger);
        let money = |column: &[Option<Minor>], row: usize| column.get(row).copied().flatten();
        for (row, key, sort, account) in taken.records().filter(|(_, key, ..)| *key != NO_KEY) {
            let sort = &self.sorts.list[sort];
            let principal = columns.principal[row];
            let amount = columns.amount.get(row).copied().unwrap_or(principal);
            let fee = money(&columns.fee, row);
            let compared_fee = match schedule {
                Some(schedule) => Some(gap_to(schedule, columns, row, amount, fee)),
                None if of_ledger && self.accounts.list[account].scheduled => Some(Sum::ZERO),
                None => fee.filter(|_| policy.fee).map(Sum::from),
            };
            let content = Content {
                book: file.book,
                status: sort.status,
                kind: sort.kind,
                direction: sort.direction,
                currency: sort.currency,
                principal: principal.get(),
                day: columns.business_date.get(row).copied().filter(|_| night.wanted.dated),
                fee: compared_fee,
                tax: if policy.tax { money(&columns.tax, row).map(Minor::get) } else { None },
                net_gap: if of_ledger { Sum::ZERO } else { net_gap(columns, row, sort.direction, amount, fee) },
                notes: columns.notes[row],
                party: if policy.counterparty && is_beneficiary(sort.kind) {
                    Party::of(columns.counterparty(row).as_deref(), night.seed)
                } else {
                    Party::Nobody
                },
            };
            let mut hash = content.hash(night.seed);
            for column in compared {
                hash = with_column(hash, column.get(row, |text| column_hash(text.as_deref(), night.seed)));
            }
            self.latest.push(Waiting { key, content: hash, row: places[row] });
        }
    }

    /// Binds the fingerprints so far to a sheaf.
    fn bind(&mut self, parts: usize) {
        if !self.latest.is_empty() {
            self.sheaves.push(Sheaf::of(&self.latest, parts));
            self.latest.clear();
        }
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
    fn follow_days(&mut self, instant: Instant, day: Day) {
        if self.day_run.0 != day {
            self.end_day_run();
            self.day_run.0 = day;
        }
        self.day_run.1 += 1;
        self.gave.file.latest = Some(self.gave.file.latest.map_or(instant, |latest| latest.max(instant)));
    }

    fn end_day_run(&mut self) {
        let (day, count) = (self.day_run.0, std::mem::take(&mut self.day_run.1));
        if count > 0 {
            *self.gave.file.rows_by_day.entry(day).or_default() += count;
            self.gave.file.days =
                Some(self.gave.file.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
        }
    }

    /// What the rules across groups ask for.
    fn look_across(
        &mut self,
        night: &Night<'_>,
        book: Book,
        columns: &Columns<'_>,
        taken: &Taken,
        place: impl Fn(usize) -> u64,
    ) {
        for (row, key, sort, account) in taken.records() {
            let sort = &self.sorts.list[sort];
            let (kind, status, currency) = (sort.kind, sort.status, sort.currency);
            let (amount, place) = (columns.principal[row], place(row));
            let key = Some(key).filter(|key| *key != NO_KEY);
            let moved = book != Book::Ledger && status == Status::Success;
            let may_look_alike =
                moved && matches!(kind, Kind::Payment | Kind::Payout) && night.wanted.look_alikes.is_some();
            if !kind.goes_back() && !may_look_alike {
                continue;
            }
            let hasher = self.accounts.list[account].hasher;
            let order = columns.order_no(row).map(|order| hasher.hash(KindClass::Payment, &order));
            let event = key.unwrap_or_else(|| u128::from(place));
            if kind.goes_back() {
                self.gave.event_orders.extend(order);
            }
            if kind == Kind::Refund
                && !matches!(status, Status::Failed | Status::Closed)
                && let Some(order) = order
            {
                self.gave.refund_orders[usize::from(book != Book::Ledger)].push((order, event));
            }
            if let (Kind::Refund | Kind::Chargeback, Some(order)) = (kind, order)
                && moved
            {
                self.gave.returns.push(Return { order, event, place, kind, currency, amount });
            }
            if may_look_alike
                && let (Some(party), Some(order)) = (columns.counterparty(row), key.or(order))
                && !night.allowed_parties.contains(party.as_ref())
                && amount > Minor::ZERO
            {
                let at = columns.occurred_at.get(row).copied().unwrap_or(Instant(0));
                let text = format!("{party}\u{1f}{}\u{1f}{currency}\u{1f}{kind}", amount.get());
                let tie = columns.provider_txn_id(row).or_else(|| columns.order_no(row));
                let tie = tie.map_or(0, |text| xxh3_64(text.as_bytes()));
                let likeness = KeyHasher::new(night.seed, "likeness").hash(KindClass::Payment, &text);
                self.gave.sightings.push(Sighting { likeness, at, tie, order, place, amount });
            }
        }
    }
}

impl Taken {
    fn clear(&mut self) {
        self.rows.clear();
        self.sorts.clear();
        self.accounts.clear();
        self.tags.clear();
        self.keys.clear();
    }

    /// Row, key, sort and account of each.
    fn records(&self) -> impl Iterator<Item = (usize, u128, usize, usize)> {
        let records = self.rows.iter().zip(&self.keys).zip(self.sorts.iter().zip(&self.accounts));
        records.map(|((&row, &key), (&sort, &account))| (row, key, sort, account))
    }
}

/// What a statement's fee is apart from its schedule: both sides hash this where there is one, and the fee itself where
/// the ledger's is the expectation.
fn gap_to(schedule: &FeeSchedule, columns: &Columns<'_>, row: usize, amount: Minor, fee: Option<Minor>) -> Sum {
    let case = FeeCase {
        kind: columns.kind[row],
        day: columns.business_date.get(row).copied(),
        currency: columns.currency[row],
        amount,
        order_amount: columns.order_amount.get(row).copied().flatten().unwrap_or(amount),
    };
    let charged = fee.unwrap_or(Minor::ZERO);
    match schedule.expected(case) {
        FeeExpectation::Known(expected) => charged - expected,
        // Nobody expects one.
        FeeExpectation::NoRule | FeeExpectation::None => Sum::from(charged),
    }
}

fn net_gap(columns: &Columns<'_>, row: usize, direction: Direction, amount: Minor, fee: Option<Minor>) -> Sum {
    let Some(printed) = columns.net.get(row).copied().flatten() else { return Sum::ZERO };
    let signed = if direction == Direction::Out { -amount } else { amount };
    let tax = columns.tax.get(row).copied().flatten().unwrap_or(Minor::ZERO);
    Sum::from(printed) - (Sum::from(signed) + Sum::from(fee.unwrap_or(Minor::ZERO)) + Sum::from(tax))
}
