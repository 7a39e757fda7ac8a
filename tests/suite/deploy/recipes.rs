//! The recipes for CI publish a package to a bucket: their scripts are run as they stand, in their order,
//! with the environment that they name and no more.
//!
//! What is not hexreg's has a stand-in here: `mix` and `rebar3`, for building a package takes Hex, put a
//! sample where the real ones put what they build; actions and artifacts are what their files come to. AWS
//! gives nothing for a token here, so there is a key that lasts, which hexreg prefers.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{deployed, documents};
use crate::buckets::Writer;
use crate::clients::text;
use crate::support::moto::Moto;
use crate::support::{fixture, read_fixture, tools};

/// What is published. It needs no other package.
const TARBALL: &str = "greeting-1.0.0.tar";

/// The variables that the user of a recipe sets.
const SETTINGS: [&str; 6] = [
    "HEXREG_IMAGE",
    "HEX_REGISTRY",
    "HEX_REGISTRY_URL",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "HEXREG_PRIVATE_KEY",
];

type Environment = BTreeMap<String, String>;

/// A CI: what is set there, and where jobs run.
struct Runner {
    writer: Writer,
    settings: Environment,
}

fn recipe(file: &str, test: &str) -> Option<Value> {
    let [recipe] = documents(file, test)?.try_into().expect("one document");
    Some(recipe)
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}"))
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

impl Runner {
    fn of(moto: &Moto) -> Self {
        let writer = Writer::beside(moto);
        writer.bucket.open_to_all();
        let key = String::from_utf8(read_fixture("golden/keys/acme-2048.pem")).unwrap();
        let (registry, url) = (writer.destination(), writer.bucket.http("hex"));
        let role = "arn:aws:iam::123456789012:role/publisher".to_owned();
        let values = ["hexreg-ci".to_owned(), registry, url, "us-east-1".to_owned(), role, key];
        let settings = SETTINGS.map(str::to_owned).into_iter().zip(values).collect();
        let this = Self { writer, settings };
        this.stand_in("mix", &format!("[ \"$*\" = hex.build ] && cp '{}' .", sample()));
        this.stand_in(
            "rebar3",
            &format!(
                "[ \"$*\" = 'hex build package' ] && mkdir -p _build/default/lib/greeting/hex && \
                 cp '{}' _build/default/lib/greeting/hex/",
                sample()
            ),
        );
        // The bucket is not where AWS has its own.
        let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display();
        let endpoint = this.writer.bucket.endpoint();
        this.stand_in(
            "hexreg",
            &format!(
                "case \"$*\" in *s3://*) set -- \"$@\" --endpoint {endpoint} ;; esac\n\
                 exec '{hexreg}' \"$@\""
            ),
        );
        this
    }

    fn stand_in(&self, program: &str, script: &str) {
        let path = format!("bin/{program}");
        self.writer.repository.write(&path, format!("#!/bin/sh\n{script}\n").as_bytes());
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.writer.repository.path(&path), mode).unwrap();
    }

    /// Where a job runs, empty at first.
    fn workspace(&self, job: &str) -> PathBuf {
        let path = self.writer.repository.path(job);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Runs a script in a job's workspace, as both do where there is a bash.
    fn try_run(&self, job: &str, script: &str, environment: &Environment) -> Output {
        let path = std::env::var("PATH").unwrap();
        let repository = &self.writer.repository;
        Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(repository.path(job))
            .env_clear()
            .env("PATH", format!("{}:{path}", repository.path("bin").display()))
            .env("HOME", repository.root())
            .envs(environment)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn run(&self, job: &str, script: &str, environment: &Environment) {
        let output = self.try_run(job, script, environment);
        assert!(output.status.success(), "{script}\n{}", text(&output));
    }

    /// The credentials of a user who may write to the bucket.
    fn credentials(&self) -> Environment {
        let environment = self.writer.bucket.environment();
        environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// The release stands, and a fetch that does not find it as it was built fails.
    #[track_caller]
    fn has_published(&self, fetch: &str, environment: &Environment) {
        self.writer.stands(vec![TARBALL.to_owned()]);
        self.run("publish", fetch, environment);
        let key = format!("hex/tarballs/{TARBALL}");
        let other = read_fixture("samples/tarballs/greeting-1.1.0.tar");
        assert_eq!(self.writer.bucket.put(&key, &[], &other).status, 200);
        let output = self.try_run("publish", fetch, environment);
        assert!(!output.status.success(), "{}", text(&output));
    }
}

fn sample() -> String {
    fixture(&format!("samples/tarballs/{TARBALL}")).display().to_string()
}

mod github {
    use super::{Environment, Runner, Value, fs, keys, string};

    /// With the value of each `${{ … }}`.
    fn evaluate(text: &str, settings: &Environment) -> String {
        let mut parts = text.split("${{");
        let mut value = parts.next().unwrap().to_owned();
        for part in parts {
            let (expression, rest) = part.split_once("}}").unwrap();
            let (of, name) = expression.trim().split_once('.').unwrap();
            // What is secret is no variable.
            let is_secret = name == "HEXREG_PRIVATE_KEY";
            assert_eq!(of, if is_secret { "secrets" } else { "vars" }, "{expression}");
            value += settings.get(name).unwrap_or_else(|| panic!("{name} is not set"));
            value += rest;
        }
        value
    }

    fn environment(of: &Value, settings: &Environment) -> Environment {
        let pairs = of["env"].as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.clone(), evaluate(string(value), settings))).collect()
    }

    /// Runs a job; gives its last script, with the environment that it had.
    pub fn run(runner: &Runner, recipe: &Value, name: &str) -> (String, Environment) {
        let job = &recipe["jobs"][name];
        let workspace = runner.workspace(name);
        let mut exported = environment(job, &runner.settings);
        let mut last = None;
        for step in job["steps"].as_array().unwrap() {
            let with = |key: &str| evaluate(string(&step["with"][key]), &runner.settings);
            let Some(action) = step["uses"].as_str() else {
                let mut own = exported.clone();
                own.extend(environment(step, &runner.settings));
                let script = string(&step["run"]);
                // A value that is put into a script is run; what comes by the environment is not.
                assert!(!script.contains("${{"), "{script}");
                runner.run(name, script, &own);
                last = Some((script.to_owned(), own));
                continue;
            };
            match action.split('@').next().unwrap() {
                "actions/checkout" | "erlef/setup-beam" => {}
                "actions/upload-artifact" => {
                    runner.workspace("artifact");
                    let copy = format!("cp {} ../artifact/", with("path"));
                    runner.run(name, &copy, &Environment::new());
                }
                "actions/download-artifact" => {
                    let path = workspace.join(with("path"));
                    fs::create_dir_all(&path).unwrap();
                    let copy = format!("cp ../artifact/* {}/", path.display());
                    runner.run(name, &copy, &Environment::new());
                }
                "aws-actions/configure-aws-credentials" => {
                    assert_eq!(job["permissions"]["id-token"], "write");
                    assert_eq!(with("role-to-assume"), runner.settings["AWS_ROLE_ARN"]);
                    exported.extend(runner.credentials());
                    exported.insert("AWS_REGION".to_owned(), with("aws-region"));
                }
                other => panic!("this test does not know what {other} does"),
            }
        }
        last.unwrap()
    }

    /// What both jobs rely on.
    pub fn check(recipe: &Value) {
        assert_eq!(keys(&recipe["jobs"]), ["build", "publish"]);
        assert_eq!(recipe["jobs"]["publish"]["needs"], "build");
        assert_eq!(recipe["jobs"]["publish"]["defaults"]["run"]["shell"], "bash");
        let steps = recipe["jobs"]["build"]["steps"].as_array().unwrap();
        let up = steps.iter().find(|step| step["with"]["if-no-files-found"].is_string()).unwrap();
        let steps = recipe["jobs"]["publish"]["steps"].as_array().unwrap();
        assert_eq!(up["with"]["name"], steps[0]["with"]["name"]);
        assert!(!recipe["jobs"]["build"].to_string().contains("secrets"));
    }
}

#[test]
fn the_recipe_for_github_publishes_to_a_bucket() {
    let test = "the_recipe_for_github_publishes_to_a_bucket";
    if tools::find("curl", test).is_none() {
        return;
    }
    let Some(recipe) = recipe("github-actions.yml", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    github::check(&recipe);
    let runner = Runner::of(&moto);
    github::run(&runner, &recipe, "build");
    // A job that is run again is none the worse for it.
    github::run(&runner, &recipe, "publish");
    let (fetch, environment) = github::run(&runner, &recipe, "publish");
    runner.has_published(&fetch, &environment);
}

mod gitlab {
    use super::{Environment, Runner, Value, string};

    /// Runs a job; gives its last script, with the environment that it had.
    pub fn run(runner: &Runner, recipe: &Value, name: &str) -> (String, Environment) {
        let job = &recipe[name];
        let mut environment = runner.settings.clone();
        let tokens = job["id_tokens"].as_object().into_iter().flatten();
        environment.extend(tokens.map(|(name, _)| (name.clone(), "a token".to_owned())));
        let variables = job["variables"].as_object().into_iter().flatten();
        environment.extend(variables.map(|(name, value)| (name.clone(), string(value).to_owned())));
        if job["id_tokens"].is_object() {
            environment.extend(runner.credentials());
        }
        let workspace = runner.workspace(name);
        for needed in job["needs"].as_array().into_iter().flatten() {
            for path in recipe[string(needed)]["artifacts"]["paths"].as_array().unwrap() {
                let to = workspace.display();
                let copy = format!("cp --parents {} '{to}'", string(path));
                runner.run(string(needed), &copy, &Environment::new());
            }
        }
        // All of them are one script.
        let scripts: Vec<_> = job["script"].as_array().unwrap().iter().map(string).collect();
        runner.run(name, &scripts.join("\n"), &environment);
        ((*scripts.last().unwrap()).to_owned(), environment)
    }
}

#[test]
fn the_recipe_for_gitlab_publishes_to_a_bucket() {
    let test = "the_recipe_for_gitlab_publishes_to_a_bucket";
    if tools::find("curl", test).is_none() {
        return;
    }
    let Some(recipe) = recipe("gitlab-ci.yml", test) else { return };
    let Some(moto) = Moto::start(test) else { return };
    assert_eq!(keys(&recipe), ["build", "publish", "stages"]);
    let runner = Runner::of(&moto);
    gitlab::run(&runner, &recipe, "build");
    gitlab::run(&runner, &recipe, "publish");
    let (fetch, environment) = gitlab::run(&runner, &recipe, "publish");
    runner.has_published(&fetch, &environment);
}

/// What the comment at the top tells to set is all that is set here.
#[test]
fn recipes_say_what_has_to_be_set() {
    for file in ["github-actions.yml", "gitlab-ci.yml"] {
        let recipe = deployed(file);
        let head = recipe.lines().take_while(|line| line.starts_with('#'));
        let words: Vec<_> = head.flat_map(|line| line.split(' ')).collect();
        for name in SETTINGS {
            assert!(words.contains(&name), "{name} in {file}");
        }
    }
}
