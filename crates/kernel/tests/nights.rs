//! Records of earlier nights beside tonight's. Tonight is day 10, and records wait for one business day.

use super::table::check;

#[test]
fn a_carried_record_that_finds_its_partner_matches_late() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=TRANSIT
        statement  P1  order=A1  payment  CNY 1.00  success  day=10
        ledger     L2  order=A2  payment  CNY 2.00  success  day=10
        statement  P2  order=A2  payment  CNY 2.00  success  day=9  from=TRANSIT
        ledger     L3  order=A3  payment  CNY 3.00  success  day=9  from=DIFFERENCE
        statement  P3  order=A3  payment  CNY 3.00  success  day=10
        ----
        match L1 P1 K1 LATE_MATCHED
        match L2 P2 K1 LATE_MATCHED
        match L3 P3 K1 LATE_MATCHED
    ",
    );
}

#[test]
fn a_carried_record_that_matches_with_a_difference_is_one_difference() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=TRANSIT
        statement  P1  order=A1  payment  CNY 0.50  success  day=10
        ----
        difference L1 P1 K1 AMOUNT_UNDER P1 -0.50
    ",
    );
}

#[test]
fn a_second_payment_on_another_night_is_surplus() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        statement  P2  order=A1  payment  CNY 1.00  success  day=10  id=T2
        ----
        match L1 P1 K1 MATCHED_BEFORE
        difference P2 K1 DUPLICATE_PAYMENT P0 +1.00 (L1 P1)
    ",
    );
}

#[test]
fn a_second_booking_on_another_night_is_surplus() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        ledger     L2  order=A1  payment  CNY 1.00  success  day=10
        ----
        match L1 P1 K1 MATCHED_BEFORE
        difference L2 K1 DUPLICATE_LEDGER_ENTRY P1 -1.00 (L1 P1)
    ",
    );
}

#[test]
fn paid_and_booked_again_on_another_night_is_a_duplicate_on_both_sides() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        ledger     L2  order=A1  payment  CNY 1.00  success  day=10
        statement  P2  order=A1  payment  CNY 1.00  success  day=10  id=T2
        ----
        match L1 P1 K1 MATCHED_BEFORE
        difference L2 P2 K1 DUPLICATE_BOTH P1 0.00 risk=1.00 (L1 P1)
    ",
    );
}

#[test]
fn a_row_that_an_earlier_night_had_is_the_same_row_again() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        statement  P2  order=A1  payment  CNY 1.00  success  day=10  id=T1
        ledger     L2  order=A1  payment  CNY 1.00  success  day=9
        ledger     L3  order=A3  payment  CNY 3.00  success  day=9  from=TRANSIT
        ledger     L4  order=A3  payment  CNY 3.00  success  day=9
        ----
        match L1 P1 K1 MATCHED_BEFORE
        state P2 REPLICA_ROW
        state L2 REPLICA_ROW
        state L3 TIMING_PENDING
        state L4 REPLICA_ROW
    ",
    );
}

#[test]
fn a_reversal_in_the_next_file_undoes_the_payment_of_the_night_before() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        statement  P2  order=A1  reversal  CNY 1.00  success  day=10  id=T2
        ----
        state P1 NETTED
        state P2 NETTED
        difference L1 K1 REVERSAL_UNBOOKED P1 -1.00 (P1 P2)
    ",
    );
}

#[test]
fn an_order_that_was_closed_and_is_paid_on_a_later_night() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  closed  day=8  from=HISTORY
        statement  P1  order=A1  payment  CNY 1.00  success  day=10  id=T1
        ----
        difference L1 P1 K1 LATE_SUCCESS_AFTER_CLOSE P1 +1.00 [PERIOD_MISMATCH]
    ",
    );
}

#[test]
fn what_agreed_under_another_number_explains_its_own_side() {
    check(
        "
        policy     horizon=none
        statement  P1  order=B1  payment  CNY 1.00  success  day=9  id=T1  from=HISTORY
        statement  P2  order=B1  payment  CNY 1.00  success  day=10  id=T2
        ledger     L2  order=C1  payment  CNY 1.00  success  day=10  id=T1
        ----
        state P1 MATCHED_BEFORE
        difference P2 - DUPLICATE_PAYMENT P0 +1.00 (P1)
        difference L2 - MISSING_AT_PROVIDER P1 -1.00
    ",
    );
}

#[test]
fn a_booking_of_an_order_that_became_a_success_later() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  pending  day=9  from=DIFFERENCE
        statement  P1  order=A1  payment  CNY 1.00  success  day=9  id=T1  from=DIFFERENCE
        ledger     L2  order=A1  payment  CNY 1.00  success  day=9
        ----
        match L2 P1 K1 LATE_MATCHED
        state L1 IGNORED(no_movement)
    ",
    );
}

#[test]
fn what_is_held_never_expires_and_may_find_its_partner() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=1  held  from=TRANSIT
        ledger     L2  order=A2  payment  CNY 2.00  success  day=9  held
        statement  P2  order=A2  payment  CNY 2.00  success  day=9  from=TRANSIT
        ----
        state L1 HELD_NO_STATEMENT
        match L2 P2 K1 LATE_MATCHED
    ",
    );
}

#[test]
fn an_event_whose_payment_nobody_knows_is_an_orphan_once_it_no_longer_waits() {
    check(
        "
        statement  P1  event=R1  order=A1  refund  CNY 1.00  success  day=8  orphan
        ledger     L2  event=R2  order=A2  refund  CNY 1.00  success  day=8  orphan
        statement  P3  event=R3  order=A3  refund  CNY 1.00  success  day=9  orphan
        statement  P4  order=A4  payment  CNY 1.00  success  day=8  orphan
        ----
        difference P1 - ORPHAN_EVENT P1 -1.00 [REFUND_UNAUTHORISED]
        difference L2 - ORPHAN_EVENT P1 +1.00 [REFUND_NOT_EXECUTED]
        state P3 TIMING_PENDING
        difference P4 - MISSING_IN_LEDGER P1 +1.00
    ",
    );
}

#[test]
fn a_month_end_between_the_two_days_is_a_flag_of_a_late_match() {
    check(
        "
        policy     day=31
        ledger     L1  order=A1  payment  CNY 1.00  success  day=30  from=TRANSIT
        statement  P1  order=A1  payment  CNY 1.00  success  day=31
        ----
        match L1 P1 K1 LATE_MATCHED [PERIOD_MISMATCH]
    ",
    );
}

#[test]
fn what_was_settled_stays_so_until_something_more_is_said_of_it() {
    check(
        "
        ledger     L1  order=A1  payment  CNY 1.00  success  day=9  from=SETTLED
        statement  P1  order=A1  payment  CNY 0.99  success  day=9  id=T1  from=SETTLED
        statement  P2  order=A1  payment  CNY 0.99  success  day=10  id=T1
        ledger     L3  order=A3  payment  CNY 1.00  success  day=9  from=SETTLED
        statement  P3  order=A3  payment  CNY 0.99  success  day=9  id=T3  from=SETTLED
        statement  P4  order=A3  payment  CNY 0.01  success  day=10  id=T4
        ledger     L5  order=A5  payment  CNY 1.00  success  day=9  from=SETTLED
        statement  P5  order=A5  payment  CNY 0.99  success  day=9  id=T5  from=SETTLED
        statement  P6  order=A5  reversal  CNY 0.99  success  day=10  id=T6
        statement  P7  order=A5  payment  CNY 1.00  success  day=10  id=T7
        ledger     L8  order=A8  payment  CNY 1.00  success  day=9  id=T8  from=SETTLED
        statement  P8  order=B8  payment  CNY 0.99  success  day=9  id=T8  from=SETTLED
        ----
        match L1 P1 K1 MATCHED_BEFORE
        match L8 P8 K2 MATCHED_BEFORE
        state P2 REPLICA_ROW
        difference L3 P3 P4 K1 DUPLICATE_PAYMENT P0 0.00 risk=0.01 [ROUNDING_VARIANCE]
        state P5 NETTED
        state P6 NETTED
        match L5 P7 K1 LATE_MATCHED
    ",
    );
}
