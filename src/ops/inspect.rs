//! `hexreg inspect`: what one file says.

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

/// How to look at a file.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose signature is expected.
    pub public_key: Option<PublicKey>,
    /// What clients accept of a tarball.
    pub limits: Limits,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the file says.
    pub contents: Contents,
    /// What is odd about where it lies, and what of it clients take no notice of.
    pub warnings: Vec<Warning>,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// It is a signed resource of a registry.
    Signed(SignedResource, Signature),
    /// It is a package, and was found to be sound.
    Tarball {
        /// What it holds.
        tarball: Tarball,
        /// The release that it is of; where its metadata names no package, by its file's name or its
        /// application's.
        release: FileName,
        /// In bytes.
        size: usize,
    },
}

/// What a signed resource says.
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
    /// `/names` or `/versions`: of no package it says what only one of them does.
    NamesOrVersions(Names),
}

/// Whether a signature is the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// There was no key to check it with.
    NotChecked,
    /// It is that key's.
    Holds,
    /// It is another key's, or the file was changed.
    DoesNotHold,
}

/// Clients would not take the file for what it is, where it lies now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Another resource belongs there.
    #[error("it holds {holds}, and lies where {belongs} belongs")]
    Misplaced {
        /// What it is.
        holds: RepositoryPath,
        /// What clients look for there.
        belongs: RepositoryPath,
    },
    /// The tarball is not called what clients ask for.
    #[error(transparent)]
    FileName(InvalidFileName),
    /// A part of a policy has no effect.
    #[error(transparent)]
    Inert(InertPart),
}

/// Why a file says nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading it failed.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// Reading it could wait for ever.
    #[error("it is a device, a pipe or a socket, not a regular file")]
    NotAFile,
    /// It is none of what can be inspected.
    #[error(
        "it is neither gzipped, as names, versions, packages/NAME and policies/NAME are, nor a tar archive, as packages are"
    )]
    Neither,
    /// No registry has such a file.
    #[error("it has more than {MAX_SIGNED} bytes: no signed file of a registry comes near")]
    TooLarge,
    /// It is no signed resource.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// It is signed, and not what belongs where it lies.
    #[error(transparent)]
    Resource(#[from] DecodeError),
    /// It is signed, and no resource.
    #[error("what is signed in it is neither names nor versions, packages/NAME or policies/NAME")]
    NoResource,
    /// It is no sound tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// A key was given to check a tarball with.
    #[error("a package tarball bears no signature: packages/NAME has its checksums, and is signed")]
    NeverSigned,
}

/// Of whichever resource it turns out to be.
const MAX_SIGNED: usize = MAX_FILE;

/// What every gzip stream begins with.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// Where a tar header says that it is one, and how.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// What a file is, before it has been looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    Tarball,
    Signed,
}

/// Reads a file and tells what it says.
///
/// # Errors
/// [`Error`] where it says nothing that can be relied on. A signature that does not hold is no error
/// here: the report says so.
pub fn inspect(path: &Path, options: &Options) -> Result<Report, Error> {
    let bytes = read(path, options.limits.tarball)?;
    inspect_bytes(&bytes, path, options)
}

/// Reads a signed file whole, and anything else up to `limit` and one byte more.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    // Before it is opened: for a pipe that alone waits, and a device may be set going by it. Opening or
    // reading a directory fails, and says so.
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

/// Tells what the bytes of a file say, which lies at `path` or would.
///
/// # Errors
/// As of [`inspect`].
pub fn inspect_bytes(bytes: &[u8], path: &Path, options: &Options) -> Result<Report, Error> {
    match FileKind::of(bytes, path) {
        Some(FileKind::Tarball) => inspect_tarball(bytes, path, options),
        Some(FileKind::Signed) => inspect_signed(bytes, path, options),
        None => Err(Error::Neither),
    }
}

impl FileKind {
    /// Its name comes first: of what is called a tarball, it is to be said why it is none.
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
    /// What a payload says, which lies where `belongs` does.
    ///
    /// No resource says which one it is, and all number their fields alike. But each has something
    /// that no other has: releases have checksums, `versions` has versions, `names` has times, and a policy
    /// has its repository where all others have messages. Only where there is nothing of all that does the
    /// place decide.
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
            // A package of no release: it alone has a third field.
            None if package.is_ok() => Ok(package?),
            None => match names {
                Ok(Self::Names(names)) => Ok(Self::NamesOrVersions(names)),
                _ => Err(Error::NoResource),
            },
        }
    }

    /// Whether it says what no other resource does.
    fn is_certain(&self) -> bool {
        match self {
            Self::Names(names) => names.packages.iter().any(|(_, updated_at)| updated_at.is_some()),
            Self::Versions(all) => all.packages.iter().any(|(_, some)| !some.is_empty()),
            Self::Package(package) => !package.releases.is_empty(),
            Self::Policy(_) => true,
            Self::NamesOrVersions(_) => false,
        }
    }

    /// Which resource it is, if that can be told.
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
