//! SARIF 2.1.0 (OASIS), for code hosts and editors.

use std::path::Path;

use hexreg::ops::check::{Finding, FindingRule};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;

#[derive(Serialize)]
struct SarifLog {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [SarifRun; 1],
}

#[derive(Serialize)]
struct SarifRun {
    tool: SarifTool,
    invocations: [SarifInvocation; 1],
    results: Vec<SarifResult>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifInvocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<SarifNotification>,
}

#[derive(Serialize)]
struct SarifNotification {
    level: &'static str,
    message: SarifMessage,
}

#[derive(Serialize)]
struct SarifTool {
    driver: SarifDriver,
}

#[derive(Serialize)]
struct SarifDriver {
    name: &'static str,
    version: &'static str,
    rules: Vec<SarifRule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRule {
    id: &'static str,
    short_description: SarifMessage,
}

#[derive(Serialize)]
struct SarifMessage {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: SarifMessage,
    locations: [SarifLocation; 1],
    partial_fingerprints: SarifFingerprint,
}

/// Tells code hosts that a result is the one of a former run, if its line is another one since.
#[derive(Serialize)]
struct SarifFingerprint {
    #[serde(rename = "dependency/v1")]
    dependency: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifLocation {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: SarifRegion,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRegion {
    start_line: usize,
}

/// What a path has in a URI as it is.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Prints one run with all findings.
pub fn print(findings: &[Finding], warnings: &[String]) -> Result<(), Failure> {
    let notification = |text: &String| SarifNotification {
        level: "warning",
        message: SarifMessage { text: text.clone() },
    };
    let invocation = SarifInvocation {
        execution_successful: true,
        tool_execution_notifications: warnings.iter().map(notification).collect(),
    };
    print_run(invocation, findings)
}

/// Prints a run that could not check anything, for code hosts that are sent the file in any case.
pub fn print_failure(message: &str) -> Result<(), Failure> {
    let message = SarifMessage { text: message.to_owned() };
    let notification = SarifNotification { level: "error", message };
    let invocation = SarifInvocation {
        execution_successful: false,
        tool_execution_notifications: vec![notification],
    };
    print_run(invocation, &[])
}

fn print_run(invocation: SarifInvocation, findings: &[Finding]) -> Result<(), Failure> {
    let rules = FindingRule::ALL.into_iter().map(|rule| SarifRule {
        id: rule.id(),
        short_description: SarifMessage { text: rule.description().to_owned() },
    });
    let driver =
        SarifDriver { name: "hexreg", version: env!("CARGO_PKG_VERSION"), rules: rules.collect() };
    let run = SarifRun {
        tool: SarifTool { driver },
        invocations: [invocation],
        results: findings.iter().map(SarifResult::of).collect(),
    };
    output::json(&SarifLog {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [run],
    })
}

impl SarifResult {
    fn of(finding: &Finding) -> Self {
        let rule = finding.rule;
        let dependency = finding.dependency();
        let text = format!("{dependency}: {}. What to do: {}.", finding.message, finding.advice);
        let physical_location = PhysicalLocation {
            artifact_location: ArtifactLocation::of(Path::new(&finding.lock)),
            // A result without a line is not shown by code hosts.
            region: SarifRegion { start_line: finding.line.unwrap_or(1) },
        };
        Self {
            rule_id: rule.id(),
            rule_index: FindingRule::ALL
                .into_iter()
                .position(|one| one == rule)
                .unwrap_or_default(),
            level: "error",
            message: SarifMessage { text },
            locations: [SarifLocation { physical_location }],
            partial_fingerprints: SarifFingerprint {
                dependency: format!("{}:{}:{dependency}", finding.lock, rule.id()),
            },
        }
    }
}

impl ArtifactLocation {
    /// Code hosts know paths below the root of the checkout, where a check is run.
    fn of(path: &Path) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let path = path.strip_prefix(here).unwrap_or(path);
        let path = path.strip_prefix(".").unwrap_or(path);
        let uri = utf8_percent_encode(&path.to_string_lossy(), IN_PATH).to_string();
        if path.is_absolute() {
            return Self { uri: format!("file://{uri}"), uri_base_id: None };
        }
        Self { uri, uri_base_id: Some("%SRCROOT%") }
    }
}
