//! The configuration of a mirrored repository, which is written before each use: git would run programs that it names.

use std::fmt;

/// What hexreg reads and writes of it. The rest of the file is ignored and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    pub hash: Hash,
    /// The user in whose home directory upstream has the repository, if its path is relative to one.
    pub home: Option<String>,
}

/// The hash function of commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hash {
    #[default]
    Sha1,
    Sha256,
}

impl Hash {
    /// The hash function of a repository that has this commit.
    pub fn of_revision(revision: &str) -> Self {
        if revision.len() == 64 { Self::Sha256 } else { Self::Sha1 }
    }
}

impl Configuration {
    /// Reads the file, which may be written by git, hexreg or an attacker.
    pub fn parse(text: &str) -> Self {
        let mut this = Self::default();
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_ascii_lowercase();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match (section.as_str(), key.as_str()) {
                ("extensions", "objectformat") if value == "sha256" => this.hash = Hash::Sha256,
                ("hexreg", "home") if is_user(value) => this.home = Some(value.to_owned()),
                _ => {}
            }
        }
        this
    }
}

/// Whether a text is a user's name as in URLs, which needs no quotes.
fn is_user(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/@._-~+%*".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

/// The text of the configuration file.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.hash {
            Hash::Sha1 => 0,
            Hash::Sha256 => 1,
        };
        writeln!(f, "# hexreg writes this file anew before each use: changes are lost.")?;
        writeln!(f, "[core]\n\trepositoryformatversion = {version}\n\tbare = true")?;
        if self.hash == Hash::Sha256 {
            writeln!(f, "[extensions]\n\tobjectformat = sha256")?;
        }
        match &self.home {
            Some(home) => writeln!(f, "[hexreg]\n\thome = {home}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_configuration_is_read_again() {
        for hash in [Hash::Sha1, Hash::Sha256] {
            for home in [None, Some("alice".to_owned())] {
                let configuration = Configuration { hash, home };
                assert_eq!(Configuration::parse(&configuration.to_string()), configuration);
            }
        }
    }

    #[test]
    fn other_settings_are_ignored() {
        let planted = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\tsshCommand = evil\n\
                       [include]\n\tpath = /tmp/evil\n[Extensions]\n\tobjectFormat = sha256\n\
                       \tpartialClone = evil\n[hexreg]\n\thome = a\"b\n[hexreg \"x\"]\n\thome = c\n";
        let expected = Configuration { hash: Hash::Sha256, home: None };
        assert_eq!(Configuration::parse(planted), expected);
        let text = expected.to_string();
        assert!(!text.contains("evil") && !text.contains("home"), "{text}");
        assert_eq!(Configuration::parse("\u{0}\u{ff}[[[\n=\n"), Configuration::default());
    }
}
