//! Without a key: an even spread, not dice.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::{Sides, assert_in_ten, to_movies, who};

#[test]
fn shares_are_exact_by_edits() {
    let sides = Sides::new();
    let file = |percent: usize| sides.file(&[], &format!("movies: {percent}, monolith: rest"), "");
    let gateway = sides.setup(&[], "movies: 50, monolith: rest", "").start();
    let mut client = gateway.connect();
    for percent in [0, 20, 40, 60, 80, 100, 80, 50] {
        gateway.edit(&file(percent));
        let went = to_movies(&mut client, "/", 100);
        assert_eq!(went.iter().filter(|side| **side).count(), percent);
        assert_in_ten(&went, percent / 10);
    }
}

#[test]
fn ten_in_a_row_hold_exactly_eight_across_connections_and_workers() {
    let sides = Sides::new();
    let gateway = sides.setup(&["workers: 2"], "movies: 80, monolith: rest", "").start();
    let mut clients: Vec<_> = (0..10).map(|_| gateway.connect()).collect();
    let went: Vec<_> = (0..200).map(|turn| who(&mut clients[turn * 7 % 10], "/", &[]) == "movies").collect();
    assert_in_ten(&went, 8);
    // Pools are of workers: one client after the other would have needed one connection a side.
    assert_eq!(sides.movies.accepted(), 2, "both workers took part");
}

#[test]
fn shares_of_simultaneous_requests_are_exact() {
    let sides = Sides::new();
    let gateway = sides.setup(&["workers: 2"], "movies: 12.34, monolith: rest", "").start();
    let movies = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                let went = to_movies(&mut client, "/", 1250);
                movies.fetch_add(went.iter().filter(|side| **side).count(), SeqCst);
            });
        }
    });
    assert_eq!(movies.into_inner(), 1234, "of 10,000");
    assert_eq!((sides.movies.requests(), sides.monolith.requests()), (1234, 8766));
}

#[test]
fn three_sides_get_their_shares() {
    let (sides, archive) = (Sides::new(), tests::upstream::Upstream::named("archive"));
    let rest = format!(
        "upstreams: {{ movies: \"{}\", monolith: \"{}\", archive: \"{}\" }}
routes: [{{ name: films, path: /, split: {{ movies: 20, archive: 30, monolith: rest }}, writes: split }}]\n",
        sides.movies.url(),
        sides.monolith.url(),
        archive.url()
    );
    let gateway = tests::gateway::Gateway::start(&rest);
    let mut client = gateway.connect();
    let went: Vec<_> = (0..100).map(|_| who(&mut client, "/", &[])).collect();
    for ten in went.windows(10) {
        let of = |name: &str| ten.iter().filter(|side| *side == name).count();
        assert_eq!((of("movies"), of("archive"), of("monolith")), (2, 3, 5));
    }
}

#[test]
fn the_count_goes_on_across_an_edit() {
    let sides = Sides::new();
    let file = |note: &str| sides.file(&[], "movies: 10, monolith: rest", "") + note;
    let gateway = sides.setup(&[], "movies: 10, monolith: rest", "").start();
    let mut client = gateway.connect();
    let mut went = Vec::new();
    for round in 0..6 {
        went.extend(to_movies(&mut client, "/", 7));
        gateway.edit(&file(&format!("# {round}\n")));
    }
    assert_in_ten(&went, 1);
}

#[test]
fn names_of_the_upstream_and_the_table_are_on_answers_unless_switched_off() {
    let sides = Sides::new();
    let gateway = sides.setup(&[], "movies: 100, monolith: rest", "").start();
    let answer = gateway.get("/");
    assert_eq!((answer.header("x-served-by"), answer.header("x-table-generation")), (Some("movies"), Some("1")));
    gateway.edit(&sides.file(&[], "movies: 0, monolith: rest", ""));
    let answer = gateway.get("/");
    assert_eq!((answer.header("x-served-by"), answer.header("x-table-generation")), (Some("monolith"), Some("2")));

    let silent = sides.setup(&["expose: false"], "movies: 100, monolith: rest", "").start();
    let answer = silent.get("/");
    assert_eq!((answer.header("x-served-by"), answer.header("x-table-generation")), (None, None));
    assert_eq!(answer.text(), "movies");
}

#[test]
fn a_side_of_no_weight_gets_nothing() {
    let sides = Sides::new();
    let gateway = sides.setup(&[], "movies: 0, monolith: rest", "sticky: header x-user-id,").start();
    let mut client = gateway.connect();
    for user in 0..200 {
        assert_eq!(who(&mut client, "/", &[("x-user-id", &user.to_string())]), "monolith");
    }
    assert_in_ten(&to_movies(&mut client, "/", 50), 0);
    assert_eq!((sides.movies.accepted(), sides.monolith.requests()), (0, 250));
}
