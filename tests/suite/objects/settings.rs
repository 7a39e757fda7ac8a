//! The settings of the environment, profiles and credentials files. An invalid one is named, and never makes the program
//! panic.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use crate::support::answering::{Answering, answer};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIA"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_REGION", "eu-west-1"),
];

type Variables<'a> = Vec<(&'a str, &'a str)>;

/// `hexreg verify`, with the repository's directory as its home directory.
fn verify(
    repository: &TestRepository,
    url: &str,
    variables: &[(&str, &str)],
    more: &[&str],
) -> Ran {
    let home = repository.root().display().to_string();
    let hexreg = repository.hexreg().env("HOME", &home);
    let hexreg = variables.iter().fold(hexreg, |hexreg, (name, value)| hexreg.env(name, value));
    hexreg.run([&["verify", url], more].concat())
}

/// The message, without the directory of the test.
fn said(repository: &TestRepository, ran: &Ran) -> String {
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    ran.stderr.replace(&repository.root().display().to_string(), "~")
}

/// Secrets of Kubernetes and CI, and files that `echo` writes, end in a line feed.
#[test]
fn line_feeds_at_the_ends_of_variables_are_ignored() {
    let server = Answering::empty_bucket();
    let repository = TestRepository::new();
    for end in ["\n", "\r\n", " ", "\r"] {
        let endpoint = format!("{}{end}", server.url());
        let variables = [
            ("AWS_ACCESS_KEY_ID", format!("AKIA{end}")),
            ("AWS_SECRET_ACCESS_KEY", format!("secret{end}")),
            ("AWS_SESSION_TOKEN", format!("token{end}")),
            ("AWS_REGION", format!("eu-west-1{end}")),
            ("AWS_ENDPOINT_URL", endpoint),
        ];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let ran = verify(&repository, "s3://bucket/hex", &variables, &[]);
        assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
        let asked = server.asked().pop().unwrap();
        let credential = asked.header("authorization").unwrap();
        assert!(credential.contains("Credential=AKIA/"), "{credential}");
        assert!(credential.contains("/eu-west-1/s3/"), "{credential}");
        assert_eq!(asked.header("x-amz-security-token"), Some("token"));
    }
}

#[test]
fn invalid_values_are_named_by_their_variables() {
    let repository = TestRepository::new();
    let wrong = [
        ("AWS_ENDPOINT_URL", "localhost:9000"),
        ("AWS_ENDPOINT_URL_S3", "minio"),
        ("AWS_ENDPOINT_URL", "//host"),
        ("AWS_ENDPOINT_URL", "http://user:secret@host"),
        ("AWS_ENDPOINT_URL", "http://host?x=1"),
        ("AWS_ENDPOINT_URL", "http://one\nhttp://two"),
        ("AWS_ENDPOINT_URL_STS", "sts"),
        ("AWS_ACCESS_KEY_ID", "one\ntwo"),
        ("AWS_ACCESS_KEY_ID", "schlüssel"),
        ("AWS_SECRET_ACCESS_KEY", "secret\u{7}"),
        ("AWS_SESSION_TOKEN", "two words"),
        ("AWS_REGION", "eu west"),
        ("AWS_REGION", "https://eu-west-1"),
        ("AWS_CA_BUNDLE", "nowhere.pem"),
        ("AWS_CA_BUNDLE", "key.pem"),
        ("AWS_SKIP_SIGNATURE", "perhaps"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "perhaps"),
        ("AWS_PROFILE", "nobody"),
    ];
    let wrong = wrong.map(|(name, value)| {
        let variables = [&KEYS[..], &[(name, value)]].concat();
        said(&repository, &verify(&repository, "s3://bucket/hex", &variables, &[]))
    });
    insta::assert_snapshot!(wrong.concat(), @r"
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL is `localhost:9000`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL_S3 is `minio`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL is `//host`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL is `…@…`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL is `http://host?x=1`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL contains a control character, such as a line feed
    error: could not open s3://bucket/hex: AWS_ENDPOINT_URL_STS is `sts`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: AWS_ACCESS_KEY_ID contains a control character, such as a line feed
    error: could not open s3://bucket/hex: AWS_ACCESS_KEY_ID contains a space, or a character that is not ASCII
    error: could not open s3://bucket/hex: AWS_SECRET_ACCESS_KEY contains a control character, such as a line feed
    error: could not open s3://bucket/hex: AWS_SESSION_TOKEN contains a space, or a character that is not ASCII
    error: could not open s3://bucket/hex: AWS_REGION is `eu west`: expected letters, digits and `-`
    error: could not open s3://bucket/hex: AWS_REGION is `https://eu-west-1`: expected letters, digits and `-`
    error: could not open s3://bucket/hex: AWS_CA_BUNDLE is nowhere.pem: No such file or directory (os error 2)
    error: could not open s3://bucket/hex: AWS_CA_BUNDLE is key.pem: it contains no certificates in PEM
    error: could not open s3://bucket/hex: AWS_SKIP_SIGNATURE is `perhaps`: expected `true` or `false`
    error: could not open s3://bucket/hex: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is `perhaps`: expected `true` or `false`
    error: could not open s3://bucket/hex: there is no profile `nobody` in ~/.aws/credentials or ~/.aws/config
    ");
}

/// Neither of them reveals a key.
#[test]
fn settings_of_key_services_are_checked_too() {
    let repository = TestRepository::new();
    let region = ("AWS_REGION", "eu-west-1");
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
    let wrong: [&[(&str, &str)]; 7] = [
        &[("AWS_ACCESS_KEY_ID", "AKIA")],
        &[("AWS_SECRET_ACCESS_KEY", "secret")],
        &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "no path")],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "localhost:1/keys")],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/keys")],
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254")],
        &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"), role],
    ];
    let wrong = wrong.map(|variables| {
        let variables = [variables, &[region]].concat();
        said(&repository, &verify(&repository, "s3://bucket/hex", &variables, &[]))
    });
    insta::assert_snapshot!(wrong.concat(), @r"
    error: could not open s3://bucket/hex: there are no credentials: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not
    error: could not open s3://bucket/hex: there are no credentials: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not
    error: could not open s3://bucket/hex: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path: expected one that begins with `/`
    error: could not open s3://bucket/hex: AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL of http or https
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not ask 127.0.0.1:1: Connection refused (os error 111)
    error: could not open s3://bucket/hex: AWS_EC2_METADATA_SERVICE_ENDPOINT is `169.254.169.254`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not read /nowhere: No such file or directory (os error 2)
    ");
}

#[test]
fn bytes_that_are_not_utf_8_are_reported() {
    let repository = TestRepository::new();
    let variables = [
        ("s3://bucket", "AWS_SECRET_ACCESS_KEY"),
        ("az://box", "AZURE_STORAGE_ACCOUNT"),
        ("gs://bucket", "GOOGLE_BASE_URL"),
    ];
    let told = variables.map(|(url, name)| {
        let mut command = repository.hexreg().command();
        command.args(["verify", "--json", url]).env(name, OsStr::from_bytes(b"secret\xff"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stdout).unwrap()
    });
    insta::assert_snapshot!(told.concat(), @r#"
    {"error":"could not open s3://bucket: AWS_SECRET_ACCESS_KEY is not UTF-8","warnings":[]}
    {"error":"could not open az://box: AZURE_STORAGE_ACCOUNT is not UTF-8","warnings":[]}
    {"error":"could not open gs://bucket: GOOGLE_BASE_URL is not UTF-8","warnings":[]}
    "#);
}

#[test]
fn json_reports_them_too() {
    let repository = TestRepository::new();
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", "minio")]].concat();
    let ran = verify(&repository, "s3://bucket/hex", &variables, &["--json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{}", ran.transcript());
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(json["error"].as_str().unwrap().contains("AWS_ENDPOINT_URL is `minio`"), "{json}");
}

#[test]
fn profiles_are_checked_as_variables_are() {
    let repository = TestRepository::new();
    let keys = "aws_access_key_id = AKIA\naws_secret_access_key = secret\nregion = eu-west-1\n";
    let profiles = [
        "endpoint_url = localhost:9000\n",
        "services = there\n[services there]\ns3 =\n  endpoint_url = minio\n",
        "ca_bundle = ~/nowhere.pem\n",
        "ignore_configured_endpoint_urls = perhaps\n",
        "region = eu west\n",
        "aws_access_key_id = schlüssel\n",
        "aws_session_token = a\u{1}b\n",
    ];
    let told = profiles.map(|profile| {
        repository.write(".aws/config", format!("[default]\n{keys}{profile}").as_bytes());
        said(&repository, &verify(&repository, "s3://bucket/hex", &[], &[]))
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: could not open s3://bucket/hex: `endpoint_url` of [default] in ~/.aws/config is `localhost:9000`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: `s3.endpoint_url` of [services there] in ~/.aws/config is `minio`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open s3://bucket/hex: `ca_bundle` of [default] in ~/.aws/config is ~/nowhere.pem: No such file or directory (os error 2)
    error: could not open s3://bucket/hex: `ignore_configured_endpoint_urls` of [default] in ~/.aws/config is `perhaps`: expected `true` or `false`
    error: could not open s3://bucket/hex: `region` of [default] in ~/.aws/config is `eu west`: expected letters, digits and `-`
    error: could not open s3://bucket/hex: `aws_access_key_id` of [default] in ~/.aws/config contains a space, or a character that is not ASCII
    error: could not open s3://bucket/hex: `aws_session_token` of [default] in ~/.aws/config contains a control character, such as a line feed
    ");
    repository.write(".aws/config", b"[default]\n\xff");
    let told = said(&repository, &verify(&repository, "s3://bucket/hex", &[], &[]));
    insta::assert_snapshot!(told, @"error: could not open s3://bucket/hex: could not read ~/.aws/config: stream did not contain valid UTF-8");
}

/// `services` of the profile, the profile, the variables, `--endpoint`: the later overrides.
#[test]
fn the_settings_of_the_endpoint_have_an_order() {
    let repository = TestRepository::new();
    let servers = [(); 5].map(|()| Answering::empty_bucket());
    let [services, profile, all, s3, option] = servers.each_ref().map(Answering::url);
    let asked = || servers.each_ref().map(|server| server.asked().len());
    let mut expected = [0; 5];
    let mut check = |config: &str, variables: &[(&str, &str)], more: &[&str], at: usize| {
        repository.write(".aws/config", config.as_bytes());
        let ran = verify(&repository, "s3://bucket/hex", variables, more);
        assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
        expected[at] += 1;
        assert_eq!(asked(), expected);
    };
    let config = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n";
    let config = format!("{config}endpoint_url = {profile}\n");
    check(&config, &[], &[], 1);
    let of_service = format!("[services there]\ns3 =\n  endpoint_url = {services}\n");
    let config = format!("{config}services = there\n{of_service}");
    check(&config, &[], &[], 0);
    let variables = [("AWS_ENDPOINT_URL", all.as_str()), ("AWS_ENDPOINT_URL_S3", &s3)];
    check(&config, &variables[..1], &[], 2);
    check(&config, &variables, &[], 3);
    let endpoint = format!("--endpoint={option}");
    check(&config, &variables, &[&endpoint], 4);
    let ignored = [&variables[..], &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]].concat();
    check(&config, &ignored, &[&endpoint], 4);
    // Without an endpoint it is Amazon's, which needs a region.
    let ran = verify(&repository, "s3://bucket/hex", &ignored, &[]);
    assert!(ran.stderr.contains("there is no region"), "{}", ran.stderr);
}

/// Variables that only the client knows, and that would change the endpoint or the request, have no effect.
#[test]
fn no_other_variable_is_read() {
    let (server, other) = (Answering::empty_bucket(), Answering::empty_bucket());
    let repository = TestRepository::new();
    let endpoint = format!("--endpoint={}", server.url());
    let others = [
        ("AWS_BUCKET", "other"),
        ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
        ("AWS_PROXY_URL", &other.url()),
        ("AWS_TIMEOUT", "nonsense"),
        ("AWS_CONDITIONAL_PUT", "nonsense"),
        ("AWS_DEFAULT_CONTENT_TYPE", "\u{7}"),
    ];
    let variables = [&KEYS[..], &others].concat();
    let ran = verify(&repository, "s3://bucket/hex", &variables, &[&endpoint]);
    assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
    assert!(server.asked()[0].line().starts_with("GET /bucket?"), "{:?}", server.asked());

    let azure = [
        ("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true"),
        ("AZURE_CONTAINER_NAME", "other"),
        ("AZURE_STORAGE_TOKEN", "\u{7}"),
    ];
    let endpoint = format!("{endpoint}/devstoreaccount1");
    verify(&repository, "az://box/hex", &azure, &[&endpoint]);
    let asked = server.asked();
    assert!(asked[1].line().starts_with("GET /devstoreaccount1/box?"), "{asked:?}");
    assert!(other.asked().is_empty());
}

const REFUSED: &str = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server \
                       failed to authenticate the request.\nTime: now</Message></Error>";

/// The names that `az` and the portal use.
#[test]
fn azure_settings_have_the_names_of_its_own_tools() {
    let server = Answering::by(|_| answer("403 Forbidden", REFUSED));
    let repository = TestRepository::new();
    let address = server.url();
    let endpoint = format!("--endpoint={address}/me");
    let string = format!("AccountName=me;AccountKey=a2V5;BlobEndpoint={address}/me\n");
    let shared = format!("BlobEndpoint={address}/me;SharedAccessSignature=sv=1&sig=a%3D");
    let ways: [(Variables<'_>, Option<&str>); 5] = [
        (vec![("AZURE_STORAGE_ACCOUNT", "me"), ("AZURE_STORAGE_KEY", "a2V5\n")], Some(&endpoint)),
        (
            vec![("AZURE_STORAGE_ACCOUNT_NAME", "me"), ("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")],
            Some(&endpoint),
        ),
        (vec![("AZURE_STORAGE_CONNECTION_STRING", &string)], None),
        (vec![("AZURE_STORAGE_USE_EMULATOR", "true")], Some(&endpoint)),
        (vec![("AZURE_STORAGE_CONNECTION_STRING", &shared)], None),
    ];
    for (variables, more) in ways {
        let before = server.asked().len();
        verify(&repository, "az://box/hex", &variables, more.as_slice());
        let asked = server.asked().split_off(before);
        assert!(asked[0].line().starts_with("GET /me/box?"), "{variables:?}: {asked:?}");
        let is_signed =
            asked[0].header("authorization").is_some_and(|it| it.starts_with("SharedKey "));
        assert_eq!(is_signed, !variables[0].1.contains("sig="), "{asked:?}");
    }
    let line = server.asked().pop().unwrap().line().to_owned();
    assert!(line.contains("sig=a%3D") && line.contains("sv=1"), "{line}");
}

#[test]
fn invalid_azure_settings_are_named() {
    let server = Answering::by(|_| answer("403 Forbidden", REFUSED));
    let repository = TestRepository::new();
    let endpoint = format!("--endpoint={}/me", server.url());
    let old = "?sv=2021-08-06&sp=rl&se=2020-01-01T00:00:00Z&sig=secret";
    let ways: [&[(&str, &str)]; 9] = [
        &[("AZURE_STORAGE_SAS_TOKEN", old)],
        &[("AZURE_STORAGE_SAS_TOKEN", "secret")],
        &[("AZURE_STORAGE_KEY", "secret!")],
        &[("AZURE_STORAGE_KEY", "a2V5")],
        &[("AZURE_STORAGE_CONNECTION_STRING", "secret")],
        &[("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=secret")],
        &[("AZURE_STORAGE_ACCOUNT_NAME", "me/you")],
        &[("AZURE_STORAGE_ENDPOINT", "127.0.0.1:10000")],
        &[("AZURE_STORAGE_USE_EMULATOR", "perhaps")],
    ];
    let told = ways.map(|way| {
        let variables = [&[("AZURE_STORAGE_ACCOUNT_NAME", "me")], way].concat();
        let ran = verify(&repository, "az://box/hex", &variables, &[&endpoint]);
        said(&repository, &ran).replace(&server.address().to_string(), "HOST")
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify az://box/hex: could not list az://box/hex: the server refused: 403 Forbidden (AuthenticationFailed: Server failed to authenticate the request); it was asked with the shared access signature in AZURE_STORAGE_SAS_TOKEN, which ended at 2020-01-01T00:00:00Z
    error: could not open az://box/hex: AZURE_STORAGE_SAS_TOKEN is no shared access signature: expected sv=…&…&sig=…
    error: could not open az://box/hex: AZURE_STORAGE_KEY is no key: expected base64
    error: failed to verify az://box/hex: could not list az://box/hex: HOST refused: 403 Forbidden (AuthenticationFailed: Server failed to authenticate the request)
    error: could not open az://box/hex: AZURE_STORAGE_CONNECTION_STRING is no connection string: expected NAME=VALUE;NAME=VALUE…
    error: could not open az://box/hex: AZURE_STORAGE_CONNECTION_STRING has no AccountName
    error: could not open az://box/hex: AZURE_STORAGE_ACCOUNT_NAME is `me/you`: expected letters, digits and `-`
    error: could not open az://box/hex: AZURE_STORAGE_ENDPOINT is `127.0.0.1:10000`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open az://box/hex: AZURE_STORAGE_USE_EMULATOR is `perhaps`: expected `true` or `false`
    ");
}

/// The signature permits reading, and not writing.
#[test]
fn a_signature_without_the_right_to_write_is_named() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    let server = Answering::by(|request| match request.line() {
        line if line.starts_with("PUT ") => answer("403 Forbidden", REFUSED),
        line if line.contains("comp=list") => {
            answer("200 OK", "<EnumerationResults><Blobs/></EnumerationResults>")
        }
        _ => answer("404 Not Found", "<Error><Code>BlobNotFound</Code></Error>"),
    });
    let hexreg = repository.hexreg().env("AZURE_STORAGE_SAS_TOKEN", "sv=1&sp=rl&sig=secret");
    let ran = hexreg.run([
        "add",
        "public/tarballs/foo-1.0.0.tar",
        "--to=az://box/hex",
        "--name=acme",
        "--private-key=key.pem",
        "--assume-single-writer",
        &format!("--endpoint={}/me", server.url()),
    ]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("could not write az://box/hex/"), "{}", ran.stderr);
    let told = "it was asked with the shared access signature in AZURE_STORAGE_SAS_TOKEN";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn invalid_google_settings_are_named() {
    let repository = TestRepository::new();
    let files = [
        ("nonsense.json", "secret"),
        ("other.json", r#"{"type": "impersonated_service_account", "secret": "secret"}"#),
        (
            "aws.json",
            r#"{"type": "external_account", "audience": "x", "subject_token_type": "x", "token_url":
            "https://sts.googleapis.com/v1/token", "credential_source": {"environment_id": "aws1"}}"#,
        ),
        ("part.json", r#"{"type": "external_account"}"#),
        (
            "url.json",
            r#"{"type": "service_account", "gcs_base_url": "localhost:1", "private_key": "secret"}"#,
        ),
        (
            "key.json",
            r#"{"type": "service_account", "client_email": "a@b", "private_key_id": "1",
            "private_key": "secret"}"#,
        ),
    ];
    let mut told = files.map(|(file, text)| {
        repository.write(file, text.as_bytes());
        let path = repository.path(file).display().to_string();
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", path.as_str())];
        said(&repository, &verify(&repository, "gs://bucket/hex", &variables, &[]))
    });
    told.sort();
    insta::assert_snapshot!(told.concat(), @r"
    error: could not open gs://bucket/hex: could not use ~/aws.json: its credential_source has `environment_id`, which hexreg does not support: expected a `file` or a `url`; `gcloud auth application-default login` makes credentials that it can use
    error: could not open gs://bucket/hex: could not use ~/key.json: Error reading pem file: no items found
    error: could not open gs://bucket/hex: could not use ~/nonsense.json: it is not JSON: expected what Google's console or `gcloud` writes
    error: could not open gs://bucket/hex: could not use ~/other.json: it contains credentials of the type `impersonated_service_account`: expected service_account, authorized_user or external_account
    error: could not open gs://bucket/hex: could not use ~/part.json: it is not a valid external_account: missing field `audience` at line 1 column 28
    error: could not open gs://bucket/hex: could not use ~/url.json: its `gcs_base_url` is `localhost:1`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    ");
    let ways = [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere\n"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "{\n\"private_key\": \"secret\"}"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "secret"),
        ("GOOGLE_BASE_URL", "localhost:1"),
        ("GCE_METADATA_HOST", "metadata/x"),
    ];
    let told = ways.map(|(name, value)| {
        let ran = verify(&repository, "gs://bucket/hex", &[(name, value)], &[]);
        said(&repository, &ran)
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: could not open gs://bucket/hex: could not use /nowhere: No such file or directory (os error 2)
    error: could not open gs://bucket/hex: GOOGLE_APPLICATION_CREDENTIALS contains a key, and not the path of a file with one: put it into GOOGLE_SERVICE_ACCOUNT_KEY
    error: could not open gs://bucket/hex: GOOGLE_SERVICE_ACCOUNT_KEY cannot be used: it is not JSON: expected what Google's console or `gcloud` writes
    error: could not open gs://bucket/hex: GOOGLE_BASE_URL is `localhost:1`, which is no endpoint: write https://HOST or http://HOST, without a bucket, a user name or a password
    error: could not open gs://bucket/hex: GCE_METADATA_HOST is not a host: expected a name or an address, with or without a port
    ");
}
