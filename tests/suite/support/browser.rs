//! Chromium, driven as a reader would use it: by the `WebDriver` protocol of chromedriver.

use std::io::{Read, Write};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{Server, free_address, read_head};
use super::tools;

/// How long a page may take to become as it should be, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A headless Chromium. It reaches no host but this one, save those that `hosts` leads elsewhere.
pub struct Browser {
    driver: Server,
    session: String,
    _profile: TempDir,
}

/// Keys that are no characters.
pub mod keys {
    pub const ENTER: &str = "\u{e007}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const UP: &str = "\u{e013}";
    pub const DOWN: &str = "\u{e015}";
    pub const TAB: &str = "\u{e004}";
}

impl Browser {
    /// `None` where it is not installed. `hosts` is what Chromium calls rules of its resolver.
    pub fn start(test: &str, hosts: &str) -> Option<Self> {
        let chromium = tools::find("chromium", test)?;
        let chromedriver = tools::find("chromedriver", test)?;
        let (profile, address) = (TempDir::new().unwrap(), free_address());
        let mut command = Command::new(chromedriver);
        command.arg(format!("--port={}", address.port())).arg("--silent");
        // Both write into the home directory otherwise.
        command.env("HOME", profile.path());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let driver = Server::of_group(&mut command, address);
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-features=OptimizationHints,MediaRouter",
            "--disable-sync",
            "--window-size=1280,900",
            &format!("--host-resolver-rules={hosts}"),
            &format!("--user-data-dir={}", profile.path().join("profile").display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "timeouts": {"script": PATIENCE.as_secs() * 1_000},
            "goog:chromeOptions": {"binary": chromium, "args": arguments},
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
        }}});
        let mut this = Self { driver, session: String::new(), _profile: profile };
        let session = this.ask("POST", "/session", &wanted);
        session["sessionId"].as_str().expect("a session").clone_into(&mut this.session);
        Some(this)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.answer(method, path, body);
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// It keeps connections open, so the answer ends with its length.
    fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.driver.address,
            body.len()
        );
        let mut stream = self.driver.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let head = read_head(&mut stream).expect("an answer of chromedriver");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
        });
        let mut body = vec![0; length.expect("a length")];
        stream.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        (status, value["value"].clone())
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Opens a page, and waits until it has loaded.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What an expression is in the page.
    pub fn value(&self, expression: &str) -> Value {
        self.run(&format!("return {expression};"))
    }

    /// What a script returns in the page.
    pub fn run(&self, script: &str) -> Value {
        let (status, value) = self.try_run(script);
        assert_eq!(status, 200, "{script}: {value}");
        value
    }

    /// The same, or an error with another status than 200.
    fn try_run(&self, script: &str) -> (u16, Value) {
        let path = format!("/session/{}/execute/sync", self.session);
        self.answer("POST", &path, &json!({"script": script, "args": []}))
    }

    /// Runs a script that leads to another page. chromedriver runs a script again that is cut off by another page, so
    /// this one begins when the command has ended.
    pub fn leave_by(&self, script: &str) {
        self.run(&format!("setTimeout(() => {{ {script} }});"));
    }

    /// Goes one page back, as the button of the browser does.
    pub fn back(&self) {
        self.post("/back", &json!({}));
    }

    /// What a script gives to the function `done`.
    pub fn run_until_done(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub fn until(&self, expression: &str) {
        self.until_is(expression, &Value::Bool(true));
    }

    /// Waits until an expression has a value in the page. While one page takes the place of another, a script may end in
    /// an error.
    #[track_caller]
    pub fn until_is(&self, expression: &str, expected: &Value) {
        let began = Instant::now();
        loop {
            let (status, value) = self.try_run(&format!("return {expression};"));
            if status == 200 && value == *expected {
                return;
            }
            if began.elapsed() > PATIENCE {
                let (url, requests) = (self.url(), self.requests());
                panic!("{expression} is never {expected} at {url}, but {value}: {requests:?}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until an expression is true of the place of the page, and that page has loaded.
    #[track_caller]
    pub fn until_loaded(&self, expression: &str) {
        self.until(&format!("{expression} && document.readyState === 'complete'"));
    }

    /// The URL of the page.
    pub fn url(&self) -> String {
        let url = self.ask("GET", &format!("/session/{}/url", self.session), &Value::Null);
        url.as_str().unwrap().to_owned()
    }

    /// Presses keys, one after the other.
    pub fn press(&self, keys: &str) {
        let presses = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let presses: Vec<_> = presses.collect();
        self.post(
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keyboard", "actions": presses}]}),
        );
    }

    /// Clicks on the first element that a selector of CSS finds.
    pub fn click(&self, selector: &str) {
        self.post(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// Types a text into the first element that a selector of CSS finds, or chooses the file at this path.
    pub fn enter(&self, selector: &str, text: &str) {
        self.post(&format!("{}/value", self.element(selector)), &json!({"text": text}));
    }

    /// The path of an element in the protocol.
    fn element(&self, selector: &str) -> String {
        let using = json!({"using": "css selector", "value": selector});
        let element = self.post("/element", &using);
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        format!("/element/{id}")
    }

    /// A command of the protocol of Chromium's developer tools.
    fn tell(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// What readers prefer whose screens are dark, or light.
    pub fn set_dark(&self, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// The screen of a phone so wide, or that of a desk.
    pub fn set_width(&self, width: Option<u32>) {
        let Some(width) = width else {
            return self.tell("Emulation.clearDeviceMetricsOverride", &json!({}));
        };
        let screen = json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": true});
        self.tell("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// Whether pages may run scripts.
    pub fn set_scripts(&self, run: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", &json!({"value": !run}));
    }

    /// The URLs of all requests since this was asked last, and those that failed.
    pub fn requests(&self) -> Requests {
        let entries = self.post("/se/log", &json!({"type": "performance"}));
        let mut requests = Requests::default();
        for entry in entries.as_array().unwrap() {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            let message = &message["message"];
            let parameters = &message["params"];
            match message["method"].as_str().unwrap() {
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap();
                    requests.sent.push(url.to_owned());
                }
                "Network.loadingFailed" => requests.failed.push(parameters.to_string()),
                _ => {}
            }
        }
        requests
    }

    /// What the console says went wrong since this was asked last: errors of scripts, and what was not loaded or refused.
    pub fn faults(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().unwrap().iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE");
        let messages = severe.map(|entry| entry["message"].as_str().unwrap().to_owned());
        // No page of ours names an icon, and browsers ask for one.
        messages.filter(|message| !message.contains("/favicon.ico")).collect()
    }

    /// The text of a dialog that is open.
    pub fn dialog(&self) -> Option<String> {
        let path = format!("/session/{}/alert/text", self.session);
        let (status, text) = self.answer("GET", &path, &Value::Null);
        (status == 200).then(|| text.to_string())
    }

    /// The windows that are open.
    pub fn windows(&self) -> usize {
        let path = format!("/session/{}/window/handles", self.session);
        self.ask("GET", &path, &Value::Null).as_array().unwrap().len()
    }
}

/// The requests of pages.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    pub sent: Vec<String>,
    pub failed: Vec<String>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session.
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            if !thread::panicking() {
                self.answer("DELETE", &path, &Value::Null);
            }
        }
    }
}
