//! Buckets: how their URLs are read, and how they are opened.

use std::str::FromStr;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
#[cfg(feature = "serve")]
use hexreg::serve::{BucketLocation, RepositoryLocation};
pub use hexreg::store::BucketUrl;
use hexreg::store::{BucketStore, BucketUrlError, Settings, Store, Variables};

use crate::cli::failure::{Failure, chain};

/// Reads a URL; `no_bucket.rs` has the same functions for a binary that cannot open any.
pub fn parse(
    url: &str,
    command: &Command,
    argument: Option<&Arg>,
) -> Result<BucketUrl, clap::Error> {
    match BucketUrl::from_str(url) {
        // Clap would repeat the argument, which has a password in it.
        Err(error @ BucketUrlError::Credentials) => {
            Err(command.clone().error(ErrorKind::ValueValidation, error))
        }
        _ => StringValueParser::new().try_map(|text| BucketUrl::from_str(&text)).parse_ref(
            command,
            argument,
            url.as_ref(),
        ),
    }
}

/// Opens a bucket for reading.
pub fn open(url: &BucketUrl, endpoint: Option<&str>) -> Result<Box<dyn Store>, Failure> {
    Ok(Box::new(connect(url, endpoint)?))
}

/// Opens a bucket for changes, `jobs` of them at once.
pub fn open_to_change(
    url: &BucketUrl,
    endpoint: Option<&str>,
    assume_single_writer: bool,
    private: bool,
    jobs: usize,
) -> Result<Box<dyn Store>, Failure> {
    let store = connect(url, endpoint)?;
    let store = store.assume_single_writer(assume_single_writer);
    Ok(Box::new(store.private(private).jobs(jobs)))
}

/// The place of a repository that is served.
#[cfg(feature = "serve")]
pub fn location(
    url: &BucketUrl,
    endpoint: Option<&str>,
    assume_single_writer: bool,
    private: bool,
) -> RepositoryLocation {
    let (url, settings) = (url.clone(), settings(endpoint));
    RepositoryLocation::Bucket(BucketLocation { url, settings, assume_single_writer, private })
}

fn settings(endpoint: Option<&str>) -> Settings {
    let endpoint = endpoint.map(str::to_owned);
    Settings { endpoint, variables: Variables::of_process(), ..Settings::default() }
}

fn connect(url: &BucketUrl, endpoint: Option<&str>) -> Result<BucketStore, Failure> {
    BucketStore::open(url, &settings(endpoint))
        .map_err(|error| Failure::environment(format!("could not open {url}: {}", chain(&error))))
}
