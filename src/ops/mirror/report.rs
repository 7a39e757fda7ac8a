//! The result of a run.

use super::file_error::NotMirrored;
use super::git::GitMirror;
use super::missing_docs::MissingDocs;
use super::selection::LeftOut;
use crate::publish::withdrawn::Withdrawn;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of selected packages.
    pub packages: usize,
    /// The number of selected releases.
    pub releases: usize,
    /// The number of HTTP requests, with retries.
    pub requests: u64,
    /// How many of the requests were retries.
    pub retries: u64,
    /// The number of bytes in received bodies.
    pub bytes: u64,
    /// What was not mirrored, and why.
    pub failures: Vec<NotMirrored>,
    /// Retirements and advisories of mirrored releases that upstream has withdrawn. The mirror follows upstream.
    pub withdrawn: Vec<Withdrawn>,
    /// Dependencies in lock files that upstream does not have.
    pub left_out: Vec<LeftOut>,
    /// Documentation that mirrored documentation links to, of packages that have none here.
    pub missing_docs: Vec<MissingDocs>,
    /// How many archives of documentation were not looked through for links, as that took too long. The next run does.
    pub unread_docs: usize,
    /// Mirrored git repositories.
    pub git: Vec<GitMirror>,
}
