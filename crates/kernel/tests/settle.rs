//! Write-offs: what may be settled, the limits and caps, the drift guard, the journal, and attacks on them.

use std::collections::BTreeMap;

use tieout_kernel::calendar::Day;
use tieout_kernel::code::Code;
use tieout_kernel::currency::Currency;
use tieout_kernel::fee::Rate;
use tieout_kernel::money::{Minor, Total};
use tieout_kernel::outcome::Outcome;
use tieout_kernel::pass::reconcile;
use tieout_kernel::record::{Across, Book, Direction, Instant, Kind, Note, Notes, Origin, Record, Status};
use tieout_kernel::settle::{Ballot, Cap, Class, Decision, Drift, Refusal, Rule, Settlement, journal};
use tieout_kernel::severity::Rates;

use super::table::policy;

fn minor(units: i64) -> Minor {
    Minor::new(units).unwrap()
}

fn cny() -> Currency {
    Currency::iso("CNY").unwrap()
}

fn cap() -> Cap {
    Cap {
        item: Total::new(100),
        party_count: 10,
        party_amount: Total::new(100),
        run_count: 1_000,
        run_amount: Total::new(50_000),
        run_share: Rate(Rate::ONE),
    }
}

fn settlement() -> Settlement {
    let rule = |absolute, share| Rule {
        absolute: minor(absolute),
        share,
        gain: "6301 gain".to_owned(),
        loss: "6711 loss".to_owned(),
    };
    Settlement {
        rules: BTreeMap::from([
            (Class::Rounding, rule(1, None)),
            (Class::Fee, rule(5, Some(Rate(5_000_000)))),
            (Class::Net, rule(1, None)),
        ]),
        clearing: "1221 clearing".to_owned(),
        adverse: cap(),
        favourable: cap(),
        base_currency: cny(),
    }
}

/// Hears some outcomes, decides, and tells them; `order` is that of their names.
fn settle(
    records: &[Record<'_>],
    outcomes: &mut [Outcome],
    order: &[usize],
    settlement: &Settlement,
    rates: &Rates,
    volume: &BTreeMap<u16, Total>,
    withheld: bool,
) -> Vec<Drift> {
    let named = || order.iter().copied().enumerate();
    let mut ballot = Ballot::default();
    // In two slices, the later one first.
    let (first, rest) = order.split_at(order.len() / 2);
    for (from, some) in [(first.len(), rest), (0, first)] {
        let mut slice = Ballot::default();
        slice.hear(records, outcomes, (from..).zip(some.iter().copied()), Some(settlement), rates);
        ballot.add(slice);
    }
    let verdict = ballot.decide(Some(settlement), volume, withheld);
    verdict.give(records, outcomes, named(), settlement, rates).unwrap();
    verdict.leaning
}

/// Orders of 100.00 whose statement differs by `deltas`, under numbers and parties of their own.
struct Night {
    numbers: Vec<String>,
    deltas: Vec<i64>,
    party: Option<&'static str>,
}

impl Night {
    fn of(deltas: Vec<i64>) -> Self {
        Self { numbers: (0..deltas.len()).map(|at| format!("A{at:06}")).collect(), deltas, party: None }
    }

    fn records(&self) -> Vec<Record<'_>> {
        let lines = self.numbers.iter().zip(&self.deltas).enumerate();
        lines
            .flat_map(|(at, (number, delta))| {
                let place = at as u64 * 2;
                let ledger = record(Book::Ledger, place, number, 10_000, self.party);
                [ledger, record(Book::Statement, place + 1, number, 10_000 + delta, self.party)]
            })
            .collect()
    }
}

fn record<'r>(book: Book, place: u64, number: &'r str, amount: i64, party: Option<&'r str>) -> Record<'r> {
    Record {
        book,
        source: u16::from(book != Book::Ledger),
        place,
        content: place,
        account: "M",
        kind: Kind::Payment,
        direction: Direction::In,
        status: Status::Success,
        currency: cny(),
        principal: minor(amount),
        amount: minor(amount),
        order_amount: None,
        fee: None,
        tax: None,
        net: None,
        event_no: None,
        order_no: Some(number),
        provider_txn_id: None,
        original_txn_id: None,
        counterparty: party,
        occurred_at: Some(Instant(0)),
        business_date: Some(Day(10)),
        closed_at: None,
        fulfilled: None,
        notes: Notes::NONE,
        compared: &[],
        origin: Origin::Tonight,
        held: false,
        across: Across::default(),
    }
}

/// Settled and refused, each counted, and how many cells drift. The journal is made and proven, too.
fn run(records: &[Record<'_>], settlement: &Settlement, volume: i128) -> (usize, BTreeMap<&'static str, usize>, usize) {
    let mut outcomes = reconcile(records, &policy());
    let order: Vec<usize> = (0..outcomes.len()).collect();
    let volume = BTreeMap::from([(1, Total::new(volume))]);
    let drifts = settle(records, &mut outcomes, &order, settlement, &Rates::default(), &volume, false);
    let mut refused = BTreeMap::new();
    let mut settled = 0;
    for outcome in &outcomes {
        let Outcome::Difference(difference) = outcome else { continue };
        match difference.settlement.unwrap() {
            Decision::Settled { .. } => settled += 1,
            Decision::Refused(why) => *refused.entry(why.word()).or_default() += 1,
        }
    }
    let lines = journal(records, &outcomes, &order, settlement).unwrap();
    assert_eq!(lines.len(), settled * 2, "two lines each");
    (settled, refused, drifts.len())
}

const PLENTY: i128 = 1_000_000_000_000;

#[test]
fn only_rounding_fee_and_net_codes_are_ever_settled() {
    let settleable: Vec<Code> = Code::ALL.iter().copied().filter(|&code| Class::of(code).is_some()).collect();
    let allowed = [Code::RoundingVariance, Code::FeeOvercharged, Code::FeeUndercharged, Code::NetRounding];
    assert_eq!(settleable, allowed);
}

#[test]
fn a_variance_within_the_limit_is_settled_and_books_balance() {
    let book = Night::of(vec![1, -1, 0]);
    let records = book.records();
    let mut outcomes = reconcile(&records, &policy());
    let order: Vec<usize> = (0..outcomes.len()).collect();
    let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
    let own = settlement();
    settle(&records, &mut outcomes, &order, &own, &Rates::default(), &volume, false);
    let lines = journal(&records, &outcomes, &order, &own).unwrap();
    let told: Vec<_> = lines.iter().map(|line| (line.account, line.debit.get(), line.credit.get())).collect();
    assert_eq!(told, vec![("1221 clearing", 1, 0), ("6301 gain", 0, 1), ("6711 loss", 1, 0), ("1221 clearing", 0, 1)]);
}

#[test]
fn an_amount_beyond_rounding_a_missing_record_and_a_duplicate_are_banned() {
    let book = Night::of(vec![2]);
    let mut records = book.records();
    records.push(record(Book::Statement, 10, "B1", 10_000, None));
    records.push(record(Book::Ledger, 11, "C1", 10_000, None));
    records.push(record(Book::Statement, 12, "C1", 10_000, None));
    records.push(Record { occurred_at: Some(Instant(9)), ..record(Book::Statement, 13, "C1", 10_000, None) });
    let late = Some(Day(1));
    records.iter_mut().for_each(|record| record.business_date = late);
    let (settled, refused, _) = run(&records, &settlement(), PLENTY);
    assert_eq!((settled, refused), (0, BTreeMap::from([(Refusal::Banned.word(), 3)])));
}

#[test]
fn without_a_rule_or_with_a_flag_or_a_note_nothing_is_settled() {
    let book = Night::of(vec![1]);
    let records = book.records();
    let mut own = settlement();
    own.rules.remove(&Class::Rounding);
    assert_eq!(run(&records, &own, PLENTY).1, BTreeMap::from([(Refusal::NoRule.word(), 1)]));

    let mut flagged = records.clone();
    flagged[1].net = Some(minor(9_000));
    assert_eq!(run(&flagged, &settlement(), PLENTY).1, BTreeMap::from([(Refusal::Flagged.word(), 1)]));

    let mut noted = records.clone();
    noted[1].notes = Notes::NONE.with(Note::Processing);
    assert_eq!(run(&noted, &settlement(), PLENTY).1, BTreeMap::from([(Refusal::Flagged.word(), 1)]));

    let mut other_party = records;
    (other_party[0].counterparty, other_party[1].counterparty) = (Some("6222000011"), Some("6222000012"));
    assert_eq!(run(&other_party, &settlement(), PLENTY).1, BTreeMap::from([(Refusal::NotAlike.word(), 1)]));
}

#[test]
fn the_smaller_limit_counts_its_bound_is_inside_and_a_share_allows_one_unit() {
    let fees = |expected: i64, charged: i64, absolute: i64| {
        let mut records =
            vec![record(Book::Ledger, 0, "A", 10_000, None), record(Book::Statement, 1, "A", 10_000, None)];
        (records[0].fee, records[1].fee) = (Some(minor(expected)), Some(minor(charged)));
        let mut policy = policy();
        policy.compared.fee = true;
        let mut outcomes = reconcile(&records, &policy);
        let mut own = settlement();
        own.rules.get_mut(&Class::Fee).unwrap().absolute = minor(absolute);
        let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
        settle(&records, &mut outcomes, &[0], &own, &Rates::default(), &volume, false);
        outcomes.iter().any(|outcome| matches!(outcome, Outcome::Difference(one) if one.is_settled()))
    };
    assert!(fees(-1_000, -1_005, 5), "0.5 % of 10.00 is 0.05, and 0.05 is inside");
    assert!(!fees(-1_000, -1_006, 9), "0.06 is outside the share");
    assert!(!fees(-1_000, -1_003, 2), "0.03 is outside the absolute limit");
    assert!(fees(-10, -11, 5), "one minor unit is always within the share");
    assert!(!fees(-10, -12, 5), "two are not");
    assert!(!fees(-1_000, -1_001, 0), "an absolute limit of nothing settles nothing");
}

/// Signs in turn, so that nothing leans.
fn noise(count: usize) -> Vec<i64> {
    (0..count).map(|at| if at % 2 == 0 { 1 } else { -1 }).collect()
}

#[test]
fn ten_thousand_one_cent_variances_stop_at_the_caps_of_each_direction() {
    let book = Night::of(noise(10_000));
    let records = book.records();
    let (settled, refused, drifts) = run(&records, &settlement(), PLENTY);
    assert_eq!((settled, drifts), (2_000, 0), "a thousand each way");
    assert_eq!(refused, BTreeMap::from([(Refusal::RunCap.word(), 8_000)]));

    let tight = Settlement { adverse: Cap { run_amount: Total::new(7), ..cap() }, ..settlement() };
    assert_eq!(run(&records, &tight, PLENTY).0, 1_007, "a tighter cap of what we lose leaves what we gain");

    let share = Cap { run_share: Rate(10_000), ..cap() };
    let by_volume = Settlement { adverse: share, favourable: share, ..settlement() };
    assert_eq!(run(&records, &by_volume, 10_000_000).0, 200, "0.001 % of what matched, each way");
    assert_eq!(run(&records, &by_volume, 0).0, 0, "nothing matched, nothing is settled");
}

#[test]
fn one_party_and_one_item_have_caps_of_their_own() {
    let book = Night { party: Some("6222021234561234"), ..Night::of(noise(50)) };
    let (settled, refused, _) = run(&book.records(), &settlement(), PLENTY);
    assert_eq!((settled, refused), (20, BTreeMap::from([(Refusal::PartyCap.word(), 30)])));

    let small = Cap { item: Total::ZERO, ..cap() };
    let own = Settlement { adverse: small, favourable: small, ..settlement() };
    let book = Night::of(vec![1]);
    assert_eq!(run(&book.records(), &own, PLENTY).1, BTreeMap::from([(Refusal::ItemCap.word(), 1)]));
}

#[test]
fn a_stream_that_leans_one_way_is_a_fault_and_not_noise() {
    let leaning = |positive: usize, negative: usize| {
        let mut deltas = vec![1; positive];
        deltas.extend(vec![-1; negative]);
        let book = Night::of(deltas);
        let (settled, _, drifts) = run(&book.records(), &settlement(), PLENTY);
        (settled, drifts)
    };
    assert_eq!(leaning(29, 0), (29, 0), "too few to tell");
    assert_eq!(leaning(30, 0), (0, 1), "all one way");
    assert_eq!(leaning(27, 3), (0, 1), "nine in ten one way");
    assert_eq!(leaning(20, 10), (30, 0), "noise");
    assert_eq!(leaning(70, 30), (0, 1), "its mean is more than three standard errors from nothing");
}

#[test]
fn one_large_outlier_does_not_make_a_leaning_stream_look_like_noise() {
    let mut deltas = vec![1; 26];
    deltas.extend(vec![-1; 4]);
    assert_eq!(fees(&deltas), (0, 1), "26 of 30 lean far enough");
    deltas[29] = -1_000;
    deltas.push(-1);
    assert_eq!(fees(&deltas), (0, 1), "and still do beside one that is never settled");
}

/// Fees of 6.00 off by `deltas`: how many are settled, and how many cells lean.
fn fees(deltas: &[i64]) -> (usize, usize) {
    let numbers: Vec<String> = (0..deltas.len()).map(|at| format!("A{at}")).collect();
    let mut records = Vec::new();
    for ((at, number), delta) in numbers.iter().enumerate().zip(deltas) {
        let place = at as u64 * 2;
        records.push(Record { fee: Some(minor(-600)), ..record(Book::Ledger, place, number, 100_000, None) });
        records.push(Record {
            fee: Some(minor(-600 + delta)),
            ..record(Book::Statement, place + 1, number, 100_000, None)
        });
    }
    let mut policy = policy();
    policy.compared.fee = true;
    let mut outcomes = reconcile(&records, &policy);
    let order: Vec<usize> = (0..outcomes.len()).collect();
    let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
    let drifts = settle(&records, &mut outcomes, &order, &settlement(), &Rates::default(), &volume, false);
    let settled = outcomes.iter().filter(|one| matches!(one, Outcome::Difference(one) if one.is_settled())).count();
    (settled, drifts.len())
}

#[test]
fn disputes_are_banned_and_numbers_that_differ_are_no_proof() {
    let night = Night::of(vec![-1]);
    let mut records = night.records();
    for record in &mut records {
        (record.kind, record.direction) = (Kind::Chargeback, Direction::Out);
        (record.event_no, record.order_no) = (record.order_no, None);
    }
    assert_eq!(run(&records, &settlement(), PLENTY).1, BTreeMap::from([(Refusal::Banned.word(), 1)]));

    let mut other_orders = night.records();
    other_orders[1].order_no = Some("ZZ9");
    other_orders.iter_mut().for_each(|record| record.provider_txn_id = Some("T1"));
    assert_eq!(run(&other_orders, &settlement(), PLENTY).1, BTreeMap::from([(Refusal::NotAlike.word(), 1)]));
}

#[test]
fn caps_see_an_account_under_all_its_spellings_and_amounts_below_the_base_currency() {
    let night = Night::of(noise(6));
    let mut records = night.records();
    let spellings = ["6222020000000001", "6222 0200 0000 0001", "6222-0200-0000-0001"];
    for (at, record) in records.iter_mut().enumerate() {
        record.counterparty = Some(spellings[at / 2 % 3]);
    }
    let one = Cap { party_count: 1, ..cap() };
    let own = Settlement { adverse: one, favourable: one, ..settlement() };
    assert_eq!(run(&records, &own, PLENTY).0, 2, "one each way");

    let rates = Rates([(cny(), 1_000)].into());
    let none = Cap { run_amount: Total::ZERO, ..cap() };
    let foreign =
        Settlement { adverse: none, favourable: none, base_currency: Currency::iso("USD").unwrap(), ..settlement() };
    let mut outcomes = reconcile(&night.records(), &policy());
    let order: Vec<usize> = (0..outcomes.len()).collect();
    let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
    settle(&night.records(), &mut outcomes, &order, &foreign, &rates, &volume, false);
    assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Difference(one) if one.is_settled())));
}

#[test]
fn when_the_runs_controls_failed_or_a_rate_is_missing_nothing_is_settled() {
    let book = Night::of(vec![1]);
    let records = book.records();
    let mut outcomes = reconcile(&records, &policy());
    let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
    settle(&records, &mut outcomes, &[0], &settlement(), &Rates::default(), &volume, true);
    let why = |outcomes: &[Outcome]| match &outcomes[0] {
        Outcome::Difference(difference) => difference.settlement,
        Outcome::Match { .. } | Outcome::Rest { .. } => None,
    };
    assert_eq!(why(&outcomes), Some(Decision::Refused(Refusal::Withheld)));

    let foreign = Settlement { base_currency: Currency::iso("USD").unwrap(), ..settlement() };
    settle(&records, &mut outcomes, &[0], &foreign, &Rates::default(), &volume, false);
    assert_eq!(why(&outcomes), Some(Decision::Refused(Refusal::NoRate)));
}

#[test]
fn a_journal_that_does_not_come_to_what_was_settled_is_refused() {
    let book = Night::of(vec![1]);
    let records = book.records();
    let mut outcomes = reconcile(&records, &policy());
    let volume = BTreeMap::from([(1, Total::new(PLENTY))]);
    settle(&records, &mut outcomes, &[0], &settlement(), &Rates::default(), &volume, false);
    // Gains booked on the clearing account itself would clear nothing.
    let mut circular = settlement();
    circular.rules.get_mut(&Class::Rounding).unwrap().gain = circular.clearing.clone();
    assert!(journal(&records, &outcomes, &[0], &circular).is_err());
    let mut without = settlement();
    without.rules.clear();
    assert!(journal(&records, &outcomes, &[0], &without).is_err());
    assert!(journal(&records, &outcomes, &[], &settlement()).is_err(), "a settled difference without an entry");
}
