//! gRPC end to end: a client and a service of Google's library for Python, which must not notice what is between them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tests::gateway::Gateway;

/// What the client tries; `tests/tools/grpccheck.py` says what each means.
const CASES: [&str; 9] =
    ["unary", "errors", "server_stream", "client_stream", "both_streams", "large", "many", "deadline", "cancel"];

fn tool() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/grpc.sh")
}

/// The service; it ends with the test.
struct Service(Child, String);

impl Service {
    fn start() -> Self {
        let mut child = Command::new(tool()).arg("serve").stdout(Stdio::piped()).spawn().expect("the service starts");
        let mut told = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut told).expect("it says where it is");
        let address = told.trim().strip_prefix("serving ").expect("it serves").to_owned();
        Self(child, address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it ends");
    }
}

/// The cases that hold, and all that the client said.
fn call(target: &str) -> (BTreeSet<String>, String) {
    let ran = Command::new(tool()).args(["call", target]).output().expect("the client runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    (said.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::to_owned).collect(), said)
}

#[test]
fn calls_streams_trailers_deadlines_and_cancellation_pass_both_ways() {
    let service = Service::start();
    let gateway = Gateway::start(&format!(
        "upstreams: {{ films: {{ url: \"http://{}\", protocol: h2c }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n",
        service.1
    ));
    let (held, said) = call(&gateway.address.to_string());
    assert_eq!(held, CASES.map(str::to_owned).into(), "{said}");
    // 500 of `many`, the calls of the others and those that ask whether a client has left. One client left its call; where a deadline
    // passed, either the client left first, or the service said so first.
    gateway.counted("every call is counted once", |scrape| {
        let of = |code| scrape.value("gateway_requests_total", &[("route", "all"), ("code", code)]);
        of("5xx") == 0.0 && [(508.0, 2.0), (509.0, 1.0)].contains(&(of("2xx"), of("4xx")))
    });
    gateway.counted("calls share connections", |scrape| {
        let opened = scrape.value("gateway_upstream_connects_total", &[("upstream", "films"), ("outcome", "ok")]);
        (1.0..=4.0).contains(&opened)
    });
}

#[test]
fn a_service_that_is_away_is_unavailable() {
    let address = { Service::start().1.clone() };
    let gateway = Gateway::start(&format!(
        "upstreams: {{ films: {{ url: \"http://{address}\", protocol: h2c }} }}\nroutes: [{{ name: all, path: /, to: films }}]\n"
    ));
    let (held, said) = call(&gateway.address.to_string());
    assert!(held.is_empty() && said.contains("StatusCode.UNAVAILABLE"), "{said}");
}
