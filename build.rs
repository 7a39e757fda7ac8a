//! Compiles each schema in `proto/` into a module of its own.
//!
//! Three of them define a message `Package` and none declares a protobuf package, so compiling them
//! together would collide. protox is a compiler in Rust: no `protoc` has to be installed.

use std::error::Error;

const SCHEMAS: [&str; 4] = ["names", "package", "signed", "versions"];

fn main() -> Result<(), Box<dyn Error>> {
    for schema in SCHEMAS {
        let path = format!("proto/{schema}.proto");
        println!("cargo::rerun-if-changed={path}");
        let descriptors = protox::compile([path], ["proto"])?;
        let mut config = prost_build::Config::new();
        // A payload is shared, not copied, on its way into a signed message.
        config.bytes([".Signed"]).default_package_filename(schema).compile_fds(descriptors)?;
    }
    Ok(())
}
