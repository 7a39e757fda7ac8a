//! The source of the keys for S3: the settings, or a service that issues new ones each time.
//!
//! The order is that of Amazon's own tools: the environment, the profile, the service of the container or of the machine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, AwsCredentialProvider};
use object_store::client::HttpClient;

use super::amazon::domain;
use super::container::ContainerKeys;
use super::credentials::{ClientProvider, IssuedCredentials};
use super::failure::of_settings;
use super::open_error::OpenError;
use super::process::CredentialProcess;
use super::profile::{Profile, Profiles, path_of};
use super::setting::{Setting, SettingError, Variables};
use super::settings::retry_for_credentials;
use super::sso::Sso;
use super::sts::{AssumedRole, Role, WebIdentity};
use super::transport::Transport;

/// The advice if no service hands out keys.
const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";

/// The `credential_source` of a profile whose role is assumed with the keys of the environment.
const ENVIRONMENT: &str = "Environment";

/// The source of keys.
#[derive(Debug)]
pub(super) enum AwsKeys {
    /// Requests are sent without keys.
    Anonymous,
    Static(AwsCredential),
    /// A program prints them.
    Process(Setting),
    Sso(Sso),
    /// The keys of a role, which is assumed with other keys.
    Role(Role, Box<AwsKeys>),
    /// The keys of a role, which is assumed with another issuer's token.
    WebIdentity(Role, PathBuf),
    /// The service of the container.
    Container(ContainerKeys),
    /// The service of the machine, or of the container in the way that the store's client supports.
    Machine(Vec<(AmazonS3ConfigKey, String)>),
}

/// How the services that hand out keys are reached.
pub(super) struct IssuingServices<'a> {
    pub transport: &'a Transport,
    /// The endpoint of STS, if it is not the default one.
    pub sts: Option<String>,
    /// The endpoint of SSO, if it is not the default one.
    pub sso: Option<String>,
    pub region: &'a str,
}

/// Keys that can be sent in a header.
pub(super) fn credential(
    id: &Setting,
    secret: &Setting,
    token: Option<&Setting>,
) -> Result<AwsCredential, SettingError> {
    Ok(AwsCredential {
        key_id: id.token()?.to_owned(),
        secret_key: secret.value().to_owned(),
        token: token.map(Setting::token).transpose()?.map(ToOwned::to_owned),
    })
}

impl AwsKeys {
    /// The keys that the variables and the profile name.
    pub fn find(variables: &Variables, profiles: &Profiles) -> Result<Self, OpenError> {
        if variables.flag("AWS_SKIP_SIGNATURE")? {
            return Ok(Self::Anonymous);
        }
        // Such a profile uses the environment's keys to assume its role.
        let chosen = profiles.chosen();
        let source =
            chosen.get("credential_source")?.filter(|source| source.value() == ENVIRONMENT);
        let are_for_role = source.is_some() && chosen.get("role_arn")?.is_some();
        if let Some(keys) = in_environment(variables)?.filter(|_| !are_for_role) {
            return Ok(Self::Static(keys));
        }
        let token_file = variables.path("AWS_WEB_IDENTITY_TOKEN_FILE")?;
        if let Some((file, arn)) = token_file.zip(variables.get("AWS_ROLE_ARN")?) {
            let name = variables.get("AWS_ROLE_SESSION_NAME")?;
            return Ok(Self::WebIdentity(Role::new(&arn, name.as_ref()), file));
        }
        if let Some(keys) = of_profile(variables, profiles, chosen, &mut BTreeSet::new())? {
            return Ok(keys);
        }
        match in_container(variables)? {
            Some(keys) => Ok(keys),
            None if variables.flag("AWS_EC2_METADATA_DISABLED")? => Err(OpenError::NoCredentials),
            None => of_machine(variables),
        }
    }

    /// The provider for the store's client.
    pub fn provider(
        self,
        issuing: &IssuingServices<'_>,
    ) -> Result<AwsCredentialProvider, OpenError> {
        let client = || -> Result<HttpClient, OpenError> {
            Ok(issuing.transport.client().map_err(of_settings)?)
        };
        Ok(match self {
            Self::Anonymous => return Err(OpenError::NoCredentials),
            Self::Static(keys) => Arc::new(StaticCredentialProvider::new(keys)),
            Self::Process(command) => {
                Arc::new(IssuedCredentials::new(CredentialProcess(command), ADVICE))
            }
            Self::Sso(sso) => {
                Arc::new(IssuedCredentials::new(sso.with(client()?, issuing.sso.clone()), ADVICE))
            }
            Self::Container(container) => {
                let client = issuing.transport.of_machine().client();
                let issuer = container.with(client.map_err(of_settings)?);
                Arc::new(IssuedCredentials::new(issuer, ADVICE))
            }
            Self::WebIdentity(role, token_file) => {
                let endpoint = issuing.sts();
                let issuer = WebIdentity { role, token_file, endpoint, client: client()? };
                Arc::new(IssuedCredentials::new(issuer, ADVICE))
            }
            Self::Role(role, base) => {
                let region = issuing.region.to_owned();
                let (base, endpoint) = (base.provider(issuing)?, issuing.sts());
                let issuer = AssumedRole { role, base, region, endpoint, client: client()? };
                Arc::new(IssuedCredentials::new(issuer, ADVICE))
            }
            Self::Machine(settings) => {
                let builder = AmazonS3Builder::new()
                    .with_http_connector(issuing.transport.of_machine())
                    .with_retry(retry_for_credentials())
                    // It is not used, but the builder requires it.
                    .with_bucket_name("none");
                let builder = settings
                    .into_iter()
                    .fold(builder, |builder, (key, value)| builder.with_config(key, value));
                let built = builder.build().map_err(of_settings)?;
                Arc::new(IssuedCredentials::new(
                    ClientProvider(Arc::clone(built.credentials())),
                    ADVICE,
                ))
            }
        })
    }
}

impl IssuingServices<'_> {
    fn sts(&self) -> String {
        let usual = || format!("https://sts.{}.{}", self.region, domain(self.region));
        self.sts.clone().unwrap_or_else(usual)
    }
}

fn in_environment(variables: &Variables) -> Result<Option<AwsCredential>, OpenError> {
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let [id, secret] = names.map(|name| variables.get(name));
    match (id?, secret?) {
        (Some(id), Some(secret)) => {
            let token = variables.get("AWS_SESSION_TOKEN")?;
            Ok(Some(credential(&id, &secret, token.as_ref())?))
        }
        (None, None) => Ok(None),
        (Some(half), None) => Err(half_key(&half, names[1])),
        (None, Some(half)) => Err(half_key(&half, names[0])),
    }
}

fn half_key(half: &Setting, missing: &'static str) -> OpenError {
    OpenError::HalfKey { set: half.origin().clone(), missing }
}

/// The service that hands out keys in a container, if there is one.
fn in_container(variables: &Variables) -> Result<Option<AwsKeys>, OpenError> {
    if let Some(path) = variables.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")? {
        if !path.value().starts_with('/') || path.token().is_err() {
            return Err(path.error("is not a path: expected one that begins with `/`").into());
        }
        let key = AmazonS3ConfigKey::ContainerCredentialsRelativeUri;
        return Ok(Some(AwsKeys::Machine(vec![(key, path.value().to_owned())])));
    }
    let Some(url) = variables.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")? else { return Ok(None) };
    let file = variables.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?;
    let token = variables.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")?;
    Ok(Some(AwsKeys::Container(ContainerKeys::new(&url, file, token.as_ref())?)))
}

fn of_machine(variables: &Variables) -> Result<AwsKeys, OpenError> {
    let endpoint = variables.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")?;
    let endpoint = endpoint.map(|setting| setting.endpoint()).transpose()?;
    let key = AmazonS3ConfigKey::MetadataEndpoint;
    Ok(AwsKeys::Machine(endpoint.into_iter().map(|url| (key, url)).collect()))
}

/// The keys of a profile, and of the profiles that it refers to; `None` if it names no keys.
fn of_profile(
    variables: &Variables,
    profiles: &Profiles,
    profile: Profile<'_>,
    seen: &mut BTreeSet<String>,
) -> Result<Option<AwsKeys>, OpenError> {
    let name = profile.name();
    let made = |how| OpenError::MadeKeys { name: name.to_owned(), how };
    let is_first = seen.insert(name.to_owned());
    let role = profile.get("role_arn")?;
    // A profile may name itself as its source; then its own keys are used.
    if let Some(arn) = role.filter(|_| is_first) {
        if profile.get("mfa_serial")?.is_some() {
            return Err(made("require a code of a device (mfa_serial)"));
        }
        let mut role = Role::new(&arn, profile.get("role_session_name")?.as_ref());
        role.external_id = profile.get("external_id")?.map(|id| id.value().to_owned());
        if let Some(seconds) = profile.get("duration_seconds")? {
            role.lasting(&seconds)?;
        }
        if let Some(file) = profile.get("web_identity_token_file")? {
            return Ok(Some(AwsKeys::WebIdentity(role, path_of(&file, variables)?)));
        }
        let base = match (profile.get("source_profile")?, profile.get("credential_source")?) {
            (Some(source), _) => {
                let Some(other) = profiles.profile(source.value()) else {
                    return Err(source.error("names a missing profile").into());
                };
                if other.name() != name && seen.contains(other.name()) {
                    return Err(source.error("leads in a circle").into());
                }
                let keys = of_profile(variables, profiles, other, seen)?;
                keys.ok_or_else(|| source.error("names a profile without keys"))?
            }
            (None, Some(source)) => match source.value() {
                ENVIRONMENT => AwsKeys::Static(in_environment(variables)?.ok_or_else(|| {
                    source.error("is Environment, but AWS_ACCESS_KEY_ID is not set")
                })?),
                "Ec2InstanceMetadata" => of_machine(variables)?,
                "EcsContainer" => in_container(variables)?.ok_or_else(|| {
                    source.error(
                        "is EcsContainer, but AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set",
                    )
                })?,
                _ => {
                    let problem = "is none of Environment, Ec2InstanceMetadata and EcsContainer";
                    return Err(source.error(problem).into());
                }
            },
            (None, None) => {
                let problem = "is set without source_profile, credential_source or \
                               web_identity_token_file";
                return Err(arn.error(problem).into());
            }
        };
        return Ok(Some(AwsKeys::Role(role, Box::new(base))));
    }
    if let Some(sso) = Sso::of(variables, profiles, profile)? {
        return Ok(Some(AwsKeys::Sso(sso)));
    }
    if profile.get("login_session")?.is_some() {
        return Err(made("are those of `aws login`"));
    }
    let names = ["aws_access_key_id", "aws_secret_access_key"];
    match (profile.get(names[0])?, profile.get(names[1])?) {
        (Some(id), Some(secret)) => {
            let token = profile.get("aws_session_token")?;
            return Ok(Some(AwsKeys::Static(credential(&id, &secret, token.as_ref())?)));
        }
        (None, None) => {}
        // Half a key is an error: the user does not mean the keys of the machine.
        (Some(half), None) => return Err(half_key(&half, names[1])),
        (None, Some(half)) => return Err(half_key(&half, names[0])),
    }
    Ok(profile.get("credential_process")?.map(AwsKeys::Process))
}
