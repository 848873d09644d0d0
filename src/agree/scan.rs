//! One pass over every file: fingerprints, totals, rejects, and what the rules across groups need.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout_kernel::across::Sighting;
use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::{Minor, Total as Sum};
use tieout_kernel::outcome::State;
use tieout_kernel::record::{Direction, Instant, Kind};

use super::Night;
use super::parts::Parts;
use super::rows::{Rows, Shelf};
use super::split::{Gave, SplitScan};
use super::totals::Totals;
use crate::error::Error;
use crate::formats::{Measured, Split};
use crate::normalise::{Columns, Exact};
use crate::progress::Progress;
use crate::reject::Reject;

/// Rows of one partition aimed at: small enough for a cache, large enough to be worth a task.
const PARTITION_ROWS: u64 = 16_384;
/// There are at least so many: how many rows come is only guessed, and what differs goes through memory by
/// partitions.
const PARTITIONS_MIN: u64 = 256;
/// Partitions at most: each sheaf has a piece of every one.
const PARTITIONS_MAX: u64 = 2_048;
/// Rejects of a file that are kept as rows; beyond that they are counted.
pub(super) const REJECTS_MAX: usize = 100_000;

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
    pub(super) fn follow(
        &mut self,
        columns: &Columns<'_>,
        row: usize,
        direction: Direction,
        amount: Minor,
        fee: Option<Minor>,
    ) {
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

/// Into how many partitions the keys of some splits are put, with those of so many records of earlier nights.
#[must_use]
pub fn partitions<'s>(splits: impl Iterator<Item = &'s Split>, earlier: u64) -> usize {
    let rows = splits.map(likely_rows).sum::<u64>() + earlier;
    let count = (rows / 2 / PARTITION_ROWS).next_power_of_two().clamp(PARTITIONS_MIN, PARTITIONS_MAX);
    usize::try_from(count).unwrap_or(1)
}

/// Reads every split once, and puts keys into so many partitions.
pub fn scan(night: &Night<'_>, partitions: usize, progress: &Progress) -> Result<Scan, Error> {
    let rows: u64 = night.splits.iter().map(|(_, split)| likely_rows(split)).sum();
    progress.stage("scan", Some(rows));
    let parts = Parts::new(partitions, &night.memory);
    let shelf = Shelf::new(&night.memory);
    let results: Vec<Gave> = night
        .splits
        .par_iter()
        .with_max_len(1)
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

/// How many rows a split has, or is likely to have.
pub(super) fn likely_rows(split: &Split) -> u64 {
    match split {
        Split::Bytes { start, end } => (end - start) / 100 + 1,
        Split::RowGroup { rows, .. } => *rows,
    }
}

impl Scan {
    fn take(&mut self, file: usize, split: Gave) {
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
