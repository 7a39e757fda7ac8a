//! The directory of the cache.

#[cfg(feature = "serve")]
use std::env;
use std::path::{Component, Path, PathBuf};

use hexreg::cache::CacheFile;

use super::destination::Destination;
use super::environment;
use super::failure::Failure;

const VARIABLE: &str = "HEXREG_CACHE_DIR";

/// The options of commands that use a cache.
#[derive(clap::Args)]
pub struct CacheArgs {
    /// The directory of the cache, which saves reading unchanged tarballs again
    /// [default: $XDG_CACHE_HOME/hexreg, else ~/.cache/hexreg]
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Read everything again, and keep nothing
    #[arg(long, conflicts_with = "cache_dir")]
    no_cache: bool,
}

impl CacheArgs {
    /// The cache of a registry; `None` if the user disabled it or there is no directory for it.
    pub fn file(
        &self,
        destination: &Destination,
        endpoint: Option<&str>,
    ) -> Result<Option<CacheFile>, Failure> {
        if self.no_cache {
            return Ok(None);
        }
        let given = self.given()?;
        let default = if given.is_none() { default_directory()? } else { None };
        let Some(directory) = given.clone().or(default) else { return Ok(None) };
        let public_dir = match destination {
            Destination::Directory(path) => path,
            Destination::Bucket(url) => {
                return Ok(Some(CacheFile::of_bucket(&directory, &url.to_string(), endpoint)));
            }
        };
        if lies_inside(&directory, public_dir) {
            if given.is_none() {
                // The home directory is served, and the user did not ask for a cache.
                return Ok(None);
            }
            return Err(Failure::environment(format!(
                "the cache directory {} lies inside {}, and would be published",
                directory.display(),
                public_dir.display()
            ))
            .hint(format!("give another one by --cache-dir or {VARIABLE}, or --no-cache")));
        }
        // A destination that does not exist yet has no cache.
        Ok(CacheFile::of(&directory, public_dir).ok())
    }

    fn given(&self) -> Result<Option<PathBuf>, Failure> {
        match &self.cache_dir {
            Some(given) => Ok(Some(given.clone())),
            None => environment::path(VARIABLE),
        }
    }
}

fn default_directory() -> Result<Option<PathBuf>, Failure> {
    // The XDG specification says to ignore relative paths.
    let shared = environment::path("XDG_CACHE_HOME")?.filter(|path| path.is_absolute());
    let cache = match shared {
        Some(shared) => Some(shared),
        None => environment::path("HOME")?.map(|home| home.join(".cache")),
    };
    Ok(cache.map(|cache| cache.join("hexreg")))
}

/// The directory for what `hexreg serve` keeps of buckets, if none is given: that of the other commands, or the one that
/// systemd has made for the service, else the library's.
#[cfg(feature = "serve")]
pub fn directory_of_server() -> Result<Option<PathBuf>, Failure> {
    if let Some(given) = environment::path(VARIABLE)? {
        return Ok(Some(given));
    }
    // With several directories, they have colons between them.
    let of_service = environment::path("CACHE_DIRECTORY")?;
    let of_service = of_service.as_deref().and_then(|paths| env::split_paths(paths).next());
    if let Some(directory) = of_service {
        return Ok(Some(directory));
    }
    // The home directory of users that have none, who may not write to it.
    Ok(default_directory()?.filter(|directory| directory != Path::new("/.cache/hexreg")))
}

/// Whether a directory, which need not exist yet, is below another.
fn lies_inside(directory: &Path, public_dir: &Path) -> bool {
    let Ok(public_dir) = public_dir.canonicalize() else { return false };
    let Ok(directory) = std::path::absolute(directory) else { return false };
    // If `..` follows a directory that does not exist, the target of the path is unknown.
    let is_winding = directory.components().any(|part| part == Component::ParentDir);
    if is_winding && directory.canonicalize().is_err() {
        return true;
    }
    let existing = directory.ancestors().find_map(|above| above.canonicalize().ok());
    directory.starts_with(&public_dir) || existing.is_some_and(|real| real.starts_with(&public_dir))
}
