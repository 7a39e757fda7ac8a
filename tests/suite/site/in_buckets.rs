//! A site in a bucket.

use serde_json::Value;

use super::sample;
use crate::support::moto::Moto;

#[test]
fn a_bucket_has_the_site_with_the_types_of_its_files() {
    let Some(moto) = Moto::start("a_bucket_has_the_site_with_the_types_of_its_files") else {
        return;
    };
    let bucket = moto.bucket("pages");
    let repository = sample();
    let out = format!("--out={}", bucket.url("hex"));
    let endpoint = format!("--endpoint={}", bucket.endpoint());
    let site = || {
        let run = bucket.known_to(repository.hexreg());
        let ran = run.run(["site", "public", &out, &endpoint, "--json"]).ok();
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    // A stamp that may still change is not relied on.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    let first = site();
    assert_ne!(first["created"], 0);
    for (path, media_type) in [
        ("index.html", "text/html"),
        ("browse/plug.html", "text/html"),
        ("docs/plug/1.1.0/dist/app.css", "text/css"),
        ("docs/plug/1.1.0/docs_config.js", "text/javascript"),
        ("hexreg-site.json", "application/json"),
    ] {
        let object = bucket.get(&format!("hex/{path}"));
        assert_eq!(object.status, 200, "{path}");
        assert_eq!(object.expect("content-type"), media_type, "{path}");
        assert_eq!(object.expect("cache-control"), "no-cache", "{path}");
    }
    let place = bucket.url("hex");
    let check = format!("--site={place}");
    let verify =
        || bucket.known_to(repository.hexreg()).run(["verify", "public", &check, &endpoint]);
    verify().ok();
    let writes = moto.writes();
    let again = site();
    assert_eq!((&again["created"], &again["updated"]), (&0.into(), &0.into()), "{again}");
    assert_eq!(moto.writes(), writes);
    bucket.put("hex/browse/plug.html", &[], b"changed");
    assert_eq!(verify().code, 1);
    // The registry beside it: the pages link its files, and the check of the registry knows the pages.
    let run = bucket.known_to(repository.hexreg());
    run.run(["push", "public", &place, &endpoint]).ok();
    let linked = site();
    assert_ne!(linked["updated"], 0, "{linked}");
    let run = bucket.known_to(repository.hexreg());
    run.run(["verify", &place, &check, &endpoint]).ok();
    // What went is removed.
    repository.remove_tarball("ecto-3.0.0.tar");
    repository.build(&[]).ok();
    let removed = site();
    assert_ne!(removed["removed"], 0);
    assert_eq!(bucket.get("hex/browse/ecto.html").status, 404);
}
