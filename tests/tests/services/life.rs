//! The life of a process: its settings, its log, its end.

use std::io::Write;

use serde_json::json;
use tests::folder::Folder;
use tests::http;
use tests::process::Process;
use tests::until;

#[test]
fn a_wrong_setting_ends_the_start_and_says_what_to_write() {
    let folder = Folder::new();
    for (service, name, value, instead) in [
        ("monolith", "PORT", "http", "a number"),
        ("movies", "DB_CONNECTION_STRING", "mysql://u:s3cret@h/d", "postgres://user:password@host"),
        ("movies", "DB_CONNECTION_STRING", "postgres://u:s3cret@h:x/d", "postgres://user:password@host"),
        ("users", "DB_PASSWORD", "s3cret", "DB_HOST"),
        ("events", "KAFKA_BROKERS", "kafka:http", "host:port"),
        ("payments", "LOG_FORMAT", "xml", "json or text"),
        ("payments", "RUST_LOG", "a=b=c", "a level"),
    ] {
        let mut process = Process::start(service, folder.path(), &[(name, value)]);
        assert_eq!(process.ended().code(), Some(2), "{name}={value}");
        let text = until("what is wrong", || Some(process.text()).filter(|text| text.contains(instead)));
        assert!(text.contains(name) && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_service_asks_the_one_that_runs_here_whether_it_is_well() {
    let folder = Folder::new();
    let mut movies = Process::command("movies", folder.path(), &[("PORT", "0")], &["run"]);
    let port = movies.address().port().to_string();
    let ask = |word: &str| {
        let mut asking = Process::command("movies", folder.path(), &[("PORT", &port)], &[word]);
        (asking.ended().code(), asking.text())
    };
    assert_eq!(ask("health"), (Some(0), String::new()));
    let (status, said) = ask("helth");
    assert!(status == Some(2) && said.contains("movies health") && said.contains("movies run"), "{said}");
    movies.terminate();
    assert!(movies.ended().success());
    let (status, said) = ask("health");
    assert!(status == Some(1) && said.contains(&port), "{said}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let folder = Folder::new();
    let mut first = Process::start("movies", folder.path(), &[("PORT", "0")]);
    let port = first.address().port().to_string();
    let mut second = Process::start("movies", folder.path(), &[("PORT", &port)]);
    assert_eq!(second.ended().code(), Some(2));
    until("why", || Some(second.text()).filter(|text| text.contains(&port) && text.contains("set PORT")));
}

#[test]
fn a_request_in_flight_is_answered_before_the_end() {
    let folder = Folder::new();
    let mut process = Process::start("monolith", folder.path(), &[("PORT", "0")]);
    let address = process.address();
    let body = json!({"username": "late", "email": "late@x"}).to_string();
    let mut stream = http::connect(address).unwrap();
    let head = http::head(address, "POST", "/api/users", &[("expect", "100-continue")], body.len());
    stream.write_all(head.as_bytes()).unwrap();
    // The service asks for the body: the request is in its hands.
    let mut go_on = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    process.terminate();
    process.line("that it stops", |line| line["message"] == "stopping");
    until("new connections are refused", || http::connect(address).is_err().then_some(()));
    stream.write_all(body.as_bytes()).unwrap();
    assert_eq!(http::read(stream, false).unwrap().status, 201);
    assert!(process.ended().success());
    assert!(process.text().contains("\"stopped\""));

    let mut again = Process::start("monolith", folder.path(), &[("PORT", "0")]);
    let users = http::get(again.address(), "/api/users").json();
    assert!(users.as_array().unwrap().iter().any(|user| user["username"] == "late"), "what was answered is kept");
}

#[test]
fn a_line_a_request_with_the_gateways_id() {
    let folder = Folder::new();
    let mut process = Process::start("movies", folder.path(), &[("PORT", "0")]);
    let address = process.address();
    http::request(address, "GET", "/api/movies?id=3", &[("x-request-id", "abc-123")], b"");
    let line = process.line("the request", |line| line["request_id"] == "abc-123");
    for (field, value) in [
        ("message", json!("request")),
        ("service", json!("movies")),
        ("method", json!("GET")),
        ("path", json!("/api/movies")),
        ("route", json!("/api/movies")),
        ("status", json!(200)),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(line["milliseconds"].is_number());
}

#[test]
fn the_embedded_database_is_a_file_under_data() {
    let folder = Folder::new();
    let mut process = Process::start("movies", folder.path(), &[("PORT", "0")]);
    process.address();
    assert!(folder.path().join("data/cinemaabyss.db").is_file());
    let named = folder.path().join("a b/100%?.db");
    let url = format!("sqlite:{}", named.display());
    let mut process = Process::start("movies", folder.path(), &[("PORT", "0"), ("DB_CONNECTION_STRING", &url)]);
    process.address();
    assert!(named.is_file(), "any name will do");
}
