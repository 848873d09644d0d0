//! Faults of a file or of the run: what to fetch again, look at or correct.

use super::{LOOKING, Place, Step, Verb};

plans! {
    STATEMENT_MISSING [
        Reload at Job {
            if
                "The provider has published the statement of this date; until it has, wait.",
                "渠道已发布该日期账单；未发布则等待。";
            do
                "Fetch the statement of this date and account, put it where the job looks for it, and run the date \
                 again. Only if the provider itself says that there was nothing to bill, put an empty file there, \
                 named like the statement with `.nobill` added.",
                "下载该日期、该账户的账单，放到作业读取的位置，再重跑该日期。仅当渠道明确答复当日无账单时，才在该处\
                 放一个以账单文件名加 `.nobill` 命名的空文件。";
        }
    ]
    TRAILER_MISMATCH [
        Reload at Job {
            if
                "The file on hand is kept as it is: it is the evidence.",
                "现有文件原样保留，作为证据。";
            do
                "Fetch the statement again and run the date again. Never edit rows or totals by hand.",
                "重新下载账单并重跑该日期。严禁手工修改明细或汇总。";
        }
        Dispute at Provider after 0 {
            if
                "The statement fetched again still does not add up to its own totals.",
                "重新下载的账单仍与其自身汇总不符。";
            do
                "Send the provider the file name, its checksum, the totals it declares and the sums of its rows, \
                 and ask for a corrected statement.",
                "把文件名、校验值、账单声明的汇总与明细合计发给渠道，要求重出正确账单。";
        }
    ]
    STATEMENT_TRUNCATED [
        Reload at Job {
            if
                "The download has ended and the file is not still being written.",
                "下载已结束，文件不在写入中。";
            do
                "Fetch the statement again, compare its size with what the provider announces, and run the date \
                 again. A file without its end marker is not a statement.",
                "重新下载账单，与渠道公布的大小核对，再重跑该日期。没有结束标记的文件不能作为账单。";
        }
    ]
    STATEMENT_RESTATED [
        Review at People {
            if LOOKING;
            do
                "Compare both versions of the statement row by row and ask the provider why it was issued again. \
                 Run the date again only when it is clear which version counts; repairs already made from the \
                 first version need a second look.",
                "逐行比较两个版本，并向渠道询问重出原因。确认以哪一版为准后再重跑该日期；已按旧版执行的处理须复查。";
        }
    ]
    STATEMENT_GAP [
        Reload at Job {
            if
                "The statements before and after the gap are of the same account.",
                "断档前后的账单属于同一账户。";
            do
                "Find the number or the period that is skipped, fetch that statement, and run the dates again in \
                 order.",
                "找出缺失的编号或期间，补下载该账单，按日期顺序重跑。";
        }
    ]
    STATEMENT_OVERLAP [
        Reload at Job {
            if
                "The dates of the rows were compared with the date that was asked for.",
                "已将明细日期与所请求的账单日期核对。";
            do
                "Fetch the statement of the right date: this one has rows of another day. Run the date again with \
                 it.",
                "下载正确日期的账单：现有文件含其他日期的明细。用新文件重跑该日期。";
        }
    ]
    ROW_REJECTED [
        Config at Job {
            if
                "The rejected rows were looked at in the table `rejects`: each names file, line, column and reason.",
                "已查看 `rejects` 表：每行注明文件、行、列与原因。";
            do
                "If the rows are good, correct the column, date or decimal setting of the source in the job; if \
                 they are not, ask whoever made the file for a corrected one. Then run the date again.",
                "明细本身正确时，修改作业中该来源的列、日期或小数设置；明细有误时，请出具方重出文件。然后重跑该日\
                 期。";
        }
    ]
    UNMAPPED_CODE [
        Config at Job {
            if
                "The meaning of the code is known from the provider's documentation or answer; it is not guessed.",
                "该代码的含义已由渠道文档或答复确认，不得猜测。";
            do
                "Map the code in the job and run the date again. Until then its rows count as ADJUSTMENT.",
                "在作业中补充该代码的映射并重跑该日期。补充之前，相关明细按 ADJUSTMENT 处理。";
        }
    ]
    SCHEMA_DRIFT [
        Config at Job {
            if
                "The new header was compared with the provider's documentation.",
                "已将新表头与渠道文档核对。";
            do
                "If the format changed, correct the columns of the source in the job; if the wrong type of file \
                 was fetched, fetch the right one. Then run the date again.",
                "格式变更时，修改作业中该来源的列定义；下载了错误类型的文件时，重新下载。然后重跑该日期。";
        }
    ]
    LEDGER_EXTRACT_INCOMPLETE [
        Reload at Job {
            if
                "The ledger is closed for this date, and the replica that is read has caught up with the cut-off.",
                "平台当日已结账，且读取的副本已追上切点。";
            do
                "Extract the ledger again with its count and sum, and run the date again. Until then every missing \
                 record may only be one that was not extracted.",
                "重新抽取平台流水及其笔数、金额合计，再重跑该日期。在此之前，缺失的记录可能只是未被抽取。";
        }
    ]
    MATCH_RATE_COLLAPSE [
        Config at Job {
            if
                "The cause was seen in the raw file or in the job, and not guessed.",
                "原因已在原始文件或作业中得到证实，而非猜测。";
            do
                "Look for the one cause before looking at rows: wrong date, wrong account, changed column or \
                 number format. Correct it, run the date again, and act on no difference of this run.",
                "先找共同原因，不看单笔：日期错误、账户错误、列或单号格式变更。改正后重跑该日期；不得依据本次差异做\
                 任何处理。";
        }
    ]
    VOLUME_ANOMALY [
        Review at People {
            if LOOKING;
            do
                "Compare count and amount with the same weekday before, and ask business whether a campaign, an \
                 outage or a holiday explains it. If nothing does, check that both books are complete.",
                "与往期同一星期几的笔数、金额比较，并向业务确认是否有活动、故障或节假日。无法解释时，核查双方数据是\
                 否完整。";
        }
    ]
    AMOUNT_SCALE [
        Config at Job {
            if
                "The raw amounts of a few records were compared in the files of both sides.",
                "已抽取若干笔，核对双方原始文件中的金额。";
            do
                "Find out which side gives major and which gives minor units (元 and 分), correct the unit of that \
                 source in the job, and run the date again. Correct no single amount.",
                "确认哪一方以元、哪一方以分为单位，修改作业中该来源的金额单位并重跑该日期。不得逐笔改金额。";
        }
    ]
    SYSTEMATIC_VARIANCE [
        Config at Job {
            if
                "The rate, rounding or unit in the job was compared with the signed contract.",
                "已将作业中的费率、取整方式或单位与签约合同核对。";
            do
                "If the job is wrong, correct its schedule or rounding and run the date again. Write off none of \
                 these variances meanwhile: one cause makes them all.",
                "作业设置有误时，修改费率表或取整方式并重跑该日期。在此期间不得核销其中任何一笔：它们出自同一原因。";
        }
        Dispute at Provider after 0 {
            if
                "The job agrees with the signed contract, so the provider's figures are wrong.",
                "作业设置与合同一致，即渠道数据有误。";
            do
                "Send the provider the pattern (count, sum, direction, since when) with a few examples, and ask \
                 for the correction of all of them.",
                "把规律（笔数、合计、方向、起始日期）和若干样例发给渠道，要求整体更正。";
        }
    ]
}
