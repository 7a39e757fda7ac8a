//! `hexreg inspect`

use std::path::PathBuf;
use std::process::ExitCode;

use hexreg::key::PublicKey;
use hexreg::ops::inspect::{self, Contents, Error, Options, Report, Signature};
use hexreg::registry::SignedError;
use hexreg::tarball::Limits;
use serde::Serialize;

use super::failure::{self, Failure, chain};
use super::output;
use super::public_key;
use super::view::{
    DependencyView, Index, NamesPackage, OverrideView, PackageView, PolicyView, ReleaseView,
    RepositoryPolicyView, RestrictionView, RetiredView, SignatureView, TarballView, VersionView,
    View,
};

/// Show the contents of a signed file of a registry, or of a package tarball
///
/// Signed files are names, versions, packages/NAME and policies/NAME. Their signature is verified with
/// --public-key. A tarball is checked as by `hexreg build`, and refused for the same reasons.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg inspect public/packages/greeting
  hexreg inspect public/versions --public-key=public/public_key
  hexreg inspect public/tarballs/greeting-1.0.0.tar --json

The public_key beside a file shows that the two belong together, not who signed them: compare its
fingerprint with one from a source that you trust.

Exit codes: 0 the file is valid; 1 it is not, or another key signed it; 2 usage or environment,
including the given key.")]
pub struct Args {
    /// names, versions, packages/NAME or policies/NAME of a registry, or a tarball
    file: PathBuf,
    /// The RSA public key that should have signed it, in PEM; `-` reads standard input
    #[arg(long, value_name = "PATH")]
    public_key: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// The output of the command, which `--json` prints: the contents of the file or a failure; both if the signature does
/// not hold.
#[derive(Serialize)]
struct InspectOutput {
    file: String,
    #[serde(flatten)]
    view: Option<View>,
    #[serde(flatten)]
    failure: Option<Failure>,
    warnings: Vec<String>,
}

impl Args {
    /// Runs the command.
    pub fn main(self) -> ExitCode {
        let file = self.file.display().to_string();
        let found = self.inspect(&file).unwrap_or_else(|failure| InspectOutput {
            file,
            view: None,
            failure: Some(failure),
            warnings: Vec::new(),
        });
        let printed = if self.json { output::json(&found) } else { found.print() };
        let done = printed.inspect_err(Failure::print);
        failure::exit_code(&done.and(found.failure.map_or(Ok(()), Err)))
    }

    fn inspect(&self, file: &str) -> Result<InspectOutput, Failure> {
        let public_key = public_key::from_argument(self.public_key.as_deref())?;
        let options = Options { public_key, limits: Limits::HEX };
        let report = inspect::inspect(&self.file, &options);
        let Report { contents, warnings } = report.map_err(|error| failure(file, &error))?;
        let fingerprint = options.public_key.as_ref().map(PublicKey::fingerprint);
        let holds = !matches!(contents, Contents::Signed(_, Signature::DoesNotHold));
        let forged = fingerprint.filter(|_| !holds).map(|fingerprint| {
            let error = SignedError::Signature(fingerprint.to_owned());
            Failure::input(format!("{file}: {error}"))
                .hint("another key signed it, or it was changed: clients with this key refuse it")
        });
        Ok(InspectOutput {
            file: file.to_owned(),
            view: Some(View::of(contents, fingerprint)),
            failure: forged,
            warnings: warnings.iter().map(|warning| format!("{file}: {warning}")).collect(),
        })
    }
}

fn failure(file: &str, error: &Error) -> Failure {
    let message = format!("{file}: {}", chain(error));
    match error {
        Error::Read(error) => Failure::environment(format!("could not read {file}: {error}")),
        Error::NotAFile => Failure::environment(format!("could not read {file}: {error}"))
            .hint("save its contents to a file, and inspect that"),
        Error::NeverSigned => Failure::environment(message)
            .hint("inspect packages/NAME with the key, and compare the outer checksum"),
        Error::Neither | Error::Signed(_) | Error::NoResource => Failure::input(message).hint(
            "expected names, versions, packages/NAME or policies/NAME of a registry, as it is served, \
             or a tarball",
        ),
        Error::TooLarge | Error::Resource(_) | Error::Tarball(_) => Failure::input(message),
    }
}

impl InspectOutput {
    /// Prints the output as text.
    fn print(&self) -> Result<(), Failure> {
        self.view.as_ref().map_or(Ok(()), print)?;
        self.warnings.iter().for_each(|warning| output::warning(warning));
        self.failure.iter().for_each(Failure::print);
        Ok(())
    }
}

/// Prints the contents of a file as text.
pub fn print(view: &View) -> Result<(), Failure> {
    match view {
        View::Names(names) => {
            print_index("names", names)?;
            print_rows(&names.packages, |package| (&package.name, updated_at(package)))
        }
        View::NamesOrVersions(names) => {
            let resource = match names.packages.as_slice() {
                [] => "names or versions of an empty registry, which are the same",
                _ => "names or versions: nothing in it shows which",
            };
            print_index(resource, names)?;
            print_rows(&names.packages, |package| (&package.name, updated_at(package)))
        }
        View::Versions(versions) => {
            print_index("versions", versions)?;
            print_rows(&versions.packages, |package| {
                let versions: Vec<_> = package.versions.iter().map(version).collect();
                (&package.name, versions.join(", "))
            })
        }
        View::Package(package) => print_package(package),
        View::Policy(policy) => print_policy(policy),
        View::Tarball(tarball) => print_tarball(tarball),
    }
}

fn print_index<T>(resource: &str, index: &Index<T>) -> Result<(), Failure> {
    print_fields(
        "",
        &[
            ("resource", resource.to_owned()),
            ("repository", index.repository.clone()),
            ("signature", signature(&index.signature)),
            ("packages", output::thousands(index.packages.len())),
        ],
    )
}

fn print_package(package: &PackageView) -> Result<(), Failure> {
    print_fields(
        "",
        &[
            ("package", package.name.clone()),
            ("repository", package.repository.clone()),
            ("signature", signature(&package.signature)),
            ("releases", output::thousands(package.releases.len())),
        ],
    )?;
    package.releases.iter().try_for_each(print_release)?;
    package.advisories.iter().try_for_each(|advisory| {
        output::line("")?;
        output::line(&format!("advisory {}", advisory.id))?;
        let severity = advisory.severity.clone();
        let severity = severity.map(|severity| ("severity", severity));
        let rest = [("summary", advisory.summary.clone()), ("url", advisory.html_url.clone())];
        print_fields("  ", &severity.into_iter().chain(rest).collect::<Vec<_>>())
    })
}

fn print_release(release: &ReleaseView) -> Result<(), Failure> {
    output::line("")?;
    output::line(&release.version)?;
    let mut fields = Vec::new();
    if let Some(published_at) = &release.published_at {
        fields.push(("published at", published_at.clone()));
    }
    if let Some(RetiredView { reason, message }) = &release.retired {
        let message = message.as_deref().map_or(String::new(), |message| format!(": {message}"));
        fields.push(("retired", format!("{reason}{message}")));
    }
    fields.extend(checksums(&release.inner_checksum, &release.outer_checksum));
    if !release.advisories.is_empty() {
        fields.push(("advisories", release.advisories.join(", ")));
    }
    fields.extend(release.dependencies.iter().map(|one| ("dependency", dependency(one))));
    print_fields("  ", &fields)
}

fn print_policy(policy: &PolicyView) -> Result<(), Failure> {
    let description = policy.description.clone().map(|text| ("description", text));
    let fields = [
        ("policy", policy.name.clone()),
        ("repository", policy.repository.clone()),
        ("signature", signature(&policy.signature)),
        ("visibility", policy.visibility.clone()),
    ];
    print_fields("", &fields.into_iter().chain(description).collect::<Vec<_>>())?;
    policy.repositories.iter().try_for_each(print_repository_policy)
}

fn print_repository_policy(part: &RepositoryPolicyView) -> Result<(), Failure> {
    output::line("")?;
    output::line(&format!("packages of {}", part.repository))?;
    let mut fields = Vec::new();
    if let Some(restriction) = &part.restriction {
        let RestrictionView { advisory_min_severity, retirement_reasons, cooldown } = restriction;
        let severity = advisory_min_severity.iter();
        fields.extend(severity.map(|severity| ("min severity", severity.clone())));
        if !retirement_reasons.is_empty() {
            fields.push(("retired for", retirement_reasons.join(", ")));
        }
        let cooldown = cooldown.iter();
        fields.extend(cooldown.map(|cooldown| ("cooldown", cooldown.clone())));
    }
    fields.extend(part.overrides.iter().map(|one| ("override", exception(one))));
    print_fields("  ", &fields)
}

/// An override, such as `deny foo >= 2.0.0: it mines`.
fn exception(exception: &OverrideView) -> String {
    let OverrideView { action, package, requirement, .. } = exception;
    let (advisory, retirement) = (&exception.advisory_id, &exception.retirement_reason);
    let mut words = vec![action.as_str(), package];
    words.extend(requirement.as_deref());
    let details: Vec<_> =
        [advisory, retirement].into_iter().flatten().map(String::as_str).collect();
    let text = with_remarks(&words.join(" "), &details);
    let comment = exception.comment.as_ref().map(|comment| format!("{text}: {comment}"));
    comment.unwrap_or(text)
}

fn print_tarball(tarball: &TarballView) -> Result<(), Failure> {
    let mut fields = vec![
        ("tarball of", format!("{} {}", tarball.name, tarball.version)),
        ("app", tarball.app.clone()),
        ("size", output::count(tarball.size, "byte")),
    ];
    fields.extend(checksums(&tarball.inner_checksum, &tarball.outer_checksum));
    fields.extend(tarball.requirements.iter().map(|one| ("requirement", dependency(one))));
    print_fields("", &fields)
}

fn checksums<'a>(inner: &str, outer: &str) -> [(&'a str, String); 2] {
    [("inner checksum", inner.to_owned()), ("outer checksum", outer.to_owned())]
}

/// Prints one field per line, with aligned values.
fn print_fields(indent: &str, fields: &[(&str, String)]) -> Result<(), Failure> {
    let width =
        fields.iter().map(|(name, _)| name.len().saturating_add(1)).max().unwrap_or_default();
    fields.iter().try_for_each(|(name, value)| {
        let name = format!("{name}:");
        output::line(&format!("{indent}{name:width$} {value}"))
    })
}

/// Prints an empty line and one row per package.
fn print_rows<T>(rows: &[T], row: impl Fn(&T) -> (&str, String)) -> Result<(), Failure> {
    let rows: Vec<_> = rows.iter().map(row).collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    if !rows.is_empty() {
        output::line("")?;
    }
    rows.iter()
        .try_for_each(|(name, rest)| output::line(format!("{name:width$}  {rest}").trim_end()))
}

fn signature(signature: &SignatureView) -> String {
    let fingerprint = signature.fingerprint.as_deref().unwrap_or_default();
    match signature.holds {
        None => "not checked; --public-key=PATH checks it".to_owned(),
        Some(true) => format!("holds; it is that of {fingerprint}"),
        Some(false) => format!("does not hold; it is not that of {fingerprint}"),
    }
}

fn updated_at(package: &NamesPackage) -> String {
    package.updated_at.clone().unwrap_or_default()
}

fn version(version: &VersionView) -> String {
    let marks = [(version.retired, "retired"), (version.with_advisories, "has advisories")];
    let marks: Vec<_> = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
    with_remarks(&version.version, &marks)
}

fn dependency(dependency: &DependencyView) -> String {
    let mut remarks = Vec::new();
    if dependency.optional {
        remarks.push("optional".to_owned());
    }
    if dependency.app != dependency.package {
        remarks.push(format!("app {}", dependency.app));
    }
    if let Some(repository) = &dependency.repository {
        remarks.push(format!("repository {repository}"));
    }
    let needed = format!("{} {}", dependency.package, dependency.requirement);
    with_remarks(&needed, &remarks.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Text with remarks in brackets, such as `1.0.0 (retired)`.
fn with_remarks(text: &str, remarks: &[&str]) -> String {
    if remarks.is_empty() { text.to_owned() } else { format!("{text} ({})", remarks.join(", ")) }
}
