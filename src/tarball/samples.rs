//! Archives of documentation, for tests.

use flate2::Compression;
use flate2::write::GzEncoder;

/// Documentation with these files, as `docs/NAME-VERSION.tar.gz` holds it.
pub(crate) fn docs_archive<D: AsRef<[u8]>>(files: &[(&str, D)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, data) in files {
        let data = data.as_ref();
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, path, data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}
