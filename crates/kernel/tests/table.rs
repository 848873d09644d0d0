//! Books written as text: one line a record, then `----`, then one line an outcome.
//!
//! ```text
//! policy     horizon=none
//! ledger     L1  order=A1  payment  CNY 100.00  success
//! statement  P1  order=A1  payment  CNY 100.01  success  id=T1
//! ----
//! difference L1 P1  K1  ROUNDING_VARIANCE  P3  +0.01
//! ```
//!
//! The run day is 10; `day=`, `t=` (seconds), `closed=` (seconds), `fee=`, `tax=`, `net=`,
//! `gross=` (order amount), `settled=` (amount), `acct=`, `cp=`, `event=`, `orig=`, `same=NAME`
//! (equal bytes), `in`/`out`, `delivered`, `note=` complete a record.

use std::collections::BTreeMap;

use tieout_kernel::across::{Before, over_returned};
use tieout_kernel::calendar::{Calendar, Day};
use tieout_kernel::code::{Code, Codes};
use tieout_kernel::currency::Currency;
use tieout_kernel::fee::{FeeBase, FeeRule, FeeSchedule, Rate, RefundFee};
use tieout_kernel::key::Pass;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::{Outcome, State};
use tieout_kernel::pass::reconcile;
use tieout_kernel::policy::{ByAmount, Compared, ComparedColumn, Horizon, Policy, SourcePolicy, Tolerances};
use tieout_kernel::proof::{Ends, Tally};
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, KindSet, Note, Notes, Origin, Record, Status};
use tieout_kernel::severity::{Parties, Reason, Weights, weigh};

/// Source 0 is the ledger, 1 and 2 are statements.
pub fn policy() -> Policy {
    Policy {
        run_day: Some(Day(10)),
        calendar: Calendar::default(),
        sources: ["ledger", "one", "two"].map(|name| SourcePolicy::plain(name, Horizon::BusinessDays(1))).to_vec(),
        accounts: BTreeMap::from([("M".to_owned(), 1), ("N".to_owned(), 2)]),
        ledger_kinds: KindSet::ALL,
        stuck_after: 3,
        passes: vec![Pass::K2, Pass::K3, Pass::K4],
        by_amount: ByAmount { window_micros: 600_000_000, party_required: true },
        compared: Compared::default(),
        tolerances: Tolerances::default(),
    }
}

/// Runs a table; panics with both texts when the outcome is another.
#[track_caller]
pub fn check(text: &str) {
    let (books, expected) = text.split_once("----").unwrap();
    let (policy, lines, names) = read(books);
    let columns: Vec<[Option<&str>; 1]> = lines.iter().map(|line| [value(line, "col=")]).collect();
    let records: Vec<Record> =
        lines.iter().enumerate().map(|(at, line)| record(line, at, &names, &columns[at], &policy)).collect();

    let outcomes = reconcile(&records, &policy);
    prove(&records, &outcomes);
    let mut actual: Vec<String> = outcomes.iter().map(|outcome| render(outcome, &records, &names)).collect();
    actual.sort();
    let mut expected: Vec<String> = expected
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    expected.sort();
    assert_eq!(actual, expected, "\n--- actual ---\n{}\n", actual.join("\n"));

    // The same books in reverse order of input come to the same.
    let mut reversed: Vec<Record> = records.clone();
    reversed.reverse();
    let reversed_names: Vec<&str> = names.iter().rev().copied().collect();
    let mut again: Vec<String> =
        reconcile(&reversed, &policy).iter().map(|outcome| render(outcome, &reversed, &reversed_names)).collect();
    again.sort();
    assert_eq!(actual, again, "the order of input must not matter");
}

/// Policy, lines of records, and the names of the records.
fn read(books: &str) -> (Policy, Vec<&str>, Vec<&str>) {
    let mut policy = policy();
    let mut lines = Vec::new();
    for line in books.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("policy ") {
            Some(settings) => settings.split_whitespace().for_each(|setting| set(&mut policy, setting)),
            None => lines.push(line),
        }
    }
    let names = lines.iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    (policy, lines, names)
}

/// The records of one order and what of them is more than came in: name, code, excess.
#[track_caller]
pub fn check_life(text: &str) {
    let (books, expected) = text.split_once("----").unwrap();
    let (policy, lines, names) = read(books);
    let mut records: Vec<Record> =
        lines.iter().enumerate().map(|(at, line)| record(line, at, &names, &[], &policy)).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for _ in 0..2 {
        let members = (0..u32::try_from(records.len()).unwrap()).collect();
        let mut actual: Vec<String> = over_returned(&records, members, Before::default())
            .iter()
            .map(|mark| {
                let name = names[usize::try_from(mark.place).unwrap()];
                format!("{name} {} {}", mark.code, decimal(mark.at_risk, 2, ""))
            })
            .collect();
        actual.sort();
        assert_eq!(actual, expected);
        records.reverse();
    }
}

/// The tiers of all differences of a book: members, code, and each step that counted.
#[track_caller]
pub fn check_tiers(weights: &Weights, text: &str) {
    let (books, expected) = text.split_once("----").unwrap();
    let (policy, lines, names) = read(books);
    let records: Vec<Record> =
        lines.iter().enumerate().map(|(at, line)| record(line, at, &names, &[], &policy)).collect();
    let mut outcomes = reconcile(&records, &policy);
    let mut parties = Parties::default();
    parties.count(&records, &outcomes);
    weigh(&records, &mut outcomes, &policy, weights, &parties);
    let mut actual: Vec<String> = outcomes
        .iter()
        .filter_map(|outcome| {
            let Outcome::Difference(difference) = outcome else { return None };
            let members = difference.ledger.iter().chain(&difference.statement).map(|&at| names[at as usize]);
            let steps: Vec<String> = difference.reasons.iter().map(step).collect();
            let members = members.collect::<Vec<_>>().join(" ");
            Some(format!("{members} {} {} {}", difference.code, difference.severity, steps.join(", ")))
        })
        .collect();
    actual.sort();
    let mut expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    expected.sort_unstable();
    assert_eq!(actual, expected, "\n{}\n", actual.join("\n"));
}

fn step(reason: &Reason) -> String {
    match reason {
        Reason::Code(tier) => format!("code {tier}"),
        Reason::Case(tier) => format!("case {tier}"),
        Reason::Flag(tier, code) => format!("also {code} {tier}"),
        Reason::Amount(tier, amount) => format!("amount {} {tier}", decimal(*amount, 2, "")),
        Reason::NoRate(tier, currency) => format!("no rate of {} {tier}", currency.code()),
        Reason::Age(tier, days) => format!("age {days} {tier}"),
        Reason::Outflow(tier) => format!("outflow {tier}"),
        Reason::Repeat(tier, count) => format!("repeat {count} {tier}"),
        Reason::Regulated(tier) => format!("regulated {tier}"),
        Reason::Override(tier, number) => format!("override {number} {tier}"),
    }
}

/// Asserts conservation for a full set of outcomes.
pub fn prove(records: &[Record], outcomes: &[Outcome]) {
    let members: Vec<u32> = (0..u32::try_from(records.len()).unwrap()).collect();
    let mut ends = Ends::default();
    ends.count(records, &members, outcomes).unwrap();
    let tally = |ledger: bool| Tally::of(records.iter().filter(|record| (record.book == Book::Ledger) == ledger));
    ends.prove(&tally(true), &tally(false)).unwrap();
}

fn set(policy: &mut Policy, setting: &str) {
    let (key, value) = setting.split_once('=').unwrap();
    let horizon = |value: &str| match value {
        "none" => Horizon::AtOnce,
        days => Horizon::BusinessDays(days.parse().unwrap()),
    };
    match key {
        "horizon" => policy.sources.iter_mut().for_each(|source| {
            source.horizons.iter_mut().for_each(|each| *each = horizon(value));
        }),
        "statement_horizon" => {
            for source in &mut policy.sources[1..] {
                source.horizons.fill(horizon(value));
            }
        }
        "compare" => match value {
            "fee" => policy.compared.fee = true,
            "tax" => policy.compared.tax = true,
            "counterparty" => policy.compared.counterparty = true,
            _ => {
                policy.compared.columns = vec![ComparedColumn { name: value.to_owned(), code: Code::ChannelMismatch }];
            }
        },
        "rate" => policy.sources[1].fees = Some(schedule(value)),
        "books" => policy.ledger_kinds = kinds(value),
        "shows" => policy.sources[1].kinds = kinds(value),
        "tolerance" => policy.tolerances.principal = amount(value),
        "regulated" => policy.sources[1].regulated = value == "true",
        "providers" => {
            policy.sources.iter_mut().for_each(|source| source.provider.clone_from(&source.name));
        }
        "day" => policy.run_day = Some(Day(value.parse().unwrap())),
        "success_only" => policy.sources[0].success_only = value == "true",
        other => panic!("no such setting: {other}"),
    }
}

fn kinds(words: &str) -> KindSet {
    KindSet::of(&words.split(',').map(|word| Kind::from_word(word).unwrap()).collect::<Vec<_>>())
}

fn schedule(per_mille: &str) -> FeeSchedule {
    let rate = Rate(per_mille.parse::<i64>().unwrap() * 1_000_000);
    let kinds = KindSet::of(&[Kind::Payment, Kind::Refund]);
    FeeSchedule {
        rules: vec![FeeRule {
            from: None,
            until: None,
            kinds,
            currency: None,
            rate,
            base: FeeBase::Amount,
            flat: Minor::ZERO,
            floor: None,
            cap: None,
            refunds: RefundFee::Returned,
        }],
    }
}

fn value<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(key))
}

fn amount(text: &str) -> Minor {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    Minor::new(digits.parse().unwrap()).unwrap()
}

fn record<'t>(
    line: &'t str,
    at: usize,
    names: &[&str],
    compared: &'t [Option<&'t str>],
    policy: &Policy,
) -> Record<'t> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let kind = words.iter().find_map(|word| Kind::from_word(&word.to_uppercase())).unwrap();
    let status = words.iter().find_map(|word| Status::from_word(&word.to_uppercase())).unwrap();
    let (currency_at, currency) =
        words.iter().enumerate().find_map(|(at, word)| Currency::iso(word).map(|currency| (at, currency))).unwrap();
    let principal = amount(words[currency_at + 1]);
    let is_ledger = words[0] == "ledger";
    let direction = match (has("in"), has("out")) {
        (true, _) => Direction::In,
        (_, true) => Direction::Out,
        _ => kind.natural_direction().unwrap_or(Direction::In),
    };
    let money = |key| value(line, key).map(amount);
    let seconds = |key| value(line, key).map(|text| Instant(text.parse::<i64>().unwrap() * 1_000_000));
    let content_of = value(line, "same=").unwrap_or(words[1]);
    Record {
        book: if is_ledger { Book::Ledger } else { Book::Statement },
        source: if is_ledger { 0 } else { policy.accounts[value(line, "acct=").unwrap_or("M")] },
        place: at as u64,
        content: names.iter().position(|name| *name == content_of).unwrap() as u64,
        account: value(line, "acct=").unwrap_or("M"),
        kind,
        direction,
        status,
        currency,
        principal,
        amount: money("settled=").unwrap_or(principal),
        order_amount: money("gross="),
        fee: money("fee="),
        tax: money("tax="),
        net: money("net="),
        event_no: value(line, "event="),
        order_no: value(line, "order="),
        provider_txn_id: value(line, "id="),
        original_txn_id: value(line, "orig="),
        counterparty: value(line, "cp="),
        occurred_at: Some(seconds("t=").unwrap_or(Instant(0))),
        business_date: Some(Day(value(line, "day=").map_or(10, |day| day.parse().unwrap()))),
        closed_at: seconds("closed="),
        fulfilled: has("delivered").then_some(true),
        notes: value(line, "note=").map_or(Notes::NONE, |word| Notes::NONE.with(Note::from_word(word).unwrap())),
        compared,
        origin: value(line, "from=").map_or(Origin::Tonight, |word| Origin::from_word(word).unwrap()),
        held: has("held"),
        across: Across {
            codes: value(line, "mark=").map_or(Codes::NONE, |word| Codes::NONE.with(Code::from_word(word).unwrap())),
            hints: value(line, "hint=").map_or(Codes::NONE, |word| Codes::NONE.with(Code::from_word(word).unwrap())),
            at_risk: Total::ZERO,
            refunds_of_order: value(line, "refunds=").map_or(0, |count| count.parse().unwrap()),
            orphan: has("orphan"),
        },
    }
}

fn render(outcome: &Outcome, records: &[Record], names: &[&str]) -> String {
    let name = |at: &u32| names[*at as usize];
    let flags = |codes: Codes, notes: Notes| {
        let words: Vec<&str> = codes.iter().map(Code::word).chain(notes.iter().map(Note::word)).collect();
        if words.is_empty() { String::new() } else { format!(" [{}]", words.join(" ")) }
    };
    match outcome {
        Outcome::Match { pass, state, ledger, statement, flags: codes, notes } => {
            let when = if *state == State::Matched { String::new() } else { format!(" {state}") };
            format!("match {} {} {pass}{when}{}", name(ledger), name(statement), flags(*codes, *notes))
        }
        Outcome::Rest { record, state, flags: codes } => {
            format!("state {} {state}{}", name(record), flags(*codes, Notes::NONE))
        }
        Outcome::Difference(difference) => {
            let members: Vec<&str> = difference.ledger.iter().chain(&difference.statement).map(name).collect();
            let exponent = records
                [difference.ledger.iter().chain(&difference.statement).next().map_or(0, |at| *at as usize)]
            .currency
            .exponent();
            let money = |total: Option<Total>, plus: &str| {
                total.map_or("none".to_owned(), |total| decimal(total, exponent, plus))
            };
            let pass = difference.pass.map_or("-", Pass::word);
            let mut text = format!(
                "difference {} {pass} {} {} {}",
                members.join(" "),
                difference.code,
                difference.severity,
                money(difference.exposure, "+")
            );
            if difference.at_risk != difference.exposure.map(Total::magnitude) {
                text += &format!(" risk={}", money(difference.at_risk, ""));
            }
            if difference.fee_delta.is_some() {
                text += &format!(" fee={}", money(difference.fee_delta, "+"));
            }
            if !difference.related.is_empty() {
                text += &format!(" ({})", difference.related.iter().map(name).collect::<Vec<_>>().join(" "));
            }
            text + &flags(difference.flags, difference.notes)
        }
    }
}

fn decimal(total: Total, exponent: u8, plus: &str) -> String {
    let scale = 10_i128.pow(u32::from(exponent));
    let sign = match total.get() {
        ..0 => "-",
        0 => "",
        1.. => plus,
    };
    let (whole, part) = (total.get().abs() / scale, total.get().abs() % scale);
    if exponent == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0width$}", width = usize::from(exponent))
    }
}
