//! Text and typed times to instants and business days.
//!
//! A local time means nothing without its zone, so a zone is always declared. Zones change their
//! offset a few times a year; the offset of the last hour seen is kept, because rows come in order.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use tieout_kernel::calendar::Day;
use tieout_kernel::record::Instant;

use crate::reject::RejectReason;

const MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * MICROS;
const HOUR_MICROS: i64 = 3_600 * MICROS;

/// How a source writes times.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum TimeFormat {
    /// `2026-11-20 09:30:00`, `2026/11/20T09:30:00.123Z`, `2026-11-20`: year first, offset if there is one.
    #[default]
    Iso,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// A pattern of `strptime`.
    Pattern(String),
}

/// What a local time means that happens twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ambiguous {
    /// The first of the two.
    #[default]
    Earlier,
    /// The second of the two.
    Later,
    /// Neither: the row is rejected.
    Refuse,
}

/// How times of a source become instants and days.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
    ambiguous: Ambiguous,
    format: TimeFormat,
    /// Time of day from which on a record belongs to the next business day, in microseconds.
    cut_off: i64,
    /// The local hour last resolved, as microseconds, and its offset.
    local_hour: Option<(i64, i64)>,
    /// The hour of instants last resolved, and its offset.
    instant_hour: Option<(i64, i64)>,
}

/// A time as a source gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// A moment whatever the zone.
    Instant(i64),
    /// Microseconds since 1970 on the clock of the source's zone.
    Local(i64),
}

impl Clock {
    /// A clock in a zone; `cut_off` is a time of day in seconds, 86 400 for midnight.
    #[must_use]
    pub fn new(zone: TimeZone, cut_off: i64, ambiguous: Ambiguous, format: TimeFormat) -> Self {
        Self { zone, ambiguous, format, cut_off: cut_off * MICROS, local_hour: None, instant_hour: None }
    }

    /// Reads a time.
    #[inline]
    pub fn read(&self, text: &str) -> Result<Reading, RejectReason> {
        match &self.format {
            TimeFormat::Iso => iso(text).ok_or(RejectReason::BadTime),
            TimeFormat::EpochSeconds => epoch(text, MICROS),
            TimeFormat::EpochMillis => epoch(text, 1_000),
            TimeFormat::Pattern(pattern) => strptime(pattern, text).ok_or(RejectReason::BadTime),
        }
    }

    /// The instant and the business day of a reading.
    pub fn resolve(&mut self, reading: Reading) -> Result<(Instant, Day), RejectReason> {
        let (instant, local) = match reading {
            Reading::Local(local) => (local - self.offset_of_local(local)?, local),
            Reading::Instant(instant) => (instant, instant + self.offset_at(instant)?),
        };
        let shifted = if local.rem_euclid(DAY_MICROS) >= self.cut_off { local + DAY_MICROS } else { local };
        Ok((Instant(instant), day_of(shifted)?))
    }

    fn offset_of_local(&mut self, local: i64) -> Result<i64, RejectReason> {
        let hour = local.div_euclid(HOUR_MICROS);
        if let Some((known, offset)) = self.local_hour
            && known == hour
        {
            return Ok(offset);
        }
        let offset = self.ambiguous_offset(civil_of(local)?)?;
        // Only an hour that has one offset from its first to its last moment is kept.
        let edge = |at: i64| civil_of(at).and_then(|civil| self.ambiguous_offset(civil));
        if edge(hour * HOUR_MICROS) == Ok(offset) && edge(hour * HOUR_MICROS + HOUR_MICROS - MICROS) == Ok(offset) {
            self.local_hour = Some((hour, offset));
        }
        Ok(offset)
    }

    fn ambiguous_offset(&self, local: civil::DateTime) -> Result<i64, RejectReason> {
        let micros = |offset: Offset| i64::from(offset.seconds()) * MICROS;
        match (self.zone.to_ambiguous_timestamp(local).offset(), self.ambiguous) {
            (AmbiguousOffset::Unambiguous { offset }, _) => Ok(micros(offset)),
            (AmbiguousOffset::Fold { before, .. }, Ambiguous::Earlier) => Ok(micros(before)),
            (AmbiguousOffset::Fold { after, .. }, Ambiguous::Later) => Ok(micros(after)),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Refuse) | (AmbiguousOffset::Gap { .. }, _) => {
                Err(RejectReason::NoSuchLocalTime)
            }
        }
    }

    fn offset_at(&mut self, instant: i64) -> Result<i64, RejectReason> {
        let quarter = instant.div_euclid(HOUR_MICROS / 4);
        if let Some((known, offset)) = self.instant_hour
            && known == quarter
        {
            return Ok(offset);
        }
        let timestamp = jiff::Timestamp::from_microsecond(instant).map_err(|_| RejectReason::BadTime)?;
        let offset = i64::from(self.zone.to_offset(timestamp).seconds()) * MICROS;
        // All zones change at a quarter of an hour.
        self.instant_hour = Some((quarter, offset));
        Ok(offset)
    }

    /// The bounds of a business day as instants, half open.
    pub fn bounds(&mut self, day: Day) -> Result<(Instant, Instant), RejectReason> {
        let start = i64::from(day.0) * DAY_MICROS - (DAY_MICROS - self.cut_off);
        let from = start - self.offset_of_local(start)?;
        let until = start + DAY_MICROS - self.offset_of_local(start + DAY_MICROS)?;
        Ok((Instant(from), Instant(until)))
    }

    /// Whether local times can be ambiguous here.
    #[must_use]
    pub fn has_daylight_saving(zone: &TimeZone) -> bool {
        zone.following(jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365 * 50)).next().is_some()
    }
}

/// The day of a local time.
pub fn day_of(local: i64) -> Result<Day, RejectReason> {
    i32::try_from(local.div_euclid(DAY_MICROS)).map(Day).map_err(|_| RejectReason::BadTime)
}

fn civil_of(local: i64) -> Result<civil::DateTime, RejectReason> {
    let timestamp = jiff::Timestamp::from_microsecond(local).map_err(|_| RejectReason::BadTime)?;
    Ok(Offset::UTC.to_datetime(timestamp))
}

fn epoch(text: &str, unit: i64) -> Result<Reading, RejectReason> {
    let count: i64 = text.parse().map_err(|_| RejectReason::BadTime)?;
    count.checked_mul(unit).map(Reading::Instant).ok_or(RejectReason::BadTime)
}

fn strptime(pattern: &str, text: &str) -> Option<Reading> {
    let broken_down = jiff::fmt::strtime::parse(pattern, text).ok()?;
    if broken_down.offset().is_some() {
        return Some(Reading::Instant(broken_down.to_timestamp().ok()?.as_microsecond()));
    }
    let local = broken_down.to_datetime().or_else(|_| broken_down.to_date().map(civil::DateTime::from)).ok()?;
    let timestamp = Offset::UTC.to_timestamp(local).ok()?;
    Some(Reading::Local(timestamp.as_microsecond()))
}

/// Days since 1970 of a civil date, if it exists.
#[must_use]
pub fn day_of_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) || !(1..=9999).contains(&year) {
        return None;
    }
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Reads `yyyy-MM-dd`, and after a blank or `T` `HH:mm[:ss[.fraction]]`, and then an offset.
///
/// Years come first and are four digits; dashes or slashes; colons may be full-width, as in an old
/// WeChat example.
#[must_use]
#[inline]
pub fn iso(text: &str) -> Option<Reading> {
    if text.contains('：') {
        return iso(&text.replace('：', ":"));
    }
    let bytes = text.as_bytes();
    let digits = |from: usize, count: usize| -> Option<i64> {
        let part = bytes.get(from..from + count)?;
        part.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    let mark = *bytes.get(4)?;
    if !matches!(mark, b'-' | b'/') || bytes.get(7) != Some(&mark) {
        return None;
    }
    let day = day_of_date(digits(0, 4)?, digits(5, 2)?, digits(8, 2)?)?;
    let date = day * DAY_MICROS;
    match bytes.get(10) {
        None => return Some(Reading::Local(date)),
        Some(b' ' | b'T') => {}
        Some(_) => return None,
    }
    let (hour, minute) = (digits(11, 2)?, digits(14, 2)?);
    if bytes.get(13) != Some(&b':') {
        return None;
    }
    let (second, mut at) = if bytes.get(16) == Some(&b':') { (digits(17, 2)?, 19) } else { (0, 16) };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        let start = at + 1;
        at = start + bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if at == start || at - start > 9 {
            return None;
        }
        let padded = format!("{:0<6}", &text[start..at]);
        fraction = padded[..6].parse::<i64>().ok()?;
    }
    let local = date + ((hour * 60 + minute) * 60 + second) * MICROS + fraction;
    offset(&bytes[at..]).map(|offset| match offset {
        Some(seconds) => Reading::Instant(local - seconds * MICROS),
        None => Reading::Local(local),
    })
}

/// Nothing, `Z`, `+08:00`, `+0800` or `+08`, in seconds.
#[expect(clippy::option_option, reason = "not an offset, or one that may be left out")]
fn offset(text: &[u8]) -> Option<Option<i64>> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, rest) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let number = |pair: &[u8]| -> Option<i64> { std::str::from_utf8(pair).ok()?.parse().ok() };
    let (hours, minutes) = match rest {
        [h1, h2] => (number(&[*h1, *h2])?, 0),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then_some(Some(sign * (hours * 3_600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(zone: &str, cut_off: i64) -> Clock {
        Clock::new(TimeZone::get(zone).unwrap(), cut_off, Ambiguous::Earlier, TimeFormat::Iso)
    }

    fn resolved(clock: &mut Clock, text: &str) -> Result<(String, String), RejectReason> {
        let (instant, day) = clock.resolve(clock.read(text)?)?;
        Ok((jiff::Timestamp::from_microsecond(instant.0).unwrap().to_string(), day.to_string()))
    }

    #[test]
    fn local_times_are_of_the_declared_zone() {
        let mut beijing = clock("Asia/Shanghai", 86_400);
        let text = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(resolved(&mut beijing, "2026-11-20 23:59:59"), text("2026-11-20T15:59:59Z", "2026-11-20"));
        assert_eq!(resolved(&mut beijing, "2026-11-21 00:00:02"), text("2026-11-20T16:00:02Z", "2026-11-21"));
        assert_eq!(resolved(&mut beijing, "2014-11-10 16：33：45"), text("2014-11-10T08:33:45Z", "2014-11-10"));
        assert_eq!(resolved(&mut beijing, "2026/11/20 09:30"), text("2026-11-20T01:30:00Z", "2026-11-20"));
        assert_eq!(resolved(&mut beijing, "2026-11-20T20:00:00.5-08:00"), text("2026-11-21T04:00:00.5Z", "2026-11-21"));
        assert_eq!(resolved(&mut beijing, "2026-11-20"), text("2026-11-19T16:00:00Z", "2026-11-20"));
    }

    #[test]
    fn after_the_cut_off_the_next_business_day_begins_and_the_instant_stays() {
        let mut bank = clock("Asia/Shanghai", 23 * 3_600);
        let day = |clock: &mut Clock, text: &str| resolved(clock, text).unwrap();
        assert_eq!(day(&mut bank, "2026-11-20 22:59:59").1, "2026-11-20");
        assert_eq!(day(&mut bank, "2026-11-20 23:00:00"), ("2026-11-20T15:00:00Z".to_owned(), "2026-11-21".to_owned()));
        let (from, until) = bank.bounds(Day(20_778)).unwrap();
        assert_eq!(until.0 - from.0, DAY_MICROS);
        assert_eq!(bank.resolve(Reading::Instant(from.0)).unwrap().1, Day(20_778));
        assert_eq!(bank.resolve(Reading::Instant(until.0)).unwrap().1, Day(20_779));
    }

    #[test]
    fn days_of_23_and_25_hours() {
        let mut pacific = clock("America/Los_Angeles", 86_400);
        // Twice 01:30 on the first of November 2026; no 02:30 on the eighth of March.
        assert_eq!(resolved(&mut pacific, "2026-11-01 01:30:00").unwrap().0, "2026-11-01T08:30:00Z");
        assert_eq!(resolved(&mut pacific, "2026-03-08 02:30:00"), Err(RejectReason::NoSuchLocalTime));
        assert_eq!(resolved(&mut pacific, "2026-03-08 03:30:00").unwrap().0, "2026-03-08T10:30:00Z");
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let mut strict = Clock::new(zone.clone(), 86_400, Ambiguous::Refuse, TimeFormat::Iso);
        assert_eq!(resolved(&mut strict, "2026-11-01 01:30:00"), Err(RejectReason::NoSuchLocalTime));
        let mut later = Clock::new(zone.clone(), 86_400, Ambiguous::Later, TimeFormat::Iso);
        assert_eq!(resolved(&mut later, "2026-11-01 01:30:00").unwrap().0, "2026-11-01T09:30:00Z");
        assert!(Clock::has_daylight_saving(&zone));
        assert!(!Clock::has_daylight_saving(&TimeZone::get("Asia/Shanghai").unwrap()));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "2026-11-20 24:00:00",
            "2026-11-20 9:30:00",
            "20-11-2026",
            "2026-11-20 09:30:60",
            "2026-11-20T09:30:00+99:00",
            "2026-11-20x",
            "2026-11/20",
            "2026-11-20 09:30:00 CST",
        ] {
            assert_eq!(iso(text), None, "{text:?}");
        }
    }

    #[test]
    fn epochs_and_patterns() {
        let with = |format| Clock::new(TimeZone::UTC, 86_400, Ambiguous::Earlier, format);
        assert_eq!(with(TimeFormat::EpochSeconds).read("10"), Ok(Reading::Instant(10_000_000)));
        assert_eq!(with(TimeFormat::EpochMillis).read("10"), Ok(Reading::Instant(10_000)));
        let pattern = with(TimeFormat::Pattern("%d.%m.%Y %H:%M".to_owned()));
        assert_eq!(pattern.read("20.11.2026 09:30"), Ok(iso("2026-11-20 09:30:00").unwrap()));
        assert_eq!(pattern.read("2026-11-20"), Err(RejectReason::BadTime));
        let offset = with(TimeFormat::Pattern("%Y%m%d%H%M%S%z".to_owned()));
        assert_eq!(offset.read("20261120093000+0800"), Ok(iso("2026-11-20T01:30:00Z").unwrap()));
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in (-200_000..200_000).step_by(37) {
            let (year, month, of_month) = Day(day).civil();
            assert_eq!(day_of_date(i64::from(year), i64::from(month), i64::from(of_month)), Some(i64::from(day)));
        }
    }
}
