//! Why a registry was not pushed.

use crate::ops::build::Alarm;
use crate::ops::verify::Defect;
use crate::publish::lock::Busy;
use crate::publish::retry::Contended;
use crate::store::StoreError;

/// Why a registry was not pushed. Nothing was written, unless it is [`Error::Write`], or an earlier attempt
/// was, that met somebody else: then the observer heard of what it wrote.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was to be pushed is no registry, or not a sound one.
    #[error("{location} cannot be pushed")]
    Unsound {
        /// The file that is at fault.
        location: String,
        /// What is wrong with it.
        source: Box<Defect>,
    },
    /// A file is larger than any that the store takes.
    #[error("{location} has {size} bytes, and no more than {limit} are written there at once")]
    TooLarge {
        /// The file.
        location: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        limit: u64,
    },
    /// What stands there is signed with another key.
    #[error("{location} is another key than the one that signed what is pushed, {pushed}")]
    OtherKey {
        /// Where the other one stands.
        location: String,
        /// The fingerprint of the key that signed what is pushed.
        pushed: String,
    },
    /// Clients were told what they would be told no longer.
    #[error("what stands there would be lost in {} places", .0.len())]
    Loses(
        /// Each of them.
        Vec<Alarm>,
    ),
    /// No release names what stands where a tarball belongs, so that somebody may be about to.
    #[error("{location} is there, is another tarball, and no release names it")]
    InTheWay {
        /// Where it stands.
        location: String,
        /// Whether that has not gone on for long.
        is_expected: bool,
    },
    /// Another hexreg did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Either side cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A change failed. Those that the observer heard of were made, and every file is whole.
    #[error(transparent)]
    Write(StoreError),
}

impl Contended for Error {
    fn in_store(&self) -> Option<&StoreError> {
        match self {
            Self::Read(error) | Self::Write(error) => Some(error),
            _ => None,
        }
    }

    fn is_conflict(&self) -> bool {
        match self {
            Self::InTheWay { is_expected, .. } => *is_expected,
            _ => self.in_store().is_some_and(StoreError::is_conflict),
        }
    }

    fn after_writing(self) -> Self {
        match self {
            Self::Read(error) => Self::Write(error),
            other => other,
        }
    }
}
