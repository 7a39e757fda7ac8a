//! The signed documents of a repository, and the checks that each passes before it is believed.

use super::file::open;
use super::key::TrustedKeys;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::Policy;
use crate::registry::{
    DecodeError, Names, Payload, Releases, Resource, SignedError, SignedFile, Versions,
};

/// A resource as it is decoded.
pub(crate) trait Document: Sized {
    /// Tells one document of this kind from another: the name of a package or policy, nothing for an index.
    type Name;

    /// The resource that such a document is.
    fn resource(name: &Self::Name) -> Resource;

    /// Decodes its message.
    fn decode(payload: &Payload) -> Result<Self, DecodeError>;

    /// The repository that the document says it is of.
    fn repository(&self) -> &RepositoryName;

    /// Fails if the document is that of another package or policy.
    fn check_name(&self, name: &Self::Name) -> Result<(), DocumentError>;
}

/// Why a file is not the document that it should be.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is too large, damaged, or not signed by a trusted key.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// It is signed, and another message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is a document of another repository.
    #[error("it is of the repository {found}, not of {expected}")]
    OtherRepository { found: RepositoryName, expected: RepositoryName },
    /// It is the document of another package.
    #[error("it is of the package {0}")]
    OtherPackage(PackageName),
    /// It is another policy.
    #[error("it is the policy {0}")]
    OtherPolicy(PolicyName),
}

impl Document for Names {
    type Name = ();

    fn resource((): &()) -> Resource {
        Resource::Names
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        Self::decode(payload)
    }

    fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    fn check_name(&self, (): &()) -> Result<(), DocumentError> {
        Ok(())
    }
}

impl Document for Versions {
    type Name = ();

    fn resource((): &()) -> Resource {
        Resource::Versions
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        Self::decode(payload)
    }

    fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    fn check_name(&self, (): &()) -> Result<(), DocumentError> {
        Ok(())
    }
}

impl Document for Releases {
    type Name = PackageName;

    fn resource(name: &PackageName) -> Resource {
        Resource::Package(name.clone())
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        Self::decode(payload)
    }

    fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    fn check_name(&self, name: &PackageName) -> Result<(), DocumentError> {
        if self.package == *name {
            Ok(())
        } else {
            Err(DocumentError::OtherPackage(self.package.clone()))
        }
    }
}

impl Document for Policy {
    type Name = PolicyName;

    fn resource(name: &PolicyName) -> Resource {
        Resource::Policy(name.clone())
    }

    fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        Self::decode(payload)
    }

    fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    fn check_name(&self, name: &PolicyName) -> Result<(), DocumentError> {
        if self.name == *name { Ok(()) } else { Err(DocumentError::OtherPolicy(self.name.clone())) }
    }
}

/// The bytes of a document, in memory, of which nothing is believed until [`check`](Self::check).
pub(crate) struct UncheckedDocument<'a, D: Document> {
    file: SignedFile<'a>,
    name: &'a D::Name,
}

impl<'a, D: Document> UncheckedDocument<'a, D> {
    /// Inflates the file through a small window, without keeping a payload that is large.
    pub fn new(bytes: &'a [u8], name: &'a D::Name) -> Result<Self, DocumentError> {
        let file = open(&D::resource(name), bytes)?;
        Ok(Self { file, name })
    }

    /// How many bytes [`check`](Self::check) may take while it decodes them.
    pub fn payload_size(&self) -> usize {
        self.file.payload_size()
    }

    /// The document, if a trusted key signed it, it is of `repository` where one is given, and it is the one that was
    /// asked for.
    pub fn check(
        &self,
        keys: &TrustedKeys,
        repository: Option<&RepositoryName>,
    ) -> Result<D, DocumentError> {
        let document = D::decode(&keys.verify(&self.file)?)?;
        if let Some(expected) = repository.filter(|expected| *expected != document.repository()) {
            let (found, expected) = (document.repository().clone(), expected.clone());
            return Err(DocumentError::OtherRepository { found, expected });
        }
        document.check_name(self.name)?;
        Ok(document)
    }
}
