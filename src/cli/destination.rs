//! Where a registry lives: a directory, or a bucket and how it is reached.

#[cfg(feature = "buckets")]
mod bucket;
#[cfg(not(feature = "buckets"))]
#[path = "destination/no_bucket.rs"]
mod bucket;

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::TypedValueParser;
use clap::{Arg, Command};
#[cfg(feature = "serve")]
use hexreg::serve::RepositoryLocation;
use hexreg::store::{DirStore, Links, Store, is_bucket_url};

use super::failure::Failure;
use bucket::BucketUrl;

/// The place that is served to clients.
#[derive(Clone, Debug)]
pub enum Destination {
    Directory(PathBuf),
    Bucket(BucketUrl),
}

#[derive(Clone)]
struct Parser;

impl TypedValueParser for Parser {
    type Value = Destination;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Destination, clap::Error> {
        match value.to_str().filter(|text| is_bucket_url(text)) {
            None => Ok(Destination::Directory(value.into())),
            Some(url) => bucket::parse(url, command, argument).map(Destination::Bucket),
        }
    }
}

/// How many files are transferred at once to and from a bucket: its latency is high, and it serves many at once.
const BUCKET_JOBS: u16 = 16;

impl Destination {
    /// Parses the URL of a bucket, or a path.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        Parser
    }

    /// The directory, if it is one.
    pub fn as_dir(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }

    /// How many threads read and write at once if --jobs is not given; 0 for one per processor.
    pub fn jobs(&self, given: Option<u16>) -> usize {
        match (given, self) {
            (Some(jobs), _) => jobs.into(),
            (None, Self::Directory(_)) => 0,
            (None, Self::Bucket(_)) => BUCKET_JOBS.into(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket(url) => url.fmt(f),
        }
    }
}

/// Options of commands that read what is served.
#[derive(clap::Args)]
pub struct Reading {
    /// The URL of the storage server, if it is not the provider's own
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

/// Options of commands that read a directory as it is served.
#[derive(clap::Args)]
pub struct Following {
    /// Follow links in the directory wherever they lead; without it, only links within the directory
    #[arg(long)]
    pub follow_links: bool,
}

/// Options of commands that change what is served.
#[derive(clap::Args)]
pub struct Writing {
    #[command(flatten)]
    pub reading: Reading,
    /// Write to a bucket that ignores conditions: no other process may write to it at the same time
    #[arg(long)]
    assume_single_writer: bool,
    /// Tell shared caches to keep no copy of what is in the bucket
    #[arg(long)]
    private: bool,
}

impl Following {
    /// The store of a directory.
    pub fn open(&self, directory: &Path) -> DirStore {
        let links = if self.follow_links { Links::Anywhere } else { Links::Inside };
        DirStore::new(directory).with_links(links)
    }
}

impl Reading {
    /// Opens the store for reading.
    pub fn open(&self, destination: &Destination) -> Result<Box<dyn Store>, Failure> {
        match destination {
            Destination::Directory(path) => {
                self.refuse_for(path)?;
                Ok(Box::new(DirStore::new(path)))
            }
            Destination::Bucket(url) => bucket::open(url, self.endpoint.as_deref()),
        }
    }

    /// Opens the store for checking it as it is served: without links that lead out of a directory, unless all links are
    /// followed.
    pub fn open_to_verify(
        &self,
        destination: &Destination,
        following: &Following,
    ) -> Result<Box<dyn Store>, Failure> {
        match destination {
            Destination::Directory(path) => {
                self.refuse_for(path)?;
                Ok(Box::new(following.open(path)))
            }
            Destination::Bucket(url) if following.follow_links => Err(Failure::environment(
                format!("--follow-links is for directories, and {url} is a bucket"),
            )
            .hint("leave it out: a bucket has no links")),
            Destination::Bucket(_) => self.open(destination),
        }
    }

    /// The options for one of several places: an endpoint is for the buckets among them.
    #[cfg(feature = "web")]
    pub fn of(&self, place: &Destination) -> Self {
        let endpoint = self.endpoint.clone().filter(|_| place.as_dir().is_none());
        Self { endpoint }
    }

    fn refuse_for(&self, directory: &Path) -> Result<(), Failure> {
        refuse("--endpoint", self.endpoint.is_some(), directory)
    }
}

impl Writing {
    /// Refuses options for buckets if DEST is a directory.
    pub fn refuse_for(&self, directory: &Path) -> Result<(), Failure> {
        refuse("--assume-single-writer", self.assume_single_writer, directory)?;
        refuse("--private", self.private, directory)?;
        self.reading.refuse_for(directory)
    }

    /// The same options with this endpoint.
    #[cfg(feature = "web")]
    pub fn with_endpoint(&self, endpoint: Option<String>) -> Self {
        Self { reading: Reading { endpoint }, ..*self }
    }

    /// The place of a repository that is served.
    #[cfg(feature = "serve")]
    pub fn location(&self, destination: Destination) -> RepositoryLocation {
        match destination {
            Destination::Directory(directory) => RepositoryLocation::Directory(directory),
            Destination::Bucket(url) => bucket::location(
                &url,
                self.reading.endpoint.as_deref(),
                self.assume_single_writer,
                self.private,
            ),
        }
    }

    /// Opens the store for writing, with this many requests at once.
    pub fn open(
        &self,
        destination: &Destination,
        jobs: Option<u16>,
    ) -> Result<Box<dyn Store>, Failure> {
        match destination {
            Destination::Directory(path) => {
                self.refuse_for(path)?;
                self.reading.open(destination)
            }
            Destination::Bucket(url) => bucket::open_to_change(
                url,
                self.reading.endpoint.as_deref(),
                self.assume_single_writer,
                self.private,
                destination.jobs(jobs),
            ),
        }
    }
}

/// Refuses an option for buckets if DEST is a directory.
fn refuse(option: &str, is_given: bool, directory: &Path) -> Result<(), Failure> {
    if is_given {
        return Err(Failure::environment(format!(
            "{option} is for buckets, and {} is a directory",
            directory.display()
        ))
        .hint("write s3://BUCKET/PREFIX, gs:// or az://, or leave it out"));
    }
    Ok(())
}
