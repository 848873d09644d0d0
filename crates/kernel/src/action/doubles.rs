//! Duplicates, and money that went to the wrong party.

use super::{ANY_TIME, LOOKING, Place, Step, Verb};

plans! {
    DUPLICATE_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query each payment of the order by its provider number, not by the order number alone. Count \
                 those that are SUCCESS and neither reversed nor refunded.",
                "按渠道单号逐笔查询该订单的每笔支付，不能只按订单号查询。统计状态为 SUCCESS 且未撤销、未退款的笔数。";
        }
        Refund at Provider after 0 {
            if
                "The query says SUCCESS for more payments than the order calls for, and the surplus one is neither \
                 reversed nor refunded nor meant for another order.",
                "查单结果为 SUCCESS 的支付多于应付笔数，且多出的一笔未撤销、未退款，也不属于其他订单。";
            do
                "Refund the surplus payment against its own provider number, at most the limit. Give this refund \
                 one refund number and use the same refund number on every further attempt.",
                "按多付那笔的渠道单号退款，金额不超过限额。为该退款确定一个退款单号，重试时必须使用同一退款单号。";
        }
    ]
    DUPLICATE_REFUND [
        Query at Provider {
            if ANY_TIME;
            do
                "Query both refund records by their provider numbers. Find out whether both are SUCCESS or one of \
                 them has failed or come back.",
                "按渠道单号查询两笔退款记录，确认是否均为 SUCCESS，或其中一笔失败、退回。";
        }
        Recall at People after 0 {
            if
                "The query says SUCCESS for both refunds, the ledger authorised one, and the surplus has not come \
                 back.",
                "查单结果两笔退款均为 SUCCESS，平台仅授权一笔，且多退部分尚未退回。";
            do
                "Ask the customer, or the provider, to return the surplus refund, at most the limit. Do not take \
                 it from another order of the customer without written consent.",
                "与客户或渠道协商退回多退金额，不超过限额。未经客户书面同意，不得从其其他订单中抵扣。";
        }
    ]
    DUPLICATE_PAYOUT [
        Freeze at Provider {
            if
                "The surplus payout has not come back (no payout return under its number).",
                "多打的一笔尚未退回（其单号下无退票）。";
            do
                "Stop every retry of this payout, under any number, and ask the provider to hold the surplus \
                 payout if it is not yet credited.",
                "停止以任何单号重试该笔打款，并请渠道拦截尚未入账的多打一笔。";
        }
        Query at Provider {
            if ANY_TIME;
            do
                "Query every payout under this number by its provider number. While one of them is unknown or \
                 pending, send nothing: no retry and no new number.",
                "按渠道单号逐笔查询该单号下的打款。只要有一笔状态未知或处理中，就不得再次打款：不重试，也不换新单\
                 号。";
        }
        Recall at People after 1 {
            if
                "The query says SUCCESS for both payouts and the obligation was for one.",
                "查单结果两笔打款均为 SUCCESS，而应付义务只有一笔。";
            do
                "Ask the payee, through the provider or directly, to return the surplus payout, at most the limit. \
                 Keep the request and the answer in writing.",
                "通过渠道或直接与收款人协商退回多打金额，不超过限额。请求与答复均须留存书面记录。";
        }
    ]
    DUPLICATE_LEDGER_ENTRY [
        Reverse at Ledger {
            if
                "The provider shows one success under this number, and the surplus entry is not the booking of \
                 another event.",
                "渠道在该单号下仅有一笔成功，且多记的一笔不是其他业务的入账。";
            do
                "Reverse the surplus entry with an entry that refers to it; keep the one that matches, and delete \
                 nothing.",
                "用关联的红字分录冲销多记的一笔；保留已匹配的一笔，不得删除记录。";
        }
    ]
    DUPLICATE_BOTH_IN [
        Query at Provider {
            if ANY_TIME;
            do
                "Query each payment of the order by its provider number and count those that are SUCCESS and not \
                 refunded.",
                "按渠道单号逐笔查询该订单的支付，统计状态为 SUCCESS 且未退款的笔数。";
        }
        Review at People after 0 {
            if LOOKING;
            do
                "Find out what the order calls for: instalments and top-ups are meant to be paid more than once. \
                 The books agree, so only the order itself can tell.",
                "核实订单应付几笔：分期、补款本就多次支付。双方账面相符，只有订单本身能说明。";
        }
        Refund at Provider after 1 {
            if
                "The review says that the customer paid more often than the order calls for, and the query says \
                 SUCCESS and not refunded for the surplus payment.",
                "复核确认客户多付，且查单结果显示多付的一笔为 SUCCESS、未退款。";
            do
                "Refund the surplus payment against its own provider number, at most the limit, and reverse its \
                 ledger entry. Use the same refund number on every further attempt.",
                "按多付那笔的渠道单号退款，金额不超过限额，并冲销平台对应分录。重试时必须使用同一退款单号。";
        }
    ]
    DUPLICATE_BOTH_OUT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query each refund or payout under this number by its provider number. While one is unknown, send \
                 nothing under this number or a new number.",
                "按渠道单号逐笔查询该单号下的退款或打款。只要有一笔状态未知，就不得以原单号或新单号再次支付。";
        }
        Review at People after 0 {
            if LOOKING;
            do
                "Find out how often this amount was owed. The books agree, so only the refund request or the \
                 obligation itself can tell.",
                "核实该金额应付几次。双方账面相符，只有退款申请或应付义务本身能说明。";
        }
        Recall at People after 1 {
            if
                "The review says that it was owed once, and the query says SUCCESS for more than one.",
                "复核确认只应支付一次，且查单结果有一笔以上为 SUCCESS。";
            do
                "Ask whoever was paid twice to return the surplus, at most the limit, and book the claim.",
                "与多收方协商退回多付金额，不超过限额，并登记应收。";
        }
    ]
    DUPLICATE_SETTLEMENT [
        Review at People {
            if LOOKING;
            do
                "Compare both bank credits with the batch: reference, amount, value date. Make sure that the \
                 second one is not the settlement of another batch.",
                "将两笔银行入账与批次核对：参考号、金额、起息日。确认第二笔不是其他批次的结算款。";
        }
        Dispute at Provider after 0 {
            if
                "The review says that one batch was paid twice.",
                "复核确认同一批次被结算两次。";
            do
                "Tell the provider and agree on how it takes the surplus back. Book the surplus as owed to the \
                 provider and do not spend it.",
                "通知渠道并商定退回方式。将多付款项记为应付渠道款，不得动用。";
        }
    ]
    SUSPECTED_DUPLICATE [
        Review at People {
            if LOOKING;
            do
                "Look at both orders and ask the customer or payee whether both were meant; subscriptions and \
                 shared wallets often are. If one was not, it needs a query and an approval of its own before \
                 money moves.",
                "核对两笔订单，并向客户或收款人确认是否均为本意；订阅、共用账户常属正常。如有一笔并非本意，须先查单\
                 并单独审批，方可动用资金。";
        }
    ]
    BENEFICIARY_MISMATCH [
        Freeze at Provider {
            if
                "The account in the statement is not a masked or differently written form of the account in the \
                 ledger.",
                "账单中的收款账户不是平台账户的脱敏或其他写法。";
            do
                "Stop every further payment to the account in the statement and ask the provider to hold this one \
                 if it is not yet credited. Report it as possible fraud.",
                "停止向账单所示账户的一切付款，并请渠道拦截尚未入账的本笔。按疑似欺诈上报。";
        }
        Query at Provider {
            if ANY_TIME;
            do
                "Ask the provider which account it credited, and compare it with the instruction that was sent.",
                "向渠道查询实际入账账户，并与发出的付款指令核对。";
        }
        Recall at People after 1 {
            if
                "The query says SUCCESS to an account that the instruction does not name.",
                "查单结果为 SUCCESS，且入账账户并非付款指令所载账户。";
            do
                "Demand the money back from the account that received it, through the provider or the bank, at \
                 most the limit. Do not pay the right account before the person in charge has approved it; a \
                 payment in an unknown state is never sent under a new number.",
                "通过渠道或银行向实际收款账户追回款项，不超过限额。未经负责人批准，不得向正确账户付款；状态未知的付\
                 款绝不换新单号重发。";
        }
    ]
    MERCHANT_MISMATCH [
        Adjust at Ledger {
            if
                "Both accounts are ours, and the provider number is the same on both sides.",
                "两个商户号均属本公司，且双方渠道单号一致。";
            do
                "Move the ledger entry to the account under which the provider has it; the amount does not change. \
                 Find out why it was booked under the other one.",
                "将平台分录转至渠道所列商户号，金额不变。查明记入另一商户号的原因。";
        }
    ]
    CHANNEL_MISMATCH [
        Adjust at Ledger {
            if
                "The payment method in the statement was compared with the order.",
                "已将账单所列支付方式与订单核对。";
            do
                "Correct the payment method in the ledger to that of the statement, so that the right fee is \
                 expected. The amount does not change.",
                "将平台的支付方式更正为账单所列，以便按正确费率计算手续费。金额不变。";
        }
    ]
    FIELD_MISMATCH [
        Review at People {
            if LOOKING;
            do
                "Look at the column that differs and decide which side is right. If the two sides always write it \
                 differently, take the column out of the comparison in the job.",
                "查看不一致的字段，判断以哪一方为准。如双方写法历来不同，则在作业中取消该字段的比较。";
        }
    ]
}
