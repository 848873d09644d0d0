//! The roll-forward: what was open, what came, what went, what is open (`taxonomy` §8.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::outcome::State;
use tieout_kernel::proof::Broken;
use tieout_kernel::record::{Book, Origin, Record};

use super::Carried;
use crate::error::Error;
use crate::job::Plan;
use crate::reconcile::Reconciled;
use crate::report::summary::narrow;

/// Records and their effect on our cash, in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub records: u64,
    /// What they did to our cash.
    pub effect_minor: i64,
}

/// Where open records are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Waiting for a partner or a statement.
    InTransit,
    /// Part of a difference.
    InDifferences,
}

/// The roll-forward of one book, source, account and currency in one section.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RollForward {
    /// In transit, or in differences.
    pub section: Section,
    /// The book.
    pub book: String,
    /// The source.
    pub source: String,
    /// The account.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Its decimals.
    pub exponent: u8,
    /// Open when the run before ended.
    pub opening: Count,
    /// New tonight; in differences also what expired.
    pub added: Count,
    /// Closed tonight.
    pub cleared: Count,
    /// No longer in transit: a difference from tonight on.
    pub expired: Count,
    /// Open for too long to be listed further.
    pub lapsed: Count,
    /// Open when this run ends.
    pub closing: Count,
}

type Key = (Section, Book, String, String, Currency);

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    records: u64,
    effect: Total,
}

impl Sum {
    fn add(&mut self, effect: Total) {
        self.records += 1;
        self.effect += effect;
    }

    fn merge(&mut self, more: Self) {
        self.records += more.records;
        self.effect += more.effect;
    }

    fn count(self) -> Result<Count, Error> {
        Ok(Count { records: self.records, effect_minor: narrow(self.effect.get())? })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    opening: Sum,
    added: Sum,
    cleared: Sum,
    expired: Sum,
    lapsed: Sum,
    closing: Sum,
}

const fn section_of(origin: Origin) -> Option<Section> {
    match origin {
        Origin::Transit => Some(Section::InTransit),
        Origin::Difference => Some(Section::InDifferences),
        Origin::Tonight | Origin::Settled | Origin::History => None,
    }
}

fn section_after(state: State) -> Option<Section> {
    match state {
        State::TimingPending | State::Held => Some(Section::InTransit),
        State::InDifference => Some(Section::InDifferences),
        _ => None,
    }
}

/// What was open, came and went, by where it is.
#[derive(Debug, Default)]
pub struct Roll(BTreeMap<Key, Sums>);

impl Roll {
    /// Counts a record that earlier nights left, and that has lapsed or not.
    pub fn open(&mut self, plan: &Plan, one: &Carried, has_lapsed: bool) {
        let Some(section) = section_of(one.origin) else { return };
        let name = plan.sources[usize::from(one.source)].name.clone();
        let sums = self.0.entry((section, one.book, name, one.account.clone(), one.currency)).or_default();
        sums.opening.add(one.effect());
        if has_lapsed {
            sums.lapsed.add(one.effect());
        }
    }

    /// Counts what became of some records.
    pub fn count(&mut self, plan: &Plan, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            for (at, state) in outcome.records() {
                let record: &Record<'_> = &reconciled.records[at as usize];
                let mut at_key = |section: Section, of: fn(&mut Sums) -> &mut Sum| {
                    let name = plan.sources[usize::from(record.source)].name.clone();
                    let key = (section, record.book, name, record.account.to_owned(), record.currency);
                    of(self.0.entry(key).or_default()).add(record.effect());
                };
                match (section_of(record.origin), section_after(state)) {
                    (None, Some(now)) => at_key(now, |sums| &mut sums.added),
                    (Some(before), None) => at_key(before, |sums| &mut sums.cleared),
                    (Some(before), Some(now)) if before != now => {
                        // What leaves transit expires; what a difference gives back to transit is cleared from it.
                        match before {
                            Section::InTransit => at_key(before, |sums| &mut sums.expired),
                            Section::InDifferences => at_key(before, |sums| &mut sums.cleared),
                        }
                        at_key(now, |sums| &mut sums.added);
                    }
                    (None, None) | (Some(_), Some(_)) => {}
                }
                if let Some(now) = section_after(state) {
                    at_key(now, |sums| &mut sums.closing);
                }
            }
        }
    }

    /// Adds what became of other records.
    pub fn add(&mut self, more: &Self) {
        for (key, more) in &more.0 {
            let own = self.0.entry(key.clone()).or_default();
            own.opening.merge(more.opening);
            own.added.merge(more.added);
            own.cleared.merge(more.cleared);
            own.expired.merge(more.expired);
            own.lapsed.merge(more.lapsed);
            own.closing.merge(more.closing);
        }
    }

    /// The roll-forward, proven.
    ///
    /// # Errors
    /// A failed proof, or a sum too large to be written.
    pub fn lines(self) -> Result<Vec<RollForward>, Error> {
        self.0.into_iter().map(|(key, sums)| line(key, sums)).collect()
    }
}

fn line(key: Key, sums: Sums) -> Result<RollForward, Error> {
    let (section, book, source, account, currency) = key;
    let records = i128::from(sums.opening.records) + i128::from(sums.added.records)
        - i128::from(sums.cleared.records)
        - i128::from(sums.expired.records)
        - i128::from(sums.lapsed.records);
    let effect =
        sums.opening.effect + sums.added.effect - sums.cleared.effect - sums.expired.effect - sums.lapsed.effect;
    if records != i128::from(sums.closing.records) || effect != sums.closing.effect {
        let text = format!("{book} {source} {account} {currency}: what was open, came and went is not what is open");
        return Err(Broken(text).into());
    }
    Ok(RollForward {
        section,
        book: book.word().to_owned(),
        source,
        account,
        currency: currency.code().to_owned(),
        exponent: currency.exponent(),
        opening: sums.opening.count()?,
        added: sums.added.count()?,
        cleared: sums.cleared.count()?,
        expired: sums.expired.count()?,
        lapsed: sums.lapsed.count()?,
        closing: sums.closing.count()?,
    })
}

/// Proves that the day begins with what the day before ended with.
///
/// # Errors
/// A failed proof, naming the first line that differs.
pub fn prove_opening(lines: &[RollForward], before: &[RollForward]) -> Result<(), Broken> {
    let of = |lines: &[RollForward],
              count: fn(&RollForward) -> Count|
     -> BTreeMap<(Section, String, String, String, String), Count> {
        let key = |line: &RollForward| {
            (line.section, line.book.clone(), line.source.clone(), line.account.clone(), line.currency.clone())
        };
        lines.iter().map(|line| (key(line), count(line))).filter(|(_, count)| *count != Count::default()).collect()
    };
    let (opening, closing) = (of(lines, |line| line.opening), of(before, |line| line.closing));
    if opening == closing {
        return Ok(());
    }
    let differs = opening.keys().chain(closing.keys()).find(|key| opening.get(*key) != closing.get(*key));
    let what = differs
        .map_or(String::new(), |(_, book, source, account, currency)| format!("{book} {source} {account} {currency}"));
    Err(Broken(format!("{what}: the opening is not the closing of the day before")))
}
