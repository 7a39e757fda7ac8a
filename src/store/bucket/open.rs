//! From the URL of a bucket to a client of whoever keeps it. Keys come from the environment, as the
//! tools of each have it, and never from arguments.

use std::env;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, HeaderValue, ObjectStore, RetryConfig};
use url::Url;

use super::BucketStore;
use super::address::{BucketUrl, Scheme};
use super::answer::of_settings;
use super::http::Connector;
use super::profile::Profile;

/// How a bucket is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where it is asked for, if that is not where its kind usually is.
    pub endpoint: Option<String>,
}

/// Why a bucket cannot be asked for anything.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The endpoint is none.
    #[error(
        "`{0}` is no endpoint: write https://HOST or http://HOST, without a bucket, a name or a password"
    )]
    Endpoint(String),
    /// Nobody says where the bucket is.
    #[error("there is no region: set AWS_REGION to where the bucket is")]
    NoRegion,
    /// The bucket cannot be part of the host.
    #[error(
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST puts the bucket before the host, which cannot be done with \
         `{bucket}` and {endpoint}: unset it, or give an endpoint with a name that has the bucket in front"
    )]
    NoVirtualHost {
        /// The bucket.
        bucket: String,
        /// Where it would be asked for.
        endpoint: String,
    },
    /// Nobody says whose the container is.
    #[error("there is no account: set AZURE_STORAGE_ACCOUNT_NAME")]
    NoAccount,
    /// There are no keys, and none are to be asked for; or half of one.
    #[error("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    /// A file of profiles cannot be read.
    #[error("could not read {}", .path.display())]
    Profile {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The profile that was asked for is in no file.
    #[error("there is no profile `{name}` in ~/.aws/config or ~/.aws/credentials")]
    NoProfile {
        /// Its name.
        name: String,
    },
    /// The keys of the profile are made anew each time.
    #[error(
        "the keys of profile `{name}` are not written down: put them into the environment by \
         `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
    )]
    MadeKeys {
        /// Its name.
        name: String,
    },
    /// The client takes no such settings, or cannot be made.
    #[error(transparent)]
    Client(#[from] io::Error),
}

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a request may take in all: a large file over a slow line.
const REQUEST: Duration = Duration::from_secs(5 * 60);

/// How often the client repeats what cannot have been done, and after how long no more.
const RETRIES: usize = 5;
const RETRY: Duration = Duration::from_secs(60);

impl BucketStore {
    /// The tree at `url`.
    ///
    /// # Errors
    /// [`OpenError`] where something is missing that its kind of bucket takes. Nothing is asked of the
    /// bucket yet.
    pub fn open(url: &BucketUrl, settings: &Settings) -> Result<Self, OpenError> {
        let endpoint = settings.endpoint.as_deref().map(endpoint).transpose()?;
        let endpoint = endpoint.as_deref();
        let inner = match url.scheme() {
            Scheme::S3 => s3(url.bucket(), endpoint, variable)?,
            Scheme::Gs => gs(url.bucket(), endpoint)?,
            Scheme::Az => az(url.bucket(), endpoint)?,
        };
        let store = Self::new(inner, url.prefix(), url.to_string())?;
        Ok(store.generations(url.scheme() == Scheme::Gs))
    }
}

/// Checked, without a slash at its end.
fn endpoint(text: &str) -> Result<String, OpenError> {
    let is_endpoint = Url::parse(text).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if is_endpoint {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    // What may be a password is not said again.
    let told = if text.contains('@') { "…@…" } else { text };
    Err(OpenError::Endpoint(told.to_owned()))
}

fn s3(
    bucket: &str,
    endpoint: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(Connector::default())
        .with_client_options(options())
        .with_retry(retry());
    let has_keys = variable("AWS_ACCESS_KEY_ID").is_some();
    for (key, value) in variables("AWS_") {
        match key.parse::<AmazonS3ConfigKey>() {
            // It goes with the keys beside it, and with no others.
            Ok(AmazonS3ConfigKey::Token) if !has_keys => {}
            Ok(key) => builder = builder.with_config(key, value),
            Err(_) => {}
        }
    }
    let is_set = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let keys = [AmazonS3ConfigKey::AccessKeyId, AmazonS3ConfigKey::SecretAccessKey];
    if keys.iter().filter(|key| is_set(&builder, **key)).count() == 1 {
        return Err(OpenError::NoCredentials);
    }
    let profile = Profile::read(&variable)?;
    let has_others = is_set(&builder, AmazonS3ConfigKey::WebIdentityTokenFile)
        || is_set(&builder, AmazonS3ConfigKey::SkipSignature)
            && builder.get_config_value(&AmazonS3ConfigKey::SkipSignature).as_deref()
                == Some("true");
    if !is_set(&builder, AmazonS3ConfigKey::AccessKeyId) && !has_others {
        if let Some(keys) = profile.keys()? {
            builder = builder.with_access_key_id(keys.id).with_secret_access_key(keys.secret);
            if let Some(token) = keys.token {
                builder = builder.with_token(token);
            }
        } else if is_nobody_to_ask(&builder, &variable) {
            return Err(OpenError::NoCredentials);
        }
    }
    let configured = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let configured = configured.iter().find_map(|key| builder.get_config_value(key));
    let configured = configured.or_else(|| profile.get("endpoint_url").map(ToOwned::to_owned));
    let endpoint = endpoint.map(ToOwned::to_owned).or(configured);
    let is_virtual = builder.get_config_value(&AmazonS3ConfigKey::VirtualHostedStyleRequest);
    let endpoint = match endpoint {
        Some(endpoint) if is_virtual.as_deref().is_some_and(is_true) => {
            Some(with_bucket_in_front(&endpoint, bucket)?)
        }
        endpoint => endpoint,
    };
    if let Some(endpoint) = &endpoint {
        builder = builder
            // It goes before all other ways to say so.
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    if !is_set(&builder, AmazonS3ConfigKey::Region) {
        builder = match (profile.get("region"), endpoint) {
            (Some(region), _) => builder.with_region(region),
            // Whatever it is made with, hardly any of them asks.
            (None, Some(_)) => builder.with_region("us-east-1"),
            (None, None) => return Err(OpenError::NoRegion),
        };
    }
    let built = builder
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // What is made like Amazon's often lacks it.
        .with_disable_bulk_delete(true)
        .build();
    Ok(Arc::new(built.map_err(of_settings)?))
}

/// What the client takes for a yes.
fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// Where a bucket is part of the host. The client takes such an endpoint as it is, so that without its bucket
/// the first part of the prefix would be taken for one.
fn with_bucket_in_front(endpoint: &str, bucket: &str) -> Result<String, OpenError> {
    let refused =
        || OpenError::NoVirtualHost { bucket: bucket.to_owned(), endpoint: endpoint.to_owned() };
    let mut url = Url::parse(endpoint).map_err(|_| refused())?;
    // Hosts know no upper case.
    let is_host =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let Some(domain) = url.domain().filter(|_| bucket.bytes().all(is_host)) else {
        return Err(refused());
    };
    if !domain.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        let host = format!("{bucket}.{domain}");
        url.set_host(Some(&host)).map_err(|_| refused())?;
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Whether nothing says who would hand out keys, and the machine itself is not to be asked.
fn is_nobody_to_ask(builder: &AmazonS3Builder, variable: impl Fn(&str) -> Option<String>) -> bool {
    let containers = [
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
    ];
    let is_in_container = containers.iter().any(|key| builder.get_config_value(key).is_some());
    let is_disabled = variable("AWS_EC2_METADATA_DISABLED");
    !is_in_container && is_disabled.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn gs(bucket: &str, endpoint: Option<&str>) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_http_connector(Connector::default())
        .with_client_options(options());
    for (key, value) in variables("GOOGLE_") {
        if let Ok(key) = key.parse::<GoogleConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = endpoint {
        let allows_http = GoogleConfigKey::Client(ClientConfigKey::AllowHttp);
        builder = builder
            .with_base_url(endpoint)
            .with_config(allows_http, endpoint.starts_with("http://").to_string());
    }
    let built = builder.with_bucket_name(bucket).with_retry(retry()).build();
    Ok(Arc::new(built.map_err(of_settings)?))
}

fn az(container: &str, endpoint: Option<&str>) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let mut builder = MicrosoftAzureBuilder::new()
        .with_http_connector(Connector::default())
        .with_client_options(options());
    for (key, value) in variables("AZURE_") {
        if let Ok(key) = key.parse::<AzureConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    let is_emulated = builder.get_config_value(&AzureConfigKey::UseEmulator);
    let account = builder.get_config_value(&AzureConfigKey::AccountName);
    if account.is_none() && is_emulated.as_deref() != Some("true") {
        return Err(OpenError::NoAccount);
    }
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_endpoint(endpoint.to_owned())
            .with_allow_http(endpoint.starts_with("http://"));
    }
    let built = builder.with_container_name(container).with_retry(retry()).build();
    Ok(Arc::new(built.map_err(of_settings)?))
}

/// A variable of the environment; an empty one is none, as CI systems set what is not given.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variables of one kind of store, in the case in which the client names them.
fn variables(prefix: &'static str) -> impl Iterator<Item = (String, String)> {
    let all = env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    let ours = all.filter(move |(key, value)| key.starts_with(prefix) && !value.is_empty());
    ours.map(|(key, value)| (key.to_ascii_lowercase(), value))
}

fn options() -> ClientOptions {
    let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
    ClientOptions::new()
        .with_user_agent(HeaderValue::from_static(agent))
        .with_connect_timeout(CONNECT)
        .with_timeout(REQUEST)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_put_before_the_host_once_and_never_before_an_address() {
        let put = |endpoint, bucket| with_bucket_in_front(endpoint, bucket).ok();
        for (endpoint, expected) in [
            ("https://s3.example", Some("https://bkt.s3.example")),
            ("http://storage:9000", Some("http://bkt.storage:9000")),
            ("https://bkt.s3.example", Some("https://bkt.s3.example")),
            ("https://bkts.example", Some("https://bkt.bkts.example")),
            ("http://127.0.0.1:9000", None),
            ("http://[::1]:9000", None),
        ] {
            assert_eq!(put(endpoint, "bkt").as_deref(), expected, "{endpoint}");
        }
        for bucket in ["Bkt", "b_kt"] {
            assert_eq!(put("https://s3.example", bucket), None, "{bucket}");
        }
    }
}
