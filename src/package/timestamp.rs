//! Points in time, as signed files hold them.

use crate::unknown_fields::UnknownFields;

/// Whole seconds since 1970-01-01T00:00:00Z; before that, negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

/// A time as signed files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// In whole seconds.
    pub seconds: UnixSeconds,
    /// What is added to them, in nanoseconds.
    pub nanos: i32,
    /// Fields of its message that this version does not know.
    pub unknown: UnknownFields,
}

/// A whole second.
impl From<UnixSeconds> for Timestamp {
    fn from(seconds: UnixSeconds) -> Self {
        Self { seconds, nanos: 0, unknown: UnknownFields::default() }
    }
}
