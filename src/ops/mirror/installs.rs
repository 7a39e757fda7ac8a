//! What `mix local.hex` and `mix local.rebar` ask for: signed lists, and what they name.
//!
//! ```text
//! installs/hex-1.x.csv          VERSION,SHA-512,ELIXIR        installs/ELIXIR/hex-VERSION.ez
//! installs/hex.csv              VERSION,SHA-512,ELIXIR,OTP    installs/ELIXIR/hex-VERSION-otp-OTP.ez
//! installs/rebar3-1.x.csv                                     installs/ELIXIR/rebar3-VERSION
//! installs/rebar.csv                                          installs/ELIXIR/rebar3-VERSION-otp-OTP
//! ```
//!
//! Elixir up to 1.18.3 reads those without OTP, and later ones the others. Beside each list lies its
//! signature, `.signed`, by a key that is Elixir's own matter: both are passed on as they are.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA512};
use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;
use tokio::task::JoinSet;

use super::client::Answer;
use super::courier::{Carried, Courier};
use super::holdings::{self, Tag};
use super::planner::{Failed, Outcome};
use super::shelf::Full;
use super::wrong::Wrong;
use crate::ops::observer::Observer;
use crate::repository::{Changed, Folder, RepositoryPath};
use crate::store::Store;

/// A list of what can be installed, and how what it names is called.
struct List {
    name: &'static str,
    /// Before the version.
    prefix: &'static str,
    /// After all.
    suffix: &'static str,
    has_otp: bool,
}

const LISTS: [List; 4] = [
    List { name: "hex-1.x.csv", prefix: "hex-", suffix: ".ez", has_otp: false },
    List { name: "hex.csv", prefix: "hex-", suffix: ".ez", has_otp: true },
    List { name: "rebar3-1.x.csv", prefix: "rebar3-", suffix: "", has_otp: false },
    List { name: "rebar.csv", prefix: "rebar3-", suffix: "", has_otp: true },
];

/// In bytes, of a list; each line has some 150.
const MAX_LIST: usize = 4 << 20;

/// In bytes, of what is installed: an archive of Hex has less than one million.
const MAX_ARTIFACT: usize = 64 << 20;

/// Something that can be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Artifact {
    path: RepositoryPath,
    sha512: Vec<u8>,
}

/// Mirrors the lists that upstream has, each once all that it names is there.
///
/// # Errors
/// [`Full`], after which nothing more is put in place.
pub(super) async fn mirror(
    courier: &Arc<Courier>,
    failures: &mut Vec<Failed>,
    tags: &mut Vec<(String, Tag)>,
    observer: &dyn Observer,
) -> Result<(), Full> {
    for list in &LISTS {
        let path = Folder::Installs.file(list.name);
        match mirror_list(courier, list, &path, observer).await? {
            Ok(tag) => tags.extend(tag.map(|tag| (path.as_str().to_owned(), tag))),
            Err(failed) => failures.extend(failed),
        }
    }
    Ok(())
}

async fn mirror_list(
    courier: &Arc<Courier>,
    list: &'static List,
    path: &RepositoryPath,
    observer: &dyn Observer,
) -> Result<Result<Option<Tag>, Vec<Failed>>, Full> {
    let failed = |path: &RepositoryPath, wrong| Failed { path: path.as_str().to_owned(), wrong };
    let holdings = &courier.holdings;
    let signature = Folder::Installs.file(&format!("{}.signed", list.name));
    let standing = holdings::read(&holdings.files, path, MAX_LIST).ok().flatten();
    let signed = holdings::read(&holdings.files, &signature, MAX_LIST).ok().flatten();
    let known = holdings.state.tags.get(path.as_str()).filter(|_| signed.is_some());
    let tag = known.zip(standing.as_ref()).and_then(|(tag, bytes)| tag.good_for(bytes));
    let read = move |bytes: Bytes| Ok((list.read(&bytes)?, bytes));
    let (artifacts, bytes, tag) = match courier.client.get(path.as_str(), MAX_LIST, tag, read).await
    {
        // What it names stood before it did.
        Ok(Answer::Unchanged) => return Ok(Ok(known.cloned())),
        // Not every upstream has all of them.
        Ok(Answer::Missing) => return Ok(Ok(None)),
        Ok(Answer::Found((artifacts, bytes), tag)) => {
            let tag = tag.map(|tag| Tag::of(tag, &bytes));
            (artifacts, bytes, tag)
        }
        Err(wrong) => return Ok(Err(vec![failed(path, wrong)])),
    };
    let failures = mirror_artifacts(courier, list, artifacts, observer).await?;
    if !failures.is_empty() {
        return Ok(Err(failures));
    }
    let read = |bytes: Bytes| Ok(bytes);
    let new = match courier.client.get(signature.as_str(), MAX_LIST, None, read).await {
        Ok(Answer::Found(new, _)) => new,
        Ok(_) => return Ok(Err(vec![failed(&signature, Wrong::NotThere)])),
        Err(wrong) => return Ok(Err(vec![failed(&signature, wrong)])),
    };
    // A list beside another one's signature is worse than an old pair, and shorter than this it cannot be.
    for (path, was, bytes) in [(signature, signed, new), (path.clone(), standing, bytes)] {
        if was.as_ref() != Some(&bytes) {
            let changed = if was.is_some() { Changed::Updated } else { Changed::Created };
            courier.put_file(path.clone(), changed, bytes).await?;
            observer.changed(&path, changed);
        }
    }
    Ok(Ok(tag))
}

/// Has all that a list names in the mirror.
async fn mirror_artifacts(
    courier: &Arc<Courier>,
    list: &'static List,
    artifacts: Vec<Artifact>,
    observer: &dyn Observer,
) -> Result<Vec<Failed>, Full> {
    let mut running: JoinSet<(RepositoryPath, Result<Carried, Full>)> = JoinSet::new();
    for artifact in artifacts {
        let courier = Arc::clone(courier);
        running.spawn(async move {
            let path = artifact.path.clone();
            (path, mirror_artifact(&courier, list, artifact).await)
        });
    }
    let mut failures = Vec::new();
    while let Some(joined) = running.join_next().await {
        let (path, carried) = joined.map_err(|_| Full)?;
        match carried? {
            (Outcome::Failed(wrong), _) => {
                failures.push(Failed { path: path.as_str().to_owned(), wrong });
            }
            (_, changed) => {
                if let Some((path, changed)) = changed {
                    observer.changed(&path, changed);
                }
            }
        }
    }
    Ok(failures)
}

async fn mirror_artifact(
    courier: &Courier,
    list: &'static List,
    artifact: Artifact,
) -> Result<Carried, Full> {
    let Artifact { path, sha512 } = artifact;
    let holdings = &courier.holdings;
    // It was put there once it had been compared, under a name that says which one it is.
    let mut nothing = Vec::new();
    if matches!(holdings.files.read(&path, 0, &mut nothing), Ok(Some(_))) {
        return Ok((Outcome::Done, None));
    }
    let read = move |bytes: Bytes| {
        if digest::digest(&SHA512, &bytes).as_ref() == sha512.as_slice() {
            Ok(bytes)
        } else {
            Err(Wrong::InstallChecksum { list: list.name })
        }
    };
    courier.take(courier.room().await, path, MAX_ARTIFACT, Changed::Created, read).await
}

impl List {
    /// What it names, each once.
    fn read(&self, bytes: &[u8]) -> Result<Vec<Artifact>, Wrong> {
        let text = String::from_utf8_lossy(bytes);
        let mut artifacts: Vec<Artifact> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.is_empty() {
                continue;
            }
            let artifact = self.artifact(line).ok_or(Wrong::Install(number))?;
            if !artifacts.contains(&artifact) {
                artifacts.push(artifact);
            }
        }
        Ok(artifacts)
    }

    fn artifact(&self, line: &str) -> Option<Artifact> {
        let fields: Vec<_> = line.split(',').map(str::trim).collect();
        let (version, sha512, elixir, otp) = match (fields.as_slice(), self.has_otp) {
            ([version, sha512, elixir], false) => (version, sha512, elixir, None),
            ([version, sha512, elixir, otp], true) => (version, sha512, elixir, Some(otp)),
            _ => return None,
        };
        let fields = [version, elixir].into_iter().chain(otp);
        if !fields.clone().all(|field| is_plain(field)) {
            return None;
        }
        let sha512 = HEXLOWER_PERMISSIVE.decode(sha512.as_bytes()).ok()?;
        let otp = otp.map(|otp| format!("-otp-{otp}")).unwrap_or_default();
        let Self { prefix, suffix, .. } = self;
        let path = Folder::Installs.file(&format!("{elixir}/{prefix}{version}{otp}{suffix}"));
        (sha512.len() == SHA512.output_len()).then_some(Artifact { path, sha512 })
    }
}

/// Whether it can be a part of a file's name and leads nowhere else.
fn is_plain(field: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    field.bytes().all(is_plain) && field.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &List, text: &str) -> Option<Vec<String>> {
        let artifacts = list.read(text.as_bytes()).ok()?;
        Some(artifacts.iter().map(|one| one.path.as_str().to_owned()).collect())
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
    }

    #[test]
    fn a_line_that_is_none_is_refused_and_leads_nowhere() {
        let sum = "ab".repeat(64);
        for line in [
            format!("../../x,{sum},1.18.0"),
            format!("2.1.1,{sum},.."),
            format!("2.1.1,{sum},/etc"),
            format!("2.1.1,{sum}"),
            format!("2.1.1,{sum},1.18.4,27"),
            "2.1.1,abcd,1.18.0".to_owned(),
            "<html>".to_owned(),
        ] {
            assert!(matches!(LISTS[0].read(line.as_bytes()), Err(Wrong::Install(1))), "{line}");
        }
    }
}
