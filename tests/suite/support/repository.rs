//! A directory with a repository in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use walkdir::WalkDir;

use super::hexreg::{Hexreg, Ran};
use super::tarball::Tarball;
use super::witness::{Files, Tree};
use super::{fixture, read_fixture};

/// `public/` and `key.pem` in a directory of their own, named `acme`.
pub struct TestRepository {
    directory: TempDir,
}

impl TestRepository {
    pub fn new() -> Self {
        let this = Self { directory: TempDir::new().unwrap() };
        fs::create_dir_all(this.path("public/tarballs")).unwrap();
        this.write_key("key.pem", "golden/keys/acme-2048.pem");
        this
    }

    /// The golden tarballs with their times.
    pub fn golden() -> Self {
        Self::golden_of("acme")
    }

    /// Those that hex.pm took years ago.
    pub fn golden_old() -> Self {
        Self::golden_of("old")
    }

    fn golden_of(directory: &str) -> Self {
        let this = Self::new();
        let mtimes = read_fixture(&format!("golden/{directory}/mtimes.txt"));
        for line in String::from_utf8(mtimes).unwrap().lines() {
            let (seconds, file) = line.split_once(' ').unwrap();
            this.write_tarball(file, &read_fixture(&format!("golden/{directory}/tarballs/{file}")));
            this.set_mtime(file, seconds.parse().unwrap());
        }
        this
    }

    /// With a sound tarball of this name and version.
    pub fn release(self, name: &str, version: &str) -> Self {
        self.tarball(&format!("{name}-{version}.tar"), &Tarball::new(name, version).build())
    }

    /// With these bytes in `tarballs/`.
    pub fn tarball(self, file: &str, bytes: &[u8]) -> Self {
        self.write_tarball(file, bytes);
        self
    }

    /// With the sample packages.
    pub fn samples(self) -> Self {
        for file in fs::read_dir(fixture("samples/tarballs")).unwrap() {
            let file = file.unwrap();
            self.write_tarball(file.file_name().to_str().unwrap(), &fs::read(file.path()).unwrap());
        }
        self
    }

    /// Signed with this key of the golden vectors.
    pub fn key(self, file: &str) -> Self {
        self.write_key("key.pem", &format!("golden/keys/{file}"));
        self
    }

    pub fn write_tarball(&self, file: &str, bytes: &[u8]) {
        self.write(&format!("public/tarballs/{file}"), bytes);
    }

    pub fn remove_tarball(&self, file: &str) {
        fs::remove_file(self.path("public/tarballs").join(file)).unwrap();
    }

    pub fn set_mtime(&self, file: &str, seconds: i64) {
        let path = self.path("public/tarballs").join(file);
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if seconds < 0 { epoch - distance } else { epoch + distance };
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    /// A key of the fixtures, readable by its owner alone.
    pub fn write_key(&self, path: &str, from: &str) {
        self.write(path, &read_fixture(from));
        self.chmod(path, 0o600);
    }

    pub fn chmod(&self, path: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn hexreg(&self) -> Hexreg {
        Hexreg::new(self.root())
    }

    /// `hexreg build public --name=acme --private-key=key.pem` and more.
    pub fn build(&self, more: &[&str]) -> Ran {
        let usual = ["build", "public", "--name=acme", "--private-key=key.pem"];
        self.hexreg().run(usual.iter().chain(more).copied())
    }

    /// Every file that is served, save the tarballs, with its bytes.
    pub fn served(&self) -> Files {
        self.files("public", |path| !path.starts_with("tarballs"))
    }

    /// The whole of `public/`.
    pub fn tree(&self) -> Tree {
        Tree::of(self.files("public", |_| true))
    }

    /// What a build of the same tarballs makes where nothing stands, with nothing to go by.
    pub fn fresh(&self) -> Tree {
        fs::create_dir(self.path("fresh")).unwrap();
        std::os::unix::fs::symlink("../public/tarballs", self.path("fresh/tarballs")).unwrap();
        let build = ["build", "fresh", "--name=acme", "--private-key=key.pem", "--no-cache"];
        self.hexreg().run(build).ok();
        let served = self.files("fresh", |_| true);
        fs::remove_dir_all(self.path("fresh")).unwrap();
        let tarballs = self.files("public", |path| path.starts_with("tarballs"));
        Tree { served, ..Tree::of(tarballs) }
    }

    /// Those files of a directory that are wanted.
    pub fn files(&self, directory: &str, wanted: impl Fn(&Path) -> bool) -> Files {
        let directory = self.path(directory);
        let files = WalkDir::new(&directory).into_iter().filter_map(Result::ok);
        let files = files.filter(|entry| entry.file_type().is_file()).filter_map(|entry| {
            let path = entry.path().strip_prefix(&directory).unwrap();
            let bytes = || fs::read(entry.path()).unwrap();
            wanted(path).then(|| (path.to_string_lossy().into_owned(), bytes()))
        });
        files.collect()
    }
}
