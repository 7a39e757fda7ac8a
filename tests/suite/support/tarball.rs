//! Package tarballs, sound unless a test makes one thing of them wrong.

use hexreg::checksum::InnerChecksum;

use super::gzip;
use super::raw_tar::{self, Entry};

/// A chainable builder: `Tarball::new("foo", "1.0.0").requires("bar", "~> 1.0").build()`.
#[derive(Clone, Debug)]
pub struct Tarball {
    metadata: Vec<u8>,
    requirements: Vec<String>,
    contents: Vec<u8>,
    version: Vec<u8>,
    checksum: Option<Vec<u8>>,
    change: Vec<Change>,
    trailing: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Change {
    Without(&'static str),
    Replace(&'static str, Vec<Entry>),
    Append(Box<Entry>),
    Reverse,
}

impl Tarball {
    pub fn new(name: &str, version: &str) -> Self {
        let metadata = format!(
            "{{<<\"name\">>,<<\"{name}\">>}}.\n{{<<\"version\">>,<<\"{version}\">>}}.\n\
             {{<<\"app\">>,<<\"{name}\">>}}.\n{{<<\"build_tools\">>,[<<\"rebar3\">>]}}.\n\
             {{<<\"files\">>,[<<\"src/a.erl\">>]}}.\n"
        );
        Self {
            metadata: metadata.into_bytes(),
            requirements: Vec::new(),
            contents: gzip(&raw_tar::archive(&[Entry::file("src/a.erl", b"-module(a).\n")])),
            version: b"3".to_vec(),
            checksum: None,
            change: Vec::new(),
            trailing: Vec::new(),
        }
    }

    /// Adds a requirement on a package of the same repository.
    pub fn requires(mut self, package: &str, requirement: &str) -> Self {
        self.requirements.push(format!(
            "{{<<\"{package}\">>,[{{<<\"app\">>,<<\"{package}\">>}},{{<<\"optional\">>,false}},\
             {{<<\"requirement\">>,<<\"{requirement}\">>}}]}}"
        ));
        self
    }

    /// Adds a requirement on a package of hex.pm, as `mix hex.build` writes it where the project does not say
    /// which repository the package is of.
    pub fn requires_public(mut self, package: &str, requirement: &str) -> Self {
        self.requirements.push(format!(
            "{{<<\"{package}\">>,[{{<<\"app\">>,<<\"{package}\">>}},{{<<\"optional\">>,false}},\
             {{<<\"repository\">>,<<\"hexpm\">>}},{{<<\"requirement\">>,<<\"{requirement}\">>}}]}}"
        ));
        self
    }

    /// Replaces all of `metadata.config`.
    pub fn metadata(self, metadata: impl AsRef<[u8]>) -> Self {
        Self { metadata: metadata.as_ref().to_vec(), ..self }
    }

    /// Adds to `metadata.config`.
    pub fn more_metadata(mut self, more: impl AsRef<[u8]>) -> Self {
        self.metadata.extend(more.as_ref());
        self
    }

    /// Replaces `contents.tar.gz`.
    pub fn contents(self, contents: &[u8]) -> Self {
        Self { contents: contents.to_vec(), ..self }
    }

    /// Replaces what is in `contents.tar.gz`.
    pub fn files(self, entries: &[Entry]) -> Self {
        self.contents(&gzip(&raw_tar::archive(entries)))
    }

    /// Replaces VERSION.
    pub fn version_file(self, version: &[u8]) -> Self {
        Self { version: version.to_vec(), ..self }
    }

    /// Replaces CHECKSUM.
    pub fn checksum(self, checksum: impl AsRef<[u8]>) -> Self {
        Self { checksum: Some(checksum.as_ref().to_vec()), ..self }
    }

    /// Leaves out one of the four files.
    pub fn without(self, name: &'static str) -> Self {
        self.change(Change::Without(name))
    }

    /// Puts other entries in place of one of the four files.
    pub fn replace(self, name: &'static str, entries: &[Entry]) -> Self {
        self.change(Change::Replace(name, entries.to_vec()))
    }

    /// Adds an entry at the end.
    pub fn entry(self, entry: Entry) -> Self {
        self.change(Change::Append(Box::new(entry)))
    }

    /// Turns the order of the entries round.
    pub fn reversed(self) -> Self {
        self.change(Change::Reverse)
    }

    /// Adds bytes after the archive's end.
    pub fn trailing(self, bytes: &[u8]) -> Self {
        Self { trailing: bytes.to_vec(), ..self }
    }

    fn change(mut self, change: Change) -> Self {
        self.change.push(change);
        self
    }

    /// The text of `metadata.config`.
    pub fn metadata_text(&self) -> Vec<u8> {
        let mut metadata = self.metadata.clone();
        if !self.requirements.is_empty() {
            let requirements = self.requirements.join(",");
            metadata.extend(format!("{{<<\"requirements\">>,[{requirements}]}}.\n").bytes());
        }
        metadata
    }

    /// The right inner checksum of what is in it.
    pub fn inner_checksum(&self) -> InnerChecksum {
        InnerChecksum::of(&self.version, &self.metadata_text(), &self.contents)
    }

    /// The four files as they would be without any change.
    pub fn parts(&self) -> [(&'static str, Vec<u8>); 4] {
        let right = self.inner_checksum().to_string().into_bytes();
        [
            ("VERSION", self.version.clone()),
            ("CHECKSUM", self.checksum.clone().unwrap_or(right)),
            ("metadata.config", self.metadata_text()),
            ("contents.tar.gz", self.contents.clone()),
        ]
    }

    /// The four entries as they would be without any change.
    pub fn entries(&self) -> Vec<Entry> {
        self.parts().iter().map(|(path, data)| Entry::file(path, data)).collect()
    }

    pub fn build(&self) -> Vec<u8> {
        let mut entries = self.entries();
        for change in &self.change {
            match change {
                Change::Without(name) => entries.retain(|entry| entry.path() != *name),
                Change::Replace(name, with) => {
                    let place = entries.iter().position(|entry| entry.path() == *name).unwrap();
                    entries.splice(place..=place, with.iter().cloned());
                }
                Change::Append(entry) => entries.push(Entry::clone(entry)),
                Change::Reverse => entries.reverse(),
            }
        }
        let mut archive = raw_tar::archive(&entries);
        archive.extend(&self.trailing);
        archive
    }
}
