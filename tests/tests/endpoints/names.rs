//! A name's addresses come and go with its answers, whose time is respected; nothing in flight is lost by it.

use tests::dns::{Entry, NameServer};
use tests::gateway::{Gateway, Setup};
use tests::place::Place;
use tests::until;
use tests::upstream::Upstream;

use crate::{NAME, addresses, assert_fine, file, fine, gateway, holding, known, lookups, until_known, url};

#[test]
fn a_new_address_gets_requests_once_the_last_answer_is_too_old() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Addresses(all[..1].to_vec(), 1));
    let gateway = gateway(&dns, &url(&places[0]));
    let upstreams = places.map(|place| place.serve(fine));
    assert_fine(&gateway.get("/"));
    assert_eq!(upstreams[1].accepted(), 0);
    dns.say(NAME, Entry::Addresses(all.clone(), 1));
    until_known(&gateway, &all);
    until("the new one has answered", || {
        assert_fine(&gateway.get("/"));
        (upstreams[1].requests() > 0).then_some(())
    });
    assert_eq!(upstreams[0].accepted(), 1, "the address that stayed kept its connection");
}

#[test]
fn a_vanished_address_gets_no_new_request_and_finishes_what_it_has() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Addresses(all[..1].to_vec(), 1));
    let gateway = gateway(&dns, &url(&places[0]));
    let [old, new] = places;
    let ((old, go), new) = (holding(old), new.serve(fine));
    let mut waiting = [gateway.connect(), gateway.connect()];
    for client in &mut waiting {
        client.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").expect("it listens");
    }
    until("both are in flight", || (old.requests() == 2).then_some(()));
    assert_fine(&gateway.get("/idle"));
    assert_eq!((old.requests(), old.open()), (3, 3), "two connections are busy, one is idle");

    dns.say(NAME, Entry::Addresses(all[1..].to_vec(), 1));
    until_known(&gateway, &all[1..]);
    for _ in 0..20 {
        assert_fine(&gateway.get("/"));
    }
    assert_eq!((old.requests(), new.requests()), (3, 20));
    until("the idle connection is closed", || (old.open() == 2).then_some(()));
    // Which of the two hears a word is open.
    (0..2).for_each(|_| go.send(()).expect("the upstream waits for it"));
    for client in &mut waiting {
        assert_fine(&client.answer().expect("an answer"));
    }
    until("the others are closed too", || (old.open() == 0).then_some(()));
    gateway.counted("what was open is not counted any more", |scrape| {
        let count = |state| scrape.value("gateway_upstream_connections", &[("upstream", "films"), ("state", state)]);
        (count("active"), count("idle")) == (0.0, 1.0)
    });
}

#[test]
fn a_name_is_not_looked_up_before_its_answer_is_too_old() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2"]);
    dns.say(NAME, Entry::Addresses(addresses(&[&places[0]]), 300));
    dns.say("brief.test", Entry::Addresses(addresses(&[&places[0]]), 1));
    let port = places[0].port();
    let both = format!("endpoints: [\"http://{NAME}:{port}\", \"http://brief.test:{port}\"]");
    let gateway = gateway(&dns, &both);
    until("the brief one was looked up four times", || (dns.asked("brief.test") >= 8).then_some(()));
    assert_eq!(dns.asked(NAME), 2, "once for each family");
    drop(gateway);
}

#[test]
fn an_answer_too_long_for_udp_is_fetched_over_tcp() {
    let dns = NameServer::new();
    let places = Place::on_one_port(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let all = addresses(&places.each_ref());
    dns.say(NAME, Entry::Truncated(all.clone(), 300));
    let gateway = gateway(&dns, &url(&places[0]));
    until_known(&gateway, &all);
    assert!(dns.asked_over_tcp() > 0);
}

#[test]
fn an_alias_is_followed_and_its_time_counts_too() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    let here = addresses(&[&place]);
    dns.say(NAME, Entry::Alias("other.test.".to_owned(), 1));
    dns.say("other.test", Entry::Addresses(here.clone(), 300));
    dns.say("third.test", Entry::Addresses(vec![[127, 0, 0, 9].into()], 300));
    let gateway = gateway(&dns, &url(&place));
    until_known(&gateway, &here);
    dns.say(NAME, Entry::Alias("third.test.".to_owned(), 1));
    until_known(&gateway, &[[127, 0, 0, 9].into()]);
}

#[test]
fn the_hosts_file_is_asked_first() {
    let dns = NameServer::new();
    dns.say("localhost", Entry::Silence);
    let upstream = Upstream::named("films");
    let gateway = gateway(&dns, &format!("url: \"http://localhost:{}\"", upstream.address().port()));
    assert_fine(&gateway.get("/"));
    assert_eq!(dns.asked("localhost"), 0);
}

#[test]
fn an_edit_that_leaves_an_upstream_alone_leaves_its_addresses_and_connections() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    dns.say(NAME, Entry::Addresses(addresses(&[&place]), 300));
    let settings = url(&place);
    let gateway = gateway(&dns, &settings);
    let upstream = place.serve(fine);
    assert_fine(&gateway.get("/"));
    dns.forget(NAME);
    gateway.edit(&(file(&dns, &settings) + "# edited\n"));
    assert_fine(&gateway.get("/"));
    assert_eq!((upstream.accepted(), dns.asked(NAME)), (1, 2));
    // Another setting needs other connections, and no other addresses.
    gateway.edit(&file(&dns, &format!("{settings}, keepalive: 10s")));
    assert_fine(&gateway.get("/"));
    assert_eq!((upstream.accepted(), dns.asked(NAME)), (2, 2));
    // Nor do other endpoints: what is known of this one is known still.
    let port = upstream.address().port();
    gateway.edit(&file(&dns, &format!("endpoints: [\"http://{NAME}:{port}\", \"http://unknown.test:{port}\"]")));
    assert_fine(&gateway.get("/"));
}

/// All addresses of loopback lead to the same server, which counts its clients.
#[test]
fn streams_on_a_vanished_address_finish_and_its_connection_closes() {
    let dns = NameServer::new();
    let [place] = Place::on_one_port(["127.0.0.1"]);
    let (upstream, go) = holding(place);
    let routes =
        format!("upstreams: {{ films: \"{}\" }}\nroutes: [{{ name: all, path: /, to: films }}]\n", upstream.url());
    let inner =
        Setup::of(format!("server: {{ listen: \"0.0.0.0:0\", admin: \"127.0.0.1:0\", workers: 1 }}\n{routes}")).start();
    let clients = |inner: &Gateway| inner.scrape().value("gateway_client_connections", &[]);
    dns.say(NAME, Entry::Addresses(vec![[127, 0, 0, 1].into()], 1));
    let outer = gateway(&dns, &format!("url: \"http://{NAME}:{}\", protocol: h2c", inner.address.port()));
    let mut waiting = outer.connect();
    waiting.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n").expect("it listens");
    until("it is in flight", || (upstream.requests() == 1).then_some(()));
    assert_fine(&outer.get("/"));
    assert_eq!(clients(&inner), 1.0, "both are streams of one connection");
    dns.say(NAME, Entry::Addresses(vec![[127, 0, 0, 2].into()], 1));
    until_known(&outer, &[[127, 0, 0, 2].into()]);
    assert_fine(&outer.get("/"));
    assert_eq!(clients(&inner), 2.0, "a connection to each address");
    go.send(()).expect("the upstream waits for it");
    assert_fine(&waiting.answer().expect("an answer"));
    inner.counted("the one that nobody needs is closed", |scrape| {
        scrape.value("gateway_client_connections", &[]) == 1.0
    });
    assert_eq!(known(&outer).len(), 1);
    assert!(lookups(&outer, "ok") >= 2.0);
}
