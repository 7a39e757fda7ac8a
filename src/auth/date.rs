//! Dates in UTC.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::package::UnixSeconds;

/// A day in UTC, as ISO 8601 has it: `2027-01-31`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(civil::Date);

/// A text is no [`Date`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a date such as 2027-01-31")]
pub struct InvalidDate;

impl Date {
    /// Whether the whole day has passed.
    #[must_use]
    pub fn is_over(self, now: UnixSeconds) -> bool {
        now >= self.end()
    }

    /// The first second after it.
    #[must_use]
    pub fn end(self) -> UnixSeconds {
        let next = self.0.tomorrow().ok();
        let midnight = next.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
        // 9999-12-31 is the last date there is.
        UnixSeconds(midnight.map_or(i64::MAX, Timestamp::as_second))
    }
}

impl FromStr for Date {
    type Err = InvalidDate;

    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        // `civil::Date` also reads other forms of ISO 8601, and a time after the date.
        let has_form = text.len() == 10
            && text.bytes().enumerate().all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = text.parse().ok().filter(|_| has_form);
        date.map(Self).ok_or(InvalidDate)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn one_form_is_read() {
        for good in ["2027-01-31", "2028-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(date(good).to_string(), good);
        }
        for bad in [
            "",
            "2027-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-1-31",
            "20270131",
            "2027-W04-7",
            "2027-01-31T00:00",
            "31.01.2027",
            "+2027-01-31",
            "-027-01-31",
            "2027-01-3é",
            "never",
        ] {
            assert_eq!(bad.parse::<Date>(), Err(InvalidDate), "{bad:?}");
        }
    }

    #[test]
    fn a_day_is_over_when_the_next_one_begins() {
        // 2027-01-31T23:59:59Z
        let last = UnixSeconds(1_801_439_999);
        assert!(!date("2027-01-31").is_over(last));
        assert!(date("2027-01-31").is_over(UnixSeconds(last.0 + 1)));
        assert!(date("2027-01-30").is_over(last) && !date("2027-02-01").is_over(last));
        assert_eq!(date("1970-01-01").end(), UnixSeconds(86_400));
        assert_eq!(date("1969-12-31").end(), UnixSeconds(0));
        assert!(!date("9999-12-31").is_over(UnixSeconds(i64::MAX - 1)));
    }
}
