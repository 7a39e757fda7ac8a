//! The messages of `proto/`, as prost-build generates them: `tests/suite/schemas.rs` writes them and compares them. No
//! other room uses them.

/// Three of the schemas define `Package`, so each schema has a module. rustfmt does not format an included file, so it
/// stays as it was generated.
macro_rules! schema {
    ($(#[$expectation:meta])? $name:ident) => {
        $(#[$expectation])?
        pub(crate) mod $name {
            include!(concat!("proto/", stringify!($name), ".rs"));
        }
    };
}

schema!(names);
schema!(
    #[expect(clippy::enum_variant_names, clippy::pedantic, reason = "generated")]
    package
);
schema!(
    #[expect(clippy::enum_variant_names, clippy::pedantic, reason = "generated")]
    policy
);
schema!(signed);
schema!(versions);
