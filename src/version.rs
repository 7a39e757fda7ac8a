//! Versions, parsed and ordered as by Elixir's `Version`.

use std::fmt;
use std::str::FromStr;

/// The version of a release: `MAJOR.MINOR.PATCH[-PRE]`, ordered by precedence.
///
/// Semantic Versioning 2.0 as Elixir reads it. Build metadata (`+…`) is refused, as on hex.pm: it has no part in the
/// order, so two releases that differ only in it would be the same release. Each of the three numbers must fit 64 bits;
/// Elixir has no such limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

/// Why a text is not the version of a release.
#[derive(Debug, thiserror::Error)]
pub enum InvalidVersion {
    /// Elixir's `Version.parse/1` refuses it, or one of its numbers needs more than 64 bits.
    #[error("{text:?} is not a version: expected MAJOR.MINOR.PATCH, optionally followed by -PRE")]
    Syntax {
        /// The text that was parsed.
        text: String,
        /// Where it is invalid.
        source: semver::Error,
    },
    /// It has `+BUILD`.
    #[error("version {0:?} has build metadata (+…), which no release may have")]
    BuildMetadata(String),
}

impl Version {
    /// Whether it is a pre-release: `MAJOR.MINOR.PATCH-PRE`.
    #[must_use]
    pub(crate) fn is_pre_release(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// Parses a version in a requirement, where build metadata is allowed and ignored.
    pub(crate) fn without_build(text: &str) -> Result<Self, semver::Error> {
        let mut version = semver::Version::parse(text)?;
        version.build = semver::BuildMetadata::EMPTY;
        Ok(Self(version))
    }

    /// The major number.
    pub(crate) fn major(&self) -> u64 {
        self.0.major
    }

    /// The minor number.
    pub(crate) fn minor(&self) -> u64 {
        self.0.minor
    }

    /// The lowest version with these two numbers: `MAJOR.MINOR.0-0`.
    pub(crate) fn lowest(major: u64, minor: u64) -> Option<Self> {
        let pre = semver::Prerelease::new("0").ok()?;
        let build = semver::BuildMetadata::EMPTY;
        Some(Self(semver::Version { major, minor, patch: 0, pre, build }))
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        match semver::Version::parse(text) {
            Ok(version) if version.build.is_empty() => Ok(Self(version)),
            Ok(_) => Err(InvalidVersion::BuildMetadata(text.to_owned())),
            Err(source) => Err(InvalidVersion::Syntax { text: text.to_owned(), source }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn prints_what_it_read() {
        for text in ["0.0.0", "1.2.3", "1.0.0-rc.1", "1.0.0-0", "1.0.0--", "10.20.30-a-b.c1.0"] {
            assert_eq!(version(text).to_string(), text);
        }
    }

    #[test]
    fn orders_by_precedence() {
        let ascending = [
            "1.9.0",
            "1.10.0",
            "2.0.0-2",
            "2.0.0-10",
            "2.0.0-alpha",
            "2.0.0-alpha.1",
            "2.0.0-rc.2",
            "2.0.0-rc.10",
            "2.0.0-rc.2-hyphen",
            "2.0.0",
        ];
        for pair in ascending.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn tells_pre_releases() {
        assert!(version("1.0.0-rc.1").is_pre_release());
        assert!(!version("1.0.0").is_pre_release());
    }

    #[test]
    fn refuses_what_elixir_does() {
        for bad in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "01.0.0",
            "1.00.0",
            "1.0.0-",
            "1.0.0-a..b",
            "1.0.0-01",
            "1.0.0 ",
            " 1.0.0",
            "1.0.0-é",
            "1.0.0-a_b",
            "-1.0.0",
            "1.0.x",
            "1.99999999999999999999.0",
        ] {
            assert!(
                matches!(bad.parse::<Version>(), Err(InvalidVersion::Syntax { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn refuses_build_metadata() {
        assert!(matches!("1.0.0+5".parse::<Version>(), Err(InvalidVersion::BuildMetadata(_))));
        assert_eq!(version("18446744073709551615.0.0").to_string(), "18446744073709551615.0.0");
    }
}
