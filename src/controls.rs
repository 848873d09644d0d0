//! What files say of themselves against what they hold: totals, dates, balances, rejects, manifests.
//!
//! A control that fails is a finding; one that makes the rows untrustworthy blocks its source
//! (`taxonomy` §10.15), so that a short file is one finding and not a thousand differences.

use std::collections::BTreeMap;

use jiff::civil;
use serde::Deserialize;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::money::Total as Sum;
use tieout_kernel::outcome::State;
use tieout_kernel::record::{Book, Instant};

use crate::agree::{Night, NightFile, Scan, ScanFile, Totals};
use crate::error::Error;
use crate::finding::Finding;
use crate::job::{Plan, RejectLimit, SourcePlan};
use crate::normalise::{Clock, TimeFormat, iso};
use crate::store::Store;

/// Judges every file of a scan.
pub fn judge(
    store: &Store,
    plan: &Plan,
    date: civil::Date,
    day: Day,
    night: &Night<'_>,
    scan: &Scan,
) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (file, scanned) in night.files.iter().zip(&scan.files) {
        let source = &plan.sources[usize::from(file.source)];
        let mut found = of_file(file, scanned);
        found.extend(rejects(&source.reject_limit, scanned));
        found.extend(out_of_scope(file, scanned));
        // A bill that says itself that it is of another day has its finding already.
        let says_day = file.open.period.is_none_or(|(first, last)| first <= day && day <= last);
        if file.book != Book::Ledger && says_day {
            found.extend(other_days(scanned, day));
        }
        findings.extend(found.into_iter().map(|finding| finding.of_file(&file.open.name).of_source(&source.name)));
    }
    for (number, source) in plan.of_book(Book::Ledger) {
        let found = ledger_extract(store, number, source, date, day, night, scan)?;
        findings.extend(found.into_iter().map(|finding| finding.of_source(&source.name)));
    }
    Ok(findings)
}

/// What a file shows of itself, whatever a job expects of it.
#[must_use]
pub fn of_file(file: &NightFile, scanned: &ScanFile) -> Vec<Finding> {
    let mut found = totals(file, scanned);
    found.extend(unmapped(scanned));
    found.extend(balance(scanned));
    found.into_iter().map(|finding| finding.of_file(&file.open.name)).collect()
}

/// Totals that the file declares against those of its rows.
fn totals(file: &NightFile, scanned: &ScanFile) -> Vec<Finding> {
    let controls = scanned.controls(&file.open.controls);
    let broken: Vec<String> = controls
        .iter()
        .filter(|(_, _, _, ties)| !ties)
        .map(|(name, declared, computed, _)| format!("{name}: declared {declared}, rows {computed}"))
        .collect();
    if broken.is_empty() {
        return Vec::new();
    }
    let unread =
        if scanned.rejected > 0 { format!(" ({} rows could not be read)", scanned.rejected) } else { String::new() };
    let message = format!("{}{unread}", broken.join("; "));
    let hint = "fetch the statement again; if it still does not add up, ask the provider";
    vec![Finding::new(Code::TrailerMismatch, message).hint(hint).blocking()]
}

fn rejects(limit: &RejectLimit, scanned: &ScanFile) -> Option<Finding> {
    if scanned.rejected == 0 {
        return None;
    }
    let too_many = scanned.rejected > limit.rows && scanned.rejected_per_million() > limit.per_million;
    let too_much = limit.amount_minor.is_some_and(|most| scanned.rejected_amount.get() > most);
    let what = if scanned.rejected == 1 {
        "1 row could not be read".to_owned()
    } else {
        format!("{} rows could not be read", scanned.rejected)
    };
    let finding =
        Finding::new(Code::RowRejected, what).rows(scanned.rejected).hint("see the table rejects for each row and why");
    Some(if too_many || too_much { finding.severity(Severity::P0).blocking() } else { finding })
}

fn unmapped(scanned: &ScanFile) -> Vec<Finding> {
    let finding = |((column, code), count): (&(String, String), &u64)| {
        let message = format!("`{code}` in column `{column}` is in no map; its rows are kept as ADJUSTMENT");
        Finding::new(Code::UnmappedCode, message)
            .rows(*count)
            .hint("map it in the job, or ask for it to be added to the format")
    };
    scanned.unmapped.iter().map(finding).collect()
}

fn out_of_scope(file: &NightFile, scanned: &ScanFile) -> Option<Finding> {
    let totals = scanned.aside.get(&State::OutOfScope)?;
    let mut accounts: Vec<&str> = totals.0.keys().map(|tag| tag.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let shown = accounts.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let whose =
        if file.book == Book::Ledger { "no statement of the job has" } else { "the job does not name for this source" };
    let message = format!(
        "rows of {} that {whose} were left out: {shown}",
        if accounts.len() == 1 { "an account" } else { "accounts" }
    );
    Some(
        Finding::new(Code::OutOfScopeRow, message)
            .rows(totals.rows())
            .hint("add the account to a source, or filter the rows out"),
    )
}

fn balance(scanned: &ScanFile) -> Option<Finding> {
    (scanned.balance.holds() == Some(false)).then(|| {
        let message = "opening balance and movements do not give the closing balance that the rows print";
        Finding::new(Code::BalanceBreak, message).hint("rows are missing or out of order; fetch the bill again")
    })
}

/// Rows of other days than the one reconciled.
fn other_days(scanned: &ScanFile, day: Day) -> Option<Finding> {
    let others: u64 = scanned.rows_by_day.iter().filter(|(of, _)| **of != day).map(|(_, count)| count).sum();
    let (first, last) = scanned.days.filter(|_| others > 0)?;
    let covers = if first == last { first.to_string() } else { format!("{first} to {last}") };
    if scanned.rows_by_day.contains_key(&day) {
        let what =
            if others == 1 { "1 row is of another day".to_owned() } else { format!("{others} rows are of other days") };
        let message = format!("{what} than {day}: the file covers {covers}");
        return Some(
            Finding::new(Code::StatementOverlap, message)
                .rows(others)
                .hint("a daily bill holds one day only; check `zone` and `cut_off`"),
        );
    }
    let message = format!("all rows are of {covers}; the statement of {day} is not there");
    Some(Finding::new(Code::StatementMissing, message).hint("fetch the bill of the right date").blocking())
}

/// What a ledger extract says of itself, written by whoever made it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// Rows in the extract.
    rows: u64,
    /// Sum of the amounts, signed from the owner's balance, by currency.
    #[serde(default)]
    amount_minor: BTreeMap<String, i64>,
    /// Up to when the extract is complete, with offset.
    watermark: Option<String>,
}

fn ledger_extract(
    store: &Store,
    number: u16,
    source: &SourcePlan,
    date: civil::Date,
    day: Day,
    night: &Night<'_>,
    scan: &Scan,
) -> Result<Vec<Finding>, Error> {
    let files: Vec<&ScanFile> = night
        .files
        .iter()
        .zip(&scan.files)
        .filter(|(file, _)| file.source == number)
        .map(|(_, scanned)| scanned)
        .collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let incomplete = |message: String| {
        Finding::new(Code::LedgerExtractIncomplete, message)
            .hint("make the extract again when the ledger has caught up")
            .blocking()
    };
    if let Some(place) = &source.manifest {
        return Ok(match store.read(&place.on(date))? {
            None => vec![incomplete(format!("its manifest is not there: {}", place.on(date)))],
            Some(bytes) => match serde_json::from_slice::<Manifest>(&bytes) {
                Ok(manifest) => match against_manifest(&manifest, source, day, &files) {
                    wrong if wrong.is_empty() => Vec::new(),
                    wrong => vec![incomplete(wrong.join("; "))],
                },
                Err(e) => vec![incomplete(format!("its manifest cannot be read: {e}"))],
            },
        });
    }
    let statement_rows: u64 = night
        .files
        .iter()
        .zip(&scan.files)
        .filter(|(file, _)| file.book != Book::Ledger)
        .map(|(_, scanned)| scanned.totals.rows())
        .sum();
    let ledger_rows: u64 = files.iter().map(|scanned| scanned.totals.rows()).sum();
    if ledger_rows == 0 && statement_rows > 0 {
        let message =
            format!("the ledger has no record for the accounts of the statements, which have {statement_rows}");
        return Ok(vec![incomplete(message)]);
    }
    let latest = files.iter().filter_map(|scanned| scanned.days.map(|(_, last)| last)).max();
    Ok(match latest {
        Some(latest) if latest < day => vec![incomplete(format!("its last record is of {latest}, before {day}"))],
        _ => Vec::new(),
    })
}

fn against_manifest(manifest: &Manifest, source: &SourcePlan, day: Day, files: &[&ScanFile]) -> Vec<String> {
    let mut wrong = Vec::new();
    let aside = |scanned: &ScanFile| scanned.aside.values().map(Totals::rows).sum::<u64>();
    let rows: u64 = files.iter().map(|scanned| scanned.totals.rows() + aside(scanned) + scanned.rejected).sum();
    if rows != manifest.rows {
        wrong.push(format!("its manifest says {} rows, the extract has {rows}", manifest.rows));
    }
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for scanned in files {
        for totals in std::iter::once(&scanned.totals).chain(scanned.aside.values()) {
            for (tag, total) in &totals.0 {
                *sums.entry(tag.currency.code()).or_default() += total.amount;
            }
        }
    }
    for (currency, declared) in &manifest.amount_minor {
        let computed = sums.get(currency.as_str()).copied().unwrap_or_default();
        if computed.get() != i128::from(*declared) {
            wrong.push(format!("its manifest says {declared} minor units of {currency}, the extract has {computed}"));
        }
    }
    if let Some(watermark) = &manifest.watermark {
        let complete_until = iso(watermark).and_then(|reading| match reading {
            crate::normalise::Reading::Instant(micros) => Some(Instant(micros)),
            crate::normalise::Reading::Local(_) => None,
        });
        let end = source.mapping.as_ref().and_then(|mapping| {
            let mut clock = Clock::new(mapping.zone.clone(), mapping.cut_off, mapping.ambiguous, TimeFormat::Iso);
            clock.bounds(day).ok().map(|(_, end)| end)
        });
        match (complete_until, end) {
            (None, _) => {
                wrong.push(format!("the watermark `{watermark}` of its manifest is no instant with an offset"));
            }
            (Some(until), Some(end)) if until < end => {
                wrong.push(format!("it is complete up to {watermark} only, before the end of {day}"));
            }
            _ => {}
        }
    }
    wrong
}
