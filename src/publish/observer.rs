//! What a caller is told while a registry is built, changed, pushed, mirrored or verified.

use std::fmt;
use std::time::Duration;

use super::breakage::Breakage;
use super::dependencies::DependencyFault;
use super::withdrawn::Withdrawn;
#[cfg(feature = "mirror")]
use crate::lockfile::Repeated;
use crate::policy::InertPart;
use crate::repository::RepositoryPath;
use crate::store::{AppliedChange, Changed, LostReaders, Store};
use crate::tarball::{FileName, MetadataFaults, ReleaseNotice};

/// Is told of progress, changes and warnings, on any thread. Methods do nothing by default, as do all of `()`.
pub trait Observer: Sync {
    /// The user should know of something.
    fn warn(&self, _warning: Warning) {}

    /// Work on this many parts begins.
    fn began(&self, _work: Work, _parts: usize) {}

    /// This many more parts are done, for which this many bytes were read.
    fn progressed(&self, _parts: usize, _bytes: u64) {}

    /// A file is being fetched.
    fn fetching(&self, _file: &str) {}

    /// This many packages of a mirror are up to date, of those that are wanted so far, and this many bytes were fetched.
    fn mirrored(&self, _done: usize, _wanted: usize, _bytes: u64) {}

    /// A path was changed, or with a dry run would be.
    fn changed(&self, _path: &RepositoryPath, _changed: Changed) {}
}

impl Observer for () {}

/// Work that takes long enough to show its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Tarballs are read and checked, unless they are in the cache.
    ReadingTarballs,
    /// Resources are compared with the published files, and signed if they differ.
    SigningResources,
    /// Files are fetched and put in place.
    Mirroring,
    /// Files are copied to where they are served.
    Pushing,
    /// Pages are made.
    MakingPages,
    /// What registries say of locked packages is read.
    ReadingLocked,
}

/// Something that does not stop the work, and that the user should know of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Warning {
    /// A file in `tarballs/` does not have the name of a tarball.
    #[error("{location} passed over: it does not end in .tar")]
    PassedOver { location: String },
    /// A file is not pushed.
    #[error("{location} left out: {reason}")]
    LeftOut { location: String, reason: &'static str },
    /// A page is made without what a file holds.
    #[error("{location}: what it holds is not shown: {reason}")]
    NotShown { location: String, reason: String },
    /// Releases are pushed without their tarballs.
    #[error(
        "{absent} of {total} releases have no tarball here, nor there: clients that ask for one will not get it"
    )]
    NoTarballs { absent: usize, total: usize },
    /// Lock files that name a release will not work with what it becomes.
    #[error("{breakage}: {}", breakage.consequence())]
    Breakage { breakage: Breakage },
    /// Another process holds the lock, exclusive or shared.
    #[error("another hexreg holds {location}: waiting up to {} s for it to end", .timeout.as_secs())]
    Waiting { location: String, timeout: Duration },
    /// Another writer is removing a package, or was interrupted while it did.
    #[error(
        "a removal of {location} is in progress, or was interrupted: waiting some seconds for it to end"
    )]
    BeingRemoved { location: String },
    /// A lock file binds an application to two things.
    #[cfg(feature = "mirror")]
    #[error("{lock}: {repeated}")]
    LockedTwice { lock: String, repeated: Repeated },
    /// Nothing keeps another build from working at the same time.
    #[error("{location} cannot be locked ({reason}): make sure that no build runs on it meanwhile")]
    NoLock { location: String, reason: String },
    /// A part of a policy has no effect.
    #[error("{location}: {inert}")]
    Inert { location: String, inert: InertPart },
    /// A policy is not signed again, though clients hold another key from now on.
    #[error(
        "{location} left alone: the former key did not sign it for this repository, so clients refuse it"
    )]
    Policy { location: String },
    /// Nothing can be carried over from a file of upstream's.
    #[error(
        "{location} passed over: it is damaged, or upstream's key did not sign it; what upstream says of this \
         package may be missing. `hexreg mirror` with --refresh fetches it again"
    )]
    Upstream { location: String },
    /// Upstream no longer says something that it said of a release.
    #[error("{withdrawn}: mirrored as upstream has it now; if this is unexpected, ask upstream")]
    Withdrawn { withdrawn: Withdrawn },
    /// A file took the place of another without its owner, group or mode.
    #[error(
        "{location} may no longer be readable by {lost}: hexreg could not set its owner, group or mode; run hexreg \
         as the owner of such files and a member of their group, or as root"
    )]
    LostReaders { location: String, lost: LostReaders },
    /// Published releases have a dependency that a new release must not have. `release` is the newest of them.
    #[error("{} {}{}: {fault}", .release.package, .release.version, Others(*.others))]
    Dependency { release: FileName, others: usize, fault: DependencyFault },
    /// The metadata of a new tarball names no package, and the other places where its name could be from differ.
    #[error("{location} has no package name in its metadata: using {}, from {other}", .release.package)]
    NamedByFile { location: String, release: FileName, other: String },
    /// The metadata of a new tarball has faults, for which a server refuses to publish it.
    #[error("{location}: {faults}")]
    Metadata { location: String, faults: MetadataFaults },
    /// A new release has what it should not have.
    #[error("{location}: {notice}")]
    Release { location: String, notice: ReleaseNotice },
    /// An entry of `packages/` is not a file, or has a name that cannot be removed by.
    #[error("{location} left alone: nothing but files with plain names belongs there")]
    NotAPackage { location: String },
}

impl Warning {
    /// The warning for a change by which users lost the right to read a file, if they did.
    pub(crate) fn of_lost_readers(store: &dyn Store, applied: AppliedChange<'_>) -> Option<Self> {
        let location = || store.locate(&applied.change.path);
        applied.lost.map(|lost| Self::LostReaders { location: location(), lost })
    }
}

struct Others(usize);

impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(" and one more release"),
            others => write!(f, " and {others} more releases"),
        }
    }
}
