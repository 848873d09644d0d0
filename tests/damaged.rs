//! Damaged files: whatever happens to one, the result is a finding, a reject or an error that names it,
//! and never a wrong difference, a panic, or a published run that looks clean.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tieout::sniff::sniff;
use tieout::store::Store;

use crate::formats::{alipay_fund_rows, alipay_rows, wechat_fund_rows, wechat_rows};
use crate::support::bills::{
    WechatBill, WechatKind, alipay_fund, alipay_trade, alipay_zip, gbk, wechat_fund, wechat_trade,
};
use crate::support::{Published, Row, Workspace, output, stderr, stdout};

const DATE: &str = "2026-11-20";
const ALIPAY: &str = "2088521900345672";
const WECHAT: &str = "1609845123";

/// A statement, the job that reads it, and a ledger with which it agrees.
struct Fixture {
    format: &'static str,
    file: &'static str,
    bytes: Vec<u8>,
    account: &'static str,
    more: &'static str,
    /// Whether the file says itself when it is whole; one that does not can be cut between two lines unseen.
    knows_its_end: bool,
}

const COLUMNS: &str = "zone = \"Asia/Shanghai\"\nunit = \"major\"\nsign = \"by_kind\"\n[source.columns]\nevent_no = \"no\"\n\
    order_no = \"order\"\nkind = \"kind\"\namount = \"amount\"\ncurrency = \"currency\"\nstatus = \"status\"\noccurred_at = \"at\"\n";

const CSV: &str = "no,order,kind,amount,currency,status,at\n\
    SR0001,SR0001,PAYMENT,100.00,CNY,SUCCESS,2026-11-20 09:30:00\n\
    SR0002,SR0002,PAYMENT,45.50,CNY,SUCCESS,2026-11-20 23:59:59\n\
    RF0001,SR0001,REFUND,25.00,CNY,SUCCESS,2026-11-20 15:00:00\n";

fn fixtures() -> Vec<Fixture> {
    let provider =
        |format, file, bytes: Vec<u8>, account| Fixture { format, file, bytes, account, more: "", knows_its_end: true };
    let wechat = |kind, is_legacy| {
        let bill = WechatBill { kind, is_legacy };
        wechat_trade(WECHAT, bill, &wechat_rows(bill)).into_bytes()
    };
    let json = CSV.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let [no, order, kind, amount, currency, status, at] = cells[..] else { unreachable!("seven cells") };
        let value = serde_json::json!({"no": no, "order": order, "kind": kind, "amount": amount, "currency": currency, "status": status, "at": at});
        format!("{value}\n")
    });
    vec![
        provider("alipay.trade", "alipay.csv.zip", alipay_zip(ALIPAY, DATE, &alipay_rows()), ALIPAY),
        provider("alipay.trade", "alipay.csv", gbk(&alipay_trade(ALIPAY, DATE, &alipay_rows())), ALIPAY),
        provider(
            "alipay.fundflow",
            "fund.csv",
            gbk(&alipay_fund(ALIPAY, DATE, 1_000_000, &alipay_fund_rows())),
            ALIPAY,
        ),
        provider("wechat.trade", "all.csv", wechat(WechatKind::All, false), WECHAT),
        provider("wechat.trade", "success.csv", wechat(WechatKind::Success, false), WECHAT),
        provider("wechat.trade", "refund.csv", wechat(WechatKind::Refund, false), WECHAT),
        provider("wechat.trade", "legacy.csv", wechat(WechatKind::All, true), WECHAT),
        provider("wechat.fundflow", "fund.csv", wechat_fund(100_000, &wechat_fund_rows()).into_bytes(), WECHAT),
        Fixture { more: COLUMNS, knows_its_end: false, ..provider("delimited", "psp.csv", CSV.into(), "M1") },
        Fixture {
            more: COLUMNS,
            knows_its_end: false,
            ..provider("jsonl", "psp.jsonl", json.collect::<String>().into(), "M1")
        },
    ]
}

fn job(fixture: &Fixture) -> String {
    format!(
        "job = \"damaged\"\nstarts = \"2026-11-20\"\nbase_currency = \"CNY\"\noutput = \"out\"\n\
         [suspected_duplicates]\nenabled = false\n\
         [[source]]\nname = \"ledger\"\nbook = \"ledger\"\nformat = \"jsonl\"\nplace = \"ledger.jsonl\"\nzone = \"UTC\"\n\
         unit = \"minor\"\nsign = \"signed\"\n[source.columns]\nevent_no = \"event_no\"\norder_no = \"order_no\"\n\
         provider_txn_id = \"provider_txn_id\"\nkind = \"kind\"\namount = \"order_amount_minor\"\ncurrency = \"currency\"\n\
         status = \"status\"\naccount = \"account\"\noccurred_at = \"occurred_at\"\n\
         [[source]]\nname = \"statement\"\nbook = \"statement\"\nformat = \"{}\"\nplace = \"{}\"\naccount = \"{}\"\n\
         deadline = \"+1 10:00\"\n{}[source.carry]\ndefault = \"none\"\n",
        fixture.format, fixture.file, fixture.account, fixture.more
    )
}

/// The ledger that agrees with a fixture, made of its own records.
fn ledger(fixture: &Fixture) -> String {
    if !fixture.more.is_empty() {
        return CSV
            .lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<&str> = line.split(',').collect();
                let minor: i64 = cells[3].replace('.', "").parse().unwrap();
                let signed = if cells[2] == "REFUND" { -minor } else { minor };
                let at = format!("{}+08:00", cells[6].replace(' ', "T"));
                let value = serde_json::json!({
                    "event_no": cells[0], "order_no": cells[1], "provider_txn_id": null, "kind": cells[2],
                    "order_amount_minor": signed, "currency": "CNY", "status": "SUCCESS", "account": "M1", "occurred_at": at
                });
                format!("{value}\n")
            })
            .collect();
    }
    let workspace = Workspace::new();
    let file = workspace.write(fixture.file, &fixture.bytes);
    let records = stdout(&output(&["sniff", "--records", file.to_str().unwrap()]));
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["order_amount_minor"].is_null() {
            value["order_amount_minor"] = value["amount_minor"].clone();
        }
        if value["account"].is_null() {
            value["account"] = fixture.account.into();
        }
        // A payment and the revocation that undoes it have one number each, as in the bill.
        let wanted = [
            "event_no",
            "order_no",
            "provider_txn_id",
            "kind",
            "order_amount_minor",
            "currency",
            "status",
            "account",
            "occurred_at",
        ];
        let kept: serde_json::Map<String, serde_json::Value> =
            wanted.iter().map(|name| ((*name).to_owned(), value[*name].clone())).collect();
        format!("{}\n", serde_json::Value::Object(kept))
    };
    records.lines().map(line).collect()
}

/// Differences, findings, rejects and the first page.
type Tables = (Vec<Row>, Vec<Row>, Vec<Row>, serde_json::Value);

/// What a run came to.
struct Outcome {
    code: i32,
    complaint: String,
    published: Option<Tables>,
}

fn outcome(fixture: &Fixture, ledger: &str, bytes: &[u8]) -> Outcome {
    let workspace = Workspace::new();
    workspace.write("ledger.jsonl", ledger);
    workspace.write(fixture.file, bytes);
    let job = workspace.write("job.toml", job(fixture));
    let output = output(&["run", job.to_str().unwrap(), "--date", DATE]);
    let published = Published::current(&workspace.path("out"), "damaged", DATE).map(|published| {
        let table = |name| published.table(name);
        (table("differences"), table("findings"), table("rejects"), published.summary())
    });
    Outcome { code: output.status.code().unwrap_or(-1), complaint: stdout(&output) + &stderr(&output), published }
}

/// Why an outcome is not what damage must lead to, if it is not.
fn fault(fixture: &Fixture, outcome: &Outcome) -> Option<String> {
    let named = |rows: &[Row]| rows.iter().any(|row| row["file"].contains(fixture.file));
    match &outcome.published {
        _ if ![0, 10, 20, 21].contains(&outcome.code) => Some(format!("exit {}\n{}", outcome.code, outcome.complaint)),
        None if outcome.complaint.contains(fixture.file) => None,
        None => Some(format!("an error that names no file: {}", outcome.complaint)),
        Some((differences, ..)) if !differences.is_empty() => Some(format!("wrong differences: {differences:#?}")),
        Some((_, findings, rejects, _)) if named(findings) || named(rejects) => None,
        Some((_, findings, _, summary)) => Some(format!("it looks clean: {findings:#?} {summary:#}")),
    }
}

/// Runs one kind of damage over all fixtures, in so many cases, and reports every one that is not caught.
fn damage(what: &str, cases: usize, damages: impl Fn(&Fixture) -> Vec<(String, Vec<u8>)> + Sync) {
    let verdicts: Vec<Option<String>> = fixtures()
        .par_iter()
        .flat_map_iter(|fixture| {
            let ledger = ledger(fixture);
            damages(fixture).into_iter().map(move |(name, bytes)| {
                let wrong = fault(fixture, &outcome(fixture, &ledger, &bytes))?;
                Some(format!("{what} {name} of {} {}: {wrong}", fixture.format, fixture.file))
            })
        })
        .collect();
    assert_eq!(verdicts.len(), cases, "{what}: so many cases were run");
    let wrong: Vec<String> = verdicts.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} cases\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn undamaged_files_agree_with_their_ledger() {
    for fixture in fixtures() {
        let outcome = outcome(&fixture, &ledger(&fixture), &fixture.bytes);
        let (differences, findings, rejects, summary) = outcome.published.expect(&outcome.complaint);
        let clean = differences.is_empty() && findings.is_empty() && rejects.is_empty();
        assert!(clean, "{} {}: {differences:#?} {findings:#?} {rejects:#?}", fixture.format, fixture.file);
        assert!(summary["matched"].as_u64() > Some(0), "{} {}: {summary:#}", fixture.format, fixture.file);
    }
}

#[test]
fn a_file_that_is_cut() {
    damage("cut at", 200, |fixture| {
        let length = fixture.bytes.len();
        (1..=20)
            .map(|part| part * length / 21)
            .filter(|&at| fixture.knows_its_end || fixture.bytes[at - 1] != b'\n')
            .map(|at| (at.to_string(), fixture.bytes[..at].to_vec()))
            .collect()
    });
}

/// Text of a fixture that has a header line, with the number of that line.
fn header(fixture: &Fixture) -> Option<(String, usize)> {
    if fixture.file.ends_with(".zip") || fixture.format == "jsonl" {
        return None;
    }
    let (text, ..) = match std::str::from_utf8(&fixture.bytes) {
        Ok(text) => (text.to_owned(), ()),
        Err(_) => (encoding_rs::GB18030.decode_without_bom_handling(&fixture.bytes).0.into_owned(), ()),
    };
    let line = text.lines().position(|line| !line.starts_with('#')).unwrap();
    Some((text, line))
}

#[test]
fn a_header_cell_that_is_renamed() {
    damage("renamed", 156, |fixture| {
        let Some((text, number)) = header(fixture) else {
            // The names of JSON Lines stand in every line; a zip holds what is tested beside it.
            let renamed = String::from_utf8_lossy(&fixture.bytes).replace("\"amount\"", "\"sum\"");
            let is_json = fixture.format == "jsonl";
            return is_json.then(|| ("everywhere".to_owned(), renamed.into_bytes())).into_iter().collect();
        };
        let lines: Vec<&str> = text.lines().collect();
        let cells: Vec<&str> = lines[number].trim_start_matches('\u{feff}').split(',').collect();
        (0..cells.len())
            .map(|at| {
                let mut cells: Vec<String> = cells.iter().map(|&cell| cell.to_owned()).collect();
                cells[at] = "renamed".to_owned();
                let mut lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
                lines[number] = cells.join(",");
                (at.to_string(), (lines.join("\r\n") + "\r\n").into_bytes())
            })
            .collect()
    });
}

#[test]
fn an_empty_file_and_a_header_alone() {
    damage("empty", 37, |fixture| {
        let mut cases = vec![
            ("nothing".to_owned(), Vec::new()),
            ("a line end".to_owned(), b"\r\n".to_vec()),
            ("a mark".to_owned(), "\u{feff}".into()),
        ];
        // A header alone is an empty day for files that have nothing else; the others lack their end.
        if let Some((text, number)) = header(fixture).filter(|_| fixture.knows_its_end) {
            let lines: Vec<&str> = text.lines().take(number + 1).collect();
            cases.push(("header only".to_owned(), (lines.join("\r\n") + "\r\n").into_bytes()));
        }
        cases
    });
}

#[test]
fn a_file_in_a_wrong_encoding() {
    damage("encoding", 18, |fixture| {
        let garbled = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes();
        let mut cases = vec![("every byte a character".to_owned(), garbled(&fixture.bytes))];
        if fixture.more.is_empty() {
            cases.push(("bits turned".to_owned(), fixture.bytes.iter().map(|byte| byte ^ 0x80).collect()));
        } else {
            // Plain ASCII reads the same in every encoding; one that is not is refused row by row.
            let text = String::from_utf8(fixture.bytes.clone()).unwrap().replace("SR0001", "SR\u{fffd}001");
            cases = vec![("replacement characters".to_owned(), text.into_bytes())];
        }
        cases
    });
}

#[test]
fn a_file_of_another_day() {
    damage("of", 10, |fixture| {
        if fixture.file.ends_with(".zip") {
            return vec![("yesterday".to_owned(), alipay_zip(ALIPAY, "2026-11-19", &yesterday()))];
        }
        let (text, is_utf8) = match std::str::from_utf8(&fixture.bytes) {
            Ok(text) => (text.to_owned(), true),
            Err(_) => (encoding_rs::GB18030.decode_without_bom_handling(&fixture.bytes).0.into_owned(), false),
        };
        let text = text
            .replace("2026-11-20", "2026-11-19")
            .replace("2026年11月21日", "2026年11月*日")
            .replace("2026年11月20日", "2026年11月19日")
            .replace("2026年11月*日", "2026年11月20日");
        vec![("yesterday".to_owned(), if is_utf8 { text.into_bytes() } else { gbk(&text) })]
    });
}

fn yesterday() -> Vec<crate::support::bills::AlipayRow> {
    let mut rows = alipay_rows();
    for row in &mut rows {
        row.completed = row.completed.replace(DATE, "2026-11-19");
    }
    rows
}

#[test]
fn a_file_written_twice_into_itself() {
    // A zip behind another is one file to every reader of zips, and the right one.
    damage("doubled", 9, |fixture| {
        let twice = [fixture.bytes.as_slice(), fixture.bytes.as_slice()].concat();
        if fixture.file.ends_with(".zip") { Vec::new() } else { vec![("whole".to_owned(), twice)] }
    });
}

/// Random bytes turned, dropped and repeated: the readers may refuse, and must not fall over.
#[test]
fn mutations_never_panic() {
    let seed = 20_261_122_u64;
    eprintln!("mutations: 200 of each file from seed {seed}");
    fixtures().par_iter().for_each(|fixture| {
        let mut state = seed;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        let store = Store::new(None).unwrap();
        let workspace = Workspace::new();
        for round in 0..200 {
            let mut bytes = fixture.bytes.clone();
            for _ in 0..=random(8) {
                let at = random(bytes.len());
                match random(3) {
                    0 => bytes[at] ^= 1 << random(8),
                    1 => drop(bytes.drain(at..(at + random(30)).min(bytes.len()))),
                    _ => {
                        let part = bytes[at..(at + random(30)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, part);
                    }
                }
                if bytes.is_empty() {
                    bytes.push(b'x');
                }
            }
            let path = workspace.write(&format!("{round}.csv"), &bytes);
            // Either answer is right, as long as there is one.
            match sniff(&store, &path, "file") {
                Ok(sniffed) => {
                    assert!(serde_json::from_str::<BTreeMap<String, serde_json::Value>>(&sniffed.json_line()).is_ok());
                }
                Err(e) => assert!(!e.to_string().is_empty()),
            }
        }
    });
}
