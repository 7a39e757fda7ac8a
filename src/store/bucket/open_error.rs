//! Why a bucket cannot be opened.

use std::io;
use std::path::PathBuf;

use super::setting::{Origin, SettingError};
use crate::proxy::InvalidProxy;

/// A bucket cannot be opened: a setting is missing or invalid.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The setting of a proxy is invalid.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// No setting names the region.
    #[error("there is no region: set AWS_REGION to where the bucket is")]
    NoRegion,
    /// The bucket cannot be part of the host.
    #[error(
        "{origin} puts the bucket before the host, which is impossible for `{bucket}` and {endpoint}: unset it, \
         or give an endpoint with a host name"
    )]
    NoVirtualHost {
        /// The setting by which the bucket is part of the host.
        origin: Origin,
        /// The bucket.
        bucket: String,
        /// The endpoint without the bucket.
        endpoint: String,
    },
    /// The endpoint may have the bucket already, or its name begins with the same word.
    #[error(
        "{origin} puts the bucket before the host, but {endpoint} begins with `{bucket}` already: give an endpoint \
         without the bucket, or unset it"
    )]
    BucketInHost {
        /// The setting by which the bucket is part of the host.
        origin: Origin,
        /// The bucket.
        bucket: String,
        /// The endpoint.
        endpoint: String,
    },
    /// No setting names the account of the container.
    #[error(
        "there is no account: set AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT or \
         AZURE_STORAGE_CONNECTION_STRING"
    )]
    NoAccount,
    /// There are no keys, and no service may be asked for them.
    #[error(
        "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )]
    NoCredentials,
    /// One half of a key without the other.
    #[error("there are no credentials: {set} is set, but {missing} is not")]
    HalfKey {
        /// The setting of one half.
        set: Origin,
        /// The name of the other half.
        missing: &'static str,
    },
    /// An AWS configuration file cannot be read.
    #[error("could not read {}", .path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No file has the profile.
    #[error("there is no profile `{name}`{}", where_looked(looked_in))]
    NoProfile {
        /// The name of the profile.
        name: String,
        /// The files that were read.
        looked_in: Vec<PathBuf>,
    },
    /// The keys of the profile are issued in a way that hexreg does not support.
    #[error(
        "the keys of profile `{name}` {how}: put them into the environment by \
         `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
    )]
    MadeKeys {
        /// The name of the profile.
        name: String,
        /// What is special about its keys.
        how: &'static str,
    },
    /// A credentials file of Google cannot be used.
    #[error("could not use {}: {problem}", .path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The client refuses the settings, or cannot be created.
    #[error(transparent)]
    Client(#[from] io::Error),
}

impl OpenError {
    /// Whether keys are missing, or cannot be used: not the region, the endpoint or a proxy.
    #[must_use]
    pub fn is_of_credentials(&self) -> bool {
        match self {
            Self::NoAccount
            | Self::NoCredentials
            | Self::HalfKey { .. }
            | Self::Profile { .. }
            | Self::NoProfile { .. }
            | Self::MadeKeys { .. }
            | Self::Credentials { .. } => true,
            Self::Setting(_)
            | Self::Proxy(_)
            | Self::NoRegion
            | Self::NoVirtualHost { .. }
            | Self::BucketInHost { .. }
            | Self::Client(_) => false,
        }
    }
}

fn where_looked(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { String::new() } else { format!(" in {}", paths.join(" or ")) }
}
