//! Credentials that are issued: by programs, roles, sign-ins, containers, machines, other clouds.

use std::time::{Duration, Instant};

use crate::support::answering::{Answering, Request, answer, empty_bucket};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::free_address;

/// The end of issued credentials.
const LATER: &str = "2999-01-01T00:00:00Z";

/// A bucket, and a server that issues the keys `ISSUED` in every supported way.
fn issuer() -> Answering {
    Answering::by(|request| {
        let line = request.line();
        if line.starts_with("POST / ") || line == "POST /" {
            return answer(
                "200 OK",
                &format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ISSUED</AccessKeyId>\
                     <SecretAccessKey>secret</SecretAccessKey><SessionToken>a+b/c==</SessionToken>\
                     <Expiration>{LATER}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                ),
            );
        }
        if line.starts_with("GET /federation/credentials?") {
            return answer(
                "200 OK",
                r#"{"roleCredentials": {"accessKeyId": "ISSUED", "secretAccessKey": "secret",
                    "sessionToken": "a+b/c==", "expiration": 32472144000000}}"#,
            );
        }
        if line.starts_with("GET /keys") {
            let json = format!(
                r#"{{"AccessKeyId": "ISSUED", "SecretAccessKey": "secret", "Token": "a+b/c==",
                     "Expiration": "{LATER}"}}"#
            );
            return answer("200 OK", &json);
        }
        empty_bucket()
    })
}

fn run(repository: &TestRepository, variables: &[(&str, &str)]) -> Ran {
    let home = repository.root().display().to_string();
    let hexreg = repository.hexreg().env("HOME", &home).env("AWS_REGION", "eu-west-1");
    let hexreg = variables.iter().fold(hexreg, |hexreg, (name, value)| hexreg.env(name, value));
    hexreg.run(["verify", "s3://bucket/hex"])
}

/// Checks that requests to the bucket have the issued keys; returns the requests for the keys.
#[track_caller]
fn asks_with_issued_keys(server: &Answering, ran: &Ran) -> Vec<Request> {
    assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
    let mut asked = server.asked();
    let last = asked.pop().unwrap();
    assert!(last.line().starts_with("GET /bucket?"), "{last:?}");
    let authorization = last.header("authorization").unwrap();
    assert!(authorization.contains("Credential=ISSUED/"), "{authorization}");
    assert_eq!(last.header("x-amz-security-token"), Some("a+b/c=="));
    asked
}

#[test]
fn a_program_prints_keys() {
    let repository = TestRepository::new();
    let server = issuer();
    let keys = r#"{"Version": 1, "AccessKeyId": "ISSUED", "SecretAccessKey": "s", "SessionToken": "a+b/c=="}"#;
    repository.write("keys.json", keys.as_bytes());
    let config = |command: &str| {
        let config =
            format!("[default]\ncredential_process = {command}\nendpoint_url = {}\n", server.url());
        repository.write(".aws/config", config.as_bytes());
    };
    config("cat \"$HOME\"/keys.json");
    // The `PATH` of a user, in which the program is found.
    let path = std::env::var("PATH").unwrap();
    let ran = run(&repository, &[("PATH", &path)]);
    assert!(asks_with_issued_keys(&server, &ran).is_empty());
    let told = [
        "echo no luck >&2; exit 3",
        "echo secret",
        "/nowhere",
        "cat /dev/zero",
        "cat /dev/zero >&2",
    ]
    .map(|command| {
        config(command);
        let ran = run(&repository, &[("PATH", &path)]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(&repository.root().display().to_string(), "~")
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: the program in `credential_process` of [default] in ~/.aws/config ended with exit status: 3: no luck
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: the output of the program in `credential_process` of [default] in ~/.aws/config is not keys: it is not JSON
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: the program in `credential_process` of [default] in ~/.aws/config ended with exit status: 127: sh: 1: /nowhere: not found
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not run the program in `credential_process` of [default] in ~/.aws/config: it prints 1048576 bytes or more
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not run the program in `credential_process` of [default] in ~/.aws/config: it prints 1048576 bytes or more
    ");
}

#[test]
fn a_role_is_assumed_with_the_keys_of_another_profile() {
    let repository = TestRepository::new();
    let server = issuer();
    let config = format!(
        "[profile ci]\nrole_arn = arn:aws:iam::1:role/publish\nsource_profile = base\nexternal_id = a&b\n\
         duration_seconds = 900\nrole_session_name = me\nservices = there\n\
         [profile base]\naws_access_key_id = BASE\naws_secret_access_key = secret\n\
         [services there]\nsts =\n  endpoint_url = {0}\ns3 =\n  endpoint_url = {0}\n",
        server.url()
    );
    repository.write(".aws/config", config.as_bytes());
    let ran = run(&repository, &[("AWS_PROFILE", "ci")]);
    let [asked] = &asks_with_issued_keys(&server, &ran)[..] else { panic!("{:?}", server.asked()) };
    assert!(asked.header("authorization").unwrap().contains("Credential=BASE/"), "{asked:?}");
    assert!(asked.header("authorization").unwrap().contains("/eu-west-1/sts/"), "{asked:?}");
    insta::assert_snapshot!(asked.body, @"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpublish&RoleSessionName=me&ExternalId=a%26b&DurationSeconds=900");

    let wrong = [
        "source_profile = other\n[profile other]\nrole_arn = x\nsource_profile = ci",
        "source_profile = nobody",
        "source_profile = empty\n[profile empty]\nregion = x",
        "output = json",
        "credential_source = Elsewhere",
        "source_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me",
        "role_arn =\nlogin_session = x",
        "role_arn =\naws_access_key_id = AKIA",
        "role_arn =\naws_secret_access_key = secret",
        "credential_source = Environment",
    ];
    let told = wrong.map(|line| {
        let config = format!("[profile ci]\nrole_arn = arn:aws:iam::1:role/publish\n{line}\n");
        repository.write(".aws/config", config.as_bytes());
        let ran = run(&repository, &[("AWS_PROFILE", "ci")]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(&repository.root().display().to_string(), "~")
    });
    insta::assert_snapshot!(told.concat(), @r#"
    error: could not open s3://bucket/hex: `source_profile` of [profile other] in ~/.aws/config leads in a circle
    error: could not open s3://bucket/hex: `source_profile` of [profile ci] in ~/.aws/config names a missing profile
    error: could not open s3://bucket/hex: `source_profile` of [profile ci] in ~/.aws/config names a profile without keys
    error: could not open s3://bucket/hex: `role_arn` of [profile ci] in ~/.aws/config is set without source_profile, credential_source or web_identity_token_file
    error: could not open s3://bucket/hex: `credential_source` of [profile ci] in ~/.aws/config is none of Environment, Ec2InstanceMetadata and EcsContainer
    error: could not open s3://bucket/hex: the keys of profile `ci` require a code of a device (mfa_serial): put them into the environment by `eval "$(aws configure export-credentials --profile ci --format env)"`
    error: could not open s3://bucket/hex: the keys of profile `ci` are those of `aws login`: put them into the environment by `eval "$(aws configure export-credentials --profile ci --format env)"`
    error: could not open s3://bucket/hex: there are no credentials: `aws_access_key_id` of [profile ci] in ~/.aws/config is set, but aws_secret_access_key is not
    error: could not open s3://bucket/hex: there are no credentials: `aws_secret_access_key` of [profile ci] in ~/.aws/config is set, but aws_access_key_id is not
    error: could not open s3://bucket/hex: `credential_source` of [profile ci] in ~/.aws/config is Environment, but AWS_ACCESS_KEY_ID is not set
    "#);

    let config = format!(
        "[profile ci]\nrole_arn = arn:aws:iam::1:role/publish\ncredential_source = Environment\n\
         endpoint_url = {}\n",
        server.url()
    );
    repository.write(".aws/config", config.as_bytes());
    let keys = [("AWS_ACCESS_KEY_ID", "BASE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let ran = run(&repository, &[&keys[..], &[("AWS_PROFILE", "ci")]].concat());
    let asked = asks_with_issued_keys(&server, &ran);
    let asked = asked.last().unwrap();
    assert!(asked.header("authorization").unwrap().contains("Credential=BASE/"), "{asked:?}");
}

#[test]
fn a_role_is_assumed_with_a_token_of_another_issuer() {
    let repository = TestRepository::new();
    let server = issuer();
    repository.write("token", b"signed.by.other\n");
    let token = repository.path("token").display().to_string();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/publish"),
        ("AWS_ENDPOINT_URL", &server.url()),
    ];
    let ran = run(&repository, &variables);
    let [asked] = &asks_with_issued_keys(&server, &ran)[..] else { panic!("{:?}", server.asked()) };
    assert_eq!(asked.header("authorization"), None);
    insta::assert_snapshot!(asked.body, @"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpublish&RoleSessionName=hexreg&WebIdentityToken=signed.by.other");
}

#[test]
fn a_user_who_signed_in_gets_keys() {
    let repository = TestRepository::new();
    let server = issuer();
    let config = "[default]\nsso_session = acme\nsso_account_id = 1\nsso_role_name = Publish er\n\
                  [sso-session acme]\nsso_region = eu-west-1\nsso_start_url = https://acme.example\n";
    repository.write(".aws/config", config.as_bytes());
    let url = server.url();
    let variables = [("AWS_ENDPOINT_URL_SSO", url.as_str()), ("AWS_ENDPOINT_URL", &url)];
    // The output of `printf acme | sha1sum`.
    let file = ".aws/sso/cache/293abb6b76d7791c0732cc517d38c4b5c734b87f.json";
    let tell = || {
        let ran = run(&repository, &variables);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(&repository.root().display().to_string(), "~")
    };
    let mut told = tell();
    for token in [
        r#"{"accessToken": "secret", "expiresAt": "2020-01-01T00:00:00Z"}"#,
        r#"{"startUrl": "secret"}"#,
    ] {
        repository.write(file, token.as_bytes());
        told += &tell();
    }
    insta::assert_snapshot!(told, @r"
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not read ~/.aws/sso/cache/293abb6b76d7791c0732cc517d38c4b5c734b87f.json: No such file or directory (os error 2); sign in: aws sso login --profile default
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: the sign-in ended at 2020-01-01T00:00:00Z; sign in: aws sso login --profile default
    error: failed to verify s3://bucket/hex: could not list s3://bucket/hex: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: ~/.aws/sso/cache/293abb6b76d7791c0732cc517d38c4b5c734b87f.json contains no valid token; sign in: aws sso login --profile default
    ");
    // Older programs write the second form. The endpoint comes from either variable, or from `services`.
    let (profile, session) = config.split_once("[sso").unwrap();
    let services = format!(
        "{profile}services = there\n[sso{session}[services there]\nsso =\n  endpoint_url = {url}\ns3 =\n  \
         endpoint_url = {url}\n"
    );
    for (until, variables, config) in [
        (LATER, &variables[..], config),
        ("2999-01-01T00:00:00UTC", &variables[1..], config),
        (LATER, &[], &services),
    ] {
        let token = format!(r#"{{"accessToken": "token", "expiresAt": "{until}", "region": "x"}}"#);
        repository.write(file, token.as_bytes());
        repository.write(".aws/config", config.as_bytes());
        let ran = run(&repository, variables);
        let asked = asks_with_issued_keys(&server, &ran);
        let asked = asked.last().unwrap();
        assert_eq!(asked.line(), "GET /federation/credentials?role_name=Publish+er&account_id=1");
        assert_eq!(asked.header("x-amz-sso_bearer_token"), Some("token"));
    }
}

#[test]
fn a_container_gets_keys_from_the_service_that_its_environment_names() {
    let repository = TestRepository::new();
    let server = issuer();
    repository.write("token", b"Bearer of\n");
    let file = repository.path("token").display().to_string();
    let url = format!("{}/keys?of=me", server.url());
    let token_file = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.as_str());
    for token in [("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer of"), token_file] {
        let variables = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
            ("AWS_ENDPOINT_URL", &server.url()),
            token,
        ];
        let ran = run(&repository, &variables);
        let asked = asks_with_issued_keys(&server, &ran);
        let asked = asked.last().unwrap();
        assert_eq!(asked.line(), "GET /keys?of=me");
        assert_eq!(asked.header("authorization"), Some("Bearer of"));
    }
}

/// A command asks a missing service once, however many requests it sends, and says what to set.
#[test]
fn a_missing_service_is_asked_for_credentials_once() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    let metadata = Answering::by(|_| answer("404 Not Found", ""));
    let bucket = Answering::empty_bucket();
    let tarball = "public/tarballs/foo-1.0.0.tar";
    let add = ["add", tarball, "--to=s3://bucket/hex", "--name=acme", "--private-key=key.pem"];
    let endpoint = format!("--endpoint={}", bucket.url());
    let hexreg = repository.hexreg().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url());
    let ran = hexreg.run(add.into_iter().chain([endpoint.as_str()]));
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    let told = ran.stderr.replace(&metadata.address().to_string(), "HOST");
    insta::assert_snapshot!(told, @r"
    error: failed to add to `acme`: could not read s3://bucket/hex/packages/foo: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: HOST refused: 404 Not Found
    hint: nothing was written; fix this and try again
    ");
    assert_eq!(metadata.asked().len(), 1, "{:?}", metadata.asked());
    assert!(bucket.asked().is_empty());

    // Without any service it takes no longer than two attempts.
    let began = Instant::now();
    let nowhere = format!("http://{}", free_address());
    let told = [
        ("s3://bucket", "AWS_EC2_METADATA_SERVICE_ENDPOINT", nowhere.as_str()),
        ("az://box", "IDENTITY_ENDPOINT", &nowhere),
        ("gs://bucket", "GCE_METADATA_HOST", nowhere.strip_prefix("http://").unwrap()),
    ]
    .map(|(url, name, value)| {
        let hexreg = repository.hexreg().env(name, value).env("AZURE_STORAGE_ACCOUNT", "me");
        let hexreg = hexreg.env("GCE_METADATA_IP", nowhere.strip_prefix("http://").unwrap());
        let ran = hexreg.run(["verify", url, &endpoint]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(nowhere.strip_prefix("http://").unwrap(), "HOST")
    });
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify s3://bucket: could not list s3://bucket: there are no credentials (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE), and asking for some failed: could not connect to HOST: Connection refused (os error 111)
    error: failed to verify az://box: could not list az://box: there are no credentials (set AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING), and asking for some failed: could not connect to HOST: Connection refused (os error 111)
    error: failed to verify gs://bucket: could not list gs://bucket: there are no credentials (set GOOGLE_APPLICATION_CREDENTIALS to the path of a credentials file), and asking for some failed: could not connect to HOST: Connection refused (os error 111)
    ");
    assert!(bucket.asked().is_empty());
}

/// Google's server, which issues tokens too. `TOKEN` is the token of a CI system.
fn google() -> Answering {
    Answering::by(|request| {
        let line = request.line();
        if line.starts_with("GET /ci?") {
            return answer("200 OK", r#"{"value": "TOKEN"}"#);
        }
        if line == "POST /v1/token" {
            let is_right = request.body.contains("subject_token=TOKEN");
            let wrong = r#"{"error": "invalid_grant", "error_description": "who is that?"}"#;
            let right = r#"{"access_token": "EXCHANGED", "expires_in": 3600}"#;
            return if is_right {
                answer("200 OK", right)
            } else {
                answer("400 Bad Request", wrong)
            };
        }
        if line.ends_with(":generateAccessToken") {
            let right = format!(r#"{{"accessToken": "IMPERSONATED", "expireTime": "{LATER}"}}"#);
            return answer("200 OK", &right);
        }
        answer("200 OK", "<ListBucketResult></ListBucketResult>")
    })
}

/// The file is the one that google-github-actions/auth writes.
#[test]
fn a_token_of_a_ci_system_is_exchanged_for_one_of_googles() {
    let repository = TestRepository::new();
    let server = google();
    let url = server.url();
    let verify = |source: serde_json::Value, impersonation: Option<&str>| {
        let mut file = serde_json::json!({
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{url}/v1/token"),
            "credential_source": source,
        });
        if let Some(account) = impersonation {
            let path = format!("{url}/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
            file["service_account_impersonation_url"] = path.into();
        }
        repository.write("google.json", file.to_string().as_bytes());
        let path = repository.path("google.json").display().to_string();
        let hexreg = repository.hexreg().env("GOOGLE_APPLICATION_CREDENTIALS", &path);
        hexreg.run(["verify", "gs://bucket/hex", &format!("--endpoint={url}")])
    };
    let json = serde_json::json!({ "type": "json", "subject_token_field_name": "value" });
    let asked_for = serde_json::json!({
        "url": format!("{url}/ci?audience=x"),
        "headers": { "Authorization": "Bearer of-ci" },
        "format": json,
    });
    let written = |path: &str| serde_json::json!({ "file": repository.path(path) });
    repository.write("token", b"TOKEN\n");
    for (source, account, bearer) in [
        (asked_for.clone(), None, "Bearer EXCHANGED"),
        (asked_for, Some("a@b.iam.gserviceaccount.com"), "Bearer IMPERSONATED"),
        (written("token"), None, "Bearer EXCHANGED"),
    ] {
        let ran = verify(source, account);
        assert!(ran.stderr.contains("there is nothing there"), "{}", ran.transcript());
        let asked = server.asked();
        assert_eq!(asked.last().unwrap().header("authorization"), Some(bearer));
    }
    let asked = server.asked();
    assert_eq!(asked[0].header("authorization"), Some("Bearer of-ci"));
    insta::assert_snapshot!(asked[1].body, @"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&audience=%2F%2Fiam.googleapis.com%2Fprojects%2F1%2Flocations%2Fglobal%2FworkloadIdentityPools%2Fa%2Fproviders%2Fb&scope=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token=TOKEN");

    repository.write("token", b"another");
    let told = [verify(written("token"), None), verify(written("missing"), None)].map(|ran| {
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        let told = ran.stderr.replace(&repository.root().display().to_string(), "~");
        told.replace(&server.address().to_string(), "HOST")
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify gs://bucket/hex: could not list gs://bucket/hex: there are no credentials (set GOOGLE_APPLICATION_CREDENTIALS to the path of a credentials file), and asking for some failed: HOST refused: 400 Bad Request (who is that?)
    error: failed to verify gs://bucket/hex: could not list gs://bucket/hex: there are no credentials (set GOOGLE_APPLICATION_CREDENTIALS to the path of a credentials file), and asking for some failed: could not read ~/missing: No such file or directory (os error 2)
    ");
}

/// In a file or a variable, plain, after a byte order mark, or as base64: secret stores have all of these.
#[test]
fn the_sign_in_of_a_user_is_exchanged_wherever_it_is_stored() {
    let repository = TestRepository::new();
    let server = Answering::by(|request| match request.line() {
        "POST /token" if request.body.contains("refresh_token=ended") => {
            answer("400 Bad Request", r#"{"error": "invalid_grant"}"#)
        }
        "POST /token" => answer("200 OK", r#"{"access_token": "EXCHANGED", "expires_in": 3599}"#),
        _ => answer("200 OK", "<ListBucketResult></ListBucketResult>"),
    });
    let user = |uri: &str, token: &str| {
        serde_json::json!({
            "type": "authorized_user",
            "client_id": "id",
            "client_secret": "a&b",
            "refresh_token": token,
            "token_uri": uri,
        })
        .to_string()
    };
    let uri = format!("{}/token", server.url());
    let file = repository.path("user.json").display().to_string();
    let verify = |text: &str, is_file: bool| {
        let hexreg = repository.hexreg();
        let hexreg = if is_file {
            repository.write("user.json", text.as_bytes());
            hexreg.env("GOOGLE_APPLICATION_CREDENTIALS", &file)
        } else {
            hexreg.env("GOOGLE_SERVICE_ACCOUNT_KEY", text)
        };
        hexreg.run(["verify", "gs://bucket/hex", &format!("--endpoint={}", server.url())])
    };
    let json = user(&uri, "again");
    let base64 = data_encoding::BASE64.encode(json.as_bytes());
    let marked = format!("\u{feff}{json}\n");
    let marked_base64 = data_encoding::BASE64.encode(marked.as_bytes());
    for text in [&json, &marked, &base64, &marked_base64] {
        for is_file in [true, false] {
            let ran = verify(text, is_file);
            assert!(ran.stderr.contains("there is nothing there"), "{text}: {}", ran.transcript());
            let asked = server.asked();
            let [.., token, bucket] = &asked[..] else { panic!("{asked:?}") };
            assert_eq!(
                token.body,
                "grant_type=refresh_token&client_id=id&client_secret=a%26b&refresh_token=again"
            );
            assert_eq!(bucket.header("authorization"), Some("Bearer EXCHANGED"));
        }
    }
    let wrong = [
        user(&uri, "ended"),
        user("http://keys.example/", "x"),
        r#"{"type": "authorized_user"}"#.to_owned(),
    ];
    let told = wrong.map(|text| {
        let ran = verify(&text, false);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        ran.stderr.replace(&server.address().to_string(), "HOST")
    });
    insta::assert_snapshot!(told.concat(), @r"
    error: failed to verify gs://bucket/hex: could not list gs://bucket/hex: there are no credentials (set GOOGLE_APPLICATION_CREDENTIALS to the path of a credentials file), and asking for some failed: HOST refused: 400 Bad Request (invalid_grant); sign in: gcloud auth application-default login
    error: could not open gs://bucket/hex: GOOGLE_SERVICE_ACCOUNT_KEY cannot be used: its token_uri uses plain HTTP: expected https
    error: could not open gs://bucket/hex: GOOGLE_SERVICE_ACCOUNT_KEY cannot be used: it is not a valid authorized_user: missing field `client_id` at line 1 column 27
    ");
}
