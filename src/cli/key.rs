//! `hexreg key`

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use hexreg::key::{KeyError, NewKeyBits, PrivateKey, PublicKey};
use hexreg::store::flush_folder;

use super::failure::Failure;
use super::output;
use super::private_key::KeySource;

/// Make and show the keys that sign registries
#[derive(clap::Subcommand)]
pub enum KeyCommand {
    New(New),
    Show(Show),
}

/// Make a new private key
///
/// The file is readable by its owner alone. One that exists is never overwritten.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg key new acme.pem
  hexreg key new acme.pem --bits 4096

Keep the key out of the directory that is served, and keep a copy: without it every client has to
be given a new public_key.")]
pub struct New {
    /// The file to make
    path: PathBuf,
    /// The size of the RSA modulus; verifying and signing slow down as it grows
    #[arg(long, value_enum, default_value_t = Bits::B2048)]
    bits: Bits,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bits {
    #[value(name = "2048")]
    B2048,
    #[value(name = "3072")]
    B3072,
    #[value(name = "4096")]
    B4096,
}

/// Print a key's size and fingerprint
///
/// The fingerprint is what `mix hex.repo list` prints, and what `ssh-keygen -lf` prints of the same
/// key.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg key show acme.pem
  hexreg key show acme.pem --public > acme_public.pem
  hexreg key show public/public_key")]
pub struct Show {
    /// A private or a public key in PEM; `-` reads standard input
    path: PathBuf,
    /// Print the public key in PEM, as in the public_key of a registry
    #[arg(long)]
    public: bool,
}

impl KeyCommand {
    /// Runs the subcommand.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::New(args) => args.run(),
            Self::Show(args) => args.run(),
        }
    }
}

impl New {
    fn run(self) -> Result<(), Failure> {
        let bits = match self.bits {
            Bits::B2048 => NewKeyBits::Bits2048,
            Bits::B3072 => NewKeyBits::Bits3072,
            Bits::B4096 => NewKeyBits::Bits4096,
        };
        let path = self.path.display();
        let failed = |error: KeyError| Failure::environment(format!("{path}: {error}"));
        // The file comes first: generating a key takes time, and this may fail.
        let file = create_private(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::environment(format!(
                "{path} exists already, and keys are never overwritten"
            ))
            .hint("give another path; `hexreg key show` prints the fingerprint of this key"),
            _ => Failure::environment(format!("could not create {path}: {error}")),
        })?;
        let made = PrivateKey::generate(bits).and_then(|key| Ok((key.to_pem()?, key)));
        let (pem, key) = made.inspect_err(|_| discard(&self.path)).map_err(failed)?;
        write(file, pem.as_bytes())
            .and_then(|()| flush_entry(&self.path))
            .inspect_err(|_| discard(&self.path))
            .map_err(|error| Failure::environment(format!("could not write {path}: {error}")))?;
        output::line(&format!("* creating {path}"))?;
        describe(key.public_key())
    }
}

/// Creates a file that only its owner may read. Fails if the path exists.
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// Flushes the directory, so that the file exists after a power failure.
fn flush_entry(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    flush_folder(directory.unwrap_or(Path::new(".")))
}

/// Removes a file that this run created and could not fill. The error of that is the one to report.
fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let source = KeySource::from_argument(Some(&self.path))?;
        let pem = source.read()?;
        let key = match PublicKey::from_pem(&pem) {
            Err(KeyError::PrivateKey) => source.parse(&pem)?.public_key().clone(),
            parsed => parsed.map_err(|error| source.broken(&error))?,
        };
        if self.public {
            return output::raw(key.to_pem().as_bytes());
        }
        describe(&key)
    }
}

fn describe(key: &PublicKey) -> Result<(), Failure> {
    output::line(&format!("size:        RSA, {} bits", key.bits()))?;
    output::line(&format!("fingerprint: {}", key.fingerprint()))
}
