//! Numbers, sizes and times, as pages show them.

use jiff::Timestamp;

use crate::package::UnixSeconds;

/// `1,902 packages`
#[must_use]
pub fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// `19,800`
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let rest = digits.len().saturating_sub(index);
        if index > 0 && rest % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A size for people, as in `12.3 kB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, one) in UNITS {
        if bytes >= one {
            let tenths = bytes.saturating_mul(10).checked_div(one).unwrap_or_default();
            let (whole, tenth) = (tenths / 10, tenths % 10);
            return if whole >= 100 {
                format!("{whole} {unit}")
            } else {
                format!("{whole}.{tenth} {unit}")
            };
        }
    }
    format!("{bytes} bytes")
}

/// The day of a time, as in `2026-11-27`; `None` before the year -9999 or after 9999.
#[must_use]
pub fn date(time: UnixSeconds) -> Option<String> {
    let time = Timestamp::from_second(time.0).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(counted(1, "package"), "1 package");
        assert_eq!(counted(1_234_567, "package"), "1,234,567 packages");
        assert_eq!(grouped(0), "0");
        assert_eq!(
            [0, 999, 1_000, 12_345, 123_456, 16_777_216, u64::MAX].map(size),
            ["0 bytes", "999 bytes", "1.0 kB", "12.3 kB", "123 kB", "16.7 MB", "1844674407 GB"]
        );
        assert_eq!(date(UnixSeconds(1_795_737_600)).unwrap(), "2026-11-27");
        assert_eq!(date(UnixSeconds(i64::MAX)), None);
    }
}
