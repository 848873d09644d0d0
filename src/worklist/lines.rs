//! New and cancelled items as lines of JSON for repair tools: all of them, and each verb by itself.

use std::collections::BTreeMap;
use std::io::Write as _;

use rayon::prelude::*;
use tieout_kernel::action::Verb;
use tieout_kernel::proof::Broken;

use super::item::{Item, State};
use crate::error::Error;
use crate::memory::Memory;
use crate::report::Table;
use crate::store::{Body, Spool};

/// The files in the making, each with how many lines it has.
pub(super) struct Lines<'m> {
    memory: &'m Memory,
    all: (Spool<'m>, u64),
    of_verbs: BTreeMap<Verb, (Spool<'m>, u64)>,
}

impl<'m> Lines<'m> {
    /// No lines.
    pub(super) fn new(memory: &'m Memory) -> Self {
        Self { memory, all: (Spool::of_result(memory), 0), of_verbs: BTreeMap::new() }
    }

    /// Adds the items of some rows of the worklist, in order.
    pub(super) fn add(&mut self, lot: &[Table]) -> Result<(), Error> {
        let of_table = |table: &Table| -> Option<Vec<(Verb, String)>> {
            let is_told = |state: State| matches!(state, State::Issued | State::Cancelled);
            let told =
                table.cells().filter(|cells| cells.text("state").and_then(State::from_word).is_some_and(is_told));
            let line = |item: Option<Item>| item.and_then(|item| Some((item.verb, item.line()?)));
            told.map(|cells| line(Item::from_cells(&cells))).collect()
        };
        let lines: Option<Vec<Vec<(Verb, String)>>> = lot.par_iter().with_max_len(1).map(of_table).collect();
        let lines = lines.ok_or_else(|| Broken("an item of the worklist cannot be read from its row".to_owned()))?;
        for (verb, line) in lines.into_iter().flatten() {
            let memory = self.memory;
            let of_verb = self.of_verbs.entry(verb).or_insert_with(|| (Spool::of_result(memory), 0));
            for (file, count) in [&mut self.all, of_verb] {
                file.write_all(line.as_bytes()).map_err(|e| file.failed(&e))?;
                *count += 1;
            }
        }
        Ok(())
    }

    /// The finished files: name, bytes, lines. That of all items is there even without any.
    pub(super) fn finish(self) -> Result<Vec<(String, Body, u64)>, Error> {
        let of_verbs = self.of_verbs.into_iter();
        let named = of_verbs.map(|(verb, file)| (format!("worklist.{}.jsonl", verb.word().to_ascii_lowercase()), file));
        std::iter::once(("worklist.jsonl".to_owned(), self.all))
            .chain(named)
            .map(|(name, (file, count))| Ok((name, file.finish()?, count)))
            .collect()
    }
}
