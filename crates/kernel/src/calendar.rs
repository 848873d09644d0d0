//! Days, and how many of them are business days.

use std::fmt;

/// A calendar day, as days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(pub i32);

impl Day {
    /// Year and month: the accounting period a day belongs to.
    ///
    /// ```
    /// use tieout_kernel::calendar::Day;
    /// assert_eq!(Day(20_787).civil(), (2026, 11, 30));
    /// assert_ne!(Day(20_787).period(), Day(20_788).period());
    /// ```
    #[must_use]
    pub fn period(self) -> (i32, u8) {
        let (year, month, _) = self.civil();
        (year, month)
    }

    /// Year, month and day of month in the proleptic Gregorian calendar.
    #[must_use]
    pub fn civil(self) -> (i32, u8, u8) {
        // Days are counted from 0000-03-01 so that the leap day ends the year; an era is 400 years.
        let shifted = i64::from(self.0) + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let narrow = |value: i64| u8::try_from(value).expect("a month or a day of month fits a byte");
        (i32::try_from(year).expect("a year of 32-bit days fits 32 bits"), narrow(month), narrow(day))
    }

    /// 0 is Monday, 6 is Sunday.
    #[must_use]
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        usize::try_from((i64::from(self.0) + 3).rem_euclid(7)).expect("a remainder of seven is small")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Which days count when something is open "for two business days".
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Calendar {
    /// By weekday, Monday first: `true` when no business is done on it.
    pub weekend: [bool; 7],
    /// Days without business, ascending.
    pub holidays: Vec<Day>,
    /// Days of business that fall on a weekend (调休), ascending.
    pub working_weekends: Vec<Day>,
}

impl Calendar {
    /// Whether business is done on this day.
    #[must_use]
    pub fn is_business_day(&self, day: Day) -> bool {
        if self.weekend[day.weekday()] {
            return self.working_weekends.binary_search(&day).is_ok();
        }
        self.holidays.binary_search(&day).is_err()
    }

    /// Business days after `from` up to and including `to`; 0 when `to` is not later.
    #[must_use]
    pub fn business_days_between(&self, from: Day, to: Day) -> u32 {
        let days = (from.0.saturating_add(1)..=to.0).filter(|&day| self.is_business_day(Day(day))).count();
        u32::try_from(days).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_days_agree_with_known_dates() {
        for (day, civil) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (20_512, (2026, 2, 28)),
            (20_513, (2026, 3, 1)),
        ] {
            assert_eq!(Day(day).civil(), civil);
        }
        assert_eq!(Day(20_782).to_string(), "2026-11-25");
    }

    #[test]
    fn a_weekend_and_a_holiday_do_not_age_a_record() {
        let friday = Day(20_777); // 2026-11-20
        assert_eq!(friday.weekday(), 4);
        let weekend = [false, false, false, false, false, true, true];
        let calendar = Calendar { weekend, holidays: vec![Day(20_780)], working_weekends: vec![] };
        assert_eq!(calendar.business_days_between(friday, Day(20_779)), 0, "Sunday");
        assert_eq!(calendar.business_days_between(friday, Day(20_780)), 0, "Monday is a holiday");
        assert_eq!(calendar.business_days_between(friday, Day(20_781)), 1, "Tuesday");
        assert_eq!(calendar.business_days_between(Day(20_781), friday), 0, "never negative");
    }

    #[test]
    fn a_worked_saturday_counts() {
        let weekend = [false, false, false, false, false, true, true];
        let calendar = Calendar { weekend, holidays: vec![], working_weekends: vec![Day(20_778)] };
        assert_eq!(calendar.business_days_between(Day(20_777), Day(20_779)), 1);
    }
}
