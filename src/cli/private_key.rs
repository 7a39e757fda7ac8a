//! Reads private keys from files, standard input and the environment.

use std::io;
use std::path::{Path, PathBuf};

use hexreg::key::{KeyError, PrivateKey, restore_pem};
use hexreg::regular_file;
use zeroize::Zeroizing;

use super::environment;
use super::failure::{Failure, chain};
use super::secret_file;

/// The variable that holds a key itself, for CI secrets.
pub const KEY_VARIABLE: &str = "HEXREG_PRIVATE_KEY";

/// The variable that holds the passphrase of an encrypted key.
pub const PASSPHRASE_VARIABLE: &str = "HEXREG_PRIVATE_KEY_PASSPHRASE";

/// The most bytes of a key that are read. The largest key that signs has 13,000 in PEM, with the longest names of its
/// algorithm and cipher.
const MAX_KEY: u64 = 1 << 20;

/// The source of a key.
pub enum KeySource {
    Path(PathBuf),
    StandardInput,
    Environment,
    /// The key itself.
    #[cfg(feature = "serve")]
    Text(Zeroizing<String>),
}

impl KeySource {
    /// The source that `--private-key` names, or else the environment.
    pub fn from_argument(argument: Option<&Path>) -> Result<Self, Failure> {
        match argument {
            Some(path) if path == Path::new("-") => Ok(Self::StandardInput),
            Some(path) => Ok(Self::Path(path.to_owned())),
            None if environment::text(KEY_VARIABLE)?.is_some() => Ok(Self::Environment),
            None => Err(Failure::environment("there is no private key to sign with").hint(format!(
                "give --private-key=PATH, --private-key=- for standard input, or the key itself in \
                 {KEY_VARIABLE}; `hexreg key new PATH` makes one"
            ))),
        }
    }

    /// The name of the source in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::StandardInput => "standard input".to_owned(),
            Self::Environment => KEY_VARIABLE.to_owned(),
            #[cfg(feature = "serve")]
            Self::Text(_) => "the key".to_owned(),
        }
    }

    /// The text of the key with its lines restored. It is wiped from memory when it is dropped.
    pub fn read(&self) -> Result<Zeroizing<String>, Failure> {
        let read = match self {
            Self::Path(path) => regular_file::read_given(path, MAX_KEY),
            Self::StandardInput => regular_file::read_to_limit(io::stdin().lock(), MAX_KEY),
            #[cfg(feature = "serve")]
            Self::Text(text) => return Ok(restore_pem(text)),
            Self::Environment => {
                let text = environment::text(KEY_VARIABLE)?.unwrap_or_default();
                return if is_path(&text) {
                    Err(Failure::environment(format!("{KEY_VARIABLE} holds a path, and not a key"))
                        .hint("give --private-key=PATH, or put the key itself into the variable"))
                } else {
                    Ok(restore_pem(&text))
                };
            }
        };
        let bytes = read.map(Zeroizing::new).map_err(|error| {
            Failure::environment(format!("could not read {}: {error}", self.name()))
        })?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.broken(&KeyError::NotPem))?;
        Ok(restore_pem(text))
    }

    /// Parses the private key in `pem`. Asks for the passphrase if it is needed and not in the environment.
    pub fn parse(&self, pem: &str) -> Result<PrivateKey, Failure> {
        match with_passphrase_of_environment(pem)? {
            Err(KeyError::PassphraseNeeded) => {
                let asked = self.ask_passphrase()?;
                PrivateKey::from_pem(pem, Some(&asked)).map_err(|error| self.broken(&error))
            }
            parsed => parsed.map_err(|error| self.broken(&error)),
        }
    }

    /// As [`parse`](Self::parse), for a program that runs without a user: it asks for no passphrase.
    #[cfg(feature = "serve")]
    pub fn parse_without_asking(&self, pem: &str) -> Result<PrivateKey, Failure> {
        with_passphrase_of_environment(pem)?.map_err(|error| match error {
            KeyError::PassphraseNeeded => Failure::environment(format!("{}: {error}", self.name()))
                .hint(format!("set {PASSPHRASE_VARIABLE}")),
            error => self.broken(&error),
        })
    }

    fn ask_passphrase(&self) -> Result<Zeroizing<String>, Failure> {
        let prompt = format!("Passphrase of {}: ", self.name());
        let answer = rpassword::prompt_password(prompt);
        answer.map(Zeroizing::new).map_err(|_| {
            Failure::environment(format!("{}: {}", self.name(), KeyError::PassphraseNeeded))
                .hint(format!("there is no terminal to ask on: set {PASSPHRASE_VARIABLE}"))
        })
    }

    /// The failure for a key that cannot be used.
    pub fn broken(&self, error: &KeyError) -> Failure {
        let failure = Failure::input(format!("{}: {}", self.name(), chain(error)));
        match error {
            KeyError::LegacyEncryption | KeyError::UnknownEncryption => failure.hint(format!(
                "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in {} -out new.pem",
                if let Self::Path(path) = self {
                    path.display().to_string()
                } else {
                    "FILE".to_owned()
                }
            )),
            KeyError::Unsupported { label } if label == "OPENSSH PRIVATE KEY" => {
                failure.hint("convert a copy of it: ssh-keygen -p -m PEM -f COPY")
            }
            KeyError::WrongPassphrase => failure.hint(format!(
                "the passphrase comes from {PASSPHRASE_VARIABLE}, else from the terminal"
            )),
            _ => failure,
        }
    }

    /// Refuses a key file in `public_dir`, where it would be published.
    pub fn refuse_inside(&self, public_dir: &Path) -> Result<(), Failure> {
        let Self::Path(path) = self else { return Ok(()) };
        if secret_file::lies_inside(path, public_dir) {
            return Err(Failure::environment(format!(
                "{} lies inside {}: a private key there would be published",
                path.display(),
                public_dir.display()
            ))
            .hint("move it out, and if the directory was ever served, make a new key"));
        }
        Ok(())
    }

    /// A warning if other users may read the file.
    pub fn exposure(&self) -> Option<String> {
        let Self::Path(path) = self else { return None };
        secret_file::exposure(path)
    }
}

fn with_passphrase_of_environment(pem: &str) -> Result<Result<PrivateKey, KeyError>, Failure> {
    let passphrase = environment::passphrase(PASSPHRASE_VARIABLE)?;
    Ok(PrivateKey::from_pem(pem, passphrase.as_deref().map(String::as_str)))
}

/// Whether a text is the path of a key and not a key: GitLab's variables of type File hold a path. Base64 has slashes as
/// well, so a text that begins like a path must be short, unless such a file exists.
fn is_path(text: &str) -> bool {
    let is_line = !text.contains(['\n', '\r', '\0']) && !text.contains("-----");
    let begins = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    let ends = [".pem", ".key", ".der", ".txt"].iter().any(|end| text.ends_with(end));
    is_line && (ends || (begins && text.len() < 256) || Path::new(text).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_distinguished_from_keys() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for path in ["/builds/acme.tmp/SIGNING_KEY", "./key", "keys/acme.pem", "~/acme", here] {
            assert!(is_path(path), "{path}");
        }
        let base64 = "/".to_owned() + &"AAAA".repeat(100);
        for text in ["", "secret", "-----BEGIN PRIVATE KEY-----", "a\n/b.pem", &base64] {
            assert!(!is_path(text), "{text}");
        }
    }
}
