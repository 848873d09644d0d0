//! What is planted in the shop's days, code by code. Every story is also a line of `planted.csv`.

use super::books::{Books, DATE, EVE, LAST, LONG_AGO, LedgerRow, NEXT, WEEK_AGO, fee_of};
use crate::support::bills::{AlipayRow, WechatRow};

/// The first day: one story for every code that a single night can show.
pub fn day() -> Books {
    let mut books = Books::on(DATE);
    quiet_business(&mut books, 30);
    existence(&mut books);
    amounts(&mut books);
    statuses(&mut books);
    fees(&mut books);
    duplicates(&mut books);
    parties(&mut books);
    refunds(&mut books);
    reversals(&mut books);
    without_numbers(&mut books);
    beside_the_books(&mut books);

    let (mut row, booking) = books.alipay_order(SHORT_BY_A_FEN);
    (row.order_amount, row.received) = (row.order_amount - 1, row.received - 1);
    books.settles("ROUNDING_VARIANCE", &row.order_no, "a fen too little: written off, until Alipay sends it");
    books.alipay.push(row);
    books.ledger.push(booking);
    books
}

/// The day after: what was late arrives, and what was in order is paid, undone or delivered again.
pub fn second_day(first: &Books) -> Books {
    let mut books = Books::on(NEXT);
    quiet_business(&mut books, 10);

    // Booked at 23:59:57, at Alipay four seconds later.
    let booking = booked_at(first, "23:59:57");
    let (order, amount) = (booking.order_no.clone().unwrap(), booking.amount_fen);
    let trade_no = booking.provider_txn_id.clone().unwrap();
    books.alipay.push(AlipayRow::payment(&trade_no, &order, &format!("{NEXT} 00:00:01"), amount, fee_of(amount)));
    books.alipay.last_mut().unwrap().buyer = booking.buyer.clone().unwrap();
    books.plant("late", "LATE_MATCHED", &order, "booked before midnight, in the bill of the next day");

    // At WeChat at 23:59:58, booked three seconds later.
    let row = first.wechat.iter().find(|row| row.time.ends_with("23:59:58")).unwrap();
    books.ledger.push(LedgerRow {
        created_at: format!("{NEXT} 00:00:01"),
        ..booking_of(&row.order_no, row.settled, &row.openid, &row.transaction_id)
    });
    books.plant("late", "LATE_MATCHED", &row.order_no, "in the bill before midnight, booked on the next day");

    // The order that the ledger lacked is booked in the morning, under the time of the payment.
    let missing = number_of("MISSING_IN_LEDGER", first);
    let row = first.alipay.iter().find(|row| row.order_no == missing).unwrap();
    books.ledger.push(LedgerRow {
        account: "alipay_main",
        channel: "ALIPAY",
        created_at: row.completed.clone(),
        ..booking_of(&row.order_no, row.order_amount, &row.buyer, &row.trade_no)
    });
    books.plant("closed", "MISSING_IN_LEDGER", &missing, "booked a day late: closed, and its work is called off");
    for verb in ["QUERY", "BOOK", "REFUND"] {
        books.plant("cancelled", verb, &missing, "booked a day late: nothing is left to do");
    }

    // Three orders of the first day on which all was in order.
    let [again, undone, refunded] = [1, 2, 3].map(|at| first.wechat[at].clone());
    let mut second = again.clone();
    second.transaction_id.replace_range(4..6, "99");
    second.time = format!("{NEXT} 21:10:00");
    books.plant("difference", "DUPLICATE_PAYMENT", &again.order_no, "paid once more on the next day");
    let reversal = WechatRow::revoked(&undone, &format!("{NEXT} 21:20:00"));
    books.plant(
        "difference",
        "REVERSAL_UNBOOKED",
        &undone.order_no,
        "paid on Wednesday, revoked at WeChat on Thursday",
    );
    let (refund, refund_booking) = books.wechat_refund(&refunded, refunded.settled * 6 / 10);
    books.wechat.extend([second, reversal, refund]);
    books.ledger.push(refund_booking);

    // Wednesday's row is in Thursday's bill as well.
    books.alipay.push(first.alipay[2].clone());
    books.plant("finding", "REPLICA_ROW", "alipay", "a row of Wednesday's bill is in Thursday's again");
    books.plant("finding", "STATEMENT_OVERLAP", "alipay", "the same row: it is of another day");

    // So is one of Wednesday's bookings in Thursday's extract.
    books.ledger.push(booked(first, &first.wechat[4].order_no).clone());
    books.plant("finding", "REPLICA_ROW", "ledger", "a booking of Wednesday is in Thursday's extract again");
    quiet_business(&mut books, 6);
    books
}

/// The third day: refunds that add up to too much, an order that had been closed, and what catches up at last.
pub fn third_day(first: &Books) -> Books {
    let mut books = Books::on(LAST);
    quiet_business(&mut books, 10);
    let refunded = &first.wechat[3];
    let (refund, refund_booking) = books.wechat_refund(refunded, refunded.settled * 6 / 10);
    books.plant(
        "difference",
        "OVER_REFUND",
        &refund.refund_no,
        "with Thursday's refund more than was paid on Wednesday",
    );
    books.wechat.push(refund);
    books.ledger.push(refund_booking);

    // Closed on Wednesday without a payment, and paid on Friday after all.
    let closed = first.ledger.iter().find(|one| one.status == "CLOSED" && one.provider_txn_id.is_none()).unwrap();
    let order = closed.order_no.clone().unwrap();
    let (mut row, _) = books.alipay_order(closed.amount_fen);
    row.order_no.clone_from(&order);
    books.plant("difference", "LATE_SUCCESS_AFTER_CLOSE", &order, "closed on Wednesday, paid on Friday");
    books.alipay.push(row);

    // The ledger follows the revocation.
    let undone = &first.wechat[2];
    books.ledger.push(LedgerRow {
        kind: "REVERSAL",
        created_at: format!("{LAST} 09:30:00"),
        ..booking_of(&undone.order_no, -undone.settled, &undone.openid, &undone.transaction_id)
    });
    books.plant("closed", "REVERSAL_UNBOOKED", &undone.order_no, "the ledger books the revocation a day later");
    books.plant("cancelled", "REVERSE", &undone.order_no, "the ledger has reversed it");

    // Alipay delivers what it had left out of every bill, with the time of the payment.
    let number = number_of("MISSING_AT_PROVIDER", first);
    let booking = booked(first, &number);
    let (trade_no, amount) = (booking.provider_txn_id.clone().unwrap(), booking.amount_fen);
    let mut row = AlipayRow::payment(&trade_no, &number, &booking.created_at, amount, fee_of(amount));
    row.buyer = booking.buyer.clone().unwrap();
    books.alipay.push(row);
    books.plant(
        "closed",
        "MISSING_AT_PROVIDER",
        &number,
        "in Alipay's bill two days later, and its work is called off",
    );
    for verb in ["QUERY", "REJECT", "REVERSE"] {
        books.plant("cancelled", verb, &number, "the money was there: nothing is left to do");
    }
    books.plant("finding", "STATEMENT_OVERLAP", "alipay", "the row that was left out: it is of last Friday");

    // The fen that was missing on Wednesday comes as a trade of its own.
    let short = first.alipay.iter().find(|row| row.order_amount == SHORT_BY_A_FEN - 1).unwrap();
    let (mut row, _) = books.alipay_order(1);
    row.order_no.clone_from(&short.order_no);
    row.buyer.clone_from(&short.buyer);
    books.alipay.push(row);
    let order = &short.order_no;
    books.plant("taken back", "ROUNDING_VARIANCE", order, "the fen that was written off on Wednesday has come");
    books.plant(
        "difference",
        "DUPLICATE_PAYMENT",
        order,
        "one order, two trades: the sum is right, their number is not",
    );

    // Nobody has corrected the booking in RMB, and the payment has waited for as long as it may.
    let refused = first.ledger.iter().find(|row| row.currency == "RMB").unwrap();
    let order = refused.order_no.as_deref().unwrap();
    books.plant(
        "difference",
        "MISSING_IN_LEDGER",
        order,
        "its booking could not be read on Wednesday: in transit no more",
    );
    quiet_business(&mut books, 6);
    books
}

/// What an order costs for which Alipay pays a fen too little at first.
const SHORT_BY_A_FEN: i64 = 19_700;

/// The first day's booking of an order.
fn booked<'b>(first: &'b Books, order: &str) -> &'b LedgerRow {
    first.ledger.iter().find(|row| row.txn_no.as_deref() == Some(order)).unwrap()
}

/// The number of the first day's difference of a code.
fn number_of(code: &str, first: &Books) -> String {
    first.planted.iter().find(|one| one.code == code).unwrap().number.clone()
}

fn booked_at<'b>(first: &'b Books, time: &str) -> &'b LedgerRow {
    first.ledger.iter().find(|row| row.created_at.ends_with(time)).unwrap()
}

/// A booking of a WeChat payment.
fn booking_of(order: &str, amount: i64, buyer: &str, number: &str) -> LedgerRow {
    LedgerRow {
        txn_no: Some(order.to_owned()),
        order_no: Some(order.to_owned()),
        kind: "PAY",
        amount_fen: amount,
        currency: "CNY",
        status: "PAID",
        account: "wechat_main",
        channel: "JSAPI",
        buyer: Some(buyer.to_owned()),
        provider_txn_id: Some(number.to_owned()),
        ..LedgerRow::default()
    }
}

/// Orders and refunds on which both sides agree: nearly everything, as on any day.
fn quiet_business(books: &mut Books, orders: i64) {
    for at in 0..orders {
        let amount = 1_990 + at * 731;
        let (row, mut booking) = books.alipay_order(amount);
        if at % 6 == 0 {
            let (refund, refund_booking) = books.alipay_refund(&row, amount / 2);
            booking.status = "PART_REFUNDED";
            books.alipay.push(refund);
            books.ledger.push(refund_booking);
            books.matched();
        }
        books.alipay.push(row);
        books.ledger.push(booking);
        books.matched();
    }
    for at in 0..orders * 6 / 5 {
        let amount = 890 + at * 613;
        let (row, mut booking) = books.wechat_order(amount);
        if at % 9 == 0 {
            let (refund, refund_booking) = books.wechat_refund(&row, amount);
            booking.status = "REFUNDED";
            books.wechat.push(refund);
            books.ledger.push(refund_booking);
            books.matched();
        }
        books.wechat.push(row);
        books.ledger.push(booking);
        books.matched();
    }
}

fn existence(books: &mut Books) {
    let (row, _) = books.alipay_order(26_800);
    books.differs("MISSING_IN_LEDGER", &row.order_no, 0, 1, "paid at Alipay, the order is not in the ledger");
    books.alipay.push(row);

    let (_, mut booking) = books.alipay_order(45_900);
    booking.created_at = format!("{LONG_AGO} 10:12:00");
    booking.delivered = true;
    let number = booking.txn_no.clone().unwrap();
    books.differs("MISSING_AT_PROVIDER", &number, 1, 0, "delivered on Friday, and in none of Alipay's bills so far");
    books.ledger.push(booking);

    let (_, mut booking) = books.alipay_order(8_800);
    booking.created_at = format!("{DATE} 23:59:57");
    books.end("ledger", "TIMING_PENDING", 1);
    books.ledger.push(booking);

    let (mut row, _) = books.wechat_order(12_000);
    row.time = format!("{DATE} 23:59:58");
    books.end("statement", "TIMING_PENDING", 1);
    books.wechat.push(row);

    // Booked two seconds before midnight, in the bill of the next day: the same order all the same.
    let (mut row, mut booking) = books.wechat_order(6_600);
    booking.created_at = format!("{EVE} 23:59:58");
    row.time = format!("{DATE} 00:00:03");
    books.matched();
    books.wechat.push(row);
    books.ledger.push(booking);

    let (row, mut booking) = books.wechat_order(7_700);
    booking.created_at = format!("{LONG_AGO} 15:00:00");
    books.differs("PERIOD_MISMATCH", &row.order_no, 1, 1, "booked on Friday, paid on Wednesday");
    books.wechat.push(row);
    books.ledger.push(booking);
}

fn amounts(books: &mut Books) {
    for (code, gap, story) in [
        ("AMOUNT_OVER", 500, "the customer paid five yuan more than the order says"),
        ("AMOUNT_UNDER", -1_000, "the customer paid ten yuan less than the order says"),
    ] {
        let (row, mut booking) = books.alipay_order(19_900);
        booking.amount_fen -= gap;
        books.differs(code, &row.order_no, 1, 1, story);
        books.alipay.push(row);
        books.ledger.push(booking);
    }
    let (row, mut booking) = books.alipay_order(19_900);
    booking.amount_fen -= 1;
    books.settles("ROUNDING_VARIANCE", &row.order_no, "one fen apart: written off");
    books.alipay.push(row);
    books.ledger.push(booking);

    let (row, mut booking) = books.alipay_order(30_000);
    booking.currency = "HKD";
    books.differs("CURRENCY_MISMATCH", &row.order_no, 1, 1, "booked in Hong Kong dollars, paid in yuan");
    books.alipay.push(row);
    books.ledger.push(booking);

    let (mut row, booking) = books.wechat_order(10_000);
    row.settled -= 800;
    row.fee = fee_of(row.settled);
    books.differs(
        "DISCOUNT_ATTRIBUTION",
        &row.order_no,
        1,
        1,
        "a coupon of the shop's own: eight yuan less are settled",
    );
    books.wechat.push(row);
    books.ledger.push(booking);
}

fn statuses(books: &mut Books) {
    let (row, mut booking) = books.alipay_order(16_800);
    booking.status = "WAIT";
    booking.provider_txn_id = None;
    books.differs("STATUS_PROVIDER_SUCCESS", &row.order_no, 1, 1, "the notification of the payment got lost");
    books.alipay.push(row);
    books.ledger.push(booking);

    let (row, mut booking) = books.alipay_order(23_400);
    booking.status = "CLOSED";
    booking.closed_at = Some(format!("{DATE} 00:30:00"));
    books.differs("LATE_SUCCESS_AFTER_CLOSE", &row.order_no, 1, 1, "paid hours after the order had been cancelled");
    books.alipay.push(row);
    books.ledger.push(booking);

    for status in ["FAILED", "CLOSED"] {
        let (_, mut booking) = books.alipay_order(5_000);
        booking.status = status;
        booking.provider_txn_id = None;
        books.end("ledger", "IGNORED(no_movement)", 1);
        books.ledger.push(booking);
    }
}

fn fees(books: &mut Books) {
    for (code, change, story) in [
        ("FEE_OVERCHARGED", -60, "charged twice the agreed 0.6 %"),
        ("FEE_UNDERCHARGED", 20, "charged less than agreed; it may be claimed back later"),
        ("FEE_MISSING", 60, "no fee at all"),
    ] {
        let (mut row, booking) = books.alipay_order(10_000);
        row.fee += change;
        books.differs(code, &row.order_no, 1, 1, story);
        books.alipay.push(row);
        books.ledger.push(booking);
    }
    let (row, mut booking) = books.alipay_order(20_000);
    let (mut refund, refund_booking) = books.alipay_refund(&row, 5_000);
    refund.fee = 0;
    booking.status = "PART_REFUNDED";
    books.differs("FEE_REFUND_MISMATCH", &refund.refund_no, 1, 1, "the fee's share was not returned with the refund");
    books.matched();
    books.alipay.extend([row, refund]);
    books.ledger.extend([booking, refund_booking]);
}

fn duplicates(books: &mut Books) {
    let (row, booking) = books.alipay_order(15_900);
    let mut again = row.clone();
    again.trade_no.replace_range(20..21, "9");
    again.completed = format!("{DATE} 21:40:00");
    books.matched();
    books.differs("DUPLICATE_PAYMENT", &row.order_no, 0, 1, "one order paid by two trades");
    books.alipay.extend([row, again]);
    books.ledger.push(booking);

    let (row, booking) = books.wechat_order(9_900);
    let mut again = booking.clone();
    again.created_at = format!("{DATE} 21:41:00");
    books.matched();
    books.differs("DUPLICATE_LEDGER_ENTRY", &row.order_no, 1, 0, "one payment booked twice");
    books.wechat.push(row);
    books.ledger.extend([booking, again]);

    let (row, booking) = books.alipay_order(11_100);
    let (mut row_again, mut booking_again) = (row.clone(), booking.clone());
    row_again.trade_no.replace_range(20..21, "9");
    row_again.completed = format!("{DATE} 21:42:00");
    booking_again.created_at = format!("{DATE} 21:42:00");
    booking_again.provider_txn_id = Some(row_again.trade_no.clone());
    books.matched();
    books.differs(
        "DUPLICATE_BOTH",
        &row.order_no,
        1,
        1,
        "paid twice and booked twice: the books agree, the customer does not",
    );
    books.alipay.extend([row, row_again]);
    books.ledger.extend([booking, booking_again]);

    let (first, first_booking) = books.alipay_order(6_900);
    let (mut second, mut second_booking) = books.alipay_order(6_900);
    second.buyer.clone_from(&first.buyer);
    second_booking.buyer.clone_from(&first_booking.buyer);
    books.matched();
    books.differs(
        "SUSPECTED_DUPLICATE",
        &second.order_no,
        1,
        1,
        "the same buyer and amount within minutes, another order",
    );
    books.alipay.extend([first, second]);
    books.ledger.extend([first_booking, second_booking]);

    let (row, booking) = books.alipay_order(4_200);
    books.matched();
    books.end("statement", "REPLICA_ROW", 1);
    books.plant("finding", "REPLICA_ROW", "alipay", "the same row is in the bill twice");
    books.alipay.extend([row.clone(), row]);
    books.ledger.push(booking);
}

fn parties(books: &mut Books) {
    let (row, mut booking) = books.alipay_order(13_000);
    booking.account = "wechat_main";
    books.differs("MERCHANT_MISMATCH", &row.order_no, 1, 1, "paid to Alipay, booked under the WeChat account");
    books.alipay.push(row);
    books.ledger.push(booking);

    let (mut row, booking) = books.wechat_order(7_200);
    row.channel = "NATIVE";
    books.differs("CHANNEL_MISMATCH", &row.order_no, 1, 1, "paid by scanning a code, booked as paid in the app");
    books.wechat.push(row);
    books.ledger.push(booking);

    let (row, mut booking) = books.alipay_order(18_000);
    let (refund, mut refund_booking) = books.alipay_refund(&row, 18_000);
    booking.status = "REFUNDED";
    refund_booking.buyer = Some("*远(137****4471)".to_owned());
    books.matched();
    books.differs(
        "BENEFICIARY_MISMATCH",
        &refund.refund_no,
        1,
        1,
        "the refund went to another account than the ledger names",
    );
    books.alipay.extend([row, refund]);
    books.ledger.extend([booking, refund_booking]);
}

fn refunds(books: &mut Books) {
    let (row, mut booking) = books.alipay_order(21_000);
    let (known, known_booking) = books.alipay_refund(&row, 3_000);
    let (unknown, _) = books.alipay_refund(&row, 3_000);
    booking.status = "PART_REFUNDED";
    books.matched();
    books.matched();
    books.differs(
        "REFUND_UNAUTHORISED",
        &unknown.refund_no,
        0,
        1,
        "refunded in Alipay's portal; a twin of a booked refund",
    );
    books.alipay.extend([row, known, unknown]);
    books.ledger.extend([booking, known_booking]);

    let (row, booking) = books.alipay_order(9_500);
    let (_, mut lost) = books.alipay_refund(&row, 9_500);
    lost.created_at = format!("{LONG_AGO} 11:00:00");
    let number = lost.txn_no.clone().unwrap();
    books.matched();
    books.differs("REFUND_NOT_EXECUTED", &number, 1, 0, "booked as refunded on Friday, and Alipay never did it");
    books.alipay.push(row);
    books.ledger.extend([booking, lost]);

    let (row, booking) = books.alipay_order(8_300);
    let (_, mut stuck) = books.alipay_refund(&row, 8_300);
    stuck.created_at = format!("{WEEK_AGO} 11:00:00");
    stuck.status = "WAIT";
    let number = stuck.txn_no.clone().unwrap();
    books.matched();
    books.differs("REFUND_STUCK", &number, 1, 0, "waiting for five business days");
    books.alipay.push(row);
    books.ledger.extend([booking, stuck]);

    let (row, booking) = books.alipay_order(14_000);
    let (refund, mut refund_booking) = books.alipay_refund(&row, 2_500);
    refund_booking.amount_fen = 2_500;
    books.matched();
    books.differs("DIRECTION_MISMATCH", &refund.refund_no, 1, 1, "a refund booked as money in");
    books.alipay.extend([row, refund]);
    books.ledger.extend([booking, refund_booking]);

    let (row, mut booking) = books.wechat_order(10_000);
    let (first, first_booking) = books.wechat_refund(&row, 6_000);
    let (second, second_booking) = books.wechat_refund(&row, 6_000);
    booking.status = "REFUNDED";
    books.matched();
    books.matched();
    books.differs("OVER_REFUND", &second.refund_no, 1, 1, "a hundred yuan paid, a hundred and twenty given back");
    books.wechat.extend([row, first, second]);
    books.ledger.extend([booking, first_booking, second_booking]);

    let (row, mut booking) = books.wechat_order(17_000);
    let (refund, refund_booking) = books.wechat_refund(&row, 4_000);
    let again = WechatRow { refund_id: refund.refund_id.replacen("503", "504", 1), ..refund.clone() };
    booking.status = "PART_REFUNDED";
    books.matched();
    books.matched();
    books.differs("DUPLICATE_REFUND", &refund.refund_no, 0, 1, "one refund number executed twice");
    books.wechat.extend([row, refund, again]);
    books.ledger.extend([booking, refund_booking]);

    let (row, mut booking) = books.wechat_order(5_500);
    let (mut failed, failed_booking) = books.wechat_refund(&row, 5_500);
    failed.refund_status = "FAIL";
    failed.fee = 0;
    booking.status = "REFUNDED";
    books.matched();
    books.differs("STATUS_LEDGER_SUCCESS", &failed.refund_no, 1, 1, "booked as refunded, failed at WeChat");
    books.wechat.extend([row, failed]);
    books.ledger.extend([booking, failed_booking]);

    for (status, ours) in [("PROCESSING", "PAID"), ("CHANGE", "WAIT")] {
        let (row, booking) = books.wechat_order(3_300);
        let (mut refund, mut refund_booking) = books.wechat_refund(&row, 1_100);
        refund.refund_status = status;
        refund_booking.status = ours;
        books.matched();
        if status == "PROCESSING" {
            books.matched();
        } else {
            books.end("ledger", "TIMING_PENDING", 1);
            books.end("statement", "TIMING_PENDING", 1);
        }
        books.wechat.extend([row, refund]);
        books.ledger.extend([booking, refund_booking]);
    }
}

fn reversals(books: &mut Books) {
    let (row, booking) = books.wechat_order(2_600);
    let undone = WechatRow::revoked(&row, &format!("{DATE} 21:43:00"));
    books.end("statement", "NETTED", 2);
    books.differs("REVERSAL_UNBOOKED", &row.order_no, 1, 0, "revoked at WeChat, still a success in the ledger");
    books.wechat.extend([row, undone]);
    books.ledger.push(booking);

    let (row, mut booking) = books.wechat_order(2_800);
    let undone = WechatRow::revoked(&row, &format!("{DATE} 21:44:00"));
    booking.status = "CLOSED";
    books.end("statement", "NETTED", 2);
    books.end("ledger", "IGNORED(no_movement)", 1);
    books.wechat.extend([row, undone]);
    books.ledger.push(booking);

    let (row, mut booking) = books.wechat_order(3_100);
    booking.status = "REVERSED";
    books.differs("REVERSAL_UNCONFIRMED", &row.order_no, 1, 1, "reversed in the ledger, still a success at WeChat");
    books.wechat.push(row);
    books.ledger.push(booking);

    // Yesterday's payment, revoked today on both sides; its fee came back under no rule of the schedule.
    let (row, mut booking) = books.wechat_order(8_000);
    let undone = WechatRow::revoked(&row, &format!("{DATE} 21:45:00"));
    booking.kind = "REVERSAL";
    booking.amount_fen = -8_000;
    books.differs("FEE_UNEXPECTED", &row.order_no, 1, 1, "a fee returned with a revocation, and no rule says so");
    books.wechat.push(undone);
    books.ledger.push(booking);
}

fn without_numbers(books: &mut Books) {
    let (row, mut booking) = books.alipay_order(33_300);
    (booking.txn_no, booking.order_no, booking.provider_txn_id) = (None, None, None);
    books.matched();
    books.alipay.push(row);
    books.ledger.push(booking);

    let (row, mut booking) = books.alipay_order(44_400);
    (booking.txn_no, booking.order_no, booking.provider_txn_id) = (None, None, None);
    let mut again = booking.clone();
    again.created_at = row.completed.replace(&row.completed[17..], "59");
    books.differs("AMBIGUOUS_MATCH", &row.order_no, 2, 1, "two bookings without a number fit one payment");
    books.alipay.push(row);
    books.ledger.extend([booking, again]);

    let (_, mut booking) = books.alipay_order(1_200);
    (booking.txn_no, booking.order_no, booking.provider_txn_id, booking.buyer) = (None, None, None, None);
    books.differs("KEY_MISSING", "", 1, 0, "a booking by hand that names nothing");
    books.ledger.push(booking);
}

fn beside_the_books(books: &mut Books) {
    let (mut row, _) = books.alipay_order(900);
    row.kind = "营销返点";
    row.order_no = String::new();
    row.fee = 0;
    books.differs("ADJUSTMENT_UNEXPLAINED", &row.trade_no, 0, 1, "a type of business that nobody mapped");
    books.plant("finding", "UNMAPPED_CODE", "alipay", "the type 营销返点 is in no map");
    books.alipay.push(row);

    let (_, mut booking) = books.wechat_order(25_000);
    booking.account = "paypal_hk";
    books.end("ledger", "IGNORED(out_of_scope)", 1);
    books.plant("finding", "OUT_OF_SCOPE_ROW", "ledger", "an account that this job does not reconcile");
    books.ledger.push(booking);

    let (row, mut booking) = books.wechat_order(3_900);
    booking.currency = "RMB";
    books.end("statement", "TIMING_PENDING", 1);
    books.plant("reject", "UNKNOWN_CURRENCY", "RMB", "RMB is what people say; the code is CNY");
    books.plant("finding", "ROW_REJECTED", "ledger", "the row above");
    books.wechat.push(row);
    books.ledger.push(booking);
}
