//! What was issued and is not cancelled: by the day before, and by the commit that a run replaces.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::item::{Item, State};
use crate::carry::days::Chain;
use crate::error::Error;
use crate::job::Plan;
use crate::publish::Link;
use crate::report::Cells;
use crate::report::schema::WORKLIST;
use crate::store::Store;

/// Items that are out, by idempotency key.
#[derive(Debug, Default)]
pub struct Register {
    /// Those that tonight decides about: of differences, and of the date's own findings.
    out: BTreeMap<String, Item>,
    /// Those of earlier dates' findings, as the day before lists them: about these tonight decides nothing.
    of_earlier_dates: BTreeMap<String, Item>,
}

impl Register {
    /// Reads what is out before a run.
    ///
    /// What the replaced commit of the same date issued and cancelled came after the day before. What it found open
    /// and had not issued itself, the day before alone knows: it may have been run again since, and have cancelled it.
    /// The same goes for findings of earlier dates.
    pub fn read(store: &Store, plan: &Plan, chain: &Chain, replaces: Option<&Link>) -> Result<Self, Error> {
        let mut register = Self::default();
        if let Some(before) = chain.before() {
            for item in items(store, plan, before)? {
                let of_finding = item.about.finding().is_some();
                put(if of_finding { &mut register.of_earlier_dates } else { &mut register.out }, item);
            }
        }
        if let Some(replaced) = replaces {
            for item in items(store, plan, replaced)? {
                let found_open =
                    item.state == State::Open && item.first_issued != replaced.date && chain.before().is_some();
                if !found_open && !register.of_earlier_dates.contains_key(&item.key) {
                    put(&mut register.out, item);
                }
            }
        }
        Ok(register)
    }

    /// Takes an item out by its key.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        self.out.remove(key)
    }

    /// What nobody asked for any more, and the items of earlier dates' findings.
    pub fn rest(self) -> (impl Iterator<Item = Item>, impl Iterator<Item = Item>) {
        (self.out.into_values(), self.of_earlier_dates.into_values())
    }
}

fn put(out: &mut BTreeMap<String, Item>, item: Item) {
    match item.state {
        State::Issued | State::Open => drop(out.insert(item.key.clone(), item)),
        State::Cancelled => drop(out.remove(&item.key)),
        State::Withheld => {}
    }
}

fn items(store: &Store, plan: &Plan, run: &Link) -> Result<Vec<Item>, Error> {
    let table = run.table(store, plan, WORKLIST)?;
    let rows: Vec<Cells<'_>> = table.cells().collect();
    let items: Option<Vec<Item>> = rows.par_iter().map(Item::from_cells).collect();
    let lacking = || "a row lacks what every row has".to_owned();
    items.ok_or_else(|| run.unreadable(plan, &WORKLIST.parquet_name(), lacking()))
}
