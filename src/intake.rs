//! The files of a night: found, pinned, opened, and held against what the job expects of them.
//!
//! ```text
//!  Plan + date ─▶ find ─▶ pin (hash) ─▶ open ─▶ Intake { files, findings, blocked sources }
//! ```
//!
//! A source whose file is missing, cut, of another day or of another account is blocked by a
//! finding; it does not become a thousand differences, and it does not stop the other sources.

use std::collections::BTreeMap;

use jiff::civil;
use rayon::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::{Code, Severity};
use tieout_kernel::record::Book;

use crate::error::{Complaint, Error};
use crate::finding::Finding;
use crate::formats::{Format, Member, OpenFile, Recognised, column_findings, header_findings, open_all};
use crate::job::{Plan, SourcePlan, day_of};
use crate::store::{Found, Pinned, Place, Store};

/// A file of a source, pinned to one version.
#[derive(Clone, Debug)]
pub struct Input {
    /// The source, as its number in the plan.
    pub source: u16,
    /// The file.
    pub pinned: Pinned,
    /// Whether it was left out because another file of the source has the same content.
    pub repeated: bool,
}

/// An opened file or member.
#[derive(Clone, Debug)]
pub struct IntakeFile {
    /// The source, as its number in the plan.
    pub source: u16,
    /// The input it is in, as its number in [`Intake::inputs`].
    pub input: usize,
    /// Ready to be read.
    pub open: OpenFile,
}

/// What a night starts from.
#[derive(Debug, Default)]
pub struct Intake {
    /// Files as they were found, in order of source and name.
    pub inputs: Vec<Input>,
    /// Their readable members.
    pub files: Vec<IntakeFile>,
    /// What is wrong or worth saying.
    pub findings: Vec<Finding>,
    /// Sources that have no file because there was nothing to bill.
    pub empty_days: Vec<u16>,
    /// Accounts without a statement tonight whose source is not blocked: their ledger records wait.
    pub without_statement: Vec<String>,
}

/// The moment of the run, as far as deadlines ask for it.
pub type Now = jiff::Timestamp;

/// Finds, pins and opens everything the plan names for a date.
///
/// # Errors
/// [`Error::NotThereYet`] when a file is not there and its deadline has not passed.
pub fn gather(store: &Store, plan: &Plan, date: civil::Date, now: Now) -> Result<Intake, Error> {
    let mut intake = Intake::default();
    let mut waiting = Vec::new();
    let mut found: Vec<(u16, Found)> = Vec::new();
    for (number, source) in (0_u16..).zip(&plan.sources) {
        let place = source.place.on(date);
        let files = store.find(&place)?;
        if !files.is_empty() {
            if source.accounts.len() > 1 && has_marker(store, &place)? {
                intake.empty_days.push(number);
            }
            found.extend(files.into_iter().map(|file| (number, file)));
        } else if has_marker(store, &place)? {
            intake.empty_days.push(number);
        } else if source.expected {
            match missing(source, date, &place, now) {
                Ok(finding) => intake.findings.push(finding),
                Err(what) => waiting.push(what),
            }
        } else if source.book == Book::Statement {
            intake.without_statement.extend(source.accounts.iter().cloned());
        }
    }
    if let Some(first) = waiting.first() {
        let what = if waiting.len() == 1 { first.clone() } else { waiting.join("; ") };
        let hint = "run again later; after the deadline of the source it counts as missing";
        return Err(Error::NotThereYet(Complaint::new(what).hint(hint)));
    }
    let pinned: Result<Vec<Input>, Error> = found
        .par_iter()
        .map(|(source, found)| Ok(Input { source: *source, pinned: store.pin(found)?, repeated: false }))
        .collect();
    intake.inputs = pinned?;
    leave_out_repeated(plan, &mut intake);
    open(store, plan, date, &mut intake)?;
    find_accounts_without_statement(plan, date, &mut intake);
    Ok(intake)
}

/// An empty file beside the expected one, named like it with `.nobill` added (`taxonomy` §10.20).
fn has_marker(store: &Store, place: &Place) -> Result<bool, Error> {
    let marker = place.with_key(&format!("{}.nobill", place.key()));
    Ok(!store.find(&marker)?.is_empty())
}

/// A source without a file: a finding after its deadline, a reason to wait before.
fn missing(source: &SourcePlan, date: civil::Date, place: &Place, now: Now) -> Result<Finding, String> {
    // Without a deadline a file may come until the end of the day after the business date.
    let (days, time) = source.deadline.map_or((2, civil::Time::midnight()), |deadline| (deadline.days, deadline.time));
    let zone = source.mapping.as_ref().map_or_else(crate::formats::alipay::beijing, |mapping| mapping.zone.clone());
    let deadline = date
        .checked_add(jiff::Span::new().days(days))
        .ok()
        .and_then(|day| day.to_datetime(time).to_zoned(zone).ok())
        .map(|deadline| deadline.timestamp());
    if deadline.is_none_or(|deadline| now < deadline) {
        return Err(format!("source `{}` has no file yet at {place}", source.name));
    }
    let (code, what) = match source.book {
        Book::Ledger => (Code::LedgerExtractIncomplete, "the ledger extract"),
        Book::Statement | Book::Bank => (Code::StatementMissing, "the statement"),
    };
    Ok(Finding::new(code, format!("{what} of {date} is not there: nothing at {}", source.place.written_on(date)))
        .of_source(&source.name)
        .hint("fetch it; if there was nothing to bill, put an empty file there, named like it with .nobill added")
        .blocking())
}

fn leave_out_repeated(plan: &Plan, intake: &mut Intake) {
    let mut seen: BTreeMap<(u16, String), String> = BTreeMap::new();
    for input in &mut intake.inputs {
        let source = &plan.sources[usize::from(input.source)];
        let name = input.pinned.found.name.clone();
        let empty = input.pinned.body.is_empty();
        let content = (input.source, input.pinned.sha256.clone());
        match seen.get(&content).filter(|_| !empty) {
            Some(first) => {
                input.repeated = true;
                intake.findings.push(
                    Finding::new(
                        Code::StatementDuplicate,
                        format!("the file has the same content as {first}; it was left out"),
                    )
                    .of_source(&source.name)
                    .of_file(&name),
                );
            }
            None => {
                seen.insert(content, name);
            }
        }
    }
}

fn open(store: &Store, plan: &Plan, date: civil::Date, intake: &mut Intake) -> Result<(), Error> {
    let opened: Vec<Result<Vec<Member>, Error>> = intake
        .inputs
        .par_iter()
        .map(|input| {
            if input.repeated {
                return Ok(Vec::new());
            }
            let source = &plan.sources[usize::from(input.source)];
            open_all(store, &input.pinned.found.name, &input.pinned.body, &source.opening)
        })
        .collect();
    for (number, members) in opened.into_iter().enumerate() {
        let source = intake.inputs[number].source;
        let plan_source = &plan.sources[usize::from(source)];
        let name = intake.inputs[number].pinned.found.name.clone();
        let members = match members {
            Ok(members) => members,
            // What is wrong with one file is a finding; what is wrong with the machine stops the run.
            Err(Error::InvalidInput(complaint)) => {
                let code = unreadable_code(plan_source.book);
                let hint = complaint.hint.unwrap_or_default();
                let finding = Finding::new(code, complaint.what).of_source(&plan_source.name).of_file(&name);
                intake.findings.push(finding.hint(hint).blocking());
                continue;
            }
            Err(e) => return Err(e),
        };
        for member in members {
            admit(plan, source, number, member, date, intake)?;
        }
    }
    Ok(())
}

/// A source of several accounts whose files each name one: every account needs its own.
fn find_accounts_without_statement(plan: &Plan, date: civil::Date, intake: &mut Intake) {
    for (number, source) in plan.of_book(Book::Statement) {
        let files: Vec<&IntakeFile> = intake.files.iter().filter(|file| file.source == number).collect();
        let told: Option<Vec<&String>> = files.iter().map(|file| file.open.account.as_ref()).collect();
        let Some(told) = told.filter(|told| !told.is_empty()) else { continue };
        let missing: Vec<&String> = source.accounts.iter().filter(|account| !told.contains(account)).collect();
        if missing.is_empty() || intake.is_blocked(&source.name) || intake.empty_days.contains(&number) {
            continue;
        }
        for account in missing {
            let message = format!("no file of {date} is of account {account}; its ledger records wait");
            let hint = "fetch the account's bill; if there was nothing to bill, put an empty file named like it \
                        with .nobill added beside the others";
            intake.findings.push(Finding::new(Code::StatementMissing, message).of_source(&source.name).hint(hint));
            intake.without_statement.push(account.clone());
        }
    }
}

const fn unreadable_code(book: Book) -> Code {
    match book {
        Book::Ledger => Code::LedgerExtractIncomplete,
        Book::Statement | Book::Bank => Code::StatementTruncated,
    }
}

fn admit(
    plan: &Plan,
    number: u16,
    input: usize,
    member: Member,
    date: civil::Date,
    intake: &mut Intake,
) -> Result<(), Error> {
    let source = &plan.sources[usize::from(number)];
    let finding =
        |code: Code, message: String| Finding::new(code, message).of_source(&source.name).of_file(&member.name);
    match &member.recognised {
        Recognised::Summary => {}
        Recognised::NoBill => intake.empty_days.push(number),
        Recognised::NotReady(why) => {
            let what = format!("source `{}`: {}: {why}", source.name, member.name);
            return Err(Error::NotThereYet(Complaint::new(what).hint("fetch the bill again after 10:00 Beijing time")));
        }
        Recognised::Refused(what) => {
            intake.findings.push(finding(Code::SchemaDrift, format!("this is {what}")).blocking());
        }
        Recognised::Empty => {
            let message = "the file is empty: not even a header".to_owned();
            let hint = "fetch it again; if there was nothing to bill, name it with .nobill added";
            intake.findings.push(finding(unreadable_code(source.book), message).hint(hint).blocking());
        }
        Recognised::Format(format) if *format != source.format => {
            let message = format!("this is {}, and the job says {}", format.word(), source.format.word());
            intake.findings.push(finding(Code::SchemaDrift, message).hint("check `place` and `format`").blocking());
        }
        Recognised::Format(_) => {
            if let Some(mut open) = member.file {
                let found = examine(plan, source, &open, date);
                // Of a file that lacks a needed column, nothing can be read that means anything.
                let readable = !found.iter().any(|finding| finding.blocks && finding.code == Code::SchemaDrift);
                intake.findings.extend(found);
                open.findings.clear();
                if readable {
                    intake.files.push(IntakeFile { source: number, input, open });
                }
            }
        }
    }
    Ok(())
}

/// What is wrong with a file before any of its rows is read.
fn examine(plan: &Plan, source: &SourcePlan, file: &OpenFile, date: civil::Date) -> Vec<Finding> {
    let mut findings = file.findings.clone();
    if source.footer_optional {
        for finding in findings.iter_mut().filter(|finding| finding.code == Code::StatementTruncated) {
            finding.blocks = false;
            finding.severity = Severity::P3;
        }
    }
    let mapping = source.mapping_of(file);
    if source.format.is_generic() {
        let known: Vec<_> = file.header.iter().map(|name| (name.as_str(), crate::formats::Shape::Other)).collect();
        findings.extend(header_findings(&file.header, &mapping, &known, &file.name, file.preamble_lines.max(1)));
    }
    findings.extend(column_findings(file, &mapping, &source.asked_rules(&mapping, &plan.compared)));
    findings.extend(of_another_account(source, file));
    findings.extend(of_another_day(source, file, day_of(date)));
    findings.into_iter().map(|finding| finding.of_source(&source.name)).collect()
}

fn of_another_account(source: &SourcePlan, file: &OpenFile) -> Option<Finding> {
    if source.book == Book::Ledger {
        return None;
    }
    let Some(account) = &file.account else {
        let names_itself = matches!(source.format, Format::AlipayTrade | Format::AlipayFund);
        let lost = names_itself && source.only_account().is_none();
        let message = "the bill does not say whose it is, and the source is of several accounts";
        let hint = "fetch the bill again; the line #账号 is missing";
        return lost.then(|| Finding::new(Code::SchemaDrift, message).of_file(&file.name).hint(hint).blocking());
    };
    if source.accounts.contains(account) {
        return None;
    }
    let message =
        format!("the bill is of account {account}; the statement of {} is not there", source.accounts.join(", "));
    let hint = "check `account` and `place` of the source";
    Some(Finding::new(Code::StatementMissing, message).of_file(&file.name).hint(hint).blocking())
}

fn of_another_day(source: &SourcePlan, file: &OpenFile, day: Day) -> Option<Finding> {
    let (first, last) = file.period.filter(|_| source.book != Book::Ledger)?;
    let finding = |code, message: String| Finding::new(code, message).of_file(&file.name);
    let covers = if first == last { first.to_string() } else { format!("{first} to {last}") };
    if day < first || day > last {
        let message = format!("the bill covers {covers}; the statement of {day} is not there");
        return Some(finding(Code::StatementMissing, message).hint("fetch the bill of the right date").blocking());
    }
    (first < last).then(|| {
        let message = format!("the bill covers {covers}, more than {day}");
        finding(Code::StatementOverlap, message).hint("a daily bill holds one day only")
    })
}

impl Intake {
    /// Whether a source is not reconciled because of a finding.
    #[must_use]
    pub fn is_blocked(&self, name: &str) -> bool {
        self.findings.iter().any(|finding| finding.blocks && finding.source == name)
    }
}
