//! What a run is about to publish, or has published, held against itself (`taxonomy` §8).
//!
//! The proofs of the kernel are about records in memory. These are about bytes: tables are read back
//! as any reader would read them, and must tell of one and the same night. They share no code with
//! what made the tables.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;
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

/// The marks of very many texts, sixteen bytes each.
#[derive(Default)]
struct Marks(Vec<u128>);

impl Marks {
    fn add(&mut self, text: &str) {
        self.0.push(mark(text));
    }

    /// Puts them in order, and gives one that is there twice.
    fn put_in_order(&mut self) -> Option<u128> {
        self.0.par_sort_unstable();
        self.0.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Where the mark of a text is, once they are in order.
    fn place(&self, text: &str) -> Option<usize> {
        let mark = mark(text);
        // Marks are spread evenly, so that a text is near where its mark says.
        let guess = usize::try_from(((mark >> 64) * self.0.len() as u128) >> 64).unwrap_or(0);
        let mut reach = 16;
        let (mut from, mut until) = (guess.saturating_sub(reach), guess.saturating_add(reach).min(self.0.len()));
        while from > 0 && self.0[from] > mark {
            reach *= 4;
            from = from.saturating_sub(reach);
        }
        while until < self.0.len() && self.0[until - 1] < mark {
            reach *= 4;
            until = until.saturating_add(reach).min(self.0.len());
        }
        self.0[from..until].binary_search(&mark).ok().map(|at| from + at)
    }
}

/// Shows every row of a table, of which some thousands are in memory at a time.
fn each_row(
    files: &Files,
    spec: TableSpec,
    each: impl FnMut(&Cells<'_>) -> Result<(), Broken> + Send,
) -> Result<(), Broken> {
    let name = spec.parquet_name();
    let body = files.get(&name).ok_or_else(|| Broken(format!("there is no {name}")))?;
    Table::read_rows(spec, body.clone(), |e| Broken(format!("{name}: {e}")), each)
}

/// What is told of the first row of which something is.
fn first_of(
    files: &Files,
    spec: TableSpec,
    told: impl Fn(&Cells<'_>) -> Option<String> + Sync,
) -> Result<String, Broken> {
    let mut first = None;
    each_row(files, spec, |cells| {
        if first.is_none() {
            first = told(cells);
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
fn open_differences(files: &Files, summary: &Summary) -> Result<Marks, Broken> {
    let (mut settled, mut open) = (Marks::default(), Marks::default());
    each_row(files, DIFFERENCES, |cells| {
        let of = if cells.text("settlement") == Some("SETTLED") { &mut settled } else { &mut open };
        of.add(cells.text("difference_id").unwrap_or_default());
        Ok(())
    })?;
    let twice = open.put_in_order().or_else(|| settled.put_in_order());
    let both = || settled.0.iter().copied().find(|settled| open.0.binary_search(settled).is_ok());
    if let Some(twice) = twice.or_else(both) {
        let is = |cells: &Cells<'_>| cells.text("difference_id").filter(|id| mark(id) == twice).map(str::to_owned);
        return broken(format!("difference {} is there twice", first_of(files, DIFFERENCES, is)?));
    }
    let counted: u64 = summary.codes.iter().map(|line| line.count).sum();
    if open.0.len() as u64 != counted || counted != summary.differences {
        return broken(format!("{} differences are open and the summary counts {counted}", open.0.len()));
    }
    Ok(open)
}

/// A row of the pool as it is named, and what makes it itself.
fn pooled(cells: &Cells<'_>) -> (String, String) {
    let of = |name: &str| cells.text(name).unwrap_or_default();
    let row = (of("book"), of("source"), of("file"), cells.integer("line"), cells.date("night"));
    (format!("{}:{}", of("file"), cells.integer("line").unwrap_or(0)), format!("{row:?}"))
}

/// The pool: no row twice, every difference has its rows, and the closing of the roll-forward.
fn pool(files: &Files, open: &Marks, summary: &Summary) -> Result<(), Broken> {
    let (mut rows, mut named) = (Marks::default(), vec![false; open.0.len()]);
    let mut sums: BTreeMap<_, (u64, i128)> = BTreeMap::new();
    each_row(files, OPEN_ITEMS, |cells| {
        let section = match cells.text("state") {
            Some("TIMING_PENDING" | "HELD_NO_STATEMENT") => Some(Section::InTransit),
            Some("IN_DIFFERENCE") => Some(Section::InDifferences),
            _ => None,
        };
        let of = |name: &str| cells.text(name).unwrap_or_default();
        let (place, row) = pooled(cells);
        rows.add(&row);
        let Some(section) = section else { return Ok(()) };
        if section == Section::InDifferences {
            let id = of("difference_id");
            let Some(at) = open.place(id) else {
                return broken(format!("{place} is in difference {id}, which is not open"));
            };
            named[at] = true;
        }
        let moved =
            if cells.text("status") == Some("SUCCESS") { cells.integer("amount_minor").unwrap_or(0) } else { 0 };
        let key = [of("book"), of("source"), of("account"), of("currency")].map(str::to_owned);
        let (count, effect) = sums.entry((section, key)).or_default();
        *count += 1;
        *effect += i128::from(moved);
        Ok(())
    })?;
    if let Some(twice) = rows.put_in_order() {
        let is = |cells: &Cells<'_>| Some(pooled(cells)).filter(|(_, row)| mark(row) == twice).map(|(place, _)| place);
        return broken(format!("{} is in the pool twice", first_of(files, OPEN_ITEMS, is)?));
    }
    drop(rows);
    if named.contains(&false) {
        let is = |cells: &Cells<'_>| {
            let id = cells.text("difference_id").filter(|id| open.place(id).is_some_and(|at| !named[at]));
            id.map(str::to_owned)
        };
        return broken(format!("difference {} has no row in the pool", first_of(files, DIFFERENCES, is)?));
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
        let is =
            |cells: &Cells<'_>| cells.text("journal_id").filter(|id| !balances(&entries[&mark(id)])).map(str::to_owned);
        return broken(format!("journal entry {} does not balance", first_of(files, SETTLEMENTS, is)?));
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
fn worklist(files: &Files, open: &Marks) -> Result<(), Broken> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    each_row(files, FINDINGS, |cells| {
        *found.entry(text(cells, "finding_id")).or_default() |= cells.truth("blocks") == Some(true);
        Ok(())
    })?;
    let (mut keys, mut acted_on) = (Marks::default(), BTreeSet::new());
    each_row(files, WORKLIST, |cells| {
        let item = cells.text("item_id").unwrap_or_default();
        keys.add(cells.text("idempotency_key").unwrap_or_default());
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
    if let Some(twice) = keys.put_in_order() {
        let is = |cells: &Cells<'_>| {
            cells.text("idempotency_key").filter(|key| mark(key) == twice).map(|_| text(cells, "item_id"))
        };
        return broken(format!("worklist item {} is there twice", first_of(files, WORKLIST, is)?));
    }
    match found.iter().find(|(finding, blocks)| **blocks && !acted_on.contains(*finding)) {
        Some((finding, _)) => broken(format!("finding {finding} blocks its source and nothing is to be done")),
        None => Ok(()),
    }
}

fn about_difference(cells: &Cells<'_>, item: &str, difference: &str, open: &Marks) -> Result<(), Broken> {
    let wanted = match cells.text("state") {
        Some("ISSUED" | "WITHHELD") => true,
        // What is open beside a reason waits for a run whose controls hold.
        Some("OPEN") => cells.text("reason").is_none(),
        _ => false,
    };
    if wanted && open.place(difference).is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_are_and_only_they() {
        for count in [0_u32, 1, 2, 50, 10_000] {
            let mut marks = Marks::default();
            (0..count).for_each(|one| marks.add(&format!("text {one}")));
            assert_eq!(marks.put_in_order(), None);
            let places: BTreeSet<usize> = (0..count).filter_map(|one| marks.place(&format!("text {one}"))).collect();
            assert!(places.into_iter().eq(0..count as usize));
            assert!((count..count + 1_000).all(|one| marks.place(&format!("text {one}")).is_none()));
        }
        // Marks that are not spread evenly take longer and are found all the same.
        let mut marks = Marks((0..500).chain((0..500).map(|one| u128::MAX - one)).collect());
        marks.add("one more");
        assert_eq!(marks.put_in_order(), None);
        assert_eq!(marks.place("one more").map(|at| marks.0[at]), Some(mark("one more")));
        marks.add("one more");
        assert_eq!(marks.put_in_order(), Some(mark("one more")));
    }
}
