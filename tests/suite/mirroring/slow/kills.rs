//! Mirrors that are killed. At whichever moment that is, what stands is whole and names nothing that does
//! not stand; the next run goes on from there, and ends where one ends that nothing hindered.
//!
//! `scripts/kill` runs more of the same than CI has time for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::mirroring::upstream;
use crate::support::hexreg::Ran;
use crate::support::random::{Random, setting};
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::witness::{Files, Tree, is_temporary};

const SIGKILL: i32 = 9;

/// How many packages upstream has at first, of three releases each.
const PACKAGES: usize = 60;

/// What a mirror keeps in mind.
const OWN: &str = ".hexreg-mirror/";

/// An upstream, and a mirror of it that lives on from one killed run to the next.
struct Life {
    repository: TestRepository,
    server: Server,
    random: Random,
    /// Of the mirror.
    options: &'static [&'static str],
    /// How many releases of each package upstream has.
    releases: BTreeMap<String, usize>,
    /// How long a run takes that has nothing to do, and one that has everything to do.
    durations: [Duration; 2],
    /// How often a run was killed, by how far the mirror had come.
    killed: BTreeMap<&'static str, usize>,
}

/// What tells that a file was replaced, or that something was done in a folder.
fn look(path: &Path) -> Option<(u64, i64, i64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}

impl Life {
    fn begin(options: &'static [&'static str]) -> Self {
        let repository = TestRepository::new();
        let mut random = Random::new(setting("HEXREG_SEED", 1));
        let mut releases = BTreeMap::new();
        for name in (0..PACKAGES).map(|number| format!("package{number}")) {
            (0..3).for_each(|_| release(&repository, &mut releases, &mut random, &name));
        }
        repository.build(&[]).ok();
        let server = Server::of(&repository, &["--log-format=json"]);
        let durations = [Duration::ZERO; 2];
        let mut life = Self {
            repository,
            server,
            random,
            options,
            releases,
            durations,
            killed: BTreeMap::new(),
        };
        // Without a kill, to see how long it takes.
        for whole in [true, false] {
            let began = Instant::now();
            life.mirror("copy").ok();
            life.durations[usize::from(whole)] = began.elapsed();
        }
        life.forget();
        life
    }

    fn arguments(&self, directory: &str) -> Vec<String> {
        let mirror = ["mirror", directory, "--all"].into_iter().chain(self.options.iter().copied());
        mirror.map(str::to_owned).chain(upstream(&self.server.url())).collect()
    }

    fn mirror(&self, directory: &str) -> Ran {
        self.repository.hexreg().run(self.arguments(directory).iter().map(String::as_str))
    }

    /// The mirror begins anew.
    fn forget(&self) {
        fs::remove_dir_all(self.repository.path("copy")).unwrap();
    }

    /// Upstream gets more releases, of packages that it has and of some that it has not.
    fn grow(&mut self, number: usize) {
        for _ in 0..number {
            let name = format!("package{}", self.random.below(PACKAGES + 20));
            release(&self.repository, &mut self.releases, &mut self.random, &name);
        }
        self.repository.build(&[]).ok();
    }

    fn files(&self, directory: &str) -> Files {
        self.repository.files(directory, |_| true)
    }

    /// Upstream as it is.
    fn upstream(&self) -> Tree {
        self.repository.tree()
    }

    /// The mirror as it stands, as if it were served; where only tarballs are mirrored, with what it keeps
    /// for itself.
    fn standing(&self) -> Tree {
        let files = self.files("copy").into_iter().filter(|(path, _)| !is_temporary(path));
        let is_own = self.options.contains(&"--tarballs-only");
        let files = files.map(|(path, bytes)| {
            let own = path.strip_prefix(OWN).filter(|_| is_own).map(str::to_owned);
            (own.unwrap_or(path), bytes)
        });
        let mut tree = Tree::of(files.collect());
        // The mirror's own comes last; each file has to be signed with upstream's.
        let key = self.repository.read("public/public_key");
        let stands = tree.served.entry("public_key".to_owned()).or_insert_with(|| key.clone());
        assert_eq!(*stands, key);
        tree
    }

    /// What a run notes on the way.
    fn journal(&self) -> &'static str {
        if self.options.contains(&"--tarballs-only") {
            "copy/.hexreg-mirror/tarballs-only.journal"
        } else {
            "copy/.hexreg-mirror/journal"
        }
    }

    /// What must hold at every moment; says how far the mirror has come.
    #[track_caller]
    fn examine(&self) -> &'static str {
        let (tree, upstream) = (self.standing(), self.upstream());
        for (name, checksum) in &tree.tarballs {
            assert_eq!(upstream.tarballs.get(name), Some(checksum), "{name}");
        }
        // All that is there is whole and signed, and all that it names is there.
        tree.follow(&|_| false);
        let lacks = |prefix: &str| {
            let mut wanted = upstream.served.iter().filter(|(path, _)| path.starts_with(prefix));
            wanted.any(|(path, bytes)| tree.served.get(path) != Some(bytes))
        };
        if tree.tarballs.is_empty() {
            "before the first tarball"
        } else if tree.tarballs != upstream.tarballs {
            "before the last tarball"
        } else if lacks("packages/") {
            "before the last package"
        } else if lacks("versions") {
            "before `versions`"
        } else if lacks("names") {
            "between `versions` and `names`"
        } else if self.repository.path(self.journal()).exists() {
            "before the state was kept"
        } else {
            "after the last change"
        }
    }

    /// How much of a run there may be left, in time.
    fn left(&self) -> Duration {
        let [least, most] = self.durations;
        let (stands, wanted) =
            (self.standing().tarballs.len(), self.releases.values().sum::<usize>());
        let missing = u32::try_from(wanted - stands).unwrap();
        least + most.saturating_sub(least) * missing / u32::try_from(wanted).unwrap()
    }

    /// Runs the mirror until it is killed so much later, or after something in it was seen to change.
    /// Whether it was killed before it ended.
    fn run_for(&self, delay: Duration, watched: Option<&Path>, more: &[&str]) -> bool {
        let mut run = self.repository.hexreg().command();
        run.args(self.arguments("copy")).args(more);
        run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let stood = watched.map(look);
        let mut began = Instant::now();
        let mut run = run.spawn().unwrap();
        if watched.is_some() {
            while watched.map(look) == stood && run.try_wait().unwrap().is_none() {}
            began = Instant::now();
        }
        while began.elapsed() < delay && run.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        run.kill().unwrap();
        let ended = run.wait().unwrap();
        assert!(ended.signal() == Some(SIGKILL) || ended.code() == Some(0), "{ended}");
        ended.signal().is_some()
    }

    /// Kills a run at a random moment; whether it was killed before it ended.
    fn kill(&mut self) -> bool {
        let registry = if self.options.contains(&"--tarballs-only") { OWN } else { "" };
        let of_registry = ["packages", "versions", "names"].map(|path| format!("{registry}{path}"));
        let journal = self.journal().trim_start_matches("copy/").to_owned();
        let others = ["tarballs".to_owned(), OWN.to_owned(), journal];
        let watched: Vec<_> = of_registry.into_iter().chain(others).collect();
        // A third of the kills fall anywhere, the others soon after a file or folder is seen to change.
        let watched = watched.get(self.random.below(watched.len() + watched.len() / 2));
        let watched = watched.map(|path| self.repository.path("copy").join(path));
        let delay = if watched.is_some() { Duration::from_millis(4) } else { self.left() };
        let delay = delay.mul_f64(self.random.fraction());
        let was_killed = self.run_for(delay, watched.as_deref(), &[]);
        // Nothing may be there yet.
        fs::create_dir_all(self.repository.path("copy")).unwrap();
        let moment = self.examine();
        if was_killed {
            *self.killed.entry(moment).or_default() += 1;
        }
        was_killed
    }

    /// A run that nothing hinders makes of the mirror what one would that is new.
    fn complete(&self) {
        let ran = self.mirror("copy").ok();
        assert_eq!(self.examine(), "after the last change", "{}", ran.transcript());
        self.mirror("fresh").ok();
        let (found, expected) = (self.files("copy"), self.files("fresh"));
        let paths = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&found), paths(&expected), "{}", ran.transcript());
        for (path, bytes) in &expected {
            let is_same = match path.strip_prefix(OWN) {
                // When each package was asked for is not the same.
                Some("state.json" | "tarballs-only.json") => {
                    without_times(&found[path]) == without_times(bytes)
                }
                _ => found[path] == *bytes,
            };
            assert!(is_same, "{path}: {}", ran.transcript());
        }
        fs::remove_dir_all(self.repository.path("fresh")).unwrap();
    }

    fn report(&self) {
        eprintln!("{} mirrors killed {:?}:", self.killed.values().sum::<usize>(), self.options);
        for (moment, times) in &self.killed {
            eprintln!("{times:5}  {moment}");
        }
    }
}

/// What a mirror keeps in mind, but for when it asked.
fn without_times(state: &[u8]) -> serde_json::Value {
    let mut state: serde_json::Value = serde_json::from_slice(state).unwrap();
    for noted in state["packages"].as_object_mut().unwrap().values_mut() {
        assert!(noted.as_object_mut().unwrap().remove("asked").is_some());
    }
    state
}

/// Upstream gets one release more of a package, of some bytes up to so many that they come in pieces.
fn release(
    repository: &TestRepository,
    releases: &mut BTreeMap<String, usize>,
    random: &mut Random,
    name: &str,
) {
    let number = releases.entry(name.to_owned()).or_default();
    let version = format!("1.{number}.0");
    *number += 1;
    let bytes: Vec<u8> =
        (0..random.below(8_000)).flat_map(|_| random.next().to_le_bytes()).collect();
    let tarball = Tarball::new(name, &version).files(&[Entry::file("priv/noise", &bytes)]);
    repository.write_tarball(&format!("{name}-{version}.tar"), &tarball.build());
}

/// Kills mirrors, and sees to it that each ends well.
fn is_killed_in_vain(options: &'static [&'static str], kills: usize) {
    let mut life = Life::begin(options);
    while life.killed.values().sum::<usize>() < kills {
        // Some are killed again and again before one comes through, and upstream goes on meanwhile.
        while life.kill() && life.random.below(4) > 0 {
            if life.random.below(3) == 0 {
                let number = 1 + life.random.below(4);
                life.grow(number);
            }
        }
        life.complete();
        match life.random.below(3) {
            0 => life.forget(),
            _ => life.grow(20),
        }
    }
    life.report();
}

#[test]
fn a_mirror_killed_at_a_random_moment_is_sound_and_ends_like_one_that_was_not() {
    is_killed_in_vain(&[], setting("HEXREG_KILLS", 25));
}

#[test]
fn tarballs_alone_are_mirrored_as_well_when_killed_at_a_random_moment() {
    is_killed_in_vain(&["--tarballs-only"], setting("HEXREG_KILLS", 25) / 2);
}

/// What of a folder was asked for in a part of the upstream's log.
fn asked<'a>(log: &'a str, folder: &str) -> Vec<&'a str> {
    let before = format!("\"/{folder}/");
    let after = log.split(&before).skip(1);
    after.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// What a kill may cost where there is one request at a time: what was asked for, and 16 files that came
/// and wait for the disk.
const LOST: usize = 17;

fn asks_for_nothing_twice(options: &'static [&'static str]) {
    let mut life = Life::begin(options);
    let log_file = life.repository.path("serve.log");
    let mut runs: Vec<(usize, BTreeSet<String>)> = Vec::new();
    loop {
        let stands: BTreeSet<String> = if life.repository.path("copy").exists() {
            life.standing().tarballs.into_keys().collect()
        } else {
            BTreeSet::new()
        };
        let log = fs::metadata(&log_file).unwrap().len();
        runs.push((usize::try_from(log).unwrap(), stands));
        let delay = (life.durations[0] + life.durations[1] / 6).mul_f64(life.random.fraction());
        // In the end it is let through.
        let delay = if runs.len() < 30 { delay } else { Duration::from_secs(60) };
        if !life.run_for(delay, None, &["--jobs=1"]) {
            break;
        }
    }
    assert_eq!(life.examine(), "after the last change");
    let tarballs = life.releases.values().sum::<usize>();
    // All is written down once it has ended.
    life.server.signal("-TERM");
    life.server.ended();
    let log = fs::read_to_string(&log_file).unwrap();
    // What a killed run asked for may be written down when the next has begun already.
    for ((_, stood), (from, _)) in runs.iter().zip(runs.iter().skip(1)) {
        let mut asked = asked(&log[*from..], "tarballs").into_iter();
        let again = asked.find(|name| stood.contains(*name));
        assert_eq!(again, None, "it stood, and was asked for again");
    }
    let log = &log[runs[0].0..];
    let lost = (runs.len() - 1) * LOST;
    for (folder, number) in [("tarballs", tarballs), ("packages", PACKAGES)] {
        let times = asked(log, folder).len();
        eprintln!("{} runs asked {times} times for {number} {folder} {options:?}", runs.len());
        assert!((number..=number + lost).contains(&times), "{times} times for {number} {folder}");
    }
}

#[test]
fn what_stands_is_not_fetched_again_however_often_a_mirror_is_killed() {
    asks_for_nothing_twice(&[]);
    asks_for_nothing_twice(&["--tarballs-only"]);
}
