//! Words beside a version: retired, advised against.

use crate::browse::readme::plain_line;
use crate::package::{Advisory, Release, Retirement, RetirementReason, Severity};

/// The badges of a release.
pub(super) fn badges(release: &Release) -> Vec<String> {
    let remarks = &release.remarks;
    let retired = remarks.retired.iter().map(|_| "retired".to_owned());
    let count = remarks.advisories.len();
    let advised = (count > 0)
        .then(|| if count == 1 { "1 advisory".to_owned() } else { format!("{count} advisories") });
    retired.chain(advised).collect()
}

/// A remark on a release that a reader has to see first.
pub(super) struct Banner {
    pub label: &'static str,
    pub title: String,
    pub text: String,
    pub url: Option<String>,
}

impl Banner {
    pub fn all(release: &Release) -> Vec<Self> {
        let retired = release.remarks.retired.as_ref().map(Self::of_retirement);
        let advisories = release.remarks.advisories.iter();
        retired.into_iter().chain(advisories.map(|one| Self::of_advisory(one))).collect()
    }

    fn of_retirement(retirement: &Retirement) -> Self {
        let why = match retirement.reason {
            RetirementReason::Invalid => ": it is invalid",
            RetirementReason::Security => ": it has a security problem",
            RetirementReason::Deprecated => ": it is deprecated",
            RetirementReason::Renamed => ": it is renamed",
            _ => "",
        };
        Self {
            label: "Retirement",
            title: format!("This version is retired{why}"),
            text: retirement.message.as_deref().map(plain_line).unwrap_or_default(),
            url: None,
        }
    }

    fn of_advisory(advisory: &Advisory) -> Self {
        let severity = advisory.severity.and_then(Severity::word);
        let score = advisory.cvss_score.map(|score| format!("CVSS {:.1}", f32::from(score)));
        let rated: Vec<String> = severity.map(str::to_owned).into_iter().chain(score).collect();
        let rated =
            if rated.is_empty() { String::new() } else { format!(" ({})", rated.join(", ")) };
        let aliases = advisory.aliases.iter().take(8).map(|alias| plain_line(alias));
        let aliases: Vec<String> = aliases.collect();
        let known_as = if aliases.is_empty() {
            String::new()
        } else {
            format!(" Also known as {}.", aliases.join(", "))
        };
        Self {
            label: "Security advisory",
            title: format!("Security advisory {}{rated}", plain_line(&advisory.id)),
            text: format!("{}{known_as}", plain_line(&advisory.summary)),
            url: web_url(&advisory.html_url),
        }
    }
}

/// A URL that a browser may follow: of the web, and no other.
pub(super) fn web_url(url: &str) -> Option<String> {
    crate::tarball::is_web_url(url).then(|| url.to_owned())
}
