//! A slow matcher written from the taxonomy's text, against the kernel, on random books.
//!
//! It knows payments, refunds and chargebacks, all four passes, duplicates, replicas, statuses,
//! amounts and horizons, and looks at every pair of records every time.

use proptest::prelude::*;
use tieout_kernel::calendar::Day;
use tieout_kernel::outcome::Outcome;
use tieout_kernel::pass::reconcile;
use tieout_kernel::record::{Book, Kind, Record, Status};

use super::laws::{Draft, law, records};
use super::table::policy;

type Line = (Vec<u64>, &'static str, &'static str);

struct Oracle<'r> {
    records: &'r [Record<'r>],
    done: Vec<bool>,
    lines: Vec<Line>,
}

fn is_ledger(record: &Record) -> bool {
    record.book == Book::Ledger
}

fn success(record: &Record) -> bool {
    record.status == Status::Success
}

fn event<'r>(record: &Record<'r>) -> Option<&'r str> {
    if record.kind == Kind::Payment { record.order_no.or(record.event_no) } else { record.event_no }
}

/// Every party here begins with the same letter, so that one which is masked after it, or as a whole, could be any.
fn same_party(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    one == other || one.contains('*') || other.contains('*')
}

fn waits(record: &Record) -> bool {
    // Horizon one business day, every day is one, the run is on day 10.
    record.business_date >= Some(Day(9))
}

impl<'r> Oracle<'r> {
    fn end(&mut self, members: &[usize], word: &'static str, pass: &'static str) {
        let mut places: Vec<u64> = members.iter().map(|&at| self.records[at].place).collect();
        places.sort_unstable();
        for &at in members {
            assert!(!std::mem::replace(&mut self.done[at], true), "twice");
        }
        self.lines.push((places, word, pass));
    }

    fn open(&self, test: impl Fn(&Record<'r>) -> bool) -> Vec<usize> {
        (0..self.records.len()).filter(|&at| !self.done[at] && test(&self.records[at])).collect()
    }

    fn drop_replicas(&mut self, members: &mut Vec<usize>) {
        let mut again = Vec::new();
        for (later, &at) in members.iter().enumerate() {
            let same = |&&earlier: &&usize| {
                let (a, b) = (&self.records[earlier], &self.records[at]);
                !is_ledger(a)
                    && !is_ledger(b)
                    && a.provider_txn_id.is_some()
                    && event(a) == event(b)
                    && (a.provider_txn_id, a.kind, a.status, a.principal)
                        == (b.provider_txn_id, b.kind, b.status, b.principal)
            };
            if members[..later].iter().any(|earlier| same(&earlier)) {
                again.push(at);
            }
        }
        members.retain(|at| !again.contains(at));
        for at in again {
            self.end(&[at], "REPLICA_ROW", "");
        }
    }

    /// Equal amounts first, then the rest; always the two closest in time.
    fn pairs(&self, ledger: &[usize], statement: &[usize]) -> Vec<(usize, usize)> {
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        for exact in [true, false] {
            loop {
                let free = |at: &usize| !pairs.iter().any(|(a, b)| a == at || b == at);
                let mut best: Option<(u64, usize, usize)> = None;
                for &ours in ledger.iter().filter(|at| free(at)) {
                    for &theirs in statement.iter().filter(|at| free(at)) {
                        let (a, b) = (&self.records[ours], &self.records[theirs]);
                        let gap = a.occurred_at.unwrap().0.abs_diff(b.occurred_at.unwrap().0);
                        if (!exact || a.principal == b.principal) && best.is_none_or(|(least, _, _)| gap < least) {
                            best = Some((gap, ours, theirs));
                        }
                    }
                }
                match best {
                    Some((_, ours, theirs)) => pairs.push((ours, theirs)),
                    None => break,
                }
            }
        }
        pairs.sort_by_key(|&(_, theirs)| self.records[theirs].occurred_at);
        pairs
    }

    /// The code of a pair, "open" or "match".
    fn verdict(&self, ours: usize, theirs: usize) -> &'static str {
        use Status::{Pending, Success};
        let (a, b) = (&self.records[ours], &self.records[theirs]);
        let open = |record: &Record| record.status == Pending;
        if b.status == Success && a.status == Status::Closed && a.kind == Kind::Payment {
            return "LATE_SUCCESS_AFTER_CLOSE";
        }
        if b.status == Success && a.status != Success {
            return "STATUS_PROVIDER_SUCCESS";
        }
        if (open(a) || open(b)) && (waits(a) || waits(b)) {
            return "open";
        }
        if a.status == Success && b.status != Success {
            let failed = a.kind == Kind::Payout && !open(b);
            return if failed { "PAYOUT_FAILED" } else { "STATUS_LEDGER_SUCCESS" };
        }
        if open(a) || open(b) {
            // Stuck only after three business days: day 6, which no record here has.
            return if matches!(a.kind, Kind::Refund | Kind::Payout) { "open" } else { "nothing" };
        }
        let days = a.business_date.unwrap().0.abs_diff(b.business_date.unwrap().0);
        let delta = b.principal.get() - a.principal.get();
        match delta {
            _ if !success(a) => "match",
            0 if days > 1 => "PERIOD_MISMATCH",
            0 => "match",
            -1 | 1 => "ROUNDING_VARIANCE",
            2.. => "AMOUNT_OVER",
            _ => "AMOUNT_UNDER",
        }
    }

    fn judge(&mut self, (ours, theirs): (usize, usize), pass: &'static str) {
        match self.verdict(ours, theirs) {
            "open" => {
                self.end(&[ours], "TIMING_PENDING", "");
                self.end(&[theirs], "TIMING_PENDING", "");
            }
            "nothing" => {
                self.end(&[ours], "IGNORED(no_movement)", "");
                self.end(&[theirs], "IGNORED(no_movement)", "");
            }
            word => self.end(&[ours, theirs], word, pass),
        }
    }

    fn group(&mut self, mut members: Vec<usize>, pass: &'static str) {
        self.drop_replicas(&mut members);
        let side = |ledger: bool, moved: bool, oracle: &Self| -> Vec<usize> {
            let belongs =
                |&at: &usize| is_ledger(&oracle.records[at]) == ledger && success(&oracle.records[at]) == moved;
            members.iter().copied().filter(belongs).collect()
        };
        let (lm, li) = (side(true, true, self), side(true, false, self));
        let (sm, si) = (side(false, true, self), side(false, false, self));
        if lm.len() + li.len() == 0 || sm.len() + si.len() == 0 {
            return;
        }
        if self.records[members[0]].kind == Kind::Chargeback {
            let all = |a: &[usize], b: &[usize]| [a, b].concat();
            for pair in self.pairs(&all(&lm, &li), &all(&sm, &si)) {
                self.judge(pair, pass);
            }
            return;
        }
        let mut pairs = self.pairs(&lm, &sm);
        for (ledger, statement) in [(&li, &sm), (&lm, &si)] {
            if pairs.is_empty() {
                pairs = self.pairs(ledger, statement).into_iter().take(1).collect();
            }
        }
        if pairs.is_empty() {
            for pair in self.pairs(&li, &si) {
                self.judge(pair, pass);
            }
            return;
        }
        let agrees = |&&(a, b): &&(usize, usize)| matches!(self.verdict(a, b), "match" | "open" | "nothing");
        let good = pairs.iter().find(agrees).copied().unwrap_or(pairs[0]);
        let spare: Vec<usize> = lm.iter().chain(&sm).copied().filter(|&at| at != good.0 && at != good.1).collect();
        if spare.is_empty() {
            self.judge(good, pass);
        } else {
            let from_ledger = spare.iter().filter(|&&at| is_ledger(&self.records[at])).count();
            let code = match (from_ledger, spare.len() - from_ledger) {
                (ours, theirs) if ours == theirs => "DUPLICATE_BOTH",
                (ours, theirs) if ours > theirs => "DUPLICATE_LEDGER_ENTRY",
                _ => duplicate(self.records[good.1].kind),
            };
            if agrees(&&good) {
                self.judge(good, pass);
                self.end(&spare, code, pass);
            } else {
                self.end(&[spare, vec![good.0, good.1]].concat(), code, pass);
            }
        }
        for at in li.into_iter().chain(si) {
            let both_moved = success(&self.records[good.0]) && success(&self.records[good.1]);
            if !self.done[at] && (both_moved || self.records[at].status != Status::Pending) {
                self.end(&[at], "IGNORED(no_movement)", "");
            }
        }
    }

    fn run(mut self) -> Vec<Line> {
        let records = self.records;
        // K1
        let mut seen = Vec::new();
        for one in records {
            let (kind, number) = (one.kind, event(one));
            if number.is_some() && !seen.contains(&(kind, number)) {
                seen.push((kind, number));
                let members = self.open(|record| record.kind == kind && event(record) == number);
                self.group(members, "K1");
            }
        }
        // K2: the provider's number, told apart by occurrence
        let mut seen = Vec::new();
        for first in 0..records.len() {
            let (kind, number) = (records[first].kind, records[first].provider_txn_id);
            if self.done[first] || number.is_none() || seen.contains(&(kind, number)) {
                continue;
            }
            seen.push((kind, number));
            let mut members = self.open(|record| record.kind == kind && record.provider_txn_id == number);
            self.drop_replicas(&mut members);
            members.sort_by_key(|&at| records[at].occurred_at);
            let (ledger, statement): (Vec<usize>, Vec<usize>) =
                members.iter().partition(|&&at| is_ledger(&records[at]));
            for pair in self.of_one_number(&ledger, &statement) {
                self.judge(pair, "K2");
            }
        }
        self.orders();
        self.amounts();
        self.alone();
        self.lines.sort();
        self.lines
    }

    /// Successes before the rest.
    fn best(&self, ledger: &[usize], statement: &[usize]) -> Vec<(usize, usize)> {
        let moved = |side: &[usize]| side.iter().copied().filter(|&at| success(&self.records[at])).collect::<Vec<_>>();
        let mut pairs = self.pairs(&moved(ledger), &moved(statement));
        let rest = |side: &[usize], pairs: &[(usize, usize)]| -> Vec<usize> {
            side.iter().copied().filter(|at| !pairs.iter().any(|(a, b)| a == at || b == at)).collect()
        };
        let more = self.pairs(&rest(ledger, &pairs), &rest(statement, &pairs));
        pairs.extend(more);
        pairs
    }

    /// Under one number that stands on several rows, two that have different numbers of their own never pair.
    fn of_one_number(&self, ledger: &[usize], statement: &[usize]) -> Vec<(usize, usize)> {
        if ledger.len() == 1 && statement.len() == 1 {
            return vec![(ledger[0], statement[0])];
        }
        let numbered = |at: &usize| event(&self.records[*at]).is_some();
        let (named, nameless): (Vec<usize>, Vec<usize>) = ledger.iter().partition(|at| numbered(at));
        let mut pairs = self.best(&nameless, statement);
        let open: Vec<usize> = statement
            .iter()
            .copied()
            .filter(|at| !numbered(at) && !pairs.iter().any(|(_, taken)| taken == at))
            .collect();
        pairs.extend(self.best(&named, &open));
        pairs
    }

    fn orders(&mut self) {
        let records = self.records;
        let mut seen = Vec::new();
        for record in records {
            let (kind, order) = (record.kind, record.order_no);
            let applies = matches!(kind, Kind::Payment | Kind::Refund) && order.is_some();
            if !applies || seen.contains(&(kind, order)) {
                continue;
            }
            seen.push((kind, order));
            let members = self.open(|record| record.kind == kind && record.order_no == order);
            if kind == Kind::Payment {
                self.group(members, "K3");
                continue;
            }
            let (ledger, statement): (Vec<usize>, Vec<usize>) =
                members.iter().partition(|&&at| is_ledger(&records[at]));
            let alive = |side: &[usize]| -> Vec<usize> {
                let dead = [Status::Failed, Status::Closed];
                side.iter().copied().filter(|&at| !dead.contains(&records[at].status)).collect()
            };
            if let ([ours], [theirs]) = (alive(&ledger).as_slice(), alive(&statement).as_slice()) {
                self.judge((*ours, *theirs), "K3");
                continue;
            }
            let unnumbered = |side: &[usize]| side.iter().all(|&at| records[at].event_no.is_none());
            if unnumbered(&ledger) || unnumbered(&statement) {
                for (ours, theirs) in self.best(&ledger, &statement) {
                    if records[ours].principal == records[theirs].principal {
                        self.judge((ours, theirs), "K3");
                    }
                }
            }
        }
    }

    fn amounts(&mut self) {
        let records = self.records;
        let fits = |ours: usize, theirs: usize| {
            let (a, b) = (&records[ours], &records[theirs]);
            is_ledger(a)
                && !is_ledger(b)
                && success(a)
                && success(b)
                && (a.kind, a.principal) == (b.kind, b.principal)
                && same_party(a.counterparty, b.counterparty)
                && (event(a).is_none() || event(b).is_none())
                && ![(a.event_no, b.event_no), (a.order_no, b.order_no), (a.provider_txn_id, b.provider_txn_id)]
                    .iter()
                    .any(|(one, other)| one.is_some() && other.is_some() && one != other)
                && a.occurred_at.unwrap().0.abs_diff(b.occurred_at.unwrap().0) <= 600_000_000
        };
        let open = self.open(|_| true);
        let mut seen: Vec<usize> = Vec::new();
        for &start in &open {
            let mut cluster = vec![start];
            let mut grown = true;
            while grown && !seen.contains(&start) {
                grown = false;
                for &other in &open {
                    let linked = cluster.iter().any(|&at| fits(at, other) || fits(other, at));
                    if linked && !cluster.contains(&other) {
                        cluster.push(other);
                        grown = true;
                    }
                }
            }
            if cluster.len() > 1 {
                seen.extend(&cluster);
                cluster.sort_by_key(|&at| !is_ledger(&records[at]));
                if cluster.len() == 2 {
                    self.judge((cluster[0], cluster[1]), "K4");
                } else {
                    self.end(&cluster, "AMBIGUOUS_MATCH", "K4");
                }
            }
        }
    }

    fn alone(&mut self) {
        for (first, one) in self.records.iter().enumerate() {
            if self.done[first] {
                continue;
            }
            let pending = one.status == Status::Pending;
            let keyless = event(one).is_none() && one.provider_txn_id.is_none() && one.order_no.is_none();
            if pending && matches!(one.kind, Kind::Refund | Kind::Payout) {
                // Stuck only after three business days: day 6, which no record here has.
                self.end(&[first], "TIMING_PENDING", "");
            } else if pending && waits(one) {
                self.end(&[first], "TIMING_PENDING", "");
            } else if !success(one) {
                self.end(&[first], "IGNORED(no_movement)", "");
            } else if keyless {
                self.end(&[first], "KEY_MISSING", "");
            } else {
                self.several(first);
            }
        }
    }

    /// Successes of one side under one number, waiting or missing.
    fn several(&mut self, first: usize) {
        let records = self.records;
        let one = &records[first];
        let single = one.kind != Kind::Chargeback && event(one).is_some();
        let same = |record: &Record| {
            single
                && is_ledger(record) == is_ledger(one)
                && record.kind == one.kind
                && event(record) == event(one)
                && success(record)
        };
        let mut members = self.open(same);
        if !single {
            members = vec![first];
        }
        members.sort_by_key(|&at| records[at].occurred_at);
        let (waiting, missing): (Vec<usize>, Vec<usize>) = members.into_iter().partition(|&at| waits(&records[at]));
        if is_ledger(one) {
            waiting.iter().for_each(|&at| self.end(&[at], "TIMING_PENDING", ""));
            let code = if one.kind == Kind::Refund { "REFUND_NOT_EXECUTED" } else { "MISSING_AT_PROVIDER" };
            if !missing.is_empty() {
                self.end(&missing, code, "");
            }
            return;
        }
        // A success that is missing and one that still waits: one number, paid more than once.
        if !waiting.is_empty() && !missing.is_empty() {
            self.end(&[waiting, missing].concat(), duplicate(one.kind), "");
            return;
        }
        if let [first, surplus @ ..] = waiting.as_slice() {
            self.end(&[*first], "TIMING_PENDING", "");
            if !surplus.is_empty() {
                self.end(surplus, duplicate(one.kind), "");
            }
        }
        let code = match one.kind {
            Kind::Refund => "REFUND_UNAUTHORISED",
            Kind::Payout => "PAYOUT_UNAUTHORISED",
            Kind::Chargeback => "CHARGEBACK_UNBOOKED",
            _ => "MISSING_IN_LEDGER",
        };
        match missing.len() {
            0 => {}
            1 => self.end(&missing, code, ""),
            _ => self.end(&missing, duplicate(one.kind), ""),
        }
    }
}

fn duplicate(kind: Kind) -> &'static str {
    match kind {
        Kind::Refund => "DUPLICATE_REFUND",
        Kind::Payout => "DUPLICATE_PAYOUT",
        _ => "DUPLICATE_PAYMENT",
    }
}

fn of_kernel(records: &[Record]) -> Vec<Line> {
    let place = |at: &u32| records[*at as usize].place;
    let mut lines: Vec<Line> = reconcile(records, &policy())
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Match { pass, ledger, statement, .. } => {
                let mut places = vec![place(&ledger), place(&statement)];
                places.sort_unstable();
                (places, "match", pass.word())
            }
            Outcome::Rest { record, state, .. } => (vec![place(&record)], state.word(), ""),
            Outcome::Difference(difference) => {
                let mut places: Vec<u64> = difference.ledger.iter().chain(&difference.statement).map(place).collect();
                places.sort_unstable();
                (places, difference.code.word(), difference.pass.map_or("", |pass| pass.word()))
            }
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn the_kernel_and_a_slow_matcher_come_to_the_same() {
    law("oracle", |drafts| {
        let drafts: Vec<Draft> = drafts
            .into_iter()
            .filter(|draft| draft.kind != Kind::Reversal)
            .map(|draft| Draft { fee: 0, ..draft })
            .collect();
        let records = records(&drafts);
        let oracle = Oracle { records: &records, done: vec![false; records.len()], lines: Vec::new() };
        prop_assert_eq!(of_kernel(&records), oracle.run());
        Ok(())
    });
}
