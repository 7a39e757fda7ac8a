//! Why a change is refused.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use crate::ops::rejection::RejectionCause;
use crate::publish::dependencies::{DependencyFault, DependencyFaults};
use crate::registry::PUBLIC_REPOSITORY;
use crate::tarball::{self, FileName, MetadataError, MetadataFaults};
use crate::version::InvalidVersion;

/// Why a change is refused. Fields and messages are those of hex.pm's API, as far as it has the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such release (404).
    NoSuchRelease(FileName),
    /// The release has no documentation (404).
    NoDocs(FileName),
    /// A part of the request breaks a rule (422, `errors: {field: message}`).
    Field {
        /// `name`, `version`, `tar`, `inserted_at`, or `message` of a retirement.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Parts of a field break rules (422, `errors: {field: {part: message}}`).
    Parts {
        /// `requirements` or `meta`.
        field: &'static str,
        /// What is wrong with each part: by the package that is required, or by the key of the metadata.
        messages: BTreeMap<String, String>,
    },
}

impl Refusal {
    /// A refusal because of one part of the request.
    pub(super) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Field { field, message: message.into() }
    }

    /// A refusal because of dependencies.
    pub(super) fn requirements(faults: &DependencyFaults) -> Self {
        let messages = faults.iter().map(|fault| {
            let advice = match fault {
                DependencyFault::Requirement { .. } | DependencyFault::Absent { .. } => {
                    String::new()
                }
                DependencyFault::PublicNamesake { package, repository } => format!(
                    "; to require {repository}'s, add `repo: \"{repository}\"` to the dependency in mix.exs; to permit \
                     {PUBLIC_REPOSITORY}'s, start the server with --allow-public {package}"
                ),
            };
            (fault.package().to_owned(), format!("{fault}{advice}"))
        });
        Self::Parts { field: "requirements", messages: messages.collect() }
    }

    /// A refusal because of the metadata.
    fn metadata(faults: &MetadataFaults) -> Self {
        let messages = faults.iter().map(|(key, fault)| (key.to_owned(), fault.to_string()));
        Self::Parts { field: "meta", messages: messages.collect() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRelease(FileName { package, version }) => {
                write!(f, "there is no {package} {version}")
            }
            Self::NoDocs(FileName { package, version }) => {
                write!(f, "{package} {version} has no documentation")
            }
            Self::Field { field, message } => write!(f, "{field}: {message}"),
            Self::Parts { field, messages } => {
                let all: Vec<_> =
                    messages.iter().map(|(part, message)| format!("{part}: {message}")).collect();
                write!(f, "{field}: {}", all.join("; "))
            }
        }
    }
}

impl Error for Refusal {}

/// A tarball that is not sound.
impl From<&RejectionCause> for Refusal {
    fn from(cause: &RejectionCause) -> Self {
        if let RejectionCause::Tarball(tarball::Error::Metadata(error)) = cause {
            match error {
                MetadataError::Version(InvalidVersion::BuildMetadata(_)) => {
                    return Self::field("version", "build number not allowed");
                }
                MetadataError::Version(InvalidVersion::Syntax { .. }) => {
                    return Self::field("version", "is invalid SemVer");
                }
                MetadataError::Name(error) => return Self::field("name", error.to_string()),
                _ => {}
            }
        }
        match cause {
            RejectionCause::Dependencies(faults) => Self::requirements(faults),
            RejectionCause::Metadata(faults) => Self::metadata(faults),
            cause => Self::field("tar", chain(cause)),
        }
    }
}

/// The text of an error and its sources, outermost first.
pub(super) fn chain(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
