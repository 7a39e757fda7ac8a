//! Reads the public key and every signed file.

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

/// The valid signed files of a repository.
pub(super) struct Resources {
    pub repository: Option<RepositoryName>,
    pub public_key: Option<PublicKey>,
    pub names: Option<Names>,
    pub versions: Option<Versions>,
    pub packages: BTreeMap<PackageName, Releases>,
    pub policies: BTreeMap<PolicyName, Policy>,
    /// The packages whose file exists and is not valid.
    refused: BTreeSet<PackageName>,
    /// Whether the list of packages is complete.
    has_all_packages: bool,
}

/// One valid signed file.
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
        // Without a key, which is a problem of its own, the files are checked except for their signatures.
        let keys = public_key.clone().map_or(TrustedKeys::Any, TrustedKeys::from);
        let reader = Reader::new(store, keys);
        let read = all.into_par_iter().map_init(Vec::new, |file, resource| {
            let contents = contents(&reader, &resource, file);
            (resource, contents)
        });
        let read: Vec<_> = read.collect();
        let mut this = Self {
            repository: options.repository.clone().or_else(|| most_common_repository(&read)),
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
                (_, Ok(contents)) => this.take(contents, problems),
                // Another writer has removed the policy since it was listed. Nothing else names one.
                (Resource::Policy(_), Err(Defect::Missing)) => {}
                (resource, Err(defect)) => {
                    problems.push(defect.at(RepositoryPath::resource(&resource)));
                    if let Resource::Package(name) = resource {
                        this.refused.insert(name);
                    }
                }
            }
        }
        this
    }

    /// The number of releases in all valid packages.
    pub fn release_count(&self) -> usize {
        self.packages.values().map(|package| package.releases.len()).sum()
    }

    /// Whether `names` or a package file has the package.
    pub fn has_package(&self, package: &PackageName) -> bool {
        let names = self.names.iter().flat_map(|names| &names.packages);
        self.packages.contains_key(package) || names.into_iter().any(|(name, _)| name == package)
    }

    /// Whether it is unknown what a package has: its file is not valid, or the folder could not be listed.
    pub fn is_unknown(&self, package: &PackageName) -> bool {
        !self.packages.contains_key(package)
            && (!self.has_all_packages || self.refused.contains(package))
    }

    /// Adds a file.
    fn take(&mut self, contents: ResourceContents, problems: &mut Vec<Problem>) {
        let found = contents.repository();
        if let Some(expected) = self.repository.as_ref().filter(|expected| *expected != found) {
            let (found, expected) = (found.clone(), expected.clone());
            let defect = Defect::OtherRepository { found, expected };
            problems.push(defect.at(RepositoryPath::resource(&contents.resource())));
        }
        match contents {
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

/// The repository of most files. A file of another repository is a problem.
fn most_common_repository(
    read: &[(Resource, Result<ResourceContents, Defect>)],
) -> Option<RepositoryName> {
    let mut counts: BTreeMap<&str, (usize, &RepositoryName)> = BTreeMap::new();
    for contents in read.iter().filter_map(|(_, contents)| contents.as_ref().ok()) {
        let name = contents.repository();
        let (count, _) = counts.entry(name.as_str()).or_insert((0, name));
        *count = count.saturating_add(1);
    }
    counts.into_values().max_by_key(|(count, _)| *count).map(|(_, name)| name.clone())
}

/// The key that clients have. Reports what is wrong with the published one.
fn public_key(
    store: &dyn Store,
    options: &Options,
    problems: &mut Vec<Problem>,
) -> Option<PublicKey> {
    let path = RepositoryPath::public_key();
    let published = match PublishedKey::read(store) {
        Ok(Some(PublishedKey { pem, .. })) if pem.starts_with("\u{FEFF}".as_bytes()) => {
            Err(Defect::MarkedKey)
        }
        Ok(Some(PublishedKey { key, .. })) => key.map_err(Defect::NotAKey),
        Ok(None) => Err(Defect::Missing),
        Err(error) => Err(Defect::unreadable(error)),
    };
    match (&options.public_key, published) {
        // Clients that were given a key do not need the published one.
        (Some(given), Err(Defect::Missing)) => Some(given.clone()),
        (Some(given), Ok(published)) => {
            if *given != published {
                let found = published.fingerprint().to_owned();
                let expected = given.fingerprint().to_owned();
                problems.push(Defect::OtherKey { found, expected }.at(path));
            }
            Some(given.clone())
        }
        (None, Ok(published)) => Some(published),
        (given, Err(defect)) => {
            problems.push(defect.at(path));
            given.clone()
        }
    }
}

/// Reads a file, which must be the resource of its path.
fn contents(
    reader: &Reader<'_>,
    resource: &Resource,
    file: &mut Vec<u8>,
) -> Result<ResourceContents, Defect> {
    match resource {
        Resource::Names => read_document(reader, &(), file).map(ResourceContents::Names),
        Resource::Versions => read_document(reader, &(), file).map(ResourceContents::Versions),
        Resource::Package(name) => read_document(reader, name, file).map(ResourceContents::Package),
        Resource::Policy(name) => read_document(reader, name, file).map(ResourceContents::Policy),
    }
}

fn read_document<D: Document>(
    reader: &Reader<'_>,
    name: &D::Name,
    file: &mut Vec<u8>,
) -> Result<D, Defect> {
    match reader.document(name, file).map_err(Defect::unreadable)? {
        Published::Missing => Err(Defect::Missing),
        Published::BeingRemoved { .. } => Err(Defect::BeingRemoved),
        Published::Unsound { error, .. } => Err(error.into()),
        Published::Present { document, .. } => Ok(document),
    }
}
