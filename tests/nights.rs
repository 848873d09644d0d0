//! One folder, one story over several nights: `tests/nights/<story>/` holds a job, a folder for each step,
//! and what must come of them.
//!
//! A step's folder is named by its number and date, `1_2026-11-19`, and holds that date's files. A later
//! step with an earlier date brings other files for it (a restated bill); a file `again` brings none. A step's
//! `job.toml` is the job from then on.
//! `told.txt` is what each step published; `UPDATE=1 cargo test nights` writes it again.

use std::fmt::Write as _;
use std::path::Path;

use crate::cases::told;
use crate::support::{Published, Row, Workspace, output, stderr, stories};

fn tell(folder: &Path) -> String {
    let workspace = Workspace::new();
    workspace.write("job.toml", std::fs::read(folder.join("job.toml")).unwrap());
    let job = workspace.path("job.toml");
    let mut text = String::new();
    for (step, date) in steps(folder) {
        for entry in std::fs::read_dir(&step).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            let target = match name.as_str() {
                "again" => continue,
                "job.toml" => name,
                _ => format!("in/{date}/{name}"),
            };
            workspace.write(&target, std::fs::read(entry.path()).unwrap());
        }
        let run = || output(&["run", job.to_str().unwrap(), "--date", &date]);
        let ran = run();
        writeln!(text, "==== {} exit {}", step.file_name().unwrap().display(), ran.status.code().unwrap()).unwrap();
        let Some(published) = Published::current(&workspace.path("out"), "nights", &date) else {
            let place = workspace.path("").display().to_string();
            writeln!(text, "{}", stderr(&ran).replace(&place, "")).unwrap();
            continue;
        };
        text.push_str(&told(&published));
        text.push_str(&carried(&published));
        let verified = output(&["verify", job.to_str().unwrap(), "--date", &date]);
        assert_eq!(verified.status.code(), Some(0), "{}: {}", step.display(), stderr(&verified));
        // The same inputs again publish nothing new.
        let files = published.files();
        assert_eq!(run().status.code(), Some(0), "{}", folder.display());
        let again = Published::current(&workspace.path("out"), "nights", &date).unwrap();
        assert_eq!(again.files(), files, "{}", folder.display());
    }
    text
}

/// Folders of the steps in order, with their dates.
fn steps(folder: &Path) -> Vec<(std::path::PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut steps: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    steps.sort();
    let date = |path: &Path| path.file_name().unwrap().to_str().unwrap().split_once('_').unwrap().1.to_owned();
    steps.into_iter().map(|path| (path.clone(), date(&path))).collect()
}

/// What goes on to the next night.
fn carried(published: &Published) -> String {
    let mut text = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            writeln!(text, "\n{title}").unwrap();
            lines.iter().for_each(|line| writeln!(text, "  {line}").unwrap());
        }
    };
    section("open items", published.table("open_items").iter().map(open_item).collect());
    section("seen first", published.table("differences").iter().map(first_seen).collect());
    section("reversals", published.table("settlements").iter().filter_map(reversal).collect());
    let about_records = published.table("worklist").into_iter().filter(|row| !row["difference_id"].is_empty());
    section("worklist", about_records.map(|row| item(&row)).collect());
    let rolled = published.table("summary").into_iter().filter(|row| row["section"].starts_with("in_"));
    section("roll-forward", rolled.map(|row| rolled_line(&row)).collect());
    text.push('\n');
    text
}

fn open_item(row: &Row) -> String {
    format!(
        "{} {} {}:{} of {}  {} {}",
        row["state"], row["book"], row["file"], row["line"], row["night"], row["currency"], row["amount"]
    )
}

fn first_seen(row: &Row) -> String {
    format!("{} {} {} age {}", row["code"], row["event_no"], row["first_seen"], row["age_business_days"])
}

fn reversal(row: &Row) -> Option<String> {
    (!row["reverses"].is_empty()).then(|| {
        format!(
            "{} {} debit {} credit {}  {} -> {}",
            row["line"], row["ledger_account"], row["debit"], row["credit"], row["before"], row["after"]
        )
    })
}

fn item(row: &Row) -> String {
    let reason = if row["reason"].is_empty() { String::new() } else { format!("  ({})", row["reason"]) };
    format!(
        "{} {} {} {} {} {} since {}{reason}",
        row["state"],
        row["verb"],
        row["code"],
        row["event_no"],
        row["provider_txn_id"],
        row["amount_limit"],
        row["first_issued"]
    )
}

fn rolled_line(row: &Row) -> String {
    format!(
        "{} {} {}: {} {}  {}",
        row["section"], row["source"], row["item"], row["count"], row["amount"], row["currency"]
    )
}

#[test]
fn every_story_comes_out_as_told() {
    stories("tests/nights", 8, tell);
}
