//! Packages and their releases, in Hex's own words.

pub(crate) mod merge;
mod numbered_enum;
mod release;
mod remarks;
mod timestamp;

pub(crate) use numbered_enum::numbered_enum;
pub use release::{Dependency, DuplicateRelease, Package, Release, Requirement};
pub use remarks::{
    Advisory, CvssScore, InvalidReason, Marks, Remarks, Retirement, RetirementReason, Severity,
    UnknownInRelease,
};
pub use timestamp::{Timestamp, UnixSeconds};
