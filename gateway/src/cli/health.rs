//! `gateway health`: what a container's health check runs, where there is no curl.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

/// For connecting, and again for each piece of the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is read of an answer; more is not needed to tell why it is not 200.
const ANSWER: u64 = 4096;

/// Ask a running gateway on this machine whether it is ready.
///
/// For the health checks of containers: the image has no curl and no shell.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = "\
Exit status:
  0  ready: it serves by a good table and is not draining
  1  it is not, or nothing listens there; why is printed

Examples:
  gateway health
  gateway health --admin 127.0.0.1:9902
  HEALTHCHECK CMD [\"/gateway\", \"health\"]")]
pub struct Health {
    /// The admin listener, as `server.admin` has it.
    #[arg(long, value_name = "ADDRESS", env = "ADMIN_LISTEN", default_value = "127.0.0.1:9901")]
    pub admin: SocketAddr,
}

impl Health {
    /// Asks once.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match probe(self.admin, "/readyz") {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("not ready: {why}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Whether a server of this machine answers 200 to a GET of `path`. An address that means every one is asked by loopback.
///
/// # Errors
/// What came instead, for people.
pub fn probe(mut address: SocketAddr, path: &str) -> Result<(), String> {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let answer = ask(address, path).map_err(|error| format!("{address}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err(format!("{address}{path}: {status} {}", body.trim_end())),
        None => Err(format!("{address}{path}: the answer is not HTTP")),
    }
}

fn ask(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
