//! What should be published, night by night, by a model that is slow and remembers everything.
//!
//! Written from the specification (`taxonomy.md` with its rulings, `docs/carry.md`), not from the program. It keeps every
//! row it ever saw with how it ended, and each night judges every key group that has a row of tonight or a row that is
//! still open: replicas are left out, reversals are netted, amounts that are equal find each other first, then times that
//! are near, and what is left is named in the order of precedence.
//!
//! The one exception to everything: a pair that has matched stays matched, unless a reversal undoes its payment.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{business_days, date, month};
use super::company::{Book, Kind, Row, Status};

/// Business days for which a record may wait for its partner.
const HORIZON: usize = 1;
/// Business days for which a refund or payout may be pending.
const STUCK_AFTER: usize = 3;
/// Up to so many minor units a gap is called rounding.
const ROUNDING: i64 = 1;

/// How a record stands after a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not yet judged.
    New,
    Pending,
    InDifference,
    Matched,
    LateMatched,
    Netted,
    Ignored,
    Replica,
}

impl State {
    /// All that a record can end a night with.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::InDifference,
        Self::Matched,
        Self::LateMatched,
        Self::Netted,
        Self::Ignored,
        Self::Replica,
    ];

    /// As tables call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Pending => "TIMING_PENDING",
            Self::InDifference => "IN_DIFFERENCE",
            Self::Matched => "MATCHED",
            Self::LateMatched => "LATE_MATCHED",
            Self::Netted => "NETTED",
            Self::Ignored => "IGNORED(no_movement)",
            Self::Replica => "REPLICA_ROW",
        }
    }
}

/// A difference as reports tell it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub account: usize,
    pub number: String,
    pub code: String,
    pub flags: BTreeSet<String>,
    pub exposure: i64,
    pub at_risk: i64,
    pub ledger: BTreeSet<String>,
    pub statement: BTreeSet<String>,
    pub first_seen: String,
}

/// A match: both rows, whether one of them was carried, and its flags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    pub statement: String,
    pub ledger: String,
    pub late: bool,
    pub flags: BTreeSet<String>,
}

/// What a night comes to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub differences: BTreeSet<Difference>,
    pub matches: BTreeSet<Match>,
    /// The rows that stay open, and as what.
    pub pool: BTreeSet<(String, String)>,
    /// Records by book and state: those of tonight, those that were open before, those that are open now.
    pub states: BTreeMap<(Book, State), usize>,
}

/// All rows that belong together: account, class of kind, number.
type Key = (usize, Kind, String);

pub struct Record {
    row: Row,
    state: State,
    /// The night it came with.
    seen: i64,
    /// The record it matched with.
    partner: Option<usize>,
}

/// Everything that was ever seen.
#[derive(Default)]
pub struct Model {
    records: Vec<Record>,
    /// The differences that are open, and since when.
    open: BTreeMap<Key, i64>,
    /// Those that this night decides about: of tonight, or open before.
    tonight: BTreeSet<usize>,
}

/// What a group comes to: who is in its difference, and why.
#[derive(Default)]
struct Verdict {
    /// In order of precedence: the first is the code, the others are flags.
    codes: Vec<&'static str>,
    members: BTreeSet<usize>,
    /// Records that are more than they should be: their sum is at risk.
    surplus: Vec<usize>,
    /// What was refunded beyond what was paid.
    excess: i64,
}

impl Model {
    /// The next night, with the rows of its files.
    pub fn night(&mut self, today: i64, rows: &[Row]) -> Outcome {
        self.tonight = self.all().filter(|at| self[*at].is_open()).collect();
        self.admit(today, rows);
        let mut outcome = Outcome::default();
        for key in self.groups_to_judge() {
            self.judge(&key, today, &mut outcome);
        }
        for (at, record) in self.records.iter().enumerate() {
            if record.is_open() {
                outcome.pool.insert((record.row.place(), record.state.word().to_owned()));
            }
            if record.is_open() || self.tonight.contains(&at) {
                *outcome.states.entry((record.row.book, record.state)).or_default() += 1;
            }
        }
        outcome
    }

    /// Takes the rows in. What the source has given already is a replica.
    fn admit(&mut self, today: i64, rows: &[Row]) {
        for row in rows {
            let known = self.records.iter().any(|record| record.seen_as(row, today));
            let state = if known { State::Replica } else { State::New };
            self.tonight.insert(self.records.len());
            self.records.push(Record { row: row.clone(), state, seen: today, partner: None });
        }
    }

    fn groups_to_judge(&self) -> BTreeSet<Key> {
        let concerned = self.tonight.iter().map(|at| &self[*at]).filter(|record| record.state != State::Replica);
        concerned.map(Record::key).collect()
    }

    fn judge(&mut self, key: &Key, today: i64, outcome: &mut Outcome) {
        let group: Vec<usize> =
            self.all().filter(|at| self[*at].state != State::Replica && self[*at].belongs_to(key)).collect();
        self.net(&group);
        let mut verdict = self.pair(&group, today, outcome);
        self.wait(&group, today, &mut verdict);
        self.count_refunds(&group, &mut verdict, outcome);
        if verdict.codes.is_empty() {
            self.open.remove(key);
            return;
        }
        let first_seen = *self.open.entry(key.clone()).or_insert(today);
        verdict.members.iter().for_each(|at| self.records[*at].state = State::InDifference);
        outcome.differences.insert(self.told(key, &verdict, first_seen));
    }

    /// Reversals and the payments that they undo, within each book. A match that is undone sets its partner free.
    fn net(&mut self, group: &[usize]) {
        for &undone_by in group {
            let reversal = &self[undone_by];
            if reversal.row.kind != Kind::Reversal || reversal.state == State::Netted {
                continue;
            }
            let undoes = |at: &&usize| {
                let payment = &self[**at];
                payment.row.book == reversal.row.book
                    && payment.row.kind == Kind::Payment
                    && payment.row.amount == reversal.row.amount
                    && payment.row.id == reversal.row.id
                    && payment.is_success()
                    && payment.state != State::Netted
            };
            let payment = *group.iter().find(undoes).expect("a reversal comes with or after its payment");
            if let Some(partner) = self.records[payment].partner.take() {
                self.records[partner].partner = None;
                self.records[partner].state = State::New;
            }
            self.records[payment].state = State::Netted;
            self.records[undone_by].state = State::Netted;
        }
    }

    /// Finds partners among the successes that have none, and says what does not agree.
    fn pair(&mut self, group: &[usize], today: i64, outcome: &mut Outcome) -> Verdict {
        let settled = group.iter().filter(|at| self[**at].partner.is_some()).count() / 2;
        let (mut paid, mut booked) = (self.successes(group, Book::Statement), self.successes(group, Book::Ledger));
        let (moved, entered) = (settled + paid.len(), settled + booked.len());
        // Only where one book has no success at all does a record that is none answer for it.
        if entered == 0 && moved > 0 {
            booked = self.others(group, Book::Ledger);
        }
        if moved == 0 && entered > 0 {
            paid = self.others(group, Book::Statement);
        }
        let pairs = self.nearest(&paid, &booked);
        let mut verdict = Verdict::default();
        for (rank, &(statement, ledger)) in pairs.iter().enumerate() {
            let second = settled + rank > 0;
            let codes = self.disagreement(statement, ledger);
            if second {
                verdict.members.extend([statement, ledger]);
                verdict.surplus.push(statement);
            } else if codes.is_empty() {
                self.agree(statement, ledger, today, outcome);
            } else {
                verdict.members.extend([statement, ledger]);
                verdict.codes.extend(codes);
            }
        }
        if settled + pairs.len() > 0 {
            let alone = |at: &usize| self[*at].is_success() && !pairs.iter().any(|(p, l)| p == at || l == at);
            let left: Vec<usize> = paid.iter().chain(&booked).copied().filter(alone).collect();
            verdict.members.extend(&left);
            verdict.surplus.extend(left);
        }
        if !verdict.surplus.is_empty() {
            verdict.codes.insert(0, duplicate(self[group[0]].class(), moved, entered));
        }
        verdict
    }

    /// Pairs of the two, equal amounts first, then the nearest times.
    fn nearest(&self, paid: &[usize], booked: &[usize]) -> Vec<(usize, usize)> {
        let (mut paid, mut booked) = (paid.to_vec(), booked.to_vec());
        let mut pairs = Vec::new();
        let distance = |(p, l): &(usize, usize)| {
            let (p, l) = (&self[*p].row, &self[*l].row);
            (p.amount != l.amount, (p.time - l.time).abs(), p.time, p.id.clone(), l.time)
        };
        while let Some((p, l)) =
            paid.iter().flat_map(|p| booked.iter().map(move |l| (*p, *l))).min_by_key(|pair| distance(pair))
        {
            paid.retain(|at| *at != p);
            booked.retain(|at| *at != l);
            pairs.push((p, l));
        }
        pairs
    }

    /// What two records that face each other do not agree on: status, then amount, then period.
    fn disagreement(&self, statement: usize, ledger: usize) -> Vec<&'static str> {
        let (p, l) = (&self[statement].row, &self[ledger].row);
        let status = match (p.status, l.status) {
            (Status::Success, Status::Success) => None,
            (Status::Success, Status::Closed) => Some("LATE_SUCCESS_AFTER_CLOSE"),
            (Status::Success, Status::Pending | Status::Failed) => Some("STATUS_PROVIDER_SUCCESS"),
            _ if p.kind == Kind::Payout => Some("PAYOUT_FAILED"),
            _ => Some("STATUS_LEDGER_SUCCESS"),
        };
        let amount = match p.amount - l.amount {
            0 => None,
            gap if gap.abs() <= ROUNDING => Some("ROUNDING_VARIANCE"),
            gap if gap > 0 => Some("AMOUNT_OVER"),
            _ => Some("AMOUNT_UNDER"),
        };
        // Where both agree otherwise, a month's end between them is only worth a flag.
        let agree = status.is_none() && amount.is_none();
        let period = is_beyond_horizon(p, l) || (!agree && is_over_month(p, l));
        status.into_iter().chain(amount).chain(period.then_some("PERIOD_MISMATCH")).collect()
    }

    fn agree(&mut self, statement: usize, ledger: usize, today: i64, outcome: &mut Outcome) {
        let late = self[statement].seen < today || self[ledger].seen < today;
        for (at, partner) in [(statement, ledger), (ledger, statement)] {
            self.records[at].state = if late { State::LateMatched } else { State::Matched };
            self.records[at].partner = Some(partner);
        }
        let (p, l) = (&self[statement].row, &self[ledger].row);
        let flags = is_over_month(p, l).then(|| "PERIOD_MISMATCH".to_owned()).into_iter().collect();
        outcome.matches.insert(Match { statement: p.place(), ledger: l.place(), late, flags });
    }

    /// What becomes of records that face nobody.
    fn wait(&mut self, group: &[usize], today: i64, verdict: &mut Verdict) {
        for &at in group {
            if verdict.members.contains(&at) || self[at].partner.is_some() || self[at].state == State::Netted {
                continue;
            }
            let age = business_days(self[at].row.day(), today);
            let state = match self[at].row.status {
                Status::Pending if self.is_superseded(group) => State::Ignored,
                Status::Pending if self[at].row.kind == Kind::Payment && age > HORIZON => State::Ignored,
                Status::Pending if age > STUCK_AFTER => State::Ignored,
                Status::Success | Status::Pending => State::Pending,
                Status::Failed | Status::Closed => State::Ignored,
            };
            // Who was ignored once does not wait again.
            if !(self[at].state == State::Ignored && state == State::Pending) {
                self.records[at].state = state;
            }
        }
        self.expect_bookings(group, today, verdict);
        self.expect_payments(group, today, verdict);
        self.find_stuck(group, today, verdict);
    }

    /// Whether both books have a success, so that nothing more comes of what is pending beside them.
    fn is_superseded(&self, group: &[usize]) -> bool {
        [Book::Ledger, Book::Statement].into_iter().all(|book| {
            let counts = |record: &Record| !matches!(record.state, State::Netted | State::Replica);
            group.iter().any(|at| self[*at].row.book == book && self[*at].is_success() && counts(&self[*at]))
        })
    }

    /// The provider's successes that the ledger does not know.
    fn expect_bookings(&self, group: &[usize], today: i64, verdict: &mut Verdict) {
        let mut alone = self.successes(group, Book::Statement);
        alone.retain(|at| !verdict.members.contains(at));
        alone.sort_by_key(|at| (self[*at].row.time, self[*at].row.id.clone()));
        let Some((&first, others)) = alone.split_first() else { return };
        if self.is_netted(group, Book::Ledger) {
            verdict.members.insert(first);
            verdict.codes.push("REVERSAL_UNCONFIRMED");
            return;
        }
        if !others.is_empty() {
            verdict.members.extend(others);
            verdict.surplus.extend(others);
            verdict.codes.insert(0, duplicate(self[first].class(), alone.len(), 0));
        }
        if business_days(self[first].row.day(), today) > HORIZON {
            verdict.members.insert(first);
            verdict.codes.push(match self[first].class() {
                Kind::Refund => "REFUND_UNAUTHORISED",
                Kind::Payout => "PAYOUT_UNAUTHORISED",
                Kind::Payment | Kind::Reversal => "MISSING_IN_LEDGER",
            });
        }
    }

    /// The ledger's successes that the provider does not know.
    fn expect_payments(&self, group: &[usize], today: i64, verdict: &mut Verdict) {
        let mut alone = self.successes(group, Book::Ledger);
        alone.retain(|at| !verdict.members.contains(at));
        if self.is_netted(group, Book::Statement) {
            if !alone.is_empty() {
                verdict.members.extend(&alone);
                verdict.codes.push("REVERSAL_UNBOOKED");
            }
            return;
        }
        alone.retain(|at| business_days(self[*at].row.day(), today) > HORIZON);
        if let Some(first) = alone.first() {
            verdict.codes.push(match self[*first].class() {
                Kind::Refund => "REFUND_NOT_EXECUTED",
                Kind::Payment | Kind::Payout | Kind::Reversal => "MISSING_AT_PROVIDER",
            });
            verdict.members.extend(alone);
        }
    }

    /// Refunds and payouts that have been pending for too long.
    fn find_stuck(&self, group: &[usize], today: i64, verdict: &mut Verdict) {
        for &at in group {
            let record = &self[at];
            let pending = record.row.status == Status::Pending && !verdict.members.contains(&at);
            let code = match record.row.kind {
                Kind::Refund => "REFUND_STUCK",
                Kind::Payout => "PAYOUT_STUCK",
                Kind::Payment | Kind::Reversal => continue,
            };
            if pending && !self.is_superseded(group) && business_days(record.row.day(), today) > STUCK_AFTER {
                verdict.members.insert(at);
                verdict.codes.push(code);
            }
        }
    }

    /// What went back on an order beyond what came in, by the provider's successes, in the order they were seen.
    fn count_refunds(&mut self, group: &[usize], verdict: &mut Verdict, outcome: &mut Outcome) {
        let Some(&at) = group.iter().find(|at| self[**at].row.kind == Kind::Refund) else {
            return;
        };
        let (account, order) = (self[at].row.account, self[at].row.order.clone());
        let of_order = |record: &&Record| record.row.account == account && record.row.order == order;
        let moved = |record: &&Record| record.is_success() && record.row.book == Book::Statement;
        let counts = |record: &&Record| !matches!(record.state, State::Netted | State::Replica);
        let events: Vec<&Record> = self.records.iter().filter(of_order).filter(moved).filter(counts).collect();
        let sum = |kind: Kind, until: (i64, i64)| -> i64 {
            let due = |event: &&&Record| kind == Kind::Payment || (event.seen, event.row.time) <= until;
            events.iter().filter(|event| event.row.kind == kind).filter(due).map(|event| event.row.amount).sum()
        };
        for &at in group {
            let refund = &self[at];
            if !moved(&refund) || !counts(&refund) || !self.is_judged(at) {
                continue;
            }
            let until = (refund.seen, refund.row.time);
            let (paid, refunded) = (sum(Kind::Payment, until), sum(Kind::Refund, until));
            if paid > 0 && refunded > paid {
                verdict.excess += refund.row.amount.min(refunded - paid);
                verdict.members.insert(at);
            }
        }
        if verdict.excess > 0 {
            self.withdraw(verdict, outcome);
            verdict.codes.push("OVER_REFUND");
        }
    }

    /// Whether tonight decides about a record or about its match.
    fn is_judged(&self, at: usize) -> bool {
        let partner = self[at].partner;
        self.tonight.contains(&at) || partner.is_some_and(|partner| self.tonight.contains(&partner))
    }

    /// Two records agree, but their event must not have been: they are a difference after all.
    fn withdraw(&mut self, verdict: &mut Verdict, outcome: &mut Outcome) {
        for at in verdict.members.clone() {
            if let Some(partner) = self.records[at].partner.take() {
                self.records[partner].partner = None;
                verdict.members.insert(partner);
                let statement = self[at].row.place();
                outcome.matches.retain(|matched| matched.statement != statement);
            }
        }
    }

    fn told(&self, key: &Key, verdict: &Verdict, first_seen: i64) -> Difference {
        let rows = |book: Book| verdict.members.iter().map(|at| &self[*at].row).filter(move |row| row.book == book);
        let effect = |book: Book| rows(book).map(effect).sum::<i64>();
        let exposure = effect(Book::Statement) - effect(Book::Ledger);
        let code = verdict.codes[0];
        let at_risk = if code.starts_with("DUPLICATE") {
            verdict.surplus.iter().map(|at| self[*at].row.amount).sum()
        } else if code == "OVER_REFUND" {
            verdict.excess
        } else {
            exposure.abs()
        };
        Difference {
            account: key.0,
            number: key.2.clone(),
            code: code.to_owned(),
            flags: verdict.codes[1..].iter().filter(|flag| **flag != code).map(|flag| (*flag).to_owned()).collect(),
            exposure,
            at_risk,
            ledger: rows(Book::Ledger).map(Row::place).collect(),
            statement: rows(Book::Statement).map(Row::place).collect(),
            first_seen: date(first_seen),
        }
    }

    fn successes(&self, group: &[usize], book: Book) -> Vec<usize> {
        let free = |at: &usize| {
            let record = &self[*at];
            record.is_success() && record.row.book == book && record.partner.is_none() && record.state != State::Netted
        };
        group.iter().copied().filter(free).collect()
    }

    fn others(&self, group: &[usize], book: Book) -> Vec<usize> {
        group.iter().copied().filter(|at| !self[*at].is_success() && self[*at].row.book == book).collect()
    }

    /// Whether a book has a payment of the group that was undone.
    fn is_netted(&self, group: &[usize], book: Book) -> bool {
        group.iter().any(|at| self[*at].row.book == book && self[*at].state == State::Netted)
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.records.len()
    }
}

impl std::ops::Index<usize> for Model {
    type Output = Record;

    fn index(&self, at: usize) -> &Record {
        &self.records[at]
    }
}

impl Record {
    /// In the pool.
    fn is_open(&self) -> bool {
        matches!(self.state, State::Pending | State::InDifference)
    }

    fn is_success(&self) -> bool {
        self.row.status == Status::Success
    }

    /// A reversal belongs to the payment that it undoes.
    fn class(&self) -> Kind {
        if self.row.kind == Kind::Reversal { Kind::Payment } else { self.row.kind }
    }

    fn key(&self) -> Key {
        (self.row.account, self.class(), self.row.number.clone())
    }

    fn belongs_to(&self, (account, class, number): &Key) -> bool {
        self.row.number == *number && self.row.account == *account && self.class() == *class
    }

    /// Whether a row says again what this record said.
    fn seen_as(&self, row: &Row, today: i64) -> bool {
        let mine = &self.row;
        let same = mine.book == row.book
            && mine.account == row.account
            && mine.number == row.number
            && mine.kind == row.kind
            && mine.status == row.status
            && mine.amount == row.amount;
        same && match row.book {
            Book::Statement => mine.id == row.id,
            Book::Ledger if self.seen == today => mine.time == row.time,
            Book::Ledger => mine.day() == row.day(),
        }
    }
}

/// What a record does to the balance, in from the owner's view.
fn effect(row: &Row) -> i64 {
    let sign = match row.kind {
        Kind::Payment => 1,
        Kind::Refund | Kind::Payout | Kind::Reversal => -1,
    };
    if row.status == Status::Success { sign * row.amount } else { 0 }
}

fn duplicate(class: Kind, moved: usize, entered: usize) -> &'static str {
    match (moved, entered, class) {
        (2.., 0 | 1, Kind::Refund) => "DUPLICATE_REFUND",
        (2.., 0 | 1, Kind::Payout) => "DUPLICATE_PAYOUT",
        (2.., 0 | 1, Kind::Payment | Kind::Reversal) => "DUPLICATE_PAYMENT",
        (1, 2.., _) => "DUPLICATE_LEDGER_ENTRY",
        (2, 2, _) => "DUPLICATE_BOTH",
        _ => unreachable!("the company does not do that: {moved} against {entered}"),
    }
}

fn is_beyond_horizon(one: &Row, other: &Row) -> bool {
    let (from, to) = (one.day().min(other.day()), one.day().max(other.day()));
    business_days(from, to) > HORIZON
}

fn is_over_month(one: &Row, other: &Row) -> bool {
    month(one.day()) != month(other.day())
}
