//! The current time, and times in arguments and in `SOURCE_DATE_EPOCH`.

use std::time::{SystemTime, UNIX_EPOCH};

use hexreg::package::UnixSeconds;
use jiff::Timestamp;

use super::environment;
use super::failure::Failure;

const EPOCH_VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The current time.
pub fn system_now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The current time, or that of `SOURCE_DATE_EPOCH` if it is earlier.
pub fn now() -> Result<UnixSeconds, Failure> {
    let now = system_now();
    Ok(source_date_epoch()?.map_or(now, |latest| latest.min(now)))
}

/// A time in an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeArgument {
    Now,
    At(UnixSeconds),
}

impl TimeArgument {
    /// Reads `now`, `2026-11-21T12:00:00Z` or seconds since 1970.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Ok(seconds) = text.parse() {
            return Ok(Self::At(UnixSeconds(seconds)));
        }
        let time = text.parse::<Timestamp>().map_err(
            |_| "expected `now`, a time such as 2026-11-21T12:00:00Z, or whole seconds since 1970",
        )?;
        Ok(Self::At(UnixSeconds(time.as_second())))
    }

    /// The time itself, with `now` for the current one.
    pub fn or(self, now: UnixSeconds) -> UnixSeconds {
        match self {
            Self::Now => now,
            Self::At(time) => time,
        }
    }
}

/// A duration, as in `30s`, `15m`, `1h` or `1d`.
#[cfg(any(feature = "mirror", feature = "serve"))]
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let expected = || "expected a time, as in 30s, 15m, 1h or 1d".to_owned();
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    let all = number.and_then(|number| number.checked_mul(seconds)).filter(|all| *all > 0);
    all.map(std::time::Duration::from_secs).ok_or_else(expected)
}

/// The latest time to write, if `SOURCE_DATE_EPOCH` is set.
pub fn source_date_epoch() -> Result<Option<UnixSeconds>, Failure> {
    let Some(value) = environment::text(EPOCH_VARIABLE)? else { return Ok(None) };
    match value.parse().ok() {
        Some(seconds) => Ok(Some(UnixSeconds(seconds))),
        None => Err(Failure::environment(format!(
            "{EPOCH_VARIABLE} is {:?}: expected whole seconds since 1970",
            *value
        ))
        .hint("unset it, or set it to what `date +%s` prints")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(any(feature = "mirror", feature = "serve"))]
    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(duration(text), Ok(std::time::Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "1", "h", "0s", "-1h", "1.5h", "1 h", "1w", "99999999999999999999d", "1é"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_is_given_in_any_of_three_ways() {
        assert_eq!(TimeArgument::parse("now"), Ok(TimeArgument::Now));
        let at = Ok(TimeArgument::At(UnixSeconds(1_700_000_000)));
        assert_eq!(TimeArgument::parse("1700000000"), at);
        assert_eq!(TimeArgument::parse("2023-11-14T22:13:20Z"), at);
        assert_eq!(TimeArgument::parse("2023-11-14T23:13:20.9+01:00"), at);
        for bad in ["", "yesterday", "2023-11-14", "2023-11-14T22:13:20"] {
            assert!(TimeArgument::parse(bad).is_err(), "{bad}");
        }
    }
}
