//! Commands that are killed at each of their requests: before the request reaches the server, and after the server has
//! carried it out. No file is missing that the registry names, and the same command completes the registry.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::buckets::Writer;
use crate::support::commands::{
    ADDITION_OF_A_PACKAGE, ADDITION_OF_A_RELEASE, Case, FIRST_ADDITION, FIRST_PUSH, NEW_POLICY,
    POLICY_IN_PLACE_OF_ANOTHER, PUSH_THAT_OVERWRITES, REMOVAL_OF_A_PACKAGE, REMOVAL_OF_A_POLICY,
    REMOVAL_OF_A_RELEASE, RETIREMENT, with_each_command,
};
use crate::support::moto::Moto;
use crate::support::random::setting;
use crate::support::relay::{Moment, Relay};

const SIGKILL: i32 = 9;

/// A command, and the bucket before it, of which each kill has a copy. The command only reads the writer's own files.
struct Scene<'a> {
    case: &'a Case,
    before: Writer,
}

impl<'a> Scene<'a> {
    fn of(case: &'a Case, moto: &Moto) -> Self {
        let before = Writer { bucket: moto.bucket("before"), repository: case.begin().into() };
        if !case.before.is_empty() {
            before.push().ok();
        }
        case.prepare(&before.repository);
        Self { case, before }
    }

    /// Whether it was killed before its end.
    fn kill(&self, number: usize, moment: Moment) -> bool {
        let Self { case, before } = self;
        let bucket = before.bucket.copy(&format!("bucket{number}"));
        let writer = Writer { bucket, repository: Arc::clone(&before.repository) };
        let arguments = |endpoint: String| {
            let mut arguments = case.arguments(&writer.destination());
            arguments.extend(["--endpoint".to_owned(), endpoint]);
            arguments
        };
        let relay = Relay::before(writer.bucket.address(), moment);
        let mut command = writer.command(&arguments(relay.url()));
        let ended = relay.run(command.stderr(Stdio::null()));
        let context = format!("{:?}, killed {moment:?}", case.command);
        case.examine(&writer.tree());
        let again = writer.run(&arguments(writer.bucket.endpoint()));
        let is_done = Case::is_done(&again.stderr);
        assert!(again.code == 0 || is_done, "{context}: {}", again.transcript());
        case.has_its_policy(&writer.holds(case.tarballs()));
        assert!(ended.signal() == Some(SIGKILL) || ended.code() == Some(0), "{context}: {ended}");
        ended.signal() == Some(SIGKILL)
    }
}

/// How many commands are killed at once, before their requests and after.
const AT_ONCE: usize = 6;

/// Kills a command at each of its requests, before and after the server has done it, and runs it again.
fn kill_at_each_request(test: &str, case: &Case) {
    let Some(moto) = Moto::start(test) else { return };
    let scene = Scene::of(case, &moto);
    let every = setting("HEXREG_EVERY", 1);
    let number = AtomicUsize::new(0);
    let moments: [fn(usize) -> Moment; 2] = [Moment::Before, Moment::After];
    // Most of the time is spent waiting for the server, and ten seconds for each removal that was cut short.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(moments.len() * AT_ONCE).build();
    pool.unwrap().install(|| {
        moments.par_iter().for_each(|moment| {
            // The last ones come after the end of their commands.
            let kill_some = |first: usize| {
                let kills = (0..AT_ONCE).into_par_iter().map(|one| {
                    let moment = moment(1 + (first + one) * every);
                    scene.kill(number.fetch_add(1, Ordering::SeqCst), moment)
                });
                kills.collect::<Vec<_>>()
            };
            let kills = (0..).step_by(AT_ONCE).flat_map(kill_some);
            let times = kills.take_while(|is_killed| *is_killed).count();
            // Each command reads, probes whether conditions are kept, and writes.
            assert!(times * every >= 6, "it was killed {times} times");
            eprintln!("{times} commands killed at a request");
        });
    });
}

macro_rules! a_command_killed_at_a_request_harms_no_client_and_the_next_makes_it_right {
    ($($name:ident: $case:expr;)+) => {$(
        #[test]
        fn $name() {
            kill_at_each_request(concat!(module_path!(), "::", stringify!($name)), &$case);
        }
    )+};
}

with_each_command!(a_command_killed_at_a_request_harms_no_client_and_the_next_makes_it_right);
