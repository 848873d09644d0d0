//! Records that meet under a key.

use super::table::check;

#[test]
fn equal_records_match_under_the_event_number() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1
        ----
        match L1 P1 K1
    ",
    );
}

#[test]
fn a_second_provider_payment_of_one_order_is_a_duplicate() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 100.00  success  id=T2  t=9
        ----
        match      L1 P1 K1
        difference P2 K1 DUPLICATE_PAYMENT P0 +100.00 (L1 P1)
    ",
    );
}

#[test]
fn of_two_payments_with_different_amounts_the_exact_one_is_the_good_one() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.01  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 100.00  success  id=T2  t=9
        ----
        match      L1 P2 K1
        difference P1 K1 DUPLICATE_PAYMENT P0 +100.01 (L1 P2)
    ",
    );
}

#[test]
fn when_no_payment_of_a_duplicate_is_exact_all_of_them_are_one_difference() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.01  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 100.02  success  id=T2  t=9
        ----
        difference L1 P1 P2 K1 DUPLICATE_PAYMENT P0 +100.03 risk=100.02 [ROUNDING_VARIANCE]
    ",
    );
}

#[test]
fn a_payment_booked_twice_by_the_ledger() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success  t=0
        ledger     L2  order=A1  payment  CNY 100.00  success  t=5
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=4
        ----
        match      L2 P1 K1
        difference L1 K1 DUPLICATE_LEDGER_ENTRY P1 -100.00 (L2 P1)
    ",
    );
}

#[test]
fn both_sides_have_it_twice_and_nothing_is_left_to_add_up() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success  t=0
        ledger     L2  order=A1  payment  CNY 100.00  success  t=60
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=1
        statement  P2  order=A1  payment  CNY 100.00  success  id=T2  t=61
        ----
        match      L1 P1 K1
        difference L2 P2 K1 DUPLICATE_BOTH P1 0.00 risk=100.00 (L1 P1)
    ",
    );
}

#[test]
fn three_payments_for_two_bookings_are_a_duplicate_payment() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success  t=0
        ledger     L2  order=A1  payment  CNY 100.00  success  t=60
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=1
        statement  P2  order=A1  payment  CNY 100.00  success  id=T2  t=61
        statement  P3  order=A1  payment  CNY 100.00  success  id=T3  t=99
        ----
        match      L1 P1 K1
        difference L2 P2 P3 K1 DUPLICATE_PAYMENT P0 +100.00 risk=200.00 (L1 P1) [DUPLICATE_BOTH]
    ",
    );
}

#[test]
fn a_duplicate_whose_good_pair_differs_too_is_one_difference() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  pending
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 100.00  success  id=T2  t=9
        ----
        difference L1 P1 P2 K1 DUPLICATE_PAYMENT P0 +200.00 risk=100.00 [STATUS_PROVIDER_SUCCESS]
    ",
    );
}

#[test]
fn a_failed_attempt_beside_the_payment_moved_nothing() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  failed
        ledger     L2  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1
        statement  P2  order=A1  payment  CNY 100.00  closed   id=T0
        ----
        match L2 P1 K1
        state L1 IGNORED(no_movement)
        state P2 IGNORED(no_movement)
    ",
    );
}

#[test]
fn a_refund_and_a_payment_may_share_every_number() {
    check(
        "
        ledger     L1  order=A1  event=A1  payment  CNY 100.00  success
        ledger     L2  order=A1  event=A1  refund   CNY 100.00  success
        statement  P1  order=A1  event=A1  payment  CNY 100.00  success  id=T1
        statement  P2  order=A1  event=A1  refund   CNY 100.00  success  id=T1
        ----
        match L1 P1 K1
        match L2 P2 K1
    ",
    );
}

#[test]
fn one_refund_number_executed_twice_is_a_duplicate_refund() {
    check(
        "
        ledger     L1  order=A1  event=R1  refund  CNY 40.00  success
        statement  P1  order=A1  event=R1  refund  CNY 40.00  success  id=T1  t=0
        statement  P2  order=A1  event=R1  refund  CNY 40.00  success  id=T2  t=9
        ----
        match      L1 P1 K1
        difference P2 K1 DUPLICATE_REFUND P0 -40.00 (L1 P1)
    ",
    );
}

#[test]
fn a_payout_executed_twice_is_a_duplicate_payout() {
    check(
        "
        ledger     L1  event=O1  payout  CNY 40.00  success
        statement  P1  event=O1  payout  CNY 40.00  success  id=T1  t=0
        statement  P2  event=O1  payout  CNY 40.00  success  id=T2  t=9
        ----
        match      L1 P1 K1
        difference P2 K1 DUPLICATE_PAYOUT P0 -40.00 (L1 P1)
    ",
    );
}

#[test]
fn several_partial_refunds_of_one_order_match_by_their_own_numbers() {
    check(
        "
        ledger     L1  order=A1  event=R1  refund  CNY 10.00  success
        ledger     L2  order=A1  event=R2  refund  CNY 10.00  success
        statement  P1  order=A1  event=R2  refund  CNY 10.00  success  id=T#R2
        statement  P2  order=A1  event=R1  refund  CNY 10.00  success  id=T#R1
        ----
        match L1 P2 K1
        match L2 P1 K1
    ",
    );
}

#[test]
fn refunds_that_the_ledger_does_not_number_match_by_amount_with_low_confidence() {
    check(
        "
        policy     horizon=none
        ledger     L1  order=A1  refund  CNY 10.00  success  t=0  refunds=2
        ledger     L2  order=A1  refund  CNY 12.00  success  t=5  refunds=2
        statement  P1  order=A1  event=R2  refund  CNY 12.00  success  id=T#R2  refunds=3
        statement  P2  order=A1  event=R1  refund  CNY 10.00  success  id=T#R1  refunds=3
        statement  P3  order=A1  event=R3  refund  CNY 99.00  success  id=T#R3  refunds=3
        ----
        match L1 P2 K3 [LOW_CONFIDENCE]
        match L2 P1 K3 [LOW_CONFIDENCE]
        difference P3 - REFUND_UNAUTHORISED P0 -99.00
    ",
    );
}

#[test]
fn a_refund_numbered_differently_matches_by_order_only_when_it_is_the_only_one() {
    check(
        "
        ledger     L1  order=A1  event=X1  refund  CNY 10.00  success  refunds=1
        statement  P1  order=A1  event=Y1  refund  CNY 10.00  success  id=T1  refunds=1
        ledger     L2  order=A2  event=X2  refund  CNY 10.00  success  refunds=2
        statement  P2  order=A2  event=Y2  refund  CNY 10.00  success  id=T2  refunds=2
        ----
        match L1 P1 K3
        state L2 TIMING_PENDING
        state P2 TIMING_PENDING
    ",
    );
}

#[test]
fn amounts_within_the_tolerance_are_rounding_and_the_bound_counts_as_inside() {
    check(
        "
        policy     tolerance=0.02
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.02  success
        ledger     L2  order=A2  payment  CNY 100.00  success
        statement  P2  order=A2  payment  CNY 100.03  success
        ledger     L3  order=A3  payment  CNY 100.00  success
        statement  P3  order=A3  payment  CNY 99.97  success
        ----
        difference L1 P1 K1 ROUNDING_VARIANCE P3 +0.02
        difference L2 P2 K1 AMOUNT_OVER P1 +0.03
        difference L3 P3 K1 AMOUNT_UNDER P1 -0.03
    ",
    );
}

#[test]
fn a_refund_that_is_larger_at_the_provider_is_over_and_a_shortage() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 10.00  success
        statement  P1  event=R1  refund  CNY 15.00  success
        ----
        difference L1 P1 K1 AMOUNT_OVER P1 -5.00
    ",
    );
}

#[test]
fn numbers_of_two_currencies_are_never_compared() {
    check(
        "
        ledger     L1  order=A1  payment  JPY 100  success
        statement  P1  order=A1  payment  USD 1.00  success
        ----
        difference L1 P1 K1 CURRENCY_MISMATCH P0 none
    ",
    );
}

#[test]
fn a_direction_the_other_way_round_risks_twice_the_amount() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 10.00  success  in
        statement  P1  event=R1  refund  CNY 10.00  success  out
        ----
        difference L1 P1 K1 DIRECTION_MISMATCH P0 -20.00
    ",
    );
}

#[test]
fn a_callback_that_got_lost_leaves_the_whole_amount_unbooked() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  pending
        statement  P1  order=A1  payment  CNY 100.50  success
        ----
        difference L1 P1 K1 STATUS_PROVIDER_SUCCESS P1 +100.50 [AMOUNT_OVER]
    ",
    );
}

#[test]
fn a_payment_after_the_order_was_closed_is_late_unless_it_was_earlier() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  closed  closed=100
        statement  P1  order=A1  payment  CNY 1.00  success  t=100
        ledger     L2  order=A2  payment  CNY 1.00  closed  closed=100
        statement  P2  order=A2  payment  CNY 1.00  success  t=99
        ledger     L3  order=A3  payment  CNY 1.00  closed
        statement  P3  order=A3  payment  CNY 1.00  success  t=99
        ----
        difference L1 P1 K1 LATE_SUCCESS_AFTER_CLOSE P1 +1.00
        difference L2 P2 K1 STATUS_PROVIDER_SUCCESS P1 +1.00
        difference L3 P3 K1 LATE_SUCCESS_AFTER_CLOSE P1 +1.00
    ",
    );
}

#[test]
fn a_success_that_the_provider_does_not_confirm() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success
        statement  P1  order=A1  payment  CNY 1.00  failed
        ledger     L2  event=R1  refund  CNY 1.00  success
        statement  P2  event=R1  refund  CNY 1.00  failed
        ledger     L3  event=O1  payout  CNY 1.00  success
        statement  P3  event=O1  payout  CNY 1.00  failed
        ----
        difference L1 P1 K1 STATUS_LEDGER_SUCCESS P0 -1.00
        difference L2 P2 K1 STATUS_LEDGER_SUCCESS P0 +1.00
        difference L3 P3 K1 PAYOUT_FAILED P0 +1.00
    ",
    );
}

#[test]
fn pending_at_the_provider_waits_its_horizon_and_then_differs() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9
        statement  P1  order=A1  payment  CNY 1.00  pending  day=9
        ledger     L2  order=A2  payment  CNY 1.00  success  day=8
        statement  P2  order=A2  payment  CNY 1.00  pending  day=8
        ledger     L3  order=A3  payment  CNY 1.00  pending
        statement  P3  order=A3  payment  CNY 1.00  pending
        ----
        state L1 TIMING_PENDING
        state P1 TIMING_PENDING
        difference L2 P2 K1 STATUS_LEDGER_SUCCESS P0 -1.00
        state L3 TIMING_PENDING [STATUS_BOTH_PENDING]
        state P3 TIMING_PENDING [STATUS_BOTH_PENDING]
    ",
    );
}

#[test]
fn two_records_that_moved_nothing_agree_whatever_they_would_have_been() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  closed
        statement  P1  order=A1  payment  CNY 2.00  failed
        ----
        match L1 P1 K1
    ",
    );
}

#[test]
fn a_payment_undone_at_the_provider_is_netted_and_the_ledger_has_to_follow() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  success
        statement  P1  order=A1  payment   CNY 1.00  success  id=T1
        statement  P2  order=A1  event=V1  reversal  CNY 1.00  success  id=T1#REVOKED  orig=T1
        ----
        state P1 NETTED
        state P2 NETTED
        difference L1 K1 REVERSAL_UNBOOKED P1 -1.00 (P1 P2)
    ",
    );
}

#[test]
fn a_payment_undone_on_both_sides_is_over() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  closed
        statement  P1  order=A1  payment   CNY 1.00  success  id=T1
        statement  P2  order=A1  reversal  CNY 1.00  success  id=T1#REVOKED
        ledger     L3  order=A3  payment   CNY 1.00  success
        ledger     L4  order=A3  reversal  CNY 1.00  success
        statement  P3  order=A3  payment   CNY 1.00  success  id=T3
        statement  P4  order=A3  reversal  CNY 1.00  success  id=T3#REVOKED
        ----
        state L1 IGNORED(no_movement)
        state P1 NETTED
        state P2 NETTED
        state L3 NETTED
        state L4 NETTED
        state P3 NETTED
        state P4 NETTED
    ",
    );
}

#[test]
fn a_reversal_that_the_provider_does_not_know() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  success
        ledger     L2  order=A1  reversal  CNY 1.00  success
        statement  P1  order=A1  payment   CNY 1.00  success  id=T1
        ledger     L3  order=A3  payment   CNY 1.00  reversed
        statement  P3  order=A3  payment   CNY 1.00  success  id=T3
        ----
        state L1 NETTED
        state L2 NETTED
        difference P1 K1 REVERSAL_UNCONFIRMED P0 +1.00 (L1 L2)
        difference L3 P3 K1 REVERSAL_UNCONFIRMED P0 +1.00
    ",
    );
}

#[test]
fn half_of_a_reversal_is_held_and_later_says_that_the_ledger_must_follow() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  success
        statement  P2  order=A1  reversal  CNY 1.00  success  id=T1#REVOKED
        ledger     L3  order=A3  payment   CNY 1.00  success  day=7
        statement  P4  order=A3  reversal  CNY 1.00  success  id=T3#REVOKED  day=7
        ----
        state L1 TIMING_PENDING
        state P2 TIMING_PENDING
        difference L3 P4 - REVERSAL_UNBOOKED P1 -2.00 risk=1.00
    ",
    );
}

#[test]
fn a_customer_who_pays_again_after_a_reversal_paid_once() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  success  t=9
        statement  P1  order=A1  payment   CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  reversal  CNY 1.00  success  id=V1  orig=T1  t=5
        statement  P3  order=A1  payment   CNY 1.00  success  id=T3  t=9
        ----
        state P1 NETTED
        state P2 NETTED
        match L1 P3 K1
    ",
    );
}

#[test]
fn the_same_row_again_is_a_replica_and_not_a_payment() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1
        statement  P2  order=A1  payment  CNY 1.00  success  id=T1  same=P1
        statement  P3  order=A1  payment  CNY 1.00  success  id=T1  t=7
        ----
        match L1 P1 K1
        state P2 REPLICA_ROW
        state P3 REPLICA_ROW
    ",
    );
}

#[test]
fn two_bookings_of_one_provider_number_are_no_replica() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  id=T1  t=0
        ledger     L2  order=A1  payment  CNY 1.00  success  id=T1  t=9
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1  t=0
        ----
        match L1 P1 K1
        difference L2 K1 DUPLICATE_LEDGER_ENTRY P1 -1.00 (L1 P1)
    ",
    );
}

#[test]
fn the_provider_number_finds_a_partner_that_the_order_number_missed() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  id=T1
        statement  P1  order=B9  payment  CNY 1.00  success  id=T1
        ----
        match L1 P1 K2
    ",
    );
}

#[test]
fn one_provider_number_on_several_rows_is_told_apart_by_occurrence() {
    check(
        "
        ledger     L1  adjustment  CNY 5.00  success  id=T1  t=0
        ledger     L2  adjustment  CNY 7.00  success  id=T1  t=9
        statement  P1  adjustment  CNY 5.00  success  id=T1  t=0
        statement  P2  adjustment  CNY 7.00  success  id=T1  t=9
        ----
        match L1 P1 K2
        match L2 P2 K2
    ",
    );
}

#[test]
fn the_same_payment_under_another_account_is_the_wrong_merchant() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  id=T1  acct=M
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1  acct=N
        ----
        difference L1 P1 K2 MERCHANT_MISMATCH P1 0.00
    ",
    );
}

#[test]
fn order_numbers_of_two_merchants_may_be_equal() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  acct=M
        ledger     L2  order=A1  payment  CNY 2.00  success  acct=N
        statement  P1  order=A1  payment  CNY 2.00  success  acct=N
        statement  P2  order=A1  payment  CNY 1.00  success  acct=M
        ----
        match L1 P2 K1
        match L2 P1 K1
    ",
    );
}

#[test]
fn the_order_number_finds_a_payment_with_numbers_of_its_own() {
    check(
        "
        ledger     L1  order=A1  event=PAY-7  payment  CNY 1.00  success
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1
        ledger     L2  order=A2  event=PAY-8  payment  CNY 1.00  success
        statement  P2  event=PAY-8  payment  CNY 1.00  success  id=T2
        ----
        match L1 P1 K1
        match L2 P2 K3
    ",
    );
}

#[test]
fn two_attempts_with_numbers_of_their_own_pay_one_order_twice() {
    check(
        "
        ledger     L1  order=A1  event=E1  payment  CNY 1.00  success
        statement  P1  order=A1  event=E1  payment  CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  event=E2  payment  CNY 1.00  success  id=T2  t=9
        ledger     L3  order=A3  event=E3  payment   CNY 1.00  success
        statement  P3  order=A3  event=E3  payment   CNY 1.00  success  id=T3
        statement  P4  order=A3  event=E4  reversal  CNY 1.00  success  id=T4  orig=T3
        ----
        match      L1 P1 K1
        difference P2 K1 DUPLICATE_PAYMENT P0 +1.00 (L1 P1)
        state P3 NETTED
        state P4 NETTED
        difference L3 K1 REVERSAL_UNBOOKED P1 -1.00 (P3 P4)
    ",
    );
}

#[test]
fn a_reversal_undoes_the_payment_it_names_and_no_other() {
    check(
        "
        ledger     L1  order=A1  payment   CNY 1.00  success
        statement  P1  order=A1  payment   CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  payment   CNY 1.00  success  id=T2  t=5
        statement  P3  order=A1  reversal  CNY 1.00  success  id=V2  t=6  orig=T2
        ledger     L4  order=A4  payment   CNY 1.00  success
        statement  P4  order=A4  payment   CNY 1.00  success  id=T4
        statement  P5  order=A4  reversal  CNY 1.00  success  id=V5  orig=T9
        ----
        match L1 P1 K1
        state P2 NETTED
        state P3 NETTED
        match L4 P4 K1
        state P5 TIMING_PENDING
    ",
    );
}

#[test]
fn refunds_that_all_carry_their_payments_number_are_events_of_their_own() {
    check(
        "
        policy     horizon=none
        statement  P1  order=A1  event=R1  refund  CNY 10.00  success  id=T1  t=0  refunds=2
        statement  P2  order=A1  event=R2  refund  CNY 10.00  success  id=T1  t=9  refunds=2
        ledger     L3  event=X3  refund  CNY 10.00  success  id=T3  refunds=2
        statement  P3  event=Y3  refund  CNY 10.00  success  id=T3  refunds=1
        ledger     L4  event=X4  refund  CNY 10.00  success  id=T4  orig=T4
        statement  P4  event=Y4  refund  CNY 10.00  success  id=T4
        ledger     L5  event=X5  refund  CNY 10.00  success  id=T5
        statement  P5  event=Y5  refund  CNY 10.00  success  id=T5  t=0
        statement  P6  refund  CNY 10.00  success  id=T5  t=9
        ----
        difference P1 - REFUND_UNAUTHORISED P0 -10.00
        difference P2 - REFUND_UNAUTHORISED P0 -10.00
        difference L3 - REFUND_NOT_EXECUTED P1 +10.00
        difference P3 - REFUND_UNAUTHORISED P0 -10.00
        difference L4 - REFUND_NOT_EXECUTED P1 +10.00
        difference P4 - REFUND_UNAUTHORISED P0 -10.00
        match L5 P6 K2
        difference P5 - REFUND_UNAUTHORISED P0 -10.00
    ",
    );
}

#[test]
fn under_the_providers_number_what_succeeded_comes_first() {
    check(
        "
        policy     horizon=none
        ledger     L1  refund  CNY 10.00  success  id=T1  t=5
        statement  P1  refund  CNY 10.00  failed   id=T1  t=0
        statement  P2  refund  CNY 10.00  success  id=T1  t=90
        ----
        match L1 P2 K2
        state P1 IGNORED(no_movement)
    ",
    );
}

#[test]
fn of_refunds_without_numbers_a_failed_one_takes_nobodys_place() {
    check(
        "
        ledger     L1  order=A1  refund  CNY 10.00  success  t=0   refunds=1
        statement  P1  order=A1  event=R1  refund  CNY 10.00  failed   id=T1  t=0  refunds=1
        statement  P2  order=A1  event=R2  refund  CNY 10.00  success  id=T2  t=90  refunds=1
        ----
        match L1 P2 K3
        state P1 IGNORED(no_movement)
    ",
    );
}

#[test]
fn a_refund_that_came_back_at_the_provider() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 1.00  success
        statement  P1  event=R1  refund  CNY 1.00  reversed
        ledger     L2  event=O2  payout  CNY 1.00  success
        statement  P2  event=O2  payout  CNY 1.00  reversed
        ----
        difference L1 P1 K1 REFUND_FAILED P1 +1.00
        difference L2 P2 K1 PAYOUT_RETURNED P1 +1.00
    ",
    );
}

#[test]
fn what_neither_side_finished_is_nothing_or_stuck_and_never_a_match() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  pending  day=7
        statement  P1  order=A1  payment  CNY 1.00  pending  day=7
        ledger     L2  event=R2  refund  CNY 1.00  pending  day=7
        statement  P2  event=R2  refund  CNY 1.00  pending  day=7
        ledger     L3  event=R3  refund  CNY 1.00  pending  day=6
        statement  P3  event=R3  refund  CNY 1.00  pending  day=6
        ledger     L4  event=O4  payout  CNY 1.00  success  day=6
        statement  P4  event=O4  payout  CNY 1.00  pending  day=6
        ----
        state L1 IGNORED(no_movement)
        state P1 IGNORED(no_movement)
        state L2 TIMING_PENDING
        state P2 TIMING_PENDING
        difference L3 P3 K1 REFUND_STUCK P2 0.00
        difference L4 P4 K1 PAYOUT_STUCK P1 +1.00
    ",
    );
}

#[test]
fn equal_numbers_of_two_providers_name_nothing_in_common() {
    check(
        "
        policy     providers=apart
        ledger     L1  order=A1  payment  CNY 1.00  success  id=1001  acct=M
        statement  P1  order=B1  payment  CNY 1.00  success  id=1001  acct=N
        ledger     L2  order=A2  payment  CNY 1.00  success  id=4200002811202611200011  acct=M
        statement  P2  order=B2  payment  CNY 1.00  success  id=4200002811202611200011  acct=N
        ----
        state L1 TIMING_PENDING
        state P1 TIMING_PENDING
        difference L2 P2 K2 MERCHANT_MISMATCH P1 0.00
    ",
    );
}

#[test]
fn another_amount_under_another_account_is_another_payment() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  id=T1  acct=M
        statement  P1  order=B1  payment  CNY 2.00  success  id=T1  acct=N
        ----
        state L1 TIMING_PENDING
        state P1 TIMING_PENDING
    ",
    );
}

#[test]
fn two_records_that_name_different_things_are_never_married_by_amount() {
    check(
        "
        ledger     L1  payment  CNY 1.00  success  cp=C  id=T1
        statement  P1  order=A1  payment  CNY 1.00  success  cp=C  id=T2
        ledger     L2  order=A2  refund  CNY 1.00  success  cp=C
        statement  P2  order=B2  event=R2  refund  CNY 1.00  success  cp=C  id=T3
        ----
        state L1 TIMING_PENDING
        state P1 TIMING_PENDING
        state L2 TIMING_PENDING
        state P2 TIMING_PENDING
    ",
    );
}

#[test]
fn money_of_two_currencies_is_not_added_up() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  pending
        statement  P1  order=A1  payment  CNY 1.00  success  id=T1  t=0
        statement  P2  order=A1  payment  USD 1.00  success  id=T2  t=9
        ----
        difference L1 P1 P2 K1 DUPLICATE_PAYMENT P0 none [STATUS_PROVIDER_SUCCESS]
    ",
    );
}

#[test]
fn equal_bytes_without_any_number_are_one_row() {
    check(
        "
        statement  P1  adjustment  CNY 1.00  success
        statement  P2  adjustment  CNY 1.00  success  same=P1
        ----
        difference P1 - KEY_MISSING P2 +1.00
        state P2 REPLICA_ROW
    ",
    );
}

#[test]
fn without_numbers_amount_party_and_time_decide_if_they_are_unique() {
    check(
        "
        ledger     L1  payment  CNY 1.00  success  cp=6222****1234  t=0
        statement  P1  payment  CNY 1.00  success  cp=6222021234561234  t=60  id=T1
        ledger     L2  payment  CNY 2.00  success  cp=6222****1234  t=0
        statement  P2  payment  CNY 2.00  success  cp=6222021234569999  t=60  id=T2
        ledger     L3  payment  CNY 3.00  success  cp=6222****1234  t=0
        statement  P3  payment  CNY 3.00  success  cp=6222021234561234  t=601  id=T3
        ----
        match L1 P1 K4 [LOW_CONFIDENCE]
        difference L2 - KEY_MISSING P2 -2.00
        state P2 TIMING_PENDING
        difference L3 - KEY_MISSING P2 -3.00
        state P3 TIMING_PENDING
    ",
    );
}

#[test]
fn several_candidates_are_listed_and_none_is_picked() {
    check(
        "
        ledger     L1  payment  CNY 1.00  success  cp=C  t=0
        statement  P1  payment  CNY 1.00  success  cp=C  t=60  id=T1
        statement  P2  payment  CNY 1.00  success  cp=C  t=90  id=T2
        ----
        difference L1 P1 P2 K4 AMBIGUOUS_MATCH P2 +1.00
    ",
    );
}

#[test]
fn two_records_with_different_orders_are_never_married_by_amount() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  cp=C
        statement  P1  order=B1  payment  CNY 1.00  success  cp=C  id=T1
        ----
        state L1 TIMING_PENDING
        state P1 TIMING_PENDING
    ",
    );
}

#[test]
fn fees_are_held_against_the_schedule() {
    check(
        "
        policy     rate=6
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.00  success  fee=-0.60
        ledger     L2  order=A2  payment  CNY 100.00  success
        statement  P2  order=A2  payment  CNY 100.00  success  fee=-1.00
        ledger     L3  order=A3  payment  CNY 100.00  success
        statement  P3  order=A3  payment  CNY 100.00  success  fee=-0.59
        ledger     L4  order=A4  payment  CNY 100.00  success
        statement  P4  order=A4  payment  CNY 100.00  success
        ledger     L5  event=R5  refund  CNY 50.00  success
        statement  P5  event=R5  refund  CNY 50.00  success  fee=0.00
        ledger     L6  event=O6  payout  CNY 50.00  success
        statement  P6  event=O6  payout  CNY 50.00  success  fee=-2.00
        ----
        match L1 P1 K1
        difference L2 P2 K1 FEE_OVERCHARGED P2 0.00 risk=0.40 fee=-0.40
        difference L3 P3 K1 FEE_UNDERCHARGED P3 0.00 risk=0.01 fee=+0.01
        difference L4 P4 K1 FEE_MISSING P2 0.00 risk=0.60 fee=+0.60
        difference L5 P5 K1 FEE_REFUND_MISMATCH P3 0.00 risk=0.30 fee=-0.30
        difference L6 P6 K1 FEE_UNEXPECTED P2 0.00 risk=2.00 fee=-2.00
    ",
    );
}

#[test]
fn without_a_schedule_the_ledgers_own_fee_is_the_expectation() {
    check(
        "
        policy     compare=fee
        ledger     L1  order=A1  payment  CNY 100.00  success  fee=-0.60
        statement  P1  order=A1  payment  CNY 100.00  success  fee=-0.62
        ledger     L2  order=A2  payment  CNY 100.00  success
        statement  P2  order=A2  payment  CNY 100.00  success  fee=-0.62
        ----
        difference L1 P1 K1 FEE_OVERCHARGED P2 0.00 risk=0.02 fee=-0.02
        match L2 P2 K1
    ",
    );
}

#[test]
fn net_must_be_gross_less_fee_and_tax() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 100.00  success  fee=-0.60  net=99.40
        ledger     L2  order=A2  payment  CNY 100.00  success
        statement  P2  order=A2  payment  CNY 100.00  success  fee=-0.60  net=99.41
        ledger     L3  order=A3  payment  CNY 100.00  success
        statement  P3  order=A3  payment  CNY 100.00  success  fee=-0.60  tax=-0.03  net=99.40
        ----
        match L1 P1 K1
        difference L2 P2 K1 NET_ROUNDING P3 0.00 risk=0.01
        difference L3 P3 K1 NET_ARITHMETIC P1 0.00 risk=0.03
    ",
    );
}

#[test]
fn tax_is_compared_when_the_job_says_so() {
    check(
        "
        policy     compare=tax
        ledger     L1  order=A1  payment  CNY 100.00  success  tax=-6.00
        statement  P1  order=A1  payment  CNY 100.00  success  tax=-5.00
        ----
        difference L1 P1 K1 TAX_VARIANCE P2 0.00 risk=1.00
    ",
    );
}

#[test]
fn a_gap_that_discounts_explain_is_no_wrong_amount() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 100.00  success
        statement  P1  order=A1  payment  CNY 95.00  success  settled=95.00  gross=100.00
        ----
        difference L1 P1 K1 DISCOUNT_ATTRIBUTION P3 -5.00
    ",
    );
}

#[test]
fn a_payout_to_another_account_is_seen_although_the_money_agrees() {
    check(
        "
        policy     compare=counterparty
        ledger     L1  event=O1  payout  CNY 40.00  success  cp=6222021234561234
        statement  P1  event=O1  payout  CNY 40.00  success  cp=6222****9999
        ledger     L2  event=O2  payout  CNY 40.00  success  cp=6222021234561234
        statement  P2  event=O2  payout  CNY 40.00  success  cp=6222****1234
        ----
        difference L1 P1 K1 BENEFICIARY_MISMATCH P0 0.00 risk=40.00
        match L2 P2 K1
    ",
    );
}

#[test]
fn a_further_compared_column_has_its_own_code() {
    check(
        "
        policy     compare=channel
        ledger     L1  order=A1  payment  CNY 1.00  success  col=JSAPI
        statement  P1  order=A1  payment  CNY 1.00  success  col=NATIVE
        ledger     L2  order=A2  payment  CNY 1.00  success
        statement  P2  order=A2  payment  CNY 1.00  success  col=NATIVE
        ----
        difference L1 P1 K1 CHANNEL_MISMATCH P3 0.00
        difference L2 P2 K1 CHANNEL_MISMATCH P3 0.00
    ",
    );
}

#[test]
fn a_day_cut_within_the_horizon_is_a_match_and_beyond_it_a_difference() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9
        statement  P1  order=A1  payment  CNY 1.00  success  day=10
        ledger     L2  order=A2  payment  CNY 1.00  success  day=7
        statement  P2  order=A2  payment  CNY 1.00  success  day=10
        ledger     L3  order=A3  payment  CNY 1.00  success  day=30
        statement  P3  order=A3  payment  CNY 1.00  success  day=31
        ledger     L4  order=A4  payment  CNY 1.00  success  day=20
        statement  P4  order=A4  payment  CNY 1.00  success  day=31
        ----
        match L1 P1 K1
        difference L2 P2 K1 PERIOD_MISMATCH P3 0.00
        match L3 P3 K1 [PERIOD_MISMATCH]
        difference L4 P4 K1 PERIOD_MISMATCH P2 0.00
    ",
    );
}

#[test]
fn a_day_cut_is_measured_by_the_horizon_of_what_came_first() {
    check(
        "
        policy     statement_horizon=none
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9
        statement  P1  order=A1  payment  CNY 1.00  success  day=10
        ledger     L2  order=A2  payment  CNY 1.00  success  day=10
        statement  P2  order=A2  payment  CNY 1.00  success  day=9
        ----
        match L1 P1 K1
        difference L2 P2 K1 PERIOD_MISMATCH P3 0.00
    ",
    );
}

#[test]
fn zero_amounts_match_on_existence_and_status() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 0.00  success
        statement  P1  order=A1  payment  CNY 0.00  success
        ledger     L2  order=A2  payment  CNY 0.00  pending
        statement  P2  order=A2  payment  CNY 0.00  success
        ----
        match L1 P1 K1
        difference L2 P2 K1 STATUS_PROVIDER_SUCCESS P1 0.00
    ",
    );
}

#[test]
fn what_the_rules_across_groups_found_makes_an_agreeing_pair_a_difference() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 1.00  success
        statement  P1  event=R1  refund  CNY 1.00  success  mark=OVER_REFUND
        ledger     L2  event=R2  refund  CNY 1.00  success
        statement  P2  event=R2  refund  CNY 9.00  success  mark=OVER_REFUND
        ----
        difference L1 P1 K1 OVER_REFUND P0 0.00
        difference L2 P2 K1 AMOUNT_OVER P1 -8.00 [OVER_REFUND]
    ",
    );
}

#[test]
fn a_refund_still_in_process_matches_and_says_so() {
    check(
        "
        ledger     L1  event=R1  refund  CNY 1.00  success
        statement  P1  event=R1  refund  CNY 1.00  success  note=PROCESSING
        ----
        match L1 P1 K1 [PROCESSING]
    ",
    );
}

#[test]
fn several_chargebacks_of_one_number_are_events_and_not_duplicates() {
    check(
        "
        policy     horizon=none
        ledger     L1  event=D1  chargeback  CNY 1.00  success
        statement  P1  event=D1  chargeback  CNY 1.00  success  id=C1  t=0
        statement  P2  event=D1  chargeback  CNY 1.00  success  id=C2  t=9
        ----
        match      L1 P1 K1
        difference P2 - CHARGEBACK_UNBOOKED P1 -1.00
    ",
    );
}
