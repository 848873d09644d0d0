//! What a run is about to publish, or has published, held against itself (`taxonomy` §8).
//!
//! The proofs of the kernel are about records in memory. These are about bytes: tables are read back
//! as any reader would read them, and must tell of one and the same night. They share no code with
//! what made the tables.

use std::collections::{BTreeMap, BTreeSet};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tieout_kernel::proof::Broken;

use crate::carry::roll::{Count, Section};
use crate::report::schema::{DIFFERENCES, FINDINGS, OPEN_ITEMS, SETTLEMENTS, WORKLIST};
use crate::report::summary::Summary;
use crate::report::{Cells, Table, TableSpec};
use crate::store::Body;

/// The files of a run by name.
pub type Files = BTreeMap<String, Body>;

fn broken<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken(what.into()))
}

/// Checks that the tables of a run agree with each other and with its summary.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(files: &Files) -> Result<(), Broken> {
    let summary = files.get(Summary::FILE).ok_or_else(|| Broken("there is no summary".to_owned()))?;
    let summary = summary.whole().map_err(|e| Broken(format!("the summary cannot be read: {e}")))?;
    let summary: Summary =
        serde_json::from_slice(&summary).map_err(|e| Broken(format!("the summary cannot be read: {e}")))?;
    tie_outs(&summary)?;
    let (open, asked_for) =
        rayon::join(|| difference_ids(&table(files, DIFFERENCES)?, &summary), || table(files, WORKLIST));
    let open = open?;
    let of_pool = || pool(&table(files, OPEN_ITEMS)?, &open, &summary);
    let (of_pool, of_worklist) = rayon::join(of_pool, || worklist(&asked_for?, &open, &table(files, FINDINGS)?));
    of_pool?;
    of_worklist?;
    journal(&table(files, SETTLEMENTS)?, &summary)?;
    evidence(files, &summary)
}

/// Checks that what a run carries of earlier dates' findings is what the day before lists, and all of it.
///
/// # Errors
/// The first item that is not there, or that nobody asked for.
pub fn check_carried(today: &Files, worklist_before: &Body) -> Result<(), Broken> {
    let before = Table::read(WORKLIST, worklist_before.clone()).map_err(|e| Broken(format!("the day before: {e}")))?;
    let before: BTreeSet<String> = before.cells().filter(is_out).filter_map(|cells| of_finding(&cells)).collect();
    let today = table(today, WORKLIST)?;
    let carried = today.cells().filter(|cells| cells.date("first_issued") < cells.date("business_date"));
    let listed: BTreeMap<String, bool> =
        carried.filter_map(|cells| Some((of_finding(&cells)?, is_out(&cells)))).collect();
    if let Some(item) = before.iter().find(|item| !listed.contains_key(*item)) {
        return broken(format!("worklist item {item} is open on the day before and not listed"));
    }
    match listed.iter().find(|(item, is_out)| **is_out && !before.contains(*item)) {
        Some((item, _)) => broken(format!("worklist item {item} is open, and not on the day before")),
        None => Ok(()),
    }
}

/// Whether an item is out: asked for, and not taken back.
fn is_out(cells: &Cells<'_>) -> bool {
    matches!(cells.text("state"), Some("ISSUED" | "OPEN"))
}

/// The id of an item that is about a finding.
fn of_finding(cells: &Cells<'_>) -> Option<String> {
    cells.text("finding_id").map(|_| text(cells, "item_id"))
}

fn table(files: &Files, spec: TableSpec) -> Result<Table, Broken> {
    let name = spec.parquet_name();
    let body = files.get(&name).ok_or_else(|| Broken(format!("there is no {name}")))?;
    Table::read(spec, body.clone()).map_err(|e| Broken(format!("{name}: {e}")))
}

/// Statement less ledger is what is listed, and nothing is left.
fn tie_outs(summary: &Summary) -> Result<(), Broken> {
    for one in &summary.tie_outs {
        let explained: i128 = one.explained.iter().map(|part| i128::from(part.amount_minor)).sum();
        let difference = i128::from(one.statement_minor) - i128::from(one.ledger_minor);
        if difference != explained || one.unexplained_minor != 0 {
            return broken(format!(
                "account {} {}: the tie-out leaves something unexplained",
                one.account, one.currency
            ));
        }
    }
    Ok(())
}

/// The ids of open differences, each there once, and as many as the summary counts.
fn difference_ids(differences: &Table, summary: &Summary) -> Result<BTreeSet<String>, Broken> {
    let mut all = BTreeSet::new();
    let mut open = BTreeSet::new();
    for cells in differences.cells() {
        let id = text(&cells, "difference_id");
        if !all.insert(id.clone()) {
            return broken(format!("difference {id} is there twice"));
        }
        if cells.text("settlement") != Some("SETTLED") {
            open.insert(id);
        }
    }
    let counted: u64 = summary.codes.iter().map(|line| line.count).sum();
    if open.len() as u64 != counted || counted != summary.differences {
        return broken(format!("{} differences are open and the summary counts {counted}", open.len()));
    }
    Ok(open)
}

/// The pool: no row twice, every difference has its rows, and the closing of the roll-forward.
fn pool(open_items: &Table, open: &BTreeSet<String>, summary: &Summary) -> Result<(), Broken> {
    let mut rows = BTreeSet::new();
    let mut named = BTreeSet::new();
    let mut sums: BTreeMap<_, (u64, i128)> = BTreeMap::new();
    for cells in open_items.cells() {
        let section = match cells.text("state") {
            Some("TIMING_PENDING" | "HELD_NO_STATEMENT") => Some(Section::InTransit),
            Some("IN_DIFFERENCE") => Some(Section::InDifferences),
            _ => None,
        };
        let of = |name: &str| text(&cells, name);
        let row = (of("book"), of("source"), of("file"), cells.integer("line"), cells.date("night"));
        let place = format!("{}:{}", row.2, row.3.unwrap_or(0));
        if !rows.insert(row) {
            return broken(format!("{place} is in the pool twice"));
        }
        let Some(section) = section else { continue };
        if section == Section::InDifferences {
            let id = of("difference_id");
            if !open.contains(&id) {
                return broken(format!("{place} is in difference {id}, which is not open"));
            }
            named.insert(id);
        }
        let moved =
            if cells.text("status") == Some("SUCCESS") { cells.integer("amount_minor").unwrap_or(0) } else { 0 };
        let key = (section, of("book"), of("source"), of("account"), of("currency"));
        let (count, effect) = sums.entry(key).or_default();
        *count += 1;
        *effect += i128::from(moved);
    }
    if let Some(id) = open.iter().find(|id| !named.contains(*id)) {
        return broken(format!("difference {id} has no row in the pool"));
    }
    for line in &summary.roll_forward {
        let [opening, added, cleared, expired, lapsed, closing] =
            [line.opening, line.added, line.cleared, line.expired, line.lapsed, line.closing].map(of_count);
        let rolled = |at: fn((i128, i128)) -> i128| at(opening) + at(added) - at(cleared) - at(expired) - at(lapsed);
        if (rolled(|count| count.0), rolled(|count| count.1)) != closing {
            return broken(format!("{} {} {}: the roll-forward does not add up", line.book, line.source, line.account));
        }
        let key = (line.section, line.book.clone(), line.source.clone(), line.account.clone(), line.currency.clone());
        let (count, effect) = sums.remove(&key).unwrap_or_default();
        if (i128::from(count), effect) != closing {
            return broken(format!("{} {} {}: the pool is not the closing", line.book, line.source, line.account));
        }
    }
    match sums.into_keys().next() {
        Some((_, book, source, account, _)) => {
            broken(format!("{book} {source} {account}: open and in no roll-forward"))
        }
        None => Ok(()),
    }
}

fn of_count(count: Count) -> (i128, i128) {
    (i128::from(count.records), i128::from(count.effect_minor))
}

/// The journal balances entry by entry, and its settlements come to what the summary says was settled.
fn journal(settlements: &Table, summary: &Summary) -> Result<(), Broken> {
    let mut entries: BTreeMap<String, (i128, i128, u32)> = BTreeMap::new();
    let mut by_code: BTreeMap<(String, String), (BTreeSet<String>, i128)> = BTreeMap::new();
    for cells in settlements.cells() {
        let id = text(&cells, "journal_id");
        let money = |name: &str| i128::from(cells.integer(name).unwrap_or(0));
        let (debit, credit, lines) = entries.entry(id.clone()).or_default();
        *debit += money("debit_minor");
        *credit += money("credit_minor");
        *lines += 1;
        if cells.text("reverses").is_none() && cells.integer("line") == Some(1) {
            let key = (text(&cells, "code"), text(&cells, "currency"));
            let (ids, sum) = by_code.entry(key).or_default();
            if !ids.insert(id.clone()) {
                return broken(format!("journal entry {id} is there twice"));
            }
            *sum += money("after_minor") - money("before_minor");
        }
    }
    if let Some((id, _)) =
        entries.iter().find(|(_, (debit, credit, lines))| debit != credit || *debit <= 0 || *lines != 2)
    {
        return broken(format!("journal entry {id} does not balance"));
    }
    for line in &summary.settled {
        let key = (line.code.clone(), line.currency.clone());
        let (ids, sum) = by_code.remove(&key).unwrap_or_default();
        let settled = i128::from(line.favourable_minor) - i128::from(line.adverse_minor);
        if ids.len() as u64 != line.count || sum != settled {
            return broken(format!("the journal of {} does not come to what was settled", line.code));
        }
    }
    match by_code.into_keys().next() {
        Some((code, _)) => broken(format!("the journal has entries of {code}, of which nothing was settled")),
        None => Ok(()),
    }
}

/// Every item that is wanted points to an open difference or to a finding, what blocks a source has one, and no item
/// is there twice.
fn worklist(worklist: &Table, open: &BTreeSet<String>, findings: &Table) -> Result<(), Broken> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for cells in findings.cells() {
        *found.entry(text(&cells, "finding_id")).or_default() |= cells.truth("blocks") == Some(true);
    }
    let (mut ids, mut acted_on) = (BTreeSet::new(), BTreeSet::new());
    for cells in worklist.cells() {
        let (item, key) = (text(&cells, "item_id"), text(&cells, "idempotency_key"));
        if !ids.insert(key) {
            return broken(format!("worklist item {item} is there twice"));
        }
        match (cells.text("difference_id"), cells.text("finding_id")) {
            (Some(difference), None) => about_difference(&cells, &item, difference, open)?,
            (None, Some(finding)) => {
                about_finding(&cells, &item, finding, &found)?;
                acted_on.extend(is_out(&cells).then(|| finding.to_owned()));
            }
            (Some(_), Some(_)) | (None, None) => {
                return broken(format!("worklist item {item} is about neither one difference nor one finding"));
            }
        }
    }
    match found.iter().find(|(finding, blocks)| **blocks && !acted_on.contains(*finding)) {
        Some((finding, _)) => broken(format!("finding {finding} blocks its source and nothing is to be done")),
        None => Ok(()),
    }
}

fn about_difference(cells: &Cells<'_>, item: &str, difference: &str, open: &BTreeSet<String>) -> Result<(), Broken> {
    let wanted = match cells.text("state") {
        Some("ISSUED" | "WITHHELD") => true,
        // What is open beside a reason waits for a run whose controls hold.
        Some("OPEN") => cells.text("reason").is_none(),
        _ => false,
    };
    if wanted && !open.contains(difference) {
        return broken(format!("worklist item {item} is about {difference}, which is not open"));
    }
    Ok(())
}

/// Of the date's own findings each item has a row beside it; those of earlier dates are only carried along.
fn about_finding(cells: &Cells<'_>, item: &str, finding: &str, found: &BTreeMap<String, bool>) -> Result<(), Broken> {
    let is_carried = cells.date("first_issued") < cells.date("business_date");
    let state = cells.text("state").unwrap_or_default();
    if !matches!((state, is_carried), ("ISSUED", false) | ("OPEN" | "CANCELLED", _)) {
        return broken(format!("worklist item {item} is about a finding and cannot be {state}"));
    }
    if is_out(cells) && !is_carried && !found.contains_key(finding) {
        return broken(format!("worklist item {item} is about {finding}, which was not found"));
    }
    if is_out(cells) && cells.date("expires_on") < cells.date("business_date") {
        return broken(format!("worklist item {item} is open and has expired"));
    }
    Ok(())
}

/// As many rows of evidence as the summary counts matches, where evidence is kept.
fn evidence(files: &Files, summary: &Summary) -> Result<(), Broken> {
    let Some(body) = files.get("matches.parquet") else { return broken("there is no matches.parquet") };
    let reader = ParquetRecordBatchReaderBuilder::try_new(body.clone());
    let rows = reader.map_err(|e| Broken(format!("matches.parquet: {e}")))?.metadata().file_metadata().num_rows();
    if rows != 0 && i128::from(rows) != i128::from(summary.matched) {
        return broken(format!("{rows} matches are listed and the summary counts {}", summary.matched));
    }
    Ok(())
}

fn text(cells: &Cells<'_>, name: &str) -> String {
    cells.text(name).unwrap_or_default().to_owned()
}
