//! `/policies/NAME`: which releases may be resolved in a project that names the policy.

use prost::Message;

use super::kept::Kept;
use super::proto::policy as proto;
use super::{DecodeError, Payload};
use crate::package::{RetirementReason, Severity};
use crate::policy::{
    Override, OverrideAction, PackageRef, Policy, RepositoryPolicy, Restriction, Visibility,
};

impl Policy {
    /// The encoded message, to be signed.
    #[must_use]
    pub fn encode(&self) -> Payload {
        let message = proto::Policy {
            repository: self.repository.to_string(),
            name: self.name.to_string(),
            description: self.description.clone(),
            visibility: self.visibility.number(),
            repositories: self.repositories.iter().map(encode_repository).collect(),
        };
        Payload::encode(&Kept::with(message, &self.unknown))
    }

    /// Decodes the message; the inverse of [`encode`](Self::encode).
    ///
    /// # Errors
    /// [`DecodeError`] if it is another message or has an invalid name.
    pub fn decode(payload: &Payload) -> Result<Self, DecodeError> {
        let message = Kept::<proto::Policy>::decode(payload.as_bytes())?;
        let (message, unknown) = message.into_parts();
        Ok(Self {
            repository: message.repository.parse()?,
            name: message.name.parse()?,
            description: message.description,
            visibility: Visibility::from_number(message.visibility),
            repositories: message.repositories.into_iter().map(decode_repository).collect(),
            unknown,
        })
    }
}

fn encode_repository(part: &RepositoryPolicy) -> Kept<proto::RepositoryPolicy> {
    let message = proto::RepositoryPolicy {
        repository: part.repository.clone(),
        restriction: part.restriction.as_ref().map(encode_restriction),
        overrides: part.overrides.iter().map(encode_override).collect(),
    };
    Kept::with(message, &part.unknown)
}

fn decode_repository(message: Kept<proto::RepositoryPolicy>) -> RepositoryPolicy {
    let (message, unknown) = message.into_parts();
    RepositoryPolicy {
        repository: message.repository,
        restriction: message.restriction.map(decode_restriction),
        overrides: message.overrides.into_iter().map(decode_override).collect(),
        unknown,
    }
}

fn encode_restriction(restriction: &Restriction) -> Kept<proto::Restriction> {
    let reasons = restriction.retirement_reasons.iter();
    let message = proto::Restriction {
        advisory_min_severity: restriction.advisory_min_severity.map(Severity::number),
        retirement_reasons: reasons.map(|reason| reason.number()).collect(),
        cooldown: restriction.cooldown.clone(),
    };
    Kept::with(message, &restriction.unknown)
}

fn decode_restriction(message: Kept<proto::Restriction>) -> Restriction {
    let (message, unknown) = message.into_parts();
    let reasons = message.retirement_reasons.into_iter();
    Restriction {
        advisory_min_severity: message.advisory_min_severity.map(Severity::from_number),
        retirement_reasons: reasons.map(RetirementReason::from_number).collect(),
        cooldown: message.cooldown,
        unknown,
    }
}

fn encode_override(exception: &Override) -> Kept<proto::Override> {
    let package = &exception.package;
    let reference = proto::PackageRef {
        package: package.package.clone(),
        requirement: package.requirement.clone(),
    };
    let message = proto::Override {
        action: exception.action.number(),
        r#ref: Kept::with(reference, &package.unknown),
        advisory_id: exception.advisory_id.clone(),
        retirement_reason: exception.retirement_reason.map(RetirementReason::number),
        comment: exception.comment.clone(),
    };
    Kept::with(message, &exception.unknown)
}

fn decode_override(message: Kept<proto::Override>) -> Override {
    let (message, unknown) = message.into_parts();
    let (reference, unknown_of_reference) = message.r#ref.into_parts();
    Override {
        action: OverrideAction::from_number(message.action),
        package: PackageRef {
            package: reference.package,
            requirement: reference.requirement,
            unknown: unknown_of_reference,
        },
        advisory_id: message.advisory_id,
        retirement_reason: message.retirement_reason.map(RetirementReason::from_number),
        comment: message.comment,
        unknown,
    }
}
