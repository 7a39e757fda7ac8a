//! Object storage in memory, any of whose operations may fail, and which knows what was asked of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use hexreg::store::BucketStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UpdateVersion, UploadPart,
};

use Operation::{Delete, Get, Head, List, Put};

use super::witness::Files;

/// What is asked of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    List,
    Get,
    Head,
    Put,
    Delete,
}

/// What becomes of an operation, and of those after it.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which one, counted from one.
    pub at: usize,
    /// Among those of this kind; among all without it.
    pub of: Option<Operation>,
    pub kind: Wrong,
    /// Whether it takes effect all the same, as where the answer gets lost.
    pub torn: bool,
    /// Whether all afterwards fail too.
    pub lasting: bool,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing.
    Lost,
    /// That it may not be.
    Forbidden,
    /// That there is no such thing.
    Unsupported,
}

/// One thing that was asked, and of what. Of writes also under which condition: `over`, `new` where there
/// is none yet, `same` where it still is the same.
pub type Asked = (Operation, String);

/// In which form a bucket finds a tag in a condition to be that of the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TakenTags {
    #[default]
    Quoted,
    /// As Ceph's gateway.
    Bare,
    /// As behind a proxy that changes tags.
    Never,
    /// In quotes never, and one without them is no condition.
    BareIgnored,
    /// In quotes never, and one without them is answered with 400.
    BareMalformed,
}

/// Does it or not, and fails or not.
macro_rules! tried {
    ($self:ident, $operation:expr, $what:expr, $key:expr, $done:expr) => {{
        let fault = $self.step($operation, $what).await;
        match fault {
            Some(fault) if !fault.torn => Err(answer(fault, $key)),
            Some(fault) => $done.and_then(|_| Err(answer(fault, $key))),
            None => $done,
        }
    }};
}

/// Object storage in memory. Tags have no quotes in listings, as those of Azure have none.
#[derive(Clone, Debug, Default)]
pub struct TestBucket(Arc<Bucket>);

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something that a bucket may lack")]
struct Bucket {
    inner: InMemory,
    faults: Vec<Fault>,
    ignores_if_none_match: bool,
    ignores_if_match: bool,
    has_generations: bool,
    has_no_tags: bool,
    lists_no_tags: bool,
    takes_tags: Mutex<TakenTags>,
    delay: Duration,
    markers: Vec<String>,
    meanwhile: Vec<(usize, String, Vec<u8>)>,
    log: Mutex<Vec<Asked>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    bytes_under_way: AtomicUsize,
    most_bytes: AtomicUsize,
}

/// How long a removal that was cut short is in the way.
pub const PATIENCE: Duration = Duration::from_millis(1500);

impl TestBucket {
    /// Changes what it does, before anybody else has it.
    fn with(mut self, change: impl FnOnce(&mut Bucket)) -> Self {
        change(Arc::get_mut(&mut self.0).expect("no other holder yet"));
        self
    }

    /// The same objects in a bucket of its own, which does all that is asked of it.
    pub fn fork(&self) -> Self {
        let inner = self.0.inner.fork();
        Self::default().with(|bucket| bucket.inner = inner)
    }

    pub fn failing(self, fault: Fault) -> Self {
        self.with(|bucket| bucket.faults.push(fault))
    }

    /// Writes over what stands, whatever was asked.
    pub fn ignoring(self, if_none_match: bool, if_match: bool) -> Self {
        self.with(|bucket| {
            bucket.ignores_if_none_match = if_none_match;
            bucket.ignores_if_match = if_match;
        })
    }

    /// Knows no conditions on tags, but on generations, which listings leave out.
    pub fn with_generations(self) -> Self {
        self.with(|bucket| bucket.has_generations = true)
    }

    pub fn without_tags(self) -> Self {
        self.with(|bucket| bucket.has_no_tags = true)
    }

    /// Gives tags, though not in listings.
    pub fn without_listed_tags(self) -> Self {
        self.with(|bucket| bucket.lists_no_tags = true)
    }

    /// From now on compares tags in a way of its own.
    pub fn take(&self, tags: TakenTags) {
        *self.0.takes_tags.lock().unwrap() = tags;
    }

    /// The same objects in a bucket that takes so long for each write.
    pub fn slow_fork(&self, delay: Duration) -> Self {
        self.fork().with(|bucket| bucket.delay = delay)
    }

    /// Lists an object whose name ends in a slash, which no client can ask for without it.
    pub fn with_marker(self, key: &str) -> Self {
        self.with(|bucket| bucket.markers.push(key.to_owned()))
    }

    /// Another writer writes just before the n-th request.
    pub fn meanwhile(self, at: usize, key: &str, bytes: &[u8]) -> Self {
        self.with(|bucket| bucket.meanwhile.push((at, key.to_owned(), bytes.to_vec())))
    }

    /// The tree below `acme/`.
    pub fn store(&self) -> BucketStore {
        let inner = Arc::new(self.clone());
        let store = BucketStore::new(inner, "acme", "s3://bucket/acme").unwrap();
        store.generations(self.0.has_generations).abandoned_after(PATIENCE)
    }

    pub fn set(&self, key: &str, bytes: &[u8]) {
        wait(self.0.inner.put(&path(key), PutPayload::from(bytes.to_vec()))).unwrap();
    }

    pub fn remove(&self, key: &str) {
        wait(self.0.inner.delete(&path(key))).unwrap();
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.object(key).map(|(bytes, _)| bytes)
    }

    /// With what was said of it.
    pub fn object(&self, key: &str) -> Option<(Vec<u8>, Attributes)> {
        let got = wait(self.0.inner.get(&path(key))).ok()?;
        let attributes = got.attributes.clone();
        Some((wait(got.bytes()).unwrap().to_vec(), attributes))
    }

    /// All objects.
    pub fn objects(&self) -> Files {
        let found: Vec<ObjectMeta> = wait(self.0.inner.list(None).try_collect()).unwrap();
        let keys = found.into_iter().map(|found| found.location.to_string());
        keys.map(|key| (self.get(&key).map(|bytes| (key, bytes))).unwrap()).collect()
    }

    /// What was asked so far, which is forgotten.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.0.log())
    }

    /// How many writes were under way at once.
    pub fn most_under_way(&self) -> usize {
        self.0.most_under_way.load(Ordering::SeqCst)
    }

    /// How many bytes were under way at once.
    pub fn most_bytes(&self) -> usize {
        self.0.most_bytes.load(Ordering::SeqCst)
    }

    /// Whether it came to a fault.
    pub fn has_failed(&self) -> bool {
        let log = self.0.log();
        self.0.faults.iter().any(|fault| {
            log.iter().filter(|(one, _)| fault.of.is_none_or(|of| of == *one)).count() >= fault.at
        })
    }
}

impl Bucket {
    fn log(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.log.lock().unwrap()
    }

    /// Notes what is asked; the fault that it meets.
    async fn step(&self, operation: Operation, what: String) -> Option<Fault> {
        let (all, of_kind) = {
            let mut log = self.log();
            log.push((operation, what));
            (log.len(), log.iter().filter(|(one, _)| *one == operation).count())
        };
        for (_, key, bytes) in self.meanwhile.iter().filter(|(at, ..)| *at == all) {
            self.inner.put(&path(key), PutPayload::from(bytes.clone())).await.unwrap();
        }
        let mut faults = self.faults.iter().copied();
        faults.find(|fault| {
            let number = match fault.of {
                None => all,
                Some(of) if of == operation => of_kind,
                Some(_) => return false,
            };
            number == fault.at || (fault.lasting && number > fault.at)
        })
    }

    async fn put(&self, key: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        let asked = match &options.mode {
            PutMode::Overwrite => format!("over {key}"),
            PutMode::Create => format!("new {key}"),
            PutMode::Update(_) => format!("same {key}"),
        };
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
        let length = bytes.content_length();
        let held = self.bytes_under_way.fetch_add(length, Ordering::SeqCst) + length;
        self.most_bytes.fetch_max(held, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        let put = tried!(self, Put, asked, key, self.really_put(key, bytes, options).await);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        self.bytes_under_way.fetch_sub(length, Ordering::SeqCst);
        put
    }

    async fn really_put(
        &self,
        key: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mode = match options.mode {
            PutMode::Update(UpdateVersion { e_tag: Some(tag), version }) => {
                let tags = *self.takes_tags.lock().unwrap();
                if tags == TakenTags::BareMalformed && !tag.starts_with('"') {
                    // As the client tells of a status.
                    let told = "Server returned non-2xx status code: 400 Bad Request: <Error/>";
                    return Err(Error::Generic { store: "test", source: Box::new(Told(told)) });
                }
                self.compared(tag, version)
            }
            mode => mode,
        };
        let mode = match mode {
            PutMode::Create if self.ignores_if_none_match => PutMode::Overwrite,
            PutMode::Update(_) if self.ignores_if_match => PutMode::Overwrite,
            PutMode::Update(version) if self.has_generations => {
                PutMode::Update(UpdateVersion { e_tag: version.version, version: None })
            }
            mode => mode,
        };
        let mut put = self.inner.put_opts(key, bytes, PutOptions { mode, ..options }).await?;
        if self.has_generations {
            put.version.clone_from(&put.e_tag);
        }
        if self.has_no_tags {
            put.e_tag = None;
        }
        Ok(put)
    }

    /// A condition as this bucket understands it.
    fn compared(&self, tag: String, version: Option<String>) -> PutMode {
        let (is_quoted, bare) = (tag.starts_with('"'), tag.trim_matches('"'));
        let e_tag = match *self.takes_tags.lock().unwrap() {
            TakenTags::BareIgnored if !is_quoted => return PutMode::Overwrite,
            TakenTags::Quoted if is_quoted => tag,
            TakenTags::Bare if !is_quoted => format!("\"{bare}\""),
            _ => {
                let none = Some("of no object".to_owned());
                return PutMode::Update(UpdateVersion { e_tag: none.clone(), version: none });
            }
        };
        PutMode::Update(UpdateVersion { e_tag: Some(e_tag), version })
    }

    async fn get(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { Head } else { Get };
        let mut got =
            tried!(self, operation, key.to_string(), key, self.inner.get_opts(key, options).await)?;
        got.meta = self.dress(got.meta);
        Ok(got)
    }

    fn dress(&self, mut found: ObjectMeta) -> ObjectMeta {
        if self.has_generations {
            found.version.clone_from(&found.e_tag);
        }
        if self.has_no_tags {
            found.e_tag = None;
        }
        found
    }

    fn dress_listed(&self, found: ObjectMeta) -> ObjectMeta {
        let found = self.dress(found);
        let bare = found.e_tag.as_deref().map(|tag| tag.trim_matches('"').to_owned());
        let e_tag = bare.filter(|_| !self.lists_no_tags);
        ObjectMeta { e_tag, version: None, ..found }
    }

    /// As the client hands them over: without the slash.
    fn listed_markers(&self, prefix: &str) -> Vec<ObjectMeta> {
        let below = self.markers.iter().filter(|key| key.starts_with(prefix));
        let marker = |key: &String| ObjectMeta {
            location: path(key),
            last_modified: SystemTime::UNIX_EPOCH.into(),
            size: 0,
            e_tag: None,
            version: None,
        };
        below.map(marker).collect()
    }
}

/// What is in memory takes no time.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

fn path(key: &str) -> Path {
    Path::parse(key).unwrap()
}

/// What is wrong, by a cause of its own.
#[derive(Debug)]
struct Told(&'static str);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Told {}

fn answer(fault: Fault, key: &Path) -> Error {
    let path = key.to_string();
    match fault.kind {
        Wrong::Lost => Error::Generic { store: "test", source: "the answer got lost".into() },
        Wrong::Forbidden => Error::PermissionDenied { path, source: "it may not be".into() },
        Wrong::Unsupported => Error::NotSupported { source: "there is no such thing".into() },
    }
}

impl fmt::Display for TestBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket of tests")
    }
}

/// What is written part by part, and is there when all of it is.
#[derive(Debug)]
struct Parts {
    bucket: Arc<Bucket>,
    key: Path,
    options: PutMultipartOptions,
    came: Vec<PutPayload>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, bytes: PutPayload) -> UploadPart {
        self.came.push(bytes);
        let (bucket, key) = (Arc::clone(&self.bucket), self.key.clone());
        Box::pin(async move { tried!(bucket, Put, format!("part {key}"), &key, Ok(())) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let bytes: PutPayload = self.came.iter().flatten().cloned().collect();
        let attributes = self.options.attributes.clone();
        let options = PutOptions { attributes, ..PutOptions::default() };
        let (bucket, key) = (&self.bucket, &self.key);
        let done = bucket.inner.put_opts(key, bytes, options).await;
        tried!(bucket, Put, format!("whole {key}"), key, done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.came.clear();
        let (bucket, key) = (&self.bucket, &self.key);
        tried!(bucket, Delete, format!("parts {key}"), key, Ok(()))
    }
}

#[async_trait]
impl ObjectStore for TestBucket {
    async fn put_opts(
        &self,
        key: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.0.put(key, bytes, options).await
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get(key, options).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let bucket = Arc::clone(&self.0);
        keys.and_then(move |key| {
            let bucket = Arc::clone(&bucket);
            async move {
                let deleted =
                    tried!(bucket, Delete, key.to_string(), &key, bucket.inner.delete(&key).await);
                deleted.map(|()| key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let bucket = Arc::clone(&self.0);
        let prefix = prefix.cloned().unwrap_or_default();
        let listed = async move {
            let done = async || {
                let found = bucket.inner.list(Some(&prefix)).map_ok(|one| bucket.dress_listed(one));
                let mut found: Vec<_> = found.try_collect().await?;
                found.extend(bucket.listed_markers(prefix.as_ref()));
                Ok(found)
            };
            tried!(bucket, List, prefix.to_string(), &prefix, done().await)
        };
        let one_by_one = |found: Vec<_>| stream::iter(found.into_iter().map(Ok));
        stream::once(listed).map_ok(one_by_one).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let bucket = &self.0;
        let key = prefix.cloned().unwrap_or_default();
        let mut listed = tried!(
            bucket,
            List,
            key.to_string(),
            &key,
            bucket.inner.list_with_delimiter(prefix).await
        )?;
        let found = std::mem::take(&mut listed.objects).into_iter();
        listed.objects = found.map(|one| bucket.dress_listed(one)).collect();
        // Only that of the folder itself is directly below it: the name ends there.
        let mut markers = bucket.listed_markers(key.as_ref());
        markers.retain(|marker| marker.location == key);
        listed.objects.extend(markers);
        Ok(listed)
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (bucket, key) = (Arc::clone(&self.0), key.clone());
        Ok(Box::new(Parts { bucket, key, options, came: Vec::new() }))
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unimplemented!("nothing is copied")
    }
}
