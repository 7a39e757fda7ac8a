//! A rule that a dependency breaks.

use super::finding::FindingRule;

/// A rule that is broken, by a dependency that is known where it is judged.
pub(super) struct Breach {
    pub rule: FindingRule,
    pub message: String,
    pub advice: String,
}
