//! Buckets, in a binary without the feature `buckets`: each URL is refused, and no bucket is ever opened.

use std::convert::Infallible;
use std::fmt;

use clap::error::ErrorKind;
use clap::{Arg, Command};
#[cfg(feature = "serve")]
use hexreg::serve::RepositoryLocation;
use hexreg::store::Store;

use crate::cli::failure::Failure;

/// The URL of a bucket, of which there is none.
#[derive(Clone, Debug)]
pub struct BucketUrl(Infallible);

impl fmt::Display for BucketUrl {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

/// Refuses a URL. The message does not quote it, as it may have a password in it.
pub fn parse(_: &str, command: &Command, _: Option<&Arg>) -> Result<BucketUrl, clap::Error> {
    let message = "this hexreg cannot open buckets, as it is built without the feature `buckets`: build it \
                   with `--features buckets`, or name a directory";
    Err(command.clone().error(ErrorKind::ValueValidation, message))
}

pub fn open(url: &BucketUrl, _: Option<&str>) -> Result<Box<dyn Store>, Failure> {
    match url.0 {}
}

pub fn open_to_change(
    url: &BucketUrl,
    _: Option<&str>,
    _: bool,
    _: bool,
    _: usize,
) -> Result<Box<dyn Store>, Failure> {
    match url.0 {}
}

#[cfg(feature = "serve")]
pub fn location(url: &BucketUrl, _: Option<&str>, _: bool, _: bool) -> RepositoryLocation {
    match url.0 {}
}
