//! The two checksums of a release, as two types so that they cannot be swapped.

use std::fmt;
use std::io;

use data_encoding::{HEXUPPER, HEXUPPER_PERMISSIVE};
use sha2::{Digest, Sha256};

/// SHA-256 over VERSION, metadata.config and contents.tar.gz, concatenated.
///
/// The tarball carries it in CHECKSUM. Hex calls it deprecated, yet every client still compares it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InnerChecksum([u8; 32]);

/// SHA-256 over the whole tarball as it is served: what lock files pin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OuterChecksum([u8; 32]);

impl InnerChecksum {
    /// Hashes the three parts in the order in which Hex does.
    #[must_use]
    pub fn of(version: &[u8], metadata: &[u8], contents: &[u8]) -> Self {
        let digest =
            Sha256::new().chain_update(version).chain_update(metadata).chain_update(contents);
        Self(digest.finalize().into())
    }
}

impl OuterChecksum {
    /// Hashes a whole tarball.
    #[must_use]
    pub fn of(tarball: &[u8]) -> Self {
        Self(Sha256::digest(tarball).into())
    }
}

/// Hashes a tarball that comes piece by piece.
#[derive(Clone, Debug, Default)]
pub struct OuterHasher(Sha256);

impl OuterHasher {
    /// The checksum of all that was written.
    #[must_use]
    pub fn finish(self) -> OuterChecksum {
        OuterChecksum(self.0.finalize().into())
    }
}

impl io::Write for OuterHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the two have in common.
macro_rules! checksum {
    ($name:ident) => {
        impl $name {
            /// Takes 32 bytes as a registry holds them.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Reads 64 hex digits of either case, as CHECKSUM and lock files hold them; `None` for
            /// anything else.
            #[must_use]
            pub fn from_hex(digits: &[u8]) -> Option<Self> {
                let bytes = HEXUPPER_PERMISSIVE.decode(digits).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }

            /// Its first twelve digits, to be told apart by in a message.
            #[must_use]
            pub fn excerpt(&self) -> String {
                self.to_string().chars().take(12).collect()
            }

            /// The 32 bytes as a registry holds them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        /// 64 uppercase hex digits, as Hex prints them.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXUPPER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

checksum!(InnerChecksum);
checksum!(OuterChecksum);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_the_concatenation() {
        assert_eq!(
            InnerChecksum::of(b"3", b"ab", b"c").as_bytes(),
            OuterChecksum::of(b"3abc").as_bytes()
        );
    }

    #[test]
    fn reads_either_case_and_nothing_else() {
        let checksum = InnerChecksum::of(b"3", b"", b"");
        let upper = checksum.to_string();
        assert_eq!(InnerChecksum::from_hex(upper.as_bytes()), Some(checksum));
        assert_eq!(InnerChecksum::from_hex(upper.to_lowercase().as_bytes()), Some(checksum));
        for bad in ["", &format!("{upper}\n"), &format!("{upper}00"), &"G".repeat(64)] {
            assert_eq!(InnerChecksum::from_hex(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
