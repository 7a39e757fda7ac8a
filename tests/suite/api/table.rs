//! Every endpoint, asked by each kind of client, in both formats.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Api, Body, Format, Who, documentation, other_tarball, tarball};
use crate::support::repository::TestRepository;

/// The body of a request.
#[derive(Clone, Copy, Debug)]
enum Sends {
    Nothing,
    /// A release that is not there.
    New,
    /// A release that is there.
    Same,
    /// Another tarball of a release that was published a moment ago.
    Replacement,
    /// Another tarball of a release that was built.
    OldReplacement,
    Documentation,
    Reason(&'static str),
    Owner,
    Key,
    DeviceCode,
    /// The client's own token.
    Credentials,
    Url,
}

/// A request, whose path may have `{V}` for a version that only one client uses, and the status for each client in the
/// order of `Who::ALL`.
struct Row {
    request: &'static str,
    sends: Sends,
    statuses: [u16; 6],
}

macro_rules! endpoints {
    ($($name:ident: $request:literal, $sends:expr => $statuses:expr;)*) => {
        $(
            mod $name {
                use super::{Format, Row, Sends, check};

                const ROW: Row = Row { request: $request, sends: $sends, statuses: $statuses };

                #[test]
                fn erlang() {
                    check(&ROW, Format::Etf, "/api/");
                }

                #[test]
                fn json() {
                    check(&ROW, Format::Json, "/api/");
                }

                #[test]
                fn below_repos() {
                    check(&ROW, Format::Etf, "/api/repos/acme/");
                }
            }
        )*
    };
}

endpoints! {
    //                                                                       anonymous reader publisher other admin expired
    index: "GET ", Sends::Nothing                                                => [401, 200, 200, 200, 200, 401];
    myself: "GET users/me", Sends::Nothing                                       => [401, 200, 200, 200, 200, 401];
    authorization: "GET auth?domain=repository&resource=acme", Sends::Nothing    => [401, 200, 200, 200, 200, 401];

    publish: "POST packages/acme_tool/releases?replace=false", Sends::New        => [401, 401, 201, 403, 201, 401];
    publish_without_name: "POST publish?replace=false", Sends::New               => [401, 401, 201, 403, 201, 401];
    publish_again: "POST packages/acme_tool/releases?replace=false", Sends::Same => [401, 401, 422, 403, 422, 401];
    publish_another: "POST publish?replace=false", Sends::Replacement            => [401, 401, 422, 403, 422, 401];
    publish_undecided: "POST publish", Sends::Replacement                        => [401, 401, 422, 403, 422, 401];
    publish_garbage: "POST publish?replace=false", Sends::Documentation          => [401, 401, 422, 422, 422, 401];
    publish_nothing: "POST publish?replace=false", Sends::Nothing                => [401, 401, 422, 422, 422, 401];
    publish_elsewhere: "POST packages/acme_else/releases?replace=false", Sends::New => [401, 401, 422, 403, 422, 401];
    replace: "POST packages/acme_tool/releases?replace=true", Sends::Replacement => [401, 401, 200, 403, 200, 401];
    replace_without_name: "POST publish?replace=true", Sends::Replacement        => [401, 401, 200, 403, 200, 401];
    replace_too_late: "POST packages/acme_old/releases?replace=true", Sends::OldReplacement => [401, 401, 422, 403, 200, 401];
    revert: "DELETE packages/acme_tool/releases/{V}", Sends::Nothing             => [401, 401, 204, 403, 204, 401];
    revert_too_late: "DELETE packages/acme_old/releases/{V}", Sends::Nothing     => [401, 401, 422, 403, 204, 401];
    revert_nothing: "DELETE packages/acme_tool/releases/9.0.0", Sends::Nothing   => [401, 401, 404, 403, 404, 401];
    revert_no_package: "DELETE packages/acme_none/releases/9.0.0", Sends::Nothing => [401, 401, 404, 403, 404, 401];
    revert_no_version: "DELETE packages/acme_tool/releases/banana", Sends::Nothing => [401, 401, 404, 403, 404, 401];

    document: "POST packages/acme_tool/releases/{V}/docs", Sends::Documentation  => [401, 401, 201, 403, 201, 401];
    document_too_late: "POST packages/acme_old/releases/{V}/docs", Sends::Documentation => [401, 401, 201, 403, 201, 401];
    document_nothing: "POST packages/acme_tool/releases/9.0.0/docs", Sends::Documentation => [401, 401, 404, 403, 404, 401];
    document_garbage: "POST packages/acme_tool/releases/{V}/docs", Sends::Same   => [401, 401, 422, 403, 422, 401];
    documentation_of: "GET packages/acme_tool/releases/{V}/docs", Sends::Nothing => [401, 302, 302, 302, 302, 401];
    documentation_of_none: "GET packages/acme_old/releases/{V}/docs", Sends::Nothing => [401, 404, 404, 404, 404, 401];
    remove_documentation: "DELETE packages/acme_tool/releases/{V}/docs", Sends::Nothing => [401, 401, 204, 403, 204, 401];
    remove_no_documentation: "DELETE packages/acme_old/releases/{V}/docs", Sends::Nothing => [401, 401, 404, 403, 404, 401];

    retire: "POST packages/acme_tool/releases/{V}/retire", Sends::Reason("security") => [401, 401, 204, 403, 204, 401];
    retire_too_late: "POST packages/acme_old/releases/{V}/retire", Sends::Reason("other") => [401, 401, 204, 403, 204, 401];
    retire_why: "POST packages/acme_tool/releases/{V}/retire", Sends::Reason("why") => [401, 401, 422, 403, 422, 401];
    retire_nothing: "POST packages/acme_tool/releases/9.0.0/retire", Sends::Reason("other") => [401, 401, 404, 403, 404, 401];
    retire_without_body: "POST packages/acme_tool/releases/{V}/retire", Sends::Nothing => [401, 401, 422, 403, 422, 401];
    unretire: "DELETE packages/acme_tool/releases/{V}/retire", Sends::Nothing    => [401, 401, 204, 403, 204, 401];

    packages: "GET packages", Sends::Nothing                                     => [401, 200, 200, 200, 200, 401];
    search: "GET packages?search=tool&sort=downloads", Sends::Nothing            => [401, 200, 200, 200, 200, 401];
    package: "GET packages/acme_tool", Sends::Nothing                            => [401, 200, 200, 200, 200, 401];
    package_of_none: "GET packages/acme_none", Sends::Nothing                    => [401, 404, 404, 404, 404, 401];
    release: "GET packages/acme_tool/releases/{V}", Sends::Nothing               => [401, 200, 200, 200, 200, 401];
    release_of_none: "GET packages/acme_tool/releases/9.0.0", Sends::Nothing     => [401, 404, 404, 404, 404, 401];
    release_without_version: "GET packages/acme_tool/releases/banana", Sends::Nothing => [401, 404, 404, 404, 404, 401];

    owners: "GET packages/acme_tool/owners", Sends::Nothing                      => [401, 200, 200, 200, 200, 401];
    add_owner: "PUT packages/acme_tool/owners/bob", Sends::Owner                 => [401, 403, 403, 403, 403, 401];
    remove_owner: "DELETE packages/acme_tool/owners/bob", Sends::Nothing         => [401, 403, 403, 403, 403, 401];

    keys: "GET keys", Sends::Nothing                                             => [401, 200, 200, 200, 200, 401];
    add_key: "POST keys", Sends::Key                                             => [401, 201, 201, 201, 201, 401];
    remove_key: "DELETE keys/ci", Sends::Nothing                                 => [401, 403, 403, 403, 403, 401];
    remove_keys: "DELETE keys", Sends::Nothing                                   => [401, 403, 403, 403, 403, 401];

    device_flow: "POST oauth/device_authorization", Sends::DeviceCode            => [422, 422, 422, 422, 422, 422];
    exchange: "POST oauth/token", Sends::Credentials                             => [401, 200, 200, 200, 200, 401];
    short_url: "POST short_url", Sends::Url                                      => [404, 404, 404, 404, 404, 404];
    nothing: "GET nothing/there", Sends::Nothing                                 => [404, 404, 404, 404, 404, 404];
    wrong_method: "PATCH packages/acme_tool", Sends::Nothing                     => [404, 404, 404, 404, 404, 404];
}

/// `acme_old` by a build, whose releases have no time of publication; `acme_tool` published a moment ago, with
/// documentation. Each has a release for everybody who asks.
fn repository() -> TestRepository {
    let repository = TestRepository::new();
    let versions = (0..Who::ALL.len()).map(version);
    for version in versions.clone() {
        repository
            .write_tarball(&format!("acme_old-{version}.tar"), &tarball("acme_old", &version));
    }
    repository.build(&[]).ok();
    let files: Vec<_> =
        versions.clone().map(|version| format!("acme_tool-{version}.tar")).collect();
    for (file, version) in files.iter().zip(versions) {
        repository.write(file, &tarball("acme_tool", &version));
        let path = format!("public/docs/acme_tool-{version}.tar.gz");
        repository.write(&path, &documentation());
    }
    let add = ["--to=public", "--name=acme", "--private-key=key.pem", "--published-at=now"];
    let add = ["add"].into_iter().chain(files.iter().map(String::as_str)).chain(add);
    repository.hexreg().run(add).ok();
    repository
}

fn version(client: usize) -> String {
    format!("1.{client}.0")
}

fn sent(sends: Sends, client: usize, token: &str) -> Body {
    let version = version(client);
    match sends {
        Sends::Nothing => Body::None,
        Sends::New => Body::Bytes(tarball("acme_tool", &format!("2.{client}.0"))),
        Sends::Same => Body::Bytes(tarball("acme_tool", &version)),
        Sends::Replacement => Body::Bytes(other_tarball("acme_tool", &version)),
        Sends::OldReplacement => Body::Bytes(other_tarball("acme_old", &version)),
        Sends::Documentation => Body::Bytes(documentation()),
        Sends::Reason(reason) => Body::Map(json!({"reason": reason, "message": "use 2.0"})),
        Sends::Owner => Body::Map(json!({"level": "full", "transfer": false})),
        Sends::Key => Body::Map(json!({"name": "laptop", "permissions": [{"domain": "api"}]})),
        Sends::DeviceCode => Body::Map(json!({
            "client_id": "78ea6566-89fd-481e-a1d6-7d9d78eacca8",
            "scope": "api repositories",
            "name": "laptop",
        })),
        Sends::Credentials => Body::Map(json!({
            "grant_type": "client_credentials",
            "client_id": "78ea6566-89fd-481e-a1d6-7d9d78eacca8",
            "client_secret": token,
            "scope": "repositories",
        })),
        Sends::Url => Body::Map(json!({"url": "https://hexdiff.example/a"})),
    }
}

#[track_caller]
fn check(row: &Row, format: Format, base: &str) {
    let api = Api::of(repository(), &[]);
    let mut wrong = String::new();
    for (client, (who, expected)) in Who::ALL.into_iter().zip(row.statuses).enumerate() {
        let (method, path) = row.request.split_once(' ').unwrap();
        let line = format!("{method} {base}{}", path.replace("{V}", &version(client)));
        let body = sent(row.sends, client, api.token(who));
        let answer = api.ask(who, format, &line, &body);
        check_form(format, &answer);
        if answer.status != expected {
            let body = super::body(&answer).unwrap_or(Value::Null);
            writeln!(wrong, "{line} by {who:?}: {} and not {expected}: {body}", answer.status)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    api.verify();
}

/// An answer with a body is in the format that was asked for.
#[track_caller]
fn check_form(format: Format, answer: &crate::support::server::Answer) {
    if let Some(kind) = answer.header("content-type") {
        assert!(kind.starts_with(format.content_type()), "{answer:?}");
    }
}
