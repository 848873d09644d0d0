//! Records that only one side has, or that nothing brings together.

use super::{ANY_TIME, LOOKING, Place, Step, Verb};

plans! {
    MISSING_IN_LEDGER_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its provider number. Look the order up in the ledger in every status and on \
                 every day, not only among tonight's successes.",
                "按渠道单号查单。在平台按任意状态、任意日期查找该订单，不限于当日成功记录。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with this amount and currency, the order is found, and the ledger has no \
                 payment for it yet.",
                "查单结果为 SUCCESS 且金额、币种一致，订单存在，平台尚未记录该订单的支付。";
            do
                "Book the payment to the order under the provider's number, on the day on which the provider has it.",
                "按渠道单号将该支付补记到订单，记账日以渠道为准。";
        }
        Refund at Provider after 0 {
            if
                "The query says SUCCESS and not refunded, no order is found in the ledger in any status, and the \
                 payment was not booked.",
                "查单结果为 SUCCESS 且未退款，平台任何状态下均查无订单，且该支付未被补记。";
            do
                "Only when nobody can name the order: refund the payment against its provider number, at most the \
                 limit. Use the same refund number on every further attempt.",
                "仅当无人能确认所属订单时：按渠道单号退款，金额不超过限额。重试时必须使用同一退款单号。";
        }
    ]
    MISSING_IN_LEDGER_OUTFLOW [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the movement by its provider number: money left the account and the books do not know. Find \
                 out who asked for it, and when.",
                "按渠道单号查询：资金已流出而账上无记录。查明由谁、何时发起。";
        }
        Book at Ledger after 0 {
            if
                "The query says SUCCESS with this amount, somebody with the authority to do so asked for it, and \
                 the ledger still has nothing under its number.",
                "查单结果为 SUCCESS 且金额一致，由有权人员发起，平台该单号下仍无记录。";
            do
                "Book the outflow under the provider's number, on the day on which the provider has it.",
                "按渠道单号补记该笔支出，记账日以渠道为准。";
        }
        Recall at People after 0 {
            if
                "The query says SUCCESS, nobody with the authority to do so asked for it, and it was not booked.",
                "查单结果为 SUCCESS，无有权人员发起，且未被补记。";
            do
                "Demand the money back from whoever received it, through the provider, at most the limit.",
                "通过渠道向收款方追回款项，不超过限额。";
        }
    ]
    MISSING_IN_LEDGER_OTHER [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the movement up at the provider by its number: what is it, and which account, order or batch \
                 does it belong to?",
                "按单号在渠道查询：属于何种业务，对应哪个账户、订单或批次。";
        }
        Book at Ledger after 0 {
            if
                "The provider confirms the movement with this amount, and the ledger still has nothing under its \
                 number.",
                "渠道确认该笔变动且金额一致，平台该单号下仍无记录。";
            do
                "Book it to the account or order that the answer names. If nobody can name one, book it to the \
                 suspense account and ask the person in charge.",
                "按查询结果记入对应账户或订单。无法确认归属时，记入待查科目并请负责人处理。";
        }
    ]
    MISSING_AT_PROVIDER_PAYMENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payment by its order number, and by its provider number if the ledger has one. Write \
                 down the provider's answer and its time.",
                "按订单号查单；平台有渠道单号的，也按渠道单号查。记录渠道答复与时间。";
        }
        Reject at People after 0 {
            if
                "The query says SUCCESS with this amount: the payment exists and only the statement lacks it.",
                "查单结果为 SUCCESS 且金额一致：支付存在，只是账单未列。";
            do
                "Keep the ledger entry and ask the provider for the statement on which this payment stands, or for \
                 a corrected one.",
                "保留平台分录，要求渠道说明该支付列于哪一期账单，或更正账单。";
        }
        Reverse at Ledger after 0 {
            if
                "The query says that the payment does not exist, failed or was closed. A time-out or an unknown \
                 state is not an answer.",
                "查单结果为支付不存在、失败或已关闭。超时或状态未知不算答复。";
            do
                "Reverse the ledger entry with an entry that refers to it. If the goods are already delivered, \
                 tell the person in charge: the customer has not paid for them.",
                "用关联的红字分录冲销平台记账。商品已交付的，通知负责人：客户并未付款。";
        }
    ]
    MISSING_AT_PROVIDER_PAYOUT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the payout by its own number. Until the provider gives a final answer, do not send it again \
                 and never under a new number: an unknown payout may have been paid.",
                "按原打款单号查单。渠道给出终态之前，不得重发，更不得换新单号：状态未知的打款可能已经付出。";
        }
        Reject at People after 0 {
            if
                "The query says SUCCESS with this amount: the payout was made and only the statement lacks it.",
                "查单结果为 SUCCESS 且金额一致：打款已完成，只是账单未列。";
            do
                "Keep the ledger entry and ask the provider for the statement on which this payout stands, or for \
                 a corrected one.",
                "保留平台分录，要求渠道说明该打款列于哪一期账单，或更正账单。";
        }
        Reverse at Ledger after 0 {
            if
                "The query says that the payout does not exist or failed, as a final state. A time-out or an \
                 unknown state is not an answer.",
                "查单结果为打款不存在或失败，且为终态。超时或状态未知不算答复。";
            do
                "Reverse the ledger entry with an entry that refers to it, so that the payee is owed again. Paying \
                 is a decision of its own and not part of this item.",
                "用关联的红字分录冲销平台记账，恢复对收款人的应付。是否再次付款另行审批，不属于本条。";
        }
    ]
    MISSING_AT_PROVIDER_OTHER [
        Query at Provider {
            if ANY_TIME;
            do
                "Look the entry up at the provider by every number the ledger has for it.",
                "用平台记录的所有单号在渠道查询该笔记录。";
        }
        Reject at People after 0 {
            if
                "The provider confirms the movement with this amount: only the statement lacks it.",
                "渠道确认该笔变动且金额一致：只是账单未列。";
            do
                "Keep the ledger entry and ask the provider for the statement on which it stands, or for a \
                 corrected one.",
                "保留平台分录，要求渠道说明列于哪一期账单，或更正账单。";
        }
        Reverse at Ledger after 0 {
            if
                "The provider says, as a final answer, that there was no such movement.",
                "渠道终态答复无此变动。";
            do
                "Reverse the ledger entry with an entry that refers to it, and find out from what it was booked.",
                "用关联的红字分录冲销平台记账，并查明当初的记账依据。";
        }
    ]
    ORPHAN_EVENT [
        Query at Provider {
            if ANY_TIME;
            do
                "Query the event by its number and ask for the payment it goes back to. Look that payment up in \
                 the ledger on all days.",
                "按单号查询该事件，取得其对应的原支付，并在平台按全部日期查找。";
        }
        Review at People after 0 {
            if LOOKING;
            do
                "Decide whose event it is: of an order older than the history, of another application on the same \
                 account, or of nobody. Book or contest nothing before that is known.",
                "判断该事件的归属：早于历史范围的订单、同一商户号下的其他应用，或无归属。查明之前不补记、不申诉。";
        }
    ]
    PERIOD_MISMATCH [
        Adjust at Ledger {
            if
                "Amount, currency and status agree on both sides, and only the day differs.",
                "双方金额、币种、状态一致，仅记账日不同。";
            do
                "Date the ledger entry to the provider's day; if that period is closed, book the shift by an \
                 accrual in the open one.",
                "将平台分录的记账日调整为渠道日期；该账期已关闭的，在当期以应计分录调整。";
        }
    ]
    AMBIGUOUS_MATCH [
        Review at People {
            if LOOKING;
            do
                "Look at all candidates and find a number, a name or a time that only one pair shares. If nothing \
                 tells them apart, leave them open and ask the provider.",
                "逐一查看候选，找出只有一对相符的单号、名称或时间。无法区分时保持挂账并询问渠道。";
        }
    ]
    KEY_MISSING [
        Review at People {
            if LOOKING;
            do
                "Find the order from amount, time and party, and note its number. Then ask why the source leaves \
                 the number out, and map the column if it has one.",
                "按金额、时间、对方查找所属订单并记录单号。再查明来源为何缺少单号；如有对应列，则在作业中映射。";
        }
    ]
}
