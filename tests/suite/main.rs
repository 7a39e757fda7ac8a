//! The one test binary. What a test is about decides its module; rules of a single file are tested
//! at the bottom of that file.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `etf` | Erlang's external term format, beside the real Erlang |
//! | `features` | how many packages hexreg depends on without its features |
//! | `golden` | our bytes against those of the real Hex client |
//! | `malformed` | one test for each kind of bad tarball, and one for each odd but valid kind |
//! | `properties` | what holds for every input, by proptest |
//! | `building` | what a build creates, updates, leaves alone, removes and refuses |
//! | `cache` | what a build takes from its cache, and when it must not |
//! | `dependencies` | requirements that stop clients, and packages of hex.pm with the name of one here |
//! | `metadata` | what hex.pm would refuse in the metadata of a release: warned of by `add`, ignored by a build |
//! | `inspect` | what `hexreg inspect` prints of one file, and who signed it |
//! | `keys` | the forms keys come in, and where they lie |
//! | `api` | what clients do that publish to `hexreg serve`: `hex_core`, requests byte for byte, every endpoint, attacks |
//! | `auth` | who may read: files of passwords and tokens, and what changes them |
//! | `config` | the configuration file of the server: every wrong one is told with its line |
//! | `buckets` | registries in buckets of an S3 server: the requests, and the objects afterwards |
//! | `objects` | the store of buckets itself: conditions, lost responses, two writers at once, in memory; and which settings, credentials and servers it takes |
//! | `litter` | files of macOS, git and file managers are ignored |
//! | `messages` | snapshots of what each command prints |
//! | `mirroring` | what `hexreg mirror` fetches, from which upstreams, and what it makes of it |
//! | `policies` | signed policies: read, verified, inspected, signed anew, pushed; what `hexreg policy` publishes, and why it hides a release |
//! | `checking` | what `hexreg check` finds in lock files, and how it prints that |
//! | `progress` | how far a build has come, on a terminal |
//! | `publishing` | how files are written: whole, in order, durably, one build at a time |
//! | `permissions` | who may read a file that takes the place of another |
//! | `pushing` | what a push reads where it comes from: what is wrong there, large, or pushed to meanwhile |
//! | `remarks` | what lives in the registry alone: what is retired, when it was published, advisories |
//! | `scheduled` | mirrors that keep themselves up to date, alone and beside others |
//! | `schemas` | the code in `src/registry/proto/` is what the schemas in `proto/` compile to |
//! | `unknown_fields` | fields of signed files that this version does not know, and each command that rewrites those |
//! | `alarms` | a published release that changes or goes |
//! | `verifying` | damage of every kind is found |
//! | `serving` | what `hexreg serve` answers, request by request |
//! | `deploy` | what lies in deploy/ does what it says: systemd, the image, compose, Kubernetes, nginx, Caddy, recipes for CI |
//! | `docs` | the documents are true: commands, links, files, variables |
//! | `layers` | imports of `src/` run downwards, without circles |
//! | `readers` | independent programs read what we wrote: the `hexpm` crate, ssh-keygen |
//! | `archives` | GNU tar reads what we accept as we do |
//! | `clients` | rebar3 fetches packages from nginx and from `hexreg serve` |
//! | `browsing` | the pages about packages: what each of them says, who sees it, and what Chromium makes of them |
//! | `site` | the pages of a registry as files: what they say, what a second run writes, and what a check finds |
//! | `slow` | what takes seconds a test: kills, faults, races, writers |
//! | `special_files` | pipes, devices, links and endless files wherever a file is read or written; characters that are not seen |
//! | `support` | the builders and runners that the others share |
//!
//! A changed message is taken over with `INSTA_UPDATE=always cargo test`; read the diff.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test says what must hold by failing, and so do the helpers it shares"
)]
#![cfg_attr(
    not(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web")),
    allow(
        dead_code,
        unused_imports,
        reason = "a part that only one feature uses; what no feature uses shows where all are on"
    )
)]

mod alarms;
#[cfg(feature = "serve")]
mod api;
mod archives;
#[cfg(feature = "serve")]
mod auth;
mod batch;
#[cfg(feature = "web")]
mod browsing;
#[cfg(feature = "buckets")]
mod buckets;
mod building;
mod cache;
mod checking;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod clients;
#[cfg(feature = "serve")]
mod config;
mod dependencies;
#[cfg(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web"))]
mod deploy;
#[cfg(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web"))]
mod docs;
mod etf;
mod features;
mod golden;
mod inspect;
mod keys;
mod layers;
mod litter;
mod malformed;
mod messages;
mod metadata;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod mirroring;
#[cfg(feature = "buckets")]
mod objects;
mod permissions;
mod policies;
mod progress;
mod properties;
mod publication_times;
mod publishing;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod pulling;
#[cfg(feature = "buckets")]
mod pushing;
mod readers;
mod remarks;
#[cfg(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web"))]
mod scheduled;
mod schemas;
#[cfg(feature = "serve")]
mod serving;
#[cfg(feature = "web")]
mod site;
mod slow;
mod special_files;
mod support;
mod unknown_fields;
mod verifying;
