//! Commands that change a registry, and what it has before and after.

use super::repository::TestRepository;
use super::turn::{Item, file_name, tarball};

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const BAR: Item<'_> = ("bar", "1.0.0", 0);
const BAZ: Item<'_> = ("baz", "1.0.0", 0);

/// A command, and what it is about.
pub struct Case {
    pub command: &'static [&'static str],
    pub before: &'static [Item<'static>],
    pub after: &'static [Item<'static>],
}

pub const CASES: [Case; 8] = [
    Case {
        command: &["add", "new/foo-1.0.0.tar", "new/bar-1.0.0.tar"],
        before: &[],
        after: &[FOO, BAR],
    },
    Case { command: &["add", "new/bar-1.0.0.tar"], before: &[FOO], after: &[FOO, BAR] },
    Case { command: &["add", "new/foo-2.0.0.tar"], before: &[FOO, BAR], after: &[FOO, FOO_2, BAR] },
    Case { command: &["remove", "foo", "2.0.0"], before: &[FOO, FOO_2, BAR], after: &[FOO, BAR] },
    Case { command: &["remove", "foo", "1.0.0"], before: &[FOO, BAR], after: &[BAR] },
    Case {
        command: &["retire", "foo", "1.0.0", "--reason=security"],
        before: &[FOO, BAR],
        after: &[FOO, BAR],
    },
    Case { command: &["push"], before: &[], after: &[FOO, FOO_2, BAR] },
    Case { command: &["push", "--overwrite"], before: &[FOO, FOO_2, BAR], after: &[FOO, BAZ] },
];

impl Case {
    /// Somebody with the registry that stands before in `public/`, if there is one.
    pub fn begin(&self) -> TestRepository {
        let repository = TestRepository::new();
        build(&repository, self.before);
        repository
    }

    /// Puts there what the command needs.
    pub fn prepare(&self, repository: &TestRepository) {
        if self.command[0] == "push" {
            self.before.iter().for_each(|item| repository.remove_tarball(&file_name(*item)));
            build(repository, self.after);
        }
        for item in self.after {
            repository.write(&format!("new/{}", file_name(*item)), &tarball(*item));
        }
    }

    /// The command, for a registry that is served there.
    pub fn arguments(&self, destination: &str) -> Vec<String> {
        let (verb, rest) = self.command.split_first().unwrap();
        let (first, last) = match *verb {
            "push" => (vec!["push", "public", destination], vec![]),
            verb => (vec![verb], vec!["--to", destination, "--name=acme", "--private-key=key.pem"]),
        };
        let all = [&first, rest, &last].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// The tarballs that there are after it, by name.
    pub fn tarballs(&self) -> Vec<String> {
        let mut names: Vec<_> = self.after.iter().map(|item| file_name(*item)).collect();
        names.sort();
        names
    }
}

fn build(repository: &TestRepository, items: &[Item<'_>]) {
    for item in items {
        repository.write_tarball(&file_name(*item), &tarball(*item));
    }
    if !items.is_empty() {
        repository.build(&[]).ok();
    }
}
