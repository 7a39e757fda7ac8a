//! The duration of a cooldown, as Hex reads it.

const DAY: u128 = 24 * 60 * 60;

/// The longest cooldown that mix can add to the time of a release, in seconds: from the year 2100, the latest that a
/// release is assumed to have, to the last second of Elixir's `DateTime`.
pub(super) const LONGEST_COOLDOWN: u128 = 253_402_300_799 - 4_102_444_800;

/// The cooldown that no release reaches, by which an allow list hides what it does not name: 82 years.
pub(super) const NEVER: &str = "1000mo";

/// The length of a cooldown in seconds, as `Hex.Cooldown.duration_to_seconds/1` reads it; `None` for a text that it does
/// not read.
pub(super) fn seconds(cooldown: &str) -> Option<u128> {
    if cooldown == "0" {
        return Some(0);
    }
    let end = cooldown.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = cooldown.split_at_checked(end)?;
    let unit = match unit {
        "d" => DAY,
        "w" => 7 * DAY,
        "mo" => 30 * DAY,
        _ => return None,
    };
    // Elixir's integers have no limit.
    let number = if number.is_empty() { None } else { Some(number.parse().unwrap_or(u128::MAX)) };
    number.map(|number: u128| number.saturating_mul(unit))
}
