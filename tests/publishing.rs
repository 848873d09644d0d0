//! Published whole or not at all, once, and readable by whoever follows the last commit.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::support::{Published, Row, Workspace, output, run_job, stderr, stdout, tieout};

const DATE: &str = "2026-11-18";

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn commits(workspace: &Workspace) -> Vec<(String, Vec<u8>)> {
    let folder = workspace.path(&format!("out/shop/dt={DATE}/_commits"));
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut commits: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    commits.sort();
    commits
}

#[test]
fn a_run_holds_every_table_and_its_manifest_tells_their_hashes() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let published = workspace.published("shop", DATE);
    let files = published.files();
    let manifest: serde_json::Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let mut listed = BTreeSet::from(["manifest.json".to_owned()]);
    for output in manifest["outputs"].as_array().unwrap() {
        let name = output["name"].as_str().unwrap();
        assert_eq!(output["sha256"], sha256(&files[name]), "{name}");
        assert_eq!(output["size"], files[name].len(), "{name}");
        listed.insert(name.to_owned());
    }
    assert_eq!(listed, files.keys().cloned().collect::<BTreeSet<_>>());
    for table in ["differences", "matches", "settlements", "rejects", "findings", "inputs", "summary"] {
        assert!(listed.contains(&format!("{table}.parquet")) && listed.contains(&format!("{table}.csv")), "{table}");
    }
    let (_, commit) = commits(&workspace).pop().unwrap();
    let commit: serde_json::Value = serde_json::from_slice(&commit).unwrap();
    assert_eq!(commit["manifest_sha256"], sha256(&files["manifest.json"]));
}

#[test]
fn what_people_open_is_marked_guarded_and_copied_to_current() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    for name in ["differences.people.csv", "settlements.people.csv", "summary.people.csv"] {
        let copy = std::fs::read(workspace.path(&format!("out/shop/dt={DATE}/current/{name}"))).unwrap();
        assert_eq!(copy, workspace.published("shop", DATE).files()[name]);
        assert!(copy.starts_with("\u{feff}".as_bytes()), "a byte-order mark, so that Excel reads UTF-8");
    }
}

#[test]
fn the_journal_balances_and_keeps_its_ids_whatever_the_reports_language() {
    let journal = |language: &str, cap: &str| {
        let workspace = Workspace::of_project();
        let text = std::fs::read_to_string(workspace.path("jobs/shop.toml")).unwrap();
        workspace.write("jobs/shop.toml", format!("language = \"{language}\"\n{text}"));
        let policy = std::fs::read_to_string(workspace.path("jobs/policy/china.toml")).unwrap();
        let capped = policy.replace("run_count = 1000", &format!("run_count = {cap}"));
        workspace
            .write("jobs/policy/china.toml", capped.replace("1221.01", if cap == "7" { "1221.02" } else { "1221.01" }));
        run_job(&workspace.job("shop"), DATE);
        workspace.published("shop", DATE).table("settlements")
    };
    let (english, chinese) = (journal("en", "1000"), journal("zh", "999"));
    let ids = |lines: &[Row]| lines.iter().map(|line| line["journal_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&english), ids(&chinese));
    assert_ne!(ids(&english), ids(&journal("en", "7")), "another clearing account is another entry");
    let sum = |side: &str| english.iter().filter_map(|line| line[side].parse::<i64>().ok()).sum::<i64>();
    assert_eq!((sum("debit_minor"), sum("credit_minor"), english.len()), (2, 2, 4));
}

#[test]
fn parquet_and_csv_say_the_same() {
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int64Type;
    use arrow_array::{Array as _, RecordBatch};
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let published = workspace.published("shop", DATE);
    let file = std::fs::File::open(published.folder.join("differences.parquet")).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let version = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(version.iter().any(|pair| pair.key == "tieout.schema" && pair.value.as_deref() == Some("differences/2")));
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(|batch| batch.unwrap()).collect();
    let rows = published.table("differences");
    let mut at = 0;
    for batch in &batches {
        let ids = batch.column_by_name("difference_id").unwrap().as_string::<i32>();
        let exposures = batch.column_by_name("exposure_minor").unwrap().as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let exposure = if exposures.is_null(row) { String::new() } else { exposures.value(row).to_string() };
            assert_eq!((ids.value(row), &exposure), (rows[at]["difference_id"].as_str(), &rows[at]["exposure_minor"]));
            at += 1;
        }
    }
    assert_eq!(at, rows.len());
    assert!(at > 30);
}

#[test]
fn the_same_run_again_publishes_nothing_new() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let (first, files) = (commits(&workspace), workspace.published("shop", DATE).files());
    let again = output(&["run", workspace.job("shop").to_str().unwrap(), "--date", DATE]);
    assert_eq!(again.status.code(), Some(0));
    assert!(stderr(&again).contains("already published"), "{}", stderr(&again));
    assert!(stdout(&again).ends_with("97 matched, 33 differences\n"), "the page is shown again");
    assert_eq!(commits(&workspace), first);
    assert_eq!(workspace.published("shop", DATE).files(), files);
    // From nothing again: the same bytes.
    std::fs::remove_dir_all(workspace.path("out")).unwrap();
    run_job(&workspace.job("shop"), DATE);
    assert_eq!(workspace.published("shop", DATE).files(), files);
}

#[test]
fn a_published_page_that_was_tampered_with_is_not_shown() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let page = workspace.published("shop", DATE).folder.join("summary.json");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, text.replace("\"unexplained_minor\": 0", "\"unexplained_minor\": 1")).unwrap();
    let again = output(&["run", workspace.job("shop").to_str().unwrap(), "--date", DATE]);
    assert_eq!(again.status.code(), Some(40));
    assert!(stderr(&again).contains("it is not what was committed"), "{}", stderr(&again));
}

#[test]
fn another_statement_is_another_commit() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("acme"), DATE);
    let first = workspace.published("acme", DATE);
    let statement = workspace.path(&format!("sample_data/{DATE}/acme_statement.csv"));
    let mut bytes = std::fs::read(&statement).unwrap();
    let row_end = bytes.iter().rposition(|&byte| byte == b'\n').unwrap();
    let last_row = bytes[..row_end].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    bytes.truncate(last_row);
    std::fs::write(&statement, bytes).unwrap();
    run_job(&workspace.job("acme"), DATE);
    let second = workspace.published("acme", DATE);
    assert_ne!(first.folder, second.folder);
    assert!(first.folder.join("manifest.json").exists(), "what was published stays");
    let folder = workspace.path(&format!("out/acme/dt={DATE}/_commits"));
    let commit = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let latest: serde_json::Value = serde_json::from_slice(&commit("000002.json")).unwrap();
    assert_eq!(latest["previous_sha256"], sha256(&commit("000001.json")));
}

#[test]
fn runs_at_the_same_time_publish_once() {
    for round in 0..3 {
        let workspace = Workspace::of_project();
        let job = workspace.job("shop");
        let children: Vec<_> = (0..8)
            .map(|_| {
                let mut command = tieout();
                command.args(["run", job.to_str().unwrap(), "--date", DATE]);
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "round {round}: {}", stderr(&output));
        }
        assert_eq!(commits(&workspace).len(), 1, "round {round}");
    }
}

#[test]
fn a_failed_run_leaves_nothing_and_the_next_one_heals() {
    let workspace = Workspace::of_project();
    // Where the output should be there is a file.
    workspace.write("out", "in the way");
    let failed = output(&["run", workspace.job("shop").to_str().unwrap(), "--date", DATE]);
    assert_eq!(failed.status.code(), Some(40), "{}", stderr(&failed));
    assert!(Published::current(&workspace.path("out"), "shop", DATE).is_none());
    std::fs::remove_file(workspace.path("out")).unwrap();
    run_job(&workspace.job("shop"), DATE);
    assert_eq!(commits(&workspace).len(), 1);
}

#[test]
fn threads_change_nothing() {
    let workspace = Workspace::of_project();
    let mut files = Vec::new();
    for threads in ["1", "8"] {
        let job = workspace.job("shop");
        let output = output(&["run", job.to_str().unwrap(), "--date", DATE, "--threads", threads]);
        assert_eq!(output.status.code(), Some(0));
        files.push(workspace.published("shop", DATE).files());
        std::fs::remove_dir_all(workspace.path("out")).unwrap();
    }
    assert_eq!(files[0], files[1]);
}

#[test]
fn a_run_with_an_output_place_beside_it_has_the_same_identity() {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    let run = |workspace: &Workspace| workspace.published("shop", DATE).folder.file_name().unwrap().to_owned();
    let elsewhere = Workspace::of_project();
    run_job(&elsewhere.job("shop"), DATE);
    assert_eq!(run(&workspace), run(&elsewhere), "the machine and the folder are no part of it");
}

#[test]
fn the_exit_code_tells_that_people_are_needed() {
    let workspace = Workspace::of_project();
    let job = workspace.job("shop");
    let policy = workspace.path("jobs/policy/china.toml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("alert_tier = \"never\"\n", "")).unwrap();
    assert_eq!(run_job(&job, DATE), 10);
    // The same result once more needs nobody new.
    assert_eq!(run_job(&job, DATE), 0);
}

/// A job on two books of text files.
const TWO_BOOKS: &str = r#"
job = "books"
base_currency = "CNY"
output = "out"
alert_tier = "never"

[carry]
history_days = 7

[[source]]
name = "orders"
book = "ledger"
format = "delimited"
place = "in/{date}/ledger.csv"
zone = "UTC"
unit = "minor"
sign = "signed"

[source.columns]
order_no = "order_no"
provider_txn_id = "txn"
kind = { always = "PAYMENT" }
amount = "amount"
currency = { always = "CNY" }
status = { always = "SUCCESS" }
account = { always = "A" }
occurred_at = "at"

[[source]]
name = "bills"
book = "statement"
format = "delimited"
account = ["A"]
place = "in/{date}/statement.csv"
zone = "UTC"
unit = "minor"
sign = "signed"

[source.columns]
order_no = "order_no"
provider_txn_id = "txn"
kind = { always = "PAYMENT" }
amount = "amount"
currency = { always = "CNY" }
status = { always = "SUCCESS" }
account = { always = "A" }
occurred_at = "at"
"#;

/// So many orders of a night; of a thousand the ledger has one with another amount. Each night begins with some
/// numbers of the night before.
fn book(date: &str, first: u32, count: u32, wrong: bool) -> String {
    let row = |number: u32| {
        let amount = 100 + number % 9_000 + u32::from(wrong && number % 1_000 == 7);
        format!("O{number},T{number},{amount},{date}T{:02}:{:02}:00Z\n", number % 24, number % 60)
    };
    format!("order_no,txn,amount,at\n{}", (first..first + count).map(row).collect::<String>())
}

#[test]
fn what_goes_to_disk_changes_nothing() {
    const ROWS: u32 = 250_000;
    let nights = [("2026-11-19", 0), ("2026-11-20", ROWS - 50)];
    let published = |more: &[&str]| {
        let workspace = Workspace::new();
        let job = workspace.write("books.toml", TWO_BOOKS);
        for (at, (date, first)) in nights.into_iter().enumerate() {
            workspace.write(&format!("in/{date}/ledger.csv"), book(date, first, ROWS, true));
            workspace.write(&format!("in/{date}/statement.csv"), book(date, first, ROWS, false));
            let fresh: &[&str] = if at == 0 { &["--start-fresh"] } else { &[] };
            let ran = output(&[&["run", job.to_str().unwrap(), "--date", date], fresh, more].concat());
            assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
        }
        nights.map(|(date, _)| workspace.published("books", date).files())
    };
    // Rows, fingerprints and tables come to more than this.
    let spilled = published(&["--memory-limit", "64MiB"]);
    let held = published(&["--memory-limit", "8GiB"]);
    assert!(held[0]["matches.csv"].len() > 16 << 20 && held[0]["history.parquet"].len() > 4 << 20);
    for (spilled, held) in spilled.iter().zip(&held) {
        assert_eq!(spilled.keys().collect::<Vec<_>>(), held.keys().collect::<Vec<_>>());
        held.keys().for_each(|name| assert!(spilled[name] == held[name], "{name} differs"));
    }
    assert!(held[1]["differences.csv"].len() > 10_000);
}

/// [`TWO_BOOKS`] when what is far off is believed, so that items are issued.
fn believed() -> String {
    TWO_BOOKS.replacen("\n\n[[source]]", "\n\n[matching]\nmatch_rate_floor_percent = 0\n\n[[source]]", 1)
}

/// Nights of which every record differs, and one of them again when its statement has been corrected.
#[test]
fn nights_on_which_every_row_differs_are_published_within_little_memory() {
    const ROWS: u32 = 3_000;
    let text = believed();
    let book = |date: &str, first: u32, more: u32| {
        let row = |number: u32| {
            let at = format!("{date}T{:02}:{:02}:00Z", number % 24, number % 60);
            format!("O{number},T{number},{},{at}\n", 1_000 + number % 9_000 + more)
        };
        format!("order_no,txn,amount,at\n{}", (first..first + ROWS).map(row).collect::<String>())
    };
    let published = |limit: &str| {
        let workspace = Workspace::new();
        let job = workspace.write("books.toml", &text);
        let run = |date: &str, more: &[&str]| {
            let given = ["run", job.to_str().unwrap(), "--date", date, "--memory-limit", limit];
            let ran = output(&[&given, more].concat());
            assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
            workspace.published("books", date)
        };
        for (date, first) in [("2026-11-19", 0), ("2026-11-20", 1_000_000)] {
            workspace.write(&format!("in/{date}/ledger.csv"), book(date, first, 0));
            workspace.write(&format!("in/{date}/statement.csv"), book(date, first, 500));
        }
        let mut all = vec![run("2026-11-19", &["--start-fresh"]), run("2026-11-20", &[])];
        workspace.write("in/2026-11-19/statement.csv", book("2026-11-19", 0, 0));
        all.extend([run("2026-11-19", &["--start-fresh"]), run("2026-11-20", &[])]);
        let states = |night: &Published| {
            let mut states: BTreeMap<String, usize> = BTreeMap::new();
            let items = night.table("worklist").into_iter().filter(|item| item["finding_id"].is_empty());
            items.for_each(|item| *states.entry(item["state"].clone()).or_default() += 1);
            states
        };
        let states: Vec<_> = all.iter().map(states).collect();
        (all.iter().map(Published::files).collect::<Vec<_>>(), states)
    };
    let (held, states) = published("8GiB");
    let (spilled, states_too) = published("64MiB");
    assert!(held[1]["worklist.csv"].len() > 12 << 20, "otherwise nothing goes to disk");
    for (spilled, held) in spilled.iter().zip(&held) {
        assert_eq!(spilled.keys().collect::<Vec<_>>(), held.keys().collect::<Vec<_>>());
        held.keys().for_each(|name| assert!(spilled[name] == held[name], "{name} differs"));
    }
    assert_eq!(states, states_too);
    // Two steps for each difference; those of the corrected night are taken back, and the night after knows it.
    let rows = ROWS as usize;
    let told = |states: &BTreeMap<String, usize>| {
        ["ISSUED", "OPEN", "CANCELLED"].map(|state| states.get(state).copied().unwrap_or_default() / rows)
    };
    let [steps, ..] = told(&states[0]);
    assert!(steps > 1);
    assert_eq!(
        states.iter().map(told).collect::<Vec<_>>(),
        [[steps, 0, 0], [steps, steps, 0], [0, 0, steps], [0, steps, 0]]
    );
    let lines = String::from_utf8(held[2]["worklist.jsonl"].clone()).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains(r#""record":"cancel""#)).count(), steps * rows);
}

#[test]
fn files_of_one_name_in_several_folders_are_told_apart() {
    let workspace = Workspace::new();
    let text = TWO_BOOKS.replace("in/{date}/ledger.csv", "in/{date}/*/ledger.csv");
    let job = workspace.write("books.toml", text);
    let row = |number: u32| format!("order_no,txn,amount,at\nO{number},T{number},100,2026-11-20T01:00:00Z\n");
    workspace.write("in/2026-11-20/north/ledger.csv", row(1));
    workspace.write("in/2026-11-20/south/ledger.csv", row(2));
    workspace.write("in/2026-11-20/statement.csv", row(3));
    let job = job.to_str().unwrap();
    let ran = output(&["run", job, "--date", "2026-11-20", "--start-fresh"]);
    assert_eq!(ran.status.code(), Some(0), "{}", stderr(&ran));
    let night = workspace.published("books", "2026-11-20");
    let of = |table: &str, column: &str| -> BTreeSet<String> {
        night.table(table).iter().map(|row| row[column].clone()).filter(|file| file.ends_with("ledger.csv")).collect()
    };
    let both = BTreeSet::from(["north/ledger.csv".to_owned(), "south/ledger.csv".to_owned()]);
    assert_eq!((of("open_items", "file"), of("inputs", "file")), (both.clone(), both));
    let told = output(&["explain", job, "--date", "2026-11-20", "O2"]);
    assert!(stdout(&told).contains("south/ledger.csv") && stdout(&told).contains("O2,T2,100"), "{}", stdout(&told));
}

#[test]
fn more_records_than_fit_are_decided_apart_or_refused() {
    let rows = |orders: std::ops::Range<u32>, txn: u32, day: u32| {
        let row = |number: u32| format!("O{number},T{},100,2026-11-{day}T01:00:00Z\n", number + txn);
        format!("order_no,txn,amount,at\n{}", orders.map(row).collect::<String>())
    };
    let night = |workspace: &Workspace, books: [&str; 2], day: u32, limit: &str| {
        let (job, date) = (workspace.write("books.toml", TWO_BOOKS), format!("2026-11-{day}"));
        let [ledger, statement] = books;
        workspace.write(&format!("in/{date}/ledger.csv"), ledger);
        workspace.write(&format!("in/{date}/statement.csv"), statement);
        let mut given = vec!["run", job.to_str().unwrap(), "--date", &date, "--memory-limit", limit];
        given.extend((day == 20).then_some("--start-fresh"));
        let ran = output(&given);
        let published = Published::current(&workspace.path("out"), "books", &date);
        (ran, published)
    };
    let (little, much) = ("64MiB", "1GiB");
    let workspaces = [little, much].map(|limit| (Workspace::new(), limit));
    let of_both = |books: [&str; 2], day: u32| {
        workspaces.each_ref().map(|(workspace, limit)| {
            let (ran, published) = night(workspace, books, day, limit);
            published.unwrap_or_else(|| panic!("{limit}: {}", stderr(&ran)))
        })
    };
    // Nobody has a partner, or anything that could be one.
    let [apart, held] = of_both([&rows(0..25_000, 0, 20), &rows(50_000..75_000, 0, 20)], 20);
    assert!(held.files()["open_items.csv"].len() > 8 << 20);
    assert!(apart.files() == held.files());
    // The next day most of the partners come, 500 of them twice, and 2,000 with another amount, of which 50 are right
    // the second time.
    let bill = rows(0..20_000, 0, 21).replace("0,100,", "0,101,") + &rows(0..500, 0, 21)[23..];
    let [apart, held] = of_both([&rows(55_000..80_000, 0, 21), &bill], 21);
    let late = held.table("matches").iter().filter(|row| row["state"] == "LATE_MATCHED").count();
    assert_eq!(late, 20_000 + 18_000 + 50);
    assert!(apart.files() == held.files());
    // The provider's number brings all together that have other orders.
    let (ledger, bill) = (rows(0..25_000, 50_000, 20), rows(50_000..75_000, 0, 20));
    let workspace = Workspace::new();
    let (refused, published) = night(&workspace, [&ledger, &bill], 20, little);
    assert_eq!(refused.status.code(), Some(50), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("50,000 records differ") && stderr(&refused).contains("--memory-limit"));
    assert!(published.is_none(), "nothing is published");
    let (ran, published) = night(&workspace, [&ledger, &bill], 20, much);
    assert!(published.is_some(), "{}", stderr(&ran));
}

#[test]
fn one_number_many_times_takes_no_more_room_than_its_records() {
    // Few enough to be made with others, and so many that they are made by themselves.
    for count in [300_u32, 4_500] {
        let workspace = Workspace::new();
        let job = workspace.write("books.toml", believed());
        let rows = |mark: char, count: u32| {
            let row = |number: u32| format!("HOT,{mark}{number},100,2026-11-20T01:00:00Z\n");
            format!("order_no,txn,amount,at\n{}", (0..count).map(row).collect::<String>())
        };
        let run = |mark: char| {
            workspace.write("in/2026-11-20/statement.csv", rows(mark, count));
            let ran = output(&["run", job.to_str().unwrap(), "--date", "2026-11-20", "--start-fresh"]);
            assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
            workspace.published("books", "2026-11-20")
        };
        workspace.write("in/2026-11-20/ledger.csv", rows('T', 1));
        let night = run('T');
        let items = night.table("worklist");
        let of_records: Vec<_> = items.iter().filter(|item| !item["provider_txn_id"].is_empty()).collect();
        assert!(of_records.len() >= count as usize - 1, "an item for each surplus record");
        for item in &items {
            let evidence: Vec<serde_json::Value> = serde_json::from_str(&item["evidence"]).unwrap();
            assert!(evidence.len() <= 20, "{} rows are named", evidence.len());
        }
        for item in of_records {
            let evidence: Vec<serde_json::Value> = serde_json::from_str(&item["evidence"]).unwrap();
            let number: u64 = item["provider_txn_id"].trim_start_matches('T').parse().unwrap();
            assert_eq!((&evidence[0]["book"], &evidence[0]["line"]), (&"statement".into(), &(number + 2).into()));
            assert_eq!(evidence.len(), 20);
        }
        let is_hot = |row: &&Row| row["order_no"] == "HOT" && row["book"] == "statement";
        let in_pool = night.table("open_items").iter().filter(is_hot).count();
        assert_eq!(in_pool, count as usize, "and each of them is in the pool");
        // With other numbers of the provider other records are the surplus.
        let restated = run('X').table("worklist");
        let is_out = |state: &str| state == "ISSUED" || state == "OPEN";
        let out = |items: &[Row]| -> BTreeSet<String> {
            items.iter().filter(|item| is_out(&item["state"])).map(|item| item["item_id"].clone()).collect()
        };
        let reasons: BTreeSet<_> = restated
            .iter()
            .filter(|item| item["state"] == "CANCELLED" && !item["difference_id"].is_empty())
            .map(|item| item["reason"].clone())
            .collect();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(reasons.iter().all(|reason| reason.contains("the difference is another one now")));
        let listed: BTreeSet<String> = restated.iter().map(|item| item["item_id"].clone()).collect();
        assert!(out(&items).is_subset(&listed) && out(&restated).len() > count as usize - 1);
    }
}

/// However long the job lets people take.
#[test]
fn a_deadline_beyond_all_days_is_the_last_second_there_is() {
    let workspace = Workspace::new();
    let hours = "[worklist.sla_hours]\nP0 = 70000000\nP1 = 70000000\nP2 = 70000000\nP3 = 70000000\n";
    let job = workspace.write("books.toml", format!("{TWO_BOOKS}\n{hours}"));
    for (name, more) in [("ledger", 0), ("statement", 5)] {
        let row =
            |number: u32| format!("O{number},T{number},{},2026-11-20T01:00:00Z\n", 100 + number + more * (number % 9));
        let rows: String = (0..40).map(row).collect();
        workspace.write(&format!("in/2026-11-20/{name}.csv"), format!("order_no,txn,amount,at\n{rows}"));
    }
    let ran = output(&["run", job.to_str().unwrap(), "--date", "2026-11-20", "--start-fresh"]);
    assert!(matches!(ran.status.code(), Some(0 | 10)), "{}{}", stdout(&ran), stderr(&ran));
    let items = workspace.published("books", "2026-11-20").table("worklist");
    assert!(items.iter().any(|item| item["due_at"] == "9999-12-30T22:00:00Z"), "{items:?}");
}
