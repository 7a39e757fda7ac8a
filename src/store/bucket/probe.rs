//! Whether a store honours conditions. Some stores ignore them: of two writers at once, one would lose its changes. Some
//! never find one met: no file could ever be changed.

use std::sync::PoisonError;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Attribute, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::attempts::Attempts;
use super::bucket_store::BucketStore;
use super::failure::{Failure, is_malformed, is_missing, kind_of};
use super::version::{TagForm, Version};
use crate::repository::Folder;
use crate::store::error::{ConditionalWriteError, Operation, StoreError, StoreErrorKind};
use crate::store::file_name::PROBE;

/// The content of the file, for people who find it. Buckets already have the file with these bytes, whose MD5 is the tag
/// that is tried first: another text would cost each writer one more request.
const TEXT: &str = "\
hexreg writes this file to learn whether the store honours conditions (`If-None-Match`, `If-Match`): what
keeps two writers apart. Nobody reads it; if it is removed, the next write makes it again.
";

/// The tag and the generation of no object.
const TAG: &str = "00000000000000000000000000000000";
const GENERATION: &str = "1";

/// The headers of the conditions.
const IF_NONE_MATCH: &str = "If-None-Match";
const IF_MATCH: &str = "If-Match";

/// How often the tag of the file is looked up again, because another writer's probe changed it.
const LOOKS: usize = 3;

impl BucketStore {
    /// Makes sure, once, that the store refuses a write whose condition is not met, and takes a write whose condition is
    /// met.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if probed.is_none() {
            let path = Folder::Root.file(PROBE);
            let failed = self.error(Operation::Write, &path);
            let key = self.key(&path).map_err(|error| failed(error.into()))?;
            let probe = Probe { store: self, key: &key };
            let listed = self.seen.latest(&path);
            let tried = self.runtime.block_on(probe.try_conditions(listed));
            *probed = Some(tried.map_err(failed)?);
        }
        Ok(())
    }
}

/// The file that conditions are tested with.
struct Probe<'a> {
    store: &'a BucketStore,
    key: &'a Path,
}

impl Probe<'_> {
    /// The form of tags with which the store honours conditions. `listed` is the file's version, if a listing had it.
    async fn try_conditions(&self, listed: Option<Version>) -> Result<TagForm, StoreErrorKind> {
        // If the first write created the file, the second one must be refused.
        let created = self.write(PutMode::Create, IF_NONE_MATCH).await?;
        if created.is_some() && self.write(PutMode::Create, IF_NONE_MATCH).await?.is_some() {
            return Err(ConditionalWriteError::IfNoneMatchIgnored.into());
        }
        if !self.refuses_other_tag(TagForm::Quoted).await? {
            return Err(ConditionalWriteError::IfMatchIgnored.into());
        }
        if self.store.has_generations {
            // A generation has one form only.
            return Ok(TagForm::Quoted);
        }
        let known = created.or(listed).filter(|known| known.takes_condition(false));
        self.find_form(known.or_else(|| self.guess())).await
    }

    /// In most stores the tag is the MD5 of the bytes, so it need not be looked up. It stays the same when the same bytes
    /// are written again, so that many writers may probe at once.
    fn guess(&self) -> Option<Version> {
        (!self.store.seen.has_other_tags()).then(|| Version::of_content(TEXT.as_bytes()))
    }

    /// The form in which the store takes the tag of the file. `version` may be the file's.
    async fn find_form(&self, mut version: Option<Version>) -> Result<TagForm, StoreErrorKind> {
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
        // Other writers change the file, and every write of it has a condition: so conditions are met.
        Ok(TagForm::Quoted)
    }

    /// As [`find_form`](Self::find_form), after the store refused the tag in quotes.
    async fn find_bare_form(&self, version: &Version) -> Result<TagForm, StoreErrorKind> {
        // A store that ignores a tag without quotes would take any tag.
        if self.takes(version, TagForm::Bare).await?
            && self.refuses_other_tag(TagForm::Bare).await?
        {
            return Ok(TagForm::Bare);
        }
        // Another writer may have written this version only after the first attempt.
        if self.takes(version, TagForm::Quoted).await? {
            return Ok(TagForm::Quoted);
        }
        Err(ConditionalWriteError::NeverMet.into())
    }

    async fn takes(&self, version: &Version, form: TagForm) -> Result<bool, StoreErrorKind> {
        let mode = PutMode::Update(version.condition(form));
        Ok(self.write(mode, IF_MATCH).await?.is_some())
    }

    async fn refuses_other_tag(&self, form: TagForm) -> Result<bool, StoreErrorKind> {
        let other = UpdateVersion {
            e_tag: Some(form.write(TAG)),
            version: self.store.has_generations.then(|| GENERATION.to_owned()),
        };
        Ok(self.write(PutMode::Update(other), IF_MATCH).await?.is_none())
    }

    /// The version of the file now.
    async fn look(&self) -> Result<Version, StoreErrorKind> {
        let mut attempts = Attempts::begin();
        loop {
            match self.store.client.head(self.key).await {
                Ok(found) => {
                    let version = Version::of(&found);
                    if !version.takes_condition(false) {
                        return Err(ConditionalWriteError::NoTag.into());
                    }
                    return Ok(version);
                }
                Err(error) if is_missing(&error) || Failure::of(&error) == Failure::Unclear => {
                    if !attempts.next().await {
                        return Err(kind_of(error));
                    }
                }
                Err(error) => return Err(kind_of(error)),
            }
        }
    }

    /// Writes the file; `None` if the condition is not met.
    async fn write(
        &self,
        mode: PutMode,
        condition: &'static str,
    ) -> Result<Option<Version>, StoreErrorKind> {
        let tag = match &mode {
            PutMode::Update(version) => version.e_tag.as_deref(),
            PutMode::Create | PutMode::Overwrite => None,
        };
        let is_bare = tag.is_some_and(|tag| !tag.starts_with('"'));
        let mut attempts = Attempts::begin();
        loop {
            let mut options = PutOptions::from(mode.clone());
            options.attributes.insert(Attribute::ContentType, "text/plain".into());
            let bytes = PutPayload::from(Bytes::from_static(TEXT.as_bytes()));
            let error = match self.store.client.put_opts(self.key, bytes, options).await {
                Ok(put) => return Ok(Some(Version::of_put(TEXT.len(), put))),
                Err(error) => error,
            };
            match Failure::of(&error) {
                Failure::ConditionNotMet => return Ok(None),
                // Some servers take a tag without quotes for a malformed header.
                _ if is_bare && is_malformed(&error) => return Ok(None),
                Failure::Unsupported => {
                    return Err(ConditionalWriteError::Unsupported(condition).into());
                }
                Failure::Unclear if attempts.next().await => {}
                Failure::Unclear | Failure::Permanent => return Err(kind_of(error)),
            }
        }
    }
}
