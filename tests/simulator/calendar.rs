//! Days counted since 1970, their dates, and which of them are business days.

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Whether the company works that day.
pub fn is_business_day(day: i64) -> bool {
    // 1970-01-01 was a Thursday.
    !matches!((day + 4).rem_euclid(7), 0 | 6)
}

/// Business days after the one day up to the other.
pub fn business_days(from: i64, to: i64) -> usize {
    (from + 1..=to).filter(|day| is_business_day(*day)).count()
}

/// A day since 1970 as a date (after Howard Hinnant's `civil_from_days`).
pub fn date(day: i64) -> String {
    let (year, month, of_month) = civil(day);
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// The month of a day, counted since year 0.
pub fn month(day: i64) -> i64 {
    let (year, month, _) = civil(day);
    year * 12 + month
}

fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_month)
}
