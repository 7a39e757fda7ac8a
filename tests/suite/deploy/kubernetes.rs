//! `deploy/kubernetes.yaml`: Kubernetes takes it, and its containers serve with the variables, arguments and files that
//! it names, which are laid out as Kubernetes lays them out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::company::{Company, Keys, add_token, give};
use super::image::{Image, mount};
use super::{deployed, documents, strings};
use crate::clients::text;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::tools;

#[test]
fn kubernetes_takes_it() {
    let test = "kubernetes_takes_it";
    let validate = tools::find_installed("kubernetes/bin/kubernetes-validate", test);
    let Some(validate) = validate else { return };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kubernetes.yaml");
    // 1.30 is the first whose `sleep` needs no switch.
    for version in ["1.30", "1.37"] {
        let arguments = ["--strict", "--kubernetes-version", version, file];
        let output = Command::new(&validate).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(text(&output).matches(" passed for resource ").count(), 5, "{}", text(&output));
    }
}

/// The one document of this kind.
fn of_kind<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let mut found = documents.iter().filter(|document| document["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "two of {kind}");
    first
}

#[test]
fn its_configuration_is_the_example_and_its_parts_fit() {
    let test = "its_configuration_is_the_example_and_its_parts_fit";
    let Some(documents) = documents("kubernetes.yaml", test) else { return };
    let configuration = &of_kind(&documents, "ConfigMap")["data"]["hexreg.toml"];
    assert_eq!(configuration.as_str().unwrap(), deployed("hexreg.toml"));

    let deployment = of_kind(&documents, "Deployment");
    let pod = &deployment["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    let budget = of_kind(&documents, "PodDisruptionBudget");
    assert_eq!(&budget["spec"]["selector"]["matchLabels"], labels);
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap();
    assert!(budget["spec"]["minAvailable"].as_u64().unwrap() < replicas);
    let service = of_kind(&documents, "Service");
    assert_eq!(&service["spec"]["selector"], labels);
    let container = &pod["spec"]["containers"][0];
    let (port, metrics) = (&container["ports"][0], &container["ports"][1]);
    let of_service = service["spec"]["ports"].as_array().unwrap();
    assert_eq!((of_service.len(), &of_service[0]["targetPort"]), (1, &port["name"]));
    for (name, port) in [("HEXREG_LISTEN", port), ("HEXREG_METRICS_LISTEN", metrics)] {
        let mut variables = container["env"].as_array().unwrap().iter();
        let listen = variables.find(|variable| variable["name"] == name).unwrap();
        assert_eq!(listen["value"], format!("0.0.0.0:{}", port["containerPort"]));
    }
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], metrics["containerPort"].to_string());
    let ingress = of_kind(&documents, "Ingress");
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);

    // Every volume is mounted, and the configuration names no other folder.
    let names = |list: &Value| -> BTreeSet<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&pod["spec"]["volumes"]), names(&container["volumeMounts"]));
    // The command that makes the secret, as the file says it.
    let manifest = deployed("kubernetes.yaml");
    let files: BTreeSet<_> = manifest.split("--from-file=").skip(1).map(first_word).collect();
    assert_eq!(files, BTreeSet::from(["acme.pem", "bucket", "readers"]));
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace()).next().unwrap()
}

/// Lays out a volume as Kubernetes does: files are links by way of `..data`, which is pointed to a new folder after a
/// change.
fn lay_out(company: &Company, folder: &str) {
    let from = company.path("etc");
    fs::create_dir_all(company.path(&format!("volume/{folder}"))).unwrap();
    for name in ["hexreg.toml", "readers", "acme.pem", "bucket"] {
        fs::copy(from.join(name), company.path(&format!("volume/{folder}/{name}"))).unwrap();
        let link = company.path(&format!("volume/{name}"));
        if !fs::exists(&link).unwrap() {
            symlink(format!("..data/{name}"), link).unwrap();
        }
    }
    give(&company.repository, &format!("volume/{folder}"));
    give(&company.repository, "volume");
    symlink(folder, company.path("volume/..data_tmp")).unwrap();
    fs::rename(company.path("volume/..data_tmp"), company.path("volume/..data")).unwrap();
}

/// Two servers, as many as `replicas`.
#[test]
fn its_servers_publish_to_one_bucket() {
    let test = "its_servers_publish_to_one_bucket";
    let Some(documents) = documents("kubernetes.yaml", test) else { return };
    let Some(image) = Image::assemble(test) else { return };
    let Some(storage) = SeaweedFs::start(test) else { return };
    let bucket = storage.bucket("acme-hex");
    let [(_, id), (_, secret), _] = bucket.environment();
    let company = Company::of(bucket.address(), &Keys { id, secret });
    company.first_push().ok();
    lay_out(&company, "..2026_1");

    let deployment = of_kind(&documents, "Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    // Beside the manifest, a storage that is not Amazon's.
    let mut variables = vec![("AWS_ENDPOINT_URL_S3".to_owned(), company.endpoint().to_owned())];
    for variable in container["env"].as_array().unwrap() {
        let [name, value] = ["name", "value"].map(|key| variable[key].as_str().unwrap().to_owned());
        variables.push((name, value));
    }
    let arguments = strings(&container["args"]);
    let replicas = 0..deployment["spec"]["replicas"].as_u64().unwrap();
    let servers: Vec<_> = replicas
        .map(|number| {
            // Each has a cache and uploads of its own, and the same configuration.
            let mounts = container["volumeMounts"].as_array().unwrap().iter().map(|volume| {
                let name = volume["name"].as_str().unwrap();
                let folder = match name {
                    "etc" => "volume".to_owned(),
                    other => format!("{other}-{number}"),
                };
                fs::create_dir_all(company.path(&folder)).unwrap();
                give(&company.repository, &folder);
                let to = volume["mountPath"].as_str().unwrap();
                mount(company.path(&folder), to, volume["readOnly"] == true)
            });
            image.serve(&variables, &mounts.collect::<Vec<_>>(), Some(&arguments))
        })
        .collect();
    let [first, second] = &servers[..] else { panic!("{} servers", servers.len()) };
    let path = container["readinessProbe"]["httpGet"]["path"].as_str().unwrap();
    assert_eq!(first.get_from("10.0.0.7", path, &[]).status, 200);
    // What restarts a server does not ask storage.
    for probe in ["startupProbe", "livenessProbe"] {
        assert_eq!(container[probe]["tcpSocket"]["port"], "http", "{probe}");
    }
    company.publishes(first, "acme_tool", second);
    company.publishes(second, "acme_lib", first);

    // A secret that is changed reaches the servers as they run.
    for server in [first, second] {
        company.learns_tokens(server, |company| {
            let token = add_token(&company.repository, "new");
            lay_out(company, &format!("..{}", server.address.port()));
            token
        });
    }
}
