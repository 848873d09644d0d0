//! Parquet: whatever type, annotation and encoding a column has, the records are the same or the column is refused.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    ArrayRef, BinaryArray, Decimal128Array, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int32Array,
    Int64Array, LargeStringArray, NullArray, PrimitiveArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::WriterProperties;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;

use crate::support::{Workspace, output, stderr, stdout};

const DATE: &str = "2026-11-20";

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
    assert_eq!(output.status.code(), Some(21), "{}{}", stdout(&output), stderr(&output));
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

/// A table as Parquet whose columns are annotated as a schema says.
fn annotated(schema: &str, batch: &RecordBatch) -> Vec<u8> {
    let schema = SchemaDescriptor::new(Arc::new(parse_message_type(schema).unwrap()));
    let options = ArrowWriterOptions::new().with_parquet_schema(schema).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Compares two Parquet files by a key and some columns.
fn compared(workspace: &Workspace, files: [Vec<u8>; 2], key: &str, columns: &str) -> (Option<i32>, String, String) {
    let [ledger, statement] = files;
    let ledger = workspace.write("ledger.parquet", ledger);
    let statement = workspace.write("statement.parquet", statement);
    let out = workspace.path("out");
    let files = [&ledger, &statement, &out].map(|path| path.to_str().unwrap());
    let output = output(&["compare", files[0], files[1], "--key", key, "--compare", columns, "--out", files[2]]);
    let differences = std::fs::read_to_string(out.join("differences.csv")).unwrap_or_default();
    (output.status.code(), stdout(&output) + &stderr(&output), differences)
}

/// DuckDB annotates JSON, other writers enumerations and UUIDs.
#[test]
fn text_by_another_name_is_text() {
    let schema = "message m { required binary order_no (UTF8); required int64 amount_minor; \
                  optional binary attach (JSON); optional binary grade (ENUM); \
                  required fixed_len_byte_array(16) trace (UUID); }";
    let table = |attach: &str, grade: &str, trace: u128| {
        let text = |changed: &str, usual: &str| -> ArrayRef {
            Arc::new(
                (0..300)
                    .map(|row| (row != 8).then_some(if row == 7 { changed } else { usual }))
                    .collect::<StringArray>(),
            )
        };
        let traces = (0..300_u128).map(|row| Some(if row == 7 { trace } else { row }.to_be_bytes()));
        let traces = FixedSizeBinaryArray::try_from_sparse_iter_with_size(traces, 16).unwrap();
        let orders: ArrayRef = Arc::new((0..300).map(|row| Some(format!("A{row}"))).collect::<StringArray>());
        let amounts: PrimitiveArray<Int64Type> = (0..300).map(Some).collect();
        annotated(
            schema,
            &batch(vec![
                ("order_no", orders),
                ("amount_minor", Arc::new(amounts)),
                ("attach", text(attach, "{}")),
                ("grade", text(grade, "GOLD")),
                ("trace", Arc::new(traces)),
            ]),
        )
    };
    let trace = 0x2d1b_0e7e_4c3c_4d3e_9a6e_1234_5678_90ab;
    let workspace = Workspace::new();
    let equal = [table("{\"a\":1}", "SILVER", trace), table("{\"a\":1}", "SILVER", trace)];
    let (code, told, differences) = compared(&workspace, equal, "order_no", "attach,grade,trace");
    assert_eq!((code, differences.lines().count()), (Some(0), 1), "{told}");
    for (column, other) in [
        ("attach", table("{\"a\":2}", "SILVER", trace)),
        ("grade", table("{\"a\":1}", "GOLD", trace)),
        ("trace", table("{\"a\":1}", "SILVER", trace + 1)),
    ] {
        let workspace = Workspace::new();
        let files = [table("{\"a\":1}", "SILVER", trace), other];
        let (code, told, differences) = compared(&workspace, files, "order_no", "attach,grade,trace");
        assert_eq!((code, differences.matches("FIELD_MISMATCH").count()), (Some(0), 1), "{column}: {told}");
        assert!(differences.contains("A7"), "{differences}");
    }
    let files = [table("{}", "GOLD", trace), table("{}", "GOLD", trace + 1)];
    let (_, told, differences) = compared(&Workspace::new(), files, "trace", "attach");
    assert!(told.contains("MISSING"), "{told}");
    for key in ["2d1b0e7e-4c3c-4d3e-9a6e-1234567890ab", "2d1b0e7e-4c3c-4d3e-9a6e-1234567890ac"] {
        assert_eq!(differences.lines().filter(|line| line.contains(key)).count(), 1, "{differences}");
    }
}

#[test]
fn text_by_another_name_that_is_no_text_is_a_damaged_file() {
    let schema = "message m { required binary order_no (UTF8); required int64 amount_minor; \
                  required binary attach (JSON); }";
    let table = |attach: &[u8]| {
        let amounts: PrimitiveArray<Int64Type> = Int64Array::from(vec![1, 2]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("order_no", Arc::new(StringArray::from(vec!["A1", "A2"]))),
            ("amount_minor", Arc::new(amounts)),
            ("attach", Arc::new(BinaryArray::from(vec![attach, b"{}"]))),
        ];
        annotated(schema, &batch(columns))
    };
    let workspace = Workspace::new();
    let (code, told, _) = compared(&workspace, [table(b"{}"), table(b"{\xff}")], "order_no", "attach");
    assert_eq!(code, Some(21), "{told}");
    assert!(told.contains("could not read statement.parquet"), "{told}");
}

/// Two columns of which nothing can be read must not pass as equal.
#[test]
fn a_compared_column_from_which_nothing_can_be_read_is_refused() {
    let table = |column: ArrayRef| {
        let amounts: PrimitiveArray<Int64Type> = Int64Array::from(vec![1]);
        let orders: ArrayRef = Arc::new(StringArray::from(vec!["A1"]));
        parquet(&batch(vec![("order_no", orders), ("amount_minor", Arc::new(amounts)), ("device", column)]))
    };
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"one"[..]]));
    let float: ArrayRef = Arc::new(Float64Array::from(vec![12_345.0]));
    for (column, name) in [(bytes, "Binary"), (float, "Float64")] {
        let workspace = Workspace::new();
        let file = table(column);
        let (code, told, _) = compared(&workspace, [file.clone(), file], "order_no", "device");
        assert_eq!(code, Some(21), "{told}");
        let what = format!("ledger.parquet: the column `device` is of type {name}");
        assert!(told.contains(&what), "{told}");
    }
}

/// A job blocks the source of a needed column, and says of any other that it is left empty.
#[test]
fn a_mapped_column_from_which_nothing_can_be_read_is_a_finding() {
    for (line, blocks) in [
        ("counterparty = \"device\"\n", false),
        ("provider_txn_id = \"device\"\n", true),
        ("fulfilled = \"device\"\n", true),
    ] {
        let workspace = Workspace::new();
        let amounts: PrimitiveArray<Int64Type> = Int64Array::from(vec![1_000]);
        let minutes = TimestampMillisecondArray::from(vec![1_795_140_000_000_i64]).with_timezone("UTC");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("no", Arc::new(StringArray::from(vec!["A1"]))),
            ("amount", Arc::new(amounts)),
            ("at", Arc::new(minutes)),
            ("device", Arc::new(BinaryArray::from(vec![&b"one"[..]]))),
        ];
        workspace.write("ledger.parquet", parquet(&batch(columns)));
        workspace.write("psp.csv", "no,amount,at\nA1,10.00,2026-11-20T02:40:00Z\n");
        let text = typed_job("minor").replacen("event_no = \"no\"\n", &format!("event_no = \"no\"\n{line}"), 1);
        let job = workspace.write("job.toml", text);
        crate::support::run_job(&job, DATE);
        let summary = workspace.published("types", DATE).summary();
        let findings = summary["findings"].as_array().unwrap();
        let of_column = findings.iter().find(|finding| finding["message"].as_str().unwrap().contains("`device`"));
        let of_column = of_column.unwrap_or_else(|| panic!("{summary:#}"));
        assert_eq!((of_column["code"].as_str(), of_column["blocks"].as_bool()), (Some("SCHEMA_DRIFT"), Some(blocks)));
        assert_eq!(summary["matched"], u64::from(!blocks), "{summary:#}");
    }
}

/// What is compared or selected by must be there, or both books would be equal in it and nothing selected.
#[test]
fn a_column_that_is_compared_or_selected_by_and_is_not_there_blocks_its_source() {
    let job = typed_job("minor").replace("\"parquet\"", "\"delimited\"");
    let put = |text: String, line: &str| text.replace("sign = \"signed\"\n", &format!("sign = \"signed\"\n{line}\n"));
    let with_compare = |line: &str, more: &str| put(format!("{job}\n[compare]\n{line}\n"), more);
    let extra = "extra = { device = \"device\" }";
    let either = "extra = { device = { first_of = [\"device_id\", \"device\"] } }";
    let party = |text: String| text.replace("event_no = \"no\"\n", "event_no = \"no\"\ncounterparty = \"device\"\n");
    let jobs = [
        with_compare("columns = [\"device\"]", extra),
        with_compare("columns = [\"device\"]", either),
        party(with_compare("counterparty = true", "")),
        put(job.clone(), &format!("{extra}\nfilter = \"device <> 'TEST'\"")),
    ];
    for (text, is_there) in jobs.iter().flat_map(|text| [(text, false), (text, true)]) {
        let workspace = Workspace::new();
        let (name, cell) = if is_there { (",device", ",d-1") } else { ("", "") };
        workspace.write("ledger.parquet", format!("no,amount,at{name}\nA1,1000,2026-11-20T02:40:00Z{cell}\n"));
        workspace.write("psp.csv", format!("no,amount,at{name}\nA1,10.00,2026-11-20T02:40:00Z{cell}\n"));
        crate::support::run_job(&workspace.write("job.toml", text), DATE);
        let summary = workspace.published("types", DATE).summary();
        let drift = |finding: &&serde_json::Value| finding["code"] == "SCHEMA_DRIFT" && finding["blocks"] == true;
        let blocked = summary["findings"].as_array().unwrap().iter().filter(drift).count();
        assert_eq!(
            (blocked, summary["matched"].as_u64()),
            if is_there { (0, Some(1)) } else { (2, Some(0)) },
            "{text}\n{summary:#}"
        );
    }
}

/// Writers give a column without any value, and all columns of a table without rows, the type of nothing.
#[test]
fn a_column_without_any_value_is_absent() {
    let table = |count: usize| {
        let orders: ArrayRef = Arc::new((0..count).map(|row| Some(format!("A{row}"))).collect::<StringArray>());
        let amounts: PrimitiveArray<Int64Type> = (0..count).map(|row| i64::try_from(row).ok()).collect();
        let nothing = || -> ArrayRef { Arc::new(NullArray::new(count)) };
        let columns = [
            ("order_no", if count == 0 { nothing() } else { orders }, true),
            ("amount_minor", if count == 0 { nothing() } else { Arc::new(amounts) }, true),
            ("fee_minor", nothing(), true),
            ("account", nothing(), true),
        ];
        parquet(&RecordBatch::try_from_iter_with_nullable(columns).unwrap())
    };
    for count in [0, 3] {
        let files = [table(count), table(count)];
        let (code, told, differences) = compared(&Workspace::new(), files, "order_no", "account,fee_minor");
        assert_eq!((code, differences.lines().count()), (Some(0), 1), "{told}");
        assert!(told.contains(&format!("matched {count}")), "{told}");
    }
}

/// Accounts that a file lists once are told apart as those that stand in every row of a text.
#[test]
fn listed_accounts_are_the_accounts_of_the_rows() {
    // Row groups of 500 list them in different orders.
    let accounts = [Some("M1"), None, Some("M2"), Some("M1 "), Some("M3"), Some(" "), Some("M2")];
    let account = |row: usize| accounts[row * (row / 500 + 2) % accounts.len()];
    let amount =
        |row: usize, changed: usize| i64::try_from(row + usize::from(row.is_multiple_of(changed))).unwrap() + 1;
    let rows = 0..2_000;
    let table = |changed: usize| {
        let orders: ArrayRef = Arc::new(rows.clone().map(|row| Some(format!("A{row}"))).collect::<StringArray>());
        let amounts: PrimitiveArray<Int64Type> = rows.clone().map(|row| Some(amount(row, changed))).collect();
        let minutes = TimestampMillisecondArray::from(vec![1_795_140_000_000_i64; rows.len()]).with_timezone("UTC");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("no", orders),
            ("amount", Arc::new(amounts)),
            ("at", Arc::new(minutes)),
            ("account", Arc::new(rows.clone().map(account).collect::<StringArray>())),
        ];
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(500)).build();
        parquet_with(&batch(columns), properties)
    };
    let text = |changed: usize| {
        let line = |row: usize| {
            let (account, amount) = (account(row).unwrap_or_default(), amount(row, changed));
            format!("A{row},{amount},2026-11-20T02:40:00Z,{account}\n")
        };
        format!("no,amount,at,account\n{}", rows.clone().map(line).collect::<String>()).into_bytes()
    };
    let told = |format: &str, ledger: Vec<u8>, statement: Vec<u8>| {
        let workspace = Workspace::new();
        workspace.write("ledger.parquet", ledger);
        workspace.write("psp.csv", statement);
        let job = typed_job("minor")
            .replace("\"parquet\"", &format!("\"{format}\""))
            .replace("\"delimited\"", &format!("\"{format}\""))
            .replace("unit = \"major\"", "unit = \"minor\"")
            .replace("account = { always = \"M1\" }", "account = \"account\"")
            .replace("account = \"M1\"\n", "account = [\"M1\", \"M2\"]\n")
            .replace("sign = \"signed\"\n", "sign = \"signed\"\nrejects = { rows = 2000, share = \"100%\" }\n");
        let job = workspace.write("job.toml", job);
        crate::support::run_job(&job, DATE);
        let published = workspace.published("types", DATE);
        let row = |row: &crate::support::Row| {
            let words = ["code", "account", "event_no", "ledger_amount", "statement_amount"];
            words.map(|word| row[word].clone())
        };
        let mut differences: Vec<_> = published.table("differences").iter().map(row).collect();
        differences.sort();
        let rejects = published.table("rejects").iter().filter(|row| row["reason"] == "MISSING").count();
        let summary = published.summary();
        (differences, rejects, summary["matched"].clone(), summary["tie_out"].clone())
    };
    let listed = told("parquet", table(usize::MAX), table(30));
    let plain = told("delimited", text(usize::MAX), text(30));
    assert_eq!(listed, plain);
    assert!(listed.0.len() > 30 && listed.1 > 500, "{listed:?}");
}
