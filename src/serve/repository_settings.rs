//! What a repository is opened with.

use super::options::{CacheOptions, Options, RepositoryOptions};
use crate::store::Links;

/// What a repository is opened with: its own options, and those of the server that it depends on.
#[derive(Clone, PartialEq)]
pub(super) struct RepositorySettings {
    pub options: RepositoryOptions,
    pub needs_credentials: bool,
    links: Links,
    cache: CacheOptions,
}

impl RepositorySettings {
    pub fn of(one: &RepositoryOptions, options: &Options) -> Self {
        Self {
            options: one.clone(),
            needs_credentials: options.needs_credentials(one),
            links: options.links(),
            cache: options.cache.clone(),
        }
    }

    /// Of a repository that everyone may read.
    pub fn open_to_all(one: &RepositoryOptions) -> Self {
        Self {
            options: one.clone(),
            needs_credentials: false,
            links: Links::Inside,
            cache: CacheOptions::default(),
        }
    }

    /// Whether both are of the same files, read and kept in the same way.
    pub fn have_files_of(&self, other: &Self) -> bool {
        let is_directory = self.options.location.as_directory().is_some();
        let are_kept_alike = self.cache == other.cache || is_directory;
        let are_found_alike =
            self.options.location == other.options.location && self.links == other.links;
        let are_signed_alike = self.options.signer() == other.options.signer();
        are_found_alike && are_kept_alike && are_signed_alike
    }

    /// Whether clients publish to both in the same way.
    pub fn are_published_as(&self, other: &Self) -> bool {
        let (one, other) = (&self.options, &other.options);
        one.key == other.key
            && one.replace == other.replace
            && one.allow_public == other.allow_public
    }

    /// Whether both pull from the same upstream in the same way.
    #[cfg(feature = "mirror")]
    pub fn are_pulled_as(&self, other: &Self) -> bool {
        let (one, other) = (&self.options, &other.options);
        one.pull == other.pull && one.mount.name() == other.mount.name()
    }

    /// Whether both are mirrored in the same way, under the same name.
    #[cfg(feature = "mirror")]
    pub fn are_mirrored_as(&self, other: &Self) -> bool {
        let (one, other) = (&self.options, &other.options);
        one.mirror == other.mirror && one.mount.name() == other.mount.name()
    }
}
