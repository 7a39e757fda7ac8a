//! What hexreg does: one verb a file, from options to a report.

pub mod build;
pub mod inspect;
mod listing;
mod memory;
pub mod observer;
mod read;
mod report;
mod seal;
