//! What may be written off: rounding on a proven match, within limits, caps and a drift guard (`taxonomy` §4).
//!
//! Existence, duplicates, currency, direction, party, status and disputes are never settled; no policy
//! can lift that, because only [`Class::of`] says what is settleable.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::code::Code;
use crate::currency::Currency;
use crate::fee::Rate;
use crate::key::{Pass, event_key};
use crate::money::{Minor, Total};
use crate::outcome::{Difference, Outcome};
use crate::party::{may_be_same, party_hash};
use crate::proof::Broken;
use crate::record::{Kind, Origin, Record, Status, words};
use crate::severity::{Rates, other_party};

words! {
    /// Kinds of variance that may be settled.
    Class {
        /// Of the principal.
        Rounding => "rounding",
        /// Of the fee.
        Fee => "fee",
        /// Of the printed net.
        Net => "net",
    }
}

impl Class {
    /// The class of a code; `None` for everything that is never settled.
    #[must_use]
    pub fn of(code: Code) -> Option<Self> {
        let classes = [
            (Code::RoundingVariance, Self::Rounding),
            (Code::FeeOvercharged, Self::Fee),
            (Code::FeeUndercharged, Self::Fee),
            (Code::NetRounding, Self::Net),
        ];
        classes.into_iter().find(|(settleable, _)| *settleable == code).map(|(_, class)| class)
    }
}

/// How much of one class is settled, and where it is booked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// At most this, in minor units of the record's currency; zero settles nothing.
    pub absolute: Minor,
    /// And at most this share of the base, but always one minor unit; `None` is no further limit.
    pub share: Option<Rate>,
    /// The account that is credited when we have more than the books say.
    pub gain: String,
    /// The account that is debited when we have less.
    pub loss: String,
}

/// The most that is settled in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cap {
    /// Of one item, in minor units of the base currency.
    pub item: Total,
    /// Items of one other party in the run.
    pub party_count: u64,
    /// Their sum, in minor units of the base currency.
    pub party_amount: Total,
    /// Items of one source in the run.
    pub run_count: u64,
    /// Their sum, in minor units of the base currency.
    pub run_amount: Total,
    /// Their sum as a share of what matched in the source.
    pub run_share: Rate,
}

/// What the job says of settlement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settlement {
    /// By class; a class without a rule is not settled.
    pub rules: BTreeMap<Class, Rule>,
    /// The account that stands for what the provider owes.
    pub clearing: String,
    /// Caps of what we lose.
    pub adverse: Cap,
    /// Caps of what we gain.
    pub favourable: Cap,
    /// The currency of the caps.
    pub base_currency: Currency,
}

/// What became of a difference that could have been settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Written off.
    Settled {
        /// Under which rule.
        class: Class,
        /// By how much; positive when we have more than the books say.
        delta: Total,
    },
    /// Left to people.
    Refused(Refusal),
}

words! {
    /// Why a difference is left to people.
    Refusal {
        /// Its code is never settled.
        Banned => "never settled: only rounding, fee and net variances are",
        /// Nothing of it is of tonight: caps belong to the night that saw it first.
        SeenBefore => "it was left open on an earlier night",
        /// The job has no rule for its class.
        NoRule => "the job has no rule for it",
        /// Something else is wrong with it, too.
        Flagged => "it has other flags or notes",
        /// Not one record on each side, brought together by a number that both know.
        WeakMatch => "the match is not one to one by a number that both sides know",
        /// A side is not final, or account, currency, direction or party differ.
        NotAlike => "status, account, direction, currency or party are not the same on both sides",
        /// More than the limits of its class.
        OverLimit => "it is larger than the tolerance",
        /// Its amount cannot be weighed against the caps.
        NoRate => "its currency has no rate, so the caps cannot be checked",
        /// Variances of its kind lean one way: a fault, not noise.
        Drift => "variances of its kind lean one way",
        /// The cap of one item.
        ItemCap => "the cap of one item is reached",
        /// The caps of one other party.
        PartyCap => "the cap of the other party is reached",
        /// The caps of the source.
        RunCap => "the cap of the source is reached",
        /// The run's own controls failed.
        Withheld => "the run's controls failed",
    }
}

/// Variances of one kind that lean one way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Drift {
    /// The statement's source.
    pub source: u16,
    /// What they are variances of.
    pub class: Class,
    /// The kind of movement.
    pub kind: Kind,
    /// The currency.
    pub currency: Currency,
    /// How many there are.
    pub count: u64,
    /// How many of them have more than the books say.
    pub positive: u64,
    /// What they come to.
    pub sum: Total,
}

impl Drift {
    fn cell(&self) -> Cell {
        (self.source, self.class, self.kind, self.currency)
    }
}

/// The fewest variances that the drift guard judges.
const DRIFT_MIN: u64 = 30;

/// What may be settled, heard before anything is decided: slice by slice, in any order.
///
/// Differences are named by `N`, whose order does not depend on the input's; within it the smallest come first.
#[derive(Debug)]
pub struct Ballot<N> {
    /// Every variance.
    all: Cells,
    /// Those that would be settled: one large outlier must not make a stream of small ones look like noise.
    eligible: Cells,
    candidates: Vec<(N, Candidate)>,
}

impl<N> Default for Ballot<N> {
    fn default() -> Self {
        Self { all: Cells::default(), eligible: Cells::default(), candidates: Vec::new() }
    }
}

impl<N: Copy + Ord + Hash> Ballot<N> {
    /// Hears the differences of a slice, each by its name and the position of its outcome.
    pub fn hear(
        &mut self,
        records: &[Record<'_>],
        outcomes: &[Outcome],
        named: impl IntoIterator<Item = (N, usize)>,
        settlement: Option<&Settlement>,
        rates: &Rates,
    ) {
        for (name, at) in named {
            let Outcome::Difference(difference) = &outcomes[at] else { continue };
            if let Some((class, delta, _, theirs)) = variance(records, difference)
                && is_of_tonight(records, difference)
            {
                self.all.take((theirs.source, class, theirs.kind, theirs.currency), delta);
            }
            let Some(settlement) = settlement else { continue };
            if let Ok(candidate) = examine(records, difference, settlement, rates) {
                self.eligible.take(candidate.cell, candidate.delta);
                self.candidates.push((name, candidate));
            }
        }
    }

    /// Takes what another one heard.
    pub fn add(&mut self, more: Self) {
        self.all.add(more.all);
        self.eligible.add(more.eligible);
        self.candidates.extend(more.candidates);
    }

    /// Bytes that it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.candidates.capacity() * size_of::<(N, Candidate)>()
    }

    /// Decides, once everything was heard. `volume` is what matched, by source, in the base currency.
    #[must_use]
    pub fn decide(self, settlement: Option<&Settlement>, volume: &BTreeMap<u16, Total>, withheld: bool) -> Verdict<N> {
        let mut leaning: Vec<Drift> = self.all.drifts().chain(self.eligible.drifts()).collect();
        leaning.sort();
        leaning.dedup_by_key(|drift| drift.cell());
        let mut verdict = Verdict { leaning, decided: HashMap::new(), settled: Vec::new(), withheld };
        let Some(settlement) = settlement.filter(|_| !withheld) else { return verdict };
        let mut candidates = self.candidates;
        candidates.retain(|(_, candidate)| !verdict.leans(candidate.cell));
        candidates.sort_unstable_by_key(|(name, candidate)| (candidate.in_base, *name));
        let mut used = Used::default();
        for (name, candidate) in candidates {
            let refusal = used.take(&candidate, settlement, volume).err();
            if refusal.is_none() {
                verdict.settled.extend(candidate.repeats);
            }
            verdict.decided.insert(name, refusal);
        }
        verdict
    }
}

/// What was decided on a [`Ballot`].
#[derive(Debug)]
pub struct Verdict<N> {
    /// Where variances lean one way.
    pub leaning: Vec<Drift>,
    /// Of those that the caps were asked about.
    decided: HashMap<N, Option<Refusal>>,
    /// The other parties of what is settled, as often as they are in it.
    settled: Vec<u128>,
    withheld: bool,
}

impl<N: Copy + Ord + Hash> Verdict<N> {
    /// Tells the differences of a slice what was decided about them, each by its name and the position of its outcome.
    ///
    /// # Errors
    /// [`Broken`] when one of them was not heard before.
    pub fn give(
        &self,
        records: &[Record<'_>],
        outcomes: &mut [Outcome],
        named: impl IntoIterator<Item = (N, usize)>,
        settlement: &Settlement,
        rates: &Rates,
    ) -> Result<(), Broken> {
        for (name, at) in named {
            let Outcome::Difference(difference) = &mut outcomes[at] else { continue };
            let candidate = match examine(records, difference, settlement, rates) {
                _ if self.withheld && Class::of(difference.code).is_some() => Err(Refusal::Withheld),
                Ok(candidate) if self.leans(candidate.cell) => Err(Refusal::Drift),
                found => found,
            };
            let decision = match candidate {
                Err(why) => Decision::Refused(why),
                Ok(candidate) => match self.decided.get(&name) {
                    Some(Some(why)) => Decision::Refused(*why),
                    Some(None) => Decision::Settled { class: candidate.cell.1, delta: candidate.delta },
                    None => return Err(Broken("a variance was not there when caps were shared out".to_owned())),
                },
            };
            difference.settlement = Some(decision);
        }
        Ok(())
    }

    /// The other parties of what is settled, as often as they are in it.
    #[must_use]
    pub fn settled_parties(&self) -> &[u128] {
        &self.settled
    }

    fn leans(&self, cell: Cell) -> bool {
        self.leaning.iter().any(|drift| drift.cell() == cell)
    }
}

/// What variances are judged together: the statement's source, the class, the kind of movement, the currency.
type Cell = (u16, Class, Kind, Currency);

#[derive(Debug)]
struct Candidate {
    cell: Cell,
    delta: Total,
    /// Magnitude in the base currency.
    in_base: Total,
    /// The other party, whose caps are asked; as a hash.
    party: Option<u128>,
    /// The other party by which differences are counted while it is open.
    repeats: Option<u128>,
}

/// The variance of a difference, and the two records it is between.
fn variance<'a, 'r>(
    records: &'a [Record<'r>],
    difference: &Difference,
) -> Option<(Class, Total, &'a Record<'r>, &'a Record<'r>)> {
    let class = Class::of(difference.code)?;
    let ([ours], [theirs]) = (difference.ledger.as_slice(), difference.statement.as_slice()) else { return None };
    let delta = match class {
        Class::Rounding => difference.exposure,
        Class::Fee => difference.fee_delta,
        Class::Net => difference.net_gap,
    };
    Some((class, delta?, &records[*ours as usize], &records[*theirs as usize]))
}

fn examine(
    records: &[Record<'_>],
    difference: &Difference,
    settlement: &Settlement,
    rates: &Rates,
) -> Result<Candidate, Refusal> {
    let class = Class::of(difference.code).ok_or(Refusal::Banned)?;
    let members = difference.ledger.iter().chain(&difference.statement).map(|&one| records[one as usize].kind);
    if !members.into_iter().all(may_be_settled) {
        return Err(Refusal::Banned);
    }
    if !is_of_tonight(records, difference) {
        return Err(Refusal::SeenBefore);
    }
    let rule = settlement.rules.get(&class).ok_or(Refusal::NoRule)?;
    if !difference.flags.is_empty() || !difference.notes.is_empty() {
        return Err(Refusal::Flagged);
    }
    let (_, delta, ours, theirs) = variance(records, difference).ok_or(Refusal::WeakMatch)?;
    if !matches!(difference.pass, Some(Pass::K1 | Pass::K2)) {
        return Err(Refusal::WeakMatch);
    }
    let same_party = match (ours.counterparty, theirs.counterparty) {
        (Some(a), Some(b)) => may_be_same(a, b),
        _ => true,
    };
    let alike = ours.status == Status::Success
        && theirs.status == Status::Success
        && ours.account == theirs.account
        && ours.currency == theirs.currency
        && ours.direction == theirs.direction
        && !matches!((event_key(ours), event_key(theirs)), (Some(a), Some(b)) if a != b)
        && same_party;
    if !alike {
        return Err(Refusal::NotAlike);
    }
    let base = match class {
        Class::Rounding | Class::Net => Total::from(ours.principal),
        Class::Fee => (Total::from(theirs.fee.unwrap_or(Minor::ZERO)) - delta).magnitude(),
    };
    if delta.magnitude() > limit(rule, base) {
        return Err(Refusal::OverLimit);
    }
    let in_base = rates.in_base(delta.magnitude(), theirs.currency, settlement.base_currency);
    // Less than the base currency can say counts as its smallest unit, or caps would never see it.
    let in_base = in_base.ok_or(Refusal::NoRate)?.max(Total::new(1));
    let party = theirs.counterparty.or(ours.counterparty).map(party_hash);
    let repeats = other_party(records, difference);
    Ok(Candidate { cell: (theirs.source, class, theirs.kind, theirs.currency), delta, in_base, party, repeats })
}

/// Whether a difference has anything that no earlier night has seen.
#[must_use]
pub fn is_of_tonight(records: &[Record<'_>], difference: &Difference) -> bool {
    let mut members = difference.ledger.iter().chain(&difference.statement);
    members.any(|&one| records[one as usize].origin == Origin::Tonight)
}

/// Kinds of movement whose cents may be written off: what is disputed, held back or corrected may not.
const fn may_be_settled(kind: Kind) -> bool {
    matches!(kind, Kind::Payment | Kind::Refund | Kind::Payout | Kind::PayoutReturn | Kind::Transfer | Kind::Reversal)
}

/// The smaller of the two limits; a share always allows one minor unit, and is rounded down.
fn limit(rule: &Rule, base: Total) -> Total {
    let absolute = Total::from(rule.absolute);
    let Some(share) = rule.share else { return absolute };
    let part = share_of(share, base).max(Total::new(1));
    absolute.min(part)
}

fn share_of(share: Rate, base: Total) -> Total {
    Total::new(base.get().saturating_mul(i128::from(share.0)) / i128::from(Rate::ONE))
}

/// Variances by what they are judged together as: how many, how many of them positive, their sum and their squares.
#[derive(Default, Debug)]
struct Cells(BTreeMap<Cell, (u64, u64, i128, i128)>);

impl Cells {
    fn take(&mut self, cell: Cell, delta: Total) {
        let delta = delta.get();
        self.merge(cell, (1, u64::from(delta > 0), delta, delta.saturating_mul(delta)));
    }

    fn add(&mut self, more: Self) {
        more.0.into_iter().for_each(|(cell, figures)| self.merge(cell, figures));
    }

    fn merge(&mut self, cell: Cell, more: (u64, u64, i128, i128)) {
        let (count, positive, sum, squares) = self.0.entry(cell).or_default();
        *count += more.0;
        *positive += more.1;
        *sum = sum.saturating_add(more.2);
        *squares = squares.saturating_add(more.3);
    }

    /// Cells of at least thirty variances of which nine in ten have one sign, or whose mean is more than
    /// three standard errors away from nothing (`taxonomy` §10.9).
    fn drifts(&self) -> impl Iterator<Item = Drift> + '_ {
        self.0.iter().filter_map(|(&(source, class, kind, currency), &(count, positive, sum, squares))| {
            let drift = Drift { source, class, kind, currency, count, positive, sum: Total::new(sum) };
            leans(&drift, squares).then_some(drift)
        })
    }
}

fn leans(cell: &Drift, squares: i128) -> bool {
    if cell.count < DRIFT_MIN {
        return false;
    }
    let one_signed = cell.positive.max(cell.count - cell.positive);
    let (n, sum) = (i128::from(cell.count), cell.sum.get());
    // mean² > 9 · variance / n, with everything multiplied by n²(n − 1).
    let far = sum.saturating_mul(sum).saturating_mul(n - 1)
        > n.saturating_mul(squares).saturating_sub(sum.saturating_mul(sum)).saturating_mul(9);
    one_signed * 10 >= cell.count * 9 || far
}

/// What was settled so far.
#[derive(Default)]
struct Used {
    /// By source, and whether it is adverse.
    runs: BTreeMap<(u16, bool), (u64, Total)>,
    /// By other party, and whether it is adverse.
    parties: HashMap<(u128, bool), (u64, Total)>,
}

impl Used {
    fn take(
        &mut self,
        candidate: &Candidate,
        settlement: &Settlement,
        volume: &BTreeMap<u16, Total>,
    ) -> Result<(), Refusal> {
        let adverse = candidate.delta < Total::ZERO;
        let cap = if adverse { &settlement.adverse } else { &settlement.favourable };
        let amount = candidate.in_base;
        if amount > cap.item {
            return Err(Refusal::ItemCap);
        }
        let run = self.runs.entry((candidate.cell.0, adverse)).or_default();
        let matched = volume.get(&candidate.cell.0).copied().unwrap_or(Total::ZERO);
        let most = cap.run_amount.min(share_of(cap.run_share, matched));
        if run.0 >= cap.run_count || run.1 + amount > most {
            return Err(Refusal::RunCap);
        }
        if let Some(party) = candidate.party {
            let party = self.parties.entry((party, adverse)).or_default();
            if party.0 >= cap.party_count || party.1 + amount > cap.party_amount {
                return Err(Refusal::PartyCap);
            }
            *party = (party.0 + 1, party.1 + amount);
        }
        *run = (run.0 + 1, run.1 + amount);
        Ok(())
    }
}

/// One line of a journal entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line<'s> {
    /// The outcome it settles, as its position.
    pub outcome: usize,
    /// The account of the books.
    pub account: &'s str,
    /// Debited, in minor units of `currency`, without sign.
    pub debit: Total,
    /// Credited.
    pub credit: Total,
    /// The currency of the records.
    pub currency: Currency,
}

/// The balanced entries of everything that was settled, two lines each, in the order of `order`.
///
/// # Errors
/// [`Broken`] when debits and credits differ, or when the journal does not come to the settled variances.
pub fn journal<'s>(
    records: &[Record<'_>],
    outcomes: &[Outcome],
    order: &[usize],
    settlement: &'s Settlement,
) -> Result<Vec<Line<'s>>, Broken> {
    let mut lines = Vec::new();
    for &at in order {
        let Outcome::Difference(difference) = &outcomes[at] else { continue };
        let Some(Decision::Settled { class, delta }) = difference.settlement else { continue };
        let rule = settlement.rules.get(&class).ok_or_else(|| Broken(format!("settled without a {class} rule")))?;
        let theirs = difference.statement.first().map(|&one| records[one as usize].currency);
        let currency = theirs.ok_or_else(|| Broken("settled without a statement record".to_owned()))?;
        let amount = delta.magnitude();
        let (debited, credited) = if delta > Total::ZERO {
            (settlement.clearing.as_str(), rule.gain.as_str())
        } else {
            (rule.loss.as_str(), settlement.clearing.as_str())
        };
        let line = |account, debit, credit| Line { outcome: at, account, debit, credit, currency };
        lines.push(line(debited, amount, Total::ZERO));
        lines.push(line(credited, Total::ZERO, amount));
    }
    prove(outcomes, &lines, &settlement.clearing)?;
    Ok(lines)
}

/// Invariant 4: debits equal credits in every currency, and what clearing received is what was settled, by code.
fn prove(outcomes: &[Outcome], lines: &[Line<'_>], clearing: &str) -> Result<(), Broken> {
    let mut balance: BTreeMap<Currency, Total> = BTreeMap::new();
    let mut cleared: BTreeMap<Code, Total> = BTreeMap::new();
    for line in lines {
        *balance.entry(line.currency).or_default() += line.debit - line.credit;
        if line.account == clearing
            && let Outcome::Difference(difference) = &outcomes[line.outcome]
        {
            *cleared.entry(difference.code).or_default() += line.debit - line.credit;
        }
    }
    if let Some((currency, off)) = balance.iter().find(|(_, off)| !off.is_zero()) {
        return Err(Broken(format!("the journal is off by {off} minor units of {}", currency.code())));
    }
    let mut settled: BTreeMap<Code, Total> = BTreeMap::new();
    for outcome in outcomes {
        if let Outcome::Difference(difference) = outcome
            && let Some(Decision::Settled { delta, .. }) = difference.settlement
        {
            *settled.entry(difference.code).or_default() += delta;
        }
    }
    let codes = settled.keys().chain(cleared.keys());
    for code in codes {
        let of = |map: &BTreeMap<Code, Total>| map.get(code).copied().unwrap_or_default();
        if of(&settled) != of(&cleared) {
            return Err(Broken(format!("the journal of {code} does not come to what was settled")));
        }
    }
    Ok(())
}
