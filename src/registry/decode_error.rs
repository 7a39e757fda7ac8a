//! Errors of decoding.

use crate::name::InvalidName;
use crate::version::InvalidVersion;

/// Why a payload is not the expected resource.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The payload is not the protobuf message of the resource.
    #[error("it is not the message that belongs there")]
    Message(#[from] ::prost::DecodeError),
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A version is not valid.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// A checksum is missing or not 32 bytes long.
    #[error("a checksum is not 32 bytes long")]
    Checksum,
    /// An index refers to a version or an advisory that does not exist.
    #[error("it points at a version or an advisory that is not in it")]
    Index,
}
