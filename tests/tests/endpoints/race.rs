//! Addresses that refuse or say nothing: another one of the name is tried beside them, and the first that takes the connection wins.

use tests::dns::{Entry, NameServer};
use tests::place::Place;

use crate::{NAME, addresses, assert_fine, assert_refused, fine, gateway, until_known, url};

/// Both orders of the families: whichever the balancer chooses first, the other takes over.
const ORDERS: [[&str; 2]; 2] = [["::1", "127.0.0.1"], ["127.0.0.1", "::1"]];

#[test]
fn an_address_that_refuses_does_not_fail_a_request() {
    for order in ORDERS.into_iter().chain([["127.0.0.2", "127.0.0.1"]]) {
        let dns = NameServer::new();
        let places = Place::on_one_port(order);
        dns.say(NAME, Entry::Addresses(addresses(&places.each_ref()), 300));
        let [refusing, serving] = places;
        let gateway = gateway(&dns, &url(&refusing));
        let upstream = serving.serve(fine);
        for _ in 0..50 {
            assert_fine(&gateway.get("/"));
        }
        assert_eq!(upstream.accepted(), 1, "and it costs no connection either: {order:?}");
    }
}

#[test]
fn an_address_that_takes_no_connections_is_raced() {
    for order in ORDERS {
        let dns = NameServer::new();
        let places = Place::on_one_port(order);
        dns.say(NAME, Entry::Addresses(addresses(&places.each_ref()), 300));
        let [silent, serving] = places;
        // A connection is waited for longer than the test would.
        let gateway = gateway(&dns, &format!("{}, timeout: {{ connect: 1h }}", url(&silent)));
        let (_clogged, upstream) = (silent.clog(), serving.serve(fine));
        for _ in 0..20 {
            assert_fine(&gateway.get("/"));
        }
        assert_eq!(upstream.accepted(), 1, "{order:?}");
    }
}

#[test]
fn an_address_that_comes_back_gets_requests_again() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.2", "127.0.0.1"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Addresses(all, 300));
    let [late, serving] = places;
    let gateway = gateway(&dns, &url(&late));
    let _upstream = serving.serve(fine);
    for _ in 0..20 {
        assert_fine(&gateway.get("/"));
    }
    let late = late.serve(fine);
    tests::until("it has answered", || {
        assert_fine(&gateway.get("/"));
        (late.requests() > 0).then_some(())
    });
}

#[test]
fn where_all_refuse_or_are_silent_the_request_fails_as_with_one() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["::1", "127.0.0.1", "127.0.0.2"]);
    let mut all = addresses(&places.each_ref());
    all.sort();
    dns.say(NAME, Entry::Addresses(all.clone(), 300));
    let settings = url(&places[0]);
    let refused = gateway(&dns, &settings);
    until_known(&refused, &all);
    assert_refused(&refused.get("/"), 502, "upstream_connect");
    let attempts = |outcome| {
        let labels = [("upstream", "films"), ("outcome", outcome)];
        refused.scrape().value("gateway_upstream_connects_total", &labels)
    };
    assert_eq!((attempts("failed"), attempts("timeout")), (3.0, 0.0), "each address was tried once");
    let _clogged = places.map(Place::clog);
    let silent = gateway(&dns, &format!("{settings}, timeout: {{ connect: 600ms }}"));
    until_known(&silent, &all);
    assert_refused(&silent.get("/"), 504, "upstream_connect_timeout");
}
