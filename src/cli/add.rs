//! `hexreg add`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueHint;
use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::add::{self, Additions, PublicationTime};
use hexreg::tarball::Limits;

use super::change_log::ChangeLog;
use super::edit::{ENVIRONMENT, EditCommand, Summary, WhichArgs};
use super::output;
use super::time::{self, TimeArgument};
use super::write::{self, WriteArgs};

/// Add releases to a registry without the tarballs of all others
///
/// Checks each TARBALL as `hexreg build` does, puts it into DEST/tarballs, and names it in the file of its
/// package, `versions` and `names`, in this order. No other tarball is read. A release that exists already with the
/// same tarball is left alone. For a tarball in the directory of a mirror, what upstream says of it is added too: that it
/// is retired, when it was published, its advisories. Any number of these commands may run at once on one registry:
/// none loses what another one wrote.
#[derive(clap::Args)]
#[command(after_help = format!("\
Examples:
  hexreg add foo-1.0.0.tar --to public --name=acme --private-key=acme.pem
  hexreg add dist/*.tar --to s3://BUCKET/hex --name=acme --private-key=acme.pem --published-at=none
  hexreg add foo-1.0.0.tar --to s3://BUCKET --endpoint=http://127.0.0.1:9000 --name=acme

{ENVIRONMENT}
  SOURCE_DATE_EPOCH              the latest time that `now` may be, in seconds since 1970"))]
pub struct Args {
    /// The tarballs, as `mix hex.build` and `rebar3 hex build` write them
    #[arg(required = true, value_name = "TARBALL", value_hint = ValueHint::FilePath)]
    tarballs: Vec<PathBuf>,
    #[command(flatten)]
    which: WhichArgs,
    /// Let another tarball replace that of a published release
    #[arg(long)]
    replace: bool,
    /// Say when the releases were published: `now`, a time such as 2026-11-21T12:00:00Z, seconds since
    /// 1970, or `none` [default: as said where the tarball lies, else now]
    #[arg(long, value_name = "TIME", value_parser = parse_published_at)]
    published_at: Option<PublishedAtArgument>,
    /// Let a release require NAME from hex.pm, though this registry has a package of that name
    #[arg(long, value_name = "NAME")]
    allow_public: Vec<PackageName>,
    /// Do not unpack packages to check the files in them
    #[arg(long)]
    no_check_contents: bool,
    #[command(flatten)]
    change: WriteArgs,
}

/// The value of `--published-at`.
#[derive(Clone, Copy, Debug)]
enum PublishedAtArgument {
    Time(TimeArgument),
    None,
}

fn parse_published_at(text: &str) -> Result<PublishedAtArgument, String> {
    if text == "none" {
        return Ok(PublishedAtArgument::None);
    }
    let time = TimeArgument::parse(text).map_err(|expected| format!("{expected}, or `none`"))?;
    Ok(PublishedAtArgument::Time(time))
}

/// What the time of publication does to clients.
fn cooldown_note(repository: &RepositoryName) -> String {
    format!(
        "published_at is now: clients that set HEX_COOLDOWN wait before they use it, unless they set \
         HEX_COOLDOWN_EXCLUDE_REPOS={repository}"
    )
}

impl Args {
    /// Adds the releases and reports the result.
    pub fn main(self) -> ExitCode {
        let now = match time::now() {
            Ok(now) => now,
            Err(failure) => {
                return write::end(self.change.format(), &Err(failure), ChangeLog::default());
            }
        };
        let additions = Additions {
            tarballs: self.tarballs,
            limits: Limits::HEX,
            check_contents: !self.no_check_contents,
            replace: self.replace,
            allow_public: self.allow_public.into_iter().collect(),
            now,
            published_at: match self.published_at {
                None => PublicationTime::KnownOr(now),
                Some(PublishedAtArgument::None) => PublicationTime::Known,
                Some(PublishedAtArgument::Time(time)) => PublicationTime::At(time.or(now)),
            },
        };
        let command = EditCommand {
            which: &self.which,
            attempt: "add to",
            work: &|store, options, reporter| {
                let added = add::add(store, options, &additions, reporter)?;
                let [new, present] =
                    [added.added, added.present].map(|some| output::count(some, "release"));
                let summary = match (added.added, added.present) {
                    (_, 0) => format!("{new} added"),
                    // A file that names it, or its tarball, was missing.
                    (0, _) => format!("{present} there already, and repaired"),
                    (_, some) => format!("{new} added, {} there already", output::thousands(some)),
                };
                // Once a run: it is said where this command has said when a release was published.
                let note = (added.dated > 0).then(|| cooldown_note(&options.repository));
                Ok((added.report, Summary { done: summary, notes: note.into_iter().collect() }))
            },
        };
        command.main(&self.change)
    }
}
