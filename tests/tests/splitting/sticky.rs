//! With a key: a published hash, so that anyone can compute where a user is, and where they will be next year.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::gateway::{Gateway, Setup};
use xxhash_rust::xxh64::xxh64;

use crate::{Sides, who};

/// The bucket of a key, as docs/split.md has it.
fn bucket(salt: &str, key: &[u8]) -> u64 {
    xxh64(key, xxh64(salt.as_bytes(), 0)) % 10_000
}

/// Sends a GET and finds its line in the access log.
fn logged(gateway: &mut Gateway, path: &str, headers: &[(&str, &str)]) -> Value {
    let answer = gateway.get_with(path, headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.header("x-request-id").unwrap_or_default().to_owned();
    gateway.process.line("the request", |line| line["request_id"] == id.as_str())
}

#[test]
fn buckets_are_those_of_the_published_test_vectors() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/split.md");
    let page = std::fs::read_to_string(page).unwrap_or_else(|problem| panic!("{page}: {problem}"));
    let vectors: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert!(vectors.len() >= 8, "docs/split.md has its table of vectors");
    let sides = Sides::new();
    let routes: String = ["movies", "films"]
        .map(|salt| {
            format!(
                "  - {{ name: {salt}, path: /{salt}, split: {{ movies: 50, monolith: rest }}, sticky: header key }}\n"
            )
        })
        .concat();
    let rest = format!("{}routes:\n{routes}", sides.upstreams());
    let mut gateway = Setup::with(&["access_log: json"], &rest).start();
    for vector in vectors {
        let (salt, key, published) = (vector[1], vector[2], vector[4]);
        let line = logged(&mut gateway, &format!("/{salt}"), &[("key", key)]);
        assert_eq!(line["bucket"].to_string(), published, "{salt} {key}");
        assert_eq!(bucket(salt, key.as_bytes()).to_string(), published);
        assert_eq!(line["upstream"], if bucket(salt, key.as_bytes()) < 5000 { "movies" } else { "monolith" });
        assert_eq!(line["reason"], "sticky");
    }
}

#[test]
fn the_first_key_that_a_request_has_decides() {
    let sides = Sides::new();
    let keys = "sticky: [header x-user-id, cookie session, client],";
    let mut gateway = sides.setup(&["access_log: json"], "movies: 50, monolith: rest", keys).start();
    let mut bucket_of = |headers: &[(&str, &str)]| logged(&mut gateway, "/", headers)["bucket"].as_u64();
    let of = |key: &str| Some(bucket("movies", key.as_bytes()));
    assert_eq!(bucket_of(&[("x-user-id", "7"), ("cookie", "session=abc")]), of("7"));
    assert_eq!(bucket_of(&[("cookie", "a=1; session=abc; b=2")]), of("abc"));
    assert_eq!(bucket_of(&[("cookie", "a=1"), ("cookie", "session=\"abc\"")]), of("abc"));
    assert_eq!(bucket_of(&[("x-user-id", ""), ("cookie", "session=abc")]), of("abc"), "an empty value is none");
    assert_eq!(bucket_of(&[("cookie", "xsession=abc; session=")]), of("127.0.0.1"));
    assert_eq!(bucket_of(&[("x-forwarded-for", "203.0.113.7")]), of("127.0.0.1"), "nobody is believed by default");
}

#[test]
fn the_client_is_the_one_that_trusted_proxies_name() {
    let sides = Sides::new();
    let settings = ["access_log: json", "trusted_proxies: [127.0.0.0/8, 10.0.0.0/8]"];
    let mut gateway = sides.setup(&settings, "movies: 50, monolith: rest", "sticky: client,").start();
    for (chain, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "10.1.2.3"),
    ] {
        let line = logged(&mut gateway, "/", &[("x-forwarded-for", chain)]);
        assert_eq!(line["client"], client);
        assert_eq!(line["bucket"].as_u64(), Some(bucket("movies", client.as_bytes())), "{chain}");
    }
}

#[test]
fn without_a_key_the_weight_decides() {
    let sides = Sides::new();
    let mut gateway =
        sides.setup(&["access_log: json"], "movies: 50, monolith: rest", "sticky: header x-user-id,").start();
    let line = logged(&mut gateway, "/", &[("cookie", "x-user-id=7")]);
    assert_eq!((line["reason"].as_str(), &line["bucket"]), (Some("weight"), &Value::Null));
    let mut client = gateway.connect();
    crate::assert_in_ten(&crate::to_movies(&mut client, "/", 50), 5);
}

#[test]
fn routes_of_a_group_put_a_user_on_the_same_side() {
    let sides = Sides::new();
    let route = |name: &str, sticky: &str| {
        format!(
            "  - {{ name: {name}, path: /{name}, split: {{ movies: 50, monolith: rest }}, sticky: {sticky}, writes: split }}\n"
        )
    };
    let group = "{ by: [header x-user-id], group: films }";
    let routes = [route("page", group), route("style", group), route("alone", "header x-user-id")].concat();
    let rest = format!("{}routes:\n{routes}", sides.upstreams());
    let gateway = Setup::with(&[], &rest).start();
    let mut client = gateway.connect();
    let mut elsewhere = 0;
    for user in 0..200 {
        let user = user.to_string();
        let mut side = |path| who(&mut client, path, &[("x-user-id", &user)]);
        let (page, style, alone) = (side("/page"), side("/style"), side("/alone"));
        assert_eq!(page, style, "user {user}");
        assert_eq!(page == "movies", bucket("films", user.as_bytes()) < 5000);
        assert_eq!(alone == "movies", bucket("alone", user.as_bytes()) < 5000);
        elsewhere += usize::from(alone != page);
    }
    assert!(elsewhere > 0, "a route without the group has a salt of its own");
}

#[test]
fn raising_a_weight_moves_users_one_way_and_lowering_it_brings_back_exactly_those() {
    let sides = Sides::new();
    let file = |percent| sides.file(&[], &format!("movies: {percent}, monolith: rest"), "sticky: header x-user-id,");
    let gateway = Setup::of(file(20)).start();
    let on_movies = || -> BTreeSet<usize> {
        let mut client = gateway.connect();
        let mut on_movies = |user: &usize| who(&mut client, "/", &[("x-user-id", &format!("user-{user}"))]) == "movies";
        (0..500).filter(&mut on_movies).collect()
    };
    let computed = |end| (0..500).filter(|user| bucket("movies", format!("user-{user}").as_bytes()) < end).collect();
    let at_20 = on_movies();
    assert_eq!(at_20, computed(2000));
    gateway.edit(&file(50));
    let at_50 = on_movies();
    assert_eq!(at_50, computed(5000));
    assert!(at_50.is_superset(&at_20) && at_50.len() > at_20.len());
    gateway.edit(&file(20));
    assert_eq!(on_movies(), at_20);
}

#[test]
fn the_first_side_grows_up_from_bucket_0_and_the_second_down_from_9999() {
    let (sides, archive) = (Sides::new(), tests::upstream::Upstream::named("archive"));
    let rest = format!(
        "upstreams: {{ movies: \"{}\", archive: \"{}\", monolith: \"{}\" }}
routes: [{{ name: films, path: /, split: {{ movies: 20, archive: 30, monolith: rest }}, sticky: header user, writes: split }}]\n",
        sides.movies.url(),
        archive.url(),
        sides.monolith.url()
    );
    let gateway = Gateway::start(&rest);
    let mut client = gateway.connect();
    for user in 0..500 {
        let user = user.to_string();
        let side = match bucket("films", user.as_bytes()) {
            0..2000 => "movies",
            7000.. => "archive",
            _ => "monolith",
        };
        assert_eq!(who(&mut client, "/", &[("user", &user)]), side, "user {user}");
    }
}
