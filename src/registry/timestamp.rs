//! Converts points in time. The schemas of `names` and `packages/NAME` each have a message of their own.

use super::kept::Kept;
use super::proto::{names, package};
use crate::package::{Timestamp, UnixSeconds};

/// A generated message `Timestamp`.
pub(super) trait TimestampMessage {
    fn new(seconds: i64, nanos: i32) -> Self;
    fn into_seconds_and_nanos(self) -> (i64, i32);
}

macro_rules! timestamp_message {
    ($schema:ident) => {
        impl TimestampMessage for $schema::Timestamp {
            fn new(seconds: i64, nanos: i32) -> Self {
                Self { seconds, nanos }
            }

            fn into_seconds_and_nanos(self) -> (i64, i32) {
                (self.seconds, self.nanos)
            }
        }
    };
}

timestamp_message!(names);
timestamp_message!(package);

pub(super) fn encode<M: TimestampMessage>(time: &Timestamp) -> Kept<M> {
    let UnixSeconds(seconds) = time.seconds;
    Kept::with(M::new(seconds, time.nanos), &time.unknown)
}

/// The inverse of [`encode`].
pub(super) fn decode<M: TimestampMessage>(message: Kept<M>) -> Timestamp {
    let (message, unknown) = message.into_parts();
    let (seconds, nanos) = message.into_seconds_and_nanos();
    Timestamp { seconds: UnixSeconds(seconds), nanos, unknown }
}
