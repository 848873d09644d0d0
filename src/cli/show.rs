//! `tieout show`: what a date published, filtered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil;

use super::{DONE, console, date_of, store};
use crate::error::{Complaint, Error};
use crate::expression::{Column, Condition, Type, Value};
use crate::job::{self, Language, Plan};
use crate::normalise::{Exact, Notation, Reading, iso};
use crate::publish;
use crate::report::schema::DIFFERENCES;
use crate::report::summary::Summary;
use crate::report::{Holds, terminal};
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job file
    job: PathBuf,
    /// The business date, such as 2026-11-20
    #[arg(long, value_name = "DATE")]
    date: String,
    /// List differences instead of the first page; so does every filter
    #[arg(long)]
    differences: bool,
    /// Only these codes, as primary code or as flag
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only these tiers
    #[arg(long, value_name = "TIER")]
    tier: Vec<String>,
    /// Only these sources, on either side
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// Only what a condition over the columns of the differences selects, such as "exposure > 100"
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// One JSON object on a line, for the page or for each difference
    #[arg(long)]
    json: bool,
    /// Differences as CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

type Row = BTreeMap<String, String>;

impl Arguments {
    pub fn run(self) -> Result<u8, Error> {
        let plan = job::load(&self.job)?;
        let date = date_of("--date", &self.date)?;
        let store = store()?;
        let filters = [&self.code, &self.tier, &self.source].iter().any(|filter| !filter.is_empty());
        if self.differences || self.csv || filters || self.condition.is_some() {
            self.list(&store, &plan, date)?;
        } else {
            let bytes = published(&store, &plan, date, "summary.json")?;
            let summary: Summary =
                serde_json::from_slice(&bytes).map_err(|e| unreadable(&plan, date, "summary.json", &e.to_string()))?;
            if self.json {
                console::out(&format!("{}\n", serde_json::to_string(&summary).expect("a summary is plain values")));
            } else {
                console::out(&terminal::page(&summary, plan.language));
            }
        }
        Ok(DONE)
    }

    fn list(&self, store: &Store, plan: &Plan, date: civil::Date) -> Result<(), Error> {
        let condition = self.condition.as_deref().map(condition).transpose()?;
        let bytes = published(store, plan, date, "differences.csv")?;
        let mut reader = csv::Reader::from_reader(bytes.as_ref());
        let failed = |e: &csv::Error| unreadable(plan, date, "differences.csv", &e.to_string());
        let header = reader.headers().map_err(|e| failed(&e))?.clone();
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| failed(&e))?;
            let row: Row = header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect();
            if self.selects(&row, condition.as_ref()) {
                rows.push(row);
            }
        }
        if self.csv {
            console::out(&in_csv(&header, &rows));
        } else if self.json {
            let line = |row: &Row| format!("{}\n", serde_json::Value::Object(typed(row)));
            console::out(&rows.iter().map(line).collect::<String>());
        } else {
            console::out(&in_words(&rows, plan.language));
        }
        Ok(())
    }

    fn selects(&self, row: &Row, condition: Option<&Condition>) -> bool {
        let cell = |name: &str| row.get(name).map_or("", String::as_str);
        let one_of = |filter: &[String], words: &[&str]| {
            filter.is_empty() || filter.iter().any(|wanted| words.contains(&wanted.as_str()))
        };
        let mut codes: Vec<&str> = cell("flags").split(' ').collect();
        codes.push(cell("code"));
        one_of(&self.code, &codes)
            && one_of(&self.tier, &[cell("severity")])
            && one_of(&self.source, &[cell("ledger_source"), cell("statement_source")])
            && condition.is_none_or(|condition| condition.selects(&|name| value(name, cell(name))))
    }
}

fn published(store: &Store, plan: &Plan, date: civil::Date, name: &str) -> Result<bytes::Bytes, Error> {
    let Some((commit, _)) = publish::current(store, plan, date)? else {
        let what = format!("job {} has published nothing for {date}", plan.job);
        return Err(Error::NotThereYet(Complaint::new(what).hint("tieout run it first")));
    };
    publish::read_published(store, plan, date, &commit, name)
}

fn unreadable(plan: &Plan, date: civil::Date, name: &str, cause: &str) -> Error {
    let uri = publish::folder_of(plan, date).join(name).to_string();
    Error::Unavailable { action: "reading", uri, cause: cause.to_owned() }
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

fn holds(name: &str) -> Option<Holds> {
    DIFFERENCES.columns.iter().find(|column| column.name == name).map(|column| column.holds)
}

fn condition(text: &str) -> Result<Condition, Error> {
    let columns: Vec<Column> = DIFFERENCES
        .columns
        .iter()
        .map(|column| Column { name: column.name.to_owned(), holds: type_of(column.holds) })
        .collect();
    Condition::parse(text, &columns).map_err(|mistake| {
        let at = text.get(mistake.span.clone()).unwrap_or_default();
        let what = format!("--where: {}: `{at}` in `{text}`", mistake.what);
        Error::usage(what, mistake.hint.unwrap_or_else(|| "tieout schema differences lists the columns".to_owned()))
    })
}

/// A cell as conditions see it.
fn value(name: &str, cell: &str) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let micros = |cell: &str| match iso(cell) {
        Some(Reading::Instant(micros) | Reading::Local(micros)) => Some(micros),
        None => None,
    };
    let read = match holds(name) {
        Some(Holds::Integer | Holds::Decimal) => Exact::parse(cell, Notation::default()).ok().map(Value::Number),
        Some(Holds::Date) => micros(cell).map(|micros| Value::Date(micros / 86_400_000_000)),
        Some(Holds::Instant) => micros(cell).map(Value::Instant),
        Some(Holds::Boolean) => cell.parse().ok().map(Value::Boolean),
        Some(Holds::Text) | None => Some(Value::Text(cell.to_owned())),
    };
    read.unwrap_or(Value::Null)
}

/// A row with numbers as numbers; money in major units stays text, so that no reader makes a float of it.
fn typed(row: &Row) -> serde_json::Map<String, serde_json::Value> {
    let cell = |(name, cell): (&String, &String)| {
        let value = match holds(name) {
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

fn in_words(rows: &[Row], language: Language) -> String {
    let chinese = language == Language::Chinese;
    let mut text = String::new();
    for row in rows {
        let cell = |name: &str| row.get(name).map_or("", String::as_str);
        let (label, told) = if chinese { ("label_zh", "explanation_zh") } else { ("label_en", "explanation") };
        text += &format!("{}  {}  {}  {}\n", cell("severity"), cell("code"), cell(label), cell("difference_id"));
        text += &format!("    {}\n", cell(told));
        for (title, name) in [
            ("tier", "severity_reason"),
            ("settlement", "settlement"),
            ("", "settlement_reason"),
            ("ledger", "ledger_rows"),
            ("statement", "statement_rows"),
            ("beside", "related_rows"),
        ] {
            if !cell(name).is_empty() {
                text += &format!("    {title:10}  {}\n", cell(name));
            }
        }
        text.push('\n');
    }
    let count = rows.len();
    text += &if chinese {
        format!("共 {count} 项\n")
    } else {
        format!("{count} {}\n", if count == 1 { "difference" } else { "differences" })
    };
    text
}
