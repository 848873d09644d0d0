//! Where a record ends: in exactly one of these.

use crate::code::{CashEffect, Cause, Code, Codes, Severity};
use crate::key::Pass;
use crate::money::Total;
use crate::record::{Notes, words};
use crate::settle::Decision;
use crate::severity::Reason;

words! {
    /// Result states that are not differences (`taxonomy` §6 L).
    State {
        /// Both sides agree.
        Matched => "MATCHED",
        /// Both sides agree, and at least one had been waiting since an earlier night.
        LateMatched => "LATE_MATCHED",
        /// Both sides agreed on an earlier night already.
        MatchedBefore => "MATCHED_BEFORE",
        /// Waits for its partner within its horizon.
        TimingPending => "TIMING_PENDING",
        /// Waits for a statement that is missing or blocked.
        Held => "HELD_NO_STATEMENT",
        /// Moved no money, and nothing on the other side did.
        NoMovement => "IGNORED(no_movement)",
        /// The ledger declares that it does not book this kind.
        NotBooked => "IGNORED(not_booked)",
        /// The statement is of a type that does not show this kind.
        NotShown => "IGNORED(not_shown)",
        /// An authorisation.
        NonMonetary => "IGNORED(non_monetary)",
        /// A sweep to the bank: compared with the bank's credits, not with the ledger.
        SecondEdge => "IGNORED(second_edge)",
        /// Belongs to an account or application that this job does not reconcile.
        OutOfScope => "IGNORED(out_of_scope)",
        /// The job's own filter left it out.
        Filtered => "IGNORED(filtered)",
        /// The same row again.
        Replica => "REPLICA_ROW",
        /// Undone on its own side.
        Netted => "NETTED",
        /// Both sides agree but for a variance that policy settled.
        Settled => "MATCHED_WITH_VARIANCE",
        /// Part of a difference.
        InDifference => "IN_DIFFERENCE",
    }
}

/// A group that does not agree: one per group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The primary code.
    pub code: Code,
    /// Every other code that applies.
    pub flags: Codes,
    /// What the provider adds about its records, and how sure the match is.
    pub notes: Notes,
    /// The pass that brought the records together; `None` for records without a partner.
    pub pass: Option<Pass>,
    /// Ledger records in it, by time.
    pub ledger: Vec<u32>,
    /// Statement records in it, by time.
    pub statement: Vec<u32>,
    /// Records that explain it but end elsewhere: the good pair of a duplicate, netted halves.
    pub related: Vec<u32>,
    /// Statement effect less ledger effect; `None` when the currencies differ.
    pub exposure: Option<Total>,
    /// What could be lost, in the group's currency; `None` when the currencies differ.
    pub at_risk: Option<Total>,
    /// Charged fee less expected fee.
    pub fee_delta: Option<Total>,
    /// Net as printed less net as computed.
    pub net_gap: Option<Total>,
    /// The tier: of the code and the case until it is weighed, then of everything.
    pub severity: Severity,
    /// The steps that led to the tier; none before it is weighed.
    pub reasons: Vec<Reason>,
    /// What could be lost, in minor units of the base currency; `None` before it is weighed and without a rate.
    pub at_risk_base: Option<Total>,
    /// Business days for which it has been open; `None` before it is weighed.
    pub age: Option<u32>,
    /// Whether it was settled, or why not; `None` where the job settles nothing.
    pub settlement: Option<Decision>,
    /// Why, where it follows from the data.
    pub cause: Cause,
}

impl Difference {
    /// Whether policy wrote it off.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self.settlement, Some(Decision::Settled { .. }))
    }

    /// 长款, 短款 or neither: the sign of the exposure, for fee codes that of the fee.
    #[must_use]
    pub fn cash_effect(&self) -> CashEffect {
        let of_fee = self.code.family() == 'E';
        // A fee that is a row of its own has no delta: the row itself moved the cash.
        let of_net = matches!(self.code, Code::NetArithmetic | Code::NetRounding);
        let delta = if of_net { self.net_gap } else { self.fee_delta }.filter(|_| of_fee);
        let moved = delta.or(self.exposure).unwrap_or(Total::ZERO);
        match moved.get() {
            1.. => CashEffect::Surplus,
            0 => CashEffect::None,
            ..0 => CashEffect::Shortage,
        }
    }
}

/// What became of some records of a slice, named by their positions in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Two records that agree.
    Match {
        /// The pass that brought them together.
        pass: Pass,
        /// Tonight, late, or on an earlier night.
        state: State,
        /// The ledger record.
        ledger: u32,
        /// The statement record.
        statement: u32,
        /// Worth saying although they agree.
        flags: Codes,
        /// Notes of the provider, and how sure the match is.
        notes: Notes,
    },
    /// One record that is neither matched nor different.
    Rest {
        /// The record.
        record: u32,
        /// Where it ended.
        state: State,
        /// Worth saying.
        flags: Codes,
    },
    /// A group that does not agree.
    Difference(Box<Difference>),
}

impl Outcome {
    /// The records that end here, each with its state.
    pub fn records(&self) -> impl Iterator<Item = (u32, State)> + '_ {
        let (few, many, state): ([Option<u32>; 2], [&[u32]; 2], State) = match self {
            Self::Match { ledger, statement, state, .. } => ([Some(*ledger), Some(*statement)], [&[], &[]], *state),
            Self::Rest { record, state, .. } => ([Some(*record), None], [&[], &[]], *state),
            Self::Difference(difference) => {
                let state = if difference.is_settled() { State::Settled } else { State::InDifference };
                ([None, None], [&difference.ledger, &difference.statement], state)
            }
        };
        let many = many.into_iter().flatten().copied();
        few.into_iter().flatten().chain(many).map(move |record| (record, state))
    }
}
