//! An upstream that keeps every byte it is sent.

use std::io::{self, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use tests::upstream::Upstream;
use tests::wire::{Framing, read_body, read_head};

/// What the gateway adds to every head, different each time.
const ADDED: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id", "traceparent"];

/// A recording upstream, which answers each whole request with 200.
pub struct Recorder {
    /// The server.
    pub upstream: Upstream,
    record: Arc<Mutex<Record>>,
}

/// What came.
#[derive(Debug, Default, Clone)]
pub struct Record {
    /// All bytes of all connections.
    pub bytes: Vec<u8>,
    /// Requests that broke off.
    pub cut: usize,
}

impl Recorder {
    /// Starts one.
    pub fn start() -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let kept = record.clone();
        let upstream = Upstream::raw(move |stream, _| {
            let mut reader = BufReader::new(Tee { stream, record: kept.clone() });
            loop {
                match answer_one(&mut reader) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(_) => return lock(&kept).cut += 1,
                }
            }
        });
        Self { upstream, record }
    }

    /// What came since the last time, without what the gateway adds to each head.
    pub fn take(&self) -> Record {
        std::mem::take(&mut *lock(&self.record))
    }

    /// Requests that broke off since the last time.
    pub fn cut(&self) -> usize {
        lock(&self.record).cut
    }
}

fn lock(record: &Mutex<Record>) -> std::sync::MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a request and answers it; false where there is none.
fn answer_one(reader: &mut BufReader<Tee>) -> io::Result<bool> {
    let Some(head) = read_head(reader)? else { return Ok(false) };
    read_body(reader, head.framing(Framing::None))?;
    let body = if head.word(0) == "HEAD" { "" } else { "ok" };
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}");
    reader.get_mut().stream.write_all(answer.as_bytes()).map(|()| true)
}

/// Copies what is read.
struct Tee {
    stream: TcpStream,
    record: Arc<Mutex<Record>>,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        lock(&self.record).bytes.extend(&buffer[..read]);
        Ok(read)
    }
}

/// Requests as bytes, each head without what the gateway adds, and its fields in the order of their names: fields of different
/// names may change places on the way.
pub fn comparable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut out = String::new();
    let mut fields: Option<Vec<String>> = None;
    for line in text.split_inclusive("\r\n") {
        match &mut fields {
            None if line.ends_with(" HTTP/1.1\r\n") => {
                out.push_str(line);
                fields = Some(Vec::new());
            }
            None => out.push_str(line),
            Some(list) if line == "\r\n" => {
                list.sort_by_key(|line| line.split(':').next().unwrap_or_default().to_owned());
                out.push_str(&list.concat());
                out.push_str(line);
                fields = None;
            }
            Some(list) => {
                let name = line.split(':').next().unwrap_or_default();
                list.extend((!ADDED.contains(&name)).then(|| line.to_owned()));
            }
        }
    }
    out + &fields.unwrap_or_default().concat()
}
