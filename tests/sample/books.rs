//! The books of a small shop that are being written, with a list of what is planted in them.

use std::collections::BTreeMap;

use crate::support::bills::{AlipayRow, WechatRow};

/// The first business day of the sample, a Wednesday.
pub const DATE: &str = "2026-11-18";
/// The business days after it.
pub const NEXT: &str = "2026-11-19";
pub const LAST: &str = "2026-11-20";
/// The day before the sample: late, and still within every horizon.
pub const EVE: &str = "2026-11-17";
/// A Friday, three business days before the first day: later than any horizon.
pub const LONG_AGO: &str = "2026-11-13";
/// A Wednesday, five business days before the first day: longer than a refund or a payout may be pending.
pub const WEEK_AGO: &str = "2026-11-11";
/// The shop's Alipay partner id.
pub const ALIPAY: &str = "2088521900345672";
/// The shop's WeChat Pay merchant number.
pub const WECHAT: &str = "1609845123";

/// One row of the shop's ledger. Amounts in fen, signed from the shop's balance.
#[derive(Clone, Debug, Default)]
pub struct LedgerRow {
    pub txn_no: Option<String>,
    pub order_no: Option<String>,
    pub kind: &'static str,
    pub amount_fen: i64,
    pub currency: &'static str,
    pub status: &'static str,
    pub account: &'static str,
    pub channel: &'static str,
    pub buyer: Option<String>,
    pub created_at: String,
    pub closed_at: Option<String>,
    pub delivered: bool,
    pub provider_txn_id: Option<String>,
}

/// Something that was put in on purpose: `what` is `difference`, `closed`, `late`, `cancelled`, `taken back`,
/// `records`, `finding` or `reject`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Planted {
    pub date: &'static str,
    pub job: &'static str,
    pub what: &'static str,
    pub code: String,
    /// The number by which a difference is found, or how many records a state has.
    pub number: String,
    pub story: String,
}

/// Both books of the shop on one day, growing.
pub struct Books {
    pub date: &'static str,
    pub alipay: Vec<AlipayRow>,
    pub wechat: Vec<WechatRow>,
    pub ledger: Vec<LedgerRow>,
    pub planted: Vec<Planted>,
    ends: BTreeMap<(&'static str, &'static str), u64>,
    serial: u64,
}

/// 0.6 %, a half rounded up.
pub fn fee_of(amount: i64) -> i64 {
    (amount * 6 + 500) / 1_000
}

impl Books {
    /// Empty books.
    pub fn on(date: &'static str) -> Self {
        let ends = BTreeMap::new();
        Self { date, alipay: Vec::new(), wechat: Vec::new(), ledger: Vec::new(), planted: Vec::new(), ends, serial: 0 }
    }

    /// The day as numbers have it.
    fn compact(&self) -> String {
        self.date.replace('-', "")
    }

    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A time of the day; each one is a few minutes after the one before.
    pub fn time(&mut self) -> String {
        let minutes = 8 * 60 + self.serial * 5;
        format!("{} {:02}:{:02}:{:02}", self.date, minutes / 60, minutes % 60, (self.serial * 7) % 60)
    }

    /// Notes where records end: ledger or statement, state, how many.
    pub fn end(&mut self, book: &'static str, state: &'static str, count: u64) {
        *self.ends.entry((book, state)).or_default() += count;
    }

    /// Notes a pair that agrees.
    pub fn matched(&mut self) {
        self.end("ledger", "MATCHED", 1);
        self.end("statement", "MATCHED", 1);
    }

    /// Notes a difference with its records on both sides.
    pub fn differs(&mut self, code: &str, number: &str, ledger: u64, statement: u64, story: &str) {
        self.end("ledger", "IN_DIFFERENCE", ledger);
        self.end("statement", "IN_DIFFERENCE", statement);
        self.plant("difference", code, number, story);
    }

    /// Notes a pair whose difference the policy writes off.
    pub fn settles(&mut self, code: &str, number: &str, story: &str) {
        self.end("ledger", "MATCHED_WITH_VARIANCE", 1);
        self.end("statement", "MATCHED_WITH_VARIANCE", 1);
        self.plant("difference", code, number, story);
    }

    /// Notes anything else.
    pub fn plant(&mut self, what: &'static str, code: &str, number: &str, story: &str) {
        self.planted.push(Planted {
            date: self.date,
            job: "shop",
            what,
            code: code.to_owned(),
            number: number.to_owned(),
            story: story.to_owned(),
        });
    }

    /// What was planted, with the number of records by state.
    pub fn planted(&self) -> Vec<Planted> {
        let ends = self.ends.iter().filter(|(_, count)| **count > 0).map(|((book, state), count)| Planted {
            date: self.date,
            job: "shop",
            what: "records",
            code: format!("{book} {state}"),
            number: count.to_string(),
            story: "records of this book that end in this state".to_owned(),
        });
        self.planted.iter().cloned().chain(ends).collect()
    }

    /// An Alipay payment of a buyer of its own, and its booking, both returned to be changed.
    pub fn alipay_order(&mut self, amount: i64) -> (AlipayRow, LedgerRow) {
        let number = self.next();
        let time = self.time();
        let order = format!("SR{}A{number:05}", self.compact());
        let mut row = AlipayRow::payment(
            &format!("{}220014588605{number:08}", self.compact()),
            &order,
            &time,
            amount,
            fee_of(amount),
        );
        let name = ["明", "芳", "伟", "静", "磊"][usize::try_from(number % 5).unwrap()];
        row.buyer = format!("*{name}(139****{:04})", 1_000 + number);
        let booking = LedgerRow {
            txn_no: Some(order.clone()),
            order_no: Some(order),
            kind: "PAY",
            amount_fen: amount,
            currency: "CNY",
            status: "PAID",
            account: "alipay_main",
            channel: "ALIPAY",
            buyer: Some(row.buyer.clone()),
            created_at: time,
            closed_at: None,
            delivered: false,
            provider_txn_id: Some(row.trade_no.clone()),
        };
        (row, booking)
    }

    /// A WeChat payment and its booking.
    pub fn wechat_order(&mut self, amount: i64) -> (WechatRow, LedgerRow) {
        let number = self.next();
        let time = self.time();
        let order = format!("SR{}W{number:05}", self.compact());
        let mut row = WechatRow::payment(
            &format!("4200002026{}{number:010}", self.compact()),
            &order,
            &time,
            amount,
            fee_of(amount),
        );
        row.openid = format!("oUpF8uMuAJO_M2pxb1Q9zNj{number:05}");
        let booking = LedgerRow {
            txn_no: Some(order.clone()),
            order_no: Some(order),
            kind: "PAY",
            amount_fen: amount,
            currency: "CNY",
            status: "PAID",
            account: "wechat_main",
            channel: "JSAPI",
            buyer: Some(row.openid.clone()),
            created_at: time,
            closed_at: None,
            delivered: false,
            provider_txn_id: Some(row.transaction_id.clone()),
        };
        (row, booking)
    }

    /// A refund of an Alipay payment and its booking.
    pub fn alipay_refund(&mut self, payment: &AlipayRow, amount: i64) -> (AlipayRow, LedgerRow) {
        let number = self.next();
        let time = self.time();
        let refund_no = format!("RF{}A{number:05}", self.compact());
        let row = AlipayRow::refund(payment, &refund_no, &time, amount, fee_of(amount));
        let booking = refund_booking(&refund_no, &row.order_no, "alipay_main", "ALIPAY", &row.buyer, &time, amount);
        (row, booking)
    }

    /// A refund of a WeChat payment and its booking.
    pub fn wechat_refund(&mut self, payment: &WechatRow, amount: i64) -> (WechatRow, LedgerRow) {
        let number = self.next();
        let time = self.time();
        let refund_no = format!("RF{}W{number:05}", self.compact());
        let refund_id = format!("5030052026{}{number:010}", self.compact());
        let row = WechatRow::refund(payment, &refund_id, &refund_no, &time, amount, fee_of(amount));
        let booking = refund_booking(&refund_no, &row.order_no, "wechat_main", "JSAPI", &row.openid, &time, amount);
        (row, booking)
    }
}

fn refund_booking(
    refund_no: &str,
    order_no: &str,
    account: &'static str,
    channel: &'static str,
    buyer: &str,
    time: &str,
    amount: i64,
) -> LedgerRow {
    LedgerRow {
        txn_no: Some(refund_no.to_owned()),
        order_no: Some(order_no.to_owned()),
        kind: "REFUND",
        amount_fen: -amount,
        currency: "CNY",
        status: "PAID",
        account,
        channel,
        buyer: Some(buyer.to_owned()),
        created_at: time.to_owned(),
        ..LedgerRow::default()
    }
}
