//! `tieout explain`: everything known about one number, as people and programs get it.

use serde_json::Value;

use crate::cli::expect;
use crate::support::{Workspace, output, run_job, stderr, stdout};

const DATE: &str = "2026-11-18";

/// The shop's sample day, published.
fn shop() -> Workspace {
    let workspace = Workspace::of_project();
    run_job(&workspace.job("shop"), DATE);
    workspace
}

fn arguments<'a>(job: &'a str, date: &'a str, key: &'a str) -> [&'a str; 5] {
    ["explain", job, "--date", date, key]
}

fn page(workspace: &Workspace, job: &str, date: &str, key: &str) -> String {
    let job = workspace.path(job);
    let told = output(&arguments(job.to_str().unwrap(), date, key));
    assert_eq!(told.status.code(), Some(0), "{key}: {}", stderr(&told));
    stdout(&told)
}

fn json(workspace: &Workspace, job: &str, date: &str, key: &str) -> Value {
    let job = workspace.path(job);
    let told = output(&[&arguments(job.to_str().unwrap(), date, key)[..], &["--json"]].concat());
    assert_eq!(told.status.code(), Some(0), "{key}: {}", stderr(&told));
    assert_eq!(stdout(&told).lines().count(), 1, "one object on one line");
    serde_json::from_str(&stdout(&told)).unwrap()
}

/// What is said on stderr of a key that is not known.
fn unknown(workspace: &Workspace, job: &str, date: &str, key: &str) -> String {
    let job = workspace.path(job);
    let told = output(&arguments(job.to_str().unwrap(), date, key));
    assert_eq!((told.status.code(), stdout(&told).as_str()), (Some(2), ""), "{key}");
    stderr(&told)
}

fn texts<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|one| one[name].as_str().unwrap_or_default()).collect()
}

#[test]
fn a_difference_is_told_by_its_order_its_id_and_its_items_alike() {
    let workspace = shop();
    let job = "jobs/shop.toml";
    let by_order = page(&workspace, job, DATE, "SR20261118A00082");
    expect("explain_difference.page", &by_order);
    let known = json(&workspace, job, DATE, "SR20261118A00082");
    let id = known["differences"][0]["difference_id"].as_str().unwrap();
    let without_head = |page: &str| page.split_once('\n').unwrap().1.to_owned();
    assert_eq!(without_head(&page(&workspace, job, DATE, id)), without_head(&by_order));
    for item in texts(&known["worklist"], "item_id") {
        assert_eq!(without_head(&page(&workspace, job, DATE, item)), without_head(&by_order));
    }
}

#[test]
fn the_page_follows_the_language_of_the_job() {
    let workspace = Workspace::of_project();
    let text = std::fs::read_to_string(workspace.path("jobs/shop.toml")).unwrap();
    workspace.write("jobs/shop.toml", format!("language = \"zh\"\n{text}"));
    run_job(&workspace.job("shop"), DATE);
    expect("explain_difference_zh.page", &page(&workspace, "jobs/shop.toml", DATE, "SR20261118A00096"));
}

#[test]
fn what_policy_settled_is_told_with_its_journal() {
    expect("explain_settled.page", &page(&shop(), "jobs/shop.toml", DATE, "SR20261118A00084"));
}

#[test]
fn an_order_that_agreed_at_first_sight_is_found_in_the_inputs() {
    let workspace = shop();
    let known = |key| json(&workspace, "jobs/shop.toml", DATE, key);
    // The evidence has lines only; the number is in the files.
    let order = "SR20261118A00003";
    let told = known(order);
    let line = told["matches"][0]["statement_line"].to_string();
    assert_eq!(told["records"][1]["line"].to_string(), line);
    assert!(workspace.published("shop", DATE).table("matches").iter().any(|row| row["statement_line"] == line));
    assert_eq!(told["schema"], "tieout.explain/1");
    assert_eq!(
        (texts(&told["records"], "label"), texts(&told["records"], "state")),
        (vec!["L1", "S1"], vec!["MATCHED"; 2])
    );
    assert_eq!(told["differences"], Value::Array(Vec::new()));
    // By the number that only the provider has on its row, both sides are there all the same.
    let number = told["records"][1]["provider_txn_id"].as_str().unwrap();
    assert_eq!(known(number)["records"].as_array().unwrap().len(), 2);
}

#[test]
fn every_published_difference_and_item_can_be_asked_for() {
    let workspace = shop();
    let published = workspace.published("shop", DATE);
    for row in published.table("differences") {
        let told = json(&workspace, "jobs/shop.toml", DATE, &row["difference_id"]);
        assert_eq!(texts(&told["differences"], "difference_id"), [row["difference_id"].as_str()]);
        let rows = |record: &Value| {
            let line = record["raw"]["line"].is_string() || record["raw"]["row"].is_object();
            line && record["state"].is_string()
        };
        let records = told["records"].as_array().unwrap();
        assert!(!records.is_empty() && records.iter().all(rows), "{told}");
    }
    for item in published.table("worklist") {
        let told = json(&workspace, "jobs/shop.toml", DATE, &item["item_id"]);
        assert!(texts(&told["worklist"], "item_id").contains(&item["item_id"].as_str()));
    }
}

#[test]
fn an_item_about_a_file_is_told_with_its_finding_also_on_later_days() {
    let workspace = shop();
    let items = workspace.published("shop", DATE).table("worklist");
    let item = items.iter().find(|item| item["code"] == "UNMAPPED_CODE").unwrap();
    expect("explain_finding.page", &page(&workspace, "jobs/shop.toml", DATE, &item["item_id"]));
    let told = json(&workspace, "jobs/shop.toml", DATE, &item["finding_id"]);
    assert_eq!(texts(&told["findings"], "code"), ["UNMAPPED_CODE"]);
    run_job(&workspace.job("shop"), "2026-11-19");
    let later = json(&workspace, "jobs/shop.toml", "2026-11-19", &item["item_id"]);
    assert_eq!((texts(&later["worklist"], "state"), &later["findings"]), (vec!["OPEN"], &told["findings"]));
}

#[test]
fn rows_that_took_no_part_say_why() {
    let workspace = shop();
    let states = |key: &str| {
        let told = json(&workspace, "jobs/shop.toml", DATE, key);
        texts(&told["records"], "state").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(states("SR20261118W00127"), ["IGNORED(no_movement)", "NETTED", "NETTED"]);
    assert_eq!(states("SR20261118A00101"), ["MATCHED", "MATCHED", "REPLICA_ROW"]);
    assert_eq!(states("SR20261118W00134"), ["IGNORED(out_of_scope)"]);
}

/// A job over two small books, with orders that meet a day late or not at all.
const JOB: &str = r#"
job = "two"
starts = "2026-11-18"
base_currency = "CNY"
output = "out"

[[source]]
name = "ledger"
book = "ledger"
format = "delimited"
place = "in/{date}/ledger.csv"
zone = "Asia/Shanghai"
unit = "major"
sign = "by_kind"

[source.columns]
order_no = "order"
kind = "kind"
amount = "amount"
currency = { always = "CNY" }
status = { always = "SUCCESS" }
account = { always = "M1" }
occurred_at = "at"

[[source]]
name = "psp"
book = "statement"
format = "delimited"
place = "in/{date}/psp*.csv"
account = "M1"
zone = "Asia/Shanghai"
unit = "major"
sign = "by_kind"
encoding = "GB18030"

[source.columns]
order_no = "order"
provider_txn_id = "id"
kind = "kind"
amount = "amount"
currency = { always = "CNY" }
status = { always = "SUCCESS" }
account = { always = "M1" }
occurred_at = "at"

[source.extra]
goods = "goods"
"#;

/// The job with three days published: B1 meets a day late, C1 never does.
fn three_days() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("job.toml", JOB);
    let days = [
        (
            "2026-11-18",
            "A1,PAYMENT,1.00,2026-11-18 09:00:00\nB1,PAYMENT,40.00,2026-11-18 23:59:59\nC1,PAYMENT,7.00,2026-11-18 10:00:00\n",
            "A1,TA1,PAYMENT,1.00,2026-11-18 09:00:01,\"茶,\n礼盒\"\n",
        ),
        (
            "2026-11-19",
            "A2,PAYMENT,2.00,2026-11-19 09:00:00\n",
            "A2,TA2,PAYMENT,2.00,2026-11-19 09:00:01,茶\nB1,TB1,PAYMENT,40.00,2026-11-19 00:00:02,茶\n",
        ),
        (
            "2026-11-20",
            "A3,PAYMENT,3.00,2026-11-20 09:00:00\nX9,PAYMENT,1.005,2026-11-20 09:00:00\n",
            "A3,TA3,PAYMENT,3.00,2026-11-20 09:00:01,茶\n",
        ),
    ];
    for (date, ledger, psp) in days {
        workspace.write(&format!("in/{date}/ledger.csv"), format!("order,kind,amount,at\n{ledger}"));
        let psp = crate::support::bills::gbk(&format!("order,id,kind,amount,at,goods\n{psp}"));
        workspace.write(&format!("in/{date}/psp.csv"), psp);
        run_job(&workspace.path("job.toml"), date);
    }
    workspace
}

#[test]
fn a_record_of_the_day_before_is_told_from_its_own_file_and_day_by_day() {
    let workspace = three_days();
    expect("explain_late.page", &page(&workspace, "job.toml", "2026-11-19", "B1"));
    expect("explain_carried.page", &page(&workspace, "job.toml", "2026-11-20", "C1"));
    // The number is the partner's; the ledger's row comes with the evidence.
    let told = json(&workspace, "job.toml", "2026-11-19", "TB1");
    assert_eq!(texts(&told["records"], "night"), ["2026-11-18", "2026-11-19"]);
    assert_eq!(texts(&told["records"], "state"), ["LATE_MATCHED"; 2]);
    let said: Vec<(&str, &str)> = told["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| (day["date"].as_str().unwrap(), day["changes"][0]["state"].as_str().unwrap()))
        .collect();
    assert_eq!(said, [("2026-11-18", "TIMING_PENDING"), ("2026-11-19", "LATE_MATCHED")]);
}

#[test]
fn of_a_difference_that_closed_its_items_still_tell_what_became_of_the_records() {
    let workspace = shop();
    let first = json(&workspace, "jobs/shop.toml", DATE, "SR20261118A00076");
    run_job(&workspace.job("shop"), "2026-11-19");
    let item = texts(&first["worklist"], "item_id")[0];
    assert_eq!(texts(&json(&workspace, "jobs/shop.toml", "2026-11-19", item)["records"], "state"), ["LATE_MATCHED"; 2]);
    let id = first["differences"][0]["difference_id"].as_str().unwrap();
    let told = json(&workspace, "jobs/shop.toml", "2026-11-19", id);
    assert_eq!(texts(&told["records"], "state"), ["LATE_MATCHED"; 2]);
    assert_eq!(texts(&told["worklist"], "state"), ["CANCELLED"; 3]);
}

#[test]
fn a_row_over_two_lines_is_shown_whole_and_decoded() {
    let told = json(&three_days(), "job.toml", "2026-11-18", "TA1");
    assert_eq!(told["records"][1]["raw"]["line"], "A1,TA1,PAYMENT,1.00,2026-11-18 09:00:01,\"茶,\n礼盒\"");
    assert_eq!(told["records"][1]["extra"]["goods"], "茶,\n礼盒");
}

#[test]
fn a_row_that_is_no_record_says_why_and_is_shown() {
    let told = json(&three_days(), "job.toml", "2026-11-20", "X9");
    let record = &told["records"][0];
    assert_eq!(
        (&record["state"], &record["raw"]["line"]),
        (&"ROW_REJECTED".into(), &"X9,PAYMENT,1.005,2026-11-20 09:00:00".into())
    );
    assert!(record["reject"].as_str().unwrap().contains("1.005"), "{record}");
}

#[test]
fn a_key_that_the_date_does_not_know_is_refused_with_the_dates_that_do() {
    let workspace = three_days();
    let said = |key| unknown(&workspace, "job.toml", "2026-11-20", key);
    assert!(said("B1").contains("nothing is known of B1 on 2026-11-20"), "{}", said("B1"));
    assert!(said("B1").contains("it occurs on 2026-11-19, 2026-11-18; try --date 2026-11-19"), "{}", said("B1"));
    // Only the history knows what agreed at first sight, and only as a hash.
    assert!(said("TA1").contains("it occurs on 2026-11-18"), "{}", said("TA1"));
    assert!(said("A2").contains("it occurs on 2026-11-19"), "{}", said("A2"));
    assert!(said("Z1").contains("nor on the 2 days before it"), "{}", said("Z1"));
    let first = unknown(&workspace, "job.toml", "2026-11-18", "Z1");
    assert!(first.contains("its run stands on no day before"), "{first}");
    let never = output(&arguments(workspace.path("job.toml").to_str().unwrap(), "2026-11-21", "B1"));
    assert_eq!(never.status.code(), Some(20));
    assert!(stderr(&never).contains("has published nothing for 2026-11-21"), "{}", stderr(&never));
}

#[test]
fn an_input_that_is_gone_or_changed_shows_no_line() {
    let workspace = three_days();
    let ledger = workspace.path("in/2026-11-18/ledger.csv");
    let bytes = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, bytes.replace("7.00", "8.00")).unwrap();
    let changed = page(&workspace, "job.toml", "2026-11-20", "C1");
    expect("explain_changed.page", &changed);
    assert!(!changed.contains("8.00"), "{changed}");
    std::fs::remove_file(&ledger).unwrap();
    let gone = json(&workspace, "job.toml", "2026-11-20", "C1");
    assert_eq!(gone["records"][0]["raw"]["gone"], "in/2026-11-18/ledger.csv");
    assert_eq!(gone["records"][0]["amount_minor"], 700, "what was published is still known");
    // What is only in a file that changed cannot be looked for.
    std::fs::write(workspace.path("in/2026-11-20/psp.csv"), "order\n").unwrap();
    let said = unknown(&workspace, "job.toml", "2026-11-20", "TA3");
    assert!(said.contains("1 file could not be searched: psp.csv has changed since it was reconciled"), "{said}");
}

#[test]
fn published_tables_that_were_tampered_with_are_not_explained() {
    let workspace = three_days();
    let folder = crate::support::Published::current(&workspace.path("out"), "two", "2026-11-20").unwrap().folder;
    let table = folder.join("open_items.parquet");
    let mut bytes = std::fs::read(&table).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    let told = output(&arguments(workspace.path("job.toml").to_str().unwrap(), "2026-11-20", "C1"));
    assert_eq!(told.status.code(), Some(40));
    assert!(stderr(&told).contains("it is not what was committed"), "{}", stderr(&told));
}

/// The sample's three days, run.
fn sample() -> Workspace {
    let workspace = Workspace::of_project();
    for date in ["2026-11-18", "2026-11-19", "2026-11-20"] {
        run_job(&workspace.job("shop"), date);
    }
    workspace
}

fn told_of(workspace: &Workspace, date: &str, key: &str, more: &[&str]) -> std::process::Output {
    let job = workspace.job("shop");
    let arguments = [&["explain", job.to_str().unwrap(), "--date", date, key], more].concat();
    output(&arguments)
}

#[test]
fn pages_come_out_as_told() {
    let workspace = sample();
    for (name, date, key) in [
        ("missing", "2026-11-18", "SR20261118A00076"),
        ("closed", "2026-11-19", "SR20261118A00076"),
        ("paid_twice", "2026-11-20", "SR20261118W00036"),
        ("refund", "2026-11-20", "RF20261120W00027"),
        ("matched", "2026-11-18", "SR20261118A00001"),
        ("provider_number", "2026-11-18", "2026111822001458860500000084"),
    ] {
        let page = told_of(&workspace, date, key, &[]);
        assert_eq!(page.status.code(), Some(0), "{}", stderr(&page));
        expect(&format!("explain_{name}.page"), &stdout(&page));
    }
}

#[test]
fn a_difference_and_an_item_are_known_by_their_ids() {
    let workspace = sample();
    let line = stdout(&told_of(&workspace, "2026-11-18", "SR20261118A00076", &["--json"]));
    let told: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["schema"], "tieout.explain/1");
    let difference =
        told["differences"][0]["id"].as_str().or(told["differences"][0]["difference_id"].as_str()).unwrap();
    let item = told["worklist"][1]["item_id"].as_str().unwrap();
    for key in [difference, item] {
        let page = stdout(&told_of(&workspace, "2026-11-18", key, &[]));
        assert!(page.contains("MISSING_IN_LEDGER") && page.contains("乌龙茶礼盒"), "{key}\n{page}");
    }
}

#[test]
fn what_is_not_known_and_what_has_changed_is_said() {
    let workspace = sample();
    let unknown = told_of(&workspace, "2026-11-19", "SR20261118A00001", &[]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("it occurs on 2026-11-18"), "{}", stderr(&unknown));
    let bill = workspace.path("sample_data/2026-11-18/1609845123All2026-11-18.csv");
    let mut text = std::fs::read(&bill).unwrap();
    text.extend(b"\n");
    std::fs::write(&bill, text).unwrap();
    let page = stdout(&told_of(&workspace, "2026-11-18", "SR20261118W00086", &[]));
    assert!(page.contains("DISCOUNT_ATTRIBUTION"), "{page}");
    assert!(page.contains("changed") || page.contains("no longer"), "{page}");
}
