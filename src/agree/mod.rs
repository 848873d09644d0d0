//! The fast path: scan, agree, and fetch what does not.
//!
//! ```text
//!  files ─ scan (parallel splits) ─▶ fingerprints by partition, totals, rejects
//!        ─ agree (parallel partitions) ─▶ matches as pairs of places, residue as places
//!        ─ fetch (parallel splits) ─▶ residue as records
//! ```
//!
//! A place names a record: the split's number and the row within it. Splits are numbered by source,
//! file and offset, so places are in the order of the input whatever thread read them.

mod fetch;
mod scan;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use rayon::prelude::*;
use tieout_kernel::across::{Mark, Sighting, look_alikes};
use tieout_kernel::currency::Currency;
use tieout_kernel::fingerprint::{Fingerprint, agree};
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::policy::Policy;
use tieout_kernel::record::{Book, Kind, Status};

pub use fetch::{Residue, Stored, fetch};
pub use scan::{Return, Scan, ScanFile, SplitRows, scan};
pub use totals::{Tag, Total, Totals};

use crate::error::Error;
use crate::expression::Condition;
use crate::formats::{OpenFile, Split};
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
    /// All.
    All,
}

/// What of the fast path's by-products is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Rows and amounts of statement records, for evidence and for the rules across groups.
    pub rows: bool,
    /// What the rules across groups look at.
    pub across: bool,
    /// Window of look-alikes in microseconds; `None` when the rule is off.
    pub look_alikes: Option<i64>,
    /// Whether records have dates that are compared.
    pub dated: bool,
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
}

impl NightFile {
    /// Binds a file to its mapping.
    #[must_use]
    pub fn new(
        source: u16,
        book: Book,
        open: OpenFile,
        mapping: &Mapping,
        principal: Principal,
        compared_rules: &[TextRule],
        filter: Option<Condition>,
    ) -> Self {
        // A filter may name any field.
        let everything = filter.is_some();
        let needs = Needs {
            amount: true,
            fees: true,
            keys: true,
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
    pub fn new(policy: &'p Policy, files: Vec<NightFile>, wanted: Wanted, seed: u64) -> Self {
        let splits =
            files.iter().enumerate().flat_map(|(at, file)| file.open.splits.iter().map(move |split| (at, *split)));
        let splits = splits.collect();
        Self { policy, files, splits, wanted, allowed_parties: BTreeSet::new(), seed }
    }

    /// The file of a place.
    #[must_use]
    pub fn file_of(&self, place: u64) -> &NightFile {
        &self.files[self.splits[split_of(place)].0]
    }
}

/// The split number of a place.
#[must_use]
pub fn split_of(place: u64) -> usize {
    usize::try_from(place >> 32).expect("a split number has 32 bits")
}

/// The row within its split of a place.
#[must_use]
pub fn row_of(place: u64) -> u32 {
    u32::try_from(place & u64::from(u32::MAX)).expect("the low half has 32 bits")
}

/// The place of a row of a split.
#[must_use]
pub fn place_of(split: usize, row: u32) -> u64 {
    ((split as u64) << 32) | u64::from(row)
}

/// What the fast path came to.
#[derive(Debug, Default)]
pub struct Agreed {
    /// Ledger place and statement place of each match, in order of the statement's.
    pub matches: Vec<(u64, u64)>,
    /// Places of both books that need the full rules, in order.
    pub residue: Vec<u64>,
    /// What the rules across groups found, by place.
    pub marks: BTreeMap<u64, Mark>,
    /// Orders, by hash and ascending, on which more may have gone back than came in: all their
    /// provider's events are in the residue, where they are judged.
    pub suspects: Vec<u128>,
    /// Refunds that have a twin of equal amount under their order, by place.
    pub twins: BTreeSet<u64>,
    /// How many refunds each book has for an order: ledger, statement.
    pub refunds: [BTreeMap<u128, u32>; 2],
}

/// Splits the scanned records into matches and residue, partition by partition.
pub fn settle_agreement(night: &Night<'_>, scan: &mut Scan) -> Result<Agreed, Error> {
    let watched = orders_with_returns(scan);
    let parts: Vec<_> = std::mem::take(&mut scan.parts).into_iter().map(Mutex::into_inner).collect();
    let agreements: Vec<_> = parts
        .into_par_iter()
        .map(|part| {
            let [ledger, statement] = part.unwrap_or_else(std::sync::PoisonError::into_inner);
            agree(&joined(ledger), &joined(statement), &watched)
        })
        .collect();
    let mut agreed = Agreed { residue: std::mem::take(&mut scan.keyless), ..Agreed::default() };
    let mut payments = Vec::new();
    for agreement in agreements {
        agreed.matches.extend(agreement.matches);
        agreed.residue.extend(agreement.ledger);
        agreed.residue.extend(agreement.statement);
        payments.extend(agreement.watched);
    }
    if night.wanted.across {
        look_across(night, scan, &payments, &mut agreed);
    }
    agreed.matches.par_sort_unstable_by_key(|&(_, statement)| statement);
    agreed.residue.par_sort_unstable();
    Ok(agreed)
}

fn joined(parts: Vec<Vec<Fingerprint>>) -> Vec<Fingerprint> {
    match <[Vec<Fingerprint>; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => parts.concat(),
    }
}

fn orders_with_returns(scan: &Scan) -> Vec<u128> {
    let mut orders: Vec<u128> = scan.returns.iter().map(|one| one.order).collect();
    orders.sort_unstable();
    orders.dedup();
    orders
}

/// Applies the rules across groups, and takes whom they concern out of the matches.
fn look_across(night: &Night<'_>, scan: &mut Scan, payments: &[(u128, u64)], agreed: &mut Agreed) {
    if let Some(window) = night.wanted.look_alikes {
        let sightings: Vec<Sighting> = std::mem::take(&mut scan.sightings);
        agreed.marks = look_alikes(sightings, window).into_iter().map(|mark| (mark.place, mark)).collect();
    }
    let returns = std::mem::take(&mut scan.returns);
    let mut concerned: BTreeSet<u64> = agreed.marks.keys().copied().collect();
    agreed.suspects = suspects(scan, &returns, payments);
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
    for (side, orders) in agreed.refunds.iter_mut().zip(&mut scan.refund_orders) {
        orders.sort_unstable();
        orders.dedup();
        for (order, _) in orders.drain(..) {
            *side.entry(order).or_default() += 1;
        }
    }

    if concerned.is_empty() {
        return;
    }
    let mut pulled = Vec::new();
    agreed.matches.retain(|&(ledger, statement)| {
        let is_concerned = concerned.contains(&statement);
        if is_concerned {
            pulled.extend([ledger, statement]);
        }
        !is_concerned
    });
    agreed.residue.extend(pulled);
}

/// Orders on which more went back than the smallest payment brought in, or any that was reversed.
/// Rows that are there twice may make an order suspect; they do not make it guilty.
fn suspects(scan: &Scan, returns: &[Return], payments: &[(u128, u64)]) -> Vec<u128> {
    let mut captured: BTreeMap<(u128, Currency), Minor> = BTreeMap::new();
    for &(order, place) in payments {
        let Some((tag, amount)) = scan.statement_row(place) else { continue };
        let amount = if tag.kind == Kind::Reversal { Minor::ZERO } else { amount };
        if tag.status == Status::Success {
            captured.entry((order, tag.currency)).and_modify(|least| *least = (*least).min(amount)).or_insert(amount);
        }
    }
    let mut returned: BTreeMap<(u128, Currency), Sum> = BTreeMap::new();
    for one in returns {
        *returned.entry((one.order, one.currency)).or_default() += one.amount;
    }
    let is_suspect =
        |&(key, sum): &(&(u128, Currency), &Sum)| captured.get(key).is_some_and(|&least| *sum > least.into());
    let mut orders: Vec<u128> = returned.iter().filter(is_suspect).map(|((order, _), _)| *order).collect();
    orders.dedup();
    orders
}
