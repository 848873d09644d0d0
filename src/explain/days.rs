//! The date in question and the days that its run was made of, as they were committed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::Sought;
use super::record::{Known, Whereabouts};
use super::row::Row;
use crate::carry::days::Chain;
use crate::carry::history::{self, Filter, Found};
use crate::error::Error;
use crate::job::Plan;
use crate::publish::{self, Link};
use crate::report::schema::OPEN_ITEMS;
use crate::report::{Cells, TableSpec};
use crate::store::Store;

/// A published date and the days before it.
pub struct Days<'d> {
    pub store: &'d Store,
    pub plan: &'d Plan,
    pub today: Link,
    /// The days that its run stands on, the latest first.
    pub before: Vec<Link>,
}

/// What of a manifest is read here.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    chain: Vec<Link>,
}

/// What changed on a day.
#[derive(Clone, Debug, Serialize)]
pub struct Day {
    /// The business date.
    pub date: civil::Date,
    /// What became of which rows.
    pub changes: Vec<Change>,
}

/// What became of a row.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Its book.
    pub book: String,
    /// Which row.
    #[serde(flatten)]
    pub row: Whereabouts,
    /// Its label among the records, where it is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A result state, or `CLOSED`: no longer open, and nothing says more.
    pub state: String,
    /// The difference that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_id: Option<String>,
    /// The code of that difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What a row of the pool is no longer, when it is not there and nothing says where it went.
pub const CLOSED: &str = "CLOSED";
/// States of records that are still open.
pub const OPEN: [&str; 3] = ["TIMING_PENDING", "HELD_NO_STATEMENT", "IN_DIFFERENCE"];

impl<'d> Days<'d> {
    /// Follows the commit of a date and its chain.
    pub fn of(store: &'d Store, plan: &'d Plan, date: civil::Date) -> Result<Self, Error> {
        let (_, today) = publish::published(store, plan, date)?;
        let manifest: Manifest = today.manifest(store, plan)?;
        Ok(Self { store, plan, today, before: manifest.chain })
    }

    /// What was published for a night: as the date's run took it, else as it is now.
    pub fn of_night(&self, night: civil::Date) -> Result<Option<Link>, Error> {
        let known = std::iter::once(&self.today).chain(&self.before).find(|link| link.date == night);
        if let Some(known) = known {
            return Ok(Some(known.clone()));
        }
        let current = publish::current(self.store, self.plan, night)?;
        Ok(current.map(|(commit, _)| Link::of(night, &commit)))
    }

    /// The rows of a day's table that pass a test.
    pub fn rows(
        &self,
        link: &Link,
        spec: TableSpec,
        test: impl FnMut(&Cells<'_>) -> bool + Send,
    ) -> Result<Vec<Row>, Error> {
        let name = spec.parquet_name();
        let found = link.find(self.store, self.plan, &name)?;
        // What an earlier day published may have been removed since.
        let Some(body) = found else { return Ok(Vec::new()) };
        Row::read(spec, body, test).map_err(|cause| link.unreadable(self.plan, &name, cause))
    }

    /// What ended under some keys, on the date and before.
    pub fn ended(&self, keys: &BTreeSet<u128>) -> Result<Found, Error> {
        if self.plan.carry.history_days == 0 || keys.is_empty() {
            return Ok(Found::default());
        }
        let filter = Filter::for_keys(keys.len());
        keys.iter().for_each(|&key| filter.add(key));
        let links = std::iter::once(&self.today).chain(&self.before).cloned().collect();
        let chain = Chain { links, ..Chain::default() };
        let mut found = history::look_up(self.store, self.plan, self.today.date, &chain, &filter)?;
        found.rows.retain(|row| keys.contains(&row.key));
        Ok(found)
    }

    /// Whether a day's history has a row of a provider's number, by its hash.
    pub fn remembers(&self, link: &Link, txn: u64) -> Result<bool, Error> {
        let Some(body) = link.find(self.store, self.plan, history::FILE)? else { return Ok(false) };
        history::has_number(body, txn).map_err(|cause| link.unreadable(self.plan, history::FILE, cause))
    }

    /// Day by day, what became of the records and of whatever else is sought.
    pub fn told(&self, sought: &Sought, records: &[Known], ended: &[Ended]) -> Result<Vec<Day>, Error> {
        let places: BTreeSet<&Whereabouts> = records.iter().map(|record| &record.at).collect();
        let mut days = Vec::new();
        let mut last: BTreeMap<Whereabouts, Change> = BTreeMap::new();
        for link in self.before.iter().rev() {
            let concerned = |cells: &Cells<'_>| sought.has(cells) || places.contains(&Whereabouts::of_pool(cells));
            let pool = self.rows(link, OPEN_ITEMS, concerned)?;
            let mut now: BTreeMap<Whereabouts, Change> = pool.iter().map(of_pool_row).collect();
            for one in ended.iter().filter(|one| one.date == link.date) {
                now.entry(one.row.clone()).or_insert_with(|| one.change());
            }
            days.push(Day { date: link.date, changes: changes(&mut last, now) });
        }
        let now = records.iter().filter_map(|record| Some((record.at.clone(), record.change()?))).collect();
        days.push(Day { date: self.today.date, changes: changes(&mut last, now) });
        days.retain(|day| !day.changes.is_empty());
        let place = |change: &Change| records.iter().position(|record| record.at == change.row);
        for day in &mut days {
            day.changes.sort_by_key(|change| place(change).unwrap_or(usize::MAX));
            for change in &mut day.changes {
                change.label = place(change).map(|at| records[at].label.clone());
            }
        }
        Ok(days)
    }
}

/// A row that ended, as the history has it.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The night on which it ended.
    pub date: civil::Date,
    pub book: &'static str,
    pub row: Whereabouts,
    pub state: &'static str,
}

impl Ended {
    fn change(&self) -> Change {
        Change {
            book: self.book.to_owned(),
            row: self.row.clone(),
            label: None,
            state: self.state.to_owned(),
            difference_id: None,
            code: None,
        }
    }
}

fn of_pool_row(row: &Row) -> (Whereabouts, Change) {
    let at = Whereabouts::of_row(row);
    let state = row.owned("state").unwrap_or_default();
    let in_difference = state == "IN_DIFFERENCE";
    let change = Change {
        book: row.owned("book").unwrap_or_default(),
        row: at.clone(),
        label: None,
        difference_id: row.owned("difference_id").filter(|_| in_difference),
        code: row.owned("code").filter(|_| in_difference),
        state,
    };
    (at, change)
}

/// What is not as it was on the day before; `last` becomes what is now.
fn changes(last: &mut BTreeMap<Whereabouts, Change>, now: BTreeMap<Whereabouts, Change>) -> Vec<Change> {
    let is_gone = |(at, was): &(&Whereabouts, &Change)| OPEN.contains(&was.state.as_str()) && !now.contains_key(at);
    let gone: Vec<Whereabouts> = last.iter().filter(is_gone).map(|(at, _)| at.clone()).collect();
    let mut changes: Vec<Change> = Vec::new();
    for was in gone.iter().filter_map(|at| last.remove(at)) {
        changes.push(Change { state: CLOSED.to_owned(), difference_id: None, code: None, ..was });
    }
    for (at, is) in now {
        let was = last.get(&at);
        // That it had matched before is no news where the day on which it did was told.
        let told = was.is_some_and(|was| says(was) == says(&is) || is.state == MATCHED_BEFORE);
        if !told {
            changes.push(is.clone());
        }
        last.insert(at, is);
    }
    changes
}

const MATCHED_BEFORE: &str = "MATCHED_BEFORE";

fn says(change: &Change) -> (&str, Option<&str>, Option<&str>) {
    (&change.state, change.difference_id.as_deref(), change.code.as_deref())
}
