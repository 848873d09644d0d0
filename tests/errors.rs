//! The catalogue of complaints: every mistake in a job file with what is said of it, and every reason
//! for which a row is no record.
//!
//! A file of `tests/errors/` is a job, a line `----`, and what `check` says; `UPDATE=1 cargo test errors`
//! writes the second half again.

use std::collections::BTreeSet;

use tieout::error::{Complaint, Error};
use tieout::reject::RejectReason;
use tieout_kernel::proof::Broken;

use crate::support::{Workspace, output, project, run_job, stderr, stdout, updating};

fn check(job: &str) -> String {
    let workspace = Workspace::new();
    let path = workspace.write("job.toml", job);
    workspace.write("policy.toml", "job = \"other\"\n[tolerance]\nprincipal_minor = 2\n");
    let output = output(&["check", path.to_str().unwrap()]);
    let place = format!("{}/", workspace.path("").display().to_string().trim_end_matches('/'));
    format!("exit {}\n{}{}", output.status.code().unwrap(), stdout(&output), stderr(&output)).replace(&place, "")
}

#[test]
fn mistakes_in_a_job_are_told_with_line_and_suggestion() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(project("tests/errors")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (job, expected) = text.split_once("----\n").unwrap_or((&text, ""));
        let told = check(job);
        if updating() {
            std::fs::write(&path, format!("{job}----\n{told}")).unwrap();
        } else if told != expected {
            wrong.push(format!("{}\n--- expected\n{expected}\n--- told\n{told}", path.display()));
        }
        assert!(told.starts_with("exit 2\n"), "{}: {told}", path.display());
        count += 1;
    }
    assert!(count >= 20, "the catalogue is where it belongs");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_source_without_a_zone_is_refused() {
    let job = std::fs::read_to_string(project("jobs/acme.toml")).unwrap();
    let told = check(&job.replacen("zone = \"Europe/Berlin\"\n", "", 1));
    assert!(told.starts_with("exit 2") && told.contains("does not say `zone`"), "{told}");
}

/// Rows that are wrong in every way a delimited file allows, and those that only JSON allows.
#[test]
fn every_reason_for_a_reject_is_shown_with_its_address() {
    let workspace = Workspace::new();
    let csv = "no,kind,amount,cd,currency,status,at,sent\n\
        A1,PAYMENT,1.00,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A2,PAYMENT,1.00,C,CNY,SUCCESS\n\
        A3,\"PAYMENT\"x,1.00,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A4,PAYMENT,,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A5,PAYMENT,1.O0,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A6,PAYMENT,1.005,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A7,PAYMENT,12345678901234567890,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A8,PAYMENT,1.00,D,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        A9,PAYMENT,1.00,?,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        B1,PAYMENT,1.00,C,RMB,SUCCESS,2026-03-08 12:00:00,0\n\
        B2,PAYMENT,1.00,C,CNY,SUCCESS,08.03.2026,0\n\
        B3,PAYMENT,1.00,C,CNY,SUCCESS,2026-03-08 02:30:00,0\n\
        B4\u{fffd},PAYMENT,1.00,C,CNY,SUCCESS,2026-03-08 12:00:00,0\n\
        B5,PAYMENT,1.00,C,CNY,SUCCESS,2026-03-08 12:00:00,maybe\n";
    workspace.write("psp.csv", csv);
    workspace.write("more.jsonl", "{\"no\":\"A1\"\n");
    workspace.write("alipay.csv", alipay_with_a_stray_line());
    let columns = |amount: &str| {
        format!(
            "zone = \"America/Los_Angeles\"\nunit = \"major\"\n{amount}[source.columns]\nevent_no = \"no\"\nkind = \"kind\"\n\
             amount = \"amount\"\ncurrency = \"currency\"\nstatus = \"status\"\noccurred_at = \"at\"\n\
             [source.rejects]\nrows = 100\n"
        )
    };
    let indicator = "sign = \"indicator\"\ndirection = { column = \"cd\", in = [\"C\"], out = [\"D\"] }\n";
    let job = format!(
        "job = \"rejects\"\nstarts = \"2026-03-08\"\nbase_currency = \"CNY\"\noutput = \"out\"\n\
         [[source]]\nname = \"psp\"\nbook = \"statement\"\nformat = \"delimited\"\nplace = \"psp.csv\"\naccount = \"M1\"\n{}\
         [[source]]\nname = \"more\"\nbook = \"statement\"\nformat = \"jsonl\"\nplace = \"more.jsonl\"\naccount = \"M2\"\n{}\
         [[source]]\nname = \"alipay\"\nbook = \"statement\"\nformat = \"alipay.trade\"\nplace = \"alipay.csv\"\naccount = \"2088521900345672\"\n\
         [[source]]\nname = \"ledger\"\nbook = \"ledger\"\nformat = \"delimited\"\nplace = \"psp.csv\"\n{}",
        columns(indicator),
        columns("sign = \"signed\"\n"),
        columns("sign = \"signed\"\n")
            .replace("[source.columns]\n", "[source.columns]\naccount = { always = \"M1\" }\nfulfilled = \"sent\"\n")
    );
    let path = workspace.write("job.toml", job);
    run_job(&path, "2026-03-08");
    let rejects = workspace.published("rejects", "2026-03-08").table("rejects");
    let shown: BTreeSet<String> = rejects.iter().map(|row| row["reason"].clone()).collect();
    for row in &rejects {
        assert!(!row["file"].is_empty() && !row["line"].is_empty() && !row["hint"].is_empty(), "{row:?}");
    }
    let of = |reason: &str| rejects.iter().find(|row| row["reason"] == reason && row["source"] == "psp").unwrap();
    assert_eq!((of("NOT_A_NUMBER")["line"].as_str(), of("NOT_A_NUMBER")["column"].as_str()), ("6", "amount"));
    assert_eq!(of("NOT_A_NUMBER")["text"], "1.O0");
    let all = [
        RejectReason::WrongCellCount { cells: 0, expected: 0 },
        RejectReason::BadQuote,
        RejectReason::NotARow,
        RejectReason::BadJson(String::new()),
        RejectReason::Undecodable,
        RejectReason::Missing,
        RejectReason::NotANumber,
        RejectReason::TooPrecise { decimals: 2 },
        RejectReason::TooLarge,
        RejectReason::NegativePayment,
        RejectReason::NoDirection,
        RejectReason::UnknownCurrency,
        RejectReason::BadTime,
        RejectReason::NoSuchLocalTime,
        RejectReason::NotABoolean,
    ];
    let missing: Vec<&str> = all.iter().map(RejectReason::word).filter(|word| !shown.contains(*word)).collect();
    assert!(missing.is_empty(), "not shown: {missing:?}, shown: {shown:?}");
}

fn alipay_with_a_stray_line() -> String {
    use crate::support::bills::{AlipayRow, alipay_trade};
    let rows = [AlipayRow::payment("T1", "A1", "2026-03-08 10:00:00", 100, 0)];
    let text = alipay_trade("2088521900345672", "2026-03-08", &rows);
    text.replacen("\r\nT1", "\r\n#交易合计：1笔\r\nT1", 1)
}

#[test]
fn every_error_has_its_exit_code_and_says_what_to_do() {
    let complaint = || Complaint::new("what").hint("hint");
    let text = || "text".to_owned();
    let errors = [
        (Error::Usage(vec![complaint()]), 2),
        (Error::NotThereYet(complaint()), 20),
        (Error::InvalidInput(complaint()), 21),
        (Error::Changed { uri: text(), detail: text() }, 22),
        (Error::LostRace { job: text(), date: text(), winner: text() }, 30),
        (Error::Unavailable { action: "reading", uri: text(), cause: text() }, 40),
        (Error::Refused { action: "reading", uri: text(), cause: text() }, 41),
        (Error::UnknownOutcome { uri: text(), cause: text() }, 42),
        (Error::Limit(complaint()), 50),
        (Error::Proof(Broken(text())), 70),
    ];
    for (error, code) in errors {
        assert_eq!(error.exit_code(), code);
        assert!(error.complaints().iter().all(|complaint| complaint.hint.is_some()), "{error}");
    }
}
