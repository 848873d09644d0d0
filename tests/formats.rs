//! Every format: golden files, what `sniff` says of them, and the records they hold.
//!
//! `tests/formats/` holds small files written from the documented layouts and beside each one what is
//! told of it, compared byte for byte; `UPDATE=1 cargo test formats` writes both again.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray, PrimitiveArray,
    RecordBatch, StringArray, TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
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

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    parquet_with(batch, WriterProperties::default())
}

fn parquet_with(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn a_floating_point_amount_is_refused() {
    let workspace = Workspace::new();
    let amounts: PrimitiveArray<Float64Type> = Float64Array::from(vec![0.29, 0.57]);
    let file = parquet(&batch(vec![
        ("order_no", Arc::new(StringArray::from(vec!["A1", "A2"]))),
        ("amount", Arc::new(amounts)),
    ]));
    let ledger = workspace.write("ledger.parquet", file);
    let statement = workspace.write("statement.csv", "order_no,amount\nA1,0.29\nA2,0.57\n");
    let out = workspace.path("out");
    let arguments = [
        "compare",
        ledger.to_str().unwrap(),
        statement.to_str().unwrap(),
        "--key",
        "order_no",
        "--out",
        out.to_str().unwrap(),
    ];
    let output = output(&arguments);
    assert_eq!(output.status.code(), Some(21), "{}{}", stdout(&output), crate::support::stderr(&output));
    let rejects = std::fs::read_to_string(out.join("rejects.csv")).unwrap();
    assert_eq!(rejects.matches("FLOAT_MONEY").count(), 2, "{rejects}");
}

/// One ledger in many clothes: whatever type a column has, the records are the same.
#[test]
fn the_type_of_a_column_changes_nothing() {
    let orders = ["A1", "A2", "A3"];
    let minutes = [1_795_140_000_000_i64, 1_795_140_060_000, 1_795_140_120_000];
    let text: ArrayRef = Arc::new(StringArray::from(orders.to_vec()));
    let large: ArrayRef = Arc::new(LargeStringArray::from(orders.to_vec()));
    let dictionary: ArrayRef =
        Arc::new(orders.iter().copied().collect::<DictionaryArray<arrow_array::types::Int32Type>>());
    let decimal = |precision, scale, values: Vec<i128>| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap())
    };
    let time =
        |zone: &str| -> ArrayRef { Arc::new(TimestampMillisecondArray::from(minutes.to_vec()).with_timezone(zone)) };
    let minor: PrimitiveArray<Int64Type> = Int64Array::from(vec![1_000, 2_050, 3_000]);
    let small = Int32Array::from(vec![1_000, 2_050, 3_000]);
    let table = |orders: &ArrayRef, amount: ArrayRef, at: ArrayRef| {
        parquet(&batch(vec![("no", Arc::clone(orders)), ("amount", amount), ("at", at)]))
    };
    let variants = [
        ("minor", table(&text, Arc::new(minor), time("UTC"))),
        ("minor", table(&dictionary, Arc::new(small), time("+08:00"))),
        ("major", table(&large, decimal(18, 2, vec![1_000, 2_050, 3_000]), time("UTC"))),
        ("major", table(&text, decimal(30, 5, vec![1_000_000, 2_050_000, 3_000_000]), time("UTC"))),
        ("major", table(&text, Arc::new(StringArray::from(vec!["10.00", " 20.50", "30"])), time("UTC"))),
    ];
    let statement =
        "no,amount,at\nA1,10.00,2026-11-20T02:40:00Z\nA2,20.51,2026-11-20T02:41:00Z\nA4,40.00,2026-11-20T02:42:00Z\n";
    let mut told = Vec::new();
    for (unit, ledger) in variants {
        let workspace = Workspace::new();
        workspace.write("ledger.parquet", ledger);
        workspace.write("psp.csv", statement);
        let job = workspace.write("job.toml", typed_job(unit));
        crate::support::run_job(&job, DATE);
        let published = workspace.published("types", DATE);
        let differences = published.table("differences");
        let lines: Vec<String> = differences
            .iter()
            .map(|row| format!("{} {} {} {}", row["code"], row["event_no"], row["exposure"], row["occurred_at"]))
            .collect();
        told.push((lines, published.summary()["matched"].clone()));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    assert_eq!(told[0].1, 1);
    assert_eq!(told[0].0.len(), 3, "{told:#?}");
}

/// A file may list the values of a column once, begin to do so and give up, or write each where it stands.
#[test]
fn how_a_file_lists_the_values_of_a_column_changes_nothing() {
    let count = 4_000;
    let cell = |row: usize, what: &[Option<&'static str>]| what[row * 7 % what.len()];
    let column = |what: &'static [Option<&'static str>]| -> ArrayRef {
        Arc::new((0..count).map(|row| cell(row, what)).collect::<StringArray>())
    };
    let orders: ArrayRef = Arc::new((0..count).map(|row| Some(format!("A{row}"))).collect::<StringArray>());
    let amounts: PrimitiveArray<Int64Type> = (0..count).map(|row| i64::try_from(row).ok()).collect();
    let ledger = batch(vec![
        ("order_no", orders),
        ("amount_minor", Arc::new(amounts)),
        ("kind", column(&[Some("PAYMENT"), Some(" PAYMENT "), Some("REFUND"), Some("PAYMENT")])),
        ("status", column(&[Some("SUCCESS"), Some("PENDING"), Some("SUCCESS")])),
        ("currency", column(&[Some("CNY"), Some("USD"), Some("XYZ"), Some("CNY"), Some(""), None])),
        (
            "account",
            column(&[Some("M1"), Some("an account of many letters"), None, Some("M2"), Some(" "), Some("M1 ")]),
        ),
    ]);
    let statement = batch(
        ledger
            .schema()
            .fields()
            .iter()
            .zip(ledger.columns())
            // The other side has its accounts in another order.
            .map(|(field, array)| match field.name().as_str() {
                "account" => ("account", column(&[Some("M2"), Some("M1"), None, Some("an account of many letters")])),
                name => (name, Arc::clone(array)),
            })
            .collect(),
    );
    let properties = || WriterProperties::builder().set_max_row_group_row_count(Some(1_500));
    let listings = [
        ("never", properties().set_dictionary_enabled(false).build()),
        ("always", properties().build()),
        // The second row's value is one too many.
        ("until it is too long", properties().set_dictionary_page_size_limit(8).set_write_batch_size(64).build()),
    ];
    let mut told = Vec::new();
    for (name, properties) in listings {
        let workspace = Workspace::new();
        let ledger = workspace.write("ledger.parquet", parquet_with(&ledger, properties.clone()));
        let statement = workspace.write("statement.parquet", parquet_with(&statement, properties));
        let out = workspace.path("out");
        let files = [&ledger, &statement, &out].map(|path| path.to_str().unwrap());
        let arguments = ["compare", files[0], files[1], "--key", "order_no", "--json", "--out", files[2]];
        let output = output(&arguments);
        let read = |file: &str| std::fs::read_to_string(out.join(file)).unwrap();
        told.push((name, stdout(&output), read("differences.csv"), read("rejects.csv")));
    }
    let [(_, answer, differences, rejects), others @ ..] = told.as_slice() else { unreachable!("three listings") };
    for (name, answer_too, differences_too, rejects_too) in others {
        assert_eq!((answer_too, differences_too, rejects_too), (answer, differences, rejects), "{name}");
    }
    let lines = |text: &str, word: &str| text.lines().filter(|line| line.contains(word)).count();
    assert!(lines(differences, "MERCHANT_MISMATCH") > 1_000, "{answer}");
    assert!(lines(rejects, "UNKNOWN_CURRENCY") > 1_000 && lines(rejects, ",MISSING,") > 1_000, "{rejects:.2000}");
}

fn typed_job(unit: &str) -> String {
    let source = |name: &str, book: &str, format: &str, place: &str, unit: &str, more: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\nbook = \"{book}\"\nformat = \"{format}\"\nplace = \"{place}\"\n{more}\
             zone = \"Asia/Shanghai\"\nunit = \"{unit}\"\nsign = \"signed\"\n[source.columns]\nevent_no = \"no\"\n\
             amount = \"amount\"\ncurrency = {{ always = \"CNY\" }}\nstatus = {{ always = \"SUCCESS\" }}\n\
             account = {{ always = \"M1\" }}\noccurred_at = \"at\"\n[source.carry]\ndefault = \"none\"\n"
        )
    };
    format!(
        "job = \"types\"\nstarts = \"2026-11-20\"\nbase_currency = \"CNY\"\noutput = \"out\"\n{}{}",
        source("ledger", "ledger", "parquet", "ledger.parquet", unit, ""),
        source("psp", "statement", "delimited", "psp.csv", "major", "account = \"M1\"\n")
    )
}
