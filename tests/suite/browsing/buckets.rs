//! Pages of a registry in a bucket.

use super::{READ, names, page, parser, status};
use crate::buckets::Writer;
use crate::support::moto::Moto;
use crate::support::tarball::Tarball;
use crate::support::upstream::until;

#[test]
fn pages_of_a_bucket_are_those_of_a_directory() {
    let Some(moto) = Moto::start("pages_of_a_bucket_are_those_of_a_directory") else { return };
    let mut writer = Writer::beside(&moto);
    writer.repository = parser().into();
    writer.push().ok();
    let server = writer.serve(&writer.bucket, &[]);
    let reads = || writer.log().matches(READ).count();
    // Of a bucket, they are read once a page is visited.
    page(&server, "/");
    until("the packages were read", || reads() == 1);
    let text = page(&server, "/browse/json_parser").words();
    for expected in
        ["json_parser 1.1.0", "Parses JSON quickly.", "Changes in 1.1.0", "Used by 1 package"]
    {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert_eq!(names(&page(&server, "/?q=parse_text")), ["json_parser"]);
    for path in
        ["1.1.0/files/lib/json_parser.ex", "1.1.0/requirements", "diff/1.0.0..1.1.0", "versions"]
    {
        page(&server, &format!("/browse/json_parser/{path}"));
    }
    assert_eq!(status(&server, "/browse/json_parser/1.1.0/raw/README.md"), 200);

    // Policies too, and a change of one, a moment later.
    let words = || page(&server, "/browse/words").words();
    assert!(!words().contains("olic"));
    let rules = "[[repository]]\nname = \"acme\"\ndeny = [{ package = \"words\" }]\n";
    writer.repository.write("rules.toml", rules.as_bytes());
    let (to, endpoint) = (writer.destination(), writer.bucket.endpoint());
    let set = ["policy", "set", "strict", "--file=rules.toml", "--to", &to];
    let own = ["--endpoint", &endpoint, "--name=acme", "--private-key=key.pem"];
    let hexreg = writer.bucket.known_to(writer.repository.hexreg());
    hexreg.run(set.iter().chain(&own).copied()).ok();
    until("the policy is seen", || words().contains("Hidden by acme/strict: the policy denies it"));

    writer.write("words-1.1.0.tar", &Tarball::new("words", "1.1.0").build());
    writer.add(&["words-1.1.0.tar".to_owned()], &[]).ok();
    // A page makes the server look.
    until("the release is seen", || page(&server, "/browse/words").words().contains("words 1.1.0"));
    until("the feed has it", || server.get("/recent.atom", &[]).text().contains("words 1.1.0"));
}
