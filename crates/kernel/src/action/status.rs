//! Both sides have it, in different states; refunds and payouts that went wrong.

use super::{ANY_TIME, LOOKING, Place, Step, Verb};

plans! {
    STATUS_PROVIDER_SUCCESS_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its provider number and compare status, amount and currency with the order.",
                "按渠道单号查单，将状态、金额、币种与订单核对。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with the amount of the order, not refunded, and the ledger still has no \
                 successful payment for it.",
                "查单结果为 SUCCESS、金额与订单一致且未退款，平台仍无该订单的成功支付。";
            do
                "Set the payment in the ledger to success under the provider's number, with the provider's time.",
                "按渠道单号与渠道时间，将平台该笔支付置为成功。";
        }
        Fulfil at Ledger after 1 {
            if
                "The payment is booked, and the order is neither delivered nor cancelled nor refunded.",
                "支付已补记，订单尚未交付、未取消、未退款。";
            do
                "Deliver what was ordered, once. If it cannot be delivered any more, leave it and ask the person \
                 in charge.",
                "补发订单商品或服务，只发一次。已无法交付的，不处理并请负责人决定。";
        }
    ]
    STATUS_PROVIDER_SUCCESS_REFUND [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its own refund number. Find out whether the customer was meanwhile repaid in \
                 another way, because the ledger took the refund for open or failed.",
                "按原退款单号查询。平台曾视其为未完成或失败，须查明期间是否已以其他方式退给客户。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with this amount, and the ledger still has the refund as open or failed.",
                "查单结果为 SUCCESS 且金额一致，平台仍记为未完成或失败。";
            do
                "Set the refund in the ledger to success. Do not refund again under any number.",
                "将平台该笔退款置为成功。不得以任何单号再次退款。";
        }
    ]
    STATUS_PROVIDER_SUCCESS_PAYOUT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payout by its own number. Stop any retry that is waiting: the provider says that it was \
                 paid.",
                "按原打款单号查单。停止等待中的重试：渠道显示已付出。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with this amount and payee, and the ledger still has the payout as open or \
                 failed.",
                "查单结果为 SUCCESS 且金额、收款人一致，平台仍记为未完成或失败。";
            do
                "Set the payout in the ledger to success. Do not pay again, neither under this number nor under a \
                 new number.",
                "将平台该笔打款置为成功。不得再次付款，无论原单号还是新单号。";
        }
    ]
    STATUS_PROVIDER_SUCCESS_OTHER [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the movement up at the provider by its number and compare status and amount with the ledger.",
                "按单号在渠道查询，将状态、金额与平台核对。";
        }
        Book at Ledger after 0 {
            if
                "The provider confirms success with this amount, and the ledger still has it as open or failed.",
                "渠道确认成功且金额一致，平台仍记为未完成或失败。";
            do
                "Set the entry in the ledger to success under the provider's number.",
                "按渠道单号将平台该笔记录置为成功。";
        }
    ]
    LATE_SUCCESS_AFTER_CLOSE [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its provider number: is it SUCCESS, and was it refunded already? Look at \
                 when the order was closed, and why.",
                "按渠道单号查单：是否为 SUCCESS、是否已退款。查看订单关闭的时间与原因。";
        }
        Refund at Provider after 0 {
            if
                "The query says SUCCESS and not refunded, and the order is still closed.",
                "查单结果为 SUCCESS 且未退款，订单仍为关闭状态。";
            do
                "Refund the whole payment against its provider number, at most the limit. Use the same refund \
                 number on every further attempt, and do not reopen the order.",
                "按渠道单号全额退款，不超过限额。重试时必须使用同一退款单号，且不得再重开订单。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS, no refund was asked for, and a person has reopened the order because \
                 stock and customer allow it.",
                "查单结果为 SUCCESS，未申请退款，且库存与客户意愿允许，已由人工重开订单。";
            do
                "Book the payment to the reopened order under the provider's number, instead of the refund.",
                "按渠道单号将支付记入重开的订单，不再退款。";
        }
    ]
    STATUS_LEDGER_SUCCESS_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its order number and its provider number. FAILED and CLOSED are final; while \
                 it is pending or unknown, do nothing but query again later.",
                "按订单号与渠道单号查单。FAILED、CLOSED 为终态；处理中或未知时只能稍后再查，不做其他处理。";
        }
        Reverse at Ledger after 0 {
            if
                "The query says FAILED or CLOSED, and the period of the ledger entry is open.",
                "查单结果为 FAILED 或 CLOSED，且平台分录所在账期未关闭。";
            do
                "Reverse the payment in the ledger with an entry that refers to it and set the order to unpaid. If \
                 the goods are already delivered, tell the person in charge to collect from the customer.",
                "用关联的红字分录冲销该支付，并将订单置为未支付。商品已交付的，通知负责人向客户收款。";
        }
        Adjust at Ledger after 0 {
            if
                "The query says FAILED or CLOSED, and the period of the ledger entry is closed.",
                "查单结果为 FAILED 或 CLOSED，且平台分录所在账期已关闭。";
            do
                "Take the payment back by an adjustment in the open period, and set the order to unpaid. If the \
                 goods are already delivered, tell the person in charge to collect from the customer.",
                "在当期以调账分录冲回该支付，并将订单置为未支付。商品已交付的，通知负责人向客户收款。";
        }
    ]
    STATUS_LEDGER_SUCCESS_REFUND [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its own refund number. While it is pending or unknown, do not refund again \
                 under any number.",
                "按原退款单号查询。处理中或未知时，不得以任何单号再次退款。";
        }
        Reverse at Ledger after 0 {
            if
                "The query says FAILED or CLOSED, and the period of the ledger entry is open.",
                "查单结果为 FAILED 或 CLOSED，且平台分录所在账期未关闭。";
            do
                "Reverse the refund in the ledger, so that the customer is owed again. Whoever repeats the refund \
                 uses the same refund number.",
                "冲销平台该笔退款，恢复对客户的应退。再次退款时必须使用同一退款单号。";
        }
        Adjust at Ledger after 0 {
            if
                "The query says FAILED or CLOSED, and the period of the ledger entry is closed.",
                "查单结果为 FAILED 或 CLOSED，且平台分录所在账期已关闭。";
            do
                "Take the refund back by an adjustment in the open period, so that the customer is owed again. \
                 Whoever repeats the refund uses the same refund number.",
                "在当期以调账分录冲回该笔退款，恢复对客户的应退。再次退款时必须使用同一退款单号。";
        }
    ]
    STATUS_LEDGER_SUCCESS_OTHER [
        Query at Provider {
            if ANY_TIME;
            do
                "Look it up at the provider by its number. While it is pending or unknown, change nothing and send \
                 nothing again, least of all under a new number.",
                "按单号在渠道查询。处理中或未知时，不改账、不重发，更不得换新单号。";
        }
        Reverse at Ledger after 0 {
            if
                "The provider's final answer is FAILED or CLOSED, and the period of the ledger entry is open.",
                "渠道终态为 FAILED 或 CLOSED，且平台分录所在账期未关闭。";
            do
                "Reverse the entry in the ledger with an entry that refers to it.",
                "用关联的红字分录冲销平台记账。";
        }
        Adjust at Ledger after 0 {
            if
                "The provider's final answer is FAILED or CLOSED, and the period of the ledger entry is closed.",
                "渠道终态为 FAILED 或 CLOSED，且平台分录所在账期已关闭。";
            do
                "Take the entry back by an adjustment in the open period.",
                "在当期以调账分录冲回该笔记账。";
        }
    ]
    REVERSAL_UNBOOKED [
        Reverse at Ledger {
            if
                "The statement shows the reversal as SUCCESS, and the ledger still has the payment as a success \
                 and nothing that takes it back.",
                "账单显示撤销/冲正为 SUCCESS，平台仍记支付成功且无对应冲回。";
            do
                "Reverse the payment in the ledger under the number of the reversal and stop a delivery that has \
                 not left. If the goods are delivered, tell the person in charge: the customer has the money back.",
                "按撤销单号冲销平台该笔支付，未发出的交付予以停止。商品已交付的，通知负责人：款项已退回客户。";
        }
    ]
    REVERSAL_UNCONFIRMED_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its provider number: was it reversed or refunded after the statement was made?",
                "按渠道单号查单：账单生成后是否已撤销或退款。";
        }
        Refund at Provider after 0 {
            if
                "The query says SUCCESS, neither reversed nor refunded, and the ledger still has the payment as \
                 reversed.",
                "查单结果为 SUCCESS，未撤销、未退款，平台仍记为已冲正。";
            do
                "Refund the payment against its provider number, at most the limit: the ledger gave it up and the \
                 customer's money is still here. Use the same refund number on every further attempt.",
                "按渠道单号退款，金额不超过限额：平台已冲正而客户资金仍在我方。重试时必须使用同一退款单号。";
        }
    ]
    REVERSAL_UNCONFIRMED_OUTFLOW [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund or payout by its own number: the ledger took it back and the provider says that \
                 it was paid. While it is unknown, do not pay again under a new number.",
                "按原单号查询该退款或打款：平台已冲回而渠道显示已付出。状态未知时，不得换新单号再次支付。";
        }
        Recall at People after 0 {
            if
                "The query says SUCCESS and not returned, and the payment was indeed not meant to be made.",
                "查单结果为 SUCCESS 且未退回，并确认该笔本不应支付。";
            do
                "Ask whoever was paid to return the money, at most the limit. If it was owed after all, leave it \
                 and have the ledger entry restored.",
                "与收款方协商退回款项，不超过限额。确属应付的，不追回，改为恢复平台分录。";
        }
    ]
    REVERSAL_UNCONFIRMED_OTHER [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the movement up at the provider by its number: was it undone after the statement was made?",
                "按单号在渠道查询：账单生成后是否已撤回。";
        }
        Review at People after 0 {
            if LOOKING;
            do
                "Decide with the provider's answer which side is right, and have the other one corrected.",
                "依据渠道答复判断以哪一方为准，并更正另一方。";
        }
    ]
    REFUND_UNAUTHORISED [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its number and find out who made it: the provider's portal names the \
                 operator, the API the application.",
                "按单号查询该退款并查明发起方：渠道后台可见操作员，接口退款可见应用。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with this amount, somebody with the authority to do so made it, and the \
                 ledger still has nothing under its number.",
                "查单结果为 SUCCESS 且金额一致，由有权人员发起，平台该单号下仍无记录。";
            do
                "Book the refund to its order under the provider's number, so that it is not made a second time.",
                "按渠道单号将该退款补记到订单，以免重复退款。";
        }
        Freeze at Provider after 0 {
            if
                "Nobody with the authority to do so made it, and it was not booked.",
                "无有权人员发起，且未被补记。";
            do
                "Withdraw the portal or API access that made it and stop further refunds of the order. Report it \
                 as possible fraud.",
                "停用发起该退款的后台账号或接口权限，停止该订单的后续退款。按疑似欺诈上报。";
        }
        Dispute at Provider after 0 {
            if
                "Nobody at the company made it: it is the provider's own act or an error of its statement.",
                "本公司无人发起：属渠道自行退款或账单错误。";
            do
                "Dispute the refund with the provider: send its number, amount and time, and ask for the origin \
                 and the money.",
                "向渠道提出差错申诉：提供单号、金额、时间，要求说明来源并退还款项。";
        }
    ]
    REFUND_NOT_EXECUTED [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its own refund number. A time-out is not an answer.",
                "按原退款单号查询。超时不算答复。";
        }
        Refund at Provider after 0 {
            if
                "The query says that no such refund exists or that it failed, and what is left of the payment \
                 covers it. Not while it is pending or unknown.",
                "查单结果为退款不存在或失败，且原支付可退余额充足。处理中或未知时不得执行。";
            do
                "Send the refund again with the same refund number and the same amount, at most the limit. Never \
                 with a new number: that would be a second refund.",
                "以同一退款单号、同一金额再次提交退款，不超过限额。绝不可换新单号：那将构成第二笔退款。";
        }
    ]
    REFUND_FAILED [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its own refund number and confirm that its money came back to our balance. \
                 Ask why: closed card, frozen account, wrong name.",
                "按原退款单号查询，确认款项已退回我方余额。查明原因：销卡、账户冻结、户名不符等。";
        }
        Repay at People after 0 {
            if
                "The query says that the refund failed or came back, as a final state, and the customer has not \
                 been repaid in another way.",
                "查单结果为退款失败或已退回，且为终态，客户未以其他方式获得退款。";
            do
                "The customer is owed again: agree on another route with the customer and pay, at most the limit. \
                 If the provider lets the old refund be tried again, use the same refund number.",
                "对客户的应退恢复：与客户商定其他收款方式后支付，不超过限额。渠道允许重试原退款的，使用同一退款单\
                 号。";
        }
    ]
    OVER_REFUND [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment and all refunds of the order by their numbers, over its whole life, and add up \
                 what succeeded.",
                "按单号查询该订单全周期的支付与全部退款，汇总成功金额。";
        }
        Recall at People after 0 {
            if
                "The query confirms that successful refunds and chargebacks exceed the payment, and that none of \
                 them has come back.",
                "查单确认成功的退款与退单合计超过支付金额，且均未退回。";
            do
                "Stop further refunds of the order and ask the customer to return the excess, at most the limit.",
                "停止该订单的后续退款，与客户协商退回超出部分，不超过限额。";
        }
    ]
    REFUND_STUCK [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the refund by its own refund number and ask the provider for a date. Do not send it again \
                 under a new number: the first one may still be paid.",
                "按原退款单号查询，并要求渠道给出完成时间。不得换新单号重发：原退款仍可能到账。";
        }
    ]
    PAYOUT_FAILED [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payout by its own number until the answer is final. Time-out, pending and unknown are \
                 not failures.",
                "按原打款单号查单，直至取得终态。超时、处理中、未知均不等于失败。";
        }
        Repay at Provider after 0 {
            if
                "The query says FAILED or CLOSED as a final state, the money is back on our balance, and no other \
                 payout was made for the obligation.",
                "查单终态为 FAILED 或 CLOSED，款项已回到我方余额，且该应付义务未另行付款。";
            do
                "Correct what made it fail and pay again, at most the limit; the payee is owed the money. A payout \
                 whose state is unknown is never sent under a new number.",
                "排除失败原因后重新打款，不超过限额；该款仍应付收款人。状态未知的打款绝不换新单号重发。";
        }
    ]
    PAYOUT_RETURNED [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payout by its own number: confirm the return, its amount and its reason.",
                "按原打款单号查单：确认退票、金额及原因。";
        }
        Book at Ledger after 0 {
            if
                "The query or the statement confirms the return with this amount, and the ledger has not booked it \
                 yet.",
                "查单或账单确认退票且金额一致，平台尚未入账。";
            do
                "Book the return against the payout it belongs to, so that the payee is owed again.",
                "将退票记入对应的打款，恢复对收款人的应付。";
        }
        Repay at Provider after 1 {
            if
                "The return is booked, the payee's account details are corrected and confirmed, and nobody has \
                 paid it again.",
                "退票已入账，收款账户信息已更正并确认，且无人已重新打款。";
            do
                "Pay again to the confirmed account, at most the limit, under one payout number that refers to the \
                 returned one. If that attempt ends unknown, query it; no new number.",
                "向确认后的账户重新打款，不超过限额，使用一个关联原打款的单号。结果未知时只查单，不得换新单号。";
        }
    ]
    PAYOUT_STUCK [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payout by its own number and ask the provider for a date. Do not pay again: a payout in \
                 an unknown state is never sent under a new number.",
                "按原打款单号查单，并要求渠道给出完成时间。不得再次付款：状态未知的打款绝不换新单号重发。";
        }
    ]
    PAYOUT_UNAUTHORISED [
        Freeze at Provider {
            if
                "The ledger still has no payout under this number, in any status and on any day.",
                "平台在任何状态、任何日期下仍无该单号的打款。";
            do
                "Stop payouts from this account and ask the provider to hold this one if it is not yet credited. \
                 Then find out who ordered it, and report it as possible fraud.",
                "停止该账户的打款，并请渠道拦截尚未入账的本笔。随后查明由谁发起，按疑似欺诈上报。";
        }
    ]
}
