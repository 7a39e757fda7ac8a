//! A company: its registry `acme`, a mirror of `hexpm`, a policy, and lock files of the three build tools.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hexreg::checksum::OuterChecksum;
use hexreg::package::{Advisory, Retirement, RetirementReason, Severity, Timestamp, UnixSeconds};
use hexreg::unknown_fields::UnknownFields;

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::signed::{edit, key};
use crate::support::tarball::Tarball;

/// Ten rules, as a person who answers for security writes them.
pub const STRICT: &str = r#"[[repository]]
name = "hexpm"
minimum-severity = "high"
retired = ["security"]
cooldown = "7d"
deny = [{ package = "denied", requirement = "< 1.1.0", comment = "SEC-12" }]
licenses = ["MIT", "Apache-2.0"]
"#;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The packages of hex.pm in the mirror, with their licences.
const PUBLIC: [(&str, &str, &[&str]); 12] = [
    ("sound", "1.0.0", &["MIT"]),
    ("denied", "1.0.0", &["MIT"]),
    ("denied", "1.1.0", &["MIT"]),
    ("vulnerable", "1.0.0", &["MIT"]),
    ("vulnerable", "1.0.1", &["MIT"]),
    ("retired", "1.0.0", &["MIT"]),
    ("young", "1.0.0", &["MIT"]),
    ("young", "2.0.0", &["MIT"]),
    ("unlicensed", "1.0.0", &[]),
    ("copyleft", "1.0.0", &["GPL-3.0-only"]),
    ("either", "1.0.0", &["GPL-3.0-only OR Apache-2.0"]),
    ("secretlib", "9.0.0", &["MIT"]),
];

/// `hex` is the mirror of hex.pm, `public` the registry of the company.
pub struct Company {
    pub repository: TestRepository,
}

impl Company {
    pub fn new() -> Self {
        let repository =
            TestRepository::new().release("secretlib", "1.0.0").release("tool", "1.0.0");
        repository.write_key("hex.pem", "golden/keys/acme-4096.pem");
        for (name, version, licenses) in PUBLIC {
            let quoted: Vec<_> = licenses.iter().map(|one| format!("<<\"{one}\">>")).collect();
            let more = format!("{{<<\"licenses\">>,[{}]}}.\n", quoted.join(","));
            let tarball = Tarball::new(name, version).more_metadata(more).build();
            repository.write(&format!("hex/tarballs/{name}-{version}.tar"), &tarball);
        }
        repository.build(&[]).ok();
        repository.hexreg().run(["build", "hex", "--name=hexpm", "--private-key=hex.pem"]).ok();
        let this = Self { repository };
        this.remark();
        this.repository.write("strict.toml", STRICT.as_bytes());
        this.repository.write("mix.lock", this.mix().as_bytes());
        this.repository.write("rebar.lock", this.rebar().as_bytes());
        this.repository.write("manifest.toml", this.gleam().as_bytes());
        this
    }

    /// Says of the packages of hex.pm what their names say.
    fn remark(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let young = UnixSeconds(i64::try_from(now).unwrap());
        let advisory = Arc::new(Advisory {
            id: "GHSA-1".to_owned(),
            summary: "it mines".to_owned(),
            severity: Some(Severity::Critical),
            cvss_score: None,
            html_url: "https://example.com/GHSA-1".to_owned(),
            api_url: "https://example.com/GHSA-1.json".to_owned(),
            aliases: Vec::new(),
            unknown: UnknownFields::default(),
        });
        for (name, ..) in PUBLIC {
            edit(&self.repository, &format!("hex/packages/{name}"), &key("acme-4096.pem"), |one| {
                let release = format!("{name} {}", one.version);
                let remarks = &mut one.remarks;
                let seconds =
                    if release == "young 2.0.0" { young } else { UnixSeconds(1_700_000_000) };
                let unknown = UnknownFields::default();
                remarks.published_at = Some(Timestamp { seconds, nanos: 0, unknown });
                if release == "vulnerable 1.0.0" {
                    remarks.advisories = vec![Arc::clone(&advisory)];
                }
                if release == "retired 1.0.0" {
                    remarks.retired = Some(Retirement::new(RetirementReason::Security, None));
                }
            });
        }
    }

    /// The checksum of a tarball, in hex.
    pub fn outer(&self, registry: &str, name: &str, version: &str) -> String {
        let tarball = self.repository.read(&format!("{registry}/tarballs/{name}-{version}.tar"));
        OuterChecksum::of(&tarball).to_string().to_lowercase()
    }

    /// The line of a package in a `mix.lock`.
    pub fn mix_entry(&self, name: &str, version: &str, repository: &str) -> String {
        let registry = if repository == "hexpm" { "hex" } else { "public" };
        let outer = self.outer(registry, name, version);
        format!(
            "  \"{name}\": {{:hex, :{name}, \"{version}\", nil, [:mix], [], \"{repository}\", \"{outer}\"}},\n"
        )
    }

    fn mix(&self) -> String {
        let hexpm = LOCKED.map(|(name, version)| self.mix_entry(name, version, "hexpm")).concat();
        let git = format!(
            "  \"fork\": {{:git, \"https://git.example.com/fork.git\", \"{COMMIT}\", [branch: \"main\"]}},\n"
        );
        format!("%{{\n{hexpm}{}{git}}}\n", self.mix_entry("secretlib", "1.0.0", "acme"))
    }

    fn rebar(&self) -> String {
        let all = || LOCKED.into_iter().chain([("secretlib", "1.0.0")]);
        let entries = all().map(|(name, version)| {
            format!("{{<<\"{name}\">>,{{pkg,<<\"{name}\">>,<<\"{version}\">>}},0}}")
        });
        let git = format!(
            "{{<<\"fork\">>,{{git,\"https://git.example.com/fork.git\",{{ref,\"{COMMIT}\"}}}},0}}"
        );
        let entries: Vec<_> = entries.chain([git]).collect();
        let checksums = all().map(|(name, version)| {
            let registry = if name == "secretlib" { "public" } else { "hex" };
            let outer = self.outer(registry, name, version).to_uppercase();
            format!(" {{<<\"{name}\">>, <<\"{outer}\">>}}")
        });
        let checksums: Vec<_> = checksums.collect();
        format!(
            "{{\"1.2.0\",\n[{}]}}.\n[\n{{pkg_hash_ext,[\n{}]}}\n].\n",
            entries.join(",\n "),
            checksums.join(",\n"),
        )
    }

    fn gleam(&self) -> String {
        let all = LOCKED.into_iter().chain([("secretlib", "9.0.0")]);
        let entries = all.map(|(name, version)| {
            let outer = self.outer("hex", name, version).to_uppercase();
            format!(
                "  {{ name = \"{name}\", version = \"{version}\", build_tools = [\"gleam\"], requirements = [], \
                 source = \"hex\", outer_checksum = \"{outer}\" }},\n"
            )
        });
        let git = format!(
            "  {{ name = \"fork\", version = \"1.0.0\", build_tools = [\"gleam\"], requirements = [], source = \
             \"git\", repo = \"https://git.example.com/fork.git\", commit = \"{COMMIT}\" }},\n"
        );
        format!("packages = [\n{}{git}]\n", entries.collect::<String>())
    }

    /// `hexreg check` of a lock file with these further arguments.
    pub fn check(&self, lock: &str, more: &[&str]) -> Ran {
        let usual = ["check", "--lock", lock, "--policy=strict.toml", "--from=hex"];
        self.repository.hexreg().run(usual.iter().chain(more).copied())
    }
}

/// What each lock file has of hex.pm.
const LOCKED: [(&str, &str); 8] = [
    ("sound", "1.0.0"),
    ("denied", "1.0.0"),
    ("vulnerable", "1.0.0"),
    ("retired", "1.0.0"),
    ("young", "2.0.0"),
    ("unlicensed", "1.0.0"),
    ("copyleft", "1.0.0"),
    ("either", "1.0.0"),
];
