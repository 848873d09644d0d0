//! What was issued and is not cancelled: by the day before, and by the commit that a run replaces.

use std::collections::BTreeMap;

use super::item::{Item, State};
use crate::carry::days::Chain;
use crate::error::Error;
use crate::job::Plan;
use crate::publish::Link;
use crate::report::schema::WORKLIST;
use crate::store::Store;

/// Items that are out, by idempotency key.
#[derive(Debug, Default)]
pub struct Register(BTreeMap<String, Item>);

impl Register {
    /// Reads what is out before a run.
    ///
    /// What the replaced commit of the same date says is later than what the day before says.
    pub fn read(store: &Store, plan: &Plan, chain: &Chain, replaces: Option<&Link>) -> Result<Self, Error> {
        let mut out = BTreeMap::new();
        let mut take = |items: Vec<Item>| {
            for item in items {
                match item.state {
                    State::Issued | State::Open => drop(out.insert(item.key.clone(), item)),
                    State::Cancelled => drop(out.remove(&item.key)),
                    State::Withheld => {}
                }
            }
        };
        for run in chain.before().into_iter().chain(replaces) {
            take(items(store, plan, run)?);
        }
        Ok(Self(out))
    }

    /// Takes an item out by its key.
    pub fn take(&mut self, key: &str) -> Option<Item> {
        self.0.remove(key)
    }

    /// What nobody asked for any more.
    pub fn rest(self) -> impl Iterator<Item = Item> {
        self.0.into_values()
    }
}

fn items(store: &Store, plan: &Plan, run: &Link) -> Result<Vec<Item>, Error> {
    let table = run.table(store, plan, WORKLIST)?;
    let items: Option<Vec<Item>> = table.cells().map(|cells| Item::from_cells(&cells)).collect();
    let lacking = || "a row lacks what every row has".to_owned();
    items.ok_or_else(|| run.unreadable(plan, &WORKLIST.parquet_name(), lacking()))
}
