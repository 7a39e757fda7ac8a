//! What upstream says of the packages whose tarballs were mirrored, for a registry that another key signs.
//!
//! `hexreg mirror --tarballs-only` keeps upstream's signed files and the key that verifies them in `.hexreg-mirror/`,
//! beside the `tarballs/` that `hexreg build` reads. A file that this key did not sign is not trusted. A release is
//! identified by its outer checksum: what upstream says of one tarball is not true of another.

mod base;
mod beside;
mod files;

pub(super) use base::{Base, PackageBase};
pub(super) use beside::{Beside, RemarksBeside};
pub(super) use files::UpstreamFiles;
