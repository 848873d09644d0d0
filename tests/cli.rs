//! The command line: help, exit codes, what goes to which stream.

use std::process::Stdio;

use crate::support::{Workspace, output, project, run_job, stderr, stdout, tieout, updating};

const DATE: &str = "2026-11-18";
/// The date of the stories in `tests/cases/`.
const CASES: &str = "2026-11-20";

/// Compares with a file of `tests/cli/`.
pub(crate) fn expect(name: &str, text: &str) {
    let path = project("tests/cli").join(name);
    if updating() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "tests/cli/{name}");
}

#[test]
fn help_needs_no_manual() {
    for command in ["", "run", "explain", "check", "sniff", "compare", "formats", "completions"] {
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
    // A fen gained and a fen lost cancel each other, and stay on the page with their count.
    let settled = page.lines().find(|line| line.contains("settled by policy")).expect("what was settled is shown");
    assert_eq!(settled.split_whitespace().collect::<Vec<_>>(), ["settled", "by", "policy", "2", "0.00"]);
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
fn the_line_for_programs_is_the_last_and_fits_what_schedulers_keep() {
    let workspace = Workspace::of_project();
    let file = workspace.path("summary.json");
    let job = workspace.job("shop");
    let arguments = ["run", job.to_str().unwrap(), "--date", DATE, "--json", "--summary-file", file.to_str().unwrap()];
    let line = stdout(&output(&arguments));
    assert!(line.len() <= 4_096, "{} bytes", line.len());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line);
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&told["settled"], &told["differences"]), (&2.into(), &33.into()));
    let codes = told["codes"].as_array().unwrap();
    assert_eq!(codes[0]["severity"], "P0");
    // Nothing goes without being counted.
    let whole = workspace.published("shop", DATE).summary();
    let all = whole["codes"].as_array().unwrap().len() + whole["tie_outs"].as_array().unwrap().len();
    let kept = codes.len() + told["tie_outs"].as_array().unwrap().len();
    assert_eq!(kept as u64 + told["left_off"].as_u64().unwrap(), all as u64);
}

#[test]
fn a_quiet_run_that_needs_nobody_says_nothing_and_one_that_does_says_it() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let quiet = output(&["run", job.to_str().unwrap(), "--date", DATE, "--quiet"]);
    assert_eq!((quiet.status.code(), stdout(&quiet).as_str(), stderr(&quiet).as_str()), (Some(0), "", ""));
    let text = std::fs::read_to_string(workspace.path("jobs/policy/china.toml")).unwrap();
    workspace.write("jobs/policy/china.toml", text.replace("alert_tier = \"never\"", "alert_tier = \"P0\""));
    let loud = output(&["run", job.to_str().unwrap(), "--date", DATE, "--quiet"]);
    assert_eq!(loud.status.code(), Some(10));
    assert!(stdout(&loud).ends_with("33 differences\n"), "{}", stdout(&loud));
}

#[test]
fn a_job_that_fails_stops_its_own_later_dates_and_no_other_job() {
    let workspace = Workspace::of_project();
    let broken = workspace.write("jobs/broken.toml", "job = \"broken\"\n");
    let (shop, acme) = (workspace.job("shop"), workspace.job("acme"));
    let jobs = [broken.to_str().unwrap(), shop.to_str().unwrap(), acme.to_str().unwrap()];
    let arguments = [&["run"], &jobs[..], &["--from", DATE, "--to", "2026-11-19", "--json"]].concat();
    let told = output(&arguments);
    let lines: Vec<serde_json::Value> = stdout(&told).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last["schema"], "tieout.runs/1");
    let runs: Vec<(String, String, u64)> = last["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (text(&run["job"]), text(&run["date"]), run["exit_code"].as_u64().unwrap()))
        .collect();
    let name = |path: &str, date: &str, code| (path.to_owned(), date.to_owned(), code);
    let (shop, acme) = (|date| name("shop", date, 0), |date| name("acme", date, 0));
    let next = "2026-11-19";
    assert_eq!(runs, [name(jobs[0], DATE, 2), shop(DATE), shop(next), acme(DATE), acme(next)]);
    assert_eq!(told.status.code(), Some(2), "what is broken counts");
    let came_through = runs.iter().filter(|(_, _, code)| [0, 10, 21].contains(code)).count();
    assert_eq!(lines.len(), came_through + 1, "a line for each run that came through, and the last");
    assert!(stderr(&told).contains("does not say `output`"), "{}", stderr(&told));
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn dates_of_a_range_are_checked() {
    let job = project("jobs/shop.toml");
    let job = job.to_str().unwrap();
    for (arguments, says) in [
        (vec!["run", job, "--from", "2026-11-19", "--to", "2026-11-18"], "is before --from"),
        (vec!["run", job, "--date", DATE, "--from", DATE, "--to", DATE], "cannot be used with"),
        (vec!["run", job], "--date <DATE>"),
        (vec!["run", job, "--from", "yesterday", "--to", DATE], "not a date"),
    ] {
        let told = output(&arguments);
        assert_eq!(told.status.code(), Some(2));
        assert!(stderr(&told).contains(says), "{says}: {}", stderr(&told));
    }
}

#[test]
fn a_sensor_waits_with_its_own_code_until_the_inputs_are_there() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let ready = |date: &str| output(&["ready", job.to_str().unwrap(), "--date", date]);
    let there = ready(DATE);
    assert_eq!((there.status.code(), stdout(&there).as_str()), (Some(0), "ready: 3 files of 2026-11-18\n"));
    let far = ready("2099-01-01");
    assert_eq!(far.status.code(), Some(75));
    assert!(stdout(&far).starts_with("not yet: source `ledger` has no file yet"), "{}", stdout(&far));
    // Long past its deadline a statement is missing: a run would say so, and waiting would not help.
    let text = std::fs::read_to_string(&job).unwrap();
    std::fs::write(&job, text.replace("starts = \"", "starts = \"2026-10-20\" # ")).unwrap();
    let late = ready("2026-10-20");
    assert_eq!(late.status.code(), Some(0));
    assert!(stderr(&late).contains("STATEMENT_MISSING alipay"), "{}", stderr(&late));
    assert!(!workspace.path("out").exists());
}

#[test]
fn a_profile_says_where_time_and_memory_went() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let job = job.to_str().unwrap();
    let told = output(&["run", job, "--date", DATE, "--profile"]);
    let profile = stderr(&told);
    let stages: Vec<&str> = profile.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let expected = [
        "stage",
        "inputs",
        "pool",
        "scan",
        "history",
        "agree",
        "fetch",
        "reconcile",
        "tables",
        "verify",
        "publish",
        "all",
    ];
    assert_eq!(stages[..expected.len()], expected, "{profile}");
    let scan = profile.lines().find(|line| line.starts_with("scan")).unwrap();
    assert!(scan.contains(" 269 ") && scan.contains("KiB"), "{scan}");
    let plain = stderr(&output(&["show", job, "--date", DATE]));
    assert!(plain.is_empty(), "{plain}");
}

#[test]
fn what_was_published_is_shown_as_a_page_and_filtered() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let job = job.to_str().unwrap();
    let before = output(&["show", job, "--date", DATE]);
    assert_eq!(before.status.code(), Some(20));
    assert!(stderr(&before).contains("has published nothing for 2026-11-18"));
    let page = stdout(&output(&["run", job, "--date", DATE]));
    let show = |more: &[&str]| stdout(&output(&[&["show", job, "--date", DATE], more].concat()));
    assert_eq!(show(&[]), page);

    let published = workspace.published("shop", DATE).table("differences");
    let ids = |told: &str| -> Vec<String> {
        told.lines()
            .map(|line| text(&serde_json::from_str::<serde_json::Value>(line).unwrap()["difference_id"]))
            .collect()
    };
    let having = |test: &dyn Fn(&crate::support::Row) -> bool| -> Vec<String> {
        published.iter().filter(|row| test(row)).map(|row| row["difference_id"].clone()).collect()
    };
    assert_eq!(ids(&show(&["--differences", "--json"])), having(&|_| true));
    assert_eq!(ids(&show(&["--tier", "P0", "--json"])), having(&|row| row["severity"] == "P0"));
    let refunds = having(&|row| row["code"] == "OVER_REFUND" || row["flags"].contains("OVER_REFUND"));
    assert!(!refunds.is_empty());
    assert_eq!(ids(&show(&["--code", "OVER_REFUND", "--json"])), refunds);
    let large =
        having(&|row| row["kind"] == "REFUND" && row["at_risk_minor"].parse::<i64>().is_ok_and(|risk| risk > 5_000));
    assert!(!large.is_empty() && large.len() < published.len());
    assert_eq!(ids(&show(&["--where", "kind = 'REFUND' and at_risk > 50", "--json"])), large);
    let settled = show(&["--where", "settlement = 'SETTLED' and business_date = DATE '2026-11-18'"]);
    assert!(settled.contains("ROUNDING_VARIANCE") && settled.ends_with("\n2 differences\n"), "{settled}");
    let csv = show(&["--source", "wechat", "--csv"]);
    let of_wechat = having(&|row| row["statement_source"] == "wechat");
    assert_eq!(csv::Reader::from_reader(csv.as_bytes()).records().count(), of_wechat.len());

    let items = workspace.published("shop", DATE).table("worklist");
    let item_ids = |test: &dyn Fn(&crate::support::Row) -> bool| -> Vec<String> {
        items.iter().filter(|row| test(row)).map(|row| row["item_id"].clone()).collect()
    };
    let shown = |more: &[&str]| -> Vec<String> {
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        show(&[more, &["--json"]].concat()).lines().map(|line| text(&value(line)["item_id"])).collect()
    };
    assert_eq!(shown(&["--worklist"]), item_ids(&|_| true));
    let queue = &items[0]["queue"];
    let of_queue = item_ids(&|row| row["queue"] == *queue && row["severity"] == "P0");
    assert!(!of_queue.is_empty() && of_queue.len() < items.len());
    assert_eq!(shown(&["--queue", queue, "--tier", "P0"]), of_queue);
    assert_eq!(shown(&["--verb", "REFUND", "--state", "ISSUED"]), item_ids(&|row| row["verb"] == "REFUND"));
    assert_eq!(
        shown(&["--worklist", "--where", "approval_level >= 1 and source = 'wechat'"]),
        item_ids(&|row| row["approval_level"] != "0" && row["source"] == "wechat")
    );
    let in_words = show(&["--verb", "REFUND"]);
    assert!(in_words.contains("at most") && in_words.contains("approvals"), "{in_words}");
    let both = output(&["show", job, "--date", DATE, "--differences", "--queue", "x"]);
    assert_eq!(both.status.code(), Some(2));

    let wrong = output(&["show", job, "--date", DATE, "--where", "amount > 5"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("there is no column `amount`"), "{}", stderr(&wrong));
}

#[test]
fn published_tables_are_described_column_by_column() {
    let lines = stdout(&output(&["schema", "--json"]));
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let published = workspace.published("shop", DATE);
    let mut count = 0;
    for line in lines.lines() {
        let table: serde_json::Value = serde_json::from_str(line).unwrap();
        let described: Vec<String> =
            table["columns"].as_array().unwrap().iter().map(|column| text(&column["name"])).collect();
        assert_eq!(described, published.columns(&text(&table["table"])), "{}", table["table"]);
        count += 1;
    }
    assert!(count >= 7);
    let one = stdout(&output(&["schema", "settlements"]));
    assert!(one.starts_with("settlements (version 2)\n") && one.contains("ledger_account"), "{one}");
    let none = output(&["schema", "setlements"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).contains("there is no table `setlements`"));
}

#[test]
fn a_currency_with_decimals_of_its_own_is_told_alike_on_every_page() {
    let workspace = Workspace::new();
    let job = std::fs::read_to_string(project("tests/cases/two_sources_read_one_file/job.toml")).unwrap();
    let (head, tail) = job.split_once("[[source]]\nname = \"south\"").unwrap();
    assert!(tail.contains("place"));
    let head = head.replace("base_currency = \"CNY\"", "base_currency = \"KWD\"\ncurrencies = { KWD = 2 }");
    let job = workspace.write("job.toml", head);
    workspace.write(
        "ledger.csv",
        "no,order,kind,amount,currency,status,account,at\nA1,A1,PAYMENT,50.00,KWD,SUCCESS,N,2026-11-20 10:00:00\n",
    );
    workspace.write(
        "psp.csv",
        "order,kind,amount,currency,status,at,id,store\nA1,PAYMENT,51.00,KWD,SUCCESS,2026-11-20 10:00:00,T1,north\n",
    );
    let page = stdout(&output(&["run", job.to_str().unwrap(), "--date", CASES, "--start-fresh"]));
    assert!(page.contains("51.00") && page.contains("1.00"), "{page}");
    let published = crate::support::Published::current(&workspace.path("out"), "case", CASES).unwrap();
    let line = published.table("summary").into_iter().find(|row| row["item"] == "difference").unwrap();
    assert_eq!((line["amount_minor"].as_str(), line["amount"].as_str()), ("100", "1.0000"));
    assert_eq!(published.table("differences")[0]["exposure"], "1.0000");
}

#[test]
fn rates_that_contradict_the_base_currency_are_refused_with_their_line() {
    let workspace = Workspace::new();
    for name in ["job.toml", "ledger.csv", "psp.csv"] {
        let path = project("tests/cases/how_bad_each_difference_is").join(name);
        workspace.write(name, std::fs::read(path).unwrap());
    }
    let job = workspace.path("job.toml");
    let run = || output(&["run", job.to_str().unwrap(), "--date", CASES, "--start-fresh"]);
    let missing = run();
    assert_eq!(missing.status.code(), Some(20));
    assert!(stderr(&missing).contains("the rates are not there yet"), "{}", stderr(&missing));
    for (text, says) in [
        ("currency,rate\nUSD,1\nCNY,7.1\n", ":3: `CNY` is the base currency"),
        ("currency,rate\nUSD,0\n", ":2: `0` is no rate"),
        ("currency,rate\nUSD,7\nUSD,7\n", ":3: `USD` is there twice"),
        ("currency,rate\nDOLLAR,7\n", ":2: `DOLLAR` is no currency code"),
        ("code;rate\n", ":1: the header is `code;rate`"),
    ] {
        workspace.write("rates-2026-11-20.csv", text);
        let told = run();
        assert_eq!(told.status.code(), Some(21), "{text}");
        assert!(stderr(&told).contains(says), "{says}: {}", stderr(&told));
    }
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
fn a_night_on_which_every_row_differs_fits_into_little_memory() {
    let workspace = Workspace::new();
    // Keys of two kinds, rows without a key, some of whose provider's numbers are keys of others, rows that are there
    // twice, rows that only one side has, and amounts that are a hundred times too large.
    let ledger: String = (0..60_000_u32)
        .filter(|number| number % 97 != 0)
        .map(|number| {
            let id = if number % 500 == 1 { String::new() } else { format!("A{number}") };
            let kind = if number % 20 == 0 { "REFUND" } else { "PAYMENT" };
            format!("{id},{},{kind},SUCCESS\n", 100 + number)
        })
        .collect();
    let statement: String = (0..60_000_u32)
        .filter(|number| number % 89 != 0)
        .flat_map(|number| {
            let id = if number % 500 == 2 { String::new() } else { format!("A{number}") };
            let kind = if number % 20 == 0 { "REFUND" } else { "PAYMENT" };
            let amount = if number % 700 == 0 { (100 + number) * 100 } else { 101 + number };
            let own = if number % 1_000 == 2 { format!("A{}", number + 1) } else { format!("P{number}") };
            let row = format!("{id},{amount},{kind},SUCCESS,{own}\n");
            let again = (number % 300 == 7).then(|| format!("{id},{amount},{kind},SUCCESS,{own}D\n"));
            let replica = (number % 400 == 2).then(|| row.clone());
            [Some(row), again, replica].into_iter().flatten()
        })
        .collect();
    let ledger = workspace.write("l.csv", format!("id,amount,kind,status\n{ledger}"));
    let statement = workspace.write("s.csv", format!("id,amount,kind,status,provider_txn_id\n{statement}"));
    let compare = |limit: &str| {
        let out = workspace.path(limit);
        let files = [ledger.to_str().unwrap(), statement.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let told = output(&[&["compare", "--key", "id", "--memory-limit", limit, "--profile"], &files[..]].concat());
        assert_eq!(told.status.code(), Some(0), "{}", stderr(&told));
        let file = |name: &str| std::fs::read(out.join(name)).unwrap();
        let files = [file("differences.csv"), file("differences.parquet"), file("rejects.csv")];
        (stdout(&told), files, stderr(&told).contains("\nmerge "))
    };
    let (page, files, in_turns) = compare("64MiB");
    assert!(in_turns, "otherwise this tests nothing");
    let (page_of_one, files_of_one, in_turns) = compare("8GiB");
    assert!(!in_turns);
    assert_eq!(page, page_of_one);
    assert!(
        page.contains("AMOUNT_SCALE") && page.contains("DUPLICATE_PAYMENT") && page.contains("KEY_MISSING"),
        "{page}"
    );
    assert!(files == files_of_one, "the same bytes in however many turns");
    let text = String::from_utf8(files[0].clone()).unwrap();
    let mut ids: Vec<&str> = text.lines().skip(1).map(|line| &line[..33]).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), count > 59_000), (count, true), "no id is there twice");
}

#[test]
fn a_key_with_more_records_than_fit_into_memory_is_refused() {
    let workspace = Workspace::new();
    let rows = |amount: u32| -> String {
        let rows = (0..60_000).map(|number| format!("A1,{}\n", amount + number));
        format!("id,amount\n{}", rows.collect::<String>())
    };
    let (ledger, statement) = (workspace.write("l.csv", rows(1)), workspace.write("s.csv", rows(2)));
    let compare = |more: &[&str]| {
        let (ledger, statement) = (ledger.to_str().unwrap(), statement.to_str().unwrap());
        output(&[&["compare", ledger, statement, "--key", "id"], more].concat())
    };
    let refused = compare(&["--memory-limit", "64MiB"]);
    assert_eq!(refused.status.code(), Some(50), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("120,000 records differ") && stderr(&refused).contains("--memory-limit"));
    let fits = compare(&["--memory-limit", "1GiB"]);
    assert_eq!(fits.status.code(), Some(0), "{}", stderr(&fits));
    assert!(stdout(&fits).contains("60,000"), "{}", stdout(&fits));
    let wrong = compare(&["--memory-limit", "4 giga"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("4GiB"), "{}", stderr(&wrong));
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

#[test]
fn a_date_on_which_the_job_does_not_run_is_skipped() {
    let workspace = Workspace::new();
    let folder = project("tests/nights/money_that_turns_up_two_nights_late");
    // A deadline that no clock of a test has passed.
    let text = std::fs::read_to_string(folder.join("job.toml")).unwrap();
    let job = workspace.write("job.toml", text.replace("deadline = \"+1 12:00\"", "deadline = \"+9999 12:00\""));
    let job = job.to_str().unwrap();
    for (step, date) in [
        ("1_2026-11-18", "2026-11-18"),
        ("2_2026-11-19", "2026-11-19"),
        ("3_2026-11-20", "2026-11-20"),
        ("4_2026-11-23", "2026-11-23"),
    ] {
        for name in ["ledger.csv", "psp.csv"] {
            workspace.write(&format!("in/{date}/{name}"), std::fs::read(folder.join(step).join(name)).unwrap());
        }
    }
    let refused = output(&["run", job, "--date", "2026-11-21"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("2026-11-21 is no business day"), "{}", stderr(&refused));
    assert_eq!(output(&["run", job, "--date", "2026-11-21", "--skip-empty"]).status.code(), Some(99));
    // A range leaves weekends out.
    let range = output(&["run", job, "--from", "2026-11-18", "--to", "2026-11-23", "--json"]);
    assert_eq!(range.status.code(), Some(10), "{}", stderr(&range));
    assert_eq!(output(&["ready", job, "--date", "2026-11-24"]).status.code(), Some(75));
    for name in ["ledger.csv", "psp.csv"] {
        workspace
            .write(&format!("in/2026-11-26/{name}"), std::fs::read(folder.join("1_2026-11-18").join(name)).unwrap());
    }
    let late = output(&["ready", job, "--date", "2026-11-26"]);
    assert_eq!(late.status.code(), Some(75));
    assert!(stdout(&late).contains("nothing for 2026-11-25, the day before"), "{}", stdout(&late));
}
