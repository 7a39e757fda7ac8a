//! Makes the signed files of a mirror what a copy of it elsewhere has, before a run: another process may have mirrored
//! since, and what upstream may not take back is what clients were given there.

use std::collections::HashSet;

use rayon::prelude::*;

use super::error::Error;
use super::mirror_directory::MirrorDirectory;
use super::upstream::Upstream;
use crate::name::PackageName;
use crate::published::{Document, Published, PublishedKey, Reader};
use crate::registry::{Names, Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, ListedFile, Store, StoreError};

/// Makes the signed files of a mirror those of `from`. Returns how many changed.
pub(super) fn adopt(
    mirror_dir: &MirrorDirectory,
    from: &dyn Store,
    upstream: &Upstream,
) -> Result<usize, Error> {
    if PublishedKey::read(from)?.is_some_and(|published| !published.is(&upstream.key)) {
        let location = from.locate(&RepositoryPath::public_key());
        return Err(Error::OtherRegistry { location });
    }
    let reader = Reader::new(from, upstream.key.clone());
    let reader = reader.of_repository(&upstream.name);
    let copy = Copy { mirror_dir, from, reader };

    let root = from.list(Folder::Root)?.unwrap_or_default();
    let of_index = |resource| {
        let name = RepositoryPath::resource(&resource);
        root.iter().find(|listed| listed.name == name.file_name())
    };
    let versions = of_index(Resource::Versions);
    let mut changes = Vec::new();
    if let Some(listed) = versions {
        changes.extend(copy.change::<Versions>(&(), listed)?);
    }
    if let Some(listed) = of_index(Resource::Names) {
        changes.extend(copy.change::<Names>(&(), listed)?);
    }
    let listed = from.list(Folder::Packages)?.unwrap_or_default();
    let listed = listed.iter().filter_map(|one| Some((one.name.parse::<PackageName>().ok()?, one)));
    let listed: Vec<_> = listed.collect();
    let found = listed.par_iter().filter_map(|(name, listed)| {
        let change = copy.change::<Releases>(name, listed).transpose()?;
        Some(change.map(|change| (name.clone(), change)))
    });
    let found = found.collect::<Result<Vec<_>, StoreError>>()?;
    let (mut forgotten, of_packages): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    changes.extend(of_packages);

    // Before the first copy is whole, this directory is ahead of it.
    if versions.is_some() {
        let there: HashSet<_> = listed.iter().map(|(name, _)| name).collect();
        for name in mirror_dir.contents()?.packages {
            if !there.contains(&name) {
                changes.push(Change::new(RepositoryPath::package(&name), Action::Remove));
                forgotten.push(name);
            }
        }
    }
    if !changes.is_empty() {
        let mut state = mirror_dir.state.clone();
        for name in &forgotten {
            state.packages.remove(name.as_str());
        }
        // First forgotten, then changed: a run that is killed in between asks once too often.
        mirror_dir.write_state(&state)?;
        mirror_dir.registry.apply(&[&changes], &|_| ())?;
    }
    Ok(changes.len())
}

struct Copy<'a> {
    mirror_dir: &'a MirrorDirectory,
    from: &'a dyn Store,
    reader: Reader<'a>,
}

impl Copy<'_> {
    /// The change that makes a signed file what it is there; `None` if it is that already, or is no sound file there.
    fn change<D: Document>(
        &self,
        name: &D::Name,
        listed: &ListedFile,
    ) -> Result<Option<Change>, StoreError> {
        let resource = D::resource(name);
        let here = self.mirror_dir.resource(&resource)?;
        let stamp = here.as_ref().and_then(|here| self.from.stamp_of(here));
        if stamp.is_some() && stamp == listed.stamp {
            return Ok(None);
        }
        let mut there = Vec::new();
        let Published::Present { .. } = self.reader.document::<D>(name, &mut there)? else {
            return Ok(None);
        };
        let path = RepositoryPath::resource(&resource);
        Ok(match here {
            Some(here) if *here == *there => None,
            Some(_) => Some(Change::new(path, Action::Update(there.into()))),
            None => Some(Change::new(path, Action::Create(there.into()))),
        })
    }
}
