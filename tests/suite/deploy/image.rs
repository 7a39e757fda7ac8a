//! The container image: the last stage of `deploy/Dockerfile`, assembled by `scripts/image` with the binary under test,
//! and started as user, arguments and variables of the image say. There is no root file system but that of the image.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use super::company::{add_token, give};
use crate::clients::text;
use crate::serving;
use crate::support::server::{Server, free_address};
use crate::support::tools;

/// An image in a storage of its own.
pub struct Image {
    buildah: PathBuf,
    storage: TempDir,
    /// What the image says of its containers.
    pub config: Value,
}

/// A place in a container, and what is there.
pub struct Mount {
    pub from: PathBuf,
    pub to: String,
    pub is_read_only: bool,
}

impl Image {
    /// `None` where buildah is missing.
    pub fn assemble(test: &str) -> Option<Self> {
        let buildah = tools::find("buildah", test)?;
        let storage = TempDir::new().unwrap();
        let [root, run] = ["root", "run"].map(|name| storage.path().join(name));
        let lines = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            root.display(),
            run.display()
        );
        std::fs::write(storage.path().join("storage.conf"), lines).unwrap();
        let mut this = Self { buildah, storage, config: Value::Null };
        let mut script = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/image"));
        script.arg("hexreg").arg(assert_cmd::cargo::cargo_bin!("hexreg"));
        this.output(&mut script);
        let printed = this.buildah(&["inspect", "--type=image", "hexreg"]).stdout;
        let inspected: Value = serde_json::from_slice(&printed).unwrap();
        this.config = inspected["OCIv1"]["config"].clone();
        Some(this)
    }

    fn output(&self, command: &mut Command) -> Output {
        self.set(command);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", text(&output));
        output
    }

    fn set(&self, command: &mut Command) {
        command.env("CONTAINERS_STORAGE_CONF", self.storage.path().join("storage.conf"));
    }

    fn buildah(&self, arguments: &[&str]) -> Output {
        self.output(Command::new(&self.buildah).args(arguments))
    }

    /// A new container, with a root file system of its own.
    pub fn container(&self) -> String {
        let output = self.buildah(&["from", "hexreg"]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The files of a container.
    fn root(&self, container: &str) -> PathBuf {
        let output = self.buildah(&["mount", container]);
        String::from_utf8(output.stdout).unwrap().trim().into()
    }

    /// A list of the image's configuration.
    pub fn list(&self, key: &str) -> Vec<String> {
        serde_json::from_value(self.config[key].clone()).unwrap()
    }

    /// The command of a container: the image's entry point, and these arguments or the image's.
    pub fn command(
        &self,
        variables: &[(String, String)],
        mounts: &[Mount],
        arguments: Option<&[String]>,
    ) -> Command {
        let mut command = Command::new(&self.buildah);
        self.set(&mut command);
        command.args(["run", "--isolation=chroot"]);
        for (name, value) in variables {
            command.arg(format!("--env={name}={value}"));
        }
        for Mount { from, to, is_read_only } in mounts {
            let mut mount = OsString::from("--volume=");
            mount.push(from);
            mount.push(format!(":{to}{}", if *is_read_only { ":ro" } else { "" }));
            command.arg(mount);
        }
        command.arg(self.container()).arg("--").args(self.list("Entrypoint"));
        command.args(arguments.map_or_else(|| self.list("Cmd"), <[String]>::to_vec));
        command
    }

    /// A container that serves. Every container has the network of the machine, so the port of `HEXREG_LISTEN` is one
    /// that is free, and so is that of the metrics.
    pub fn serve(
        &self,
        variables: &[(String, String)],
        mounts: &[Mount],
        arguments: Option<&[String]>,
    ) -> Server {
        let address = free_address();
        let mut variables = variables.to_vec();
        variables.push(("HEXREG_LISTEN".to_owned(), format!("0.0.0.0:{}", address.port())));
        variables.push(("HEXREG_METRICS_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
        let mut command = self.command(&variables, mounts, arguments);
        Server::of_group(command.stdout(Stdio::null()).stderr(Stdio::null()), address)
    }
}

/// A path of the machine at a path of the container.
pub fn mount(from: PathBuf, to: &str, is_read_only: bool) -> Mount {
    Mount { from, to: to.to_owned(), is_read_only }
}

/// Every file of the image but libraries, which a static binary does not have.
fn files(root: &Path) -> Vec<String> {
    let files = WalkDir::new(root).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| !entry.file_type().is_dir());
    let mut paths: Vec<_> = files
        .map(|entry| entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned())
        .filter(|path| !path.starts_with("lib"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn it_has_hexreg_and_nothing_else() {
    let Some(image) = Image::assemble("it_has_hexreg_and_nothing_else") else { return };
    let root = image.root(&image.container());
    assert_eq!(files(&root), ["etc/ssl/certs/ca-certificates.crt", "hexreg"]);
    for (path, mode) in [("hexreg", 0o755), ("tmp", 0o1777), ("var/cache/hexreg", 0o1777)] {
        let found = std::fs::metadata(root.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o7777, mode, "{path}");
    }
    assert_eq!(image.config["User"], "65532:65532");
    let variables = image.list("Env");
    let listen = variables.iter().find_map(|line| line.strip_prefix("HEXREG_LISTEN="));
    let (_, port) = listen.unwrap().rsplit_once(':').unwrap();
    assert!(image.config["ExposedPorts"].get(format!("{port}/tcp")).is_some(), "{}", image.config);
}

/// What it does without arguments, with a registry in a directory.
#[test]
fn it_serves_by_its_configuration() {
    let Some(image) = Image::assemble("it_serves_by_its_configuration") else { return };
    let repository = serving::repository();
    let configuration = "auth-file = \"/etc/hexreg/readers\"\n\
                         [[repository]]\nroot = true\nat = \"/srv/hex/public\"\n";
    repository.write("etc/hexreg.toml", configuration.as_bytes());
    let token = add_token(&repository, "ci");
    give(&repository, "etc");
    let mounts = [
        mount(repository.path("etc"), "/etc/hexreg", true),
        mount(repository.path("public"), "/srv/hex/public", true),
    ];
    let server = image.serve(&[], &mounts, None);
    assert_eq!(server.get("/names", &[]).status, 401);
    let credentials = format!("Authorization: {token}");
    let answer = server.get("/tarballs/welcome-0.1.0.tar", &[&credentials]);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, repository.read("public/tarballs/welcome-0.1.0.tar"));
}
