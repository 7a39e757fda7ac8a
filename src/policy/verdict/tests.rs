use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::*;
use crate::package::{Retirement, Timestamp};
use crate::registry::Payload;
use crate::unknown_fields::UnknownFields;

/// What Hex itself encoded and judged: see `fixtures/README.md`.
#[derive(Deserialize)]
struct Vectors {
    now: i64,
    policies: Vec<PolicyVector>,
}

#[derive(Deserialize)]
struct PolicyVector {
    policy: String,
    cases: Vec<CaseVector>,
}

#[derive(Debug, Deserialize)]
struct CaseVector {
    repository: String,
    package: String,
    version: String,
    advisories: Vec<AdvisoryVector>,
    retired: Option<i32>,
    published_at: Option<i64>,
    reasons: Vec<String>,
    overrides: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AdvisoryVector {
    id: String,
    aliases: Vec<String>,
    severity: Option<i32>,
}

impl CaseVector {
    fn remarks(&self) -> Remarks {
        let advisory = |one: &AdvisoryVector| Advisory {
            id: one.id.clone(),
            summary: String::new(),
            severity: one.severity.map(Severity::from_number),
            cvss_score: None,
            html_url: String::new(),
            api_url: String::new(),
            aliases: one.aliases.clone(),
            unknown: UnknownFields::default(),
        };
        let retired = self.retired.map(RetirementReason::from_number);
        Remarks {
            retired: retired.map(|reason| Retirement::new(reason, None)),
            published_at: self.published_at.map(|seconds| Timestamp::from(UnixSeconds(seconds))),
            advisories: self.advisories.iter().map(|one| Arc::new(advisory(one))).collect(),
            ..Remarks::default()
        }
    }
}

fn word(reason: &BlockReason) -> String {
    match reason {
        BlockReason::Denied => "denied".to_owned(),
        BlockReason::Advisory { .. } => "advisory".to_owned(),
        BlockReason::Retired(_) => "retired".to_owned(),
        BlockReason::Cooldown { until, .. } => {
            let until = jiff::Timestamp::from_second(until.unwrap().0).unwrap();
            format!("cooldown {}", until.strftime("%Y-%m-%d"))
        }
    }
}

#[test]
fn verdicts_and_bytes_are_those_of_hex() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/policies/verdicts.json");
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let now = UnixSeconds(vectors.now);
    let mut blocked = 0_usize;
    for vector in &vectors.policies {
        let bytes = data_encoding::HEXLOWER.decode(vector.policy.as_bytes()).unwrap();
        let policy = Policy::decode(&Payload::from_bytes(bytes.clone().into())).unwrap();
        assert_eq!(policy.encode().as_bytes(), bytes);
        for case in &vector.cases {
            let (version, remarks) = (case.version.parse().unwrap(), case.remarks());
            let candidate = Candidate {
                repository: &case.repository,
                package: &case.package,
                version: &version,
                remarks: &remarks,
            };
            let verdict = policy.verdict(&candidate, now);
            let mut reasons: Vec<_> = verdict.reasons.iter().map(word).collect();
            reasons.sort();
            assert_eq!(reasons, case.reasons, "{policy:#?}\n{case:#?}");
            let overrides = verdict.overrides.iter();
            let mut overrides: Vec<_> = overrides.map(|one| one.action.to_string()).collect();
            overrides.sort();
            assert_eq!(overrides, case.overrides, "{policy:#?}\n{case:#?}");
            blocked += usize::from(!verdict.is_allowed());
        }
    }
    assert!(blocked > 40, "{blocked}");
}

#[test]
fn reasons_say_what_clients_do_not() {
    for (reason, text) in [
        (BlockReason::Denied, "the policy denies it"),
        (
            BlockReason::Advisory { minimum: Severity::None, ids: vec!["GHSA-1".to_owned()] },
            "it has a security advisory: GHSA-1",
        ),
        (
            BlockReason::Advisory {
                minimum: Severity::High,
                ids: vec!["GHSA-1".to_owned(), "CVE-2".to_owned()],
            },
            "it has a security advisory of severity high or above: GHSA-1, CVE-2",
        ),
        (BlockReason::Retired(RetirementReason::Security), "it is retired (security)"),
        (
            BlockReason::Cooldown {
                duration: "7d".to_owned(),
                until: Some(UnixSeconds(1_790_000_000)),
            },
            "it was published less than 7d ago: old enough on 2026-09-21",
        ),
        (
            BlockReason::Cooldown { duration: "1000mo".to_owned(), until: Some(UnixSeconds(9)) },
            "the policy does not allow it (only what is on its list)",
        ),
        (
            BlockReason::Cooldown { duration: "9999999999mo".to_owned(), until: None },
            "it was published less than 9999999999mo ago",
        ),
    ] {
        assert_eq!(reason.to_string(), text);
    }
}
