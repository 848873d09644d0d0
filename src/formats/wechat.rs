//! WeChat Pay 微信支付: trade bill 交易账单 and fund bill 资金账单.
//!
//! ```text
//! 交易时间,公众账号ID,商户号,…                  header without back-ticks, after a byte-order mark
//! `2021-01-28 17:07:11,`wx81be…,`1601959334,…  every cell begins with a back-tick, nothing quoted
//! 总交易单数,应结订单总金额,…                    header of the totals
//! `3,`0.03,`0.00,…                              the totals: the last line
//! ```
//!
//! Three types of the trade bill (ALL 27 columns, SUCCESS 20, REFUND 29) and an older generation (24
//! and 18) differ in their columns, so columns are found by name. `0` stands for "none" in the
//! refund numbers. Amounts are yuan without sign, fees are positive when charged. Times are Beijing.
//! Sources: pay.weixin.qq.com format-trade and format-fundflow, and real downloads.

use tieout_kernel::code::Code;
use tieout_kernel::record::{Kind, KindSet, Note, Status};

use super::alipay::beijing;
use super::controls::{Control, Measure, RowTest};
use super::rows::{Grammar, Layout, Shape, header_names};
use super::text::{Text, broken, last_lines};
use super::{Format, OpenFile};
use crate::error::Error;
use crate::finding::Finding;
use crate::normalise::{ByKind, CodeRule, Exact, KindOf, Mapping, MoneyRule, Notation, Rounding, Sign, TextRule};

/// Columns of all trade bills of both generations.
const TRADE_COLUMNS: [&str; 36] = [
    "交易时间",
    "公众账号ID",
    "商户号",
    "特约商户号",
    "子商户号",
    "设备号",
    "微信订单号",
    "商户订单号",
    "用户标识",
    "交易类型",
    "交易状态",
    "付款银行",
    "货币种类",
    "应结订单金额",
    "代金券金额",
    "总金额",
    "代金券或立减优惠金额",
    "企业红包金额",
    "退款申请时间",
    "退款成功时间",
    "微信退款单号",
    "商户退款单号",
    "退款金额",
    "充值券退款金额",
    "代金券或立减优惠退款金额",
    "企业红包退款金额",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "手续费",
    "费率",
    "订单金额",
    "申请退款金额",
    "费率备注",
    "公众账号Id",
];

/// Columns of the fund bill.
const FUND_COLUMNS: [&str; 11] = [
    "记账时间",
    "微信支付业务单号",
    "资金流水单号",
    "业务名称",
    "业务类型",
    "收支类型",
    "收支金额(元)",
    "账户结余(元)",
    "资金变更提交申请人",
    "备注",
    "业务凭证号",
];

/// Totals of the trade bill and the column that each is the sum of.
const TRADE_TOTALS: [(&str, &str); 11] = [
    ("应结订单总金额", "应结订单金额"),
    ("退款总金额", "退款金额"),
    ("充值券退款总金额", "充值券退款金额"),
    ("手续费总金额", "手续费"),
    ("订单总金额", "订单金额"),
    ("申请退款总金额", "申请退款金额"),
    ("总交易额", "总金额"),
    ("总退款金额", "退款金额"),
    ("总代金券或立减优惠退款金额", "代金券或立减优惠退款金额"),
    ("总企业红包退款金额", "企业红包退款金额"),
    ("代金券总金额", "代金券金额"),
];

/// Which of the two bills a header line is of, by how many of its columns it has.
#[must_use]
pub fn recognise_header(line: &str) -> Option<Format> {
    let names = header_names(Grammar::BackTicks, line);
    let known = |columns: &[&str]| {
        names.iter().filter(|name| columns.contains(&name.as_str())).count() * 10 / names.len().max(1)
    };
    let has = |column: &str| names.iter().any(|name| name == column);
    // A consumer's own export shares some names, so those that only a merchant's bill has decide.
    let trade_marks = ["微信订单号", "商户号", "用户标识", "付款银行"].iter().filter(|column| has(column)).count();
    let fund_marks = ["微信支付业务单号", "资金流水单号", "业务凭证号"].iter().filter(|column| has(column)).count();
    if names.len() >= 16 && known(&TRADE_COLUMNS) >= 6 && trade_marks >= 2 {
        Some(Format::WechatTrade)
    } else if names.len() >= 9 && known(&FUND_COLUMNS) >= 6 && fund_marks >= 2 {
        Some(Format::WechatFund)
    } else {
        None
    }
}

/// What the columns of a bill mean (`mapping` §3, §4). Depends on the columns that the file has.
#[must_use]
pub fn mapping(format: Format, header: &[String]) -> Mapping {
    let mut mapping = Mapping::bare(beijing());
    mapping.batch_is_account_and_day = true;
    mapping.net_is_computed = true;
    if format == Format::WechatFund { fund_mapping(mapping) } else { trade_mapping(mapping, header) }
}

/// Columns that only types of the bill with refunds have.
const REFUND_COLUMNS: [&str; 5] = ["微信退款单号", "商户退款单号", "退款金额", "退款类型", "退款状态"];
/// Columns that only the current generation has.
const CURRENT_COLUMNS: [&str; 4] = ["应结订单金额", "订单金额", "申请退款金额", "费率备注"];

/// What kind of trade bill a header is of. One missing column does not make it another kind: then
/// the column is missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Variant {
    has_refunds: bool,
    is_current: bool,
    has_refund_times: bool,
}

impl Variant {
    fn of(header: &[String]) -> Self {
        let has_any = |columns: &[&str]| header.iter().any(|name| columns.contains(&name.as_str()));
        Self {
            has_refunds: has_any(&REFUND_COLUMNS),
            is_current: has_any(&CURRENT_COLUMNS),
            has_refund_times: has_any(&["退款申请时间", "退款成功时间"]),
        }
    }
}

/// Kinds that a trade bill shows: its SUCCESS type has payments only, its REFUND type no payments.
#[must_use]
pub fn shown_kinds(header: &[String]) -> KindSet {
    let variant = Variant::of(header);
    KindSet::of(match (variant.has_refunds, variant.has_refund_times) {
        (false, _) => &[Kind::Payment, Kind::Adjustment],
        (true, true) => &[Kind::Refund, Kind::Reversal, Kind::Adjustment],
        (true, false) => &[Kind::Payment, Kind::Refund, Kind::Reversal, Kind::Adjustment],
    })
}

fn trade_mapping(mut mapping: Mapping, header: &[String]) -> Mapping {
    let variant = Variant::of(header);
    let money = |column: &str, sign: i8, required: bool| MoneyRule { parts: vec![(column.to_owned(), sign)], required };
    let required = |current: &str, legacy: &str| money(if variant.is_current { current } else { legacy }, 1, true);
    let payment_no = || TextRule::column_or_zero("微信订单号");
    let order = TextRule::column("商户订单号");
    let outgoing: &[Kind] = &[Kind::Refund, Kind::Reversal];

    mapping.kind = CodeRule::Column {
        column: "交易状态".to_owned(),
        codes: [("SUCCESS", Kind::Payment), ("REFUND", Kind::Refund), ("REVOKED", Kind::Reversal)]
            .map(|(code, kind)| (code.to_owned(), KindOf::from(kind)))
            .into(),
    };
    let paid = required("应结订单金额", "总金额");
    let ordered = required("订单金额", "总金额");
    mapping.sign = Sign::ByKind;
    mapping.fee = Some(money("手续费", -1, false));
    mapping.rounding = Rounding::HalfUp;
    mapping.currency = TextRule::column("货币种类");
    mapping.account = account(header);
    mapping.order_no = ByKind::all(order.clone());
    mapping.counterparty = TextRule::column("用户标识");
    let time = TextRule::column("交易时间");
    mapping.booked_at = Some(time.clone());
    mapping.settled_on = time.clone();
    if !variant.has_refunds {
        mapping.amount = ByKind::all(paid);
        mapping.order_amount = Some(ByKind::all(ordered));
        mapping.event_no = ByKind::all(order);
        mapping.provider_txn_id = ByKind::all(payment_no());
        mapping.occurred_at = Some(time);
        return mapping;
    }
    let refunded = money("退款金额", 1, true);
    // On a revoked row the requested amount may be nothing; what was given back counts.
    let requested = required("申请退款金额", "退款金额");
    mapping.amount = ByKind::of(vec![(outgoing, refunded.clone())], paid);
    mapping.order_amount = Some(ByKind::of(vec![(&[Kind::Refund], requested), (&[Kind::Reversal], refunded)], ordered));
    mapping.status = ByKind::of(vec![(&[Kind::Refund], refund_status())], CodeRule::Always((Status::Success, None)));
    let refund_no = || TextRule::column_or_zero("微信退款单号");
    let revoked = TextRule::Joined(vec![payment_no(), TextRule::Always("REVOKED".to_owned())], "#".to_owned());
    mapping.event_no = ByKind::of(vec![(outgoing, TextRule::column_or_zero("商户退款单号"))], order);
    mapping.provider_txn_id = ByKind::of(
        vec![(&[Kind::Refund], refund_no()), (&[Kind::Reversal], TextRule::FirstOf(vec![refund_no(), revoked]))],
        payment_no(),
    );
    mapping.original_txn_id = ByKind::of(vec![(outgoing, payment_no())], TextRule::None);
    // The bill lists a refund on the day it was accepted; it happened when it succeeded.
    mapping.occurred_at = Some(TextRule::FirstOf(vec![TextRule::column("退款成功时间"), time]));
    mapping
}

fn refund_status() -> CodeRule<(Status, Option<Note>)> {
    let codes = [
        ("SUCCESS", (Status::Success, None)),
        // Its money has left the balance already (WeChat's own FAQ).
        ("PROCESSING", (Status::Success, Some(Note::Processing))),
        ("FAIL", (Status::Failed, None)),
        ("CHANGE", (Status::Pending, Some(Note::Abnormal))),
    ];
    CodeRule::Column {
        column: "退款状态".to_owned(),
        codes: codes.map(|(code, status)| (code.to_owned(), status)).into(),
    }
}

/// The merchant, and under it the sub-merchant of a service provider.
fn account(header: &[String]) -> TextRule {
    let merchant = TextRule::column("商户号");
    match ["特约商户号", "子商户号"].into_iter().find(|name| header.iter().any(|column| column == name)) {
        Some(sub_merchant) => TextRule::Joined(vec![merchant, TextRule::column_or_zero(sub_merchant)], "/".to_owned()),
        None => merchant,
    }
}

fn fund_mapping(mut mapping: Mapping) -> Mapping {
    let both = |money_in, money_out| KindOf { money_in, money_out };
    let fee = both(Kind::FeeRefund, Kind::Fee);
    let payout = both(Kind::PayoutReturn, Kind::Payout);
    let codes: [(&str, KindOf); 21] = [
        ("交易", Kind::Payment.into()),
        ("扣除交易手续费", fee),
        ("退还交易手续费", fee),
        ("退款", both(Kind::Adjustment, Kind::Refund)),
        ("退款关闭", both(Kind::Refund, Kind::Adjustment)),
        ("充值", Kind::Transfer.into()),
        ("提现", payout),
        ("提现失败退回", payout),
        ("企业付款", payout),
        ("企业付款退回", payout),
        ("商家转账", payout),
        ("商家转账退回", payout),
        ("转账", payout),
        ("红包", payout),
        ("红包退回", payout),
        ("分账", Kind::Transfer.into()),
        ("分账回退", Kind::Transfer.into()),
        ("代金券", Kind::Adjustment.into()),
        ("立减", Kind::Adjustment.into()),
        ("折扣", Kind::Adjustment.into()),
        ("其他", Kind::Adjustment.into()),
    ];
    mapping.kind = CodeRule::Column {
        column: "业务类型".to_owned(),
        codes: codes.map(|(code, kind)| (code.to_owned(), kind)).into(),
    };
    mapping.amount = ByKind::all(MoneyRule { parts: vec![("收支金额(元)".to_owned(), 1)], required: true });
    mapping.sign = Sign::Indicator {
        column: "收支类型".to_owned(),
        money_in: vec!["收入".to_owned()],
        money_out: vec!["支出".to_owned()],
    };
    mapping.balance_after = Some(MoneyRule { parts: vec![("账户结余(元)".to_owned(), 1)], required: false });
    mapping.currency = TextRule::Always("CNY".to_owned());
    let voucher = || TextRule::column("业务凭证号");
    mapping.event_no = ByKind::of(vec![(&[Kind::Fee, Kind::FeeRefund], TextRule::None)], voucher());
    mapping.order_no = ByKind::of(vec![(&[Kind::Payment], voucher())], TextRule::None);
    mapping.provider_txn_id = ByKind::all(TextRule::Joined(
        ["微信支付业务单号", "资金流水单号", "业务类型"].map(TextRule::column).to_vec(),
        "/".to_owned(),
    ));
    mapping.original_txn_id = ByKind::all(TextRule::column("微信支付业务单号"));
    mapping.occurred_at = Some(TextRule::column("记账时间"));
    mapping
}

/// Opens a bill: header, rows, totals.
pub fn open(text: Text, format: Format) -> Result<OpenFile, Error> {
    let fail = |e: std::io::Error| broken(&text.name, &e);
    let (mut at, mut line_number) = (text.start, 0);
    let mut header_line = String::new();
    for (end, line) in text.first_lines(64 << 10).map_err(fail)? {
        at = end;
        line_number += 1;
        if !line.trim().is_empty() {
            header_line = line;
            break;
        }
    }
    let tail = last_lines(&text, 64 << 10).map_err(fail)?;
    let is_total = |line: &str| {
        let first = header_names(Grammar::BackTicks, line).into_iter().next().unwrap_or_default();
        first == "总交易单数" || first == "资金流水总笔数"
    };
    let totals_at = tail.iter().rposition(|(offset, line)| *offset >= at && is_total(line));
    let rows_end = totals_at.map_or(text.end(), |found| tail[found].0);
    let name = text.name.clone();
    let header = header_names(Grammar::BackTicks, &header_line);
    let known: Vec<(&str, Shape)> = match format {
        Format::WechatFund => FUND_COLUMNS.iter().map(|column| (*column, Shape::Other)).collect(),
        _ => TRADE_COLUMNS
            .iter()
            .filter(|column| header.iter().any(|name| name == *column))
            .map(|column| (*column, Shape::Other))
            .collect(),
    };
    let mut findings = super::sniff::header_findings(&header, &mapping(format, &header), &known, &name, line_number);
    findings.extend(super::sniff::repeated_column(&header, &name, line_number));
    let layout = Layout { grammar: Grammar::BackTicks, header, shapes: Vec::new() };
    let mut file = OpenFile::of_text(text, format, layout, (at, rows_end.max(at)))?;
    file.findings = findings;
    let after: Vec<&str> = totals_at.map_or(Vec::new(), |found| {
        tail[found..].iter().map(|(_, line)| line.as_str()).filter(|line| !line.trim().is_empty()).collect()
    });
    read_totals(&mut file, &name, &after);
    Ok(file)
}

fn truncated(file: &str, what: &str) -> Finding {
    Finding::new(Code::StatementTruncated, format!("the file is cut off: {what}"))
        .of_file(file)
        .hint("download the bill again; it ends with a header and a line of totals")
        .blocking()
}

fn read_totals(file: &mut OpenFile, name: &str, lines: &[&str]) {
    let (Some(header), Some(values)) = (lines.first(), lines.get(1)) else {
        file.findings.push(truncated(name, "the totals are missing"));
        return;
    };
    let names = header_names(Grammar::BackTicks, header);
    let cells: Vec<&str> = values.split(',').map(|cell| super::raw::trim(cell).trim_start_matches('`')).collect();
    let numbers: Option<Vec<Exact>> = cells.iter().map(|cell| Exact::parse(cell, Notation::default()).ok()).collect();
    match numbers {
        Some(numbers) if numbers.len() == names.len() && lines.len() == 2 => {
            for (total, declared) in names.iter().zip(numbers) {
                match control(total, declared) {
                    Some(control) => file.controls.push(control),
                    None => file.findings.push(
                        Finding::new(
                            Code::SchemaDrift,
                            format!("the total `{total}` is not known and was not checked"),
                        )
                        .severity(tieout_kernel::code::Severity::P3)
                        .of_file(name),
                    ),
                }
            }
        }
        _ => file.findings.push(truncated(name, "the line of totals is incomplete")),
    }
}

fn control(total: &str, declared: Exact) -> Option<Control> {
    let sum = |column: &str, test: RowTest| Measure::Sum(column.to_owned(), test);
    let is = |word: &str| RowTest::Is("收支类型".to_owned(), vec![word.to_owned()]);
    let measures = match total {
        "总交易单数" | "资金流水总笔数" => vec![Measure::Count(RowTest::All)],
        "收入笔数" => vec![Measure::Count(is("收入"))],
        "支出笔数" => vec![Measure::Count(is("支出"))],
        "收入金额" => vec![sum("收支金额(元)", is("收入"))],
        "支出金额" => vec![sum("收支金额(元)", is("支出"))],
        _ => {
            let (_, column) = TRADE_TOTALS.iter().find(|(name, _)| *name == total)?;
            // Whether refunds that failed are in the totals is not documented; either is accepted.
            let failed = RowTest::IsNot("退款状态".to_owned(), vec!["FAIL".to_owned()]);
            vec![sum(column, RowTest::All), sum(column, failed)]
        }
    };
    Some(Control { name: total.to_owned(), declared, measures })
}
