//! What hexreg does: one verb a file, from options to a report.

mod alarm;
pub mod build;
mod error;
pub mod inspect;
mod listing;
mod lock;
mod memory;
pub mod observer;
mod options;
mod read;
mod report;
mod seal;
pub mod verify;
