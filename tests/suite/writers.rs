//! Whoever changes a registry in a bucket, where nothing is locked: each operation fails once, and many are
//! at it at once.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `faults` | every verb with a fault at every operation, and run again |
//! | `directories` | the same where there is a lock and no condition |
//! | `races` | verbs at random, whose operations come in an order that a seed decides |

mod directories;
mod faults;
mod races;
