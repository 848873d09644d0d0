//! Each invariant broken on purpose: the tables of a night are changed one by one, and the check refuses them.

use std::collections::BTreeMap;

use serde_json::Value;
use tieout::error::Error;
use tieout::report::schema::{DIFFERENCES, FINDINGS, OPEN_ITEMS, SETTLEMENTS, WORKLIST};
use tieout::report::{Cells, Sheet, Table, TableSpec};
use tieout::verify::{Files, check, check_carried};

use crate::support::{Workspace, output, run_job};

/// A night with settlements, differences and a worklist.
fn night() -> Files {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    run_job(&job, "2026-11-18");
    workspace.published("shop", "2026-11-18").files().into_iter().map(|(name, bytes)| (name, bytes.into())).collect()
}

/// A table with its rows changed: each row as name and cell.
fn changed(files: &mut Files, spec: TableSpec, change: impl FnOnce(&mut Vec<BTreeMap<&'static str, Value>>)) {
    let name = format!("{}.parquet", spec.name);
    let mut rows: Vec<BTreeMap<&'static str, Value>> = Vec::new();
    let add = |cells: &Cells<'_>| {
        rows.push(spec.columns.iter().map(|column| (column.name, cells.json(column.name))).collect());
        Ok::<(), String>(())
    };
    Table::read_rows(spec, files[&name].clone(), |cause| cause, add).unwrap();
    change(&mut rows);
    let mut sheet = Sheet::new(spec);
    for row in &rows {
        spec.columns.iter().for_each(|column| sheet.json(&row[column.name]));
        sheet.end_row();
    }
    files.insert(name, sheet.finish().unwrap().parquet().into());
}

fn summary(files: &mut Files, change: impl FnOnce(&mut Value)) {
    let mut summary: Value = serde_json::from_slice(&files["summary.json"].whole().unwrap()).unwrap();
    change(&mut summary);
    files.insert("summary.json".to_owned(), serde_json::to_vec(&summary).unwrap().into());
}

fn more(value: &mut Value, by: i64) {
    *value = Value::from(value.as_i64().unwrap() + by);
}

/// Changes the first item that is about a finding.
fn about_a_file(files: &mut Files, name: &'static str, value: Value) {
    changed(files, WORKLIST, |rows| {
        let item = rows.iter_mut().find(|row| !row["finding_id"].is_null()).unwrap();
        item.insert(name, value);
    });
}

/// One way to break a night.
type Break = fn(&mut Files);

#[test]
fn whatever_does_not_agree_is_refused() {
    let night = night();
    check(&night).unwrap();
    let breaks: [(Break, &str); 21] = [
        (|files| summary(files, |page| more(&mut page["tie_outs"][0]["statement_minor"], 1)), "unexplained"),
        (|files| summary(files, |page| more(&mut page["differences"], 1)), "the summary counts"),
        (|files| summary(files, |page| more(&mut page["matched"], 1)), "matches are listed"),
        (|files| summary(files, |page| more(&mut page["settled"][0]["adverse_minor"], 1)), "come to what was settled"),
        (|files| summary(files, |page| more(&mut page["roll_forward"][0]["added"]["records"], 1)), "does not add up"),
        (|files| summary(files, |page| drop(page["roll_forward"].as_array_mut().unwrap().pop())), "in no roll-forward"),
        (|files| changed(files, DIFFERENCES, |rows| rows.push(rows[0].clone())), "is there twice"),
        (|files| changed(files, DIFFERENCES, |rows| drop(rows.pop())), "the summary counts"),
        (|files| changed(files, OPEN_ITEMS, |rows| rows.push(rows[0].clone())), "in the pool twice"),
        (|files| changed(files, OPEN_ITEMS, |rows| more(rows[0].get_mut("amount_minor").unwrap(), 1)), "the closing"),
        (
            |files| changed(files, OPEN_ITEMS, |rows| drop(rows[0].insert("difference_id", Value::from("D0")))),
            "which is not open",
        ),
        (|files| changed(files, SETTLEMENTS, |rows| drop(rows.pop())), "does not balance"),
        (|files| changed(files, SETTLEMENTS, Vec::clear), "come to what was settled"),
        (|files| changed(files, WORKLIST, |rows| rows.push(rows[0].clone())), "is there twice"),
        (
            |files| changed(files, WORKLIST, |rows| drop(rows[0].insert("difference_id", Value::from("D0")))),
            "which is not open",
        ),
        (
            |files| changed(files, WORKLIST, |rows| drop(rows[0].insert("finding_id", Value::from("F0")))),
            "neither one difference nor one finding",
        ),
        (|files| about_a_file(files, "finding_id", Value::from("F0")), "which was not found"),
        (|files| about_a_file(files, "state", Value::from("WITHHELD")), "cannot be WITHHELD"),
        (|files| about_a_file(files, "expires_on", Value::from(20_774)), "has expired"),
        (|files| changed(files, FINDINGS, Vec::clear), "which was not found"),
        (
            |files| {
                changed(files, FINDINGS, |rows| {
                    rows[0].insert("finding_id", Value::from("F0"));
                    rows[0].insert("blocks", Value::from(true));
                    rows.truncate(1);
                });
                changed(files, WORKLIST, |rows| rows.retain(|row| row["finding_id"].is_null()));
            },
            "blocks its source and nothing is to be done",
        ),
    ];
    for (number, (spoil, says)) in breaks.into_iter().enumerate() {
        let mut files = night.clone();
        spoil(&mut files);
        let broken = check(&files).expect_err("it was broken");
        assert!(broken.0.contains(says), "break {number}: {broken}");
        assert_eq!(Error::from(broken).exit_code(), 70);
    }
}

#[test]
fn a_published_night_is_checked_again_and_a_changed_file_is_found() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    run_job(&job, "2026-11-18");
    let verify = || output(&["verify", job.to_str().unwrap(), "--date", "2026-11-18"]);
    let page = verify();
    assert_eq!(page.status.code(), Some(0), "{}", crate::support::stderr(&page));
    let place = workspace.published("shop", "2026-11-18").folder.join("worklist.jsonl");
    let mut bytes = std::fs::read(&place).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&place, bytes).unwrap();
    let page = verify();
    assert_eq!(page.status.code(), Some(40));
    assert!(crate::support::stderr(&page).contains("it is not what was committed"));
}

#[test]
fn what_earlier_dates_leave_to_be_done_about_files_is_carried_whole() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let night = |date: &str| -> Files {
        run_job(&job, date);
        workspace.published("shop", date).files().into_iter().map(|(name, bytes)| (name, bytes.into())).collect()
    };
    let (before, today) = (night("2026-11-18"), night("2026-11-19"));
    let carried = |before: &Files, today: &Files| check_carried(today, &before["worklist.parquet"]);
    carried(&before, &today).unwrap();
    let is_of_before =
        |row: &BTreeMap<&'static str, Value>| !row["finding_id"].is_null() && row["first_issued"] == 20_775;
    let mut forgotten = today.clone();
    changed(&mut forgotten, WORKLIST, |rows| rows.retain(|row| !is_of_before(row)));
    assert!(carried(&before, &forgotten).unwrap_err().0.contains("open on the day before and not listed"));
    let mut cancelled = before.clone();
    changed(&mut cancelled, WORKLIST, |rows| {
        rows.iter_mut().filter(|row| is_of_before(row)).for_each(|row| drop(row.insert("state", "CANCELLED".into())));
    });
    assert!(carried(&cancelled, &today).unwrap_err().0.contains("is open, and not on the day before"));
}
