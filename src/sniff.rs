//! What is this file: its format, what it holds, whether its own totals tie.

use std::path::Path;

use serde::Serialize;
use tieout_kernel::calendar::{Calendar, Day};
use tieout_kernel::code::Code;
use tieout_kernel::money::Minor;
use tieout_kernel::policy::{ByAmount, Compared, Horizon, Policy, SourcePolicy, Tolerances};
use tieout_kernel::record::{Book, Direction, KindSet, Note};

use crate::agree::{self, Looked, Night, NightFile, Scan, Wanted};
use crate::controls;
use crate::error::{Complaint, Error};
use crate::finding::Finding;
use crate::formats::{Format, OpenFile, Opening, Recognised, alipay, open_all, wechat};
use crate::memory::Memory;
use crate::normalise::{Columns, Mapping, Principal, TextRule};
use crate::progress::Progress;
use crate::store::{Place, Store};

/// What was found out about a file.
#[derive(Clone, Debug, Serialize)]
pub struct Sniffed {
    /// The file as the user named it.
    pub file: String,
    /// What it is; none when it is nothing that can be read.
    pub format: Option<String>,
    /// The encoding it has.
    pub encoding: String,
    /// Rows that are records.
    pub records: u64,
    /// Rows that are not.
    pub rejects: u64,
    /// Totals that the file declares, and what its rows come to.
    pub controls: Vec<SniffedControl>,
    /// What its records come to.
    pub totals: Vec<SniffedTotal>,
    /// What is wrong or worth saying.
    pub findings: Vec<Finding>,
    /// The account it says it is of.
    #[serde(skip)]
    pub account: Option<String>,
    /// First and last day of its records.
    #[serde(skip)]
    pub period: Option<(String, String)>,
    /// Its columns, for files whose columns mean nothing by themselves.
    #[serde(skip)]
    pub columns: Vec<String>,
}

/// A declared total.
#[derive(Clone, Debug, Serialize)]
pub struct SniffedControl {
    /// What the file calls it.
    pub name: String,
    /// What it declares.
    pub declared: String,
    /// What the rows come to.
    pub computed: String,
    /// Whether the two are equal.
    pub ties: bool,
}

/// Records of one kind, status and currency. Amounts are signed from the owner's balance.
#[derive(Clone, Debug, Serialize)]
pub struct SniffedTotal {
    /// The kind.
    pub kind: &'static str,
    /// The status.
    pub status: &'static str,
    /// The currency.
    pub currency: String,
    /// How many.
    pub count: u64,
    /// What moved before fees.
    pub amount_minor: i64,
    /// Fees.
    pub fee_minor: i64,
    /// What is left.
    pub net_minor: i64,
    /// Decimals of the currency.
    #[serde(skip)]
    pub exponent: u8,
}

impl Sniffed {
    /// As one line of JSON.
    #[must_use]
    pub fn json_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("plain values can be written as JSON");
        line.push('\n');
        line
    }
}

/// A file with its readable members and what is wrong with the others.
struct Opened {
    files: Vec<OpenFile>,
    findings: Vec<Finding>,
}

/// Nothing is compared with anything here.
const LOOKED: Looked<'static> = Looked { principal: Principal::OrderAmount, columns: &[], numbers: false };

fn open(store: &Store, path: &Path) -> Result<Opened, Error> {
    let place = Place::Local(path.to_path_buf());
    let found = store.find(&place)?.into_iter().next();
    let found = found.ok_or_else(|| Error::usage(format!("there is no file {place}"), "name one or more files"))?;
    let body = store.open(&found)?;
    let mut opened = Opened { files: Vec::new(), findings: Vec::new() };
    for member in open_all(store, &place.name(), &body, &Opening::default())? {
        let finding = |code, message: String| Finding::new(code, message).of_file(&member.name).blocking();
        match member.recognised {
            Recognised::Summary | Recognised::Format(_) => {}
            Recognised::NoBill => opened.findings.push(
                Finding::new(Code::StatementNotReady, "the provider says that there was nothing to bill on that day")
                    .of_file(&member.name),
            ),
            Recognised::NotReady(why) => {
                opened.findings.push(Finding::new(Code::StatementNotReady, why).of_file(&member.name));
            }
            Recognised::Refused(what) => opened.findings.push(finding(Code::SchemaDrift, format!("this is {what}"))),
            Recognised::Empty => {
                opened
                    .findings
                    .push(finding(Code::StatementTruncated, "the file is empty: not even a header".to_owned()));
            }
        }
        opened.files.extend(member.file);
    }
    if opened.files.is_empty() && opened.findings.is_empty() {
        let what = format!("{place} holds nothing that can be read");
        return Err(Error::InvalidInput(Complaint::new(what).hint("`tieout formats` lists what can be read")));
    }
    Ok(opened)
}

/// What the columns of a file mean by its format; nothing for generic files.
fn mapping(file: &OpenFile) -> Option<Mapping> {
    match file.format {
        Format::AlipayTrade | Format::AlipayFund => {
            let mut mapping = alipay::mapping(file.format);
            mapping.account = file.account.clone().map_or(TextRule::None, TextRule::Always);
            Some(mapping)
        }
        Format::WechatTrade | Format::WechatFund => Some(wechat::mapping(file.format, &file.header)),
        Format::Delimited | Format::JsonLines | Format::Parquet => None,
    }
}

fn policy() -> Policy {
    Policy {
        run_day: None,
        calendar: Calendar::default(),
        sources: vec![SourcePolicy::plain("file", Horizon::AtOnce)],
        accounts: std::collections::BTreeMap::new(),
        ledger_kinds: KindSet::ALL,
        stuck_after: 0,
        passes: Vec::new(),
        by_amount: ByAmount { window_micros: 0, party_required: true },
        compared: Compared::default(),
        tolerances: Tolerances::default(),
    }
}

/// Looks at a file.
pub fn sniff(store: &Store, path: &Path, shown: &str) -> Result<Sniffed, Error> {
    let opened = open(store, path)?;
    let first = opened.files.first();
    let mut sniffed = Sniffed {
        file: shown.to_owned(),
        format: first.map(|file| file.format.word().to_owned()),
        encoding: first.map_or(String::new(), |file| file.encoding.to_owned()),
        records: 0,
        rejects: 0,
        controls: Vec::new(),
        totals: Vec::new(),
        findings: opened.findings,
        account: first.and_then(|file| file.account.clone()),
        period: None,
        columns: Vec::new(),
    };
    let mut readable = Vec::new();
    for file in opened.files {
        sniffed.findings.extend(file.findings.clone());
        if let Some(mapping) = mapping(&file) {
            readable.push(NightFile::new(0, Book::Statement, file, &mapping, &LOOKED, None));
        } else {
            let (rows, faults) = count_rows(&file)?;
            sniffed.records += rows;
            sniffed.rejects += faults;
            sniffed.columns.clone_from(&file.header);
        }
    }
    let policy = policy();
    let wanted = Wanted { pairs: false, rows: false, across: false, look_alikes: None, dated: true, history: false };
    let night = Night::new(&policy, readable, wanted, 0, Memory::of_machine());
    let scan = agree::scan(&night, night.partitions(), &Progress::default())?;
    sniffed.take(&night, &scan)?;
    Ok(sniffed)
}

fn count_rows(file: &OpenFile) -> Result<(u64, u64), Error> {
    let (mut rows, mut faults) = (0, 0);
    for split in &file.splits {
        let first = file.header.first().cloned().into_iter().collect::<Vec<_>>();
        file.read(split, &first, false, &mut |batch| {
            rows += batch.rows.len() as u64;
            faults += batch.faults.len() as u64;
            Ok(())
        })?;
    }
    Ok((rows, faults))
}

impl Sniffed {
    fn take(&mut self, night: &Night<'_>, scan: &Scan) -> Result<(), Error> {
        let mut totals: std::collections::BTreeMap<_, agree::Total> = std::collections::BTreeMap::new();
        let mut days: Option<(Day, Day)> = None;
        for (file, scanned) in night.files.iter().zip(&scan.files) {
            let every = std::iter::once(&scanned.totals).chain(scanned.aside.values());
            for (tag, total) in every.flat_map(|totals| &totals.0) {
                self.records += total.rows;
                totals.entry((tag.kind, tag.status, tag.currency)).or_default().add(total);
            }
            self.rejects += scanned.rejected;
            days = match (days, scanned.days) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, other) => one.or(other),
            };
            for (name, declared, computed, ties) in scanned.controls(&file.open.controls) {
                self.controls.push(SniffedControl {
                    name,
                    declared: declared.to_string(),
                    computed: computed.to_string(),
                    ties,
                });
            }
            self.findings.extend(controls::of_file(file, scanned));
        }
        self.period = days.map(|(first, last)| (first.to_string(), last.to_string()));
        for ((kind, status, currency), total) in totals {
            let narrow = |total: tieout_kernel::money::Total| {
                i64::try_from(total.get()).map_err(|_| Error::Limit(Complaint::new("a sum has more than 18 digits")))
            };
            self.totals.push(SniffedTotal {
                kind: kind.word(),
                status: status.word(),
                currency: currency.code().to_owned(),
                count: total.rows,
                amount_minor: narrow(total.amount)?,
                fee_minor: narrow(total.fee)?,
                net_minor: narrow(total.net)?,
                exponent: currency.exponent(),
            });
        }
        Ok(())
    }
}

/// Prints the records of a file as JSON Lines, in the order of the file.
pub fn records(store: &Store, path: &Path, print: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let opened = open(store, path)?;
    for file in opened.files {
        let Some(mapping) = mapping(&file) else {
            let what = format!("{} is {}, whose columns only a job can name", file.name, file.format.word());
            return Err(Error::usage(what, "`tieout sniff` without --records shows its columns"));
        };
        let file = NightFile::new(0, Book::Statement, file, &mapping, &LOOKED, None);
        let mut before = 0;
        for split in &file.open.splits {
            let mut line_ends = 0;
            file.open.read(split, file.full.wanted(), false, &mut |batch| {
                line_ends += batch.line_ends;
                let lines = file.open.lines(split, &batch.rows, before)?;
                let columns = file.full.columns(&batch);
                for (row, line) in lines.into_iter().enumerate().filter(|(row, _)| !columns.rejected[*row]) {
                    print(&format!("{}\n", record(&columns, row, line)));
                }
                Ok(())
            })?;
            before += line_ends;
        }
    }
    Ok(())
}

fn record(columns: &Columns<'_>, row: usize, line: u64) -> serde_json::Value {
    let signed = |money: Minor| if columns.direction[row] == Direction::Out { (-money).get() } else { money.get() };
    let optional = |values: &[Option<Minor>]| values.get(row).copied().flatten().map(Minor::get);
    let notes: Vec<&str> = columns.notes[row].iter().map(Note::word).collect();
    let instant = columns.occurred_at.get(row).and_then(|instant| jiff::Timestamp::from_microsecond(instant.0).ok());
    serde_json::json!({
        "line": line,
        "provider_txn_id": columns.provider_txn_id(row),
        "order_no": columns.order_no(row),
        "event_no": columns.event_no(row),
        "original_txn_id": columns.original_txn_id(row),
        "kind": columns.kind[row].word(),
        "status": columns.status[row].word(),
        "direction": columns.direction[row].word(),
        "currency": columns.currency[row].code(),
        "amount_minor": signed(columns.amount.get(row).copied().unwrap_or(columns.principal[row])),
        "order_amount_minor": columns.order_amount.get(row).copied().flatten().map(signed),
        "fee_minor": optional(&columns.fee),
        "tax_minor": optional(&columns.tax),
        "net_minor": optional(&columns.net),
        "balance_after_minor": optional(&columns.balance_after),
        "occurred_at": instant.map(|instant| instant.to_string()),
        "business_date": columns.business_date.get(row).map(ToString::to_string),
        "settled_on": columns.settled_on(row).map(|day| day.to_string()),
        "account": Some(columns.account(row)).filter(|account| !account.is_empty()),
        "counterparty": columns.counterparty(row),
        "batch_id": columns.batch_id(row),
        "notes": notes,
    })
}
