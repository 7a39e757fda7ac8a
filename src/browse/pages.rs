//! The HTML of the pages about packages, as plain functions from what is known to a text.
//!
//! They run one script of our own, and fetch nothing from elsewhere. Links are relative, so the same page works below any
//! path, and from static files.

mod badges;
mod diff;
mod docs_missing;
mod docs_search;
mod docs_versions;
mod facts;
mod files;
mod frame;
mod list;
mod missing;
mod package;
mod package_items;
mod paging;
mod policies;
mod recent;
mod requirements;
mod search;
mod text;
mod urls;
mod verdicts;
mod versions;

pub use diff::DiffPage;
pub use docs_missing::DocsMissingPage;
pub use docs_search::{DOCS_SEARCH_SCRIPT, DocsSearchPage};
pub use docs_versions::DocsVersionsPage;
pub use files::{FilePage, FilesPage, image_type};
pub use frame::{CONTENT_SECURITY_POLICY, Frame};
pub use list::{ListPage, ListPart};
pub use missing::MissingPage;
pub use package::{ContentsState, Dependents, PackagePage};
pub use package_items::{DependentsPage, PackageItem};
pub use paging::Paging;
pub use policies::{PoliciesPage, ShownPolicy};
pub use recent::{RecentChange, RecentPage};
pub use requirements::{RequiredFacts, RequirementsPage};
pub use search::{DocsItem, SearchPage};
pub use text::{counted, date, grouped, size};
pub use urls::{UrlForm, Urls};
pub use verdicts::{PolicyVerdicts, RulingPolicy, UnreadPolicy};
pub use versions::VersionsPage;
