//! Commands that change a registry, with its tarballs and its policy before and after.

use super::items::{Item, file_name, tarball};
use super::repository::TestRepository;
use super::verbs::{POLICY, policy_file, policy_text};
use super::witness::Tree;

const FOO: Item<'_> = ("foo", "1.0.0", 0);
const FOO_2: Item<'_> = ("foo", "2.0.0", 0);
const BAR: Item<'_> = ("bar", "1.0.0", 0);
const BAZ: Item<'_> = ("baz", "1.0.0", 0);

/// A command, the tarballs of the registry before and after it, and the cooldown of its policy in days.
pub struct Case {
    pub command: &'static [&'static str],
    pub before: &'static [Item<'static>],
    pub after: &'static [Item<'static>],
    pub policy_before: Option<u8>,
    pub policy_after: Option<u8>,
}

/// Of a registry without a policy.
const PLAIN: Case =
    Case { command: &[], before: &[], after: &[], policy_before: None, policy_after: None };

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
            new_policy: NEW_POLICY;
            policy_in_place_of_another: POLICY_IN_PLACE_OF_ANOTHER;
            removal_of_a_policy: REMOVAL_OF_A_POLICY;
        }
    };
}
pub(crate) use with_each_command;

pub const FIRST_ADDITION: Case = Case {
    command: &["add", "new/foo-1.0.0.tar", "new/bar-1.0.0.tar"],
    before: &[],
    after: &[FOO, BAR],
    ..PLAIN
};
pub const ADDITION_OF_A_PACKAGE: Case =
    Case { command: &["add", "new/bar-1.0.0.tar"], before: &[FOO], after: &[FOO, BAR], ..PLAIN };
pub const ADDITION_OF_A_RELEASE: Case = Case {
    command: &["add", "new/foo-2.0.0.tar"],
    before: &[FOO, BAR],
    after: &[FOO, FOO_2, BAR],
    ..PLAIN
};
pub const REMOVAL_OF_A_RELEASE: Case = Case {
    command: &["remove", "foo", "2.0.0"],
    before: &[FOO, FOO_2, BAR],
    after: &[FOO, BAR],
    ..PLAIN
};
pub const REMOVAL_OF_A_PACKAGE: Case =
    Case { command: &["remove", "foo", "1.0.0"], before: &[FOO, BAR], after: &[BAR], ..PLAIN };
pub const RETIREMENT: Case = Case {
    command: &["retire", "foo", "1.0.0", "--reason=security"],
    before: &[FOO, BAR],
    after: &[FOO, BAR],
    ..PLAIN
};
pub const FIRST_PUSH: Case =
    Case { command: &["push"], before: &[], after: &[FOO, FOO_2, BAR], ..PLAIN };
pub const PUSH_THAT_OVERWRITES: Case = Case {
    command: &["push", "--overwrite"],
    before: &[FOO, FOO_2, BAR],
    after: &[FOO, BAZ],
    ..PLAIN
};
pub const NEW_POLICY: Case = Case {
    command: &["policy", "set", "strict", "--file=strict.toml"],
    before: &[FOO],
    after: &[FOO],
    policy_after: Some(2),
    ..PLAIN
};
pub const POLICY_IN_PLACE_OF_ANOTHER: Case = Case { policy_before: Some(1), ..NEW_POLICY };
pub const REMOVAL_OF_A_POLICY: Case = Case {
    command: &["policy", "remove", "strict"],
    policy_before: Some(1),
    policy_after: None,
    ..NEW_POLICY
};

impl Case {
    /// A repository with the registry from before the command in `public/`, if there is one.
    pub fn begin(&self) -> TestRepository {
        let repository = TestRepository::new();
        build(&repository, self.before);
        if let Some(days) = self.policy_before {
            write_policy_file(&repository, days);
            let set = ["policy", "set", POLICY, "--file=strict.toml", "--to=public", "--name=acme"];
            repository.hexreg().run([&set[..], &["--private-key=key.pem"]].concat()).ok();
        }
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
        if let Some(days) = self.policy_after {
            write_policy_file(repository, days);
        }
    }

    /// Checks what clients find, whenever the command was killed: no file is missing, and the policy is one of the two.
    pub fn examine(&self, tree: &Tree) {
        tree.follow(&|_| false);
        let known = [self.policy_before, self.policy_after].map(|days| days.map(policy_file));
        let found = tree.policy(POLICY);
        let is_known =
            known.iter().any(|known| known.as_ref().map(|file| &file.policy) == found.as_ref());
        assert!(is_known, "{found:?}");
    }

    /// Checks the policy after the command.
    pub fn has_its_policy(&self, tree: &Tree) {
        let expected = self.policy_after.map(|days| policy_file(days).policy);
        assert_eq!(tree.policy(POLICY), expected);
    }

    /// Whether it is reported, when the command is run again, that it was done before it was killed.
    pub fn is_done(stderr: &str) -> bool {
        ["acme has no foo", "acme has no policy"].iter().any(|text| stderr.contains(text))
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

fn write_policy_file(repository: &TestRepository, days: u8) {
    repository.write("strict.toml", policy_text(days).as_bytes());
}

fn build(repository: &TestRepository, items: &[Item<'_>]) {
    for item in items {
        repository.write_tarball(&file_name(*item), &tarball(*item));
    }
    if !items.is_empty() {
        repository.build(&[]).ok();
    }
}
