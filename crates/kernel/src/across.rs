//! Rules that look across groups: an order's life, and look-alikes under different orders.
//!
//! They work on compact values that the scan collects for the kinds concerned, because a record
//! that agrees under its own key can still be part of something wrong.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::currency::Currency;
use crate::money::{Minor, Total};
use crate::record::{Instant, Kind};

/// Money that went back on an order: a successful refund or chargeback at the provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Return {
    /// Hash of account and order, as the payment's own key.
    pub order: u128,
    /// Hash of its own number, or its place where it has none.
    pub event: u128,
    /// Where the record is.
    pub place: u64,
    /// Refund or chargeback.
    pub kind: Kind,
    /// Its currency.
    pub currency: Currency,
    /// How much, without sign.
    pub amount: Minor,
    /// When.
    pub at: Instant,
}

/// Money that came in on an order: a successful payment at the provider, or a negative one for its reversal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture {
    /// Hash of account and order.
    pub order: u128,
    /// Its currency.
    pub currency: Currency,
    /// How much, signed.
    pub amount: Minor,
}

/// A record that the rules across groups make a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The record.
    pub place: u64,
    /// What it is part of.
    pub code: Code,
    /// What it puts at risk.
    pub at_risk: Total,
}

/// Orders on which more went back than came in (`OVER_REFUND`, with a chargeback `DOUBLE_DIP`).
///
/// Judged only where a payment of the order is known; each event beyond the captured amount is
/// marked with its own part of the excess. Replicas of one event must have been removed before.
#[must_use]
pub fn over_returned(returns: &[Return], captures: &[Capture]) -> Vec<Mark> {
    let mut captured: BTreeMap<(u128, Currency), Total> = BTreeMap::new();
    for capture in captures {
        *captured.entry((capture.order, capture.currency)).or_default() += capture.amount;
    }
    let mut by_order: BTreeMap<(u128, Currency), Vec<&Return>> = BTreeMap::new();
    for one in returns {
        by_order.entry((one.order, one.currency)).or_default().push(one);
    }
    let mut marks = Vec::new();
    for (order, mut events) in by_order {
        let Some(&captured) = captured.get(&order) else { continue };
        events.sort_by_key(|event| (event.at, event.amount, event.event, event.place));
        let disputed = events.iter().any(|event| event.kind == Kind::Chargeback);
        let refunded = events.iter().any(|event| event.kind == Kind::Refund);
        let code = if disputed && refunded { Code::DoubleDip } else { Code::OverRefund };
        let mut returned = Total::ZERO;
        for event in events {
            returned += event.amount;
            let excess = returned - captured;
            if excess > Total::ZERO {
                marks.push(Mark { place: event.place, code, at_risk: excess.min(event.amount.into()) });
            }
        }
    }
    marks.sort_by_key(|mark| mark.place);
    marks
}

/// A payment or payout by what makes two of them look alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sighting {
    /// Hash of other party, amount, currency and kind.
    pub likeness: u128,
    /// When.
    pub at: Instant,
    /// Hash of the order or payout it belongs to.
    pub order: u128,
    /// Where the record is.
    pub place: u64,
    /// How much, without sign.
    pub amount: Minor,
}

/// Look-alikes under different orders within a window; every later one of a row is marked.
#[must_use]
pub fn look_alikes(mut sightings: Vec<Sighting>, window_micros: i64) -> Vec<Mark> {
    sightings.sort_unstable();
    let mut marks = Vec::new();
    for pair in sightings.windows(2) {
        let [first, second] = pair else { continue };
        let close = second.at.0.saturating_sub(first.at.0) <= window_micros;
        if first.likeness == second.likeness && first.order != second.order && close {
            marks.push(Mark { place: second.place, code: Code::SuspectedDuplicate, at_risk: second.amount.into() });
        }
    }
    marks.sort_by_key(|mark| mark.place);
    marks
}

/// The power of ten between two amounts, if there is one other than 10⁰.
#[must_use]
pub fn power_of_ten(one: Minor, other: Minor) -> Option<i8> {
    let (small, large) = (one.get().abs().min(other.get().abs()), one.get().abs().max(other.get().abs()));
    if small == 0 || small == large {
        return None;
    }
    let mut scaled = small;
    for exponent in 1..=6_i8 {
        scaled = scaled.checked_mul(10)?;
        if scaled == large {
            return Some(if one.get().abs() > other.get().abs() { exponent } else { -exponent });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(units: i64) -> Minor {
        Minor::new(units).unwrap()
    }

    fn cny() -> Currency {
        Currency::iso("CNY").unwrap()
    }

    fn returned(order: u128, place: u64, kind: Kind, amount: i64) -> Return {
        Return {
            order,
            event: u128::from(place),
            place,
            kind,
            currency: cny(),
            amount: minor(amount),
            at: Instant(i64::try_from(place).unwrap()),
        }
    }

    fn captured(order: u128, amount: i64) -> Capture {
        Capture { order, currency: cny(), amount: minor(amount) }
    }

    #[test]
    fn the_refund_that_exceeds_the_payment_is_marked_with_the_excess() {
        let returns =
            [returned(1, 10, Kind::Refund, 60), returned(1, 11, Kind::Refund, 60), returned(1, 12, Kind::Refund, 5)];
        let marks = over_returned(&returns, &[captured(1, 100)]);
        let found: Vec<_> = marks.iter().map(|mark| (mark.place, mark.code, mark.at_risk.get())).collect();
        assert_eq!(found, vec![(11, Code::OverRefund, 20), (12, Code::OverRefund, 5)]);
    }

    #[test]
    fn a_refund_and_a_chargeback_of_one_payment_are_a_double_dip() {
        let returns = [returned(1, 10, Kind::Refund, 100), returned(1, 11, Kind::Chargeback, 100)];
        let marks = over_returned(&returns, &[captured(1, 100)]);
        assert_eq!(marks, vec![Mark { place: 11, code: Code::DoubleDip, at_risk: Total::new(100) }]);
    }

    #[test]
    fn an_order_whose_payment_is_elsewhere_is_not_judged() {
        assert!(over_returned(&[returned(1, 10, Kind::Refund, 60)], &[]).is_empty());
    }

    #[test]
    fn full_refund_is_not_over_refund_and_a_reversed_payment_captures_nothing() {
        assert!(over_returned(&[returned(1, 10, Kind::Refund, 100)], &[captured(1, 100)]).is_empty());
        let marks = over_returned(&[returned(1, 10, Kind::Refund, 100)], &[captured(1, 100), captured(1, -100)]);
        assert_eq!(marks.len(), 1);
    }

    #[test]
    fn look_alikes_need_another_order_and_the_window() {
        let sighting = |order, at, place| Sighting { likeness: 1, at: Instant(at), order, place, amount: minor(5) };
        let same_order = vec![sighting(1, 0, 10), sighting(1, 1, 11)];
        assert!(look_alikes(same_order, 100).is_empty());
        let late = vec![sighting(1, 0, 10), sighting(2, 101, 11)];
        assert!(look_alikes(late, 100).is_empty());
        let close = vec![sighting(2, 100, 11), sighting(1, 0, 10)];
        assert_eq!(look_alikes(close, 100).iter().map(|mark| mark.place).collect::<Vec<_>>(), vec![11]);
    }

    #[test]
    fn powers_of_ten_are_exact() {
        assert_eq!(power_of_ten(minor(10_000), minor(100)), Some(2));
        assert_eq!(power_of_ten(minor(100), minor(10_000)), Some(-2));
        assert_eq!(power_of_ten(minor(10_001), minor(100)), None);
        assert_eq!(power_of_ten(minor(0), minor(100)), None);
        assert_eq!(power_of_ten(minor(7), minor(7)), None);
    }
}
