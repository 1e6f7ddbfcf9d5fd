//! Points in time as the contract writes them: RFC 3339 in, RFC 3339 in UTC out, microseconds inside.
//!
//! Microseconds, because that is what PostgreSQL keeps: what a POST answers must be what a GET then gives.
//! No calendar crate: two conversions between days and dates are all that is needed.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// Microseconds since 1970-01-01T00:00:00Z, within the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The present.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Reads `2026-01-31T12:00:00[.5…](Z|+03:00)`; digits beyond microseconds are cut. None for everything else,
    /// leap seconds and years outside of 1..=9999 included.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        if bytes.len() < 20 || marks.iter().any(|&(at, mark)| bytes[at] != mark) || !matches!(bytes[10], b'T' | b't') {
            return None;
        }
        let date = (digits(&bytes[0..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
        let (hour, minute, second) = (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let (micros, rest) = fraction(&bytes[19..])?;
        let of_day = hour * 3600 + minute * 60 + second - offset(rest)?;
        let whole = Self((days(date)? * DAY + of_day) * SECOND + micros);
        // An offset may carry the first and the last day out of the years that can be written.
        (1..=9999).contains(&civil(whole.0.div_euclid(SECOND * DAY)).0).then_some(whole)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, of_day) = (self.0.div_euclid(SECOND * DAY), self.0.rem_euclid(SECOND * DAY));
        let (year, month, date) = civil(day);
        let (seconds, micros) = (of_day / SECOND, of_day % SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros != 0 {
            write!(f, ".{}", format!("{micros:06}").trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// The microseconds of `.123…`, where there is one, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else { return Some((0, text)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kept = digits(&rest[..length.min(6)])?;
    (length > 0).then(|| (kept * 10_i64.pow(6 - length.min(6) as u32), &rest[length..]))
}

/// The seconds east of Greenwich that `Z` or `+03:00` stands for.
fn offset(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let seconds = hours * 3600 + minutes * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of a date that exists. Method: <https://howardhinnant.github.io/date_algorithms.html>
fn days((year, month, day): (i64, i64, i64)) -> Option<i64> {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let count = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // 31 June and month 13 do not come back as they went in.
    (civil(count) == (year, month, day)).then_some(count)
}

/// The date of a day counted from 1970-01-01; the inverse of [`days`].
fn civil(count: i64) -> (i64, i64, i64) {
    let shifted = count + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (month, day) = (if month < 10 { month + 3 } else { month - 9 }, of_year - (153 * month + 2) / 5 + 1);
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, civil, days};

    fn normal(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn every_day_of_the_calendar_comes_back() {
        let (first, last) = (days((1, 1, 1)).unwrap(), days((9999, 12, 31)).unwrap());
        assert!((first..=last).all(|day| days(civil(day)) == Some(day)));
        assert_eq!(days((1970, 1, 1)), Some(0));
        assert_eq!(days((2000, 3, 1)), Some(11_017));
    }

    #[test]
    fn rfc_3339_is_read_and_written_in_utc() {
        for (given, kept) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00.500Z", "2026-01-31T12:00:00.5Z"),
            ("2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00.123456Z"),
            ("2026-01-31t01:00:00+03:00", "2026-01-30T22:00:00Z"),
            ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(normal(given).as_deref(), Some(kept), "{given}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00:60Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00+0300",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "2026-01-31T12:00:00Zz",
            "２026-01-31T12:00:00Z",
            "+026-01-31T12:00:00Z",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
