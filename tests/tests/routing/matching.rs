//! Routes: whole segments, hosts, methods, headers, query, and which of several wins.

use crate::{assert_refused, naming};

#[test]
fn a_path_takes_whole_segments() {
    let gateway = naming(&[("movies", "path: /api/movies"), ("rest", "path: /")]);
    for path in
        ["/api/movies", "/api/movies/", "/api/movies/7", "/api/movies//7", "/api/movies?id=7", "/api/movies/7?a/b"]
    {
        assert_eq!(gateway.get(path).text(), "movies", "{path}");
    }
    for path in
        ["/", "/api", "/api/", "/api/moviesX", "/api/movies-old/7", "/api/movie", "/API/movies", "/x/api/movies"]
    {
        assert_eq!(gateway.get(path).text(), "rest", "{path}");
    }
    // An encoded slash is data and no separator, and neither is a semicolon.
    for path in ["/api/movies%2f7", "/api%2Fmovies", "//api/movies", "/api/movies;v=2", "/api/%6dovies"] {
        assert_eq!(gateway.get(path).text(), "rest", "{path}");
    }
}

#[test]
fn the_longest_path_wins_wherever_it_stands_in_the_file() {
    let gateway = naming(&[
        ("root", "path: /"),
        ("api", "path: /api"),
        ("seven", "path: /api/movies/7"),
        ("movies", "path: /api/movies"),
    ]);
    for (path, route) in
        [("/api/movies/7/cast", "seven"), ("/api/movies/77", "movies"), ("/api/users", "api"), ("/apis", "root")]
    {
        assert_eq!(gateway.get(path).text(), route, "{path}");
    }
}

#[test]
fn exact_comes_before_path_and_takes_nothing_below() {
    let gateway = naming(&[
        ("below", "path: /api/movies/health"),
        ("movies", "path: /api/movies"),
        ("health", "exact: /api/movies/health"),
    ]);
    for (path, route) in [
        ("/api/movies/health", "health"),
        ("/api/movies/health?verbose", "health"),
        ("/api/movies/health/", "below"),
        ("/api/movies/health/db", "below"),
        ("/api/movies/healthy", "movies"),
    ] {
        assert_eq!(gateway.get(path).text(), route, "{path}");
    }
}

#[test]
fn a_host_is_a_name_or_all_below_one_or_a_pattern() {
    let gateway = naming(&[
        ("any", "path: /"),
        ("pattern", r#"path: /, host: "~^films-[0-9]+[.]""#),
        ("below", r#"path: /, host: "*.example.com""#),
        ("deep", r#"path: /, host: "*.eu.example.com""#),
        ("name", "path: /, host: films.example.com"),
    ]);
    for (host, route) in [
        ("films.example.com", "name"),
        ("films.example.com:8080", "name"),
        ("FILMS.Example.Com", "name"),
        ("other.example.com", "below"),
        ("a.b.example.com", "below"),
        ("a.eu.example.com", "deep"),
        // All below it, not itself, and not what only ends like it.
        ("example.com", "any"),
        ("badexample.com", "any"),
        ("films-7.test", "pattern"),
        ("films-7.example.com", "below"),
        ("films-x.test", "any"),
        ("127.0.0.1", "any"),
        ("[::1]:8000", "any"),
    ] {
        assert_eq!(gateway.get_with("/", &[("host", host)]).text(), route, "{host}");
    }
}

#[test]
fn another_method_is_405_with_those_that_are_allowed() {
    let gateway = naming(&[
        ("read", "path: /films, methods: [GET, HEAD]"),
        ("write", "path: /films, methods: [POST, GET]"),
        ("anything", "path: /free"),
    ]);
    let mut client = gateway.connect();
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 200)] {
        assert_eq!(client.request(method, "/films", &[], b"").status, status, "{method}");
    }
    let refused = client.request("DELETE", "/films/7", &[], b"");
    assert_refused(&refused, 405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    assert_eq!(client.request("PURGE", "/free", &[], b"").text(), "anything");
}

#[test]
fn a_route_for_fewer_methods_leaves_the_others_to_the_next() {
    let gateway = naming(&[
        ("write", "path: /films, methods: [POST]"),
        ("films", "path: /"),
        ("host", "path: /, host: films.test, methods: [POST]"),
    ]);
    let mut client = gateway.connect();
    let mut takes = |method, host| client.request(method, "/films", &[("host", host)], b"").text();
    assert_eq!(takes("POST", "a.test"), "write");
    assert_eq!(takes("GET", "a.test"), "films", "a shorter path that takes the method, rather than 405");
    assert_eq!(takes("POST", "films.test"), "host");
    assert_eq!(takes("GET", "films.test"), "films");
}

#[test]
fn headers_and_query_are_matched_by_value_or_pattern() {
    let gateway = naming(&[
        ("beta", r#"path: /, headers: { x-beta: "yes" }"#),
        ("phone", r#"path: /, headers: { user-agent: "~(?i)android|iphone" }"#),
        ("russian", "path: /, query: { lang: ru }"),
        ("number", r#"path: /, query: { id: "~^[0-9]+$" }"#),
        ("rest", "path: /"),
    ]);
    let takes = |path: &str, headers: &[(&str, &str)]| gateway.get_with(path, headers).text();
    assert_eq!(takes("/", &[("x-beta", "yes")]), "beta");
    assert_eq!(takes("/", &[("X-Beta", "no"), ("x-beta", "yes")]), "beta", "any of the values");
    assert_eq!(takes("/", &[("x-beta", "yes!")]), "rest", "the whole value");
    assert_eq!(takes("/", &[("user-agent", "Mozilla (iPhone; x)")]), "phone");
    assert_eq!(takes("/?a=1&lang=ru", &[]), "russian");
    assert_eq!(takes("/?l%61ng=r%75", &[]), "russian", "decoded");
    for path in ["/?lang=rus", "/?LANG=ru", "/?xlang=ru", "/?id=7x", "/?id", "/#lang=ru"] {
        assert_eq!(takes(path, &[]), "rest", "{path}");
    }
    assert_eq!(takes("/?id=1234", &[]), "number");
}

#[test]
fn host_then_exact_then_longest_path_then_methods_then_headers_then_query_then_the_files_order() {
    // Each route loses to the next, by the one criterion that stands between them.
    let gateway = naming(&[
        ("second", r#"path: /a, headers: { x-1: "1", x-2: "2" }, query: { b: "2" }"#),
        ("plain", "path: /a"),
        ("query", r#"path: /a, query: { a: "1", b: "2" }"#),
        ("header", r#"path: /a, headers: { x-1: "1" }"#),
        ("headers", r#"path: /a, headers: { x-1: "1", x-2: "2" }"#),
        ("first", r#"path: /a, headers: { x-1: "1", x-2: "2" }, query: { a: "1" }"#),
        ("method", "path: /a, methods: [GET]"),
        ("longer", "path: /a/b"),
        ("exact", "exact: /a/b"),
        ("host", "path: /, host: a.test"),
    ]);
    let both = [("x-1", "1"), ("x-2", "2")];
    let takes = |method: &str, path: &str, headers: &[(&str, &str)]| {
        gateway.connect().request(method, path, headers, b"").text()
    };
    assert_eq!(takes("GET", "/a/b?a=1", &[("host", "a.test"), both[0], both[1]]), "host");
    assert_eq!(takes("GET", "/a/b?a=1", &both), "exact");
    assert_eq!(takes("GET", "/a/b/c?a=1", &both), "longer");
    assert_eq!(takes("GET", "/a/c?a=1&b=2", &both), "method");
    assert_eq!(takes("PUT", "/a/c?a=1&b=2", &both), "second", "as many of each: the file's order");
    assert_eq!(takes("PUT", "/a/c?a=1", &both), "first");
    assert_eq!(takes("PUT", "/a/c", &both), "headers");
    assert_eq!(takes("PUT", "/a/c?a=1&b=2", &both[..1]), "header", "one header outweighs two of the query");
    assert_eq!(takes("PUT", "/a/c?a=1&b=2", &[]), "query");
    assert_eq!(takes("PUT", "/a/c?a=1", &[]), "plain");
}

#[test]
fn without_a_route_the_answer_is_404_with_its_reason() {
    let gateway = naming(&[("films", "path: /films, host: films.test")]);
    for (path, host) in [("/", "films.test"), ("/filmsX", "films.test"), ("/films", "other.test")] {
        let mut client = gateway.connect();
        let answer = client.request("GET", path, &[("host", host), ("x-request-id", "mine-1")], b"");
        assert_refused(&answer, 404, "no_route");
        assert_eq!(answer.json()["request_id"], "mine-1");
        assert_eq!(answer.header("x-table-generation"), Some("1"));
        assert_eq!(answer.header("x-served-by"), None, "nobody answered but the gateway");
        assert!(client.is_open(), "an error of the request is none of the connection");
    }
}
