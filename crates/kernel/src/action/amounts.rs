//! Both sides have it, with another amount, currency, fee or net.

use super::{ANY_TIME, LOOKING, Place, Step, Verb};

plans! {
    CURRENCY_MISMATCH [
        Review at People {
            if LOOKING;
            do
                "Find out in which currency the customer was charged and what was agreed. Compare no figures of \
                 the two currencies, and correct the wrong side only when that is clear.",
                "核实客户实际以何币种支付以及约定币种。不得直接比较两种币种的数字；查明后再更正错误一方。";
        }
    ]
    DIRECTION_MISMATCH [
        Review at People {
            if LOOKING;
            do
                "Find out from the provider which way the money went. If many records are affected, the sign \
                 setting of a source is wrong, and no single entry.",
                "向渠道确认资金方向。涉及多笔时，多为来源的收支符号设置有误，而非单笔记账错误。";
        }
        Adjust at Ledger after 0 {
            if
                "The review says that the ledger entry has the wrong direction, and the setting of the source is \
                 right.",
                "复核确认平台分录方向错误，且来源设置正确。";
            do
                "Reverse the entry and book it in the right direction; the effect is twice its amount.",
                "冲销原分录并按正确方向重记；影响为金额的两倍。";
        }
    ]
    AMOUNT_OVER_IN [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its provider number and look at the order: what was asked for, and what was \
                 paid?",
                "按渠道单号查单并查看订单：应收多少，实付多少。";
        }
        Refund at Provider after 0 {
            if
                "The query says SUCCESS with the higher amount, the order asks for the lower one, and the excess \
                 was neither refunded nor booked.",
                "查单结果为 SUCCESS 且为较高金额，订单应收为较低金额，多付部分未退款、未入账。";
            do
                "Refund the excess against the provider number, at most the limit. Use the same refund number on \
                 every further attempt.",
                "按渠道单号退还多付部分，不超过限额。重试时必须使用同一退款单号。";
        }
        Adjust at Ledger after 0 {
            if
                "The query says SUCCESS with the higher amount, the order asks for just that, and the excess was \
                 not refunded.",
                "查单结果为 SUCCESS 且为较高金额，订单应收即为该金额，且未退还差额。";
            do
                "Adjust the ledger entry to the amount that was paid, instead of the refund, and find out where \
                 the lower one came from.",
                "将平台分录调整为实付金额，不再退款，并查明较低金额的来源。";
        }
    ]
    AMOUNT_OVER_OUT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund or payout by its own number and compare the amount with the instruction that was \
                 sent.",
                "按原单号查询该退款或打款，将金额与发出的指令核对。";
        }
        Recall at People after 0 {
            if
                "The query says SUCCESS with the higher amount, the instruction was for the lower one, and the \
                 excess has not come back.",
                "查单结果为 SUCCESS 且为较高金额，指令为较低金额，多付部分未退回。";
            do
                "Ask whoever was paid to return the excess, at most the limit; if the provider altered the amount, \
                 claim it there.",
                "与收款方协商退回多付部分，不超过限额；系渠道改动金额的，向渠道索回。";
        }
    ]
    AMOUNT_OVER_TAKEN [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the movement up at the provider by its number and ask for the notice, invoice or order that \
                 the amount rests on.",
                "按单号在渠道查询，并索取该金额所依据的通知、账单或订单。";
        }
        Adjust at Ledger after 0 {
            if
                "A document of the provider or a contract covers the provider's amount.",
                "渠道凭证或合同支持渠道金额。";
            do
                "Adjust the ledger entry to the provider's amount and keep the document with it.",
                "将平台分录调整为渠道金额，并附存凭证。";
        }
        Dispute at Provider after 0 {
            if
                "No document and no contract covers the provider's amount.",
                "无任何凭证或合同支持渠道金额。";
            do
                "Dispute the excess with the provider: send the number, both amounts and what was agreed.",
                "就超出部分向渠道提出差错申诉：提供单号、双方金额及约定依据。";
        }
    ]
    AMOUNT_OVER_RETURNED [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the movement up at the provider by its number and ask what the higher amount is made of.",
                "按单号在渠道查询，问明较高金额的构成。";
        }
        Adjust at Ledger after 0 {
            if
                "The provider confirms its amount.",
                "渠道确认其金额。";
            do
                "Adjust the ledger entry to the provider's amount and book the excess where the answer says it \
                 belongs.",
                "将平台分录调整为渠道金额，多出部分按渠道答复入账。";
        }
    ]
    AMOUNT_UNDER_IN [
        Adjust at Ledger {
            if
                "The provider's amount is the one the customer paid, and no second payment of the order makes up \
                 the rest.",
                "渠道金额为客户实付金额，且该订单无补足差额的第二笔支付。";
            do
                "Adjust the ledger entry to the amount that was paid and book the rest as owed by the customer; \
                 then collect it. If the order was meant to cost less, correct the order instead.",
                "将平台分录调整为实付金额，差额记为应收客户并催收。订单本应为较低金额的，更正订单。";
        }
    ]
    AMOUNT_UNDER_OUT [
        Adjust at Ledger {
            if
                "The provider's amount is the one that was paid, and no second refund or payout makes up the rest.",
                "渠道金额为实际支付金额，且无补足差额的第二笔退款或打款。";
            do
                "Adjust the ledger entry to the amount that was paid and book the rest as still owed. Paying the \
                 rest is a decision of its own: this item moves no money.",
                "将平台分录调整为实付金额，差额记为应付未付。补付差额须另行审批：本条不动用资金。";
        }
    ]
    AMOUNT_UNDER_OTHER [
        Adjust at Ledger {
            if
                "The provider's amount rests on a document: notice, invoice or contract.",
                "渠道金额有凭证支持：通知、账单或合同。";
            do
                "Adjust the ledger entry to the provider's amount and find out where the higher one came from.",
                "将平台分录调整为渠道金额，并查明较高金额的来源。";
        }
    ]
    PARTIAL_CAPTURE [
        Adjust at Ledger {
            if
                "The provider's capture less what it released comes to the amount in the statement.",
                "渠道请款金额减去释放部分等于账单金额。";
            do
                "Adjust the ledger entry to the captured amount; the rest of the authorisation moved no money. \
                 Make sure that what was delivered is what was captured.",
                "将平台分录调整为实际请款金额；其余授权未动用资金。确认交付内容与请款金额相符。";
        }
    ]
    DISCOUNT_ATTRIBUTION [
        Adjust at Ledger {
            if
                "The discount columns of the row explain the gap to the cent.",
                "该行优惠列恰好解释差额，分毫不差。";
            do
                "Book the gap to the promotion account of whoever pays the discount. If the job compares the \
                 settled amount by mistake, change the job.",
                "将差额记入承担优惠一方的促销科目。若作业误以结算金额比较，则修改作业。";
        }
    ]
    ROUNDING_VARIANCE [
        WriteOff at Ledger {
            if
                "Policy has not settled the variance already, and both amounts are final.",
                "该尾差尚未由策略核销，且双方金额均为终值。";
            do
                "Write the variance off to the rounding account, at most the limit.",
                "将尾差核销至尾差科目，不超过限额。";
        }
    ]
    FX_ROUNDING [
        WriteOff at Ledger {
            if
                "The rate of the conversion is confirmed, and only rounding is left of the gap.",
                "换汇汇率已确认，差额仅为取整所致。";
            do
                "Write the variance off to the exchange difference account, at most the limit.",
                "将汇兑尾差核销至汇兑损益科目，不超过限额。";
        }
    ]
    FX_RATE_ERROR [
        Dispute at Provider {
            if
                "The reference rate is that of the provider's rate date, not of today, and the agreed margin is in \
                 it.",
                "参考汇率取渠道汇率日期而非当日，并已计入约定点差。";
            do
                "Dispute the rate with the provider: send the transaction, the rate used, the reference rate and \
                 its source.",
                "就汇率向渠道提出差错申诉：提供交易、所用汇率、参考汇率及其来源。";
        }
        Adjust at Ledger after 0 {
            if
                "The provider has confirmed its rate and shown what it rests on.",
                "渠道已确认其汇率并提供依据。";
            do
                "Adjust the ledger to the provider's rate and book the gap as an exchange difference.",
                "按渠道汇率调整平台账，差额记入汇兑损益。";
        }
    ]
    FX_LEG_UNPAIRED [
        Query at People {
            if ANY_TIME;
            do
                "Ask the provider for the other half of the conversion by the number both halves refer to: amount, \
                 currency, date. It may stand on the next statement.",
                "按换汇两笔共同引用的单号，向渠道查询缺少的另一笔：金额、币种、日期。可能列于次日账单。";
        }
    ]
    FEE_OVERCHARGED [
        Dispute at Provider {
            if
                "The rate in the job is that of the signed contract on the day of the transaction.",
                "作业中的费率为交易当日合同约定费率。";
            do
                "Claim the excess fee from the provider: send the transaction, the fee charged, the fee due and \
                 the clause.",
                "向渠道申诉多扣手续费：提供交易、实扣、应扣及合同条款。";
        }
    ]
    FEE_UNDERCHARGED [
        Adjust at Ledger {
            if
                "The rate in the job is that of the signed contract on the day of the transaction.",
                "作业中的费率为交易当日合同约定费率。";
            do
                "Book the fee that was charged and accrue the rest: the provider may claim it later.",
                "按实扣手续费入账，差额计提：渠道可能日后补收。";
        }
    ]
    FEE_UNEXPECTED [
        Query at People {
            if ANY_TIME;
            do
                "Ask the provider what the fee is for and which clause it rests on. If it is agreed, add a rule to \
                 the schedule in the job.",
                "向渠道问明费用性质及合同依据。确属约定的，在作业费率表中补充规则。";
        }
    ]
    FEE_MISSING [
        Query at People {
            if ANY_TIME;
            do
                "Ask the provider when and where it charges the fee: on another row, on a monthly invoice, or not \
                 at all.",
                "向渠道问明手续费的收取时间与方式：另行列示、按月账单，或不收取。";
        }
    ]
    FEE_REFUND_MISMATCH [
        Dispute at Provider {
            if
                "The rule for returned fees in the job is that of the signed contract.",
                "作业中的退费规则与合同一致。";
            do
                "Ask the provider to correct the returned fee: send the refund, the fee returned, the fee due and \
                 the clause.",
                "要求渠道更正退费：提供退款、实退、应退及合同条款。";
        }
    ]
    FEE_CURRENCY_MISMATCH [
        Review at People {
            if LOOKING;
            do
                "Find out in which currency the contract sets the fee and how the provider converts it. Compare no \
                 figures of the two currencies.",
                "核实合同约定的手续费币种及渠道换算方式。不得直接比较两种币种的数字。";
        }
    ]
    TAX_VARIANCE [
        Dispute at Provider {
            if
                "The tax in the ledger follows the rate that applied on the day of the transaction.",
                "平台税额按交易当日适用税率计算。";
            do
                "Dispute the tax with the provider: send the transaction, both amounts and the rate, and ask for a \
                 corrected invoice.",
                "就税额向渠道提出差错申诉：提供交易、双方税额与税率，并要求更正发票。";
        }
    ]
    NET_ARITHMETIC [
        Dispute at Provider {
            if
                "No column of the row that the job does not read explains the gap.",
                "该行中没有作业未读取而能解释差额的列。";
            do
                "Send the provider the row with its gross, fee, tax and net, and ask which one is wrong.",
                "把该行的总额、手续费、税费、净额发给渠道，要求说明何项有误。";
        }
    ]
    NET_ROUNDING [
        WriteOff at Ledger {
            if
                "Policy has not settled the variance already, and fee and tax of the row are confirmed.",
                "该尾差尚未由策略核销，且该行手续费与税费已确认。";
            do
                "Write the variance of the net off to the rounding account, at most the limit.",
                "将净额尾差核销至尾差科目，不超过限额。";
        }
    ]
}
