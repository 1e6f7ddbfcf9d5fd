//! The innermost layer: sends the request to its upstream and streams the answer back.
//!
//! A pooled connection may have been closed by the upstream just now. Where not a byte of the request was written it is sent again
//! on a fresh one, whatever it is; where it was written it is sent again only if it is idempotent, has no body, and no byte of
//! an answer came. It is never sent a third time.

use std::task::{Context, Poll};

use http::{HeaderName, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::Body;
use super::error::Error;
use super::headers::{self, Found};
use super::record::Record;
use super::stage::Outcome;
use super::{Assigned, tunnel};
use crate::clock::{after, earlier};
use crate::table::{Route, Timeouts};
use crate::upstream::{Download, ExchangeError, Failed, Fields, Lease, Pool, Streamed, Upload, Want};

/// Names the upstream that answered.
static X_SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// Forwards a request and waits for the head of the answer.
///
/// Each request waits in one of these, and carries what any of its awaits may need: what is large is made and given away between two of
/// them, or boxed where it is rare.
pub async fn forward(assigned: Assigned) -> Outcome {
    let Assigned { request, record, found, route, upstream } = assigned;
    let snapshot = &record.snapshot;
    let (pool, route) = (snapshot.pool(upstream), snapshot.table.route(route));
    if request.body().size_hint().lower() > route.max_body {
        return Err(Error::BodyTooLarge);
    }
    let upgrades = tunnel::is_websocket(&request);
    let mut lease = pool.lease(if upgrades { Want::Upgrade } else { Want::Any }).await?;
    let limit = |cx: &mut Context<'_>| overdue(cx, &record, &route.timeouts);
    let first = {
        let outbound = prepare(*request, &found, &record, route, &lease, upgrades);
        lease.exchange(outbound, limit)
    }
    .await;
    let (response, lease) = match first {
        Err(Stopped::Failed(failed)) if lease.is_reused() => Box::pin(send_again(failed, pool, &record, limit)).await?,
        first => (first?, lease),
    };
    record.first_byte();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if !upgrades {
            return Err(Error::Exchange(ExchangeError::Unasked));
        }
        return tunnel::open(response, lease, route.timeouts.idle, record.clone());
    }
    answer(response, lease, &route.timeouts, &record)
}

/// Sends a request for the second time, on a fresh connection, where it can be.
async fn send_again(
    failed: Failed,
    pool: &Pool,
    record: &Record,
    limit: impl FnMut(&mut Context<'_>) -> Poll<Stopped>,
) -> Result<(Response<Streamed>, Lease), Error> {
    let closed = matches!(failed.error, ExchangeError::Closed);
    let again = |request: &Request<Upload>| closed && request.body().is_end_stream() && is_idempotent(request.method());
    let Some(mut request) = failed.request.filter(|request| !failed.written || again(request)) else {
        return Err(Error::Exchange(failed.error));
    };
    let mut lease = pool.lease(Want::Fresh).await?;
    headers::host_for(request.headers_mut(), lease.fields());
    pool.upstream().series.retried(record.worker.index);
    let response = lease.exchange(*request, limit).await?;
    Ok((response, lease))
}

/// Makes the upstream's request of the client's.
fn prepare(
    request: Request<Incoming>,
    found: &Found,
    record: &Record,
    route: &Route,
    lease: &Lease,
    upgrades: bool,
) -> Request<Upload> {
    let (mut head, body) = request.into_parts();
    let version = head.version;
    headers::strip(&mut head, found);
    if upgrades {
        tunnel::ask(&mut head.headers);
    }
    let (body, upload) = Upload::new(body, version, route.max_body);
    headers::add(&mut head.headers, found, record, lease.fields());
    let request = Request::from_parts(head, body);
    if let Some(upload) = upload {
        if found.expects {
            upload.expect();
        }
        // Set once: a request has one upload.
        let _first = record.upload.set(upload);
    }
    request
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

/// Ready when the answer's head is overdue: a client that stops sending has `idle` to go on, an upstream `first_byte` to begin.
fn overdue(cx: &mut Context<'_>, record: &Record, timeouts: &Timeouts) -> Poll<Stopped> {
    let upload = record.upload.get();
    if let Some(expectation) = upload.and_then(|upload| upload.expectation.get())
        && expectation.waits()
        && record.clock.poll(cx, Some(expectation.until())).is_ready()
    {
        expectation.end();
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
fn answer(response: Response<Streamed>, mut lease: Lease, timeouts: &Timeouts, record: &Record) -> Outcome {
    let (mut head, body) = response.into_parts();
    if !headers::strip_answer(&mut head)? {
        lease.discard();
    }
    // A body that nobody asked for is never read, and its connection ends with its answer.
    if record.upload.get().is_some_and(|upload| !upload.ended.get() && !upload.is_held_back()) {
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
