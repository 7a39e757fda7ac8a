//! A bucket in memory of which several make use, one operation at a time: whose is next a seed decides, so
//! that whatever comes of it comes again.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use hexreg::store::BucketStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::random::Random;

/// Who may ask for something next.
#[derive(Debug)]
pub struct Scheduler {
    state: Mutex<State>,
    turned: Condvar,
}

struct State {
    random: Random,
    /// Who of two does how many operations, one after the other; the first does the rest.
    script: Option<VecDeque<(usize, usize)>>,
    /// How many each did.
    counts: Vec<usize>,
    /// How likely the turn of each is, and how long that stays so.
    weights: Vec<usize>,
    until: usize,
    living: BTreeSet<usize>,
    waiting: BTreeSet<usize>,
    turn: Option<usize>,
    /// How many operations there were.
    time: usize,
    log: Vec<String>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl State {
    /// Once all writers wait, one of them goes on. Some are much slower than others, for a while.
    fn choose(&mut self) {
        if self.turn.is_some() || self.waiting.is_empty() || self.waiting != self.living {
            return;
        }
        if let Some(script) = &mut self.script {
            let is_over = |(who, left): &(usize, usize)| *left == 0 || !self.waiting.contains(who);
            while script.front().is_some_and(is_over) {
                script.pop_front();
            }
            let next = script.front_mut().map(|(who, left)| {
                *left -= 1;
                *who
            });
            self.turn = next.or(self.waiting.first().copied());
            return;
        }
        if self.time >= self.until {
            self.until = self.time + 1 + self.random.below(60);
            for weight in &mut self.weights {
                *weight = [1, 10, 10, 1000][self.random.below(4)];
            }
        }
        let all: usize = self.waiting.iter().map(|one| self.weights[*one]).sum();
        let mut place = self.random.below(all);
        for one in &self.waiting {
            if place < self.weights[*one] {
                self.turn = Some(*one);
                return;
            }
            place -= self.weights[*one];
        }
    }
}

impl Scheduler {
    /// For so many.
    pub fn new(seed: u64, many: usize) -> Arc<Self> {
        let state = State {
            random: Random::new(seed),
            script: None,
            counts: vec![0; many],
            weights: vec![1; many],
            until: 0,
            living: (0..many).collect(),
            waiting: BTreeSet::new(),
            turn: None,
            time: 0,
            log: Vec::new(),
        };
        Arc::new(Self { state: Mutex::new(state), turned: Condvar::new() })
    }

    /// For two: the first does so many operations, then the other so many, and so on by turns.
    pub fn of_two(script: &[usize]) -> Arc<Self> {
        let this = Self::new(0, 2);
        let turns = script.iter().enumerate().map(|(turn, many)| (turn % 2, *many));
        this.state.lock().unwrap().script = Some(turns.collect());
        this
    }

    /// Lets the other of two do the rest, as a writer that pauses does.
    pub fn give_way(&self, who: usize) {
        let mut state = self.state.lock().unwrap();
        if let Some(script) = &mut state.script {
            *script = [(1 - who, usize::MAX)].into();
        }
    }

    /// How many operations each did.
    pub fn counts(&self) -> Vec<usize> {
        self.state.lock().unwrap().counts.clone()
    }

    /// Waits for the turn, and notes what comes of it.
    fn step(&self, who: usize, what: &str, key: &Path) {
        let mut state = self.state.lock().unwrap();
        state.waiting.insert(who);
        state.choose();
        self.turned.notify_all();
        while state.turn != Some(who) {
            state = self.turned.wait(state).unwrap();
        }
        state.waiting.remove(&who);
        state.turn = None;
        state.time += 1;
        state.counts[who] += 1;
        state.log.push(format!("{who}: {what} {key}"));
    }

    pub fn note(&self, who: usize, what: &str) {
        self.state.lock().unwrap().log.push(format!("{who}: -- {what}"));
    }

    /// How many operations there were so far.
    pub fn time(&self) -> usize {
        self.state.lock().unwrap().time
    }

    /// A writer makes no further request.
    pub fn leave(&self, who: usize) {
        let mut state = self.state.lock().unwrap();
        state.living.remove(&who);
        state.choose();
        self.turned.notify_all();
    }

    /// All that was done, and by whom.
    pub fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }
}

/// The bucket as one of them has it.
#[derive(Clone, Debug)]
pub struct Scheduled {
    inner: Arc<InMemory>,
    scheduler: Arc<Scheduler>,
    who: usize,
}

impl Scheduled {
    /// A store of which the n-th operation is always the same.
    pub fn store(inner: &Arc<InMemory>, scheduler: &Arc<Scheduler>, who: usize) -> BucketStore {
        let (inner, scheduler) = (Arc::clone(inner), Arc::clone(scheduler));
        let this = Arc::new(Self { inner, scheduler, who });
        let store = BucketStore::new(this, "acme", "s3://bucket/acme").unwrap().jobs(1);
        // No writer is killed, however slow it is.
        store.abandoned_after(Duration::from_secs(60 * 60))
    }

    fn step(&self, what: &str, key: &Path) {
        self.scheduler.step(self.who, what, key);
    }
}

impl fmt::Display for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bucket of tests")
    }
}

#[async_trait]
impl ObjectStore for Scheduled {
    async fn put_opts(&self, key: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.step("put", key);
        let put = self.inner.put_opts(key, bytes, how).await;
        if put.is_err() {
            self.scheduler.note(self.who, "refused");
        }
        put
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        self.step(if how.head { "head" } else { "get" }, key);
        self.inner.get_opts(key, how).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        keys.and_then(move |key| {
            let this = this.clone();
            async move {
                this.step("delete", &key);
                this.inner.delete(&key).await.map(|()| key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            this.step("list", &prefix.clone().unwrap_or_default());
            this.inner.list(prefix.as_ref()).try_collect::<Vec<_>>().await
        };
        let one_by_one = |found: Vec<_>| stream::iter(found.into_iter().map(Ok));
        stream::once(listed).map_ok(one_by_one).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.step("list", &prefix.cloned().unwrap_or_default());
        self.inner.list_with_delimiter(prefix).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        unimplemented!("nothing is written in parts")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unimplemented!("nothing is copied")
    }
}
