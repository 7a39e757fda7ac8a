//! Opens the registries of `--from`.

use hexreg::credentials;
use hexreg::ops::check::{CheckSource, CheckSourceError};
use hexreg::ops::registry_source::RegistrySource;

use crate::cli::failure::Failure;
use crate::cli::registry_argument::{self, RegistryAccess, RegistryArgument, is_at_hexpm};

/// Opens all registries and reads their names.
pub fn open_all(
    arguments: &[RegistryArgument],
    access: &RegistryAccess<'_>,
) -> Result<Vec<CheckSource>, Failure> {
    let authorized = authorized_urls(arguments);
    registry_argument::refuse_shared_auth("--upstream-auth", access.auth, &authorized)?;
    let open = |argument: &RegistryArgument| {
        let registry = open(argument, access, &authorized)?;
        let source = CheckSource::open(label(argument), registry);
        source.map_err(|error| match &error {
            CheckSourceError::Source(error) => registry_argument::failure(error),
            CheckSourceError::NoNames { .. } => Failure::input(error.to_string())
                .hint("give a registry with its index of packages, or a mirror of one"),
        })
    };
    arguments.iter().map(open).collect()
}

/// The URLs that are sent the credentials. hex.pm's are not, where there are others: what hex.pm serves to all needs none.
fn authorized_urls(arguments: &[RegistryArgument]) -> Vec<&str> {
    let urls = arguments.iter().filter_map(|argument| match argument {
        RegistryArgument::Url(url) => Some(url.as_str()),
        RegistryArgument::Place(_) => None,
    });
    let (of_hexpm, others): (Vec<_>, Vec<_>) = urls.partition(|url| is_at_hexpm(url));
    if others.is_empty() { of_hexpm } else { others }
}

fn open(
    argument: &RegistryArgument,
    access: &RegistryAccess<'_>,
    authorized: &[&str],
) -> Result<RegistrySource, Failure> {
    match argument {
        RegistryArgument::Url(url) => {
            let auth = access.auth.filter(|_| authorized.contains(&url.as_str()));
            argument.open_with(access, auth)
        }
        RegistryArgument::Place(_) => argument.open(&access.or_hexpm()?),
    }
}

fn label(argument: &RegistryArgument) -> String {
    match argument {
        RegistryArgument::Url(url) => credentials::hide(url),
        RegistryArgument::Place(place) => place.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorized(urls: &[&str]) -> Vec<String> {
        let arguments = urls.iter().map(|url| RegistryArgument::Url((*url).to_owned()));
        let arguments: Vec<_> = arguments.collect();
        authorized_urls(&arguments).into_iter().map(str::to_owned).collect()
    }

    /// A token for the registry of a company is not for hex.pm.
    #[test]
    fn hex_pm_is_sent_no_credentials_of_another_registry() {
        let (hexpm, own) = ("https://repo.hex.pm", "https://hex.example.com");
        assert_eq!(authorized(&[hexpm, own]), [own]);
        assert_eq!(authorized(&[own, hexpm]), [own]);
        let organisation = "https://repo.hex.pm/repos/acme";
        assert_eq!(authorized(&[hexpm, organisation]), [hexpm, organisation]);
    }
}
