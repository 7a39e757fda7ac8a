//! What Hex's solver reads of a requirement: less than Elixir's `Version` does.
//!
//! `Hex.Solver.parse_constraint!/1` raises on anything else, in the process that holds the registry. A release with
//! such a requirement stops every resolution that reaches its package.

use super::version_requirement::{Comparison, InvalidRequirement, Operator, VersionRequirement};

/// Why a requirement stops Hex's solver.
#[derive(Debug, thiserror::Error)]
pub enum UnsolvableRequirement {
    /// No client parses it.
    #[error(transparent)]
    Syntax(#[from] InvalidRequirement),
    /// Elixir's `Version` parses it, and the solver raises.
    #[error("{text:?} stops Hex's solver: {reason}")]
    Solver {
        /// The requirement.
        text: String,
        /// The construct that the solver does not read.
        reason: &'static str,
    },
}

/// Checks that Hex's solver reads a requirement.
///
/// # Errors
/// [`UnsolvableRequirement`] says why the solver would raise.
pub fn check_solvable(text: &str) -> Result<(), UnsolvableRequirement> {
    let requirement: VersionRequirement = text.parse()?;
    let checked = requirement.any_of.iter().try_for_each(|all_of| check(all_of));
    checked.map_err(|reason| UnsolvableRequirement::Solver { text: text.to_owned(), reason })
}

/// Checks the comparisons that `and` joins into one alternative.
fn check(all_of: &[Comparison]) -> Result<(), &'static str> {
    if all_of.iter().any(|one| one.operator == Operator::NotEqual) {
        return Err("it does not read `!=`");
    }
    match all_of {
        [] | [_] => Ok(()),
        [one, other] => check_pair(one, other),
        _ => Err("it reads at most two comparisons joined by `and`"),
    }
}

fn check_pair(one: &Comparison, other: &Comparison) -> Result<(), &'static str> {
    const EMPTY: &str = "no version meets both comparisons that `and` joins";
    use Side::{Above, Approximate, Below, Exact};
    let is_met = match (Side::of(one), Side::of(other)) {
        (Exact, _) | (_, Exact) => return Err("it does not read `==` beside `and`"),
        (Approximate, Approximate) => return Err("it does not read two `~>` joined by `and`"),
        (Above, Above) => return Err("it does not read two lower bounds joined by `and`"),
        (Below, Below) => return Err("it does not read two upper bounds joined by `and`"),
        (Above, Below) => is_range(one, other),
        (Below, Above) => is_range(other, one),
        (Approximate, _) => overlaps(one, other),
        (_, Approximate) => overlaps(other, one),
    };
    if is_met { Ok(()) } else { Err(EMPTY) }
}

/// The end of a range that a comparison sets.
#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
    /// `~>` sets both.
    Approximate,
    Exact,
}

impl Side {
    fn of(comparison: &Comparison) -> Self {
        match comparison.operator {
            Operator::Greater | Operator::GreaterOrEqual => Self::Above,
            Operator::Less | Operator::LessOrEqual => Self::Below,
            Operator::SameMajor | Operator::SameMinor => Self::Approximate,
            Operator::Equal | Operator::NotEqual => Self::Exact,
        }
    }
}

/// Whether a version lies between two bounds, or both bounds are the same version and include it.
fn is_range(lower: &Comparison, upper: &Comparison) -> bool {
    let both_include = lower.operator == Operator::GreaterOrEqual
        && upper.operator == Operator::LessOrEqual
        && lower.version == upper.version;
    lower.version < upper.version || both_include
}

/// Whether a bound leaves more than one of the versions that `~>` allows. The solver also raises if it leaves exactly
/// one: `~> 1.0 and <= 1.0.0`.
fn overlaps(approximate: &Comparison, bound: &Comparison) -> bool {
    let (from, at) = (&approximate.version, &bound.version);
    match Side::of(bound) {
        // The upper end of `~> 1.2` is 2.0.0-0, the lowest version whose major number is 2.
        Side::Above if approximate.operator == Operator::SameMajor => at.major() <= from.major(),
        Side::Above => (at.major(), at.minor()) <= (from.major(), from.minor()),
        _ => at > from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> &'static str {
        match check_solvable(text).unwrap_err() {
            UnsolvableRequirement::Solver { reason, .. } => reason,
            UnsolvableRequirement::Syntax(error) => panic!("{text}: {error}"),
        }
    }

    // The expected results are those of Hex.Solver.parse_constraint/1 of Hex 2.5.2-dev.
    #[test]
    fn reads_what_the_solver_reads() {
        for good in [
            "1.0.0",
            "== 1.0.0-rc.1",
            "== 1.0.0+build",
            "~> 1.0",
            "~> 1.0-rc",
            "~> 1.0.0+build",
            ">= 0.0.0-0",
            "< 0.0.0-0",
            ">= 1.0.0 and < 2.0.0",
            "< 2.0.0 and >= 1.0.0",
            ">= 1.0.0 and <= 1.0.0",
            "~> 1.0 and >= 1.0.5",
            ">= 1.0.5 and ~> 1.0",
            "~> 1.0 and < 1.5.0",
            "~> 1.0 and >= 0.1.0",
            "~> 1.0 and < 9.0.0",
            "~> 1.0 or ~> 2.0",
            "1.0.0 or >= 2.0.0 and < 3.0.0 or ~> 4.0.0",
            "~> 1.0.0 and > 1.0.99",
            "~> 18446744073709551615.0 and > 1.0.0",
        ] {
            assert!(check_solvable(good).is_ok(), "{good}: {:?}", check_solvable(good));
        }
    }

    #[test]
    fn refuses_what_the_solver_raises_on() {
        for (bad, expected) in [
            ("!= 1.0.0", "it does not read `!=`"),
            ("!1.0.0", "it does not read `!=`"),
            ("~> 1.0 and != 1.2.0", "it does not read `!=`"),
            ("~> 1.0 or != 1.2.0", "it does not read `!=`"),
            ("~> 1.0 and ~> 1.1", "it does not read two `~>` joined by `and`"),
            ("~> 1.0 and == 1.1.0", "it does not read `==` beside `and`"),
            ("1.0.0 and > 0.1.0", "it does not read `==` beside `and`"),
            ("1.0.0 and 1.0.0", "it does not read `==` beside `and`"),
            ("> 1.0.0 and >= 1.1.0", "it does not read two lower bounds joined by `and`"),
            ("< 2.0.0 and <= 1.1.0", "it does not read two upper bounds joined by `and`"),
            ("> 1.0.0 and < 2.0.0 and < 3.0.0", "it reads at most two comparisons joined by `and`"),
            (
                "~> 1.0 or > 1.0.0 and < 2.0.0 and < 3.0.0",
                "it reads at most two comparisons joined by `and`",
            ),
            ("> 2.0.0 and < 1.0.0", "no version meets both comparisons that `and` joins"),
            ("> 1.0.0 and <= 1.0.0", "no version meets both comparisons that `and` joins"),
            ("~> 1.0 and > 2.0.0", "no version meets both comparisons that `and` joins"),
            ("~> 1.0 and >= 2.0.0-0", "no version meets both comparisons that `and` joins"),
            ("~> 1.0 and <= 1.0.0", "no version meets both comparisons that `and` joins"),
            ("< 1.0.0 and ~> 1.0", "no version meets both comparisons that `and` joins"),
            ("~> 1.0.0 and > 1.1.0-rc", "no version meets both comparisons that `and` joins"),
        ] {
            assert_eq!(reason(bad), expected, "{bad}");
        }
        for bad in ["", "banana", "~> 1", "1.0", ">= 1.0", "~> 1.0 and", "1.x", "1.0.0 2.0.0"] {
            let error = check_solvable(bad).unwrap_err();
            assert!(matches!(error, UnsolvableRequirement::Syntax(_)), "{bad}");
        }
    }
}
