//! What a provider should have charged: a dated schedule of fees.

use crate::calendar::Day;
use crate::currency::Currency;
use crate::money::Minor;
use crate::record::{Kind, KindSet};

/// A proportion in units of 10⁻⁹, so that `0.6 %` is exactly `6_000_000`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rate(pub i64);

impl Rate {
    /// What one whole is.
    pub const ONE: i64 = 1_000_000_000;

    /// This proportion of an amount without sign, a half rounded up.
    #[must_use]
    pub fn of(self, amount: Minor) -> Minor {
        let exact = i128::from(amount.get()) * i128::from(self.0);
        let one = i128::from(Self::ONE);
        let rounded = (exact + one / 2).div_euclid(one);
        i64::try_from(rounded).ok().and_then(Minor::new).expect("a proportion of an amount is no larger than it")
    }
}

/// What happens to the fee of a payment when it is refunded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundFee {
    /// The provider keeps it.
    Kept,
    /// The provider returns the proportion that the refund has of it, at most what it charges at most.
    Returned,
    /// What comes back depends on more than the refund, so it is not judged.
    Unjudged,
}

/// What the fee of a statement record is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeeExpectation {
    /// Nobody knows what it should be.
    None,
    /// A schedule covers the source, but no rule covers the record: there should be no fee.
    NoRule,
    /// The expected effect on the balance: negative when charged.
    Known(Minor),
}

/// Which amount a fee is a proportion of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeeBase {
    /// What moved on the account.
    Amount,
    /// The gross order amount.
    OrderAmount,
}

/// One line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeRule {
    /// First business date it applies to.
    pub from: Option<Day>,
    /// Last business date it applies to.
    pub until: Option<Day>,
    /// Kinds it applies to; refunds are covered by the rule of their payment kind through `refunds`.
    pub kinds: KindSet,
    /// Currency it applies to, or all.
    pub currency: Option<Currency>,
    /// The proportion.
    pub rate: Rate,
    /// What `rate` is taken of.
    pub base: FeeBase,
    /// Added to the proportion.
    pub flat: Minor,
    /// The least that is charged.
    pub floor: Option<Minor>,
    /// The most that is charged.
    pub cap: Option<Minor>,
    /// What a refund gives back.
    pub refunds: RefundFee,
}

/// The fees one source should charge. The first rule that applies decides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeeSchedule {
    /// In the order of the job file.
    pub rules: Vec<FeeRule>,
}

/// What a schedule is asked about.
#[derive(Clone, Copy, Debug)]
pub struct FeeCase {
    /// The kind of the record.
    pub kind: Kind,
    /// Its business date.
    pub day: Option<Day>,
    /// Its currency.
    pub currency: Currency,
    /// What moved, without sign.
    pub amount: Minor,
    /// The gross order amount, without sign.
    pub order_amount: Minor,
}

impl FeeSchedule {
    /// The expected fee of a record.
    #[must_use]
    pub fn expected(&self, case: FeeCase) -> FeeExpectation {
        let Some(rule) = self.rules.iter().find(|rule| rule.applies(case)) else { return FeeExpectation::NoRule };
        let base = match rule.base {
            FeeBase::Amount => case.amount,
            FeeBase::OrderAmount => case.order_amount,
        };
        if case.kind == Kind::Refund {
            return match rule.refunds {
                RefundFee::Kept => FeeExpectation::Known(Minor::ZERO),
                RefundFee::Returned => {
                    let share = rule.rate.of(base);
                    FeeExpectation::Known(rule.cap.map_or(share, |cap| share.min(cap)))
                }
                RefundFee::Unjudged => FeeExpectation::None,
            };
        }
        let charged = (rule.rate.of(base) + rule.flat).to_minor().unwrap_or(base);
        let charged = rule.floor.map_or(charged, |floor| charged.max(floor));
        FeeExpectation::Known(-rule.cap.map_or(charged, |cap| charged.min(cap)))
    }
}

impl FeeRule {
    fn applies(&self, case: FeeCase) -> bool {
        let begun = self.from.is_none_or(|from| case.day.is_some_and(|day| day >= from));
        let lasts = self.until.is_none_or(|until| case.day.is_some_and(|day| day <= until));
        begun && lasts && self.kinds.has(case.kind) && self.currency.is_none_or(|currency| currency == case.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(units: i64) -> Minor {
        Minor::new(units).unwrap()
    }

    fn rule() -> FeeRule {
        FeeRule {
            from: None,
            until: None,
            kinds: KindSet::of(&[Kind::Payment, Kind::Refund]),
            currency: None,
            rate: Rate(6_000_000),
            base: FeeBase::Amount,
            flat: Minor::ZERO,
            floor: None,
            cap: None,
            refunds: RefundFee::Returned,
        }
    }

    fn case(kind: Kind, amount: i64) -> FeeCase {
        let currency = Currency::iso("CNY").unwrap();
        FeeCase { kind, day: Some(Day(100)), currency, amount: minor(amount), order_amount: minor(amount) }
    }

    fn expected(rule: FeeRule, case: FeeCase) -> Option<i64> {
        units(FeeSchedule { rules: vec![rule] }.expected(case))
    }

    fn units(expectation: FeeExpectation) -> Option<i64> {
        match expectation {
            FeeExpectation::Known(fee) => Some(fee.get()),
            FeeExpectation::NoRule | FeeExpectation::None => None,
        }
    }

    #[test]
    fn a_rate_rounds_a_half_up() {
        assert_eq!(expected(rule(), case(Kind::Payment, 600)), Some(-4), "3.6 fen");
        assert_eq!(expected(rule(), case(Kind::Payment, 83)), Some(0), "0.498 fen");
        assert_eq!(
            expected(FeeRule { rate: Rate(5_000_000), ..rule() }, case(Kind::Payment, 100)),
            Some(-1),
            "0.5 fen"
        );
    }

    #[test]
    fn floor_and_cap_bound_the_charge_and_flat_is_added_first() {
        let floored = FeeRule { floor: Some(minor(10)), cap: Some(minor(100)), flat: minor(3), ..rule() };
        assert_eq!(expected(floored.clone(), case(Kind::Payment, 100)), Some(-10));
        assert_eq!(expected(floored.clone(), case(Kind::Payment, 10_000)), Some(-63));
        assert_eq!(expected(floored, case(Kind::Payment, 1_000_000)), Some(-100));
    }

    #[test]
    fn a_refund_gives_back_its_share_or_nothing() {
        assert_eq!(expected(rule(), case(Kind::Refund, 10_000)), Some(60));
        assert_eq!(expected(FeeRule { refunds: RefundFee::Kept, ..rule() }, case(Kind::Refund, 10_000)), Some(0));
        let capped = FeeRule { cap: Some(minor(50)), ..rule() };
        assert_eq!(expected(capped, case(Kind::Refund, 10_000)), Some(50), "no more than was charged");
        let unjudged = FeeSchedule { rules: vec![FeeRule { refunds: RefundFee::Unjudged, ..rule() }] };
        assert_eq!(unjudged.expected(case(Kind::Refund, 10_000)), FeeExpectation::None);
    }

    #[test]
    fn dates_kinds_and_currencies_select_the_rule() {
        let old = FeeRule { until: Some(Day(99)), rate: Rate(10_000_000), ..rule() };
        let new = FeeRule { from: Some(Day(100)), ..rule() };
        let schedule = FeeSchedule { rules: vec![old, new] };
        assert_eq!(units(schedule.expected(case(Kind::Payment, 10_000))), Some(-60));
        let before = FeeCase { day: Some(Day(99)), ..case(Kind::Payment, 10_000) };
        assert_eq!(units(schedule.expected(before)), Some(-100));
        assert_eq!(schedule.expected(case(Kind::Payout, 10_000)), FeeExpectation::NoRule);
        assert_eq!(schedule.expected(FeeCase { day: None, ..case(Kind::Payment, 10_000) }), FeeExpectation::NoRule);
        let dollars = FeeRule { currency: Currency::iso("USD"), ..rule() };
        assert_eq!(expected(dollars, case(Kind::Payment, 10_000)), None);
    }
}
