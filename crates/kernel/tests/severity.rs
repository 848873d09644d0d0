//! Tiers, and the steps that lead to them.

use tieout_kernel::code::{Code, Severity};
use tieout_kernel::currency::Currency;
use tieout_kernel::severity::{Rates, Weights};

use super::table::check_tiers;

fn weights() -> Weights {
    Weights::of(Currency::iso("CNY").unwrap())
}

#[test]
fn the_amount_raises_a_tier_and_a_bound_counts_as_reached() {
    check_tiers(
        &weights(),
        "
        policy     horizon=none
        statement  P1  order=A1  payment  CNY 9999.99  success
        statement  P2  order=A2  payment  CNY 100000.00  success
        ledger     L3  order=A3  payment  CNY 1000.00  success
        statement  P3  order=A3  payment  CNY 1000.01  success
        statement  P4  event=F4  fee  CNY 10000.00  success
        ----
        P1 MISSING_IN_LEDGER P1 code P1
        P2 MISSING_IN_LEDGER P0 code P1, amount 100000.00 P0
        L3 P3 ROUNDING_VARIANCE P3 code P3
        P4 FEE_UNEXPECTED P1 code P2, amount 10000.00 P1
    ",
    );
}

#[test]
fn a_single_record_ages_after_its_horizon_and_a_pair_from_its_last_record() {
    check_tiers(
        &weights(),
        "
        statement  P1  event=F1  reserve_hold  CNY 1.00  success  day=8
        statement  P2  event=F2  reserve_hold  CNY 1.00  success  day=7
        statement  P3  event=F3  reserve_hold  CNY 1.00  success  day=6
        statement  P4  event=F4  reserve_hold  CNY 1.00  success  day=4
        ledger     L5  order=A5  payment  CNY 1.00  success  day=8
        statement  P5  order=A5  payment  CNY 1.01  success  day=9
        ----
        P1 RESERVE_MOVEMENT P2 code P3, age 1 P2
        P2 RESERVE_MOVEMENT P2 code P3, age 2 P2
        P3 RESERVE_MOVEMENT P1 code P3, age 3 P1
        P4 RESERVE_MOVEMENT P0 code P3, age 5 P0
        L5 P5 ROUNDING_VARIANCE P2 code P3, age 1 P2
    ",
    );
}

#[test]
fn money_that_leaves_and_a_party_that_returns_raise_by_one() {
    check_tiers(
        &weights(),
        "
        policy     horizon=none
        ledger     L1  event=R1  refund  CNY 1.00  success
        statement  P1  event=R1  refund  CNY 1.01  success
        statement  P2  order=A2  payment  CNY 1.00  success  cp=6222021234561234
        statement  P3  order=A3  payment  CNY 1.00  success  cp=6222021234561234
        statement  P4  order=A4  payment  CNY 1.00  success  cp=6222021234561234
        statement  P5  order=A5  payment  CNY 1.00  success  cp=****
        statement  P6  order=A6  payment  CNY 1.00  success  cp=****
        statement  P7  order=A7  payment  CNY 1.00  success  cp=****
        ----
        L1 P1 ROUNDING_VARIANCE P2 code P3, outflow P2
        P2 MISSING_IN_LEDGER P0 code P1, repeat 3 P0
        P3 MISSING_IN_LEDGER P0 code P1, repeat 3 P0
        P4 MISSING_IN_LEDGER P0 code P1, repeat 3 P0
        P5 MISSING_IN_LEDGER P1 code P1
        P6 MISSING_IN_LEDGER P1 code P1
        P7 MISSING_IN_LEDGER P1 code P1
    ",
    );
}

#[test]
fn goods_that_left_and_regulators_make_it_critical_and_the_job_may_set_a_code() {
    let own = Weights { of_code: [(Code::MissingInLedger, Severity::P3)].into(), ..weights() };
    check_tiers(
        &own,
        "
        policy     horizon=none
        ledger     L1  order=A1  payment  CNY 1.00  success  delivered
        statement  P2  order=A2  payment  CNY 1.00  success
        ----
        L1 MISSING_AT_PROVIDER P0 code P1, case P0
        P2 MISSING_IN_LEDGER P3 code P3
    ",
    );
    check_tiers(
        &weights(),
        "
        policy     horizon=none regulated=true
        ledger     L1  order=A1  payment  CNY 1.00  success
        statement  P2  order=A2  payment  CNY 1.00  success
        ----
        L1 MISSING_AT_PROVIDER P0 code P1, regulated P0
        P2 MISSING_IN_LEDGER P0 code P1, regulated P0
    ",
    );
}

#[test]
fn amounts_of_other_currencies_are_weighed_in_the_base_currency() {
    let usd = Currency::iso("USD").unwrap();
    let rated = Weights { rates: Rates([(usd, 7_100_000_000)].into()), ..weights() };
    check_tiers(
        &rated,
        "
        policy     horizon=none
        statement  P1  event=F1  fee  USD 141.00  success
        statement  P2  event=F2  fee  USD 1409.00  success
        statement  P3  event=F3  reserve_hold  EUR 1.00  success
        ledger     L4  order=A4  payment  CNY 50000.00  success
        statement  P4  order=A4  payment  USD 20000.00  success
        ----
        P1 FEE_UNEXPECTED P2 code P2
        P2 FEE_UNEXPECTED P1 code P2, amount 10003.90 P1
        P3 RESERVE_MOVEMENT P1 code P3, no rate of EUR P1
        L4 P4 CURRENCY_MISMATCH P0 code P0
    ",
    );
}

#[test]
fn a_second_fault_counts_with_its_own_tier_and_its_own_amount() {
    check_tiers(
        &weights(),
        "
        policy     compare=fee
        ledger     L1  order=A1  payment  CNY 500000.00  success  fee=-3000.00
        statement  P1  order=A1  payment  CNY 500000.01  success  fee=-203000.00
        ledger     L2  order=A2  payment  CNY 5000.00  success  fee=-1.00
        statement  P2  order=A2  payment  CNY 5000.00  success  fee=-0.99  net=2999.01
        ----
        L1 P1 ROUNDING_VARIANCE P0 code P3, also FEE_OVERCHARGED P2, amount 200000.00 P0
        L2 P2 FEE_UNDERCHARGED P1 code P3, also NET_ARITHMETIC P1
    ",
    );
}

#[test]
fn one_account_under_several_spellings_is_one_party() {
    check_tiers(
        &weights(),
        "
        policy     horizon=none
        statement  P1  event=F1  fee  CNY 1.00  success  cp=6222021234561234
        statement  P2  event=F2  fee  CNY 1.00  success  cp=6222-0212-3456-1234
        statement  P3  event=F3  fee  CNY 1.00  success  cp=6222-021234561234
        ----
        P1 FEE_UNEXPECTED P1 code P2, repeat 3 P1
        P2 FEE_UNEXPECTED P1 code P2, repeat 3 P1
        P3 FEE_UNEXPECTED P1 code P2, repeat 3 P1
    ",
    );
}
