//! HTTP/1.1 requests as RFC 9112 has them and not a letter more: what the origin takes, and what a client means by the bytes it sends.
//!
//! The origin takes nothing that could be read in two ways. Of a client's bytes a bare LF counts as the end of a line in a head, which a
//! recipient may do (2.2) and hyper does; whatever else is odd in a framing is called broken, and only its beginning is known.

/// Fields that are a hop's own, or that the gateway writes.
const HOPS: [&str; 15] = [
    "connection",
    "te",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "transfer-encoding",
    "content-length",
    "forwarded",
    "x-request-id",
    "traceparent",
    "tracestate",
    "expect",
];

/// A whole request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its target, byte for byte.
    pub target: Vec<u8>,
    /// Names in lower case, values without the blanks around them, in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Without its framing.
    pub body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub goes_on: bool,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Framing {
    #[default]
    Chunked,
    Length(usize),
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Not {
    /// What is there may be the beginning of one.
    Yet(&'static str),
    /// It is none.
    Ever(&'static str),
}

/// A request, or what is known of it, and how many bytes it takes.
pub type Read<T> = Result<(T, usize), Not>;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reader {
    /// Strictly.
    Origin,
    /// With the tolerance that a server may have.
    Server,
}

impl Reader {
    /// Reads the request at the beginning.
    pub fn request(self, bytes: &[u8]) -> Read<Request> {
        let (mut request, head) = self.head(bytes)?;
        let mut trailers = false;
        let (body, length) = match request.framing {
            Framing::Length(length) => (bytes[head..].get(..length).ok_or(Not::Yet("body"))?.to_vec(), length),
            Framing::Chunked => {
                let ((body, more), length) = self.chunks(&bytes[head..])?;
                trailers = more;
                (body, length)
            }
        };
        request.body = body;
        // The gateway reads nothing after trailers, nor after chunks that it need not read.
        let last = trailers || request.framing == Framing::Chunked && request.is_unrouted();
        request.goes_on &= !(self == Self::Server && last);
        Ok((request, head + length))
    }

    /// Reads a head, as a request without its body.
    pub fn head(self, bytes: &[u8]) -> Read<Request> {
        let mut at = 0;
        if self == Self::Server {
            // A server passes over empty lines before a request (2.2).
            while let Some(rest) = bytes[at..].strip_prefix(b"\r\n").or_else(|| bytes[at..].strip_prefix(b"\n")) {
                at = bytes.len() - rest.len();
            }
        }
        let (line, end) = self.line(bytes, at)?;
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Not::Ever("request line"));
        };
        let good = is_token(method) && !target.is_empty() && target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        if !good || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
            return Err(Not::Ever("request line"));
        }
        let (fields, end) = self.fields(bytes, end)?;
        let newer = version == b"HTTP/1.1";
        let mut request = Request { method: text(method), target: target.to_vec(), fields, ..Request::default() };
        request.framing = request.framed(newer)?;
        request.goes_on = if newer {
            !request.connection("close")
        } else {
            request.connection("keep-alive") && !request.connection("close")
        };
        Ok((request, end))
    }

    /// The line that begins there, without its end, and where the next one begins.
    pub fn line(self, bytes: &[u8], at: usize) -> Read<&[u8]> {
        let length = bytes[at..].iter().position(|byte| *byte == b'\n').ok_or(Not::Yet("line"))?;
        let line = &bytes[at..at + length];
        let bare = self == Self::Server && !line.ends_with(b"\r");
        let line = if bare { line } else { line.strip_suffix(b"\r").ok_or(Not::Ever("bare LF"))? };
        Ok((line, at + length + 1))
    }

    /// Field lines up to an empty one.
    pub fn fields(self, bytes: &[u8], mut at: usize) -> Read<Vec<(String, Vec<u8>)>> {
        let mut fields = Vec::new();
        loop {
            let (line, next) = self.line(bytes, at)?;
            at = next;
            if line.is_empty() {
                return Ok((fields, at));
            }
            let colon = line.iter().position(|byte| *byte == b':').ok_or(Not::Ever("field"))?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            let visible = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
            if !is_token(name) || !value.iter().all(visible) {
                return Err(Not::Ever("field"));
            }
            fields.push((text(name).to_lowercase(), trim(value).to_vec()));
        }
    }

    /// Chunks, and whether trailers follow them. Here a server may pass over blanks at the end of a size, and no more.
    pub fn chunks(self, bytes: &[u8]) -> Read<(Vec<u8>, bool)> {
        let (mut body, mut at) = (Vec::new(), 0);
        loop {
            let (line, next) = Reader::Origin.line(bytes, at)?;
            let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
            let (size, extension) = (std::str::from_utf8(&line[..digits]).unwrap_or_default(), &line[digits..]);
            let visible = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
            let size = usize::from_str_radix(size, 16).map_err(|_| Not::Ever("chunk size"))?;
            let blank = extension.is_empty() || self == Self::Server && trim(extension).is_empty();
            if !(blank || trim(extension).starts_with(b";") && extension.iter().all(visible)) {
                return Err(Not::Ever("chunk extension"));
            }
            if size == 0 {
                let (trailers, end) = Reader::Origin.fields(bytes, next)?;
                return Ok(((body, !trailers.is_empty()), end));
            }
            let chunk = bytes[next..].get(..size).ok_or(Not::Yet("chunk"))?;
            body.extend_from_slice(chunk);
            at = next + size + 2;
            match bytes.get(next + size..at) {
                None => return Err(Not::Yet("chunk end")),
                Some(b"\r\n") => {}
                Some(_) => return Err(Not::Ever("chunk end")),
            }
        }
    }
}

impl Request {
    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Its first two words, for people.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, String::from_utf8_lossy(&self.target))
    }

    /// Whether no route takes it: it is answered, and the connection goes on.
    pub fn is_unrouted(&self) -> bool {
        self.method == "OPTIONS" && self.target == b"*"
    }

    /// Whether `Connection` has this option.
    pub fn connection(&self, option: &str) -> bool {
        let mut options = self.all("connection").flat_map(|line| line.split(|byte| *byte == b','));
        options.any(|known| trim(known).eq_ignore_ascii_case(option.as_bytes()))
    }

    /// Whether `other` is this request after a hop; else what differs.
    pub fn same_as(&self, other: &Self) -> Result<(), String> {
        let (authority, target) = self.origin_form();
        let same = (self.method == other.method, target == other.target, self.body == other.body);
        if same != (true, true, true) {
            return Err(format!("method, target and body are the same: {same:?}"));
        }
        let hops = |name: &str| HOPS.contains(&name) || name.starts_with("x-forwarded-") || authority && name == "host";
        let fields = |request: &Self| {
            let kept = |(name, _): &&(String, Vec<u8>)| !(hops(name) || self.connection(name) && name != "host");
            let mut fields: Vec<_> = request.fields.iter().filter(kept).cloned().collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            fields
        };
        let (sent, came) = (fields(self), fields(other));
        // A client of HTTP/1.0 need not say which host it means.
        let hostless = self.all("host").next().is_none();
        let came: Vec<_> = came.into_iter().filter(|(name, _)| !(hostless && name == "host")).collect();
        if sent == came { Ok(()) } else { Err(format!("fields changed from {sent:?} to {came:?}")) }
    }

    /// The target as it is sent on: from an absolute form what follows its authority; without a fragment, which is no part of a target.
    fn origin_form(&self) -> (bool, Vec<u8>) {
        let end = self.target.iter().position(|byte| *byte == b'#').unwrap_or(self.target.len());
        let target = &self.target[..end];
        if target.starts_with(b"/") || target == b"*" {
            return (false, target.to_vec());
        }
        let Some(scheme) = target.windows(3).position(|part| part == b"://") else { return (false, target.to_vec()) };
        let after = &target[scheme + 3..];
        let path = &after[after.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(after.len())..];
        (true, if path.starts_with(b"/") { path.to_vec() } else { [b"/", path].concat() })
    }

    fn framed(&self, newer: bool) -> Result<Framing, Not> {
        let (codings, lengths): (Vec<_>, Vec<_>) =
            (self.all("transfer-encoding").collect(), self.all("content-length").collect());
        let number = |digits: &[u8]| {
            let digits =
                std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse::<usize>().ok()
        };
        match (codings[..].len(), lengths.first()) {
            (0, None) => Ok(Framing::Length(0)),
            (1, None) if newer && codings[0].eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (0, Some(first)) if lengths.iter().all(|length| number(length) == number(first)) => {
                number(first).map(Framing::Length).ok_or(Not::Ever("length"))
            }
            _ => Err(Not::Ever("framing")),
        }
    }
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A name: it has been looked at.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
