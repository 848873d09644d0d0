//! From one night to the next: the pool, the history, and the order of days (`docs/carry.md`).
//!
//! ```text
//!  commit of the day before ─▶ [`days`] ─▶ [`pool`]    open records, and those that explain them ─┐
//!        and of the days before that ────▶ [`history`] keys of what ended, looked up by tonight's ─┴▶ Carried
//!  outcomes of tonight ─▶ `open_items`, `history`, roll-forward
//! ```
//!
//! A [`Carried`] record is whole: it stands beside tonight's in every rule.

pub mod days;
pub mod history;
pub mod leaving;
pub mod pool;
pub mod roll;

use tieout_kernel::calendar::Day;
use tieout_kernel::code::Codes;
use tieout_kernel::currency::Currency;
use tieout_kernel::key::{KeyHasher, event_number};
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, Notes, Origin, Record, Status};

use crate::agree::Stored;
use crate::report::tables::id_of_number;
use history::is_unnamed;

/// A record of an earlier night.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Its side.
    pub book: Book,
    /// The source, as its number in the plan.
    pub source: u16,
    /// Open, or known to have ended.
    pub origin: Origin,
    /// Whether it waits for a statement.
    pub held: bool,
    /// The row's hash.
    pub content: u64,
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The direction.
    pub direction: Direction,
    /// The status.
    pub status: Status,
    /// The currency.
    pub currency: Currency,
    /// What is compared, without sign.
    pub principal: Minor,
    /// What moved, without sign.
    pub amount: Minor,
    /// The gross order amount, without sign.
    pub order_amount: Option<Minor>,
    /// Fee, signed.
    pub fee: Option<Minor>,
    /// Tax, signed.
    pub tax: Option<Minor>,
    /// Net, signed.
    pub net: Option<Minor>,
    /// The event's number.
    pub event_no: Option<String>,
    /// The order.
    pub order_no: Option<String>,
    /// The provider's number.
    pub provider_txn_id: Option<String>,
    /// The provider's number of the payment.
    pub original_txn_id: Option<String>,
    /// The settlement batch.
    pub batch_id: Option<String>,
    /// The other party.
    pub counterparty: Option<String>,
    /// When it happened.
    pub occurred_at: Option<Instant>,
    /// Its business day.
    pub business_date: Option<Day>,
    /// When the order was closed.
    pub closed_at: Option<Instant>,
    /// Whether the goods are delivered.
    pub fulfilled: Option<bool>,
    /// Notes.
    pub notes: Notes,
    /// Further compared columns, in the order of the policy.
    pub compared: Vec<Option<String>>,
    /// Columns for the reports that it has.
    pub extra: Vec<(String, String)>,
    /// What the rules across groups found on the night it is from.
    pub marks: Codes,
    /// What that puts at risk.
    pub marked: Total,
    /// Whether its order was unknown to everybody on every night so far, as far back as they looked.
    pub orphan: bool,
    /// The file it was in.
    pub file: String,
    /// The line; 0 where only the night is known.
    pub line: u64,
    /// The night whose file that was.
    pub night: Day,
    /// The difference it is part of, or explains, or was settled in.
    pub difference: Option<String>,
    /// The night that saw that difference first; of a record without one its own night.
    pub first_seen: Day,
}

impl Carried {
    /// The record as the kernel takes it.
    #[must_use]
    pub fn record<'r>(&'r self, place: u64, compared: &'r [Option<&'r str>]) -> Record<'r> {
        Record {
            book: self.book,
            source: self.source,
            place,
            origin: self.origin,
            held: self.held,
            content: self.content,
            account: &self.account,
            kind: self.kind,
            direction: self.direction,
            status: self.status,
            currency: self.currency,
            principal: self.principal,
            amount: self.amount,
            order_amount: self.order_amount,
            fee: self.fee,
            tax: self.tax,
            net: self.net,
            event_no: self.event_no.as_deref(),
            order_no: self.order_no.as_deref(),
            provider_txn_id: self.provider_txn_id.as_deref(),
            original_txn_id: self.original_txn_id.as_deref(),
            counterparty: self.counterparty.as_deref(),
            occurred_at: self.occurred_at,
            business_date: self.business_date,
            closed_at: self.closed_at,
            fulfilled: self.fulfilled,
            notes: self.notes,
            compared,
            across: Across { codes: self.marks, at_risk: self.marked, orphan: self.orphan, ..Across::default() },
        }
    }

    /// Where it came from.
    #[must_use]
    pub fn stored(&self) -> Stored<'_> {
        Stored {
            file: &self.file,
            line: self.line,
            night: Some(self.night),
            batch_id: self.batch_id.as_deref(),
            extra: self.extra.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect(),
        }
    }

    /// The hash of its key, as pass K1 knows it.
    #[must_use]
    pub fn key(&self, seed: u64) -> Option<u128> {
        let number = event_number(self.kind, self.event_no.as_deref(), self.order_no.as_deref())?;
        Some(KeyHasher::new(seed, &self.account).hash(self.kind.class(), number))
    }

    /// Whether its difference is named after another number than its own.
    #[must_use]
    pub fn has_lent_id(&self, job: &str) -> bool {
        let Some(id) = &self.difference else { return false };
        let number = event_number(self.kind, self.event_no.as_deref(), self.order_no.as_deref());
        number.is_none_or(|number| *id != id_of_number(job, &self.account, self.kind, number))
    }

    /// The hash of its provider's number, where nobody knows more of that.
    #[must_use]
    pub fn unnamed(&self) -> Option<u64> {
        let number = self.provider_txn_id.as_deref().filter(|_| self.origin == Origin::History)?;
        is_unnamed(number).then(|| u64::from_str_radix(&number[1..], 16).ok())?
    }

    /// What it did to our cash.
    #[must_use]
    pub fn effect(&self) -> Total {
        self.record(0, &[]).effect()
    }
}
