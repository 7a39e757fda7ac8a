//! From settings to a client of Google Cloud Storage.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use object_store::client::ClientConfigKey;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ObjectStore, StaticCredentialProvider};

use super::checked_client::CheckedConnector;
use super::credential_file;
use super::credentials::{ClientProvider, IssuedCredentials};
use super::failure::of_settings;
use super::federation::ExternalAccount;
use super::google_user::GoogleUser;
use super::open_error::OpenError;
use super::setting::{Origin, Setting, SettingError, Variables};
use super::settings::{Settings, retry, retry_for_credentials};
use crate::key::restore_pem;

/// The advice if no service hands out tokens.
const ADVICE: &str = "set GOOGLE_APPLICATION_CREDENTIALS to the path of a credentials file";

/// The file that `gcloud auth application-default login` writes, below the home directory.
const DEFAULT_FILE: &str = ".config/gcloud/application_default_credentials.json";

/// The identity that requests are sent with.
enum Identity {
    Anonymous,
    /// The key of a service account as JSON, and its location for messages.
    ServiceAccount(String, String),
    User(Box<GoogleUser>),
    External(Box<ExternalAccount>),
    Machine,
}

pub(super) fn open(bucket: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let variables = &settings.variables;
    let mut base = None;
    let identity = identity(variables, &mut base)?;
    let configured = variables.get("GOOGLE_BASE_URL")?.map(|setting| setting.endpoint());
    let endpoint = match settings.given_endpoint()? {
        Some(given) => Some(given),
        None => configured.transpose()?.or(base),
    };

    let transport = settings.transport()?;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_http_connector(CheckedConnector::over(transport.clone()))
        .with_retry(retry(settings.limits))
        .with_bucket_name(bucket);
    let allows_http = GoogleConfigKey::Client(ClientConfigKey::AllowHttp);
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_config(allows_http, endpoint.starts_with("http://").to_string())
            .with_base_url(&endpoint);
    }
    builder = match identity {
        Identity::Anonymous => builder.with_skip_signature(true).with_credentials(no_token()),
        Identity::External(account) => {
            let client = transport.client().map_err(of_settings)?;
            builder.with_credentials(Arc::new(IssuedCredentials::new(account.with(client), ADVICE)))
        }
        Identity::User(user) => {
            let client = transport.client().map_err(of_settings)?;
            builder.with_credentials(Arc::new(IssuedCredentials::new(user.with(client), ADVICE)))
        }
        other => {
            let is_machine = matches!(other, Identity::Machine);
            let issuing_transport = if is_machine { transport.of_machine() } else { transport };
            let asking = GoogleCloudStorageBuilder::new()
                .with_http_connector(issuing_transport)
                .with_retry(retry_for_credentials())
                // It is not used, but the builder requires it.
                .with_bucket_name(bucket);
            let (asking, place) = match other {
                Identity::ServiceAccount(value, place) => {
                    (asking.with_config(GoogleConfigKey::ServiceAccountKey, value), Some(place))
                }
                _ => (asking, None),
            };
            let asking = asking.build().map_err(of_settings).map_err(|error| match place {
                Some(place) => io::Error::other(format!("could not use {place}: {error}")),
                None => error,
            })?;
            let issuer = ClientProvider(Arc::clone(asking.credentials()));
            builder.with_credentials(Arc::new(IssuedCredentials::new(issuer, ADVICE)))
        }
    };
    Ok(Arc::new(builder.build().map_err(of_settings)?))
}

/// It is never sent. Without it the client would look for credentials.
fn no_token() -> Arc<StaticCredentialProvider<GcpCredential>> {
    Arc::new(StaticCredentialProvider::new(GcpCredential { bearer: String::new() }))
}

/// The identity that the variables name. `base` becomes the server that a credentials file names.
fn identity(variables: &Variables, base: &mut Option<String>) -> Result<Identity, OpenError> {
    if variables.flag("GOOGLE_SKIP_SIGNATURE")? {
        return Ok(Identity::Anonymous);
    }
    let key = variables.get("GOOGLE_SERVICE_ACCOUNT_KEY")?;
    if let Some(key) = key {
        return of_text(key.value(), None, base)
            .map_err(|problem| key.error(format!("cannot be used: {problem}")).into());
    }
    let files =
        ["GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_APPLICATION_CREDENTIALS"];
    for name in files {
        // First of all: a key contains line feeds, which a path is refused for.
        if variables.begins_with(name, '{') {
            let origin = Origin::Variable(name.to_owned());
            let problem = "contains a key, and not the path of a file with one: put it into \
                           GOOGLE_SERVICE_ACCOUNT_KEY"
                .to_owned();
            return Err(SettingError { origin, problem }.into());
        }
        if let Some(path) = variables.path(name)? {
            return of_file(path, base);
        }
    }
    if let Some(path) = variables.at_home(DEFAULT_FILE)?.filter(|path| path.exists()) {
        return of_file(path, base);
    }
    // The client reads these variables itself. They are only checked here.
    for name in ["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"] {
        if let Some(host) = variables.get(name)? {
            host.host()?;
        }
    }
    Ok(Identity::Machine)
}

fn of_file(path: PathBuf, base: &mut Option<String>) -> Result<Identity, OpenError> {
    let read = credential_file::read(&path).map_err(|error| error.to_string());
    let identity = read.and_then(|text| of_text(&text, Some(&path), base));
    identity.map_err(|problem| OpenError::Credentials { path, problem })
}

/// The identity in a credentials file, or what is wrong with the file.
fn of_text(text: &str, path: Option<&Path>, base: &mut Option<String>) -> Result<Identity, String> {
    let text = text.trim_start_matches('\u{FEFF}').trim();
    let decoded = BASE64.decode(text.as_bytes()).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().map_or(text, |it| it.trim_start_matches('\u{FEFF}').trim());
    let not_json = "it is not JSON: expected what Google's console or `gcloud` writes";
    let mut json: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| not_json.to_owned())?;
    let get = |name: &str| json.get(name).and_then(|value| value.as_str());
    if let Some(url) = get("gcs_base_url") {
        let setting = Setting::new(url, Origin::Field("gcs_base_url"));
        let endpoint = setting.and_then(|it| it.map(|setting| setting.endpoint()).transpose());
        *base = endpoint.map_err(|error| error.to_string())?;
    }
    match (get("type"), path) {
        (None | Some("service_account"), _) => {
            // A secret store may have joined the lines of the key.
            if let Some(serde_json::Value::String(key)) = json.get_mut("private_key") {
                *key = restore_pem(key).to_string();
            }
            let text = serde_json::Value::Object(json).to_string();
            let place = path
                .map_or("GOOGLE_SERVICE_ACCOUNT_KEY".to_owned(), |path| path.display().to_string());
            Ok(Identity::ServiceAccount(text, place))
        }
        (Some("authorized_user"), _) => Ok(Identity::User(Box::new(GoogleUser::parse(text)?))),
        (Some("external_account"), _) => {
            Ok(Identity::External(Box::new(ExternalAccount::parse(text)?)))
        }
        (Some(other), _) => Err(format!(
            "it contains credentials of the type `{other}`: expected service_account, authorized_user or \
             external_account"
        )),
    }
}
