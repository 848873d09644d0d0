//! `tieout show`: what a date published, filtered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{DONE, console, date_of, store};
use crate::error::Error;
use crate::expression::{Column, Condition, Type, Value};
use crate::job::{self, Language, Plan};
use crate::normalise::{Exact, Notation, Reading, iso};
use crate::publish::{self, Link};
use crate::report::schema::{DIFFERENCES, WORKLIST};
use crate::report::summary::Summary;
use crate::report::{Holds, TableSpec, terminal};
use crate::store::Store;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Arguments {
    /// The job file
    job: PathBuf,
    /// The business date, such as 2026-11-20
    #[arg(long, value_name = "DATE")]
    date: String,
    /// List differences instead of the first page; so does every filter
    #[arg(long)]
    differences: bool,
    /// List the items of the worklist instead; so does every filter that only items have
    #[arg(long, conflicts_with = "differences")]
    worklist: bool,
    /// Only these codes, as primary code or as flag
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only these tiers
    #[arg(long, value_name = "TIER")]
    tier: Vec<String>,
    /// Only these sources, on either side
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// Only items of these queues
    #[arg(long, value_name = "QUEUE", conflicts_with = "differences")]
    queue: Vec<String>,
    /// Only items of these verbs
    #[arg(long, value_name = "VERB", conflicts_with = "differences")]
    verb: Vec<String>,
    /// Only items in these states: ISSUED, OPEN, CANCELLED, WITHHELD
    #[arg(long, value_name = "STATE", conflicts_with = "differences")]
    state: Vec<String>,
    /// Only what a condition over the columns of the list selects, such as "exposure > 100"
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// One JSON object on a line, for the page or for each row
    #[arg(long)]
    json: bool,
    /// Rows as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

type Row = BTreeMap<String, String>;

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let plan = job::load(&self.job)?;
        let date = date_of("--date", &self.date)?;
        let store = store()?;
        let (_, run) = publish::published(&store, &plan, date)?;
        let filters = [&self.code, &self.tier, &self.source, &self.queue, &self.verb, &self.state];
        let filters = filters.iter().any(|filter| !filter.is_empty());
        if self.differences || self.worklist || self.csv || filters || self.condition.is_some() {
            self.list(&store, &plan, &run)?;
        } else {
            let summary = Summary::read(&store, &plan, &run)?;
            if self.json {
                console::out(&format!("{}\n", serde_json::to_string(&summary).expect("a summary is plain values")));
            } else {
                console::out(&terminal::page(&summary, plan.language));
            }
        }
        Ok(DONE)
    }

    /// The table in question.
    fn spec(&self) -> TableSpec {
        let of_items = self.worklist || [&self.queue, &self.verb, &self.state].iter().any(|filter| !filter.is_empty());
        if of_items { WORKLIST } else { DIFFERENCES }
    }

    fn list(&self, store: &Store, plan: &Plan, run: &Link) -> Result<(), Error> {
        let spec = self.spec();
        let condition = self.condition.as_deref().map(|text| condition(spec, text)).transpose()?;
        let name = format!("{}.csv", spec.name);
        let body = run.read(store, plan, &name)?;
        let mut reader = csv::Reader::from_reader(body.reader(0));
        let failed = |e: csv::Error| run.unreadable(plan, &name, e.to_string());
        let header = reader.headers().map_err(failed)?.clone();
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            let row: Row = header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect();
            if self.selects(spec, &row, condition.as_ref()) {
                rows.push(row);
            }
        }
        if self.csv {
            console::out(&in_csv(&header, &rows));
        } else if self.json {
            let line = |row: &Row| format!("{}\n", serde_json::Value::Object(typed(spec, row)));
            console::out(&rows.iter().map(line).collect::<String>());
        } else {
            console::out(&in_words(spec, &rows, plan.language));
        }
        Ok(())
    }

    fn selects(&self, spec: TableSpec, row: &Row, condition: Option<&Condition>) -> bool {
        let cell = |name: &str| row.get(name).map_or("", String::as_str);
        let one_of = |filter: &[String], words: &[&str]| {
            filter.is_empty() || filter.iter().any(|wanted| words.contains(&wanted.as_str()))
        };
        let mut codes: Vec<&str> = cell("flags").split(' ').collect();
        codes.push(cell("code"));
        one_of(&self.code, &codes)
            && one_of(&self.tier, &[cell("severity")])
            && one_of(&self.source, &[cell("ledger_source"), cell("statement_source"), cell("source")])
            && one_of(&self.queue, &[cell("queue")])
            && one_of(&self.verb, &[cell("verb")])
            && one_of(&self.state, &[cell("state")])
            && condition.is_none_or(|condition| condition.selects(&|name| value(spec, name, cell(name))))
    }
}

const fn type_of(holds: Holds) -> Type {
    match holds {
        Holds::Text => Type::Text,
        Holds::Integer | Holds::Decimal => Type::Number,
        Holds::Date => Type::Date,
        Holds::Instant => Type::Instant,
        Holds::Boolean => Type::Boolean,
    }
}

fn holds(spec: TableSpec, name: &str) -> Option<Holds> {
    spec.columns.iter().find(|column| column.name == name).map(|column| column.holds)
}

fn condition(spec: TableSpec, text: &str) -> Result<Condition, Error> {
    let columns: Vec<Column> = spec
        .columns
        .iter()
        .map(|column| Column { name: column.name.to_owned(), holds: type_of(column.holds) })
        .collect();
    Condition::parse(text, &columns).map_err(|mistake| {
        let at = text.get(mistake.span.clone()).unwrap_or_default();
        let what = format!("--where: {}: `{at}` in `{text}`", mistake.what);
        Error::usage(what, mistake.hint.unwrap_or_else(|| format!("tieout schema {} lists the columns", spec.name)))
    })
}

/// A cell as conditions see it.
fn value(spec: TableSpec, name: &str, cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let micros = |cell: &str| match iso(cell) {
        Some(Reading::Instant(micros) | Reading::Local(micros)) => Some(micros),
        None => None,
    };
    let read = match holds(spec, name) {
        Some(Holds::Integer | Holds::Decimal) => Exact::parse(cell, Notation::default()).ok().map(Value::Number),
        Some(Holds::Date) => micros(cell).map(|micros| Value::Date(micros / 86_400_000_000)),
        Some(Holds::Instant) => micros(cell).map(Value::Instant),
        Some(Holds::Boolean) => cell.parse().ok().map(Value::Boolean),
        Some(Holds::Text) | None => Some(Value::Text(cell.to_owned())),
    };
    read.unwrap_or(Value::Null)
}

/// A row with numbers as numbers; money in major units stays text, so that no reader makes a float of it.
fn typed(spec: TableSpec, row: &Row) -> serde_json::Map<String, serde_json::Value> {
    let cell = |(name, cell): (&String, &String)| {
        let value = match holds(spec, name) {
            _ if cell.is_empty() => serde_json::Value::Null,
            Some(Holds::Integer) => cell.parse::<i64>().map_or_else(|_| cell.clone().into(), Into::into),
            Some(Holds::Boolean) => (cell == "true").into(),
            _ => cell.clone().into(),
        };
        (name.clone(), value)
    };
    row.iter().map(cell).collect()
}

fn in_csv(header: &csv::StringRecord, rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header).expect("writing to memory does not fail");
    for row in rows {
        let cells = header.iter().map(|name| row.get(name).map_or("", String::as_str));
        writer.write_record(cells).expect("writing to memory does not fail");
    }
    let bytes = writer.into_inner().expect("writing to memory does not fail");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn in_words(spec: TableSpec, rows: &[Row], language: Language) -> String {
    let chinese = language == Language::Chinese;
    let of_items = spec.name == WORKLIST.name;
    let mut text = String::new();
    for row in rows {
        text += &if of_items { item_in_words(row, chinese) } else { difference_in_words(row, chinese) };
        text.push('\n');
    }
    let count = rows.len();
    let (one, many) = if of_items { ("item", "items") } else { ("difference", "differences") };
    text += &if chinese {
        format!("共 {count} 项\n")
    } else {
        format!("{count} {}\n", if count == 1 { one } else { many })
    };
    text
}

/// Cells under their titles, where they hold anything.
fn cells_in_words(row: &Row, titles: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (title, name) in titles.iter().filter(|(_, name)| row.get(*name).is_some_and(|cell| !cell.is_empty())) {
        text += &format!("    {title:10}  {}\n", row[*name]);
    }
    text
}

fn difference_in_words(row: &Row, chinese: bool) -> String {
    let cell = |name: &str| row.get(name).map_or("", String::as_str);
    let (label, told) = if chinese { ("label_zh", "explanation_zh") } else { ("label_en", "explanation") };
    let head = format!("{}  {}  {}  {}\n", cell("severity"), cell("code"), cell(label), cell("difference_id"));
    let titles = [
        ("tier", "severity_reason"),
        ("settlement", "settlement"),
        ("", "settlement_reason"),
        ("ledger", "ledger_rows"),
        ("statement", "statement_rows"),
        ("beside", "related_rows"),
    ];
    format!("{head}    {}\n{}", cell(told), cells_in_words(row, &titles))
}

fn item_in_words(row: &Row, chinese: bool) -> String {
    let cell = |name: &str| row.get(name).map_or("", String::as_str);
    let (verb, first, steps) =
        if chinese { ("verb_zh", "precondition_zh", "steps_zh") } else { ("verb_en", "precondition", "steps") };
    let head = format!(
        "{}  {}  {}  {}  {}  {}\n",
        cell("state"),
        cell("severity"),
        cell("verb"),
        cell(verb),
        cell("code"),
        cell("item_id")
    );
    let limit = match cell("amount_limit") {
        "" => String::new(),
        limit => format!("    {:10}  {limit} {}\n", "at most", cell("currency")),
    };
    let titles = [
        ("check", first),
        ("source", "source"),
        ("number", "event_no"),
        ("provider", "provider_txn_id"),
        ("call", "api"),
        ("queue", "queue"),
        ("approvals", "approval_level"),
        ("due", "due_at"),
        ("after", "depends_on"),
        ("difference", "difference_id"),
        ("finding", "finding_id"),
        ("reason", "reason"),
    ];
    format!("{head}    {}\n{limit}{}", cell(steps), cells_in_words(row, &titles))
}
