//! `names`, `versions` and `packages/*`, each of which says something else.

use hexreg::package::UnixSeconds;
use hexreg::registry::Payload;
use hexreg::version::Version;

use super::{
    change_names, change_package, change_versions, finds, name, payload, sign, sound, verify,
};
use crate::support::protobuf::{amend, field, number};
use crate::support::repository::TestRepository;

#[test]
fn indexes_that_disagree() {
    let repository = sound();
    change_names(&repository, |names| {
        names.packages.retain(|(package, _)| *package != name("foo"));
    });
    finds(&repository, &[], &["names not_in_names"]);

    let repository = sound();
    change_names(&repository, |names| names.packages.push((name("new"), Some(UnixSeconds(0)))));
    finds(&repository, &[], &["names names_nothing"]);

    let repository = sound();
    change_names(&repository, |names| names.packages.push(names.packages[0].clone()));
    finds(&repository, &[], &["names package_twice"]);

    let repository = sound();
    change_versions(&repository, |index| index.packages.retain(|(one, _)| *one != name("foo")));
    finds(&repository, &[], &["versions not_in_versions"]);

    let repository = sound();
    change_versions(&repository, |index| index.packages.push(index.packages[0].clone()));
    finds(&repository, &[], &["versions package_twice"]);

    let repository = sound();
    change_versions(&repository, |index| {
        index.packages[1].1.pop();
    });
    finds(&repository, &[], &["versions version_missing"]);

    let repository = sound();
    change_versions(&repository, |index| {
        index.packages[1].1.push("2.0.0".parse::<Version>().unwrap().into());
    });
    finds(&repository, &[], &["versions version_too_many"]);

    let repository = sound();
    change_versions(&repository, |index| index.packages[1].1.reverse());
    finds(&repository, &[], &["versions order"]);

    let repository = sound();
    change_package(&repository, "foo", |package| package.releases.reverse());
    finds(&repository, &[], &["packages/foo order"]);

    let repository = sound();
    change_package(&repository, "foo", |package| {
        package.releases.push(package.releases[1].clone());
    });
    finds(&repository, &[], &["packages/foo order"]);

    let repository = sound();
    change_package(&repository, "bar", |package| package.releases.clear());
    change_versions(&repository, |index| index.packages[0].1.clear());
    finds(
        &repository,
        &[],
        &["packages/bar no_releases", "tarballs/bar-1.0.0.tar unnamed", "versions no_releases"],
    );
}

#[test]
fn marks_that_disagree() {
    // `foo` 1.1.0 is retired and `foo` 1.0.0 has an advisory: in the package, in `versions`, in both.
    let retired = |repository: &TestRepository| {
        let package = payload(repository, "packages/foo");
        let package = amend(package.as_bytes(), 1, &field(4, number(1, 2)));
        let texts = [1, 2, 3, 6].map(|place| field(place, "GHSA-0000"));
        let package = amend(&package, 0, &number(6, 0));
        let package = [package, field(4, texts.concat())].concat();
        sign(repository, "packages/foo", &Payload::from_bytes(package.into()));
    };
    let marked = |repository: &TestRepository| {
        let versions = payload(repository, "versions");
        let marks = [field(3, [1]), field(5, [0])].concat();
        let versions = amend(versions.as_bytes(), 1, &marks);
        sign(repository, "versions", &Payload::from_bytes(versions.into()));
    };
    let repository = sound();
    retired(&repository);
    let ran = finds(&repository, &[], &["versions advisories_missing", "versions retired_missing"]);
    insta::assert_snapshot!(ran.stdout, @r"
    public/versions: it does not mark foo 1.0.0 as having advisories; packages/foo does
    public/versions: it does not mark foo 1.1.0 as retired; packages/foo does
    acme: 2 packages, 3 releases; 2 problems
    ");
    marked(&repository);
    verify(&repository, &[]).ok();

    let repository = sound();
    marked(&repository);
    let ran =
        finds(&repository, &[], &["versions advisories_too_many", "versions retired_too_many"]);
    insta::assert_snapshot!(ran.stdout, @r"
    public/versions: it marks foo 1.0.0 as having advisories; packages/foo does not
    public/versions: it marks foo 1.1.0 as retired; packages/foo does not
    acme: 2 packages, 3 releases; 2 problems
    ");
}
