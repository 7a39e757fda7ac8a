//! From the URL of a bucket to a client of whoever keeps it. Keys come from the environment, as the
//! tools of each have it, and never from arguments.

use super::address::{BucketUrl, Scheme};
use super::open_error::OpenError;
use super::settings::Settings;
use super::{BucketStore, azure, google, s3};

impl BucketStore {
    /// The tree at `url`.
    ///
    /// # Errors
    /// [`OpenError`] where something is missing that its kind of bucket takes, or cannot be used. Nothing is
    /// asked of the bucket yet.
    pub fn open(url: &BucketUrl, settings: &Settings) -> Result<Self, OpenError> {
        let (inner, asked_with) = match url.scheme() {
            Scheme::S3 => (s3::open(url.bucket(), settings)?, None),
            Scheme::Gs => (google::open(url.bucket(), settings)?, None),
            Scheme::Az => azure::open(url.bucket(), settings)?,
        };
        let store = Self::new(inner, url.prefix(), url.to_string())?;
        Ok(store.generations(url.scheme() == Scheme::Gs).asked_with(asked_with))
    }
}
