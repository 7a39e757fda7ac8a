//! From the URL of a bucket to a client of whoever keeps it. Keys come from the environment, as the
//! tools of each have it, and never from arguments.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};

use super::address::{BucketUrl, Scheme};
use super::connection::Limits;
use super::setting::{Origin, Setting, SettingError, Variables};
use super::{BucketStore, azure, google, s3};

/// How a bucket is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where it is asked for, if that is not where its kind usually is.
    pub endpoint: Option<String>,
    /// What the tools of its kind are told by the environment: keys, a region, a profile. Nothing else of the
    /// environment is read.
    pub variables: Variables,
    /// How long a request may take.
    pub limits: Limits,
}

/// Why a bucket cannot be asked for anything.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something that somebody set cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Nobody says where the bucket is.
    #[error("there is no region: set AWS_REGION to where the bucket is")]
    NoRegion,
    /// The bucket cannot be part of the host.
    #[error(
        "{origin} puts the bucket before the host, which cannot be done with `{bucket}` and {endpoint}: unset \
         it, or give an endpoint with a name that has the bucket in front"
    )]
    NoVirtualHost {
        /// What says that it is.
        origin: Origin,
        /// The bucket.
        bucket: String,
        /// Where it would be asked for.
        endpoint: String,
    },
    /// Nobody says whose the container is.
    #[error(
        "there is no account: set AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT or \
         AZURE_STORAGE_CONNECTION_STRING"
    )]
    NoAccount,
    /// There are no keys, and none are to be asked for.
    #[error(
        "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )]
    NoCredentials,
    /// One half of a key without the other.
    #[error("there are no credentials: {set} is set, and {missing} is not")]
    HalfKey {
        /// The variable that is set.
        set: &'static str,
        /// The variable that goes with it.
        missing: &'static str,
    },
    /// A file of profiles cannot be read.
    #[error("could not read {}", .path.display())]
    Profile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The profile that was asked for is in no file.
    #[error("there is no profile `{name}`{}", where_looked(looked_in))]
    NoProfile {
        /// Its name.
        name: String,
        /// The files that may have it.
        looked_in: Vec<PathBuf>,
    },
    /// The keys of the profile are made anew each time, in a way that hexreg does not know.
    #[error(
        "the keys of profile `{name}` {how}: put them into the environment by \
         `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
    )]
    MadeKeys {
        /// Its name.
        name: String,
        /// What is special about them.
        how: &'static str,
    },
    /// A file of credentials of Google's cannot be used.
    #[error("could not use {}: {problem}", .path.display())]
    Credentials {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The client takes no such settings, or cannot be made.
    #[error(transparent)]
    Client(#[from] io::Error),
}

fn where_looked(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { String::new() } else { format!(" in {}", paths.join(" or ")) }
}

/// How often the client repeats what cannot have been done.
const RETRIES: usize = 5;

/// The same of whoever hands out credentials, who may not be there.
const RETRIES_FOR_CREDENTIALS: usize = 1;
const RETRY_FOR_CREDENTIALS: Duration = Duration::from_secs(3);

impl Settings {
    /// The endpoint, checked.
    pub(super) fn given_endpoint(&self) -> Result<Option<String>, SettingError> {
        let Some(text) = &self.endpoint else { return Ok(None) };
        let origin = Origin::Option("--endpoint");
        let setting = Setting::new(text, origin.clone())?.ok_or_else(|| SettingError {
            origin,
            problem: "is empty: write https://HOST or http://HOST".to_owned(),
        })?;
        Ok(Some(setting.endpoint()?))
    }
}

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

/// What a server said nothing to is not asked again: that took as long as all tries may.
pub(super) fn retry(limits: Limits) -> RetryConfig {
    retry_within(RETRIES, limits.stall)
}

pub(super) fn retry_for_credentials() -> RetryConfig {
    retry_within(RETRIES_FOR_CREDENTIALS, RETRY_FOR_CREDENTIALS)
}

fn retry_within(max_retries: usize, retry_timeout: Duration) -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries, retry_timeout }
}
