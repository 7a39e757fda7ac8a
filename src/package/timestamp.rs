//! Points in time in signed files.

use crate::unknown_fields::UnknownFields;

/// Whole seconds since 1970-01-01T00:00:00Z; negative for earlier times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub i64);

/// A time as the messages `Names` and `Package` of the Hex specification have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// The whole seconds.
    pub seconds: UnixSeconds,
    /// Nanoseconds to add to the seconds.
    pub nanos: i32,
    /// Fields of the message that this version does not know.
    pub unknown: UnknownFields,
}

/// A whole second.
impl From<UnixSeconds> for Timestamp {
    fn from(seconds: UnixSeconds) -> Self {
        Self { seconds, nanos: 0, unknown: UnknownFields::default() }
    }
}
