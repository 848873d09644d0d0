//! What a run is about to publish, or has published, held against itself (`taxonomy` §8).
//!
//! The proofs of the kernel are about records in memory. These are about bytes: tables are read back
//! as any reader would read them, and must tell of one and the same night. They share no code with
//! what made the tables.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tieout_kernel::proof::Broken;
use xxhash_rust::xxh3::xxh3_128;

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
    let of_the_rest = || journal(files, &summary).and_then(|()| evidence(files, &summary));
    let (open, of_the_rest) = rayon::join(|| open_differences(files, &summary), of_the_rest);
    let open = open?;
    let (of_pool, of_worklist) = rayon::join(|| pool(files, &open, &summary), || worklist(files, &open));
    of_pool.and(of_worklist).and(of_the_rest)
}

/// Checks that what a run carries of earlier dates' findings is what the day before lists, and all of it.
///
/// # Errors
/// The first item that is not there, or that nobody asked for.
pub fn check_carried(today: &Files, worklist_before: &Body) -> Result<(), Broken> {
    let (mut before, mut listed) = (BTreeSet::new(), BTreeMap::new());
    let unreadable = |e| Broken(format!("the day before: {e}"));
    Table::read_rows(WORKLIST, worklist_before.clone(), unreadable, |cells| {
        before.extend(of_finding(cells).filter(|_| is_out(cells)));
        Ok(())
    })?;
    each_row(today, WORKLIST, |cells| {
        if cells.date("first_issued") < cells.date("business_date") {
            listed.extend(of_finding(cells).map(|item| (item, is_out(cells))));
        }
        Ok(())
    })?;
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

/// What stands for a text where there are millions: no two of them have the same but by a chance that nobody lives to
/// see.
fn mark(text: &str) -> u128 {
    xxh3_128(text.as_bytes())
}

/// Shows every row of a table, of which some thousands are in memory at a time.
fn each_row(files: &Files, spec: TableSpec, each: impl FnMut(&Cells<'_>) -> Result<(), Broken>) -> Result<(), Broken> {
    let name = spec.parquet_name();
    let body = files.get(&name).ok_or_else(|| Broken(format!("there is no {name}")))?;
    Table::read_rows(spec, body.clone(), |e| Broken(format!("{name}: {e}")), each)
}

/// The first text of a column of which something holds.
fn first_of(files: &Files, spec: TableSpec, column: &str, is: impl Fn(u128) -> bool) -> Result<String, Broken> {
    let mut first = None;
    each_row(files, spec, |cells| {
        let text = cells.text(column).unwrap_or_default();
        if first.is_none() && is(mark(text)) {
            first = Some(text.to_owned());
        }
        Ok(())
    })?;
    Ok(first.unwrap_or_default())
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

/// The marks of open differences, each there once, and as many as the summary counts.
fn open_differences(files: &Files, summary: &Summary) -> Result<HashSet<u128>, Broken> {
    let (mut all, mut open) = (HashSet::new(), HashSet::new());
    each_row(files, DIFFERENCES, |cells| {
        let id = cells.text("difference_id").unwrap_or_default();
        if !all.insert(mark(id)) {
            return broken(format!("difference {id} is there twice"));
        }
        if cells.text("settlement") != Some("SETTLED") {
            open.insert(mark(id));
        }
        Ok(())
    })?;
    let counted: u64 = summary.codes.iter().map(|line| line.count).sum();
    if open.len() as u64 != counted || counted != summary.differences {
        return broken(format!("{} differences are open and the summary counts {counted}", open.len()));
    }
    Ok(open)
}

/// The pool: no row twice, every difference has its rows, and the closing of the roll-forward.
fn pool(files: &Files, open: &HashSet<u128>, summary: &Summary) -> Result<(), Broken> {
    let (mut rows, mut named) = (HashSet::new(), HashSet::new());
    let mut sums: BTreeMap<_, (u64, i128)> = BTreeMap::new();
    each_row(files, OPEN_ITEMS, |cells| {
        let section = match cells.text("state") {
            Some("TIMING_PENDING" | "HELD_NO_STATEMENT") => Some(Section::InTransit),
            Some("IN_DIFFERENCE") => Some(Section::InDifferences),
            _ => None,
        };
        let of = |name: &str| cells.text(name).unwrap_or_default();
        let place = || format!("{}:{}", of("file"), cells.integer("line").unwrap_or(0));
        let row = (of("book"), of("source"), of("file"), cells.integer("line"), cells.date("night"));
        if !rows.insert(mark(&format!("{row:?}"))) {
            return broken(format!("{} is in the pool twice", place()));
        }
        let Some(section) = section else { return Ok(()) };
        if section == Section::InDifferences {
            let id = of("difference_id");
            if !open.contains(&mark(id)) {
                return broken(format!("{} is in difference {id}, which is not open", place()));
            }
            named.insert(mark(id));
        }
        let moved =
            if cells.text("status") == Some("SUCCESS") { cells.integer("amount_minor").unwrap_or(0) } else { 0 };
        let key = [of("book"), of("source"), of("account"), of("currency")].map(str::to_owned);
        let (count, effect) = sums.entry((section, key)).or_default();
        *count += 1;
        *effect += i128::from(moved);
        Ok(())
    })?;
    if open.iter().any(|id| !named.contains(id)) {
        let id = first_of(files, DIFFERENCES, "difference_id", |id| open.contains(&id) && !named.contains(&id))?;
        return broken(format!("difference {id} has no row in the pool"));
    }
    for line in &summary.roll_forward {
        let [opening, added, cleared, expired, lapsed, closing] =
            [line.opening, line.added, line.cleared, line.expired, line.lapsed, line.closing].map(of_count);
        let rolled = |at: fn((i128, i128)) -> i128| at(opening) + at(added) - at(cleared) - at(expired) - at(lapsed);
        if (rolled(|count| count.0), rolled(|count| count.1)) != closing {
            return broken(format!("{} {} {}: the roll-forward does not add up", line.book, line.source, line.account));
        }
        let key = [&line.book, &line.source, &line.account, &line.currency].map(String::clone);
        let (count, effect) = sums.remove(&(line.section, key)).unwrap_or_default();
        if (i128::from(count), effect) != closing {
            return broken(format!("{} {} {}: the pool is not the closing", line.book, line.source, line.account));
        }
    }
    match sums.into_keys().next() {
        Some((_, [book, source, account, _])) => {
            broken(format!("{book} {source} {account}: open and in no roll-forward"))
        }
        None => Ok(()),
    }
}

fn of_count(count: Count) -> (i128, i128) {
    (i128::from(count.records), i128::from(count.effect_minor))
}

/// The journal balances entry by entry, and its settlements come to what the summary says was settled.
fn journal(files: &Files, summary: &Summary) -> Result<(), Broken> {
    let mut entries: HashMap<u128, (i128, i128, u32)> = HashMap::new();
    let mut by_code: BTreeMap<(String, String), (HashSet<u128>, i128)> = BTreeMap::new();
    each_row(files, SETTLEMENTS, |cells| {
        let id = cells.text("journal_id").unwrap_or_default();
        let money = |name: &str| i128::from(cells.integer(name).unwrap_or(0));
        let (debit, credit, lines) = entries.entry(mark(id)).or_default();
        *debit += money("debit_minor");
        *credit += money("credit_minor");
        *lines += 1;
        if cells.text("reverses").is_none() && cells.integer("line") == Some(1) {
            let key = (text(cells, "code"), text(cells, "currency"));
            let (ids, sum) = by_code.entry(key).or_default();
            if !ids.insert(mark(id)) {
                return broken(format!("journal entry {id} is there twice"));
            }
            *sum += money("after_minor") - money("before_minor");
        }
        Ok(())
    })?;
    let balances = |(debit, credit, lines): &(i128, i128, u32)| debit == credit && *debit > 0 && *lines == 2;
    if !entries.values().all(balances) {
        let id = first_of(files, SETTLEMENTS, "journal_id", |id| !balances(&entries[&id]))?;
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
fn worklist(files: &Files, open: &HashSet<u128>) -> Result<(), Broken> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    each_row(files, FINDINGS, |cells| {
        *found.entry(text(cells, "finding_id")).or_default() |= cells.truth("blocks") == Some(true);
        Ok(())
    })?;
    let (mut ids, mut acted_on) = (HashSet::new(), BTreeSet::new());
    each_row(files, WORKLIST, |cells| {
        let item = cells.text("item_id").unwrap_or_default();
        if !ids.insert(mark(cells.text("idempotency_key").unwrap_or_default())) {
            return broken(format!("worklist item {item} is there twice"));
        }
        match (cells.text("difference_id"), cells.text("finding_id")) {
            (Some(difference), None) => about_difference(cells, item, difference, open)?,
            (None, Some(finding)) => {
                about_finding(cells, item, finding, &found)?;
                acted_on.extend(is_out(cells).then(|| finding.to_owned()));
            }
            (Some(_), Some(_)) | (None, None) => {
                return broken(format!("worklist item {item} is about neither one difference nor one finding"));
            }
        }
        Ok(())
    })?;
    match found.iter().find(|(finding, blocks)| **blocks && !acted_on.contains(*finding)) {
        Some((finding, _)) => broken(format!("finding {finding} blocks its source and nothing is to be done")),
        None => Ok(()),
    }
}

fn about_difference(cells: &Cells<'_>, item: &str, difference: &str, open: &HashSet<u128>) -> Result<(), Broken> {
    let wanted = match cells.text("state") {
        Some("ISSUED" | "WITHHELD") => true,
        // What is open beside a reason waits for a run whose controls hold.
        Some("OPEN") => cells.text("reason").is_none(),
        _ => false,
    };
    if wanted && !open.contains(&mark(difference)) {
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
