//! What was issued and is not cancelled: by the day before, and by the commit that a run replaces.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{Timestamp, civil};
use rayon::prelude::*;

use super::item::{Item, State};
use crate::carry::days::{self, Chain};
use crate::error::Error;
use crate::job::Plan;
use crate::publish::Link;
use crate::report::schema::WORKLIST;
use crate::report::{Cells, Table};
use crate::store::{Body, Store};

/// Items that are out. Of each only what tonight's items need to know is held: what nobody asks for any more is
/// read again.
#[derive(Debug, Default)]
pub struct Register {
    /// Those that tonight decides about, in order of their keys: of differences, and of the date's own findings.
    out: Vec<Out>,
    /// Those of earlier dates' findings, as the day before lists them, by idempotency key: about these tonight
    /// decides nothing.
    of_earlier_dates: HashMap<[u8; 32], Item>,
    /// The tables in which they are.
    tables: Vec<(Link, Body)>,
}

/// An item that is out, or one that is so no longer.
#[derive(Debug)]
pub struct Out {
    /// As much of the idempotency key as tells items apart.
    key: [u64; 2],
    /// The business date that issued it.
    pub first_issued: civil::Date,
    /// The last day on which it may be acted on.
    pub expires_on: civil::Date,
    /// By when it is due, in microseconds since 1970.
    due_at: i64,
    /// The row in its table, and the table's number.
    row: u32,
    table: u8,
    /// Whether its own date issued it.
    is_issued: bool,
    is_cancelled: bool,
    /// Whether tonight asks for it again.
    again: AtomicBool,
}

const _: () = assert!(size_of::<Out>() == 40);

impl Out {
    /// By when it is due.
    #[must_use]
    pub fn due_at(&self) -> Timestamp {
        Timestamp::from_microsecond(self.due_at).expect("it was a time when it was read")
    }
}

/// The beginning of an item's idempotency key.
fn key_of(item: &Item) -> [u64; 2] {
    let bytes = item.key_bytes();
    let (halves, _) = bytes.as_chunks();
    [halves[0], halves[1]].map(u64::from_be_bytes)
}

impl Register {
    /// Reads what is out before a run.
    ///
    /// What the replaced commit of the same date issued and cancelled came after the day before, unless that was
    /// published again since, and issued it again. What it found open and had not issued itself, the day before alone
    /// knows: it may have been run again since, and have cancelled it. The same goes for findings of earlier dates.
    pub fn read(store: &Store, plan: &Plan, chain: &Chain, replaces: Option<&Link>) -> Result<Self, Error> {
        let mut register = Self::default();
        if let Some(before) = chain.before() {
            register.add(store, plan, before, |register, item, at| {
                if item.about.finding().is_none() {
                    register.put(&item, at);
                } else if item.is_out() {
                    register.of_earlier_dates.insert(item.key_bytes(), item);
                }
            })?;
        }
        if let Some(replaced) = replaces {
            register.add(store, plan, replaced, |register, item, at| {
                let found_open =
                    item.state == State::Open && item.first_issued != replaced.date && chain.before().is_some();
                if !found_open && !register.of_earlier_dates.contains_key(&item.key_bytes()) {
                    register.put(&item, at);
                }
            })?;
        }
        let stood_on = replaces.map(|replaced| days::stood_on(store, plan, replaced)).transpose()?.flatten();
        let is_rebuilt = stood_on.as_ref() != chain.before();
        // Of each the last word counts.
        register.out.par_sort_by_key(|out| (out.key, Reverse((out.table, out.row))));
        register.out.dedup_by(|before, last| {
            let is_same = before.key == last.key;
            let was_since = is_rebuilt && last.table > before.table && !before.is_cancelled;
            if is_same && was_since && (before.is_issued || before.first_issued != last.first_issued) {
                std::mem::swap(before, last);
            }
            is_same
        });
        register.out.retain(|out| !out.is_cancelled);
        register.out.shrink_to_fit();
        Ok(register)
    }

    fn add(
        &mut self,
        store: &Store,
        plan: &Plan,
        run: &Link,
        mut each: impl FnMut(&mut Self, Item, (u8, u32)) + Send,
    ) -> Result<(), Error> {
        let table = self.tables.len();
        self.tables.push((run.clone(), run.read(store, plan, &WORKLIST.parquet_name())?));
        let (run, body) = self.tables[table].clone();
        let table = u8::try_from(table).expect("there are two");
        let each_of = |some: Vec<(u32, Item)>| {
            some.into_iter().for_each(|(row, item)| each(self, item, (table, row)));
            Ok(())
        };
        items(plan, &run, body, |_| true, each_of)
    }

    fn put(&mut self, item: &Item, (table, row): (u8, u32)) {
        let Item { first_issued, due_at, expires_on, .. } = *item;
        if item.state == State::Withheld {
            return;
        }
        self.out.push(Out {
            key: key_of(item),
            first_issued,
            expires_on,
            due_at: due_at.as_microsecond(),
            row,
            table,
            is_issued: item.state == State::Issued,
            is_cancelled: item.state == State::Cancelled,
            again: AtomicBool::new(false),
        });
    }

    /// What is known of an item that tonight asks for, where it is out already.
    pub fn asked_again(&self, item: &Item) -> Option<&Out> {
        let key = key_of(item);
        let out = &self.out[self.out.binary_search_by_key(&key, |out| out.key).ok()?];
        out.again.store(true, Ordering::Relaxed);
        Some(out)
    }

    /// What nobody asked for again, some items at a time.
    pub fn each_rest(
        &self,
        plan: &Plan,
        mut each: impl FnMut(Vec<Item>) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.tables.len()];
        for out in self.out.iter().filter(|out| !out.again.load(Ordering::Relaxed)) {
            rows[usize::from(out.table)].push(out.row);
        }
        for ((run, body), mut rows) in self.tables.iter().zip(rows) {
            rows.sort_unstable();
            if !rows.is_empty() {
                let wanted = |row: u32| rows.binary_search(&row).is_ok();
                let only = |some: Vec<(u32, Item)>| each(some.into_iter().map(|(_, item)| item).collect());
                items(plan, run, body.clone(), wanted, only)?;
            }
        }
        Ok(())
    }

    /// Takes the items of earlier dates' findings.
    pub fn take_of_earlier_dates(&mut self) -> impl Iterator<Item = Item> + use<> {
        std::mem::take(&mut self.of_earlier_dates).into_values()
    }
}

/// The items of a published table in some of its rows, as many at a time as are read together, each with its row.
fn items(
    plan: &Plan,
    run: &Link,
    body: Body,
    wanted: impl Fn(u32) -> bool + Sync,
    mut each: impl FnMut(Vec<(u32, Item)>) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let unreadable = |cause: String| run.unreadable(plan, &WORKLIST.parquet_name(), cause);
    let mut before = 0;
    Table::read_parts(WORKLIST, body, unreadable, |part| {
        let rows: Vec<(u32, Cells<'_>)> = (before..).zip(part.cells()).filter(|(row, _)| wanted(*row)).collect();
        before += u32::try_from(part.rows).expect("a part is some thousands of rows");
        let items = rows.par_iter().map(|(row, cells)| Some((*row, Item::from_cells(cells)?)));
        let items: Option<Vec<(u32, Item)>> = items.collect();
        items.ok_or_else(|| unreadable("a row lacks what every row has".to_owned())).and_then(&mut each)
    })
}
