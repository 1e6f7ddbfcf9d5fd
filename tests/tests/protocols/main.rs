//! What clients may speak: HTTP/1.0, HTTP/1.1 and HTTP/2 on one port, plain or over TLS, behind a proxy that says whom it speaks for.
//!
//! `conformance` asks h2spec, `curl` asks curl, `http2` is about what an HTTP/2 request becomes behind the gateway and how its
//! connection lives and ends, `floods` about clients that abuse the protocol; `tls` is about handshakes and what goes through them,
//! `renewal` about certificates that change, `proxied` about the PROXY protocol, `idle` about connections that nobody uses, `upward` about what
//! is spoken to upstreams.

mod authority;
mod conformance;
mod curl;
mod floods;
mod frames;
mod http2;
mod idle;
mod proxied;
mod renewal;

mod stream;
mod tls;
mod upward;

use tests::gateway::{Gateway, Setup};
use tests::upstream::Upstream;

/// A file that sends everything to one upstream, called `films`, but for `/own`, which the gateway answers.
fn rest(upstream: &Upstream, policies: &str) -> String {
    format!(
        "upstreams: {{ films: \"{}\" }}\nroutes:\n  - {{ name: own, exact: /own, respond: {{ text: hello }} }}\n  - {{ name: all, path: /, to: films{policies} }}\n",
        upstream.url()
    )
}

/// A gateway of one worker with settings of the server.
fn with(settings: &[&str], upstream: &Upstream) -> Gateway {
    let settings: Vec<_> = [&["workers: 1", "access_log: json"], settings].concat();
    Setup::with(&settings, &rest(upstream, "")).start()
}

/// The resident memory of a gateway in bytes.
fn memory(gateway: &Gateway) -> usize {
    gateway.scrape().value("process_resident_memory_bytes", &[]) as usize
}
