//! What clients ask for, and what comes of it.

use std::fmt;
use std::sync::Arc;

use super::refusal::{Refusal, chain};
use crate::ops::checked_tarball::CheckedTarball;
use crate::ops::edit;
use crate::package::{Release, Retirement};
use crate::repository::ByteSource;
use crate::tarball::FileName;

/// A change that a client asks for, and by which rules it is judged.
#[derive(Clone, Debug)]
pub struct RequestedChange {
    /// What is asked for.
    pub change: ReleaseChange,
    /// Whether a published release may be replaced: the client asked for `?replace=true`.
    pub replace: bool,
    /// Whether it may be replaced or reverted later than others may do that.
    pub is_admin: bool,
}

/// A change to one release.
#[derive(Clone, Debug)]
pub enum ReleaseChange {
    /// Adds the release of a tarball, or replaces its tarball.
    Publish(CheckedTarball),
    /// Removes the release, its tarball and its documentation.
    Revert(FileName),
    /// Marks the release as retired.
    Retire(FileName, Retirement),
    /// Takes a retirement back.
    Unretire(FileName),
    /// Stores documentation of the release: an archive that was checked, in a local file or in memory.
    StoreDocs(FileName, ByteSource),
    /// Removes the documentation of the release.
    RemoveDocs(FileName),
}

impl ReleaseChange {
    /// The release that is to be changed.
    #[must_use]
    pub fn release(&self) -> &FileName {
        match self {
            Self::Publish(tarball) => tarball.file(),
            Self::Revert(release)
            | Self::Retire(release, _)
            | Self::Unretire(release)
            | Self::StoreDocs(release, _)
            | Self::RemoveDocs(release) => release,
        }
    }
}

/// The outcome of a change by the rules.
pub(super) type Judgement = Result<Outcome, Refusal>;

/// What becomes of a change.
pub type Verdict = Result<Outcome, ChangeError>;

/// Why a change must not be reported as made.
#[derive(Clone, Debug)]
pub enum ChangeError {
    /// It breaks a rule. Nothing was changed.
    Refused(Refusal),
    /// It could not be made. Clients see nothing of it.
    Failed(Arc<edit::Error>),
    /// It was being made when this error came: clients may see all of it, or a part.
    Unknown(Arc<edit::Error>),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => f.write_str(&chain(&**error)),
            Self::Unknown(error) => {
                write!(f, "it is unknown whether it was made: {}", chain(&**error))
            }
        }
    }
}

impl std::error::Error for ChangeError {}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such release. This is what the registry says of it now.
    Created(Release),
    /// The release was there, with this tarball or another one. This is what the registry says of it now.
    Replaced(Release),
    /// The release is gone.
    Reverted,
    /// The release is retired.
    Retired,
    /// The release is not retired.
    Unretired,
    /// The documentation is there.
    StoredDocs,
    /// The documentation is gone.
    RemovedDocs,
}
