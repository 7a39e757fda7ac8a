//! `hexreg check`: what it finds in lock files.

mod arguments;
mod company;
mod policies;
mod registries;
mod rules;
mod sarif;
#[cfg(all(feature = "mirror", feature = "serve"))]
mod served;
mod tools;
