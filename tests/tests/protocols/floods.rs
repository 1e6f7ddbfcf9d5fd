//! Clients that abuse HTTP/2: each flood ends with its connection, memory stays flat, and others are served.

use tests::gateway::Gateway;
use tests::upstream::Upstream;

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, Raw, SETTINGS, fields, frame,
};
use crate::{memory, with};

/// What a flood may leave behind.
const GROWTH: usize = 16 << 20;

/// A setting's identifier.
const INITIAL_WINDOW_SIZE: u16 = 4;

fn calm() -> (Upstream, Gateway) {
    let upstream = Upstream::named("films");
    let gateway = with(&[], &upstream);
    assert_eq!(gateway.get("/films").text(), "films");
    (upstream, gateway)
}

/// Floods a connection with what `block` makes until it is closed, and counted as what it is.
fn floods(what: &str, first: &[u8], block: impl FnMut() -> Vec<u8>) {
    assert_eq!(counted_floods(what, first, block), 1.0, "{what}");
}

/// The same, where it may be counted or not; how often it was.
fn counted_floods(what: &str, first: &[u8], block: impl FnMut() -> Vec<u8>) -> f64 {
    let (_upstream, gateway) = calm();
    let before = memory(&gateway);
    let mut raw = Raw::open(gateway.address, &[]);
    raw.send(first).expect("it is open");
    let sent = raw.flood(block);
    let grown = memory(&gateway).saturating_sub(before);
    println!("{what}: closed after {} KiB or sooner, {} KiB more memory", sent / 1024, grown / 1024);
    assert!(grown < GROWTH, "{what}: {} MiB more", grown >> 20);
    assert_eq!(gateway.get("/films").text(), "films");
    let scrape = gateway.counted("nothing is left", |scrape| {
        scrape.value("gateway_requests_in_flight", &[]) == 0.0 && scrape.value("gateway_client_connections", &[]) == 0.0
    });
    scrape.value("gateway_client_connections_refused_total", &[("reason", "http2_flood")])
}

/// Many times the same, so that a flood is not bound by its own writing.
fn often(frame: &[u8]) -> Vec<u8> {
    frame.repeat(1000)
}

#[test]
fn a_flood_of_pings_ends_the_connection() {
    let block = often(&frame(PING, 0, 0, b"01234567"));
    floods("pings", &[], || block.clone());
}

#[test]
fn a_flood_of_settings_ends_the_connection() {
    let block = often(&frame(SETTINGS, 0, 0, &[]));
    floods("settings", &[], || block.clone());
}

#[test]
fn a_flood_of_priorities_ends_the_connection() {
    let block = often(&frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]));
    floods("priorities", &[], || block.clone());
}

#[test]
fn a_flood_of_empty_data_ends_the_connection() {
    let block = often(&frame(DATA, 0, 1, &[]));
    floods("empty data", &frame(HEADERS, END_HEADERS, 1, &fields(3, "/films")), || block.clone());
}

#[test]
fn a_flood_of_continuations_ends_the_connection() {
    let padding = [&[0x00, 0x01, b'a', 0x7f, 0x81, 0x07][..], &[b'x'; 256]].concat();
    let block = often(&frame(CONTINUATION, 0, 1, &padding));
    // To the library this is a head that is far too large, and no flood.
    counted_floods("continuations", &frame(HEADERS, 0, 1, &fields(2, "/films")), || block.clone());
}

#[test]
fn a_flood_of_empty_continuations_ends_the_connection() {
    let block = often(&frame(CONTINUATION, 0, 1, &[]));
    floods("empty continuations", &frame(HEADERS, 0, 1, &fields(2, "/films")), || block.clone());
}

#[test]
fn a_rapid_reset_ends_the_connection() {
    let mut stream = 1;
    floods("rapid reset", &[], || {
        let mut block = Vec::new();
        for _ in 0..500 {
            block.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(2, "/films")));
            block.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
            stream += 2;
        }
        block
    });
}

/// Asks for an answer on each of many streams, whose window is closed.
fn with_closed_windows(gateway: &Gateway, streams: u32, path: &str) -> Raw {
    let mut raw = Raw::open(gateway.address, &[(INITIAL_WINDOW_SIZE, 0)]);
    for stream in 0..streams {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, &fields(2, path))).expect("it is open");
    }
    raw
}

#[test]
fn answers_that_nobody_takes_are_given_up() {
    let large = vec![b'x'; 1 << 20];
    let upstream = Upstream::new(move |exchange| exchange.answer(200, &[], &large));
    let rest = crate::rest(&upstream, ", timeout: { idle: 500ms }");
    let gateway = tests::gateway::Setup::with(&["workers: 1", "timeout: { keepalive: 500ms }"], &rest).start();
    let before = memory(&gateway);
    let mut raw = with_closed_windows(&gateway, 100, "/films");
    let reset = (0..100).map(|_| raw.until(RST_STREAM).2).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(reset.len(), 100, "each stream is reset once");
    assert_eq!(raw.until(crate::frames::GOAWAY).2, 0);
    while raw.next().is_some() {}
    let grown = memory(&gateway).saturating_sub(before);
    println!("closed windows: {} KiB more memory", grown / 1024);
    assert!(grown < 4 * GROWTH, "{} MiB more", grown >> 20);
    let left = gateway.counted("nothing is left", |scrape| scrape.value("gateway_requests_in_flight", &[]) == 0.0);
    assert_eq!(left.value("gateway_client_disconnects_total", &[]), 100.0);
}

#[test]
fn an_answer_of_our_own_that_nobody_takes_ends_with_its_connection() {
    let upstream = Upstream::named("films");
    let gateway = with(&["timeout: { keepalive: 300ms }"], &upstream);
    let mut raw = with_closed_windows(&gateway, 1, "/own");
    raw.until(HEADERS);
    // The answer of a route without a time limit of its own has a minute; that its client goes away ends it at once.
    drop(raw);
    gateway.counted("nothing is left", |scrape| {
        scrape.value("gateway_requests_in_flight", &[]) == 0.0 && scrape.value("gateway_client_connections", &[]) == 0.0
    });
}

#[test]
fn a_client_that_reads_no_acknowledgement_is_not_waited_for() {
    let upstream = Upstream::named("films");
    let gateway = with(&["timeout: { keepalive: 500ms }"], &upstream);
    let before = memory(&gateway);
    let mut raw = Raw::open(gateway.address, &[]);
    let block = often(&frame(PING, 0, 0, b"01234567"));
    while raw.send(&block).is_ok() {}
    gateway.counted("it is closed", |scrape| scrape.value("gateway_client_connections", &[]) == 0.0);
    assert!(memory(&gateway).saturating_sub(before) < GROWTH);
}

#[test]
fn more_streams_than_allowed_are_refused_and_the_others_served() {
    let (go, going) = std::sync::mpsc::channel::<()>();
    let going = std::sync::Mutex::new(going);
    let upstream = Upstream::new(move |exchange| {
        // All wait for the sender's end.
        let _ended = going.lock().expect("a lock").recv();
        exchange.answer(200, &[], b"films")
    });
    let gateway = with(&[], &upstream);
    let mut raw = Raw::open(gateway.address, &[]);
    for stream in 0..200 {
        let head = frame(HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, &fields(2, "/films"));
        raw.send(&head).expect("it is open");
    }
    for _ in 0..72 {
        let (_, _, stream, reason) = raw.until(RST_STREAM);
        assert_eq!((reason, stream > 2 * 127), (vec![0, 0, 0, 7], true), "REFUSED_STREAM, and only past the 128th");
    }
    drop(go);
    for _ in 0..128 {
        raw.until(HEADERS);
    }
}
