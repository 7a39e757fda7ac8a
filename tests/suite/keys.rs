//! The formats of keys, their sources, and the paths of key files.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use hexreg::key::{KeyError, PrivateKey, PublicKey};

use crate::support::hexreg::Ran;
use crate::support::read_fixture;
use crate::support::repository::TestRepository;
use crate::support::tools;

const ACME_2048: &str = "SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU";
const BUILD: [&str; 3] = ["build", "public", "--name=acme"];
const PASSPHRASE: &str = "HEXREG_PRIVATE_KEY_PASSPHRASE";

fn pem(file: &str) -> String {
    String::from_utf8(read_fixture(&format!("golden/keys/{file}"))).unwrap()
}

#[test]
fn every_form_is_the_same_key() {
    for file in ["acme-2048.pem", "acme-2048-pkcs1.pem", "acme-2048-encrypted.pem"] {
        let key = PrivateKey::from_pem(&pem(file), Some("golden")).unwrap();
        assert_eq!(key.public_key().fingerprint(), ACME_2048, "{file}");
        assert_eq!(key.public_key().to_pem().as_bytes(), read_fixture("golden/empty/public_key"));
        let again = PrivateKey::from_pem(&key.to_pem().unwrap(), None).unwrap();
        assert_eq!(again.public_key(), key.public_key());
    }
    let public = PublicKey::from_pem(&pem("hexpm-public.pem")).unwrap();
    assert_eq!(public.fingerprint(), "SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk");
    let large = PrivateKey::from_pem(&pem("acme-4096.pem"), None).unwrap();
    assert_eq!(large.public_key().bits(), 4096);
    assert_eq!(
        large.public_key().fingerprint(),
        "SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs"
    );
}

#[test]
fn windows_line_ends_and_text_around_the_key_do_no_harm() {
    let dos = pem("acme-2048.pem").replace('\n', "\r\n");
    assert!(PrivateKey::from_pem(&dos, None).is_ok());
    let spaced = format!("\n\n{}\n\n", pem("acme-2048.pem"));
    assert!(PrivateKey::from_pem(&spaced, None).is_ok());
    let explained = format!("the key of acme\n{}", pem("acme-2048.pem"));
    assert!(PrivateKey::from_pem(&explained, None).is_ok());
}

#[test]
fn the_mark_of_utf_8_does_no_harm() {
    let marked = format!("\u{FEFF}{}", pem("acme-2048.pem"));
    assert!(PrivateKey::from_pem(&marked, None).is_ok());
    let marked = format!("\u{FEFF}{}", pem("hexpm-public.pem").replace('\n', "\r\n"));
    assert!(PublicKey::from_pem(&marked).is_ok());
}

#[test]
fn two_keys_in_a_file_are_counted() {
    let both = pem("acme-2048.pem") + &pem("acme-4096.pem");
    let error = PrivateKey::from_pem(&both, None).unwrap_err();
    insta::assert_snapshot!(error, @"it holds 2 blocks of PEM: expected one key and no other block");
    let both = pem("hexpm-public.pem") + &pem("acme-4096.pem");
    let error = PublicKey::from_pem(&both).unwrap_err();
    insta::assert_snapshot!(error, @"it holds 2 blocks of PEM: expected one key and no other block");
}

#[test]
fn sizes_from_2048_to_8192_bits_sign() {
    let large = String::from_utf8(read_fixture("keys/rsa-8192.pem")).unwrap();
    let key = PrivateKey::from_pem(&large, None).unwrap();
    assert_eq!(key.public_key().bits(), 8192);
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.hexreg().env("HEXREG_PRIVATE_KEY", &large).run(BUILD).ok();

    let repository = TestRepository::new();
    repository.write_key("small.pem", "keys/rsa-1024.pem");
    let ran = repository.hexreg().run(BUILD.into_iter().chain(["--private-key=small.pem"]));
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: small.pem: it is an RSA key of 1024 bits: expected 2048 to 8192
    ");
}

#[test]
fn other_kinds_of_key_are_named() {
    let error = |pem: &str| PrivateKey::from_pem(pem, None).unwrap_err().to_string();
    let elliptic = String::from_utf8(read_fixture("keys/ec-p256.pem")).unwrap();
    insta::assert_snapshot!(error(&elliptic), @"it is not an RSA key: Hex registries are signed with RSA only");
    insta::assert_snapshot!(error("hello"), @"it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----");
    insta::assert_snapshot!(error(""), @"it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----");
    insta::assert_snapshot!(error(&pem("hexpm-public.pem")), @"it is a public key: expected the private key that belongs to it");
    insta::assert_snapshot!(error(&pem("acme-2048-encrypted.pem")), @"it is encrypted, and no passphrase was given");
    let certificate = pem("hexpm-public.pem").replace("PUBLIC KEY", "CERTIFICATE");
    insta::assert_snapshot!(error(&certificate), @r#"it holds a "CERTIFICATE": expected an RSA key in PKCS#1 or PKCS#8"#);
    let cut = pem("acme-2048.pem").replace("-----END PRIVATE KEY-----\n", "");
    insta::assert_snapshot!(error(&cut), @"it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    insta::assert_snapshot!(error(legacy), @"it is encrypted in OpenSSL's old way: expected encrypted PKCS#8, as `openssl pkcs8 -topk8` writes it");
}

/// The defaults of OpenSSL's `pkcs8 -topk8` over the years, and formats that should not be used.
#[test]
fn encrypted_keys_of_every_age() {
    for file in ["pbes2-aes256-sha256", "pbes2-des3-sha1", "pbes2-aes128-scrypt"] {
        let pem = String::from_utf8(read_fixture(&format!("keys/{file}.pem"))).unwrap();
        let key = PrivateKey::from_pem(&pem, Some("golden")).unwrap();
        assert_eq!(key.public_key().fingerprint(), ACME_2048, "{file}");
        let wrong = PrivateKey::from_pem(&pem, Some("silver"));
        assert!(matches!(wrong, Err(KeyError::WrongPassphrase)), "{file}: {wrong:?}");
    }
    let repository = TestRepository::new();
    repository.write_key("pbes1.pem", "keys/pbes1-des-md5.pem");
    let ran = repository.hexreg().env(PASSPHRASE, "golden").run(["key", "show", "pbes1.pem"]);
    insta::assert_snapshot!(ran.stderr, @r"
    error: pbes1.pem: it is encrypted in a way that is not supported: expected PBES2 with AES or DES-EDE3
    hint: convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in pbes1.pem -out new.pem
    ");
}

#[test]
fn the_hint_says_how_to_convert_an_openssh_key() {
    let repository = TestRepository::new();
    repository.write_key("id_rsa", "keys/openssh.pem");
    insta::assert_snapshot!(repository.hexreg().run(["key", "show", "id_rsa"]).transcript(), @r#"
    exit code: 1
    --- stdout
    --- stderr
    error: id_rsa: it holds a "OPENSSH PRIVATE KEY": expected an RSA key in PKCS#1 or PKCS#8
    hint: convert a copy of it: ssh-keygen -p -m PEM -f COPY
    "#);
}

/// CI systems set a secret that is not given to nothing.
#[test]
fn an_empty_passphrase_counts_as_missing() {
    let pem = pem("acme-2048-encrypted.pem");
    let repository = TestRepository::new();
    let setsid = repository.hexreg().env(PASSPHRASE, "").env("HEXREG_PRIVATE_KEY", &pem);
    let ran = setsid.run(BUILD);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no passphrase was given"), "{}", ran.stderr);
}

/// A key whose numbers were damaged must not sign: a wrong prime gives the key away.
#[test]
fn a_damaged_key_is_refused() {
    use rsa::pkcs1::LineEnding;
    use rsa::pkcs8::SecretDocument;
    let (_, der) = SecretDocument::from_pem(&pem("acme-2048-pkcs1.pem")).unwrap();
    for position in [300, 600, 800, 1000] {
        let mut bytes = der.as_bytes().to_vec();
        bytes[position] ^= 1;
        let document = SecretDocument::try_from(bytes.as_slice()).unwrap();
        let damaged = document.to_pem("RSA PRIVATE KEY", LineEnding::LF).unwrap();
        let result = PrivateKey::from_pem(&damaged, None);
        assert!(matches!(result, Err(KeyError::Damaged)), "byte {position}: {result:?}");
    }
}

#[test]
fn the_key_comes_from_standard_input_or_the_environment() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    fs::remove_file(repository.path("key.pem")).unwrap();
    let pem = pem("acme-2048.pem");
    let ran =
        repository.hexreg().input(pem.as_bytes()).run(BUILD.into_iter().chain(["--private-key=-"]));
    ran.ok();
    let ran = repository.hexreg().env("HEXREG_PRIVATE_KEY", &pem).run(BUILD).ok();
    assert_eq!(ran.stdout, "acme: 1 package, 1 release; nothing has changed\n");
}

#[test]
fn the_passphrase_comes_from_the_environment() {
    let repository = TestRepository::new().key("acme-2048-encrypted.pem").release("foo", "1.0.0");
    let run = |passphrase: &str| -> Ran {
        let build = BUILD.into_iter().chain(["--private-key=key.pem"]);
        repository.hexreg().env(PASSPHRASE, passphrase).run(build)
    };
    run("golden").ok();
    insta::assert_snapshot!(run("silver").transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: key.pem: it cannot be decrypted: the passphrase is wrong
    hint: the passphrase comes from HEXREG_PRIVATE_KEY_PASSPHRASE, else from the terminal
    ");
}

/// Secret stores, `.env` files and CI variables join the lines of a key, quote it or encode it.
#[test]
fn a_key_is_read_whose_lines_were_joined() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    fs::remove_file(repository.path("key.pem")).unwrap();
    let forms: [fn(&str) -> String; 8] = [
        |pem| pem.replace('\n', "\\n"),
        |pem| pem.replace('\n', "\\r\\n"),
        |pem| pem.replace('\n', " "),
        |pem| pem.replace('\n', ""),
        |pem| format!("\"{pem}\""),
        |pem| format!("'{}'\r\n", pem.replace('\n', "\\n")),
        |pem| pem.replace('\n', "\r\n"),
        |pem| data_encoding::BASE64.encode(pem.as_bytes()),
    ];
    let keys = ["acme-2048.pem", "acme-2048-pkcs1.pem", "acme-2048-encrypted.pem"];
    for key in keys {
        for form in forms {
            let text = form(&pem(key));
            let hexreg = || repository.hexreg().env(PASSPHRASE, "golden\n");
            hexreg().env("HEXREG_PRIVATE_KEY", &text).run(BUILD).ok();
            hexreg().input(text.as_bytes()).run(BUILD.into_iter().chain(["--private-key=-"])).ok();
            repository.write("joined.pem", text.as_bytes());
            let ran = hexreg().run(["key", "show", "joined.pem"]).ok();
            assert!(ran.stdout.contains(ACME_2048), "{}", ran.stdout);
        }
    }
    for form in forms {
        repository.write("joined_public.pem", form(&pem("hexpm-public.pem")).as_bytes());
        repository.hexreg().run(["key", "show", "joined_public.pem"]).ok();
        // It is also read as the key to verify with; it is another key.
        let verify = ["verify", "public", "--public-key=joined_public.pem"];
        let ran = repository.hexreg().run(verify);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
    }
    // What is served is for clients, who would not read it.
    let served = String::from_utf8(repository.read("public/public_key")).unwrap();
    repository.write("public/public_key", served.replace('\n', " ").as_bytes());
    let ran = repository.hexreg().run(["verify", "public"]);
    assert!(ran.stdout.contains("public_key"), "{}", ran.transcript());
    assert_eq!(ran.code, 1, "{}", ran.transcript());
}

#[test]
fn what_a_variable_holds_instead_of_a_key_is_named() {
    let repository = TestRepository::new();
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\\nProc-Type: 4,ENCRYPTED\\nDEK-Info: \
                  AES-256-CBC,00\\n\\nAAAA\\n-----END RSA PRIVATE KEY-----\\n";
    let path = repository.path("key.pem").display().to_string();
    let said = [path.as_str(), legacy, "secret\n", " \n"].map(|text| {
        let ran = repository.hexreg().env("HEXREG_PRIVATE_KEY", text).run(BUILD);
        format!("{}: {}", ran.code, ran.stderr)
    });
    insta::assert_snapshot!(said.concat(), @r"
    2: error: HEXREG_PRIVATE_KEY holds a path, and not a key
    hint: give --private-key=PATH, or put the key itself into the variable
    1: error: HEXREG_PRIVATE_KEY: it is encrypted in OpenSSL's old way: expected encrypted PKCS#8, as `openssl pkcs8 -topk8` writes it
    hint: convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out new.pem
    1: error: HEXREG_PRIVATE_KEY: it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----
    2: error: there is no private key to sign with
    hint: give --private-key=PATH, --private-key=- for standard input, or the key itself in HEXREG_PRIVATE_KEY; `hexreg key new PATH` makes one
    ");
    let mut build = repository.hexreg().command();
    build.args(BUILD).env("HEXREG_PRIVATE_KEY", OsStr::from_bytes(b"\xff"));
    let output = build.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(said, @"error: HEXREG_PRIVATE_KEY is not UTF-8");
}

/// After a crash the key that signed what is published is there, and so is its name.
#[test]
fn a_new_key_survives_a_power_failure() {
    let test = "a_new_key_survives_a_power_failure";
    let Some(strace) = tools::find("strace", test) else { return };
    let repository = TestRepository::new();
    fs::create_dir(repository.path("keys")).unwrap();
    let log = repository.path("strace.log");
    let status = Command::new(strace)
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&log)
        .arg(assert_cmd::cargo::cargo_bin!("hexreg"))
        .args(["key", "new", "keys/new.pem"])
        .current_dir(repository.root())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let log = fs::read_to_string(log).unwrap();
    let flushed: Vec<&str> = log.lines().filter(|line| line.contains("sync(")).collect();
    let ends = |line: &str, path: &str| line.contains(&format!("{path}>)"));
    assert!(ends(flushed[0], "/keys/new.pem") && ends(flushed[1], "/keys"), "{log}");
}

/// `script` gives hexreg a terminal and types the passphrase on it.
#[test]
fn the_passphrase_is_asked_for_on_a_terminal() {
    let test = "the_passphrase_is_asked_for_on_a_terminal";
    let Some(script) = tools::find("script", test) else { return };
    let repository = TestRepository::new().key("acme-2048-encrypted.pem");
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display();
    let mut child = Command::new(script)
        .args(["-qec", &format!("'{hexreg}' key show key.pem"), "/dev/null"])
        .current_dir(repository.root())
        .env_remove(PASSPHRASE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"golden\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("Passphrase of key.pem: "), "{shown}");
    assert!(shown.contains(ACME_2048), "{shown}");
}

#[test]
fn without_a_terminal_a_missing_passphrase_is_an_error() {
    let test = "without_a_terminal_a_missing_passphrase_is_an_error";
    let Some(setsid) = tools::find("setsid", test) else { return };
    let repository = TestRepository::new().key("acme-2048-encrypted.pem");
    let output = Command::new(setsid)
        .arg("--wait")
        .arg(assert_cmd::cargo::cargo_bin!("hexreg"))
        .args(["key", "show", "key.pem"])
        .current_dir(repository.root())
        .env_remove(PASSPHRASE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: key.pem: it is encrypted, and no passphrase was given
    hint: there is no terminal to ask on: set HEXREG_PRIVATE_KEY_PASSPHRASE
    ");
}

#[test]
fn without_a_key_nothing_is_signed() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    insta::assert_snapshot!(repository.hexreg().run(BUILD).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: there is no private key to sign with
    hint: give --private-key=PATH, --private-key=- for standard input, or the key itself in HEXREG_PRIVATE_KEY; `hexreg key new PATH` makes one
    ");
    let ran = repository.hexreg().run(BUILD.into_iter().chain(["--private-key=nowhere.pem"]));
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: could not read nowhere.pem: No such file or directory (os error 2)
    ");
}

#[test]
fn a_key_that_others_may_read_gets_a_warning() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.chmod("key.pem", 0o640);
    let ran = repository.build(&[]).ok();
    insta::assert_snapshot!(ran.stderr, @"warning: key.pem can be read or changed by others (mode 640): chmod 600 it");
    assert_eq!(repository.build(&["--quiet"]).ok().stderr, "");
}

#[test]
fn a_key_inside_the_served_directory_is_refused() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write_key("public/deep/key.pem", "golden/keys/acme-2048.pem");
    std::os::unix::fs::symlink("public/deep/key.pem", repository.path("link.pem")).unwrap();
    std::os::unix::fs::symlink("../key.pem", repository.path("public/out.pem")).unwrap();
    // Names and links that the key is given by from elsewhere.
    for key in ["twin.pem", "deep.pem", "folder/key.pem"] {
        repository.write_key(key, "golden/keys/acme-2048.pem");
    }
    std::fs::hard_link(repository.path("twin.pem"), repository.path("public/deep/x")).unwrap();
    std::os::unix::fs::symlink("../../deep.pem", repository.path("public/deep/y")).unwrap();
    std::os::unix::fs::symlink("../../folder", repository.path("public/deep/z")).unwrap();
    for path in [
        "public/deep/key.pem",
        "link.pem",
        "public/out.pem",
        "public/../public/deep/key.pem",
        "twin.pem",
        "deep.pem",
        "folder/key.pem",
    ] {
        let key = format!("--private-key={path}");
        let ran = repository.hexreg().run(BUILD.into_iter().chain([key.as_str()]));
        assert_eq!(ran.code, 2);
        let expected = format!(
            "error: {path} lies inside public: a private key there would be published\n\
             hint: move it out, and if the directory was ever served, make a new key\n"
        );
        assert_eq!(ran.stderr, expected);
        assert!(!repository.path("public/names").exists());
    }
}

#[test]
fn another_key_stops_the_build_unless_it_is_to_be_rotated() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let before = repository.served();
    repository.write_key("key.pem", "golden/keys/acme-4096.pem");
    insta::assert_snapshot!(repository.build(&[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: public/public_key is the key SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU, and this build would sign with SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs: every client would have to be told
    hint: nothing was written; sign with the former key, or give --rotate-key and hand the new public_key to every client
    ");
    assert_eq!(repository.served(), before);
    let ran = repository.build(&["--rotate-key"]).ok();
    insta::assert_snapshot!(ran.stdout, @r"
    * updating public/packages/foo
    * updating public/versions
    * updating public/names
    * updating public/public_key
    acme: 1 package, 1 release; 0 created, 4 updated, 0 removed
    ");
}

#[test]
fn an_invalid_public_key_stops_the_build_too() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.write("public/public_key", b"hello\n");
    insta::assert_snapshot!(repository.build(&[]).transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to build `acme`: public/public_key is not a public key: it is not a key in PEM: expected a line -----BEGIN … KEY-----, base64 and a line -----END … KEY-----
    hint: nothing was written; put back the file that clients know, or give --rotate-key to replace it
    ");
    repository.build(&["--rotate-key"]).ok();
}

/// The same key in another form is no other key; it is put into Hex's form.
#[test]
fn the_same_public_key_in_spki_form_is_rewritten() {
    use rsa::pkcs1::DecodeRsaPublicKey;
    use rsa::pkcs8::EncodePublicKey;
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    let before = repository.served();
    let pem = String::from_utf8(before["public_key"].clone()).unwrap();
    let spki = rsa::RsaPublicKey::from_pkcs1_pem(pem.trim()).unwrap();
    let spki = spki.to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    repository.write("public/public_key", spki.as_bytes());
    let ran = repository.build(&[]).ok();
    assert!(ran.stdout.starts_with("* updating public/public_key\n"), "{}", ran.stdout);
    assert_eq!(repository.served(), before);
}

#[test]
fn a_new_key_is_private_and_never_overwrites() {
    use std::os::unix::fs::PermissionsExt;
    let repository = TestRepository::new();
    let ran = repository.hexreg().run(["key", "new", "new.pem"]).ok();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[..2], ["* creating new.pem", "size:        RSA, 2048 bits"]);
    assert!(lines[2].starts_with("fingerprint: SHA256:"));
    let mode = fs::metadata(repository.path("new.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = repository.read("new.pem");
    assert!(PrivateKey::from_pem(std::str::from_utf8(&before).unwrap(), None).is_ok());

    insta::assert_snapshot!(repository.hexreg().run(["key", "new", "new.pem"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: new.pem exists already, and keys are never overwritten
    hint: give another path; `hexreg key show` prints the fingerprint of this key
    ");
    assert_eq!(repository.read("new.pem"), before);
}

#[test]
fn new_keys_come_in_three_sizes() {
    let repository = TestRepository::new();
    for bits in ["3072", "4096"] {
        let size = format!("--bits={bits}");
        let ran = repository.hexreg().run(["key", "new", bits, &size]).ok();
        assert!(ran.stdout.contains(&format!("RSA, {bits} bits")), "{}", ran.stdout);
    }
    assert_eq!(repository.hexreg().run(["key", "new", "x", "--bits=1024"]).code, 2);
}

#[test]
fn a_key_is_shown() {
    let repository = TestRepository::new();
    repository.write("spki.pem", &read_fixture("golden/keys/hexpm-public.pem"));
    insta::assert_snapshot!(repository.hexreg().run(["key", "show", "key.pem"]).ok().stdout, @r"
    size:        RSA, 2048 bits
    fingerprint: SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU
    ");
    insta::assert_snapshot!(repository.hexreg().run(["key", "show", "spki.pem"]).ok().stdout, @r"
    size:        RSA, 2048 bits
    fingerprint: SHA256:O1LOYhHFW4kcrblKAxROaDEzLD8bn1seWbe5tq8TRsk
    ");
    let public = repository.hexreg().run(["key", "show", "key.pem", "--public"]).ok().stdout;
    assert_eq!(public.as_bytes(), read_fixture("golden/empty/public_key"));
}
