//! `server.tls`: which files belong together. Whether they are there and fit is asked apart, by [`problems_of_files`], because the rest
//! of a file can be judged without them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::table::file::read::At;
use crate::table::file::tls::{Demand, Tls as Written, TlsSettings, Version};
use crate::table::problem::{Problem, Problems};
use crate::table::tls::{Clients, Pair, Source, Tls};
use crate::tls::{Broken, Part};

const HANDSHAKE: Duration = Duration::from_secs(10);

/// The settings, where there is at least a certificate. Relative paths begin at `folder`.
pub(super) fn plan(written: Option<&Written>, folder: &Path, problems: &mut Problems) -> Option<Tls> {
    let Written(settings) = written?;
    let source = |at: &At<PathBuf>| Source { path: folder.join(&at.value), span: at.span };
    let mut certificates: Vec<_> = settings
        .certificates
        .iter()
        .flatten()
        .map(|pair| Pair { cert: source(&pair.cert), key: source(&pair.key) })
        .collect();
    single(settings, problems);
    if let (Some(cert), Some(key)) = (&settings.cert, &settings.key) {
        certificates.insert(0, Pair { cert: source(cert), key: source(key) });
    }
    let demand = settings.client_certificate.as_ref();
    if let (Some(at), false) = (demand, settings.wrote("client_ca")) {
        problems.error(at.span, "`client_certificate` needs `client_ca`").help("name the file of the authorities");
    }
    let required = demand.is_none_or(|at| at.value == Demand::Required);
    let handshake = settings.handshake.as_ref().map_or(HANDSHAKE, |at| at.value);
    Some(Tls {
        certificates,
        clients: settings.client_ca.as_ref().map(|at| Clients { authorities: source(at), required }),
        only_13: settings.min_version.as_ref().is_some_and(|at| at.value == Version::Tls13),
        handshake: Some(handshake).filter(|limit| !limit.is_zero()),
    })
}

/// `cert` and `key` come together, and not beside `certificates`.
fn single(settings: &TlsSettings, problems: &mut Problems) {
    let wrote = |key| settings.wrote(key);
    let (cert, key, several) = (wrote("cert"), wrote("key"), wrote("certificates"));
    let missing = match (cert, key, several) {
        (false, false, true) | (true, true, false) => return,
        (_, _, true) => {
            let problem = problems.error(settings.span, "`tls` has `certificates` beside `cert` or `key`");
            problem.help("write all of them into `certificates`; the first is shown where no other fits");
            return;
        }
        (true, false, false) => "`key`",
        (false, true, false) => "`cert`",
        (false, false, false) => "`cert` and `key`",
    };
    // An unknown key may be the slip of a missing one, and is reported.
    if !settings.slipped() {
        problems.error(settings.span, format!("`tls` needs {missing}"));
    }
}

/// What is wrong with the files, each at the place that names it.
pub(super) fn problems_of_files(tls: &Tls) -> Vec<Problem> {
    let broken = crate::tls::read(tls).and_then(|read| crate::tls::server(tls, &read, &crate::tls::Tickets::new()));
    broken.map_or_else(|broken| broken.iter().map(|broken| problem(tls, broken)).collect(), |_| Vec::new())
}

fn problem(tls: &Tls, Broken { part, why }: &Broken) -> Problem {
    let pair = |at: &usize| &tls.certificates[*at];
    let (source, help) = match part {
        Part::Cert(at) => (Some(&pair(at).cert), "a certificate's file is PEM: -----BEGIN CERTIFICATE-----"),
        Part::Key(at) => (Some(&pair(at).key), "a key's file is PEM: -----BEGIN PRIVATE KEY-----"),
        Part::Authorities => {
            (tls.clients.as_ref().map(|clients| &clients.authorities), "write a PEM file of certificates")
        }
    };
    let mut problem = Problem::error(source.map(|source| source.span).unwrap_or_default(), why.clone());
    problem.help(help);
    problem
}
