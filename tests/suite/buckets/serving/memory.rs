//! Many changes while clients read through the cache: no client gets a part of a file, and memory does not grow.

use super::table::copied;
use crate::serving::rebuilding::{published_key, read_while_changing};
use crate::support::seaweedfs::SeaweedFs;

#[test]
fn additions_every_second_tear_no_file_and_leak_no_memory() {
    let test = "additions_every_second_tear_no_file_and_leak_no_memory";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let server = writer.serve(&writer.bucket, &["log-format = \"off\""]);
    let large = writer.repository.read("public/tarballs/large-1.0.0.tar");
    let unchanged = [("/tarballs/large-1.0.0.tar", large)];
    let key = published_key(&writer.repository);
    read_while_changing(test, &server, &key, &unchanged, |version, tarball| {
        let file = format!("greeting-{version}.tar");
        writer.write(&file, tarball);
        writer.add(&[file], &[]).ok();
    });
}
