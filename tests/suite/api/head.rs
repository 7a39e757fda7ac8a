//! `HEAD` of the API: the answer to `GET`, without its body.

use super::{Api, Format, Who};
use crate::support::server::Answer;

#[test]
fn it_answers_as_get_does_without_the_body() {
    let api = Api::new();
    let paths = [
        ("", 200),
        ("/repos/acme", 200),
        ("/users/me", 200),
        ("/keys", 200),
        ("/packages", 200),
        ("/packages?search=welcome", 200),
        ("/packages/welcome", 200),
        ("/repos/acme/packages/welcome/releases/0.1.0", 200),
        ("/packages/welcome/owners", 200),
        ("/packages/none", 404),
        ("/nothing/there", 404),
        ("/publish", 404),
    ];
    let token = format!("authorization: {}", api.token(Who::Reader));
    for format in [Format::Etf, Format::Json] {
        let accept = format!("accept: {}", format.content_type());
        for (path, status) in paths {
            let ask =
                |method: &str| api.server.ask(method, &format!("/api{path}"), &[&accept, &token]);
            let (head, get) = (ask("HEAD"), ask("GET"));
            assert_eq!((head.status, get.status), (status, status), "{path}");
            for name in ["content-type", "content-length", "location"] {
                assert_eq!(head.header(name), get.header(name), "{path} {name}");
            }
        }
    }
    let refused: Answer = api.server.ask("HEAD", "/api/packages/welcome", &[]);
    assert_eq!(refused.status, 401);
}
