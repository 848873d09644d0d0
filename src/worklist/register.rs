//! What was issued and is not cancelled: by the day before, and by the commit that a run replaces.

use std::collections::BTreeMap;

use jiff::civil;

use super::item::{Item, State};
use crate::carry::days::Chain;
use crate::error::Error;
use crate::job::Plan;
use crate::publish::{self, Commit};
use crate::report::Table;
use crate::report::schema::WORKLIST;
use crate::store::Store;

/// The file of a run's items.
pub const FILE: &str = "worklist.parquet";

/// Items that are out, by idempotency key.
#[derive(Debug, Default)]
pub struct Register(BTreeMap<String, Item>);

impl Register {
    /// Reads what is out before a run.
    ///
    /// What the replaced commit of the same date says is later than what the day before says.
    pub fn read(
        store: &Store,
        plan: &Plan,
        date: civil::Date,
        chain: &Chain,
        replaces: Option<&Commit>,
    ) -> Result<Self, Error> {
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
        if let (Some(commit), Some(link)) = (&chain.commit, chain.links.first()) {
            take(items(store, plan, link.date, commit)?);
        }
        if let Some(commit) = replaces {
            take(items(store, plan, date, commit)?);
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

fn items(store: &Store, plan: &Plan, date: civil::Date, commit: &Commit) -> Result<Vec<Item>, Error> {
    let bytes = publish::read_published(store, plan, date, commit, FILE)?;
    let uri = || publish::folder_of(plan, date).join(&format!("run={}", commit.run_id)).join(FILE).to_string();
    let unreadable = |cause: String| Error::Unavailable { action: "reading", uri: uri(), cause };
    let table = Table::read(WORKLIST, bytes).map_err(unreadable)?;
    let items: Option<Vec<Item>> = table.cells().map(|cells| Item::from_cells(&cells)).collect();
    items.ok_or_else(|| unreadable("a row lacks what every row has".to_owned()))
}
