//! Files that were changed between the server and the client.

use crate::clients::{Project, samples, text};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::{gunzip, gzip, tools};

fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1;
    flipped
}

/// `packages/welcome` of a repository with another key or name.
fn package(repository: &TestRepository, name: &str) -> Vec<u8> {
    let build = ["build", "public", "--private-key=key.pem", "--name", name];
    repository.hexreg().run(build).ok();
    repository.read("public/packages/welcome")
}

#[test]
fn rebar3_refuses_tampered_files() {
    let test = "rebar3_refuses_tampered_files";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    let server = Server::of(&repository, &[]);
    let url = server.url();
    let tarball = repository.read("public/tarballs/welcome-0.1.0.tar");
    let signed = repository.read("public/packages/welcome");
    let message = gunzip(&signed);
    let another_key = TestRepository::new().samples().key("acme-4096.pem");
    let another_name = TestRepository::new().samples();
    for (what, path, bytes) in [
        ("the tarball", "tarballs/welcome-0.1.0.tar", flip(&tarball, tarball.len() / 2)),
        ("the tarball, cut", "tarballs/welcome-0.1.0.tar", tarball[..tarball.len() - 512].to_vec()),
        ("another's tarball", "tarballs/welcome-0.1.0.tar", {
            repository.read("public/tarballs/greeting-1.0.0.tar")
        }),
        ("the gzip stream", "packages/welcome", flip(&signed, signed.len() / 2)),
        ("the payload", "packages/welcome", gzip(&flip(&message, 10))),
        ("the signature", "packages/welcome", gzip(&flip(&message, message.len() - 1))),
        ("another package", "packages/welcome", repository.read("public/packages/greeting")),
        ("another key", "packages/welcome", package(&another_key, "acme")),
        ("another repository", "packages/welcome", package(&another_name, "other")),
        ("nothing", "packages/welcome", Vec::new()),
    ] {
        let path = format!("public/{path}");
        let right = repository.read(&path);
        assert_ne!(right, bytes, "{what}");
        repository.write(&path, &bytes);
        let project = Project::of(rebar3.clone(), &repository, &url, None);
        let output = project.get_deps();
        assert!(!output.status.success(), "{what}: {}", text(&output));
        assert!(!project.dependency("welcome").exists(), "{what}: {}", text(&output));
        // Only that prevented it from fetching, and its cache keeps none of it.
        repository.write(&path, &right);
        project.fetches(&repository);
    }
}
