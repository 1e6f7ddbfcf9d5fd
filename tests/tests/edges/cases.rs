//! How the corpora are written: cases of bytes and what becomes of them, in files for people.
//!
//! ```text
//! section RFC 9112 §3           of the cases that follow
//! case a name                   the name of a case
//! > GET / HTTP/1.1              bytes that are sent: a line, ended by CR LF
//! > half a line\                the same without an end
//! .                             nothing more will be sent
//! < GET / HTTP/1.1              bytes that are expected at the other side
//! = forwarded open              the outcome, last
//! ```
//! Escapes: `\r \n \t \0 \s` (a space), `\xHH`, `\\`, and `\(70000*a)` for many times the same text.

/// What is sent, what comes of it.
#[derive(Debug)]
pub struct Case {
    /// What the case is about.
    pub name: String,
    /// The section of an RFC that governs it.
    pub section: String,
    /// What one side sends.
    pub sent: Vec<u8>,
    /// Whether it then says that there is no more to come.
    pub then_silent: bool,
    /// What the other side is to see.
    pub seen: Vec<u8>,
    /// The words after `=`.
    pub outcome: Vec<String>,
}

/// Reads a corpus.
///
/// # Panics
/// A line is none of the format's.
pub fn read(file: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut section = String::new();
    let mut case: Option<Case> = None;
    for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (mark, &mut case) {
            ("section", None) => rest.clone_into(&mut section),
            ("case", None) => {
                let (name, section) = (rest.to_owned(), section.clone());
                let (sent, seen, outcome) = (Vec::new(), Vec::new(), Vec::new());
                case = Some(Case { name, section, sent, then_silent: false, seen, outcome });
            }
            (">", Some(case)) => case.sent.extend(bytes(rest)),
            (".", Some(case)) => case.then_silent = true,
            ("<", Some(case)) => case.seen.extend(bytes(rest)),
            ("=", open @ Some(_)) => {
                let outcome = rest.split(' ').map(str::to_owned).collect();
                cases.extend(open.take().map(|case| Case { outcome, ..case }));
            }
            _ => panic!("`{line}` has no place here"),
        }
    }
    assert!(case.is_none(), "{case:?} has no outcome");
    cases
}

/// A line's bytes, with its end.
fn bytes(line: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line);
    while let Some(at) = rest.find('\\') {
        bytes.extend(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else { return bytes };
        let (value, length) = unescape(escape, rest);
        bytes.extend(value);
        rest = &rest[length..];
    }
    bytes.extend(rest.as_bytes());
    bytes.extend(b"\r\n");
    bytes
}

/// What an escape stands for, and its length without the backslash.
fn unescape(escape: char, rest: &str) -> (Vec<u8>, usize) {
    match escape {
        'r' => (vec![b'\r'], 1),
        'n' => (vec![b'\n'], 1),
        't' => (vec![b'\t'], 1),
        's' => (vec![b' '], 1),
        '0' => (vec![0], 1),
        '\\' => (vec![b'\\'], 1),
        'x' => (vec![u8::from_str_radix(&rest[1..3], 16).unwrap_or_else(|_| panic!("`\\{rest}`"))], 3),
        '(' => {
            let end = rest.find(')').unwrap_or_else(|| panic!("`\\{rest}` has no end"));
            let (times, text) = rest[1..end].split_once('*').unwrap_or_else(|| panic!("`\\{rest}`"));
            (
                text.repeat(times.parse().unwrap_or_else(|_| panic!("`\\{rest}`"))).replace("\\r\\n", "\r\n").into(),
                end + 1,
            )
        }
        _ => panic!("`\\{rest}` is no escape"),
    }
}
