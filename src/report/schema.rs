//! The columns of every published table.

use super::sheet::{Holds, Spec, TableSpec};

macro_rules! columns {
    ($($name:literal $holds:ident $zh:literal $about:literal;)+) => {
        &[$(Spec { name: $name, holds: Holds::$holds, about: $about, zh: $zh },)+]
    };
}

/// One row per group that does not agree.
pub const DIFFERENCES: TableSpec = TableSpec {
    name: "differences",
    version: 2,
    columns: columns! {
        "difference_id" Text "差异编号" "the same for the same group on every run and every day";
        "business_date" Date "对账日" "the date of the run";
        "code" Text "代码" "what is wrong: the primary code";
        "label_en" Text "差异（英）" "the code in English words";
        "label_zh" Text "差异" "the code in Chinese words";
        "severity" Text "级别" "P0 to P3, INFO";
        "severity_reason" Text "级别原因" "why it has this tier: each step that counted";
        "flags" Text "附加标志" "other codes and notes that apply, separated by blanks";
        "settlement" Text "核销" "SETTLED or OPEN; none where the job settles nothing";
        "settlement_reason" Text "核销依据" "the rule that settled it, or why it was left open";
        "cash_effect" Text "现金影响" "SURPLUS, SHORTAGE or NONE";
        "cash_effect_zh" Text "长短款" "长款 or 短款";
        "cause" Text "原因" "why it arose, where that follows from the data";
        "pass" Text "匹配轮次" "the pass that brought the records together; none for a single record";
        "account" Text "账户" "the merchant account";
        "kind" Text "业务类型" "what kind of movement";
        "currency" Text "币种" "ISO 4217";
        "exponent" Integer "小数位" "decimals between minor and major unit";
        "exposure_minor" Integer "敞口（最小单位）" "statement effect less ledger effect; none across currencies";
        "exposure" Decimal "敞口" "the same in major units";
        "at_risk_minor" Integer "风险金额（最小单位）" "what could be lost";
        "at_risk" Decimal "风险金额" "the same in major units";
        "at_risk_base_minor" Integer "风险金额（本位币最小单位）" "the same in the job's base currency; none without a rate";
        "at_risk_base" Decimal "风险金额（本位币）" "the same in major units";
        "fee_delta_minor" Integer "手续费差额（最小单位）" "charged less expected fee; negative when too much was charged";
        "fee_delta" Decimal "手续费差额" "the same in major units";
        "ledger_amount_minor" Integer "平台金额（最小单位）" "the ledger's records, signed, whatever their status";
        "ledger_amount" Decimal "平台金额" "the same in major units";
        "statement_amount_minor" Integer "渠道金额（最小单位）" "the statement's records, signed, whatever their status";
        "statement_amount" Decimal "渠道金额" "the same in major units";
        "statement_currency" Text "渠道币种" "the statement's currency where it is another one";
        "ledger_status" Text "平台状态" "status of the ledger's records";
        "statement_status" Text "渠道状态" "status of the statement's records";
        "order_no" Text "订单号" "the order";
        "event_no" Text "业务单号" "order, refund, payout or dispute number";
        "provider_txn_id" Text "渠道流水号" "the provider's number";
        "counterparty" Text "对方账户" "the other party, masked";
        "occurred_at" Instant "发生时间" "the earliest of its records";
        "record_date" Date "业务日期" "the earliest business day of its records";
        "first_seen" Date "首次发现" "the run that saw it first";
        "age_business_days" Integer "账龄（工作日）" "business days for which it has been open: of a single record after its horizon";
        "ledger_source" Text "平台来源" "the ledger's source";
        "statement_source" Text "渠道来源" "the statement's source";
        "ledger_rows" Text "平台行" "file:line of each ledger record";
        "statement_rows" Text "渠道行" "file:line of each statement record";
        "related_rows" Text "相关行" "file:line of records that explain it and ended elsewhere";
        "explanation" Text "说明（英）" "what happened, in English";
        "explanation_zh" Text "说明" "what happened, in Chinese";
        "extra" Text "附加字段" "columns that the job carries along, as a JSON object per side";
    },
};

/// Columns of the differences that people get, in their order.
pub const DIFFERENCES_FOR_PEOPLE: [&str; 27] = [
    "severity",
    "severity_reason",
    "label_zh",
    "label_en",
    "code",
    "cash_effect_zh",
    "cash_effect",
    "account",
    "kind",
    "currency",
    "exposure",
    "at_risk",
    "fee_delta",
    "ledger_amount",
    "statement_amount",
    "ledger_status",
    "statement_status",
    "order_no",
    "event_no",
    "provider_txn_id",
    "explanation_zh",
    "explanation",
    "settlement",
    "settlement_reason",
    "ledger_rows",
    "statement_rows",
    "difference_id",
];

/// The journal of what was settled: two lines for each difference, which balance.
pub const SETTLEMENTS: TableSpec = TableSpec {
    name: "settlements",
    version: 2,
    columns: columns! {
        "journal_id" Text "凭证编号" "the same for the same difference, amount and accounts; book each id once";
        "reverses" Text "冲销凭证" "the entry that this one takes back; none for a settlement";
        "line" Integer "分录" "1 is debited, 2 is credited";
        "difference_id" Text "差异编号" "what it settles";
        "business_date" Date "对账日" "the date of the run";
        "code" Text "代码" "the code of the difference";
        "rule" Text "规则" "the class of variance whose rule applied";
        "source" Text "来源" "the statement's source";
        "account" Text "账户" "the merchant account";
        "ledger_account" Text "科目" "the account of the books";
        "currency" Text "币种" "ISO 4217";
        "exponent" Integer "小数位" "decimals between minor and major unit";
        "debit_minor" Integer "借方（最小单位）" "debited, without sign";
        "debit" Decimal "借方" "the same in major units";
        "credit_minor" Integer "贷方（最小单位）" "credited, without sign";
        "credit" Decimal "贷方" "the same in major units";
        "before_minor" Integer "调整前（最小单位）" "amount, fee or net as the books expect it";
        "before" Decimal "调整前" "the same in major units";
        "after_minor" Integer "调整后（最小单位）" "amount, fee or net as the provider has it";
        "after" Decimal "调整后" "the same in major units";
        "policy_sha256" Text "策略校验和" "of everything the job says";
        "ledger_rows" Text "平台行" "file:line of the ledger's record";
        "statement_rows" Text "渠道行" "file:line of the statement's record";
    },
};

/// What programs and people are to do: one row per action.
pub const WORKLIST: TableSpec = TableSpec {
    name: "worklist",
    version: 2,
    columns: columns! {
        "state" Text "状态" "ISSUED: new; OPEN: issued earlier, still needed, not issued again; CANCELLED: no longer needed; WITHHELD: the run's controls failed";
        "item_id" Text "工单编号" "W and half of the idempotency key";
        "idempotency_key" Text "幂等键" "hash of difference, verb, target and amount, of no run and no date; or of finding and verb";
        "difference_id" Text "差异编号" "the difference it is about, if it is about one";
        "finding_id" Text "发现编号" "else the finding of the date that issued it: then it has no account, kind, currency or number";
        "job" Text "作业" "the job";
        "business_date" Date "对账日" "the date of this record";
        "first_issued" Date "首次下发" "the date that issued it";
        "verb" Text "动作代码" "what to do";
        "verb_en" Text "动作（英）" "in English";
        "verb_zh" Text "动作" "in Chinese";
        "at" Text "执行方" "provider, ledger, people or job";
        "step" Integer "步骤" "counts the steps of a difference or finding from 1";
        "depends_on" Text "前置工单" "the item whose result it depends on; that it is done is no go-ahead: see the precondition";
        "code" Text "代码" "the code of the difference or finding";
        "flags" Text "附加标志" "other codes that apply";
        "severity" Text "级别" "P0 to P3, INFO";
        "cash_effect" Text "现金影响" "SURPLUS, SHORTAGE or NONE";
        "source" Text "来源" "the statement's source, or that of the finding";
        "account" Text "账户" "the merchant account";
        "kind" Text "业务类型" "what kind of movement";
        "order_no" Text "订单号" "the order";
        "event_no" Text "业务单号" "order, refund, payout or dispute number";
        "provider_txn_id" Text "渠道流水号" "the provider's number";
        "api" Text "渠道接口" "the provider's call, where it has one for this";
        "api_parameters" Text "接口参数" "which movement is meant, under the provider's names, as a JSON object";
        "currency" Text "币种" "ISO 4217";
        "exponent" Integer "小数位" "decimals between minor and major unit";
        "amount_limit_minor" Integer "金额上限（最小单位）" "the most that may be moved or booked";
        "amount_limit" Decimal "金额上限" "the same in major units";
        "precondition" Text "前置条件（英）" "what must be so, looked up again just before";
        "precondition_zh" Text "前置条件" "the same in Chinese";
        "steps" Text "处理步骤（英）" "what to do";
        "steps_zh" Text "处理步骤" "the same in Chinese";
        "queue" Text "队列" "whose it is";
        "approval_level" Integer "审批级别" "how many people must agree";
        "due_at" Instant "截止时间" "the tier's hours after the end of the date that issued it";
        "expires_on" Date "失效日" "the last day on which it may be acted on";
        "evidence" Text "证据" "where each record stands, of many the first twenty, or which file is meant, as a JSON array";
        "alert" Text "告警" "kind, scope, found at and first action, as a JSON array";
        "reason" Text "原因" "why it was cancelled or withheld";
    },
};

/// Columns of the worklist that people get, in their order.
pub const WORKLIST_FOR_PEOPLE: [&str; 21] = [
    "state",
    "severity",
    "verb_zh",
    "verb_en",
    "code",
    "source",
    "account",
    "kind",
    "order_no",
    "event_no",
    "provider_txn_id",
    "currency",
    "amount_limit",
    "steps_zh",
    "steps",
    "precondition_zh",
    "precondition",
    "queue",
    "approval_level",
    "due_at",
    "item_id",
];

/// The pool: what is open when the run ends, and what explains it.
pub const OPEN_ITEMS: TableSpec = TableSpec {
    name: "open_items",
    version: 1,
    columns: columns! {
        "state" Text "状态" "TIMING_PENDING, HELD_NO_STATEMENT or IN_DIFFERENCE; any other state: not open, kept because it explains an open difference or may be reversed";
        "book" Text "账簿" "ledger or statement";
        "source" Text "来源" "the source";
        "account" Text "账户" "the merchant account";
        "kind" Text "业务类型" "what kind of movement";
        "direction" Text "方向" "IN or OUT, from our cash";
        "status" Text "记录状态" "its status";
        "currency" Text "币种" "ISO 4217";
        "exponent" Integer "小数位" "decimals between minor and major unit";
        "amount_minor" Integer "金额（最小单位）" "what is compared, signed";
        "amount" Decimal "金额" "the same in major units";
        "moved_minor" Integer "发生额（最小单位）" "what moved before fees, signed";
        "moved" Decimal "发生额" "the same in major units";
        "order_amount_minor" Integer "订单金额（最小单位）" "the gross order amount, signed";
        "order_amount" Decimal "订单金额" "the same in major units";
        "fee_minor" Integer "手续费（最小单位）" "signed";
        "fee" Decimal "手续费" "the same in major units";
        "tax_minor" Integer "税费（最小单位）" "signed";
        "tax" Decimal "税费" "the same in major units";
        "net_minor" Integer "净额（最小单位）" "signed, as printed";
        "net" Decimal "净额" "the same in major units";
        "event_no" Text "业务单号" "order, refund, payout or dispute number";
        "order_no" Text "订单号" "the order";
        "provider_txn_id" Text "渠道流水号" "the provider's number";
        "original_txn_id" Text "原流水号" "the provider's number of the payment it goes back to";
        "batch_id" Text "结算批次" "the settlement batch";
        "counterparty" Text "对方账户" "the other party as the source has it: the next run compares it";
        "occurred_at" Instant "发生时间" "when it happened";
        "business_date" Date "业务日期" "the business day it belongs to";
        "closed_at" Instant "关单时间" "when the ledger closed the order";
        "fulfilled" Boolean "已履约" "whether the goods are delivered";
        "notes" Text "备注" "what the provider adds";
        "night" Date "入池日" "the run whose file it was in";
        "first_seen" Date "首次发现" "the run that saw its difference first; without one its own run";
        "age_business_days" Integer "账龄（工作日）" "business days since its business day";
        "horizon_business_days" Integer "等待期（工作日）" "for how long it may be in transit";
        "difference_id" Text "差异编号" "the difference it is part of, explains or was settled in";
        "code" Text "代码" "the code of that difference";
        "file" Text "文件" "the file it was in";
        "line" Integer "行" "line or row number; 0 where only the night is known";
        "content" Integer "行校验" "hash of the row";
        "held" Boolean "待账单" "whether it waits for a statement";
        "orphan" Boolean "原单未知" "whether nobody knows the order that it goes back to";
        "marks" Text "跨单标志" "codes that the rules across orders gave it";
        "marked_minor" Integer "跨单风险（最小单位）" "what these put at risk";
        "compared" Text "比对字段" "further compared columns, as a JSON object";
        "extra" Text "附加字段" "columns that the job carries along, as a JSON object";
    },
};

/// Columns of the open items that people get, in their order.
pub const OPEN_ITEMS_FOR_PEOPLE: [&str; 17] = [
    "state",
    "book",
    "source",
    "account",
    "kind",
    "status",
    "currency",
    "amount",
    "event_no",
    "order_no",
    "provider_txn_id",
    "business_date",
    "age_business_days",
    "horizon_business_days",
    "code",
    "first_seen",
    "difference_id",
];

/// What ended, as keys: read by the runs of the days after. Parquet only, sorted by key.
pub const HISTORY: TableSpec = TableSpec {
    name: "history",
    version: 1,
    columns: columns! {
        "key_high" Integer "主键高位" "upper half of the 128-bit hash of account, class and number";
        "key_low" Integer "主键低位" "its lower half";
        "txn" Integer "流水校验" "hash of the provider's number; 0 without one";
        "order_high" Integer "订单高位" "of refunds and chargebacks: upper half of their order's key";
        "order_low" Integer "订单低位" "its lower half";
        "amount_minor" Integer "金额（最小单位）" "what was compared, without sign";
        "business_date" Date "业务日期" "the business day";
        "closed_at" Instant "关单时间" "when the ledger closed the order";
        "ledger_line" Integer "平台行" "line of the ledger's row; 0 without one";
        "statement_line" Integer "渠道行" "line of the statement's row; 0 without one";
        "tag" Integer "标签" "what it was: a position in the list `tieout.tags` of the file's metadata (account, sources and files, kind, status, direction, currency, state)";
    },
};

/// Columns of the journal that people get, in their order.
pub const SETTLEMENTS_FOR_PEOPLE: [&str; 14] = [
    "journal_id",
    "reverses",
    "line",
    "ledger_account",
    "debit",
    "credit",
    "currency",
    "before",
    "after",
    "code",
    "rule",
    "source",
    "account",
    "difference_id",
];

/// One row per pair that agrees.
pub const MATCHES: TableSpec = TableSpec {
    name: "matches",
    version: 2,
    columns: columns! {
        "statement_source" Text "渠道来源" "the statement's source";
        "statement_file" Text "渠道文件" "its file";
        "statement_line" Integer "渠道行" "line or row number";
        "ledger_source" Text "平台来源" "the ledger's source";
        "ledger_file" Text "平台文件" "its file";
        "ledger_line" Integer "平台行" "line or row number";
        "pass" Text "匹配轮次" "K1 to K4";
        "account" Text "账户" "the merchant account";
        "kind" Text "业务类型" "what kind of movement";
        "status" Text "状态" "the status both sides have";
        "currency" Text "币种" "ISO 4217";
        "exponent" Integer "小数位" "decimals between minor and major unit";
        "amount_minor" Integer "金额（最小单位）" "signed";
        "amount" Decimal "金额" "the same in major units";
        "flags" Text "附加标志" "worth saying although both sides agree";
        "state" Text "状态" "MATCHED, or LATE_MATCHED where a side had been waiting since an earlier night";
        "statement_night" Date "渠道入池日" "the run whose file the statement's row was in; none for tonight's";
        "ledger_night" Date "平台入池日" "the same of the ledger's row";
    },
};

/// One row per row that is no record.
pub const REJECTS: TableSpec = TableSpec {
    name: "rejects",
    version: 1,
    columns: columns! {
        "source" Text "来源" "the source";
        "file" Text "文件" "the file";
        "line" Integer "行" "line or row number";
        "column" Text "列" "the column as the file names it; none when the whole row is at fault";
        "field" Text "字段" "the field of the record that could not be filled";
        "text" Text "原文" "the text itself";
        "reason" Text "原因代码" "why, as a word";
        "message" Text "原因" "why, in words";
        "hint" Text "提示" "what to do";
    },
};

/// One row per fact about a file or the run.
pub const FINDINGS: TableSpec = TableSpec {
    name: "findings",
    version: 2,
    columns: columns! {
        "finding_id" Text "发现编号" "what items of the worklist refer to: the same on every run of the date, and one for all findings of a code about one file";
        "code" Text "代码" "what it is";
        "label_en" Text "发现（英）" "the code in English words";
        "label_zh" Text "发现" "the code in Chinese words";
        "severity" Text "级别" "P0 to P3, INFO";
        "source" Text "来源" "the source, or none for the whole run";
        "file" Text "文件" "the file";
        "line" Integer "行" "the line, where one can be named";
        "message" Text "说明" "what was found";
        "hint" Text "提示" "what to do";
        "blocks" Boolean "阻断" "whether the source was not reconciled because of it";
        "rows" Integer "行数" "how many rows it concerns, where it counts rows";
    },
};

/// One row per input file or member.
pub const INPUTS: TableSpec = TableSpec {
    name: "inputs",
    version: 1,
    columns: columns! {
        "source" Text "来源" "the source";
        "book" Text "账簿" "ledger or statement";
        "place" Text "位置" "where it was";
        "file" Text "文件" "its name, and after ! the member of an archive";
        "size" Integer "大小" "bytes of the file";
        "sha256" Text "校验和" "of the file";
        "version" Text "版本" "as the store tells it";
        "format" Text "格式" "what it is";
        "encoding" Text "编码" "the encoding it had";
        "rows" Integer "行数" "rows read";
        "records" Integer "记录数" "rows that take part";
        "rejects" Integer "拒绝行" "rows that are no records";
        "aside" Integer "不参与" "rows that take no part: filtered, out of scope, not money";
        "first_date" Date "起始日" "earliest business day";
        "last_date" Date "截止日" "latest business day";
        "controls" Text "控制总数" "declared and computed totals, as JSON";
        "ties" Boolean "是否相符" "whether all declared totals tie; none where it declares none";
        "repeated" Boolean "重复" "left out because another file has the same content";
    },
};

/// The first page, line by line.
pub const SUMMARY: TableSpec = TableSpec {
    name: "summary",
    version: 3,
    columns: columns! {
        "section" Text "部分" "state, tie_out, records, codes, fees, settled, in_transit, in_differences, aging or sources";
        "source" Text "来源" "the statement's source, where the line is of one";
        "account" Text "账户" "the account, where the line is of one";
        "currency" Text "币种" "the currency, where the line is of one";
        "item" Text "项目" "what the line is: a total, a state, a code";
        "label_en" Text "名称（英）" "the item in English words";
        "label_zh" Text "名称" "the item in Chinese words";
        "severity" Text "级别" "tier of a code";
        "count" Integer "笔数" "how many records or differences";
        "amount_minor" Integer "金额（最小单位）" "signed from the owner's balance";
        "amount" Decimal "金额" "the same in major units";
        "at_risk_minor" Integer "风险金额（最小单位）" "what could be lost";
        "at_risk" Decimal "风险金额" "the same in major units";
    },
};

/// Columns of the summary that people get, in their order.
pub const SUMMARY_FOR_PEOPLE: [&str; 10] =
    ["section", "source", "account", "currency", "label_en", "label_zh", "severity", "count", "amount", "at_risk"];

/// All tables, in the order of the manifest.
pub const ALL: [TableSpec; 10] =
    [DIFFERENCES, MATCHES, SETTLEMENTS, WORKLIST, OPEN_ITEMS, HISTORY, REJECTS, FINDINGS, INPUTS, SUMMARY];
