//! One record as far as it is known: where it stands, what it says, its keys, where it ended.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::civil;
use serde::{Serialize, Serializer};
use tieout_kernel::key::{KeyHasher, Pass, event_number, order_number};
use tieout_kernel::money::Minor;
use tieout_kernel::record::{Book, Direction, Instant, Kind, Note};

use super::days::Change;
use super::row::Row;
use crate::agree::NightFile;
use crate::formats::Written;
use crate::job::{Plan, date_of};
use crate::normalise::{Columns, decimal_text};
use crate::report::{Cells, masked};

/// Which row of which night's file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Whereabouts {
    /// The night whose file it is.
    pub night: civil::Date,
    /// The source.
    pub source: String,
    /// The file, and after `!` the member of an archive.
    pub file: String,
    /// Line or row number; 0 where only the night is known.
    pub line: u64,
}

/// One record.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    /// How the page refers to it: `L1`, `S2`.
    pub label: String,
    /// Its book.
    pub book: String,
    /// Which row it is.
    #[serde(flatten)]
    pub at: Whereabouts,
    /// What it says.
    #[serde(flatten)]
    pub fields: Fields,
    /// Where it ended, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The difference that it is part of or explains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_id: Option<String>,
    /// The code of that difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why the row is no record, if it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// Its key under each pass of the job.
    pub keys: Vec<KeyTried>,
    /// The row as its file has it.
    pub raw: Raw,
}

/// What a record says, as far as a table or its file tells. Amounts are signed from the owner's balance.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the fields of the canonical record under the names of the table `open_items`")]
pub struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_txn_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_txn_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
    /// Masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterparty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fulfilled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
}

/// The key that a record has under a pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyTried {
    /// The pass.
    pub pass: &'static str,
    /// The key; none when the pass does not look at the record.
    pub key: Option<String>,
}

/// A row as its file has it, or why it cannot be shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Raw {
    /// A line of text.
    Line(String),
    /// Columns and values.
    #[serde(serialize_with = "as_object")]
    Row(Vec<(String, String)>),
    /// The file is not where it was.
    Gone(String),
    /// There is a file, and its checksum is not the published one.
    Changed(String),
    /// Something else is in the way.
    Unknown(&'static str),
}

/// Columns in the order of their file.
fn as_object<S: Serializer>(cells: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(cells.iter().map(|(name, value)| (name, value)))
}

impl Raw {
    pub(super) fn of(written: Written) -> Self {
        match written {
            Written::Line(line) => Self::Line(line),
            Written::Cells(cells) => Self::Row(cells),
        }
    }
}

impl Whereabouts {
    /// The row of the pool that some cells are about.
    pub(super) fn of_pool(cells: &Cells<'_>) -> Self {
        let text = |name: &str| cells.text(name).unwrap_or_default().to_owned();
        Self {
            night: cells.date("night").map(date_of).unwrap_or_default(),
            source: text("source"),
            file: text("file"),
            line: cells.integer("line").and_then(|line| u64::try_from(line).ok()).unwrap_or(0),
        }
    }

    /// The same of a row that was taken out of its table.
    pub(super) fn of_row(row: &Row) -> Self {
        Self {
            night: row.value("night").unwrap_or_default(),
            source: row.owned("source").unwrap_or_default(),
            file: row.owned("file").unwrap_or_default(),
            line: row.value("line").unwrap_or(0),
        }
    }

    /// As the tables refer to it on a date.
    #[must_use]
    pub fn written_on(&self, date: civil::Date) -> String {
        match (self.night == date, self.line) {
            (true, line) => format!("{}:{line}", self.file),
            (false, 0) => format!("{}@{}", self.file, self.night),
            (false, line) => format!("{}:{line}@{}", self.file, self.night),
        }
    }
}

impl Known {
    /// A record of which only its place is known.
    pub(super) fn at(book: &str, at: Whereabouts) -> Self {
        Self {
            label: String::new(),
            book: book.to_owned(),
            at,
            fields: Fields::default(),
            state: None,
            difference_id: None,
            code: None,
            reject: None,
            keys: Vec::new(),
            raw: Raw::Unknown("not looked for"),
        }
    }

    /// A record as a row of the pool has it.
    pub(super) fn of_pool(row: &Row) -> Self {
        Self {
            fields: Fields::of_pool(row),
            state: row.owned("state"),
            difference_id: row.owned("difference_id"),
            code: row.owned("code"),
            ..Self::at(row.text("book").unwrap_or_default(), Whereabouts::of_row(row))
        }
    }

    /// The number by which the first pass knows it.
    #[must_use]
    pub fn event_key(&self) -> Option<&str> {
        let fields = &self.fields;
        event_number(fields.kind()?, fields.event_no.as_deref(), fields.order_no.as_deref())
    }

    /// The hash of its key, as the history has it.
    pub(super) fn key_hash(&self, seed: u64) -> Option<u128> {
        let account = self.fields.account.as_deref()?;
        Some(KeyHasher::new(seed, account).hash(self.fields.kind()?.class(), self.event_key()?))
    }

    /// What the day says of it.
    pub(super) fn change(&self) -> Option<Change> {
        let state = self.state.clone()?;
        let in_difference = state == "IN_DIFFERENCE";
        Some(Change {
            book: self.book.clone(),
            row: self.at.clone(),
            label: Some(self.label.clone()),
            state,
            difference_id: self.difference_id.clone().filter(|_| in_difference),
            code: self.code.clone().filter(|_| in_difference),
        })
    }

    /// Its key under each pass that the job has.
    pub(super) fn try_keys(&mut self, plan: &Plan) {
        let passes = std::iter::once(Pass::K1).chain(plan.passes.iter().copied());
        self.keys = passes.map(|pass| KeyTried { pass: pass.word(), key: self.key_of(pass, plan) }).collect();
    }

    fn key_of(&self, pass: Pass, plan: &Plan) -> Option<String> {
        let fields = &self.fields;
        let kind = fields.kind().filter(|_| self.reject.is_none())?;
        match pass {
            Pass::K1 => self.event_key().map(|number| format!("{} {number}", kind.class())),
            Pass::K2 => fields.provider_txn_id.as_ref().map(|number| format!("{kind} {number}")),
            Pass::K3 => {
                let number = order_number(kind, fields.event_no.as_deref(), fields.order_no.as_deref())?;
                Some(format!("{} {number}", kind.class()))
            }
            Pass::K4 => {
                let party = fields.counterparty.as_deref();
                let time = fields.occurred_at.as_deref()?;
                let party = if plan.by_amount.party_required { party? } else { party.unwrap_or_default() };
                let amount = fields.money(fields.amount_minor)?;
                Some(format!("{} {amount} {party} {time}", kind.class()))
            }
        }
    }
}

impl Fields {
    fn kind(&self) -> Option<Kind> {
        Kind::from_word(self.kind.as_deref()?)
    }

    /// Its numbers, each with what it is.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = [
            ("order_no", &self.order_no),
            ("event_no", &self.event_no),
            ("provider_txn_id", &self.provider_txn_id),
            ("original_txn_id", &self.original_txn_id),
        ];
        own.into_iter().filter_map(|(role, number)| Some((role, number.as_deref()?)))
    }

    /// Money as people write it: `CNY 100.00`.
    #[must_use]
    pub fn money(&self, minor: Option<i64>) -> Option<String> {
        let (currency, exponent) = (self.currency.as_deref()?, self.exponent?);
        Some(format!("{currency} {}", decimal_text(i128::from(minor?), exponent)))
    }

    fn of_pool(row: &Row) -> Self {
        let extra = row.text("extra").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self {
            account: row.owned("account"),
            kind: row.owned("kind"),
            status: row.owned("status"),
            currency: row.owned("currency"),
            exponent: row.value("exponent"),
            amount_minor: row.value("amount_minor"),
            moved_minor: row.value("moved_minor"),
            order_amount_minor: row.value("order_amount_minor"),
            fee_minor: row.value("fee_minor"),
            tax_minor: row.value("tax_minor"),
            net_minor: row.value("net_minor"),
            event_no: row.owned("event_no"),
            order_no: row.owned("order_no"),
            provider_txn_id: row.owned("provider_txn_id"),
            original_txn_id: row.owned("original_txn_id"),
            batch_id: row.owned("batch_id"),
            counterparty: row.text("counterparty").map(masked),
            occurred_at: row.owned("occurred_at"),
            business_date: row.owned("business_date"),
            closed_at: row.owned("closed_at"),
            fulfilled: row.value("fulfilled"),
            notes: row.owned("notes"),
            extra,
        }
    }

    /// What the evidence of a match says of both its rows; the amount is the statement's.
    pub(super) fn of_match(row: &Row) -> Self {
        Self {
            account: row.owned("account"),
            kind: row.owned("kind"),
            status: row.owned("status"),
            currency: row.owned("currency"),
            exponent: row.value("exponent"),
            amount_minor: row.value("amount_minor"),
            ..Self::default()
        }
    }

    /// The numbers of a row, which is all that a row says that is no record.
    pub(super) fn numbers_of(columns: &Columns<'_>, row: usize) -> Self {
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Self {
            event_no: owned(columns.event_no(row)),
            order_no: owned(columns.order_no(row)),
            provider_txn_id: owned(columns.provider_txn_id(row)),
            original_txn_id: owned(columns.original_txn_id(row)),
            ..Self::default()
        }
    }

    /// What a row of an input says.
    pub(super) fn of_columns(file: &NightFile, columns: &Columns<'_>, row: usize) -> Self {
        let signed = |minor: Minor| if columns.direction[row] == Direction::Out { -minor } else { minor }.get();
        let plain = |values: &[Option<Minor>]| values.get(row).copied().flatten().map(Minor::get);
        let instant = |instant: Instant| jiff::Timestamp::from_microsecond(instant.0).ok().map(|at| at.to_string());
        let principal = columns.principal[row];
        let extra = file.extra.iter().enumerate();
        let notes: Vec<&str> = columns.notes[row].iter().map(Note::word).collect();
        Self {
            account: Some(columns.account(row).into_owned()).filter(|account| !account.is_empty()),
            kind: Some(columns.kind[row].word().to_owned()),
            status: Some(columns.status[row].word().to_owned()),
            currency: Some(columns.currency[row].code().to_owned()),
            exponent: Some(columns.currency[row].exponent()),
            amount_minor: Some(signed(principal)),
            moved_minor: Some(signed(columns.amount.get(row).copied().unwrap_or(principal))),
            order_amount_minor: columns.order_amount.get(row).copied().flatten().map(signed),
            fee_minor: plain(&columns.fee),
            tax_minor: plain(&columns.tax),
            net_minor: plain(&columns.net),
            batch_id: columns.batch_id(row).map(Cow::into_owned),
            counterparty: columns.counterparty(row).map(|party| masked(&party)),
            occurred_at: columns.occurred_at.get(row).copied().and_then(instant),
            business_date: columns.business_date.get(row).map(ToString::to_string),
            closed_at: columns.closed_at(row).and_then(instant),
            fulfilled: columns.fulfilled(row),
            notes: (!notes.is_empty()).then(|| notes.join(" ")),
            extra: extra.filter_map(|(at, name)| Some((name.clone(), columns.extra(row, at)?.into_owned()))).collect(),
            ..Self::numbers_of(columns, row)
        }
    }
}

/// Ledger before statement before bank, then by night, file and line.
pub(super) fn in_order(records: &mut [Known]) {
    let rank = |record: &Known| Book::from_word(&record.book).map_or(usize::MAX, |book| book as usize);
    records.sort_by(|a, b| (rank(a), &a.at).cmp(&(rank(b), &b.at)));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for record in records {
        let initial = record.book.chars().next().unwrap_or('?').to_ascii_uppercase();
        let count = counts.entry(record.book.clone()).or_default();
        *count += 1;
        record.label = format!("{initial}{count}");
    }
}
