//! A repository below a prefix of a bucket in object storage.
//!
//! Object storage has no folders and no locks. Conditions keep two writers apart: an object is created only if there is
//! none (`If-None-Match: *`), and replaced only if it still is the one that was read (`If-Match`). The slower writer
//! learns of the conflict and starts again. Some stores ignore such conditions, and some never find one met; a probe
//! finds that out before anything is written.
//!
//! ```text
//! bucket/bucket_store      the bucket, and the names of its objects
//! bucket/store             how it is listed and read, and what takes the place of a lock
//! bucket/write             changes: many at once, each on its condition
//! bucket/tombstone         how a package's file is removed
//! bucket/put               one conditional write, also where the response gets lost
//! bucket/parts             uploads part by part
//! bucket/probe             whether the store honours conditions
//! bucket/read              one read or listing
//! bucket/object            an object as its bytes arrive, for the server
//! bucket/seen              the versions and tombstones that were seen so far
//! bucket/version           an object's tag, and the condition that is made of it
//! bucket/upload_memory     how many bytes of uploads are in memory at once
//! bucket/attempts          how often a request is repeated
//! bucket/failure           what a failed request means
//!
//! bucket/open              from a URL and settings to a client; bucket/{s3,azure,google} for each kind
//! bucket/settings          what is given for all kinds; bucket/setting one value and its origin
//! bucket/{credentials,aws_keys,container,process,sso,sts,federation,google_user}  where keys and tokens come from
//! bucket/transport         HTTP requests, and when they are given up; bucket/progress their limits
//! bucket/checked_client    responses that no storage gives
//! ```

mod address;
mod amazon;
mod attempts;
mod aws_keys;
mod azure;
mod body;
mod bucket_store;
mod checked_client;
mod container;
mod credential_file;
mod credentials;
mod failure;
mod federation;
mod google;
mod google_user;
mod key_json;
mod listing_limits;
mod object;
mod open;
mod open_error;
mod parts;
mod probe;
mod process;
mod profile;
mod progress;
mod put;
mod read;
mod s3;
mod seen;
mod setting;
mod settings;
mod sso;
mod store;
mod sts;
#[cfg(test)]
pub(crate) mod test_client;
mod tombstone;
mod transport;
mod transport_error;
mod unexpected_response;
mod upload_memory;
mod version;
mod write;
mod write_error;
mod xml;

pub use address::{BucketUrl, BucketUrlError};
pub use bucket_store::BucketStore;
pub use object::{Object, ObjectAnswer, ObjectHead};
pub use open_error::OpenError;
pub use progress::RequestLimits;
pub use setting::{Origin, SettingError, Variables};
pub use settings::Settings;
