//! What differs, piece by piece: a night on which every row differs takes no more memory than one on which few do.
//!
//! ```text
//!  residue by partition ─ turns that fit ─▶ fetch ─ lots of a turn ─▶ reconcile ─▶ rows in order ─▶ merged
//!                         each is read again        small enough                    held or on disk
//!                                                   for a cache
//! ```
//!
//! No key is in two lots, and nothing that is decided here looks beyond a key: what comes out is the same in however
//! many turns and lots.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use rayon::prelude::*;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::key::{KeyHasher, event_key};
use tieout_kernel::proof::{Ends, Tally};

use crate::agree::{self, Agreed, Night, Residue, Scan};
use crate::error::Error;
use crate::pipeline::{at_once, side_by_side};
use crate::progress::Progress;
use crate::reconcile::{self, Scales};
use crate::report::schema::DIFFERENCES;
use crate::report::sums::CodeSums;
use crate::report::tables::{self, Tables};
use crate::report::{Runs, Table, Written, id_in_order};

/// Records of a lot, at least: few enough for a cache, enough to be worth a task.
const LOT: usize = 1 << 11;

/// What all turns came to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Pairs that the full rules matched.
    pub(super) matched: u64,
    /// Differences by code.
    pub(super) codes: CodeSums,
    /// The table of differences, where it is wanted.
    pub(super) differences: Option<Written>,
    /// Where the records ended.
    pub(super) ends: Ends,
    /// What was read again: ledger, statement.
    pub(super) fetched: [Tally; 2],
}

impl Judged {
    fn add(&mut self, lot: &Lot) {
        self.matched += lot.matched;
        self.codes.add(&lot.codes);
        self.ends.add(&lot.ends);
        self.fetched.iter_mut().zip(&lot.fetched).for_each(|(all, more)| all.add(more));
    }
}

/// What one lot came to.
struct Lot {
    matched: u64,
    codes: CodeSums,
    ends: Ends,
    fetched: [Tally; 2],
    /// Its differences in order; none where they are not wanted.
    rows: Vec<Table>,
}

/// The rules on everything that did not agree at first sight.
pub(super) fn judge(
    night: &Night<'_>,
    scan: &Scan,
    agreed: &mut Agreed,
    wants_table: bool,
    progress: &Progress,
) -> Result<Judged, Error> {
    name_keyless(night, scan, agreed, progress)?;
    let partitions = std::mem::take(&mut agreed.residue);
    // The other half is for the tables in the making, and for what an allocator does not give back.
    let room = agree::room_for(night.memory.limit / 2);
    let mut judged = Judged::default();
    let mut runs = Runs::new(DIFFERENCES, &night.memory, order());
    for turn in in_groups(&partitions, |records, more| records + more <= room) {
        let (places, lots) = lots(turn);
        let residues = agree::fetch_lots(night, &scan.lines_before, &places, lots, agreed.repeated, progress)?;
        progress.stage("reconcile", None);
        let made = |some: &[Residue]| -> Result<Vec<Lot>, Error> {
            some.par_iter().with_max_len(1).map(|residue| one_lot(night, scan, residue, wants_table)).collect()
        };
        let mut some = residues.chunks(at_once());
        let next = || some.next().map(made).transpose();
        side_by_side(next, |done| {
            done.into_iter().try_for_each(|lot| {
                judged.add(&lot);
                runs.put(lot.rows)
            })
        })?;
    }
    if wants_table {
        progress.stage(if runs.has_spilled() { "merge" } else { "tables" }, None);
        judged.differences = Some(runs.merged(None, |_| Ok(()))?);
    }
    Ok(judged)
}

/// Partitions that come one after the other, in groups; `fits` says whether so many records take so many more.
fn in_groups(partitions: &[Vec<u64>], fits: impl Fn(usize, usize) -> bool) -> Vec<&[Vec<u64>]> {
    let mut groups = Vec::new();
    let (mut from, mut records) = (0, 0);
    for (at, places) in partitions.iter().enumerate() {
        if records > 0 && !fits(records, places.len()) {
            groups.push(&partitions[from..at]);
            (from, records) = (at, 0);
        }
        records += places.len();
    }
    if records > 0 {
        groups.push(&partitions[from..]);
    }
    groups
}

/// The places of a turn in order, each with its lot, and how many lots there are.
fn lots(turn: &[Vec<u64>]) -> (Vec<(u64, u32)>, usize) {
    let groups = in_groups(turn, |records, _| records < LOT);
    let of_lot =
        |(lot, group): (u32, &&[Vec<u64>])| group.iter().flatten().map(move |&place| (place, lot)).collect::<Vec<_>>();
    let mut all: Vec<(u64, u32)> = (0..).zip(&groups).flat_map(of_lot).collect();
    all.par_sort_unstable();
    (all, groups.len())
}

fn one_lot(night: &Night<'_>, scan: &Scan, residue: &Residue, wants_table: bool) -> Result<Lot, Error> {
    let compared = residue.compared();
    let records = residue.records(night, &compared);
    let mut reconciled = reconcile::reconcile(records, night.policy)?;
    let mut scales = Scales::default();
    scales.count(&reconciled);
    // Without a job there is no source that could be right: any amount that is off by a power of ten is called so.
    reconciled.relabel_scale_errors(&scales.sources(&BTreeMap::new()));
    let tables = Tables {
        night,
        scan,
        residue,
        reconciled: &reconciled,
        day: None,
        severity: None,
        first_seen: &BTreeMap::new(),
        history_since: None,
    };
    let mut codes = CodeSums::default();
    codes.count(&reconciled);
    let mut rows = Vec::new();
    if wants_table {
        let ids = tables::identified("compare", &reconciled, residue);
        rows = tables.parts_of_differences(&tables::numbered(&ids, &reconciled))?;
    }
    let (ends, fetched) = (reconciled.ended()?, reconciled.tallies(true));
    Ok(Lot { matched: tables.slow_match_count(), codes, ends, fetched, rows })
}

/// Where a row belongs: by tier, code and id.
type Rank = (Option<Severity>, Option<Code>, [u128; 2]);

/// The order of the table: the most urgent first, then by code and id.
fn order() -> impl Fn(&Table) -> Vec<Rank> {
    let [severity, code, id] = ["severity", "code", "difference_id"].map(|name| DIFFERENCES.place(name));
    move |table| {
        let rows = table.batches.first().map_or(0, RecordBatch::num_rows);
        let text = |column: usize, row: usize| table.text(column, row).unwrap_or_default();
        let mut last = ("", "", None, None);
        let rank = |row: usize| {
            let words = (text(severity, row), text(code, row));
            if words != (last.0, last.1) {
                last = (words.0, words.1, Severity::from_word(words.0), Code::from_word(words.1));
            }
            (last.2, last.3, id_in_order(text(id, row)))
        };
        (0..rows).map(rank).collect()
    }
}

/// Puts records without a number of their own beside whoever shares the name by which they are told apart: a
/// provider's number may be somebody's key.
fn name_keyless(night: &Night<'_>, scan: &Scan, agreed: &mut Agreed, progress: &Progress) -> Result<(), Error> {
    let [keyless, partitions @ ..] = agreed.residue.as_mut_slice() else { return Ok(()) };
    if keyless.is_empty() {
        return Ok(());
    }
    keyless.sort_unstable();
    let residue = agree::fetch(night, &scan.lines_before, keyless, agreed.repeated, progress)?;
    let mut nameless = Vec::new();
    for at in 0..residue.len() {
        let record = residue.record(night, at);
        match event_key(&record).or(record.provider_txn_id).or(record.order_no) {
            Some(number) => {
                let key = KeyHasher::new(night.seed, record.account).hash(record.kind.class(), number);
                partitions[agree::part_of(key, partitions.len())].push(record.place);
            }
            None => nameless.push(record.place),
        }
    }
    *keyless = nameless;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_stay_whole_and_every_place_is_in_one_lot() {
        let partitions = [vec![9, 2], vec![], vec![7], vec![1, 8, 3], vec![4]];
        let sizes = |room: usize| -> Vec<usize> {
            let groups = in_groups(&partitions, |records, more| records + more <= room);
            groups.iter().map(|group| group.iter().map(Vec::len).sum()).collect()
        };
        assert_eq!((sizes(100), sizes(3), sizes(1)), (vec![7], vec![3, 3, 1], vec![2, 1, 3, 1]));
        assert!(in_groups(&[vec![], vec![]], |_, _| true).is_empty());
        // Two partitions that make a lot each, and one that is the rest.
        let large = |from: u64| (0..LOT as u64).map(|one| one * 3 + from).collect::<Vec<u64>>();
        let (places, count) = lots(&[large(1), large(0), vec![2, 5]]);
        assert!(places.is_sorted());
        let of_lot = |lot: u32| places.iter().filter(|one| one.1 == lot).map(|one| one.0).collect::<Vec<u64>>();
        assert_eq!((0..3).map(of_lot).collect::<Vec<_>>(), vec![large(1), large(0), vec![2, 5]]);
        assert_eq!((count, places.len()), (3, 2 * LOT + 2));
    }
}
