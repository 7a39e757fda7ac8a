//! What a build cannot do without, and nothing else: the floor under `docs/performance.md`.
//!
//! ```console
//! $ floor cold PUBLIC_DIR KEY JOBS     # read, hash twice, inflate, sign
//! $ floor unchanged PUBLIC_DIR JOBS    # list and stat
//! $ floor verify PUBLIC_DIR JOBS       # read, hash twice
//! ```
//!
//! The libraries and the number of threads are hexreg's own. Nothing is checked, nothing written.

#![expect(clippy::arithmetic_side_effects, reason = "its numbers are small, and its own")]

use std::collections::HashSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use hexreg::key::PrivateKey;
use hexreg::registry::Names;
use libdeflater::Decompressor;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tar::Header;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["cold", public, key, jobs] => cold(Path::new(public), Path::new(key), jobs.parse()?),
        ["unchanged", public, jobs] => unchanged(Path::new(public), jobs.parse()?),
        ["verify", public, jobs] => verify(Path::new(public), jobs.parse()?),
        _ => Err("usage: floor cold PUBLIC_DIR KEY JOBS | unchanged PUBLIC_DIR JOBS | \
                  verify PUBLIC_DIR JOBS"
            .into()),
    }
}

fn cold(public: &Path, key: &Path, jobs: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global()?;
    let key = PrivateKey::from_pem(&fs::read_to_string(key)?, None)?;
    let tarballs: Vec<PathBuf> = fs::read_dir(public.join("tarballs"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let worker = || (Vec::new(), Vec::new(), Decompressor::new());
    tarballs.par_iter().try_for_each_init(worker, |(bytes, inflated, decompressor), path| {
        bytes.clear();
        File::open(path)?.read_to_end(bytes)?;
        std::hint::black_box(Sha256::digest(&bytes));
        std::hint::black_box(Sha256::digest(&bytes));
        let contents = contents(bytes).ok_or("no contents.tar.gz")?;
        let size = contents.last_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        inflated.resize(size.max(inflated.len()), 0);
        decompressor.gzip_decompress(contents, inflated)?;
        Result::Ok(())
    })?;
    // One signature a package, and one each for names and versions.
    let names = tarballs.iter().filter_map(|path| path.file_name()?.to_str()?.split('-').next());
    let packages = names.collect::<HashSet<_>>().len();
    let payload = Names::new("acme".parse()?, Vec::new()).encode();
    (0..packages + 2).into_par_iter().try_for_each(|_| {
        std::hint::black_box(payload.clone().sign(&key)?);
        Ok(())
    })
}

/// The last of the four entries that Hex writes.
fn contents(mut tar: &[u8]) -> Option<&[u8]> {
    loop {
        let (header, rest) = tar.split_at_checked(512)?;
        let header = Header::from_byte_slice(header);
        let size = usize::try_from(header.entry_size().ok()?).ok()?;
        if *header.path_bytes() == *b"contents.tar.gz" {
            return rest.get(..size);
        }
        tar = rest.get(size.next_multiple_of(512)..)?;
    }
}

fn verify(public: &Path, jobs: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global()?;
    for folder in ["packages", "tarballs"] {
        let files = fs::read_dir(public.join(folder))?.map(|entry| Ok(entry?.path()));
        let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
        files.par_iter().try_for_each_init(Vec::new, |bytes, path| {
            bytes.clear();
            File::open(path)?.read_to_end(bytes)?;
            std::hint::black_box(Sha256::digest(&bytes));
            std::hint::black_box(Sha256::digest(&bytes));
            Result::Ok(())
        })?;
    }
    Ok(())
}

fn unchanged(public: &Path, jobs: usize) -> Result<()> {
    rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global()?;
    for folder in ["", "packages", "tarballs"] {
        let entries = fs::read_dir(public.join(folder))?.collect::<std::io::Result<Vec<_>>>()?;
        entries.par_iter().try_for_each(|entry| {
            std::hint::black_box(entry.metadata()?);
            Result::Ok(())
        })?;
    }
    Ok(())
}
