//! From the URL of a bucket to a client of its provider. Keys come from the environment, under the names of the
//! provider's own tools, and never from arguments.

use super::address::BucketUrl;
use super::bucket_store::BucketStore;
use super::open_error::OpenError;
use super::settings::Settings;
use super::{azure, google, s3};
use crate::store::scheme::Scheme;

impl BucketStore {
    /// The repository at `url`. No request is sent yet.
    ///
    /// # Errors
    /// [`OpenError`] if a setting is missing or invalid.
    pub fn open(url: &BucketUrl, settings: &Settings) -> Result<Self, OpenError> {
        let (client, identity) = match url.scheme() {
            Scheme::S3 => (s3::open(url.bucket(), settings)?, None),
            Scheme::Gs => (google::open(url.bucket(), settings)?, None),
            Scheme::Az => azure::open(url.bucket(), settings)?,
        };
        let store = Self::new(client, url.prefix(), url.to_string())?;
        Ok(store.generations(url.scheme() == Scheme::Gs).identity(identity))
    }
}
