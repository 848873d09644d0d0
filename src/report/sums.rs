//! Figures of the first page that come from what differs, summed slice by slice.

use std::collections::BTreeMap;

use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::money::Total;
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::policy::Policy;
use tieout_kernel::record::{Book, Origin};
use tieout_kernel::settle::Decision;

use super::frame::Facts;
use super::summary::{AgeLine, CodeLine, SettledLine, narrow};
use crate::error::Error;
use crate::reconcile::Reconciled;

/// All of them. What is added slice by slice comes to the same as what is counted at once.
#[derive(Debug, Default)]
pub struct Sums {
    /// What explains the difference of the two books.
    pub ties: Ties,
    /// Open differences by code.
    pub codes: CodeSums,
    /// What policy settled.
    pub settled: Settled,
    /// Open differences by age.
    pub aging: Aging,
    /// What matched of what could have.
    pub rates: MatchRates,
}

impl Sums {
    /// Counts some outcomes.
    pub fn count(&mut self, reconciled: &Reconciled<'_>, policy: &Policy) {
        self.ties.count(reconciled);
        self.codes.count(reconciled);
        self.settled.count(reconciled);
        self.aging.count(reconciled);
        self.rates.count(reconciled, policy);
    }

    /// Adds those of other outcomes.
    pub fn add(&mut self, more: Self) {
        self.ties.add(more.ties);
        self.codes.add(&more.codes);
        self.settled.add(more.settled);
        self.aging.add(more.aging);
        self.rates.add(&more.rates);
    }
}

/// The item of the tie-out that earlier nights left.
pub(super) const OPENING: &str = "opening";

/// What explains the difference, by account, currency and item: how many, and the amount.
#[derive(Debug, Default)]
pub struct Ties {
    pub(super) facts: Facts<3, 2>,
    /// The worst tier of each.
    pub(super) tiers: BTreeMap<[String; 3], Severity>,
}

impl Ties {
    fn count(&mut self, reconciled: &Reconciled<'_>) {
        let (records, facts) = (&reconciled.records, &mut self.facts);
        // What earlier nights left is among the outcomes, and in no total of tonight's files.
        for record in records.iter().filter(|record| record.origin != Origin::Tonight) {
            let effect = if record.book == Book::Ledger { record.effect() } else { -record.effect() };
            let open = i128::from(record.origin.is_pool());
            facts.push([record.account, record.currency.code(), OPENING], [open, effect.get()]);
        }
        let mut tiers: BTreeMap<[&str; 3], Severity> = BTreeMap::new();
        for outcome in &reconciled.outcomes {
            let item = match outcome {
                Outcome::Match { state: State::MatchedBefore, .. } => State::MatchedBefore.word(),
                Outcome::Match { .. } => continue,
                Outcome::Rest { state, .. } => state.word(),
                Outcome::Difference(difference) if difference.is_settled() => State::Settled.word(),
                Outcome::Difference(difference) => difference.code.word(),
            };
            for (at, (member, _)) in outcome.records().enumerate() {
                let record = &records[member as usize];
                let effect = if record.book == Book::Ledger { -record.effect() } else { record.effect() };
                let counts = at == 0 || matches!(outcome, Outcome::Rest { .. });
                let key = [record.account, record.currency.code(), item];
                facts.push(key, [i128::from(counts), effect.get()]);
                if let Outcome::Difference(difference) = outcome {
                    let worst = tiers.entry(key).or_insert(difference.severity);
                    *worst = (*worst).min(difference.severity);
                }
            }
        }
        tiers.into_iter().for_each(|(key, tier)| self.worst(key.map(str::to_owned), tier));
    }

    fn worst(&mut self, key: [String; 3], tier: Severity) {
        let worst = self.tiers.entry(key).or_insert(tier);
        *worst = (*worst).min(tier);
    }

    fn add(&mut self, more: Self) {
        for line in more.facts.summed() {
            self.facts.push(line.keys.each_ref().map(String::as_str), line.figures);
        }
        more.tiers.into_iter().for_each(|(key, tier)| self.worst(key, tier));
    }
}

/// Open differences by tier, code and currency: how many, exposure, at risk, fees.
#[derive(Clone, Default, Debug)]
pub struct CodeSums(BTreeMap<(Severity, Code, Currency), (u64, [Total; 3])>);

impl CodeSums {
    /// Counts what differs among some outcomes.
    pub fn count(&mut self, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            let Outcome::Difference(difference) = outcome else { continue };
            let first = difference.ledger.first().or(difference.statement.first());
            if let Some(&first) = first.filter(|_| !difference.is_settled()) {
                let currency = reconciled.records[first as usize].currency;
                let figures = [difference.exposure, difference.at_risk, difference.fee_delta];
                let key = (difference.severity, difference.code, currency);
                merge(&mut self.0, key, (1, figures.map(Option::unwrap_or_default)));
            }
        }
    }

    /// Adds those of other outcomes.
    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, more)| merge(&mut self.0, *key, *more));
    }

    /// A line for each, the most urgent first.
    pub fn lines(self) -> Result<Vec<CodeLine>, Error> {
        let line = |((severity, code, currency), (count, [exposure, at_risk, fee_delta])): (
            (Severity, Code, Currency),
            (u64, [Total; 3]),
        )| {
            Ok(CodeLine {
                label_en: code.label_en().to_owned(),
                label_zh: code.label_zh().to_owned(),
                code: code.word().to_owned(),
                severity: severity.word().to_owned(),
                currency: currency.code().to_owned(),
                exponent: currency.exponent(),
                count,
                exposure_minor: narrow(exposure.get())?,
                at_risk_minor: narrow(at_risk.get())?,
                fee_delta_minor: narrow(fee_delta.get())?,
            })
        };
        self.0.into_iter().map(line).collect()
    }
}

/// Ages that are shown together: from so many business days.
const AGES: [(u32, &str); 5] = [(0, "0"), (1, "1-2"), (3, "3-4"), (5, "5-9"), (10, "10+")];

/// Open differences by age and currency: how many, exposure, at risk.
#[derive(Debug, Default)]
pub struct Aging(BTreeMap<(usize, Currency), (u64, [Total; 2])>);

impl Aging {
    fn count(&mut self, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            let Outcome::Difference(difference) = outcome else { continue };
            let first = difference.ledger.first().or(difference.statement.first());
            if let Some(&first) = first.filter(|_| !difference.is_settled()) {
                let age = difference.age.unwrap_or(0);
                let bucket = AGES.iter().rposition(|(from, _)| *from <= age).unwrap_or(0);
                let key = (bucket, reconciled.records[first as usize].currency);
                let figures = [difference.exposure, difference.at_risk].map(Option::unwrap_or_default);
                merge(&mut self.0, key, (1, figures));
            }
        }
    }

    fn add(&mut self, more: Self) {
        more.0.into_iter().for_each(|(key, figures)| merge(&mut self.0, key, figures));
    }

    /// A line for each age that there is.
    pub(super) fn lines(self) -> Result<Vec<AgeLine>, Error> {
        let line = |((bucket, currency), (count, [exposure, at_risk])): ((usize, Currency), (u64, [Total; 2]))| {
            Ok(AgeLine {
                business_days: AGES[bucket].1.to_owned(),
                currency: currency.code().to_owned(),
                exponent: currency.exponent(),
                count,
                exposure_minor: narrow(exposure.get())?,
                at_risk_minor: narrow(at_risk.get())?,
            })
        };
        self.0.into_iter().map(line).collect()
    }
}

/// What policy settled, by code and currency: how many, in our favour, to our cost.
#[derive(Debug, Default)]
pub struct Settled(BTreeMap<(Code, Currency), (u64, [Total; 2])>);

impl Settled {
    fn count(&mut self, reconciled: &Reconciled<'_>) {
        for outcome in &reconciled.outcomes {
            if let Outcome::Difference(difference) = outcome
                && let Some(Decision::Settled { delta, .. }) = difference.settlement
                && let Some(&first) = difference.statement.first()
            {
                let currency = reconciled.records[first as usize].currency;
                let amount = delta.magnitude();
                let figures = if delta > Total::ZERO { [amount, Total::ZERO] } else { [Total::ZERO, amount] };
                merge(&mut self.0, (difference.code, currency), (1, figures));
            }
        }
    }

    fn add(&mut self, more: Self) {
        more.0.into_iter().for_each(|(key, figures)| merge(&mut self.0, key, figures));
    }

    /// A line for each code.
    pub(super) fn lines(self) -> Result<Vec<SettledLine>, Error> {
        let line = |((code, currency), (count, [favourable, adverse])): ((Code, Currency), (u64, [Total; 2]))| {
            Ok(SettledLine {
                code: code.word().to_owned(),
                label_en: code.label_en().to_owned(),
                label_zh: code.label_zh().to_owned(),
                currency: currency.code().to_owned(),
                exponent: currency.exponent(),
                count,
                favourable_minor: narrow(favourable.get())?,
                adverse_minor: narrow(adverse.get())?,
            })
        };
        self.0.into_iter().map(line).collect()
    }
}

fn merge<K: Ord, const N: usize>(sums: &mut BTreeMap<K, (u64, [Total; N])>, key: K, more: (u64, [Total; N])) {
    let (count, figures) = sums.entry(key).or_insert((0, [Total::ZERO; N]));
    *count += more.0;
    figures.iter_mut().zip(more.1).for_each(|(sum, figure)| *sum += figure);
}

/// What matched of what could have, by statement source.
#[derive(Debug, Default)]
pub struct MatchRates(BTreeMap<u16, Unmatched>);

/// Records of tonight that count against a source.
#[derive(Clone, Copy, Debug, Default)]
struct Unmatched {
    /// Of the statement's, those that have no partner or differ.
    open: u64,
    /// Of the statement's, those that could have none.
    outside: u64,
    /// Of the ledger's, those that differ.
    ledger_differs: u64,
}

impl MatchRates {
    /// Counts some outcomes.
    pub fn count(&mut self, reconciled: &Reconciled<'_>, policy: &Policy) {
        for outcome in &reconciled.outcomes {
            for (at, state) in outcome.records() {
                let record = &reconciled.records[at as usize];
                if record.origin != Origin::Tonight {
                    continue;
                }
                if record.book == Book::Ledger {
                    if let Some(&source) = policy.accounts.get(record.account).filter(|_| state == State::InDifference)
                    {
                        self.0.entry(source).or_default().ledger_differs += 1;
                    }
                    continue;
                }
                match state {
                    State::Matched | State::LateMatched | State::MatchedBefore | State::Settled => {}
                    State::InDifference | State::TimingPending => {
                        self.0.entry(record.source).or_default().open += 1;
                    }
                    State::Held
                    | State::NoMovement
                    | State::NotBooked
                    | State::NotShown
                    | State::NonMonetary
                    | State::SecondEdge
                    | State::OutOfScope
                    | State::Filtered
                    | State::Replica
                    | State::Netted => self.0.entry(record.source).or_default().outside += 1,
                }
            }
        }
    }

    /// Adds those of other outcomes.
    pub fn add(&mut self, more: &Self) {
        for (source, more) in &more.0 {
            let own = self.0.entry(*source).or_default();
            own.open += more.open;
            own.outside += more.outside;
            own.ledger_differs += more.ledger_differs;
        }
    }

    /// Of so many statement records of a source those that matched, and those that could have; `None` when none could.
    /// Where more of the ledger's records lack a partner than of the statement's, it is the ledger's that could.
    #[must_use]
    pub fn of(&self, source: u16, records: u64) -> Option<(u64, u64)> {
        let Unmatched { open, outside, ledger_differs } = self.0.get(&source).copied().unwrap_or_default();
        let matched = records.checked_sub(outside)?.saturating_sub(open);
        let could = matched + open.max(ledger_differs);
        (could > 0).then_some((matched, could))
    }
}
