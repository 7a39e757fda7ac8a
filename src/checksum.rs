//! The two checksums of a release, as two types, so that one cannot be used for the other.

use std::fmt;
use std::io;

use data_encoding::{HEXUPPER, HEXUPPER_PERMISSIVE};
use sha2::{Digest, Sha256};

/// SHA-256 over VERSION, metadata.config and contents.tar.gz, concatenated.
///
/// The file CHECKSUM in the tarball holds it. The Hex specification calls it deprecated; clients still compare it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InnerChecksum([u8; 32]);

/// SHA-256 over the whole tarball as it is served. Lock files pin it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OuterChecksum([u8; 32]);

impl InnerChecksum {
    /// Hashes the three parts in the order of the Hex specification.
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

/// Hashes a tarball piece by piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct OuterHasher(Sha256);

impl OuterHasher {
    /// The checksum of all that was written.
    #[must_use]
    pub(crate) fn finish(self) -> OuterChecksum {
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

/// What both types have.
macro_rules! checksum {
    ($name:ident) => {
        impl $name {
            /// The checksum in these 32 bytes, as a signed message has it.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Reads 64 hex digits of either case, the form of CHECKSUM and lock files; `None` for anything else.
            #[must_use]
            pub(crate) fn from_hex(digits: &[u8]) -> Option<Self> {
                let bytes = HEXUPPER_PERMISSIVE.decode(digits).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }

            /// Its first twelve digits, for messages.
            #[must_use]
            pub(crate) fn excerpt(&self) -> String {
                self.to_string().chars().take(12).collect()
            }

            /// The 32 bytes, as a signed message has them.
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
