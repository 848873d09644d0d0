//! How bad a difference is: by its code, its amount, its age, and what makes it worse (`taxonomy` §3).
//!
//! The tier is the worst of the three, raised by the escalators; each step that counts is kept, so
//! that the tier can be explained. Overrides by the job's own conditions come after this, outside.

use std::collections::{BTreeMap, HashMap};

use crate::code::{Code, Severity};
use crate::currency::Currency;
use crate::fee::Rate;
use crate::money::Total;
use crate::outcome::{Difference, Outcome};
use crate::party::party_hash;
use crate::policy::Policy;
use crate::record::{Book, Kind, Record};

/// What one unit of each currency is worth in the base currency, in units of 10⁻⁹.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rates(pub BTreeMap<Currency, i128>);

impl Rates {
    /// An amount in minor units of the base currency, a half rounded away from zero; `None` without a rate.
    ///
    /// ```
    /// use tieout_kernel::{currency::Currency, money::Total, severity::Rates};
    /// let (cny, jpy) = (Currency::iso("CNY").unwrap(), Currency::iso("JPY").unwrap());
    /// let rates = Rates([(jpy, 48_000_000)].into());
    /// assert_eq!(rates.in_base(Total::new(1_000), jpy, cny), Some(Total::new(4_800)));
    /// assert_eq!(rates.in_base(Total::new(1_000), cny, cny), Some(Total::new(1_000)));
    /// ```
    #[must_use]
    pub fn in_base(&self, amount: Total, currency: Currency, base: Currency) -> Option<Total> {
        if currency == base {
            return Some(amount);
        }
        let rate = *self.0.get(&currency)?;
        let power = |exponent: u8| 10_i128.pow(u32::from(exponent));
        let scaled = amount.get().checked_mul(rate)?.checked_mul(power(base.exponent()))?;
        let one = i128::from(Rate::ONE) * power(currency.exponent());
        let half = if scaled < 0 { -one / 2 } else { one / 2 };
        Some(Total::new((scaled + half) / one))
    }
}

/// What the job says of severity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weights {
    /// The currency in which amounts are weighed.
    pub base_currency: Currency,
    /// What others are worth in it.
    pub rates: Rates,
    /// Tiers of codes that the job sets itself.
    pub of_code: BTreeMap<Code, Severity>,
    /// From how much at risk, in minor units of the base currency: worst first.
    pub by_amount: Vec<(Severity, Total)>,
    /// From how many business days: worst first.
    pub by_age: Vec<(Severity, u32)>,
    /// From how many differences of one other party the tier is raised; 0 is never.
    pub repeats: u32,
}

impl Weights {
    /// The defaults of `taxonomy` §3: 100 000, 10 000 and 1 000 major units; 5, 3 and 1 business days; 3 repeats.
    #[must_use]
    pub fn of(base_currency: Currency) -> Self {
        let unit = 10_i128.pow(u32::from(base_currency.exponent()));
        let amount = |tier, major: i128| (tier, Total::new(major * unit));
        Self {
            base_currency,
            rates: Rates::default(),
            of_code: BTreeMap::new(),
            by_amount: vec![amount(Severity::P0, 100_000), amount(Severity::P1, 10_000), amount(Severity::P2, 1_000)],
            by_age: vec![(Severity::P0, 5), (Severity::P1, 3), (Severity::P2, 1)],
            repeats: 3,
        }
    }
}

/// One step that counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The code's own tier, or that of the job for it.
    Code(Severity),
    /// Something about the case that the code alone does not say: goods delivered, month end, outflow.
    Case(Severity),
    /// Another code that applies as well.
    Flag(Severity, Code),
    /// So much at risk, in the base currency.
    Amount(Severity, Total),
    /// At risk in a currency without a rate, so that it cannot be weighed.
    NoRate(Severity, Currency),
    /// Open for so many business days.
    Age(Severity, u32),
    /// Money leaves.
    Outflow(Severity),
    /// The same other party in so many differences.
    Repeat(Severity, u32),
    /// A source that a regulator looks at.
    Regulated(Severity),
    /// The job's own condition, by its number.
    Override(Severity, u16),
}

impl Reason {
    /// The tier after this step.
    #[must_use]
    pub const fn tier(self) -> Severity {
        match self {
            Self::Code(tier)
            | Self::Case(tier)
            | Self::Flag(tier, _)
            | Self::Amount(tier, _)
            | Self::NoRate(tier, _)
            | Self::Age(tier, _)
            | Self::Outflow(tier)
            | Self::Repeat(tier, _)
            | Self::Regulated(tier)
            | Self::Override(tier, _) => tier,
        }
    }
}

/// How many open differences each other party has.
#[derive(Clone, Default, Debug)]
pub struct Parties(HashMap<u128, u32>);

impl Parties {
    /// Counts the differences among some outcomes.
    pub fn count(&mut self, records: &[Record<'_>], outcomes: &[Outcome]) {
        for outcome in outcomes {
            if let Outcome::Difference(difference) = outcome {
                other_party(records, difference).into_iter().for_each(|party| *self.0.entry(party).or_default() += 1);
            }
        }
    }

    /// Adds those of another slice.
    pub fn add(&mut self, more: Self) {
        more.0.into_iter().for_each(|(party, count)| *self.0.entry(party).or_default() += count);
    }

    /// Takes one away, for what is settled is open no more.
    pub fn take(&mut self, party: u128) {
        if let Some(count) = self.0.get_mut(&party) {
            *count = count.saturating_sub(1);
        }
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.capacity() * (size_of::<(u128, u32)>() + 1)
    }

    fn seen(&self, records: &[Record<'_>], difference: &Difference) -> u32 {
        if difference.is_settled() || self.0.is_empty() {
            return 0;
        }
        other_party(records, difference).and_then(|party| self.0.get(&party)).copied().unwrap_or(0)
    }
}

/// Gives every difference its tier and why.
pub fn weigh(records: &[Record<'_>], outcomes: &mut [Outcome], policy: &Policy, weights: &Weights, parties: &Parties) {
    for outcome in outcomes {
        if let Outcome::Difference(difference) = outcome {
            let seen = parties.seen(records, difference);
            difference.at_risk_base = at_risk_in_base(records, difference, weights);
            difference.age = age(records, difference, policy);
            difference.reasons = reasons(records, difference, policy, weights, seen);
            difference.severity = difference.reasons.last().map_or(difference.severity, |reason| reason.tier());
        }
    }
}

/// The hash of the other party, where enough of it is visible to tell it from others.
pub(crate) fn other_party(records: &[Record<'_>], difference: &Difference) -> Option<u128> {
    let members = difference.statement.iter().chain(&difference.ledger);
    let named = members.filter_map(|&one| records[one as usize].counterparty);
    let named = named.into_iter().find(|party| party.chars().filter(|c| c.is_alphanumeric()).count() >= 4);
    named.map(party_hash)
}

/// At risk in the base currency. Where a difference is of several currencies, each side is weighed
/// in the base currency and the larger one counts.
fn at_risk_in_base(records: &[Record<'_>], difference: &Difference, weights: &Weights) -> Option<Total> {
    let in_base = |amount, currency| weights.rates.in_base(amount, currency, weights.base_currency);
    let first = difference.statement.first().or(difference.ledger.first())?;
    if let Some(amount) = difference.at_risk {
        return in_base(amount, records[*first as usize].currency);
    }
    let side = |members: &[u32]| -> Option<Total> {
        members.iter().map(|&one| &records[one as usize]).map(|one| in_base(one.principal.into(), one.currency)).sum()
    };
    Some(side(&difference.ledger)?.max(side(&difference.statement)?))
}

/// Business days for which a difference could have been seen: of a single record those after its
/// horizon, of others those since the last of its records.
fn age(records: &[Record<'_>], difference: &Difference, policy: &Policy) -> Option<u32> {
    let members = || difference.ledger.iter().chain(&difference.statement).map(|&one| &records[one as usize]);
    let day = members().filter_map(|record| record.business_date).max()?;
    let open = policy.calendar.business_days_between(day, policy.run_day?);
    let horizon = |record: &Record<'_>| policy.source(record.source).horizon(record.kind).days();
    let waited = if difference.pass.is_none() { members().map(horizon).max().unwrap_or(0) } else { 0 };
    Some(open.saturating_sub(waited))
}

fn reasons(
    records: &[Record<'_>],
    difference: &Difference,
    policy: &Policy,
    weights: &Weights,
    seen: u32,
) -> Vec<Reason> {
    let members = || difference.ledger.iter().chain(&difference.statement).map(|&one| &records[one as usize]);
    let own = weights.of_code.get(&difference.code).copied();
    let mut steps = vec![Reason::Code(own.unwrap_or_else(|| difference.code.base_severity()))];
    let mut tier = steps[0].tier();
    let mut step = |reason: Reason, tier: &mut Severity| {
        if reason.tier() < *tier {
            *tier = reason.tier();
            steps.push(reason);
        }
    };
    if own.is_none() {
        step(Reason::Case(difference.severity), &mut tier);
    }
    // A group is as bad as the worst that is wrong with it.
    for flag in difference.flags.iter() {
        let of_flag = weights.of_code.get(&flag).copied().unwrap_or_else(|| flag.base_severity());
        step(Reason::Flag(of_flag, flag), &mut tier);
    }
    if let Some(amount) = difference.at_risk_base {
        if let Some((of_amount, _)) = weights.by_amount.iter().find(|(_, from)| amount >= *from) {
            step(Reason::Amount(*of_amount, amount), &mut tier);
        }
    } else {
        let has_rate =
            |currency: Currency| currency == weights.base_currency || weights.rates.0.contains_key(&currency);
        if let Some(currency) = members().map(|record| record.currency).find(|&currency| !has_rate(currency)) {
            step(Reason::NoRate(Severity::P1, currency), &mut tier);
        }
    }
    let age = difference.age.unwrap_or(0);
    if let Some((of_age, _)) = weights.by_age.iter().find(|(_, from)| age >= *from) {
        step(Reason::Age(*of_age, age), &mut tier);
    }
    let leaves = |record: &Record<'_>| matches!(record.kind, Kind::Refund | Kind::Payout | Kind::Chargeback);
    if members().any(leaves) {
        step(Reason::Outflow(raised(tier)), &mut tier);
    }
    if weights.repeats > 0 && seen >= weights.repeats {
        step(Reason::Repeat(raised(tier), seen), &mut tier);
    }
    let is_regulated = |record: &Record<'_>| {
        let own = policy.source(record.source);
        own.regulated
            || (record.book == Book::Ledger && policy.statement_of(record.account).is_some_and(|s| s.regulated))
    };
    if members().any(is_regulated) {
        step(Reason::Regulated(Severity::P0), &mut tier);
    }
    steps
}

/// One tier worse. What needs nothing done stays so.
const fn raised(tier: Severity) -> Severity {
    match tier {
        Severity::P0 | Severity::P1 => Severity::P0,
        Severity::P2 => Severity::P1,
        Severity::P3 => Severity::P2,
        Severity::Info => Severity::Info,
    }
}
