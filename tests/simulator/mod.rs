//! Weeks of a made-up company through the whole program, against a model written from the specification.
//!
//! `company` makes the files, `model` says what should come of them, and this runs the program day by day and compares:
//! every difference, match and open record of every day. `TIEOUT_SEEDS` says how many companies (20; CI has 300), `TIEOUT_SEED=n`
//! repeats one, `TIEOUT_DAYS` how many days each is watched (42: 30 business days).

mod calendar;
mod company;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::{Published, Row as Line, tieout};
use calendar::date;
use company::{ACCOUNTS, Book, Night, Random};
use model::{Difference, Match, Model, Outcome, State};

/// 2026-11-02, a Monday, as days since 1970. Companies begin up to eight weeks later: at the end of a year, too.
const FIRST_DAY: i64 = 20_759;

/// The job; its first day is left to fill in.
const JOB: &str = r#"
job = "simulated"
base_currency = "CNY"
output = "out"
STARTS

[calendar]
weekend = ["Saturday", "Sunday"]

[matching]
passes = ["K1"]
match_rate_floor_percent = 0

[suspected_duplicates]
enabled = false

[[source]]
name = "ledger"
book = "ledger"
format = "delimited"
place = "in/ledger-{date}.csv"
zone = "Asia/Shanghai"
unit = "minor"
sign = "by_kind"

[source.columns]
event_no = "no"
order_no = "order"
kind = "kind"
amount = "amount"
currency = { always = "CNY" }
status = "status"
account = "account"
occurred_at = "at"

[source.carry]
default = 1

[[source]]
name = "psp"
book = "statement"
format = "delimited"
place = "in/psp-{date}.csv"
account = ["M1", "M2"]
zone = "Asia/Shanghai"
unit = "minor"
sign = "by_kind"

[source.columns]
event_no = "no"
order_no = "order"
provider_txn_id = "id"
kind = "kind"
amount = "amount"
currency = { always = "CNY" }
status = "status"
account = "account"
occurred_at = "at"

[source.carry]
default = 1
"#;

/// One company, what the model remembers of it, and what the program said the day before.
struct Simulation {
    seed: u64,
    random: Random,
    folder: PathBuf,
    model: Model,
    yesterday: Vec<Told>,
    /// Keys of worklist items that are out.
    out: BTreeSet<String>,
}

/// A difference as the program published it.
struct Told {
    id: String,
    difference: Difference,
}

/// A company's weeks, day after day.
pub fn run_seed(seed: u64) -> Result<(), String> {
    let (first, days) = first_day(seed);
    let nights = company::weeks(seed, first, days);
    let mut simulation = Simulation::new(seed, &format!("starts = \"{}\"", date(first)));
    let result = nights.iter().enumerate().try_for_each(|(at, night)| simulation.day(at, night));
    let result = result.and_then(|()| match seed % 10 {
        // From nothing again, the last day is the same to the byte.
        0 => simulation.same_from_nothing(&nights, nights.len() - 1, &ALL),
        // A bill issued again in the middle: from there on the days are those of a fresh start.
        5 => simulation.restate(&nights).and_then(|from| simulation.same_from_nothing(&nights, from, &TABLES)),
        _ => Ok(()),
    });
    simulation.end(result)
}

/// Tables of which a fresh start and a restated day must have the same.
const TABLES: [&str; 3] = ["differences.csv", "open_items.csv", "matches.csv"];
/// Everything that does not name the run.
const ALL: [&str; 7] = [
    "differences.csv",
    "open_items.csv",
    "matches.csv",
    "worklist.csv",
    "worklist.jsonl",
    "settlements.csv",
    "history.parquet",
];

/// A week's rows as if all had come in one night: what does not need yesterday.
pub fn run_night(seed: u64) -> Result<(), String> {
    let (first, _) = first_day(seed);
    let night = company::in_one_night(company::weeks(seed, first, 6));
    let mut simulation = Simulation::new(seed, &format!("starts = \"{}\"", date(night.day)));
    let result = simulation.day(0, &night);
    simulation.end(result)
}

fn first_day(seed: u64) -> (i64, usize) {
    (FIRST_DAY + Random::new(seed ^ 0xda7e).within(0, 55), usize::try_from(setting("TIEOUT_DAYS", 42)).unwrap())
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

impl Simulation {
    fn new(seed: u64, starts: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unique = format!("tieout-simulator-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // In memory where that can be: nearly all of a small run is waiting for a disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }.join(unique);
        std::fs::create_dir_all(folder.join("in")).unwrap();
        std::fs::write(folder.join("job.toml"), JOB.replace("STARTS", starts)).unwrap();
        Self {
            seed,
            random: Random::new(!seed),
            folder,
            model: Model::default(),
            yesterday: Vec::new(),
            out: BTreeSet::new(),
        }
    }

    /// Nothing stays behind, unless `TIEOUT_KEEP` asks for the files of what went wrong.
    fn end(self, result: Result<(), String>) -> Result<(), String> {
        if result.is_err() && std::env::var_os("TIEOUT_KEEP").is_some() {
            return result.map_err(|text| format!("{text}\nfiles: {}", self.folder.display()));
        }
        std::fs::remove_dir_all(&self.folder).unwrap();
        result
    }

    fn day(&mut self, at: usize, night: &Night) -> Result<(), String> {
        let seed = self.seed;
        let date = date(night.day);
        let complaint = |text: String| format!("seed {seed}, day {at}, {date}\n{text}\nrepeat with TIEOUT_SEED={seed}");
        self.write(night);
        let expected = self.model.night(night.day, &night.rows);
        run(&self.folder, &date).map_err(complaint)?;
        if self.random.chance(5) {
            run(&self.folder, &date).map_err(complaint)?;
        }
        let problems = self.compare(&expected, &date);
        if problems.is_empty() { Ok(()) } else { Err(complaint(problems.join("\n"))) }
    }

    fn write(&self, night: &Night) {
        for book in [Book::Ledger, Book::Statement] {
            let mut text = format!("{}\n", book.header());
            for row in night.rows.iter().filter(|row| row.book == book) {
                writeln!(text, "{}", row.text()).unwrap();
            }
            std::fs::write(self.folder.join("in").join(book.file(night.day)), text).unwrap();
        }
    }

    fn compare(&mut self, expected: &Outcome, date: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let out = self.folder.join("out");
        let published = Published::current(&out, "simulated", date).expect("it was published");
        let commits = std::fs::read_dir(out.join("simulated").join(format!("dt={date}/_commits"))).unwrap().count();
        if commits != 1 {
            problems.push(format!("  published {commits} times"));
        }
        let today: Vec<Told> = published.table("differences").iter().map(Told::from).collect();
        let told = today.iter().map(|told| told.difference.clone()).collect();
        contrast(&mut problems, "difference", &expected.differences, &told);
        let matches = published.table("matches").iter().map(matched).collect();
        contrast(&mut problems, "match", &expected.matches, &matches);
        let pool = published.table("open_items");
        let open = pool.iter().filter(|line| OPEN.contains(&line["state"].as_str()));
        contrast(&mut problems, "open record", &expected.pool, &open.map(left_open).collect());
        check_counts(&mut problems, expected, &published.table("summary"));
        check_ids(&mut problems, &self.yesterday, &today, &pool);
        self.check_items(&mut problems, &today, &published.table("worklist"));
        self.yesterday = today;
        problems
    }
}

impl Simulation {
    /// No item is issued twice without having been cancelled, and none is forgotten.
    fn check_items(&mut self, problems: &mut Vec<String>, today: &[Told], items: &[Line]) {
        let mut listed = BTreeSet::new();
        for line in items {
            let (state, key) = (line["state"].as_str(), line["idempotency_key"].clone());
            let is_right = match state {
                "ISSUED" => self.out.insert(key.clone()),
                "CANCELLED" => self.out.remove(&key),
                "OPEN" => self.out.contains(&key),
                _ => false,
            };
            if !is_right || !listed.insert(key) {
                problems.push(format!("  item {} is {state} out of turn", line["item_id"]));
            }
        }
        if let Some(key) = self.out.iter().find(|key| !listed.contains(*key)) {
            problems.push(format!("  item {key} is out and not listed"));
        }
        let about: BTreeSet<&str> = items.iter().map(|line| line["difference_id"].as_str()).collect();
        for told in today.iter().filter(|told| !about.contains(told.id.as_str())) {
            problems.push(format!("  nothing is to be done about {}", told.id));
        }
    }

    /// Takes a row out of a bill in the middle and runs its day and those after it again.
    fn restate(&mut self, nights: &[Night]) -> Result<usize, String> {
        let middle = nights.len() / 2;
        let full = |night: &Night| night.rows.iter().filter(|row| row.book == Book::Statement).count() > 2;
        let from = (middle..nights.len()).find(|at| full(&nights[*at])).ok_or("no bill has three rows")?;
        let path = self.folder.join("in").join(Book::Statement.file(nights[from].day));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(&path, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
        for night in &nights[from..] {
            run(&self.folder, &date(night.day))?;
        }
        Ok(from)
    }

    /// Runs all days in a folder of their own and compares files of the days from one on.
    fn same_from_nothing(&self, nights: &[Night], from: usize, names: &[&str]) -> Result<(), String> {
        let fresh = self.folder.join("fresh");
        std::fs::create_dir_all(fresh.join("in")).unwrap();
        std::fs::copy(self.folder.join("job.toml"), fresh.join("job.toml")).unwrap();
        for entry in std::fs::read_dir(self.folder.join("in")).unwrap().map(|entry| entry.unwrap()) {
            std::fs::copy(entry.path(), fresh.join("in").join(entry.file_name())).unwrap();
        }
        for (at, night) in nights.iter().enumerate() {
            let date = date(night.day);
            run(&fresh, &date)?;
            if at < from {
                continue;
            }
            let files = |folder: &Path| Published::current(&folder.join("out"), "simulated", &date).unwrap().files();
            let (mut once, mut again) = (files(&self.folder), files(&fresh));
            once.retain(|name, _| names.contains(&name.as_str()));
            again.retain(|name, _| names.contains(&name.as_str()));
            if once.len() != names.len() || once != again {
                let differ: Vec<&String> = once.keys().filter(|name| once.get(*name) != again.get(*name)).collect();
                return Err(format!("seed {}, {date}: from nothing again other {differ:?}", self.seed));
            }
        }
        Ok(())
    }
}

/// States of the pool; rows of other states are kept there to explain these.
const OPEN: [&str; 3] = ["TIMING_PENDING", "HELD_NO_STATEMENT", "IN_DIFFERENCE"];

/// Counts that tell only of tonight are equal; records of earlier nights may be counted beside the others.
fn check_counts(problems: &mut Vec<String>, expected: &Outcome, summary: &[Line]) {
    for book in [Book::Ledger, Book::Statement] {
        let counts = summary.iter().filter(|line| line["section"] == "records" && line["source"] == book.word());
        let counts: BTreeMap<&str, usize> =
            counts.map(|line| (line["item"].as_str(), line["count"].parse().unwrap())).collect();
        for state in State::ALL {
            let count = counts.get(state.word()).copied().unwrap_or_default();
            let modelled = expected.states.get(&(book, state)).copied().unwrap_or_default();
            let may_come_back = matches!(state, State::Netted | State::Ignored);
            if count < modelled || (count > modelled && !may_come_back) {
                let (book, state) = (book.word(), state.word());
                problems.push(format!("  {book} {state}: the model has {modelled} records, the program {count}"));
            }
        }
    }
}

/// A number names one difference, on every day on which it is there, and so do the records of the pool.
fn check_ids(problems: &mut Vec<String>, yesterday: &[Told], today: &[Told], pool: &[Line]) {
    let ids: BTreeSet<&str> = today.iter().map(|told| told.id.as_str()).collect();
    if ids.len() < today.len() {
        problems.push("  a difference id appears twice".to_owned());
    }
    for told in today {
        let rows = told.rows();
        for before in yesterday.iter().filter(|before| before.id != told.id && rows.is_subset(&before.rows())) {
            problems.push(format!("  {} became {}: {:?}", before.id, told.id, told.difference));
        }
        for before in yesterday.iter().filter(|before| before.id == told.id) {
            if before.difference.first_seen != told.difference.first_seen {
                problems.push(format!("  {} was first seen on another day: {:?}", told.id, told.difference));
            }
        }
        let in_pool = pool.iter().filter(|line| line["state"] == "IN_DIFFERENCE" && line["difference_id"] == told.id);
        let in_pool: BTreeSet<String> = in_pool.map(|line| format!("{}:{}", line["file"], line["line"])).collect();
        if in_pool != rows {
            problems.push(format!("  {} has {rows:?}, in the pool {in_pool:?}", told.id));
        }
    }
}

impl Told {
    fn from(line: &Line) -> Self {
        Self { id: line["difference_id"].clone(), difference: difference(line) }
    }

    fn rows(&self) -> BTreeSet<String> {
        self.difference.ledger.union(&self.difference.statement).cloned().collect()
    }
}

fn run(folder: &Path, date: &str) -> Result<(), String> {
    let job = folder.join("job.toml");
    let output = tieout().args(["run", job.to_str().unwrap(), "--date", date]).output().unwrap();
    let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0 | 10) => Ok(()),
        code => Err(format!("exit {code:?}\n{}", said())),
    }
}

fn contrast<T: Ord + std::fmt::Debug>(
    problems: &mut Vec<String>,
    what: &str,
    model: &BTreeSet<T>,
    program: &BTreeSet<T>,
) {
    problems.extend(model.difference(program).map(|one| format!("  only the model has {what} {one:?}")));
    problems.extend(program.difference(model).map(|one| format!("  only the program has {what} {one:?}")));
}

fn difference(line: &Line) -> Difference {
    // Rows of earlier nights name their night; the files of a company are dated anyway.
    let row = |text: &str| text.split('@').next().unwrap_or(text).to_owned();
    let rows = |name: &str| line[name].split("; ").filter(|text| !text.is_empty()).map(row).collect();
    let number = |name: &str| line[name].parse().expect("a number");
    let code = line["code"].clone();
    let mut flags: BTreeSet<String> = line["flags"].split_whitespace().map(str::to_owned).collect();
    // Whether records that nobody paid are a duplicate as well is left open.
    if ["MISSING_AT_PROVIDER", "REFUND_NOT_EXECUTED"].contains(&code.as_str()) {
        flags.remove("DUPLICATE_LEDGER_ENTRY");
    }
    Difference {
        account: ACCOUNTS.iter().position(|account| *account == line["account"]).expect("one of ours"),
        number: line["event_no"].clone(),
        code,
        flags,
        exposure: number("exposure_minor"),
        at_risk: number("at_risk_minor"),
        ledger: rows("ledger_rows"),
        statement: rows("statement_rows"),
        first_seen: line["first_seen"].clone(),
    }
}

fn matched(line: &Line) -> Match {
    let place = |book: &str| format!("{}:{}", line[&format!("{book}_file")], line[&format!("{book}_line")]);
    Match {
        statement: place("statement"),
        ledger: place("ledger"),
        late: line.get("state").is_some_and(|state| state == "LATE_MATCHED"),
        flags: line["flags"].split_whitespace().map(str::to_owned).collect(),
    }
}

fn left_open(line: &Line) -> (String, String) {
    (format!("{}:{}", line["file"], line["line"]), line["state"].clone())
}

/// Every seed, on two threads; the first complaints in the order of seeds.
fn every_seed(run: fn(u64) -> Result<(), String>) {
    let seeds: Vec<u64> = match std::env::var("TIEOUT_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=setting("TIEOUT_SEEDS", 20)).collect(),
    };
    let (next, complaints) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
                    if let Err(text) = run(*seed) {
                        complaints.lock().unwrap().insert(*seed, text);
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    let first: Vec<&str> = complaints.values().take(3).map(String::as_str).collect();
    assert!(first.is_empty(), "{} of {} companies:\n{}", complaints.len(), seeds.len(), first.join("\n\n"));
}

#[test]
fn every_night_comes_out_as_modelled() {
    every_seed(run_night);
}

#[test]
fn every_week_comes_out_as_modelled() {
    every_seed(run_seed);
}
