//! Everything known about one order, payment or difference on a date: from raw line to action.
//!
//! ```text
//!  key ─▶ published tables of the date ─▶ differences, pool, worklist, journal ─┐
//!    └──▶ input files, if they still are what was published ─▶ records ─▶ matches ┴▶ Explanation
//!  days before ─▶ their pools, and the history ─▶ day by day
//! ```
//!
//! It works from what was committed, checksums included, and computes nothing anew: no code, no tier
//! and no partner is judged here. What cannot be shown says why.

mod days;
mod inputs;
mod predicates;
mod record;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use serde::Serialize;
use tieout_kernel::code::Code;
use tieout_kernel::key::{KeyHasher, KindClass};
use tieout_kernel::outcome::State;
use tieout_kernel::record::Book;

pub use days::{CLOSED, Change, Day, OPEN};
pub use predicates::predicate;
pub use record::{Fields, KeyTried, Known, Raw, Whereabouts};
pub use row::Row;

use crate::carry::history::{Found, txn_hash};
use crate::error::Error;
use crate::job::{Plan, date_of};
use crate::report::Cells;
use crate::report::schema::{DIFFERENCES, FINDINGS, MATCHES, OPEN_ITEMS, SETTLEMENTS, WORKLIST};
use crate::store::Store;
use days::{Days, Ended};
use inputs::{Inputs, Search};
use record::in_order;

/// What is known of a key on a date.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Name and version of this document.
    pub schema: &'static str,
    /// The job.
    pub job: String,
    /// The business date.
    pub date: civil::Date,
    /// The run that is current for it.
    pub run_id: String,
    /// What was asked for.
    pub key: String,
    /// What the key is: `difference`, `finding`, `item`, `entry`, `order_no`, `event_no`, `provider_txn_id`, `original_txn_id`.
    pub known_as: BTreeSet<&'static str>,
    /// The records of both books.
    pub records: Vec<Known>,
    /// Records beyond those, of a key that very many rows have.
    pub left_out: u64,
    /// Input files that could not be searched for it, each with why.
    pub unread: Vec<Unread>,
    /// The evidence of what matched, as the table `matches` has it.
    pub matches: Vec<Match>,
    /// The differences.
    pub differences: Vec<Difference>,
    /// The findings that items are about, as the table `findings` of the date that issued them has them.
    pub findings: Vec<Row>,
    /// What the pool says of the records after the date, as the table `open_items` has it.
    pub pool: Vec<Row>,
    /// Day by day, what became of them.
    pub days: Vec<Day>,
    /// The worklist's items.
    pub worklist: Vec<Row>,
    /// The journal's lines.
    pub settlements: Vec<Row>,
}

/// An input file that could not be searched.
#[derive(Clone, Debug, Serialize)]
pub struct Unread {
    /// The file.
    pub file: String,
    /// Why.
    pub why: Raw,
}

/// Two records that agree.
#[derive(Clone, Debug, Serialize)]
pub struct Match {
    /// The label of the ledger's record.
    pub ledger: String,
    /// The label of the statement's record.
    pub statement: String,
    /// The evidence.
    #[serde(flatten)]
    pub row: Row,
}

/// A group that does not agree.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What must hold for its code to apply.
    pub predicate: &'static str,
    /// The same in Chinese.
    pub predicate_zh: &'static str,
    /// As the table `differences` has it.
    #[serde(flatten)]
    pub row: Row,
}

/// What came of looking for a key.
#[derive(Debug)]
pub enum Answer {
    /// It is known.
    Known(Box<Explanation>),
    /// Nothing of the date has it.
    Unknown {
        /// Days before on which it occurs, the latest first.
        dates: Vec<civil::Date>,
        /// How many days before were looked at.
        searched: usize,
        /// Input files of the date that could not be searched.
        unread: Vec<Unread>,
    },
}

/// What is looked for in the tables.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// Differences.
    ids: BTreeSet<String>,
    /// Findings.
    findings: BTreeSet<String>,
    /// Numbers of orders, events and providers.
    numbers: BTreeSet<String>,
}

const NUMBERS: [&str; 3] = ["order_no", "event_no", "provider_txn_id"];
const ORIGINAL: &str = "original_txn_id";

impl Sought {
    /// Whether a row of the pool is concerned.
    fn has(&self, cells: &Cells<'_>) -> bool {
        self.has_difference(cells) || self.has_number(cells) || self.names(cells, ORIGINAL)
    }

    fn has_difference(&self, cells: &Cells<'_>) -> bool {
        cells.text("difference_id").is_some_and(|id| self.ids.contains(id))
    }

    fn has_finding(&self, cells: &Cells<'_>) -> bool {
        cells.text("finding_id").is_some_and(|id| self.findings.contains(id))
    }

    fn has_number(&self, cells: &Cells<'_>) -> bool {
        NUMBERS.iter().any(|name| self.names(cells, name))
    }

    fn names(&self, cells: &Cells<'_>, name: &str) -> bool {
        cells.text(name).is_some_and(|number| self.numbers.contains(number))
    }

    fn add_differences(&mut self, rows: &[Row]) {
        self.ids.extend(rows.iter().filter_map(|row| row.owned("difference_id")));
    }
}

/// Tells everything that is known about a key on a date.
///
/// # Errors
/// [`Error::NotThereYet`] when the date has published nothing; what cannot be read of what was committed.
pub fn explain(store: &Store, plan: &Plan, date: civil::Date, key: &str) -> Result<Answer, Error> {
    let days = Days::of(store, plan, date)?;
    let mut inputs = Inputs::new(&days);
    let (sought, mut known_as) = sought(&days, key)?;
    let pool = days.rows(&days.today, OPEN_ITEMS, |cells| sought.has(cells))?;
    let Search { records: found, left_out, unread } =
        if sought.numbers.is_empty() { Search::default() } else { inputs.search(&sought.numbers)? };
    let unread = unread.into_iter().map(|(file, why)| Unread { file, why }).collect();
    let mut records = Records::default();
    pool.iter().map(Known::of_pool).for_each(|record| records.add(record));
    found.into_iter().for_each(|record| records.add(record));
    let matches = matched(&days, &mut inputs, &sought, &mut records)?;

    let about = |cells: &Cells<'_>| sought.has_difference(cells) || sought.has_number(cells);
    let differences = days.rows(&days.today, DIFFERENCES, about)?;
    let worklist = days.rows(&days.today, WORKLIST, |cells| about(cells) || sought.has_finding(cells))?;
    let findings = of_findings(&days, &sought)?;
    let settlements = days.rows(&days.today, SETTLEMENTS, |cells| sought.has_difference(cells))?;
    let is_known = !(records.0.is_empty() && differences.is_empty() && findings.is_empty());
    if !is_known && worklist.is_empty() && settlements.is_empty() {
        let dates = earlier(&days, inputs.seed(), key)?;
        return Ok(Answer::Unknown { dates, searched: days.before.len(), unread });
    }

    let mut records: Vec<Known> = records.0.into_values().collect();
    in_order(&mut records);
    let seed = inputs.seed();
    let keys: BTreeSet<u128> = records.iter().filter_map(|record| record.key_hash(seed)).collect();
    let ended = ended(plan, &days.ended(&keys)?);
    conclude(plan, date, &mut records, &ended);
    for record in &mut records {
        record.raw = inputs.raw(&record.at)?;
        // What the history gave back has its keys only; its row says the rest.
        if record.fields.occurred_at.is_none() && record.reject.is_none() {
            record.fields = inputs.fields(&record.at)?.unwrap_or_else(|| record.fields.clone());
        }
        record.try_keys(plan);
    }
    for (role, number) in records.iter().flat_map(|record| record.fields.numbers()) {
        if number == key {
            known_as.insert(role);
        }
    }
    Ok(Answer::Known(Box::new(Explanation {
        schema: "tieout.explain/1",
        job: plan.job.clone(),
        date,
        run_id: days.today.run_id.clone(),
        key: key.to_owned(),
        known_as,
        days: days.told(&sought, &records, &ended)?,
        matches: matches.into_iter().map(|row| labelled(row, date, &records)).collect(),
        records,
        left_out,
        unread,
        differences: differences.into_iter().map(with_predicate).collect(),
        findings,
        pool,
        worklist,
        settlements,
    })))
}

/// The findings that are sought: of the date, or of the day before it that has them.
fn of_findings(days: &Days<'_>, sought: &Sought) -> Result<Vec<Row>, Error> {
    if sought.findings.is_empty() {
        return Ok(Vec::new());
    }
    for link in std::iter::once(&days.today).chain(&days.before) {
        let rows = days.rows(link, FINDINGS, |cells| sought.has_finding(cells))?;
        if !rows.is_empty() {
            return Ok(rows);
        }
    }
    Ok(Vec::new())
}

/// What a key stands for: a difference, a finding, an item of the worklist, an entry of the journal, or a number.
fn sought(days: &Days<'_>, key: &str) -> Result<(Sought, BTreeSet<&'static str>), Error> {
    let mut sought = Sought::default();
    let mut known_as = BTreeSet::new();
    let is = |name: &'static str| move |cells: &Cells<'_>| cells.text(name) == Some(key);
    for (role, spec, name) in [
        ("difference", DIFFERENCES, "difference_id"),
        ("difference", WORKLIST, "difference_id"),
        ("difference", SETTLEMENTS, "difference_id"),
        ("difference", OPEN_ITEMS, "difference_id"),
        ("finding", FINDINGS, "finding_id"),
        ("finding", WORKLIST, "finding_id"),
        ("item", WORKLIST, "item_id"),
        ("item", WORKLIST, "idempotency_key"),
        ("entry", SETTLEMENTS, "journal_id"),
    ] {
        let rows = days.rows(&days.today, spec, is(name))?;
        if spec.name == WORKLIST.name || spec.name == FINDINGS.name {
            sought.findings.extend(rows.iter().filter_map(|row| row.owned("finding_id")));
        }
        if spec.name != FINDINGS.name {
            sought.add_differences(&rows);
        }
        if !rows.is_empty() {
            known_as.insert(role);
        }
    }
    if known_as.is_empty() {
        sought.numbers.insert(key.to_owned());
        for spec in [DIFFERENCES, WORKLIST] {
            sought.add_differences(&days.rows(&days.today, spec, |cells| sought.has_number(cells))?);
        }
        sought.add_differences(&days.rows(&days.today, OPEN_ITEMS, |cells| sought.has(cells))?);
        return Ok((sought, known_as));
    }
    // Of a difference that is closed, only its items know the numbers.
    let open = days.rows(&days.today, OPEN_ITEMS, |cells| sought.has_difference(cells))?;
    if open.is_empty() {
        let items = days.rows(&days.today, WORKLIST, |cells| sought.has_difference(cells))?;
        let numbers = items.iter().flat_map(|item| NUMBERS.iter().filter_map(|name| item.owned(name)));
        sought.numbers = numbers.collect();
    }
    Ok((sought, known_as))
}

/// Records by where they stand.
#[derive(Default)]
struct Records(BTreeMap<Whereabouts, Known>);

impl Records {
    /// Adds a record, unless it is there: what the pool says comes first.
    fn add(&mut self, record: Known) {
        self.0.entry(record.at.clone()).or_insert(record);
    }
}

/// The evidence of what matched on the date, with both records of each; what was open on the day before
/// and is not any more is added as well.
fn matched(
    days: &Days<'_>,
    inputs: &mut Inputs<'_>,
    sought: &Sought,
    records: &mut Records,
) -> Result<Vec<Row>, Error> {
    let was_open =
        |cells: &Cells<'_>| sought.has(cells) && cells.text("state").is_some_and(|state| OPEN.contains(&state));
    let before = days.before.first().map(|link| days.rows(link, OPEN_ITEMS, was_open)).transpose()?.unwrap_or_default();
    for row in &before {
        // What it was is told day by day; what it is now is looked for below.
        records.add(Known { state: None, difference_id: None, code: None, ..Known::of_pool(row) });
    }
    let today = days.today.date;
    let lines: BTreeSet<u64> = records.0.keys().map(|at| at.line).collect();
    let stands = |cells: &Cells<'_>, side: Side| {
        let line = cells.integer(side.line).and_then(|line| u64::try_from(line).ok());
        line.is_some_and(|line| lines.contains(&line)) && records.0.contains_key(&side.of_cells(cells, today))
    };
    let rows = days.rows(&days.today, MATCHES, |cells| SIDES.into_iter().any(|side| stands(cells, side)))?;
    for row in &rows {
        for side in SIDES {
            let at = side.of_row(row, today);
            if !records.0.contains_key(&at) {
                let fields = inputs.fields(&at)?.unwrap_or_else(|| Fields::of_match(row));
                records.add(Known { fields, ..Known::at(side.book.word(), at.clone()) });
            }
            if let Some(record) = records.0.get_mut(&at) {
                record.state = row.owned("state");
            }
        }
    }
    Ok(rows)
}

/// One side of the table `matches`.
#[derive(Clone, Copy)]
struct Side {
    book: Book,
    source: &'static str,
    file: &'static str,
    line: &'static str,
    night: &'static str,
}

const SIDES: [Side; 2] = [
    Side {
        book: Book::Ledger,
        source: "ledger_source",
        file: "ledger_file",
        line: "ledger_line",
        night: "ledger_night",
    },
    Side {
        book: Book::Statement,
        source: "statement_source",
        file: "statement_file",
        line: "statement_line",
        night: "statement_night",
    },
];

impl Side {
    fn of_cells(self, cells: &Cells<'_>, today: civil::Date) -> Whereabouts {
        let text = |name: &str| cells.text(name).unwrap_or_default().to_owned();
        Whereabouts {
            night: cells.date(self.night).map_or(today, date_of),
            source: text(self.source),
            file: text(self.file),
            line: cells.integer(self.line).and_then(|line| u64::try_from(line).ok()).unwrap_or(0),
        }
    }

    fn of_row(self, row: &Row, today: civil::Date) -> Whereabouts {
        Whereabouts {
            night: row.value(self.night).unwrap_or(today),
            source: row.owned(self.source).unwrap_or_default(),
            file: row.owned(self.file).unwrap_or_default(),
            line: row.value(self.line).unwrap_or(0),
        }
    }
}

fn labelled(row: Row, date: civil::Date, records: &[Known]) -> Match {
    let label = |side: Side| {
        let at = side.of_row(&row, date);
        records.iter().find(|record| record.at == at).map(|record| record.label.clone()).unwrap_or_default()
    };
    let [ledger, statement] = SIDES.map(label);
    Match { ledger, statement, row }
}

fn with_predicate(row: Row) -> Difference {
    let (predicate, predicate_zh) = row.text("code").and_then(Code::from_word).map(predicate).unwrap_or_default();
    Difference { predicate, predicate_zh, row }
}

/// What the history has, row by row.
fn ended(plan: &Plan, found: &Found) -> Vec<Ended> {
    let mut ended = Vec::new();
    for seen in &found.rows {
        for (book, whence, line) in seen.sides() {
            let row = Whereabouts {
                night: date_of(whence.night.unwrap_or(seen.night)),
                source: plan.sources[usize::from(whence.source)].name.clone(),
                file: whence.file.clone(),
                line: u64::from(line),
            };
            ended.push(Ended { date: date_of(seen.night), book: book.word(), row, state: seen.what.state.word() });
        }
    }
    ended
}

/// Where records ended of which neither the pool nor the evidence says so.
fn conclude(plan: &Plan, date: civil::Date, records: &mut [Known], ended: &[Ended]) {
    let remembers = plan.carry.history_days > 0;
    for record in records.iter_mut().filter(|record| record.state.is_none()) {
        let end = ended.iter().find(|end| end.date == date && end.row == record.at);
        // Everything else that has a key is in the pool, in the evidence or in the history.
        let replica = || State::Replica.word();
        let is_replica = remembers && record.at.night == date && record.event_key().is_some();
        let state = end.map(|end| end.state).or_else(|| is_replica.then(replica));
        let state = state.or_else(|| (record.at.night < date).then_some(CLOSED));
        record.state = state.map(str::to_owned);
    }
}

/// Days before on which a key occurs, the latest first.
fn earlier(days: &Days<'_>, seed: u64, key: &str) -> Result<Vec<civil::Date>, Error> {
    let key_alone = || BTreeSet::from([key.to_owned()]);
    let sought = Sought { ids: key_alone(), findings: key_alone(), numbers: key_alone() };
    let hashes = |account: &String| {
        let hasher = KeyHasher::new(seed, account);
        KindClass::ALL.iter().map(move |&class| hasher.hash(class, key)).collect::<Vec<u128>>()
    };
    let keys: BTreeSet<u128> = days.plan.accounts().keys().flat_map(hashes).collect();
    let mut dates: BTreeSet<civil::Date> = days.ended(&keys)?.rows.iter().map(|seen| date_of(seen.night)).collect();
    let txn = txn_hash(seed, key);
    for link in &days.before {
        let is_item =
            |cells: &Cells<'_>| cells.text("item_id") == Some(key) || cells.text("idempotency_key") == Some(key);
        let is_worked_on =
            |cells: &Cells<'_>| sought.has_difference(cells) || sought.has_finding(cells) || is_item(cells);
        let is_there = !days.rows(link, OPEN_ITEMS, |cells| sought.has(cells))?.is_empty()
            || !days.rows(link, WORKLIST, is_worked_on)?.is_empty()
            || !days.rows(link, FINDINGS, |cells| sought.has_finding(cells))?.is_empty()
            || !days.rows(link, SETTLEMENTS, |cells| cells.text("journal_id") == Some(key))?.is_empty()
            || days.remembers(link, txn)?;
        if is_there {
            dates.insert(link.date);
        }
    }
    Ok(dates.into_iter().rev().collect())
}
