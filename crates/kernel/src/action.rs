//! What a difference calls for: verbs in order, where each is carried out, and what to look at first (`taxonomy` §5).
//!
//! Takes the code of a difference or finding, what kind of movement it is about and which way it
//! moves cash; gives steps that are fixed texts. Amounts, targets and deadlines are not here.
//!
//! Before any step that moves money a query stands among the steps it depends on, so that nobody
//! pays, refunds or recalls on the word of a file alone. Steps that depend on the same step are
//! alternatives or belong together; their preconditions say which, and exclude each other where
//! doing both would be wrong. What was done is looked up, never assumed: every step has its own
//! precondition, whatever the step before it came to.

use crate::code::{CashEffect, Code, Severity};
use crate::record::{Direction, Kind, words};

words! {
    /// What a repair tool or a person does about a difference.
    Verb {
        /// Leave it open until more is known.
        Wait => "WAIT",
        /// Ask the provider for the state of one movement.
        Query => "QUERY",
        /// Book what the ledger lacks.
        Book => "BOOK",
        /// Deliver what was paid for.
        Fulfil => "FULFIL",
        /// Return money of a payment to the customer.
        Refund => "REFUND",
        /// Take a ledger entry back by an opposite one.
        Reverse => "REVERSE",
        /// Change what the ledger says of an entry.
        Adjust => "ADJUST",
        /// Book a small variance as a gain or loss.
        WriteOff => "WRITE_OFF",
        /// Claim from the provider that it is wrong.
        Dispute => "DISPUTE",
        /// Contest a chargeback.
        Represent => "REPRESENT",
        /// Ask whoever was paid too much to give it back.
        Recall => "RECALL",
        /// Stop money before it leaves, or before it leaves again.
        Freeze => "FREEZE",
        /// Pay again what came back or never arrived.
        Repay => "REPAY",
        /// Take the provider's figure as right.
        Accept => "ACCEPT",
        /// Keep the ledger's figure as right.
        Reject => "REJECT",
        /// Look at it and decide.
        Review => "REVIEW",
        /// Fetch a file or an extract again.
        Reload => "RELOAD",
        /// Correct the job or a source's setting.
        Config => "CONFIG",
    }
}

words! {
    /// Where a step is carried out.
    Place {
        /// At the provider: by its API where it has one for this, else in its portal or by a claim.
        Provider => "provider",
        /// In the company's own books and order systems.
        Ledger => "ledger",
        /// By somebody who looks, asks or agrees on something with another party.
        People => "people",
        /// In the job: its file, its sources, the files it reads.
        Job => "job",
    }
}

impl Verb {
    /// What it is called in English.
    #[must_use]
    pub const fn label_en(self) -> &'static str {
        match self {
            Self::Wait => "leave open",
            Self::Query => "query",
            Self::Book => "book",
            Self::Fulfil => "deliver",
            Self::Refund => "refund",
            Self::Reverse => "reverse the entry",
            Self::Adjust => "adjust the books",
            Self::WriteOff => "write off",
            Self::Dispute => "dispute with the provider",
            Self::Represent => "contest the chargeback",
            Self::Recall => "recall the money",
            Self::Freeze => "freeze",
            Self::Repay => "pay again",
            Self::Accept => "accept the provider's figure",
            Self::Reject => "keep the ledger's figure",
            Self::Review => "review",
            Self::Reload => "fetch again",
            Self::Config => "correct the configuration",
        }
    }

    /// What it is called in Chinese.
    #[must_use]
    pub const fn label_zh(self) -> &'static str {
        match self {
            Self::Wait => "挂账/存疑",
            Self::Query => "查单",
            Self::Book => "补单/补记",
            Self::Fulfil => "补发",
            Self::Refund => "退款",
            Self::Reverse => "冲正",
            Self::Adjust => "调账",
            Self::WriteOff => "核销",
            Self::Dispute => "差错申诉",
            Self::Represent => "再请款/抗辩",
            Self::Recall => "追回/协商退回",
            Self::Freeze => "冻结/拦截",
            Self::Repay => "重新打款",
            Self::Accept => "以渠道为准",
            Self::Reject => "以平台为准",
            Self::Review => "人工复核",
            Self::Reload => "重取账单",
            Self::Config => "修配置",
        }
    }

    /// Whether doing it makes real money leave, or demands it back from whoever has it.
    ///
    /// A reversal and a write-off are entries in the books. A dispute and a representment are claims
    /// that the provider or the scheme decides, and a freeze keeps money where it is.
    #[must_use]
    pub const fn moves_money(self) -> bool {
        match self {
            Self::Refund | Self::Recall | Self::Repay => true,
            Self::Wait
            | Self::Query
            | Self::Book
            | Self::Fulfil
            | Self::Reverse
            | Self::Adjust
            | Self::WriteOff
            | Self::Dispute
            | Self::Represent
            | Self::Freeze
            | Self::Accept
            | Self::Reject
            | Self::Review
            | Self::Reload
            | Self::Config => false,
        }
    }
}

/// One thing to do about a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// What.
    pub verb: Verb,
    /// Where.
    pub at: Place,
    /// The earlier step, by its position, whose result it depends on.
    pub after: Option<u8>,
    /// What must be so when it is done, to be looked up again just before; in English.
    pub precondition_en: &'static str,
    /// The same in Chinese.
    pub precondition_zh: &'static str,
    /// What to do, in English.
    pub text_en: &'static str,
    /// The same in Chinese.
    pub text_zh: &'static str,
}

/// English and Chinese.
type Words = (&'static str, &'static str);

/// The precondition of every query.
const ANY_TIME: Words = ("None: a query changes nothing and may be repeated.", "无：查询不改变任何状态，可重复执行。");
/// The precondition of every review.
const LOOKING: Words = ("None: a review changes nothing by itself.", "无：复核本身不改变账务与资金。");

impl Step {
    const fn new(verb: Verb, at: Place, after: Option<u8>, precondition: Words, text: Words) -> Self {
        let (precondition_en, precondition_zh) = precondition;
        let (text_en, text_zh) = text;
        Self { verb, at, after, precondition_en, precondition_zh, text_en, text_zh }
    }
}

/// Defines lists of steps: verb, place, the step it depends on, then precondition and text in both languages.
macro_rules! plans {
    ($($name:ident [ $($verb:ident at $at:ident $(after $after:literal)? {
        if $when_en:expr $(, $when_zh:expr)?;
        do $en:expr, $zh:expr;
    })+ ])+) => {
        $(pub(super) const $name: &[Step] = &[
            $(Step::new(
                Verb::$verb,
                Place::$at,
                plans!(@after $($after)?),
                plans!(@words $when_en $(, $when_zh)?),
                ($en, $zh),
            ),)+
        ];)+
    };
    (@after) => { None };
    (@after $after:literal) => { Some($after) };
    (@words $both:expr) => { $both };
    (@words $en:expr, $zh:expr) => { ($en, $zh) };
}

mod amounts;
mod doubles;
mod existence;
mod files;
mod settlement;
mod status;

/// What a difference or finding calls for, in order; nothing where nothing is to be done.
///
/// `kind` is that of the records in question and `cash` the difference's own effect; both count only
/// where the code alone does not say whether money is to be given back or demanded.
///
/// ```
/// use tieout_kernel::action::{Verb, steps};
/// use tieout_kernel::code::{CashEffect, Code};
/// use tieout_kernel::record::Kind;
/// let paid_twice = steps(Code::DuplicatePayment, Kind::Payment, CashEffect::Surplus);
/// assert_eq!(paid_twice[0].verb, Verb::Query);
/// assert_eq!((paid_twice[1].verb, paid_twice[1].after), (Verb::Refund, Some(0)));
/// ```
#[must_use]
pub fn steps(code: Code, kind: Kind, cash: CashEffect) -> &'static [Step] {
    match code {
        Code::StatementMissing => files::STATEMENT_MISSING,
        Code::TrailerMismatch => files::TRAILER_MISMATCH,
        Code::StatementTruncated => files::STATEMENT_TRUNCATED,
        Code::StatementRestated => files::STATEMENT_RESTATED,
        Code::StatementGap => files::STATEMENT_GAP,
        Code::StatementOverlap => files::STATEMENT_OVERLAP,
        Code::RowRejected => files::ROW_REJECTED,
        Code::UnmappedCode => files::UNMAPPED_CODE,
        Code::SchemaDrift => files::SCHEMA_DRIFT,
        Code::LedgerExtractIncomplete => files::LEDGER_EXTRACT_INCOMPLETE,
        Code::MatchRateCollapse => files::MATCH_RATE_COLLAPSE,
        Code::VolumeAnomaly => files::VOLUME_ANOMALY,
        Code::DuplicatePayment => doubles::DUPLICATE_PAYMENT,
        Code::DuplicateRefund => doubles::DUPLICATE_REFUND,
        Code::DuplicatePayout => doubles::DUPLICATE_PAYOUT,
        Code::DuplicateLedgerEntry => doubles::DUPLICATE_LEDGER_ENTRY,
        Code::DuplicateBoth if pays_somebody(kind) => doubles::DUPLICATE_BOTH_OUT,
        Code::DuplicateBoth => doubles::DUPLICATE_BOTH_IN,
        Code::DuplicateSettlement => doubles::DUPLICATE_SETTLEMENT,
        Code::BeneficiaryMismatch => doubles::BENEFICIARY_MISMATCH,
        Code::MerchantMismatch => doubles::MERCHANT_MISMATCH,
        Code::CurrencyMismatch => amounts::CURRENCY_MISMATCH,
        Code::DirectionMismatch => amounts::DIRECTION_MISMATCH,
        Code::PayoutFailed => status::PAYOUT_FAILED,
        Code::RefundFailed => status::REFUND_FAILED,
        Code::LateSuccessAfterClose => status::LATE_SUCCESS_AFTER_CLOSE,
        Code::StatusProviderSuccess => provider_success(kind),
        Code::StatusLedgerSuccess => ledger_success(kind),
        Code::ReversalUnbooked => status::REVERSAL_UNBOOKED,
        Code::ReversalUnconfirmed => reversal_unconfirmed(kind),
        Code::RefundStuck => status::REFUND_STUCK,
        Code::PayoutStuck => status::PAYOUT_STUCK,
        Code::AmountScale => files::AMOUNT_SCALE,
        Code::AmountOver => amount_over(kind, cash),
        Code::AmountUnder => amount_under(kind, cash),
        Code::PartialCapture => amounts::PARTIAL_CAPTURE,
        Code::DiscountAttribution => amounts::DISCOUNT_ATTRIBUTION,
        Code::RoundingVariance => amounts::ROUNDING_VARIANCE,
        Code::FeeCurrencyMismatch => amounts::FEE_CURRENCY_MISMATCH,
        Code::FeeOvercharged => amounts::FEE_OVERCHARGED,
        Code::FeeUndercharged => amounts::FEE_UNDERCHARGED,
        Code::FeeUnexpected => amounts::FEE_UNEXPECTED,
        Code::FeeMissing => amounts::FEE_MISSING,
        Code::FeeRefundMismatch => amounts::FEE_REFUND_MISMATCH,
        Code::TaxVariance => amounts::TAX_VARIANCE,
        Code::NetArithmetic => amounts::NET_ARITHMETIC,
        Code::NetRounding => amounts::NET_ROUNDING,
        Code::FxRateError => amounts::FX_RATE_ERROR,
        Code::FxLegUnpaired => amounts::FX_LEG_UNPAIRED,
        Code::FxRounding => amounts::FX_ROUNDING,
        Code::ChannelMismatch => doubles::CHANNEL_MISMATCH,
        Code::FieldMismatch => doubles::FIELD_MISMATCH,
        Code::ChargebackStageMismatch => settlement::CHARGEBACK_STAGE_MISMATCH,
        Code::DoubleDip => settlement::DOUBLE_DIP,
        Code::OverRefund => status::OVER_REFUND,
        Code::PeriodMismatch => existence::PERIOD_MISMATCH,
        Code::OrphanEvent => existence::ORPHAN_EVENT,
        Code::RefundUnauthorised => status::REFUND_UNAUTHORISED,
        Code::PayoutUnauthorised => status::PAYOUT_UNAUTHORISED,
        Code::PayoutReturned => status::PAYOUT_RETURNED,
        Code::ChargebackUnbooked => settlement::CHARGEBACK_UNBOOKED,
        Code::ChargebackReversalUnbooked => settlement::CHARGEBACK_REVERSAL_UNBOOKED,
        Code::ChargebackFeeUnbooked => settlement::CHARGEBACK_FEE_UNBOOKED,
        Code::AdjustmentUnexplained => settlement::ADJUSTMENT_UNEXPLAINED,
        Code::ReserveMovement => settlement::RESERVE_MOVEMENT,
        Code::MissingInLedger => missing_in_ledger(kind, cash),
        Code::RefundNotExecuted => status::REFUND_NOT_EXECUTED,
        Code::MissingAtProvider => missing_at_provider(kind),
        Code::AmbiguousMatch => existence::AMBIGUOUS_MATCH,
        Code::KeyMissing => existence::KEY_MISSING,
        Code::SettlementMissing => settlement::SETTLEMENT_MISSING,
        Code::SettlementShort => settlement::SETTLEMENT_SHORT,
        Code::SettlementOver => settlement::SETTLEMENT_OVER,
        Code::SettlementRounding => settlement::SETTLEMENT_ROUNDING,
        Code::BatchComposition => settlement::BATCH_COMPOSITION,
        Code::SettlementUnallocated => settlement::SETTLEMENT_UNALLOCATED,
        Code::NegativeCarry => settlement::NEGATIVE_CARRY,
        Code::BalanceBreak => settlement::BALANCE_BREAK,
        Code::SystematicVariance => files::SYSTEMATIC_VARIANCE,
        Code::SuspectedDuplicate => doubles::SUSPECTED_DUPLICATE,
        // Nothing to do: the second copy was skipped, the rest waits or ended well.
        Code::StatementDuplicate
        | Code::StatementNotReady
        | Code::HeldNoStatement
        | Code::StatusBothPending
        | Code::LedgerStatusSuperseded
        | Code::TimingPending
        | Code::LateMatched
        | Code::OutOfScopeRow
        | Code::ReplicaRow => &[],
    }
}

/// Kinds by which we pay somebody who can be asked to give it back.
const fn pays_somebody(kind: Kind) -> bool {
    matches!(kind, Kind::Refund | Kind::Payout)
}

/// Whether a difference is about money that left. Where cash does not tell, the kind does.
fn is_outflow(kind: Kind, cash: CashEffect) -> bool {
    match cash {
        CashEffect::Surplus => false,
        CashEffect::Shortage => true,
        CashEffect::None => kind.natural_direction() == Some(Direction::Out),
    }
}

fn missing_in_ledger(kind: Kind, cash: CashEffect) -> &'static [Step] {
    let demands = matches!(kind, Kind::Payment | Kind::Transfer) || pays_somebody(kind);
    match cash {
        CashEffect::Surplus if kind == Kind::Payment => existence::MISSING_IN_LEDGER_PAYMENT,
        CashEffect::Shortage if demands => existence::MISSING_IN_LEDGER_OUTFLOW,
        // A reversal returned the customer's own money, and halves and sweeps have nobody to ask.
        CashEffect::Surplus | CashEffect::Shortage | CashEffect::None => existence::MISSING_IN_LEDGER_OTHER,
    }
}

const fn missing_at_provider(kind: Kind) -> &'static [Step] {
    if matches!(kind, Kind::Payment) {
        existence::MISSING_AT_PROVIDER_PAYMENT
    } else if pays_somebody(kind) {
        existence::MISSING_AT_PROVIDER_PAYOUT
    } else {
        existence::MISSING_AT_PROVIDER_OTHER
    }
}

/// Only a payment has goods to deliver.
const fn provider_success(kind: Kind) -> &'static [Step] {
    if matches!(kind, Kind::Payment) {
        status::STATUS_PROVIDER_SUCCESS_PAYMENT
    } else if matches!(kind, Kind::Refund) {
        status::STATUS_PROVIDER_SUCCESS_REFUND
    } else if matches!(kind, Kind::Payout) {
        status::STATUS_PROVIDER_SUCCESS_PAYOUT
    } else {
        status::STATUS_PROVIDER_SUCCESS_OTHER
    }
}

const fn ledger_success(kind: Kind) -> &'static [Step] {
    if matches!(kind, Kind::Payment) {
        status::STATUS_LEDGER_SUCCESS_PAYMENT
    } else if matches!(kind, Kind::Refund) {
        status::STATUS_LEDGER_SUCCESS_REFUND
    } else {
        status::STATUS_LEDGER_SUCCESS_OTHER
    }
}

/// What the ledger took back and the provider did not: a payment is the customer's, anything we paid is ours.
const fn reversal_unconfirmed(kind: Kind) -> &'static [Step] {
    if matches!(kind, Kind::Payment) {
        status::REVERSAL_UNCONFIRMED_PAYMENT
    } else if pays_somebody(kind) {
        status::REVERSAL_UNCONFIRMED_OUTFLOW
    } else {
        status::REVERSAL_UNCONFIRMED_OTHER
    }
}

fn amount_over(kind: Kind, cash: CashEffect) -> &'static [Step] {
    match (is_outflow(kind, cash), kind == Kind::Payment, pays_somebody(kind)) {
        (false, true, _) => amounts::AMOUNT_OVER_IN,
        (true, _, true) => amounts::AMOUNT_OVER_OUT,
        // Fees, chargebacks and the like: the provider took it, so there is nobody else to ask.
        (true, _, false) => amounts::AMOUNT_OVER_TAKEN,
        (false, false, _) => amounts::AMOUNT_OVER_RETURNED,
    }
}

const fn amount_under(kind: Kind, cash: CashEffect) -> &'static [Step] {
    if matches!((kind, cash), (Kind::Payment, CashEffect::Shortage | CashEffect::None)) {
        amounts::AMOUNT_UNDER_IN
    } else if pays_somebody(kind) {
        amounts::AMOUNT_UNDER_OUT
    } else {
        amounts::AMOUNT_UNDER_OTHER
    }
}

/// Within how many hours a difference of a tier is to be dealt with.
#[must_use]
pub const fn sla_hours(severity: Severity) -> u32 {
    match severity {
        Severity::P0 => 24,
        Severity::P1 => 72,
        Severity::P2 => 120,
        Severity::P3 | Severity::Info => 168,
    }
}
