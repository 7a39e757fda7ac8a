//! Tests that take seconds each. `scripts/check` leaves out every module named `slow`, here and below other modules;
//! `scripts/test` runs them all.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `api` | publications of `hexreg serve`: a server that is killed, many clients, several servers, commands meanwhile |
//! | `faults` | builds with a system call or a store operation that fails, and full disks: each place in turn |
//! | `kills` | builds that are killed, at random moments and before each system call |
//! | `races` | many builds at once, readers meanwhile, tarballs that change under them |
//! | `writers` | writers of a bucket without a lock: a fault at each operation, and several at once |

#[cfg(feature = "serve")]
mod api;
mod faults;
mod kills;
mod races;
mod writers;
