//! Any bytes on a client's connection come out at the origin as the requests that the client sent, in their order, up to the one that is
//! refused; each is answered once, with its own answer; and what can be read in two ways is one request at most, or none.

use arbitrary::Unstructured;

use super::answer::Answer;
use super::made;
use super::origin::Run;
use super::rig::Rig;

/// Says that bytes are sent as they are; after any other first byte they are what a connection is made from.
pub const RAW: u8 = b'=';

/// How HTTP/2 begins, which is another protocol.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a request of the connection was forwarded.
pub fn run(bytes: &[u8]) -> bool {
    let raw = match bytes.split_first() {
        None => return false,
        Some((&RAW, raw)) => raw.to_vec(),
        Some((_, seed)) => made::connection(&mut Unstructured::new(seed)).unwrap_or_default(),
    };
    if raw.starts_with(PREFACE) {
        return false;
    }
    let answers = send(Rig::keep(), &raw);
    answers.iter().any(|answer| answer.seen.is_some())
}

/// Sends a connection's bytes, and holds its answers against them.
pub fn send(rig: &Rig, raw: &[u8]) -> Vec<Answer> {
    let run = Run::of(raw);
    let (whole, most) = (run.expected.len(), run.expected.len() + usize::from(run.rest.is_some()));
    let answers = rig.send(run.clone());
    let told = || format!("{answers:?}\nto {:?}", String::from_utf8_lossy(raw));
    assert!(answers.len() <= most, "{} answers to {most} requests: {}", answers.len(), told());
    let refused = |answer: &Answer| answer.seen.is_none() && answer.reason.as_deref() != Some("no_route");
    for (at, answer) in answers.iter().enumerate() {
        if let Some(seen) = &answer.seen {
            let own = answer.status == 200 && seen.split('-').nth(1) == Some(&at.to_string());
            assert!(own, "the answer at {at} is another's: {}", told());
            continue;
        }
        assert!(answer.status >= 400, "nobody's answer: {}", told());
        assert!(refused(answer) || run.is_unrouted(at) || at == whole, "no route takes it: {}", told());
        assert!(!refused(answer) || at + 1 == answers.len(), "the connection goes on after a refusal: {}", told());
    }
    // hyper gives a broken head no answer where HTTP/2 seems to begin behind it.
    let silent = raw.windows(PREFACE.len()).any(|part| part == PREFACE);
    let closed = silent || answers.last().is_some_and(refused);
    assert!(closed || answers.len() >= whole, "{} answers to {whole} requests: {}", answers.len(), told());
    answers
}
