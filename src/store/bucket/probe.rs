//! Whether a store honours conditions. Some ignore them, and of two writers at once one would lose what it
//! wrote; some never find one met, and nothing there could ever be changed.

use std::io;
use std::sync::PoisonError;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Attribute, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::BucketStore;
use super::answer::{Answer, is_malformed, is_missing, plain};
use super::tries::Tries;
use super::version::{TagForm, Version};
use crate::repository::Folder;
use crate::store::{ConditionalWriteError, PROBE, StoreError};

/// What the file says to people who find it. Each store has written it with these bytes, whose MD5 is the tag
/// that is tried first: another text costs each writer a request more.
const TEXT: &str = "\
hexreg writes this file to learn whether the store honours conditions (`If-None-Match`, `If-Match`): what
keeps two writers apart. Nobody reads it; if it is removed, the next write makes it again.
";

/// Of no object ever.
const TAG: &str = "00000000000000000000000000000000";
const GENERATION: &str = "1";

/// The headers, as messages name them.
const IF_NONE_MATCH: &str = "If-None-Match";
const IF_MATCH: &str = "If-Match";

/// How often the tag of the file is looked up anew because another writer's probe changed it.
const LOOKS: usize = 3;

impl BucketStore {
    /// How the store takes tags, once it was probed.
    pub(super) fn tag_form(&self) -> TagForm {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default()
    }

    /// Makes sure, once, that the store refuses writes whose condition is not met, and takes those whose
    /// condition is.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if probed.is_none() {
            let path = Folder::Root.file(PROBE);
            let failed = self.error("write", &path);
            let key = self.key(&path).map_err(&failed)?;
            let probe = Probe { store: self, key: &key };
            let listed = self.seen.latest(&path);
            let tried = self.runtime.block_on(probe.try_conditions(listed));
            *probed = Some(tried.map_err(failed)?);
        }
        Ok(())
    }
}

/// The file that conditions are tried with.
struct Probe<'a> {
    store: &'a BucketStore,
    key: &'a Path,
}

impl Probe<'_> {
    /// The form of tags with which the store honours conditions. The file may have been listed.
    async fn try_conditions(&self, listed: Option<Version>) -> io::Result<TagForm> {
        // Where the file is new, the second write tells.
        let created = self.write(PutMode::Create, IF_NONE_MATCH).await?;
        if created.is_some() && self.write(PutMode::Create, IF_NONE_MATCH).await?.is_some() {
            return Err(ConditionalWriteError::IfNoneMatchIgnored.into());
        }
        if !self.refuses_other_tag(TagForm::Quoted).await? {
            return Err(ConditionalWriteError::IfMatchIgnored.into());
        }
        if self.store.has_generations {
            // A number has no form that could be another one.
            return Ok(TagForm::Quoted);
        }
        let known = created.or(listed).filter(|known| known.takes_condition(false));
        self.find_form(known.or_else(|| self.guess())).await
    }

    /// In most stores the tag is the MD5 of the bytes, so it need not be asked for; and replaced by the same bytes
    /// it stays, so that many may try at once.
    fn guess(&self) -> Option<Version> {
        (!self.store.seen.has_other_tags()).then(|| Version::of_content(TEXT.as_bytes()))
    }

    /// The form in which the tag of the file is taken, which `version` may be of.
    async fn find_form(&self, mut version: Option<Version>) -> io::Result<TagForm> {
        for _ in 0..LOOKS {
            if let Some(version) = &version {
                if self.takes(version, TagForm::Quoted).await? {
                    return Ok(TagForm::Quoted);
                }
            }
            let found = self.look().await?;
            if version.is_some_and(|version| found.has_tag_of(&version)) {
                return self.find_bare_form(&found).await;
            }
            version = Some(found);
        }
        // This file is only written under conditions, so those of others are met.
        Ok(TagForm::Quoted)
    }

    /// The same, where the tag is refused in quotes.
    async fn find_bare_form(&self, version: &Version) -> io::Result<TagForm> {
        // A store that ignores what has no quotes would take any.
        if self.takes(version, TagForm::Bare).await?
            && self.refuses_other_tag(TagForm::Bare).await?
        {
            return Ok(TagForm::Bare);
        }
        // Another writer may have made the file what it is only after the first try.
        if self.takes(version, TagForm::Quoted).await? {
            return Ok(TagForm::Quoted);
        }
        Err(ConditionalWriteError::NeverMet.into())
    }

    async fn takes(&self, version: &Version, form: TagForm) -> io::Result<bool> {
        let mode = PutMode::Update(version.condition(form));
        Ok(self.write(mode, IF_MATCH).await?.is_some())
    }

    async fn refuses_other_tag(&self, form: TagForm) -> io::Result<bool> {
        let other = UpdateVersion {
            e_tag: Some(form.write(TAG)),
            version: self.store.has_generations.then(|| GENERATION.to_owned()),
        };
        Ok(self.write(PutMode::Update(other), IF_MATCH).await?.is_none())
    }

    /// The file as it is.
    async fn look(&self) -> io::Result<Version> {
        let mut tries = Tries::begin();
        loop {
            match self.store.inner.head(self.key).await {
                Ok(found) => {
                    let version = Version::of(&found);
                    if !version.takes_condition(false) {
                        return Err(ConditionalWriteError::NoTag.into());
                    }
                    return Ok(version);
                }
                Err(error) if is_missing(&error) || Answer::of(&error) == Answer::Unclear => {
                    if !tries.again().await {
                        return Err(plain(error));
                    }
                }
                Err(error) => return Err(plain(error)),
            }
        }
    }

    /// Writes the file; `None` where the condition is not met.
    async fn write(&self, mode: PutMode, condition: &'static str) -> io::Result<Option<Version>> {
        let tag = match &mode {
            PutMode::Update(version) => version.e_tag.as_deref(),
            PutMode::Create | PutMode::Overwrite => None,
        };
        let is_bare = tag.is_some_and(|tag| !tag.starts_with('"'));
        let mut tries = Tries::begin();
        loop {
            let mut options = PutOptions::from(mode.clone());
            options.attributes.insert(Attribute::ContentType, "text/plain".into());
            let bytes = PutPayload::from(Bytes::from_static(TEXT.as_bytes()));
            let error = match self.store.inner.put_opts(self.key, bytes, options).await {
                Ok(put) => return Ok(Some(Version::of_put(TEXT.len(), put))),
                Err(error) => error,
            };
            match Answer::of(&error) {
                Answer::Refused => return Ok(None),
                // A tag without its quotes is none, to some.
                _ if is_bare && is_malformed(&error) => return Ok(None),
                Answer::Unsupported => {
                    return Err(ConditionalWriteError::Unsupported(condition).into());
                }
                Answer::Unclear if tries.again().await => {}
                Answer::Unclear | Answer::Final => return Err(plain(error)),
            }
        }
    }
}
