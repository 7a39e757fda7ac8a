//! The packages that a token may publish.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::name::PackageName;

/// The name of a package, or a pattern in which `*` stands for any characters or none: `acme_*`.
///
/// Lower and upper case differ, as in names of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePattern(String);

/// One or more [`PackagePattern`]s, separated by commas in the file. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagePatterns(Arc<[PackagePattern]>);

/// A text is no [`PackagePattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a package, with `*` for any characters, such as acme_*")]
pub struct InvalidPackagePattern;

/// There is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at least one name of a package")]
pub struct NoPackagePattern;

impl PackagePattern {
    /// Whether it matches a name, in time linear in the length of both.
    #[must_use]
    pub fn matches(&self, name: &PackageName) -> bool {
        let name = name.as_str();
        let Some((prefix, rest)) = self.0.split_once('*') else { return self.0 == name };
        let (middle, suffix) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut left) = name.strip_prefix(prefix).and_then(|left| left.strip_suffix(suffix))
        else {
            return false;
        };
        // The first place of each part leaves the most for those that follow.
        for part in middle.split('*') {
            let Some((_, after)) = left.split_once(part) else { return false };
            left = after;
        }
        true
    }
}

impl FromStr for PackagePattern {
    type Err = InvalidPackagePattern;

    fn from_str(text: &str) -> Result<Self, InvalidPackagePattern> {
        let starts_well =
            text.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        let goes_on_well =
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'*'));
        if starts_well && goes_on_well {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPackagePattern)
        }
    }
}

impl fmt::Display for PackagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PackagePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl PackagePatterns {
    /// Makes a list of at least one pattern. An empty one would be taken for all packages, or for none.
    ///
    /// # Errors
    /// [`NoPackagePattern`].
    pub fn new(
        patterns: impl IntoIterator<Item = PackagePattern>,
    ) -> Result<Self, NoPackagePattern> {
        let patterns: Arc<[PackagePattern]> = patterns.into_iter().collect();
        if patterns.is_empty() { Err(NoPackagePattern) } else { Ok(Self(patterns)) }
    }

    /// Whether a pattern matches the name.
    #[must_use]
    pub fn include(&self, name: &PackageName) -> bool {
        self.iter().any(|pattern| pattern.matches(name))
    }

    /// The patterns, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &PackagePattern> {
        self.0.iter()
    }
}

impl FromStr for PackagePatterns {
    type Err = InvalidPackagePattern;

    fn from_str(text: &str) -> Result<Self, InvalidPackagePattern> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// As the file holds it.
impl fmt::Display for PackagePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.iter().enumerate() {
            write!(f, "{}{pattern}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl Serialize for PackagePatterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::work_time::timed;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<PackagePattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn a_star_stands_for_any_characters_or_none() {
        for (pattern, name) in [
            ("acme", "acme"),
            ("acme_*", "acme_web"),
            ("acme_*", "acme_"),
            ("*", "a"),
            ("**", "a"),
            ("*_plug", "acme_plug"),
            ("a*a", "aa"),
            ("a*b*c", "abbbc"),
            ("a*b*c", "a_b_c_b_c"),
            ("*a*b*", "xxaxxbxx"),
            ("addressB*", "addressBook"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("acme", "acme_web"),
            ("acme", "acm"),
            ("acme_*", "acme"),
            ("acme_*", "xacme_web"),
            ("*_plug", "acme_plugs"),
            // The two ends do not overlap.
            ("a*a", "a"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("*a*b*", "ba"),
            ("addressb*", "addressBook"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_no_name_of_a_package_can_match_is_refused() {
        for bad in ["", "A*", "_a", "1*", "a-*", "a.b", "a b", " a", "é*", "a?", "a:b", "a=b"] {
            assert_eq!(bad.parse::<PackagePattern>(), Err(InvalidPackagePattern), "{bad:?}");
        }
        for bad in ["", ",", "a,", ",a", "a,,b", "a, b"] {
            assert_eq!(bad.parse::<PackagePatterns>(), Err(InvalidPackagePattern), "{bad:?}");
        }
        assert_eq!(PackagePatterns::new([]), Err(NoPackagePattern));
        let both: PackagePatterns = "acme_*,tools".parse().unwrap();
        assert_eq!(both.to_string(), "acme_*,tools");
        assert!(both.include(&"tools".parse().unwrap()) && !both.include(&"tool".parse().unwrap()));
    }

    /// A search that tries each place of each star would take longer than the age of the universe.
    #[test]
    fn matching_takes_linear_time() {
        let pattern = format!("{}b", "a*".repeat(2_000));
        let name = "a".repeat(100_000);
        let ((), took) = timed(|| {
            assert!(!matches(&pattern, &name));
            assert!(matches(&pattern, &format!("{name}b")));
        });
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    /// The definition of a match, in exponential time.
    fn defined(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skipped| defined(rest, &name[skipped..])),
            Some((byte, rest)) => name.first() == Some(byte) && defined(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_its_definition_says(pattern in "[ab*][ab*]{0,6}", name in "[ab][ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), defined(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
