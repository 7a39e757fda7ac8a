//! Policies of upstream's, by name: no index lists them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::Options;
use super::client::Answer;
use super::courier::Courier;
use super::planner::Failed;
use super::shelf::Full;
use super::tag::Tag;
use super::wrong::Wrong;
use crate::name::PolicyName;
use crate::publish::observer::Observer;
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::store::Changed;

/// A policy as upstream has it now.
struct PolicyFile {
    path: RepositoryPath,
    bytes: Bytes,
    /// What has to become of the mirror's, if anything.
    changed: Option<Changed>,
    tag: Option<Tag>,
}

/// Fetches the policies that were asked for, unless the mirror has them as they are, and puts them in place. One
/// that upstream has no longer, or that upstream's key did not sign, stays as it was.
///
/// # Errors
/// [`Full`], after which nothing more is put in place.
pub(super) async fn mirror(
    courier: &Arc<Courier>,
    options: &Options,
    failures: &mut Vec<Failed>,
    tags: &mut Vec<(String, Tag)>,
    observer: &dyn Observer,
) -> Result<(), Full> {
    let mut running = JoinSet::new();
    for name in &options.policies {
        let (courier, name) = (Arc::clone(courier), name.clone());
        running.spawn(async move {
            let _room = courier.room().await;
            fetch(&courier, &name).await.map_err(|wrong| {
                let path = RepositoryPath::policy(&name).as_str().to_owned();
                Failed { path, wrong }
            })
        });
    }
    while let Some(fetched) = running.join_next().await {
        match fetched.map_err(|_| Full)? {
            Ok(PolicyFile { path, bytes, changed, tag }) => {
                if let Some(changed) = changed {
                    courier.put_signed(path.clone(), changed, bytes).await?;
                    observer.changed(&path, changed);
                }
                tags.extend(tag.map(|tag| (path.as_str().to_owned(), tag)));
            }
            Err(failed) => failures.push(failed),
        }
    }
    Ok(())
}

async fn fetch(courier: &Courier, name: &PolicyName) -> Result<PolicyFile, Wrong> {
    let resource = Resource::Policy(name.clone());
    let path = RepositoryPath::resource(&resource);
    let standing = courier.holdings.resource(&resource).ok().flatten();
    let known = courier.holdings.state.tags.get(path.as_str());
    // One that is damaged, or whose like upstream would not sign, is fetched anew.
    let sound = standing.clone().zip(known.cloned()).filter(|(bytes, tag)| {
        tag.good_for(bytes).is_some() && courier.checker.policy(name, bytes).is_ok()
    });
    let (checker, of) = (Arc::clone(&courier.checker), name.clone());
    let read = move |bytes: Bytes| checker.policy(&of, &bytes).map(|_| bytes);
    let tag = sound.as_ref().map(|(_, tag)| tag.tag.as_str());
    match (courier.client.get(path.as_str(), resource.max_size(), tag, read).await?, sound) {
        (Answer::Found(bytes, tag), _) => {
            let changed = match standing {
                Some(standing) if standing == bytes => None,
                Some(_) => Some(Changed::Updated),
                None => Some(Changed::Created),
            };
            let tag = tag.map(|tag| Tag::of(tag, &bytes));
            Ok(PolicyFile { path, bytes, changed, tag })
        }
        (Answer::Unchanged, Some((bytes, tag))) => {
            Ok(PolicyFile { path, bytes, changed: None, tag: Some(tag) })
        }
        (Answer::Unchanged | Answer::Missing, _) => Err(Wrong::NotThere),
    }
}
