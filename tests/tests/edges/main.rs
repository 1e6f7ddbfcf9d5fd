//! Hard edges: what is malformed, ambiguous, too large or too slow, from either side.
//!
//! `requests` and `answers` read corpora of raw bytes, a file a section of the RFCs (`cases` says how they are written); `limits`
//! and `slow` are about clients that want too much or take too long.

mod answers;
mod cases;
mod limits;
mod recorder;
mod requests;
mod slow;
