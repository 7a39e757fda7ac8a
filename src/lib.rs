//! hexreg turns a directory of package tarballs into a signed [Hex] registry.
//!
//! This page is the map: the line that everything follows, and what stands where.
//!
//! # One straight line
//!
//! ```text
//! list what stands                        build::listing  done, where the cache knows all of it
//!  → read each, in parallel               build::read     unless known; every failure collected
//!  → tarball::Unpacker → Release          pure            checksums, metadata, contents, limits
//!  → Package → Entry, its Payload encoded pure            sorted; as the cache has it, where nothing changed
//!  → what no tarball says                 build::remarks  retired, published_at, advisories: as they stand,
//!                                                         and as upstream has them (ops::upstream)
//!  → Registry::assemble                   pure            names and versions encoded too
//!                                         build::indexes  with fields of theirs that this version does not know
//!  → sign → gzip                          build::seal     skipped where the payload stands already
//!  → Plan::between                        pure            create, update, remove, leave
//!                                         build::alarm    what would break the locks of users
//!  → Plan::apply                          store::apply    the one place that orders writes
//!  → Report                               build::report   the cli prints it, and what an
//!                                                         observer heard meanwhile
//! ```
//!
//! [`ops::build::build`] is that line on one screen: start there.
//!
//! - The middle knows no file system, clock, environment, terminal or thread count: times come with
//!   the listing, and work runs on the rayon pool of whoever calls.
//! - Same input, same bytes out. What has not changed is not written again.
//! - The bytes that were signed are the bytes that are written: a payload is encoded once.
//! - The library never prints. Only the binary's `src/cli/` does.
//!
//! What serves has a line of its own, from a connection to a file's bytes: [`serve`]. So has what
//! mirrors, from what is wanted to files that upstream signed: [`ops::mirror`]. These two are the only parts
//! that are asynchronous, but for the inside of a store that is far away.
//!
//! What changes single releases (`add`, `remove`, `retire`) knows no other tarball: [`ops::amend`] reads what the
//! registry says of those packages, changes that, and ends in the same `Plan`. [`ops::push`] compares two
//! places, and ends there too.
//!
//! # Rooms
//!
//! | module | what it holds |
//! | --- | --- |
//! | `cli` (in the binary) | arguments, messages, exit codes: one file a command |
//! | [`ops`] | one verb a file: options → report |
//! | [`registry`] | what a registry says; one file a resource, its decoder beside its encoder |
//! | [`tarball`] | a package tarball from bytes in memory, and its twin that creates one |
//! | [`repository`] | the served tree: paths, and the plan that changes it |
//! | [`store`] | where that tree lives |
//! | [`cache`] | what was true of each file the last time; [`ops`] asks it through `ops::build` |
//! | [`package`] | packages, releases, dependencies |
//! | [`policy`] | policies, and what of them clients take no notice of |
//! | [`name`], [`version`], [`requirement`], [`checksum`] | values that are checked once |
//! | [`credentials`] | what hides them in a URL that is shown |
//! | [`printable`] | characters that a terminal obeys or a reader does not see, in messages and in JSON |
//! | [`proxy`] | which proxy the environment names for a URL |
//! | [`regular_file`] | opens and reads files: no pipe is waited for, nothing is read without end |
//! | `beneath` | opening files below a directory, so that no link leads out of it |
//! | `web_page` | what tells a page for people from a file |
//! | [`unknown_fields`] | fields of signed files that this version does not know, and keeps |
//! | [`auth`] | who may read: names, passwords, tokens, and what an `Authorization` header is worth |
//! | [`key`] | private and public keys, fingerprints |
//! | [`lockfile`] | what a project pins: `mix.lock`, `rebar.lock`, `manifest.toml` |
//! | [`erlang`] | Erlang terms as text |
//!
//! Imports run downwards: `cli → ops → cache → registry, tarball, repository, store → package, key,
//! auth, values`.
//! Only [`registry`] names the generated protobuf types.
//!
//! # Decisions that are not obvious
//!
//! - **The walk over a tar archive is ours** (`tarball/archive/`); the tar crate reads the fields of
//!   its headers. Lenient readers disagree on what an archive holds, and a tool that signs must refuse
//!   what has two readings: sizes given twice, bytes after the end, names that only some readers see.
//! - **libdeflate inflates contents** and says nothing of bytes after the stream; how those are
//!   found all the same stands in `tarball/contents.rs`.
//! - **A standing file is compared by content, not by time**: what another program gzipped is left
//!   alone where its message is the same, what this one gzipped must be the same to the byte.
//! - **Strings that end in a backslash are refused** in `metadata.config`: Hex's tokenizer takes the
//!   closing quote for an escaped one and reads on (`erlang.rs`).
//! - **A cache knows a file by what the file system says of it, and never one that changed in the moment
//!   it was looked at** (`cache.rs`). BLAKE3 guards it: fast where a processor has no SHA instructions.
//! - **The cache holds packages as they were encoded**, so that work grows with what has changed: an
//!   unchanged package is neither decoded nor encoded, and the cache itself is not written again for
//!   a few tarballs (`ops/build/memory.rs`).
//! - **Random numbers are seeded by the operating system alone** (`.cargo/config.toml`): what aws-lc
//!   adds by default takes 45 ms of every process that signs, and what they are for here is to blind a
//!   signature against a watcher of the clock. A build outside of this repository pays those 45 ms.
//! - **libdeflate compresses too**: a third of zlib's time, and one allocation a thread.
//! - **What a signed file is, is told by what only one resource says**, then by where the file lies: no
//!   resource names itself, and their fields have the same numbers (`ops/inspect.rs`).
//! - **A store is handed all stages of a plan at once** (`store/dir/write.rs`): so every new file can be
//!   laid down and flushed before a reader sees any, and a full disk changes nothing.
//! - **Conditions in place of a lock** (`store/bucket/`): object storage has none, but writes an object only
//!   where it still is the one that was looked at. Some ignores that, and some never finds it so: both are tried
//!   before anything is written (`store/bucket/probe.rs`), and how tags have to be written, as Ceph takes none in
//!   quotes. An answer that got lost is looked into, since what is in the way of a second try may be the first. No
//!   condition guards a removal, so what goes is written over first, by something that clients read as what stood
//!   there and writers as a sign to wait (`store/bucket/tombstone.rs`).
//! - **What no storage answers is told as such** (`store/bucket/http.rs`): to the client a login page is an empty
//!   bucket.
//! - **Settings of buckets are ours to read** (`store/bucket/setting.rs`): the store's client reads any variable that
//!   it knows, and ends the process for a line feed in a key. So each is trimmed and checked under its own name, and
//!   given to the client; what the client does not do (`credential_process`, roles, sign-ins, workload identity
//!   federation) is an `Issuer` in a file of its own (`sts.rs`, `sso.rs`, `federation.rs` …). The crate `aws-config`
//!   would do Amazon's part: for our oldest compiler it ends at 1.8.11, a year before its newest, and its 29 crates take
//!   92 seconds of processor time to build.
//! - **A request may take long, and not stand still** (`store/bucket/connection.rs`): a limit in all is too short for
//!   a slow line, or too long for a server that is dead. An upload is handed over in pieces, so that its progress
//!   is seen while nothing comes back.
//! - **A lock on the directory itself**: there is no file to go stale, and it ends with its process; and
//!   whoever only reads can share it without a right to write.
//! - **One file a resource** (`registry/names.rs` …) rather than one enum with all payloads: its
//!   decoder is its encoder's neighbour, and a new resource is a new file.
//! - **tower-http answers, our own code finds and opens** (`ops/serve/site.rs`): a path is looked up
//!   among those that clients know before any file is, and the file that is opened then is the one that
//!   head and body are made of, whatever a build does meanwhile.
//! - **An entity tag is the digest of a file's bytes** (`ops/serve/tags.rs`): right for any bytes, whatever size and
//!   times they have, and the same on every server that has the same file. A tag of the inode's stamp would
//!   need no reading, but copies behind one address would disagree, and a restored or touched file would be
//!   fetched again. A file is read for its tag once; above 64 MiB, which no file of a registry has, the stamp
//!   has to do. `Last-Modified` is the time of the last change of any kind, which no program can set, as clients
//!   that know no tags ask by it.
//! - **Files are opened beneath the directory** (`beneath.rs`): by the kernel, and where it cannot, part by part. A check
//!   of the path before or after would leave a moment in which a link is put in place. The directory itself is
//!   looked at for each request, as it may be a link that is led elsewhere.
//! - **A release is what the signed package names** (`ops/serve/releases.rs`): a tarball may lie there long before its
//!   build. A file in `packages/` is read for this once; then a request takes one look at its stamp.
//! - **A private key is known by what it holds** (`ops/serve/tags.rs`), as a file is read whole for its tag; and what
//!   only this server may read, by its inode.
//! - **Passwords are checked, and pages made, a few at a time, of each client in turn** (`ops/serve/fair_queue.rs`): a
//!   client that sends many guesses waits for its own, and never has all places.
//! - **Memory for argon2 is allocated once** (`auth/memory.rs`): two buffers of 32 MiB, or one of 64. The crate would
//!   allocate for each check, and glibc keeps what threads give back: 64 wrong passwords came to 877 MB.
//! - **Connections are accepted, counted and closed by our own code** (`ops/serve/door.rs`, `ops/serve/seats.rs`); hyper
//!   speaks HTTP on them. A server that is full has to know which connection is idle the longest, whose it is, and when
//!   an answer was written whole, and to close it for a newcomer. Each connection says in atomic numbers what it does
//!   (`ops/serve/activity.rs`), so that a request takes no lock.
//! - **A client that takes its answer slowly is told from one that takes none by time in store** (`ops/serve/pace.rs`):
//!   what the system keeps for it hides what it takes for up to half a minute. To ask the system how much was
//!   acknowledged (`SIOCOUTQ`, `TCP_INFO`), or to have it keep less unsent (`TCP_NOTSENT_LOWAT`), takes `unsafe`.
//! - **What the kernel has at hand is read on the spot** (`ops/serve/files.rs`): to hand a request for a
//!   small file to another thread and back costs more than to read it.
//! - **Pages for people run nothing and fetch nothing** (`ops/serve/page.rs`, `templates/`): their one
//!   style sheet stands in them, and the policy that is sent with them knows it by its hash.
//! - **A signed file is inflated twice** (`registry/signed.rs`): through a window, in which its payload is hashed, and
//!   into memory once the signature holds. A payload of up to 128 KiB, as nearly every package has, is kept the
//!   first time. So a file without a valid signature takes no memory, however much it inflates to.
//! - **Redirects of upstream are followed by hand** (`ops/mirror/redirect.rs`, `public.rs`): whether one may lead to
//!   an address of this network hangs on the address that was connected to before, and the client's own policy is
//!   not told that one. A second client whose resolver gives public addresses alone follows the others, so no name
//!   can be at another address by the time it is connected to.
//! - **A mirror is planned without a socket** (`ops/mirror/planner.rs`): it is told what came of each task and
//!   says what to do next, so that every order in which answers may come can be tested.
//! - **What the indexes say of a package tells whether its own file is still current**
//!   (`ops/mirror/indexes.rs`): a digest of its versions, their marks and its `updated_at` is kept in
//!   `.hexreg-mirror`, with the tag of each file and the releases that have no documentation. So a run in which
//!   nothing has changed makes two requests. What the indexes do not tell, such as a second advisory, is asked for by
//!   tag: each time of packages that they mark, once a day of all. All of it may be lost.
//! - **git fetches what is git's** (`ops/mirror/git.rs`): what is kept are plain files, so any server will do;
//!   where they lie is spelt once, for those who write and those who serve (`repository/git.rs`).
//! - **Nothing in a mirrored repository is run or believed** but its objects and references (`ops/mirror/git/place.rs`):
//!   an explicit `--git-dir` switches git's own check of the owner off. Its configuration is written anew before each
//!   use, and git is given the open folder by `/proc/self/fd`, so that what takes its place meanwhile is not used. What
//!   is pinned has references of its own (`refs/hexreg/*`), which no refspec of a fetch names. Clients fetch branches
//!   alone, so each pin is shown as a branch too, which is written anew after each fetch.
//! - **Nothing is written or cleared behind a link in the tree** (`store/dir/link.rs`): who made the link does not tell,
//!   as what `cp -r` copies is the user's own. A larger disk is mounted there. What is cleared is removed by way of the
//!   open folder (`store/dir/real_folder.rs`).
//! - **The registry is its own state** (`package/remarks.rs`, `ops/build/remarks.rs`): what no tarball says is kept in
//!   the signed files and nowhere else, so it is not lost with a database, and moves with them.
//! - **What upstream says is merged three ways** (`ops/upstream/`): what upstream said when it was last carried over
//!   is the base, so what upstream takes back goes, and what was said here stays. The base is a cache: without
//!   it, upstream's word is taken and nothing is taken back.
//! - **Fields that the schemas do not name are kept** (`registry/kept.rs`, `build.rs`): hex.pm or a newer hexreg wrote
//!   them, and a change must not lose them. prost drops them, so a message of ours wraps each of its messages. Crates
//!   that keep them decode more slowly (prost-reflect), need a C compiler (protobuf 4), or treat unknown numbers of
//!   enums as absent (buffa).
//! - **A change touches its own release in each file** (`ops/amend/draft.rs`), and is made anew of what stands whenever
//!   somebody else was faster: so two that are at work on different releases of one package lose nothing.
//! - **A push tells files apart by listings** (`ops/push/remote.rs`): what is signed by the tag that S3 makes of its
//!   bytes, tarballs by what the packages say of them. Where tags are of another kind, they are read.
//!
//! [Hex]: https://hex.pm

#[cfg(not(unix))]
compile_error!(
    "hexreg runs on Linux, macOS and other Unix systems, whose locks, permissions and file times it relies \
     on: on Windows, build it in WSL"
);

pub mod auth;
mod beneath;
pub mod cache;
pub mod checksum;
pub mod credentials;
pub mod erlang;
pub mod key;
pub mod lockfile;
pub mod name;
pub mod ops;
pub mod package;
pub mod policy;
pub mod printable;
mod private_key_scan;
pub mod proxy;
pub mod publish;
mod published;
pub mod registry;
pub mod regular_file;
pub mod repository;
pub mod requirement;
pub mod serve;
pub mod store;
pub mod tarball;
pub mod unknown_fields;
pub mod version;
mod web_page;
