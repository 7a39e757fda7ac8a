//! The settings for every kind of bucket.

use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};

use super::progress::RequestLimits;
use super::setting::{Origin, Setting, SettingError, Variables};
use super::transport::Transport;
use crate::proxy::{InvalidProxy, Proxies};

/// How a bucket is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The endpoint, if it is not the provider's default one.
    pub endpoint: Option<String>,
    /// The variables of the provider's own tools: keys, a region, a profile. Nothing else of the environment is read.
    pub variables: Variables,
    /// How long a request may take.
    pub limits: RequestLimits,
}

/// How often the client repeats a request that the server cannot have carried out.
const RETRIES: usize = 5;

/// The same for services that hand out credentials, which may be missing.
const RETRIES_FOR_CREDENTIALS: usize = 1;
const RETRY_FOR_CREDENTIALS: Duration = Duration::from_secs(3);

impl Settings {
    /// The endpoint, checked.
    pub(super) fn given_endpoint(&self) -> Result<Option<String>, SettingError> {
        let Some(text) = &self.endpoint else { return Ok(None) };
        let origin = Origin::Option("--endpoint");
        let setting = Setting::new(text, origin.clone())?.ok_or_else(|| SettingError {
            origin,
            problem: "is empty: write https://HOST or http://HOST".to_owned(),
        })?;
        Ok(Some(setting.endpoint()?))
    }

    /// The transport of requests: within the limits, and through the proxies that the variables name.
    pub(super) fn transport(&self) -> Result<Transport, InvalidProxy> {
        let proxies = Proxies::read(&|name| self.variables.text(name))?;
        Ok(Transport::new(self.limits, proxies))
    }
}

/// A request that got no response is not repeated: it took as long as all attempts together may.
pub(super) fn retry(limits: RequestLimits) -> RetryConfig {
    retry_within(RETRIES, limits.stall)
}

pub(super) fn retry_for_credentials() -> RetryConfig {
    retry_within(RETRIES_FOR_CREDENTIALS, RETRY_FOR_CREDENTIALS)
}

fn retry_within(max_retries: usize, retry_timeout: Duration) -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries, retry_timeout }
}
