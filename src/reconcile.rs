//! Residue to outcomes: the kernel's passes over partitions, in parallel.
//!
//! Each pass sees its records partitioned by its own key, so no partition needs another. What comes
//! out is in the order of the input, whatever the number of threads or partitions.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use tieout_kernel::across::{Mark, over_returned, power_of_ten};
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::key::{KeyHasher, KindClass, Pass, event_key, order_key};
use tieout_kernel::outcome::{Difference, Outcome};
use tieout_kernel::pass;
use tieout_kernel::policy::Policy;
use tieout_kernel::proof::{Broken, Ends, Tally};
use tieout_kernel::record::{Across, Book, Kind, Origin, Record};
use tieout_kernel::settle::is_of_tonight;
use tieout_kernel::single;
use xxhash_rust::xxh3::xxh3_64;

use crate::agree::Agreed;

/// Records of one partition aimed at.
const PARTITION: usize = 8_192;

/// The residue with what became of it.
#[derive(Debug)]
pub struct Reconciled<'r> {
    /// The records.
    pub records: Vec<Record<'r>>,
    /// Their outcomes, in order of their first record.
    pub outcomes: Vec<Outcome>,
}

/// Tells each record what the rules across groups found out about it.
///
/// `judge_orphans` says whether the history reaches back far enough to say that nobody knows an order.
pub fn mark(records: &mut [Record<'_>], agreed: &Agreed, seed: u64, judge_orphans: bool) {
    let life = over_returned_orders(records, agreed, seed);
    for record in records {
        // What an earlier night found out stays true.
        let mut across = Across { hints: Codes::NONE, refunds_of_order: 0, orphan: false, ..record.across };
        for mark in [life.get(&record.place), agreed.marks.get(&record.place)].into_iter().flatten() {
            across.codes = across.codes.with(mark.code);
            across.at_risk = across.at_risk.max(mark.at_risk);
        }
        if agreed.twins.contains(&record.place) {
            across.hints = Codes::NONE.with(Code::SuspectedDuplicate);
        }
        if let Some(order) = record.order_no.filter(|_| record.kind.goes_back()) {
            let hash = KeyHasher::new(seed, record.account).hash(KindClass::Payment, order);
            if record.kind == Kind::Refund {
                let side = usize::from(record.book != Book::Ledger);
                across.refunds_of_order = agreed.refunds[side].get(&hash).copied().unwrap_or(0);
            }
            // Only the night that sees an event first looks back far enough; later ones may still find its order.
            let unknown = if record.origin == Origin::Tonight { judge_orphans } else { record.across.orphan };
            across.orphan = unknown && !agreed.known.contains(&hash);
        }
        record.across = across;
    }
}

/// The life of each suspect order, all of whose provider's events are among the records.
fn over_returned_orders(records: &[Record<'_>], agreed: &Agreed, seed: u64) -> BTreeMap<u64, Mark> {
    let mut by_order: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    if agreed.suspects.is_empty() {
        return BTreeMap::new();
    }
    for (at, record) in (0_u32..).zip(records) {
        let concerned = matches!(record.kind, Kind::Payment | Kind::Reversal | Kind::Refund | Kind::Chargeback);
        if let Some(order) = record.order_no.filter(|_| concerned && record.book != Book::Ledger) {
            let hash = KeyHasher::new(seed, record.account).hash(KindClass::Payment, order);
            if agreed.suspects.binary_search(&hash).is_ok() {
                by_order.entry((hash, record.currency)).or_default().push(at);
            }
        }
    }
    let marks = by_order.into_iter().flat_map(|(order, members)| {
        let before = agreed.life.get(&order).copied().unwrap_or_default();
        over_returned(records, members, before)
    });
    marks.map(|mark| (mark.place, mark)).collect()
}

/// Runs all passes and concludes.
pub fn reconcile<'r>(records: Vec<Record<'r>>, policy: &Policy) -> Result<Reconciled<'r>, Broken> {
    let count = u32::try_from(records.len()).map_err(|_| Broken("more than 2³² records differ".to_owned()))?;
    let mut left: Vec<u32> = (0..count).collect();
    let mut outcomes = Vec::new();
    let passes = std::iter::once(Pass::K1).chain(policy.passes.iter().copied());
    for pass in passes {
        let resolved: Vec<_> = partitions(&records, &left, |record| pass_key(pass, record))
            .par_iter()
            .map(|members| pass::run(pass, &records, members, policy))
            .collect();
        left.clear();
        for part in resolved {
            outcomes.extend(part.outcomes);
            left.extend(part.left);
        }
        left.sort_unstable();
    }
    let concluded: Vec<Vec<Outcome>> = partitions(&records, &left, |record| pass_key(Pass::K1, record))
        .par_iter()
        .map(|members| single::conclude(&records, members, policy))
        .collect();
    outcomes.extend(concluded.into_iter().flatten());
    outcomes.par_sort_by_cached_key(|outcome| first_place(&records, outcome));
    Ok(Reconciled { records, outcomes })
}

impl Reconciled<'_> {
    /// What the records of tonight, or of earlier nights, come to: ledger, statement.
    #[must_use]
    pub fn tallies(&self, tonight: bool) -> [Tally; 2] {
        [true, false].map(|of_ledger| {
            let concerned = |record: &&Record<'_>| {
                (record.origin == Origin::Tonight) == tonight && (record.book == Book::Ledger) == of_ledger
            };
            Tally::of(self.records.iter().filter(concerned))
        })
    }

    /// Calls amounts that differ by a power of ten in some statement sources what they are.
    pub fn relabel_scale_errors(&mut self, sources: &BTreeSet<u16>) {
        if sources.is_empty() {
            return;
        }
        for outcome in &mut self.outcomes {
            if let Outcome::Difference(difference) = outcome
                && suspected_of_scale(&self.records, difference).is_some_and(|source| sources.contains(&source))
            {
                difference.flags = difference.flags.with(difference.code);
                difference.code = Code::AmountScale;
                difference.severity = Code::AmountScale.base_severity();
                difference.cause = Code::AmountScale.cause();
            }
        }
    }

    /// Where the records ended.
    pub fn ended(&self) -> Result<Ends, Broken> {
        let members: Vec<u32> = (0_u32..).take(self.records.len()).collect();
        let mut ends = Ends::default();
        ends.count(&self.records, &members, &self.outcomes)?;
        Ok(ends)
    }
}

/// A hash under which all records that a pass may bring together are equal.
fn pass_key(pass: Pass, record: &Record<'_>) -> u64 {
    let of = |text: &str| xxh3_64(text.as_bytes());
    match pass {
        Pass::K1 => event_key(record).map_or(0, of),
        Pass::K2 => record.provider_txn_id.map_or(0, of),
        Pass::K3 => order_key(record).map_or(0, of),
        Pass::K4 => xxh3_64(&record.principal.get().to_le_bytes()),
    }
}

fn partitions(records: &[Record<'_>], members: &[u32], key: impl Fn(&Record<'_>) -> u64 + Sync) -> Vec<Vec<u32>> {
    let count = (members.len() / PARTITION + 1).next_power_of_two();
    let part_of = |&one: &u32| usize::try_from(key(&records[one as usize]) % count as u64).unwrap_or(0);
    let numbers: Vec<usize> = members.par_iter().map(part_of).collect();
    let mut parts = vec![Vec::with_capacity(members.len() / count * 9 / 8); count];
    members.iter().zip(numbers).for_each(|(&one, part)| parts[part].push(one));
    parts
}

fn first_place(records: &[Record<'_>], outcome: &Outcome) -> (u64, u64) {
    let places = outcome.records().map(|(at, _)| records[at as usize].place);
    let (first, last) = places.fold((u64::MAX, 0), |(first, last), place| (first.min(place), last.max(place)));
    (first, last)
}

/// Amounts that differ by exactly a power of ten, by statement source.
#[derive(Clone, Default, Debug)]
pub struct Scales {
    suspected: BTreeMap<u16, u64>,
    /// Those of which something is of tonight.
    of_tonight: BTreeMap<u16, u64>,
}

impl Scales {
    /// Counts those among some outcomes.
    pub fn count(&mut self, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            let Outcome::Difference(difference) = outcome else { continue };
            let Some(source) = suspected_of_scale(&reconciled.records, difference) else { continue };
            *self.suspected.entry(source).or_default() += 1;
            if is_of_tonight(&reconciled.records, difference) {
                *self.of_tonight.entry(source).or_default() += 1;
            }
        }
    }

    /// Adds those of other outcomes.
    pub fn add(&mut self, more: &Self) {
        for (own, more) in [(&mut self.suspected, &more.suspected), (&mut self.of_tonight, &more.of_tonight)] {
            more.iter().for_each(|(source, count)| *own.entry(*source).or_default() += count);
        }
    }

    /// The sources in which they are a confusion of units, when it happens at least twice or in one row of a hundred:
    /// `AMOUNT_SCALE` instead of thousands of wrong amounts. `rows` is how many records each statement source has
    /// tonight, matched ones included.
    #[must_use]
    pub fn sources(&self, rows: &BTreeMap<u16, u64>) -> BTreeSet<u16> {
        let is_one =
            |(source, count): &(&u16, &u64)| **count >= 2 || **count * 100 >= rows.get(source).copied().unwrap_or(0);
        self.suspected.iter().filter(is_one).map(|(source, _)| *source).collect()
    }

    /// How many of tonight's are in each of some sources.
    pub fn of_tonight(&self, sources: &BTreeSet<u16>) -> impl Iterator<Item = (u16, u64)> {
        self.of_tonight.iter().filter(|(source, _)| sources.contains(source)).map(|(source, count)| (*source, *count))
    }
}

/// The statement's source of an amount that differs by exactly a power of ten.
fn suspected_of_scale(records: &[Record<'_>], difference: &Difference) -> Option<u16> {
    let ([ours], [theirs]) = (difference.ledger.as_slice(), difference.statement.as_slice()) else { return None };
    let (ours, theirs) = (&records[*ours as usize], &records[*theirs as usize]);
    let by_amount = [Code::AmountOver, Code::AmountUnder].contains(&difference.code);
    (by_amount && power_of_ten(theirs.principal, ours.principal).is_some()).then_some(theirs.source)
}
