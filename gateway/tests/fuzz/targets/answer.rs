//! Answers as the gateway gives them, read strictly.

use super::reading::{Not, Read, Reader};

/// A final answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case, in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// What the origin said it was: `RUN-POSITION`.
    pub seen: Option<String>,
    /// `x-served-by`
    pub by: Option<String>,
    /// `x-gateway-error`
    pub reason: Option<String>,
}

impl Answer {
    /// All whole answers, and whether what follows them is none; `heads` says which requests were HEAD.
    pub fn all(said: &[u8], heads: &[bool]) -> (Vec<Self>, bool) {
        let (mut answers, mut at) = (Vec::new(), 0);
        loop {
            let head = heads.get(answers.len()).copied().unwrap_or(false);
            match Self::read(&said[at..], head) {
                Ok((answer, length)) => {
                    at += length;
                    // 100 Continue is no answer yet.
                    answers.extend((answer.status >= 200).then_some(answer));
                }
                Err(Not::Yet(_)) => return (answers, false),
                Err(Not::Ever(why)) => {
                    assert!(
                        answers.len() >= heads.len(),
                        "{why} in the answer {:?}",
                        String::from_utf8_lossy(&said[at..])
                    );
                    return (answers, true);
                }
            }
        }
    }

    /// Reads the answer at the beginning; one that only its connection's end would end has no body.
    pub fn read(bytes: &[u8], to_head: bool) -> Read<Self> {
        let (line, end) = Reader::Origin.line(bytes, 0)?;
        let line = String::from_utf8_lossy(line);
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| line.strip_prefix("HTTP/1.0 "))
            .and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or(Not::Ever("status line"))?;
        let (fields, end) = Reader::Origin.fields(bytes, end)?;
        let field = |name: &str| {
            let value = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let (body, length) = match (field("content-length"), field("transfer-encoding")) {
            _ if to_head || status < 200 || matches!(status, 204 | 304) => (Vec::new(), 0),
            (None, Some(_)) => {
                let ((body, _), length) = Reader::Origin.chunks(&bytes[end..])?;
                (body, length)
            }
            (Some(length), None) => {
                let length = length.parse().map_err(|_| Not::Ever("length"))?;
                (bytes[end..].get(..length).ok_or(Not::Yet("body"))?.to_vec(), length)
            }
            (None, None) => (Vec::new(), 0),
            (Some(_), Some(_)) => return Err(Not::Ever("framing")),
        };
        let (seen, by, reason) = (field("x-seen"), field("x-served-by"), field("x-gateway-error"));
        Ok((Self { status, fields, body, seen, by, reason }, end + length))
    }
}
