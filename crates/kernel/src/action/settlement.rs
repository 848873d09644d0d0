//! Disputes of payers, settlement, reserves and balances.

use super::{ANY_TIME, LOOKING, Place, Step, Verb};

plans! {
    CHARGEBACK_UNBOOKED [
        Book at Ledger {
            if
                "The ledger still has no chargeback under this number, and it is not a refund that was booked \
                 otherwise.",
                "平台该单号下仍无退单，且并非已另行入账的退款。";
            do
                "Book the chargeback against its payment, with the provider's number and reason code.",
                "将退单记入对应支付，注明渠道单号与原因代码。";
        }
        Represent at Provider {
            if
                "The deadline for an answer has not passed, the payment was not refunded, and there is evidence of \
                 delivery or consent.",
                "答辩期限未过，该支付未退款，且有交付或授权证据。";
            do
                "Contest the chargeback with that evidence before the deadline. If there is none, accept it and \
                 let the deadline pass.",
                "在期限内以上述证据抗辩。无证据的，接受退单，不予抗辩。";
        }
    ]
    CHARGEBACK_REVERSAL_UNBOOKED [
        Book at Ledger {
            if
                "The chargeback it undoes is booked, and the ledger still has nothing under the number of the \
                 reversal.",
                "所撤销的退单已入账，平台该撤销单号下仍无记录。";
            do
                "Book the money that came back against the chargeback it undoes. Tell whoever handles the dispute: \
                 a second chargeback may follow.",
                "将退回款项记入对应退单。告知争议处理人员：可能再次退单。";
        }
    ]
    CHARGEBACK_STAGE_MISMATCH [
        Review at People {
            if LOOKING;
            do
                "Look the case up in the provider's portal and set the stage in the ledger to it. Mind the \
                 deadline of that stage; an inquiry moves no money.",
                "在渠道后台查看该争议，将平台阶段更新一致。注意该阶段期限；调单不涉及资金。";
        }
    ]
    CHARGEBACK_FEE_UNBOOKED [
        Book at Ledger {
            if
                "The ledger still has no dispute fee under this number.",
                "平台该单号下仍无退单费。";
            do
                "Book the dispute fee to the fee account, apart from the disputed amount.",
                "将退单费记入手续费科目，与争议金额分开。";
        }
    ]
    DOUBLE_DIP [
        Dispute at Provider {
            if
                "The refund is SUCCESS at the provider and goes back to the same payment as the chargeback, and \
                 the deadline has not passed.",
                "渠道退款状态为 SUCCESS，与退单同属一笔支付，且期限未过。";
            do
                "Represent the chargeback with proof of the refund: its number, amount and time. Refund nothing \
                 more of this order.",
                "以退款证明（单号、金额、时间）对退单提出抗辩。该订单不得再退款。";
        }
    ]
    SETTLEMENT_MISSING [
        Query at People {
            if ANY_TIME;
            do
                "Look for the credit at the bank under the batch number, the amount and the days around the value \
                 date. Then ask the provider whether and when it was sent.",
                "按批次号、金额及起息日前后在银行查找入账。再向渠道确认是否、何时划出。";
        }
        Dispute at Provider after 0 {
            if
                "The bank confirms that it was not credited, and the provider names no later date that business \
                 days explain.",
                "银行确认未入账，且渠道未能给出可由工作日解释的更晚日期。";
            do
                "Claim the settlement from the provider: send the batch number, its net and the value date, and \
                 ask for the bank's trace number.",
                "向渠道追索结算款：提供批次号、净额、起息日，并索取银行流水号。";
        }
    ]
    SETTLEMENT_SHORT [
        Dispute at Provider {
            if
                "The batch was compared by its net, and no later credit, bank charge or reserve explains the gap.",
                "已按批次净额比较，且无后续入账、银行费用或保证金可解释差额。";
            do
                "Claim the missing amount from the provider: send the batch number, its net and the bank credit.",
                "向渠道追索少付金额：提供批次号、净额与银行入账。";
        }
    ]
    SETTLEMENT_OVER [
        Dispute at Provider {
            if
                "The batch was compared by its net, and the credit does not hold another batch as well.",
                "已按批次净额比较，且该笔入账不含其他批次。";
            do
                "Tell the provider and ask what the excess is. Book it as owed to the provider and do not spend it.",
                "通知渠道并问明多付原因。多付款项记为应付渠道款，不得动用。";
        }
    ]
    SETTLEMENT_ROUNDING [
        WriteOff at Ledger {
            if
                "Policy has not settled the variance already, and batch and credit are final.",
                "该尾差尚未由策略核销，且批次与入账均为终值。";
            do
                "Write the variance of the settlement off to the rounding account, at most the limit.",
                "将结算尾差核销至尾差科目，不超过限额。";
        }
    ]
    BATCH_COMPOSITION [
        Dispute at Provider {
            if
                "All rows of the batch were read, including fees, corrections and carried balances.",
                "批次全部明细均已读取，包括费用、更正与结转余额。";
            do
                "Send the provider the batch number, the sum of its rows and the payout, and ask for the rows that \
                 are missing or too many.",
                "把批次号、明细合计与划款金额发给渠道，要求说明缺少或多出的明细。";
        }
    ]
    SETTLEMENT_UNALLOCATED [
        Review at People {
            if LOOKING;
            do
                "Find out from payer, reference and amount whose money it is: a late batch, another provider, or a \
                 direct transfer. Do not spend it before that is known.",
                "按付款人、附言、金额查明款项归属：迟到批次、其他渠道或直接转账。查明前不得动用。";
        }
    ]
    ADJUSTMENT_UNEXPLAINED [
        Query at People {
            if ANY_TIME;
            do
                "Ask the provider what the adjustment is for and which transaction or contract it rests on. Book \
                 it only with that answer.",
                "向渠道问明调账原因及对应交易或合同依据。取得答复后方可入账。";
        }
    ]
    RESERVE_MOVEMENT [
        Book at Ledger {
            if
                "The ledger has not booked this hold or release yet.",
                "平台尚未记录该笔冻结或释放。";
            do
                "Book it between the balance and the reserve account: the money is still ours. Note when a hold is \
                 due to be released.",
                "在余额与保证金科目之间记账：资金仍属我方。冻结的，记录预计释放日期。";
        }
    ]
    NEGATIVE_CARRY [
        Book at Ledger {
            if
                "The provider carries the negative net to a later batch and does not debit it from the bank account.",
                "渠道将负净额结转至后续批次，而非从银行账户扣收。";
            do
                "Book the negative net as owed to the provider and take it off the next batch, so that it is not \
                 lost.",
                "将负净额记为应付渠道款，并在下一批次中扣减，避免遗漏。";
        }
    ]
    BALANCE_BREAK [
        Reload at Job {
            if
                "The file on hand is kept as it is, and the statement before it ends on the opening balance.",
                "现有文件原样保留，且前一期账单期末余额等于本期期初。";
            do
                "Fetch the statement again and run the date again: rows are missing, doubled or out of order.",
                "重新下载账单并重跑该日期：明细可能缺失、重复或乱序。";
        }
        Dispute at Provider after 0 {
            if
                "The statement fetched again still does not lead from its opening to its closing balance.",
                "重新下载的账单仍无法由期初推至期末余额。";
            do
                "Send the provider the opening and closing balance and the sum of the rows, and ask for the \
                 missing movement.",
                "把期初、期末余额与明细合计发给渠道，要求说明缺失的变动。";
        }
    ]
}
