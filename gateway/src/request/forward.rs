//! The innermost layer: sends the request to its upstream and streams the answer back.
//!
//! A pooled connection may have been closed by the upstream just now. Where not a byte of the request was written it is sent again
//! on a fresh one, whatever it is; where it was written it is sent again only if it is idempotent, has no body, and no byte of
//! an answer came. It is never sent a third time.

use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::Body;
use super::error::Error;
use super::record::Record;
use super::stage::Outcome;
use super::{Assigned, headers, tunnel};
use crate::clock::{after, earlier};
use crate::table::Timeouts;
use crate::upstream::{Download, ExchangeError, Failed, Fields, Lease, Transfer, Upload, Want};

/// Names the upstream that answered.
static X_SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// Forwards a request and waits for the head of the answer.
pub async fn forward(assigned: Assigned) -> Outcome {
    let Assigned { mut request, record, found, route, upstream } = assigned;
    let snapshot = &record.snapshot;
    let (pool, route) = (snapshot.pool(upstream), snapshot.table.route(route));
    let timeouts = route.timeouts;
    if request.body().size_hint().lower() > route.max_body {
        return Err(Error::BodyTooLarge);
    }
    let client_side = tunnel::is_websocket(&request).then(|| hyper::upgrade::on(&mut *request));
    let mut lease = pool.lease(if client_side.is_some() { Want::Upgrade } else { Want::Any }).await?;
    let (mut head, body) = request.into_parts();
    let version = head.version;
    headers::strip(&mut head, &found, !body.is_end_stream());
    if client_side.is_some() {
        tunnel::ask(&mut head.headers);
    }
    let (body, upload) = Upload::new(body, version, route.max_body);
    if let Some(upload) = &upload {
        // Set once: a request has one upload.
        let _first = record.upload.set(upload.clone());
    }
    let replay = (lease.is_reused() && upload.is_none() && is_idempotent(&head.method)).then(|| Replay::of(&head));
    headers::add(&mut head.headers, &found, &record, lease.fields());
    let mut request = Request::from_parts(head, body);
    if let (Some(upload), true) = (&upload, found.expects) {
        upload.expect(&mut request);
    }
    let limit = |cx: &mut Context<'_>| overdue(cx, &record, upload.as_deref(), &timeouts);
    let first = lease.exchange(request, limit).await;
    let response = match first {
        Err(Stopped::Failed(failed)) if lease.is_reused() => {
            lease = pool.lease(Want::Fresh).await?;
            let again = match (failed.unsent, replay) {
                (Some(mut unsent), _) => {
                    headers::host_for(unsent.headers_mut(), lease.fields());
                    *unsent
                }
                (None, Some(replay)) if matches!(failed.error, ExchangeError::Closed) => {
                    let mut again = replay.request();
                    headers::add(again.headers_mut(), &found, &record, lease.fields());
                    again
                }
                _ => return Err(Error::Exchange(failed.error)),
            };
            pool.upstream().series.retried(record.worker.index);
            Box::pin(lease.exchange(again, limit)).await?
        }
        first => first?,
    };
    record.first_byte();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let Some(client_side) = client_side else { return Err(Error::Exchange(ExchangeError::Unasked)) };
        return tunnel::open(response, lease, client_side, timeouts.idle, record.clone()).await;
    }
    answer(response, lease, upload.as_deref(), &timeouts, &record)
}

/// What ends an exchange without an answer.
enum Stopped {
    Failed(Failed),
    Overdue(Error),
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Failed(failed) => Self::Exchange(failed.error),
            Stopped::Overdue(error) => error,
        }
    }
}

fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
}

/// What it takes to send a request without a body again, before our own headers were added.
struct Replay {
    method: Method,
    uri: Uri,
    /// `name \0 value \n` of each header. Nearly always this was made for nothing: text is cheaper than a map.
    headers: Vec<u8>,
}

impl Replay {
    fn of(head: &Parts) -> Self {
        let mut headers = Vec::with_capacity(512);
        for (name, value) in &head.headers {
            headers.extend_from_slice(name.as_str().as_bytes());
            headers.push(b'\0');
            headers.extend_from_slice(value.as_bytes());
            headers.push(b'\n');
        }
        Self { method: head.method.clone(), uri: head.uri.clone(), headers }
    }

    fn request(self) -> Request<Upload> {
        let mut request = Request::new(Upload::Empty);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        for line in self.headers.split(|byte| *byte == b'\n') {
            let Some(end) = line.iter().position(|byte| *byte == b'\0') else { continue };
            // Both were parsed once: neither can fail.
            let (name, value) = (HeaderName::from_bytes(&line[..end]), HeaderValue::from_bytes(&line[end + 1..]));
            if let (Ok(name), Ok(value)) = (name, value) {
                request.headers_mut().append(name, value);
            }
        }
        request
    }
}

/// Ready when the answer's head is overdue: a client that stops sending has `idle` to go on, an upstream `first_byte` to begin.
fn overdue(cx: &mut Context<'_>, record: &Record, upload: Option<&Transfer>, timeouts: &Timeouts) -> Poll<Stopped> {
    if let Some(expectation) = upload.and_then(|upload| upload.expectation.get())
        && expectation.waits()
        && record.clock.poll(cx, Some(expectation.until())).is_ready()
    {
        expectation.give_up();
    }
    let (phase, starved) = match upload {
        Some(upload) if !upload.ended.get() => (after(upload.last.get(), timeouts.idle), upload.starved.get()),
        Some(upload) => (after(upload.last.get(), timeouts.first_byte), false),
        None => (after(record.started, timeouts.first_byte), false),
    };
    let deadline = earlier(phase, after(record.started, timeouts.total));
    let error = || if starved { Error::BodyTimeout } else { Error::UpstreamTimeout };
    record.clock.poll(cx, deadline).map(|()| Stopped::Overdue(error()))
}

/// Makes the client's answer of the upstream's.
fn answer(
    response: Response<Incoming>,
    mut lease: Lease,
    upload: Option<&Transfer>,
    timeouts: &Timeouts,
    record: &Record,
) -> Outcome {
    let (mut head, body) = response.into_parts();
    if !headers::strip_answer(&mut head)? {
        lease.discard();
    }
    // A body that nobody asked for is never read, and its connection ends with its answer.
    if upload.is_some_and(|upload| !upload.ended.get() && !upload.is_held_back()) {
        lease.detach();
    }
    // The version is each hop's own; the client gets the best that it speaks.
    head.version = Version::HTTP_11;
    served_by(&mut head.headers, lease.fields(), record);
    let total = after(record.started, timeouts.total);
    let mut download = Box::new(Download::new(body, lease, record.clock.clone(), timeouts.idle, total));
    download.look_ahead().map_err(Error::Exchange)?;
    Ok(Response::from_parts(head, Body::Upstream(download)))
}

/// Says who answered, where the file allows it.
pub fn served_by(headers: &mut http::HeaderMap, fields: &Fields, record: &Record) {
    if record.worker.server.expose {
        headers.insert(&X_SERVED_BY, fields.served_by.clone());
    }
}
