//! Commands that change a registry, with its tarballs before and after.

use super::items::{Item, file_name, tarball};
use super::repository::TestRepository;

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const BAR: Item<'_> = ("bar", "1.0.0", 0);
const BAZ: Item<'_> = ("baz", "1.0.0", 0);

/// A command, and the tarballs of the registry before and after it.
pub struct Case {
    pub command: &'static [&'static str],
    pub before: &'static [Item<'static>],
    pub after: &'static [Item<'static>],
}

/// Calls a macro with each command and its name.
macro_rules! with_each_command {
    ($tests:ident) => {
        $tests! {
            first_addition: FIRST_ADDITION;
            addition_of_a_package: ADDITION_OF_A_PACKAGE;
            addition_of_a_release: ADDITION_OF_A_RELEASE;
            removal_of_a_release: REMOVAL_OF_A_RELEASE;
            removal_of_a_package: REMOVAL_OF_A_PACKAGE;
            retirement: RETIREMENT;
            first_push: FIRST_PUSH;
            push_that_overwrites: PUSH_THAT_OVERWRITES;
        }
    };
}
pub(crate) use with_each_command;

pub const FIRST_ADDITION: Case = Case {
    command: &["add", "new/foo-1.0.0.tar", "new/bar-1.0.0.tar"],
    before: &[],
    after: &[FOO, BAR],
};
pub const ADDITION_OF_A_PACKAGE: Case =
    Case { command: &["add", "new/bar-1.0.0.tar"], before: &[FOO], after: &[FOO, BAR] };
pub const ADDITION_OF_A_RELEASE: Case =
    Case { command: &["add", "new/foo-2.0.0.tar"], before: &[FOO, BAR], after: &[FOO, FOO_2, BAR] };
pub const REMOVAL_OF_A_RELEASE: Case =
    Case { command: &["remove", "foo", "2.0.0"], before: &[FOO, FOO_2, BAR], after: &[FOO, BAR] };
pub const REMOVAL_OF_A_PACKAGE: Case =
    Case { command: &["remove", "foo", "1.0.0"], before: &[FOO, BAR], after: &[BAR] };
pub const RETIREMENT: Case = Case {
    command: &["retire", "foo", "1.0.0", "--reason=security"],
    before: &[FOO, BAR],
    after: &[FOO, BAR],
};
pub const FIRST_PUSH: Case = Case { command: &["push"], before: &[], after: &[FOO, FOO_2, BAR] };
pub const PUSH_THAT_OVERWRITES: Case =
    Case { command: &["push", "--overwrite"], before: &[FOO, FOO_2, BAR], after: &[FOO, BAZ] };

impl Case {
    /// A repository with the registry from before the command in `public/`, if there is one.
    pub fn begin(&self) -> TestRepository {
        let repository = TestRepository::new();
        build(&repository, self.before);
        repository
    }

    /// Writes the files that the command reads.
    pub fn prepare(&self, repository: &TestRepository) {
        if self.command[0] == "push" {
            self.before.iter().for_each(|item| repository.remove_tarball(&file_name(*item)));
            build(repository, self.after);
        }
        for item in self.after {
            repository.write(&format!("new/{}", file_name(*item)), &tarball(*item));
        }
    }

    /// The arguments of the command for the registry at `destination`.
    pub fn arguments(&self, destination: &str) -> Vec<String> {
        let (verb, rest) = self.command.split_first().unwrap();
        let (first, last) = match *verb {
            "push" => (vec!["push", "public", destination], vec![]),
            verb => (vec![verb], vec!["--to", destination, "--name=acme", "--private-key=key.pem"]),
        };
        let all = [&first, rest, &last].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// The file names of the tarballs after the command.
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
