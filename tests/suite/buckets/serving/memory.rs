//! Many changes while clients read through the cache: no client gets a part of a file, and memory does not grow.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hexreg::key::PublicKey;
use hexreg::registry::{Releases, Signed};

use super::table::copied;
use crate::serving::rebuilding::{ask, memory};
use crate::support::random::setting;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::tarball::Tarball;
use crate::support::tools;

#[test]
fn additions_every_second_tear_no_file_and_leak_no_memory() {
    let test = "additions_every_second_tear_no_file_and_leak_no_memory";
    let Some(wrk) = tools::find("wrk", test) else { return };
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let seconds = setting("HEXREG_SECONDS", 6);
    let writer = copied(seaweedfs.bucket("registry"));
    let key = String::from_utf8(writer.repository.read("public/public_key")).unwrap();
    let key = PublicKey::from_pem(&key).unwrap();
    let server = writer.serve(&writer.bucket, &["log-format = \"off\""]);
    let (done, read, seen) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let mut held = Vec::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = server.connect();
                while !done.load(Ordering::Relaxed) {
                    let answer = ask(&mut stream, "/packages/greeting");
                    assert_eq!(answer.status, 200);
                    let payload = Signed::from_gzip(&answer.body).unwrap().verify(&key).unwrap();
                    let releases = Releases::decode(&payload).unwrap().releases;
                    seen.fetch_max(releases.len(), Ordering::Relaxed);
                    let newest = &releases.last().unwrap().version;
                    let tarball = ask(&mut stream, &format!("/tarballs/greeting-{newest}.tar"));
                    assert_eq!(tarball.status, 200, "{newest}");
                    let large = ask(&mut stream, "/tarballs/large-1.0.0.tar");
                    assert!(
                        large.body == writer.repository.read("public/tarballs/large-1.0.0.tar")
                    );
                    read.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let load = scope.spawn(|| {
            let url = format!("{}/packages/greeting", server.url());
            let duration = format!("-d{seconds}");
            let output = Command::new(wrk).args(["-t1", "-c512", &duration, &url]).output();
            String::from_utf8(output.unwrap().stdout).unwrap()
        });
        let began = Instant::now();
        for number in 1.. {
            if began.elapsed() > Duration::from_secs(u64::try_from(seconds).unwrap()) {
                break;
            }
            let file = format!("greeting-2.0.{number}.tar");
            writer.write(&file, &Tarball::new("greeting", &format!("2.0.{number}")).build());
            writer.add(&[file], &[]).ok();
            held.push(memory(server.id()));
            thread::sleep(Duration::from_secs(1));
        }
        done.store(true, Ordering::Relaxed);
        let load = load.join().unwrap();
        assert!(!load.contains("Non-2xx") && !load.contains("Socket errors"), "{load}");
        eprintln!("{}", load.lines().last().unwrap_or_default());
    });
    let (read, seen) = (read.into_inner(), seen.into_inner());
    assert!(read > 5 && seen > 3, "{read} reads, {seen} releases");
    eprintln!("{read} packages read whole, up to {seen} releases; memory in kB: {held:?}");
    // Once all connections are open, memory must not grow.
    let (early, last) = (held[1.min(held.len() - 1)], held[held.len() - 1]);
    assert!(last < early + early / 4 + 8_192, "{held:?}");
}
