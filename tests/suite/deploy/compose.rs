//! `deploy/compose.yaml`: it has the form that compose reads, its storage is started by the command that it names, and
//! its server in the image, with the variables and mounts that it names.

use std::process::Command;

use serde_json::Value;

use super::company::{Company, Keys, add_token, give};
use super::image::{Image, mount};
use super::{deployed, documents, strings};
use crate::clients::text;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::tools;

const KEYS: Keys<'_> = Keys { id: "company", secret: "secret-of-the-storage" };

#[test]
fn it_and_the_recipes_have_the_form_that_is_read() {
    let test = "it_and_the_recipes_have_the_form_that_is_read";
    let Some(check) = tools::find_installed("schemas/bin/check-jsonschema", test) else { return };
    let files = [
        ("compose.yaml", "vendor.compose-spec"),
        ("github-actions.yml", "vendor.github-workflows"),
        ("gitlab-ci.yml", "vendor.gitlab-ci"),
    ];
    for (file, schema) in files {
        let file = format!("{}/deploy/{file}", env!("CARGO_MANIFEST_DIR"));
        let output =
            Command::new(&check).args(["--builtin-schema", schema, &file]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// The variables of a service.
fn variables(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().unwrap().iter();
    variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn its_server_publishes_to_its_storage() {
    let test = "its_server_publishes_to_its_storage";
    let Some(documents) = documents("compose.yaml", test) else { return };
    let Some(image) = Image::assemble(test) else { return };
    let services = &documents[0]["services"];

    // The image's entry point gives it more: where its files are, and how large its volumes may be.
    let storage = &services["storage"];
    let mut command = strings(&storage["command"]);
    assert_eq!(command.remove(0), "server");
    for argument in &mut command {
        *argument = match argument.as_str() {
            "-ip=storage" => "-ip=127.0.0.1".to_owned(),
            "-ip.bind=0.0.0.0" => "-ip.bind=127.0.0.1".to_owned(),
            other => other.to_owned(),
        };
    }
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    assert_eq!(storage["env_file"], "/etc/hexreg/storage.env");
    let keys = [("AWS_ACCESS_KEY_ID", KEYS.id), ("AWS_SECRET_ACCESS_KEY", KEYS.secret)];
    let Some(storage) = SeaweedFs::run(test, &command, None, &keys) else { return };

    let company = Company::of(storage.address(), &KEYS);
    // The command that the file names.
    let commands = deployed("compose.yaml");
    let line = commands.split("echo '").nth(1).and_then(|rest| rest.split('\'').next());
    storage.shell(line.expect("the bucket is made"));
    company.first_push().ok();
    for folder in ["etc", "cache", "tmp"] {
        give(&company.repository, folder);
    }
    let service = &services["hexreg"];
    let mut variables = variables(service);
    for (name, value) in &mut variables {
        if value == "http://storage:8333" {
            company.endpoint().clone_into(value);
        }
        assert!(name != "HEXREG_LISTEN", "the image listens where `ports` leads");
    }
    assert_eq!(
        strings(&service["volumes"]),
        ["/etc/hexreg:/etc/hexreg:ro", "cache:/var/cache/hexreg"]
    );
    assert_eq!(strings(&service["tmpfs"]), ["/tmp"]);
    let mounts = [
        mount(company.path("etc"), "/etc/hexreg", true),
        mount(company.path("cache"), "/var/cache/hexreg", false),
        mount(company.path("tmp"), "/tmp", false),
    ];
    let server = image.serve(&variables, &mounts, None);
    assert_eq!(server.get("/healthz", &[]).status, 200);
    company.publishes(&server, "acme_tool", &server);
    company.learns_tokens(&server, |company| {
        let token = add_token(&company.repository, "new");
        give(&company.repository, "etc");
        token
    });

    // Without the right keys the storage gives nothing away.
    let other = Company::of(storage.address(), &Keys { secret: "wrong", ..KEYS });
    assert_ne!(other.first_push().code, 0);
}
