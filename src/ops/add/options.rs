//! Which releases to add, and what was added.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::name::PackageName;
use crate::ops::edit::Report;
use crate::package::{Timestamp, UnixSeconds};
use crate::tarball::Limits;

/// Which releases to add.
#[derive(Clone, Debug)]
pub struct Additions {
    /// Their tarballs, as files of this machine.
    pub tarballs: Vec<PathBuf>,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check the contents of packages.
    pub check_contents: bool,
    /// Whether they may take the place of published releases.
    pub replace: bool,
    /// Packages of hex.pm that they may require, though this registry has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// The time that becomes the last change of their packages: now.
    pub now: UnixSeconds,
    /// When they were published.
    pub published_at: PublicationTime,
}

/// When a release that is added was published, as the registry will say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationTime {
    /// At this time.
    At(UnixSeconds),
    /// When upstream, or the registry from whose directory the tarball is, says. If neither does, at this time.
    KnownOr(UnixSeconds),
    /// When upstream, or the registry from whose directory the tarball is, says. If neither does, nothing is said.
    Known,
}

impl PublicationTime {
    /// Whether the time to write is the one that is given for want of a known one.
    pub(super) fn is_default(self, known: Option<&Timestamp>) -> bool {
        matches!(self, Self::KnownOr(_)) && known.is_none()
    }

    /// The time to write, where this one is known.
    pub(super) fn or_known(self, known: Option<&Timestamp>) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(time.into()),
            Self::KnownOr(time) => Some(known.cloned().unwrap_or_else(|| time.into())),
            Self::Known => known.cloned(),
        }
    }
}

/// What was added, or with a dry run would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// What changed.
    pub report: Report,
    /// How many releases are new, or another tarball.
    pub added: usize,
    /// How many were there already.
    pub present: usize,
    /// How many of the added ones got the time of [`PublicationTime::KnownOr`].
    pub dated: usize,
}
