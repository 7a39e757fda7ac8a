//! hexreg builds, changes, checks, copies and serves signed [Hex] registries.
//!
//! The library has the parts, and the binary `hexreg` the command line. Only the binary prints.
//!
//! Where to start:
//!
//! - [`ops::build::build`] turns a directory of package tarballs into a signed registry, on one screen. The other
//!   verbs are beside it in [`ops`]: each is a function from options to a report.
//! - [`tarball::Unpacker`] checks one package tarball, and [`registry::Signed`] reads one signed file.
//! - [`store::Store`] is where a repository lives: [`store::DirStore`] is a directory.
//!
//! `docs/architecture.md` is the map: the four lines that the code follows, its rooms, the order of imports, and
//! the decisions that are not obvious. `CONTRIBUTING.md` says how to add to it.
//!
//! [Hex]: https://hex.pm

#![cfg_attr(
    not(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web")),
    allow(
        dead_code,
        unused_imports,
        reason = "a part that only one feature uses; what no feature uses shows where all are on"
    )
)]

#[cfg(not(unix))]
compile_error!(
    "hexreg runs on Linux, macOS and other Unix systems, whose locks, permissions and file times it relies \
     on: on Windows, build it in WSL"
);

#[cfg(feature = "serve")]
pub mod auth;
mod beneath;
#[cfg(feature = "serve")]
mod bounded_cache;
#[cfg(feature = "web")]
pub mod browse;
pub mod cache;
pub mod checksum;
pub mod credentials;
pub mod docs;
pub mod erlang;
pub mod key;
pub mod lockfile;
pub mod name;
pub mod ops;
pub mod package;
pub mod policy;
pub mod printable;
mod private_key_scan;
#[cfg(any(feature = "buckets", feature = "mirror"))]
pub mod proxy;
pub mod publish;
mod published;
pub mod registry;
pub mod regular_file;
pub mod repository;
pub mod requirement;
#[cfg(feature = "serve")]
pub mod serve;
pub mod snippets;
#[cfg(feature = "web")]
mod stem;
pub mod store;
pub mod tarball;
pub mod unknown_fields;
#[cfg(feature = "web")]
mod varint;
pub mod version;
mod web_page;
#[cfg(test)]
mod work_time;
