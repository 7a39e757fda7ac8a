//! `hexreg inspect`: reads one signed file or tarball.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::key::PublicKey;
use crate::policy::{InertPart, Policy};
use crate::published;
use crate::registry::{
    DecodeError, MAX_FILE, Names, Payload, Releases, Resource, SignedError, Versions,
};
use crate::regular_file;
use crate::repository::RepositoryPath;
use crate::tarball::{self, FileName, InvalidFileName, Limits, Tarball, Unpacker};

/// How to read a file.
#[derive(Clone, Debug)]
pub struct Options {
    /// The key to verify the signature with.
    pub public_key: Option<PublicKey>,
    /// The sizes of a tarball that clients accept.
    pub limits: Limits,
}

/// What a file contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The contents of the file.
    pub contents: Contents,
    /// What is wrong with its path, and which parts of it clients ignore.
    pub warnings: Vec<Warning>,
}

/// The contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A signed resource of a registry.
    Signed(SignedResource, Signature),
    /// A valid package tarball.
    Tarball {
        /// The metadata and checksums.
        tarball: Tarball,
        /// The release. If the metadata has no name, the file name or the application's name gives the package.
        release: FileName,
        /// The size of the file in bytes.
        size: usize,
    },
}

/// A decoded resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedResource {
    /// `/names`
    Names(Names),
    /// `/versions`
    Versions(Versions),
    /// `/packages/NAME`
    Package(Releases),
    /// `/policies/NAME`
    Policy(Policy),
    /// `/names` or `/versions`: no package in it has a time or a version, which would decide.
    NamesOrVersions(Names),
}

/// The result of verifying a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// There was no key.
    NotChecked,
    /// The key signed the file.
    Holds,
    /// Another key signed the file, or it was changed.
    DoesNotHold,
}

/// A reason for which clients would not use the file, or a part of it, at its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The path is that of another resource.
    #[error("it holds {holds}, and is at the path of {belongs}")]
    Misplaced {
        /// The path of the resource that the file holds.
        holds: RepositoryPath,
        /// The path at which the file is.
        belongs: RepositoryPath,
    },
    /// The file name is not the one that clients request.
    #[error(transparent)]
    FileName(InvalidFileName),
    /// A part of a policy has no effect.
    #[error(transparent)]
    Inert(InertPart),
}

/// Why a file cannot be inspected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The file is not a regular one: reading it might block.
    #[error("it is a device, a pipe or a socket, not a regular file")]
    NotAFile,
    /// The file has a format that cannot be inspected.
    #[error(
        "it is neither gzipped, as names, versions, packages/NAME and policies/NAME are, nor a tar archive, as packages are"
    )]
    Neither,
    /// The file is larger than any signed file.
    #[error("it has more than {MAX_SIGNED} bytes: no signed file of a registry is that large")]
    TooLarge,
    /// The file is not a signed resource.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The file is signed, but is not the resource of its path.
    #[error(transparent)]
    Resource(#[from] DecodeError),
    /// The file is signed, but is none of the resources.
    #[error("its signed message is none of names, versions, packages/NAME and policies/NAME")]
    NoResource,
    /// The file is not a valid tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// A key was given, and a tarball has no signature.
    #[error("a package tarball has no signature: packages/NAME has its checksums and is signed")]
    NeverSigned,
}

/// The limit for any resource: which one it is, is known only after reading.
const MAX_SIGNED: usize = MAX_FILE;

/// The first bytes of every gzip stream.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The position and the text of the magic of a tar header.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// The kind of a file, by its name or first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    Tarball,
    Signed,
}

/// Reads a file.
///
/// # Errors
/// [`Error`] if it is not a valid resource or tarball. A signature that does not hold is not an error: it is in the
/// report.
pub fn inspect(path: &Path, options: &Options) -> Result<Report, Error> {
    let bytes = read(path, options.limits.tarball)?;
    inspect_bytes(&bytes, path, options)
}

/// Reads a signed file whole, and anything else up to `limit` and one byte more.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    // Checked before opening, which blocks for a pipe and may have effects for a device. For a directory, opening or
    // reading gives a clear error.
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(Error::NotAFile);
    }
    let mut file = regular_file::open(path)?;
    let mut bytes = Vec::new();
    let up_to = |limit: usize| u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    (&mut file).take(up_to(limit)).read_to_end(&mut bytes)?;
    if FileKind::of(&bytes, path) == Some(FileKind::Signed) {
        file.take(up_to(MAX_SIGNED.saturating_sub(bytes.len()))).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Inspects the bytes of the file at `path`.
///
/// # Errors
/// See [`inspect`].
pub fn inspect_bytes(bytes: &[u8], path: &Path, options: &Options) -> Result<Report, Error> {
    match FileKind::of(bytes, path) {
        Some(FileKind::Tarball) => inspect_tarball(bytes, path, options),
        Some(FileKind::Signed) => inspect_signed(bytes, path, options),
        None => Err(Error::Neither),
    }
}

impl FileKind {
    /// The name of the file comes first: if it is called a tarball, the error should say why it is not one.
    fn of(bytes: &[u8], path: &Path) -> Option<Self> {
        let (position, tar) = TAR;
        let is_tar = bytes.get(position..).is_some_and(|from| from.starts_with(tar));
        if is_tar || path.extension().is_some_and(|extension| extension == "tar") {
            Some(Self::Tarball)
        } else if bytes.starts_with(&GZIP) || RepositoryPath::resource_at(path).is_some() {
            Some(Self::Signed)
        } else {
            None
        }
    }
}

fn inspect_tarball(bytes: &[u8], path: &Path, options: &Options) -> Result<Report, Error> {
    if options.public_key.is_some() {
        return Err(Error::NeverSigned);
    }
    let tarball = Unpacker::new(options.limits).unpack(bytes)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = name.parse::<FileName>();
    let release = FileName::of(&tarball.metadata, named.as_ref().ok());
    let release = release.map_err(tarball::Error::from)?;
    let named = named.and_then(|named| named.check(&tarball.metadata));
    Ok(Report {
        contents: Contents::Tarball { tarball, release, size: bytes.len() },
        warnings: named.err().map(Warning::FileName).into_iter().collect(),
    })
}

fn inspect_signed(bytes: &[u8], path: &Path, options: &Options) -> Result<Report, Error> {
    if bytes.len() > MAX_SIGNED {
        return Err(Error::TooLarge);
    }
    let signed = published::open_unknown(bytes)?;
    let signature = match &options.public_key {
        None => Signature::NotChecked,
        Some(key) if signed.is_signed_by(key) => Signature::Holds,
        Some(_) => Signature::DoesNotHold,
    };
    let belongs = RepositoryPath::resource_at(path);
    let says = SignedResource::of(&signed.unverified()?, belongs.as_ref())?;
    let paths = says.resource().zip(belongs);
    let paths = paths.map(|(holds, belongs)| {
        (RepositoryPath::resource(&holds), RepositoryPath::resource(&belongs))
    });
    let paths = paths.filter(|(holds, belongs)| holds != belongs);
    let misplaced = paths.map(|(holds, belongs)| Warning::Misplaced { holds, belongs });
    let inert =
        if let SignedResource::Policy(policy) = &says { policy.inert_parts() } else { Vec::new() };
    Ok(Report {
        contents: Contents::Signed(says, signature),
        warnings: misplaced.into_iter().chain(inert.into_iter().map(Warning::Inert)).collect(),
    })
}

impl SignedResource {
    /// Decodes a payload. `belongs` is the resource of its path.
    ///
    /// A message does not say which resource it is, and all resources use the same field numbers. But each has something
    /// that the others do not have: releases have checksums, `versions` has versions, `names` has times, and a policy has
    /// its repository in the field in which the others have messages. The path decides only if there is none of these.
    fn of(payload: &Payload, belongs: Option<&Resource>) -> Result<Self, Error> {
        let package = Releases::decode(payload).map(Self::Package);
        let versions = Versions::decode(payload).map(Self::Versions);
        let names = Names::decode(payload).map(Self::Names);
        let policy = Policy::decode(payload).map(Self::Policy);
        let is_certain = |reading: &Result<Self, _>| reading.as_ref().is_ok_and(Self::is_certain);
        match belongs {
            _ if is_certain(&package) => Ok(package?),
            _ if is_certain(&versions) => Ok(versions?),
            _ if is_certain(&names) => Ok(names?),
            _ if is_certain(&policy) => Ok(policy?),
            Some(Resource::Package(_)) => Ok(package?),
            Some(Resource::Versions) => Ok(versions?),
            Some(Resource::Names) => Ok(names?),
            Some(Resource::Policy(_)) => Ok(policy?),
            // A package without releases: it has a third field, and the indexes have not.
            None if package.is_ok() => Ok(package?),
            None => match names {
                Ok(Self::Names(names)) => Ok(Self::NamesOrVersions(names)),
                _ => Err(Error::NoResource),
            },
        }
    }

    /// Whether it has something that no other resource has.
    fn is_certain(&self) -> bool {
        match self {
            Self::Names(names) => names.packages.iter().any(|(_, updated_at)| updated_at.is_some()),
            Self::Versions(all) => all.packages.iter().any(|(_, some)| !some.is_empty()),
            Self::Package(package) => !package.releases.is_empty(),
            Self::Policy(_) => true,
            Self::NamesOrVersions(_) => false,
        }
    }

    /// The resource; `None` if it may be either index.
    #[must_use]
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::Names(_) => Some(Resource::Names),
            Self::Versions(_) => Some(Resource::Versions),
            Self::Package(releases) => Some(Resource::Package(releases.package.clone())),
            Self::Policy(policy) => Some(Resource::Policy(policy.name.clone())),
            Self::NamesOrVersions(_) => None,
        }
    }
}
