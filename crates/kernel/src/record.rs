//! The canonical record: one admitted row of one book.
//!
//! A [`Record`] borrows its text; it has passed the gate, so nothing here is malformed: what a
//! source may lack is an `Option`, what every record has is not.

use crate::calendar::Day;
use crate::code::Codes;
use crate::currency::Currency;
use crate::money::{Minor, Total};

/// Defines a closed list of words that go to files under a fixed spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All words, in their fixed order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word as it stands in files and job files. Never renamed.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word; `None` for any other text, also when only the case differs.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// One side of the comparison.
    Book {
        /// The company's own books.
        Ledger => "ledger",
        /// What a payment provider says.
        Statement => "statement",
        /// A settlement account.
        Bank => "bank",
    }
}

words! {
    /// What kind of movement a record is (`taxonomy` §1).
    Kind {
        /// A customer paid us.
        Payment => "PAYMENT",
        /// We returned money of a payment.
        Refund => "REFUND",
        /// We paid somebody.
        Payout => "PAYOUT",
        /// A payout came back (退票).
        PayoutReturn => "PAYOUT_RETURN",
        /// A payer took a payment back through the scheme (退单).
        Chargeback => "CHARGEBACK",
        /// A chargeback that was won.
        ChargebackReversal => "CHARGEBACK_REVERSAL",
        /// A payment that was undone before it settled (冲正, 撤销).
        Reversal => "REVERSAL",
        /// A fee that is a row of its own.
        Fee => "FEE",
        /// A fee that was returned as a row of its own.
        FeeRefund => "FEE_REFUND",
        /// A tax that is a row of its own.
        Tax => "TAX",
        /// The sweep of a balance to a bank account.
        Settlement => "SETTLEMENT",
        /// Money set aside.
        ReserveHold => "RESERVE_HOLD",
        /// Money set free again.
        ReserveRelease => "RESERVE_RELEASE",
        /// One half of a currency conversion.
        FxLeg => "FX_LEG",
        /// Anything the provider corrected, and everything whose code is not mapped.
        Adjustment => "ADJUSTMENT",
        /// Money moved between accounts of one owner.
        Transfer => "TRANSFER",
        /// An authorisation: moves no money.
        Auth => "AUTH",
    }
}

words! {
    /// The state of a movement, per source and kind mapped to these.
    Status {
        /// Money moved, final.
        Success => "SUCCESS",
        /// Not final.
        Pending => "PENDING",
        /// Final, no money moved.
        Failed => "FAILED",
        /// Timed out or cancelled before any money moved.
        Closed => "CLOSED",
        /// Moved and moved back.
        Reversed => "REVERSED",
        /// The source cannot tell.
        Unknown => "UNKNOWN",
    }
}

words! {
    /// Which way money moved, seen from our cash.
    Direction {
        /// To us.
        In => "IN",
        /// From us.
        Out => "OUT",
    }
}

impl Direction {
    /// `+1` or `−1`.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::In => 1,
            Self::Out => -1,
        }
    }
}

impl Kind {
    /// The direction this kind has when all is well; `None` where either is normal.
    #[must_use]
    pub const fn natural_direction(self) -> Option<Direction> {
        match self {
            Self::Payment | Self::PayoutReturn | Self::ChargebackReversal | Self::FeeRefund | Self::ReserveRelease => {
                Some(Direction::In)
            }
            Self::Refund
            | Self::Payout
            | Self::Chargeback
            | Self::Reversal
            | Self::Fee
            | Self::Settlement
            | Self::ReserveHold => Some(Direction::Out),
            Self::Tax | Self::FxLeg | Self::Adjustment | Self::Transfer | Self::Auth => None,
        }
    }
}

impl Status {
    /// Whether the state will not change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Success | Self::Failed | Self::Closed | Self::Reversed => true,
            Self::Pending | Self::Unknown => false,
        }
    }
}

/// A set of kinds, such as those a ledger books.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KindSet(u32);

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// These kinds and no other.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.iter().fold(0, |bits, &kind| bits | 1 << kind as u32))
    }

    /// All kinds of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }
}

words! {
    /// What a provider says of a single row beyond its status.
    Note {
        /// A refund that the provider still works on; its money has left already.
        Processing => "PROCESSING",
        /// A refund that cannot go back the way it came (WeChat `CHANGE`).
        Abnormal => "ABNORMAL",
        /// The type or status code of the row is in no map.
        Unmapped => "UNMAPPED_CODE",
        /// Matched by something weaker than a number both sides know.
        LowConfidence => "LOW_CONFIDENCE",
        /// The ledger lists successes only, so a missing record may be an unfinished one.
        SuccessOnly => "LEDGER_SUCCESS_ONLY",
    }
}

/// A set of [`Note`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Notes(u8);

impl Notes {
    /// No note.
    pub const NONE: Self = Self(0);

    /// This set and `note`.
    #[must_use]
    pub const fn with(self, note: Note) -> Self {
        Self(self.0 | 1 << note as u8)
    }

    /// All notes of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The notes in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Note> {
        Note::ALL.iter().copied().filter(move |&note| self.0 & (1 << note as u8) != 0)
    }

    /// As bits, for a column.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From bits that [`Notes::bits`] gave.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

words! {
    /// Where a run has a record from.
    Origin {
        /// A file of the run's own date.
        Tonight => "TONIGHT",
        /// The pool: in transit, or held for a statement.
        Transit => "TRANSIT",
        /// The pool: part of a difference.
        Difference => "DIFFERENCE",
        /// A variance that policy settled on an earlier night: it stays so unless tonight says more of its key.
        Settled => "SETTLED",
        /// Known to have ended on an earlier night; here because tonight says something more of its key.
        History => "HISTORY",
    }
}

impl Origin {
    /// Whether it ended on an earlier night.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Settled | Self::History)
    }

    /// Whether it was still open when the run before ended.
    #[must_use]
    pub const fn is_pool(self) -> bool {
        matches!(self, Self::Transit | Self::Difference)
    }
}

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(pub i64);

/// One admitted row.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which side it stands on.
    pub book: Book,
    /// The source it came from, as its number in the job.
    pub source: u16,
    /// Its place in the night: ascending by source, file and row, carried records first. Breaks every tie.
    pub place: u64,
    /// Where the run has it from.
    pub origin: Origin,
    /// Whether it waits for a statement that is missing or blocked.
    pub held: bool,
    /// A hash of the row's bytes after trimming: equal for replicas of one row.
    pub content: u64,
    /// The provider account it belongs to.
    pub account: &'a str,
    /// What kind of movement it is.
    pub kind: Kind,
    /// Which way the money went.
    pub direction: Direction,
    /// Its state.
    pub status: Status,
    /// Its currency.
    pub currency: Currency,
    /// What is compared, without sign: the order amount where the format has one, else the amount.
    pub principal: Minor,
    /// What moved on the account before fees, without sign.
    pub amount: Minor,
    /// The gross order amount, without sign.
    pub order_amount: Option<Minor>,
    /// Fee as an effect on the balance: negative when charged.
    pub fee: Option<Minor>,
    /// Tax as an effect on the balance.
    pub tax: Option<Minor>,
    /// What the provider says is left after fee and tax, signed.
    pub net: Option<Minor>,
    /// The merchant's own number of the event: order, refund, payout or dispute number.
    pub event_no: Option<&'a str>,
    /// The order the event belongs to.
    pub order_no: Option<&'a str>,
    /// The provider's number of this row.
    pub provider_txn_id: Option<&'a str>,
    /// The provider's number of the payment that this event goes back to.
    pub original_txn_id: Option<&'a str>,
    /// The other party's account, possibly masked.
    pub counterparty: Option<&'a str>,
    /// When it happened.
    pub occurred_at: Option<Instant>,
    /// The business day it belongs to, after zone and cut-off.
    pub business_date: Option<Day>,
    /// When the ledger closed the order, where it says so.
    pub closed_at: Option<Instant>,
    /// Whether the goods are already delivered, where the ledger says so.
    pub fulfilled: Option<bool>,
    /// What the provider adds about the row.
    pub notes: Notes,
    /// Further columns that the job compares, in the order of the policy.
    pub compared: &'a [Option<&'a str>],
    /// What the rules across groups found out about it.
    pub across: Across,
}

/// What one record is part of beyond its own key.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Across {
    /// Codes that make its group a difference even when the group agrees.
    pub codes: Codes,
    /// Codes that are flags only.
    pub hints: Codes,
    /// What these codes put at risk.
    pub at_risk: Total,
    /// How many refunds its book has for its order; 0 when nobody counted.
    pub refunds_of_order: u32,
    /// Whether its order and original are known to neither book, nor to any night before.
    pub orphan: bool,
}

impl Record<'_> {
    /// The principal with the sign of its direction.
    #[must_use]
    pub fn signed(&self) -> Minor {
        match self.direction {
            Direction::In => self.principal,
            Direction::Out => -self.principal,
        }
    }

    /// What the record did to our cash: its signed principal if it succeeded, else nothing.
    #[must_use]
    pub fn effect(&self) -> Total {
        if self.status == Status::Success { self.signed().into() } else { Total::ZERO }
    }
}
