//! Keys that a program prints: `credential_process` of a profile.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::AwsCredential;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::credentials::{Issuer, Lease};
use super::key_json;
use super::setting::Setting;

/// How long a program may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The largest output of a program, in bytes.
const MAX_OUTPUT: u64 = 1 << 20;

/// A shell command.
#[derive(Debug)]
pub(super) struct CredentialProcess(pub Setting);

#[async_trait]
impl Issuer<AwsCredential> for CredentialProcess {
    async fn issue(&self) -> Result<Lease<AwsCredential>, String> {
        let origin = self.0.origin();
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.0.value());
        // There is no user to answer a prompt.
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(TIMEOUT, run(&mut command)).await;
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
            .map_err(|wrong| format!("the output of the program in {origin} is not keys: {wrong}"))
    }
}

/// Runs a command. A command that prints too much is killed.
async fn run(command: &mut Command) -> io::Result<Output> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = child.wait().await?;
    Ok(Output { status, stdout, stderr })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    if u64::try_from(bytes.len()).unwrap_or(MAX_OUTPUT) == MAX_OUTPUT {
        return Err(io::Error::other(format!("it prints {MAX_OUTPUT} bytes or more")));
    }
    Ok(bytes)
}
