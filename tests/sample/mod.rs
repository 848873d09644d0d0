//! The days that the README runs: their generator, and proof that the result is what was planted.
//!
//! `UPDATE=1 cargo test sample` writes `sample_data/` again.

mod acme;
mod books;
mod shop;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tieout_kernel::code::Code;

use crate::support::bills::{WECHAT_ALL, alipay_zip, wechat_trade};
use crate::support::{Workspace, project, run_job, updating};
use books::{ALIPAY, Books, DATE, LAST, LedgerRow, NEXT, Planted, WECHAT};

/// Every file of the sample by its name below `sample_data/`.
fn files() -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut planted) = (BTreeMap::new(), Vec::new());
    // Only the first night is told record by record; the others also carry what it left.
    let told = |all: Vec<Planted>| all.into_iter().filter(|one| one.date == DATE || one.what != "records");
    let first = acme::day();
    let second = acme::second_day(&first);
    let third = acme::third_day(&second);
    for acme in [&first, &second, &third] {
        let date = acme.date;
        files.extend([
            (format!("{date}/acme_statement.csv"), acme.statement()),
            (format!("{date}/acme_ledger.csv"), acme.ledger()),
        ]);
        planted.extend(told(acme.planted()));
    }
    let first = shop::day();
    let (second, third) = (shop::second_day(&first), shop::third_day(&first));
    for shop in [&first, &second, &third] {
        let date = shop.date;
        let compact = date.replace('-', "");
        files.extend([
            (format!("{date}/{ALIPAY}0156_{compact}.csv.zip"), alipay_zip(ALIPAY, date, &shop.alipay)),
            (format!("{date}/{WECHAT}All{date}.csv"), wechat_trade(WECHAT, WECHAT_ALL, &shop.wechat).into_bytes()),
            (format!("{date}/ledger.parquet"), ledger_parquet(&shop.ledger)),
            (format!("{date}/ledger.manifest.json"), manifest(shop)),
        ]);
        planted.extend(told(shop.planted()));
    }
    files.insert("planted.csv".to_owned(), planted_csv(&planted));
    files
}

fn ledger_parquet(rows: &[LedgerRow]) -> Vec<u8> {
    let text = |field: fn(&LedgerRow) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(field).collect::<StringArray>())
    };
    let instants = |field: fn(&LedgerRow) -> Option<&str>| -> ArrayRef {
        let micros = |text: &str| {
            let local: jiff::civil::DateTime = text.parse().unwrap();
            local.in_tz("UTC").unwrap().timestamp().as_microsecond()
        };
        // Local times of the shop, as its database keeps them.
        Arc::new(rows.iter().map(|row| field(row).map(micros)).collect::<TimestampMicrosecondArray>())
    };
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("txn_no", text(|row| row.txn_no.as_deref()), true),
        ("order_no", text(|row| row.order_no.as_deref()), true),
        ("kind", text(|row| Some(row.kind)), false),
        ("amount_fen", Arc::new(rows.iter().map(|row| row.amount_fen).collect::<Int64Array>()) as ArrayRef, false),
        ("currency", text(|row| Some(row.currency)), false),
        ("status", text(|row| Some(row.status)), false),
        ("account", text(|row| Some(row.account)), false),
        ("channel", text(|row| Some(row.channel)), false),
        ("buyer", text(|row| row.buyer.as_deref()), true),
        ("created_at", instants(|row| Some(&row.created_at)), false),
        ("closed_at", instants(|row| row.closed_at.as_deref()), true),
        (
            "delivered",
            Arc::new(rows.iter().map(|row| Some(row.delivered)).collect::<BooleanArray>()) as ArrayRef,
            false,
        ),
        ("provider_txn_id", text(|row| row.provider_txn_id.as_deref()), true),
    ])
    .unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap()))
        .set_created_by("sunrise-erp 4.2".to_owned())
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn manifest(shop: &Books) -> Vec<u8> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    // The row in RMB is one that no reader can admit; the ledger's own sums are by its own words.
    for row in shop.ledger.iter().filter(|row| row.currency != "RMB") {
        *sums.entry(row.currency).or_default() += row.amount_fen;
    }
    let watermark = format!("{}T00:10:00+08:00", crate::support::bills::next_day(shop.date));
    let value = serde_json::json!({"rows": shop.ledger.len(), "amount_minor": sums, "watermark": watermark});
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap()).into_bytes()
}

fn planted_csv(planted: &[Planted]) -> Vec<u8> {
    let mut lines = vec!["date,job,what,code,number,story".to_owned()];
    lines.extend(
        planted
            .iter()
            .map(|one| format!("{},{},{},{},{},\"{}\"", one.date, one.job, one.what, one.code, one.number, one.story)),
    );
    (lines.join("\n") + "\n").into_bytes()
}

/// What a run found, in the terms of the list of what was planted, without its stories.
type Found = BTreeMap<(String, String, String), u64>;

fn planted_of(job: &str, date: &str, what: &[&str]) -> Found {
    let text = std::fs::read_to_string(project("sample_data/planted.csv")).unwrap();
    let mut found = Found::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.splitn(6, ',').collect();
        if cells[0] == date && cells[1] == job && what.contains(&cells[2]) {
            *found.entry((cells[2].to_owned(), cells[3].to_owned(), cells[4].to_owned())).or_default() += 1;
        }
    }
    found
}

fn found_by(job: &str, workspace: &Workspace) -> Found {
    let published = workspace.published(job, DATE);
    let mut found = Found::new();
    let mut add = |what: &str, code: &str, number: &str, count: u64| {
        *found.entry((what.to_owned(), code.to_owned(), number.to_owned())).or_default() += count;
    };
    for row in published.table("differences") {
        let number = [&row["event_no"], &row["provider_txn_id"]].into_iter().find(|text| !text.is_empty());
        add("difference", &row["code"], number.map_or("", String::as_str), 1);
    }
    for row in published.table("findings") {
        add("finding", &row["code"], &row["source"], 1);
    }
    for row in published.table("rejects") {
        add("reject", &row["reason"], &row["text"], 1);
    }
    for line in published.summary()["states"].as_array().unwrap() {
        let word = |name: &str| line[name].as_str().unwrap().to_owned();
        add("records", &format!("{} {}", word("book"), word("state")), &line["records"].to_string(), 1);
    }
    found
}

#[test]
fn the_committed_sample_is_what_the_generator_writes() {
    for (name, bytes) in files() {
        let path = project("sample_data").join(&name);
        if updating() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap_or_default() == bytes, "{name} is not what the generator writes");
    }
}

#[test]
fn each_job_finds_exactly_what_is_planted() {
    for (job, exit_code) in [("shop", 0), ("acme", 0)] {
        let workspace = Workspace::of_project();
        assert_eq!(run_job(&workspace.job(job), DATE), exit_code, "{job}");
        let all = ["difference", "finding", "reject", "records"];
        let (planted, found) = (planted_of(job, DATE, &all), found_by(job, &workspace));
        let missed: Vec<_> = planted.iter().filter(|(key, count)| found.get(*key) != Some(count)).collect();
        let surplus: Vec<_> = found.iter().filter(|(key, count)| planted.get(*key) != Some(count)).collect();
        assert!(missed.is_empty() && surplus.is_empty(), "{job}\nmissed {missed:#?}\nsurplus {surplus:#?}");
    }
}

/// What a following day brings: new differences, those that it closes, work that it calls off, journal entries that
/// it takes back, late matches, findings and rejects.
fn news_of(job: &str, workspace: &Workspace, before: &[&str], date: &str) -> Found {
    let nights: Vec<_> = before.iter().map(|date| workspace.published(job, date)).collect();
    let (yesterday, today) = (nights.last().unwrap(), workspace.published(job, date));
    let mut found = Found::new();
    let mut add = |what: &str, code: &str, number: &str| {
        *found.entry((what.to_owned(), code.to_owned(), number.to_owned())).or_default() += 1;
    };
    let open = today.table("differences");
    for row in open.iter().filter(|row| row["first_seen"] == date) {
        add("difference", &row["code"], &row["event_no"]);
    }
    for row in yesterday.table("differences").iter().filter(|row| row["settlement"] != "SETTLED") {
        if !open.iter().any(|one| one["difference_id"] == row["difference_id"]) {
            add("closed", &row["code"], &row["event_no"]);
        }
    }
    for row in today.table("worklist").iter().filter(|row| row["state"] == "CANCELLED") {
        add("cancelled", &row["verb"], &row["event_no"]);
    }
    let earlier = |table: &str| nights.iter().flat_map(|night| night.table(table)).collect::<Vec<_>>();
    let (journal, settled) = (earlier("settlements"), earlier("differences"));
    for row in today.table("settlements").iter().filter(|row| row["line"] == "1" && !row["reverses"].is_empty()) {
        let entry = journal.iter().find(|one| one["journal_id"] == row["reverses"]).expect("it was booked before");
        let of = settled.iter().find(|one| one["difference_id"] == entry["difference_id"]).unwrap();
        add("taken back", &row["code"], &of["event_no"]);
    }
    let pool = yesterday.table("open_items");
    for row in today.table("matches").iter().filter(|row| row["state"] == "LATE_MATCHED") {
        let waited = |item: &&crate::support::Row| {
            item["state"] == "TIMING_PENDING"
                && ["ledger", "statement"].iter().any(|book| {
                    item["book"] == *book
                        && item["file"] == row[&format!("{book}_file")]
                        && item["line"] == row[&format!("{book}_line")]
                        && !row[&format!("{book}_night")].is_empty()
                })
        };
        if let Some(item) = pool.iter().find(waited) {
            add("late", "LATE_MATCHED", &item["order_no"]);
        }
    }
    for row in today.table("findings") {
        add("finding", &row["code"], &row["source"]);
    }
    for row in today.table("rejects") {
        add("reject", &row["reason"], &row["text"]);
    }
    found
}

#[test]
fn the_days_after_bring_exactly_what_is_planted() {
    for job in ["shop", "acme"] {
        let workspace = Workspace::of_project();
        run_job(&workspace.job(job), DATE);
        for (before, date) in [(&[DATE][..], NEXT), (&[DATE, NEXT], LAST)] {
            assert_eq!(run_job(&workspace.job(job), date), 0, "{job} {date}");
            let all = ["difference", "closed", "cancelled", "taken back", "late", "finding", "reject"];
            let (planted, found) = (planted_of(job, date, &all), news_of(job, &workspace, before, date));
            let missed: Vec<_> = planted.iter().filter(|(key, count)| found.get(*key) != Some(count)).collect();
            let surplus: Vec<_> = found.iter().filter(|(key, count)| planted.get(*key) != Some(count)).collect();
            assert!(missed.is_empty() && surplus.is_empty(), "{job} {date}\nmissed {missed:#?}\nsurplus {surplus:#?}");
        }
    }
}

/// Codes of groups that need more than one night, a second edge, or kinds of file that are not read yet.
const WAITING: [&str; 12] = [
    "CHARGEBACK_FEE_UNBOOKED",
    "CHARGEBACK_STAGE_MISMATCH",
    "DUPLICATE_SETTLEMENT",
    "FEE_CURRENCY_MISMATCH",
    "FX_LEG_UNPAIRED",
    "FX_RATE_ERROR",
    "FX_ROUNDING",
    "ORPHAN_EVENT",
    "PARTIAL_CAPTURE",
    "REFUND_FAILED",
    "STATUS_BOTH_PENDING",
    "SYSTEMATIC_VARIANCE",
];

#[test]
fn the_sample_shows_every_code_that_these_inputs_can_show() {
    let shown: BTreeSet<String> = ["shop", "acme"]
        .iter()
        .flat_map(|job| planted_of(job, DATE, &["difference"]).into_keys().map(|(_, code, _)| code))
        .collect();
    // Family A is of files and runs; L and timing are states; K is of batches and the bank.
    let of_groups = Code::ALL.iter().filter(|code| !matches!(code.family(), 'A'));
    let states = ["TIMING_PENDING", "LATE_MATCHED", "OUT_OF_SCOPE_ROW", "REPLICA_ROW", "LEDGER_STATUS_SUPERSEDED"];
    let of_batches = [
        "SETTLEMENT_MISSING",
        "SETTLEMENT_SHORT",
        "SETTLEMENT_OVER",
        "SETTLEMENT_ROUNDING",
        "BATCH_COMPOSITION",
        "SETTLEMENT_UNALLOCATED",
        "NEGATIVE_CARRY",
        "BALANCE_BREAK",
    ];
    let missing: Vec<&str> = of_groups
        .map(|code| code.word())
        .filter(|word| !shown.contains(*word))
        .filter(|word| !states.contains(word) && !of_batches.contains(word) && !WAITING.contains(word))
        .collect();
    assert!(missing.is_empty(), "not planted: {missing:?}");
    let both: Vec<&&str> = WAITING.iter().filter(|word| shown.contains(**word)).collect();
    assert!(both.is_empty(), "planted after all: {both:?}");
}
