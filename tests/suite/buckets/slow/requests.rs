//! Commands that are killed at each of their requests: before the request reaches the server, and after the server has
//! carried it out. No file is missing that the registry names, and the same command completes the registry.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::buckets::Writer;
use crate::support::commands::{CASES, Case};
use crate::support::moto::Moto;
use crate::support::random::setting;
use crate::support::relay::{Moment, Relay};

const SIGKILL: i32 = 9;

/// Whether it was killed before its end.
fn kill(case: &Case, moto: &Moto, number: usize, moment: Moment) -> bool {
    let bucket = moto.bucket(&format!("bucket{number}"));
    let writer = Writer { bucket, repository: case.begin() };
    if !case.before.is_empty() {
        writer.push().ok();
    }
    case.prepare(&writer.repository);
    let arguments = |endpoint: String| {
        let mut arguments = case.arguments(&writer.destination());
        arguments.extend(["--endpoint".to_owned(), endpoint]);
        arguments
    };
    let relay = Relay::before(writer.bucket.address(), moment);
    let mut command = writer.command(&arguments(relay.url()));
    let ended = relay.run(command.stderr(Stdio::null()));
    let context = format!("{:?}, killed {moment:?}", case.command);
    let tree = writer.tree();
    tree.follow(&|_| false);
    let again = writer.run(&arguments(writer.bucket.endpoint()));
    let is_done = again.stderr.contains("acme has no foo");
    assert!(again.code == 0 || is_done, "{context}: {}", again.transcript());
    writer.stands(case.tarballs());
    assert!(ended.signal() == Some(SIGKILL) || ended.code() == Some(0), "{context}: {ended}");
    ended.signal() == Some(SIGKILL)
}

#[test]
fn a_command_killed_at_any_of_its_requests_harms_no_client_and_the_next_completes_it() {
    let test =
        "a_command_killed_at_any_of_its_requests_harms_no_client_and_the_next_makes_it_right";
    let Some(moto) = Moto::start(test) else { return };
    let every = setting("HEXREG_EVERY", 1);
    let (killed, number) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let moments: [fn(usize) -> Moment; 2] = [Moment::Before, Moment::After];
    let all: Vec<_> = CASES.iter().flat_map(|case| moments.map(|moment| (case, moment))).collect();
    // Most of the time passes waiting for the server, and for an interrupted removal.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(all.len()).build().unwrap();
    pool.install(|| {
        all.par_iter().for_each(|(case, moment)| {
            let mut times = 0;
            for n in (1..).step_by(every) {
                if !kill(case, &moto, number.fetch_add(1, Ordering::SeqCst), moment(n)) {
                    break;
                }
                times += 1;
            }
            // Each command reads, probes the conditions, and writes.
            assert!(times * every >= 6, "{:?} was killed {times} times", case.command);
            killed.fetch_add(times, Ordering::SeqCst);
        });
    });
    eprintln!("{} commands killed at a request", killed.into_inner());
}
