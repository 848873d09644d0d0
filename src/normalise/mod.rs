//! Raw rows to records and rejects: amounts, times, keys, codes.
//!
//! ```text
//!  RawBatch ─ Normaliser { Mapping bound to columns } ─▶ Columns ─▶ Record<'_> per row
//!                                                        └─ rejects, unmapped codes
//! ```
//!
//! This is the gate: what passes is complete and well formed, and nothing later checks again. The
//! same code serves the fast path, which asks for the compared fields only, and the full rules.

mod amount;
mod bound;
mod mapping;
mod time;

use std::borrow::Cow;
use std::collections::BTreeMap;

use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Minor;
use tieout_kernel::record::{Direction, Instant, Kind, KindSet, Note, Notes, Status};

pub use amount::{Exact, Notation, Rounding, Unit, decimal_text, push_decimal};
pub use mapping::{ByKind, CodeRule, KindOf, Mapping, MoneyRule, NegativePayment, Sign, TextRule, Used};
pub use time::{Ambiguous, Clock, Reading, TimeFormat, day_of_date, iso};

use crate::formats::{Cut as _, OpenFile, RawBatch, RawColumn};
use crate::reject::{Reject, RejectReason};
pub use bound::Once;
use bound::{BoundText, Cells, Texts, meanings};

/// What a caller needs of each record beyond kind, status, direction, currency and principal.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "fields that are each needed or not")]
pub struct Needs {
    /// The settled amount besides the principal.
    pub amount: bool,
    /// Fee, tax and net.
    pub fees: bool,
    /// Account, order and event number.
    pub keys: bool,
    /// The provider's number of the row.
    pub provider_txn_id: bool,
    /// Instant and business day.
    pub times: bool,
    /// The other party.
    pub counterparty: bool,
    /// The balance after the row.
    pub balance: bool,
    /// Everything else a record or a report has.
    pub everything: bool,
    /// Further compared columns, by their rule.
    pub compared: Vec<TextRule>,
}

impl Needs {
    /// All there is.
    #[must_use]
    pub fn everything(compared: Vec<TextRule>) -> Self {
        Self {
            amount: true,
            fees: true,
            keys: true,
            provider_txn_id: true,
            times: true,
            counterparty: true,
            balance: true,
            everything: true,
            compared,
        }
    }
}

/// Which amount of a statement is compared with the ledger's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Principal {
    /// The gross order amount where the format has one.
    OrderAmount,
    /// What moved on the account.
    Settled,
}

/// A mapping bound to the columns of one file.
#[derive(Clone, Debug)]
pub struct Normaliser {
    mapping: Mapping,
    principal: Principal,
    needs: Needs,
    /// Raw columns in the order in which they must be read.
    wanted: Vec<String>,
    bound: Bound,
    kind_depends_on_direction: bool,
    /// Whether amounts are in major units and written in the plain way.
    reads_hundredths: bool,
    clock: Clock,
    booked_clock: Clock,
}

/// The rules of a mapping with places in `wanted` instead of names.
#[derive(Clone, Debug)]
struct Bound {
    kind: Option<usize>,
    status: ByKind<Option<usize>>,
    amount: ByKind<BoundMoney>,
    credit_debit: Option<(usize, usize)>,
    indicator: Option<usize>,
    order_amount: Option<ByKind<BoundMoney>>,
    fee: Option<BoundMoney>,
    tax: Option<BoundMoney>,
    net: Option<BoundMoney>,
    balance_after: Option<BoundMoney>,
    currency: BoundText,
    account: BoundText,
    event_no: ByKind<BoundText>,
    order_no: ByKind<BoundText>,
    provider_txn_id: ByKind<BoundText>,
    original_txn_id: ByKind<BoundText>,
    batch_id: BoundText,
    counterparty: BoundText,
    occurred_at: Option<BoundText>,
    booked_at: Option<BoundText>,
    settled_on: BoundText,
    closed_at: BoundText,
    fulfilled: BoundText,
    extra: Vec<BoundText>,
    compared: Vec<BoundText>,
}

/// A money rule with places instead of names.
#[derive(Clone, PartialEq, Eq, Debug)]
struct BoundMoney {
    parts: Vec<(usize, i8)>,
    required: bool,
}

/// The records of one batch, column by column; rejected rows hold placeholders.
#[derive(Debug)]
pub struct Columns<'b> {
    raw: &'b RawBatch,
    normaliser: &'b Normaliser,
    account: Texts<'b>,
    event_no: TextsByKind<'b>,
    order_no: TextsByKind<'b>,
    provider_txn_id: TextsByKind<'b>,
    counterparty: Texts<'b>,
    compared: Vec<Texts<'b>>,
    /// Whether the row was rejected.
    pub rejected: Vec<bool>,
    /// Why, in order of rows.
    pub rejects: Vec<Reject>,
    /// Codes that are in no map, with the column and how often.
    pub unmapped: BTreeMap<(String, String), u64>,
    /// The kind of each row.
    pub kind: Vec<Kind>,
    /// Its status.
    pub status: Vec<Status>,
    /// What there is to say about it.
    pub notes: Vec<Notes>,
    /// Its direction.
    pub direction: Vec<Direction>,
    /// Its currency.
    pub currency: Vec<Currency>,
    /// What is compared, without sign.
    pub principal: Vec<Minor>,
    /// What moved, without sign; empty where it is the principal.
    pub amount: Vec<Minor>,
    /// The gross order amount, without sign; empty where there is none or nobody needs it.
    pub order_amount: Vec<Option<Minor>>,
    /// Fee, signed; empty unless needed or mapped.
    pub fee: Vec<Option<Minor>>,
    /// Tax, signed.
    pub tax: Vec<Option<Minor>>,
    /// Net, signed.
    pub net: Vec<Option<Minor>>,
    /// Balance after the row, signed.
    pub balance_after: Vec<Option<Minor>>,
    /// When it happened; empty where records have no times.
    pub occurred_at: Vec<Instant>,
    /// The business day.
    pub business_date: Vec<Day>,
}

/// Text rules by kind on one batch.
#[derive(Debug)]
struct TextsByKind<'b>(Vec<(KindSet, Texts<'b>)>);

impl<'b> TextsByKind<'b> {
    fn of(rules: &'b ByKind<BoundText>, raw: &'b RawBatch) -> Self {
        Self(rules.0.iter().map(|(kinds, rule)| (*kinds, Texts::of(rule, raw))).collect())
    }

    #[inline]
    fn get(&self, kind: Kind, row: usize) -> Option<Cow<'b, str>> {
        self.0.iter().find(|(kinds, _)| kinds.has(kind))?.1.get(row)
    }
}

impl Normaliser {
    /// Binds a mapping to the columns that a file has.
    #[must_use]
    pub fn new(mapping: &Mapping, principal: Principal, needs: Needs, file: &OpenFile) -> Self {
        let mut wanted = Vec::new();
        let bound = Bound::of(mapping, principal, &needs, file, &mut wanted);
        let clock = Clock::new(mapping.zone.clone(), mapping.cut_off, mapping.ambiguous, mapping.time_format.clone());
        let both_ways = |kind: &KindOf| kind.money_in != kind.money_out;
        let kind_depends_on_direction = match &mapping.kind {
            CodeRule::Always(kind) => both_ways(kind),
            CodeRule::Column { codes, .. } => codes.values().any(both_ways),
        };
        let booked_clock = clock.clone();
        let mapping = mapping.clone();
        let reads_hundredths = mapping.unit == Unit::Major && mapping.notation == Notation::default();
        Self {
            mapping,
            principal,
            needs,
            wanted,
            bound,
            kind_depends_on_direction,
            reads_hundredths,
            clock,
            booked_clock,
        }
    }

    /// The raw columns to read, in the order in which [`Normaliser::columns`] expects them.
    #[must_use]
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    /// Makes records of a batch that was read with [`Normaliser::wanted`].
    #[must_use]
    pub fn columns<'b>(&'b self, raw: &'b RawBatch) -> Columns<'b> {
        let rows = raw.rows.len();
        let bound = &self.bound;
        let mut columns = Columns {
            raw,
            normaliser: self,
            account: Texts::of(&bound.account, raw),
            event_no: TextsByKind::of(&bound.event_no, raw),
            order_no: TextsByKind::of(&bound.order_no, raw),
            provider_txn_id: TextsByKind::of(&bound.provider_txn_id, raw),
            counterparty: Texts::of(&bound.counterparty, raw),
            compared: bound.compared.iter().map(|rule| Texts::of(rule, raw)).collect(),
            rejected: vec![false; rows],
            rejects: Vec::new(),
            unmapped: BTreeMap::new(),
            kind: Vec::with_capacity(rows),
            status: Vec::with_capacity(rows),
            notes: vec![Notes::NONE; rows],
            direction: Vec::with_capacity(rows),
            currency: Vec::with_capacity(rows),
            principal: Vec::with_capacity(rows),
            amount: Vec::new(),
            order_amount: Vec::new(),
            fee: Vec::new(),
            tax: Vec::new(),
            net: Vec::new(),
            balance_after: Vec::new(),
            occurred_at: Vec::new(),
            business_date: Vec::new(),
        };
        columns.fill();
        columns
    }
}

impl BoundMoney {
    fn of(rule: &MoneyRule, wanted: &mut bound::Wanted<'_>) -> Self {
        let parts = rule.parts.iter().map(|(column, sign)| (wanted.place(column), *sign)).collect();
        Self { parts, required: rule.required }
    }
}

impl Bound {
    fn of(mapping: &Mapping, principal: Principal, needs: &Needs, file: &OpenFile, wanted: &mut Vec<String>) -> Self {
        let mut wanted = bound::Wanted { names: wanted, file };
        let all = needs.everything;
        let keys = needs.keys || all;
        let times = needs.times || all;
        let order_amount = needs.amount || all || principal == Principal::OrderAmount;
        let unless = |needed: bool, rule: &TextRule| if needed { rule.clone() } else { TextRule::None };
        let money = |rule: &Option<MoneyRule>, needed: bool, wanted: &mut bound::Wanted<'_>| {
            rule.as_ref().filter(|_| needed).map(|rule| BoundMoney::of(rule, wanted))
        };
        let by_kind = |rules: &ByKind<TextRule>, needed: bool, wanted: &mut bound::Wanted<'_>| {
            let rules = rules.0.iter().map(|(kinds, rule)| (*kinds, BoundText::of(&unless(needed, rule), wanted)));
            ByKind(rules.collect())
        };
        let by_kind_money = |rules: &ByKind<MoneyRule>, wanted: &mut bound::Wanted<'_>| {
            ByKind(rules.0.iter().map(|(kinds, rule)| (*kinds, BoundMoney::of(rule, wanted))).collect())
        };
        Self {
            kind: mapping.kind.column().map(|column| wanted.place(column)),
            status: ByKind(
                mapping
                    .status
                    .0
                    .iter()
                    .map(|(kinds, rule)| (*kinds, rule.column().map(|column| wanted.place(column))))
                    .collect(),
            ),
            amount: by_kind_money(&mapping.amount, &mut wanted),
            credit_debit: match &mapping.sign {
                Sign::TwoColumns { credit, debit } => Some((wanted.place(credit), wanted.place(debit))),
                Sign::Signed | Sign::ByKind | Sign::Indicator { .. } => None,
            },
            indicator: match &mapping.sign {
                Sign::Indicator { column, .. } => Some(wanted.place(column)),
                Sign::Signed | Sign::ByKind | Sign::TwoColumns { .. } => None,
            },
            order_amount: mapping
                .order_amount
                .as_ref()
                .filter(|_| order_amount)
                .map(|rules| by_kind_money(rules, &mut wanted)),
            fee: money(&mapping.fee, needs.fees, &mut wanted),
            tax: money(&mapping.tax, needs.fees, &mut wanted),
            net: money(&mapping.net, needs.fees, &mut wanted),
            balance_after: money(&mapping.balance_after, needs.balance, &mut wanted),
            currency: BoundText::of(&mapping.currency, &mut wanted),
            account: BoundText::of(&unless(keys, &mapping.account), &mut wanted),
            event_no: by_kind(&mapping.event_no, keys, &mut wanted),
            order_no: by_kind(&mapping.order_no, keys, &mut wanted),
            provider_txn_id: by_kind(&mapping.provider_txn_id, needs.provider_txn_id || all, &mut wanted),
            original_txn_id: by_kind(&mapping.original_txn_id, all, &mut wanted),
            batch_id: BoundText::of(&unless(all, &mapping.batch_id), &mut wanted),
            counterparty: BoundText::of(&unless(needs.counterparty, &mapping.counterparty), &mut wanted),
            occurred_at: mapping.occurred_at.as_ref().filter(|_| times).map(|rule| BoundText::of(rule, &mut wanted)),
            booked_at: mapping.booked_at.as_ref().filter(|_| times).map(|rule| BoundText::of(rule, &mut wanted)),
            settled_on: BoundText::of(&unless(all, &mapping.settled_on), &mut wanted),
            closed_at: BoundText::of(&unless(keys, &mapping.closed_at), &mut wanted),
            fulfilled: BoundText::of(&unless(keys, &mapping.fulfilled), &mut wanted),
            extra: mapping.extra.iter().map(|(_, rule)| BoundText::of(&unless(all, rule), &mut wanted)).collect(),
            compared: needs.compared.iter().map(|rule| BoundText::of(rule, &mut wanted)).collect(),
        }
    }
}

impl<T> CodeRule<T> {
    fn column(&self) -> Option<&str> {
        match self {
            Self::Always(_) => None,
            Self::Column { column, .. } => Some(column),
        }
    }
}

/// What a code stands for.
#[derive(Clone, Copy)]
enum Meaning<T> {
    /// It is in the map.
    Known(T),
    /// There is a code, and it is in no map.
    Unmapped,
    /// There is none.
    Missing,
}

impl<T: Copy> Meaning<T> {
    fn of(code: Option<Cow<'_, str>>, codes: &BTreeMap<String, T>) -> Self {
        match code {
            None => Self::Missing,
            Some(code) => codes.get(code.as_ref()).map_or(Self::Unmapped, |known| Self::Known(*known)),
        }
    }
}

impl<'b> Columns<'b> {
    /// How many rows, rejected ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rejected.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rejected.is_empty()
    }

    fn fill(&mut self) {
        self.fill_currency();
        self.fill_kind();
        self.fill_amount();
        self.fill_status();
        let bound = &self.normaliser.bound;
        self.fee = self.optional_money(bound.fee.as_ref(), "fee");
        self.tax = self.optional_money(bound.tax.as_ref(), "tax");
        self.net = self.optional_money(bound.net.as_ref(), "net");
        self.balance_after = self.optional_money(bound.balance_after.as_ref(), "balance_after");
        if self.normaliser.mapping.net_is_computed && self.normaliser.needs.fees {
            self.net = (0..self.len()).map(|row| self.computed_net(row)).collect();
        }
        self.fill_times();
        if self.normaliser.needs.keys {
            self.require_account();
            self.require_readable();
        }
        self.rejects.sort_by_key(|reject| reject.row);
    }

    fn computed_net(&self, row: usize) -> Option<Minor> {
        let fee = self.fee.get(row).copied().flatten().unwrap_or(Minor::ZERO);
        let amount = self.amount.get(row).copied().unwrap_or(self.principal[row]);
        let signed = if self.direction[row] == Direction::Out { -amount } else { amount };
        (signed + fee).to_minor()
    }

    fn cells(&self, place: usize) -> Cells<'b> {
        Cells::of(&self.raw.columns[place])
    }

    fn reject(&mut self, row: usize, place: Option<usize>, field: &'static str, reason: RejectReason) {
        if std::mem::replace(&mut self.rejected[row], true) {
            return;
        }
        let column = place.map_or(String::new(), |place| self.normaliser.wanted[place].clone());
        let raw = place.map(|place| &self.raw.columns[place]);
        let reason = match raw {
            Some(RawColumn::Unusable(_)) => RejectReason::FloatMoney,
            _ => reason,
        };
        let text = raw.and_then(|raw| raw.shown(row)).unwrap_or_default().cut(Reject::TEXT_MAX);
        self.rejects.push(Reject { row: self.raw.rows[row], column, field, text, reason });
    }

    fn fill_currency(&mut self) {
        let normaliser = self.normaliser;
        let rule = &normaliser.bound.currency;
        let placeholder = Currency::iso("CNY").expect("CNY is a currency");
        let known = |code: &str| normaliser.mapping.currencies.get(code).copied().or_else(|| Currency::iso(code));
        let BoundText::Column { place, none } = rule else {
            for row in 0..self.len() {
                let code = rule.get(self.raw, row);
                let currency = code.as_deref().and_then(known);
                self.push_currency(row, currency, code.is_some(), placeholder);
            }
            return;
        };
        // Whether there is a code, and what it stands for.
        let told = meanings(&self.raw.columns[*place], self.len(), |code| {
            let code = code.filter(|code| !none.iter().any(|one| one == code));
            (code.is_some(), code.and_then(|code| known(&code)))
        });
        for (row, (is_there, currency)) in told.into_iter().enumerate() {
            self.push_currency(row, currency, is_there, placeholder);
        }
    }

    fn push_currency(&mut self, row: usize, currency: Option<Currency>, is_there: bool, placeholder: Currency) {
        if currency.is_none() {
            let reason = if is_there { RejectReason::UnknownCurrency } else { RejectReason::Missing };
            self.reject(row, self.normaliser.bound.currency.place(), "currency", reason);
        }
        self.currency.push(currency.unwrap_or(placeholder));
    }

    fn fill_kind(&mut self) {
        let normaliser = self.normaliser;
        let place = match (&normaliser.mapping.kind, normaliser.bound.kind) {
            (CodeRule::Column { .. }, Some(place)) => place,
            (CodeRule::Always(kind), _) => {
                self.kind = vec![kind.money_in; self.len()];
                return;
            }
            (CodeRule::Column { .. }, None) => unreachable!("a rule of a column is bound to it"),
        };
        let CodeRule::Column { codes, .. } = &normaliser.mapping.kind else { return };
        let told = meanings(&self.raw.columns[place], self.len(), |code| Meaning::of(code, codes));
        for (row, kind) in told.into_iter().enumerate() {
            let kind = match kind {
                Meaning::Known(kind) => kind.money_in,
                Meaning::Unmapped => self.unmapped(row, place),
                Meaning::Missing => {
                    self.reject(row, Some(place), "kind", RejectReason::Missing);
                    Kind::Adjustment
                }
            };
            self.kind.push(kind);
        }
    }

    /// A code that is in no map: the row is kept as an adjustment and the code is reported.
    fn unmapped(&mut self, row: usize, place: usize) -> Kind {
        let column = self.normaliser.wanted[place].clone();
        let code = self.cells(place).get(row).unwrap_or_default();
        *self.unmapped.entry((column, code.cut(80))).or_default() += 1;
        self.notes[row] = self.notes[row].with(Note::Unmapped);
        Kind::Adjustment
    }

    fn fill_status(&mut self) {
        let normaliser = self.normaliser;
        if let ([(_, CodeRule::Column { codes, .. })], [(_, Some(place))]) =
            (normaliser.mapping.status.0.as_slice(), normaliser.bound.status.0.as_slice())
        {
            let told = meanings(&self.raw.columns[*place], self.len(), |code| Meaning::of(code, codes));
            for (row, status) in told.into_iter().enumerate() {
                match status {
                    Meaning::Known(status) => self.push_status(row, Some(*place), Some(status)),
                    Meaning::Unmapped => self.push_unmapped_status(row, *place),
                    Meaning::Missing => self.push_status(row, Some(*place), None),
                }
            }
            return;
        }
        for row in 0..self.len() {
            self.fill_status_by_kind(row);
        }
    }

    /// The status where its rule depends on the kind.
    fn fill_status_by_kind(&mut self, row: usize) {
        let normaliser = self.normaliser;
        let at = normaliser.mapping.status.0.iter().position(|(kinds, _)| kinds.has(self.kind[row]));
        let Some(at) = at else { return self.push_status(row, None, Some((Status::Unknown, None))) };
        match (&normaliser.mapping.status.0[at].1, normaliser.bound.status.0[at].1) {
            (CodeRule::Always(status), _) => self.push_status(row, None, Some(*status)),
            (CodeRule::Column { codes, .. }, Some(place)) => match self.cells(place).get(row) {
                Some(code) => match codes.get(code.as_ref()) {
                    Some(status) => self.push_status(row, Some(place), Some(*status)),
                    None => self.push_unmapped_status(row, place),
                },
                None => self.push_status(row, Some(place), None),
            },
            (CodeRule::Column { .. }, None) => unreachable!("a rule of a column is bound to it"),
        }
    }

    fn push_unmapped_status(&mut self, row: usize, place: usize) {
        self.kind[row] = self.unmapped(row, place);
        self.push_status(row, Some(place), Some((Status::Unknown, None)));
    }

    fn push_status(&mut self, row: usize, place: Option<usize>, status: Option<(Status, Option<Note>)>) {
        if status.is_none() {
            self.reject(row, place, "status", RejectReason::Missing);
        }
        let (status, note) = status.unwrap_or((Status::Unknown, None));
        self.status.push(status);
        if let Some(note) = note {
            self.notes[row] = self.notes[row].with(note);
        }
    }

    /// Reads one number; `Ok(None)` when the cell is empty.
    fn number(&self, row: usize, place: usize) -> Result<Option<Exact>, RejectReason> {
        match &self.raw.columns[place] {
            RawColumn::Integers(array) => {
                use arrow_array::Array as _;
                Ok((!array.is_null(row)).then(|| Exact { digits: i128::from(array.value(row)), scale: 0 }))
            }
            RawColumn::Decimals(array) => {
                use arrow_array::Array as _;
                if array.is_null(row) {
                    return Ok(None);
                }
                let scale = u8::try_from(array.scale()).map_err(|_| RejectReason::NotANumber)?;
                Ok(Some(Exact { digits: array.value(row), scale }))
            }
            RawColumn::Unusable(_) => Err(RejectReason::FloatMoney),
            column if column.is_text() => {
                column.text(row).map(|text| Exact::parse(text, self.normaliser.mapping.notation)).transpose()
            }
            RawColumn::Absent => Ok(None),
            _ => Err(RejectReason::NotANumber),
        }
    }

    fn to_minor(&self, exact: Exact, currency: Currency, rounding: Rounding) -> Result<Minor, RejectReason> {
        let mapping = &self.normaliser.mapping;
        match (mapping.unit, mapping.scales.get(currency.code())) {
            // The source counts this currency in other units than the standard.
            (Unit::Minor, Some(&scale)) => {
                let exact = Exact { scale: exact.scale + scale, ..exact };
                exact.to_minor(Unit::Major, currency, rounding)
            }
            (unit, _) => exact.to_minor(unit, currency, rounding),
        }
    }

    /// An amount that is written as nearly all are; any other is read the long way.
    #[inline]
    fn plain_minor(&self, row: usize, place: usize) -> Option<i64> {
        let RawColumn::Spans(text, cells) = &self.raw.columns[place] else { return None };
        let is_plain = self.normaliser.reads_hundredths && self.currency[row].exponent() == 2;
        if is_plain { amount::hundredths(text.as_bytes(), cells[row]) } else { None }
    }

    /// The sum of a rule's parts in minor units; the failing column with the reason otherwise.
    fn money(
        &self,
        row: usize,
        rule: &BoundMoney,
        rounding: Rounding,
    ) -> Result<Option<Minor>, (Option<usize>, RejectReason)> {
        if let [(place, sign)] = rule.parts.as_slice()
            && let Some(minor) = self.plain_minor(row, *place)
        {
            return Ok(Minor::new(minor * i64::from(*sign)));
        }
        let mut sum: Option<Exact> = None;
        let mut last = None;
        for &(place, sign) in &rule.parts {
            last = Some(place);
            if let Some(part) = self.number(row, place).map_err(|reason| (Some(place), reason))? {
                let part = if sign < 0 { part.negated() } else { part };
                sum = Some(sum.map_or(part, |sum| sum.plus(part)));
            }
        }
        match sum {
            Some(sum) => self.to_minor(sum, self.currency[row], rounding).map(Some).map_err(|reason| (last, reason)),
            None if rule.required => Err((last, RejectReason::Missing)),
            None => Ok(None),
        }
    }

    fn fill_amount(&mut self) {
        let normaliser = self.normaliser;
        let keep_amount = normaliser.needs.amount || normaliser.needs.everything || normaliser.mapping.net_is_computed;
        if self.fill_plain_amount() {
            return;
        }
        for row in 0..self.len() {
            let kind = self.kind[row];
            let signed = self.signed_amount(row, kind);
            let (direction, amount) = match signed {
                Ok((direction, amount)) => (direction, amount),
                Err((place, reason)) => {
                    self.reject(row, place, "amount", reason);
                    (Direction::In, Minor::ZERO)
                }
            };
            let order_amount = self.order_amount(row, kind, direction);
            let uses_order = normaliser.principal == Principal::OrderAmount;
            self.principal.push(order_amount.filter(|_| uses_order).unwrap_or(amount));
            self.direction.push(direction);
            if keep_amount {
                self.amount.push(amount);
                self.order_amount.push(order_amount);
            }
            self.settle_kind(row, kind, direction);
        }
    }

    /// The plainest of all cases in one loop: one column of whole minor units without nulls, whose
    /// direction is that of the kind or of its sign.
    fn fill_plain_amount(&mut self) -> bool {
        use arrow_array::Array as _;
        let normaliser = self.normaliser;
        let bound = &normaliser.bound;
        let by_kind = normaliser.mapping.sign == Sign::ByKind;
        let plain = (by_kind || normaliser.mapping.sign == Sign::Signed)
            && normaliser.mapping.unit == Unit::Minor
            && normaliser.mapping.scales.is_empty()
            && bound.order_amount.is_none()
            && !normaliser.kind_depends_on_direction;
        let rule = match bound.amount.0.as_slice() {
            [(_, rule)] if plain => rule,
            _ => return false,
        };
        let [(place, 1)] = rule.parts.as_slice() else { return false };
        let RawColumn::Integers(array) = &self.raw.columns[*place] else { return false };
        let fits = |minor: &i64| (-Minor::LIMIT..=Minor::LIMIT).contains(minor);
        if array.null_count() > 0 || !array.values().iter().all(fits) {
            return false;
        }
        for (row, &minor) in array.values().iter().enumerate() {
            let amount = Minor::new(minor).unwrap_or(Minor::ZERO);
            let natural = self.kind[row].natural_direction();
            let by_sign = if minor < 0 { Direction::Out } else { Direction::In };
            let direction = if by_kind || minor == 0 { natural.unwrap_or(by_sign) } else { by_sign };
            let against = minor < 0 && direction == Direction::In;
            let negative_payment = direction == Direction::Out && self.kind[row] == Kind::Payment;
            if against || (negative_payment && normaliser.mapping.negative_payment == NegativePayment::Reject) {
                self.reject(row, Some(*place), "amount", RejectReason::NegativePayment);
            } else if negative_payment && normaliser.mapping.negative_payment == NegativePayment::Refund {
                self.kind[row] = Kind::Refund;
            }
            self.principal.push(amount.magnitude());
            self.direction.push(direction);
        }
        true
    }

    /// Direction and magnitude.
    fn signed_amount(&self, row: usize, kind: Kind) -> Result<(Direction, Minor), (Option<usize>, RejectReason)> {
        let bound = &self.normaliser.bound;
        if let Some((credit, debit)) = bound.credit_debit {
            return self.credit_or_debit(row, credit, debit);
        }
        let Some(rule) = bound.amount.rule(kind) else { return Err((None, RejectReason::Missing)) };
        // Files that are compared without amounts: every record weighs nothing.
        let none = rule.parts.is_empty() && !rule.required;
        let amount = if none { Some(Minor::ZERO) } else { self.money(row, rule, Rounding::Refuse)? };
        let place = rule.parts.first().map(|(place, _)| *place);
        let amount = amount.ok_or((place, RejectReason::Missing))?;
        let by_sign = if amount < Minor::ZERO { Direction::Out } else { Direction::In };
        let direction = match &self.normaliser.mapping.sign {
            // Nothing moved: the kind says which way it would have.
            Sign::Signed if amount == Minor::ZERO => kind.natural_direction().unwrap_or(Direction::In),
            Sign::Signed | Sign::TwoColumns { .. } => by_sign,
            Sign::ByKind => match kind.natural_direction() {
                Some(Direction::In) if amount < Minor::ZERO => return Err((place, RejectReason::NegativePayment)),
                Some(natural) => natural,
                None => by_sign,
            },
            Sign::Indicator { money_in, money_out, .. } => {
                let place = bound.indicator.expect("an indicator is bound to its column");
                let word = self.cells(place).get(row);
                let is_among = |words: &[String]| word.as_ref().is_some_and(|word| words.iter().any(|one| one == word));
                match (is_among(money_in), is_among(money_out)) {
                    (true, false) => Direction::In,
                    (false, true) => Direction::Out,
                    _ => return Err((Some(place), RejectReason::NoDirection)),
                }
            }
        };
        Ok((direction, amount.magnitude()))
    }

    /// Two columns of which one is filled. Some exports print the debit negative, some do not.
    fn credit_or_debit(
        &self,
        row: usize,
        credit: usize,
        debit: usize,
    ) -> Result<(Direction, Minor), (Option<usize>, RejectReason)> {
        let read = |place: usize| {
            let exact = self.number(row, place).map_err(|reason| (Some(place), reason))?.unwrap_or(Exact::ZERO);
            self.to_minor(exact.magnitude(), self.currency[row], Rounding::Refuse)
                .map_err(|reason| (Some(place), reason))
        };
        let empty = |place: usize| self.raw.columns[place].shown(row).is_none();
        match (read(credit)?, read(debit)?) {
            _ if empty(credit) && empty(debit) => Err((Some(credit), RejectReason::Missing)),
            (Minor::ZERO, out) if out > Minor::ZERO => Ok((Direction::Out, out)),
            (money_in, Minor::ZERO) => Ok((Direction::In, money_in)),
            _ => Err((Some(debit), RejectReason::NoDirection)),
        }
    }

    fn order_amount(&mut self, row: usize, kind: Kind, direction: Direction) -> Option<Minor> {
        let rule = self.normaliser.bound.order_amount.as_ref()?.rule(kind)?;
        match self.money(row, rule, Rounding::Refuse) {
            Ok(amount) => {
                let amount = amount?;
                let against = matches!((direction, amount.get().signum()), (Direction::In, -1));
                if against {
                    self.reject(
                        row,
                        rule.parts.first().map(|(place, _)| *place),
                        "order_amount",
                        RejectReason::NegativePayment,
                    );
                }
                Some(amount.magnitude())
            }
            Err((place, reason)) => {
                self.reject(row, place, "order_amount", reason);
                None
            }
        }
    }

    /// The kind once the direction is known.
    fn settle_kind(&mut self, row: usize, kind: Kind, direction: Direction) {
        let mapping = &self.normaliser.mapping;
        if direction == Direction::In || (kind != Kind::Payment && !self.normaliser.kind_depends_on_direction) {
            return;
        }
        let code = self.normaliser.bound.kind.and_then(|place| self.cells(place).get(row));
        let rule = match (&mapping.kind, code) {
            (CodeRule::Always(rule), _) => Some(*rule),
            (CodeRule::Column { codes, .. }, Some(code)) => codes.get(code.as_ref()).copied(),
            (CodeRule::Column { .. }, None) => None,
        };
        let kind = rule.filter(|rule| rule.money_in == kind).map_or(kind, |rule| rule.money_out);
        self.kind[row] = match (kind, mapping.negative_payment) {
            (Kind::Payment, NegativePayment::Refund) => Kind::Refund,
            (Kind::Payment, NegativePayment::Reject) => {
                let place = self
                    .normaliser
                    .bound
                    .amount
                    .rule(kind)
                    .and_then(|rule| rule.parts.first())
                    .map(|(place, _)| *place);
                self.reject(row, place, "amount", RejectReason::NegativePayment);
                kind
            }
            (kind, NegativePayment::Refund | NegativePayment::Reject | NegativePayment::Keep) => kind,
        };
    }

    fn optional_money(&mut self, rule: Option<&BoundMoney>, field: &'static str) -> Vec<Option<Minor>> {
        let Some(rule) = rule else { return Vec::new() };
        if let Some(values) = self.plain_money(rule) {
            return values;
        }
        let rounding = self.normaliser.mapping.rounding;
        let mut values = Vec::with_capacity(self.len());
        for row in 0..self.len() {
            values.push(match self.money(row, rule, rounding) {
                Ok(value) => value,
                Err((place, reason)) => {
                    self.reject(row, place, field, reason);
                    None
                }
            });
        }
        values
    }

    /// The plainest case of all: one column of whole minor units without nulls.
    fn plain_money(&self, rule: &BoundMoney) -> Option<Vec<Option<Minor>>> {
        use arrow_array::Array as _;
        let mapping = &self.normaliser.mapping;
        let [(place, sign)] = rule.parts.as_slice() else { return None };
        let RawColumn::Integers(array) = &self.raw.columns[*place] else { return None };
        if mapping.unit != Unit::Minor || !mapping.scales.is_empty() || array.null_count() > 0 {
            return None;
        }
        let sign = i64::from(*sign);
        let fits = |minor: &i64| (-Minor::LIMIT..=Minor::LIMIT).contains(minor);
        let values = array.values();
        values.iter().all(fits).then(|| values.iter().map(|&minor| Minor::new(minor * sign)).collect())
    }

    fn fill_times(&mut self) {
        let normaliser = self.normaliser;
        let Some(rule) = &normaliser.bound.occurred_at else { return };
        let (mut clock, mut booked_clock) = (normaliser.clock.clone(), normaliser.booked_clock.clone());
        for row in 0..self.len() {
            let resolved = rule.reading(self.raw, row, &clock).and_then(|reading| match reading {
                Some(reading) => clock.resolve(reading).map_err(|reason| (rule.place(), reason)),
                None => Err((rule.place(), RejectReason::Missing)),
            });
            let booked = match &normaliser.bound.booked_at {
                Some(rule) => rule.reading(self.raw, row, &booked_clock).and_then(|reading| match reading {
                    Some(reading) => booked_clock.resolve(reading).map(Some).map_err(|reason| (rule.place(), reason)),
                    None => Ok(None),
                }),
                None => Ok(None),
            };
            let (instant, day) = match (resolved, booked) {
                (Ok((instant, _)), Ok(Some((_, day)))) => (instant, day),
                (Ok(resolved), Ok(None)) => resolved,
                (Err((place, reason)), _) | (_, Err((place, reason))) => {
                    self.reject(row, place, "occurred_at", reason);
                    (Instant(0), Day(0))
                }
            };
            self.occurred_at.push(instant);
            self.business_date.push(day);
        }
    }

    fn require_account(&mut self) {
        let rule = &self.normaliser.bound.account;
        // What is the same on every row is a matter of the file, or of the job.
        if matches!(rule, BoundText::None | BoundText::Always(_)) {
            return;
        }
        let is_some = |account: Option<Cow<'b, str>>| account.is_some();
        let is_there = self.accounts(is_some);
        for row in 0..self.len() {
            if !is_there.get(row, is_some) {
                self.reject(row, rule.place(), "account", RejectReason::Missing);
            }
        }
    }

    /// What the ledger adds of an order may be absent, but not unreadable.
    fn require_readable(&mut self) {
        let normaliser = self.normaliser;
        let (closed_at, fulfilled) = (&normaliser.bound.closed_at, &normaliser.bound.fulfilled);
        if !closed_at.is_none() {
            let mut clock = normaliser.clock.clone();
            for row in 0..self.len() {
                let read = closed_at.reading(self.raw, row, &clock).and_then(|reading| match reading {
                    Some(reading) => clock.resolve(reading).map(|_| ()).map_err(|reason| (closed_at.place(), reason)),
                    None => Ok(()),
                });
                if let Err((place, reason)) = read {
                    self.reject(row, place, "closed_at", reason);
                }
            }
        }
        if !fulfilled.is_none() {
            for row in 0..self.len() {
                if fulfilled.get(self.raw, row).is_some_and(|word| truth(&word).is_none()) {
                    self.reject(row, fulfilled.place(), "fulfilled", RejectReason::NotABoolean);
                }
            }
        }
    }

    /// The account of a row; empty where accounts are no part of the mapping.
    #[inline]
    #[must_use]
    pub fn account(&self, row: usize) -> Cow<'b, str> {
        self.account.get(row).unwrap_or_default()
    }

    /// What the accounts of the rows stand for.
    #[must_use]
    pub fn accounts<T: Copy>(&self, meaning: impl FnMut(Option<Cow<'b, str>>) -> T) -> Once<'b, T> {
        Once::of(self.account, meaning)
    }

    /// What the texts of one of the further compared columns stand for.
    #[must_use]
    pub fn texts_compared<T: Copy>(&self, at: usize, meaning: impl FnMut(Option<Cow<'b, str>>) -> T) -> Once<'b, T> {
        Once::of(self.compared[at], meaning)
    }

    /// The event number.
    #[inline]
    #[must_use]
    pub fn event_no(&self, row: usize) -> Option<Cow<'b, str>> {
        self.event_no.get(self.kind[row], row)
    }

    /// The order.
    #[inline]
    #[must_use]
    pub fn order_no(&self, row: usize) -> Option<Cow<'b, str>> {
        self.order_no.get(self.kind[row], row)
    }

    /// The provider's number of the row.
    #[inline]
    #[must_use]
    pub fn provider_txn_id(&self, row: usize) -> Option<Cow<'b, str>> {
        self.provider_txn_id.get(self.kind[row], row)
    }

    /// The provider's number of the original payment.
    #[must_use]
    pub fn original_txn_id(&self, row: usize) -> Option<Cow<'b, str>> {
        self.normaliser.bound.original_txn_id.rule(self.kind[row])?.get(self.raw, row)
    }

    /// The other party.
    #[inline]
    #[must_use]
    pub fn counterparty(&self, row: usize) -> Option<Cow<'b, str>> {
        self.counterparty.get(row)
    }

    /// The settlement batch.
    #[must_use]
    pub fn batch_id(&self, row: usize) -> Option<Cow<'b, str>> {
        if self.normaliser.mapping.batch_is_account_and_day {
            let day = self.business_date.get(row)?;
            if self.account(row).is_empty() {
                return None;
            }
            let (year, month, of_month) = day.civil();
            return Some(Cow::Owned(format!("{}-{year:04}{month:02}{of_month:02}", self.account(row))));
        }
        self.normaliser.bound.batch_id.get(self.raw, row)
    }

    /// One of the further compared columns.
    #[inline]
    #[must_use]
    pub fn compared(&self, row: usize, at: usize) -> Option<Cow<'b, str>> {
        self.compared[at].get(row)
    }

    /// One of the columns carried to the reports.
    #[must_use]
    pub fn extra(&self, row: usize, at: usize) -> Option<Cow<'b, str>> {
        self.normaliser.bound.extra[at].get(self.raw, row)
    }

    /// The day it was settled: the declared column, or the business day.
    #[must_use]
    pub fn settled_on(&self, row: usize) -> Option<Day> {
        let rule = &self.normaliser.bound.settled_on;
        let clock = &self.normaliser.clock;
        match rule.reading(self.raw, row, clock) {
            Ok(Some(reading)) => clock.clone().resolve(reading).ok().map(|(_, day)| day),
            _ => None,
        }
    }

    /// When the ledger closed the order.
    #[must_use]
    pub fn closed_at(&self, row: usize) -> Option<Instant> {
        let clock = &self.normaliser.clock;
        match self.normaliser.bound.closed_at.reading(self.raw, row, clock) {
            Ok(Some(reading)) => clock.clone().resolve(reading).ok().map(|(instant, _)| instant),
            _ => None,
        }
    }

    /// Whether the goods are delivered.
    #[must_use]
    pub fn fulfilled(&self, row: usize) -> Option<bool> {
        truth(&self.normaliser.bound.fulfilled.get(self.raw, row)?)
    }
}

/// A yes-or-no word.
fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Some(true),
        "false" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}
