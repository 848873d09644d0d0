//! More going back on an order than came in.

use super::table::check_life;

#[test]
fn the_refund_that_exceeds_the_payment_is_marked_with_the_excess() {
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  event=R2  refund  CNY 60.00  success  id=T2  t=10
        statement  P3  order=A1  event=R3  refund  CNY 60.00  success  id=T3  t=11
        statement  P4  order=A1  event=R4  refund  CNY 5.00  success  id=T4  t=12
        ----
        P3 OVER_REFUND 20.00
        P4 OVER_REFUND 5.00
    ",
    );
}

#[test]
fn a_refund_and_a_chargeback_of_one_payment_are_a_double_dip() {
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  event=R2  refund  CNY 100.00  success  id=T2  t=10
        statement  P3  order=A1  event=D3  chargeback  CNY 100.00  success  id=T3  t=11
        ----
        P3 DOUBLE_DIP 100.00
    ",
    );
}

#[test]
fn a_refund_of_nothing_exceeds_nothing() {
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  event=R2  refund  CNY 120.00  success  id=T2  t=10
        statement  P3  order=A1  event=R3  refund  CNY 0.00  success  id=T3  t=11
        ----
        P2 OVER_REFUND 20.00
    ",
    );
}

#[test]
fn an_order_whose_payment_is_elsewhere_is_not_judged() {
    check_life(
        "
        statement  P2  order=A1  event=R2  refund  CNY 60.00  success  id=T2
        ----
    ",
    );
}

#[test]
fn a_full_refund_is_none_and_a_reversed_payment_brought_nothing() {
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  event=R2  refund  CNY 100.00  success  id=T2  t=10
        ----
    ",
    );
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  reversal  CNY 100.00  success  id=V1  t=5
        statement  P3  order=A1  event=R2  refund  CNY 100.00  success  id=T2  t=10
        ----
        P3 OVER_REFUND 100.00
    ",
    );
}

#[test]
fn a_row_that_is_there_twice_counts_once_whatever_it_is() {
    check_life(
        "
        statement  P1  order=A1  payment  CNY 100.00  success  id=T1  t=0
        statement  P2  order=A1  payment  CNY 100.00  success  id=T1  t=0  same=P1
        statement  P3  order=A1  event=R3  refund  CNY 60.00  success  id=T3  t=10
        statement  P4  order=A1  event=R3  refund  CNY 60.00  success  id=T3  t=10  same=P3
        statement  P5  order=A1  event=R5  refund  CNY 60.00  success  id=T5  t=11
        statement  P6  order=A1  event=R6  refund  CNY 90.00  failed   id=T6  t=11
        ----
        P5 OVER_REFUND 20.00
    ",
    );
}
