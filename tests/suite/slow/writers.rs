//! Whoever changes a registry in a bucket, where nothing is locked: each operation fails once, and many are
//! at it at once.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `between` | what others do at one moment of a verb |
//! | `faults` | every verb with a fault at every operation, and run again |
//! | `history` | what several did, and whether what they leave is what they meant |
//! | `directories` | the same where there is a lock and no condition |
//! | `kills` | the same, by processes that are killed before any one of their system calls |
//! | `pairs` | verbs of two, each of whom stops where it can while the other goes on |
//! | `races` | verbs at random, whose operations come in an order that a seed decides |

#[cfg(feature = "buckets")]
mod between;
#[cfg(feature = "buckets")]
mod directories;
#[cfg(feature = "buckets")]
mod faults;
#[cfg(feature = "buckets")]
mod history;
mod kills;
#[cfg(feature = "buckets")]
mod pairs;
#[cfg(feature = "buckets")]
mod races;
