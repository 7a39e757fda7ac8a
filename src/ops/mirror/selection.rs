//! What is to be mirrored.

use std::collections::BTreeMap;

use super::Upstream;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::lockfile::{GitPin, LockFile, Pinned, Repeated};
use crate::name::PackageName;
use crate::requirement::VersionRequirement;
use crate::version::Version;

/// What of upstream is to be mirrored.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Every release of every package.
    All,
    /// What was asked for, one by one.
    Some(Chosen),
}

/// Packages and releases that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// Packages by name.
    pub only: Vec<Only>,
    /// Whether what those need is mirrored too.
    pub with_deps: bool,
    /// Releases that lock files pin, each with the file's name.
    pub locks: Vec<(String, LockFile)>,
}

/// A package, or those of its releases that will do.
#[derive(Clone, Debug)]
pub struct Only {
    /// Which package.
    pub package: PackageName,
    /// Which of its releases; without, all of them.
    pub requirement: Option<VersionRequirement>,
}

/// What a lock file has that is not to be had from upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The lock file.
    pub lock: String,
    /// The dependency, by its application.
    pub app: String,
    /// Why.
    pub why: String,
}

/// Which releases of a package are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Want {
    /// Those that match, or all; and what they need.
    Matching {
        requirement: Option<VersionRequirement>,
        with_deps: bool,
    },
    Pinned(Pin),
}

/// One release, as a lock file pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// The lock file.
    pub lock: String,
    pub version: Version,
    pub inner_checksum: Option<InnerChecksum>,
    pub outer_checksum: Option<OuterChecksum>,
}

impl Want {
    /// Every release, and nothing that they need.
    pub const EVERYTHING: Self = Self::Matching { requirement: None, with_deps: false };

    pub fn takes(&self, version: &Version) -> bool {
        match self {
            Self::Matching { requirement, .. } => {
                requirement.as_ref().is_none_or(|requirement| requirement.matches(version))
            }
            Self::Pinned(pin) => pin.version == *version,
        }
    }

    /// Whether what is wanted grows with what is found.
    pub fn grows(&self) -> bool {
        matches!(self, Self::Matching { with_deps: true, .. })
    }

    pub fn pin(&self) -> Option<&Pin> {
        match self {
            Self::Pinned(pin) => Some(pin),
            Self::Matching { .. } => None,
        }
    }
}

impl Selection {
    /// What is wanted of each package of upstream's; without, everything of all.
    pub(super) fn wants(&self, upstream: &Upstream) -> Option<BTreeMap<PackageName, Vec<Want>>> {
        self.chosen().map(|chosen| chosen.wants(upstream))
    }

    /// What lock files have that upstream has not; git dependencies too, unless they are mirrored.
    pub(super) fn left_out(&self, upstream: &Upstream, git: bool) -> Vec<LeftOut> {
        self.chosen().map(|chosen| chosen.left_out(upstream, git)).unwrap_or_default()
    }

    /// Whether there are lock files, and all of them pin nothing that any repository could have: then it is
    /// no mistake that upstream has none of it.
    pub(super) fn pins_nothing(&self) -> bool {
        self.chosen().is_some_and(|chosen| {
            chosen.only.is_empty() && !chosen.locks.is_empty() && chosen.pinned().next().is_none()
        })
    }

    /// What lock files bind twice, each with the file's name.
    pub(super) fn repeated(&self) -> impl Iterator<Item = (&String, &Repeated)> {
        let locks = self.chosen().into_iter().flat_map(|chosen| &chosen.locks);
        locks.flat_map(|(lock, file)| file.repeated.iter().map(move |one| (lock, one)))
    }

    /// What lock files pin in git repositories.
    pub(super) fn git(&self) -> Vec<&GitPin> {
        let locks = self.chosen().into_iter().flat_map(|chosen| &chosen.locks);
        locks.flat_map(|(_, file)| &file.git).collect()
    }

    fn chosen(&self) -> Option<&Chosen> {
        match self {
            Self::All => None,
            Self::Some(chosen) => Some(chosen),
        }
    }
}

impl Chosen {
    fn wants(&self, upstream: &Upstream) -> BTreeMap<PackageName, Vec<Want>> {
        let mut wants: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Only { package, requirement } in &self.only {
            let (requirement, with_deps) = (requirement.clone(), self.with_deps);
            let want = Want::Matching { requirement, with_deps };
            wants.entry(package.clone()).or_default().push(want);
        }
        for (lock, pinned) in self.pinned().filter(|(_, pinned)| is_of(pinned, upstream)) {
            let pin = Pin {
                lock: lock.clone(),
                version: pinned.version.clone(),
                inner_checksum: pinned.inner_checksum,
                outer_checksum: pinned.outer_checksum,
            };
            wants.entry(pinned.package.clone()).or_default().push(Want::Pinned(pin));
        }
        wants
    }

    fn left_out(&self, upstream: &Upstream, git: bool) -> Vec<LeftOut> {
        let of_others = self.pinned().filter(|(_, pinned)| !is_of(pinned, upstream));
        let of_others = of_others.map(|(lock, pinned)| {
            let why = format!("of the repository {}", pinned.repository.as_deref().unwrap_or("?"));
            LeftOut { lock: lock.clone(), app: pinned.app.clone(), why }
        });
        let left_out = self.locks.iter().flat_map(|(lock, file)| {
            file.left_out.iter().map(|one| LeftOut {
                lock: lock.clone(),
                app: one.app.clone(),
                why: one.why.to_string(),
            })
        });
        let of_git = self.locks.iter().filter(|_| !git).flat_map(|(lock, file)| {
            file.git.iter().map(|pin| LeftOut {
                lock: lock.clone(),
                app: pin.app.clone(),
                why: format!("from git ({})", pin.url),
            })
        });
        of_others.chain(left_out).chain(of_git).collect()
    }

    fn pinned(&self) -> impl Iterator<Item = (&String, &Pinned)> {
        self.locks.iter().flat_map(|(lock, file)| file.pinned.iter().map(move |one| (lock, one)))
    }
}

/// Whether upstream has what is pinned. An organisation of a repository is called `SOURCE:ORGANISATION` in lock
/// files, and signs as `ORGANISATION`. A rebar.lock does not say where a package is from.
fn is_of(pinned: &Pinned, upstream: &Upstream) -> bool {
    let Some(named) = pinned.repository.as_deref() else { return true };
    let name = upstream.name.as_str();
    match (named.split_once(':'), &upstream.source) {
        (Some((source, organization)), Some(given)) => {
            source == given.as_str() && organization == name
        }
        (Some((_, organization)), None) => organization == name,
        (None, Some(_)) => false,
        (None, None) => named == name,
    }
}
