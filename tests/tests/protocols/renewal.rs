//! Certificates that change while the gateway runs, and what `gateway check` says of bad ones.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustls::version::{TLS12, TLS13};
use tests::folder::Folder;
use tests::gateway::Gateway;
use tests::process::binary;
use tests::upstream::Upstream;
use tests::{http, until};

use crate::authority::{Authority, ask, open, resumed, shown};
use crate::tls::secured;

/// How often a pair was applied and rejected, and whether files and certificates agree.
fn reloads(gateway: &Gateway) -> (f64, f64, f64) {
    let scrape = gateway.scrape();
    let count = |result| scrape.value("gateway_tls_reloads_total", &[("result", result)]);
    (count("applied"), count("rejected"), scrape.value("gateway_tls_last_reload_successful", &[]))
}

#[test]
fn a_new_certificate_is_in_force_without_a_restart_and_a_bad_one_changes_nothing() {
    let upstream = Upstream::named("films");
    let (authority, mut gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    let config = authority.client(&[&TLS13, &TLS12], None);
    let connect = || open(gateway.address, &config, "films.example").expect("a handshake");
    let mut old = connect();
    let first = shown(&old);
    let good = (fs::read(authority.path("a.pem")).expect("a file"), fs::read(authority.path("a.key")).expect("a file"));

    authority.write("films.example", "a");
    until("the new certificate is in force", || (reloads(&gateway) == (1.0, 0.0, 1.0)).then_some(()));
    let config = authority.client(&[&TLS13, &TLS12], None);
    let connect = || open(gateway.address, &config, "films.example").expect("a handshake");
    let second = shown(&connect());
    assert_ne!(second, first);
    assert!(ask(&mut old, "/films").expect("the old connection lives on").ends_with("films"));

    // The certificate of one pair and the key of another.
    fs::write(authority.path("a.key"), &good.1).expect("a file");
    until("it is rejected", || (reloads(&gateway) == (1.0, 1.0, 0.0)).then_some(()));
    assert_eq!(shown(&connect()), second);
    gateway.process.line("why", |line| {
        line["level"] == "ERROR"
            && line["message"].as_str().is_some_and(|text| text.contains("a.key is not the key of"))
    });

    fs::remove_file(authority.path("a.key")).expect("a file");
    until("that is rejected too", || (reloads(&gateway) == (1.0, 2.0, 0.0)).then_some(()));
    assert_eq!(shown(&connect()), second);

    fs::write(authority.path("a.pem"), &good.0)
        .and_then(|()| fs::write(authority.path("a.key"), &good.1))
        .expect("files");
    until("the first pair is in force again", || (reloads(&gateway) == (2.0, 2.0, 1.0)).then_some(()));
    assert_eq!(
        shown(&open(gateway.address, &authority.client(&[&TLS13], None), "films.example").expect("a handshake")),
        first
    );
}

#[test]
fn a_session_outlives_a_change_of_the_certificate() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    let config = authority.client(&[&TLS13], None);
    let visit = || {
        let mut stream = open(gateway.address, &config, "films.example").expect("a handshake");
        assert!(ask(&mut stream, "/films").expect("an answer").ends_with("films"));
        resumed(&stream)
    };
    assert_eq!((visit(), visit()), (false, true));
    authority.write("films.example", "a");
    until("the new certificate is in force", || (reloads(&gateway) == (1.0, 0.0, 1.0)).then_some(()));
    assert!(visit());
}

#[test]
fn no_session_outlives_a_change_of_the_clients_authorities() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| {
        authority.write("somebody", "client");
        fs::copy(authority.path("ca.pem"), authority.path("believed.pem")).expect("a file");
        let settings = format!(", client_ca: {} }}", authority.path("believed.pem").display());
        authority.write("films.example", "a").replace(" }", &settings)
    });
    let config = authority.client(&[&TLS13], Some("client"));
    let visit = || {
        let mut stream = open(gateway.address, &config, "films.example")?;
        ask(&mut stream, "/films")
    };
    assert!(visit().expect("an answer").ends_with("films"));
    fs::copy(Authority::new().path("ca.pem"), authority.path("believed.pem")).expect("a file");
    until("the new authority is in force", || (reloads(&gateway) == (1.0, 0.0, 1.0)).then_some(()));
    assert!(visit().is_err(), "its certificate is nobody's any more, and its ticket is worth nothing");
}

#[test]
fn an_edit_of_routes_does_not_wait_for_bad_certificates() {
    let upstream = Upstream::named("films");
    let (authority, gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    fs::write(authority.path("a.pem"), "nothing").expect("a file");
    let text = fs::read_to_string(&gateway.routes).expect("a file");
    gateway.edit(&text.replace("hello", "hello again"));
    let mut stream = open(gateway.address, &authority.client(&[&TLS13], None), "films.example").expect("a handshake");
    assert!(ask(&mut stream, "/own").expect("an answer").ends_with("hello again"));
}

#[test]
fn private_keys_are_told_to_nobody() {
    let upstream = Upstream::named("films");
    let (authority, mut gateway) = secured(&upstream, "", |authority| authority.write("films.example", "a"));
    let key = fs::read_to_string(authority.path("a.key")).expect("a file");
    fs::write(authority.path("a.key"), key.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\n?")).expect("a file");
    until("it is rejected", || (reloads(&gateway).1 == 1.0).then_some(()));
    let table = http::get(gateway.admin, "/table").text();
    assert!(table.contains("\"generation\""));
    gateway.process.terminate();
    assert!(gateway.process.ended().success());
    let told = gateway.process.text() + &table;
    for secret in key.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!told.contains(secret.get(..16).unwrap_or(secret)), "{told}");
    }
}

fn check(folder: &Path, tls: &str) -> (Option<i32>, String) {
    let file = folder.join("routes.yaml");
    let text = format!("server:\n  tls: {tls}\nroutes: [{{ name: all, path: /, respond: {{}} }}]\n");
    fs::write(&file, text).expect("a file");
    let ran = Command::new(binary("gateway")).arg("check").arg(&file).output().expect("it runs");
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout))
}

#[test]
fn check_says_which_file_is_missing_or_does_not_fit() {
    let authority = Authority::new();
    authority.write("films.example", "a");
    authority.write("users.example", "b");
    fs::write(authority.path("empty.pem"), "").expect("a file");
    fs::write(authority.path("broken.pem"), "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
        .expect("a file");
    let folder = authority.folder();
    let good = [
        "{ cert: a.pem, key: a.key }",
        "[{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }]",
        "{ cert: a.pem, key: a.key, client_ca: ca.pem }",
    ];
    for tls in good {
        assert_eq!(check(folder, tls).0, Some(0), "{tls}: {}", check(folder, tls).1);
    }
    for (tls, says) in [
        ("{ cert: gone.pem, key: a.key }", &["2:16", "gone.pem can't be read: No such file"][..]),
        ("{ cert: a.pem, key: b.key }", &["2:28", "b.key is not the key of", "a.pem"]),
        ("{ cert: a.key, key: a.pem }", &["2:16", "a.key: there is no certificate in it"]),
        ("{ cert: a.pem, key: a.pem }", &["2:28", "a.pem: there is no private key in it"]),
        ("{ cert: empty.pem, key: a.key }", &["2:16", "there is no certificate in it"]),
        ("{ cert: broken.pem, key: a.key }", &["2:16", "broken.pem: "]),
        ("{ cert: a.pem, key: a.key, client_ca: empty.pem }", &["2:46", "there is no certificate in it"]),
        ("[{ cert: a.pem, key: a.key }, { cert: x.pem, key: y.key }]", &["2:46", "x.pem can't", "2:58", "y.key can't"]),
    ] {
        let (status, told) = check(folder, tls);
        assert_eq!(status, Some(2), "{tls}: {told}");
        assert!(says.iter().all(|words| told.contains(words)), "{tls}: {told}");
    }
    // Nobody starts by such a file either.
    let other = Folder::new();
    let (status, told) = check(other.path(), "{ cert: a.pem, key: a.key }");
    assert_eq!(status, Some(2), "a relative path begins at the file's folder: {told}");
}
