//! A policy that a command applies: a TOML file, or a signed policy, in a file or at a URL.

use std::io;
use std::path::{Path, PathBuf};

use hexreg::key::PublicKey;
use hexreg::name::{PolicyName, RepositoryName};
use hexreg::ops::inspect::{self, Contents, Options, Signature, SignedResource};
use hexreg::policy::{GateRules, Policy, PolicyFile, PolicyFileError, read_policy};
use hexreg::regular_file;
use hexreg::tarball::Limits;

use super::failure::{Failure, Rejected, chain};
use super::registry_argument::{self, RegistryAccess};

/// The policy that a command applies.
#[derive(clap::Args)]
pub struct PolicyArgs {
    /// The policy: a TOML file, or the path or URL of a signed policies/NAME
    #[arg(long, value_name = "POLICY")]
    policy: String,
    /// The source of the Authorization header for the URL of --policy, as of --upstream-auth
    #[cfg(feature = "mirror")]
    #[arg(long, value_name = "SOURCE")]
    policy_auth: Option<String>,
}

impl PolicyArgs {
    /// Loads the policy.
    pub fn load(&self, access: &RegistryAccess<'_>) -> Result<LoadedPolicy, Failure> {
        #[cfg(feature = "mirror")]
        let auth = self.policy_auth.as_deref();
        #[cfg(not(feature = "mirror"))]
        let auth = None;
        load(&self.policy, access, auth)
    }
}

/// The policies that a command applies.
#[derive(clap::Args)]
pub struct PoliciesArgs {
    /// A policy: a TOML file, or the path or URL of a signed policies/NAME; may be given more than once, and all of
    /// them are applied
    #[arg(long, value_name = "POLICY", required = true)]
    policy: Vec<String>,
    /// The source of the Authorization header for the URL of --policy, as of --upstream-auth
    #[cfg(feature = "mirror")]
    #[arg(long, value_name = "SOURCE")]
    policy_auth: Option<String>,
}

impl PoliciesArgs {
    /// Loads the policies.
    pub fn load(&self, access: &RegistryAccess<'_>) -> Result<Vec<LoadedPolicy>, Failure> {
        #[cfg(feature = "mirror")]
        let auth = self.policy_auth.as_deref();
        #[cfg(not(feature = "mirror"))]
        let auth = None;
        let urls = self.policy.iter().map(String::as_str);
        let urls: Vec<_> = urls.filter(|policy| registry_argument::is_url(policy)).collect();
        registry_argument::refuse_shared_auth("--policy-auth", auth, &urls)?;
        self.policy.iter().map(|policy| load(policy, access, auth)).collect()
    }
}

fn load(
    policy: &str,
    access: &RegistryAccess<'_>,
    auth: Option<&str>,
) -> Result<LoadedPolicy, Failure> {
    if registry_argument::is_url(policy) {
        return at_url(policy, access, auth);
    }
    in_file(policy, access)
}

/// A policy, and what messages call it.
pub struct LoadedPolicy {
    pub policy: Policy,
    /// The path of a TOML file; else repository and name.
    pub label: String,
    /// What `hexreg check` alone applies; nothing, if the policy is signed.
    pub gate: GateRules,
    /// What is wrong with it.
    pub warnings: Vec<String>,
    /// Whether it is signed, and there was no key to verify it with.
    pub is_unverified: bool,
}

/// In bytes: as much as a signed policy may have.
const MAX_FILE: u64 = 8 << 20;

/// What begins a gzipped file.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// The policy in a file: signed, or in TOML.
fn in_file(argument: &str, access: &RegistryAccess<'_>) -> Result<LoadedPolicy, Failure> {
    let path = Path::new(argument);
    let bytes = read(path)?;
    if bytes.starts_with(&GZIP) {
        return signed(path, access);
    }
    // A policy that is not published yet has neither a repository nor a name, and rules do not depend on these.
    let (repository, name) = (parse::<RepositoryName>("local")?, parse::<PolicyName>("policy")?);
    let PolicyFile { policy, gate, warnings, .. } = parse_file(path, bytes, &repository, &name)?;
    let warnings = warnings.iter().map(|one| format!("{argument}:{}: {one}", one.line));
    Ok(LoadedPolicy {
        policy,
        label: argument.to_owned(),
        gate,
        warnings: warnings.collect(),
        is_unverified: false,
    })
}

/// Reads a TOML file as the policy `name` of `repository`.
pub fn read_file(
    path: &Path,
    repository: &RepositoryName,
    name: &PolicyName,
) -> Result<PolicyFile, Failure> {
    let bytes = read(path)?;
    if bytes.starts_with(&GZIP) {
        let message = format!("{} is a signed file, not a policy in TOML", path.display());
        return Err(Failure::input(message)
            .hint("`hexreg policy show` prints a signed policy; write its rules in TOML"));
    }
    parse_file(path, bytes, repository, name)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    regular_file::read_given(path, MAX_FILE).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Failure::input(format!("{name}: {error}")),
        _ => Failure::environment(format!("could not read {name}: {error}")),
    })
}

fn parse_file(
    path: &Path,
    bytes: Vec<u8>,
    repository: &RepositoryName,
    name: &PolicyName,
) -> Result<PolicyFile, Failure> {
    let shown = path.display();
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        Failure::input(format!("{shown}:{line}: it is not UTF-8")).hint("save it as UTF-8")
    })?;
    read_policy(&text, repository, name).map_err(|PolicyFileError { faults }| {
        let rejected = faults.iter().map(|fault| Rejected {
            path: format!("{shown}:{}", fault.line),
            reason: fault.to_string(),
        });
        Failure::input(format!("{shown} cannot be used as a policy"))
            .rejecting(rejected.collect())
            .hint("each line says what to write instead; `hexreg policy set --help` has an example")
    })
}

/// The signed policy in a file. Without a key that was given, the `public_key` of its registry verifies it.
fn signed(path: &Path, access: &RegistryAccess<'_>) -> Result<LoadedPolicy, Failure> {
    let shown = path.display();
    let keys = if access.keys.is_empty() { beside(path)? } else { access.keys.clone() };
    let inspect = |public_key: Option<PublicKey>| {
        let report = inspect::inspect(path, &Options { public_key, limits: Limits::HEX });
        report.map_err(|error| Failure::input(format!("{shown}: {}", chain(&error))))
    };
    let mut found = inspect(keys.first().cloned())?;
    for key in keys.iter().skip(1) {
        if matches!(found.contents, Contents::Signed(_, Signature::DoesNotHold)) {
            found = inspect(Some(key.clone()))?;
        }
    }
    let Contents::Signed(SignedResource::Policy(policy), signature) = found.contents else {
        let message = format!("{shown} is not a policy");
        return Err(Failure::input(message).hint("give policies/NAME, or a policy in TOML"));
    };
    let mut warnings: Vec<_> =
        found.warnings.iter().map(|warning| format!("{shown}: {warning}")).collect();
    let is_unverified = matches!(signature, Signature::NotChecked);
    match signature {
        Signature::Holds => {}
        Signature::NotChecked => {
            warnings.push(format!(
                "{shown}: its signature is not checked; --public-key=PATH checks it"
            ));
        }
        Signature::DoesNotHold => {
            return Err(Failure::input(format!("{shown}: another key signed it"))
                .hint("give the --public-key that signed it"));
        }
    }
    let label = format!("{}/{}", policy.repository, policy.name);
    Ok(LoadedPolicy { policy, label, gate: GateRules::default(), warnings, is_unverified })
}

/// The `public_key` of the registry whose `policies/` has this file.
fn beside(path: &Path) -> Result<Vec<PublicKey>, Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let key: PathBuf = folder.join("../public_key");
    if !key.is_file() {
        return Ok(Vec::new());
    }
    Ok(super::public_key::from_argument(Some(&key))?.into_iter().collect())
}

/// The signed policy at a URL, which ends in `policies/NAME`.
fn at_url(
    url: &str,
    access: &RegistryAccess<'_>,
    auth: Option<&str>,
) -> Result<LoadedPolicy, Failure> {
    let parts = url.rsplit_once("/policies/");
    let parts =
        parts.and_then(|(registry, name)| Some((registry, name.parse::<PolicyName>().ok()?)));
    let Some((registry, name)) = parts else {
        let shown = hexreg::credentials::hide(url);
        return Err(Failure::environment(format!("{shown} is not the URL of a policy"))
            .hint("expected https://HOST/…/policies/NAME"));
    };
    let source = registry_argument::at_url(registry, access, auth)?;
    let policy = source.policy(&name).map_err(|error| registry_argument::failure(&error))?;
    let Some(policy) = policy else {
        return Err(Failure::input(format!("there is no policy at {url}")));
    };
    let inert = policy.inert_parts();
    let warnings = inert.iter().map(|part| format!("{url}: {part}")).collect();
    let label = format!("{}/{}", policy.repository, policy.name);
    let gate = GateRules::default();
    Ok(LoadedPolicy { policy, label, gate, warnings, is_unverified: false })
}

fn parse<T: std::str::FromStr<Err: std::error::Error + 'static>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::environment(chain(&error)))
}
