//! Mirrors that are killed. After a kill at any moment, each file is whole and names no missing file. The next run resumes,
//! and has the same result as a run that was not killed.
//!
//! `scripts/kill` runs longer tests of the same kind.

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

/// How many packages upstream has at first, with three releases each.
const PACKAGES: usize = 60;

/// The state file of a mirror.
const OWN: &str = ".hexreg-mirror/";

/// An upstream, and a mirror that many runs are killed on.
struct Life {
    repository: TestRepository,
    server: Server,
    random: Random,
    /// The options of the mirror.
    options: &'static [&'static str],
    /// How many releases of each package upstream has.
    releases: BTreeMap<String, usize>,
    /// The time of a run with nothing to do, and of one with everything to do.
    durations: [Duration; 2],
    /// The number of kills by the progress of the mirror.
    killed: BTreeMap<&'static str, usize>,
}

/// Changes when a file is replaced, or when an entry of a folder changes.
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
        // A run without a kill, to measure its time.
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

    /// Removes the mirror.
    fn forget(&self) {
        fs::remove_dir_all(self.repository.path("copy")).unwrap();
    }

    /// Adds releases to upstream, of existing and of new packages.
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

    /// Upstream's files.
    fn upstream(&self) -> Tree {
        self.repository.tree()
    }

    /// The mirror's files as if they were served. With --tarballs-only these include the signed files.
    fn standing(&self) -> Tree {
        let files = self.files("copy").into_iter().filter(|(path, _)| !is_temporary(path));
        let is_own = self.options.contains(&"--tarballs-only");
        let files = files.map(|(path, bytes)| {
            let own = path.strip_prefix(OWN).filter(|_| is_own).map(str::to_owned);
            (own.unwrap_or(path), bytes)
        });
        let mut tree = Tree::of(files.collect());
        // Each file has to be signed with upstream's key.
        let key = self.repository.read("public/public_key");
        let stands = tree.served.entry("public_key".to_owned()).or_insert_with(|| key.clone());
        assert_eq!(*stands, key);
        tree
    }

    /// The name of the journal.
    fn journal(&self) -> &'static str {
        if self.options.contains(&"--tarballs-only") {
            "copy/.hexreg-mirror/tarballs-only.journal"
        } else {
            "copy/.hexreg-mirror/journal"
        }
    }

    /// Asserts what holds after a kill at any moment. Returns the progress of the mirror.
    #[track_caller]
    fn examine(&self) -> &'static str {
        let (tree, upstream) = (self.standing(), self.upstream());
        for (name, checksum) in &tree.tarballs {
            assert_eq!(upstream.tarballs.get(name), Some(checksum), "{name}");
        }
        // Each file is whole and signed, and each file that it names is there.
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

    /// The time that a run may still need.
    fn left(&self) -> Duration {
        let [least, most] = self.durations;
        let (stands, wanted) =
            (self.standing().tarballs.len(), self.releases.values().sum::<usize>());
        let missing = u32::try_from(wanted - stands).unwrap();
        least + most.saturating_sub(least) * missing / u32::try_from(wanted).unwrap()
    }

    /// Runs the mirror and kills it after a delay, or after a watched path has changed. Returns whether it was killed before
    /// its end.
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

    /// Kills a run at a random moment. Returns whether it was killed before its end.
    fn kill(&mut self) -> bool {
        let registry = if self.options.contains(&"--tarballs-only") { OWN } else { "" };
        let of_registry = ["packages", "versions", "names"].map(|path| format!("{registry}{path}"));
        let journal = self.journal().trim_start_matches("copy/").to_owned();
        let others = ["tarballs".to_owned(), OWN.to_owned(), journal];
        let watched: Vec<_> = of_registry.into_iter().chain(others).collect();
        // A third of the kills are at any moment, the others soon after a file or folder has changed.
        let watched = watched.get(self.random.below(watched.len() + watched.len() / 2));
        let watched = watched.map(|path| self.repository.path("copy").join(path));
        let delay = if watched.is_some() { Duration::from_millis(4) } else { self.left() };
        let delay = delay.mul_f64(self.random.fraction());
        let was_killed = self.run_for(delay, watched.as_deref(), &[]);
        // The path may not exist yet.
        fs::create_dir_all(self.repository.path("copy")).unwrap();
        let moment = self.examine();
        if was_killed {
            *self.killed.entry(moment).or_default() += 1;
        }
        was_killed
    }

    /// Asserts that a run without a kill makes the same mirror as a run in a new directory.
    fn complete(&self) {
        let ran = self.mirror("copy").ok();
        assert_eq!(self.examine(), "after the last change", "{}", ran.transcript());
        self.mirror("fresh").ok();
        let (found, expected) = (self.files("copy"), self.files("fresh"));
        let paths = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(paths(&found), paths(&expected), "{}", ran.transcript());
        for (path, bytes) in &expected {
            let is_same = match path.strip_prefix(OWN) {
                // The times of requests differ.
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

/// The state without the times of requests.
fn without_times(state: &[u8]) -> serde_json::Value {
    let mut state: serde_json::Value = serde_json::from_slice(state).unwrap();
    for noted in state["packages"].as_object_mut().unwrap().values_mut() {
        assert!(noted.as_object_mut().unwrap().remove("asked").is_some());
    }
    state
}

/// Adds a release to upstream, from some bytes up to a size that is received in chunks.
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

/// Kills mirrors, and asserts that each resumes.
fn resumes_after_kills(options: &'static [&'static str], kills: usize) {
    let mut life = Life::begin(options);
    while life.killed.values().sum::<usize>() < kills {
        // Some mirrors are killed many times before a run ends, and upstream changes meanwhile.
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
fn a_mirror_killed_at_a_random_moment_resumes() {
    resumes_after_kills(&[], setting("HEXREG_KILLS", 25));
}

#[test]
fn a_mirror_of_tarballs_killed_at_a_random_moment_resumes() {
    resumes_after_kills(&["--tarballs-only"], setting("HEXREG_KILLS", 25) / 2);
}

/// The paths of a folder in a part of the upstream's log.
fn asked<'a>(log: &'a str, folder: &str) -> Vec<&'a str> {
    let before = format!("\"/{folder}/");
    let after = log.split(&before).skip(1);
    after.map(|rest| rest.split('"').next().unwrap()).collect()
}

/// What a kill may cost with one request at a time: the request, and 16 files that wait for the disk.
const LOST: usize = 17;

fn requests_nothing_twice(options: &'static [&'static str]) {
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
        // The last run is not killed.
        let delay = if runs.len() < 30 { delay } else { Duration::from_secs(60) };
        if !life.run_for(delay, None, &["--jobs=1"]) {
            break;
        }
    }
    assert_eq!(life.examine(), "after the last change");
    let tarballs = life.releases.values().sum::<usize>();
    // The log is complete once the run has ended.
    life.server.signal("-TERM");
    life.server.ended();
    let log = fs::read_to_string(&log_file).unwrap();
    // The log may get requests of a killed run after the next run has begun.
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
fn files_are_not_fetched_again_after_kills() {
    requests_nothing_twice(&[]);
    requests_nothing_twice(&["--tarballs-only"]);
}
