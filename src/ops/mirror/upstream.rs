//! The repository that is mirrored.

use reqwest::header::HeaderValue;
use url::Url;

use crate::key::PublicKey;
use crate::lockfile::Pinned;
use crate::name::RepositoryName;

/// A repository to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its URL, with http or https and without credentials.
    pub url: Url,
    /// The name in its signed files.
    pub name: RepositoryName,
    /// The repository that it is an organisation of: `hexpm` where lock files say `hexpm:acme`. Where this is
    /// `None`, a pin of `acme` matches, and so does one of `SOURCE:acme` for any `SOURCE`.
    pub source: Option<RepositoryName>,
    /// The key that has signed its files.
    pub key: PublicKey,
    /// The `Authorization` header, which is sent to the host of `url` alone.
    pub authorization: Option<HeaderValue>,
}

impl Upstream {
    /// The URL of hex.pm's repository.
    pub const HEXPM_URL: &'static str = "https://repo.hex.pm";
    /// The name of hex.pm's repository.
    pub const HEXPM_NAME: &'static str = "hexpm";
    /// The public key of hex.pm in PEM, which every client contains.
    pub const HEXPM_KEY: &'static str = include_str!("hexpm-public.pem");

    /// Whether a release that a lock file pins is of this repository. Lock files call an organisation of a repository
    /// `SOURCE:ORGANISATION`, and its signed files `ORGANISATION`. A rebar.lock does not name the repository.
    #[must_use]
    pub fn has_pin(&self, pinned: &Pinned) -> bool {
        let Some(named) = pinned.repository.as_deref() else { return true };
        let name = self.name.as_str();
        match (named.split_once(':'), &self.source) {
            (Some((source, organization)), Some(given)) => {
                source == given.as_str() && organization == name
            }
            (Some((_, organization)), None) => organization == name,
            (None, Some(_)) => false,
            (None, None) => named == name,
        }
    }

    /// Whether clients have its key without being told: it is hex.pm's repository, signed by hex.pm.
    #[must_use]
    pub fn is_known_to_clients(&self) -> bool {
        let hexpm = PublicKey::from_pem(Self::HEXPM_KEY);
        let is_signed = hexpm.is_ok_and(|key| key.fingerprint() == self.key.fingerprint());
        is_signed && self.name.as_str() == Self::HEXPM_NAME
    }
}
