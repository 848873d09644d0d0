//! The fast path: scan, agree, and fetch what does not.
//!
//! ```text
//!  files ─ scan (parallel splits) ─▶ fingerprints by partition, totals, rejects
//!        ─ agree (parallel partitions) ─▶ matches as pairs of places, residue as places
//!        ─ fetch (parallel splits) ─▶ residue as records
//! ```
//!
//! A place names a record: the split's number and the row within it. Splits are numbered by source,
//! file and offset, so places are in the order of the input whatever thread read them. Records that
//! were carried from earlier nights come before all of them.

mod aside;
mod common;
mod fetch;
mod parts;
mod rows;
mod scan;
mod split;
mod totals;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use tieout_kernel::across::{Before, Mark, Sighting, look_alikes};
use tieout_kernel::currency::Currency;
use tieout_kernel::fingerprint::{Asked, agree};
use tieout_kernel::key::KindClass;
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::policy::Policy;
use tieout_kernel::record::{Book, Kind, Status};

pub(crate) use aside::aside;
pub use fetch::{Residue, Stored, fetch, fetch_lots, fits_whole, room_for};
pub use parts::part_of;
pub use rows::{RowReader, Rows, StatementRow};
pub use scan::{Return, Scan, ScanFile, partitions, scan};
pub use totals::{Tag, Total, Totals};

use crate::carry::history::{Filter, Found};
use crate::carry::pool::Known;
use crate::error::Error;
use crate::expression::Condition;
use crate::formats::{OpenFile, Split};
use crate::memory::Memory;
use crate::normalise::{Mapping, Needs, Normaliser, Principal, TextRule};

/// A file as the fast path reads it.
#[derive(Debug)]
pub struct NightFile {
    /// The source, as its number in the policy.
    pub source: u16,
    /// The side.
    pub book: Book,
    /// The file.
    pub open: OpenFile,
    /// Reads what is compared.
    pub compared: Normaliser,
    /// Reads everything.
    pub full: Normaliser,
    /// Which records take part.
    pub filter: Option<Condition>,
    /// The columns carried to the reports.
    pub extra: Vec<String>,
    /// Accounts whose records take part; empty when all do.
    pub accounts: Vec<String>,
    /// Which of its records are held because a statement is missing or blocked.
    pub held: Held,
}

/// Records that wait for a statement.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Held {
    /// None.
    #[default]
    None,
    /// Those of some accounts.
    Accounts(Vec<String>),
    /// All: they are put aside as they are read, because nothing of them can be trusted.
    All,
}

impl Held {
    /// Whether a record of an account that takes part is held.
    #[must_use]
    pub fn holds(&self, account: &str) -> bool {
        match self {
            Self::None => false,
            Self::Accounts(accounts) => accounts.iter().any(|one| one == account),
            Self::All => true,
        }
    }
}

/// What of the fast path's by-products is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "by-products that are each wanted or not")]
pub struct Wanted {
    /// Each match as a pair of places, for evidence and for the nights after; else they are only counted.
    pub pairs: bool,
    /// Rows and amounts of statement records, for evidence and for the rules across groups.
    pub rows: bool,
    /// What the rules across groups look at.
    pub across: bool,
    /// Window of look-alikes in microseconds; `None` when the rule is off.
    pub look_alikes: Option<i64>,
    /// Whether records have dates that are compared.
    pub dated: bool,
    /// Whether what matches is remembered for the nights after.
    pub history: bool,
}

/// All files of a run with their splits numbered.
#[derive(Debug)]
pub struct Night<'p> {
    /// The rules.
    pub policy: &'p Policy,
    /// The files, by source and name.
    pub files: Vec<NightFile>,
    /// Their splits: file and part, in order.
    pub splits: Vec<(usize, Split)>,
    /// What is wanted besides matches and residue.
    pub wanted: Wanted,
    /// Other parties to whom the look-alike rule does not apply.
    pub allowed_parties: BTreeSet<String>,
    /// Seed of all hashes of the run.
    pub seed: u64,
    /// How much memory there is for all of it.
    pub memory: Memory,
}

/// What of a file's records is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'l> {
    /// Which amount is compared.
    pub principal: Principal,
    /// Further columns that are compared.
    pub columns: &'l [TextRule],
    /// Whether the provider's number is: by it what agrees is remembered, and look-alikes are told apart.
    pub numbers: bool,
}

impl NightFile {
    /// Binds a file to its mapping.
    #[must_use]
    pub fn new(
        source: u16,
        book: Book,
        open: OpenFile,
        mapping: &Mapping,
        compared: &Looked<'_>,
        filter: Option<Condition>,
    ) -> Self {
        let Looked { principal, columns: compared_rules, numbers } = *compared;
        // A filter may name any field.
        let everything = filter.is_some();
        let needs = Needs {
            amount: true,
            fees: true,
            keys: true,
            // What agrees tonight is remembered by it: another number tomorrow is another payment.
            provider_txn_id: numbers && book != Book::Ledger,
            times: true,
            counterparty: true,
            balance: true,
            everything,
            compared: compared_rules.to_vec(),
        };
        let compared = Normaliser::new(mapping, principal, needs, &open);
        let full = Normaliser::new(mapping, principal, Needs::everything(compared_rules.to_vec()), &open);
        let extra = mapping.extra.iter().map(|(name, _)| name.clone()).collect();
        Self { source, book, open, compared, full, filter, extra, accounts: Vec::new(), held: Held::None }
    }
}

impl<'p> Night<'p> {
    /// Numbers the splits of some files.
    #[must_use]
    pub fn new(policy: &'p Policy, files: Vec<NightFile>, wanted: Wanted, seed: u64, memory: Memory) -> Self {
        let splits =
            files.iter().enumerate().flat_map(|(at, file)| file.open.splits.iter().map(move |split| (at, *split)));
        let splits = splits.collect();
        Self { policy, files, splits, wanted, allowed_parties: BTreeSet::new(), seed, memory }
    }

    /// Into how many partitions its keys are put, where there is no night before.
    #[must_use]
    pub fn partitions(&self) -> usize {
        partitions(self.splits.iter().map(|(_, split)| split), 0)
    }

    /// The file of a place.
    #[must_use]
    pub fn file_of(&self, place: u64) -> &NightFile {
        &self.files[self.splits[split_of(place)].0]
    }
}

/// The split number of a place in one of tonight's files.
#[must_use]
pub fn split_of(place: u64) -> usize {
    usize::try_from((place >> 32).saturating_sub(1)).expect("a split number has 32 bits")
}

/// Whether a place is that of a carried record.
#[must_use]
pub fn is_carried(place: u64) -> bool {
    place >> 32 == 0
}

/// The row within its split of a place.
#[must_use]
pub fn row_of(place: u64) -> u32 {
    u32::try_from(place & u64::from(u32::MAX)).expect("the low half has 32 bits")
}

/// The place of a row of a split.
#[must_use]
pub fn place_of(split: usize, row: u32) -> u64 {
    ((split as u64 + 1) << 32) | u64::from(row)
}

/// What earlier nights left that concerns tonight.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'e> {
    /// Records that take part again; the place of each is its position.
    pub carried: &'e [Known],
    /// What the history has under tonight's keys and orders.
    pub found: &'e Found,
}

impl Earlier<'static> {
    /// Nothing, where there is no night before.
    pub const NOTHING: Self = Self { carried: &[], found: &Found { rows: Vec::new(), reach: 0 } };
}

/// What the fast path came to.
#[derive(Debug, Default)]
pub struct Agreed {
    /// How many matches there are.
    pub matched: u64,
    /// Ledger place and statement place of each, in order of the statement's; empty unless wanted.
    pub matches: Vec<(u64, u64)>,
    /// Whether a side may have a key more than once: ledger, statement. What repeats is told apart by all that
    /// its rows say.
    pub repeated: [bool; 2],
    /// Places of both books that need the full rules: first those that no partition has, then those of each.
    pub residue: Vec<Vec<u64>>,
    /// What the rules across groups found, by place.
    pub marks: BTreeMap<u64, Mark>,
    /// Orders, by hash and ascending, on which more may have gone back than came in: all their
    /// provider's events are in the residue, where they are judged.
    pub suspects: Vec<u128>,
    /// What moved on an order before tonight, as far as the history knows.
    pub life: BTreeMap<(u128, Currency), Before>,
    /// Refunds that have a twin of equal amount under their order, by place.
    pub twins: BTreeSet<u64>,
    /// How many refunds each book has for an order: ledger, statement.
    pub refunds: [BTreeMap<u128, u32>; 2],
    /// Of refunds and chargebacks at the provider: the hash of their order, by place.
    pub orders: HashMap<u64, u128>,
    /// Orders that events go back to and that somebody knows.
    pub known: HashSet<u128>,
}

/// The keys and orders that tonight asks the history about.
pub fn asks_for(scan: &Scan, carried: &[Known]) -> Result<Filter, Error> {
    let filter = Filter::for_keys(scan.parts.records() + scan.event_orders.len() + carried.len() * 2);
    (0..scan.parts.count()).into_par_iter().try_for_each(|part| scan.parts.each_key(part, |key| filter.add(key)))?;
    scan.event_orders.iter().for_each(|&order| filter.add(order));
    for one in carried {
        one.key().into_iter().chain(one.order()).for_each(|key| filter.add(key));
    }
    Ok(filter)
}

/// Splits the scanned records into matches and residue, partition by partition.
pub fn settle_agreement(night: &Night<'_>, scan: &mut Scan, earlier: Earlier<'_>) -> Result<Agreed, Error> {
    add_carried_events(scan, earlier.carried);
    let asked = asked(night, scan, earlier);
    let parts = std::mem::take(&mut scan.parts);
    let agreements = asked.into_par_iter().enumerate().map(|(part, asked)| {
        let [ledger, statement] = parts.of(part)?;
        Ok(agree(&ledger, &statement, &asked))
    });
    let agreements: Vec<_> = agreements.collect::<Result<_, Error>>()?;
    drop(parts);
    let keyless = std::mem::take(&mut scan.keyless);
    // Records without a number, and what a night leaves to the next, are known by all that they say.
    let repeated = [!keyless.is_empty() || night.wanted.pairs; 2];
    let mut agreed = Agreed { repeated, residue: vec![keyless], ..Agreed::default() };
    let mut payments = Vec::new();
    for agreement in agreements {
        agreed.matched += agreement.matched;
        agreed.matches.extend(agreement.matches);
        agreed.repeated = [0, 1].map(|side| agreed.repeated[side] || agreement.repeated[side]);
        agreed.residue.push([agreement.ledger, agreement.statement].concat());
        payments.extend(agreement.watched);
        agreed.known.extend(agreement.known);
    }
    if night.wanted.across {
        know_earlier_orders(scan, earlier, &mut agreed);
        look_across(night, scan, earlier, payments, &mut agreed)?;
    }
    agreed.matches.par_sort_unstable_by_key(|&(_, statement)| statement);
    Ok(agreed)
}

/// Puts records of earlier nights beside tonight's, for the rules across groups: of those that have ended, how many
/// refunds an order has.
fn add_carried_events(scan: &mut Scan, carried: &[Known]) {
    for (place, one) in (0_u64..).zip(carried) {
        let Some(order) = one.order() else { continue };
        let event = one.key().unwrap_or_else(|| u128::from(place));
        let side = usize::from(one.book != Book::Ledger);
        if one.kind == Kind::Refund && !matches!(one.status, Status::Failed | Status::Closed) {
            scan.refund_orders[side].push((order, event));
        }
        if one.origin.has_ended() {
            continue;
        }
        scan.event_orders.push(order);
        let returned = matches!(one.kind, Kind::Refund | Kind::Chargeback) && one.status == Status::Success;
        if returned && one.book != Book::Ledger {
            let (kind, currency, amount) = (one.kind, one.currency, one.principal);
            scan.returns.push(Return { order, event, place, kind, currency, amount });
        }
    }
}

/// What is asked of each partition: which orders events go back to, and which keys earlier nights know.
fn asked(night: &Night<'_>, scan: &mut Scan, earlier: Earlier<'_>) -> Vec<Asked> {
    let mut asked = vec![Asked { pairs: night.wanted.pairs, ..Asked::default() }; scan.parts.count()];
    let part = |key: u128| scan.parts.of_key(key);
    if night.wanted.across {
        for &order in &scan.event_orders {
            asked[part(order)].watched.push(order);
        }
    }
    let carried = earlier.carried.iter().filter_map(Known::key);
    for key in earlier.found.rows.iter().map(|row| row.key).chain(carried) {
        asked[part(key)].seen.push(key);
    }
    for one in &mut asked {
        one.watched.sort_unstable();
        one.watched.dedup();
        one.seen.sort_unstable();
        one.seen.dedup();
    }
    asked
}

/// What the pool and the history know of the orders that tonight's events go back to.
fn know_earlier_orders(scan: &Scan, earlier: Earlier<'_>, agreed: &mut Agreed) {
    let carried = earlier.carried.iter().filter_map(Known::order);
    let mut orders: Vec<u128> = scan.event_orders.iter().copied().chain(carried).collect();
    orders.par_sort_unstable();
    for one in earlier.carried {
        let of_payment = one.kind.class() == KindClass::Payment;
        let order = if of_payment { one.key() } else { one.order() };
        let Some(order) = order.filter(|order| orders.binary_search(order).is_ok()) else { continue };
        if of_payment {
            agreed.known.insert(order);
        }
        // What was settled, or explains what is open, has ended as what the history has; it is not counted there.
        if one.origin.has_ended() && one.book != Book::Ledger && one.status == Status::Success {
            lived(&mut agreed.life, order, one.kind, one.currency, one.principal);
        }
    }
    for row in &earlier.found.rows {
        if row.what.kind.class() == KindClass::Payment {
            agreed.known.insert(row.key);
        }
        let at_provider = row.sides().any(|(book, _, _)| book != Book::Ledger);
        let moved = row.what.status == Status::Success && at_provider;
        let order = if row.what.kind.class() == KindClass::Payment { Some(row.key) } else { row.order };
        if let Some(order) = order.filter(|_| moved) {
            lived(&mut agreed.life, order, row.what.kind, row.what.currency, row.amount);
        }
    }
}

/// Adds one event to what moved on an order before tonight.
fn lived(life: &mut BTreeMap<(u128, Currency), Before>, order: u128, kind: Kind, currency: Currency, amount: Minor) {
    let before = life.entry((order, currency)).or_default();
    let amount = Sum::from(amount);
    if kind == Kind::Payment {
        before.captured = Some(before.captured.unwrap_or_default() + amount);
    } else if kind == Kind::Reversal {
        before.captured = Some(before.captured.unwrap_or_default() - amount);
    } else if kind == Kind::Refund {
        before.refunded += amount;
    } else if kind == Kind::Chargeback {
        before.charged_back += amount;
    }
}

/// Applies the rules across groups, and takes whom they concern out of the matches.
fn look_across(
    night: &Night<'_>,
    scan: &mut Scan,
    earlier: Earlier<'_>,
    mut payments: Vec<(u128, u64)>,
    agreed: &mut Agreed,
) -> Result<(), Error> {
    // In the order in which rows are kept.
    payments.sort_unstable_by_key(|&(_, place)| place);
    if let Some(window) = night.wanted.look_alikes {
        let sightings: Vec<Sighting> = std::mem::take(&mut scan.sightings);
        agreed.marks = look_alikes(sightings, window).into_iter().map(|mark| (mark.place, mark)).collect();
    }
    let returns = std::mem::take(&mut scan.returns);
    if night.wanted.history {
        agreed.orders = returns.iter().map(|one| (one.place, one.order)).collect();
    }
    let mut concerned: BTreeSet<u64> = agreed.marks.keys().copied().collect();
    agreed.suspects = suspects(scan, earlier, &returns, &payments, &agreed.life)?;
    let is_suspect = |order: &u128| agreed.suspects.binary_search(order).is_ok();
    concerned.extend(returns.iter().filter(|one| is_suspect(&one.order)).map(|one| one.place));
    concerned.extend(payments.iter().filter(|(order, _)| is_suspect(order)).map(|&(_, place)| place));

    // One refund number listed twice is judged as a duplicate of its own; here it counts once.
    let mut by_amount: BTreeMap<_, BTreeMap<u128, u64>> = BTreeMap::new();
    for one in returns.iter().filter(|one| one.kind == Kind::Refund) {
        by_amount.entry((one.order, one.currency, one.amount)).or_default().insert(one.event, one.place);
    }
    let twins = by_amount.into_values().filter(|events| events.len() > 1);
    agreed.twins = twins.flat_map(BTreeMap::into_values).collect();
    for row in earlier.found.rows.iter().filter(|row| row.what.kind == Kind::Refund) {
        let Some(order) = row.order else { continue };
        for (book, _, _) in row.sides() {
            scan.refund_orders[usize::from(book != Book::Ledger)].push((order, row.key));
        }
    }
    for (side, orders) in agreed.refunds.iter_mut().zip(&mut scan.refund_orders) {
        orders.sort_unstable();
        orders.dedup();
        for (order, _) in orders.drain(..) {
            *side.entry(order).or_default() += 1;
        }
    }

    if concerned.is_empty() {
        return Ok(());
    }
    let mut pulled = Vec::new();
    agreed.matches.retain(|&(ledger, statement)| {
        let is_concerned = concerned.contains(&statement);
        if is_concerned {
            pulled.extend([ledger, statement]);
        }
        !is_concerned
    });
    agreed.matched -= pulled.len() as u64 / 2;
    agreed.residue[0].extend(pulled);
    Ok(())
}

/// Orders on which more went back than the smallest payment brought in, or any that was reversed.
/// Rows that are there twice may make an order suspect; they do not make it guilty.
fn suspects(
    scan: &Scan,
    earlier: Earlier<'_>,
    returns: &[Return],
    payments: &[(u128, u64)],
    life: &BTreeMap<(u128, Currency), Before>,
) -> Result<Vec<u128>, Error> {
    let mut returned: BTreeMap<(u128, Currency), Sum> = BTreeMap::new();
    for one in returns {
        *returned.entry((one.order, one.currency)).or_default() += one.amount;
    }
    let mut captured: BTreeMap<(u128, Currency), Sum> = BTreeMap::new();
    let mut capture = |order: u128, currency: Currency, amount: Sum| {
        captured.entry((order, currency)).and_modify(|least| *least = (*least).min(amount)).or_insert(amount);
    };
    let amount_of = |kind: Kind, amount: Minor| if kind == Kind::Reversal { Sum::ZERO } else { amount.into() };
    let mut rows = scan.rows.reader();
    for &(order, place) in payments {
        let Some(row) = rows.at(place)?.filter(|row| row.tag.status == Status::Success) else { continue };
        capture(order, row.tag.currency, amount_of(row.tag.kind, row.amount));
    }
    for one in earlier.carried.iter().filter(|one| one.kind.class() == KindClass::Payment) {
        let moved = one.book != Book::Ledger && one.status == Status::Success && !one.origin.has_ended();
        if let Some(key) = one.key().filter(|&key| moved && returned.contains_key(&(key, one.currency))) {
            capture(key, one.currency, amount_of(one.kind, one.principal));
        }
    }
    for (key, sum) in &mut returned {
        if let Some(before) = life.get(key) {
            *sum += before.refunded + before.charged_back;
            if let Some(amount) = before.captured {
                capture(key.0, key.1, amount);
            }
        }
    }
    let is_suspect = |&(key, sum): &(&(u128, Currency), &Sum)| captured.get(key).is_some_and(|least| sum > least);
    let mut orders: Vec<u128> = returned.iter().filter(is_suspect).map(|((order, _), _)| *order).collect();
    orders.dedup();
    Ok(orders)
}
