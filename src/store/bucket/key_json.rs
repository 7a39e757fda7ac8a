//! Keys as JSON, as programs print them and the services of containers return them.

use std::sync::Arc;

use jiff::Timestamp;
use object_store::aws::AwsCredential;
use serde::Deserialize;

use super::credentials::Lease;

/// The fields of both. A program also prints a version, which is 1.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyJson {
    version: Option<u32>,
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

/// The keys, or what is wrong with the JSON. The error never contains a key.
pub(super) fn lease(json: &[u8]) -> Result<Lease<AwsCredential>, String> {
    let keys: KeyJson = serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            "it has no valid AccessKeyId and SecretAccessKey".to_owned()
        }
        _ => "it is not JSON".to_owned(),
    })?;
    if keys.version.is_some_and(|version| version != 1) {
        return Err("it has a Version other than 1".to_owned());
    }
    let token = keys.session_token.filter(|token| !token.is_empty());
    let credential = credential(keys.access_key_id, keys.secret_access_key, token)?;
    Ok(Lease { credential, until: keys.expiration })
}

/// Keys that a service handed out, if they can be sent in a header.
pub(super) fn credential(
    key_id: String,
    secret_key: String,
    token: Option<String>,
) -> Result<Arc<AwsCredential>, String> {
    let is_header = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_header(&key_id) || !token.as_deref().is_none_or(is_header) {
        return Err("it has keys that cannot be sent in a header".to_owned());
    }
    Ok(Arc::new(AwsCredential { key_id, secret_key, token }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_others_refused() {
        let process = br#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"b","SessionToken":"c",
                           "Expiration":"2026-11-26T12:00:00Z"}"#;
        let read = lease(process).ok().unwrap();
        assert_eq!(read.credential.token.as_deref(), Some("c"));
        assert_eq!(read.until.unwrap().to_string(), "2026-11-26T12:00:00Z");
        let container = br#"{"AccessKeyId":"a","SecretAccessKey":"b","Token":"c","RoleArn":"x"}"#;
        assert_eq!(lease(container).ok().unwrap().credential.token.as_deref(), Some("c"));
        let wrong = [
            "",
            "secret",
            r#"{"AccessKeyId":"secret"}"#,
            r#"{"Version":2,"AccessKeyId":"secret","SecretAccessKey":"secret"}"#,
            r#"{"AccessKeyId":"secret\n","SecretAccessKey":"secret"}"#,
        ];
        let said = wrong.map(|json| lease(json.as_bytes()).err().unwrap());
        insta::assert_snapshot!(said.join("\n"), @r"
        it is not JSON
        it is not JSON
        it has no valid AccessKeyId and SecretAccessKey
        it has a Version other than 1
        it has keys that cannot be sent in a header
        ");
    }
}
