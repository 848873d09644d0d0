//! Two files against each other without a job: the same engine, for a first look and for measuring.
//!
//! Columns go by the names that tieout's own tables use (`amount_minor`, `amount`, `fee_minor`,
//! `fee`, `kind`, `status`, `currency`, `account`); any other compared column is compared as text.
//! A name that ends in `_minor` is in minor units, others are in major units. There is no calendar
//! and no horizon: a single record is a difference at once.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::Serialize;
use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::policy::{Compared, ComparedColumn, Horizon, Policy, SourcePolicy};
use tieout_kernel::record::{Book, Kind, Status};

use crate::agree::{self, Earlier, Looked, Night, NightFile, Wanted};
use crate::error::{Complaint, Error};
use crate::finding::Finding;
use crate::formats::{Format, Member, OpenFile, Opening, closest, column_findings, open_all};
use crate::memory::Memory;
use crate::normalise::{
    ByKind, CodeRule, KindOf, Mapping, MoneyRule, NegativePayment, Principal, Sign, TextRule, Unit,
};
use crate::progress::Progress;
use crate::report::summary::CodeLine;
use crate::report::sums::CodeSums;
use crate::report::tables;
use crate::report::{Table, Written};
use crate::run::prove;
use crate::store::{Place, Store};

/// What is compared with what.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The ledger's file.
    pub ledger: String,
    /// The statement's file.
    pub statement: String,
    /// Columns that make two records one, as `left=right` or one name.
    pub key: Vec<String>,
    /// The amount.
    pub amount: Option<String>,
    /// What else is compared; without it, every known column that both files have.
    pub compare: Option<Vec<String>>,
    /// The currency of files without such a column.
    pub currency: Option<String>,
    /// The unit of amounts whose name does not say it.
    pub unit: Option<Unit>,
    /// Whether the differences are wanted one by one, and not only their sums.
    pub tables: bool,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Records of the ledger.
    pub ledger_records: u64,
    /// Records of the statement.
    pub statement_records: u64,
    /// Pairs that agree.
    pub matched: u64,
    /// Differences by code and currency.
    pub codes: Vec<CodeCount>,
    /// Rows that could not be read, both files.
    #[serde(skip)]
    pub rejected: u64,
    /// What is worth saying about the files.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What was compared, in words.
    #[serde(skip)]
    pub compared: String,
    /// The table of differences, where it was asked for.
    #[serde(skip)]
    pub differences: Option<Written>,
    /// The table of rejects.
    #[serde(skip)]
    pub rejects: Table,
}

/// Differences of one code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CodeCount {
    /// The code.
    pub code: String,
    /// How many.
    pub count: u64,
    /// Statement effect less ledger effect, in minor units.
    pub exposure_minor: i64,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    #[serde(skip)]
    pub exponent: u8,
    /// In words.
    #[serde(skip)]
    pub label: &'static str,
}

/// A column by its names in both files.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Pair {
    ledger: String,
    statement: String,
}

impl Pair {
    fn parse(text: &str) -> Self {
        let (ledger, statement) = text.split_once('=').unwrap_or((text, text));
        Self { ledger: ledger.trim().to_owned(), statement: statement.trim().to_owned() }
    }

    fn of(&self, book: Book) -> &str {
        if book == Book::Ledger { &self.ledger } else { &self.statement }
    }
}

/// What the columns of the two files are for.
#[derive(Debug)]
struct Roles {
    key: Vec<Pair>,
    amount: Option<Pair>,
    fee: Option<Pair>,
    kind: Option<Pair>,
    status: Option<Pair>,
    currency: Option<Pair>,
    /// Compared as text, with what a difference in it is called.
    texts: Vec<(Pair, Code)>,
}

/// The currency of amounts of which nobody says any: two decimals.
const NO_CURRENCY: &str = "XXX";

/// Compares two files.
pub fn compare(store: &Store, question: &Question, memory: Memory, progress: &Progress) -> Result<Answer, Error> {
    progress.stage("inputs", None);
    let (ledger, statement) = rayon::join(|| open(store, &question.ledger), || open(store, &question.statement));
    let (ledger, statement) = (ledger?, statement?);
    let roles = roles(question, &ledger, &statement)?;
    let policy = policy(&roles);
    let findings: Vec<Finding> = ledger.findings.iter().chain(&statement.findings).cloned().collect();
    usable(&findings)?;
    let sides = [(Book::Ledger, ledger), (Book::Statement, statement)];
    let files = (0_u16..)
        .zip(sides)
        .map(|(number, (book, open))| {
            let mapping = mapping(question, &roles, book, &open)?;
            let rules: Vec<TextRule> = roles.texts.iter().map(|(pair, _)| TextRule::column(pair.of(book))).collect();
            usable(&column_findings(&open, &mapping, &rules))?;
            let looked = Looked { principal: Principal::OrderAmount, columns: &rules, numbers: false };
            Ok(NightFile::new(number, book, open, &mapping, &looked, None))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let wanted = Wanted { pairs: false, rows: false, across: false, look_alikes: None, dated: false, history: false };
    let night = Night::new(&policy, files, wanted, 0x7469_656f_7574, memory);
    let mut scan = agree::scan(&night, night.partitions(), progress)?;
    progress.stage("agree", None);
    let mut agreed = agree::settle_agreement(&night, &mut scan, Earlier::NOTHING)?;
    let mut judged = judge::judge(&night, &scan, &mut agreed, question.tables, progress)?;
    prove(&night, &scan, &mut judged.ends, &judged.fetched, &Default::default())?;
    let records_of = |side: usize| scan.files[side].totals.rows();
    Ok(Answer {
        ledger_records: records_of(0),
        statement_records: records_of(1),
        matched: agreed.matched + judged.matched,
        codes: codes(judged.codes)?,
        rejected: scan.files.iter().map(|file| file.rejected).sum(),
        findings,
        compared: roles.words(),
        differences: judged.differences,
        rejects: tables::rejects(&night, &scan)?,
    })
}

/// Refuses a file of which a needed column is not there or holds nothing to read.
fn usable(findings: &[Finding]) -> Result<(), Error> {
    let Some(finding) = findings.iter().find(|finding| finding.blocks && finding.code == Code::SchemaDrift) else {
        return Ok(());
    };
    let what = format!("{}: {}", finding.file, finding.message);
    Err(Error::InvalidInput(Complaint::new(what).hint(finding.hint.clone())))
}

fn codes(sums: CodeSums) -> Result<Vec<CodeCount>, Error> {
    let count = |line: CodeLine| CodeCount {
        label: Code::from_word(&line.code).map_or("", Code::label_en),
        code: line.code,
        count: line.count,
        exposure_minor: line.exposure_minor,
        currency: line.currency,
        exponent: line.exponent,
    };
    Ok(sums.lines()?.into_iter().map(count).collect())
}

/// Opens one file as delimited text, Parquet or JSON Lines, whatever it looks like.
fn open(store: &Store, text: &str) -> Result<OpenFile, Error> {
    let base = std::env::current_dir().unwrap_or_default();
    let place = Place::parse(text, &base).map_err(|e| Error::usage(e, "name a file or an object"))?;
    let mut found = store.find(&place)?;
    let Some(found) = found.pop().filter(|_| found.is_empty()) else {
        return Err(Error::usage(format!("{text} is not one file"), "name a CSV, Parquet or JSON Lines file"));
    };
    let body = store.open(&found)?;
    let name = found.place.name();
    let generic = |members: Vec<Member>| members.into_iter().find_map(|member| member.file);
    let opened = generic(open_all(store, &name, &body, &Opening::default())?);
    match opened {
        Some(file) if file.format.is_generic() => Ok(file),
        Some(file) => {
            let what = format!("{name} is {}, which `compare` does not read", file.format.word());
            Err(Error::usage(what, "write a job for it; `tieout sniff` shows what it holds"))
        }
        None => {
            Err(Error::InvalidInput(Complaint::new(format!("{name} has nothing to compare")).hint("an empty file?")))
        }
    }
}

fn roles(question: &Question, ledger: &OpenFile, statement: &OpenFile) -> Result<Roles, Error> {
    let mut complaints = Vec::new();
    let mut check = |pair: &Pair, option: &str| {
        for (file, name) in [(ledger, &pair.ledger), (statement, &pair.statement)] {
            if !file.has(name) {
                let hint = match closest(name, file.header.iter().map(String::as_str)) {
                    Some(close) => format!("did you mean `{close}`? columns with two names are written left=right"),
                    None => format!("its columns are {}", file.header.join(", ")),
                };
                complaints.push(Complaint::new(format!("{option}: {} has no column `{name}`", file.name)).hint(hint));
            }
        }
    };
    let key: Vec<Pair> = question.key.iter().map(|text| Pair::parse(text)).collect();
    key.iter().for_each(|pair| check(pair, "--key"));
    let both = |names: &[&str]| {
        let shared = names.iter().find(|name| ledger.has(name) && statement.has(name));
        shared.map(|name| Pair::parse(name))
    };
    let amount = match &question.amount {
        Some(text) => {
            let pair = Pair::parse(text);
            check(&pair, "--amount");
            Some(pair)
        }
        None => both(&["amount_minor", "amount"]),
    };
    let asked: Option<Vec<Pair>> =
        question.compare.as_ref().map(|texts| texts.iter().map(|text| Pair::parse(text)).collect());
    asked.iter().flatten().for_each(|pair| check(pair, "--compare"));
    if !complaints.is_empty() {
        return Err(Error::Usage(complaints));
    }
    let is_named = |pair: &Pair, names: &[&str]| names.contains(&pair.ledger.as_str());
    let fees = ["fee_minor", "fee"];
    let find = |names: &[&str]| match &asked {
        Some(asked) => asked.iter().chain(&key).find(|pair| is_named(pair, names)).cloned(),
        None => both(names),
    };
    // A kind tells refunds from payments also where nobody compares it; other words of its own are text.
    let kind = find(&["kind"])
        .or_else(|| both(&["kind"]))
        .filter(|pair| holds(ledger, statement, pair, |word| Kind::from_word(word).is_some()));
    let status =
        find(&["status"]).filter(|pair| holds(ledger, statement, pair, |word| Status::from_word(word).is_some()));
    let currency = find(&["currency"]).or_else(|| both(&["currency"]));
    let fee = find(&fees);
    let mut texts: Vec<(Pair, Code)> = Vec::new();
    let compared = asked.unwrap_or_else(|| ["account", "status"].iter().filter_map(|name| both(&[name])).collect());
    for pair in compared {
        let has_role = [&kind, &status, &currency, &fee, &amount].into_iter().flatten().any(|role| *role == pair);
        if !has_role && !key.contains(&pair) {
            let code = match pair.ledger.as_str() {
                "account" => Code::MerchantMismatch,
                "channel" => Code::ChannelMismatch,
                "counterparty" => Code::BeneficiaryMismatch,
                _ => Code::FieldMismatch,
            };
            texts.push((pair, code));
        }
    }
    Ok(Roles { key, amount, fee, kind, status, currency, texts })
}

/// Whether the first rows of both files have only words of a closed list in a column.
fn holds(ledger: &OpenFile, statement: &OpenFile, pair: &Pair, known: impl Fn(&str) -> bool) -> bool {
    let of_file = |file: &OpenFile, name: &str| -> Option<bool> {
        let split = file.splits.first()?;
        let mut all = true;
        let mut any = false;
        let outcome = file.sample(split, &[name.to_owned()], &mut |batch| {
            for row in 0..batch.rows.len().min(10_000) {
                any = true;
                all &= batch.columns[0].text(row).is_some_and(&known);
            }
        });
        outcome.ok().map(|()| all && any)
    };
    of_file(ledger, &pair.ledger).unwrap_or(true) && of_file(statement, &pair.statement).unwrap_or(true)
}

fn policy(roles: &Roles) -> Policy {
    let columns = roles.texts.iter().map(|(pair, code)| ComparedColumn { name: pair.ledger.clone(), code: *code });
    let compared = Compared { fee: roles.fee.is_some(), columns: columns.collect(), ..Compared::default() };
    let sources = ["ledger", "statement"].map(|name| SourcePolicy::plain(name, Horizon::AtOnce));
    Policy { compared, ..Policy::plain(sources.to_vec()) }
}

fn mapping(question: &Question, roles: &Roles, book: Book, file: &OpenFile) -> Result<Mapping, Error> {
    let mut mapping = Mapping::bare(TimeZone::UTC);
    let no_currency = Currency::declared(NO_CURRENCY, 2).expect("three letters and two decimals are a currency");
    mapping.currencies.insert(NO_CURRENCY.to_owned(), no_currency);
    mapping.currency = match (&roles.currency, &question.currency) {
        (Some(pair), _) => TextRule::column(pair.of(book)),
        (None, Some(code)) => TextRule::Always(code.clone()),
        (None, None) => TextRule::Always(NO_CURRENCY.to_owned()),
    };
    let plain: BTreeMap<String, KindOf> =
        Kind::ALL.iter().map(|kind| (kind.word().to_owned(), KindOf::from(*kind))).collect();
    mapping.kind = match &roles.kind {
        Some(pair) => CodeRule::Column { column: pair.of(book).to_owned(), codes: plain },
        None => CodeRule::Always(Kind::Payment.into()),
    };
    mapping.sign = if roles.kind.is_some() { Sign::ByKind } else { Sign::Signed };
    mapping.negative_payment = NegativePayment::Keep;
    if let Some(pair) = &roles.status {
        let codes = Status::ALL.iter().map(|status| (status.word().to_owned(), (*status, None))).collect();
        mapping.status = ByKind::all(CodeRule::Column { column: pair.of(book).to_owned(), codes });
    }
    let money =
        |pair: &Pair, sign: i8, required: bool| MoneyRule { parts: vec![(pair.of(book).to_owned(), sign)], required };
    let mut units = BTreeSet::new();
    match &roles.amount {
        Some(pair) => {
            mapping.amount = ByKind::all(money(pair, 1, true));
            units.insert(unit_of(question, file, pair.of(book))?);
        }
        // Files without amounts are compared in everything else; every record weighs nothing.
        None => {
            mapping.amount = ByKind::all(MoneyRule { parts: Vec::new(), required: false });
        }
    }
    if let Some(pair) = &roles.fee {
        mapping.fee = Some(money(pair, -1, false));
        units.insert(unit_of(question, file, pair.of(book))?);
    }
    if units.len() > 1 {
        let what = format!("{} has its amount and its fee in different units", file.name);
        return Err(Error::usage(what, "compare columns that are both in minor or both in major units"));
    }
    mapping.unit = if units.contains(&true) { Unit::Minor } else { Unit::Major };
    // A kind that is known is part of the key by its class already.
    let parts: Vec<TextRule> = roles
        .key
        .iter()
        .filter(|pair| Some(*pair) != roles.kind.as_ref())
        .map(|pair| TextRule::column(pair.of(book)))
        .collect();
    let key = match <[TextRule; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => TextRule::Joined(parts, "\u{1f}".to_owned()),
    };
    mapping.event_no = ByKind::all(key.clone());
    mapping.order_no = ByKind::all(key);
    // Whoever wants the ledger's copy of the provider's number compares it.
    let number = "provider_txn_id";
    if book != Book::Ledger && file.has(number) && file.unusable_type(number).is_none() {
        mapping.provider_txn_id = ByKind::all(TextRule::column(number));
    }
    Ok(mapping)
}

/// Whether a column is in minor units.
fn unit_of(question: &Question, file: &OpenFile, name: &str) -> Result<bool, Error> {
    if name.ends_with("_minor") {
        return Ok(true);
    }
    match question.unit {
        Some(unit) => Ok(unit == Unit::Minor),
        None if file.format == Format::Parquet && file.is_whole_number(name) => {
            let what = format!("`{name}` of {} is a whole number, which may be cents or whole units", file.name);
            Err(Error::usage(what, "say --unit minor or --unit major"))
        }
        None => Ok(false),
    }
}

impl Roles {
    fn words(&self) -> String {
        let name = |pair: &Pair| {
            if pair.ledger == pair.statement {
                pair.ledger.clone()
            } else {
                format!("{}={}", pair.ledger, pair.statement)
            }
        };
        let key: Vec<String> = self.key.iter().map(name).collect();
        let roles = [&self.amount, &self.fee, &self.status, &self.currency];
        let mut compared: Vec<String> = roles.into_iter().flatten().map(name).collect();
        compared.extend(self.texts.iter().map(|(pair, _)| name(pair)));
        format!(
            "key {}; compared {}",
            key.join(", "),
            if compared.is_empty() { "existence only".to_owned() } else { compared.join(", ") }
        )
    }
}
