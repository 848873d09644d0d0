//! What differs, in turns: a night on which every row differs takes no more memory than one on which few do.
//!
//! ```text
//!  residue by partition ─ turns that fit ─▶ fetch ─▶ reconcile ─▶ rows in order ─┬─▶ the table, of one turn
//!                                            each turn is read again              └─▶ runs on disk ─▶ merged
//! ```
//!
//! No key is in two turns, and nothing that is decided here looks beyond a key: what comes out is the same in
//! however many turns.

use std::collections::BTreeMap;

use tieout_kernel::code::{Code, Severity};
use tieout_kernel::key::{KeyHasher, event_key};
use tieout_kernel::proof::{Ends, Tally};

use crate::agree::{self, Agreed, Night, Scan};
use crate::error::Error;
use crate::progress::Progress;
use crate::reconcile;
use crate::report::schema::DIFFERENCES;
use crate::report::summary::CodeSums;
use crate::report::tables::{self, Tables};
use crate::report::{Runs, Table, Written};

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

/// The rules on everything that did not agree at first sight.
pub(super) fn judge(
    night: &Night<'_>,
    scan: &Scan,
    agreed: &mut Agreed,
    wants_table: bool,
    progress: &Progress,
) -> Result<Judged, Error> {
    // The other half is for the tables in the making, and for what an allocator does not give back.
    let room = agree::room_for(night.memory.limit / 2);
    let records: usize = agreed.residue.iter().map(Vec::len).sum();
    if records > room {
        name_keyless(night, scan, agreed, progress)?;
    }
    let turns = agreed.turns(room);
    agreed.residue = Vec::new();
    let mut judged = Judged::default();
    let mut runs = Runs::new(DIFFERENCES, &night.memory);
    let count = turns.len();
    for places in turns {
        let residue = agree::fetch(night, &scan.lines_before, &places, agreed.repeated, progress)?;
        progress.stage("reconcile", None);
        let compared = residue.compared();
        let records = residue.records(night, &compared);
        let mut reconciled = reconcile::reconcile(records, night.policy, &BTreeMap::new())?;
        reconciled.close()?;
        judged.ends.add(&reconciled.ends);
        let (tallies, ()) = rayon::join(|| reconciled.tallies(true), || judged.codes.count(&reconciled));
        judged.fetched.iter_mut().zip(&tallies).for_each(|(all, more)| all.add(more));
        progress.stage("tables", None);
        let first_seen = BTreeMap::new();
        let tables = Tables {
            night,
            scan,
            residue: &residue,
            reconciled: &reconciled,
            day: None,
            severity: None,
            first_seen: &first_seen,
            history_since: None,
        };
        judged.matched += tables.slow_match_count();
        if wants_table {
            let ids = tables::identified("compare", &reconciled, &residue);
            let numbered = tables::numbered(&ids, &reconciled);
            if count == 1 {
                judged.differences = Some(tables.differences(&numbered, None)?);
            } else {
                tables.put_differences(&numbered, &mut runs)?;
            }
        }
    }
    if wants_table && count > 1 {
        progress.stage("merge", None);
        judged.differences = Some(runs.merged(order())?);
    }
    Ok(judged)
}

/// The order of the table: the most urgent first, then by code and id.
fn order() -> impl Fn(&Table, usize) -> (Option<Severity>, Option<Code>, String) {
    let place = |name: &str| DIFFERENCES.columns.iter().position(|column| column.name == name);
    let [severity, code, id] =
        ["severity", "code", "difference_id"].map(|name| place(name).expect("the table has this column"));
    move |table, row| {
        let text = |column: usize| table.text(column, row).unwrap_or_default();
        (Severity::from_word(text(severity)), Code::from_word(text(code)), text(id).to_owned())
    }
}

/// Puts records without a number of their own beside whoever shares the name by which they are told apart: a
/// provider's number may be somebody's key.
fn name_keyless(night: &Night<'_>, scan: &Scan, agreed: &mut Agreed, progress: &Progress) -> Result<(), Error> {
    let [keyless, partitions @ ..] = agreed.residue.as_mut_slice() else { return Ok(()) };
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
