//! The objects that `add` writes.

use hexreg::key::PrivateKey;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::package::UnixSeconds;
use hexreg::registry::{Gzip, ListedVersion, Names, Signed, Versions};
use hexreg::version::Version;

use super::{PREFIX, Writer, samples, with_samples};
use crate::support::moto::{Asked, Moto};
use crate::support::tarball::Tarball;

/// How many requests an addition of one tarball may take, whatever else is in the registry.
const REQUESTS: usize = 11;

#[test]
fn tarballs_added_to_an_empty_bucket_become_a_registry() {
    let test = "tarballs_added_to_an_empty_bucket_become_a_registry";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files, &[]).ok();
    for (file, bytes) in samples() {
        assert_eq!(writer.bucket.get(&format!("{PREFIX}/tarballs/{file}")).body, bytes, "{file}");
    }
    let public_key = ["key", "show", "key.pem", "--public"];
    let public_key = writer.repository.hexreg().run(public_key).ok().stdout;
    let served = String::from_utf8(writer.bucket.get(&format!("{PREFIX}/public_key")).body);
    assert_eq!(served.unwrap().trim(), public_key.trim());
    writer.stands(files);
}

#[test]
fn each_object_has_a_content_type_and_a_cache_control() {
    let test = "each_object_has_a_content_type_and_a_cache_control";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files, &[]).ok();
    let mut kinds = [0, 0];
    for key in writer.bucket.files(PREFIX).into_keys().map(|path| format!("{PREFIX}/{path}")) {
        let is_tarball = key.starts_with("hex/tarballs/");
        kinds[usize::from(is_tarball)] += 1;
        let answer = writer.bucket.get(&key);
        // mix would decompress it twice.
        assert_eq!(answer.header("content-encoding"), None, "{key}");
        let kept = if is_tarball { "public, max-age=604800" } else { "public, max-age=3600" };
        assert_eq!(answer.expect("cache-control"), kept, "{key}");
        assert_eq!(answer.expect("content-type"), "application/octet-stream", "{key}");
    }
    // `public_key`, `names`, `versions` and two packages; three releases.
    assert_eq!(kinds, [5, 3]);
}

#[test]
fn a_tarball_that_is_there_is_not_added_again() {
    let test = "a_tarball_that_is_there_is_not_added_again";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files, &[]).ok();
    let before = writer.bucket.list();
    let mut said = String::new();
    let asked = moto.asked_for(|| said = writer.add(&files, &[]).ok().stdout);
    assert!(said.contains("nothing has changed"), "{said}");
    assert!(
        !asked.iter().any(|asked| asked.method != "GET" && asked.method != "HEAD"),
        "{asked:?}"
    );
    assert_eq!(writer.bucket.list(), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let test = "a_dry_run_writes_nothing";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    let asked = moto.asked_for(|| drop(writer.add(&files, &["--dry-run"]).ok()));
    assert!(
        !asked.iter().any(|asked| asked.method != "GET" && asked.method != "HEAD"),
        "{asked:?}"
    );
    assert!(writer.bucket.keys().is_empty());
}

/// Otherwise a recipe with a dry run before the command would learn nothing.
#[test]
fn a_dry_run_fails_if_the_command_would() {
    let test = "a_dry_run_fails_if_the_command_would";
    let Some(moto) = Moto::start(test) else { return };
    let (writer, files) = with_samples(&moto);
    writer.add(&files[1..], &[]).ok();
    let key = format!("{PREFIX}/tarballs/{}", files[0]);
    assert_eq!(writer.bucket.put(&key, &[], b"another").status, 200);
    let [dry, wet] = [&["--dry-run"][..], &[]].map(|more| writer.add(&files[..1], more));
    assert!(dry.stderr.contains("no release names it"), "{}", dry.transcript());
    assert_eq!((dry.code, dry.stderr), (wet.code, wet.stderr));
}

#[test]
fn adding_one_tarball_takes_few_requests_however_many_there_are() {
    let test = "adding_one_tarball_takes_few_requests_however_many_there_are";
    let Some(moto) = Moto::start(test) else { return };
    let writer = Writer::beside(&moto);
    let files: Vec<_> = (0..40).map(|number| format!("package{number}-1.0.0.tar")).collect();
    for file in &files {
        let name = file.split('-').next().unwrap();
        writer.write(file, &Tarball::new(name, "1.0.0").build());
    }
    writer.add(&files, &[]).ok();
    // A release of a known package, and one of a new package.
    let more = [("package7", "1.1.0"), ("another", "1.0.0")];
    for (name, version) in more {
        let file = format!("{name}-{version}.tar");
        writer.write(&file, &Tarball::new(name, version).build());
        let asked = moto.asked_for(|| drop(writer.add(&[file], &[]).ok()));
        eprintln!("{} requests: {asked:#?}", asked.len());
        assert!(asked.len() <= REQUESTS, "{} requests: {asked:#?}", asked.len());
    }
    let added = more.map(|(name, version)| format!("{name}-{version}.tar"));
    writer.stands([&files[..], &added].concat());
}

/// As large as hex.pm. Only the file of the package that gets a release is requested, so the others need not exist.
#[test]
fn adding_to_twenty_thousand_packages_takes_no_more_requests() {
    const PACKAGES: usize = 20_000;
    let test = "adding_to_twenty_thousand_packages_takes_no_more_requests";
    let Some(moto) = Moto::start(test) else { return };
    let writer = Writer::beside(&moto);
    let first = Tarball::new("package07000", "1.0.0").build();
    writer.write("package07000-1.0.0.tar", &first);
    writer.add(&["package07000-1.0.0.tar".to_owned()], &[]).ok();

    let pem = String::from_utf8(writer.repository.read("key.pem")).unwrap();
    let key = PrivateKey::from_pem(&pem, None).unwrap();
    let repository: RepositoryName = "acme".parse().unwrap();
    let called = |number| format!("package{number:05}").parse::<PackageName>().unwrap();
    let listed = || vec![ListedVersion::from("1.0.0".parse::<Version>().unwrap())];
    let versions = (0..PACKAGES).map(|number| (called(number), listed())).collect();
    let names = (0..PACKAGES).map(|number| (called(number), Some(UnixSeconds(1)))).collect();
    let versions = Versions::new(repository.clone(), versions).encode();
    let names = Names::new(repository, names).encode();
    for (path, payload) in [("versions", versions), ("names", names)] {
        let file = payload.sign(&key).unwrap().to_gzip(&mut Gzip::new());
        assert_eq!(writer.bucket.put(&format!("{PREFIX}/{path}"), &[], &file).status, 200);
    }

    for (name, version) in [("package07000", "1.1.0"), ("another", "1.0.0")] {
        let file = format!("{name}-{version}.tar");
        writer.write(&file, &Tarball::new(name, version).build());
        let asked = moto.asked_for(|| drop(writer.add(&[file], &[]).ok()));
        assert!(asked.len() <= REQUESTS, "{} requests: {asked:#?}", asked.len());
        assert!(!asked.iter().any(Asked::is_listing), "{asked:#?}");
    }
    let served = writer.bucket.get(&format!("{PREFIX}/versions")).body;
    let served = Signed::from_gzip(&served).unwrap().verify(key.public_key()).unwrap();
    let packages = Versions::decode(&served).unwrap().packages;
    assert_eq!(packages.len(), PACKAGES + 1);
    let releases = packages.iter().map(|(_, versions)| versions.len()).sum::<usize>();
    assert_eq!(releases, PACKAGES + 2);
}
