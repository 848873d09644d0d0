//! The codes: what can be wrong, in order of precedence.
//!
//! The list is closed and published; a code is never renamed. Within a group the first code in
//! this order is primary and the others become flags (`taxonomy` §2). Codes that belong to a file
//! or a run come first, because they block what follows.

use std::fmt;

use crate::record::words;

words! {
    /// How urgent a difference is.
    Severity {
        /// Money is leaving, or the run cannot be trusted.
        P0 => "P0",
        /// Act today.
        P1 => "P1",
        /// Act this week.
        P2 => "P2",
        /// Housekeeping.
        P3 => "P3",
        /// Nothing to do.
        Info => "INFO",
    }
}

words! {
    /// Which way a difference moves our cash.
    CashEffect {
        /// More cash than the books expect.
        Surplus => "SURPLUS",
        /// Less cash than the books expect.
        Shortage => "SHORTAGE",
        /// No effect on cash.
        None => "NONE",
    }
}

words! {
    /// Why a difference arose, where it follows from the data.
    Cause {
        /// The two sides put the record on different days.
        DayCut => "DAY_CUT",
        /// The provider's notification did not reach the ledger, or was not worked on.
        CallbackLost => "CALLBACK_LOST",
        /// The customer paid after the order had been closed.
        PaidAfterClose => "PAID_AFTER_CLOSE",
        /// One order was paid more than once.
        PaidTwice => "PAID_TWICE",
        /// The ledger booked one event more than once.
        BookedTwice => "BOOKED_TWICE",
        /// The event was made at the provider without the ledger, for example in its portal.
        MadeAtProvider => "MADE_AT_PROVIDER",
        /// The ledger booked a success that the provider does not confirm.
        NotConfirmed => "NOT_CONFIRMED",
        /// The payment was undone at the provider.
        UndoneAtProvider => "UNDONE_AT_PROVIDER",
        /// The two sides round differently.
        Rounding => "ROUNDING",
        /// Major and minor units were confused.
        UnitConfusion => "UNIT_CONFUSION",
        /// The fee does not follow the schedule.
        FeeRule => "FEE_RULE",
        /// Discounts explain the gap exactly.
        Discount => "DISCOUNT",
        /// One side has no number that the other knows.
        NoSharedNumber => "NO_SHARED_NUMBER",
        /// The data does not tell.
        Unknown => "UNKNOWN",
    }
}

impl CashEffect {
    /// The accountant's Chinese word. The words alone are ambiguous in the field, so they only label this sign.
    #[must_use]
    pub const fn label_zh(self) -> &'static str {
        match self {
            Self::Surplus => "长款",
            Self::Shortage => "短款",
            Self::None => "",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $word:literal $family:literal $severity:ident $zh:literal $en:literal $cause:ident;)+) => {
        /// What is wrong with a file, a group or a run (`taxonomy` §6), in order of precedence.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each variant is documented by its label")]
        pub enum Code { $($variant,)+ }

        impl Code {
            /// All codes, in order of precedence.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it stands in every table.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The code of a word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The family letter of the taxonomy.
            #[must_use]
            pub const fn family(self) -> char {
                match self { $(Self::$variant => $family,)+ }
            }

            /// The tier before amount, age and policy are looked at.
            #[must_use]
            pub const fn base_severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// Why it arises, where that follows from the code.
            #[must_use]
            pub const fn cause(self) -> Cause {
                match self { $(Self::$variant => Cause::$cause,)+ }
            }

            /// What finance calls it in Chinese.
            #[must_use]
            pub const fn label_zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)+ }
            }

            /// What finance calls it in English.
            #[must_use]
            pub const fn label_en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
    };
}

codes! {
    // A: files and runs
    StatementMissing "STATEMENT_MISSING" 'A' P1 "账单缺失" "statement missing" Unknown;
    StatementNotReady "STATEMENT_NOT_READY" 'A' Info "账单未生成" "statement not ready yet" Unknown;
    TrailerMismatch "TRAILER_MISMATCH" 'A' P0 "账单汇总不符" "rows do not add up to the statement's own totals" Unknown;
    StatementTruncated "STATEMENT_TRUNCATED" 'A' P0 "账单截断" "statement is cut off" Unknown;
    StatementDuplicate "STATEMENT_DUPLICATE" 'A' P2 "重复账单" "statement delivered twice" Unknown;
    StatementRestated "STATEMENT_RESTATED" 'A' P1 "账单更正重出" "statement was issued again with other content" Unknown;
    StatementGap "STATEMENT_GAP" 'A' P1 "账单断档" "statements leave a gap" Unknown;
    StatementOverlap "STATEMENT_OVERLAP" 'A' P1 "账单重叠" "statement covers another day's rows" Unknown;
    RowRejected "ROW_REJECTED" 'A' P2 "解析失败行" "row could not be read" Unknown;
    UnmappedCode "UNMAPPED_CODE" 'A' P1 "未映射交易类型/状态" "type or status code is in no map" Unknown;
    SchemaDrift "SCHEMA_DRIFT" 'A' P1 "表头变更" "columns changed" Unknown;
    LedgerExtractIncomplete "LEDGER_EXTRACT_INCOMPLETE" 'A' P0 "内部流水不完整" "ledger extract is incomplete" Unknown;
    MatchRateCollapse "MATCH_RATE_COLLAPSE" 'A' P0 "匹配率骤降" "match rate collapsed" Unknown;
    VolumeAnomaly "VOLUME_ANOMALY" 'A' P2 "交易量偏离" "volume is far from normal" Unknown;
    HeldNoStatement "HELD_NO_STATEMENT" 'A' Info "待账单" "held until the statement is right" Unknown;
    // F: duplicates
    DuplicatePayment "DUPLICATE_PAYMENT" 'F' P0 "重复支付" "customer paid twice" PaidTwice;
    DuplicateRefund "DUPLICATE_REFUND" 'F' P0 "重复退款" "refunded twice" MadeAtProvider;
    DuplicatePayout "DUPLICATE_PAYOUT" 'F' P0 "重复打款" "paid out twice" MadeAtProvider;
    DuplicateLedgerEntry "DUPLICATE_LEDGER_ENTRY" 'F' P1 "平台重复记账" "ledger booked it twice" BookedTwice;
    DuplicateBoth "DUPLICATE_BOTH" 'F' P1 "双方均重复" "both sides have it twice" PaidTwice;
    DuplicateSettlement "DUPLICATE_SETTLEMENT" 'F' P0 "重复结算" "batch was settled twice" Unknown;
    // G: party
    BeneficiaryMismatch "BENEFICIARY_MISMATCH" 'G' P0 "收款账户不符" "money went to another account" Unknown;
    MerchantMismatch "MERCHANT_MISMATCH" 'G' P1 "商户号不符" "merchant account differs" Unknown;
    // D: currency and direction
    CurrencyMismatch "CURRENCY_MISMATCH" 'D' P0 "币种不一致" "currency differs" Unknown;
    DirectionMismatch "DIRECTION_MISMATCH" 'D' P0 "收支方向相反" "direction differs" Unknown;
    // C: status, and the codes of H and I that replace a status code
    PayoutFailed "PAYOUT_FAILED" 'I' P0 "打款失败平台成功" "payout failed but is booked as paid" NotConfirmed;
    RefundFailed "REFUND_FAILED" 'H' P1 "退款失败/退回" "refund came back" Unknown;
    LateSuccessAfterClose "LATE_SUCCESS_AFTER_CLOSE" 'C' P1 "关单后支付成功" "paid after the order was closed" PaidAfterClose;
    StatusProviderSuccess "STATUS_PROVIDER_SUCCESS" 'C' P1 "渠道成功平台未成功" "provider has success, ledger has not" CallbackLost;
    StatusLedgerSuccess "STATUS_LEDGER_SUCCESS" 'C' P0 "平台成功渠道未成功" "ledger has success, provider has not" NotConfirmed;
    ReversalUnbooked "REVERSAL_UNBOOKED" 'C' P1 "冲正/撤销未同步" "reversal is not booked" UndoneAtProvider;
    ReversalUnconfirmed "REVERSAL_UNCONFIRMED" 'C' P0 "平台冲正渠道未确认" "ledger reversed it, provider did not" NotConfirmed;
    StatusBothPending "STATUS_BOTH_PENDING" 'C' Info "双方未终态" "neither side is final" Unknown;
    LedgerStatusSuperseded "LEDGER_STATUS_SUPERSEDED" 'C' Info "平台状态已变更" "ledger status moved on" Unknown;
    RefundStuck "REFUND_STUCK" 'H' P2 "退款处理超时" "refund is pending too long" Unknown;
    PayoutStuck "PAYOUT_STUCK" 'I' P1 "打款在途超时" "payout is pending too long" Unknown;
    // D: amount
    AmountScale "AMOUNT_SCALE" 'D' P0 "元分单位错误" "amounts differ by a power of ten" UnitConfusion;
    AmountOver "AMOUNT_OVER" 'D' P1 "渠道金额大于平台" "provider has more" Unknown;
    AmountUnder "AMOUNT_UNDER" 'D' P1 "渠道金额小于平台" "provider has less" Unknown;
    PartialCapture "PARTIAL_CAPTURE" 'D' P2 "部分请款" "only part was captured" Unknown;
    DiscountAttribution "DISCOUNT_ATTRIBUTION" 'D' P3 "优惠/券归属差异" "difference is a discount" Discount;
    RoundingVariance "ROUNDING_VARIANCE" 'D' P3 "尾差" "rounding difference" Rounding;
    // E: fees, tax, net
    FeeCurrencyMismatch "FEE_CURRENCY_MISMATCH" 'E' P1 "手续费币种不符" "fee is in another currency" Unknown;
    FeeOvercharged "FEE_OVERCHARGED" 'E' P2 "手续费多扣" "fee is too high" FeeRule;
    FeeUndercharged "FEE_UNDERCHARGED" 'E' P3 "手续费少扣" "fee is too low" FeeRule;
    FeeUnexpected "FEE_UNEXPECTED" 'E' P2 "计划外费用" "fee without a rule" FeeRule;
    FeeMissing "FEE_MISSING" 'E' P2 "漏收手续费" "fee was not charged" FeeRule;
    FeeRefundMismatch "FEE_REFUND_MISMATCH" 'E' P3 "退费差异" "returned fee differs from policy" FeeRule;
    TaxVariance "TAX_VARIANCE" 'E' P2 "税费差异" "tax differs" Unknown;
    NetArithmetic "NET_ARITHMETIC" 'E' P1 "净额勾稽错误" "net is not gross less fees" Unknown;
    NetRounding "NET_ROUNDING" 'E' P3 "净额尾差" "net is off by rounding" Rounding;
    // D: foreign exchange
    FxRateError "FX_RATE_ERROR" 'D' P1 "汇率差错" "exchange rate is out of band" Unknown;
    FxLegUnpaired "FX_LEG_UNPAIRED" 'D' P1 "换汇单边" "conversion has one half only" Unknown;
    FxRounding "FX_ROUNDING" 'D' P3 "汇兑尾差" "conversion is off by rounding" Rounding;
    // G: what only a column says
    ChannelMismatch "CHANNEL_MISMATCH" 'G' P3 "支付渠道不符" "payment method differs" Unknown;
    FieldMismatch "FIELD_MISMATCH" 'G' P3 "其他字段不符" "another compared column differs" Unknown;
    ChargebackStageMismatch "CHARGEBACK_STAGE_MISMATCH" 'J' P2 "争议阶段不一致" "dispute is at another stage" Unknown;
    // across the events of an order
    DoubleDip "DOUBLE_DIP" 'J' P0 "退款又退单" "refunded and charged back" Unknown;
    OverRefund "OVER_REFUND" 'H' P0 "超额退款" "refunded more than was paid" Unknown;
    // B: existence and timing
    PeriodMismatch "PERIOD_MISMATCH" 'B' P3 "账期不一致" "booked in another period" DayCut;
    OrphanEvent "ORPHAN_EVENT" 'B' P1 "无原单事件" "original payment is unknown" Unknown;
    RefundUnauthorised "REFUND_UNAUTHORISED" 'H' P0 "渠道退款平台无记录" "refund the ledger does not know" MadeAtProvider;
    PayoutUnauthorised "PAYOUT_UNAUTHORISED" 'I' P0 "渠道打款平台无记录" "payout the ledger does not know" MadeAtProvider;
    PayoutReturned "PAYOUT_RETURNED" 'I' P1 "退票" "payout came back" Unknown;
    ChargebackUnbooked "CHARGEBACK_UNBOOKED" 'J' P1 "退单未入账" "chargeback is not booked" Unknown;
    ChargebackReversalUnbooked "CHARGEBACK_REVERSAL_UNBOOKED" 'J' P2 "退单撤销未入账" "won chargeback is not booked" Unknown;
    ChargebackFeeUnbooked "CHARGEBACK_FEE_UNBOOKED" 'J' P3 "退单费未入账" "dispute fee is not booked" Unknown;
    AdjustmentUnexplained "ADJUSTMENT_UNEXPLAINED" 'K' P1 "不明调账" "adjustment nobody explains" Unknown;
    ReserveMovement "RESERVE_MOVEMENT" 'K' P3 "保证金变动" "reserve moved" Unknown;
    MissingInLedger "MISSING_IN_LEDGER" 'B' P1 "渠道有平台无" "provider has it, ledger has not" Unknown;
    RefundNotExecuted "REFUND_NOT_EXECUTED" 'H' P1 "平台退款渠道未退" "booked refund did not happen" NotConfirmed;
    MissingAtProvider "MISSING_AT_PROVIDER" 'B' P1 "平台有渠道无" "ledger has it, provider has not" NotConfirmed;
    AmbiguousMatch "AMBIGUOUS_MATCH" 'B' P2 "多候选" "more than one partner fits" NoSharedNumber;
    KeyMissing "KEY_MISSING" 'B' P2 "关键字段缺失" "record has no usable number" NoSharedNumber;
    // K: settlement and balance
    SettlementMissing "SETTLEMENT_MISSING" 'K' P0 "结算款未到账" "settlement did not arrive" Unknown;
    SettlementShort "SETTLEMENT_SHORT" 'K' P0 "结算少付" "settlement is too low" Unknown;
    SettlementOver "SETTLEMENT_OVER" 'K' P1 "结算多付" "settlement is too high" Unknown;
    SettlementRounding "SETTLEMENT_ROUNDING" 'K' P3 "结算尾差" "settlement is off by rounding" Rounding;
    BatchComposition "BATCH_COMPOSITION" 'K' P0 "批次明细与汇总不符" "batch rows do not add up to the payout" Unknown;
    SettlementUnallocated "SETTLEMENT_UNALLOCATED" 'K' P2 "到账未识别" "bank credit belongs to no batch" Unknown;
    NegativeCarry "NEGATIVE_CARRY" 'K' P2 "负结余结转" "negative batch carried forward" Unknown;
    BalanceBreak "BALANCE_BREAK" 'K' P0 "余额不平" "balances do not add up" Unknown;
    // across groups
    SystematicVariance "SYSTEMATIC_VARIANCE" 'E' P1 "系统性偏差" "variances all lean one way" Unknown;
    SuspectedDuplicate "SUSPECTED_DUPLICATE" 'F' P2 "疑似重复" "looks like a duplicate" PaidTwice;
    // states that are not differences
    TimingPending "TIMING_PENDING" 'B' Info "在途/存疑" "in transit" Unknown;
    LateMatched "LATE_MATCHED" 'B' Info "跨期核平" "matched late" Unknown;
    OutOfScopeRow "OUT_OF_SCOPE_ROW" 'B' Info "非本业务流水" "belongs to somebody else" Unknown;
    ReplicaRow "REPLICA_ROW" 'F' Info "账单重复行" "the same row again" Unknown;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A set of codes; iterates in order of precedence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Codes(u128);

const _: () = assert!(Code::ALL.len() <= 128, "a set of codes is 128 bits wide");

impl Codes {
    /// No code.
    pub const NONE: Self = Self(0);

    /// This set and `code`.
    #[must_use]
    pub const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code as u32)
    }

    /// This set without `code`.
    #[must_use]
    pub const fn without(self, code: Code) -> Self {
        Self(self.0 & !(1 << code as u32))
    }

    /// All codes of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `code` is in the set.
    #[must_use]
    pub const fn has(self, code: Code) -> bool {
        self.0 & (1 << code as u32) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first code by precedence.
    #[must_use]
    pub fn primary(self) -> Option<Code> {
        Code::ALL.get(self.0.trailing_zeros() as usize).copied()
    }

    /// The codes in order of precedence.
    pub fn iter(self) -> impl Iterator<Item = Code> {
        let mut left = self;
        std::iter::from_fn(move || {
            let first = left.primary()?;
            left = left.without(first);
            Some(first)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_one_to_one() {
        for &code in Code::ALL {
            assert_eq!(Code::from_word(code.word()), Some(code));
            assert!(!code.label_en().is_empty() && !code.label_zh().is_empty());
        }
        assert_eq!(Code::from_word("NO_SUCH_CODE"), None);
    }

    #[test]
    fn the_first_code_by_precedence_is_primary() {
        let hits = Codes::NONE.with(Code::FeeOvercharged).with(Code::AmountOver).with(Code::StatusProviderSuccess);
        assert_eq!(hits.primary(), Some(Code::StatusProviderSuccess));
        assert_eq!(hits.without(Code::StatusProviderSuccess).primary(), Some(Code::AmountOver));
        assert_eq!(Codes::NONE.primary(), None);
        assert_eq!(hits.iter().count(), 3);
    }
}
