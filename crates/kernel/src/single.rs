//! Records that found no partner: waiting, ignored, or a difference of their own.

use std::collections::BTreeMap;

use crate::classify::{Hits, net_gap, stuck_code, within_horizon};
use crate::code::{Code, Codes};
use crate::gather::gather;
use crate::group::{describe, surplus_code};
use crate::key::event_key;
use crate::money::Total;
use crate::outcome::{Outcome, State};
use crate::pair::order;
use crate::policy::Policy;
use crate::record::{Book, Kind, Note, Notes, Origin, Record, Status};

/// Concludes what no pass decided.
#[must_use]
pub fn conclude(records: &[Record<'_>], members: &[u32], policy: &Policy) -> Vec<Outcome> {
    let key = |one: u32| {
        let record = &records[one as usize];
        let number = event_key(record);
        // Without a number, and in classes where a number may repeat, everyone stands alone.
        let alone = (number.is_none() || !record.kind.class().is_single()).then_some(one);
        Some((record.account, record.kind.class(), number, alone))
    };
    let mut conclusion = Conclusion { records, policy, outcomes: Vec::new() };
    gather(members, key, |group| {
        let mut group = group.to_vec();
        group.sort_by_key(|&one| order(&records[one as usize]));
        conclusion.group(&group);
    });
    conclusion.outcomes
}

struct Conclusion<'g, 'r> {
    records: &'g [Record<'r>],
    policy: &'g Policy,
    outcomes: Vec<Outcome>,
}

/// What a lone record comes to.
enum Alone {
    Rest(State),
    Differs(Code),
}

impl Conclusion<'_, '_> {
    fn record(&self, at: u32) -> &Record<'_> {
        &self.records[at as usize]
    }

    fn rest(&mut self, record: u32, state: State) {
        self.outcomes.push(Outcome::Rest { record, state, flags: self.record(record).across.hints });
    }

    fn difference(&mut self, code: Code, flags: Codes, members: &[u32]) {
        self.difference_of(code, flags, members, 0, &[]);
    }

    /// `meant` of the members, the earliest, are those that should be there; `beside` explains the others.
    fn difference_of(&mut self, code: Code, flags: Codes, members: &[u32], meant: usize, beside: &[u32]) {
        // A record that nobody has is first of all missing; its own arithmetic is a flag.
        let gap = members.iter().map(|&one| self.own_gap(one)).find(|gap| !gap.is_zero());
        let codes = match gap {
            Some(gap) if gap.magnitude() <= self.policy.tolerances.net.into() => flags.with(Code::NetRounding),
            Some(_) => flags.with(Code::NetArithmetic),
            None => flags,
        };
        let from_statement = members.iter().any(|&one| self.record(one).book != Book::Ledger);
        let success_only = from_statement && self.policy.ledger_lists_successes_only();
        let notes = if success_only { Notes::NONE.with(Note::SuccessOnly) } else { Notes::NONE };
        // Of several under one number one was meant; while it waits elsewhere all of these are surplus.
        let hits = Hits { net_gap: gap, surplus: self.surplus(members, meant), ..Hits::default() };
        let difference = describe(self.records, None, code, codes, hits, members, beside.to_vec(), notes);
        self.outcomes.push(Outcome::Difference(Box::new(difference)));
    }

    fn surplus(&self, members: &[u32], meant: usize) -> Option<Total> {
        let surplus = members.get(meant..)?;
        Some(surplus.iter().map(|&one| self.record(one).principal).sum())
    }

    fn own_gap(&self, one: u32) -> Total {
        let record = self.record(one);
        if record.book == Book::Ledger { Total::ZERO } else { net_gap(record).unwrap_or(Total::ZERO) }
    }

    fn group(&mut self, members: &[u32]) {
        let (ended, members): (Vec<u32>, Vec<u32>) =
            members.iter().partition(|&&one| self.record(one).origin == Origin::History);
        let members = self.beside_what_ended(&ended, members);
        if self.reversal_against_payment(&members) {
            return;
        }
        let (ledger, statement): (Vec<u32>, Vec<u32>) =
            members.iter().partition(|&&one| self.record(one).book == Book::Ledger);
        for side in [ledger, statement] {
            self.side(&side);
        }
    }

    /// What ended on an earlier night stays so. In classes where a number stands for one event, whatever
    /// succeeds beside it on its side is surplus, whether or not it may still wait.
    fn beside_what_ended(&mut self, ended: &[u32], members: Vec<u32>) -> Vec<u32> {
        for &one in ended {
            let state =
                if self.record(one).status == Status::Success { State::MatchedBefore } else { State::NoMovement };
            self.rest(one, state);
        }
        let records = self.records;
        let succeeded = |one: u32| {
            let record = &records[one as usize];
            record.status == Status::Success && record.kind != Kind::Reversal
        };
        let mut left = members;
        for book in [Book::Ledger, Book::Statement] {
            let of_book = |one: &u32| (records[*one as usize].book == Book::Ledger) == (book == Book::Ledger);
            let beside: Vec<u32> = ended.iter().copied().filter(|one| of_book(one) && succeeded(*one)).collect();
            let (surplus, rest): (Vec<u32>, Vec<u32>) =
                left.into_iter().partition(|one| !beside.is_empty() && of_book(one) && succeeded(*one));
            left = rest;
            let Some(first) = surplus.first().map(|&one| self.record(one)) else { continue };
            let code = Self::surplus_code(first).unwrap_or(Code::DuplicateLedgerEntry);
            if first.kind.class().is_single() {
                self.difference_of(code, Codes::NONE, &surplus, 0, &beside);
            } else {
                left.extend(surplus);
            }
        }
        left.sort_by_key(|&one| order(self.record(one)));
        left
    }

    /// The provider undid a payment that the ledger still has, and the payment itself is not here.
    fn reversal_against_payment(&mut self, members: &[u32]) -> bool {
        let is = |one: &u32, book: Book, kind: Kind| {
            let record = self.record(*one);
            (record.book == Book::Ledger) == (book == Book::Ledger)
                && record.kind == kind
                && record.status == Status::Success
        };
        let booked = members.iter().any(|one| is(one, Book::Ledger, Kind::Payment));
        let undone = members.iter().any(|one| is(one, Book::Statement, Kind::Reversal));
        let waits = members
            .iter()
            .map(|&one| self.record(one))
            .any(|record| record.held || within_horizon(record, self.policy));
        if !booked || !undone || waits {
            return false;
        }
        let (moved, inert): (Vec<u32>, Vec<u32>) =
            members.iter().partition(|&&one| self.record(one).status == Status::Success);
        self.difference(Code::ReversalUnbooked, Codes::NONE, &moved);
        for one in inert {
            self.side(&[one]);
        }
        true
    }

    fn side(&mut self, members: &[u32]) {
        let mut missing: Vec<((Code, Codes), u32)> = Vec::new();
        let mut waiting: Vec<u32> = Vec::new();
        for &one in members {
            let across = self.record(one).across.codes.primary();
            match (self.alone(self.record(one)), across) {
                // What the rules across groups found does not wait.
                (Alone::Rest(_), Some(code)) => self.difference(code, Codes::NONE, &[one]),
                (Alone::Rest(State::TimingPending), None) => waiting.push(one),
                (Alone::Rest(state), None) => self.rest(one, state),
                (Alone::Differs(code), across) => {
                    let mut codes = Codes::NONE.with(code);
                    if self.is_orphan(one) {
                        codes = codes.with(Code::OrphanEvent);
                    }
                    // An order's life comes before existence in the order of codes, look-alikes after it.
                    codes = across.map_or(codes, |across| codes.with(across));
                    let first = codes.primary().unwrap_or(code);
                    missing.push(((first, codes.without(first)), one));
                }
            }
        }
        // Where one of several successes under a number is missing, the others were surplus already.
        let surplus = |&one: &u32| self.moved_surplus(one).is_some();
        if missing.iter().any(|(_, one)| surplus(one)) {
            let (more, rest): (Vec<u32>, Vec<u32>) = waiting.iter().partition(|one| surplus(one));
            let with = missing[0].0;
            missing.extend(more.into_iter().map(|one| (with, one)));
            missing.sort_by_key(|(_, one)| order(self.record(*one)));
            waiting = rest;
        }
        self.waiting(&waiting);
        self.missing(&missing);
    }

    /// What a success of the provider is called when it is not the only one of its number.
    fn moved_surplus(&self, one: u32) -> Option<Code> {
        let record = self.record(one);
        let moved = record.status == Status::Success && record.kind != Kind::Reversal;
        Self::surplus_code(record).filter(|_| moved)
    }

    /// An event that goes back to a payment of which nobody knows anything (`taxonomy` §10.2).
    fn is_orphan(&self, one: u32) -> bool {
        let record = self.record(one);
        let goes_back =
            matches!(record.kind, Kind::Refund | Kind::Chargeback | Kind::ChargebackReversal | Kind::Reversal);
        record.across.orphan && goes_back
    }

    /// One of several successes under one number may wait; the others are surplus whatever comes.
    fn waiting(&mut self, members: &[u32]) {
        let surplus_code = members.first().and_then(|&one| Self::surplus_code(self.record(one)));
        let (moved, other): (Vec<u32>, Vec<u32>) = members.iter().partition(|&&one| {
            let record = self.record(one);
            record.status == Status::Success && record.kind != Kind::Reversal
        });
        for one in other {
            self.rest(one, State::TimingPending);
        }
        if let (Some(code), [first, surplus @ ..]) = (surplus_code, moved.as_slice())
            && !surplus.is_empty()
        {
            self.rest(*first, State::TimingPending);
            self.difference(code, Codes::NONE, surplus);
        } else {
            for one in moved {
                self.rest(one, State::TimingPending);
            }
        }
    }

    fn missing(&mut self, members: &[((Code, Codes), u32)]) {
        let mut by_code: BTreeMap<Code, (Codes, Vec<u32>)> = BTreeMap::new();
        for &((code, more), one) in members {
            let (flags, members) = by_code.entry(code).or_insert((Codes::NONE, Vec::new()));
            *flags = flags.union(more);
            members.push(one);
        }
        for (code, (flags, members)) in by_code {
            let first = self.record(members[0]);
            let several = members.len() > 1 && first.kind != Kind::Reversal;
            match Self::surplus_code(first).filter(|_| several) {
                // Whether or not the ledger knows the first, the customer paid more than once.
                Some(surplus) => self.difference_of(surplus, flags.with(code), &members, 1, &[]),
                // Two bookings of something that never happened: that it is missing says more.
                None if several => self.difference(code, flags.with(Code::DuplicateLedgerEntry), &members),
                None => self.difference(code, flags, &members),
            }
        }
    }

    /// What a second success under one number of this record's class is called at the provider.
    fn surplus_code(record: &Record<'_>) -> Option<Code> {
        surplus_code(record.kind.class()).filter(|_| record.book != Book::Ledger)
    }

    fn alone(&self, record: &Record<'_>) -> Alone {
        if let Some(state) = self.not_expected(record) {
            return Alone::Rest(state);
        }
        if record.held {
            return Alone::Rest(State::Held);
        }
        match record.status {
            Status::Success => self.alone_success(record),
            Status::Failed | Status::Closed | Status::Reversed => Alone::Rest(State::NoMovement),
            Status::Pending | Status::Unknown => self.alone_pending(record),
        }
    }

    /// A kind that the other side never has.
    fn not_expected(&self, record: &Record<'_>) -> Option<State> {
        if record.book == Book::Ledger {
            let shown = self.policy.statement_of(record.account).is_none_or(|source| source.kinds.has(record.kind));
            (!shown).then_some(State::NotShown)
        } else {
            (!self.policy.ledger_kinds.has(record.kind)).then_some(State::NotBooked)
        }
    }

    fn alone_success(&self, record: &Record<'_>) -> Alone {
        let keyless = event_key(record).is_none() && record.provider_txn_id.is_none() && record.order_no.is_none();
        if keyless {
            return Alone::Differs(Code::KeyMissing);
        }
        if record.kind == Kind::PayoutReturn && record.book != Book::Ledger {
            return Alone::Differs(Code::PayoutReturned);
        }
        if within_horizon(record, self.policy) {
            return Alone::Rest(State::TimingPending);
        }
        Alone::Differs(if record.book == Book::Ledger {
            missing_at_provider(record.kind)
        } else {
            missing_in_ledger(record.kind)
        })
    }

    fn alone_pending(&self, record: &Record<'_>) -> Alone {
        match stuck_code(record.kind) {
            Some(code) if self.policy.is_stuck(record) => Alone::Differs(code),
            Some(_) => Alone::Rest(State::TimingPending),
            None if within_horizon(record, self.policy) => Alone::Rest(State::TimingPending),
            None => Alone::Rest(State::NoMovement),
        }
    }
}

fn missing_in_ledger(kind: Kind) -> Code {
    match kind {
        Kind::Refund => Code::RefundUnauthorised,
        Kind::Payout => Code::PayoutUnauthorised,
        Kind::PayoutReturn => Code::PayoutReturned,
        Kind::Chargeback => Code::ChargebackUnbooked,
        Kind::ChargebackReversal => Code::ChargebackReversalUnbooked,
        Kind::Fee | Kind::FeeRefund | Kind::Tax => Code::FeeUnexpected,
        Kind::Adjustment => Code::AdjustmentUnexplained,
        Kind::ReserveHold | Kind::ReserveRelease => Code::ReserveMovement,
        Kind::Payment | Kind::Reversal | Kind::Settlement | Kind::FxLeg | Kind::Transfer | Kind::Auth => {
            Code::MissingInLedger
        }
    }
}

fn missing_at_provider(kind: Kind) -> Code {
    if kind == Kind::Refund { Code::RefundNotExecuted } else { Code::MissingAtProvider }
}
