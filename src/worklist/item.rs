//! One item: as a row of the table, and as a line of JSON for repair tools (`schemas/worklist-item.schema.json`).

use std::collections::BTreeMap;

use jiff::civil;
use serde::{Deserialize, Serialize};
use tieout_kernel::action::{Place, Verb};
use tieout_kernel::code::{CashEffect, Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::record::{Instant, Kind};

use crate::job::{date_of, day_of};
use crate::normalise::decimal_text;
use crate::report::{Cells, Sheet};

/// Where an item stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// New: to be acted on.
    Issued,
    /// Issued earlier and no longer needed: not to be acted on any more.
    Cancelled,
    /// Would be new, and is held back because the run's controls failed.
    Withheld,
    /// Issued earlier, still needed: not issued again.
    Open,
}

impl State {
    const ALL: [Self; 4] = [Self::Issued, Self::Cancelled, Self::Withheld, Self::Open];

    /// The state of a word; `None` for any other text.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// The word in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Cancelled => "CANCELLED",
            Self::Withheld => "WITHHELD",
            Self::Open => "OPEN",
        }
    }
}

/// What an item is about, by its id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum About {
    /// Records that do not agree.
    Difference(String),
    /// A file, or the run: a finding of the date that issued the item.
    Finding(String),
}

impl About {
    /// The difference.
    #[must_use]
    pub fn difference(&self) -> Option<&str> {
        match self {
            Self::Difference(id) => Some(id),
            Self::Finding(_) => None,
        }
    }

    /// The finding.
    #[must_use]
    pub fn finding(&self) -> Option<&str> {
        match self {
            Self::Finding(id) => Some(id),
            Self::Difference(_) => None,
        }
    }
}

/// Where a record stands, or which file is meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The book.
    pub book: String,
    /// The business date of the record, or that of the run where a file is meant.
    pub date: Option<String>,
    /// The file.
    pub file: String,
    /// The line or row; none where the whole file is meant.
    pub line: Option<u64>,
    /// The source.
    pub source: String,
}

/// One instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Where it stands.
    pub state: State,
    /// Its id: `W` and half of the key.
    pub id: String,
    /// The idempotency key.
    pub key: String,
    /// What it is about.
    pub about: About,
    /// The job.
    pub job: String,
    /// The business date of this record of it.
    pub date: civil::Date,
    /// The business date that issued it.
    pub first_issued: civil::Date,
    /// What to do.
    pub verb: Verb,
    /// Where.
    pub at: Place,
    /// Counts the steps of a difference or finding from 1.
    pub step: u32,
    /// The item whose result it depends on.
    pub depends_on: Option<String>,
    /// The code.
    pub code: Code,
    /// Other codes that apply.
    pub flags: Vec<Code>,
    /// The tier.
    pub severity: Severity,
    /// 长款 or 短款.
    pub cash_effect: CashEffect,
    /// The statement's source, or that of the finding.
    pub source: Option<String>,
    /// The account; none of a finding.
    pub account: Option<String>,
    /// The kind; none of a finding.
    pub kind: Option<Kind>,
    /// The order.
    pub order_no: Option<String>,
    /// The event's number.
    pub event_no: Option<String>,
    /// The provider's number.
    pub provider_txn_id: Option<String>,
    /// The provider's call and its parameters.
    pub call: Option<(String, BTreeMap<String, String>)>,
    /// The currency; none of a finding.
    pub currency: Option<Currency>,
    /// The most that may be moved.
    pub amount_limit: Option<Total>,
    /// What must be so, in English and Chinese.
    pub precondition: [String; 2],
    /// What to do, in English and Chinese.
    pub steps: [String; 2],
    /// Whose it is.
    pub queue: String,
    /// How many people must agree.
    pub approval_level: u8,
    /// By when.
    pub due_at: jiff::Timestamp,
    /// The last day on which it may be acted on.
    pub expires_on: civil::Date,
    /// Where the records stand, or which file is meant.
    pub evidence: Vec<Evidence>,
    /// For alerts: kind, scope, found at, first action.
    pub alert: [String; 4],
    /// Why it was cancelled or withheld.
    pub reason: Option<String>,
}

impl Item {
    /// Whether it is out: asked for, and not taken back.
    #[must_use]
    pub const fn is_out(&self) -> bool {
        matches!(self.state, State::Issued | State::Open)
    }

    /// The idempotency key as the bytes of which it shows the digits.
    #[must_use]
    pub fn key_bytes(&self) -> [u8; 32] {
        bytes_of(&self.key).expect("a key is the digits of a hash")
    }

    /// As a row.
    pub fn put(&self, sheet: &mut Sheet) {
        let flags: Vec<&str> = self.flags.iter().map(|code| code.word()).collect();
        let parameters = self.call.as_ref().map(|(_, parameters)| json(parameters));
        sheet
            .text(Some(self.state.word()))
            .text(Some(&self.id))
            .text(Some(&self.key))
            .text(self.about.difference())
            .text(self.about.finding())
            .text(Some(&self.job))
            .date(Some(day_of(self.date)))
            .date(Some(day_of(self.first_issued)))
            .text(Some(self.verb.word()))
            .text(Some(self.verb.label_en()))
            .text(Some(self.verb.label_zh()))
            .text(Some(self.at.word()))
            .integer(Some(i64::from(self.step)))
            .text(self.depends_on.as_deref())
            .text(Some(self.code.word()))
            .text((!flags.is_empty()).then(|| flags.join(" ")).as_deref())
            .text(Some(self.severity.word()))
            .text(Some(self.cash_effect.word()))
            .text(self.source.as_deref())
            .text(self.account.as_deref())
            .text(self.kind.map(Kind::word))
            .text(self.order_no.as_deref())
            .text(self.event_no.as_deref())
            .text(self.provider_txn_id.as_deref())
            .text(self.call.as_ref().map(|(name, _)| name.as_str()))
            .text(parameters.as_deref())
            .text(self.currency.as_ref().map(Currency::code))
            .integer(self.currency.map(|currency| i64::from(currency.exponent())))
            .money(self.amount_limit, self.currency)
            .text(Some(&self.precondition[0]))
            .text(Some(&self.precondition[1]))
            .text(Some(&self.steps[0]))
            .text(Some(&self.steps[1]))
            .text(Some(&self.queue))
            .integer(Some(i64::from(self.approval_level)))
            .instant(Some(Instant(self.due_at.as_microsecond())))
            .date(Some(day_of(self.expires_on)))
            .text(Some(&json(&self.evidence)))
            .text(Some(&json(&self.alert)))
            .text(self.reason.as_deref())
            .end_row();
    }

    /// From a row; `None` when it lacks what every row has.
    #[must_use]
    pub fn from_cells(cells: &Cells<'_>) -> Option<Self> {
        let text = |name: &str| cells.text(name).map(str::to_owned);
        let date = |name: &str| cells.date(name).map(date_of);
        let about = about(cells)?;
        let (account, kind, currency) = match &about {
            About::Difference(_) => (Some(text("account")?), Some(kind(cells)?), Some(currency(cells)?)),
            About::Finding(_) => (None, None, None),
        };
        let parameters = cells.text("api_parameters").map(serde_json::from_str).transpose().ok()?;
        let flags = cells.text("flags").unwrap_or_default().split_whitespace();
        let both = |en: &str, zh: &str| Some([text(en)?, text(zh)?]);
        Some(Self {
            state: State::from_word(cells.text("state")?)?,
            id: text("item_id")?,
            key: text("idempotency_key").filter(|key| bytes_of(key).is_some())?,
            about,
            job: text("job")?,
            date: date("business_date")?,
            first_issued: date("first_issued")?,
            verb: Verb::from_word(cells.text("verb")?)?,
            at: Place::from_word(cells.text("at")?)?,
            step: u32::try_from(cells.integer("step")?).ok()?,
            depends_on: text("depends_on"),
            code: Code::from_word(cells.text("code")?)?,
            flags: flags.filter_map(Code::from_word).collect(),
            severity: Severity::from_word(cells.text("severity")?)?,
            cash_effect: CashEffect::from_word(cells.text("cash_effect")?)?,
            source: text("source"),
            account,
            kind,
            order_no: text("order_no"),
            event_no: text("event_no"),
            provider_txn_id: text("provider_txn_id"),
            call: text("api").zip(parameters),
            currency,
            amount_limit: cells.integer("amount_limit_minor").map(|minor| Total::new(i128::from(minor))),
            precondition: both("precondition", "precondition_zh")?,
            steps: both("steps", "steps_zh")?,
            queue: text("queue")?,
            approval_level: u8::try_from(cells.integer("approval_level")?).ok()?,
            due_at: jiff::Timestamp::from_microsecond(cells.instant("due_at")?.0).ok()?,
            expires_on: date("expires_on")?,
            evidence: serde_json::from_str(cells.text("evidence")?).ok()?,
            alert: serde_json::from_str(cells.text("alert")?).ok()?,
            reason: text("reason"),
        })
    }

    /// As the line that repair tools read, ended; none for items that are neither new nor cancelled.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let record = match self.state {
            State::Issued => "issue",
            State::Cancelled => "cancel",
            State::Withheld | State::Open => return None,
        };
        let (limit, exponent) = (self.amount_limit, self.currency.map(Currency::exponent));
        let minor = limit.and_then(|limit| i64::try_from(limit.get()).ok());
        let [kind, scope, found_at, first_action] = &self.alert;
        let line = Line {
            account: self.account.as_deref(),
            alert: Alert { first_action, found_at, kind, scope },
            amount_limit: limit
                .filter(|_| minor.is_some())
                .zip(exponent)
                .map(|(limit, exponent)| decimal_text(limit.get(), exponent)),
            amount_limit_minor: minor,
            api: self.call.as_ref().map(|(name, parameters)| Api { name, parameters }),
            approval_level: self.approval_level,
            at: self.at.word(),
            cash_effect: self.cash_effect.word(),
            code: self.code.word(),
            currency: self.currency.as_ref().map(Currency::code),
            date: self.date,
            depends_on: self.depends_on.as_deref(),
            difference_id: self.about.difference(),
            due_at: self.due_at,
            event_no: self.event_no.as_deref(),
            evidence: &self.evidence,
            expires_on: self.expires_on,
            exponent,
            finding_id: self.about.finding(),
            first_issued: self.first_issued,
            flags: self.flags.iter().map(|code| code.word()).collect(),
            idempotency_key: &self.key,
            item_id: &self.id,
            job: &self.job,
            kind: self.kind.map(Kind::word),
            order_no: self.order_no.as_deref(),
            precondition: Words::of(&self.precondition),
            provider_txn_id: self.provider_txn_id.as_deref(),
            queue: &self.queue,
            reason: self.reason.as_deref(),
            record,
            schema: "tieout.worklist/2",
            severity: self.severity.word(),
            source: self.source.as_deref(),
            step: self.step,
            steps: Words::of(&self.steps),
            verb: self.verb.word(),
        };
        let mut text = json(&line);
        text.push('\n');
        Some(text)
    }
}

/// The line of an item, its names in alphabetical order.
#[derive(Serialize)]
struct Line<'i> {
    account: Option<&'i str>,
    alert: Alert<'i>,
    amount_limit: Option<String>,
    amount_limit_minor: Option<i64>,
    api: Option<Api<'i>>,
    approval_level: u8,
    at: &'i str,
    cash_effect: &'i str,
    code: &'i str,
    currency: Option<&'i str>,
    date: civil::Date,
    depends_on: Option<&'i str>,
    difference_id: Option<&'i str>,
    due_at: jiff::Timestamp,
    event_no: Option<&'i str>,
    evidence: &'i [Evidence],
    expires_on: civil::Date,
    exponent: Option<u8>,
    finding_id: Option<&'i str>,
    first_issued: civil::Date,
    flags: Vec<&'i str>,
    idempotency_key: &'i str,
    item_id: &'i str,
    job: &'i str,
    kind: Option<&'i str>,
    order_no: Option<&'i str>,
    precondition: Words<'i>,
    provider_txn_id: Option<&'i str>,
    queue: &'i str,
    reason: Option<&'i str>,
    record: &'i str,
    schema: &'i str,
    severity: &'i str,
    source: Option<&'i str>,
    step: u32,
    steps: Words<'i>,
    verb: &'i str,
}

#[derive(Serialize)]
struct Alert<'i> {
    first_action: &'i str,
    found_at: &'i str,
    kind: &'i str,
    scope: &'i str,
}

#[derive(Serialize)]
struct Api<'i> {
    name: &'i str,
    parameters: &'i BTreeMap<String, String>,
}

/// Words in English and Chinese.
#[derive(Serialize)]
struct Words<'i> {
    en: &'i str,
    zh: &'i str,
}

impl<'i> Words<'i> {
    fn of([en, zh]: &'i [String; 2]) -> Self {
        Self { en, zh }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers")
}

/// What 64 hexadecimal digits stand for.
fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

/// What a row is about: either a difference or a finding.
fn about(cells: &Cells<'_>) -> Option<About> {
    let id = |name: &str| cells.text(name).map(str::to_owned);
    match (id("difference_id"), id("finding_id")) {
        (Some(id), None) => Some(About::Difference(id)),
        (None, Some(id)) => Some(About::Finding(id)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn kind(cells: &Cells<'_>) -> Option<Kind> {
    Kind::from_word(cells.text("kind")?)
}

fn currency(cells: &Cells<'_>) -> Option<Currency> {
    let exponent = u8::try_from(cells.integer("exponent")?).ok()?;
    Currency::declared(cells.text("currency")?, exponent)
}
