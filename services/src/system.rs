//! The whole system in one process: the services, and the gateway in front of them on threads of its own.
//!
//! A service listens where the gateway will look for it; one whose variable names another machine is not started here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use axum::http::Uri;
use gateway::{Gateway, Options};

use crate::process::{Signals, live};
use crate::service::{Running, Service, StartError};
use crate::settings::Settings;

/// The gateway's access log has a line a request; a second one says nothing more.
const QUIET: &str = "services::http::record=warn";

/// One service of the system.
pub struct Part {
    /// What it serves.
    pub service: Service,
    /// The variable by which the gateway finds it.
    pub variable: &'static str,
}

/// The whole life of a process that serves everything.
pub fn run(name: &str, parts: &[Part]) -> ExitCode {
    live(name, QUIET, async |settings| serve(&settings, parts).await)
}

async fn serve(settings: &Settings, parts: &[Part]) -> Result<(), StartError> {
    let end = Signals::new()?;
    let mut running = Vec::new();
    for Part { service, variable } in parts {
        if let Some(address) = here(std::env::var(variable).ok().as_deref(), service.port) {
            running.push(service.start(settings, address, variable).await?);
        }
    }
    let routes: PathBuf = std::env::var_os("ROUTES_FILE").unwrap_or_else(|| "routes.yaml".into()).into();
    // It reads files and waits for its threads: no work for ours.
    let options = Options { routes: routes.clone() };
    let started = tokio::task::spawn_blocking(move || Gateway::start(&options)).await;
    let gateway = started.map_err(|panicked| StartError::Runtime(panicked.into()))??;
    eprintln!("{}", banner(&gateway, &routes, &running));

    end.wait().await;
    // The services last, so that every request in flight is answered.
    if tokio::task::spawn_blocking(move || gateway.drain()).await.is_err() {
        tracing::error!("the gateway did not end well");
    }
    for service in running {
        service.stop().await;
    }
    Ok(())
}

/// Where a service listens, given where the gateway looks for it; None where that is not here.
fn here(url: Option<&str>, port: u16) -> Option<SocketAddr> {
    let Some(url) = url.filter(|url| !url.is_empty()) else { return Some((Ipv4Addr::LOCALHOST, port).into()) };
    // What is no address is left to the gateway, which says so in the words of its file.
    let url: Uri = url.parse().ok()?;
    let local = matches!(url.host()?, "localhost" | "127.0.0.1") && url.scheme_str() == Some("http");
    local.then(|| (Ipv4Addr::LOCALHOST, url.port_u16().unwrap_or(80)).into())
}

/// What a person wants to know who has just started it.
fn banner(gateway: &Gateway, routes: &Path, running: &[Running]) -> String {
    let port = gateway.address.port();
    let mut lines = vec!["\nCinemaAbyss is running; ctrl-c stops it.\n".to_owned()];
    let mut line = |what: &str, value: &str| lines.push(format!("  {what:<9} {value}"));
    line(
        "gateway",
        &format!("http://localhost:{port}  by {} (edit and save it: the traffic follows)", routes.display()),
    );
    line("admin", &format!("http://{}  /metrics /table", gateway.admin));
    for service in running {
        line(service.name, &format!("http://{}", service.address));
    }
    if let Some(database) = running.iter().find_map(|service| service.database.as_deref()) {
        line("database", database);
    }
    if let Some(brokers) = running.iter().find_map(|service| service.brokers.as_deref()) {
        line("kafka", brokers);
    }
    line("try", &format!("curl -i localhost:{port}/api/movies"));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::here;

    #[test]
    fn a_service_listens_where_the_gateway_looks_for_it() {
        let at = |url| here(url, 8080).map(|address| address.to_string());
        assert_eq!(at(None).as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(at(Some("http://localhost:18080")).as_deref(), Some("127.0.0.1:18080"));
        assert_eq!(at(Some("http://127.0.0.1")).as_deref(), Some("127.0.0.1:80"));
        assert_eq!(at(Some("http://monolith:8080")), None);
        assert_eq!(at(Some("https://localhost:8443")), None);
    }
}
