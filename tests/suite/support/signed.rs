//! What signed files say, read without any check, and signed anew with something else in them.

use hexreg::key::PrivateKey;
use hexreg::package::{Marks, Release};
use hexreg::registry::{Gzip, Payload, Releases, Signed, Versions};

use super::read_fixture;
use super::repository::TestRepository;

/// A key of the golden vectors.
pub fn key(file: &str) -> PrivateKey {
    let pem = String::from_utf8(read_fixture(&format!("golden/keys/{file}"))).unwrap();
    PrivateKey::from_pem(&pem, None).unwrap()
}

/// The message in a signed file, such as `public/packages/foo`.
pub fn payload(repository: &TestRepository, path: &str) -> Vec<u8> {
    let signed = Signed::from_gzip(&repository.read(path)).unwrap();
    signed.into_unverified().as_bytes().to_vec()
}

/// What the file of a package says, such as `public/packages/foo`.
pub fn releases(repository: &TestRepository, path: &str) -> Releases {
    Releases::decode(&Payload::from_bytes(payload(repository, path).into())).unwrap()
}

/// One release in it.
#[track_caller]
pub fn release(repository: &TestRepository, path: &str, version: &str) -> Release {
    let mut releases = releases(repository, path).releases.into_iter();
    releases.find(|one| one.version.to_string() == version).expect(version)
}

/// Changes what the file of a package says of each release, and signs it.
pub fn edit(
    repository: &TestRepository,
    path: &str,
    key: &PrivateKey,
    change: impl FnMut(&mut Release),
) {
    let mut releases = releases(repository, path);
    releases.releases.iter_mut().for_each(change);
    let signed = releases.encode().sign(key).unwrap();
    repository.write(path, &signed.to_gzip(&mut Gzip::new()));
}

/// What `versions` marks each release with.
pub fn marks(repository: &TestRepository, directory: &str) -> Vec<(String, Marks)> {
    let file = repository.read(&format!("{directory}/versions"));
    let versions = Signed::from_gzip(&file).unwrap().into_unverified();
    let packages = Versions::decode(&versions).unwrap().packages.into_iter();
    let listed = packages.flat_map(|(name, versions)| {
        versions.into_iter().map(move |one| (format!("{name} {}", one.version), one.marks))
    });
    listed.collect()
}
