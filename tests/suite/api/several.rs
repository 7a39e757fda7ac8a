//! A server with several repositories, whose API has a path for each.

use super::answers::expect;
use super::{Api, Body, Format, Who, add_tokens, tarball};
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// `acme` and `other`, both with their key.
fn api() -> Api {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    std::fs::create_dir_all(repository.path("second/tarballs")).unwrap();
    let build = ["build", "second", "--name=other", "--private-key=key.pem"];
    repository.hexreg().run(build).ok();
    let tokens = add_tokens(&repository);
    let arguments = [
        "--repo=acme=public",
        "--repo=other=second",
        "--private-key=acme=key.pem",
        "--private-key=other=key.pem",
        "--auth-file=readers",
    ];
    let server = Server::run(repository.root(), &arguments);
    Api { repository, server, tokens }
}

/// rebar3 and mix print the message.
#[test]
fn a_path_that_names_none_is_told_the_url_that_does() {
    let api = api();
    let bytes = Body::Bytes(tarball("acme_tool", "1.0.0"));
    let expected = format!(
        "the path names no repository: set the URL of the API to http://{}/api/repos/NAME, where NAME is one of: \
         acme, other",
        api.server.address
    );
    for format in [Format::Etf, Format::Json] {
        for (line, body) in [
            ("POST /api/packages/acme_tool/releases?replace=false", &bytes),
            ("POST /api/publish?replace=false", &bytes),
            ("DELETE /api/packages/acme_tool/releases/1.0.0", &Body::None),
            ("GET /api/packages/welcome", &Body::None),
            ("GET /api/packages", &Body::None),
        ] {
            let told = expect(&api.ask(Who::Publisher, format, line, body), 404);
            assert_eq!(told["message"], expected, "{line}");
        }
    }
    // The names are for those who may read.
    let told =
        expect(&api.ask(Who::Anonymous, Format::Json, "GET /api/packages", &Body::None), 401);
    assert_eq!(told["message"], "missing authentication information");
    let line = "POST /api/repos/other/packages/acme_tool/releases?replace=false";
    expect(&api.ask(Who::Publisher, Format::Etf, line, &bytes), 201);
}

#[test]
fn each_is_announced_with_its_url() {
    let api = api();
    let said = &api.server.said;
    for name in ["acme", "other"] {
        let line = format!(
            "to publish to {name}:\n\nHEX_API_URL={}/api/repos/{name} HEX_API_KEY=TOKEN mix hex.publish\n",
            api.server.url()
        );
        assert!(said.contains(&line), "{said}");
    }
}
