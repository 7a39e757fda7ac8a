//! The rules by which changes are judged.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};

/// The rules of a repository.
#[derive(Clone, Debug)]
pub struct Rules {
    /// For how long releases may be replaced and reverted.
    pub replace: ReplaceRule,
    /// Packages of hex.pm that releases may require, though this registry has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// The current time. It becomes the time of publication.
    pub now: UnixSeconds,
}

/// For how long after its publication a release may be replaced or reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceRule {
    /// Not at all, also not by an admin.
    Never,
    /// For as long as this, and at any time by an admin. It is counted from the first publication. A release of which
    /// the registry does not say when it was published is older.
    Within(Duration),
    /// At any time.
    Always,
}

const HOUR: u64 = 60 * 60;

/// The units of a duration, from the largest one: a letter, a word, and how many seconds it has.
const UNITS: [(&str, &str, u64); 4] =
    [("d", "day", 24 * HOUR), ("h", "hour", HOUR), ("m", "minute", 60), ("s", "second", 1)];

/// As on hex.pm for public packages.
impl Default for ReplaceRule {
    fn default() -> Self {
        Self::Within(Duration::from_secs(HOUR))
    }
}

/// A text that is no rule of when releases may be replaced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `never`, `always`, or a time after publication such as `within=1h` (s, m, h or d)"
)]
pub struct InvalidReplaceRule;

impl FromStr for ReplaceRule {
    type Err = InvalidReplaceRule;

    fn from_str(text: &str) -> Result<Self, InvalidReplaceRule> {
        let duration = match text {
            "never" => return Ok(Self::Never),
            "always" => return Ok(Self::Always),
            text => text.strip_prefix("within=").ok_or(InvalidReplaceRule)?,
        };
        let parsed = UNITS.iter().find_map(|(letter, _, seconds)| {
            let number: u64 = duration.strip_suffix(letter)?.parse().ok()?;
            number.checked_mul(*seconds).filter(|seconds| *seconds > 0)
        });
        Ok(Self::Within(Duration::from_secs(parsed.ok_or(InvalidReplaceRule)?)))
    }
}

/// The text that [`FromStr`] reads.
impl fmt::Display for ReplaceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Always => f.write_str("always"),
            Self::Within(duration) => {
                let (number, letter, _) = in_units(*duration);
                write!(f, "within={number}{letter}")
            }
        }
    }
}

/// A duration in the largest unit in which it is a whole number.
fn in_units(duration: Duration) -> (u64, &'static str, &'static str) {
    let all = duration.as_secs();
    let fits = |(_, _, seconds): &&(&str, &str, u64)| all.checked_rem(*seconds) == Some(0);
    let (letter, word, seconds) = UNITS.iter().find(fits).copied().unwrap_or(("s", "second", 1));
    (all.checked_div(seconds).unwrap_or(all), letter, word)
}

/// What is to be done to a published release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modification {
    Replace,
    Revert,
}

impl Rules {
    /// Whether a release of any age may be replaced and reverted.
    pub(super) fn allow_any_age(&self, is_admin: bool) -> bool {
        match self.replace {
            ReplaceRule::Never => false,
            ReplaceRule::Within(_) => is_admin,
            ReplaceRule::Always => true,
        }
    }

    /// Fails with the text of hex.pm if a published release may not be replaced or reverted any more.
    pub(super) fn check_age(
        &self,
        release: &Release,
        is_admin: bool,
        modification: Modification,
    ) -> Result<(), String> {
        let verb = match modification {
            Modification::Replace => "modify",
            Modification::Revert => "delete",
        };
        match self.replace {
            ReplaceRule::Always => Ok(()),
            ReplaceRule::Never => Err(format!(
                "cannot {verb} a release: this repository keeps every release as it was published"
            )),
            ReplaceRule::Within(_) if is_admin => Ok(()),
            ReplaceRule::Within(window) => {
                let published_at = release.remarks.published_at.as_ref();
                let age = published_at.map(|at| self.now.0.saturating_sub(at.seconds.0));
                let is_young =
                    age.is_some_and(|age| u64::try_from(age).unwrap_or(0) <= window.as_secs());
                if is_young {
                    return Ok(());
                }
                let (number, _, unit) = in_units(window);
                let window = match number {
                    1 => format!("one {unit}"),
                    number => format!("{number} {unit}s"),
                };
                Err(format!("can only {verb} a release up to {window} after publication"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{InnerChecksum, OuterChecksum};
    use crate::package::Remarks;

    fn release(published_at: Option<i64>) -> Release {
        let published_at = published_at.map(|at| UnixSeconds(at).into());
        Release {
            version: "1.0.0".parse().unwrap(),
            inner_checksum: InnerChecksum::from_bytes([0; 32]),
            outer_checksum: OuterChecksum::from_bytes([0; 32]),
            dependencies: Vec::new(),
            remarks: Remarks { published_at, ..Remarks::default() },
        }
    }

    fn check(rule: &str, published_at: Option<i64>, is_admin: bool) -> Result<(), String> {
        let replace = rule.parse().unwrap();
        let rules = Rules { replace, allow_public: BTreeSet::new(), now: UnixSeconds(100_000) };
        rules.check_age(&release(published_at), is_admin, Modification::Replace)
    }

    #[test]
    fn rules_are_read_and_printed() {
        for text in ["never", "always", "within=1h", "within=2d", "within=90m", "within=1s"] {
            assert_eq!(text.parse::<ReplaceRule>().unwrap().to_string(), text);
        }
        assert_eq!("within=24h".parse::<ReplaceRule>().unwrap().to_string(), "within=1d");
        assert_eq!(ReplaceRule::default().to_string(), "within=1h");
        for bad in [
            "",
            "Never",
            "within",
            "within=",
            "within=h",
            "within=0h",
            "within=1",
            "within=-1h",
            "within=1.5h",
            "within=1w",
            "within=1 h",
            "1h",
            "within=99999999999999999999d",
            "within=18446744073709551615d",
        ] {
            assert_eq!(bad.parse::<ReplaceRule>(), Err(InvalidReplaceRule), "{bad:?}");
        }
    }

    #[test]
    fn the_window_ends_after_its_last_second() {
        let old = Err("can only modify a release up to one hour after publication".to_owned());
        for (published_at, expected) in [
            (Some(100_000), Ok(())),
            (Some(96_400), Ok(())),
            (Some(96_399), old.clone()),
            // A clock that is ahead.
            (Some(100_500), Ok(())),
            (Some(i64::MIN), old.clone()),
            (None, old.clone()),
        ] {
            assert_eq!(check("within=1h", published_at, false), expected, "{published_at:?}");
            assert_eq!(check("within=1h", published_at, true), Ok(()), "{published_at:?}");
            assert_eq!(check("always", published_at, false), Ok(()), "{published_at:?}");
            for is_admin in [false, true] {
                let never = check("never", published_at, is_admin).unwrap_err();
                assert!(never.starts_with("cannot modify a release: "), "{never}");
            }
        }
    }

    #[test]
    fn the_text_of_hex_pm_has_the_window_of_this_repository() {
        let texts =
            [("within=6h", "6 hours"), ("within=1d", "one day"), ("within=90m", "90 minutes")];
        for (rule, window) in texts {
            let text = format!("can only modify a release up to {window} after publication");
            assert_eq!(check(rule, None, false), Err(text));
        }
    }
}
