//! Compiles each schema in `proto/` into a module of its own.
//!
//! Three of them define a message `Package` and none declares a protobuf package, so compiling them
//! together would collide. protox is a compiler in Rust: no `protoc` has to be installed.
//!
//! prost drops fields that a schema does not name. `registry/kept.rs` keeps them, so every message that
//! lies in another one is generated as `Kept<Message>`, and `KnownFields` is implemented for each message.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost_build::Module;

const SCHEMAS: [&str; 5] = ["names", "package", "policy", "signed", "versions"];

fn main() -> Result<(), Box<dyn Error>> {
    let directory: PathBuf = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?.into();
    for schema in SCHEMAS {
        let path = format!("proto/{schema}.proto");
        println!("cargo::rerun-if-changed={path}");
        fs::write(directory.join(format!("{schema}.rs")), generate(&path)?)?;
    }
    Ok(())
}

/// The Rust code of a schema.
fn generate(path: &str) -> Result<String, Box<dyn Error>> {
    let mut descriptors = protox::compile([path], ["proto"])?;
    let [schema] = descriptors.file.as_mut_slice() else {
        return Err(format!("{path}: a schema stands alone").into());
    };
    let mut config = prost_build::Config::new();
    // A payload is shared, not copied, on its way into a signed message.
    config.bytes([".Signed"]);

    // prost-build maps the name of a message to a type, or generates it: so fields refer to each message
    // by a second name, and that one is mapped.
    let mut kept = schema.clone();
    kept.package = Some("kept".to_owned());
    kept.enum_type.clear();
    let mut second_names = HashMap::new();
    for message in &schema.message_type {
        let (name, second) = (message.name(), format!(".kept.{}", message.name()));
        config.extern_path(&second, format!("crate::registry::kept::Kept<{name}>"));
        second_names.insert(format!(".{name}"), second);
    }
    for field in schema.message_type.iter_mut().flat_map(|message| &mut message.field) {
        if let Some(second) = second_names.get(field.type_name()) {
            field.type_name = Some(second.clone());
        }
    }
    let known_fields = schema.message_type.iter().map(|message| {
        let numbers = message.field.iter().map(|field| field.number().to_string());
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        format!(
            "impl crate::registry::kept::KnownFields for {} {{
                fn is_known(number: u32) -> bool {{ [{numbers}].contains(&number) }}
            }}\n",
            message.name()
        )
    });
    let known_fields: String = known_fields.collect();

    let requests = [schema.clone(), kept].map(|file| {
        let module = Module::from_protobuf_package_name(file.package());
        (module, file)
    });
    let generated = config.generate(requests.into())?;
    let code = generated.get(&Module::from_protobuf_package_name(""));
    Ok(code.ok_or("a schema declares no package")?.clone() + &known_fields)
}
