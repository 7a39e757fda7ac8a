//! An upstream that changes every second, while 512 connections read: no client gets a part of a file, and memory does not
//! grow.

use super::Upstream;
use crate::serving::rebuilding::{published_key, read_while_changing};

#[test]
fn an_upstream_that_changes_every_second_leaks_no_memory() {
    let upstream = Upstream::samples();
    upstream.unruly.say("cache-control: public, max-age=1\r\n");
    let server = upstream.pulled_into("copy", &["--log-format=off"]);
    let test = "an_upstream_that_changes_every_second_leaks_no_memory";
    let key = published_key(&upstream.repository);
    let welcome = "/tarballs/welcome-0.1.0.tar";
    let unchanged = [(welcome, upstream.file(welcome))];
    read_while_changing(test, &server, &key, &unchanged, |version, tarball| {
        upstream.repository.write_tarball(&format!("greeting-{version}.tar"), tarball);
        upstream.repository.build(&[]).ok();
    });
}
