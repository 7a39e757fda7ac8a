//! Retirements and advisories that upstream has withdrawn.

use std::fmt;

use crate::package::RetirementReason;
use crate::tarball::FileName;

/// A remark that upstream has withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The release.
    pub release: FileName,
    /// The remark.
    pub remark: WithdrawnRemark,
}

/// A remark about a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawnRemark {
    /// It is retired, for this reason.
    Retired(RetirementReason),
    /// The advisory with this identifier concerns it.
    Advisory(String),
}

impl fmt::Display for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release: FileName { package, version }, remark } = self;
        match remark {
            WithdrawnRemark::Retired(reason) => {
                write!(f, "upstream no longer says that {package} {version} is retired ({reason})")
            }
            WithdrawnRemark::Advisory(id) => {
                write!(f, "upstream no longer says that {id} concerns {package} {version}")
            }
        }
    }
}
