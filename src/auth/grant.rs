//! What an entry permits, and until when.

use std::fmt;

use super::date::Date;
use super::invalid::LineError;
use super::package_patterns::PackagePatterns;
use super::permission::Permission;
use crate::name::PackageName;
use crate::package::UnixSeconds;

/// The fields that may follow a token's digest.
const CAN: &str = "can";
const PACKAGES: &str = "packages";
const UNTIL: &str = "until";

/// What the user of an entry may do, and until when.
///
/// A password only reads. It is typed, and kept by browsers and in `.netrc`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    permission: Permission,
    /// Only of [`Permission::Publish`]; `None` for all packages.
    packages: Option<PackagePatterns>,
    until: Option<Date>,
}

impl Grant {
    /// To read, without end: what a password grants, and a token whose line says nothing else.
    #[must_use]
    pub fn read() -> Self {
        Self { permission: Permission::Read, packages: None, until: None }
    }

    /// To read everything, and to publish the packages that match; all packages, if there are no patterns.
    #[must_use]
    pub fn publish(packages: Option<PackagePatterns>) -> Self {
        Self { permission: Permission::Publish, packages, until: None }
    }

    /// Everything.
    #[must_use]
    pub fn admin() -> Self {
        Self { permission: Permission::Admin, packages: None, until: None }
    }

    /// The same until the end of a day in UTC.
    #[must_use]
    pub fn until_end_of(self, last_day: Option<Date>) -> Self {
        Self { until: last_day, ..self }
    }

    /// What is permitted.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.permission
    }

    /// The packages that may be published, if not all of them.
    #[must_use]
    pub fn packages(&self) -> Option<&PackagePatterns> {
        self.packages.as_ref()
    }

    /// The last day on which it is valid, in UTC.
    #[must_use]
    pub fn until(&self) -> Option<Date> {
        self.until
    }

    /// The first second in which it is not valid: the one after its last day.
    #[must_use]
    pub fn end(&self) -> Option<UnixSeconds> {
        self.until.map(Date::end)
    }

    /// Whether its last day has passed.
    #[must_use]
    pub fn is_expired(&self, now: UnixSeconds) -> bool {
        self.until.is_some_and(|last_day| last_day.is_over(now))
    }

    /// Whether the user may read what the server serves.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.permission >= Permission::Read
    }

    /// Whether the user may change this package, by the server's rules.
    #[must_use]
    pub fn may_publish(&self, package: &PackageName) -> bool {
        match self.permission {
            Permission::Read => false,
            Permission::Publish => {
                self.packages.as_ref().is_none_or(|patterns| patterns.include(package))
            }
            Permission::Admin => true,
        }
    }

    /// Whether the user may change some package.
    #[must_use]
    pub fn may_publish_some(&self) -> bool {
        self.permission >= Permission::Publish
    }

    /// Whether the user may change all packages, also where the server's rules forbid it to others.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.permission == Permission::Admin
    }

    /// Reads what follows a token's digest and a `:`, such as `can=publish:packages=acme_*:until=2027-01-31`.
    pub(super) fn from_fields(fields: &str) -> Result<Self, LineError> {
        let (mut permission, mut packages, mut until) = (None, None, None);
        for (number, field) in (1..).zip(fields.split(':')) {
            let (key, value) = field.split_once('=').ok_or(LineError::UnknownField(number))?;
            let (key, is_repeated) = match key {
                CAN => {
                    let read = value.parse().map_err(|_| LineError::InvalidPermission)?;
                    (CAN, permission.replace(read).is_some())
                }
                PACKAGES => {
                    let read = value.parse().map_err(|_| LineError::InvalidPackages)?;
                    (PACKAGES, packages.replace(read).is_some())
                }
                UNTIL => {
                    let read = value.parse().map_err(|_| LineError::InvalidDate)?;
                    (UNTIL, until.replace(read).is_some())
                }
                _ => return Err(LineError::UnknownField(number)),
            };
            if is_repeated {
                return Err(LineError::RepeatedField(key));
            }
        }
        let permission = permission.unwrap_or(Permission::Read);
        if packages.is_some() && permission != Permission::Publish {
            return Err(LineError::PackagesWithoutPublish);
        }
        Ok(Self { permission, packages, until })
    }
}

/// As the file holds it after a token's digest: nothing for what tokens always permitted, so that an earlier hexreg
/// reads the line.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permission, packages, until } = self;
        if *permission != Permission::Read || until.is_some() {
            write!(f, ":{CAN}={permission}")?;
        }
        if let Some(packages) = packages {
            write!(f, ":{PACKAGES}={packages}")?;
        }
        until.iter().try_for_each(|until| write!(f, ":{UNTIL}={until}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Grant {
        Grant::from_fields(fields).unwrap()
    }

    fn name(text: &str) -> PackageName {
        text.parse().unwrap()
    }

    #[test]
    fn fields_are_read_in_any_order_and_written_in_one() {
        let all = "can=publish:packages=acme_*,tools:until=2027-01-31";
        assert_eq!(read(all).to_string(), format!(":{all}"));
        assert_eq!(read("until=2027-01-31:packages=acme_*,tools:can=publish"), read(all));
        for (fields, written) in [
            ("can=read", ""),
            ("until=2027-01-31", ":can=read:until=2027-01-31"),
            ("can=publish", ":can=publish"),
            ("can=publish:packages=*", ":can=publish:packages=*"),
            ("can=admin:until=2027-01-31", ":can=admin:until=2027-01-31"),
        ] {
            assert_eq!(read(fields).to_string(), written);
        }
        assert_eq!(read("can=read"), Grant::read());
        assert_eq!(read("can=admin"), Grant::admin());
    }

    #[test]
    fn every_fault_has_its_error() {
        use LineError as E;
        for (fields, error) in [
            ("", E::UnknownField(1)),
            ("can", E::UnknownField(1)),
            ("publish", E::UnknownField(1)),
            ("Can=read", E::UnknownField(1)),
            ("can=read:", E::UnknownField(2)),
            ("can=read::until=2027-01-31", E::UnknownField(2)),
            ("can=read:utnil=2027-01-31", E::UnknownField(2)),
            (" can=read", E::UnknownField(1)),
            ("can=", E::InvalidPermission),
            ("can=write", E::InvalidPermission),
            ("can=read=read", E::InvalidPermission),
            ("can=publish:packages=", E::InvalidPackages),
            ("can=publish:packages=acme-*", E::InvalidPackages),
            ("can=publish:packages=a,", E::InvalidPackages),
            ("until=", E::InvalidDate),
            ("until=2027-02-29", E::InvalidDate),
            ("until=2027-01-31 ", E::InvalidDate),
            ("can=read:can=read", E::RepeatedField("can")),
            ("packages=a:can=publish:packages=b", E::RepeatedField("packages")),
            ("until=2027-01-31:until=2027-01-31", E::RepeatedField("until")),
            ("packages=a", E::PackagesWithoutPublish),
            ("can=read:packages=a", E::PackagesWithoutPublish),
            ("packages=*:can=admin", E::PackagesWithoutPublish),
        ] {
            assert_eq!(Grant::from_fields(fields), Err(error), "{fields:?}");
        }
    }

    #[test]
    fn what_each_may_do() {
        let (ours, other) = (name("acme_web"), name("phoenix"));
        for (grant, publishes_ours, publishes_other, is_admin) in [
            (Grant::read(), false, false, false),
            (read("can=publish:packages=acme_*"), true, false, false),
            (read("can=publish:packages=tools"), false, false, false),
            (read("can=publish"), true, true, false),
            (read("can=admin"), true, true, true),
        ] {
            assert!(grant.may_read());
            assert_eq!(grant.may_publish(&ours), publishes_ours, "{grant}");
            assert_eq!(grant.may_publish(&other), publishes_other, "{grant}");
            assert_eq!(grant.is_admin(), is_admin, "{grant}");
            assert_eq!(grant.may_publish_some(), grant.permission() > Permission::Read);
        }
    }

    #[test]
    fn the_last_day_counts_to_its_end() {
        let grant = read("can=admin:until=2027-01-31");
        assert!(!grant.is_expired(UnixSeconds(1_801_439_999)));
        assert!(grant.is_expired(UnixSeconds(1_801_440_000)));
        assert!(!Grant::read().is_expired(UnixSeconds(i64::MAX)));
    }
}
