//! Who faces whom when one key has several records on both sides.
//!
//! Exact amounts first, then the closest in time, ties by time, provider number, content and place
//! (`taxonomy` §6 F). Never by position in the file: that hides the surplus record.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::record::Record;

/// A ledger record and a statement record, as positions in the slice of records.
pub type Pair = (u32, u32);

/// Pairs up two sides and leaves the surplus of the longer one out.
///
/// Pairs come in order of the statement record's time, number and place.
#[must_use]
pub fn pair_up(records: &[Record<'_>], ledger: &[u32], statement: &[u32]) -> Vec<Pair> {
    if let ([ours], [theirs]) = (ledger, statement) {
        return vec![(*ours, *theirs)];
    }
    let mut pairs = Vec::new();
    let mut by_amount: BTreeMap<_, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for &one in ledger {
        by_amount.entry(amount_key(&records[one as usize])).or_default().0.push(one);
    }
    for &one in statement {
        by_amount.entry(amount_key(&records[one as usize])).or_default().1.push(one);
    }
    let (mut ledger_left, mut statement_left) = (Vec::new(), Vec::new());
    for (ledger, statement) in by_amount.into_values() {
        let (exact, mut ledger_rest, mut statement_rest) = closest_pairs(records, ledger, statement);
        pairs.extend(exact);
        ledger_left.append(&mut ledger_rest);
        statement_left.append(&mut statement_rest);
    }
    let (closest, _, _) = closest_pairs(records, ledger_left, statement_left);
    pairs.extend(closest);
    pairs.sort_by_key(|&(_, statement)| order(&records[statement as usize]));
    pairs
}

fn amount_key(record: &Record<'_>) -> (crate::currency::Currency, crate::money::Minor) {
    (record.currency, record.signed())
}

/// The order in which records of one side are taken. What a row says comes before where it stands, so
/// that the order of the input decides nothing but which of two equal rows is named.
pub(crate) fn order<'a>(record: &Record<'a>) -> (i64, Option<&'a str>, u64, u64) {
    (time(record), record.provider_txn_id, record.content, record.place)
}

fn time(record: &Record<'_>) -> i64 {
    record.occurred_at.map_or(0, |instant| instant.0)
}

/// Repeatedly takes the two records closest in time.
///
/// On a line the closest two of different sides are neighbours, so only neighbours are looked at:
/// n log n also for a key that holds a hundred thousand records.
fn closest_pairs(
    records: &[Record<'_>],
    mut ledger: Vec<u32>,
    mut statement: Vec<u32>,
) -> (Vec<Pair>, Vec<u32>, Vec<u32>) {
    if ledger.is_empty() || statement.is_empty() {
        return (Vec::new(), ledger, statement);
    }
    ledger.sort_by_key(|&one| order(&records[one as usize]));
    statement.sort_by_key(|&one| order(&records[one as usize]));
    let mut line = Line::new(records, &ledger, &statement);
    let mut pairs = Vec::new();
    while let Some((left, right)) = line.take_closest() {
        let (a, b) = (line.spots[left], line.spots[right]);
        pairs.push(if a.is_ledger { (a.record, b.record) } else { (b.record, a.record) });
    }
    let rest = |is_ledger| {
        let mut rest: Vec<u32> = line
            .spots
            .iter()
            .filter(|spot| !spot.taken && spot.is_ledger == is_ledger)
            .map(|spot| spot.record)
            .collect();
        rest.sort_by_key(|&one| order(&records[one as usize]));
        rest
    };
    (pairs, rest(true), rest(false))
}

#[derive(Clone, Copy)]
struct Spot {
    record: u32,
    is_ledger: bool,
    taken: bool,
    time: i64,
    /// Position within its own side.
    rank: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// Gap in time, rank of the statement record, rank of the ledger record, left spot, right spot.
type Gap = (u64, usize, usize, usize, usize);

struct Line {
    spots: Vec<Spot>,
    gaps: BinaryHeap<Reverse<Gap>>,
}

impl Line {
    fn new(records: &[Record<'_>], ledger: &[u32], statement: &[u32]) -> Self {
        let side = |members: &[u32], is_ledger: bool| -> Vec<(i64, usize, bool, u32, usize)> {
            let mut equal_before = 0;
            let mut last = None;
            members
                .iter()
                .enumerate()
                .map(|(rank, &record)| {
                    let time = time(&records[record as usize]);
                    equal_before = if last == Some(time) { equal_before + 1 } else { 0 };
                    last = Some(time);
                    (time, equal_before, is_ledger, record, rank)
                })
                .collect()
        };
        // Records of one moment alternate between the sides, so that the first meets the first.
        let mut merged = side(ledger, true);
        merged.extend(side(statement, false));
        merged.sort_by_key(|&(time, equal_before, is_ledger, _, _)| (time, equal_before, is_ledger));
        let count = merged.len();
        let spots = merged
            .into_iter()
            .enumerate()
            .map(|(at, (time, _, is_ledger, record, rank))| Spot {
                record,
                is_ledger,
                taken: false,
                time,
                rank,
                before: at.checked_sub(1),
                after: (at + 1 < count).then_some(at + 1),
            })
            .collect();
        let mut line = Self { spots, gaps: BinaryHeap::new() };
        for left in 0..count - 1 {
            line.offer(left, left + 1);
        }
        line
    }

    fn offer(&mut self, left: usize, right: usize) {
        let (a, b) = (self.spots[left], self.spots[right]);
        if a.is_ledger != b.is_ledger {
            let (statement, ledger) = if a.is_ledger { (b.rank, a.rank) } else { (a.rank, b.rank) };
            self.gaps.push(Reverse((a.time.abs_diff(b.time), statement, ledger, left, right)));
        }
    }

    fn take_closest(&mut self) -> Option<(usize, usize)> {
        loop {
            let Reverse((_, _, _, left, right)) = self.gaps.pop()?;
            if self.spots[left].taken || self.spots[right].taken {
                continue;
            }
            self.spots[left].taken = true;
            self.spots[right].taken = true;
            let (before, after) = (self.spots[left].before, self.spots[right].after);
            if let Some(before) = before {
                self.spots[before].after = after;
            }
            if let Some(after) = after {
                self.spots[after].before = before;
            }
            if let (Some(before), Some(after)) = (before, after) {
                self.offer(before, after);
            }
            return Some((left, right));
        }
    }
}
