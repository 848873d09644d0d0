//! Random nights through the whole program, against the kernel's full rules on every record.
//!
//! `TIEOUT_NIGHTS` and `TIEOUT_SEED` choose how many and which; both are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use tieout::job;
use tieout::memory::Memory;
use tieout::progress::Progress;
use tieout::run::{Options, run};
use tieout::store::Store;
use tieout_kernel::calendar::Day;
use tieout_kernel::currency::Currency;
use tieout_kernel::key::event_key;
use tieout_kernel::money::Minor;
use tieout_kernel::outcome::Outcome;
use tieout_kernel::pass::reconcile;
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, Notes, Origin, Record, Status};

use crate::support::{Published, Row, Workspace};

const DATE: &str = "2026-11-20";
/// 2026-11-20 as days since 1970.
const DAY: i32 = 20_777;

/// A row of either book.
#[derive(Clone, Debug)]
struct Draft {
    kind: Kind,
    status: Status,
    amount: i64,
    order: String,
    event: String,
    id: String,
    party: String,
    day: i32,
    second: i64,
    fee: i64,
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    fn text(&mut self, from: &[&str]) -> String {
        self.one_of(from).to_owned()
    }

    /// Rows of which keys, amounts, days and parties collide often. No two share their second.
    fn book(&mut self, first_second: i64) -> Vec<Draft> {
        let rows = self.below(24);
        (0..rows)
            .map(|at| Draft {
                kind: self.one_of(&[
                    Kind::Payment,
                    Kind::Payment,
                    Kind::Payment,
                    Kind::Refund,
                    Kind::Payout,
                    Kind::Reversal,
                ]),
                status: self.one_of(&[
                    Status::Success,
                    Status::Success,
                    Status::Success,
                    Status::Pending,
                    Status::Failed,
                    Status::Closed,
                ]),
                amount: self.one_of(&[0, 1_000, 1_001, 1_500, 123_456]),
                order: self.text(&["", "A", "B", "C", "D", "E"]),
                event: self.text(&["", "", "R1", "R2"]),
                id: self.text(&["", "T1", "T2", "T3", "T4"]),
                party: self.text(&["", "6222020001", "6222****01", "6222020002"]),
                day: DAY - i32::try_from(self.below(4)).unwrap(),
                second: first_second + 2_i64.pow(u32::try_from(at % 14).unwrap()) * 2,
                fee: self.one_of(&[0, 0, 6]),
            })
            .collect()
    }
}

fn csv(drafts: &[Draft]) -> String {
    let mut text = String::from("no,order,id,kind,amount,fee,status,party,at\n");
    for draft in drafts {
        let event = if matches!(draft.kind, Kind::Payment | Kind::Reversal) { "" } else { &draft.event };
        let local = Day(draft.day);
        let second = draft.second;
        text += &format!(
            "{event},{},{},{},{},{},{},{},{local} {:02}:{:02}:{:02}\n",
            draft.order,
            draft.id,
            draft.kind,
            draft.amount,
            draft.fee,
            draft.status,
            draft.party,
            second / 3_600,
            second / 60 % 60,
            second % 60
        );
    }
    text
}

const JOB: &str = r#"
job = "night"
base_currency = "CNY"
output = "out"
[compare]
fee = true
counterparty = true
[suspected_duplicates]
enabled = false
[matching]
match_rate_records_min = 1000
[[source]]
name = "ledger"
book = "ledger"
format = "delimited"
place = "ledger.csv"
zone = "UTC"
unit = "minor"
sign = "by_kind"
[source.columns]
event_no = "no"
order_no = "order"
provider_txn_id = "id"
kind = "kind"
amount = "amount"
fee = { column = "fee", charged = "positive" }
currency = { always = "CNY" }
status = "status"
account = { always = "M" }
counterparty = "party"
occurred_at = "at"
[[source]]
name = "statement"
book = "statement"
format = "delimited"
place = "statement.csv"
account = "M"
zone = "UTC"
unit = "minor"
sign = "by_kind"
[source.columns]
event_no = "no"
order_no = "order"
provider_txn_id = "id"
kind = "kind"
amount = "amount"
fee = { column = "fee", charged = "positive" }
currency = { always = "CNY" }
status = "status"
counterparty = "party"
occurred_at = "at"
"#;

/// Runs a night and gives what it published, or why it did not.
///
/// More than one thread has no room for fingerprints, which go to disk and back, nor for what differs, of which as much
/// as possible is decided apart.
fn night(ledger: &[Draft], statement: &[Draft], threads: usize) -> Result<(Workspace, Published), String> {
    let workspace = Workspace::in_memory();
    workspace.write("ledger.csv", csv(ledger));
    workspace.write("statement.csv", csv(statement));
    let path = workspace.write("job.toml", JOB);
    let plan = job::load(&path).unwrap();
    let date: jiff::civil::Date = DATE.parse().unwrap();
    let mut memory = Memory::of_machine();
    if threads > 1 {
        (memory.fingerprints, memory.whole) = (0, 0);
    }
    let options = Options {
        dry_run: false,
        now: date.tomorrow().unwrap().in_tz("UTC").unwrap().timestamp(),
        start_fresh: true,
        memory,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let store = Store::new(None).unwrap();
    pool.install(|| run(&store, &plan, date, &options, &Progress::default())).map_err(|e| e.to_string())?;
    let published = Published::current(&workspace.path("out"), "night", DATE).ok_or("nothing was published")?;
    Ok((workspace, published))
}

/// The record of a draft, as the job declares it.
fn record<'d>(draft: &'d Draft, book: Book, place: u64) -> Record<'d> {
    let text = |text: &'d str| (!text.is_empty()).then_some(text);
    let event = if matches!(draft.kind, Kind::Payment | Kind::Reversal) { None } else { text(&draft.event) };
    let amount = Minor::new(draft.amount).unwrap();
    Record {
        book,
        source: u16::from(book != Book::Ledger),
        place,
        content: content(draft),
        account: "M",
        kind: draft.kind,
        direction: draft.kind.natural_direction().unwrap_or(Direction::In),
        status: draft.status,
        currency: Currency::iso("CNY").unwrap(),
        principal: amount,
        amount,
        order_amount: None,
        fee: Minor::new(-draft.fee),
        tax: None,
        net: None,
        event_no: event,
        order_no: text(&draft.order),
        provider_txn_id: text(&draft.id),
        original_txn_id: None,
        counterparty: text(&draft.party),
        occurred_at: Some(Instant((i64::from(draft.day) * 86_400 + draft.second) * 1_000_000)),
        business_date: Some(Day(draft.day)),
        closed_at: None,
        fulfilled: None,
        notes: Notes::NONE,
        compared: &[],
        origin: Origin::Tonight,
        held: false,
        across: Across::default(),
    }
}

fn content(draft: &Draft) -> u64 {
    csv(std::slice::from_ref(draft))
        .bytes()
        .fold(14_695_981_039_346_656_037, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211))
}

/// Code, number and exposure of every difference, and the number of matches.
type Told = (BTreeMap<(String, String, String), u32>, u64);

fn by_the_full_rules(ledger: &[Draft], statement: &[Draft]) -> Told {
    let drafts =
        ledger.iter().map(|draft| (draft, Book::Ledger)).chain(statement.iter().map(|draft| (draft, Book::Statement)));
    let mut records: Vec<Record> =
        drafts.zip(0_u64..).map(|((draft, book), place)| record(draft, book, place)).collect();
    let plan = job::load(&Workspace::in_memory().write("job.toml", JOB)).unwrap();
    mark(&mut records);
    let outcomes = reconcile(&records, &plan.kernel_policy(Day(DAY)));
    let mut told = Told::default();
    for outcome in &outcomes {
        match outcome {
            Outcome::Match { .. } => told.1 += 1,
            Outcome::Rest { .. } => {}
            Outcome::Difference(difference) => {
                let members: Vec<&Record> =
                    difference.ledger.iter().chain(&difference.statement).map(|&at| &records[at as usize]).collect();
                let number = members.iter().find_map(|record| event_key(record)).unwrap_or_default();
                let exposure = difference.exposure.map_or(String::new(), |exposure| exposure.to_string());
                *told.0.entry((difference.code.word().to_owned(), number.to_owned(), exposure)).or_default() += 1;
            }
        }
    }
    told
}

/// What an order's life says, computed the slow way: every order, every event, in order of time.
fn mark(records: &mut [Record]) {
    use tieout_kernel::code::{Code, Codes};
    use tieout_kernel::money::Total;
    let live = |one: &&Record| one.kind == Kind::Refund && !matches!(one.status, Status::Failed | Status::Closed);
    let refunds = |records: &[Record], ledger: bool, order: &str| {
        let of = records.iter().filter(live).filter(|one| one.order_no == Some(order));
        let events = of.filter(|one| (one.book == Book::Ledger) == ledger);
        let events: BTreeSet<_> =
            events.map(|one| (one.event_no, one.place * u64::from(one.event_no.is_none()))).collect();
        u32::try_from(events.len()).unwrap()
    };
    let seen = records.to_vec();
    for record in records.iter_mut() {
        let Some(order) = record.order_no.filter(|_| record.kind == Kind::Refund) else { continue };
        record.across.refunds_of_order = refunds(&seen, record.book == Book::Ledger, order);
        let mut life: Vec<&Record> = seen
            .iter()
            .filter(|one| one.book == Book::Statement && one.status == Status::Success && one.order_no == Some(order))
            .filter(|one| matches!(one.kind, Kind::Payment | Kind::Reversal | Kind::Refund))
            .collect();
        life.sort_by_key(|one| (one.occurred_at, one.provider_txn_id, one.content, one.place));
        let mut once: Vec<&Record> = Vec::new();
        for one in life {
            let same_row = |other: &&Record| {
                let number = (one.provider_txn_id, one.kind, one.principal, event_key(one));
                let same_number = (other.provider_txn_id, other.kind, other.principal, event_key(other)) == number;
                other.content == one.content || (one.provider_txn_id.is_some() && same_number)
            };
            if !once.iter().any(same_row) {
                once.push(one);
            }
        }
        let sum = |kind: Kind| -> Total { once.iter().filter(|one| one.kind == kind).map(|one| one.principal).sum() };
        let captured = sum(Kind::Payment) - sum(Kind::Reversal);
        let mut returned = Total::ZERO;
        for event in once.iter().filter(|one| one.kind == Kind::Refund) {
            returned += event.principal;
            let paid = once.iter().any(|one| one.kind == Kind::Payment);
            let moved = event.principal != Minor::ZERO;
            if event.place == record.place && paid && moved && returned > captured {
                record.across.codes = Codes::NONE.with(Code::OverRefund);
            }
        }
    }
}

fn by_the_program(published: &Published) -> Told {
    let mut told = Told::default();
    for row in published.table("differences") {
        let key = (row["code"].clone(), row["event_no"].clone(), row["exposure_minor"].clone());
        *told.0.entry(key).or_default() += 1;
    }
    told.1 = published.summary()["matched"].as_u64().unwrap();
    told
}

/// Rounds on two threads of their own: a thread of a pool that waits for a run would begin another within it.
fn each_round(rounds: u64, round: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                numbers.take_while(|&number| number < rounds).for_each(&round);
            });
        }
    });
}

/// Rows of a table without what says where in a file they stood, sorted.
fn without_places(rows: Vec<Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows
        .into_iter()
        .map(|row| row.into_iter().filter(|(name, _)| !name.ends_with("_rows") && !name.ends_with("_line")).collect())
        .collect();
    rows.sort();
    rows
}

#[test]
fn the_program_and_the_full_rules_come_to_the_same_in_any_order_and_on_any_threads() {
    let number =
        |key: &str, default: u64| std::env::var(key).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (nights, seed) = (number("TIEOUT_NIGHTS", 400), number("TIEOUT_SEED", 20_261_120));
    eprintln!("random nights: {nights} from seed {seed}");
    each_round(nights, |round| {
        let mut random = Random(seed.wrapping_add(round));
        let (ledger, statement) = (random.book(3_600), random.book(3_601));
        let said = |what: &str| format!("night {round} of seed {seed}: {what}\n{}\n{}", csv(&ledger), csv(&statement));
        // Nights on which the extract is rightly refused: no record at all, or none of the day.
        let Ok((_workspace, published)) = night(&ledger, &statement, 1) else { return };
        if published.summary()["standing"] == "INCOMPLETE INPUT" {
            return;
        }
        assert_eq!(by_the_program(&published), by_the_full_rules(&ledger, &statement), "{}", said("other rules"));

        let (_other, threaded) = night(&ledger, &statement, 8).unwrap();
        assert_eq!(published.files(), threaded.files(), "{}", said("other bytes on eight threads"));

        let shuffled = |drafts: &[Draft]| {
            let mut drafts = drafts.to_vec();
            drafts.reverse();
            let middle = drafts.len() / 2;
            drafts.rotate_left(middle);
            drafts
        };
        let (_third, turned) = night(&shuffled(&ledger), &shuffled(&statement), 2).unwrap();
        for table in ["differences", "matches", "summary", "findings"] {
            let (straight, turned) = (without_places(published.table(table)), without_places(turned.table(table)));
            assert_eq!(straight, turned, "{}", said(&format!("other {table} in another order of rows")));
        }
    });
}

/// What random nights in a row are made of: numbers that come back, amounts that are off by a cent or by a hundredfold.
fn row_of_nights(random: &mut Random, day: i32) -> [Vec<Draft>; 2] {
    let count = random.below(60);
    let mut books = [Vec::new(), Vec::new()];
    for at in 0..count {
        let second = i64::try_from(at * 97 % 80_000).unwrap() + 1;
        let kinds =
            [Kind::Payment, Kind::Payment, Kind::Payment, Kind::Refund, Kind::Payout, Kind::Reversal, Kind::Fee];
        let statuses = [Status::Success, Status::Success, Status::Success, Status::Success, Status::Pending];
        let number = random.below(120);
        let some = |random: &mut Random, letter: char, number: u64| {
            if random.below(6) == 0 { String::new() } else { format!("{letter}{number}") }
        };
        let draft = Draft {
            kind: random.one_of(&kinds),
            status: random.one_of(&statuses),
            amount: random.one_of(&[1_000, 1_000, 2_000, 123_456, 10]),
            order: some(random, 'A', number),
            event: some(random, 'R', number),
            id: some(random, 'T', number),
            party: random.text(&["", "6222020001", "6222****01", "6222020002", "7001", "7002", "7003", "7004", "7005"]),
            day: day - random.one_of(&[0, 0, 0, 1, 3]),
            second,
            fee: random.one_of(&[0, 6]),
        };
        let mut other = Draft { second: second + random.one_of(&[0, 1]), ..draft.clone() };
        match random.below(14) {
            0 => other.amount += 1,
            1 => other.amount -= 1,
            2 => other.amount *= 100,
            3 => other.fee += 1,
            4 => other.status = Status::Pending,
            5 => other.order = format!("A{}", random.below(120)),
            6 => other.id = String::new(),
            7 => other.party = "6222020009".to_owned(),
            8 => other.day -= 1,
            9 => other.event = format!("R{}", random.below(120)),
            10 => other.event = String::new(),
            _ => {}
        }
        let copies = |random: &mut Random| random.one_of(&[0, 1, 1, 1, 1, 1, 1, 2]);
        for (book, draft) in books.iter_mut().zip([draft, other]) {
            (0..copies(random)).for_each(|_| book.push(draft.clone()));
        }
    }
    books
}

const SETTLED: &str = r#"
[settlement]
clearing = "1221"
[settlement.rounding]
gain = "6301"
loss = "6711"
[settlement.fee]
gain = "6603"
loss = "6603"
[settlement.caps]
run_share = "100%"
[settlement.caps.adverse]
run_count = 3
[settlement.caps.favourable]
run_count = 2
[[source]]
"#;

/// Some nights in a row, the last but one run again with another statement; what each published, or why it did not.
fn in_a_row(
    job: &str,
    nights: &[[Vec<Draft>; 2]],
    whole: Option<u64>,
) -> Vec<Result<BTreeMap<String, Vec<u8>>, String>> {
    let workspace = Workspace::in_memory();
    let plan = job::load(&workspace.write("job.toml", job)).unwrap();
    let mut memory = Memory::of_machine();
    if let Some(whole) = whole {
        // So little that everything that may go to disk does.
        memory = Memory { whole, rows: 3_000, output: 1_000, ..memory };
    }
    let store = Store::new(None).unwrap();
    let first: jiff::civil::Date = DATE.parse().unwrap();
    let mut order: Vec<usize> = (0..nights.len()).collect();
    order.extend([nights.len() - 2, nights.len() - 1]);
    let mut all = Vec::new();
    for (round, at) in order.into_iter().enumerate() {
        let date = first.checked_add(jiff::Span::new().days(i64::try_from(at).unwrap())).unwrap();
        let [ledger, statement] = &nights[at];
        let rows = if round == nights.len() { statement.len() * 3 / 4 } else { statement.len() };
        workspace.write(&format!("ledger-{date}.csv"), csv(ledger));
        // A bill that is missing, and comes when its day is run again.
        let place = format!("statement-{date}.csv");
        if !statement.is_empty() || round >= nights.len() {
            workspace.write(&place, csv(&statement[..rows]));
        }
        let options = Options {
            dry_run: false,
            // So late that nobody waits for a bill any more.
            now: date.checked_add(jiff::Span::new().days(20)).unwrap().in_tz("UTC").unwrap().timestamp(),
            start_fresh: at == 0,
            memory: memory.clone(),
        };
        let told = run(&store, &plan, date, &options, &Progress::default()).map_err(|e| e.to_string());
        let published = || Published::current(&workspace.path("out"), "night", &date.to_string()).unwrap().files();
        all.push(told.map(|_| published()));
    }
    all
}

#[test]
fn what_is_decided_apart_comes_to_the_same_bytes() {
    let number =
        |key: &str, default: u64| std::env::var(key).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, seed) = (number("TIEOUT_NIGHTS", 400) / 10, number("TIEOUT_SEED", 20_261_121));
    each_round(rounds, |round| {
        let mut random = Random(seed.wrapping_add(round));
        let job = JOB.replace("ledger.csv", "ledger-{date}.csv").replace("statement.csv", "statement-{date}.csv");
        let job = if random.below(3) > 0 { job.replacen("\n[[source]]\n", SETTLED, 1) } else { job };
        let floor = if random.below(4) > 0 { "floor_percent = 0" } else { "records_min = 5" };
        let job = job.replace("records_min = 1000", floor);
        let job = job.replacen("[compare]", "[severity]\nrepeated_counterparty = 4\n[compare]", 1);
        // Where nothing waits, what lost its partner in a restated bill is the same difference under another code.
        let at_once = "occurred_at = \"at\"\n[source.carry]\ndefault = \"none\"\n";
        let job = if random.below(2) == 0 { job.replace("occurred_at = \"at\"\n", at_once) } else { job };
        let mut nights: Vec<_> = (0..3).map(|night| row_of_nights(&mut random, DAY + night)).collect();
        if random.below(4) == 0 {
            nights[1][1].clear();
        }
        let (together, apart) = (in_a_row(&job, &nights, None), in_a_row(&job, &nights, Some(0)));
        for (at, (together, apart)) in together.iter().zip(&apart).enumerate() {
            let said = |what: &str| {
                let books: Vec<String> = nights.iter().flatten().map(|drafts| csv(drafts)).collect();
                format!("round {round} of seed {seed}, run {at}: {what}\n{}", books.join("\n"))
            };
            match (together, apart) {
                (Err(why), Err(same)) => assert_eq!(why, same, "{}", said("other errors")),
                (Ok(files), Ok(same)) => {
                    let differ = |name: &&String| files.get(*name) != same.get(*name);
                    let differ: Vec<&String> = files.keys().chain(same.keys()).filter(differ).collect();
                    assert!(differ.is_empty(), "{}", said(&format!("{differ:?} differ")));
                }
                (one, other) => panic!("{}", said(&format!("{:?} and {:?}", one.as_ref().err(), other.as_ref().err()))),
            }
        }
    });
}
