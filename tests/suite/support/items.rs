//! Tarballs that tests name by package, version and edition.

use super::tarball::Tarball;

/// A package, a version, and the edition: tarballs of the same name and another edition have other bytes.
pub type Item<'a> = (&'a str, &'a str, u8);

pub fn tarball((name, version, edition): Item<'_>) -> Vec<u8> {
    Tarball::new(name, version).more_metadata(format!("{{<<\"x\">>,{edition}}}.\n")).build()
}

pub fn file_name((name, version, _): Item<'_>) -> String {
    format!("{name}-{version}.tar")
}
