//! Commands in a document, and what each block of them needs.
//!
//! A block of `sh` or `console` is run by a test of its own document. One that takes more than hexreg and a shell
//! says so in its first line: `sh needs=bucket`. A comment that begins with `<!-- setup` has commands that readers do
//! not see.

/// What a block may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A program: the block is run where that is installed.
    Program(&'static str),
    /// A bucket: the block is run where moto is installed.
    Bucket,
    /// What this test cannot have, and which test has it.
    Elsewhere(&'static str),
}

const NEEDS: [(&str, Need); 11] = [
    ("certificate", Need::Program("openssl")),
    ("openssl", Need::Program("openssl")),
    ("curl", Need::Program("curl")),
    ("bucket", Need::Bucket),
    ("cargo", Need::Elsewhere("it builds the project: scripts/test does the same")),
    ("root", Need::Elsewhere("`deploy` does the same in folders of its own")),
    ("docker", Need::Elsewhere("`deploy` checks what the image is made of")),
    ("mix", Need::Elsewhere("`clients` has rebar3, and `golden` the bytes that mix writes")),
    ("rebar3", Need::Elsewhere("`clients` runs rebar3 with a server of its own")),
    ("organisation", Need::Elsewhere("`mirroring` has pins of an organisation")),
    ("internet", Need::Elsewhere("`mirroring` does the same with servers of its own")),
];

/// Commands, or text of another kind.
#[derive(Debug)]
pub struct Block {
    /// Where it begins.
    pub line: usize,
    pub kind: Kind,
    pub needs: Option<Need>,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `sh`, and what readers do not see.
    Script,
    /// `console`: commands after `$ `, each with what it prints.
    Session,
    Other,
}

impl Block {
    /// Every block of a document.
    #[track_caller]
    pub fn all(document: &str, text: &str) -> Vec<Self> {
        let mut blocks = Vec::new();
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            // Blocks in lists are indented.
            let indent = line.len() - line.trim_start().len();
            let without_indent = |line: &'_ str| line.get(indent..).unwrap_or_default().to_owned();
            let first = without_indent(line);
            let (info, end) = match (first.strip_prefix("```"), line) {
                (Some(info), _) => (info, "```"),
                (None, "<!-- setup") => ("sh", "-->"),
                _ => continue,
            };
            let line = index + 1;
            let text: Vec<_> = lines
                .by_ref()
                .map(|(_, line)| without_indent(line))
                .take_while(|line| line != end)
                .collect();
            let (language, needs) = info.split_once(' ').unwrap_or((info, ""));
            assert!(!language.is_empty(), "{document}:{line}: a block says its language");
            let needs = (!needs.is_empty()).then(|| {
                let named = needs
                    .strip_prefix("needs=")
                    .and_then(|name| NEEDS.iter().find(|(known, _)| *known == name));
                named.unwrap_or_else(|| panic!("{document}:{line}: {needs}")).1
            });
            let kind = match language {
                "sh" => Kind::Script,
                "console" => Kind::Session,
                _ => Kind::Other,
            };
            blocks.push(Self { line, kind, needs, text: text.join("\n") });
        }
        blocks
    }

    pub fn has_commands(&self) -> bool {
        self.kind != Kind::Other
    }

    /// Each command with what it prints; `None` where the block does not say.
    pub fn steps(&self) -> Vec<(String, Option<String>)> {
        match self.kind {
            Kind::Other => Vec::new(),
            Kind::Session => {
                let steps = self.text.strip_prefix("$ ").expect("a session begins with a command");
                let steps = steps.split("\n$ ").map(|step| {
                    let (command, output) = step.split_once('\n').unwrap_or((step, ""));
                    (command.to_owned(), Some(output.trim_end().to_owned()))
                });
                steps.collect()
            }
            Kind::Script => {
                // A server runs until it is ended, so it is a step of its own.
                let mut steps: Vec<(String, Option<String>)> = Vec::new();
                let mut begins = true;
                for line in self.text.replace("\\\n", " ").lines() {
                    let serves = line.starts_with("hexreg serve");
                    match steps.last_mut().filter(|_| !begins && !serves) {
                        Some((script, _)) => *script = format!("{script}\n{line}"),
                        None => steps.push((line.to_owned(), None)),
                    }
                    begins = serves;
                }
                steps
            }
        }
    }
}
