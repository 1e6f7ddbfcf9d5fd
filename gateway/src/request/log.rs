//! The access log: one line a request, formatted and written by a thread of its own.
//!
//! The queue is bounded and never waited for: when the writer is behind, lines are dropped and counted. Query strings are left out,
//! because that is where clients put secrets.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Method, Request, Uri};
use serde::Serialize;

use super::record::Record;
use crate::metrics::Series;
use crate::table::{AccessLog, LogFormat};
use crate::telemetry::colored;

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;

/// How long lines gather before they are written. Meanwhile the writer waits for nobody, so that no worker has to wake it.
const GATHER: Duration = Duration::from_millis(10);

/// What goes out in one write, in bytes, and a line more.
const PIECE: usize = 64 * 1024;

/// A worker's end of the log.
#[derive(Debug)]
pub struct Log {
    sample: u32,
    until_next: Cell<u32>,
    queue: SyncSender<Box<Line>>,
}

/// The writer's queue, to make each worker's end from. `None` where the log is off.
#[derive(Clone, Debug)]
pub struct Writer(Option<(u32, SyncSender<Box<Line>>)>);

impl Writer {
    /// Starts the writing thread; it ends when all workers' ends are gone and everything is written.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(settings: AccessLog) -> io::Result<(Self, Written)> {
        let (ending, ended) = channel();
        if settings.format == LogFormat::Off {
            return Ok((Self(None), Written(ended)));
        }
        let (sender, lines) = sync_channel(QUEUE);
        let write = move || {
            // A log that nobody can read any more, as a closed pipe, is no reason to stop serving.
            let _ended = write_all(&lines, settings.format);
            drop(ending);
        };
        std::thread::Builder::new().name("access-log".to_owned()).spawn(write)?;
        Ok((Self(Some((settings.sample, sender))), Written(ended)))
    }

    /// An end for one worker.
    #[must_use]
    pub fn for_worker(&self) -> Option<Log> {
        let (sample, queue) = self.0.clone()?;
        Some(Log { sample, until_next: Cell::new(0), queue })
    }
}

/// The end of the writing thread.
#[derive(Debug)]
pub struct Written(Receiver<()>);

impl Written {
    /// Waits until every line is written, for a reader that takes none no longer than that.
    pub fn wait(self, limit: Duration) {
        // Nothing is ever sent: what ends the wait is the thread's end.
        let _ended = self.0.recv_timeout(limit);
    }
}

/// A line in the making.
#[derive(Debug)]
pub struct Line {
    time: SystemTime,
    method: Method,
    target: Uri,
    request_id: HeaderValue,
    client: Option<IpAddr>,
    series: Option<Arc<Series>>,
    pick: Option<super::record::Pick>,
    error: Option<&'static str>,
    generation: u64,
    status: u16,
    took: Duration,
    bytes: (u64, u64),
}

impl Log {
    /// Begins the line of a request, if it is one of those to log.
    #[must_use]
    pub fn begin<B>(&self, request: &Request<B>) -> Option<Box<Line>> {
        if let Some(left) = self.until_next.get().checked_sub(1) {
            self.until_next.set(left);
            return None;
        }
        self.until_next.set(self.sample - 1);
        Some(Box::new(Line {
            time: SystemTime::now(),
            method: request.method().clone(),
            target: request.uri().clone(),
            request_id: HeaderValue::from_static("-"),
            client: None,
            series: None,
            pick: None,
            error: None,
            generation: 0,
            status: 0,
            took: Duration::ZERO,
            bytes: (0, 0),
        }))
    }

    /// Hands a line to the writer; false if it had to be dropped.
    pub fn write(&self, line: Box<Line>) -> bool {
        self.queue.try_send(line).is_ok()
    }
}

impl Line {
    /// Fills in how the request ended.
    #[must_use]
    pub fn finish(
        mut self: Box<Self>,
        record: &Record,
        series: &Arc<Series>,
        status: u16,
        took: Duration,
        bytes: (u64, u64),
    ) -> Box<Self> {
        self.request_id = record.request_id.clone();
        self.client = Some(record.address);
        self.series = Some(series.clone());
        self.pick = record.pick.get();
        self.error = record.error.get();
        self.generation = record.snapshot.table.generation;
        (self.status, self.took, self.bytes) = (status, took, bytes);
        self
    }
}

fn write_all(lines: &Receiver<Box<Line>>, format: LogFormat) -> io::Result<()> {
    let colour = colored(&io::stdout());
    let mut text = Vec::new();
    while let Ok(first) = lines.recv() {
        std::thread::sleep(GATHER);
        let mut out = io::stdout().lock();
        for line in std::iter::once(first).chain(lines.try_iter().take(QUEUE)) {
            // Into memory, and numbers and strings only: this can't fail.
            let _done = match format {
                LogFormat::Text => as_text(&line, colour, &mut text),
                LogFormat::Json | LogFormat::Off => as_json(&line, &mut text),
            };
            if text.len() >= PIECE {
                out.write_all(&text)?;
                text.clear();
            }
        }
        out.write_all(&text)?;
        out.flush()?;
        text.clear();
    }
    Ok(())
}

/// The fields of a JSON line, in their order.
#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    client: Option<IpAddr>,
    method: &'a str,
    path: &'a str,
    status: u16,
    /// In seconds.
    duration: f64,
    route: &'a str,
    upstream: &'a str,
    reason: Option<&'static str>,
    bucket: Option<u16>,
    error: Option<&'static str>,
    generation: u64,
    request_id: &'a str,
    bytes_in: u64,
    bytes_out: u64,
}

fn fields(line: &Line) -> Fields<'_> {
    let (route, upstream) = line.series.as_ref().map_or(("-", "-"), |series| (&series.route, &series.upstream));
    Fields {
        time: humantime::format_rfc3339_millis(line.time).to_string(),
        client: line.client,
        method: line.method.as_str(),
        path: line.target.path(),
        status: line.status,
        duration: line.took.as_micros() as f64 / 1e6,
        route,
        upstream,
        reason: line.pick.map(|pick| pick.reason.as_str()),
        bucket: line.pick.and_then(|pick| pick.bucket),
        error: line.error,
        generation: line.generation,
        request_id: line.request_id.to_str().unwrap_or_default(),
        bytes_in: line.bytes.0,
        bytes_out: line.bytes.1,
    }
}

fn as_json(line: &Line, text: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &fields(line))?;
    text.write_all(b"\n")
}

fn as_text(line: &Line, colour: bool, text: &mut Vec<u8>) -> io::Result<()> {
    let fields = fields(line);
    let (paint, plain) = match (colour, fields.status) {
        (false, _) => ("", ""),
        (true, ..400) => ("\x1b[32m", "\x1b[0m"),
        (true, 400..500) => ("\x1b[33m", "\x1b[0m"),
        (true, _) => ("\x1b[31m", "\x1b[0m"),
    };
    let clock = fields.time.get(11..23).unwrap_or_default();
    let milliseconds = fields.duration * 1e3;
    let Fields { method, path, status, route, upstream, generation, .. } = fields;
    let why = fields.reason.unwrap_or("gateway");
    let bucket = fields.bucket.map(|bucket| format!(" bucket {bucket}")).unwrap_or_default();
    let error = fields.error.map(|error| format!(", {error}")).unwrap_or_default();
    let request_id = fields.request_id.get(..8).unwrap_or(fields.request_id);
    writeln!(
        text,
        "{clock} {paint}{status}{plain} {milliseconds:>8.1}ms {method:<6} {path:<28} {upstream:<10} {why}{bucket}{error}, route {route}, table {generation}, id {request_id}"
    )
}
