//! Changes that wait for each other and are made together: what one meets does not concern the others.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use hexreg::store::{DirStore, LockOutcome, Store};

use super::log::audit_lines;
use super::uploads;
use super::{Api, Body, Format, Who, documentation, tarball};
use crate::support::exchange::Exchange;

/// Longer than a request takes to arrive, and longer than an upload takes to be checked.
const A_WHILE: Duration = Duration::from_millis(700);

/// Keeps the server from writing as long as the result is kept.
fn lock(api: &Api) -> LockOutcome {
    let lock = DirStore::new(api.repository.path("public")).lock().unwrap();
    assert!(matches!(lock, LockOutcome::Held(_)));
    lock
}

#[test]
fn of_many_changes_at_once_the_one_that_cannot_be_made_fails() {
    let api = Api::new();
    super::answers::expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    // No folder can be created there.
    let _ = fs::remove_dir_all(api.repository.path("public/docs"));
    api.repository.write("public/docs", b"");
    let ask = |line: &str, bytes: Vec<u8>| {
        api.ask(Who::Publisher, Format::Json, line, &Body::Bytes(bytes)).status
    };
    let expected: Vec<_> = (0..12).map(|number| if number == 5 { 500 } else { 201 }).collect();
    // Three seconds after the first failure the server looks no more for the change at fault. On a busy machine they may
    // be over before it has found it.
    for round in 0..10 {
        let lock = lock(&api);
        let (statuses, took) = thread::scope(|scope| {
            let mut clients = Vec::new();
            for number in 0..12 {
                let ask = &ask;
                clients.push(scope.spawn(move || {
                    if number == 5 {
                        return ask(
                            "POST /api/packages/acme_tool/releases/1.0.0/docs",
                            documentation(),
                        );
                    }
                    let name = format!("acme_{number}");
                    let line = format!("POST /api/packages/{name}/releases");
                    ask(&line, tarball(&name, &format!("1.{round}.0")))
                }));
            }
            thread::sleep(A_WHILE);
            let began = Instant::now();
            drop(lock);
            let join = |client: thread::ScopedJoinHandle<'_, u16>| client.join().unwrap();
            (clients.into_iter().map(join).collect::<Vec<_>>(), began.elapsed())
        });
        if took < Duration::from_secs(3) || statuses == expected {
            assert_eq!(statuses, expected);
            break;
        }
        assert!(statuses[5] == 500 && round < 9, "{statuses:?}");
    }
    fs::remove_file(api.repository.path("public/docs")).unwrap();
    api.verify();
}

/// A change that has been asked for is made, and is in the log.
#[test]
fn a_change_whose_client_is_gone_is_in_the_log() {
    let api = uploads::api();
    let lock = lock(&api);
    let body = tarball("acme_tool", "1.0.0");
    let mut exchange = Exchange::with(&api.server);
    let head = format!(
        "POST /api/publish HTTP/1.1\r\nhost: {}\r\n{}content-length: {}\r\n\r\n",
        api.server.address,
        api.authorization(Who::Publisher),
        body.len(),
    );
    let length = body.len() as u64;
    assert!(exchange.send([head.into_bytes(), body].concat()));
    // On a busy machine it takes longer to arrive.
    let has_arrived = || {
        let sizes =
            uploads::uploads(&api).into_iter().map(|path| fs::metadata(path).unwrap().len());
        sizes.sum::<u64>() == length
    };
    let began = Instant::now();
    while !has_arrived() {
        assert!(began.elapsed() < Duration::from_secs(60), "the upload does not arrive");
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(A_WHILE);
    drop(exchange);
    thread::sleep(A_WHILE);
    assert!(audit_lines(&api).is_empty());
    drop(lock);
    let began = Instant::now();
    while audit_lines(&api).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing is in the log");
        thread::sleep(Duration::from_millis(50));
    }
    let line = audit_lines(&api).remove(0);
    assert_eq!((&line["package"], &line["result"]), (&"acme_tool".into(), &"done".into()));
    let release = "GET /api/packages/acme_tool/releases/1.0.0";
    assert_eq!(api.ask(Who::Publisher, Format::Json, release, &Body::None).status, 200);
}
