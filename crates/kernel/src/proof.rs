//! The proofs: no record and no cent is lost, doubled or in two places (`taxonomy` §8).
//!
//! What was admitted is counted where records are made; where records end is counted where outcomes
//! are made. The two counts share no code on the way, and a run whose counts disagree publishes
//! nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::currency::Currency;
use crate::money::Total;
use crate::outcome::{Outcome, State};
use crate::record::{Book, Record};

/// Records and what they did to our cash, by account and currency.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// How many records.
    pub rows: u64,
    /// Their effect (`taxonomy` §1: signed principal of successes).
    pub effect: BTreeMap<(String, Currency), Total>,
}

impl Tally {
    /// The tally of some records.
    #[must_use]
    pub fn of<'r, 'a: 'r>(records: impl Iterator<Item = &'r Record<'a>>) -> Self {
        let mut tally = Self::default();
        let (mut purses, mut sums) = (Purses::default(), Sums::default());
        for record in records {
            tally.rows += 1;
            sums.add(purses.number(record), record.effect());
        }
        sums.into_effects(&purses, &mut tally.effect);
        tally
    }

    /// Adds an effect without a row.
    pub fn move_money(&mut self, account: &str, currency: Currency, effect: Total) {
        if !effect.is_zero() {
            *self.effect.entry((account.to_owned(), currency)).or_default() += effect;
        }
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (key, &effect) in &other.effect {
            *self.effect.entry(key.clone()).or_default() += effect;
        }
    }

    /// This tally less another one.
    ///
    /// # Errors
    /// [`Broken`] when the other has more rows.
    pub fn less(&self, other: &Self) -> Result<Self, Broken> {
        let rows = self
            .rows
            .checked_sub(other.rows)
            .ok_or_else(|| Broken(format!("{} rows cannot be taken from {}", other.rows, self.rows)))?;
        let mut effect = self.effect.clone();
        for (key, &taken) in &other.effect {
            let left = effect.entry(key.clone()).or_default();
            *left = *left - taken;
        }
        effect.retain(|_, left| !left.is_zero());
        Ok(Self { rows, effect })
    }

    /// The same without entries that cancelled out.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.effect.retain(|_, effect| !effect.is_zero());
        self
    }
}

/// Accounts and currencies by number: no name is copied for a record, and each is looked up once.
#[derive(Default)]
struct Purses<'a> {
    list: Vec<(&'a str, Currency)>,
    numbers: HashMap<(&'a str, Currency), usize>,
    last: usize,
}

impl<'a> Purses<'a> {
    fn number(&mut self, record: &Record<'a>) -> usize {
        let key = (record.account, record.currency);
        if self.list.get(self.last) != Some(&key) {
            self.last = *self.numbers.entry(key).or_insert_with(|| {
                self.list.push(key);
                self.list.len() - 1
            });
        }
        self.last
    }
}

/// Money by account and currency while it is summed.
#[derive(Default)]
struct Sums(Vec<Total>);

impl Sums {
    fn add(&mut self, purse: usize, effect: Total) {
        if effect.is_zero() {
            return;
        }
        if purse >= self.0.len() {
            self.0.resize(purse + 1, Total::ZERO);
        }
        self.0[purse] += effect;
    }

    fn into_effects(self, purses: &Purses<'_>, effects: &mut BTreeMap<(String, Currency), Total>) {
        for (&(account, currency), sum) in purses.list.iter().zip(self.0) {
            if !sum.is_zero() {
                *effects.entry((account.to_owned(), currency)).or_default() += sum;
            }
        }
    }
}

/// A proof that failed: the program's own fault, never the data's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// What became of the records of both books.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Ends {
    /// By book and state.
    pub by_state: BTreeMap<(Book, State), Tally>,
    /// Statement effect less ledger effect of everything that is not a match.
    pub exposure: BTreeMap<(String, Currency), Total>,
}

impl Ends {
    /// Counts the outcomes of one slice, and proves that they cover the slice exactly once.
    ///
    /// # Errors
    /// [`Broken`] when a record has no end or two, when a match moves money, or when a difference
    /// states another exposure than its records have.
    pub fn count(&mut self, records: &[Record<'_>], members: &[u32], outcomes: &[Outcome]) -> Result<(), Broken> {
        let mut ended = vec![0_u8; records.len()];
        let mut by_state: BTreeMap<(Book, State), (u64, Sums)> = BTreeMap::new();
        let (mut purses, mut exposure) = (Purses::default(), Sums::default());
        for outcome in outcomes {
            let mut effect = Total::ZERO;
            for (at, state) in outcome.records() {
                let record = &records[at as usize];
                ended[at as usize] = ended[at as usize].saturating_add(1);
                let purse = purses.number(record);
                let (rows, moved) = by_state.entry((record.book, state)).or_default();
                *rows += 1;
                moved.add(purse, record.effect());
                let effect_here = if record.book == Book::Ledger { -record.effect() } else { record.effect() };
                effect += effect_here;
                if !matches!(state, State::Matched | State::LateMatched) {
                    exposure.add(purse, effect_here);
                }
            }
            prove_outcome(records, outcome, effect)?;
        }
        for (key, (rows, moved)) in by_state {
            let tally = self.by_state.entry(key).or_default();
            tally.rows += rows;
            moved.into_effects(&purses, &mut tally.effect);
        }
        exposure.into_effects(&purses, &mut self.exposure);
        for &one in members {
            if ended[one as usize] != 1 {
                let record = &records[one as usize];
                let times = ended[one as usize];
                return Err(Broken(format!("{} record at place {} ended {times} times", record.book, record.place)));
            }
        }
        let total: usize = ended.iter().map(|&times| usize::from(times)).sum();
        if total == members.len() {
            Ok(())
        } else {
            Err(Broken("an outcome names a record of another slice".to_owned()))
        }
    }

    /// Adds the ends of another slice.
    pub fn add(&mut self, other: &Self) {
        for (key, tally) in &other.by_state {
            self.by_state.entry(*key).or_default().add(tally);
        }
        for (key, &exposure) in &other.exposure {
            *self.exposure.entry(key.clone()).or_default() += exposure;
        }
    }

    /// Counts records that ended before the kernel saw them: filtered, held, out of scope.
    pub fn rest(&mut self, book: Book, state: State, tally: &Tally) {
        self.by_state.entry((book, state)).or_default().add(tally);
        for ((account, currency), &effect) in &tally.effect {
            let effect = if book == Book::Ledger { -effect } else { effect };
            *self.exposure.entry((account.clone(), *currency)).or_default() += effect;
        }
    }

    /// Counts matches of the fast path by what was not left over for the full rules.
    ///
    /// # Errors
    /// [`Broken`] when the two sides' matched records do not have the same count and the same money.
    pub fn agreed(&mut self, ledger: Tally, statement: Tally) -> Result<(), Broken> {
        let (ledger, statement) = (ledger.settled(), statement.settled());
        if ledger.rows != statement.rows {
            let text = format!("{} ledger records agree with {} statement records", ledger.rows, statement.rows);
            return Err(Broken(text));
        }
        let money = |tally: &Tally| {
            let mut by_currency: BTreeMap<Currency, Total> = BTreeMap::new();
            for ((_, currency), &effect) in &tally.effect {
                *by_currency.entry(*currency).or_default() += effect;
            }
            by_currency
        };
        if money(&ledger) != money(&statement) {
            return Err(Broken("records that agree moved different money on the two sides".to_owned()));
        }
        self.by_state.entry((Book::Ledger, State::Matched)).or_default().add(&ledger);
        self.by_state.entry((Book::Statement, State::Matched)).or_default().add(&statement);
        Ok(())
    }

    /// All records of a book that ended somewhere.
    #[must_use]
    pub fn total(&self, book: Book) -> Tally {
        let mut total = Tally::default();
        for (_, tally) in self.by_state.iter().filter(|((side, _), _)| *side == book) {
            total.add(tally);
        }
        total.settled()
    }

    /// Proves invariants 1 and 2: every admitted record ended once, and the money of both books
    /// differs by the exposure of what is not matched.
    ///
    /// # Errors
    /// [`Broken`] with the book, account or currency that does not add up.
    pub fn prove(&self, ledger: &Tally, statement: &Tally) -> Result<(), Broken> {
        for (book, admitted) in [(Book::Ledger, ledger), (Book::Statement, statement)] {
            let ended = self.total(book);
            let admitted = admitted.clone().settled();
            if ended.rows != admitted.rows {
                return Err(Broken(format!("{book}: {} records admitted, {} ended", admitted.rows, ended.rows)));
            }
            if let Some((account, currency)) = first_gap(&admitted.effect, &ended.effect) {
                return Err(Broken(format!(
                    "{book}: money of account {account} in {currency} did not end where it began"
                )));
            }
        }
        let mut expected: BTreeMap<(String, Currency), Total> = BTreeMap::new();
        for (key, &effect) in &statement.effect {
            *expected.entry(key.clone()).or_default() += effect;
        }
        for (key, &effect) in &ledger.effect {
            *expected.entry(key.clone()).or_default() += -effect;
        }
        match first_gap(&by_currency(&expected), &by_currency(&self.exposure)) {
            Some((_, currency)) => Err(Broken(format!(
                "{currency}: statement less ledger is not the sum of what differs, waits or is held"
            ))),
            None => Ok(()),
        }
    }
}

/// Sums over accounts: a match by the provider's number may join two accounts.
fn by_currency(money: &BTreeMap<(String, Currency), Total>) -> BTreeMap<(String, Currency), Total> {
    let mut sums: BTreeMap<(String, Currency), Total> = BTreeMap::new();
    for ((_, currency), &total) in money {
        *sums.entry((String::new(), *currency)).or_default() += total;
    }
    sums
}

fn first_gap(
    one: &BTreeMap<(String, Currency), Total>,
    other: &BTreeMap<(String, Currency), Total>,
) -> Option<(String, Currency)> {
    let value = |map: &BTreeMap<(String, Currency), Total>, key| map.get(key).copied().unwrap_or_default();
    one.keys().chain(other.keys()).find(|key| value(one, key) != value(other, key)).cloned()
}

fn several_currencies(records: &[Record<'_>], outcome: &Outcome) -> bool {
    let mut currencies = outcome.records().map(|(at, _)| records[at as usize].currency);
    let first = currencies.next();
    currencies.any(|currency| Some(currency) != first)
}

fn prove_outcome(records: &[Record<'_>], outcome: &Outcome, effect: Total) -> Result<(), Broken> {
    match outcome {
        // What was settled on an earlier night differs by what was settled.
        Outcome::Match { state: State::MatchedBefore, .. } => Ok(()),
        Outcome::Match { ledger, statement, .. } => {
            let (ours, theirs) = (&records[*ledger as usize], &records[*statement as usize]);
            let same_money =
                ours.effect() == theirs.effect() && (ours.currency == theirs.currency || ours.effect().is_zero());
            if same_money {
                return Ok(());
            }
            Err(Broken(format!("a match of places {} and {} moves money", ours.place, theirs.place)))
        }
        Outcome::Difference(difference) if difference.exposure.is_some_and(|exposure| exposure != effect) => {
            Err(Broken(format!("a {} difference states another exposure than its records have", difference.code)))
        }
        Outcome::Difference(difference) if difference.exposure.is_some() && several_currencies(records, outcome) => {
            Err(Broken(format!("a {} difference adds up money of several currencies", difference.code)))
        }
        Outcome::Rest { .. } | Outcome::Difference(_) => Ok(()),
    }
}
