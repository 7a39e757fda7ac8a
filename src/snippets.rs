//! Lines for users to copy: the configuration of clients for a repository, and the dependencies of projects.

mod client_config;
mod dependency_lines;
mod policy_lines;

pub use client_config::{
    ClientConfig, REBAR3_REPLACE_RISK, REBAR3_RISK, mix, mix_dependency, mix_mirror,
    mix_organization, rebar3, rebar3_dependency, rebar3_public, rebar3_replace,
};
pub use dependency_lines::DependencyLines;
pub use policy_lines::PolicyLines;
