//! What a build cannot do without, and nothing else: the floor under `docs/performance.md`.
//!
//! ```console
//! $ floor cold PUBLIC_DIR KEY JOBS     # read, hash twice, inflate, sign; write, flush, rename
//! $ floor unchanged PUBLIC_DIR JOBS    # list and stat
//! $ floor verify PUBLIC_DIR JOBS       # read, hash twice
//! ```
//!
//! The libraries and the number of threads are hexreg's own. Nothing is checked. What `cold` writes has the number,
//! the order and about the size of the files of a registry, and their durability: everything is on the disk before
//! the first rename, and each rename before the next one that depends on it. It is no registry: of a package's file
//! it has the signature and the checksums, which no format can leave out.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hexreg::key::PrivateKey;
use hexreg::registry::{Names, Payload};
use libdeflater::Decompressor;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tar::Header;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The outer and the inner checksum of a tarball.
type Checksums = [[u8; 32]; 2];

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
    let read = tarballs.par_iter().map_init(worker, |(bytes, inflated, decompressor), path| {
        bytes.clear();
        File::open(path)?.read_to_end(bytes)?;
        let checksums: Checksums = [Sha256::digest(&bytes).into(), Sha256::digest(&bytes).into()];
        let contents = contents(bytes).ok_or("no contents.tar.gz")?;
        let size = contents.last_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        inflated.resize(size.max(inflated.len()), 0);
        decompressor.gzip_decompress(contents, inflated)?;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name in UTF-8")?;
        let package = name.split('-').next().unwrap_or(name);
        Result::Ok((package.to_owned(), checksums))
    });
    let mut packages = BTreeMap::<String, Vec<Checksums>>::new();
    for (package, checksums) in read.collect::<Result<Vec<_>>>()? {
        packages.entry(package).or_default().push(checksums);
    }
    write(public, &key, &packages)
}

/// Writes a file for each package, then `versions` and `names`, each with a signature, and the public key.
fn write(
    public: &Path,
    key: &PrivateKey,
    packages: &BTreeMap<String, Vec<Checksums>>,
) -> Result<()> {
    let folder = public.join("packages");
    fs::create_dir(&folder)?;
    let payload = Names::new("acme".parse()?, Vec::new()).encode();
    let file_system = File::open(&folder)?;
    let index = packages.keys().map(String::as_str).collect::<Vec<_>>().concat();
    for (name, bytes) in [("names", &*index), ("versions", &*index)] {
        write_beside(public, name, &[&signature(&payload, key)?, bytes.as_bytes()])?;
    }
    write_beside(public, "public_key", &[key.public_key().to_pem().as_bytes()])?;
    packages.par_iter().try_for_each(|(name, checksums)| {
        let checksums = checksums.as_flattened().as_flattened();
        write_beside(&folder, name, &[&signature(&payload, key)?, checksums])
    })?;
    flush_all(&file_system)?;

    rename(public, "public_key")?;
    packages.keys().try_for_each(|name| rename(&folder, name))?;
    File::open(&folder)?.sync_all()?;
    for name in ["versions", "names"] {
        File::open(public)?.sync_all()?;
        rename(public, name)?;
    }
    Ok(File::open(public)?.sync_all()?)
}

fn signature(payload: &Payload, key: &PrivateKey) -> Result<Vec<u8>> {
    Ok(payload.sign(key)?.encode())
}

fn write_beside(folder: &Path, name: &str, parts: &[&[u8]]) -> Result<()> {
    let mut file = File::create_new(folder.join(format!(".{name}.tmp")))?;
    Ok(file.write_all(&parts.concat())?)
}

fn rename(folder: &Path, name: &str) -> Result<()> {
    Ok(fs::rename(folder.join(format!(".{name}.tmp")), folder.join(name))?)
}

/// One flush of the file system: faster than one of each file where there are many.
#[cfg(target_os = "linux")]
fn flush_all(file_system: &File) -> Result<()> {
    Ok(rustix::fs::syncfs(file_system)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_all(_: &File) -> Result<()> {
    Err("`floor cold` flushes as hexreg does on Linux".into())
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
