//! What is heard of a build or a mirror, or of whoever reads what was written, while they run.

use std::fmt;
use std::time::Duration;

use super::withdrawn::Withdrawn;
use crate::lockfile::Repeated;
use crate::ops::build::Alarm;
use crate::ops::dependencies::DependencyFault;
use crate::policy::InertPart;
use crate::repository::RepositoryPath;
use crate::store::{AppliedChange, Changed, LostReaders, Store};
use crate::tarball::FileName;

/// Hears of a build while it runs, on whichever thread it does. Methods that are not overridden do
/// nothing, and so does `()`.
pub trait Observer: Sync {
    /// Something that a person should look at.
    fn warn(&self, _warning: Warning) {}

    /// Work begins that is made of so many parts.
    fn began(&self, _work: Work, _parts: usize) {}

    /// So many more parts of it are done, for which so many bytes were read.
    fn went_on(&self, _parts: usize, _bytes: u64) {}

    /// A file is being fetched.
    fn fetching(&self, _file: &str) {}

    /// A mirror has so many packages as they should be, of so many that are wanted so far, for which so
    /// many bytes came.
    fn mirrored(&self, _done: usize, _wanted: usize, _bytes: u64) {}

    /// A path was changed, or with a dry run would be.
    fn changed(&self, _path: &RepositoryPath, _changed: Changed) {}
}

impl Observer for () {}

/// What takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Tarballs are read and checked, unless they are known.
    ReadingTarballs,
    /// Resources are compared with what stands, and signed where they differ.
    SealingResources,
    /// Files are fetched and put in place.
    Mirroring,
    /// Files are copied to where they are served.
    Pushing,
}

/// Something that does not keep a registry from being built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A file in `tarballs/` that is not called a tarball.
    #[error("{location} passed over: it does not end in .tar")]
    PassedOver {
        /// Where it lies.
        location: String,
    },
    /// A file that is not pushed.
    #[error("{location} left out: {reason}")]
    LeftOut {
        /// Where it lies.
        location: String,
        /// Why.
        reason: &'static str,
    },
    /// Releases that are pushed without their tarballs.
    #[error(
        "{} of {total} releases have no tarball here, nor there: whoever asks for one will not get it",
        .absent
    )]
    NoTarballs {
        /// How many.
        absent: usize,
        /// Of how many.
        total: usize,
    },
    /// Lock files that name a release will not work with what it becomes.
    #[error("{alarm}: {}", alarm.consequence())]
    Alarm {
        /// Which.
        alarm: Alarm,
    },
    /// A build is at work, or somebody who reads and wants none meanwhile.
    #[error("another hexreg holds {location}: waiting up to {} s for it to end", .timeout.as_secs())]
    Waiting {
        /// The directory.
        location: String,
        /// For how long.
        timeout: Duration,
    },
    /// Somebody removes a package, or was cut short when they did.
    #[error(
        "a removal of {location} is under way, or was cut short: waiting some seconds for it to end"
    )]
    Leaving {
        /// The package's file.
        location: String,
    },
    /// A lock file binds an application to two things.
    #[error("{lock}: {repeated}")]
    LockedTwice {
        /// The lock file.
        lock: String,
        /// What it says, and which of it counts.
        repeated: Repeated,
    },
    /// Nothing keeps a build from working at the same time.
    #[error("{location} cannot be locked ({reason}): see to it that no build runs on it meanwhile")]
    NoLock {
        /// The directory.
        location: String,
        /// What the system says.
        reason: String,
    },
    /// A part of a policy has no effect.
    #[error("{location}: {inert}")]
    Inert {
        /// The policy's file.
        location: String,
        /// Which part, and why.
        inert: InertPart,
    },
    /// A policy that stays as it is, though clients hold another key from now on.
    #[error(
        "{location} left alone: the former key did not sign it for this repository, so clients refuse it"
    )]
    Policy {
        /// Its file.
        location: String,
    },
    /// A file of upstream's from which nothing can be carried over.
    #[error(
        "{location} passed over: it is damaged, or upstream's key did not sign it; what upstream says of this \
         package may be missing. `hexreg mirror` with --refresh fetches it again"
    )]
    Upstream {
        /// Where it lies.
        location: String,
    },
    /// Something that upstream said of a release, and says no longer.
    #[error("{withdrawn}: mirrored as upstream has it now; if this is unexpected, ask upstream")]
    Withdrawn {
        /// What.
        withdrawn: Withdrawn,
    },
    /// A file that took the place of another without its owner, group or mode.
    #[error(
        "{location} may no longer be readable by {lost}: hexreg could not set its owner, group or mode; run hexreg \
         as the owner of such files and a member of their group, or as root"
    )]
    LostReaders {
        /// Where it lies.
        location: String,
        /// Who.
        lost: LostReaders,
    },
    /// A dependency of releases that are published already, which a new release must not have.
    #[error("{} {}{}: {fault}", .release.package, .release.version, Others(*.others))]
    Dependency {
        /// The newest of the releases.
        release: FileName,
        /// How many more there are.
        others: usize,
        /// What is wrong with the dependency.
        fault: DependencyFault,
    },
    /// The tarball of a new release names no package, and what tells its name is not all alike.
    #[error("{location} has no package name in its metadata: using {}, from {other}", .release.package)]
    NamedByFile {
        /// Where it lies.
        location: String,
        /// The release that it is added as.
        release: FileName,
        /// Where its name is from, and what says otherwise.
        other: String,
    },
    /// Something in `packages/` that is no file, or none that can be removed by its name.
    #[error("{location} left alone: nothing but files with plain names belongs there")]
    NotAPackage {
        /// Where it lies.
        location: String,
    },
}

impl Warning {
    /// What to say of a change by which users lost the right to read a file; nothing of any other.
    pub(crate) fn of_lost_readers(store: &dyn Store, made: AppliedChange<'_>) -> Option<Self> {
        let location = || store.locate(&made.change.path);
        made.lost.map(|lost| Self::LostReaders { location: location(), lost })
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
