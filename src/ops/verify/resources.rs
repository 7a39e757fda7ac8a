//! The key, and every signed file, each on its own.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Options;
use super::problem::{Defect, Problem};
use super::tree::Tree;
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::Policy;
use crate::published::{Document, Published, PublishedKey, Reader, TrustedKeys};
use crate::registry::{Names, Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath, is_litter};
use crate::store::Store;

/// What the signed files say, as far as they can be trusted to say it.
pub(super) struct Resources {
    pub repository: Option<RepositoryName>,
    pub public_key: Option<PublicKey>,
    pub names: Option<Names>,
    pub versions: Option<Versions>,
    pub packages: BTreeMap<PackageName, Releases>,
    pub policies: BTreeMap<PolicyName, Policy>,
    /// Whose file is there and says nothing.
    refused: BTreeSet<PackageName>,
    /// Whether it is known which packages have a file.
    has_all_packages: bool,
}

/// What one file says.
enum ResourceContents {
    Names(Names),
    Versions(Versions),
    Package(Releases),
    Policy(Policy),
}

impl Resources {
    pub fn read(
        store: &dyn Store,
        tree: &Tree,
        options: &Options,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let public_key = public_key(store, options, problems);
        let files = tree.files.iter().filter(|(path, _)| !is_litter(path.as_str()));
        let packages = files.filter_map(|(path, _)| match path.folder() {
            Folder::Packages => path.file_name().parse().ok().map(Resource::Package),
            Folder::Policies => path.file_name().parse().ok().map(Resource::Policy),
            _ => None,
        });
        let all: Vec<Resource> =
            [Resource::Names, Resource::Versions].into_iter().chain(packages).collect();
        // Without a key, of which the report speaks, the rest is looked at all the same.
        let keys = public_key.clone().map_or(TrustedKeys::Any, TrustedKeys::from);
        let reader = Reader::new(store, keys);
        let read = all.into_par_iter().map_init(Vec::new, |file, resource| {
            let says = says(&reader, &resource, file);
            (resource, says)
        });
        let read: Vec<_> = read.collect();
        let mut this = Self {
            repository: options.repository.clone().or_else(|| most_agree_on(&read)),
            public_key,
            names: None,
            versions: None,
            packages: BTreeMap::new(),
            policies: BTreeMap::new(),
            refused: BTreeSet::new(),
            has_all_packages: tree.is_whole(Folder::Packages),
        };
        for read in read {
            match read {
                (_, Ok(says)) => this.take(says, problems),
                (resource, Err(wrong)) => {
                    problems.push(wrong.at(RepositoryPath::resource(&resource)));
                    if let Resource::Package(name) = resource {
                        this.refused.insert(name);
                    }
                }
            }
        }
        this
    }

    /// How many releases the packages have that could be read.
    pub fn release_count(&self) -> usize {
        self.packages.values().map(|package| package.releases.len()).sum()
    }

    /// Whether any of them names a package.
    pub fn has_package(&self, package: &PackageName) -> bool {
        let names = self.names.iter().flat_map(|names| &names.packages);
        self.packages.contains_key(package) || names.into_iter().any(|(name, _)| name == package)
    }

    /// Whether a package that says nothing may have a file all the same.
    pub fn is_unknown(&self, package: &PackageName) -> bool {
        !self.packages.contains_key(package)
            && (!self.has_all_packages || self.refused.contains(package))
    }

    /// Takes in what a file says.
    fn take(&mut self, says: ResourceContents, problems: &mut Vec<Problem>) {
        let found = says.repository();
        if let Some(expected) = self.repository.as_ref().filter(|expected| *expected != found) {
            let (found, expected) = (found.clone(), expected.clone());
            let wrong = Defect::OtherRepository { found, expected };
            problems.push(wrong.at(RepositoryPath::resource(&says.resource())));
        }
        match says {
            ResourceContents::Names(names) => self.names = Some(names),
            ResourceContents::Versions(versions) => self.versions = Some(versions),
            ResourceContents::Package(package) => {
                self.packages.insert(package.package.clone(), package);
            }
            ResourceContents::Policy(policy) => {
                self.policies.insert(policy.name.clone(), policy);
            }
        }
    }
}

impl ResourceContents {
    fn repository(&self) -> &RepositoryName {
        match self {
            Self::Names(names) => &names.repository,
            Self::Versions(versions) => &versions.repository,
            Self::Package(package) => &package.repository,
            Self::Policy(policy) => &policy.repository,
        }
    }

    fn resource(&self) -> Resource {
        match self {
            Self::Names(_) => Resource::Names,
            Self::Versions(_) => Resource::Versions,
            Self::Package(package) => Resource::Package(package.package.clone()),
            Self::Policy(policy) => Resource::Policy(policy.name.clone()),
        }
    }
}

/// The repository that most of the files are of, so that one of another is the one to be blamed.
fn most_agree_on(read: &[(Resource, Result<ResourceContents, Defect>)]) -> Option<RepositoryName> {
    let mut counts: BTreeMap<&str, (usize, &RepositoryName)> = BTreeMap::new();
    for says in read.iter().filter_map(|(_, says)| says.as_ref().ok()) {
        let name = says.repository();
        let (count, _) = counts.entry(name.as_str()).or_insert((0, name));
        *count = count.saturating_add(1);
    }
    counts.into_values().max_by_key(|(count, _)| *count).map(|(_, name)| name.clone())
}

/// The key that clients hold.
fn public_key(
    store: &dyn Store,
    options: &Options,
    problems: &mut Vec<Problem>,
) -> Option<PublicKey> {
    let path = RepositoryPath::public_key();
    let standing = match PublishedKey::read(store) {
        Ok(Some(PublishedKey { pem, .. })) if pem.starts_with("\u{FEFF}".as_bytes()) => {
            Err(Defect::MarkedKey)
        }
        Ok(Some(PublishedKey { key, .. })) => key.map_err(Defect::NotAKey),
        Ok(None) => Err(Defect::Missing),
        Err(error) => Err(Defect::unreadable(error)),
    };
    match (&options.public_key, standing) {
        // Whoever was given a key need not be served one.
        (Some(given), Err(Defect::Missing)) => Some(given.clone()),
        (Some(given), Ok(standing)) => {
            if *given != standing {
                let found = standing.fingerprint().to_owned();
                let expected = given.fingerprint().to_owned();
                problems.push(Defect::OtherKey { found, expected }.at(path));
            }
            Some(given.clone())
        }
        (None, Ok(standing)) => Some(standing),
        (given, Err(wrong)) => {
            problems.push(wrong.at(path));
            given.clone()
        }
    }
}

/// What a file says, if it is what belongs there and the key signed it.
fn says(
    reader: &Reader<'_>,
    resource: &Resource,
    file: &mut Vec<u8>,
) -> Result<ResourceContents, Defect> {
    match resource {
        Resource::Names => sound(reader, &(), file).map(ResourceContents::Names),
        Resource::Versions => sound(reader, &(), file).map(ResourceContents::Versions),
        Resource::Package(name) => sound(reader, name, file).map(ResourceContents::Package),
        Resource::Policy(name) => sound(reader, name, file).map(ResourceContents::Policy),
    }
}

fn sound<D: Document>(
    reader: &Reader<'_>,
    name: &D::Name,
    file: &mut Vec<u8>,
) -> Result<D, Defect> {
    match reader.document(name, file).map_err(Defect::unreadable)? {
        Published::Missing => Err(Defect::Missing),
        Published::BeingRemoved { .. } => Err(Defect::Leaving),
        Published::Unsound { error, .. } => Err(error.into()),
        Published::Present { document, .. } => Ok(document),
    }
}
