//! The command line: help, exit codes, what goes to which stream.

use std::process::Stdio;

use crate::support::{Workspace, output, project, stderr, stdout, tieout, updating};

const DATE: &str = "2026-11-20";

/// Compares with a file of `tests/cli/`.
fn expect(name: &str, text: &str) {
    let path = project("tests/cli").join(name);
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "tests/cli/{name}");
}

#[test]
fn help_needs_no_manual() {
    for command in ["", "run", "check", "sniff", "compare", "formats", "completions"] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = output(&arguments);
        assert!(output.status.success() && output.stderr.is_empty());
        let name = if command.is_empty() { "tieout" } else { command };
        expect(&format!("{name}.help"), &stdout(&output));
    }
}

#[test]
fn the_summary_is_data_and_where_it_went_is_not() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let output = output(&["run", job.to_str().unwrap(), "--date", DATE]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = stdout(&output);
    expect("shop.page", &page);
    let last = page.lines().last().unwrap();
    assert!(last.contains("totals tie out, unexplained is zero"), "{last}");
    assert!(stderr(&output).starts_with("published to "), "{}", stderr(&output));
    assert!(!page.contains('\u{1b}') && !stderr(&output).contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn a_run_told_to_programs_is_one_line() {
    let workspace = Workspace::of_project();
    let job = workspace.job("acme");
    let arguments = ["run", job.to_str().unwrap(), "--date", DATE, "--json"];
    let line = stdout(&output(&arguments));
    assert_eq!(line.lines().count(), 1);
    let first: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first["standing"], "BALANCED WITH OPEN ITEMS");
    assert_eq!((&first["exit_code"], &first["already_published"]), (&0.into(), &false.into()));
    assert_eq!(first["withheld"], "controls failed: AMOUNT_SCALE");
    let again: serde_json::Value = serde_json::from_str(&stdout(&output(&arguments))).unwrap();
    assert_eq!(again["already_published"], true);
    assert_eq!((&again["published_to"], &again["tie_outs"]), (&first["published_to"], &first["tie_outs"]));
}

#[test]
fn a_dry_run_shows_everything_and_writes_nothing() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let dry = output(&["run", job.to_str().unwrap(), "--date", DATE, "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0));
    assert!(!workspace.path("out").exists());
    let wet = output(&["run", job.to_str().unwrap(), "--date", DATE]);
    assert_eq!(stdout(&dry), stdout(&wet));
    assert_eq!(stderr(&dry), "dry run: nothing was published\n");
}

#[test]
fn a_mistake_of_usage_is_told_on_stderr_with_code_2() {
    let job = project("jobs/shop.toml");
    let job = job.to_str().unwrap();
    for (arguments, says) in [
        (vec!["run", job], "--date"),
        (vec!["run", job, "--date", "yesterday"], "write --date 2026-11-20"),
        (vec!["run", job, "--date", DATE, "--threads", "0"], "at least one thread"),
        (vec!["run", "no/such/job.toml", "--date", DATE], "name a TOML file"),
        (vec!["sniff", "no/such/file.csv"], "there is no file"),
        (vec!["rum"], "run"),
        (vec!["compare", job, job], "--key"),
    ] {
        let output = output(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr(&output).contains(says), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let mut command = tieout();
    command.args(["run", job.to_str().unwrap(), "--date", DATE]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!workspace.published("shop", DATE).files().is_empty());
}

#[test]
fn check_names_every_job_that_is_right() {
    let (shop, acme) = (project("jobs/shop.toml"), project("jobs/acme.toml"));
    let output = output(&["check", shop.to_str().unwrap(), acme.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 2);
}

#[test]
fn formats_and_completions_are_listed() {
    let text = stdout(&output(&["formats"]));
    assert!(text.contains("alipay.trade") && text.contains("wechat.fundflow") && text.contains("parquet"));
    for line in stdout(&output(&["formats", "--json"])).lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["format"].is_string() && value["columns_declared_in_job"].is_boolean());
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&output(&["completions", shell])).contains("tieout"));
    }
}

#[test]
fn compare_tells_counts_and_amounts_by_code() {
    let workspace = Workspace::new();
    let ledger = workspace.write(
        "l.csv",
        "id,sum,status,fee\nA1,100.00,SUCCESS,0.60\nA2,30.00,SUCCESS,0.18\nA3,5.00,SUCCESS,0.03\nA4,1.00,PENDING,0\n",
    );
    let statement =
        workspace.write("s.jsonl", "{\"no\":\"A1\",\"sum\":100.00,\"status\":\"SUCCESS\",\"fee\":0.60}\n{\"no\":\"A2\",\"sum\":30.5,\"status\":\"SUCCESS\",\"fee\":0.18}\n{\"no\":\"A9\",\"sum\":7,\"status\":\"SUCCESS\",\"fee\":0}\n{\"no\":\"A4\",\"sum\":1,\"status\":\"SUCCESS\",\"fee\":0}\n");
    let out = workspace.path("out");
    let output = output(&[
        "compare",
        ledger.to_str().unwrap(),
        statement.to_str().unwrap(),
        "--key",
        "id=no",
        "--amount",
        "sum",
        "--compare",
        "fee,status",
        "--currency",
        "EUR",
        "--out",
        out.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let value: serde_json::Value = serde_json::from_str(stdout(&output).lines().last().unwrap()).unwrap();
    let mut keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, ["codes", "ledger_records", "matched", "statement_records"]);
    assert_eq!(
        (&value["ledger_records"], &value["statement_records"], &value["matched"]),
        (&4.into(), &4.into(), &1.into())
    );
    let codes: Vec<String> = value["codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| format!("{} {} {}", code["code"].as_str().unwrap(), code["count"], code["exposure_minor"]))
        .collect();
    assert_eq!(
        codes,
        ["STATUS_PROVIDER_SUCCESS 1 100", "AMOUNT_OVER 1 50", "MISSING_IN_LEDGER 1 700", "MISSING_AT_PROVIDER 1 -500"]
    );
    assert!(out.join("differences.parquet").exists() && out.join("differences.csv").exists());
}

#[test]
fn compare_names_a_column_that_is_not_there_and_the_likely_one() {
    let workspace = Workspace::new();
    let ledger = workspace.write("l.csv", "order_no,amount\nA1,1.00\n");
    let statement = workspace.write("s.csv", "order_number,amount\nA1,1.00\n");
    let output = output(&["compare", ledger.to_str().unwrap(), statement.to_str().unwrap(), "--key", "order_no"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("s.csv has no column `order_no`") && said.contains("order_number"), "{said}");
}
