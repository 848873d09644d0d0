//! The passes: who could be whose partner, key after key, each consuming what it decides.
//!
//! Each pass takes positions of records that no earlier pass decided and gives outcomes and what is
//! left. A shell that holds the records in partitions calls the passes one by one, partitioned by
//! that pass's key; [`reconcile`] runs them all on one slice and is the definition of the result.

use std::collections::HashSet;
use std::hash::Hash;

use crate::classify::Hits;
use crate::code::{Code, Codes};
use crate::gather::gather;
use crate::group::{self, Group, Resolved, low_confidence};
use crate::key::{KindClass, Pass, event_key, order_key};
use crate::outcome::{Outcome, State};
use crate::pair::{Pair, order, pair_up};
use crate::party::may_be_same;
use crate::policy::Policy;
use crate::record::{Book, Kind, Notes, Origin, Record, Status};
use crate::single;

/// All passes and the conclusion, on one slice.
#[must_use]
pub fn reconcile(records: &[Record<'_>], policy: &Policy) -> Vec<Outcome> {
    let count = u32::try_from(records.len()).expect("one call takes at most 2³² records");
    let mut resolved = run(Pass::K1, records, &(0..count).collect::<Vec<_>>(), policy);
    for &pass in &policy.passes {
        let left = std::mem::take(&mut resolved.left);
        let more = run(pass, records, &left, policy);
        resolved.outcomes.extend(more.outcomes);
        resolved.left = more.left;
    }
    resolved.outcomes.extend(single::conclude(records, &resolved.left, policy));
    resolved.outcomes
}

/// One pass over the records named by `members`.
#[must_use]
pub fn run(pass: Pass, records: &[Record<'_>], members: &[u32], policy: &Policy) -> Resolved {
    if pass == Pass::K1 {
        return by_event(records, members, policy);
    }
    // What ended on an earlier night explains its own key and looks for no other partner.
    let (ended, open): (Vec<u32>, Vec<u32>) =
        members.iter().partition(|&&one| records[one as usize].origin == Origin::History);
    let mut resolved = match pass {
        Pass::K1 | Pass::K2 => by_provider_number(records, &open, policy),
        Pass::K3 => by_order(records, &open, policy),
        Pass::K4 => by_amount(records, &open, policy),
    };
    resolved.left.extend(ended);
    resolved
}

/// Shows the members of each key; those without one are left over.
fn grouped<'r, K: Hash + Eq>(
    records: &[Record<'r>],
    members: &[u32],
    key: impl Fn(&Record<'r>) -> Option<K>,
    mut group: impl FnMut(&[u32]) -> Resolved,
) -> Resolved {
    let mut all = Resolved::default();
    let keyless = gather(members, |one| key(&records[one as usize]), |members| all.add(group(members)));
    all.left.extend(keyless);
    all
}

fn by_event<'r>(records: &[Record<'r>], members: &[u32], policy: &Policy) -> Resolved {
    let key = |record: &Record<'r>| event_key(record).map(|number| (number, record.account, record.kind.class()));
    let mut all = grouped(records, members, key, |group| group::resolve(records, group, Pass::K1, policy));
    let (numberless, left) = std::mem::take(&mut all.left).into_iter().partition(|&one| {
        let record = &records[one as usize];
        event_key(record).is_none() && record.provider_txn_id.is_none()
    });
    all.left = left;
    all.add(equal_rows(records, numberless, policy));
    all
}

/// Rows without any number that are the same bytes again, which no later pass would look at together.
fn equal_rows(records: &[Record<'_>], members: Vec<u32>, policy: &Policy) -> Resolved {
    let mut group = Group::new(records, Pass::K1, policy);
    let kept = group.collapse_replicas(members);
    group.resolved.left.extend(kept);
    group.resolved
}

fn sides(records: &[Record<'_>], members: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (mut ledger, mut statement): (Vec<u32>, Vec<u32>) =
        members.iter().partition(|&&one| records[one as usize].book == Book::Ledger);
    for side in [&mut ledger, &mut statement] {
        side.sort_by_key(|&one| order(&records[one as usize]));
    }
    (ledger, statement)
}

/// K2: the provider's number. One number may stand on several rows of one kind, so rows are told
/// apart by their occurrence. What the account keeps apart is looked at last, without it.
fn by_provider_number<'r>(records: &[Record<'r>], members: &[u32], policy: &Policy) -> Resolved {
    let key = |record: &Record<'r>| Some((record.account, record.kind, record.provider_txn_id?));
    let mut single = Vec::new();
    let mut all = grouped(records, members, key, |members| {
        let mut group = Group::new(records, Pass::K2, policy);
        let kept = group.collapse_replicas(members.to_vec());
        group.open_by(&kept);
        let (ledger, statement) = sides(records, &kept);
        let pairs = pairs_of_one_number(records, &ledger, &statement);
        for &pair in &pairs {
            group.judge(pair, Notes::NONE);
        }
        let mut rest = [ledger, statement].concat();
        remove(&mut rest, &pairs);
        single.extend(rest);
        group.resolved
    });
    let without_account = |record: &Record<'r>| Some((record.kind, record.provider_txn_id?));
    all.add(grouped(records, &single, without_account, |members| {
        let (ledger, statement) = sides(records, members);
        let mut group = Group::new(records, Pass::K2, policy);
        if is_wrong_merchant(records, &ledger, &statement, policy) {
            group.open_by(members);
            group.judge((ledger[0], statement[0]), Notes::NONE);
        } else {
            group.resolved.left.extend(ledger.into_iter().chain(statement));
        }
        group.resolved
    }));
    all
}

/// Whose number is whose: what succeeded first, within that equal amounts first.
///
/// Where a number stands on several rows, it names the payment that they belong to, and two rows
/// that have different numbers of their own are two events.
fn pairs_of_one_number(records: &[Record<'_>], ledger: &[u32], statement: &[u32]) -> Vec<Pair> {
    if let ([ours], [theirs]) = (ledger, statement) {
        let (a, b) = (&records[*ours as usize], &records[*theirs as usize]);
        return if is_two_events(a, b) { Vec::new() } else { vec![(*ours, *theirs)] };
    }
    let numbered = |&&one: &&u32| event_key(&records[one as usize]).is_some();
    let (named, nameless): (Vec<u32>, Vec<u32>) = ledger.iter().partition(numbered);
    let mut pairs = best_pairs(records, &nameless, statement);
    let mut open: Vec<u32> = statement.iter().filter(|one| !numbered(one)).copied().collect();
    remove(&mut open, &pairs);
    pairs.extend(best_pairs(records, &named, &open));
    pairs
}

/// Pairs of what succeeded on both sides, then pairs of the rest.
fn best_pairs(records: &[Record<'_>], ledger: &[u32], statement: &[u32]) -> Vec<Pair> {
    let moved = |side: &[u32]| -> Vec<u32> {
        side.iter().copied().filter(|&one| records[one as usize].status == Status::Success).collect()
    };
    let mut pairs = pair_up(records, &moved(ledger), &moved(statement));
    let (mut ours, mut theirs) = (ledger.to_vec(), statement.to_vec());
    remove(&mut ours, &pairs);
    remove(&mut theirs, &pairs);
    pairs.extend(pair_up(records, &ours, &theirs));
    pairs
}

/// Takes out whoever is in a pair.
fn remove(members: &mut Vec<u32>, pairs: &[Pair]) {
    let paired: HashSet<u32> = pairs.iter().flat_map(|&(ours, theirs)| [ours, theirs]).collect();
    members.retain(|one| !paired.contains(one));
}

/// Whether two refunds share a provider's number only because it is that of their payment.
fn is_two_events(ours: &Record<'_>, theirs: &Record<'_>) -> bool {
    let differ = matches!((event_key(ours), event_key(theirs)), (Some(a), Some(b)) if a != b);
    let of_payment = |record: &Record<'_>| {
        record.across.refunds_of_order > 1
            || (record.original_txn_id.is_some() && record.original_txn_id == record.provider_txn_id)
    };
    differ && ours.kind == Kind::Refund && (of_payment(ours) || of_payment(theirs))
}

/// One record on each side that agree in all but the account: at one provider, or under a number too
/// long to be another provider's by chance. Short ones are counters that two providers may share.
fn is_wrong_merchant(records: &[Record<'_>], ledger: &[u32], statement: &[u32], policy: &Policy) -> bool {
    let ([ours], [theirs]) = (ledger, statement) else { return false };
    let (ours, theirs) = (&records[*ours as usize], &records[*theirs as usize]);
    let provider = &policy.source(theirs.source).provider;
    let one_provider = policy.statement_of(ours.account).is_some_and(|source| source.provider == *provider);
    let long = theirs.provider_txn_id.is_some_and(|number| number.len() >= 16);
    (one_provider || long)
        && ours.account != theirs.account
        && ours.currency == theirs.currency
        && ours.signed() == theirs.signed()
}

/// K3: the order. Payments as under K1; a refund only when the order has one on each side, or when
/// one side does not number its refunds and the amounts tell them apart.
fn by_order<'r>(records: &[Record<'r>], members: &[u32], policy: &Policy) -> Resolved {
    let key = |record: &Record<'r>| Some((record.account, record.kind.class(), order_key(record)?));
    grouped(records, members, key, |group| {
        if records[group[0] as usize].kind.class() == KindClass::Payment {
            group::resolve(records, group, Pass::K3, policy)
        } else {
            refunds_of_one_order(records, group, policy)
        }
    })
}

fn refunds_of_one_order(records: &[Record<'_>], members: &[u32], policy: &Policy) -> Resolved {
    let mut group = Group::new(records, Pass::K3, policy);
    // A refund that failed is no event of the order: it must not take the place of one that moved money.
    let live = |&one: &u32| !matches!(records[one as usize].status, Status::Failed | Status::Closed);
    let (alive, dead): (Vec<u32>, Vec<u32>) = members.iter().copied().partition(live);
    let (ledger, statement) = sides(records, &alive);
    let is_only = |one: u32| records[one as usize].across.refunds_of_order <= 1;
    if let ([ours], [theirs]) = (ledger.as_slice(), statement.as_slice())
        && is_only(*ours)
        && is_only(*theirs)
    {
        group.judge((*ours, *theirs), Notes::NONE);
        group.resolved.left.extend(dead);
        return group.resolved;
    }
    let (ledger, statement) = sides(records, members);
    let unnumbered = |side: &[u32]| side.iter().all(|&one| records[one as usize].event_no.is_none());
    let mut paired = Vec::new();
    if unnumbered(&ledger) || unnumbered(&statement) {
        for (ours, theirs) in best_pairs(records, &ledger, &statement) {
            let (a, b) = (&records[ours as usize], &records[theirs as usize]);
            if a.currency == b.currency && a.signed() == b.signed() {
                group.judge((ours, theirs), low_confidence());
                paired.extend([ours, theirs]);
            }
        }
    }
    group.resolved.left.extend(members.iter().filter(|one| !paired.contains(one)));
    group.resolved
}

/// K4: equal amount and party, close in time, unique on both sides. Two records that both have a
/// number of their own are never married here: their numbers say that they are two events.
fn by_amount<'r>(records: &[Record<'r>], members: &[u32], policy: &Policy) -> Resolved {
    let key = |record: &Record<'r>| {
        let has_party = record.counterparty.is_some() || !policy.by_amount.party_required;
        (has_party && record.occurred_at.is_some())
            .then(|| (record.account, record.kind.class(), record.currency, record.signed()))
    };
    grouped(records, members, key, |members| candidates(records, members, policy))
}

fn candidates(records: &[Record<'_>], members: &[u32], policy: &Policy) -> Resolved {
    let mut group = Group::new(records, Pass::K4, policy);
    let (ledger, statement) = sides(records, members);
    // Partners by position within each side; the statement side is sorted by time, so each ledger
    // record looks at the slice of its window only.
    let mut partners_of_ledger: Vec<Vec<usize>> = vec![Vec::new(); ledger.len()];
    let mut partners_of_statement: Vec<Vec<usize>> = vec![Vec::new(); statement.len()];
    let time = |one: u32| records[one as usize].occurred_at.map_or(0, |instant| instant.0);
    for (at, &ours) in ledger.iter().enumerate() {
        let earliest = time(ours).saturating_sub(policy.by_amount.window_micros);
        let latest = time(ours).saturating_add(policy.by_amount.window_micros);
        let from = statement.partition_point(|&theirs| time(theirs) < earliest);
        for (offset, &theirs) in statement[from..].iter().enumerate().take_while(|&(_, &theirs)| time(theirs) <= latest)
        {
            if could_be_one(&records[ours as usize], &records[theirs as usize]) {
                partners_of_ledger[at].push(from + offset);
                partners_of_statement[from + offset].push(at);
            }
        }
    }
    let mut seen = vec![false; ledger.len()];
    for start in 0..ledger.len() {
        if seen[start] || partners_of_ledger[start].is_empty() {
            continue;
        }
        let (ours, theirs) = cluster(start, &partners_of_ledger, &partners_of_statement, &mut seen);
        if let ([one], [other]) = (ours.as_slice(), theirs.as_slice()) {
            group.judge((ledger[*one], statement[*other]), low_confidence());
        } else {
            let members: Vec<u32> =
                ours.iter().map(|&at| ledger[at]).chain(theirs.iter().map(|&at| statement[at])).collect();
            group.difference(Codes::NONE.with(Code::AmbiguousMatch), Hits::default(), &members, Vec::new());
        }
    }
    let alone_ledger = ledger.iter().zip(&partners_of_ledger).filter(|(_, partners)| partners.is_empty());
    let alone_statement = statement.iter().zip(&partners_of_statement).filter(|(_, partners)| partners.is_empty());
    group.resolved.left.extend(alone_ledger.chain(alone_statement).map(|(&one, _)| one));
    group.resolved
}

fn could_be_one(ours: &Record<'_>, theirs: &Record<'_>) -> bool {
    let numbered = |record: &Record<'_>| event_key(record).is_some();
    let both_numbered = numbered(ours) && numbered(theirs);
    let differ = |one: Option<&str>, other: Option<&str>| matches!((one, other), (Some(a), Some(b)) if a != b);
    let names_another = differ(ours.event_no, theirs.event_no)
        || differ(ours.order_no, theirs.order_no)
        || differ(ours.provider_txn_id, theirs.provider_txn_id);
    let same_party = match (ours.counterparty, theirs.counterparty) {
        (Some(a), Some(b)) => may_be_same(a, b),
        _ => true,
    };
    let moved = |record: &Record<'_>| record.status == Status::Success;
    !both_numbered && !names_another && same_party && moved(ours) && moved(theirs)
}

/// Everybody who is a partner of a partner of `start`.
fn cluster(
    start: usize,
    partners_of_ledger: &[Vec<usize>],
    partners_of_statement: &[Vec<usize>],
    seen: &mut [bool],
) -> (Vec<usize>, Vec<usize>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut seen_statement = std::collections::BTreeSet::new();
    let mut open = vec![start];
    seen[start] = true;
    while let Some(at) = open.pop() {
        ours.push(at);
        for &partner in &partners_of_ledger[at] {
            if !seen_statement.insert(partner) {
                continue;
            }
            theirs.push(partner);
            for &next in &partners_of_statement[partner] {
                if !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        }
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    (ours, theirs)
}

/// The state of a record that takes no part in this edge at all, whatever the other side has.
#[must_use]
pub fn outside_this_edge(kind: Kind) -> Option<State> {
    if kind == Kind::Auth {
        Some(State::NonMonetary)
    } else if kind == Kind::Settlement {
        Some(State::SecondEdge)
    } else {
        None
    }
}
