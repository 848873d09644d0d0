//! Records without a partner.

use super::table::check;

#[test]
fn a_single_record_waits_within_its_horizon_whichever_side_it_is_on() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=10
        statement  P2  order=A2  payment  CNY 1.00  success  day=9
        ----
        state L1 TIMING_PENDING
        state P2 TIMING_PENDING
    ",
    );
}

#[test]
fn beyond_the_horizon_each_kind_has_its_own_code() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=8
        ledger     L2  event=R2  refund  CNY 1.00  success  day=8
        ledger     L3  order=A3  payment  CNY 1.00  success  day=8  delivered
        statement  P1  order=B1  payment  CNY 1.00  success  day=8
        statement  P2  event=Q2  refund  CNY 1.00  success  day=8
        statement  P3  event=Q3  payout  CNY 1.00  success  day=8
        statement  P4  event=Q4  chargeback  CNY 1.00  success  day=8
        statement  P5  event=Q5  chargeback_reversal  CNY 1.00  success  day=8
        statement  P6  event=Q6  fee  CNY 1.00  success  day=8
        statement  P7  event=Q7  adjustment  CNY 1.00  success  day=8
        statement  P8  event=Q8  reserve_hold  CNY 1.00  success  day=8
        statement  P9  event=Q9  transfer  CNY 1.00  success  day=8
        ----
        difference L1 - MISSING_AT_PROVIDER P1 -1.00
        difference L2 - REFUND_NOT_EXECUTED P1 +1.00
        difference L3 - MISSING_AT_PROVIDER P0 -1.00
        difference P1 - MISSING_IN_LEDGER P1 +1.00
        difference P2 - REFUND_UNAUTHORISED P0 -1.00
        difference P3 - PAYOUT_UNAUTHORISED P0 -1.00
        difference P4 - CHARGEBACK_UNBOOKED P1 -1.00
        difference P5 - CHARGEBACK_REVERSAL_UNBOOKED P2 +1.00
        difference P6 - FEE_UNEXPECTED P2 -1.00
        difference P7 - ADJUSTMENT_UNEXPLAINED P1 +1.00
        difference P8 - RESERVE_MOVEMENT P3 -1.00
        difference P9 - MISSING_IN_LEDGER P1 +1.00
    ",
    );
}

#[test]
fn what_moved_nothing_on_one_side_is_nothing() {
    check(
        "
        policy     horizon=none
        ledger     L1  order=A1  payment  CNY 1.00  failed
        ledger     L2  order=A2  payment  CNY 1.00  closed
        ledger     L3  order=A3  payment  CNY 1.00  pending
        statement  P1  order=B1  payment  CNY 1.00  failed
        ----
        state L1 IGNORED(no_movement)
        state L2 IGNORED(no_movement)
        state L3 IGNORED(no_movement)
        state P1 IGNORED(no_movement)
    ",
    );
}

#[test]
fn unfinished_refunds_and_payouts_are_stuck_after_three_business_days() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 1.00  pending  day=7
        ledger     L2  event=R2  refund  CNY 1.00  pending  day=6
        ledger     L3  event=O3  payout  CNY 1.00  pending  day=6
        ----
        state L1 TIMING_PENDING
        difference L2 - REFUND_STUCK P2 0.00
        difference L3 - PAYOUT_STUCK P1 0.00
    ",
    );
}

#[test]
fn a_payout_that_came_back_is_reported_at_once() {
    check(
        "
        statement  P1  event=O1  payout_return  CNY 1.00  success
        ----
        difference P1 - PAYOUT_RETURNED P1 +1.00
    ",
    );
}

#[test]
fn a_record_without_any_number_is_reported_at_once() {
    check(
        "
        statement  P1  payment  CNY 1.00  success
        statement  P2  payment  CNY 1.00  success
        ----
        difference P1 - KEY_MISSING P2 +1.00
        difference P2 - KEY_MISSING P2 +1.00
    ",
    );
}

#[test]
fn kinds_that_the_other_side_never_has_are_not_expected_of_it() {
    check(
        "
        policy     horizon=none books=PAYMENT,REFUND shows=PAYMENT
        statement  P1  event=F1  fee  CNY 1.00  success
        ledger     L1  event=R1  refund  CNY 1.00  success
        ----
        state P1 IGNORED(not_booked)
        state L1 IGNORED(not_shown)
    ",
    );
}

#[test]
fn a_second_payment_is_a_duplicate_even_while_the_first_waits_for_the_ledger() {
    check(
        "
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 1.00  success  id=T2  t=9
        ----
        state P1 TIMING_PENDING
        difference P2 - DUPLICATE_PAYMENT P0 +1.00
    ",
    );
}

#[test]
fn beyond_the_horizon_two_payments_without_an_order_are_one_difference() {
    check(
        "
        policy     horizon=none
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 1.00  success  id=T2  t=9
        ledger     L1  order=A2  payment  CNY 1.00  success  t=0
        ledger     L2  order=A2  payment  CNY 1.00  success  t=9
        ----
        difference P1 P2 - DUPLICATE_PAYMENT P0 +2.00 risk=1.00 [MISSING_IN_LEDGER]
        difference L1 L2 - MISSING_AT_PROVIDER P1 -2.00 [DUPLICATE_LEDGER_ENTRY]
    ",
    );
}

#[test]
fn where_the_ledger_lists_successes_only_missing_may_mean_unfinished() {
    check(
        "
        policy     horizon=none success_only=true
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1
        ----
        difference P1 - MISSING_IN_LEDGER P1 +1.00 [LEDGER_SUCCESS_ONLY]
    ",
    );
}

#[test]
fn a_lone_row_whose_own_net_is_wrong_is_first_of_all_missing() {
    check(
        "
        policy     horizon=none
        statement  P1  order=A1  payment  CNY 1.00  success  fee=-0.10  net=0.50
        ----
        difference P1 - MISSING_IN_LEDGER P1 +1.00 [NET_ARITHMETIC]
    ",
    );
}

#[test]
fn another_refund_of_equal_amount_carries_its_hint() {
    check(
        "
        policy     horizon=none
        statement  P1  order=A1  event=R9  refund  CNY 1.00  success  hint=SUSPECTED_DUPLICATE
        ----
        difference P1 - REFUND_UNAUTHORISED P0 -1.00 [SUSPECTED_DUPLICATE]
    ",
    );
}

#[test]
fn what_the_rules_across_groups_found_does_not_wait() {
    check(
        "
        statement  P1  order=A1  event=R9  refund  CNY 1.00  success  mark=OVER_REFUND
        ----
        difference P1 - OVER_REFUND P0 -1.00 risk=0.00
    ",
    );
}
