//! Streams: as they are written, as fast as they are read, never whole in memory.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tests::client::Client;
use tests::gateway::Gateway;
use tests::upstream::Upstream;
use tests::wire;
use xxhash_rust::xxh64::Xxh64;

use crate::{before, bytes};

const MIB: usize = 1 << 20;
const LARGE: usize = 100 * MIB;

/// What the gateway may grow by while 100 MiB pass.
const GROWTH: usize = 32 * MIB;

/// A line of the process's status, in bytes: `VmRSS` is its memory now, `VmHWM` the most that it ever was.
fn memory(gateway: &Gateway, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process.id())).expect("it runs");
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next());
    found.and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

/// The hash of 100 MiB.
fn hash_of_large(block: &[u8]) -> u64 {
    let mut hash = Xxh64::new(0);
    (0..LARGE / block.len()).for_each(|_| hash.update(block));
    hash.digest()
}

#[test]
fn a_hundred_mebibytes_go_up_and_memory_stays_flat() {
    let upstream = Upstream::new(|exchange| {
        let (mut hash, mut count, mut buffer) = (Xxh64::new(0), 0, vec![0; 64 * 1024]);
        while count < LARGE {
            let read = exchange.stream.read(&mut buffer)?;
            hash.update(&buffer[..read]);
            count += read;
        }
        exchange.write(format!("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{:016x}", hash.digest()))
    });
    let (gateway, block) = (before(&upstream), bytes(MIB));
    let before = memory(&gateway, "VmRSS");
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[], LARGE);
    client.send(head).expect("the head is sent");
    (0..LARGE / MIB).for_each(|_| client.send(&block).expect("the body is sent"));
    let answer = client.answer().expect("it is answered");
    assert_eq!(answer.text(), format!("{:016x}", hash_of_large(&block)));
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    println!("100 MiB up: {} KiB more", grown / 1024);
    assert!(grown < GROWTH, "{} MiB more", grown / MIB);
}

/// Answers `/length` and `/chunks` with 100 MiB, and counts what it could write.
fn source(written: Arc<AtomicUsize>) -> Upstream {
    Upstream::new(move |exchange| {
        let block = bytes(MIB);
        let chunks = exchange.head.word(1) == "/chunks";
        let framing = if chunks { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {LARGE}") };
        exchange.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"))?;
        for _ in 0..LARGE / MIB {
            let framed = if chunks { [b"100000\r\n", &block[..], b"\r\n"].concat() } else { block.clone() };
            for piece in framed.chunks(64 * 1024) {
                exchange.write(piece)?;
                written.fetch_add(piece.len(), SeqCst);
            }
        }
        exchange.write(if chunks { "0\r\n\r\n" } else { "" })
    })
}

/// Asks for 100 MiB, and reads their hash.
fn download(client: &mut Client) -> u64 {
    let head = client.answer_head().expect("an answer begins");
    let mut hash = Xxh64::new(0);
    if head.header("content-length").is_some() {
        let (mut left, mut buffer) = (LARGE, vec![0; 64 * 1024]);
        while left > 0 {
            let read = client.reader().read(&mut buffer).expect("the answer goes on");
            assert!(read > 0, "it ends {left} bytes early");
            hash.update(&buffer[..read]);
            left -= read;
        }
    } else {
        while let Some(chunk) = wire::read_chunk(client.reader()).expect("the answer goes on") {
            hash.update(&chunk);
        }
    }
    hash.digest()
}

#[test]
fn a_hundred_mebibytes_come_down_and_memory_stays_flat() {
    let upstream = source(Arc::default());
    let gateway = before(&upstream);
    let before = memory(&gateway, "VmRSS");
    for path in ["/length", "/chunks"] {
        let mut client = gateway.connect();
        let head = client.head("GET", path, &[], 0);
        client.send(head).expect("it is sent");
        assert_eq!(download(&mut client), hash_of_large(&bytes(MIB)), "{path}");
    }
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    println!("100 MiB down: {} KiB more", grown / 1024);
    assert!(grown < GROWTH, "{} MiB more", grown / MIB);
}

#[test]
fn a_slow_reader_slows_its_upstream_down_and_nobody_else() {
    let written = Arc::new(AtomicUsize::new(0));
    let upstream = source(written.clone());
    let gateway = before(&upstream);
    let before = memory(&gateway, "VmRSS");
    let mut client = gateway.connect();
    let head = client.head("GET", "/length", &[], 0);
    client.send(head).expect("it is sent");
    let (mut last, mut same) = (0, 0);
    tests::until("the upstream can write no more", || {
        let now = written.load(SeqCst);
        (same, last) = (if now == last && now > 0 { same + 1 } else { 0 }, now);
        (same == 20).then_some(())
    });
    assert!(last < LARGE, "all of it is somewhere");
    assert_eq!(gateway.connect().request("HEAD", "/length", &[], b"").status, 200);
    assert_eq!(download(&mut client), hash_of_large(&bytes(MIB)));
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    assert!(grown < GROWTH, "{} MiB more", grown / MIB);
}

#[test]
fn server_sent_events_arrive_as_they_are_written() {
    let (say, said) = channel::<String>();
    let said = Mutex::new(said);
    let upstream = Upstream::new(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for event in said.lock().expect("one request").iter() {
            exchange.write(format!("{:x}\r\n{event}\r\n", event.len()))?;
        }
        exchange.write("0\r\n\r\n")
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("GET", "/events", &[("accept", "text/event-stream")], 0);
    client.send(head).expect("it is sent");
    // The head comes before any event does.
    assert_eq!(client.answer_head().expect("an answer begins").header("content-type"), Some("text/event-stream"));
    for number in 0..100 {
        let event = format!("id: {number}\ndata: film\n\n");
        say.send(event.clone()).expect("the upstream listens");
        let chunk = wire::read_chunk(client.reader()).expect("the stream goes on");
        assert_eq!(chunk.as_deref(), Some(event.as_bytes()));
    }
    drop(say);
    assert_eq!(wire::read_chunk(client.reader()).expect("it ends well"), None);
}

#[test]
fn an_upload_goes_up_as_it_is_written() {
    let (seen, saw) = channel();
    let upstream = Upstream::new(move |exchange| {
        while let Some(chunk) = wire::read_chunk(exchange.stream)? {
            let _nobody = seen.send(chunk);
        }
        exchange.stream.read_exact(&mut [0; 2])?;
        exchange.write("HTTP/1.1 204 No Content\r\n\r\n")
    });
    let gateway = before(&upstream);
    let mut client = gateway.connect();
    let head = client.head("POST", "/", &[("transfer-encoding", "chunked")], 0);
    client.send(head).expect("it is sent");
    for number in 0..100 {
        let piece = format!("piece {number:03}");
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len())).expect("it is sent");
        assert_eq!(saw.recv().expect("the upstream reads"), piece.as_bytes());
    }
    client.send("0\r\n\r\n").expect("it is sent");
    assert_eq!(client.answer().expect("it is answered").status, 204);
    client.socket().flush().expect("it is open");
}
