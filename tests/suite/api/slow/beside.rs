//! Publications while commands change the same directory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::api::answers::expect;
use crate::api::{Api, Body, Format, Who, tarball};

const PUBLICATIONS: usize = 20;

/// Clients publish releases while a command runs over and over: every release that was acknowledged is there.
#[track_caller]
fn publishes_beside(run: impl Fn(&Api, usize) + Sync) -> Api {
    let api = Api::new();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = ["acme_tool", "acme_lib"]
            .into_iter()
            .map(|name| {
                let api = &api;
                scope.spawn(move || {
                    for number in 0..PUBLICATIONS {
                        let tarball = tarball(name, &format!("1.{number}.0"));
                        expect(&api.publish(name, &tarball, false), 201);
                    }
                })
            })
            .collect();
        let (api, run, is_over) = (&api, &run, &is_over);
        let command = scope.spawn(move || {
            let mut round = 0;
            while round < 3 || !is_over.load(Ordering::Relaxed) {
                run(api, round);
                round += 1;
            }
        });
        for client in clients {
            client.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        command.join().unwrap();
    });
    for name in ["acme_tool", "acme_lib"] {
        let line = format!("GET /api/packages/{name}");
        let package = expect(&api.ask(Who::Reader, Format::Json, &line, &Body::None), 200);
        let releases = package["releases"].as_array().unwrap();
        let versions: BTreeSet<&str> =
            releases.iter().filter_map(|release| release["version"].as_str()).collect();
        assert_eq!(versions.len(), PUBLICATIONS, "{versions:?}");
    }
    api.verify();
    api
}

#[test]
fn a_build() {
    let api = publishes_beside(|api, _| {
        api.repository.build(&[]).ok();
    });
    // A build keeps what only the registry says: when each release was published.
    let line = "GET /api/packages/acme_tool/releases/1.0.0";
    let release = expect(&api.ask(Who::Reader, Format::Json, line, &Body::None), 200);
    assert_ne!(release["inserted_at"], Value::Null, "{release}");
}

#[test]
fn an_addition() {
    publishes_beside(|api, round| {
        let file = format!("new-{round}.tar");
        api.repository.write(&file, &tarball("added", &format!("1.{round}.0")));
        let usual = ["--to=public", "--name=acme", "--private-key=key.pem"];
        api.repository.hexreg().run(["add", &file].into_iter().chain(usual)).ok();
    });
}

#[test]
fn a_removal() {
    publishes_beside(|api, round| {
        let version = format!("1.{round}.0");
        expect(&api.publish("gone", &tarball("gone", &version), false), 201);
        let usual = ["--to=public", "--name=acme", "--private-key=key.pem"];
        api.repository.hexreg().run(["remove", "gone", &version].into_iter().chain(usual)).ok();
        assert!(!api.repository.path(&format!("public/tarballs/gone-{version}.tar")).exists());
    });
}
