//! What differs between two files, decided lot by lot: nothing that is decided here looks beyond a key.

use std::collections::BTreeMap;

use tieout_kernel::key::{KeyHasher, event_key};
use tieout_kernel::proof::{Ends, Tally};

use crate::agree::{self, Agreed, Night, Residue, Scan};
use crate::error::Error;
use crate::progress::Progress;
use crate::reconcile::{self, Scales};
use crate::report::schema::DIFFERENCES;
use crate::report::sums::CodeSums;
use crate::report::tables::{self, Tables};
use crate::report::{Runs, Table, Written};
use crate::turns::Turns;

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
    let mut runs = Runs::new(DIFFERENCES, &night.memory, tables::order());
    let make = |residue: &Residue| one_lot(night, scan, residue, wants_table);
    let turns = Turns { night, scan, repeated: agreed.repeated, pool: None, room };
    turns.each_lot(&partitions, ("reconcile", progress), make, |lot| {
        judged.add(&lot);
        runs.put(lot.rows)
    })?;
    if wants_table {
        progress.stage(if runs.has_spilled() { "merge" } else { "tables" }, None);
        judged.differences = Some(runs.merged(None, |_| Ok(()))?);
    }
    Ok(judged)
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
