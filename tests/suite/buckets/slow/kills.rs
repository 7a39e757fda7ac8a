//! Commands that are killed at random moments. At any moment no file is missing that the registry names, and the same
//! command completes the registry.
//!
//! `scripts/kill` runs more of this than CI has time for.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::buckets::{PREFIX, Writer};
use crate::support::memory::MemoryStore;
use crate::support::moto::Moto;
use crate::support::random::{Random, setting};
use crate::support::tarball::Tarball;
use crate::support::verbs::Machine;
use crate::support::witness::Tree;

const SIGKILL: i32 = 9;

/// How many tarballs each command brings.
const BATCH: usize = 6;

/// What a killed command may leave, by `verify`'s kinds: files that no file names yet, and packages with releases that
/// `versions` and `names` do not have yet.
const UNFINISHED: [&str; 5] =
    ["unnamed", "not_in_versions", "not_in_names", "version_missing", "leftover"];

/// A registry in a bucket that lives on from one killed command to the next.
struct Life<'a> {
    moto: &'a Moto,
    writer: Writer,
    random: Random,
    tarballs: Vec<String>,
    /// The duration of a command that is not killed.
    whole: Duration,
    /// The number of its writes.
    writes: usize,
    /// The number of kills, by the share of the writes that was done.
    killed: BTreeMap<usize, usize>,
}

impl<'a> Life<'a> {
    fn begin(moto: &'a Moto) -> Self {
        let writer = Writer::beside(moto);
        let random = Random::new(setting("HEXREG_SEED", 1));
        let (tarballs, killed) = (Vec::new(), BTreeMap::new());
        Self { moto, writer, random, tarballs, whole: Duration::ZERO, writes: 0, killed }
    }

    /// New tarballs in a folder, of known and of new packages.
    fn grow(&mut self, folder: &str) -> Vec<String> {
        let files = (0..BATCH).map(|_| {
            let number = self.tarballs.len();
            let name = format!("package{}", self.random.below(8 + number / 4));
            let file = format!("{name}-1.{number}.0.tar");
            let bytes = Tarball::new(&name, &format!("1.{number}.0")).build();
            self.writer.repository.write(&format!("{folder}/{file}"), &bytes);
            self.tarballs.push(file.clone());
            file
        });
        files.collect()
    }

    /// What must hold at every moment.
    fn examine(&self) {
        let files = self.writer.bucket.files(PREFIX);
        Tree::of(files.clone()).follow(&|_| false);
        // It is written last: before, there is no registry to verify.
        if files.contains_key("names") {
            let mut problems = Machine::new(Duration::ZERO).problems(&MemoryStore::of(&files));
            problems.retain(|_, defect| !UNFINISHED.contains(&defect.kind()));
            assert!(problems.is_empty(), "{problems:?}");
        }
    }

    /// Runs a command and kills it; returns whether it was still running.
    fn kill(&mut self, arguments: &[String]) -> bool {
        let before = self.writer.bucket.list();
        // A third of the kills fall anywhere, the others soon after something was written.
        let watched = self.random.below(3) > 0;
        let delay = if watched { Duration::from_millis(20) } else { self.whole };
        let delay = delay.mul_f64(self.random.fraction());
        let enough = self.moto.writes() + 1 + self.random.below(self.writes);
        let mut command = self.writer.command(arguments);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        while watched && self.moto.writes() < enough && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(delay);
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        self.examine();
        if ended.signal() == Some(SIGKILL) {
            let after = self.writer.bucket.list();
            let written = after.iter().filter(|(key, listed)| before.get(*key) != Some(listed));
            *self.killed.entry(written.count()).or_default() += 1;
            return true;
        }
        assert_eq!(ended.code(), Some(0));
        if !watched {
            // It was faster than the measured one, so the next is killed earlier.
            self.whole = self.whole.mul_f64(0.9);
        }
        false
    }

    /// Brings new tarballs again and again by commands that are killed, some several times before one completes.
    fn live(&mut self, bring: impl Fn(&mut Self) -> Vec<String>) {
        let kills: usize = setting("HEXREG_KILLS", 10);
        let arguments = bring(self);
        let (began, before) = (Instant::now(), self.moto.writes());
        self.writer.run(&arguments).ok();
        (self.whole, self.writes) = (began.elapsed(), self.moto.writes() - before);
        let mut killed = 0;
        while killed < kills {
            let arguments = bring(self);
            while self.kill(&arguments) {
                killed += 1;
                if self.random.below(3) > 0 {
                    break;
                }
            }
            self.writer.run(&arguments).ok();
            self.writer.holds(self.tarballs.clone());
        }
        eprintln!("{killed} commands killed:");
        for (written, times) in &self.killed {
            eprintln!("{times:5}  with {written} objects written");
        }
    }
}

#[test]
fn an_addition_killed_at_a_random_moment_harms_no_client_and_the_next_completes_it() {
    let test = "an_addition_killed_at_a_random_moment_harms_no_client_and_the_next_completes_it";
    let Some(moto) = Moto::start(test) else { return };
    Life::begin(&moto).live(|life| {
        let files = life.grow("new");
        life.writer.to_add(&files, &[])
    });
}

#[test]
fn a_push_killed_at_a_random_moment_harms_no_client_and_the_next_completes_it() {
    let test = "a_push_killed_at_a_random_moment_harms_no_client_and_the_next_completes_it";
    let Some(moto) = Moto::start(test) else { return };
    Life::begin(&moto).live(|life| {
        life.grow("public/tarballs");
        life.writer.repository.build(&[]).ok();
        life.writer.to_push()
    });
}
