//! Creates tarballs, for samples and tests.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::checksum::InnerChecksum;

/// 2000-01-01T00:00:00Z, the time that Hex gives each entry to make tarballs reproducible.
const Y2K: u64 = 946_684_800;

/// Packs `files`, pairs of path and bytes, with the text of `metadata.config`, such as
/// [`Metadata`](super::Metadata) prints, into a tarball that [`Unpacker`](super::Unpacker) and Hex
/// accept.
///
/// # Errors
/// A tar archive cannot hold one of the paths.
pub fn create(metadata: &str, files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let contents = gzip(&archive(files)?)?;
    let checksum = InnerChecksum::of(b"3", metadata.as_bytes(), &contents);
    archive(&[
        ("VERSION", b"3"),
        ("CHECKSUM", checksum.to_string().as_bytes()),
        ("metadata.config", metadata.as_bytes()),
        ("contents.tar.gz", &contents),
    ])
}

fn archive(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(Y2K);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, path, *data)?;
    }
    builder.into_inner()
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = GzBuilder::new().write(Vec::new(), Compression::default());
    stream.write_all(bytes)?;
    stream.finish()
}
