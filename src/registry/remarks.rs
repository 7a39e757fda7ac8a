//! What a registry remarks on releases beside what a client resolves with: hex.pm writes it, `hexreg
//! build` does not. Read for people alone.

use prost::Message;

use super::proto::{package, versions};
use super::{DecodeError, Payload};
use crate::package::UnixSeconds;

/// What `packages/NAME` remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remarks {
    /// On each release, in the order of [`Releases`](super::Releases).
    pub releases: Vec<ReleaseRemarks>,
    /// What is known of holes in some of them.
    pub advisories: Vec<Advisory>,
}

/// What is remarked on one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRemarks {
    /// Whether its author advises against it.
    pub retired: Option<Retired>,
    /// When it was published, in whole seconds.
    pub published_at: Option<UnixSeconds>,
    /// Which of [`Remarks::advisories`] concern it, as indexes that are all good.
    pub advisories: Vec<usize>,
}

/// Why nobody should use a release any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// `other`, `invalid`, `security`, `deprecated` or `renamed`; a number where it is none of these.
    pub reason: String,
    /// In its author's words.
    pub message: Option<String>,
}

/// A hole that was found in some releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Such as `GHSA-…`.
    pub id: String,
    /// In one line.
    pub summary: String,
    /// `none`, `low`, `medium`, `high` or `critical`; a number where it is none of these.
    pub severity: Option<String>,
    /// Where a person reads on.
    pub html_url: String,
}

/// What `versions` marks one version with, as its package says at greater length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its author advises against it.
    pub retired: bool,
    /// A hole in it is known.
    pub with_advisories: bool,
}

impl Remarks {
    /// What the payload of `packages/NAME` remarks.
    ///
    /// # Errors
    /// [`DecodeError`] for another message, or one that points at an advisory that is not there.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        Self::of(&package::Package::decode(payload.as_bytes())?)
    }

    pub(super) fn of(message: &package::Package) -> Result<Self, DecodeError> {
        let count = message.advisories.len();
        let releases = message.releases.iter().map(|release| remarks(release, count));
        Ok(Self {
            releases: releases.collect::<Result<_, _>>()?,
            advisories: message.advisories.iter().map(advisory).collect(),
        })
    }
}

impl ReleaseRemarks {
    /// What `versions` marks the release with.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { retired: self.retired.is_some(), with_advisories: !self.advisories.is_empty() }
    }
}

fn remarks(release: &package::Release, advisories: usize) -> Result<ReleaseRemarks, DecodeError> {
    let indexes = release.advisory_indexes.iter().map(|index| {
        let index = usize::try_from(*index).ok().filter(|index| *index < advisories);
        index.ok_or(DecodeError::Index)
    });
    Ok(ReleaseRemarks {
        retired: release.retired.as_ref().map(retired),
        published_at: release.published_at.as_ref().map(|time| UnixSeconds(time.seconds)),
        advisories: indexes.collect::<Result<_, _>>()?,
    })
}

fn retired(status: &package::RetirementStatus) -> Retired {
    use package::RetirementReason as Reason;
    let reason = match Reason::try_from(status.reason) {
        Ok(Reason::RetiredOther) => "other".to_owned(),
        Ok(Reason::RetiredInvalid) => "invalid".to_owned(),
        Ok(Reason::RetiredSecurity) => "security".to_owned(),
        Ok(Reason::RetiredDeprecated) => "deprecated".to_owned(),
        Ok(Reason::RetiredRenamed) => "renamed".to_owned(),
        Err(_) => status.reason.to_string(),
    };
    Retired { reason, message: status.message.clone() }
}

fn advisory(message: &package::SecurityAdvisory) -> Advisory {
    use package::AdvisorySeverity as Severity;
    let severity = message.severity.map(|severity| match Severity::try_from(severity) {
        Ok(Severity::SeverityNone) => "none".to_owned(),
        Ok(Severity::SeverityLow) => "low".to_owned(),
        Ok(Severity::SeverityMedium) => "medium".to_owned(),
        Ok(Severity::SeverityHigh) => "high".to_owned(),
        Ok(Severity::SeverityCritical) => "critical".to_owned(),
        Err(_) => severity.to_string(),
    });
    Advisory {
        id: message.id.clone(),
        summary: message.summary.clone(),
        severity,
        html_url: message.html_url.clone(),
    }
}

impl Marks {
    /// The marks of each package's versions, in the order of [`Versions`](super::Versions).
    ///
    /// # Errors
    /// [`DecodeError`] for another message, or one that marks a version that is not there.
    pub fn decode(payload: &Payload) -> Result<Vec<Vec<Self>>, DecodeError> {
        let message = versions::Versions::decode(payload.as_bytes())?;
        message.packages.iter().map(marks).collect()
    }
}

fn marks(package: &versions::Package) -> Result<Vec<Marks>, DecodeError> {
    let mut marks = vec![Marks::default(); package.versions.len()];
    let mut mark = |index: i32, set: fn(&mut Marks)| {
        let marked = usize::try_from(index).ok().and_then(|index| marks.get_mut(index));
        marked.map(set).ok_or(DecodeError::Index)
    };
    for index in &package.retired {
        mark(*index, |marks| marks.retired = true)?;
    }
    for index in &package.with_advisories {
        mark(*index, |marks| marks.with_advisories = true)?;
    }
    Ok(marks)
}
