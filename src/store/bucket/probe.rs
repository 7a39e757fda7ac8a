//! Whether a store honours conditions. Some take no notice of them, and of two writers at once one would
//! lose what it wrote.

use std::sync::PoisonError;

use object_store::path::Path;
use object_store::{Attribute, PutMode, PutOptions, PutPayload, UpdateVersion};

use super::BucketStore;
use super::answer::{Answer, plain};
use super::write::Tries;
use crate::repository::Folder;
use crate::store::{ConditionsIgnored, PROBE, StoreError};

/// What stands there, for whoever finds it.
const TEXT: &str = "\
hexreg writes this file to learn whether the store honours conditions (`If-None-Match`, `If-Match`): what
keeps two writers apart. Nobody reads it; if it is removed, the next write makes it again.
";

/// Of no object ever.
const TAG: &str = "\"00000000000000000000000000000000\"";
const GENERATION: &str = "1";

impl BucketStore {
    /// Asks once for what must be refused.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        let mut is_probed = self.is_probed.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_probed {
            return Ok(());
        }
        let path = Folder::Root.file(PROBE);
        let failed = self.error("write", &path);
        let key = self.key(&path).map_err(&failed)?;
        let is_refused = |mode| self.runtime.block_on(self.is_refused(&key, mode));
        // The first time it may be new: the second tells.
        let honours_absence = is_refused(PutMode::Create)
            .and_then(|is_refused_at_once| Ok(is_refused_at_once || is_refused(PutMode::Create)?))
            .map_err(|error| failed(plain(error)))?;
        if !honours_absence {
            return Err(failed(ConditionsIgnored::IfNoneMatch.into()));
        }
        let other = UpdateVersion {
            e_tag: Some(TAG.to_owned()),
            version: self.has_generations.then(|| GENERATION.to_owned()),
        };
        let honours_match =
            is_refused(PutMode::Update(other)).map_err(|error| failed(plain(error)))?;
        if !honours_match {
            return Err(failed(ConditionsIgnored::IfMatch.into()));
        }
        *is_probed = true;
        Ok(())
    }

    /// Whether a condition is refused where it is not met.
    async fn is_refused(&self, key: &Path, mode: PutMode) -> object_store::Result<bool> {
        let mut tries = Tries::begin();
        loop {
            let mut options = PutOptions::from(mode.clone());
            options.attributes.insert(Attribute::ContentType, "text/plain".into());
            let put = self.inner.put_opts(key, PutPayload::from_static(TEXT.as_bytes()), options);
            let Err(error) = put.await else { return Ok(false) };
            match Answer::of(&error) {
                Answer::Refused => return Ok(true),
                Answer::Unsupported => return Ok(false),
                Answer::Unclear if tries.again().await => {}
                Answer::Unclear | Answer::Final => return Err(error),
            }
        }
    }
}
