//! One ledger record against one statement record: everything that differs.

use crate::calendar::Day;
use crate::code::{Code, Codes};
use crate::fee::{FeeCase, FeeExpectation};
use crate::key::KindClass;
use crate::money::{Minor, Total};
use crate::outcome::State;
use crate::party::{is_beneficiary, may_be_same};
use crate::policy::{Horizon, Policy};
use crate::record::{Kind, Origin, Record, Status};

/// What a comparison of two records found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hits {
    /// Everything that makes the pair a difference.
    pub codes: Codes,
    /// What is worth saying of the pair although it is no difference.
    pub flags: Codes,
    /// Neither a match nor a difference: still within its horizon, or nothing moved and nothing will.
    pub rest: Option<State>,
    /// Charged fee less expected fee, as an effect on the balance; nothing when they agree.
    pub fee_delta: Option<Total>,
    /// Net as printed less net as computed.
    pub net_gap: Option<Total>,
    /// Tax of the statement less tax of the ledger.
    pub tax_delta: Option<Total>,
    /// What the surplus records of a duplicate come to, without sign.
    pub surplus: Option<Total>,
}

/// Compares a pair in the order of `taxonomy` §2.4.
#[must_use]
pub fn compare(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy) -> Hits {
    let mut hits = Hits::default();
    status(ledger, statement, policy, &mut hits);
    let moved = ledger.status == Status::Success || statement.status == Status::Success;
    // While a side is not final, and when no money moved on either, nothing else is worth comparing.
    if moved && hits.rest.is_none() {
        party(ledger, statement, policy, &mut hits);
        amount(ledger, statement, policy, &mut hits);
        fees(ledger, statement, policy, &mut hits);
        net(statement, policy, &mut hits);
        columns(ledger, statement, policy, &mut hits);
        period(ledger, statement, policy, &mut hits);
    }
    hits
}

fn party(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    if policy.compared.counterparty
        && is_beneficiary(statement.kind)
        && let (Some(ours), Some(theirs)) = (ledger.counterparty, statement.counterparty)
        && !may_be_same(ours, theirs)
    {
        hits.codes = hits.codes.with(Code::BeneficiaryMismatch);
    }
    if ledger.account != statement.account {
        hits.codes = hits.codes.with(Code::MerchantMismatch);
    }
}

fn status(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    match status_verdict(ledger, statement, policy) {
        StatusVerdict::Agree => {}
        StatusVerdict::Open => hits.rest = Some(State::TimingPending),
        StatusVerdict::BothOpen => {
            hits.rest = Some(State::TimingPending);
            hits.flags = hits.flags.with(Code::StatusBothPending);
        }
        StatusVerdict::NothingMoved => hits.rest = Some(State::NoMovement),
        StatusVerdict::Differ(code) => hits.codes = hits.codes.with(code),
    }
}

enum StatusVerdict {
    Agree,
    Open,
    BothOpen,
    NothingMoved,
    Differ(Code),
}

fn status_verdict(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy) -> StatusVerdict {
    use Status::{Closed, Failed, Pending, Reversed, Success, Unknown};
    let waits = within_horizon(ledger, policy) || within_horizon(statement, policy);
    let stuck = stuck(ledger, statement, policy);
    match (statement.status, ledger.status) {
        (Success, Success) | (Failed | Closed | Reversed, Failed | Closed | Reversed) => StatusVerdict::Agree,
        (Success, Pending | Unknown | Failed) => StatusVerdict::Differ(Code::StatusProviderSuccess),
        (Success, Closed) => StatusVerdict::Differ(paid_after_close(ledger, statement)),
        (Success, Reversed) => StatusVerdict::Differ(Code::ReversalUnconfirmed),
        (Failed | Closed, Success) if ledger.kind.class() == KindClass::Payout => {
            StatusVerdict::Differ(Code::PayoutFailed)
        }
        (Failed | Closed, Success) => StatusVerdict::Differ(Code::StatusLedgerSuccess),
        (Reversed, Success) => StatusVerdict::Differ(came_back(statement.kind)),
        (Pending | Unknown, Pending | Unknown) if waits => StatusVerdict::BothOpen,
        (Pending | Unknown, _) | (_, Pending | Unknown) if waits => StatusVerdict::Open,
        (Pending | Unknown, Success) => StatusVerdict::Differ(stuck.unwrap_or(Code::StatusLedgerSuccess)),
        // Past the horizon and no money on either side: a refund or payout waits until it is stuck,
        // of anything else nothing will come.
        (Pending | Unknown, _) | (Failed | Closed | Reversed, Pending | Unknown) => match stuck {
            Some(code) => StatusVerdict::Differ(code),
            None if stuck_code(ledger.kind).is_some() => StatusVerdict::Open,
            None => StatusVerdict::NothingMoved,
        },
    }
}

/// What an unfinished movement of this kind is called when it takes too long.
#[must_use]
pub(crate) const fn stuck_code(kind: Kind) -> Option<Code> {
    if matches!(kind, Kind::Refund) {
        Some(Code::RefundStuck)
    } else if matches!(kind, Kind::Payout) {
        Some(Code::PayoutStuck)
    } else {
        None
    }
}

/// The code of a pair of which a side has been unfinished for too long.
fn stuck(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy) -> Option<Code> {
    let open = [ledger, statement].into_iter().filter(|record| !record.status.is_final());
    let late = open.filter(|record| policy.is_stuck(record)).count() > 0;
    stuck_code(ledger.kind).filter(|_| late)
}

/// What it is called when the provider undid what the ledger has as done.
const fn came_back(kind: Kind) -> Code {
    if matches!(kind, Kind::Refund) {
        Code::RefundFailed
    } else if matches!(kind, Kind::Payout) {
        Code::PayoutReturned
    } else {
        Code::ReversalUnbooked
    }
}

fn paid_after_close(ledger: &Record<'_>, statement: &Record<'_>) -> Code {
    let paid_before = match (statement.occurred_at, ledger.closed_at) {
        (Some(paid), Some(closed)) => paid < closed,
        _ => false,
    };
    if ledger.kind == Kind::Payment && !paid_before { Code::LateSuccessAfterClose } else { Code::StatusProviderSuccess }
}

/// Whether a record may still wait for what it lacks.
#[must_use]
pub fn within_horizon(record: &Record<'_>, policy: &Policy) -> bool {
    let (Some(run_day), Some(booked)) = (policy.run_day, record.business_date) else { return false };
    match policy.source(record.source).horizon(record.kind) {
        Horizon::AtOnce => false,
        Horizon::BusinessDays(days) => policy.calendar.business_days_between(booked, run_day) <= days,
    }
}

fn amount(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    if ledger.currency != statement.currency {
        // Numbers of two currencies are never compared.
        hits.codes = hits.codes.with(Code::CurrencyMismatch);
        return;
    }
    let zero = ledger.principal == Minor::ZERO && statement.principal == Minor::ZERO;
    if ledger.direction != statement.direction && !zero {
        hits.codes = hits.codes.with(Code::DirectionMismatch);
    }
    let delta = statement.principal - ledger.principal;
    if delta.is_zero() {
        return;
    }
    let discount =
        statement.order_amount == Some(ledger.principal) && statement.order_amount != Some(statement.principal);
    let code = if discount {
        Code::DiscountAttribution
    } else if delta.magnitude() <= policy.tolerances.principal.into() {
        Code::RoundingVariance
    } else if delta > Total::ZERO {
        Code::AmountOver
    } else {
        Code::AmountUnder
    };
    hits.codes = hits.codes.with(code);
}

fn fees(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    // Of what ended on an earlier night the fee is not known any more; that night has judged it.
    if statement.status != Status::Success || statement.origin == Origin::History {
        return;
    }
    let expectation = if let Some(schedule) = &policy.source(statement.source).fees {
        schedule.expected(fee_case(statement))
    } else {
        let booked = policy.compared.fee.then_some(ledger.fee).flatten();
        booked.map_or(FeeExpectation::None, FeeExpectation::Known)
    };
    if let Some((code, delta)) = fee_difference(statement.kind, statement.fee, expectation, policy) {
        hits.codes = hits.codes.with(code);
        hits.fee_delta = Some(delta);
    }
    if policy.compared.tax
        && let (Some(ours), Some(theirs)) = (ledger.tax, statement.tax)
        && ours != theirs
    {
        hits.codes = hits.codes.with(Code::TaxVariance);
        hits.tax_delta = Some(theirs - ours);
    }
}

/// The question a record puts to its fee schedule.
#[must_use]
pub fn fee_case(statement: &Record<'_>) -> FeeCase {
    FeeCase {
        kind: statement.kind,
        day: statement.business_date,
        currency: statement.currency,
        amount: statement.amount,
        order_amount: statement.order_amount.unwrap_or(statement.amount),
    }
}

/// The code of a fee and what it differs by, or `None` when it is as expected.
#[must_use]
pub fn fee_difference(
    kind: Kind,
    fee: Option<Minor>,
    expectation: FeeExpectation,
    policy: &Policy,
) -> Option<(Code, Total)> {
    let charged = fee.unwrap_or(Minor::ZERO);
    let expected = match expectation {
        FeeExpectation::None => return None,
        FeeExpectation::NoRule => Minor::ZERO,
        FeeExpectation::Known(expected) => expected,
    };
    let delta = charged - expected;
    if delta.is_zero() {
        return None;
    }
    let not_charged = charged == Minor::ZERO && expected.magnitude() > policy.tolerances.fee;
    let code = match expectation {
        FeeExpectation::NoRule => Code::FeeUnexpected,
        FeeExpectation::None | FeeExpectation::Known(_) if kind == Kind::Refund => Code::FeeRefundMismatch,
        FeeExpectation::None | FeeExpectation::Known(_) if not_charged => Code::FeeMissing,
        FeeExpectation::None | FeeExpectation::Known(_) if delta < Total::ZERO => Code::FeeOvercharged,
        FeeExpectation::None | FeeExpectation::Known(_) => Code::FeeUndercharged,
    };
    Some((code, delta))
}

/// Net as printed less net as computed from amount, fee and tax; `None` when the source has no net.
#[must_use]
pub fn net_gap(statement: &Record<'_>) -> Option<Total> {
    let printed = statement.net?;
    let gross = match statement.direction {
        crate::record::Direction::In => statement.amount,
        crate::record::Direction::Out => -statement.amount,
    };
    let computed = Total::from(gross)
        + Total::from(statement.fee.unwrap_or(Minor::ZERO))
        + Total::from(statement.tax.unwrap_or(Minor::ZERO));
    Some(Total::from(printed) - computed)
}

fn net(statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    let gap = net_gap(statement).unwrap_or(Total::ZERO);
    if gap.is_zero() {
        return;
    }
    let small = gap.magnitude() <= policy.tolerances.net.into();
    hits.codes = hits.codes.with(if small { Code::NetRounding } else { Code::NetArithmetic });
    hits.net_gap = Some(gap);
}

fn columns(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    for (at, column) in policy.compared.columns.iter().enumerate() {
        let (Some(ours), Some(theirs)) = (ledger.compared.get(at), statement.compared.get(at)) else { continue };
        if ours != theirs {
            hits.codes = hits.codes.with(column.code);
        }
    }
}

fn period(ledger: &Record<'_>, statement: &Record<'_>, policy: &Policy, hits: &mut Hits) {
    let (Some(ours), Some(theirs)) = (ledger.business_date, statement.business_date) else { return };
    if ours == theirs {
        return;
    }
    let apart = days_apart(ours, theirs, policy);
    // Only the one that came first had to wait, and its own source says for how long it may.
    let first = if ours < theirs { ledger } else { statement };
    let allowed = policy.source(first.source).horizon(first.kind).days();
    if apart > allowed {
        hits.codes = hits.codes.with(Code::PeriodMismatch);
    } else if ours.period() != theirs.period() {
        hits.flags = hits.flags.with(Code::PeriodMismatch);
    }
}

/// Business days between two days, whichever is earlier.
#[must_use]
pub fn days_apart(one: Day, other: Day, policy: &Policy) -> u32 {
    policy.calendar.business_days_between(one.min(other), one.max(other))
}
