//! What a page says of a mirror that keeps itself up to date.

/// What a page says of a mirror that keeps itself up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorNote {
    /// Since when it is as upstream has it, such as `2026-11-27T08:00:00Z`; `None` before the first run has ended.
    pub since: Option<String>,
    /// Why the last run left something out.
    pub error: Option<String>,
}
