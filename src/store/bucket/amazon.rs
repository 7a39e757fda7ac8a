//! The endpoints of Amazon's services: those that the environment and the profile name, or Amazon's own.

use super::profile::Profile;
use super::setting::{SettingError, Variables};

/// The domain of a region's hosts.
pub(super) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// The endpoints that the environment and the profile name.
pub(super) struct ConfiguredEndpoints<'a> {
    variables: &'a Variables,
    profile: Profile<'a>,
    is_ignored: bool,
}

impl<'a> ConfiguredEndpoints<'a> {
    pub fn read(variables: &'a Variables, profile: Profile<'a>) -> Result<Self, SettingError> {
        let is_ignored = variables.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")?
            || profile.flag("ignore_configured_endpoint_urls")?;
        Ok(Self { variables, profile, is_ignored })
    }

    /// The endpoint of a service. The variables override the profile, and in both a setting of the service overrides one
    /// for all services.
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

    /// An endpoint of Amazon's own other than the default one: with FIPS, with IPv6, or in China.
    pub fn of_amazon(&self, region: &str) -> Result<Option<String>, SettingError> {
        let is_set = |variable, key| -> Result<bool, SettingError> {
            match self.variables.get(variable)? {
                Some(setting) => setting.flag(),
                None => self.profile.flag(key),
            }
        };
        let fips = if is_set("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")? { "-fips" } else { "" };
        let is_dual = is_set("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")?;
        let dual = if is_dual { ".dualstack" } else { "" };
        let domain = domain(region);
        let is_default = fips.is_empty() && dual.is_empty() && domain == "amazonaws.com";
        Ok((!is_default).then(|| format!("https://s3{fips}{dual}.{region}.{domain}")))
    }
}
