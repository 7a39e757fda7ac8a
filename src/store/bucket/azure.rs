//! From settings to a client of Azure's storage. The settings have the names that `az` and its connection strings use.

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::BASE64;
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use url::{Host, Url};

use super::checked_client::CheckedConnector;
use super::credentials::{ClientProvider, IssuedCredentials};
use super::failure::of_settings;
use super::open_error::OpenError;
use super::setting::{Setting, SettingError, Variables};
use super::settings::{Settings, retry, retry_for_credentials};

/// The advice if no service hands out tokens.
const ADVICE: &str = "set AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or \
                      AZURE_STORAGE_CONNECTION_STRING";

/// The account and the key of the storage's emulators, which Microsoft publishes.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_ENDPOINT: &str = "http://127.0.0.1:10000/devstoreaccount1";

/// The account of a container, its endpoint, and the credential.
#[derive(Debug, Default)]
struct Account {
    name: Option<String>,
    endpoint: Option<String>,
    key: Option<Setting>,
    sas: Option<Setting>,
}

/// The client, and the credential that messages name when the storage refuses it.
pub(super) fn open(
    container: &str,
    settings: &Settings,
) -> Result<(Arc<dyn ObjectStore>, Option<String>), OpenError> {
    let variables = &settings.variables;
    let mut account = Account::read(variables)?;
    if let Some(endpoint) = settings.given_endpoint()? {
        account.endpoint = Some(endpoint);
    }
    let at_endpoint = || account.endpoint.as_deref().and_then(account_of);
    let name = account.name.clone().or_else(at_endpoint).ok_or(OpenError::NoAccount)?;

    let transport = settings.transport()?;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_http_connector(CheckedConnector::over(transport.clone()))
        .with_retry(retry(settings.limits))
        .with_account(&name)
        .with_container_name(container);
    if let Some(endpoint) = account.endpoint {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    let mut identity = None;
    builder = if variables.flag("AZURE_SKIP_SIGNATURE")? {
        builder.with_skip_signature(true)
    } else if let Some(key) = account.key {
        // The client's error would say only that some symbol is invalid.
        BASE64
            .decode(key.value().as_bytes())
            .map_err(|_| key.error("is no key: expected base64"))?;
        builder.with_access_key(key.value())
    } else if let Some(sas) = account.sas {
        identity = Some(describe_sas(&sas));
        builder.with_config(AzureConfigKey::SasKey, checked_sas(&sas)?)
    } else {
        let others = token_settings(variables)?;
        // An application gets its token from Entra ID, and not from the machine.
        let is_application = others.iter().any(|(key, _)| {
            matches!(key, AzureConfigKey::ClientSecret | AzureConfigKey::FederatedTokenFile)
        });
        let issuing_transport = if is_application { transport } else { transport.of_machine() };
        let issuing = MicrosoftAzureBuilder::new()
            .with_http_connector(issuing_transport)
            .with_retry(retry_for_credentials())
            // It is not used, but the builder requires it.
            .with_account(&name)
            .with_container_name(container);
        let issuing = others
            .into_iter()
            .fold(issuing, |builder, (key, value)| builder.with_config(key, value));
        let issuing = issuing.build().map_err(of_settings)?;
        let issuer = ClientProvider(Arc::clone(issuing.credentials()));
        builder.with_credentials(Arc::new(IssuedCredentials::new(issuer, ADVICE)))
    };
    Ok((Arc::new(builder.build().map_err(of_settings)?), identity))
}

impl Account {
    /// Reads the variables. A connection string is used as a whole, as `az` does: its settings are for no other account.
    fn read(variables: &Variables) -> Result<Self, SettingError> {
        let name = variables.first(&["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"])?;
        let endpoint = variables.get("AZURE_STORAGE_ENDPOINT")?;
        let text = variables.get("AZURE_STORAGE_CONNECTION_STRING")?;
        let mut this = match &text {
            Some(text) => Self::connected(text)?,
            None => Self::default(),
        };
        if let Some(text) = &text {
            let of_string = this.name.as_deref().zip(name.as_ref());
            if let Some((of_string, name)) = of_string.filter(|(of, name)| *of != name.value()) {
                return Err(name.error(format!(
                    "is `{}`, but {} is for the account `{of_string}`: unset one of them",
                    name.label()?,
                    text.origin()
                )));
            }
            let of_string = this.endpoint.as_deref().zip(endpoint.as_ref());
            if let Some((of_string, endpoint)) = of_string {
                let other = endpoint.endpoint()?;
                if other != of_string {
                    return Err(endpoint.error(format!(
                        "is {other}, but {} is for {of_string}: unset one of them",
                        text.origin()
                    )));
                }
            }
        }
        if variables.flag("AZURE_STORAGE_USE_EMULATOR")? {
            this = Self { endpoint: this.endpoint.or(Some(EMULATOR_ENDPOINT.to_owned())), ..this };
            this.name = this.name.or(Some(EMULATOR_ACCOUNT.to_owned()));
            this.key = match this.key {
                None if this.sas.is_none() => emulator_key(variables)?,
                key => key,
            };
        }
        if let Some(name) = name {
            this.name = Some(name.label()?.to_owned());
        }
        if let Some(endpoint) = endpoint {
            this.endpoint = Some(endpoint.endpoint()?);
        }
        let keys = ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY"];
        let sas = variables.first(&["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"])?;
        // A connection string without a credential names only the account and its endpoint.
        if text.is_none() || (this.key.is_none() && this.sas.is_none()) {
            this.key = variables.first(&keys)?.or(this.key);
            this.sas = sas.or(this.sas);
        }
        Ok(this)
    }

    /// <https://learn.microsoft.com/en-us/azure/storage/common/storage-configure-connection-string>
    fn connected(text: &Setting) -> Result<Self, SettingError> {
        let mut parts = BTreeMap::new();
        for part in text.value().split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(text.error("is no connection string: expected NAME=VALUE;NAME=VALUE…"));
            };
            if let Some(setting) = text.part(name.trim(), value)? {
                parts.insert(name.trim().to_ascii_lowercase(), setting);
            }
        }
        let mut take = |name: &str| parts.remove(name);
        let is_emulated = take("usedevelopmentstorage").map_or(Ok(false), |is| is.flag())?;
        let label = |setting: Setting| Ok(setting.label()?.to_owned());
        let name = take("accountname").map(label).transpose()?;
        let (key, sas) = (take("accountkey"), take("sharedaccesssignature"));
        let endpoint = take("blobendpoint").map(|setting| setting.endpoint()).transpose()?;
        let protocol = take("defaultendpointsprotocol");
        let suffix = take("endpointsuffix");
        if is_emulated {
            return Ok(Self {
                name: name.or(Some(EMULATOR_ACCOUNT.to_owned())),
                endpoint: endpoint.or(Some(EMULATOR_ENDPOINT.to_owned())),
                key: match key {
                    None if sas.is_none() => text.part("UseDevelopmentStorage", EMULATOR_KEY)?,
                    key => key,
                },
                sas,
            });
        }
        let endpoint = match (endpoint, &name) {
            (None, Some(name)) if protocol.is_some() || suffix.is_some() => {
                let protocol = protocol.as_ref().map_or("https", Setting::value);
                let suffix = suffix.as_ref().map_or(Ok("core.windows.net"), Setting::label)?;
                let url = format!("{protocol}://{name}.blob.{suffix}");
                text.part("DefaultEndpointsProtocol", &url)?
                    .map(|url| url.endpoint())
                    .transpose()?
            }
            (endpoint, _) => endpoint,
        };
        let name = name.or_else(|| endpoint.as_deref().and_then(account_of));
        if name.is_none() {
            return Err(text.error("has no AccountName"));
        }
        Ok(Self { name, endpoint, key, sas })
    }
}

fn emulator_key(variables: &Variables) -> Result<Option<Setting>, SettingError> {
    let emulator = variables.get("AZURE_STORAGE_USE_EMULATOR")?;
    emulator.map_or(Ok(None), |setting| setting.part("key", EMULATOR_KEY))
}

/// The account that an endpoint names: the first part of the host's name, or the last part of the path.
fn account_of(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    let name = match url.host()? {
        Host::Domain(host) if host.contains(".blob.") => host.split('.').next()?,
        _ => url.path_segments()?.next_back()?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

/// A shared access signature as a query, without the leading `?`.
fn checked_sas(sas: &Setting) -> Result<String, SettingError> {
    let text = sas.value().trim_start_matches('?');
    let is_query = text.split('&').all(|pair| pair.contains('='));
    if !is_query || !sas.value().is_ascii() || !text.contains("sig=") {
        return Err(sas.error("is no shared access signature: expected sv=…&…&sig=…"));
    }
    Ok(text.to_owned())
}

/// The credential as messages name it, with its end if that has passed.
fn describe_sas(sas: &Setting) -> String {
    let mut pairs = sas.value().trim_start_matches('?').split('&');
    let end = pairs.find_map(|pair| pair.strip_prefix("se="));
    let end = end.map(|end| end.replace("%3A", ":").replace("%3a", ":"));
    let has_ended = |end: &String| end.parse::<Timestamp>().is_ok_and(|at| at < Timestamp::now());
    let ended =
        end.filter(has_ended).map_or_else(String::new, |end| format!(", which ended at {end}"));
    format!("the shared access signature in {}{ended}", sas.origin())
}

/// The settings to get a token: from Entra ID for an application, or from the machine.
fn token_settings(variables: &Variables) -> Result<Vec<(AzureConfigKey, String)>, SettingError> {
    let mut settings = Vec::new();
    for (name, key) in [
        ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
        ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ] {
        if let Some(setting) = variables.get(name)? {
            settings.push((key, setting.label()?.to_owned()));
        }
    }
    for (name, key) in [
        ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
        ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ] {
        if let Some(setting) = variables.get(name)? {
            settings.push((key, setting.value().to_owned()));
        }
    }
    if let Some(host) = variables.get("AZURE_AUTHORITY_HOST")? {
        settings.push((AzureConfigKey::AuthorityHost, host.endpoint()?));
    }
    if let Some(endpoint) = variables.get("IDENTITY_ENDPOINT")? {
        settings.push((AzureConfigKey::MsiEndpoint, endpoint.endpoint()?));
    }
    // The client reads the variable itself. It is only checked here.
    if let Some(secret) = variables.get("IDENTITY_HEADER")? {
        secret.token()?;
    }
    if variables.flag("AZURE_USE_AZURE_CLI")? {
        settings.push((AzureConfigKey::UseAzureCli, "true".to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(pairs: &[(&str, &str)]) -> Result<String, SettingError> {
        let account = Account::read(&pairs.iter().copied().collect())?;
        let value = |setting: Option<Setting>| setting.map(|setting| setting.value().to_owned());
        let Account { name, endpoint, key, sas } = account;
        Ok([name, endpoint, value(key), value(sas)]
            .map(|part| part.map_or("-".to_owned(), |part| part.chars().take(44).collect()))
            .join(" "))
    }

    #[test]
    fn connection_strings_and_variables_have_the_same_settings() {
        let string = |text| account(&[("AZURE_STORAGE_CONNECTION_STRING", text)]);
        let said = [
            string(
                "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5;EndpointSuffix=core.windows.net",
            ),
            string(
                "BlobEndpoint=https://me.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%3D%3D;",
            ),
            string("AccountName=me;AccountKey=a2V5==;BlobEndpoint=http://127.0.0.1:10000/me\n"),
            string("UseDevelopmentStorage=true"),
            string("AccountKey=a2V5"),
            string("whatever"),
            string("BlobEndpoint=me.blob.core.windows.net;AccountName=me"),
            account(&[("AZURE_STORAGE_ACCOUNT", "me\n"), ("AZURE_STORAGE_KEY", "a2V5\n")]),
            account(&[
                ("AZURE_STORAGE_ACCOUNT_NAME", "me"),
                ("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x"),
            ]),
            account(&[("AZURE_STORAGE_USE_EMULATOR", "true")]),
            account(&[
                ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=me;AccountKey=a2V5"),
                ("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=x"),
            ]),
            account(&[
                (
                    "AZURE_STORAGE_CONNECTION_STRING",
                    "AccountName=me;BlobEndpoint=https://me.example",
                ),
                ("AZURE_STORAGE_ACCOUNT", "me"),
                ("AZURE_STORAGE_KEY", "a2V5"),
            ]),
            account(&[
                ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=me;AccountKey=a2V5"),
                ("AZURE_STORAGE_ACCOUNT", "you"),
                ("AZURE_STORAGE_KEY", "b3RoZXI="),
            ]),
            account(&[
                (
                    "AZURE_STORAGE_CONNECTION_STRING",
                    "AccountName=me;BlobEndpoint=https://me.example",
                ),
                ("AZURE_STORAGE_ENDPOINT", "https://you.example"),
            ]),
            account(&[("AZURE_STORAGE_ACCOUNT", "me/you")]),
        ];
        let said = said.map(|said| said.unwrap_or_else(|error| format!("error: {error}")));
        insta::assert_snapshot!(said.join("\n"), @r"
        me https://me.blob.core.windows.net a2V5 -
        me https://me.blob.core.windows.net - sv=1&sig=a%3D%3D
        me http://127.0.0.1:10000/me a2V5== -
        devstoreaccount1 http://127.0.0.1:10000/devstoreaccount1 Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6 -
        error: AZURE_STORAGE_CONNECTION_STRING has no AccountName
        error: AZURE_STORAGE_CONNECTION_STRING is no connection string: expected NAME=VALUE;NAME=VALUE…
        error: `BlobEndpoint` in AZURE_STORAGE_CONNECTION_STRING is `me.blob.core.windows.net`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
        me - a2V5 -
        me - - ?sv=1&sig=x
        devstoreaccount1 http://127.0.0.1:10000/devstoreaccount1 Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6 -
        me - a2V5 -
        me https://me.example a2V5 -
        error: AZURE_STORAGE_ACCOUNT is `you`, but AZURE_STORAGE_CONNECTION_STRING is for the account `me`: unset one of them
        error: AZURE_STORAGE_ENDPOINT is https://you.example, but AZURE_STORAGE_CONNECTION_STRING is for https://me.example: unset one of them
        error: AZURE_STORAGE_ACCOUNT is `me/you`: expected letters, digits and `-`
        ");
    }

    #[test]
    fn a_token_that_has_ended_is_described_so() {
        let describe = |text: &str| {
            let variables: Variables = [("AZURE_STORAGE_SAS_TOKEN", text)].into_iter().collect();
            let sas = variables.get("AZURE_STORAGE_SAS_TOKEN").unwrap().unwrap();
            checked_sas(&sas).map_or_else(|error| error.to_string(), |_| describe_sas(&sas))
        };
        let said = [
            describe("?sv=2021&se=2020-01-01T00%3A00%3A00Z&sig=secret"),
            describe("sv=2021&se=2999-01-01T00:00:00Z&sig=secret"),
            describe("secret"),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        the shared access signature in AZURE_STORAGE_SAS_TOKEN, which ended at 2020-01-01T00:00:00Z
        the shared access signature in AZURE_STORAGE_SAS_TOKEN
        AZURE_STORAGE_SAS_TOKEN is no shared access signature: expected sv=…&…&sig=…
        ");
    }
}
