//! One folder, one story: `tests/cases/<story>/` holds a job, its inputs and what must come of them.
//!
//! `told.txt` is the published result in a few words per record, compared byte for byte;
//! `UPDATE=1 cargo test cases` writes it again. `edge_cases.md` says which story is which edge case.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Published, Row, Workspace, output, project, stderr, stories};

/// Runs a story in a folder of its own and tells the result.
fn tell(folder: &Path) -> String {
    let workspace = Workspace::new();
    let mut date = "2026-11-20".to_owned();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        match name.as_str() {
            "told.txt" => {}
            "date.txt" => date = String::from_utf8(bytes).unwrap().trim().to_owned(),
            _ => drop(workspace.write(&name, bytes)),
        }
    }
    let output = output(&["run", workspace.path("job.toml").to_str().unwrap(), "--date", &date, "--start-fresh"]);
    let code = output.status.code().unwrap();
    if let Some(published) = Published::current(&workspace.path("out"), "case", &date) {
        format!("exit {code}\n{}", told(&published))
    } else {
        let place = workspace.path("").display().to_string();
        format!("exit {code}, nothing published\n{}", stderr(&output).replace(&place, ""))
    }
}

pub(crate) fn told(published: &Published) -> String {
    let summary = published.summary();
    let mut text = format!("{}\n", summary["standing"].as_str().unwrap());
    if let Some(why) = summary["withheld"].as_str() {
        writeln!(text, "withheld: {why}").unwrap();
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            writeln!(text, "\n{title}").unwrap();
            lines.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
        }
    };
    let told = |name: &str, line: fn(&Row) -> String| published.table(name).iter().map(line).collect();
    section("matches", told("matches", matched));
    section("differences", told("differences", difference));
    section("settlements", told("settlements", settlement));
    section("findings", told("findings", finding));
    section("rejects", told("rejects", reject));
    let of_findings = published.table("worklist").into_iter().filter(|row| !row["finding_id"].is_empty());
    section("to be done about files", of_findings.map(|row| work(&row)).collect());
    let states = summary["states"].as_array().unwrap().iter();
    section("records", states.map(|line| format!("{} {} {}", line["book"], line["state"], line["records"])).collect());
    text
}

fn matched(row: &Row) -> String {
    let flags = if row["flags"].is_empty() { String::new() } else { format!(" [{}]", row["flags"]) };
    format!(
        "{}:{} = {}:{}  {} {} {} {}{flags}",
        row["statement_file"],
        row["statement_line"],
        row["ledger_file"],
        row["ledger_line"],
        row["pass"],
        row["kind"],
        row["currency"],
        row["amount"]
    )
}

fn difference(row: &Row) -> String {
    let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
    let mut line = format!(
        "{} {}  {} | {}  {} exposure {} at risk {} {}",
        row["severity"],
        row["code"],
        or(&row["statement_rows"], "-"),
        or(&row["ledger_rows"], "-"),
        row["currency"],
        or(&row["exposure"], "-"),
        or(&row["at_risk"], "-"),
        row["cash_effect"]
    );
    for (name, title) in [("fee_delta", "fee"), ("related_rows", "beside"), ("pass", "by")] {
        if !row[name].is_empty() {
            write!(line, " {title} {}", row[name]).unwrap();
        }
    }
    if !row["flags"].is_empty() {
        write!(line, " [{}]", row["flags"]).unwrap();
    }
    if !row["settlement"].is_empty() {
        write!(line, "\n      {}: {}", row["settlement"], row["settlement_reason"]).unwrap();
    }
    // Why a tier is what it is, where more than the code decided.
    if row["severity_reason"].contains("; ") {
        write!(line, "\n      {}", row["severity_reason"]).unwrap();
    }
    format!("{line}\n      {}\n      {}", row["explanation"], row["explanation_zh"])
}

fn settlement(row: &Row) -> String {
    format!(
        "{} {} {}  {} debit {} credit {}  {} -> {}  {}",
        row["rule"],
        row["statement_rows"],
        row["line"],
        row["ledger_account"],
        row["debit"],
        row["credit"],
        row["before"],
        row["after"],
        row["currency"]
    )
}

fn finding(row: &Row) -> String {
    let blocks = if row["blocks"] == "true" { " BLOCKS" } else { "" };
    format!(
        "{} {}{blocks} {} {}:{} {}",
        row["severity"], row["code"], row["source"], row["file"], row["line"], row["message"]
    )
}

fn work(row: &Row) -> String {
    let reason = if row["reason"].is_empty() { String::new() } else { format!("  ({})", row["reason"]) };
    format!(
        "{} {} {} {} {} at {} since {}{reason}",
        row["state"], row["severity"], row["verb"], row["code"], row["source"], row["at"], row["first_issued"]
    )
}

fn reject(row: &Row) -> String {
    format!("{}:{} {} `{}` {}: {}", row["file"], row["line"], row["column"], row["text"], row["reason"], row["message"])
}

#[test]
fn every_story_comes_out_as_told() {
    stories("tests/cases", 40, tell);
}

#[test]
fn every_edge_case_is_shown_or_waits() {
    let list = std::fs::read_to_string(project("tests/edge_cases.md")).unwrap();
    let mut number = 0;
    for line in list.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())) {
        number += 1;
        assert!(line.starts_with(&format!("{number}. ")), "out of order: {line}");
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() || line.contains("waits for"), "neither shown nor waiting: {line}");
        for name in names {
            let shown = match name.split_once("::") {
                None => {
                    ["cases", "nights"].iter().any(|of| project("tests").join(of).join(name).join("told.txt").exists())
                }
                Some((module, test)) => std::fs::read_to_string(project(&format!("tests/{module}.rs")))
                    .is_ok_and(|source| source.contains(&format!("#[test]\nfn {test}()"))),
            };
            assert!(shown, "there is no test {name}");
        }
    }
    assert_eq!(number, 40);
}
