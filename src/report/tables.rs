//! From outcomes to rows.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::RecordBatch;
use jiff::civil;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{CashEffect, Code, Severity};
use tieout_kernel::key::{Pass, event_key};
use tieout_kernel::money::Total;
use tieout_kernel::outcome::{Difference, Outcome};
use tieout_kernel::record::{Kind, Note, Record};

use super::runs::id_in_order;
use super::schema::{DIFFERENCES, FINDINGS, REJECTS};
use super::sheet::{ForPeople, PART, Sheet, Table};
use super::words::{explain, masked};
use super::written::{Written, in_parts};
use crate::agree::{Night, Residue, Scan};
use crate::error::Error;
use crate::finding::Finding;
use crate::job::SeverityPlan;
use crate::reconcile::Reconciled;
use crate::settle;
use crate::store::hex;
use crate::weigh;

/// Rows that are named one by one in a cell before the rest is counted.
pub const ROWS_NAMED: usize = 20;

/// A difference that is about to be published.
#[derive(Clone, Copy, Debug)]
pub struct Numbered<'o> {
    /// Its id: the same on every run and every day.
    pub id: &'o str,
    /// What it is.
    pub difference: &'o Difference,
}

/// The id of every difference and the position of its outcome, in order of the ids.
///
/// A difference keeps the id that its carried records had; where it had several, that of the first.
#[must_use]
pub fn identified(job: &str, reconciled: &Reconciled<'_>, residue: &Residue) -> Vec<(String, usize)> {
    let named = reconciled.outcomes.par_iter().enumerate().filter_map(|(at, outcome)| match outcome {
        Outcome::Difference(difference) => {
            Some((Digest::of(&identity(job, difference, &reconciled.records)), at, difference.as_ref()))
        }
        Outcome::Match { .. } | Outcome::Rest { .. } => None,
    });
    let mut named: Vec<(Digest, usize, &Difference)> = named.collect();
    named.par_sort_unstable_by_key(|(name, at, _)| (*name, *at));
    let kept = kept_ids(reconciled, residue);
    let taken: BTreeSet<&str> = kept.values().copied().collect();
    let groups: Vec<&[(Digest, usize, &Difference)]> = named.chunk_by(|a, b| a.0 == b.0).collect();
    let ids_of = |group: &[(Digest, usize, &Difference)]| -> Vec<(String, usize)> {
        let mut differences: Vec<_> = group.iter().filter(|(_, at, _)| !kept.contains_key(at)).collect();
        if let ([one], true) = (differences.as_slice(), taken.is_empty()) {
            return vec![(one.0.id(), one.1)];
        }
        // Groups that share their number, or have none, are told apart by their occurrence; what their
        // rows say decides which is the first, so the order of the input does not.
        differences.sort_by_cached_key(|(_, _, difference)| contents(difference, &reconciled.records));
        let base = identity(job, group[0].2, &reconciled.records);
        let free = (0_u32..).map(|occurrence| difference_id(&base, occurrence));
        let free = free.filter(|id| !taken.contains(id.as_str()));
        free.zip(differences.into_iter().map(|(_, at, _)| *at)).collect()
    };
    let mut all: Vec<(String, usize)> = groups.par_iter().flat_map_iter(|group| ids_of(group)).collect();
    all.extend(kept.into_iter().map(|(at, id)| (id.to_owned(), at)));
    all.par_sort();
    all
}

/// As much of the hash of what makes a difference itself as its id shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Digest([u8; 16]);

impl Digest {
    fn of(text: &str) -> Self {
        let mut first = [0; 16];
        first.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
        Self(first)
    }

    fn id(self) -> String {
        format!("D{}", hex(&self.0))
    }
}

/// An id as a number of the same order.
///
/// # Panics
/// If it is not a letter and 32 hexadecimal digits, as all ids are.
#[must_use]
pub fn id_number(id: &str) -> u128 {
    u128::from_str_radix(&id[1..], 16).expect("an id is a letter and 32 hexadecimal digits")
}

/// The ids that differences keep, by the position of their outcome.
fn kept_ids<'r>(reconciled: &Reconciled<'_>, residue: &'r Residue) -> HashMap<usize, &'r str> {
    let mut carried = Vec::new();
    if !residue.has_carried() {
        return HashMap::new();
    }
    for (at, outcome) in reconciled.outcomes.iter().enumerate() {
        let Outcome::Difference(difference) = outcome else { continue };
        let members = difference.ledger.iter().chain(&difference.statement);
        let ids = members.filter_map(|&one| residue.carried(one as usize)).filter(|one| one.origin.is_pool());
        let ids: BTreeSet<&str> = ids.filter_map(|one| one.difference.as_deref()).collect();
        if !ids.is_empty() {
            let contents = contents(difference, &reconciled.records);
            carried.extend(ids.into_iter().map(|id| (id, contents.clone(), at)));
        }
    }
    carried.sort();
    let mut taken = BTreeSet::new();
    let mut kept = HashMap::new();
    for (id, _, at) in carried {
        // A difference that fell apart leaves its id to one of its parts.
        if !kept.contains_key(&at) && taken.insert(id) {
            kept.insert(at, id);
        }
    }
    kept
}

/// The differences in the order in which people read them: the most urgent first, then by code and id.
#[must_use]
pub fn numbered<'o>(ids: &'o [(String, usize)], reconciled: &'o Reconciled<'_>) -> Vec<Numbered<'o>> {
    let one = |(id, at): &'o (String, usize)| match &reconciled.outcomes[*at] {
        Outcome::Difference(difference) => Some(Numbered { id, difference }),
        Outcome::Match { .. } | Outcome::Rest { .. } => None,
    };
    let mut all: Vec<Numbered<'o>> = ids.iter().filter_map(one).collect();
    // They are in the order of their ids.
    all.par_sort_by_key(|one| (one.difference.severity, one.difference.code));
    all
}

/// Where a difference belongs: by tier, code and id.
pub type Rank = (Option<Severity>, Option<Code>, [u128; 2]);

/// The order of the table of differences: the most urgent first, then by code and id.
pub fn order() -> impl Fn(&Table) -> Vec<Rank> {
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

/// What the rows of a difference say, whatever their order.
fn contents(difference: &Difference, records: &[Record<'_>]) -> (Code, Vec<u64>) {
    let members = difference.ledger.iter().chain(&difference.statement);
    let mut contents: Vec<u64> = members.map(|&at| records[at as usize].content).collect();
    contents.sort_unstable();
    (difference.code, contents)
}

/// What makes a group itself: account, class and number; never its code, which may change.
fn identity(job: &str, difference: &Difference, records: &[Record<'_>]) -> String {
    let members = if difference.ledger.is_empty() { &difference.statement } else { &difference.ledger };
    let name = |at: &u32| {
        let record = &records[*at as usize];
        let number = event_key(record).or(record.provider_txn_id).or(record.order_no);
        let number = number.map_or_else(|| Cow::Owned(format!("content {:016x}", record.content)), Cow::Borrowed);
        identity_of(job, record.account, record.kind, &number)
    };
    members.iter().map(name).min().unwrap_or_else(|| format!("{job}\u{1f}"))
}

fn identity_of(job: &str, account: &str, kind: Kind, number: &str) -> String {
    [job, account, kind.class().word(), number].join("\u{1f}")
}

/// The id of the one difference under a number.
#[must_use]
pub fn id_of_number(job: &str, account: &str, kind: Kind, number: &str) -> String {
    difference_id(&identity_of(job, account, kind, number), 0)
}

fn difference_id(base: &str, occurrence: u32) -> String {
    if occurrence == 0 { Digest::of(base).id() } else { Digest::of(&format!("{base}\u{1f}{occurrence}")).id() }
}

/// What the tables are made of.
pub struct Tables<'t, 'r> {
    /// The files.
    pub night: &'t Night<'t>,
    /// Their scan.
    pub scan: &'t Scan,
    /// The residue.
    pub residue: &'t Residue,
    /// What became of it.
    pub reconciled: &'t Reconciled<'r>,
    /// The day of the run; none where there is no calendar.
    pub day: Option<Day>,
    /// What the job says of tiers; none where nothing is weighed.
    pub severity: Option<&'t SeverityPlan>,
    /// When differences that are not new were seen first, by id.
    pub first_seen: &'t BTreeMap<String, Day>,
    /// The first day that the history knows; none where there is no history.
    pub history_since: Option<Day>,
}

impl Tables<'_, '_> {
    pub(super) fn record(&self, at: u32) -> &Record<'_> {
        &self.reconciled.records[at as usize]
    }

    pub(super) fn source_name(&self, number: u16) -> &str {
        &self.night.policy.source(number).name
    }

    /// `file:line` of some records.
    #[must_use]
    pub fn rows(&self, members: &[u32]) -> Option<String> {
        let mut names = String::new();
        for &at in members.iter().take(ROWS_NAMED) {
            if !names.is_empty() {
                names.push_str("; ");
            }
            self.residue.show_place(self.night, at as usize, &mut names);
        }
        if members.len() > ROWS_NAMED {
            names += &format!("; and {} more", members.len() - ROWS_NAMED);
        }
        (!names.is_empty()).then_some(names)
    }

    fn signed(&self, members: &[u32]) -> Option<Total> {
        (!members.is_empty()).then(|| members.iter().map(|&at| self.record(at).signed()).sum())
    }

    fn statuses(&self, members: &[u32]) -> Option<Cow<'static, str>> {
        if let [only] = members {
            return Some(self.record(*only).status.word().into());
        }
        let mut words: Vec<&str> = members.iter().map(|&at| self.record(at).status.word()).collect();
        words.sort_unstable();
        words.dedup();
        (!words.is_empty()).then(|| words.join(" ").into())
    }

    fn extra(&self, difference: &Difference) -> Option<String> {
        let side = |members: &[u32]| {
            let first = members.first().map(|&first| self.residue.stored(self.night, first as usize));
            first.map_or_else(Vec::new, |stored| stored.extra)
        };
        let (ledger, statement) = (side(&difference.ledger), side(&difference.statement));
        if ledger.is_empty() && statement.is_empty() {
            return None;
        }
        let sides = [("ledger", ledger), ("statement", statement)];
        let sides: BTreeMap<&str, BTreeMap<&str, &str>> =
            sides.into_iter().map(|(name, side)| (name, side.into_iter().collect())).collect();
        Some(serde_json::to_string(&sides).unwrap_or_default())
    }

    /// The table of differences.
    pub fn differences(&self, numbered: &[Numbered<'_>], people: Option<ForPeople<'_>>) -> Result<Written, Error> {
        let parts: Vec<_> = numbered.chunks(PART).collect();
        in_parts(DIFFERENCES, people, &parts, &self.night.memory, |part| self.some_differences(part))
    }

    /// The table of differences in parts.
    pub fn parts_of_differences(&self, numbered: &[Numbered<'_>]) -> Result<Vec<Table>, Error> {
        numbered.chunks(PART).map(|part| self.some_differences(part)).collect()
    }

    fn some_differences(&self, numbered: &[Numbered<'_>]) -> Result<Table, Error> {
        let mut sheet = Sheet::new(DIFFERENCES);
        numbered.iter().for_each(|one| self.difference(&mut sheet, one.id, one.difference));
        sheet.finish()
    }

    fn difference(&self, sheet: &mut Sheet, id: &str, difference: &Difference) {
        let (ledger, statement) = (&difference.ledger, &difference.statement);
        let members: Vec<&Record<'_>> = ledger.iter().chain(statement).map(|&at| self.record(at)).collect();
        let first = members[0];
        let of_statement = statement.first().map(|&at| self.record(at));
        let currency = Some(first.currency);
        let other_currency = of_statement.map(|record| record.currency).filter(|other| *other != first.currency);
        let any = |field: fn(&Record<'_>) -> bool| members.iter().find(|record| field(record)).copied();
        let record_date = members.iter().filter_map(|record| record.business_date).min();
        let flags = flag_words(difference);
        let compared = &self.night.policy.compared.columns;
        let (en, zh) = explain(difference, &self.reconciled.records, compared, self.history_since);
        let effect = difference.cash_effect();
        let party = any(|record| record.counterparty.is_some()).and_then(|record| record.counterparty).map(masked);
        let (settlement, settlement_reason) = settle::in_words(difference);
        let base = self.severity.map(|plan| plan.weights.base_currency);
        let reason =
            self.severity.and_then(|plan| weigh::in_words(difference, plan.weights.base_currency, &plan.overrides));
        sheet
            .text(Some(id))
            .date(self.day)
            .text(Some(difference.code.word()))
            .text(Some(difference.code.label_en()))
            .text(Some(difference.code.label_zh()))
            .text(Some(difference.severity.word()))
            .text(reason.as_deref())
            .text(flags.as_deref())
            .text(settlement)
            .text(settlement_reason)
            .text(Some(effect.word()))
            .text(Some(effect.label_zh()).filter(|_| effect != CashEffect::None))
            .text(Some(difference.cause.word()))
            .text(difference.pass.map(Pass::word))
            .text(Some(first.account))
            .text(Some(first.kind.word()))
            .text(Some(first.currency.code()))
            .integer(Some(i64::from(first.currency.exponent())))
            .money(difference.exposure, currency)
            .money(difference.at_risk, currency)
            .money(difference.at_risk_base, base)
            .money(difference.fee_delta, currency)
            .money(self.signed(ledger), currency)
            .money(self.signed(statement), of_statement.map(|record| record.currency))
            .text(other_currency.as_ref().map(tieout_kernel::currency::Currency::code))
            .text(self.statuses(ledger).as_deref())
            .text(self.statuses(statement).as_deref())
            .text(any(|record| record.order_no.is_some()).and_then(|record| record.order_no))
            .text(any(|record| event_key(record).is_some()).and_then(event_key))
            .text(any(|record| record.provider_txn_id.is_some()).and_then(|record| record.provider_txn_id))
            .text(party.as_deref())
            .instant(members.iter().filter_map(|record| record.occurred_at).min())
            .date(record_date)
            .date(self.first_seen.get(id).copied().or(self.day))
            .integer(difference.age.map(i64::from))
            .text(ledger.first().map(|&at| self.source_name(self.record(at).source)))
            .text(of_statement.map(|record| self.source_name(record.source)))
            .text(self.rows(ledger).as_deref())
            .text(self.rows(statement).as_deref())
            .text(self.rows(&difference.related).as_deref())
            .text(Some(&en))
            .text(Some(&zh))
            .text(self.extra(difference).as_deref())
            .end_row();
    }
}

/// Rows that are no records.
pub fn rejects(night: &Night<'_>, scan: &Scan) -> Result<Table, Error> {
    let mut sheet = Sheet::new(REJECTS);
    for (number, scanned) in scan.files.iter().enumerate() {
        let file = &night.files[number];
        let mut of_split: BTreeMap<usize, Vec<&crate::reject::Reject>> = BTreeMap::new();
        for (split, reject) in &scanned.rejects {
            of_split.entry(*split).or_default().push(reject);
        }
        for (split, mut rejects) in of_split {
            rejects.sort_by_key(|reject| reject.row);
            let rows: Vec<u32> = rejects.iter().map(|reject| reject.row).collect();
            let lines = file.open.lines(&night.splits[split].1, &rows, scan.lines_before[split])?;
            for (reject, line) in rejects.iter().zip(lines) {
                let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                sheet
                    .text(Some(&night.policy.source(file.source).name))
                    .text(Some(&file.open.name))
                    .count(line)
                    .text(optional(&reject.column).as_deref())
                    .text(optional(reject.field).as_deref())
                    .text(Some(&reject.text))
                    .text(Some(reject.reason.word()))
                    .text(Some(&reject.reason.says()))
                    .text(Some(reject.reason.hint()))
                    .end_row();
            }
        }
    }
    sheet.finish()
}

/// All flags and notes of a difference as words.
#[must_use]
pub fn flag_words(difference: &Difference) -> Option<String> {
    let words: Vec<&str> =
        difference.flags.iter().map(Code::word).chain(difference.notes.iter().map(Note::word)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The table of findings: blocking ones first, then by tier, source and file.
pub fn findings(findings: &[Finding], job: &str, date: civil::Date) -> Result<Table, Error> {
    let mut sheet = Sheet::new(FINDINGS);
    for finding in findings {
        let optional = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        sheet
            .text(Some(&finding.id(job, date)))
            .text(Some(finding.code.word()))
            .text(Some(finding.code.label_en()))
            .text(Some(finding.code.label_zh()))
            .text(Some(finding.severity.word()))
            .text(optional(&finding.source).as_deref())
            .text(optional(&finding.file).as_deref())
            .integer(finding.line.and_then(|line| i64::try_from(line).ok()))
            .text(Some(&finding.message))
            .text(optional(&finding.hint).as_deref())
            .truth(Some(finding.blocks))
            .integer(finding.rows.and_then(|rows| i64::try_from(rows).ok()))
            .end_row();
    }
    sheet.finish()
}
