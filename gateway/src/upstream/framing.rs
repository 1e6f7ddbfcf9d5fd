//! Where a body of HTTP/1.1 ends, by RFC 9112 (6 and 7): read of an answer, written around an upload. Bytes alone, no I/O.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, MAX_FORWARDS,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use httparse::Status;

/// A chunk's size with its extensions is no longer than that, and neither are all trailers together.
const MAX_LINES: usize = 16 * 1024;

/// An answer has no more trailers than that.
const MAX_TRAILERS: usize = 64;

/// What an answer's body still lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remaining {
    /// So many bytes.
    Length(u64),
    /// A chunk's size.
    Size,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line's end behind a chunk.
    ChunkEnd,
    /// The lines behind the last chunk.
    Trailers,
    /// Whatever comes until the connection ends.
    Close,
}

impl Remaining {
    /// Nothing: the whole body was read.
    pub(super) const NOTHING: Self = Self::Length(0);

    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Takes the next piece out of what was read; none where more has to be read, or there is no more.
    ///
    /// # Errors
    /// What stands there frames no body.
    pub(super) fn take(&mut self, read: &mut BytesMut) -> Result<Option<Frame<Bytes>>, &'static str> {
        self.pass(read)?;
        let left = match self {
            Self::Length(left) | Self::Chunk(left) => left,
            Self::Close if !read.is_empty() => return Ok(Some(Frame::data(read.split().freeze()))),
            Self::Trailers => return self.trailers(read),
            Self::Size | Self::ChunkEnd | Self::Close => return Ok(None),
        };
        if *left == 0 || read.is_empty() {
            return Ok(None);
        }
        let size = usize::try_from(*left).map_or(read.len(), |left| left.min(read.len()));
        *left -= size as u64;
        let piece = read.split_to(size).freeze();
        if *self == Self::Chunk(0) {
            *self = Self::ChunkEnd;
        }
        // What ends the body may be here already: whoever gets its last piece is told that it was. What is wrong there is told next.
        let _told_next = self.pass(read);
        Ok(Some(Frame::data(piece)))
    }

    /// Passes over what is no content.
    fn pass(&mut self, read: &mut BytesMut) -> Result<(), &'static str> {
        loop {
            let passed = match (&self, &read[..]) {
                (Self::ChunkEnd, [b'\r', b'\n', ..]) => {
                    *self = Self::Size;
                    2
                }
                (Self::ChunkEnd, [] | [b'\r']) => return Ok(()),
                (Self::ChunkEnd, _) => return Err("a chunk is longer than it says"),
                (Self::Size, line) => match httparse::parse_chunk_size(line) {
                    Ok(Status::Complete((passed, size))) => {
                        *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                        passed
                    }
                    Ok(Status::Partial) if line.len() < MAX_LINES => return Ok(()),
                    Ok(Status::Partial) => return Err("a chunk's extensions are too long"),
                    Err(_) => return Err("a chunk has no size"),
                },
                (Self::Trailers, [b'\r', b'\n', ..]) => {
                    *self = Self::NOTHING;
                    2
                }
                _ => return Ok(()),
            };
            read.advance(passed);
        }
    }

    fn trailers(&mut self, read: &mut BytesMut) -> Result<Option<Frame<Bytes>>, &'static str> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_TRAILERS];
        let (passed, fields) = match httparse::parse_headers(read, &mut lines) {
            Ok(Status::Complete((passed, lines))) => (passed, fields(lines)),
            Ok(Status::Partial) if read.len() < MAX_LINES => return Ok(None),
            Ok(Status::Partial) => return Err("its trailers are too long"),
            Err(_) => return Err("its trailers can't be read"),
        };
        read.advance(passed);
        *self = Self::NOTHING;
        Ok(Some(Frame::trailers(fields.ok_or("its trailers can't be read")?)))
    }
}

/// Reads lines as fields.
pub(super) fn fields(lines: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let field = |line: &httparse::Header<'_>| {
        Some((HeaderName::from_bytes(line.name.as_bytes()).ok()?, HeaderValue::from_bytes(line.value).ok()?))
    };
    lines.iter().map(field).collect()
}

/// How an upload says where it ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length, of which so much is left.
    Length(u64),
    /// By chunks, and the trailers that its head announces.
    Chunked(Vec<HeaderName>),
}

impl Framing {
    /// What stands before a piece of so many bytes, and what behind it.
    ///
    /// # Errors
    /// It is longer than was said.
    pub(super) fn around(&mut self, size: usize, before: &mut Vec<u8>) -> Result<&'static [u8], &'static str> {
        match self {
            Self::Length(left) => {
                *left = left.checked_sub(size as u64).ok_or("it is longer than its length")?;
                Ok(b"")
            }
            // An empty chunk would be the last one.
            Self::Chunked(_) if size == 0 => Ok(b""),
            Self::Chunked(_) => {
                // Writing into memory can't fail.
                let _written = std::io::Write::write_fmt(before, format_args!("{size:X}\r\n"));
                Ok(b"\r\n")
            }
        }
    }

    /// What stands at the end, with those trailers that were announced.
    ///
    /// # Errors
    /// It is shorter than was said.
    pub(super) fn end(&self, trailers: &HeaderMap, out: &mut Vec<u8>) -> Result<(), &'static str> {
        match self {
            Self::Length(0) => {}
            Self::Length(_) => return Err("it is shorter than its length"),
            Self::Chunked(announced) => {
                out.extend_from_slice(b"0\r\n");
                let passes = |name| announced.contains(name) && !NO_TRAILERS.contains(name);
                write_fields(trailers.iter().filter(|(name, _)| passes(name)), out);
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }
}

/// Writes fields as lines.
pub(super) fn write_fields<'f>(fields: impl Iterator<Item = (&'f HeaderName, &'f HeaderValue)>, out: &mut Vec<u8>) {
    for (name, value) in fields {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(piece);
        }
    }
}

/// What is no trailer: it says where the message ends, where it goes, who sent it or what it is, and all that was decided by its head
/// (RFC 9110, 6.5.1).
static NO_TRAILERS: [HeaderName; 12] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    HOST,
    MAX_FORWARDS,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
];

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// What a body was read as: its content, its trailers, what it ended as, and what was left behind it.
    type Read = (Vec<u8>, HeaderMap, Result<bool, &'static str>, Vec<u8>);

    /// Reads a body that comes in pieces; after a mistake nothing is read.
    fn read<'p>(mut body: Remaining, pieces: impl IntoIterator<Item = &'p [u8]>) -> Read {
        let (mut buffer, mut content, mut trailers) = (BytesMut::new(), Vec::new(), HeaderMap::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                match body.take(&mut buffer) {
                    Ok(Some(frame)) => match frame.into_data() {
                        Ok(data) => content.extend_from_slice(&data),
                        Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
                    },
                    Ok(None) => break,
                    Err(problem) => return (content, trailers, Err(problem), Vec::new()),
                }
            }
        }
        (content, trailers, Ok(body.is_nothing()), buffer.to_vec())
    }

    /// Cuts bytes at these places, which may be none.
    fn cut<'b>(bytes: &'b [u8], places: &[usize]) -> Vec<&'b [u8]> {
        let mut places: Vec<_> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
    }

    fn names() -> Vec<HeaderName> {
        vec![HeaderName::from_static("x-sum"), CONTENT_LENGTH]
    }

    proptest! {
        #[test]
        fn what_is_written_in_chunks_is_read_wherever_it_is_cut(
            pieces in vec(vec(any::<u8>(), 0..300), 0..6),
            sum in "[a-z]{0,8}",
            places in vec(any::<usize>(), 0..12),
        ) {
            let (mut framing, mut out) = (Framing::Chunked(names()), Vec::new());
            for piece in &pieces {
                let after = framing.around(piece.len(), &mut out).expect("chunks take any length");
                out.extend_from_slice(piece);
                out.extend_from_slice(after);
            }
            let fields = [("x-sum", &*sum), ("content-length", "9"), ("x-unannounced", "1")];
            let fields = fields.map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
            framing.end(&fields.into_iter().collect(), &mut out).expect("chunks end anywhere");
            let end = out.len();
            out.extend_from_slice(b"HTTP/1.1 200 OK");
            let (content, trailers, ended, behind) = read(Remaining::Size, cut(&out, &places));
            prop_assert_eq!(content, pieces.concat());
            prop_assert_eq!((trailers.len(), trailers.get("x-sum").map(HeaderValue::as_bytes)), (1, Some(sum.as_bytes())));
            prop_assert_eq!((ended, &behind[..]), (Ok(true), &out[end..]));
        }

        #[test]
        fn anything_is_read_the_same_wherever_it_is_cut(
            bytes in "([0-9a-fA-F]{0,3}(;[a-z =\"]{0,5})?\r?\n|[a-z:\r\n ]{0,9}|0\r\n){0,8}",
            places in vec(any::<usize>(), 0..12),
        ) {
            let whole = read(Remaining::Size, [bytes.as_bytes()]);
            prop_assert_eq!(read(Remaining::Size, cut(bytes.as_bytes(), &places)), whole);
        }
    }

    #[test]
    fn a_body_by_its_length_is_neither_longer_nor_shorter() {
        let (mut framing, mut out) = (Framing::Length(5), Vec::new());
        assert_eq!(framing.around(3, &mut out), Ok(&b""[..]));
        assert!(framing.end(&HeaderMap::new(), &mut out).is_err());
        assert!(framing.around(3, &mut out).is_err());
        assert_eq!(framing.around(2, &mut out), Ok(&b""[..]));
        assert_eq!(framing.end(&HeaderMap::new(), &mut out), Ok(()));
        assert_eq!(out, b"");
        assert_eq!(read(Remaining::Length(5), [&b"fi"[..], b"lms!"]).3, b"!");
    }

    #[test]
    fn lines_that_never_end_are_not_waited_for() {
        for begun in ["5;", "0\r\nx-sum: "] {
            let endless = format!("{begun}{}", "a".repeat(MAX_LINES));
            assert!(read(Remaining::Size, [endless.as_bytes()]).2.is_err(), "{begun}");
        }
    }
}
