//! What the gateway answers itself: `respond` and `redirect`.

use tests::gateway::Gateway;

#[test]
fn respond_answers_with_its_status_body_and_headers() {
    let gateway = Gateway::start(
        r#"
routes:
  - name: closed
    path: /closed
    respond: { status: 503, text: "closed for repairs", headers: { retry-after: "60", x-why: rain } }
  - name: json
    path: /json
    respond: { json: { status: true, films: [1, "two", null] }, headers: { content-type: application/vnd.films+json } }
  - name: empty
    path: /empty
    respond: { status: 204 }
"#,
    );
    let mut client = gateway.connect();
    let closed = client.get("/closed/now");
    assert_eq!((closed.status, closed.text().as_str()), (503, "closed for repairs"));
    assert_eq!(closed.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!((closed.header("retry-after"), closed.header("x-why")), (Some("60"), Some("rain")));
    assert_eq!(closed.header("x-gateway-error"), None, "what the file says is no error of the gateway");
    let json = client.get("/json");
    assert_eq!(json.json(), serde_json::json!({ "status": true, "films": [1, "two", null] }));
    assert_eq!(json.header("content-type"), Some("application/vnd.films+json"));
    let empty = client.get("/empty");
    assert_eq!((empty.status, empty.body.len()), (204, 0));
    let head = client.request("HEAD", "/closed", &[], b"");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (503, Some("18"), 0));
    // A body that nobody reads is in nobody's way.
    assert_eq!(client.request("POST", "/closed", &[], &[b'x'; 100_000]).status, 503);
    assert_eq!(gateway.get("/json").status, 200);
}

#[test]
fn redirect_changes_what_it_names_and_keeps_the_rest() {
    let redirects = [
        ("path", "{ path: /new }"),
        ("prefix", "{ prefix: /v2 }"),
        ("root", "{ prefix: /, status: 307 }"),
        ("host", "{ host: films.example, status: 308 }"),
        ("scheme", "{ scheme: https, status: 301 }"),
        ("port", "{ port: 8443, status: 303 }"),
        ("all", "{ scheme: https, host: films.example, port: 8443, path: /new }"),
    ];
    let routes: String = redirects
        .iter()
        .map(|(name, redirect)| format!("  - {{ name: {name}, path: /{name}, redirect: {redirect} }}\n"))
        .collect();
    let gateway = Gateway::start(&format!("routes:\n{routes}"));
    let mut client = gateway.connect();
    let mut sent_to = |target: &str| {
        let answer = client.request("GET", target, &[("host", "old.test:8000")], b"");
        (answer.status, answer.header("location").unwrap_or_default().to_owned())
    };
    for (target, status, location) in [
        ("/path/7?a=1&b=%2f", 302, "/new?a=1&b=%2f"),
        ("/prefix", 302, "/v2"),
        ("/prefix/7/8?a=1", 302, "/v2/7/8?a=1"),
        ("/prefix/a%2fb//c", 302, "/v2/a%2fb//c"),
        ("/root", 307, "/"),
        ("/root/7", 307, "/7"),
        // A location must not begin with two slashes: it would name a host.
        ("/root//evil.example/x", 307, "/evil.example/x"),
        ("/host/7?a=1", 308, "http://films.example:8000/host/7?a=1"),
        ("/scheme/7?a=1", 301, "https://old.test/scheme/7?a=1"),
        ("/port", 303, "http://old.test:8443/port"),
        ("/all/7?a=1", 302, "https://films.example:8443/new?a=1"),
    ] {
        assert_eq!(sent_to(target), (status, location.to_owned()), "{target}");
    }
}

#[test]
fn a_redirect_to_another_host_keeps_the_port_only_where_the_scheme_stays() {
    let gateway = Gateway::start(
        "
routes:
  - { name: port, path: /port, redirect: { port: 8443 } }
  - { name: scheme, path: /scheme, redirect: { scheme: https } }
  - { name: same, path: /same, redirect: { scheme: http, path: /other } }
",
    );
    let location = |target, host| {
        let answer = gateway.get_with(target, &[("host", host)]);
        answer.header("location").unwrap_or_default().to_owned()
    };
    assert_eq!(location("/port", "[::1]:80"), "http://[::1]:8443/port");
    assert_eq!(location("/scheme", "[::1]:80"), "https://[::1]/scheme");
    // docs/routes.md: "By default the client's, or none where `scheme` changes".
    assert_eq!(location("/same", "old.test:8000"), "http://old.test:8000/other");
}
