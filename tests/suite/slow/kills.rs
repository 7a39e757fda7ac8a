//! Builds that are killed. At whichever moment that is, clients find what they are sent to, whole; and
//! the next build makes everything right.
//!
//! `scripts/kill` runs more of the same than CI has time for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::items::{file_name, tarball};
use crate::support::pending_build::{
    ADDITION, Change, EVERYTHING, EXCHANGE, FIRST, MANY, PendingBuild, REMOVAL,
};
use crate::support::random::{Random, setting};
use crate::support::repository::TestRepository;
use crate::support::strace;
use crate::support::witness::{Moment, Tree, Witness, is_temporary};

const SIGKILL: i32 = 9;

/// What becomes of the tarballs before a build.
const STEPS: [&str; 4] = ["first", "addition", "removal", "everything"];

/// How many packages may have tarballs, of two versions each.
const PACKAGES: usize = 150;

/// A registry that lives on from one killed build to the next, with its cache.
struct Life {
    repository: TestRepository,
    random: Random,
    /// How long a build takes that is not killed, by step.
    durations: BTreeMap<&'static str, Duration>,
    /// How often a build was killed, by step and by moment.
    killed: BTreeMap<(&'static str, Moment), usize>,
}

/// What tells that a file was replaced, or that something was done in a folder.
fn look(path: &PathBuf) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}

impl Life {
    fn begin(seed: u64) -> Self {
        let repository = TestRepository::new();
        fs::create_dir_all(repository.path("public/tarballs")).unwrap();
        let mut life = Self {
            repository,
            random: Random::new(seed),
            durations: BTreeMap::new(),
            killed: BTreeMap::new(),
        };
        life.add(PACKAGES);
        life.repository.build(&[]).ok();
        // Once without a kill, to see how long it takes.
        for step in STEPS {
            life.take(step);
            let began = Instant::now();
            life.repository.build(&[]).ok();
            life.durations.insert(step, began.elapsed());
        }
        life
    }

    /// Writes a number of tarballs, new ones or in place of others.
    fn add(&mut self, number: usize) {
        for _ in 0..number {
            let name = format!("package{}", self.random.below(PACKAGES));
            let version = ["1.0.0", "1.1.0"][self.random.below(2)];
            let file = file_name((&name, version, 0));
            // Of a name that stands already another edition is made.
            let stands = self.repository.path("public/tarballs").join(&file).exists();
            let edition = if stands { u8::try_from(self.random.below(9)).unwrap() } else { 0 };
            self.repository.write_tarball(&file, &tarball((&name, version, edition)));
        }
    }

    fn add_new(&mut self, number: usize) {
        let mut added = 0;
        for name in (0..PACKAGES).map(|package| format!("package{package}")) {
            for version in ["1.0.0", "1.1.0"] {
                let file = file_name((&name, version, 0));
                let stands = self.repository.path("public/tarballs").join(&file).exists();
                if !stands && added < number && self.random.below(2) == 0 {
                    self.repository.write_tarball(&file, &tarball((&name, version, 0)));
                    added += 1;
                }
            }
        }
    }

    fn remove(&mut self, number: usize) {
        let tarballs = fs::read_dir(self.repository.path("public/tarballs")).unwrap();
        let mut tarballs: Vec<_> = tarballs.map(|entry| entry.unwrap().path()).collect();
        tarballs.sort();
        for _ in 0..number.min(tarballs.len()) {
            let gone = tarballs.swap_remove(self.random.below(tarballs.len()));
            fs::remove_file(gone).unwrap();
        }
    }

    /// Changes tarballs.
    fn take(&mut self, step: &str) {
        match step {
            "first" => {
                for path in self.repository.served().keys() {
                    fs::remove_file(self.repository.path("public").join(path)).unwrap();
                }
                fs::remove_dir(self.repository.path("public/packages")).unwrap();
            }
            "addition" => self.add_new(80),
            "removal" => self.remove(60),
            _ => {
                self.remove(40);
                self.add(60);
            }
        }
    }

    /// Builds and kills; `None` where the build was faster.
    fn kill(&mut self, step: &'static str, witness: &Witness) -> Option<Moment> {
        let whole = self.durations[step];
        // A third of the kills fall anywhere, the others soon after a file or folder is seen to change.
        let changes = witness.changes();
        let first = changes.iter().find(|path| path.starts_with("packages/"));
        let watched = [None, None, Some("packages"), first.map(String::as_str), Some("versions")];
        let watched = watched.into_iter().chain([Some("names")]).nth(self.random.below(6)).unwrap();
        let watched = watched.map(|path| self.repository.path("public").join(path));
        let delay = if watched.is_some() { Duration::from_millis(3) } else { whole };
        let delay = delay.mul_f64(self.random.fraction());

        let mut build = self.repository.hexreg().command();
        build.args(["build", "public", "--name=acme", "--private-key=key.pem", "--quiet"]);
        build.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let stood = watched.as_ref().map(look);
        let mut began = Instant::now();
        let mut build = build.spawn().unwrap();
        if watched.is_some() {
            while watched.as_ref().map(look) == stood && build.try_wait().unwrap().is_none() {}
            began = Instant::now();
        }
        while began.elapsed() < delay {
            std::hint::spin_loop();
        }
        build.kill().unwrap();
        let ended = build.wait().unwrap();
        let moment = witness.examine(&self.repository.tree());
        if ended.signal() == Some(SIGKILL) {
            *self.killed.entry((step, moment)).or_default() += 1;
            return Some(moment);
        }
        assert_eq!((ended.code(), moment), (Some(0), Moment::Done));
        if watched.is_none() {
            // It was faster than the one that was measured, so the next is killed earlier.
            self.durations.insert(step, whole.mul_f64(0.9));
        }
        None
    }

    fn report(&self) {
        let total: usize = self.killed.values().sum();
        eprintln!("{total} builds killed:");
        for ((step, moment), times) in &self.killed {
            eprintln!("{times:5}  {step}, {moment}");
        }
    }
}

/// Kills a quarter of the builds that are to be killed in all.
fn kill_at_random_moments(seed: u64) {
    let kills = setting("HEXREG_KILLS", 25_usize).div_ceil(4);
    let mut life = Life::begin(setting("HEXREG_SEED", 1) + seed);
    let mut killed = 0;
    for turn in 0.. {
        if killed >= kills {
            break;
        }
        let step = STEPS[turn % STEPS.len()];
        let tarballs = life.repository.tree().tarballs;
        life.take(step);
        let before = Tree { tarballs, ..life.repository.tree() };
        let witness = Witness { before, after: life.repository.fresh() };
        // Some are killed again and again before one comes through.
        while life.kill(step, &witness).is_some() {
            killed += 1;
            if life.random.below(3) > 0 {
                break;
            }
        }
        let ran = life.repository.build(&[]).ok();
        let tree = life.repository.tree();
        assert!(!tree.served.keys().any(|path| is_temporary(path)), "{}", ran.transcript());
        assert_eq!(tree.served, witness.after.served, "{}", ran.transcript());
    }
    life.report();
}

macro_rules! a_build_killed_at_a_random_moment_harms_no_client_and_the_next_makes_it_right {
    ($($name:ident: $seed:literal;)+) => {
        mod random_moments {
            $(#[test] fn $name() { super::kill_at_random_moments($seed); })+
        }
    };
}

a_build_killed_at_a_random_moment_harms_no_client_and_the_next_makes_it_right! {
    first_seed: 0;
    second_seed: 1;
    third_seed: 2;
    fourth_seed: 3;
}

/// Kills builds before each `step`-th of these system calls, one after the other. Returns the moments at which they
/// were killed; `None` where strace cannot be used.
fn kill_before(test: &str, change: Change, calls: &str, step: usize) -> Option<BTreeSet<Moment>> {
    if !strace::is_available(test) {
        return None;
    }
    let pending = PendingBuild::new(change);
    let mut moments = BTreeMap::<Moment, usize>::new();
    for n in (1..).step_by(step) {
        pending.rewind();
        let traced = strace::build(&pending.repository, calls, "signal=KILL", &n.to_string());
        let moment = pending.witness.examine(&pending.repository.tree());
        if traced.signal != Some(SIGKILL) {
            assert_eq!((traced.code, moment), (Some(0), Moment::Done), "{traced:?}");
            break;
        }
        *moments.entry(moment).or_default() += 1;
        pending.build_again();
    }
    eprintln!("{} builds killed before {calls}:", moments.values().sum::<usize>());
    for (moment, times) in &moments {
        eprintln!("{times:5}  {moment}");
    }
    Some(moments.into_keys().collect())
}

/// One in how many of the calls that are tried in part, as there are many and most of them change nothing.
fn every() -> usize {
    setting("HEXREG_EVERY", 11)
}

/// A module of tests for each change: a build of it is killed before each system call of one kind. Each `$rare`-th of
/// the calls that change what is served is tried.
macro_rules! a_build_killed_before_a_system_call_is_made_right_by_the_next {
    ($($name:ident: $change:expr, $rare:expr;)+) => {$(
        mod $name {
            use super::*;

            const TEST: &str = module_path!();

            #[test]
            fn open() {
                kill_before(TEST, $change, "open,openat", every());
            }

            #[test]
            fn write() {
                kill_before(TEST, $change, "write", every());
            }

            #[test]
            fn flush_of_a_file_or_folder() {
                kill_before(TEST, $change, "fsync", $rare);
            }

            #[test]
            fn flush_of_a_file_system() {
                kill_before(TEST, $change, "syncfs", $rare);
            }

            #[test]
            fn rename() {
                let calls = "rename,renameat,renameat2";
                let Some(moments) = kill_before(TEST, $change, calls, $rare) else { return };
                // Which moments lie between renames differs from change to change.
                let has_begun = moments.contains(&Moment::LayingDown);
                assert!(has_begun && moments.len() >= 3, "{moments:?}");
            }

            #[test]
            fn removal() {
                kill_before(TEST, $change, "unlink,unlinkat", $rare);
            }

            #[test]
            fn lock() {
                let Some(moments) = kill_before(TEST, $change, "flock", $rare) else { return };
                assert_eq!(moments, [Moment::NothingWritten].into());
            }

            #[test]
            fn folder() {
                kill_before(TEST, $change, "mkdir,mkdirat", $rare);
            }
        }
    )+};
}

a_build_killed_before_a_system_call_is_made_right_by_the_next! {
    first: FIRST, 1;
    addition: ADDITION, 1;
    removal: REMOVAL, 1;
    exchange: EXCHANGE, 1;
    everything: EVERYTHING, 1;
    many: MANY, every();
}

#[test]
fn builds_are_killed_at_every_moment() {
    let test = "builds_are_killed_at_every_moment";
    let calls = ["rename,renameat,renameat2", "unlink,unlinkat", "flock", "fsync"];
    let moments: Option<Vec<_>> =
        calls.iter().map(|calls| kill_before(test, EVERYTHING, calls, 1)).collect();
    let Some(moments) = moments else { return };
    let moments: BTreeSet<_> = moments.into_iter().flatten().collect();
    assert_eq!(moments.len(), 6, "{moments:?}");
}
