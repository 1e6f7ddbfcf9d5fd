//! Every refusal: its status, the field that it names, and that nothing was written.

use std::io::Write;

use serde_json::{Value, json};
use tests::http;

use crate::{System, on_both_databases};

on_both_databases! {
    a_body_that_cannot_be_read_is_400_and_names_the_field
    an_id_that_is_none_is_400
    what_cannot_be_stored_is_422
    what_is_taken_is_409
    over_one_mebibyte_is_413
    nothing_is_half_written
}

const PATHS: [&str; 4] = ["/api/users", "/api/movies", "/api/payments", "/api/subscriptions"];

/// A body that is accepted, by path.
fn good(path: &str) -> Value {
    match path {
        "/api/users" => json!({"username": "u", "email": "e"}),
        "/api/movies" => json!({"title": "t", "description": "d", "genres": ["g"], "rating": 5}),
        "/api/payments" => json!({"user_id": 1, "amount": 5}),
        _ => {
            json!({"user_id": 1, "plan_type": "p", "start_date": "2026-01-01T00:00:00Z", "end_date": "2026-01-02T00:00:00Z"})
        }
    }
}

/// That body with one field changed.
fn with(path: &str, field: &str, value: Value) -> Value {
    let mut body = good(path);
    body[field] = value;
    body
}

fn a_body_that_cannot_be_read_is_400_and_names_the_field(system: &System) {
    for path in PATHS {
        let whole = good(path).to_string();
        for text in [
            "",
            " ",
            "null",
            "[]",
            "[{}]",
            "5",
            "\"x\"",
            "{",
            "{]",
            "<xml/>",
            "{\"a\": NaN}",
            "{'a': 1}",
            "{\"a\": 1e999}",
            &format!("{whole} x"),
            &format!("{whole}{whole}"),
            &whole[..whole.len() - 1],
            &"[".repeat(100_000),
            "{\"username\": \"\\ud800\"}",
        ] {
            let answer = http::request(system.monolith, "POST", path, &[], text.as_bytes());
            assert_eq!(answer.status, 400, "{path} {text:.60}");
            assert!(answer.error().contains("JSON object"), "{path} {text:.60}: {}", answer.error());
        }
        let answer = http::request(system.monolith, "POST", path, &[], b"{\"username\": \"\xff\", \"email\": \"\"}");
        assert_eq!(answer.status, 400, "not UTF-8");
        for (field, value) in good(path).as_object().unwrap() {
            let mut lacking = good(path);
            lacking.as_object_mut().unwrap().remove(field);
            let wrong = if value.is_string() { json!(5) } else { json!("5") };
            for body in
                [lacking, with(path, field, wrong), with(path, field, json!(null)), with(path, field, json!({}))]
            {
                let answer = system.post(path, &body);
                assert_eq!(answer.status, 400, "{path} {body}");
                assert!(answer.error().contains(field.as_str()), "{path} {body}: {}", answer.error());
            }
        }
    }
    for (path, field, value) in [
        ("/api/movies", "genres", json!(["a", 5])),
        ("/api/movies", "genres", json!([null])),
        ("/api/movies", "rating", json!(true)),
        ("/api/payments", "user_id", json!(1.5)),
        ("/api/payments", "user_id", json!(2_147_483_648_u64)),
        ("/api/payments", "user_id", json!(1e30)),
        ("/api/subscriptions", "start_date", json!("2026-02-30T00:00:00Z")),
        ("/api/subscriptions", "end_date", json!("2026-01-01")),
        ("/api/subscriptions", "end_date", json!(1_767_225_600)),
    ] {
        let answer = system.post(path, &with(path, field, value.clone()));
        assert_eq!(answer.status, 400, "{path} {field} {value}");
        assert!(answer.error().contains(field), "{path} {field} {value}: {}", answer.error());
    }
}

fn an_id_that_is_none_is_400(system: &System) {
    for path in PATHS {
        for id in
            ["x", "1.5", "1e3", "0x10", "1%20", "%00", "2147483648", "99999999999999999999", "1;drop", "--1", "%FF"]
        {
            let answer = system.get(&format!("{path}?id={id}"));
            assert_eq!(answer.status, 400, "{path}?id={id}");
            assert!(answer.error().starts_with("id "), "{}", answer.error());
        }
    }
    for path in ["/api/payments", "/api/subscriptions"] {
        let answer = system.get(&format!("{path}?user_id=abc"));
        assert_eq!(answer.status, 400);
        assert!(answer.error().starts_with("user_id "), "{}", answer.error());
        let (answer, of_nobody) = (system.get(&format!("{path}?id=77777")), format!("{path}?id=77777&user_id=1"));
        assert_eq!((answer.status, system.get(&of_nobody).status), (404, 404));
    }
}

fn what_cannot_be_stored_is_422(system: &System) {
    for (path, field, value) in [
        ("/api/movies", "rating", json!(10.04)),
        ("/api/movies", "rating", json!(-0.01)),
        ("/api/movies", "rating", json!(1e300)),
        ("/api/movies", "genres", json!(["a", "b", "a"])),
        ("/api/movies", "genres", json!(["g".repeat(51)])),
        ("/api/movies", "genres", json!(["g\0"])),
        ("/api/movies", "title", json!("t".repeat(256))),
        ("/api/movies", "title", json!("\0")),
        ("/api/movies", "description", json!("d\0d")),
        ("/api/users", "username", json!("ж".repeat(101))),
        ("/api/users", "username", json!("a\0")),
        ("/api/users", "email", json!("e".repeat(256))),
        ("/api/payments", "amount", json!(-0.01)),
        ("/api/payments", "amount", json!(1.001)),
        ("/api/payments", "amount", json!(100_000_000)),
        ("/api/payments", "amount", json!(1e-9)),
        ("/api/payments", "user_id", json!(4711)),
        ("/api/payments", "user_id", json!(-1)),
        ("/api/subscriptions", "plan_type", json!("p".repeat(51))),
        ("/api/subscriptions", "plan_type", json!("\0p")),
        ("/api/subscriptions", "end_date", json!("2025-12-31T23:59:59.999999Z")),
        ("/api/subscriptions", "user_id", json!(4711)),
    ] {
        let answer = system.post(path, &with(path, field, value.clone()));
        assert_eq!(answer.status, 422, "{path} {field} {value}: {}", answer.text());
        assert!(answer.error().contains(field), "{path} {field} {value}: {}", answer.error());
    }
    // As much as fits.
    for (path, field, value) in [
        ("/api/movies", "title", json!("ж".repeat(255))),
        ("/api/movies", "description", json!("d".repeat(500_000))),
        ("/api/movies", "genres", json!(["ж".repeat(50), "", "g"])),
        ("/api/movies", "genres", json!((0..5000).map(|number| number.to_string()).collect::<Vec<_>>())),
        ("/api/users", "username", json!("ж".repeat(100))),
        ("/api/payments", "amount", json!(0)),
        ("/api/subscriptions", "plan_type", json!("ж".repeat(50))),
    ] {
        system.created(path, &with(path, field, value));
    }
}

fn what_is_taken_is_409(system: &System) {
    system.created("/api/users", &json!({"username": "nora", "email": "nora@x"}));
    for (body, field) in [
        (json!({"username": "nora", "email": "other@x"}), "username"),
        (json!({"username": "other", "email": "nora@x"}), "email"),
    ] {
        let answer = system.post("/api/users", &body);
        assert_eq!(answer.status, 409, "{body}");
        assert!(answer.error().contains(field), "{}", answer.error());
        assert!(!answer.text().to_lowercase().contains("constraint"), "no word of the database: {}", answer.text());
    }
    // Names differ by case, as the table's do.
    system.created("/api/users", &json!({"username": "Nora", "email": "Nora@x"}));
}

fn over_one_mebibyte_is_413(system: &System) {
    let movie = |length: usize| {
        let empty = with("/api/movies", "description", json!("")).to_string().len();
        with("/api/movies", "description", json!("d".repeat(length - empty))).to_string()
    };
    let most = 1024 * 1024;
    let answer = http::request(system.monolith, "POST", "/api/movies", &[], movie(most).as_bytes());
    assert_eq!(answer.status, 201);
    for length in [most + 1, 8 * most] {
        let answer = http::request(system.monolith, "POST", "/api/movies", &[], movie(length).as_bytes());
        assert_eq!(answer.status, 413, "{length}");
        assert!(!answer.error().is_empty());
    }
    // A client that asks before it sends is told without sending.
    let mut stream = http::connect(system.monolith).unwrap();
    let head = http::head(system.monolith, "POST", "/api/movies", &[("expect", "100-continue")], most + 1);
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(http::read(stream, false).unwrap().status, 413);
}

fn nothing_is_half_written(system: &System) {
    let before: Vec<usize> = PATHS.iter().map(|path| system.count(path)).collect();
    let refused = [
        ("/api/movies", json!({"title": "half", "description": "", "genres": ["a", "a"], "rating": 5})),
        ("/api/payments", json!({"user_id": 4711, "amount": 1})),
        ("/api/users", json!({"username": "ada", "email": "fresh@x"})),
    ];
    for (path, body) in refused {
        assert!((400..500).contains(&system.post(path, &body).status));
    }
    assert_eq!(PATHS.iter().map(|path| system.count(path)).collect::<Vec<_>>(), before);
    system.created("/api/users", &json!({"username": "fresh", "email": "fresh@x"}));
}
