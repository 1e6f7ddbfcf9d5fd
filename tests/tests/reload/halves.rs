//! Files that are empty, missing or half-written while they are saved.

use std::fs::{File, OpenOptions, remove_file};
use std::io::Write as _;

use tests::gateway::{Gateway, Setup};
use tests::load::Load;
use tests::until;

use crate::Sides;

/// Waits until the gateway has noticed that the file is no good.
fn noticed(gateway: &Gateway) {
    until("the file's state is noticed", || {
        (gateway.scrape().value("gateway_config_last_reload_successful", &[]) == 0.0).then_some(())
    });
    assert_eq!(gateway.generation(), 1);
}

#[test]
fn a_file_that_is_missing_or_empty_for_a_while_changes_nothing() {
    let sides = Sides::new();
    let gateway = Setup::of(sides.file(0)).start();
    let load = Load::start(gateway.address, "/", 2, 200, |answer| answer.text() == "monolith");
    remove_file(&gateway.routes).expect("the file can be removed");
    noticed(&gateway);
    let table = gateway.table();
    assert!(table["last_rejected"]["problems"].as_str().is_some_and(|text| text.contains("cannot be read")), "{table}");
    gateway.save(&sides.file(0));
    until("it is back", || gateway.table()["last_rejected"].is_null().then_some(()));
    File::create(&gateway.routes).expect("the file can be truncated");
    noticed(&gateway);
    load.stop().assert_clean();
    gateway.edit(&sides.file(100));
    assert_eq!(gateway.get("/").text(), "movies");
}

#[test]
fn a_half_that_stays_is_refused_until_it_is_whole() {
    let sides = Sides::new();
    let gateway = Setup::of(sides.file(0)).start();
    let text = sides.file(100);
    let (first, second) = text.split_at(text.find("monolith: rest").expect("the file has a split"));
    gateway.save(first);
    noticed(&gateway);
    assert_eq!(gateway.get("/").text(), "monolith");
    let appended =
        OpenOptions::new().append(true).open(&gateway.routes).and_then(|mut file| file.write_all(second.as_bytes()));
    appended.expect("the file can be appended to");
    until("it is whole", || (gateway.generation() == 2).then_some(()));
    assert_eq!(gateway.get("/").text(), "movies");
}

#[test]
fn a_half_that_would_be_a_file_of_its_own_is_never_served() {
    let sides = Sides::new();
    let half = sides.file(0).replace("[{", "\n  - {").replace("}]", "}");
    let more = format!("  - {{ name: more, exact: /more, to: movies }}\n{}", "# more to write\n".repeat(2000));
    let gateway = Setup::of(half.clone() + &more).start();
    let load = Load::start(gateway.address, "/more", 2, 500, |answer| answer.text() == "movies");
    for edit in 0..10 {
        let mut file = File::create(&gateway.routes).expect("the file can be truncated");
        for piece in [&half, &more, &format!("# {edit}\n")] {
            file.write_all(piece.as_bytes()).and_then(|()| file.flush()).expect("the file can be written");
        }
        drop(file);
        until("the whole is in force", || (gateway.generation() == edit + 2).then_some(()));
    }
    load.stop().assert_clean();
    assert_eq!(gateway.scrape().value("gateway_config_reloads_total", &[("result", "rejected")]), 0.0);
}

#[test]
fn a_file_that_is_saved_twice_is_served_as_saved_last() {
    let sides = Sides::new();
    let gateway = Setup::of(sides.file(50)).start();
    gateway.save(&sides.file(0));
    gateway.save(&sides.file(100));
    until("the last is in force", || {
        (gateway.table()["routes"][0]["action"]["split"][0]["written"] == 100.0).then_some(())
    });
    assert!((0..20).all(|_| gateway.get("/").text() == "movies"));
    // What is touched, or says the same again, is no edit.
    let generation = gateway.generation();
    gateway.save(&sides.file(100));
    let answer = tests::http::request(gateway.admin, "POST", "/reload", &[], b"");
    assert_eq!((answer.json()["result"].as_str(), gateway.generation()), (Some("unchanged"), generation));
}
