//! Requirements that name no repository, as rebar3 and gleam write them: `add` takes those for hex.pm's that are on no
//! package of the registry, and a build keeps what the registry says.

use std::thread::sleep;
use std::time::Duration;

use hexreg::package::Dependency;

use super::{add, rejection, warnings};
use crate::support::repository::TestRepository;
use crate::support::signed::{self, edit, releases};
use crate::support::tarball::Tarball;

/// How long a file has to be left alone until the cache trusts its stamp.
const SETTLED: Duration = Duration::from_millis(2_100);

/// `web`, which requires `cowboy` and names no repository.
fn web(version: &str) -> Vec<u8> {
    Tarball::new("web", version).requires("cowboy", "~> 2.0").build()
}

/// The repository of the dependency of each release of `web`; `-` for that of the release.
fn repositories(repository: &TestRepository) -> Vec<String> {
    let releases = releases(repository, "public/packages/web").releases.into_iter();
    let repositories = releases.map(|mut release| release.dependencies.remove(0).repository);
    repositories.map(|repository| repository.unwrap_or_else(|| "-".to_owned())).collect()
}

fn absent(version: &str) -> String {
    format!("web {version}: cowboy is required from acme, which has no package of that name")
}

/// A registry to which `web` 1.0.0 was added.
fn added() -> TestRepository {
    let repository = TestRepository::new().release("base", "1.0.0");
    repository.build(&[]).ok();
    repository.write("web-1.0.0.tar", &web("1.0.0"));
    assert_eq!(warnings(&add(&repository, &["web-1.0.0.tar", "--json"])), [""; 0]);
    assert_eq!(repositories(&repository), ["hexpm"]);
    repository
}

#[track_caller]
fn assert_verified(repository: &TestRepository) {
    let verified = repository.hexreg().run(["verify", "public", "--json"]);
    assert_eq!(warnings(&verified), [""; 0]);
}

#[test]
fn an_addition_takes_a_package_from_where_it_is() {
    let repository = added();
    repository
        .write("api-1.0.0.tar", &Tarball::new("api", "1.0.0").requires("base", "~> 1.0").build());
    repository
        .write("own-1.0.0.tar", &Tarball::new("own", "1.0.0").requires("later", "~> 1.0").build());
    repository.write("later-1.0.0.tar", &Tarball::new("later", "1.0.0").build());
    add(&repository, &["api-1.0.0.tar", "own-1.0.0.tar", "later-1.0.0.tar"]).ok();
    for package in ["api", "own"] {
        let release =
            releases(&repository, &format!("public/packages/{package}")).releases.remove(0);
        assert_eq!(release.dependencies[0].repository, None, "{package}");
    }
    assert_verified(&repository);
}

/// In a registry called `hexpm` the two are the same.
#[test]
fn in_hexpm_itself_every_package_is_its_own() {
    let repository = TestRepository::new();
    repository.write("web-1.0.0.tar", &web("1.0.0"));
    let add = ["add", "web-1.0.0.tar", "--to=public", "--name=hexpm", "--private-key=key.pem"];
    repository.hexreg().run(add).ok();
    assert_eq!(repositories(&repository), ["-"]);
    let build = ["build", "public", "--name=hexpm", "--private-key=key.pem", "--json"];
    assert_eq!(warnings(&repository.hexreg().run(build)), [""; 0]);
    assert_verified(&repository);
}

#[test]
fn a_build_keeps_what_the_registry_says_of_the_same_tarball() {
    for more in [&["--json"][..], &["--json", "--no-cache"]] {
        let repository = added();
        let before = repository.served();
        assert_eq!(warnings(&repository.build(more)), [""; 0]);
        assert_eq!(repository.served()["packages/web"], before["packages/web"]);
        // Beside another release.
        repository.write_tarball("web-1.1.0.tar", &web("1.1.0"));
        assert_eq!(warnings(&repository.build(more)), [absent("1.1.0")]);
        assert_eq!(repositories(&repository), ["hexpm", "-"]);
        assert_verified(&repository);
        // Once published, it is what the registry says.
        repository.write_tarball("web-1.2.0.tar", &Tarball::new("web", "1.2.0").build());
        assert_eq!(warnings(&repository.build(more)), [""; 0]);
        // Another tarball of the release is read anew.
        let other = Tarball::new("web", "1.0.0").requires("cowboy", "~> 2.1").build();
        repository.write_tarball("web-1.0.0.tar", &other);
        let said = warnings(&repository.build(more));
        assert!(said.contains(&absent("1.0.0")), "{said:?}");
        assert_verified(&repository);
    }
}

/// What the cache knows of a package is what the published file said when it was read.
#[test]
fn a_cache_does_not_bring_a_repository_back() {
    // They settle together.
    let all = [added(), added(), added()];
    for _ in 0..2 {
        for repository in &all {
            repository.build(&[]).ok();
        }
        sleep(SETTLED);
    }
    for repository in &all {
        let ran = repository.build(&[]).ok();
        assert_eq!(repositories(repository), ["hexpm"], "{}", ran.transcript());
    }
    let [repository, edited, bare] = all;
    repository.write_tarball("web-1.1.0.tar", &web("1.1.0"));
    repository.build(&[]).ok();
    assert_eq!(repositories(&repository), ["hexpm", "-"]);

    edit(&edited, "public/packages/web", &signed::key("acme-2048.pem"), |release| {
        release.dependencies[0].repository = None;
    });
    edited.build(&[]).ok();
    assert_eq!(repositories(&edited), ["-"]);

    bare.remove("public/packages/web");
    bare.build(&[]).ok();
    assert_eq!(repositories(&bare), ["-"]);
    bare.build(&["--fresh"]).ok();
    assert_eq!(repositories(&bare), ["-"]);
}

#[test]
fn a_fresh_build_reads_what_mix_does() {
    let repository = added();
    repository.build(&["--fresh"]).ok();
    assert_eq!(repositories(&repository), ["-"]);
    assert_eq!(repository.served(), repository.fresh().served);
}

/// Only where the tarball leaves it open.
#[test]
fn verify_accepts_both_readings_of_such_a_tarball_and_no_other() {
    let sign = |repository: &TestRepository, of: &dyn Fn(&mut Dependency)| {
        edit(repository, "public/packages/web", &signed::key("acme-2048.pem"), |release| {
            of(&mut release.dependencies[0]);
        });
        repository.hexreg().run(["verify", "public"]).code
    };
    let named =
        |name: &'static str| move |one: &mut Dependency| one.repository = Some(name.to_owned());
    let repository = added();
    assert_eq!(sign(&repository, &|one| one.repository = None), 0);
    assert_eq!(sign(&repository, &named("acme")), 0);
    assert_eq!(sign(&repository, &named("hexpm")), 0);
    assert_eq!(sign(&repository, &named("other")), 1);
    assert_eq!(sign(&repository, &named("hexpm")), 0);
    assert_eq!(sign(&repository, &|one| one.optional = true), 1);

    let public = Tarball::new("web", "1.0.0").requires_public("cowboy", "~> 2.0").build();
    let repository = TestRepository::new().tarball("web-1.0.0.tar", &public);
    repository.build(&[]).ok();
    assert_eq!(sign(&repository, &named("hexpm")), 0);
    assert_eq!(sign(&repository, &|one| one.repository = None), 1);
}

/// A package that comes later does not change what older releases take.
#[test]
fn a_later_package_of_the_name_makes_older_releases_warned_of() {
    let repository = added();
    repository.write("cowboy-2.0.0.tar", &Tarball::new("cowboy", "2.0.0").build());
    let said = warnings(&add(&repository, &["cowboy-2.0.0.tar", "--json"]));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("web 1.0.0: cowboy is required from hexpm, but acme has"),
        "{said:?}"
    );
    assert_eq!(repositories(&repository), ["hexpm"]);
    // A new release takes the one that is here.
    repository.write("web-1.1.0.tar", &web("1.1.0"));
    assert_eq!(warnings(&add(&repository, &["web-1.1.0.tar", "--json"])), [""; 0]);
    assert_eq!(repositories(&repository), ["hexpm", "-"]);
    // To name hex.pm's is refused as before.
    let public = Tarball::new("web", "1.2.0").requires_public("cowboy", "~> 2.0").build();
    repository.write("web-1.2.0.tar", &public);
    assert!(rejection(&add(&repository, &["web-1.2.0.tar", "--json"])).contains("cowboy"));
}
