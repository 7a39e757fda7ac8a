//! Converts between [`Remarks`] and the messages of `packages/NAME`.

use std::collections::HashMap;
use std::sync::Arc;

use super::kept::Kept;
use super::proto::package as proto;
use super::{DecodeError, timestamp};
use crate::package::{
    Advisory, Release, Remarks, Retirement, RetirementReason, Severity, UnknownInRelease,
};

/// The advisories of a package, each once. Releases refer to them by index.
pub(super) struct Advisories<'a> {
    in_order: Vec<&'a Advisory>,
    indexes: HashMap<&'a Advisory, u32>,
}

impl<'a> Advisories<'a> {
    /// The advisories of all releases, in the order of their first occurrence.
    pub fn of(releases: &'a [Release]) -> Self {
        let (mut in_order, mut indexes) = (Vec::new(), HashMap::new());
        for advisory in releases.iter().flat_map(|release| &release.remarks.advisories) {
            let next = u32::try_from(in_order.len()).unwrap_or(u32::MAX);
            indexes.entry(&**advisory).or_insert_with(|| {
                in_order.push(&**advisory);
                next
            });
        }
        Self { in_order, indexes }
    }

    /// The advisories in order.
    pub fn into_iter(self) -> impl Iterator<Item = &'a Advisory> {
        self.in_order.into_iter()
    }

    /// The indexes of the advisories of a release.
    pub fn indexes(&self, remarks: &Remarks) -> Vec<u32> {
        let indexes = remarks.advisories.iter().map(|one| self.indexes.get(&**one).copied());
        indexes.flatten().collect()
    }

    /// The messages of the advisories in order.
    pub fn encode(&self) -> Vec<Kept<proto::SecurityAdvisory>> {
        self.in_order.iter().copied().map(encode_advisory).collect()
    }
}

/// Takes the remarks out of the message of a release. Their unknown fields are not set.
pub(super) fn decode(
    release: &mut proto::Release,
    advisories: &[Arc<Advisory>],
) -> Result<Remarks, DecodeError> {
    let concerned = release.advisory_indexes.iter().map(|index| {
        let found = usize::try_from(*index).ok().and_then(|index| advisories.get(index));
        found.cloned().ok_or(DecodeError::Index)
    });
    Ok(Remarks {
        advisories: concerned.collect::<Result<_, _>>()?,
        retired: release.retired.take().map(decode_retirement),
        published_at: release.published_at.take().map(timestamp::decode),
        unknown: UnknownInRelease::default(),
    })
}

pub(super) fn encode_retirement(retirement: &Retirement) -> Kept<proto::RetirementStatus> {
    let Retirement { reason, message, unknown } = retirement;
    let status = proto::RetirementStatus { reason: reason.number(), message: message.clone() };
    Kept::with(status, unknown)
}

fn decode_retirement(status: Kept<proto::RetirementStatus>) -> Retirement {
    let (status, unknown) = status.into_parts();
    let reason = RetirementReason::from_number(status.reason);
    Retirement { reason, message: status.message, unknown }
}

fn encode_advisory(advisory: &Advisory) -> Kept<proto::SecurityAdvisory> {
    let message = proto::SecurityAdvisory {
        id: advisory.id.clone(),
        summary: advisory.summary.clone(),
        html_url: advisory.html_url.clone(),
        severity: advisory.severity.map(Severity::number),
        cvss_score: advisory.cvss_score.map(Into::into),
        api_url: advisory.api_url.clone(),
        aliases: advisory.aliases.clone(),
    };
    Kept::with(message, &advisory.unknown)
}

pub(super) fn decode_advisory(message: Kept<proto::SecurityAdvisory>) -> Advisory {
    let (message, unknown) = message.into_parts();
    Advisory {
        id: message.id,
        summary: message.summary,
        severity: message.severity.map(Severity::from_number),
        cvss_score: message.cvss_score.map(Into::into),
        html_url: message.html_url,
        api_url: message.api_url,
        aliases: message.aliases,
        unknown,
    }
}
