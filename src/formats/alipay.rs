//! Alipay 支付宝: trade bill 业务明细 and fund bill 账务明细.
//!
//! ```text
//! #支付宝业务明细查询                                   what it is
//! #账号：[20880211096256330156]                         PID and the constant 0156
//! #起始日期：[2019年09月16日 00:00:00]   终止日期：[…]     half open
//! #---…业务明细列表---…
//! 支付宝交易号,商户订单号,业务类型,…                       header, by name
//! 2019091622001458860515315453⇥,service_…⇥,交易⇥,…       cells padded with tabs, nothing quoted
//! #---…业务明细列表结束---…                               end marker
//! #交易合计：6笔，商家实收共0.06元，商家优惠共0.00元          control totals
//! #退款合计：4笔，商家实收退款共-0.04元，商家优惠退款共0.00元
//! #导出时间：[2019年09月17日 05:46:49]                   last line
//! ```
//!
//! Sources: `bill_type=trade` and `bill_type=signcustomer` of
//! `alipay.data.dataservice.bill.downloadurl.query`. Amounts are yuan; refunds and charged fees are
//! negative. Every listed row is final. A zip holds the bill and its 汇总 summary, in either order.

use jiff::tz::TimeZone;
use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::record::{Kind, Status};

use super::controls::{Control, Measure, RowTest};
use super::rows::{Grammar, Layout, Shape, header_names, plain_name};
use super::text::{Text, broken, last_lines};
use super::{Format, OpenFile};
use crate::error::Error;
use crate::finding::Finding;
use crate::normalise::{ByKind, CodeRule, Exact, KindOf, Mapping, MoneyRule, Notation, Sign, TextRule, day_of_date};

/// The first line of the trade bill.
pub const TRADE_TITLE: &str = "#支付宝业务明细查询";
/// The first line of the fund bill.
pub const FUND_TITLE: &str = "#支付宝账务明细查询";
/// First lines of the summary members that come in the same zip.
pub const SUMMARY_TITLES: [&str; 2] = ["#支付宝业务汇总查询", "#支付宝账务汇总查询"];

/// Columns of the trade bill that every generation has, in their usual order.
const TRADE_COLUMNS: [(&str, Shape); 25] = [
    ("支付宝交易号", Shape::Other),
    ("商户订单号", Shape::Other),
    ("业务类型", Shape::Other),
    ("商品名称", Shape::FreeText),
    ("创建时间", Shape::Time),
    ("完成时间", Shape::Time),
    ("门店编号", Shape::Other),
    ("门店名称", Shape::FreeText),
    ("操作员", Shape::Other),
    ("终端号", Shape::Other),
    ("对方账户", Shape::Other),
    ("订单金额(元)", Shape::Amount),
    ("商家实收(元)", Shape::Amount),
    ("支付宝红包(元)", Shape::Amount),
    ("集分宝(元)", Shape::Amount),
    ("支付宝优惠(元)", Shape::Amount),
    ("商家优惠(元)", Shape::Amount),
    ("券核销金额(元)", Shape::Amount),
    ("券名称", Shape::FreeText),
    ("商家红包消费金额(元)", Shape::Amount),
    ("卡消费金额(元)", Shape::Amount),
    ("退款批次号/请求号", Shape::Other),
    ("服务费(元)", Shape::Amount),
    ("分润(元)", Shape::Amount),
    ("备注", Shape::FreeText),
];

/// Columns of the fund bill; later generations have more, in other orders.
const FUND_COLUMNS: [(&str, Shape); 16] = [
    ("账务流水号", Shape::Other),
    ("业务流水号", Shape::Other),
    ("商户订单号", Shape::Other),
    ("商品名称", Shape::FreeText),
    ("发生时间", Shape::Time),
    ("对方账号", Shape::FreeText),
    ("收入金额(+元)", Shape::Amount),
    ("支出金额(-元)", Shape::Amount),
    ("账户余额(元)", Shape::Amount),
    ("交易渠道", Shape::Other),
    ("业务类型", Shape::Other),
    ("备注", Shape::FreeText),
    ("业务描述", Shape::FreeText),
    ("业务账单来源", Shape::Other),
    ("业务基础订单号", Shape::Other),
    ("业务订单号", Shape::Other),
];

/// Other spellings of a column that older exports have.
const SPELLINGS: [(&str, &str); 4] = [
    ("交易号", "支付宝交易号"),
    ("集分宝抵扣(元)", "集分宝(元)"),
    ("支付宝优惠", "支付宝优惠(元)"),
    ("商家优惠", "商家优惠(元)"),
];

fn columns(format: Format) -> &'static [(&'static str, Shape)] {
    if format == Format::AlipayFund { &FUND_COLUMNS } else { &TRADE_COLUMNS }
}

/// Which of the two bills a header line is of, by how many of its columns it has.
#[must_use]
pub fn recognise_header(line: &str) -> Option<Format> {
    let names = header_names(Grammar::Commas, line);
    let share = |format: Format| {
        let known = names.iter().filter(|name| columns(format).iter().any(|(column, _)| canonical(name) == *column));
        (known.count() * 10) / names.len().max(1)
    };
    let marked = |column: &str| names.iter().any(|name| name.contains(column));
    if names.len() >= 20 && share(Format::AlipayTrade) >= 6 && (marked("商家实收") || marked("退款批次号")) {
        Some(Format::AlipayTrade)
    } else if names.len() >= 10 && share(Format::AlipayFund) >= 6 && (marked("账务流水号") || marked("业务流水号"))
    {
        Some(Format::AlipayFund)
    } else {
        None
    }
}

fn canonical(name: &str) -> &str {
    SPELLINGS.iter().find(|(other, _)| *other == name).map_or(name, |(_, column)| column)
}

/// What the columns of a bill mean (`mapping` §1, §2).
#[must_use]
pub fn mapping(format: Format) -> Mapping {
    let mut mapping = Mapping::bare(beijing());
    mapping.currency = TextRule::Always("CNY".to_owned());
    mapping.batch_is_account_and_day = true;
    if format == Format::AlipayFund { fund_mapping(mapping) } else { trade_mapping(mapping) }
}

/// The zone of all times here.
#[must_use]
pub fn beijing() -> TimeZone {
    TimeZone::get("Asia/Shanghai").expect("the zone is in the bundled database")
}

fn trade_mapping(mut mapping: Mapping) -> Mapping {
    let refund_no = || TextRule::column("退款批次号/请求号");
    let trade_no = || TextRule::column("支付宝交易号");
    mapping.kind = CodeRule::Column {
        column: "业务类型".to_owned(),
        codes: [("交易", Kind::Payment), ("退款", Kind::Refund)]
            .map(|(code, kind)| (code.to_owned(), KindOf::from(kind)))
            .into(),
    };
    mapping.amount = ByKind::all(money(&[("商家实收(元)", 1)], true));
    mapping.sign = Sign::Signed;
    mapping.order_amount = Some(ByKind::all(money(&[("订单金额(元)", 1)], true)));
    mapping.fee = Some(money(&[("服务费(元)", 1), ("分润(元)", 1)], false));
    mapping.net_is_computed = true;
    mapping.event_no = ByKind::of(vec![(&[Kind::Payment], TextRule::column("商户订单号"))], refund_no());
    mapping.order_no = ByKind::all(TextRule::column("商户订单号"));
    mapping.provider_txn_id = ByKind::of(
        vec![(&[Kind::Payment], trade_no())],
        TextRule::Joined(vec![trade_no(), refund_no()], "#".to_owned()),
    );
    mapping.original_txn_id = ByKind::of(vec![(&[Kind::Payment], TextRule::None)], trade_no());
    mapping.counterparty = TextRule::column("对方账户");
    mapping.occurred_at = Some(TextRule::column("完成时间"));
    mapping.settled_on = TextRule::column("完成时间");
    mapping
}

fn fund_mapping(mut mapping: Mapping) -> Mapping {
    let both = |money_in, money_out| KindOf { money_in, money_out };
    let payment = both(Kind::Payment, Kind::Transfer);
    let refund = both(Kind::PayoutReturn, Kind::Refund);
    let fee = both(Kind::FeeRefund, Kind::Fee);
    let codes: [(&str, KindOf); 22] = [
        ("在线支付", payment),
        ("交易付款", payment),
        ("交易", payment),
        ("交易收款", payment),
        ("交易退款", refund),
        ("退款", refund),
        ("退款(交易退款)", refund),
        ("退款（交易退款）", refund),
        ("收费", fee),
        ("服务费", fee),
        ("退费", fee),
        ("提现", both(Kind::PayoutReturn, Kind::Payout)),
        ("提现失败", both(Kind::PayoutReturn, Kind::Payout)),
        ("提现退回", both(Kind::PayoutReturn, Kind::Payout)),
        ("转账", Kind::Transfer.into()),
        ("充值", Kind::Transfer.into()),
        ("交易分账", Kind::Transfer.into()),
        ("分润", Kind::Transfer.into()),
        ("其它", Kind::Adjustment.into()),
        ("其他", Kind::Adjustment.into()),
        ("冻结", both(Kind::ReserveRelease, Kind::ReserveHold)),
        ("解冻", both(Kind::ReserveRelease, Kind::ReserveHold)),
    ];
    mapping.kind = CodeRule::Column {
        column: "业务类型".to_owned(),
        codes: codes.map(|(code, kind)| (code.to_owned(), kind)).into(),
    };
    mapping.status = ByKind::all(CodeRule::Always((Status::Success, None)));
    mapping.sign = Sign::TwoColumns { credit: "收入金额(+元)".to_owned(), debit: "支出金额(-元)".to_owned() };
    mapping.balance_after = Some(money(&[("账户余额(元)", 1)], false));
    mapping.net_is_computed = true;
    mapping.event_no = ByKind::of(vec![(&[Kind::Payment], TextRule::column("商户订单号"))], TextRule::None);
    mapping.order_no = ByKind::all(TextRule::column("商户订单号"));
    mapping.provider_txn_id = ByKind::all(TextRule::column("账务流水号"));
    mapping.original_txn_id = ByKind::all(TextRule::column("业务流水号"));
    mapping.counterparty = TextRule::column("对方账号");
    mapping.occurred_at = Some(TextRule::column("发生时间"));
    mapping.settled_on = TextRule::column("发生时间");
    mapping
}

fn money(parts: &[(&str, i8)], required: bool) -> MoneyRule {
    MoneyRule { parts: parts.iter().map(|(column, sign)| ((*column).to_owned(), *sign)).collect(), required }
}

/// Opens a bill: header, rows, trailer.
pub fn open(text: Text, format: Format) -> Result<OpenFile, Error> {
    let fail = |e: std::io::Error| broken(&text.name, &e);
    let mut preamble = Vec::new();
    let mut at = text.start;
    let mut header = None;
    for (end, line) in text.first_lines(64 << 10).map_err(fail)? {
        at = end;
        if line.starts_with('#') || line.trim().is_empty() {
            preamble.push(line);
        } else {
            header = Some(line);
            break;
        }
    }
    let tail = last_lines(&text, 64 << 10).map_err(fail)?;
    let first_of_trailer =
        tail.iter().rposition(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()).map_or(0, |last| last + 1);
    let trailer: Vec<&(u64, String)> = tail[first_of_trailer..].iter().filter(|(offset, _)| *offset >= at).collect();
    let rows_end = trailer.first().map_or(text.end(), |(offset, _)| *offset);

    let (header, findings) = match &header {
        Some(line) => read_header(format, line, &text.name, preamble.len() as u64 + 1),
        None => (Vec::new(), vec![truncated(&text.name, &["the header".to_owned()])]),
    };
    let shape = |name: &String| {
        columns(format).iter().find(|(column, _)| column == name).map_or(Shape::Other, |(_, shape)| *shape)
    };
    let shapes = header.iter().map(shape).collect();
    let name = text.name.clone();
    let layout = Layout { grammar: Grammar::Commas, header, shapes };
    let mut file = OpenFile::of_text(text, format, layout, (at, rows_end.max(at)))?;
    file.findings = findings;
    file.account = preamble.iter().find_map(|line| bracketed(line, "账号")).map(|account| merchant(&account));
    file.period = preamble.iter().find_map(|line| period(line));
    let lines: Vec<&str> = trailer.iter().map(|(_, line)| line.as_str()).collect();
    let began = preamble.iter().any(|line| line.contains("列表"));
    read_trailer(&mut file, &name, &lines, began);
    Ok(file)
}

/// Checks the header against the known columns; unknown ones are kept, needed ones must be there.
fn read_header(format: Format, line: &str, file: &str, number: u64) -> (Vec<String>, Vec<Finding>) {
    let names: Vec<String> =
        header_names(Grammar::Commas, line).iter().map(|name| canonical(name).to_owned()).collect();
    let mut findings = super::sniff::header_findings(&names, &mapping(format), columns(format), file, number);
    findings.extend(super::sniff::repeated_column(&names, file, number));
    (names, findings)
}

fn truncated(file: &str, missing: &[String]) -> Finding {
    Finding::new(
        Code::StatementTruncated,
        format!("the file is cut off; missing or incomplete: {}", missing.join(", ")),
    )
    .of_file(file)
    .hint("fetch the bill again; it ends with 列表结束, the totals and 导出时间")
    .blocking()
}

fn read_trailer(file: &mut OpenFile, name: &str, lines: &[&str], began: bool) {
    let is_fund = file.format == Format::AlipayFund;
    let wanted: [&str; 2] = if is_fund { ["支出合计", "收入合计"] } else { ["交易合计", "退款合计"] };
    let mut counted = Vec::new();
    let mut missing = Vec::new();
    let ended = lines.iter().any(|line| line.contains("列表结束") && line.trim_end_matches(',').ends_with('-'));
    if !ended && (began || !is_fund) {
        missing.push("the end marker 列表结束".to_owned());
    }
    for total in wanted {
        let line = lines.iter().find(|line| line.starts_with('#') && line.contains(total));
        match line.and_then(|line| total_line(line)) {
            Some((count, amount)) => {
                counted.push(count);
                file.controls.extend(controls(
                    total,
                    count,
                    amount,
                    line.is_some_and(|line| line.contains("交易金额") || line.contains("交易退款金额")),
                ));
            }
            None => missing.push(format!("the line #{total}")),
        }
    }
    if let ([out, money_in], true) = (counted.as_slice(), is_fund) {
        let all = out.plus(*money_in);
        file.controls.push(Control::new("笔数", all, Measure::Count(RowTest::All)));
    }
    if !lines.iter().any(|line| line.contains("导出时间") && line.contains(']')) {
        missing.push("the last line 导出时间".to_owned());
    }
    if !missing.is_empty() {
        file.findings.push(truncated(name, &missing));
    }
}

fn controls(total: &str, count: Exact, amount: Exact, older_wording: bool) -> Vec<Control> {
    let of_kind = |code: &str| RowTest::Is("业务类型".to_owned(), vec![code.to_owned()]);
    let sum = |column: &str, test: RowTest| Measure::Sum(column.to_owned(), test);
    let of_trade = |code: &str, label: &str| {
        // The older wording says 交易金额, which is the order amount where the two differ.
        let mut measures = vec![sum("商家实收(元)", of_kind(code))];
        if older_wording {
            measures.push(sum("订单金额(元)", of_kind(code)));
        }
        vec![
            Control::new(&format!("{total}笔数"), count, Measure::Count(of_kind(code))),
            Control { name: format!("{total}{label}"), declared: amount, measures },
        ]
    };
    match total {
        "交易合计" => of_trade("交易", "商家实收"),
        "退款合计" => of_trade("退款", "商家实收退款"),
        // The number of lines on each side is only known together: a row may move nothing.
        "支出合计" => vec![Control {
            name: total.to_owned(),
            declared: amount,
            measures: vec![sum("支出金额(-元)", RowTest::All), Measure::Debits("支出金额(-元)".to_owned())],
        }],
        _ => vec![Control::new(total, amount, sum("收入金额(+元)", RowTest::All))],
    }
}

/// `#交易合计：6笔，商家实收共0.06元，…`: the count and the first amount. The line must be whole.
fn total_line(line: &str) -> Option<(Exact, Exact)> {
    let line = plain_name(line.trim_end_matches([',', ' ', '\t']));
    let rest = line.split_once(':')?.1;
    if !line.ends_with('元') {
        return None;
    }
    let (count, rest) = rest.split_once('笔')?;
    let amount = rest.split_once('共')?.1.split_once('元')?.0;
    let number = |text: &str| Exact::parse(&text.replace(',', ""), Notation::default()).ok();
    Some((number(count.trim())?, number(amount.trim())?))
}

/// The text in brackets after a label: `#账号：[2088…0156]`.
fn bracketed(line: &str, label: &str) -> Option<String> {
    let after = line.split_once(label)?.1;
    Some(after.split_once('[')?.1.split_once(']')?.0.trim().to_owned())
}

/// The partner id without the constant that the user id of a file carries.
fn merchant(account: &str) -> String {
    let is_user_id = account.len() == 20 && account.starts_with("2088");
    account.strip_suffix("0156").filter(|_| is_user_id).unwrap_or(account).to_owned()
}

/// First and last day of `#起始日期：[2019年09月16日 00:00:00]   终止日期：[2019年09月17日 00:00:00]`.
fn period(line: &str) -> Option<(Day, Day)> {
    let (from, _) = moment(&bracketed(line, "起始日期")?)?;
    let (until, at_midnight) = moment(&bracketed(line, "终止日期")?)?;
    // Half open: midnight of the next day, but some exports end at 23:59:59.
    let last = if at_midnight && until > from { Day(until.0 - 1) } else { until };
    Some((from, last))
}

fn moment(text: &str) -> Option<(Day, bool)> {
    let digits = |part: &str| part.trim().parse::<i64>().ok();
    let (year, rest) = text.split_once('年')?;
    let (month, rest) = rest.split_once('月')?;
    let (day, time) = rest.split_once('日')?;
    let day = day_of_date(digits(year)?, digits(month)?, digits(day)?)?;
    Some((Day(i32::try_from(day).ok()?), matches!(time.trim(), "" | "00:00:00")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_in_both_wordings_and_only_when_whole() {
        let read = |line: &str| total_line(line).map(|(count, amount)| (count.to_string(), amount.to_string()));
        let some = |count: &str, amount: &str| Some((count.to_owned(), amount.to_owned()));
        assert_eq!(read("#交易合计：6笔，商家实收共0.06元，商家优惠共0.00元"), some("6", "0.06"));
        assert_eq!(read("#退款合计：4笔，商家实收退款共-0.04元，商家优惠退款共0.00元"), some("4", "-0.04"));
        assert_eq!(read("#交易合计：1,204笔，交易金额共12,345.08元，优惠金额共0.00元"), some("1204", "12345.08"));
        assert_eq!(read("#支出合计：0笔，共0.00元,,,,,,,"), some("0", "0.00"));
        assert_eq!(read("#支出合计：75171笔，共-540182.61元"), some("75171", "-540182.61"));
        assert_eq!(read("#交易合计：6笔，商家实收共0.06元，商家优惠共0.0"), None);
        assert_eq!(read("#交易合计：6笔"), None);
    }

    #[test]
    fn accounts_and_periods() {
        assert_eq!(merchant("20880211096256330156"), "2088021109625633");
        assert_eq!(merchant("2088021109625633"), "2088021109625633");
        let day = |year, month, day| Day(i32::try_from(day_of_date(year, month, day).unwrap()).unwrap());
        let line = "#起始日期：[2019年09月16日 00:00:00]   终止日期：[2019年09月17日 00:00:00]";
        assert_eq!(period(line), Some((day(2019, 9, 16), day(2019, 9, 16))));
        let line = "#起始日期：[2019年09月16日 00:00:00]   终止日期：[2019年09月16日 23:59:59]";
        assert_eq!(period(line), Some((day(2019, 9, 16), day(2019, 9, 16))));
    }
}
