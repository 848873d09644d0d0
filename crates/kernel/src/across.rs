//! Rules that look across groups: an order's life, and look-alikes under different orders.
//!
//! They work on compact values that the scan collects for the kinds concerned, because a record
//! that agrees under its own key can still be part of something wrong.

use crate::code::Code;
use crate::group::split_replicas;
use crate::money::{Minor, Total};
use crate::pair::order;
use crate::record::{Instant, Kind, Record, Status};

/// What money came in on an order before tonight, and what went back.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Before {
    /// Payments less reversals; `None` when none is known.
    pub captured: Option<Total>,
    /// Successful refunds.
    pub refunded: Total,
    /// Successful chargebacks.
    pub charged_back: Total,
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

/// Events of one order by which more went back than came in (`OVER_REFUND`, with a chargeback `DOUBLE_DIP`).
///
/// `members` are the provider's records of the order in one currency; those that ended before tonight only tell which
/// rows are the same again, for they are in `before`. Judged only where a payment of
/// the order is known; each event beyond the captured amount is marked with its own part of the excess.
#[must_use]
pub fn over_returned(records: &[Record<'_>], members: Vec<u32>, before: Before) -> Vec<Mark> {
    let (mut members, _) = split_replicas(records, members);
    members.retain(|&one| !records[one as usize].origin.has_ended());
    let succeeded = |&&one: &&u32| records[one as usize].status == Status::Success;
    let sum = |kind: Kind| -> Total {
        let of_kind = members.iter().filter(succeeded).map(|&one| &records[one as usize]);
        of_kind.filter(|record| record.kind == kind).map(|record| record.principal).sum()
    };
    let has = |kind: Kind| members.iter().filter(succeeded).any(|&one| records[one as usize].kind == kind);
    if before.captured.is_none() && !has(Kind::Payment) {
        return Vec::new();
    }
    let captured = before.captured.unwrap_or_default() + sum(Kind::Payment) - sum(Kind::Reversal);
    let refunded = has(Kind::Refund) || !before.refunded.is_zero();
    let disputed = has(Kind::Chargeback) || !before.charged_back.is_zero();
    let code = if disputed && refunded { Code::DoubleDip } else { Code::OverRefund };
    let mut events: Vec<u32> = members
        .iter()
        .filter(succeeded)
        .copied()
        .filter(|&one| matches!(records[one as usize].kind, Kind::Refund | Kind::Chargeback))
        .collect();
    events.sort_by_key(|&one| order(&records[one as usize]));
    let mut returned = before.refunded + before.charged_back;
    let mut marks = Vec::new();
    for one in events {
        let record = &records[one as usize];
        returned += record.principal;
        let excess = returned - captured;
        // What moved nothing is no part of an excess.
        if excess > Total::ZERO && record.principal != Minor::ZERO {
            marks.push(Mark { place: record.place, code, at_risk: excess.min(record.principal.into()) });
        }
    }
    marks
}

/// A payment or payout by what makes two of them look alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sighting {
    /// Hash of other party, amount, currency and kind.
    pub likeness: u128,
    /// When.
    pub at: Instant,
    /// A hash of what the row says of itself: breaks ties, so that no order of input does.
    pub tie: u64,
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

    #[test]
    fn look_alikes_need_another_order_and_the_window() {
        let sighting =
            |order, at, place| Sighting { likeness: 1, at: Instant(at), tie: place, order, place, amount: minor(5) };
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
