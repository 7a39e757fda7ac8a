//! What upstream said of a release, and says no longer.

use std::fmt;

use crate::package::RetirementReason;
use crate::tarball::FileName;

/// Something that upstream said of a release, and says no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Of which release.
    pub release: FileName,
    /// What it said.
    pub remark: WithdrawnRemark,
}

/// What upstream said of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawnRemark {
    /// That it is retired, for this reason.
    Retired(RetirementReason),
    /// That the advisory with this identifier concerns it.
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
