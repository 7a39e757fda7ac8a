//! Many writers add to one registry at once. Each is told that its release was added, and each release is there.

use std::thread;
use std::time::Instant;

use crate::buckets::Writer;
use crate::support::bucket::PROBE;
use crate::support::moto::{Asked, Moto};
use crate::support::tarball::Tarball;

const WRITERS: usize = 8;

/// How many releases each writer adds, one at a time.
const RELEASES: usize = 25;

/// With fewer packages than writers, writers would only wait for each other; with more they would never meet.
const PACKAGES: usize = 8;

/// The release that a writer adds in a turn: at any time most writers add to different packages, and each to all.
fn release(writer: usize, turn: usize) -> (String, String) {
    (format!("package{}", (writer + turn) % PACKAGES), format!("1.{writer}.{turn}"))
}

#[test]
fn every_release_that_many_writers_add_at_once_is_there_afterwards() {
    let test = "every_release_that_many_writers_add_at_once_is_there_afterwards";
    let Some(moto) = Moto::start(test) else { return };
    let writer = Writer::beside(&moto);
    let mut files = Vec::new();
    for (name, version) in
        (0..WRITERS).flat_map(|one| (0..RELEASES).map(move |turn| release(one, turn)))
    {
        let file = format!("{name}-{version}.tar");
        writer.write(&file, &Tarball::new(&name, &version).build());
        files.push(file);
    }
    let began = Instant::now();
    let asked = moto.asked_for(|| {
        thread::scope(|scope| {
            for own in files.chunks(RELEASES) {
                let writer = &writer;
                // Each addition is a process; a thread starts those of one writer in turn.
                scope.spawn(move || {
                    for file in own {
                        writer.add(std::slice::from_ref(file), &[]).ok();
                    }
                });
            }
        });
    });
    // The server refuses writes of the probes too.
    let is_lost = |asked: &&Asked| asked.status == 412 && !asked.path.ends_with(PROBE);
    let lost = asked.iter().filter(is_lost).count();
    eprintln!(
        "{WRITERS} writers added {} releases in {:.1} s, with {} requests, {lost} of which lost a race",
        files.len(),
        began.elapsed().as_secs_f64(),
        asked.len()
    );
    // Writers did collide.
    assert!(lost > 0);
    writer.stands(files);
}
