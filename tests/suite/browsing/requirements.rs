//! Everything that a release pulls in: "can I have this here?"

use super::{build, configured, page, serve};
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// `app` needs `left` and `right`, both need `base`: `right` any version, `left` the first.
fn diamond() -> TestRepository {
    let of = |name: &str, version: &str| Tarball::new(name, version);
    let native = of("right", "1.0.0").requires("base", ">= 1.0.0").described(
        "native",
        &["BSD-3-Clause"],
        &[("c_src/nif.c", b"int main() {}\n"), ("Makefile", b"all:\n")],
    );
    let repository = TestRepository::new()
        .tarball(
            "app-1.0.0.tar",
            &of("app", "1.0.0").requires("left", "~> 1.0").requires("right", "~> 1.0").build(),
        )
        .tarball("left-1.0.0.tar", &of("left", "1.0.0").requires("base", "~> 1.0").build())
        .tarball("right-1.0.0.tar", &native.build())
        .release("base", "1.4.0")
        .release("base", "2.0.0")
        .release("unrelated", "1.0.0");
    repository.build(&[]).ok();
    repository
}

#[test]
fn all_of_it_is_here() {
    let repository = diamond();
    let retire = ["retire", "--to=public", "--name=acme", "--private-key=key.pem"];
    repository
        .hexreg()
        .run(retire.iter().chain(&["--reason=invalid", "base", "1.4.0"]).copied())
        .ok();
    let server = serve(&repository, &[]);
    let found = page(&server, "/browse/app/1.0.0/requirements");
    let text = found.words();
    for expected in [
        "What app 1.0.0 pulls in Yes: all that it pulls in is here.",
        "4 packages",
        // The newest that fits both.
        "base retired 1.4.0 here",
        "left (~> 1.0), right (>= 1.0.0)",
        "right native code 1.0.0 here",
        "BSD-3-Clause",
        "Licences of all: BSD-3-Clause.",
        "kB in all.",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    for absent in ["hexreg mirror", "No set of versions", "unrelated", "2.0.0"] {
        assert!(!text.contains(absent), "{absent:?} is in\n{text}");
    }
    assert!(found.links().contains(&"../../../browse/base/1.4.0"), "{:?}", found.links());
    assert!(page(&server, "/browse/app").links().contains(&"../browse/app/1.0.0/requirements"));
}

#[test]
fn what_is_missing_is_named_with_the_line_that_brings_it() {
    let repository = diamond();
    let tarball = Tarball::new("wide", "1.0.0")
        .requires("app", "~> 1.0")
        .requires("gone", "~> 1.0")
        .requires("base", "~> 1.0")
        .requires_public("jason", "~> 1.4")
        .requires_public("plug", ">= 1.0.0");
    repository.write_tarball("wide-1.0.0.tar", &tarball.build());
    repository.build(&[]).ok();
    // A tarball that was not copied.
    repository.remove_tarball("left-1.0.0.tar");
    let server = serve(&repository, &[]);
    let found = page(&server, "/browse/wide/1.0.0/requirements");
    let text = found.words();
    for expected in [
        "Not yet: 4 packages of it cannot be had here.",
        "hexreg mirror DIR --only jason --only plug --with-deps",
        "gone not here missing",
        "jason not here",
        "left 1.0.0 not here",
        "base 1.4.0 here",
        "without 1 package whose size is not known",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    // The registry of hex.pm's packages is another repository of this server.
    let has = |name: &str, version: &str| {
        let tarball = Tarball::new(name, version).build();
        repository.write(&format!("public_hex/tarballs/{name}-{version}.tar"), &tarball);
    };
    has("jason", "1.4.1");
    has("jason", "2.0.0");
    build(&repository, "public_hex", "hexpm");
    let config = "[[repository]]\nroot = true\nat = \"public\"\n\
                  [[repository]]\nname = \"hexpm\"\nat = \"public_hex\"\n";
    let server = configured(&repository, config, 2, &[]);
    let found = page(&server, "/browse/wide/1.0.0/requirements");
    let text = found.words();
    assert!(text.contains("--only plug --with-deps") && !text.contains("--only jason"), "{text}");
    assert!(text.contains("hexpm/jason 1.4.1 here"), "{text}");
    let jason = "../../../repos/hexpm/browse/jason/1.4.1";
    assert!(found.links().contains(&jason), "{:?}", found.links());
    assert!(page(&server, "/browse/wide").links().contains(&"../repos/hexpm/browse/jason"));
}

#[test]
fn versions_that_fit_nowhere_are_explained() {
    let repository = diamond();
    let tarball =
        Tarball::new("torn", "1.0.0").requires("left", "~> 1.0").requires("base", "~> 2.0");
    repository.write_tarball("torn-1.0.0.tar", &tarball.build());
    let none = Tarball::new("ahead", "1.0.0").requires("base", "~> 9.0");
    repository.write_tarball("ahead-1.0.0.tar", &none.build());
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    let text = page(&server, "/browse/torn/1.0.0/requirements").words();
    assert!(text.contains("No: no versions of what is here meet all requirements."), "{text}");
    let (_, explained) = text.split_once("No set of versions fits").unwrap();
    assert!(explained.contains("left") && explained.contains("base"), "{explained}");
    let text = page(&server, "/browse/ahead/1.0.0/requirements").words();
    assert!(text.contains("no version that fits; the newest is 2.0.0"), "{text}");
}
