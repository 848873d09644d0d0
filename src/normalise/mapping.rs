//! What the columns of a source mean: plain data, stated next to a format or declared in a job.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use tieout_kernel::currency::Currency;
use tieout_kernel::record::{Kind, KindSet, Note, Status};

use super::amount::{Notation, Rounding, Unit};
use super::time::{Ambiguous, TimeFormat};

/// A rule that may depend on the kind of the row; the first that applies counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByKind<T>(pub Vec<(KindSet, T)>);

impl<T> ByKind<T> {
    /// One rule for all kinds.
    pub fn all(rule: T) -> Self {
        Self(vec![(KindSet::ALL, rule)])
    }

    /// Rules for some kinds, and one for the others.
    pub fn of(special: Vec<(&[Kind], T)>, others: T) -> Self {
        let mut rules: Vec<_> = special.into_iter().map(|(kinds, rule)| (KindSet::of(kinds), rule)).collect();
        rules.push((KindSet::ALL, others));
        Self(rules)
    }

    /// The rule of a kind.
    pub fn rule(&self, kind: Kind) -> Option<&T> {
        self.0.iter().find(|(kinds, _)| kinds.has(kind)).map(|(_, rule)| rule)
    }

    /// All rules.
    pub fn rules(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, rule)| rule)
    }
}

/// A code in a column, and what it stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CodeRule<T> {
    /// The same for every row.
    Always(T),
    /// Looked up; a code that is not in the map is never guessed.
    Column {
        /// Which column.
        column: String,
        /// What its values stand for.
        codes: BTreeMap<String, T>,
    },
}

/// What kind a code stands for, which may depend on the way the money went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KindOf {
    /// When money came in, or none moved.
    pub money_in: Kind,
    /// When money went out.
    pub money_out: Kind,
}

impl From<Kind> for KindOf {
    fn from(kind: Kind) -> Self {
        Self { money_in: kind, money_out: kind }
    }
}

/// A text of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TextRule {
    /// The record has none.
    None,
    /// The same for every row.
    Always(String),
    /// A cell; texts in `none` stand for nothing, such as WeChat's `0`.
    Column {
        /// Which column.
        column: String,
        /// Values that stand for nothing.
        none: Vec<String>,
    },
    /// The first that is there.
    FirstOf(Vec<TextRule>),
    /// Another text for each text; one that is not in the map stays as it is.
    Mapped(Box<TextRule>, BTreeMap<String, String>),
    /// All parts joined; nothing if the first is absent, and without those that are absent.
    Joined(Vec<TextRule>, String),
}

impl TextRule {
    /// A cell of which every text counts.
    #[must_use]
    pub fn column(name: &str) -> Self {
        Self::Column { column: name.to_owned(), none: Vec::new() }
    }

    /// A cell in which `0` stands for nothing.
    #[must_use]
    pub fn column_or_zero(name: &str) -> Self {
        Self::Column { column: name.to_owned(), none: vec!["0".to_owned()] }
    }

    /// The columns that it reads.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::None | Self::Always(_) => Vec::new(),
            Self::Column { column, .. } => vec![column],
            Self::FirstOf(rules) | Self::Joined(rules, _) => rules.iter().flat_map(Self::columns).collect(),
            Self::Mapped(rule, _) => rule.columns(),
        }
    }
}

/// An amount that is signed as it stands, or turned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MoneyRule {
    /// Columns that are added, each as it is (`1`) or turned (`-1`); absent cells add nothing.
    pub parts: Vec<(String, i8)>,
    /// Whether at least one part must be there.
    pub required: bool,
}

/// Where the direction of an amount comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sign {
    /// The number is signed from the owner's balance.
    Signed,
    /// The number has no sign; the kind tells.
    ByKind,
    /// The number has no sign; another column tells.
    Indicator {
        /// Which column.
        column: String,
        /// Its words for money in.
        money_in: Vec<String>,
        /// Its words for money out.
        money_out: Vec<String>,
    },
    /// Two columns, credit and debit; whatever is printed counts without its sign.
    TwoColumns {
        /// Money in.
        credit: String,
        /// Money out.
        debit: String,
    },
}

/// What a negative payment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NegativePayment {
    /// A mistake: the row is rejected.
    Reject,
    /// A refund.
    Refund,
    /// A payment in the other direction, for files of which nothing is declared.
    Keep,
}

/// What a source's columns mean.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The kind of each row.
    pub kind: CodeRule<KindOf>,
    /// Its status and what there is to say about it.
    pub status: ByKind<CodeRule<(Status, Option<Note>)>>,
    /// The settled gross amount.
    pub amount: ByKind<MoneyRule>,
    /// Where its direction comes from.
    pub sign: Sign,
    /// What a negative payment is.
    pub negative_payment: NegativePayment,
    /// The gross order amount, where the format has one of its own.
    pub order_amount: Option<ByKind<MoneyRule>>,
    /// Fee as an effect on the balance.
    pub fee: Option<MoneyRule>,
    /// Tax as an effect on the balance.
    pub tax: Option<MoneyRule>,
    /// Net as printed.
    pub net: Option<MoneyRule>,
    /// Whether net is amount and fee together because the format prints none.
    pub net_is_computed: bool,
    /// The balance after the row.
    pub balance_after: Option<MoneyRule>,
    /// The unit of all money columns.
    pub unit: Unit,
    /// How numbers are written.
    pub notation: Notation,
    /// What happens to finer digits of fees, tax and net; amounts are never rounded.
    pub rounding: Rounding,
    /// The currency, by its ISO code.
    pub currency: TextRule,
    /// Decimals that this source uses for a currency where they differ from the standard.
    pub scales: BTreeMap<String, u8>,
    /// The account.
    pub account: TextRule,
    /// The merchant's number of the event.
    pub event_no: ByKind<TextRule>,
    /// The order.
    pub order_no: ByKind<TextRule>,
    /// The provider's number of the row.
    pub provider_txn_id: ByKind<TextRule>,
    /// The provider's number of the payment it goes back to.
    pub original_txn_id: ByKind<TextRule>,
    /// The settlement batch.
    pub batch_id: TextRule,
    /// Whether the batch is the account and the business day, because the format names none.
    pub batch_is_account_and_day: bool,
    /// The other party.
    pub counterparty: TextRule,
    /// When it happened; `None` where records have no times.
    pub occurred_at: Option<TextRule>,
    /// The time that decides the business day, where it is another one.
    pub booked_at: Option<TextRule>,
    /// The day it was settled.
    pub settled_on: TextRule,
    /// When the ledger closed the order.
    pub closed_at: TextRule,
    /// Whether the goods are delivered.
    pub fulfilled: TextRule,
    /// Columns carried to the reports, by the name they have there.
    pub extra: Vec<(String, TextRule)>,
    /// The zone of local times.
    pub zone: TimeZone,
    /// The time of day, in seconds, from which on a record belongs to the next business day.
    pub cut_off: i64,
    /// What an ambiguous local time means.
    pub ambiguous: Ambiguous,
    /// How times are written.
    pub time_format: TimeFormat,
    /// Currencies outside the standard.
    pub currencies: BTreeMap<String, Currency>,
}

impl Mapping {
    /// A mapping in which only kind, status, amount, currency and account remain to be said.
    #[must_use]
    pub fn bare(zone: TimeZone) -> Self {
        Self {
            kind: CodeRule::Always(Kind::Payment.into()),
            status: ByKind::all(CodeRule::Always((Status::Success, None))),
            amount: ByKind(Vec::new()),
            sign: Sign::Signed,
            negative_payment: NegativePayment::Reject,
            order_amount: None,
            fee: None,
            tax: None,
            net: None,
            net_is_computed: false,
            balance_after: None,
            unit: Unit::Major,
            notation: Notation::default(),
            rounding: Rounding::Refuse,
            currency: TextRule::None,
            scales: BTreeMap::new(),
            account: TextRule::None,
            event_no: ByKind::all(TextRule::None),
            order_no: ByKind::all(TextRule::None),
            provider_txn_id: ByKind::all(TextRule::None),
            original_txn_id: ByKind::all(TextRule::None),
            batch_id: TextRule::None,
            batch_is_account_and_day: false,
            counterparty: TextRule::None,
            occurred_at: None,
            booked_at: None,
            settled_on: TextRule::None,
            closed_at: TextRule::None,
            fulfilled: TextRule::None,
            extra: Vec::new(),
            zone,
            cut_off: 86_400,
            ambiguous: Ambiguous::default(),
            time_format: TimeFormat::default(),
            currencies: BTreeMap::new(),
        }
    }

    /// Every column that the mapping reads, by name.
    #[must_use]
    pub fn columns(&self) -> Vec<Used> {
        let mut columns = Columns(BTreeMap::new());
        columns.code(&self.kind);
        self.status.rules().for_each(|rule| columns.code(rule));
        self.amount.rules().for_each(|rule| columns.money(rule, true));
        match &self.sign {
            Sign::Signed | Sign::ByKind => {}
            Sign::Indicator { column, .. } => columns.add(column, true),
            Sign::TwoColumns { credit, debit } => {
                columns.use_as(credit, true, true);
                columns.use_as(debit, true, true);
            }
        }
        self.order_amount.iter().flat_map(ByKind::rules).for_each(|rule| columns.money(rule, true));
        for rule in [&self.fee, &self.tax, &self.net].into_iter().flatten() {
            columns.money(rule, true);
        }
        self.balance_after.iter().for_each(|rule| columns.money(rule, false));
        columns.text(&self.currency, true);
        columns.text(&self.account, true);
        for rule in [&self.event_no, &self.order_no, &self.provider_txn_id, &self.original_txn_id] {
            rule.rules().for_each(|rule| columns.text(rule, true));
        }
        self.occurred_at.iter().for_each(|rule| columns.text(rule, true));
        self.booked_at.iter().for_each(|rule| columns.text(rule, true));
        for rule in [&self.batch_id, &self.counterparty, &self.settled_on, &self.closed_at, &self.fulfilled] {
            columns.text(rule, false);
        }
        self.extra.iter().for_each(|(_, rule)| columns.text(rule, false));
        for name in [&self.closed_at, &self.fulfilled].into_iter().flat_map(TextRule::columns) {
            if let Some(used) = columns.0.get_mut(name) {
                used.readable = true;
            }
        }
        columns.0.into_values().collect()
    }
}

/// A column that a mapping reads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// Its name.
    pub name: String,
    /// Whether a record cannot be made without it.
    pub needed: bool,
    /// Whether it may be absent, but not unreadable.
    pub readable: bool,
    /// Whether nothing but amounts is read from it.
    pub only_money: bool,
}

struct Columns(BTreeMap<String, Used>);

impl Columns {
    fn add(&mut self, column: &str, needed: bool) {
        self.use_as(column, needed, false);
    }

    fn use_as(&mut self, column: &str, needed: bool, money: bool) {
        let nothing = || Used { name: column.to_owned(), needed: false, readable: false, only_money: true };
        let used = self.0.entry(column.to_owned()).or_insert_with(nothing);
        used.needed |= needed;
        used.only_money &= money;
    }

    fn code<T>(&mut self, rule: &CodeRule<T>) {
        if let CodeRule::Column { column, .. } = rule {
            self.add(column, true);
        }
    }

    fn money(&mut self, rule: &MoneyRule, needed: bool) {
        rule.parts.iter().for_each(|(column, _)| self.use_as(column, needed, true));
    }

    fn text(&mut self, rule: &TextRule, needed: bool) {
        match rule {
            TextRule::None | TextRule::Always(_) => {}
            TextRule::Column { column, .. } => self.add(column, needed),
            // Of alternatives any one will do; a format that requires one of them says so itself.
            TextRule::FirstOf(rules) => rules.iter().for_each(|rule| self.text(rule, needed && rules.len() == 1)),
            TextRule::Joined(rules, _) => rules.iter().for_each(|rule| self.text(rule, needed)),
            TextRule::Mapped(rule, _) => self.text(rule, needed),
        }
    }
}
