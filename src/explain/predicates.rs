//! What must hold for a code to apply (`taxonomy` §6), in one plain sentence each.

use tieout_kernel::code::Code;

/// The predicate of a code, in English and Chinese.
#[must_use]
pub fn predicate(code: Code) -> (&'static str, &'static str) {
    let found = PREDICATES.iter().find(|(known, ..)| *known == code);
    found.map(|&(_, en, zh)| (en, zh)).expect("every code has its predicate")
}

const PREDICATES: [(Code, &str, &str); 88] = [
    // A: files and runs
    (
        Code::StatementMissing,
        "A statement is expected for this source, account and day, its deadline has passed, and neither a file nor the \
         provider's word that there is none has come.",
        "该来源、账户与日期应有账单，截止时间已过，既无文件，渠道也未声明无账单。",
    ),
    (Code::StatementNotReady, "The provider says that it is still making the statement.", "渠道表示账单仍在生成。"),
    (
        Code::TrailerMismatch,
        "The rows' count or a sum of them is not what the statement itself says.",
        "明细笔数或合计与账单自身汇总不符。",
    ),
    (
        Code::StatementTruncated,
        "The end mark that every statement of this format has is not there.",
        "缺少该格式账单必有的结束标记。",
    ),
    (Code::StatementDuplicate, "Another file of the source has the same content.", "同一来源另有内容相同的文件。"),
    (
        Code::StatementRestated,
        "For the same source and day a file with other content was reconciled before.",
        "同一来源同一日期此前已对账，内容不同。",
    ),
    (
        Code::StatementGap,
        "The opening balance is not the closing balance before it, or a sequence number is left out.",
        "期初余额不等于上期期末余额，或序号中断。",
    ),
    (Code::StatementOverlap, "The statement holds rows of another day than its own.", "账单含有其他日期的流水。"),
    (
        Code::RowRejected,
        "A row lacks a needed field, or one of its fields cannot be read as what it should be.",
        "某行缺少必需字段，或字段无法解析。",
    ),
    (Code::UnmappedCode, "A type or a status stands in no map of the source.", "类型或状态不在该来源的映射中。"),
    (Code::SchemaDrift, "The header is not the declared one.", "表头与声明不符。"),
    (
        Code::LedgerExtractIncomplete,
        "The ledger's count or sum is not what its manifest says, or it was taken before the cut-off.",
        "平台流水笔数或合计与其清单不符，或提取早于日切。",
    ),
    (
        Code::MatchRateCollapse,
        "A much smaller share of the source's records matches than on other nights.",
        "该来源匹配率远低于往日。",
    ),
    (Code::VolumeAnomaly, "Count or sum are far outside of what is usual.", "笔数或金额远离通常范围。"),
    (
        Code::HeldNoStatement,
        "The ledger's record belongs to a source whose statement is missing or blocked.",
        "平台记录所属来源的账单缺失或被阻断。",
    ),
    // F: duplicates
    (
        Code::DuplicatePayment,
        "The provider has two or more successful payments of one order, net of reversals, and the ledger at most one.",
        "同一订单渠道有两笔及以上成功支付（扣除冲正），平台至多一笔。",
    ),
    (Code::DuplicateRefund, "The provider executed one refund number more than once.", "同一退款单号渠道执行多次。"),
    (
        Code::DuplicatePayout,
        "The provider executed one payout number more than once, net of returns.",
        "同一打款单号渠道执行多次（扣除退票）。",
    ),
    (
        Code::DuplicateLedgerEntry,
        "The ledger has two or more successful bookings of what the provider has once.",
        "渠道一笔，平台成功记账两笔及以上。",
    ),
    (
        Code::DuplicateBoth,
        "Both books have two or more successful records of one number, as many on each side.",
        "同一单号双方均有两笔及以上成功记录，笔数相同。",
    ),
    (Code::DuplicateSettlement, "The bank was credited twice for one batch.", "同一批次到账两次。"),
    // G: party
    (
        Code::BeneficiaryMismatch,
        "Both books have the payout or refund, and the money went to another account than the ledger names.",
        "双方均有该打款或退款，但收款账户与平台不同。",
    ),
    (
        Code::MerchantMismatch,
        "The provider's number brings the records together, and the two books put them under different accounts.",
        "按渠道流水号匹配，但双方商户号不同。",
    ),
    // D: currency and direction
    (
        Code::CurrencyMismatch,
        "Both books have it, in two currencies, and no conversion is declared.",
        "双方均有，币种不同，且未声明换汇。",
    ),
    (
        Code::DirectionMismatch,
        "Both books have it over the same amount, and one says that money came in where the other says that it went out.",
        "双方均有且金额相同，但收支方向相反。",
    ),
    // C: status
    (
        Code::PayoutFailed,
        "The ledger has the payout as a success, and the provider says that it failed.",
        "平台打款成功，渠道失败。",
    ),
    (Code::RefundFailed, "The refund succeeded and came back.", "退款成功后被退回。"),
    (
        Code::LateSuccessAfterClose,
        "The provider has a success, the ledger had closed the order, and the payment is not earlier than that.",
        "渠道支付成功，平台已关单，且支付不早于关单时间。",
    ),
    (
        Code::StatusProviderSuccess,
        "The provider has a success, and the ledger has it as pending, failed or unknown.",
        "渠道成功，平台为处理中、失败或未知。",
    ),
    (
        Code::StatusLedgerSuccess,
        "The ledger has a success, and the provider has it as failed, closed or still pending.",
        "平台成功，渠道为失败、关闭或仍处理中。",
    ),
    (
        Code::ReversalUnbooked,
        "The provider undid the payment, and the ledger still has a success.",
        "渠道已冲正或撤销，平台仍为成功。",
    ),
    (
        Code::ReversalUnconfirmed,
        "The ledger reversed the payment, and the provider has a success without a reversal.",
        "平台已冲正，渠道仍为成功且无冲正。",
    ),
    (Code::StatusBothPending, "Neither side is final.", "双方均未终态。"),
    (
        Code::LedgerStatusSuperseded,
        "The ledger's payment carries the status of what came after it, such as refunded.",
        "平台支付记录带有其后续状态，如已退款。",
    ),
    (
        Code::RefundStuck,
        "The refund has been pending for more business days than the job allows.",
        "退款处理中超过作业允许的工作日数。",
    ),
    (
        Code::PayoutStuck,
        "The payout has been pending for more business days than the job allows.",
        "打款处理中超过作业允许的工作日数。",
    ),
    // D: amount
    (
        Code::AmountScale,
        "The two amounts differ by exactly a power of ten, and not only once in the file.",
        "双方金额恰差十的整数次幂，且文件中不止一笔。",
    ),
    (
        Code::AmountOver,
        "Both books have it in one currency and direction, and the provider's amount is larger by more than the tolerance.",
        "双方币种与方向相同，渠道金额更大，差额超过容差。",
    ),
    (
        Code::AmountUnder,
        "Both books have it in one currency and direction, and the provider's amount is smaller by more than the tolerance.",
        "双方币种与方向相同，渠道金额更小，差额超过容差。",
    ),
    (
        Code::PartialCapture,
        "The provider took less than was authorised and gave back the rest, and the ledger has it whole.",
        "渠道仅请款一部分，其余已释放，平台记全额。",
    ),
    (
        Code::DiscountAttribution,
        "The order amounts are equal, what is settled is not, and the discount columns explain the gap exactly.",
        "订单金额一致，结算金额不同，差额恰由优惠列解释。",
    ),
    (
        Code::RoundingVariance,
        "Both books have it in one currency and direction, and the amounts differ by no more than the tolerance.",
        "双方币种与方向相同，金额差异不超过容差。",
    ),
    // E: fees, tax, net
    (Code::FeeCurrencyMismatch, "The fee is in another currency than expected.", "手续费币种与预期不符。"),
    (
        Code::FeeOvercharged,
        "The provider charged more than the schedule says, or than the ledger expects where there is none.",
        "渠道收费高于费率表，无费率表时高于平台预期。",
    ),
    (
        Code::FeeUndercharged,
        "The provider charged less than the schedule says, or than the ledger expects where there is none.",
        "渠道收费低于费率表，无费率表时低于平台预期。",
    ),
    (
        Code::FeeUnexpected,
        "The provider charged or returned a fee, and no rule says so.",
        "渠道收取或退还手续费，无对应规则。",
    ),
    (Code::FeeMissing, "A rule says that there is a fee, and the provider charged none.", "规则应收手续费，渠道未收。"),
    (
        Code::FeeRefundMismatch,
        "The fee that came back with a refund is not what the policy says.",
        "退款时退还的手续费与约定不符。",
    ),
    (Code::TaxVariance, "The tax is not the expected one.", "税费与预期不符。"),
    (
        Code::NetArithmetic,
        "In the provider's own row, gross less fee and tax is not the printed net.",
        "渠道该行总额减手续费与税费不等于所列净额。",
    ),
    (
        Code::NetRounding,
        "In the provider's own row, gross less fee and tax is the printed net but for rounding.",
        "渠道该行总额减手续费与税费与净额仅差尾差。",
    ),
    // D: foreign exchange
    (
        Code::FxRateError,
        "The rate that the amounts imply is outside of the band around the reference rate of its day.",
        "隐含汇率超出当日参考汇率区间。",
    ),
    (Code::FxLegUnpaired, "One half of a conversion has no other half.", "换汇仅有单边。"),
    (
        Code::FxRounding,
        "The converted amount differs from amount times rate by no more than rounding.",
        "换算金额与金额乘汇率仅差尾差。",
    ),
    // G: what only a column says
    (
        Code::ChannelMismatch,
        "Both books agree in the money and name different ways of payment.",
        "金额一致，支付渠道或方式不同。",
    ),
    (
        Code::FieldMismatch,
        "Both books agree in the money and differ in another column that the job compares.",
        "金额一致，作业比对的其他字段不同。",
    ),
    (Code::ChargebackStageMismatch, "The two books have the dispute at different stages.", "双方争议阶段不同。"),
    // across the events of an order
    (
        Code::DoubleDip,
        "Over the order's life, refunds and a chargeback together exceed what was paid.",
        "订单全周期内退款与退单合计超过支付。",
    ),
    (
        Code::OverRefund,
        "Over the order's life, refunds and chargebacks exceed what was paid.",
        "订单全周期内退款与退单合计超过支付。",
    ),
    // B: existence and timing
    (
        Code::PeriodMismatch,
        "Both books agree in everything but the business day, by more than the horizon.",
        "除业务日期外双方一致，日期相差超过等待期。",
    ),
    (
        Code::OrphanEvent,
        "The order that a refund, chargeback or reversal goes back to is unknown to both books, the pool and the history.",
        "退款、退单或冲正的原单在双方、挂账与历史中均不存在。",
    ),
    (
        Code::RefundUnauthorised,
        "The provider has a refund, its horizon is over, and the ledger has nothing under its numbers in any status.",
        "渠道有退款且已过等待期，平台按其单号任何状态均无记录。",
    ),
    (
        Code::PayoutUnauthorised,
        "The provider has a payout, its horizon is over, and the ledger has nothing under its numbers in any status.",
        "渠道有打款且已过等待期，平台按其单号任何状态均无记录。",
    ),
    (Code::PayoutReturned, "A payout that had succeeded came back.", "打款成功后退票。"),
    (
        Code::ChargebackUnbooked,
        "The provider has a chargeback, its horizon is over, and the ledger has none.",
        "渠道有退单且已过等待期，平台无记录。",
    ),
    (
        Code::ChargebackReversalUnbooked,
        "The provider gave a chargeback back, its horizon is over, and the ledger does not have that.",
        "渠道有退单撤销且已过等待期，平台无记录。",
    ),
    (
        Code::ChargebackFeeUnbooked,
        "The provider has a dispute fee, and the ledger has none.",
        "渠道有退单费，平台无记录。",
    ),
    (
        Code::AdjustmentUnexplained,
        "The provider has an adjustment, its horizon is over, and the ledger has no twin of it.",
        "渠道有调账且已过等待期，平台无对应记录。",
    ),
    (
        Code::ReserveMovement,
        "The provider held or released a reserve, its horizon is over, and the ledger does not mirror it.",
        "渠道有保证金冻结或解冻且已过等待期，平台无对应记录。",
    ),
    (
        Code::MissingInLedger,
        "The provider has a success, its horizon is over, and the ledger has nothing under its numbers in any status.",
        "渠道成功且已过等待期，平台按其单号任何状态均无记录。",
    ),
    (
        Code::RefundNotExecuted,
        "The ledger has a successful refund, its horizon is over, and the complete statements have nothing under its \
         numbers.",
        "平台退款成功且已过等待期，完整账单按其单号无记录。",
    ),
    (
        Code::MissingAtProvider,
        "The ledger has a success, its horizon is over, and the complete statements have nothing under its numbers.",
        "平台成功且已过等待期，完整账单按其单号无记录。",
    ),
    (
        Code::AmbiguousMatch,
        "Amount, party and time fit more than one partner, and no number decides.",
        "金额、对方与时间有多个候选，且无单号可定。",
    ),
    (Code::KeyMissing, "The record has no order, event or provider number.", "记录无订单号、业务单号与渠道流水号。"),
    // K: settlement and balance
    (
        Code::SettlementMissing,
        "A batch has a net, and after its value date and the days allowed no bank credit has come.",
        "批次净额不为零，起息日与允许天数过后银行未到账。",
    ),
    (
        Code::SettlementShort,
        "The bank credit is smaller than the batch's net by more than the tolerance.",
        "到账小于批次净额，超过容差。",
    ),
    (
        Code::SettlementOver,
        "The bank credit is larger than the batch's net by more than the tolerance.",
        "到账大于批次净额，超过容差。",
    ),
    (
        Code::SettlementRounding,
        "The bank credit is the batch's net but for the rounding of its rows.",
        "到账与批次净额仅差逐行尾差。",
    ),
    (Code::BatchComposition, "The rows of a batch do not add up to its payout.", "批次明细合计不等于结算款。"),
    (Code::SettlementUnallocated, "A bank credit belongs to no batch.", "到账不属于任何批次。"),
    (Code::NegativeCarry, "A batch's net is negative and is carried to the next.", "批次净额为负，结转下期。"),
    (
        Code::BalanceBreak,
        "Opening balance and movements do not give the closing balance.",
        "期初余额加变动不等于期末余额。",
    ),
    // across groups
    (
        Code::SystematicVariance,
        "Small variances of one kind lean one way far more often than chance would have it.",
        "同类小额差异明显偏向同一方向。",
    ),
    (
        Code::SuspectedDuplicate,
        "The same party moved the same amount under another number within minutes.",
        "同一对方数分钟内在另一单号下发生同额交易。",
    ),
    // states that are not differences
    (Code::TimingPending, "One book has it alone, and its horizon is not over.", "仅一方有记录，且未过等待期。"),
    (
        Code::LateMatched,
        "A record of an earlier night found its partner, and they agree.",
        "前期记录找到对应，双方一致。",
    ),
    (Code::OutOfScopeRow, "The row is of an account that this job does not reconcile.", "该行属于本作业不对账的账户。"),
    (
        Code::ReplicaRow,
        "The source has the same row already: the same number, kind, status and amount.",
        "该来源已有同一行：单号、类型、状态与金额相同。",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_predicate_once_and_in_order_of_precedence() {
        let told: Vec<Code> = PREDICATES.iter().map(|(code, ..)| *code).collect();
        assert_eq!(told, Code::ALL);
    }
}
