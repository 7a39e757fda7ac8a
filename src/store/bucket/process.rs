//! Keys that a program prints: `credential_process` of a profile.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::AwsCredential;
use tokio::process::Command;

use super::credentials::{Issuer, Lease};
use super::key_json;
use super::setting::Setting;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command of a shell.
#[derive(Debug)]
pub(super) struct Process(pub Setting);

#[async_trait]
impl Issuer<AwsCredential> for Process {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let origin = self.0.origin();
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.0.value());
        // No person is there to answer it.
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output
            .map_err(|_| format!("the program in {origin} takes longer than a minute"))?
            .map_err(|error| format!("could not run the program in {origin}: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            let last = last.map_or_else(String::new, |line| format!(": {}", line.trim()));
            return Err(format!("the program in {origin} ended with {}{last}", output.status));
        }
        key_json::lease(&output.stdout)
            .map_err(|wrong| format!("what the program in {origin} prints is not keys: {wrong}"))
    }
}
