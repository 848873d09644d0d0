//! Bills of Alipay and WeChat Pay, written from their documented layout.

use encoding_rs::GB18030;

use super::zip::{Member, archive};

/// Amounts in bills are yuan with two decimals.
pub fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// One row of Alipay's 业务明细. Amounts in fen, signed as the bill prints them.
#[derive(Clone, Debug)]
pub struct AlipayRow {
    pub trade_no: String,
    pub order_no: String,
    pub kind: &'static str,
    pub subject: String,
    pub created: String,
    pub completed: String,
    pub buyer: String,
    pub order_amount: i64,
    pub received: i64,
    pub merchant_discount: i64,
    pub refund_no: String,
    pub fee: i64,
    pub split: i64,
}

impl AlipayRow {
    /// A payment without discounts.
    pub fn payment(trade_no: &str, order_no: &str, time: &str, amount: i64, fee: i64) -> Self {
        Self {
            trade_no: trade_no.to_owned(),
            order_no: order_no.to_owned(),
            kind: "交易",
            subject: "乌龙茶礼盒".to_owned(),
            created: time.to_owned(),
            completed: time.to_owned(),
            buyer: "*明(138****0011)".to_owned(),
            order_amount: amount,
            received: amount,
            merchant_discount: 0,
            refund_no: String::new(),
            fee: -fee,
            split: 0,
        }
    }

    /// A refund of a payment; `fee` is what comes back of the payment's fee.
    pub fn refund(payment: &Self, refund_no: &str, time: &str, amount: i64, fee: i64) -> Self {
        Self {
            kind: "退款",
            completed: time.to_owned(),
            order_amount: -amount,
            received: -amount,
            refund_no: refund_no.to_owned(),
            fee,
            ..payment.clone()
        }
    }

    fn line(&self) -> String {
        let padded = |text: &str| format!("{text}\t");
        let money = |fen: i64| yuan(fen);
        [
            padded(&self.trade_no),
            padded(&self.order_no),
            padded(self.kind),
            self.subject.clone(),
            self.created.clone(),
            self.completed.clone(),
            padded("S001"),
            padded("朝阳茶舍"),
            padded("auto"),
            padded(""),
            padded(&self.buyer),
            money(self.order_amount),
            money(self.received),
            money(0),
            money(0),
            money(0),
            money(self.merchant_discount),
            money(0),
            String::new(),
            padded(&money(0)),
            padded(&money(0)),
            padded(&self.refund_no),
            money(self.fee),
            money(self.split),
            String::new(),
        ]
        .join(",")
    }
}

/// The header of the trade bill.
pub const ALIPAY_HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,\
卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

/// A trade bill of one day, `2026-11-20`, as text with CRLF.
pub fn alipay_trade(account: &str, date: &str, rows: &[AlipayRow]) -> String {
    let of = |kind: &str| rows.iter().filter(|row| row.kind == kind).collect::<Vec<_>>();
    let sum = |rows: &[&AlipayRow], field: fn(&AlipayRow) -> i64| rows.iter().map(|row| field(row)).sum::<i64>();
    let (payments, refunds) = (of("交易"), of("退款"));
    let mut lines = alipay_preamble("业务明细", account, date);
    lines.push(ALIPAY_HEADER.to_owned());
    lines.extend(rows.iter().map(AlipayRow::line));
    lines.push(
        "#-----------------------------------------业务明细列表结束------------------------------------".to_owned(),
    );
    lines.push(format!(
        "#交易合计：{}笔，商家实收共{}元，商家优惠共{}元",
        payments.len(),
        yuan(sum(&payments, |row| row.received)),
        yuan(sum(&payments, |row| row.merchant_discount))
    ));
    lines.push(format!(
        "#退款合计：{}笔，商家实收退款共{}元，商家优惠退款共{}元",
        refunds.len(),
        yuan(sum(&refunds, |row| row.received)),
        yuan(sum(&refunds, |row| row.merchant_discount))
    ));
    lines.push(format!("#导出时间：[{} 05:46:49]", chinese(&next_day(date))));
    lines.join("\r\n") + "\r\n"
}

fn alipay_preamble(what: &str, account: &str, date: &str) -> Vec<String> {
    vec![
        format!("#支付宝{what}查询"),
        format!("#账号：[{account}0156]"),
        format!("#起始日期：[{} 00:00:00]   终止日期：[{} 00:00:00]", chinese(date), chinese(&next_day(date))),
        format!("#-----------------------------------------{what}列表----------------------------------------"),
    ]
}

fn chinese(date: &str) -> String {
    let mut parts = date.split('-');
    let mut next = || parts.next().unwrap();
    format!("{}年{}月{}日", next(), next(), next())
}

/// The day after `2026-11-20`.
pub fn next_day(date: &str) -> String {
    date.parse::<jiff::civil::Date>().unwrap().tomorrow().unwrap().to_string()
}

/// The summary member that Alipay packs beside the bill.
fn alipay_summary(account: &str, date: &str, rows: &[AlipayRow]) -> String {
    let count = |kind: &str| rows.iter().filter(|row| row.kind == kind).count();
    let sum = |field: fn(&AlipayRow) -> i64| yuan(rows.iter().map(field).sum());
    let totals = [
        count("交易").to_string(),
        count("退款").to_string(),
        sum(|row| row.order_amount),
        sum(|row| row.received),
        yuan(0),
        sum(|row| row.merchant_discount),
        yuan(0),
        sum(|row| row.fee),
        sum(|row| row.split),
        sum(|row| row.received + row.fee + row.split),
    ]
    .join(",");
    let mut lines = alipay_preamble("业务汇总", account, date);
    lines.push(
        "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,\
         服务费（元）,分润（元）,实收净额（元）"
            .to_owned(),
    );
    lines.push(format!("S001\t,朝阳茶舍\t,{totals}"));
    lines.push(format!("合计\t,\t,{totals}"));
    lines.push(
        "#-----------------------------------------业务汇总列表结束------------------------------------".to_owned(),
    );
    lines.push(format!("#导出时间：[{} 05:46:49]", chinese(&next_day(date))));
    lines.join("\r\n") + "\r\n"
}

/// Text as GBK bytes.
pub fn gbk(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = GB18030.encode(text);
    assert!(!unmappable);
    bytes.into_owned()
}

/// The zip of a trade bill as Alipay serves it, the summary first.
pub fn alipay_zip(account: &str, date: &str, rows: &[AlipayRow]) -> Vec<u8> {
    let stem = format!("{account}0156_{}", date.replace('-', ""));
    let member = |suffix: &str, text: String| Member {
        name: gbk(&format!("{stem}_业务明细{suffix}.csv")),
        content: gbk(&text),
    };
    archive(&[member("(汇总)", alipay_summary(account, date, rows)), member("", alipay_trade(account, date, rows))])
}

/// One row of Alipay's 账务明细. Amounts in fen without sign.
#[derive(Clone, Debug)]
pub struct AlipayFundRow {
    pub flow_no: String,
    pub business_no: String,
    pub order_no: String,
    pub time: String,
    pub money_in: i64,
    pub money_out: i64,
    pub kind: &'static str,
}

/// A fund bill of one day whose balance begins at `opening`.
pub fn alipay_fund(account: &str, date: &str, opening: i64, rows: &[AlipayFundRow]) -> String {
    let mut lines = alipay_preamble("账务明细", account, date);
    lines.push(
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注"
            .to_owned(),
    );
    let mut balance = opening;
    for row in rows {
        balance += row.money_in - row.money_out;
        lines.push(format!(
            "{}\t,{}\t,{}\t,茶\t,{},*明(138****0011)\t,{},{},{},支付宝,{},",
            row.flow_no,
            row.business_no,
            row.order_no,
            row.time,
            yuan(row.money_in),
            yuan(-row.money_out),
            yuan(balance),
            row.kind
        ));
    }
    let (ins, outs): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.money_in != 0);
    lines.push(
        "#-----------------------------------------账务明细列表结束------------------------------------".to_owned(),
    );
    lines.push(format!(
        "#支出合计：{}笔，共{}元",
        outs.len(),
        yuan(-outs.iter().map(|row| row.money_out).sum::<i64>())
    ));
    lines.push(format!("#收入合计：{}笔，共{}元", ins.len(), yuan(ins.iter().map(|row| row.money_in).sum())));
    lines.push(format!("#导出时间：[{} 05:46:49]", chinese(&next_day(date))));
    lines.join("\r\n") + "\r\n"
}

/// One row of WeChat's 交易账单. Amounts in fen, positive; `fee` as printed.
#[derive(Clone, Debug)]
pub struct WechatRow {
    pub time: String,
    pub transaction_id: String,
    pub order_no: String,
    pub openid: String,
    pub channel: &'static str,
    pub status: &'static str,
    pub settled: i64,
    pub refund_id: String,
    pub refund_no: String,
    pub refunded: i64,
    pub refund_status: &'static str,
    pub fee: i64,
    pub order_amount: i64,
    pub refund_requested: i64,
}

impl WechatRow {
    /// A payment without coupons.
    pub fn payment(transaction_id: &str, order_no: &str, time: &str, amount: i64, fee: i64) -> Self {
        Self {
            time: time.to_owned(),
            transaction_id: transaction_id.to_owned(),
            order_no: order_no.to_owned(),
            openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned(),
            channel: "JSAPI",
            status: "SUCCESS",
            settled: amount,
            refund_id: "0".to_owned(),
            refund_no: "0".to_owned(),
            refunded: 0,
            refund_status: "",
            fee,
            order_amount: amount,
            refund_requested: 0,
        }
    }

    /// A refund; `fee` is what comes back, positive.
    pub fn refund(payment: &Self, refund_id: &str, refund_no: &str, time: &str, amount: i64, fee: i64) -> Self {
        Self {
            time: time.to_owned(),
            status: "REFUND",
            settled: 0,
            refund_id: refund_id.to_owned(),
            refund_no: refund_no.to_owned(),
            refunded: amount,
            refund_status: "SUCCESS",
            fee: -fee,
            order_amount: 0,
            refund_requested: amount,
            ..payment.clone()
        }
    }

    /// A 撤销 of the payment: the whole amount goes back under the payment's own numbers.
    pub fn revoked(payment: &Self, time: &str) -> Self {
        let mut row = Self::refund(payment, "0", "0", time, payment.settled, payment.fee);
        row.status = "REVOKED";
        row.refund_status = "";
        row.refund_requested = 0;
        row
    }

    fn cells(&self, merchant: &str, bill: WechatBill) -> Vec<String> {
        let text = |text: &str| text.to_owned();
        let mut cells = vec![
            self.time.clone(),
            text("wx81be3101902f7cb2"),
            text(merchant),
            text("0"),
            text(""),
            self.transaction_id.clone(),
            self.order_no.clone(),
            self.openid.clone(),
            text(self.channel),
            text(self.status),
            text("OTHERS"),
            text("CNY"),
            yuan(self.settled),
            yuan(if bill.is_legacy { 0 } else { self.order_amount - self.settled }.max(0)),
        ];
        if bill.kind == WechatKind::Refund {
            cells.extend([self.time.clone(), self.time.clone()]);
        }
        if bill.kind != WechatKind::Success {
            cells.extend([
                self.refund_id.clone(),
                self.refund_no.clone(),
                yuan(self.refunded),
                yuan(0),
                text(if self.refund_status.is_empty() { "" } else { "ORIGINAL" }),
                text(self.refund_status),
            ]);
        }
        cells.extend([text("茶礼盒"), text(""), format!("{}000", yuan(self.fee)), text("0.60%")]);
        if !bill.is_legacy {
            cells.push(yuan(self.order_amount));
            if bill.kind != WechatKind::Success {
                cells.push(yuan(self.refund_requested));
            }
            cells.push(String::new());
        }
        cells
    }
}

/// Which of the three trade bills.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WechatKind {
    All,
    Success,
    Refund,
}

/// Which trade bill, in which generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WechatBill {
    pub kind: WechatKind,
    pub is_legacy: bool,
}

/// The bill that most merchants fetch.
pub const WECHAT_ALL: WechatBill = WechatBill { kind: WechatKind::All, is_legacy: false };

fn wechat_header(bill: WechatBill) -> String {
    let mut columns = vec![
        "交易时间",
        "公众账号ID",
        "商户号",
        if bill.is_legacy { "子商户号" } else { "特约商户号" },
        "设备号",
        "微信订单号",
        "商户订单号",
        "用户标识",
        "交易类型",
        "交易状态",
        "付款银行",
        "货币种类",
        if bill.is_legacy { "总金额" } else { "应结订单金额" },
        if bill.is_legacy { "代金券或立减优惠金额" } else { "代金券金额" },
    ];
    if bill.kind == WechatKind::Refund {
        columns.extend(["退款申请时间", "退款成功时间"]);
    }
    if bill.kind != WechatKind::Success {
        let coupon = if bill.is_legacy { "代金券或立减优惠退款金额" } else { "充值券退款金额" };
        columns.extend(["微信退款单号", "商户退款单号", "退款金额", coupon, "退款类型", "退款状态"]);
    }
    columns.extend(["商品名称", "商户数据包", "手续费", "费率"]);
    if !bill.is_legacy {
        columns.push("订单金额");
        if bill.kind != WechatKind::Success {
            columns.push("申请退款金额");
        }
        columns.push("费率备注");
    }
    columns.join(",")
}

/// A trade bill with byte-order mark, back-ticks, CRLF and its line of totals.
pub fn wechat_trade(merchant: &str, bill: WechatBill, rows: &[WechatRow]) -> String {
    let ticked = |cells: &[String]| cells.iter().map(|cell| format!("`{cell}")).collect::<Vec<_>>().join(",");
    let sum = |field: fn(&WechatRow) -> i64| yuan(rows.iter().map(field).sum());
    let mut lines = vec![wechat_header(bill)];
    lines.extend(rows.iter().map(|row| ticked(&row.cells(merchant, bill))));
    let fees = format!("{}000", sum(|row| row.fee));
    let (header, totals) = if bill.is_legacy {
        (
            "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额",
            vec![rows.len().to_string(), sum(|row| row.settled), sum(|row| row.refunded), yuan(0), fees],
        )
    } else {
        (
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
            vec![
                rows.len().to_string(),
                sum(|row| row.settled),
                sum(|row| row.refunded),
                yuan(0),
                fees,
                sum(|row| row.order_amount),
                sum(|row| row.refund_requested),
            ],
        )
    };
    lines.push(header.to_owned());
    lines.push(ticked(&totals));
    format!("\u{feff}{}\r\n", lines.join("\r\n"))
}

/// One row of WeChat's 资金账单. The amount in fen, without sign.
#[derive(Clone, Debug)]
pub struct WechatFundRow {
    pub time: String,
    pub business_no: String,
    pub flow_no: String,
    pub name: &'static str,
    pub kind: &'static str,
    pub is_in: bool,
    pub amount: i64,
    pub voucher: String,
}

/// A fund bill whose balance begins at `opening`.
pub fn wechat_fund(opening: i64, rows: &[WechatFundRow]) -> String {
    let mut lines = vec![
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
            .to_owned(),
    ];
    let mut balance = opening;
    for row in rows {
        balance += if row.is_in { row.amount } else { -row.amount };
        lines.push(format!(
            "`{},`{},`{},`{},`{},`{},`{},`{},`system,`,`{}",
            row.time,
            row.business_no,
            row.flow_no,
            row.name,
            row.kind,
            if row.is_in { "收入" } else { "支出" },
            yuan(row.amount),
            yuan(balance),
            row.voucher
        ));
    }
    let (ins, outs): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.is_in);
    let sum = |rows: &[&WechatFundRow]| yuan(rows.iter().map(|row| row.amount).sum());
    lines.push("资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额".to_owned());
    lines.push(format!("`{},`{},`{},`{},`{}", rows.len(), ins.len(), sum(&ins), outs.len(), sum(&outs)));
    format!("\u{feff}{}\r\n", lines.join("\r\n"))
}
