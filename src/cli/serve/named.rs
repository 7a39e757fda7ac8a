//! `NAME=DEST`, the value of `--repo`.

use std::ffi::OsStr;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use hexreg::name::RepositoryName;
use hexreg::store::is_bucket_url;

use crate::cli::destination::Destination;

/// Parses `NAME=DEST`.
#[derive(Clone)]
pub struct NamedDestination;

impl TypedValueParser for NamedDestination {
    type Value = (RepositoryName, Destination);

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let bucket = value.to_str().and_then(|text| text.split_once('='));
        let Some((name, url)) = bucket.filter(|(_, url)| is_bucket_url(url)) else {
            let directory = StringValueParser::new().try_map(|text| directory(&text));
            return directory.parse_ref(command, argument, value);
        };
        // Clap would repeat the argument, which may have a password in it.
        let name = name.parse::<RepositoryName>();
        let name =
            name.map_err(|error| command.clone().error(ErrorKind::ValueValidation, error))?;
        let url = Destination::parser().parse_ref(command, argument, url.as_ref())?;
        Ok((name, url))
    }
}

fn directory(text: &str) -> Result<(RepositoryName, Destination), String> {
    let (name, directory) = text.split_once('=').ok_or("expected NAME=DEST")?;
    let name: RepositoryName = name.parse().map_err(|error| format!("{error}"))?;
    if directory.is_empty() {
        return Err("expected a directory or a bucket after =".to_owned());
    }
    Ok((name, Destination::Directory(directory.into())))
}
