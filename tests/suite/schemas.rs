//! `src/registry/proto/` holds what prost-build generates from the schemas in `proto/`.
//!
//! The generated code is a part of the sources, so neither prost-build nor a protobuf compiler is needed to
//! build hexreg. After a change of a schema, `HEXREG_UPDATE_SCHEMAS=1 cargo test schemas` writes it again.
//!
//! Three schemas define a message `Package` and none declares a protobuf package: compiled together they would
//! collide, so each is compiled by itself into a module of its own.
//!
//! prost drops fields that a schema does not name. `registry/kept.rs` keeps them: a message inside another
//! message is generated as `Kept<Message>`, and `KnownFields` is implemented for each message.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use prost_build::{Config, Module};

fn check(schema: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("src/registry/proto/{schema}.rs"));
    let generated = generate(root, schema);
    if env::var_os("HEXREG_UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let present = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        present == generated,
        "{} is not what proto/{schema}.proto compiles to: run \
         `HEXREG_UPDATE_SCHEMAS=1 cargo test schemas` and read the diff",
        path.display()
    );
}

#[test]
fn names_are_as_generated() {
    check("names");
}

#[test]
fn packages_are_as_generated() {
    check("package");
}

#[test]
fn policies_are_as_generated() {
    check("policy");
}

#[test]
fn signed_messages_are_as_generated() {
    check("signed");
}

#[test]
fn versions_are_as_generated() {
    check("versions");
}

/// The Rust code of a schema.
fn generate(root: &Path, name: &str) -> String {
    // protox is a compiler in Rust: no `protoc` has to be installed.
    let mut descriptors = protox::compile([format!("{name}.proto")], [root.join("proto")]).unwrap();
    let [schema] = descriptors.file.as_mut_slice() else {
        panic!("proto/{name}.proto imports another schema")
    };
    let mut config = Config::new();
    // A payload is shared, not copied, on its way into a signed message.
    config.bytes([".Signed"]);

    // prost-build maps the name of a message to a type, or generates the message. So fields refer to each
    // message by a second name, which is mapped to `Kept`, and the first name is generated.
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

    let requests = [schema.clone(), kept].map(|file| {
        let module = Module::from_protobuf_package_name(file.package());
        (module, file)
    });
    let generated = config.generate(requests.into()).unwrap();
    let mut code = generated[&Module::from_protobuf_package_name("")].clone();
    for message in &schema.message_type {
        let numbers = message.field.iter().map(|field| field.number().to_string());
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        write!(
            code,
            "impl crate::registry::kept::KnownFields for {} {{\n    \
                 fn is_known(number: u32) -> bool {{\n        \
                     [{numbers}].contains(&number)\n    \
                 }}\n\
             }}\n",
            message.name()
        )
        .unwrap();
    }
    code
}
