//! What `mix local.hex` and `mix local.rebar` ask for: signed lists, and what they name.
//!
//! ```text
//! installs/hex-1.x.csv          VERSION,SHA-512,ELIXIR        installs/ELIXIR/hex-VERSION.ez
//! installs/hex.csv              VERSION,SHA-512,ELIXIR,OTP    installs/ELIXIR/hex-VERSION-otp-OTP.ez
//! installs/rebar3-1.x.csv                                     installs/ELIXIR/rebar3-VERSION
//! installs/rebar.csv                                          installs/ELIXIR/rebar3-VERSION-otp-OTP
//! ```
//!
//! Elixir up to 1.18.3 reads those without OTP, and later ones the others. In the former a line may go on with
//! more versions of Elixir, each with a file of its own that is the same. Beside each list lies its
//! signature, `.signed`, in base64, by a key that clients know and this program does not: Elixir's, or one that
//! `mix local.public_keys` was given. Both are passed on as they are, if they are a list and a signature.

use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA512};
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use tokio::task::JoinSet;

use super::client::{Fetched, is_page};
use super::fetch::{Carried, Fetcher, off_workers};
use super::mirror_directory;
use super::file_error::NotMirrored;
use super::batch_writer::WriterStopped;
use super::entity_tag::EntityTag;
use super::task::Outcome;
use super::file_error::FileError;
use crate::key::KEY_BITS;
use crate::publish::observer::Observer;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Changed, Store};

/// A list of what can be installed, and how what it names is called.
struct List {
    name: &'static str,
    /// Before the version.
    prefix: &'static str,
    /// After all.
    suffix: &'static str,
    has_otp: bool,
    /// What each of them is, and how such files begin.
    kind: &'static str,
    magic: &'static [u8],
}

const ARCHIVE: (&str, &[u8]) = ("a zip archive", b"PK\x03\x04");
const ESCRIPT: (&str, &[u8]) = ("an escript", b"#!");

const LISTS: [List; 4] = [
    List::new("hex-1.x.csv", "hex-", ".ez", false, ARCHIVE),
    List::new("hex.csv", "hex-", ".ez", true, ARCHIVE),
    List::new("rebar3-1.x.csv", "rebar3-", "", false, ESCRIPT),
    List::new("rebar.csv", "rebar3-", "", true, ESCRIPT),
];

/// In bytes, of a list; each line has some 150.
const MAX_LIST: usize = 4 << 20;

/// In bytes, of the file of a signature: that of the largest key has some 1,400.
const MAX_SIGNATURE_FILE: usize = 16 << 10;

/// How many files a list may name: hex.pm's have some thousand. Nobody checks who signed it.
const MAX_ARTIFACTS: usize = 20_000;

/// In bytes, of what is installed: an archive of Hex has less than one million.
const MAX_ARTIFACT: usize = 64 << 20;

/// What can be installed: where it stands, and its SHA-512.
type Artifacts = BTreeMap<RepositoryPath, Vec<u8>>;

/// Mirrors the lists that upstream has, each once all that it names is there.
///
/// # Errors
/// [`WriterStopped`], after which nothing more is put in place.
pub(super) async fn mirror(
    fetcher: &Arc<Fetcher>,
    failures: &mut Vec<NotMirrored>,
    tags: &mut Vec<(String, EntityTag)>,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    for list in &LISTS {
        match mirror_list(fetcher, list, observer).await? {
            Ok(new) => tags.extend(new),
            Err(failed) => failures.extend(failed),
        }
    }
    Ok(())
}

/// A list or its signature, as it stands.
struct Standing {
    path: RepositoryPath,
    bytes: Option<Bytes>,
    is_signature: bool,
}

impl Standing {
    async fn of(fetcher: &Fetcher, name: &str) -> Self {
        let path = Folder::Installs.file(name);
        let (files, at) = (fetcher.mirror_dir.files.clone(), path.clone());
        let bytes = off_workers(move || mirror_directory::read(&files, &at, MAX_LIST).ok().flatten());
        Self { bytes: bytes.await, path, is_signature: name.ends_with(".signed") }
    }

    /// Asks upstream for it: what it has, and the tag of that.
    async fn get(&self, fetcher: &Fetcher) -> Result<Option<(Bytes, Option<EntityTag>)>, FileError> {
        let Self { path, bytes, is_signature } = self;
        let is_signature = *is_signature;
        let known = fetcher.mirror_dir.state.tags.get(path.as_str());
        let known = known.zip(bytes.as_ref()).filter(|(tag, bytes)| tag.good_for(bytes).is_some());
        let tag = known.map(|(tag, _)| tag.tag.as_str());
        let limit = if is_signature { MAX_SIGNATURE_FILE } else { MAX_LIST };
        let read = move |bytes: Bytes| match bytes {
            bytes if is_signature && !self::is_signature(&bytes) => Err(FileError::InstallSignature),
            bytes if is_page("", &bytes) => Err(FileError::Install(1)),
            bytes => Ok(bytes),
        };
        Ok(match (fetcher.client.get(path.as_str(), limit, tag, read).await?, known) {
            (Fetched::File(bytes, tag), _) => {
                let tag = tag.map(|tag| EntityTag::of(tag, &bytes));
                Some((bytes, tag))
            }
            (Fetched::NotModified, Some((tag, bytes))) => Some((bytes.clone(), Some(tag.clone()))),
            (Fetched::NotModified | Fetched::NotFound, _) => None,
        })
    }

    fn failed(&self, wrong: FileError) -> Vec<NotMirrored> {
        vec![NotMirrored { path: self.path.as_str().to_owned(), wrong }]
    }
}

async fn mirror_list(
    fetcher: &Arc<Fetcher>,
    list: &'static List,
    observer: &dyn Observer,
) -> Result<Result<Vec<(String, EntityTag)>, Vec<NotMirrored>>, WriterStopped> {
    let standing = Standing::of(fetcher, list.name).await;
    let signature = Standing::of(fetcher, &format!("{}.signed", list.name)).await;
    let (bytes, tag) = match standing.get(fetcher).await {
        Ok(Some(found)) => found,
        // Not every upstream has all of them.
        Ok(None) => return Ok(Ok(Vec::new())),
        Err(wrong) => return Ok(Err(standing.failed(wrong))),
    };
    let artifacts = match list.read(&bytes) {
        Ok(artifacts) => artifacts,
        Err(wrong) => return Ok(Err(standing.failed(wrong))),
    };
    // What one names that stands was compared before it did.
    let is_new = standing.bytes.as_ref() != Some(&bytes);
    let failures = mirror_artifacts(fetcher, list, artifacts, is_new, observer).await?;
    if !failures.is_empty() {
        return Ok(Err(failures));
    }
    // It may come later than the list that it is of.
    let (signed, signed_tag) = match signature.get(fetcher).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Err(signature.failed(FileError::NotThere))),
        Err(wrong) => return Ok(Err(signature.failed(wrong))),
    };
    let mut tags = Vec::new();
    // A list beside another one's signature is worse than an old pair, and shorter than this it cannot be.
    for (standing, bytes, tag) in [(signature, signed, signed_tag), (standing, bytes, tag)] {
        let Standing { path, bytes: was, .. } = standing;
        tags.extend(tag.map(|tag| (path.as_str().to_owned(), tag)));
        if was.as_ref() != Some(&bytes) {
            let changed = if was.is_some() { Changed::Updated } else { Changed::Created };
            fetcher.put_file(path.clone(), changed, bytes).await?;
            observer.changed(&path, changed);
        }
    }
    Ok(Ok(tags))
}

/// Has all that a list names in the mirror.
async fn mirror_artifacts(
    fetcher: &Arc<Fetcher>,
    list: &'static List,
    artifacts: Artifacts,
    is_new: bool,
    observer: &dyn Observer,
) -> Result<Vec<NotMirrored>, WriterStopped> {
    let mut running: JoinSet<(RepositoryPath, Result<Carried, WriterStopped>)> = JoinSet::new();
    let mut artifacts = artifacts.into_iter();
    let mut failures = Vec::new();
    loop {
        // Each may hold a whole file in memory.
        for (path, sha512) in artifacts.by_ref().take(fetcher.most().saturating_sub(running.len()))
        {
            let fetcher = Arc::clone(fetcher);
            running.spawn(async move {
                let carried = mirror_artifact(&fetcher, list, path.clone(), sha512, is_new).await;
                (path, carried)
            });
        }
        let Some(joined) = running.join_next().await else { break };
        let (path, carried) = joined.map_err(|_| WriterStopped)?;
        match carried? {
            (Outcome::Failed(wrong), _) => {
                failures.push(NotMirrored { path: path.as_str().to_owned(), wrong });
            }
            (_, changed) => {
                if let Some((path, changed)) = changed {
                    observer.changed(&path, changed);
                }
            }
        }
    }
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(failures)
}

async fn mirror_artifact(
    fetcher: &Fetcher,
    list: &'static List,
    path: RepositoryPath,
    sha512: Vec<u8>,
    is_new: bool,
) -> Result<Carried, WriterStopped> {
    let is_right = move |bytes: &[u8]| digest::digest(&SHA512, bytes).as_ref() == sha512.as_slice();
    let files = fetcher.mirror_dir.files.clone();
    let (at, is_like) = (path.clone(), is_right.clone());
    // What is read here is as large as what is fetched, so it takes the same room.
    let room = fetcher.room().await;
    let standing = off_workers(move || {
        let limit = if is_new { MAX_ARTIFACT } else { 0 };
        let mut bytes = Vec::new();
        let found = files.read(&at, limit, &mut bytes).ok().flatten();
        found.map(|_| !is_new || is_like(&bytes))
    });
    let changed = match standing.await {
        Some(true) => return Ok((Outcome::Done, None)),
        Some(false) => Changed::Updated,
        None => Changed::Created,
    };
    if fetcher.dry_run {
        return Ok((Outcome::Done, Some((path, changed))));
    }
    let read = move |bytes: Bytes| match bytes {
        bytes if !is_right(&bytes) => Err(FileError::InstallChecksum { list: list.name }),
        bytes if !bytes.starts_with(list.magic) => Err(FileError::InstallKind { kind: list.kind }),
        bytes => Ok(bytes),
    };
    fetcher.take(room, path, MAX_ARTIFACT, changed, read).await
}

impl List {
    const fn new(
        name: &'static str,
        prefix: &'static str,
        suffix: &'static str,
        has_otp: bool,
        (kind, magic): (&'static str, &'static [u8]),
    ) -> Self {
        Self { name, prefix, suffix, has_otp, kind, magic }
    }

    /// What it names.
    fn read(&self, bytes: &[u8]) -> Result<Artifacts, FileError> {
        let text = String::from_utf8_lossy(bytes);
        let mut artifacts = Artifacts::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let (paths, sha512) = self.line(line).ok_or(FileError::Install(number))?;
            for path in paths {
                // One file cannot be two.
                if artifacts.insert(path, sha512.clone()).is_some_and(|other| other != sha512) {
                    return Err(FileError::Install(number));
                }
            }
            if artifacts.len() > MAX_ARTIFACTS {
                return Err(FileError::InstallsTooMany(MAX_ARTIFACTS));
            }
        }
        Ok(artifacts)
    }

    /// The files that a line names, and their SHA-512.
    fn line(&self, line: &str) -> Option<(Vec<RepositoryPath>, Vec<u8>)> {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let [version, sha512, rest @ ..] = fields.as_slice() else { return None };
        let (elixirs, otp) = match rest {
            [elixir, otp] if self.has_otp => (slice::from_ref(elixir), Some(otp)),
            [_, ..] if !self.has_otp => (rest, None),
            _ => return None,
        };
        if !rest.iter().chain([version]).all(|field| is_plain(field)) {
            return None;
        }
        let sha512 = HEXLOWER_PERMISSIVE.decode(sha512.as_bytes()).ok()?;
        let otp = otp.map(|otp| format!("-otp-{otp}")).unwrap_or_default();
        let Self { prefix, suffix, .. } = self;
        let path = |elixir: &&str| {
            Folder::Installs.file(&format!("{elixir}/{prefix}{version}{otp}{suffix}"))
        };
        let paths = elixirs.iter().map(path).collect();
        (sha512.len() == SHA512.output_len()).then_some((paths, sha512))
    }
}

/// Whether bytes are one RSA signature in base64, by a key of a size that signs.
fn is_signature(text: &[u8]) -> bool {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    // Padding in the middle would be the end of one and the beginning of another.
    let padding = text.iter().skip_while(|byte| **byte != b'=');
    if padding.clone().any(|byte| *byte != b'=') {
        return false;
    }
    let bits = BASE64.decode(&text).map(|bytes| bytes.len().saturating_mul(8));
    bits.is_ok_and(|bits| KEY_BITS.contains(&bits))
}

/// In bytes: four of these are no name that a file system refuses.
const MAX_FIELD: usize = 50;

/// Whether it can be a part of a file's name and leads nowhere else. All of them are versions: what begins
/// with a letter could be a folder in place of a list.
fn is_plain(field: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    field.len() <= MAX_FIELD
        && field.bytes().all(is_plain)
        && field.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_many_bytes_as_a_key_has() {
        let text = |bytes: usize| BASE64.encode(&vec![0xAB; bytes]);
        for bytes in [256, 384, 512, 1024] {
            assert!(is_signature(text(bytes).as_bytes()), "{bytes}");
            assert!(is_signature(format!("{}\n", text(bytes)).as_bytes()), "{bytes}");
        }
        // As `base64` breaks it into lines.
        let lines: Vec<_> = text(256).as_bytes().chunks(76).map(<[u8]>::to_vec).collect();
        assert!(is_signature(&lines.join(&b'\n')));
        for other in [
            Vec::new(),
            text(255).into(),
            text(1025).into(),
            vec![b'A'; 100],
            [text(256), text(256)].concat().into(),
            b"{\"Code\": \"Success\", \"Token\": \"secret\"}".to_vec(),
            vec![0xAB; 256],
        ] {
            assert!(!is_signature(&other), "{}", String::from_utf8_lossy(&other));
        }
    }

    fn paths(list: &List, text: &str) -> Option<Vec<String>> {
        let artifacts = list.read(text.as_bytes()).ok()?;
        Some(artifacts.keys().map(|path| path.as_str().to_owned()).collect())
    }

    #[test]
    fn each_list_names_files_in_its_own_way() {
        let sum = "ab".repeat(64);
        let [hex, hex_otp, rebar, rebar_otp] = &LISTS;
        for (list, line, path) in [
            (hex, format!("2.1.1,{sum},1.18.0"), "installs/1.18.0/hex-2.1.1.ez"),
            (hex_otp, format!("2.1.1,{sum},1.18.4,27"), "installs/1.18.4/hex-2.1.1-otp-27.ez"),
            (rebar, format!("3.13.1,{sum},1.0.0"), "installs/1.0.0/rebar3-3.13.1"),
            (rebar_otp, format!("3.24.0,{sum},1.18.4,27"), "installs/1.18.4/rebar3-3.24.0-otp-27"),
        ] {
            assert_eq!(paths(list, &format!("{line}\n")), Some(vec![path.to_owned()]));
            // One line is one file, however often it comes.
            assert_eq!(paths(list, &format!("{line}\r\n\n{line}")), Some(vec![path.to_owned()]));
        }
        assert_eq!(paths(hex, ""), Some(Vec::new()));
        // Several versions of Elixir take the same.
        let both = ["installs/1.0.0/hex-0.9.0.ez", "installs/1.1.0/hex-0.9.0.ez"];
        let found = paths(hex, &format!("0.9.0,{sum},1.0.0,1.1.0\n"));
        assert_eq!(found, Some(both.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_line_that_is_none_is_refused_and_leads_nowhere() {
        let sum = "ab".repeat(64);
        for line in [
            format!("../../x,{sum},1.18.0"),
            format!("2.1.1,{sum},.."),
            format!("2.1.1,{sum},/etc"),
            format!("2.1.1,{sum},hex-1.x.csv"),
            format!("2.1.1,{sum}"),
            format!("2.1.1,{sum},"),
            format!("2.1.1,{sum},1.18.4,../27"),
            format!("{},{sum},1.18.0", "2".repeat(300)),
            "2.1.1,abcd,1.18.0".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(matches!(LISTS[0].read(line.as_bytes()), Err(FileError::Install(1))), "{line}");
        }
        for line in [format!("3.24.0,{sum},1.18.4"), format!("3.24.0,{sum},1.18.4,27,28")] {
            assert!(matches!(LISTS[3].read(line.as_bytes()), Err(FileError::Install(1))), "{line}");
        }
        let many: Vec<_> = (0..=MAX_ARTIFACTS).map(|number| number.to_string()).collect();
        let many = format!("2.1.1,{sum},{}", many.join(","));
        assert!(matches!(LISTS[0].read(many.as_bytes()), Err(FileError::InstallsTooMany(_))));
        let twice = format!("2.1.1,{sum},1.18.0\n2.1.1,{},1.18.0\n", "cd".repeat(64));
        assert!(matches!(LISTS[0].read(twice.as_bytes()), Err(FileError::Install(2))));
    }
}
