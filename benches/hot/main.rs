//! The parts that run for every record, each by itself: `cargo bench --bench hot`.
//!
//! Criterion keeps the figures of the last run and says what changed. A part that takes so long a record takes a tenth
//! as many seconds on 100 million of them; which parts a whole comparison spends its time in `tieout compare
//! --profile` and a profiler say.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tieout::formats::{Opening, open_all};
use tieout::normalise::{Exact, Notation, Rounding, Unit};
use tieout::report::schema::MATCHES;
use tieout::report::{Holds, Sheet, Table};
use tieout::store::{Body, Store};
use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::fingerprint::{Asked, Content, Fingerprint, agree};
use tieout_kernel::key::{KeyHasher, KindClass};
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::party::Party;
use tieout_kernel::pass;
use tieout_kernel::policy::{Compared, Horizon, Policy, SourcePolicy};
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, Notes, Origin, Record, Status};

/// Records of one round.
const RECORDS: u32 = 65_536;

fn numbers() -> Vec<String> {
    let number = |row: u64| format!("M20261120{:012}{row:09}", row * 2_654_435_761 % 1_000_000_007);
    (0..u64::from(RECORDS)).map(number).collect()
}

fn cny() -> Currency {
    Currency::iso("CNY").expect("CNY is a currency")
}

/// Keys and contents: what the scan computes of a record.
fn hashes(criterion: &mut Criterion) {
    let numbers = numbers();
    let content = |row: u32| Content {
        book: Book::Statement,
        status: Status::Success,
        kind: Kind::Payment,
        direction: Direction::In,
        currency: cny(),
        principal: i64::from(row),
        day: None,
        fee: Some(Total::new(i128::from(row / 7))),
        tax: None,
        net_gap: Total::ZERO,
        notes: Notes::NONE,
        party: Party::Nobody,
    };
    let mut group = criterion.benchmark_group("fingerprint");
    group.throughput(Throughput::Elements(RECORDS.into()));
    let hasher = KeyHasher::new(7, "acct1");
    group.bench_function("key", |bencher| {
        bencher.iter(|| numbers.iter().fold(0, |all, number| all ^ hasher.hash(KindClass::Payment, black_box(number))));
    });
    group.bench_function("content", |bencher| {
        bencher.iter(|| (0..RECORDS).fold(0, |all, row| all ^ content(black_box(row)).hash(7)));
    });
    group.finish();
}

/// One partition of two books of which one record in a hundred differs.
fn agreement(criterion: &mut Criterion) {
    let numbers = numbers();
    let hasher = KeyHasher::new(7, "acct1");
    let book = |off: u64| -> Vec<Fingerprint> {
        let print = |(number, row): (&String, u64)| {
            let content = if row.is_multiple_of(100) { row + off } else { row };
            Fingerprint { key: hasher.hash(KindClass::Payment, number), content, place: row }
        };
        numbers.iter().zip(0..).map(print).collect()
    };
    let (ledger, mut statement) = (book(0), book(1));
    statement.sort_unstable_by_key(|print| print.key);
    let mut group = criterion.benchmark_group("agree");
    group.throughput(Throughput::Elements(u64::from(RECORDS) * 2));
    for (name, pairs) in [("counted", false), ("paired", true)] {
        let asked = Asked { pairs, ..Asked::default() };
        group.bench_function(name, |bencher| bencher.iter(|| agree(black_box(&ledger), black_box(&statement), &asked)));
    }
    group.finish();
}

/// The full rules on records all of which differ.
fn rules(criterion: &mut Criterion) {
    let numbers = numbers();
    let sources = ["ledger", "statement"].map(|name| SourcePolicy::plain(name, Horizon::AtOnce));
    let compared = Compared { fee: true, ..Compared::default() };
    let policy = Policy { compared, ..Policy::plain(sources.to_vec()) };
    let minor = |units: i64| Minor::new(units).expect("an amount of few digits");
    let record = |book: Book, number, row: u32| Record {
        book,
        source: u16::from(book != Book::Ledger),
        place: u64::from(row),
        origin: Origin::Tonight,
        held: false,
        content: u64::from(row),
        account: "acct1",
        kind: Kind::Payment,
        direction: Direction::In,
        status: Status::Success,
        currency: cny(),
        principal: minor(10_000 + i64::from(row)),
        amount: minor(10_000 + i64::from(row)),
        order_amount: None,
        fee: minor(if book == Book::Ledger { -60 } else { -61 }).into(),
        tax: None,
        net: None,
        event_no: None,
        order_no: Some(number),
        provider_txn_id: None,
        original_txn_id: None,
        counterparty: None,
        occurred_at: Some(Instant(i64::from(row))),
        business_date: Some(Day(20_777)),
        closed_at: None,
        fulfilled: None,
        notes: Notes::NONE,
        compared: &[],
        across: Across::default(),
    };
    let books = [Book::Ledger, Book::Statement];
    let records: Vec<Record<'_>> = books
        .iter()
        .flat_map(|&book| numbers.iter().zip(0..).map(move |(number, row)| record(book, number, row)))
        .collect();
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("every_fee_off", |bencher| bencher.iter(|| pass::reconcile(black_box(&records), &policy)));
    group.finish();
}

/// Amounts as they stand in text.
fn amounts(criterion: &mut Criterion) {
    let texts: Vec<String> = (0..RECORDS).map(|row| format!("{}.{:02}", row * 13 % 50_000, row % 100)).collect();
    let read = |text: &String| {
        let exact = Exact::parse(black_box(text), Notation::default()).expect("an amount");
        exact.to_minor(Unit::Major, cny(), Rounding::Refuse).expect("two decimals").get()
    };
    let mut group = criterion.benchmark_group("amount");
    group.throughput(Throughput::Elements(RECORDS.into()));
    group.bench_function("text", |bencher| bencher.iter(|| texts.iter().map(read).sum::<i64>()));
    group.finish();
}

/// Rows of a text file, with and without quotes.
fn text_rows(criterion: &mut Criterion) {
    let store = Store::new(None).expect("a store of this machine");
    let mut group = criterion.benchmark_group("rows");
    for (name, quote) in [("plain", ""), ("quoted", "\"")] {
        let mut text = "order_no,amount,fee,status,account\n".to_owned();
        for (number, row) in numbers().iter().zip(0_u32..) {
            writeln!(
                text,
                "{quote}{number}{quote},{row}.50,0.{:02},{quote}SUCCESS{quote},acct{}",
                row % 100,
                row % 1_000
            )
            .expect("writing to memory does not fail");
        }
        group.throughput(Throughput::Bytes(text.len() as u64));
        let body = Body::memory(text.into_bytes());
        let members = open_all(&store, "rows.csv", &body, &Opening::default()).expect("a text file");
        let file = members.into_iter().find_map(|member| member.file).expect("a table");
        let wanted: Vec<String> = file.header.clone();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut rows = 0;
                for split in &file.splits {
                    let mut count = |batch: tieout::formats::RawBatch| {
                        rows += batch.rows.len();
                        Ok(())
                    };
                    file.read(split, &wanted, false, &mut count).expect("it can be read");
                }
                assert_eq!(rows, RECORDS as usize);
            });
        });
    }
    group.finish();
}

/// A published table: filling, text, Parquet.
fn tables(criterion: &mut Criterion) {
    let numbers = numbers();
    let made = || -> Table {
        let mut sheet = Sheet::new(MATCHES);
        for (number, row) in numbers.iter().zip(0_i64..) {
            for column in MATCHES.columns {
                match column.holds {
                    Holds::Text => sheet.text(Some(number)),
                    Holds::Integer if column.name.ends_with("_minor") => {
                        sheet.money(Some(Total::new(row.into())), Some(cny()))
                    }
                    Holds::Integer => sheet.integer(Some(row)),
                    // Comes with the minor units.
                    Holds::Decimal => &mut sheet,
                    Holds::Date => sheet.date(Some(Day(20_777))),
                    Holds::Instant => sheet.instant(Some(Instant(row))),
                    Holds::Boolean => sheet.truth(Some(true)),
                };
            }
            sheet.end_row();
        }
        sheet.finish().expect("sums that fit")
    };
    let mut group = criterion.benchmark_group("table");
    group.throughput(Throughput::Elements(RECORDS.into())).sample_size(20);
    group.bench_function("filled", |bencher| bencher.iter(made));
    group.bench_function("csv", |bencher| bencher.iter_batched_ref(made, |table| table.csv(), BatchSize::LargeInput));
    group.bench_function("parquet", |bencher| {
        bencher.iter_batched_ref(made, |table| table.parquet(), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(hot, hashes, agreement, rules, amounts, text_rows, tables);
criterion_main!(hot);
