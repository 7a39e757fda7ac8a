//! Policies of upstream's, by name: no index lists them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::Options;
use super::client::Fetched;
use super::fetch::Fetcher;
use super::file_error::NotMirrored;
use super::batch_writer::WriterStopped;
use super::entity_tag::EntityTag;
use super::file_error::FileError;
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
    tag: Option<EntityTag>,
}

/// Fetches the policies that were asked for, unless the mirror has them as they are, and puts them in place. One
/// that upstream has no longer, or that upstream's key did not sign, stays as it was.
///
/// # Errors
/// [`WriterStopped`], after which nothing more is put in place.
pub(super) async fn mirror(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    failures: &mut Vec<NotMirrored>,
    tags: &mut Vec<(String, EntityTag)>,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    let mut running = JoinSet::new();
    for name in &options.policies {
        let (fetcher, name) = (Arc::clone(fetcher), name.clone());
        running.spawn(async move {
            let _room = fetcher.room().await;
            fetch(&fetcher, &name).await.map_err(|wrong| {
                let path = RepositoryPath::policy(&name).as_str().to_owned();
                NotMirrored { path, wrong }
            })
        });
    }
    while let Some(fetched) = running.join_next().await {
        match fetched.map_err(|_| WriterStopped)? {
            Ok(PolicyFile { path, bytes, changed, tag }) => {
                if let Some(changed) = changed {
                    fetcher.put_signed(path.clone(), changed, bytes).await?;
                    observer.changed(&path, changed);
                }
                tags.extend(tag.map(|tag| (path.as_str().to_owned(), tag)));
            }
            Err(failed) => failures.push(failed),
        }
    }
    Ok(())
}

async fn fetch(fetcher: &Fetcher, name: &PolicyName) -> Result<PolicyFile, FileError> {
    let resource = Resource::Policy(name.clone());
    let path = RepositoryPath::resource(&resource);
    let standing = fetcher.mirror_dir.resource(&resource).ok().flatten();
    let known = fetcher.mirror_dir.state.tags.get(path.as_str());
    // One that is damaged, or whose like upstream would not sign, is fetched anew.
    let sound = standing.clone().zip(known.cloned()).filter(|(bytes, tag)| {
        tag.good_for(bytes).is_some() && fetcher.checker.policy(name, bytes).is_ok()
    });
    let (checker, of) = (Arc::clone(&fetcher.checker), name.clone());
    let read = move |bytes: Bytes| checker.policy(&of, &bytes).map(|_| bytes);
    let tag = sound.as_ref().map(|(_, tag)| tag.tag.as_str());
    match (fetcher.client.get(path.as_str(), resource.max_size(), tag, read).await?, sound) {
        (Fetched::File(bytes, tag), _) => {
            let changed = match standing {
                Some(standing) if standing == bytes => None,
                Some(_) => Some(Changed::Updated),
                None => Some(Changed::Created),
            };
            let tag = tag.map(|tag| EntityTag::of(tag, &bytes));
            Ok(PolicyFile { path, bytes, changed, tag })
        }
        (Fetched::NotModified, Some((bytes, tag))) => {
            Ok(PolicyFile { path, bytes, changed: None, tag: Some(tag) })
        }
        (Fetched::NotModified | Fetched::NotFound, _) => Err(FileError::NotThere),
    }
}
