//! Why a bucket cannot be opened.

use std::io;
use std::path::PathBuf;

use super::setting::{Origin, SettingError};
use crate::proxy::InvalidProxy;

/// Why a bucket cannot be asked for anything.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A proxy that cannot be one.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// No setting says where the bucket is.
    #[error("there is no region: set AWS_REGION to where the bucket is")]
    NoRegion,
    /// The bucket cannot be part of the host.
    #[error(
        "{origin} puts the bucket before the host, which cannot be done with `{bucket}` and {endpoint}: unset \
         it, or give an endpoint that has a name"
    )]
    NoVirtualHost {
        /// What says that it is.
        origin: Origin,
        /// The bucket.
        bucket: String,
        /// Where it would be asked for.
        endpoint: String,
    },
    /// The endpoint may have the bucket in front already, or have a name that begins like it.
    #[error(
        "{origin} puts the bucket before the host, and {endpoint} begins with `{bucket}` already: give an endpoint \
         without the bucket, or unset it"
    )]
    BucketInHost {
        /// What says that the bucket is to be there.
        origin: Origin,
        /// The bucket.
        bucket: String,
        /// What it would be put before.
        endpoint: String,
    },
    /// No setting says whose the container is.
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
        /// What says one of them.
        set: Origin,
        /// What goes with it, beside that.
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
