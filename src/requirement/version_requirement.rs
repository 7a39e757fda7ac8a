//! Version requirements as Elixir's `Version` parses and matches them.

use std::fmt;
use std::str::FromStr;

use crate::version::Version;

/// A set of versions: `~> 1.0`, `>= 1.2.0 and < 2.0.0 or == 3.0.0-rc.1`.
///
/// Parsed like `Version.parse_requirement/1`: `and` binds tighter than `or`, only after `~>` may the third number be
/// missing, and `!` means `!=`. Numbers must fit 64 bits, like those of a [`Version`].
///
/// The requirement of a dependency is a [`package::Requirement`](crate::package::Requirement), which may be any text.
/// Hex's own solver reads less than Elixir: [`check_solvable`](super::check_solvable) says what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRequirement {
    /// The text that was parsed.
    text: String,
    /// The alternatives that `or` separates; each is a list of comparisons joined by `and`.
    pub(super) any_of: Vec<Vec<Comparison>>,
}

/// Why a text is not a [`VersionRequirement`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidRequirement {
    /// Something else, or nothing, is in the place of a version.
    #[error(
        "{text:?} is not a version requirement: expected a version, found {found}",
        found = FoundOrEnd(.found.as_deref())
    )]
    NoVersion {
        /// The text that was parsed.
        text: String,
        /// The token in its place; `None` at the end of the text.
        found: Option<String>,
    },
    /// Two comparisons are not joined by `and` or `or`.
    #[error("{text:?} is not a version requirement: expected `and` or `or` before {found:?}")]
    NotJoined {
        /// The text that was parsed.
        text: String,
        /// The token that begins the second comparison.
        found: String,
    },
    /// One of its versions does not parse.
    #[error(
        "{text:?} is not a version requirement: {version:?} is not a version: expected MAJOR.MINOR.PATCH, or MAJOR.MINOR after `~>`, optionally followed by -PRE"
    )]
    Version {
        /// The text that was parsed.
        text: String,
        /// The text in the place of a version.
        version: String,
        /// Why it does not parse.
        source: semver::Error,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    /// `~> 1.2`
    SameMajor,
    /// `~> 1.2.3`
    SameMinor,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub operator: Operator,
    pub version: Version,
}

impl VersionRequirement {
    /// Whether a version matches, by the rules of `Version.match?/2`: a pre-release is a version like any other.
    ///
    /// Hex 2 resolves by this rule. Among the versions that match, it chooses a pre-release only if there is no other.
    /// In Hex 1 a pre-release matched only a requirement that named one (`allow_pre: false`).
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        self.any_of.iter().any(|all_of| all_of.iter().all(|one| one.matches(version)))
    }

    /// Whether it has a `!=`.
    pub(crate) fn has_not_equal(&self) -> bool {
        self.any_of.iter().flatten().any(|one| one.operator == Operator::NotEqual)
    }
}

impl Comparison {
    fn matches(&self, version: &Version) -> bool {
        let than = &self.version;
        match self.operator {
            Operator::Equal => version == than,
            Operator::NotEqual => version != than,
            Operator::Greater => version > than,
            Operator::GreaterOrEqual => version >= than,
            Operator::Less => version < than,
            Operator::LessOrEqual => version <= than,
            // 2.0.0-0 is the lowest 2.0.0, so a pre-release of the upper bound does not match.
            Operator::SameMajor => version >= than && version.major() == than.major(),
            Operator::SameMinor => {
                version >= than
                    && (version.major(), version.minor()) == (than.major(), than.minor())
            }
        }
    }
}

impl FromStr for VersionRequirement {
    type Err = InvalidRequirement;

    fn from_str(text: &str) -> Result<Self, InvalidRequirement> {
        let mut tokens = tokens(text).into_iter().peekable();
        let mut any_of = Vec::new();
        let mut all_of = Vec::new();
        loop {
            let symbol = tokens.next_if(|token| matches!(token, RequirementToken::Operator(_)));
            let version = match tokens.next() {
                Some(RequirementToken::Text(version)) => version,
                other => {
                    let found = other.map(|token| token.text().to_owned());
                    return Err(InvalidRequirement::NoVersion { text: text.to_owned(), found });
                }
            };
            let symbol = symbol.map_or("==", |symbol| symbol.text());
            all_of.push(comparison(symbol, version).map_err(|source| {
                let (text, version) = (text.to_owned(), version.to_owned());
                InvalidRequirement::Version { text, version, source }
            })?);
            match tokens.next() {
                None => break,
                Some(RequirementToken::And) => {}
                Some(RequirementToken::Or) => any_of.push(std::mem::take(&mut all_of)),
                Some(RequirementToken::Operator(found) | RequirementToken::Text(found)) => {
                    let (text, found) = (text.to_owned(), found.to_owned());
                    return Err(InvalidRequirement::NotJoined { text, found });
                }
            }
        }
        any_of.push(all_of);
        Ok(Self { text: text.to_owned(), any_of })
    }
}

fn comparison(symbol: &str, version: &str) -> Result<Comparison, semver::Error> {
    let operator = match symbol {
        "!=" | "!" => Operator::NotEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        "~>" => {
            let numbers = version.find(['-', '+']).unwrap_or(version.len());
            let (numbers, rest) = version.split_at_checked(numbers).unwrap_or((version, ""));
            if numbers.matches('.').count() == 1 {
                let version = Version::without_build(&format!("{numbers}.0{rest}"))?;
                return Ok(Comparison { operator: Operator::SameMajor, version });
            }
            Operator::SameMinor
        }
        _ => Operator::Equal,
    };
    Ok(Comparison { operator, version: Version::without_build(version)? })
}

#[derive(Clone, Copy, Debug)]
enum RequirementToken<'a> {
    And,
    Or,
    Operator(&'a str),
    Text(&'a str),
}

impl<'a> RequirementToken<'a> {
    fn text(self) -> &'a str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Operator(text) | Self::Text(text) => text,
        }
    }
}

/// The first that matches is taken, as in Elixir. `and` and `or` need a space on either side; no other white space is
/// known.
const SYMBOLS: [&str; 10] = [">=", "<=", "~>", ">", "<", "==", "!=", "!", " or ", " and "];

fn tokens(text: &str) -> Vec<RequirementToken<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((symbol, after)) = symbol(rest) {
            tokens.push(match symbol {
                " or " => RequirementToken::Or,
                " and " => RequirementToken::And,
                operator => RequirementToken::Operator(operator),
            });
            rest = after;
        } else if let Some(after) = rest.strip_prefix(' ') {
            rest = after;
        } else {
            let end = rest.find([' ', '>', '<', '!']).unwrap_or(rest.len());
            // These two end a word as well. The search stops at the end that was found: to search the rest of the text
            // for each word would take quadratic time.
            let near = rest.get(..end.saturating_add(1)).unwrap_or(rest);
            let end =
                ["~>", "=="].into_iter().filter_map(|two| near.find(two)).fold(end, usize::min);
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            tokens.push(RequirementToken::Text(word));
            rest = after;
        }
    }
    tokens
}

fn symbol(text: &str) -> Option<(&'static str, &str)> {
    SYMBOLS.into_iter().find_map(|symbol| Some((symbol, text.strip_prefix(symbol)?)))
}

/// The text that was parsed.
impl fmt::Display for VersionRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

struct FoundOrEnd<'a>(Option<&'a str>);

impl fmt::Display for FoundOrEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(found) => write!(f, "{found:?}"),
            None => f.write_str("the end"),
        }
    }
}

#[cfg(test)]
mod tests;
