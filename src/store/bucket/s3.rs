//! From settings to a client of S3, and of storage with its API.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use reqwest::Certificate;
use url::Url;

use super::amazon::ConfiguredEndpoints;
use super::aws_keys::{AwsKeys, IssuingServices};
use super::checked_client::CheckedConnector;
use super::credential_file;
use super::failure::of_settings;
use super::open_error::OpenError;
use super::profile::{Profile, Profiles, path_of};
use super::setting::{Setting, SettingError, Variables};
use super::settings::{Settings, retry};

/// The region if none is set. It matters to hardly any server but Amazon's own.
const ANY_REGION: &str = "us-east-1";

pub(super) fn open(bucket: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>, OpenError> {
    let variables = &settings.variables;
    let profiles = Profiles::read(variables)?;
    let profile = profiles.chosen();
    let keys = AwsKeys::find(variables, &profiles)?;

    let configured = ConfiguredEndpoints::read(variables, profile)?;
    let given = settings.given_endpoint()?;
    let endpoint = given.or(configured.for_service("s3", "AWS_ENDPOINT_URL_S3")?);
    let region = match variables.first(&["AWS_REGION", "AWS_DEFAULT_REGION"])? {
        Some(region) => Some(region),
        None => profile.get("region")?,
    };
    let region = match (&region, &endpoint) {
        (Some(region), _) => region.label()?,
        (None, Some(_)) => ANY_REGION,
        (None, None) => return Err(OpenError::NoRegion),
    };
    let endpoint = match endpoint {
        Some(endpoint) => Some(endpoint),
        None => configured.of_amazon(region)?,
    };

    let transport = settings.transport()?.trusting(authorities(variables, profile)?);
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(CheckedConnector::over(transport.clone()))
        .with_retry(retry(settings.limits))
        .with_region(region)
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Other storage with Amazon's API often lacks it.
        .with_disable_bulk_delete(true);
    builder = match keys {
        AwsKeys::Anonymous => builder.with_skip_signature(true),
        keys => builder.with_credentials(keys.provider(&IssuingServices {
            transport: &transport,
            sso: configured.for_service("sso", "AWS_ENDPOINT_URL_SSO")?,
            sts: configured.for_service("sts", "AWS_ENDPOINT_URL_STS")?,
            region,
        })?),
    };
    if let Some(endpoint) = endpoint {
        let endpoint = match virtual_host_setting(variables, profile)? {
            Some(setting) => {
                builder = builder.with_virtual_hosted_style_request(true);
                with_bucket_in_front(&endpoint, bucket, &setting)?
            }
            None => endpoint,
        };
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    Ok(Arc::new(builder.build().map_err(of_settings)?))
}

/// Certificate authorities that are trusted besides those of the system.
fn authorities(variables: &Variables, profile: Profile<'_>) -> Result<Vec<Certificate>, OpenError> {
    let bundle = match variables.get("AWS_CA_BUNDLE")? {
        Some(bundle) => Some(bundle),
        None => profile.get("ca_bundle")?,
    };
    let Some(bundle) = bundle else { return Ok(Vec::new()) };
    let path = path_of(&bundle, variables)?;
    let failed = |problem: String| bundle.error(format!("is {}: {problem}", path.display()));
    let pem = credential_file::read(&path).map_err(|error| failed(error.to_string()))?;
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(authorities) if !authorities.is_empty() => Ok(authorities),
        _ => Err(failed("it contains no certificates in PEM".to_owned()).into()),
    }
}

/// The setting by which the bucket is part of the host, if there is one.
fn virtual_host_setting(
    variables: &Variables,
    profile: Profile<'_>,
) -> Result<Option<Setting>, SettingError> {
    if let Some(setting) = variables.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")? {
        return Ok(if setting.flag()? { Some(setting) } else { None });
    }
    Ok(profile.get("s3.addressing_style")?.filter(|style| style.value() == "virtual"))
}

/// The endpoint with the bucket as part of the host. The client does not add the bucket itself, and the server would take
/// the first part of the prefix for the bucket.
fn with_bucket_in_front(
    endpoint: &str,
    bucket: &str,
    setting: &Setting,
) -> Result<String, OpenError> {
    let refused = || OpenError::NoVirtualHost {
        origin: setting.origin().clone(),
        bucket: bucket.to_owned(),
        endpoint: endpoint.to_owned(),
    };
    let mut url = Url::parse(endpoint).map_err(|_| refused())?;
    // The names of hosts have no upper case.
    let is_host =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let Some(domain) = url.domain().filter(|_| bucket.bytes().all(is_host)) else {
        return Err(refused());
    };
    // The host may have the bucket already, or be called like it. A wrong guess would lead to another bucket.
    if domain.starts_with(&format!("{bucket}.")) {
        return Err(OpenError::BucketInHost {
            origin: setting.origin().clone(),
            bucket: bucket.to_owned(),
            endpoint: endpoint.to_owned(),
        });
    }
    let host = format!("{bucket}.{domain}");
    url.set_host(Some(&host)).map_err(|_| refused())?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bucket::setting::Origin;

    #[test]
    fn the_bucket_is_put_before_the_host_once_and_never_before_an_address() {
        let setting = Setting::new("true", Origin::Variable("NAME".to_owned())).unwrap().unwrap();
        let put = |endpoint, bucket| with_bucket_in_front(endpoint, bucket, &setting).ok();
        for (endpoint, expected) in [
            ("https://s3.example", Some("https://bkt.s3.example")),
            ("http://storage:9000", Some("http://bkt.storage:9000")),
            ("https://bkts.example", Some("https://bkt.bkts.example")),
            ("http://127.0.0.1:9000", None),
            ("http://[::1]:9000", None),
        ] {
            assert_eq!(put(endpoint, "bkt").as_deref(), expected, "{endpoint}");
        }
        assert_eq!(put("http://minio:9000", "minio").as_deref(), Some("http://minio.minio:9000"));
        // These hosts may have the bucket already, or be called like it.
        for (endpoint, bucket) in [
            ("https://minio.example", "minio"),
            ("https://bkt.s3.example", "bkt"),
            ("https://a.b.s3.example", "a.b"),
        ] {
            let refused = with_bucket_in_front(endpoint, bucket, &setting);
            assert!(matches!(refused, Err(OpenError::BucketInHost { .. })), "{endpoint}");
        }
        for bucket in ["Bkt", "b_kt"] {
            assert_eq!(put("https://s3.example", bucket), None, "{bucket}");
        }
    }
}
