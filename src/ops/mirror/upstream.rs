//! The repository that is mirrored.

use reqwest::header::HeaderValue;
use url::Url;

use crate::key::PublicKey;
use crate::name::RepositoryName;

/// A repository to mirror.
#[derive(Clone, Debug)]
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
}
