//! Every format: golden files, what `sniff` says of them, and the records they hold.
//!
//! `tests/formats/` holds small files written from the documented layouts and beside each one what is
//! told of it, compared byte for byte; `UPDATE=1 cargo test formats` writes both again.

use tieout::normalise::{Exact, Notation, Rounding, Unit};
use tieout_kernel::currency::Currency;

use crate::support::bills::{
    AlipayFundRow, AlipayRow, WECHAT_ALL, WechatBill, WechatFundRow, WechatKind, WechatRow, alipay_fund, alipay_trade,
    alipay_zip, gbk, wechat_fund, wechat_trade,
};
use crate::support::{Workspace, output, project, stdout, updating};

const DATE: &str = "2026-11-20";
const ALIPAY: &str = "2088521900345672";
const WECHAT: &str = "1609845123";

/// A day at Alipay: two payments, one with a discount of the merchant's, and a refund.
pub fn alipay_rows() -> Vec<AlipayRow> {
    let at = |time: &str| format!("{DATE} {time}");
    let first = AlipayRow::payment("2026112022001458860500000001", "SR0001", &at("09:30:00"), 10_000, 60);
    let mut second = AlipayRow::payment("2026112022001458860500000002", "SR0002", &at("23:59:59"), 4_550, 25);
    (second.received, second.merchant_discount, second.split) = (4_250, 300, -85);
    let refund = AlipayRow::refund(&first, "RF0001", &at("15:00:00"), 2_500, 15);
    vec![first, second, refund]
}

/// A day at WeChat Pay: payments, a coupon, refunds in every state, a revocation.
pub fn wechat_rows(bill: WechatBill) -> Vec<WechatRow> {
    let at = |time: &str| format!("{DATE} {time}");
    let paid = WechatRow::payment("4200000925202611200000000001", "SR1001", &at("08:00:00"), 600, 4);
    let mut coupon = WechatRow::payment("4200000925202611200000000002", "SR1002", &at("08:05:00"), 10_000, 55);
    if !bill.is_legacy {
        coupon.settled = 9_200;
    }
    let refund = |number: u32, status: &'static str, amount: i64| {
        let mut row = WechatRow::refund(
            &coupon,
            &format!("5030052026112000000000000{number}"),
            &format!("RF100{number}"),
            &at(&format!("12:0{number}:00")),
            amount,
            0,
        );
        row.refund_status = status;
        row
    };
    let refunds =
        [refund(1, "SUCCESS", 1_000), refund(2, "PROCESSING", 500), refund(3, "FAIL", 700), refund(4, "CHANGE", 800)];
    let revoked = WechatRow::revoked(&paid, &at("08:00:30"));
    match bill.kind {
        WechatKind::All => [vec![paid, coupon], refunds.to_vec(), vec![revoked]].concat(),
        WechatKind::Success => vec![paid, coupon],
        WechatKind::Refund => [refunds.to_vec(), vec![revoked]].concat(),
    }
}

/// A day of Alipay's balance: a payment, its fee, a refund, a withdrawal.
pub fn alipay_fund_rows() -> Vec<AlipayFundRow> {
    let row = |number: u32, business: &str, order: &str, money_in, money_out, kind| AlipayFundRow {
        flow_no: format!("5463244653737{number}"),
        business_no: business.to_owned(),
        order_no: order.to_owned(),
        time: format!("{DATE} 10:0{number}:00"),
        money_in,
        money_out,
        kind,
    };
    vec![
        row(1, "2026112022001458860500000001", "SR0001", 10_000, 0, "在线支付"),
        row(2, "2026112022001458860500000001", "SR0001", 0, 60, "收费"),
        row(3, "2026112022001458860500000001", "SR0001", 0, 2_500, "交易退款"),
        row(4, "2026112000000000000000000004", "", 0, 5_000, "提现"),
    ]
}

/// A day of WeChat's balance.
pub fn wechat_fund_rows() -> Vec<WechatFundRow> {
    let row = |number: u32, name, kind, is_in, amount, voucher: &str| WechatFundRow {
        time: format!("{DATE} 10:0{number}:00"),
        business_no: format!("42000009252026112000000000{number}"),
        flow_no: format!("19000092312018020158846521{number}"),
        name,
        kind,
        is_in,
        amount,
        voucher: voucher.to_owned(),
    };
    vec![
        row(1, "交易", "交易", true, 600, "SR1001"),
        row(2, "交易", "扣除交易手续费", false, 4, "SR1001"),
        row(3, "退款", "退款", false, 100, "RF1001"),
        row(4, "充值/提现", "提现", false, 300, "WD1"),
    ]
}

/// Every golden file by its name.
fn golden() -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("alipay_trade_gbk.csv".to_owned(), gbk(&alipay_trade(ALIPAY, DATE, &alipay_rows()))),
        ("alipay_trade_older_wording.csv".to_owned(), older_wording().into_bytes()),
        ("alipay_trade.csv.zip".to_owned(), alipay_zip(ALIPAY, DATE, &alipay_rows())),
        ("alipay_fund.csv".to_owned(), gbk(&alipay_fund(ALIPAY, DATE, 1_453_303, &alipay_fund_rows()))),
        ("alipay_fund_newest_first.csv".to_owned(), newest_first().into_bytes()),
        ("wechat_fund.csv".to_owned(), wechat_fund(100_000, &wechat_fund_rows()).into_bytes()),
        ("wechat_fund_with_blank_lines.csv".to_owned(), blank_lines().into_bytes()),
        (
            "wechat_trade_all.csv.gz".to_owned(),
            gzip(wechat_trade(WECHAT, WECHAT_ALL, &wechat_rows(WECHAT_ALL)).as_bytes()),
        ),
    ];
    for (name, kind) in [("all", WechatKind::All), ("success", WechatKind::Success), ("refund", WechatKind::Refund)] {
        for (generation, is_legacy) in [("", false), ("_legacy", true)] {
            let bill = WechatBill { kind, is_legacy };
            let text = wechat_trade(WECHAT, bill, &wechat_rows(bill));
            files.push((format!("wechat_trade_{name}{generation}.csv"), text.into_bytes()));
        }
    }
    files
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The trailer that older exports have, half-width brackets, another name for the first column.
fn older_wording() -> String {
    let rows: Vec<AlipayRow> = alipay_rows().into_iter().filter(|row| row.merchant_discount == 0).collect();
    alipay_trade(ALIPAY, DATE, &rows)
        .replace("商家实收共", "交易金额共")
        .replace("商家实收退款共", "交易退款金额共")
        .replace("商家优惠共", "优惠金额共")
        .replace("支付宝交易号,", "交易号,")
        .replace("集分宝（元）", "集分宝抵扣(元)")
        .replace("支付宝优惠（元）", "支付宝优惠")
}

/// Rows from the last to the first, debits printed without their sign, padded trailer, no preamble but the title.
fn newest_first() -> String {
    let text = alipay_fund(ALIPAY, DATE, 1_453_303, &alipay_fund_rows());
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[5..9].reverse();
    for line in &mut lines[5..9] {
        *line = line.replace(",-", ",");
    }
    for line in lines.iter_mut().filter(|line| line.contains("合计")) {
        line.push_str(",,,,,,,");
    }
    lines.drain(1..4);
    lines.join("\n") + "\n"
}

/// As in WeChat's own documentation: blank lines between the parts, counts with a decimal.
fn blank_lines() -> String {
    let text = wechat_fund(100_000, &wechat_fund_rows());
    let mut lines: Vec<String> = text.trim_start_matches('\u{feff}').lines().map(str::to_owned).collect();
    lines[0] = lines[0].replace("(元)", "（元）");
    let totals = lines.last_mut().unwrap();
    *totals = totals.replace("`4,`1,", "`4.0,`1.0,").replace(",`3,", ",`3.0,");
    lines.join("\n\n") + "\n"
}

#[test]
fn golden_files_are_read_as_told() {
    let mut wrong = Vec::new();
    for (name, bytes) in golden() {
        let path = project("tests/formats").join(&name);
        let told_path = project("tests/formats").join(format!("{name}.told"));
        if updating() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).unwrap_or_default() == bytes, "{name} is not what the generator writes");
        // The name says nothing: a file is recognised by what it contains.
        let workspace = Workspace::new();
        let copy = workspace.write("file", &bytes);
        let page = stdout(&output(&["sniff", copy.to_str().unwrap()]));
        let records = stdout(&output(&["sniff", "--records", copy.to_str().unwrap()]));
        let told = format!("{page}\n{records}").replace(copy.parent().unwrap().to_str().unwrap(), "");
        if updating() {
            std::fs::write(&told_path, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&told_path).unwrap_or_default();
        if expected != told {
            wrong.push(format!("{name}\n--- expected\n{expected}\n--- told\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sniff_tells_programs_one_object_a_file() {
    let path = project("tests/formats/alipay_trade.csv.zip");
    let line = stdout(&output(&["sniff", "--json", path.to_str().unwrap()]));
    let value: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    let mut names: Vec<&String> = value.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["controls", "encoding", "file", "findings", "format", "records", "rejects", "totals"]);
    assert_eq!((value["format"].as_str(), value["records"].as_u64()), (Some("alipay.trade"), Some(3)));
    assert_eq!(
        value["totals"][0],
        serde_json::json!({
            "kind": "PAYMENT", "status": "SUCCESS", "currency": "CNY", "count": 2,
            "amount_minor": 14_250, "fee_minor": -170, "net_minor": 14_080
        })
    );
    assert_eq!(
        value["controls"][0],
        serde_json::json!({"name": "交易合计笔数", "declared": "2", "computed": "2", "ties": true})
    );
}

#[test]
fn every_amount_of_two_decimals_is_exact() {
    let cny = Currency::iso("CNY").unwrap();
    for fen in 0..100_000_i64 {
        let text = format!("{}.{:02}", fen / 100, fen % 100);
        let exact = Exact::parse(&text, Notation::default()).unwrap();
        assert_eq!(exact.to_minor(Unit::Major, cny, Rounding::Refuse).unwrap().get(), fen, "{text}");
        assert_eq!(exact.to_string(), text);
    }
}
