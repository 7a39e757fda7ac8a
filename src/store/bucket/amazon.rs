//! Where the services of Amazon are asked: at endpoints that the environment and the profile say, or its own.

use super::profile::Profile;
use super::setting::{SettingError, Variables};

/// What names of hosts end in.
pub(super) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// Endpoints that the environment and the profile say.
pub(super) struct Configured<'a> {
    variables: &'a Variables,
    profile: Profile<'a>,
    is_ignored: bool,
}

impl<'a> Configured<'a> {
    pub fn read(variables: &'a Variables, profile: Profile<'a>) -> Result<Self, SettingError> {
        let is_ignored = variables.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?
            || profile.flag("ignore_configured_endpoint_urls")?;
        Ok(Self { variables, profile, is_ignored })
    }

    /// The variables go before the profile, and in both what is said of the service before what is said of
    /// all.
    pub fn for_service(
        &self,
        service: &str,
        variable: &str,
    ) -> Result<Option<String>, SettingError> {
        if self.is_ignored {
            return Ok(None);
        }
        let found = match self.variables.first(&[variable, "AWS_ENDPOINT_URL"])? {
            Some(found) => Some(found),
            None => self.profile.of_service(service, "endpoint_url")?,
        };
        found.map(|setting| setting.endpoint()).transpose()
    }

    /// One of Amazon's own that is not the usual one.
    pub fn of_amazon(&self, region: &str) -> Result<Option<String>, SettingError> {
        let is_so = |variable, key| -> Result<bool, SettingError> {
            match self.variables.get(variable)? {
                Some(setting) => setting.flag(),
                None => self.profile.flag(key),
            }
        };
        let fips = if is_so("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")? { "-fips" } else { "" };
        let is_dual = is_so("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")?;
        let dual = if is_dual { ".dualstack" } else { "" };
        let domain = domain(region);
        let is_usual = fips.is_empty() && dual.is_empty() && domain == "amazonaws.com";
        Ok((!is_usual).then(|| format!("https://s3{fips}{dual}.{region}.{domain}")))
    }
}
