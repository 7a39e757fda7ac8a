//! A server that is killed before each system call of a request. Whatever it has answered is there, nothing is named
//! that is not there, and the same request to the next server ends well.
//!
//! `scripts/kill` kills it before every call, CI before a sample of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use hexreg::checksum::OuterChecksum;

use super::{Known, Ledger, Published, Request, compare, docs_path, documentation};
use crate::support::items::{Item, file_name, tarball};
use crate::support::random::setting;
use crate::support::strace;
use crate::support::system_calls::{OPEN, REMOVAL, RENAME, killed_before_system_calls};
use crate::support::witness::Files;

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const FOO_AGAIN: Item<'_> = ("foo", "1.0.0", 1);
const BAR: Item<'_> = ("bar", "1.0.0", 0);

/// A request, and the releases before and after it.
struct Case {
    request: Request<'static>,
    before: &'static [Item<'static>],
    after: &'static [Item<'static>],
}

const NEW_PACKAGE: Case =
    Case { request: Request::Publish(BAR), before: &[FOO], after: &[BAR, FOO] };
const NEW_RELEASE: Case =
    Case { request: Request::Publish(FOO_2), before: &[BAR, FOO], after: &[BAR, FOO, FOO_2] };
const REPLACEMENT: Case =
    Case { request: Request::Replace(FOO_AGAIN), before: &[BAR, FOO], after: &[BAR, FOO_AGAIN] };
const REVERT: Case =
    Case { request: Request::Revert(FOO_2), before: &[BAR, FOO, FOO_2], after: &[BAR, FOO] };
const REVERT_OF_A_PACKAGE: Case =
    Case { request: Request::Revert(BAR), before: &[BAR, FOO], after: &[FOO] };
const RETIREMENT: Case =
    Case { request: Request::Retire(FOO), before: &[BAR, FOO], after: &[BAR, FOO] };
const RETIREMENT_TAKEN_BACK: Case =
    Case { request: Request::Unretire(FOO), before: &[BAR, FOO], after: &[BAR, FOO] };
const REMOVAL_OF_DOCUMENTATION: Case =
    Case { request: Request::RevertDocs(FOO), before: &[BAR, FOO], after: &[BAR, FOO] };
const DOCUMENTATION: Case =
    Case { request: Request::PublishDocs(FOO_AGAIN), before: &[BAR, FOO], after: &[BAR, FOO] };

/// What had happened when the server was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Clients see nothing of the change.
    Before,
    /// Some files say it.
    Between,
    /// All do, and the client was not told.
    Unanswered,
}

impl Case {
    /// What the next server tells a client that asks again, if it asked for the first time in vain.
    fn answers(&self, moment: Moment) -> &'static [u16] {
        match (self.request, moment) {
            // As for everybody who publishes what is published.
            (Request::Publish(_), Moment::Unanswered) => &[422],
            (Request::Publish(_) | Request::PublishDocs(_), _) => &[201],
            (Request::Replace(_), _) => &[200],
            (Request::Revert(_) | Request::RevertDocs(_), Moment::Unanswered) => &[404],
            // To retire twice is to retire once.
            _ => &[204],
        }
    }

    /// What was acknowledged before, of tarballs that the request does not change.
    fn ledger(&self) -> Ledger {
        let changed = match self.request {
            Request::Publish(item) | Request::Replace(item) | Request::Revert(item) => {
                Some(file_name(item))
            }
            _ => None,
        };
        let known = |item: &Item<'_>| (file_name(*item), known(*item));
        self.before.iter().map(known).filter(|(file, _)| Some(file) != changed.as_ref()).collect()
    }

    /// The registry before the request.
    fn begin(&self) -> Published {
        let published = Published::with(self.before);
        if let Request::Unretire((name, version, _)) = self.request {
            let retire = ["retire", name, version, "--reason=security", "--to=public"];
            let with = ["--name=acme", "--private-key=key.pem"];
            published.repository.hexreg().run([&retire[..], &with].concat()).ok();
        }
        published
    }

    /// Whether all of the change was made.
    fn is_done(&self, published: &Published) -> bool {
        let tree = published.tree();
        let tarballs: BTreeMap<_, _> = self
            .after
            .iter()
            .map(|item| (file_name(*item), OuterChecksum::of(&tarball(*item))))
            .collect();
        let named: BTreeSet<_> = tree.releases().into_iter().collect();
        tree.tarballs == tarballs
            && named.iter().eq(tarballs.keys())
            && tree.retired().iter().all(|retired| match self.request {
                Request::Retire(item) => *retired == BTreeSet::from([file_name(item)]),
                _ => retired.is_empty(),
            })
            && published.problems().iter().all(|(kind, _)| kind == "leftover")
            && self.has_docs(published)
    }

    /// Whether the documentation is what it is to be after the change.
    fn has_docs(&self, published: &Published) -> bool {
        let item = self.request.item();
        let stored = fs::read(published.repository.path(&docs_path(item))).ok();
        match self.request {
            Request::PublishDocs((.., edition)) => stored == Some(documentation(edition)),
            Request::Revert(_) | Request::Publish(_) | Request::RevertDocs(_) => stored.is_none(),
            Request::Replace(_) | Request::Retire(_) | Request::Unretire(_) => {
                stored == Some(documentation(0))
            }
        }
    }
}

fn known(item: Item<'_>) -> Known {
    Known::Has(OuterChecksum::of(&tarball(item)))
}

/// Kills a server before its system calls of some kinds, one after the other, and asks the next one for the same.
fn kill(test: &str, case: &Case, calls: &str, step: usize) {
    if !strace::is_available(test) {
        return;
    }
    let published = case.begin();
    published.copy("public", "before");
    let ledger = case.ledger();
    let (changed, replaced) = match case.request {
        Request::Replace(item) => (file_name(item), BTreeSet::from([file_name(item)])),
        request => (file_name(request.item()), BTreeSet::new()),
    };
    let mut moments = BTreeMap::<Moment, usize>::new();
    let (mut leftovers, mut uploads) = (0, 0);
    for n in (1..).step_by(step) {
        published.copy("before", "public");
        published.remove_uploads();
        let server = published.serve_on_one_processor();
        // The threads that answer exist from now on, and their calls are counted from the first one of the request.
        assert!(published.is_served(&server, FOO));
        let root = published.repository.root();
        let watched = strace::attach(root, server.id(), calls, "signal=KILL", &n.to_string());
        let answer = published.ask(server.address, case.request);
        if let Some(status) = answer {
            server.signal("-KILL");
            server.ended();
            watched.hits();
            assert!([200, 201, 204].contains(&status), "{status}");
            assert!(case.is_done(&published), "{:?} was acknowledged, and is lost", case.request);
            break;
        }
        assert_eq!(server.ended(), -1, "it was killed");
        watched.hits();

        let tree = published.examine(&replaced);
        compare(&tree, &ledger);
        let moment = if case.is_done(&published) {
            Moment::Unanswered
        } else if tree.served == before(&published) {
            Moment::Before
        } else {
            Moment::Between
        };
        *moments.entry(moment).or_default() += 1;
        leftovers = leftovers.max(published.leftovers());
        uploads = uploads.max(published.uploads());

        let next = published.serve();
        assert_eq!(published.leftovers(), 0, "the next server removes what the killed one left");
        let is_named = tree.lists(&changed);
        assert_eq!(published.is_served(&next, case.request.item()), is_named, "{moment:?}");
        let again = published.ask(next.address, case.request).expect("nothing kills it");
        let context = format!("killed before {calls} {n}, {moment:?}, then {again}");
        assert!(case.answers(moment).contains(&again), "{context}");
        assert!(case.is_done(&published), "{context}");
        compare(&published.agrees(), &ledger);
        // What was published may be replaced at once, whether that was acknowledged or not.
        if let Request::Publish(item) = case.request {
            assert_eq!(published.ask(next.address, Request::Replace(item)), Some(200), "{context}");
        }
        assert!(published.uploads() <= 1, "{context}");
    }
    eprintln!(
        "{} servers killed before {calls}: {moments:?}; at most {leftovers} temporary files and {uploads} uploads left",
        moments.values().sum::<usize>()
    );
    // Each request opens files, and is received and answered.
    let is_certain = ["open", "recvfrom", ANSWER].iter().any(|call| calls.starts_with(call));
    assert!(!moments.is_empty() || !is_certain, "no call was {calls}");
    if calls == ANSWER {
        assert!(moments.contains_key(&Moment::Unanswered), "nothing was answered by {calls}");
    }
}

/// The call by which hyper writes an answer.
const ANSWER: &str = "writev";

/// What was served before, besides tarballs.
fn before(published: &Published) -> Files {
    published.repository.files("before", |path| !path.starts_with("tarballs"))
}

/// One in how many of the calls are tried in part, as there are many.
fn every() -> usize {
    setting("HEXREG_EVERY", 17)
}

/// The same for calls of which each request has few.
fn every_of_few() -> usize {
    setting("HEXREG_EVERY", 2)
}

/// A killed server loses nothing that it has answered, and the next one ends what it began.
mod a_server_killed_before {
    use super::*;

    killed_before_system_calls!(kill, {
        new_package: NEW_PACKAGE;
        new_release: NEW_RELEASE;
        replacement: REPLACEMENT;
        revert: REVERT;
        revert_of_a_package: REVERT_OF_A_PACKAGE;
        retirement: RETIREMENT;
        retirement_taken_back: RETIREMENT_TAKEN_BACK;
        documentation_of_a_release: DOCUMENTATION;
        removal_of_documentation: REMOVAL_OF_DOCUMENTATION;
    }, {
        rename: RENAME, 1;
        removal: REMOVAL, 1;
        flush: "fsync,syncfs", every_of_few();
        folder_and_lock: "mkdir,mkdirat,flock", every_of_few();
        connection: "recvfrom,accept4,shutdown", every_of_few();
        answer: ANSWER, 1;
        open: OPEN, every();
        write: "write", every();
        any: "all", every();
    });
}
