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
