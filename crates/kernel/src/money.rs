//! Money is an integer with a name.
//!
//! [`Minor`] is one amount in minor units of its currency (fen, cent). [`Total`] is what arithmetic
//! on amounts gives: wide enough that no sum a night can produce overflows. There is no way from a
//! float to either, and no operator that can wrap.
//!
//! Not here: text. Amounts are read and written by the shell, which knows the currency's exponent.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

/// One amount in minor units, at most 18 digits.
///
/// ```
/// use tieout_kernel::money::Minor;
/// let paid = Minor::new(10_000).unwrap();
/// let booked = Minor::new(9_999).unwrap();
/// assert_eq!((paid - booked).get(), 1);
/// assert!(Minor::new(i64::MAX).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Minor(i64);

impl Minor {
    /// The amount of nothing.
    pub const ZERO: Self = Self(0);
    /// The largest magnitude an amount can have: 18 digits, so that negation never overflows.
    pub const LIMIT: i64 = 999_999_999_999_999_999;

    /// `None` when the magnitude has more than 18 digits.
    #[must_use]
    pub const fn new(minor_units: i64) -> Option<Self> {
        if minor_units >= -Self::LIMIT && minor_units <= Self::LIMIT { Some(Self(minor_units)) } else { None }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self(self.0.abs())
    }
}

impl Neg for Minor {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Add for Minor {
    type Output = Total;
    #[inline]
    fn add(self, other: Self) -> Total {
        Total::from(self) + Total::from(other)
    }
}

impl Sub for Minor {
    type Output = Total;
    #[inline]
    fn sub(self, other: Self) -> Total {
        Total::from(self) - Total::from(other)
    }
}

/// A sum of amounts in minor units.
///
/// 128 bits hold more than 10²⁰ amounts of 18 digits, so the additions here cannot overflow on
/// anything that fits on a disk; should they, they panic in every build profile.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Total(i128);

impl Total {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// A sum that was kept elsewhere, such as in a table.
    #[must_use]
    pub const fn new(minor_units: i128) -> Self {
        Self(minor_units)
    }

    /// The sum in minor units.
    #[must_use]
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The sum without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self(self.0.abs())
    }

    /// Back to one amount, if it has at most 18 digits.
    #[must_use]
    pub fn to_minor(self) -> Option<Minor> {
        i64::try_from(self.0).ok().and_then(Minor::new)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

const OVERFLOW: &str = "a sum of money left 128 bits";

impl From<Minor> for Total {
    #[inline]
    fn from(amount: Minor) -> Self {
        Self(i128::from(amount.0))
    }
}

impl Add for Total {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect(OVERFLOW))
    }
}

impl Sub for Total {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect(OVERFLOW))
    }
}

impl Neg for Total {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self(self.0.checked_neg().expect(OVERFLOW))
    }
}

impl AddAssign for Total {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl AddAssign<Minor> for Total {
    #[inline]
    fn add_assign(&mut self, other: Minor) {
        *self = *self + Self::from(other);
    }
}

impl Sum<Minor> for Total {
    fn sum<I: Iterator<Item = Minor>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, amount| sum + Self::from(amount))
    }
}

impl Sum for Total {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
