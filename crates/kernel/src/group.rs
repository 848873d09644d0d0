//! One key group, both sides present: what agrees, what is surplus, what differs.
//!
//! Takes the records of one key of one class and gives an [`Outcome`] for each record that the key
//! decides; the others are handed back and look for a partner under the next key. Replicas are
//! collapsed and undone halves netted first, inside each side.

use std::collections::HashSet;

use crate::calendar::Day;
use crate::classify::{self, Hits};
use crate::code::{Code, Codes, Severity};
use crate::currency::Currency;
use crate::key::{KindClass, Pass, event_key};
use crate::money::{Minor, Total};
use crate::outcome::{Difference, Outcome, State};
use crate::pair::{Pair, order, pair_up};
use crate::policy::Policy;
use crate::record::{Book, Kind, Note, Notes, Origin, Record, Status};

/// What one group came to.
#[derive(Default, Debug)]
pub struct Resolved {
    /// Decided.
    pub outcomes: Vec<Outcome>,
    /// Not decided by this key, as positions in the slice of records.
    pub left: Vec<u32>,
}

impl Resolved {
    /// Takes over what another group came to.
    pub fn add(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        self.left.extend(other.left);
    }
}

/// A group in work.
pub(crate) struct Group<'g, 'r> {
    records: &'g [Record<'r>],
    pass: Pass,
    policy: &'g Policy,
    pub(crate) resolved: Resolved,
    /// Halves netted on the ledger's and on the statement's side.
    netted: [Vec<u32>; 2],
    /// Whether it has anything that no earlier night has ended.
    is_open: bool,
}

/// Resolves the records of one key; `members` are positions in `records`, all of one kind class.
#[must_use]
pub fn resolve(records: &[Record<'_>], members: &[u32], pass: Pass, policy: &Policy) -> Resolved {
    let mut group = Group::new(records, pass, policy);
    if let Some(pair) = plain_pair(records, members) {
        group.open_by(&[pair.0, pair.1]);
        group.judge(pair, Notes::NONE);
        return group.resolved;
    }
    let (ledger, statement): (Vec<u32>, Vec<u32>) =
        members.iter().partition(|&&one| records[one as usize].book == Book::Ledger);
    let ledger = group.collapse_replicas(ledger);
    let statement = group.collapse_replicas(statement);
    group.open_by(&[ledger.as_slice(), statement.as_slice()].concat());
    let ledger = group.net(ledger, 0);
    let statement = group.net(statement, 1);
    group.resolve_sides(ledger, statement);
    group.resolved
}

/// One record on each side, neither of which undoes another: the common case, which leaves nothing to choose.
fn plain_pair(records: &[Record<'_>], members: &[u32]) -> Option<Pair> {
    let &[one, other] = members else { return None };
    let is_ledger = |at: u32| records[at as usize].book == Book::Ledger;
    let undoes = |at: u32| matches!(records[at as usize].kind, Kind::Reversal | Kind::ReserveRelease);
    let is_used = |at: u32| {
        let record = &records[at as usize];
        record.origin == Origin::History && record.status == Status::Success
    };
    if is_ledger(one) == is_ledger(other) || undoes(one) || undoes(other) || is_used(one) != is_used(other) {
        return None;
    }
    Some(if is_ledger(one) { (one, other) } else { (other, one) })
}

/// Splits rows into those that say something new and those that are the same row again: equal bytes,
/// or for a provider's rows equal number, kind, status and amount (`taxonomy` §10.6). Rows that name
/// two events are never one, even where a provider prints the payment's number on all of its
/// refunds. The earliest stays.
///
/// A row that an earlier night had already is the same row again also when its key, kind, status,
/// amount and business day are the same and no provider's number tells the two apart: extracts overlap.
#[must_use]
pub fn split_replicas(records: &[Record<'_>], mut members: Vec<u32>) -> (Vec<u32>, Vec<u32>) {
    if members.len() < 2 {
        return (members, Vec::new());
    }
    members.sort_by_key(|&one| order(&records[one as usize]));
    // What is known from earlier nights stays, whatever the clocks say.
    members.sort_by_key(|&one| records[one as usize].origin == Origin::Tonight);
    let mut bytes_seen = HashSet::new();
    let mut numbers_seen = HashSet::new();
    let mut known = HashSet::new();
    let is_new = |&one: &u32| {
        let record = &records[one as usize];
        if let Some(row) = row_of_a_day(record) {
            let number = record.provider_txn_id;
            if record.origin != Origin::Tonight {
                // Under no number: somebody has this row, whatever its number.
                known.extend([(row, Some(number)), (row, None)]);
            } else if known.contains(&(row, Some(number))) || known.contains(&(row, number.is_some().then_some(None))) {
                return false;
            }
        }
        let new_bytes = bytes_seen.insert((record.source, record.content));
        let number = record.provider_txn_id.filter(|_| record.book != Book::Ledger);
        let new_number = number.is_none_or(|number| {
            let event = (number, event_key(record));
            numbers_seen.insert((record.source, event, record.kind, record.status, record.currency, record.signed()))
        });
        new_bytes && new_number
    };
    members.into_iter().partition(is_new)
}

/// What makes a row the same row again on another night.
type RowOfADay<'a> = (u16, &'a str, Kind, Status, Currency, Minor, Day);

fn row_of_a_day<'a>(record: &Record<'a>) -> Option<RowOfADay<'a>> {
    let (number, day) = (event_key(record)?, record.business_date?);
    Some((record.source, number, record.kind, record.status, record.currency, record.signed(), day))
}

impl<'g, 'r> Group<'g, 'r> {
    pub(crate) fn new(records: &'g [Record<'r>], pass: Pass, policy: &'g Policy) -> Self {
        Self { records, pass, policy, resolved: Resolved::default(), netted: [Vec::new(), Vec::new()], is_open: true }
    }

    /// Opens what was settled before if any of the members, replicas aside, is new to the group.
    pub(crate) fn open_by(&mut self, members: &[u32]) {
        self.is_open = members.iter().any(|&one| !self.record(one).origin.has_ended());
    }

    fn record(&self, at: u32) -> &'g Record<'r> {
        &self.records[at as usize]
    }

    fn rest(&mut self, record: u32, state: State) {
        self.resolved.outcomes.push(Outcome::Rest { record, state, flags: Codes::NONE });
    }

    /// Drops rows that are the same row again.
    pub(crate) fn collapse_replicas(&mut self, members: Vec<u32>) -> Vec<u32> {
        let (kept, again) = split_replicas(self.records, members);
        for one in again {
            self.rest(one, State::Replica);
        }
        kept
    }

    /// Nets what was undone inside one side: a payment and its reversal, a hold and its release.
    fn net(&mut self, members: Vec<u32>, side: usize) -> Vec<u32> {
        const UNDOES: [(Kind, Kind); 2] = [(Kind::Reversal, Kind::Payment), (Kind::ReserveRelease, Kind::ReserveHold)];
        let undone_kind = |kind| UNDOES.iter().find(|(undoing, _)| *undoing == kind).map(|(_, undone)| *undone);
        let mut undoing: Vec<u32> =
            members.iter().copied().filter(|&one| undone_kind(self.record(one).kind).is_some()).collect();
        // Whoever names its payment chooses before whoever merely has its amount.
        undoing.sort_by_key(|&one| (self.record(one).original_txn_id.is_none(), order(self.record(one))));
        let mut gone = Vec::new();
        for one in undoing {
            let reversal = self.record(one);
            let half = members
                .iter()
                .copied()
                .filter(|&other| {
                    !gone.contains(&other) && self.is_undone_by(other, reversal, undone_kind(reversal.kind))
                })
                .min_by_key(|&other| {
                    let other = self.record(other);
                    // The payment it names comes before one that merely has its amount.
                    (
                        reversal.original_txn_id.is_none() || reversal.original_txn_id != other.provider_txn_id,
                        order(other),
                    )
                });
            if let Some(half) = half {
                gone.extend([half, one]);
            }
        }
        for &one in &gone {
            self.rest(one, State::Netted);
        }
        let kept = members.into_iter().filter(|one| !gone.contains(one)).collect();
        self.netted[side] = gone;
        kept
    }

    fn is_undone_by(&self, at: u32, reversal: &Record<'_>, kind: Option<Kind>) -> bool {
        let record = self.record(at);
        let names_another = reversal.original_txn_id.is_some()
            && record.provider_txn_id.is_some()
            && reversal.original_txn_id != record.provider_txn_id;
        Some(record.kind) == kind
            && !names_another
            && record.status == Status::Success
            && reversal.status == Status::Success
            && record.currency == reversal.currency
            && record.signed() == -reversal.signed()
    }

    fn resolve_sides(&mut self, ledger: Vec<u32>, statement: Vec<u32>) {
        let is_reversal = |group: &Self, one: u32| group.record(one).kind == Kind::Reversal;
        let (ledger_reversals, ledger): (Vec<u32>, Vec<u32>) =
            ledger.into_iter().partition(|&one| is_reversal(self, one));
        let (statement_reversals, statement): (Vec<u32>, Vec<u32>) =
            statement.into_iter().partition(|&one| is_reversal(self, one));
        // Reversals whose payment is not here face each other only.
        self.resolve_many(ledger_reversals, statement_reversals);

        let single =
            ledger.iter().chain(&statement).next().is_some_and(|&one| self.record(one).kind.class().is_single());
        if self.reversal_on_one_side(&ledger, &statement) {
            return;
        }
        let (ledger, statement) = self.without_used(ledger, statement);
        if ledger.is_empty() || statement.is_empty() {
            self.resolved.left.extend(ledger.into_iter().chain(statement));
        } else if single {
            self.resolve_single(ledger, statement);
        } else {
            self.resolve_many(ledger, statement);
        }
    }

    /// One side undid the payment and the other still has it.
    fn reversal_on_one_side(&mut self, ledger: &[u32], statement: &[u32]) -> bool {
        let is_payment = |group: &Self, one: u32| {
            let record = group.record(one);
            record.kind == Kind::Payment && record.status == Status::Success
        };
        let undone = [!self.netted[0].is_empty(), !self.netted[1].is_empty()];
        let (code, members, waiting) = match (ledger, statement) {
            (members, []) if undone[1] && !undone[0] => (Code::ReversalUnbooked, members, 1),
            ([], members) if undone[0] && !undone[1] => (Code::ReversalUnconfirmed, members, 0),
            _ => return false,
        };
        let (moved, inert): (Vec<u32>, Vec<u32>) = members.iter().partition(|&&one| is_payment(self, one));
        if moved.is_empty() {
            return false;
        }
        let netted = self.netted[waiting].clone();
        self.difference(Codes::NONE.with(code), Hits::default(), &moved, netted);
        self.resolved.left.extend(inert);
        true
    }

    /// Classes in which several records under one number are normal: pair what pairs.
    fn resolve_many(&mut self, ledger: Vec<u32>, statement: Vec<u32>) {
        let pairs = self.pairs(&ledger, &statement);
        self.judge_all(pairs, ledger, statement);
    }

    /// Whether a record ended on an earlier night, and nothing tonight could change that.
    fn has_ended(&self, one: u32) -> bool {
        let origin = self.record(one).origin;
        origin == Origin::History || (origin == Origin::Settled && !self.is_open)
    }

    /// Hands back what matched on an earlier night under another number: its partner is not here, and nobody else is
    /// its partner now, unless the partner was undone.
    fn without_used(&mut self, ledger: Vec<u32>, statement: Vec<u32>) -> (Vec<u32>, Vec<u32>) {
        let is_used = |group: &Self, one: u32| group.has_ended(one) && group.record(one).status == Status::Success;
        let used = [&ledger, &statement].map(|side| side.iter().any(|&one| is_used(self, one)));
        let mut alone = |mine: usize, members: Vec<u32>| {
            if !used[mine] || used[1 - mine] || !self.netted[1 - mine].is_empty() {
                return members;
            }
            let (used, free): (Vec<u32>, Vec<u32>) = members.into_iter().partition(|&one| is_used(self, one));
            self.resolved.left.extend(used);
            free
        };
        (alone(0, ledger), alone(1, statement))
    }

    /// Pairs of two sides. What agreed on an earlier night stays together.
    fn pairs(&self, ledger: &[u32], statement: &[u32]) -> Vec<Pair> {
        let ended = |&one: &u32| self.has_ended(one);
        let (ledger_ended, ledger_open): (Vec<u32>, Vec<u32>) = ledger.iter().partition(|one| ended(one));
        let (statement_ended, statement_open): (Vec<u32>, Vec<u32>) = statement.iter().partition(|one| ended(one));
        if ledger_ended.is_empty() || statement_ended.is_empty() {
            return pair_up(self.records, ledger, statement);
        }
        let mut pairs = pair_up(self.records, &ledger_ended, &statement_ended);
        pairs.extend(pair_up(self.records, &ledger_open, &statement_open));
        pairs
    }

    /// Whether a pair ended on an earlier night.
    fn is_ended(&self, (ledger, statement): Pair) -> bool {
        self.has_ended(ledger) && self.has_ended(statement)
    }

    /// Judges the pairs and hands back whoever is in none.
    fn judge_all(&mut self, pairs: Vec<Pair>, ledger: Vec<u32>, statement: Vec<u32>) {
        let paired: HashSet<u32> = pairs.iter().flat_map(|&(a, b)| [a, b]).collect();
        self.resolved.left.extend(ledger.into_iter().chain(statement).filter(|one| !paired.contains(one)));
        for pair in pairs {
            self.judge(pair, Notes::NONE);
        }
    }

    /// Classes in which a second record under one number is a duplicate.
    fn resolve_single(&mut self, ledger: Vec<u32>, statement: Vec<u32>) {
        let succeeded = |group: &Self, one: u32| group.record(one).status == Status::Success;
        let (ledger_moved, ledger_inert): (Vec<u32>, Vec<u32>) =
            ledger.into_iter().partition(|&one| succeeded(self, one));
        let (statement_moved, statement_inert): (Vec<u32>, Vec<u32>) =
            statement.into_iter().partition(|&one| succeeded(self, one));

        // The best pairs that the sides allow: success with success, else success with whatever
        // the other side says of it, else two records that moved nothing.
        let mut pairs = self.pairs(&ledger_moved, &statement_moved);
        if pairs.is_empty() {
            let one_of = |pairs: Vec<Pair>| pairs.into_iter().take(1).collect::<Vec<_>>();
            pairs = one_of(pair_up(self.records, &ledger_inert, &statement_moved));
            if pairs.is_empty() {
                pairs = one_of(pair_up(self.records, &ledger_moved, &statement_inert));
            }
            if pairs.is_empty() {
                pairs = pair_up(self.records, &ledger_inert, &statement_inert);
                return self.judge_all(pairs, ledger_inert, statement_inert);
            }
        }
        let good = self.good_pair(&pairs);
        let is_good = |one: &u32| *one == good.0 || *one == good.1;
        let spare: Vec<u32> =
            ledger_moved.iter().chain(&statement_moved).copied().filter(|one| !is_good(one)).collect();
        let inert: Vec<u32> = ledger_inert.into_iter().chain(statement_inert).filter(|one| !is_good(one)).collect();

        if spare.is_empty() {
            self.judge(good, Notes::NONE);
        } else {
            self.duplicates(good, &spare);
        }
        // Attempts beside the one that counts moved nothing, and where both sides have a success nothing
        // more will come of those that were not final.
        let settled = succeeded(self, good.0) && succeeded(self, good.1);
        for one in inert {
            if settled || self.record(one).status.is_final() {
                self.rest(one, State::NoMovement);
            } else {
                self.resolved.left.push(one);
            }
        }
    }

    /// The pair that is taken to be the one that was meant: the first that agrees, else the first.
    fn good_pair(&self, pairs: &[Pair]) -> Pair {
        let agrees = |&&pair: &&Pair| self.compare(pair).codes.is_empty();
        pairs.iter().find(agrees).copied().unwrap_or(pairs[0])
    }

    /// What differs within a pair; nothing any more where it ended on an earlier night.
    fn compare(&self, pair: Pair) -> Hits {
        if self.is_ended(pair) {
            return Hits::default();
        }
        classify::compare(self.record(pair.0), self.record(pair.1), self.policy)
    }

    fn duplicates(&mut self, good: Pair, spare: &[u32]) {
        let (ours, theirs): (Vec<u32>, Vec<u32>) =
            spare.iter().partition(|&&one| self.record(one).book == Book::Ledger);
        let (ledger, statement) = (ours.len(), theirs.len());
        let longer = if ledger > statement { ours } else { theirs };
        let surplus_sum = Some(longer.iter().map(|&one| self.record(one).principal).sum());
        let surplus = surplus_code(self.record(good.1).kind.class()).unwrap_or(Code::DuplicatePayment);
        let mut codes = match ledger.cmp(&statement) {
            std::cmp::Ordering::Less => Codes::NONE.with(surplus),
            std::cmp::Ordering::Greater => Codes::NONE.with(Code::DuplicateLedgerEntry),
            std::cmp::Ordering::Equal => Codes::NONE,
        };
        if ledger > 0 && statement > 0 {
            codes = codes.with(Code::DuplicateBoth);
        }
        let hits = self.compare(good);
        if hits.codes.is_empty() {
            self.judge(good, Notes::NONE);
            let hits = Hits { surplus: surplus_sum, ..Hits::default() };
            self.difference(codes, hits, spare, vec![good.0, good.1]);
        } else {
            let hits = Hits { surplus: surplus_sum, ..hits };
            let mut members = vec![good.0, good.1];
            members.extend(spare);
            self.difference(codes.union(hits.codes), hits, &members, Vec::new());
        }
    }

    /// One pair: a match, still open, or a difference.
    pub(crate) fn judge(&mut self, pair: Pair, notes: Notes) {
        let hits = self.compare(pair);
        let across = self.record(pair.0).across.codes.union(self.record(pair.1).across.codes);
        let codes = hits.codes.union(across);
        if !codes.is_empty() {
            self.difference_noted(codes, hits, &[pair.0, pair.1], Vec::new(), notes);
        } else if let Some(state) = hits.rest {
            for record in [pair.0, pair.1] {
                self.resolved.outcomes.push(Outcome::Rest { record, state, flags: hits.flags });
            }
        } else {
            self.agree(pair, hits, notes);
        }
    }

    fn agree(&mut self, (ledger, statement): Pair, hits: Hits, notes: Notes) {
        let notes = notes.union(self.record(ledger).notes).union(self.record(statement).notes);
        let origins = [ledger, statement].map(|one| self.record(one).origin);
        let state = if self.is_ended((ledger, statement)) {
            State::MatchedBefore
        } else if origins == [Origin::Tonight; 2] {
            State::Matched
        } else {
            State::LateMatched
        };
        let outcome = Outcome::Match { pass: self.pass, state, ledger, statement, flags: hits.flags, notes };
        self.resolved.outcomes.push(outcome);
    }

    pub(crate) fn difference(&mut self, codes: Codes, hits: Hits, members: &[u32], related: Vec<u32>) {
        self.difference_noted(codes, hits, members, related, Notes::NONE);
    }

    fn difference_noted(&mut self, codes: Codes, hits: Hits, members: &[u32], related: Vec<u32>, notes: Notes) {
        let code = codes.primary().expect("a difference has a code");
        let difference = describe(self.records, Some(self.pass), code, codes, hits, members, related, notes);
        self.resolved.outcomes.push(Outcome::Difference(Box::new(difference)));
    }
}

/// Puts figures to a set of codes: exposure, risk, tier and cause.
#[must_use]
#[expect(clippy::too_many_arguments, reason = "everything a difference is made of, each once")]
pub fn describe(
    records: &[Record<'_>],
    pass: Option<Pass>,
    code: Code,
    codes: Codes,
    hits: Hits,
    members: &[u32],
    mut related: Vec<u32>,
    notes: Notes,
) -> Difference {
    let record = |one: &u32| &records[*one as usize];
    let side = |is_ledger: bool| {
        let mut side: Vec<u32> =
            members.iter().copied().filter(|one| (record(one).book == Book::Ledger) == is_ledger).collect();
        side.sort_by_key(|one| order(record(one)));
        side
    };
    let (ledger, statement) = (side(true), side(false));
    related.sort_by_key(|one| (record(one).book, order(record(one))));
    let sum = |side: &[u32]| side.iter().map(|one| record(one).effect()).sum::<Total>();
    let mut currencies = members.iter().map(|one| record(one).currency);
    let first = currencies.next();
    let one_currency = !codes.has(Code::CurrencyMismatch) && currencies.all(|currency| Some(currency) == first);
    let exposure = one_currency.then(|| sum(&statement) - sum(&ledger));
    let notes = members.iter().fold(notes, |notes, one| notes.union(record(one).notes));
    // That a twin exists says something only of a record that has no partner.
    let hint = |one: &u32| if pass.is_none() { record(one).across.hints } else { Codes::NONE };
    let across = members.iter().fold(hits.flags, |flags, one| flags.union(record(one).across.codes).union(hint(one)));
    let mut difference = Difference {
        code,
        flags: codes.union(across).without(code),
        notes,
        pass,
        ledger,
        statement,
        related,
        exposure,
        at_risk: None,
        fee_delta: hits.fee_delta,
        net_gap: hits.net_gap,
        severity: code.base_severity(),
        reasons: Vec::new(),
        at_risk_base: None,
        age: None,
        settlement: None,
        cause: code.cause(),
    };
    difference.at_risk = at_risk(records, &difference, &hits);
    difference.severity = severity(records, &difference);
    difference
}

fn at_risk(records: &[Record<'_>], difference: &Difference, hits: &Hits) -> Option<Total> {
    let exposure = difference.exposure?.magnitude();
    let booked = || difference.ledger.iter().map(|&one| records[one as usize].effect()).sum::<Total>().magnitude();
    let largest = |side: &[u32]| side.iter().map(|&one| records[one as usize].principal).max().map(Total::from);
    let principal = largest(&difference.statement).or_else(|| largest(&difference.ledger)).unwrap_or(Total::ZERO);
    let code = difference.code;
    let across = [Code::OverRefund, Code::DoubleDip, Code::SuspectedDuplicate];
    // A second fault counts with its own amount: a fen of rounding must not hide a wrong fee.
    let beside = [hits.fee_delta, hits.net_gap, hits.tax_delta].into_iter().flatten().map(Total::magnitude).max();
    let own = if across.contains(&code) {
        let members = difference.ledger.iter().chain(&difference.statement);
        members.map(|&one| records[one as usize].across.at_risk).max().unwrap_or(Total::ZERO)
    } else if code == Code::BeneficiaryMismatch {
        principal
    } else if code == Code::DirectionMismatch {
        principal + principal
    } else if code == Code::DuplicateBoth {
        difference.statement.iter().map(|&one| records[one as usize].principal).sum()
    } else if code.family() == 'F' {
        hits.surplus.unwrap_or(exposure)
    } else if code == Code::TaxVariance {
        hits.tax_delta.unwrap_or(exposure).magnitude()
    } else if code == Code::ReversalUnbooked && !difference.statement.is_empty() {
        // The reversal itself is in the exposure, on top of what it undid.
        booked()
    } else if code.family() == 'E' {
        difference.fee_delta.or(difference.net_gap).unwrap_or(exposure).magnitude()
    } else {
        exposure
    };
    Some(own.max(beside.unwrap_or(Total::ZERO)))
}

/// The base tier where it depends on more than the code.
fn severity(records: &[Record<'_>], difference: &Difference) -> Severity {
    let mut members = difference.ledger.iter().chain(&difference.statement).map(|&one| &records[one as usize]);
    let code = difference.code;
    let delivered = |record: &Record<'_>| record.kind == Kind::Payment && record.fulfilled == Some(true);
    if code == Code::MissingAtProvider && members.any(delivered) {
        Severity::P0
    } else if code == Code::PeriodMismatch {
        let mut periods: Vec<_> = members.filter_map(|record| record.business_date.map(Day::period)).collect();
        periods.dedup();
        if periods.len() > 1 { Severity::P2 } else { Severity::P3 }
    } else {
        code.base_severity()
    }
}

/// What a second success under one number is called, in classes where that is a duplicate.
pub(crate) const fn surplus_code(class: KindClass) -> Option<Code> {
    if matches!(class, KindClass::Payment) {
        Some(Code::DuplicatePayment)
    } else if matches!(class, KindClass::Refund) {
        Some(Code::DuplicateRefund)
    } else if matches!(class, KindClass::Payout) {
        Some(Code::DuplicatePayout)
    } else {
        None
    }
}

/// Marks what a weaker key than a shared number brought together.
pub(crate) fn low_confidence() -> Notes {
    Notes::NONE.with(Note::LowConfidence)
}
