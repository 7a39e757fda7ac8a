//! Builds that are killed. At whichever moment that is, clients find what they are sent to, whole; and
//! the next build makes everything right.
//!
//! `scripts/kill` runs more of the same than CI has time for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::random::{Random, setting};
use crate::support::repository::TestRepository;
use crate::support::strace;
use crate::support::turn::{Turn, file_name, tarball};
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

#[test]
fn a_build_killed_at_a_random_moment_harms_no_client_and_the_next_makes_it_right() {
    let kills: usize = setting("HEXREG_KILLS", 25);
    let mut life = Life::begin(setting("HEXREG_SEED", 1));
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

/// The calls by which a build meets the world.
const CALLS: [&str; 8] = [
    "open,openat",
    "write",
    "fsync",
    "syncfs",
    "rename,renameat,renameat2",
    "unlink,unlinkat",
    "flock",
    "mkdir,mkdirat",
];

/// What changes what is served is tried each time, as there is little of it.
fn is_rare(turn: &Turn, calls: &str) -> bool {
    turn.name != "many" && !calls.starts_with("open") && calls != "write"
}

#[test]
fn a_build_killed_before_any_one_of_its_system_calls_is_made_right_by_the_next() {
    let test = "a_build_killed_before_any_one_of_its_system_calls_is_made_right_by_the_next";
    if !strace::is_available(test) {
        return;
    }
    let every = setting("HEXREG_EVERY", 11);
    let mut moments: BTreeMap<Moment, usize> = BTreeMap::new();
    for turn in Turn::every_kind().chain([Turn::many()]) {
        for calls in CALLS {
            let step = if is_rare(&turn, calls) { 1 } else { every };
            for n in (1..).step_by(step) {
                turn.rewind();
                let traced = strace::build(&turn.repository, calls, "signal=KILL", &n.to_string());
                let moment = turn.witness.examine(&turn.repository.tree());
                if traced.signal != Some(SIGKILL) {
                    assert_eq!((traced.code, moment), (Some(0), Moment::Done), "{traced:?}");
                    break;
                }
                *moments.entry(moment).or_default() += 1;
                turn.build_again();
            }
        }
    }
    eprintln!("{} builds killed before a call:", moments.values().sum::<usize>());
    for (moment, times) in &moments {
        eprintln!("{times:5}  {moment}");
    }
    assert_eq!(moments.len(), 6, "at every moment: {moments:?}");
}
