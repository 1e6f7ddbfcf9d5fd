//! `tls` of an upstream: what goes with which URL, and what is in the files. They are read apart from the rest, by `with_files`.

use std::path::Path;

use crate::table::file::name::Name;
use crate::table::file::read::At;
use crate::table::file::upstream::{Protocol as Written, UpstreamSettings};
use crate::table::problem::{Problem, Problems, Span};
use crate::table::tls::{Pair, Source};
use crate::table::{Protocol, UpstreamTls};
use crate::tls::client::Client;
use crate::tls::{Broken, Part};

/// TLS to an upstream before and after its files are read.
#[derive(Debug)]
pub(super) struct PlannedTls {
    settings: Client,
    /// The upstream's name in the file, for what is the system's fault.
    span: Span,
    loaded: Option<UpstreamTls>,
}

/// What it speaks; a protocol and a URL that don't go together are problems.
pub(super) fn protocol(settings: &UpstreamSettings, problems: &mut Problems) -> Protocol {
    let Some(at) = &settings.protocol else { return Protocol::Http1 };
    match (at.value, is_secure(settings)) {
        (Written::Http1, _) => return Protocol::Http1,
        (Written::H2c, true) => {
            problems.error(at.span, "`h2c` is HTTP/2 without TLS, but the URL is `https`").help("write `h2`");
        }
        (Written::H2, false) => {
            problems
                .error(at.span, "`h2` is HTTP/2 over TLS, but the URL is `http`")
                .help("write `h2c`, or an `https` URL");
        }
        (Written::H2c, false) | (Written::H2, true) => {}
    }
    Protocol::Http2
}

fn is_secure(settings: &UpstreamSettings) -> bool {
    settings.url.iter().chain(settings.endpoints.iter().flatten()).any(|at| at.value.secure)
}

/// The settings, where the URL is `https`. Relative paths begin at `folder`.
pub(super) fn plan(
    name: &At<Name>,
    settings: &UpstreamSettings,
    folder: &Path,
    problems: &mut Problems,
) -> Option<PlannedTls> {
    let mut urls = settings.url.iter().chain(settings.endpoints.iter().flatten());
    let secure = is_secure(settings);
    if secure && let Some(plain) = urls.find(|at| !at.value.secure) {
        problems
            .error(plain.span, format!("upstream `{}` has `https` endpoints beside this one", name.as_str()))
            .help("all endpoints of an upstream are `http`, or all are `https`");
    }
    let written = settings.tls.as_ref();
    if let (Some(tls), false) = (written, secure) {
        problems.error(tls.span, "`tls` is for an `https` URL").help("write `https://…`, or take `tls` out");
    }
    if let Some(tls) = written.filter(|tls| tls.wrote("cert") != tls.wrote("key") && !tls.slipped()) {
        problems.error(tls.span, "`cert` and `key` belong together").help("write both, or neither");
    }
    let source = |at: &At<std::path::PathBuf>| Source { path: folder.join(&at.value), span: at.span };
    let pair = written.and_then(|tls| Some(Pair { cert: source(tls.cert.as_ref()?), key: source(tls.key.as_ref()?) }));
    let client = Client {
        authorities: written.and_then(|tls| tls.ca.as_ref()).map(source),
        identity: pair,
        name: written.and_then(|tls| tls.name.as_ref()).map(|at| at.value.0.clone()),
    };
    secure.then_some(PlannedTls { settings: client, span: name.span, loaded: None })
}

impl PlannedTls {
    /// Reads the files; what is wrong with them is told at the place that names them.
    pub(super) fn read_files(&mut self, problems: &mut Vec<Problem>) {
        match self.settings.read() {
            Ok(loaded) => self.loaded = Some(loaded),
            Err(Broken { part, why }) => {
                let span = match (part, &self.settings.authorities, &self.settings.identity) {
                    (Part::Authorities, Some(source), _) => source.span,
                    (Part::Cert(_), _, Some(pair)) => pair.cert.span,
                    (Part::Key(_), _, Some(pair)) => pair.key.span,
                    _ => self.span,
                };
                problems.push(Problem::error(span, why));
            }
        }
    }

    /// What was read; where nothing was, nobody is believed.
    pub(super) fn into_loaded(self) -> UpstreamTls {
        self.loaded.unwrap_or_else(UpstreamTls::believing_nobody)
    }
}
