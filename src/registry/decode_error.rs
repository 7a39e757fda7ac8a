//! Why a payload is not the resource it should be.

use crate::name::InvalidName;
use crate::version::InvalidVersion;

/// Why a payload is not the resource it should be.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no such message.
    #[error("it is not the message that belongs there")]
    Message(#[from] ::prost::DecodeError),
    /// It has a name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// It has a version that is none.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// It lacks a checksum or has one that is not 32 bytes long.
    #[error("a checksum is not 32 bytes long")]
    Checksum,
    /// It points at a version or an advisory by a number that none has.
    #[error("it points at a version or an advisory that is not in it")]
    Index,
}
