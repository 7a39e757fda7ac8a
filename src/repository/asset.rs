//! Maps the path of a request to the one file that it may mean.

use std::path::Path;

use percent_encoding::percent_decode_str;

use super::asset_kind::AssetKind;
use super::git;
use super::litter::is_litter;
use super::path::{Folder, RepositoryPath};
use crate::name::{PackageName, PolicyName};
use crate::tarball::FileName;
use crate::version::Version;

/// A file that clients ask for. Nothing else in a repository's directory is ever read, so other files may lie there.
///
/// Hex specification, "Endpoints", "Repository".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The kind of file, which decides its headers.
    pub kind: AssetKind,
    /// The path below the repository, in characters that no URL has to encode.
    pub path: String,
}

/// The longest file name, in bytes, that nearly all file systems take. A request for a longer one is answered with 404,
/// and not reported as an error of the disk.
const MAX_NAME: usize = 255;

/// The lists of archives that `mix local.hex` and `mix local.rebar` ask for. Each has a signature beside it, and the keys
/// check the signatures.
const INSTALL_LISTS: [&str; 5] =
    ["hex-1.x.csv", "hex.csv", "rebar-1.x.csv", "rebar3-1.x.csv", "rebar.csv"];
const INSTALL_KEYS: [&str; 2] = ["public_keys.pem", "public_keys.html"];

/// Archives without a version, which the first versions of Elixir ask for.
const INSTALL_ARCHIVES: [&str; 3] = ["hex.ez", "rebar", "rebar3"];

impl Asset {
    /// The folders at the top of a repository that hold the files that clients ask for.
    pub(crate) const FOLDERS: [Folder; 6] = [
        Folder::Packages,
        Folder::Policies,
        Folder::Tarballs,
        Folder::Docs,
        Folder::Installs,
        Folder::Git,
    ];

    /// Whether a folder may hold files that clients ask for.
    pub(crate) fn may_be_below(folder: &str) -> bool {
        let is_deep = |deep: Folder| {
            let below = deep.strip_from(folder);
            below.is_some_and(|below| below.split('/').all(|part| !part.starts_with('.')))
        };
        Self::FOLDERS.iter().any(|known| known.as_str() == folder)
            || is_deep(Folder::Installs)
            || is_deep(Folder::Git)
    }

    /// The release of a tarball or of documentation.
    pub(crate) fn release(&self) -> Option<FileName> {
        let folder = match self.kind {
            AssetKind::Tarball => Folder::Tarballs,
            AssetKind::Docs => Folder::Docs,
            _ => return None,
        };
        folder.release(folder.strip_from(&self.path)?)
    }

    /// The package whose releases the file lists.
    pub(crate) fn package(&self) -> Option<PackageName> {
        Folder::Packages.strip_from(&self.path)?.parse().ok()
    }

    /// The file that the path of a URL means, below the repository's own URL. Each part is decoded once, and has to be
    /// a name that clients know. `None` for all other paths, such as those with `..`, a hidden name, or an encoded
    /// slash.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        let decoded = percent_decode_str(path).decode_utf8().ok()?;
        let is_encoded = decoded.len() < path.len();
        if is_encoded && slashes(&decoded) != slashes(path) {
            return None;
        }
        if decoded.len() > MAX_NAME && decoded.split('/').any(|part| part.len() > MAX_NAME) {
            return None;
        }
        let kind = match decoded.split_once('/') {
            Some((folder, rest)) => kind_in(Folder::at_top(folder)?, rest)?,
            None if RepositoryPath::is_root_file(&decoded) => AssetKind::Registry,
            None => return None,
        };
        Some(Self { kind, path: decoded.into_owned() })
    }
}

/// The kind of a file below a folder, by its path from there; `None` for a file that clients do not ask for.
fn kind_in(folder: Folder, path: &str) -> Option<AssetKind> {
    let parts = || path.split('/').collect::<Vec<_>>();
    match folder {
        Folder::Packages => PackageName::is_valid(path).then_some(AssetKind::Registry),
        Folder::Policies => is_policy(path).then_some(AssetKind::Policy),
        Folder::Tarballs => is_of_release(folder, path).then_some(AssetKind::Tarball),
        Folder::Docs => is_of_release(folder, path).then_some(AssetKind::Docs),
        Folder::Installs => is_install(&parts()).then_some(AssetKind::Installs),
        Folder::Git => git_kind(&parts()),
        Folder::Root | Folder::Mirror | Folder::MirrorPackages => None,
    }
}

fn slashes(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// `acme.pem` is a valid name of a policy, but such a file is rather a private key.
fn is_policy(name: &str) -> bool {
    let is_pem = Path::new(name).extension().is_some_and(|extension| extension == "pem");
    !is_pem && !is_litter(name) && name.parse::<PolicyName>().is_ok()
}

/// Whether the file name is `NAME-VERSION` and the ending of files in the folder.
fn is_of_release(folder: Folder, file_name: &str) -> bool {
    is_plain(file_name) && folder.release(file_name).is_some()
}

/// The lists and archives of Hex and rebar3, and the public keys that check the lists. No other name is served, as it
/// could be that of a private key.
fn is_install(parts: &[&str]) -> bool {
    match parts {
        [name] if INSTALL_KEYS.contains(name) || is_archive(name) => true,
        [name] => INSTALL_LISTS.contains(&name.strip_suffix(".signed").unwrap_or(name)),
        // Archives for one version of Elixir.
        [elixir, name] => {
            is_plain(elixir)
                && elixir.starts_with(|first: char| first.is_ascii_digit())
                && is_archive(name)
        }
        _ => false,
    }
}

/// `hex-2.1.1.ez`, `hex-2.1.1-otp-27.ez`, `rebar3-3.24.0-otp-27`, `rebar-2.6.4`
fn is_archive(name: &str) -> bool {
    let version = match name.strip_prefix("hex-") {
        Some(rest) => rest.strip_suffix(".ez"),
        None => name.strip_prefix("rebar3-").or_else(|| name.strip_prefix("rebar-")),
    };
    let is_version = |version: &str| is_plain(version) && version.parse::<Version>().is_ok();
    INSTALL_ARCHIVES.contains(&name) || version.is_some_and(is_version)
}

/// The kind of a file below the folder of git repositories, if git's dumb HTTP protocol asks for it. The protocol asks for
/// `objects/info/alternates` too, which is not served: it would lead to another repository.
fn git_kind(parts: &[&str]) -> Option<AssetKind> {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    // SHA-1 or SHA-256.
    let is_name = |text: &str| is_hex(text) && matches!(text.len(), 40 | 64);
    match git::path_in_repository(parts)? {
        ["HEAD"] | ["info", "refs"] | ["objects", "info", "packs"] => Some(AssetKind::GitRefs),
        ["objects", "pack", file] => {
            let name = file.strip_prefix("pack-")?;
            let name = name.strip_suffix(".pack").or_else(|| name.strip_suffix(".idx"))?;
            is_name(name).then_some(AssetKind::GitObjects)
        }
        ["objects", first, rest] => (first.len() == 2 && is_name(&format!("{first}{rest}")))
            .then_some(AssetKind::GitObjects),
        _ => None,
    }
}

/// Whether every system takes it as the name of a file that is not hidden.
fn is_plain(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    part.bytes().all(is_plain) && part.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_clients_ask_for_are_found() {
        for (path, kind) in [
            ("names", AssetKind::Registry),
            ("versions", AssetKind::Registry),
            ("public_key", AssetKind::Registry),
            ("packages/phoenix_live_view", AssetKind::Registry),
            ("policies/strict-prod_1.0", AssetKind::Policy),
            ("tarballs/phoenix-1.8.0-rc.1.tar", AssetKind::Tarball),
            ("docs/phoenix-1.8.0.tar.gz", AssetKind::Docs),
            ("installs/hex-1.x.csv", AssetKind::Installs),
            ("installs/hex-1.x.csv.signed", AssetKind::Installs),
            ("installs/hex.csv", AssetKind::Installs),
            ("installs/rebar.csv.signed", AssetKind::Installs),
            ("installs/rebar-1.x.csv", AssetKind::Installs),
            ("installs/rebar3-1.x.csv.signed", AssetKind::Installs),
            ("installs/hex.ez", AssetKind::Installs),
            ("installs/rebar3", AssetKind::Installs),
            ("installs/rebar-2.6.4", AssetKind::Installs),
            ("installs/1.18.0/hex-2.1.1.ez", AssetKind::Installs),
            ("installs/1.18.4/hex-2.1.1-otp-27.ez", AssetKind::Installs),
            ("installs/1.20.0-rc.1/hex-2.5.2-dev.ez", AssetKind::Installs),
            ("installs/1.0.0/rebar3-3.13.1", AssetKind::Installs),
            ("installs/1.18.4/rebar3-3.24.0-otp-27", AssetKind::Installs),
            ("installs/public_keys.pem", AssetKind::Installs),
            ("installs/public_keys.html", AssetKind::Installs),
            ("git/git.example/org/repo.git/HEAD", AssetKind::GitRefs),
            ("git/git.example/repo.git/info/refs", AssetKind::GitRefs),
            ("git/git.example_8080/~a/b/c.git/objects/info/packs", AssetKind::GitRefs),
            (&format!("git/h/r.git/objects/0f/{}", "a".repeat(38)), AssetKind::GitObjects),
            (&format!("git/h/r.git/objects/0f/{}", "a".repeat(62)), AssetKind::GitObjects),
            (
                &format!("git/h/r.git/objects/pack/pack-{}.pack", "0".repeat(40)),
                AssetKind::GitObjects,
            ),
            (
                &format!("git/h/r.git/objects/pack/pack-{}.idx", "f".repeat(64)),
                AssetKind::GitObjects,
            ),
        ] {
            assert_eq!(Asset::at(path), Some(Asset { kind, path: path.to_owned() }));
        }
        assert_eq!(Asset::at("tarballs/a-1.0.0%2drc.tar").unwrap().path, "tarballs/a-1.0.0-rc.tar");
        assert_eq!(Asset::at("%70ackages/foo").unwrap().path, "packages/foo");
    }

    #[test]
    fn a_file_has_a_release_or_a_package() {
        let release = |path: &str| Asset::at(path).unwrap().release().map(|one| one.to_string());
        assert_eq!(release("tarballs/foo-1.0.0-rc.1.tar").unwrap(), "foo-1.0.0-rc.1");
        assert_eq!(release("docs/foo-1.0.0.tar.gz").unwrap(), "foo-1.0.0");
        for other in ["names", "packages/foo", "installs/hex-1.x.csv"] {
            assert_eq!(release(other), None, "{other}");
        }
        let package = |path: &str| Asset::at(path).unwrap().package().map(|one| one.to_string());
        assert_eq!(package("packages/foo").unwrap(), "foo");
        assert_eq!(package("policies/foo"), None);
    }

    #[test]
    fn folders_that_hold_files_for_clients() {
        for folder in ["packages", "git", "git/host", "git/host/a/b.git/objects", "installs/1.0.0"]
        {
            assert!(Asset::may_be_below(folder), "{folder}");
        }
        for other in ["", "src", "packages/foo", "tarballs/old", "git/.cache", ".git", "gitea/host"]
        {
            assert!(!Asset::may_be_below(other), "{other}");
        }
    }

    #[test]
    fn no_other_file_is_found() {
        for path in [
            "",
            "packages",
            "packages/",
            "packages//foo",
            "/packages/foo",
            "packages/foo/",
            "packages/Foo",
            "packages/.hexreg-abc.tmp",
            ".hexreg-abc.tmp",
            "packages/../key.pem",
            "packages/%2e%2e/key.pem",
            "packages/..%2fkey.pem",
            "packages%2ffoo",
            "packages/%252e%252e",
            "packages/..\\key.pem",
            "policies",
            "policies/",
            "policies/ab",
            "policies/Strict",
            "policies/.strict",
            "policies/acme.pem",
            "policies/a/strict",
            "policies/..%2fstrict",
            "tarballs/..%5c..%5ckey.tar",
            "tarballs/foo-1.0.0",
            "tarballs/foo-1.0.0.tar.gz",
            "tarballs/foo-1.0.0/../../x.tar",
            "tarballs/foo-%00.tar",
            "tarballs/%ff-1.0.0.tar",
            "docs/foo-1.0.0.tar",
            "installs",
            "installs/",
            "installs/.hidden",
            "installs/a/../b",
            "installs/1/2/3/4/hex-1.x.csv",
            "installs/acme.pem",
            "installs/hex-key.pem",
            "installs/hex-key.PEM",
            "installs/hex-private",
            "installs/hex-private.ez",
            "installs/hex.PEM",
            "installs/hex",
            "installs/hex-1.0.0",
            "installs/rebar.key",
            "installs/rebar3-key",
            "installs/rebar3-1.0.0.pem",
            "installs/hex-1.x.csv.signed.signed",
            "installs/hex-1.x.csv.pem",
            "installs/1.18.0/hex-1.x.csv",
            "installs/1.18.0/private",
            "installs/1.18.0/public_keys.pem",
            "installs/keys/hex-2.1.1.ez",
            "installs/1.18.0/x/hex-2.1.1.ez",
            "installs/%2e/x",
            "installs/hex%00b",
            "acme.pem",
            "git",
            "git/HEAD",
            "git/repo.git/HEAD",
            "git/h/repo/HEAD",
            "git/h/.git/HEAD",
            "git/h/../h/r.git/HEAD",
            "git/.h/r.git/HEAD",
            "git/h/r.git",
            "git/h/r.git/",
            "git/h/r.git/config",
            "git/h/r.git/refs/heads/main",
            "git/h/r.git/hooks/post-update",
            "git/h/r.git/info/exclude",
            "git/h/r.git/objects/info/alternates",
            "git/h/r.git/objects/info/http-alternates",
            "git/h/r.git/objects/0f/abc",
            "git/h/r.git/objects/pack/pack-0.pack",
            "git/h/r.git/objects/pack/tmp_pack_x",
            "git/h/r.git/s.git/HEAD",
            "%",
            "names%",
            "%zz",
            "NAMES",
            "names ",
        ] {
            assert_eq!(Asset::at(path), None, "{path}");
        }
        let name = "A".repeat(40);
        assert_eq!(Asset::at(&format!("git/h/r.git/objects/pack/pack-{name}.idx")), None);
        let keep = format!("git/h/r.git/objects/pack/pack-{}.keep", "0".repeat(40));
        assert_eq!(Asset::at(&keep), None);
        let longest = format!("packages/{}", "a".repeat(255));
        assert!(Asset::at(&longest).is_some());
        assert_eq!(Asset::at(&format!("{longest}a")), None);
    }
}
