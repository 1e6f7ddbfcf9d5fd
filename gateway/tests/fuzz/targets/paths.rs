//! What is matched is what is forwarded: a target reaches the origin byte for byte, on the route that its bytes ask for, or not at all.

use super::framing::send;
use super::rig::Rig;

/// Whether a request with these bytes as its target was forwarded.
pub fn run(bytes: &[u8]) -> bool {
    // What ends a target is of no target, but of the framing's.
    let target: Vec<u8> = bytes.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\r' | b'\n')).collect();
    let kept = reaches(Rig::keep(), &target);
    let strict = reaches(Rig::strict(), &target);
    let path = path(&target);
    assert!(!strict || !disguised(path), "strict, and yet {:?} passed", String::from_utf8_lossy(&target));
    assert!(kept == strict || kept && disguised(path), "{:?} depends on strictness", String::from_utf8_lossy(&target));
    kept
}

/// Whether the target was forwarded; the rig has seen to it that it was not changed.
fn reaches(rig: &Rig, target: &[u8]) -> bool {
    let raw = [b"GET ", target, b" HTTP/1.1\r\nhost: a.test\r\n\r\n"].concat();
    let answers = send(rig, &raw);
    let [answer] = &answers[..] else { panic!("{answers:?} to one request") };
    if answer.seen.is_none() {
        return false;
    }
    let path = path(target);
    assert!(!folds(path), "{:?} passed", String::from_utf8_lossy(target));
    assert_eq!(answer.by.as_deref(), Some(route(path)), "{:?}", String::from_utf8_lossy(target));
    true
}

/// The path of a target: not an absolute form's authority, not a query.
fn path(target: &[u8]) -> &[u8] {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let path = &target[..end];
    if path.starts_with(b"/") {
        return path;
    }
    let authority = path.windows(3).position(|part| part == b"://").map_or(0, |scheme| scheme + 3);
    let path = &path[authority..];
    match path.iter().position(|byte| *byte == b'/') {
        Some(slash) => &path[slash..],
        None => b"/",
    }
}

/// The upstream of the rig's route for a path.
fn route(path: &[u8]) -> &'static str {
    let below = |prefix: &[u8]| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    match path {
        b"/api/one" => "one",
        _ if below(b"/api%2fone") => "data",
        _ if below(b"/api") => "below",
        _ => "all",
    }
}

/// Whether another hop would take the path for another one, or for its beginning.
fn folds(path: &[u8]) -> bool {
    let text = String::from_utf8_lossy(path).to_lowercase();
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    text.contains("%00") || text.contains('\0') || text.replace("%2e", ".").split('/').any(dots)
}

/// Whether a path holds what some hops take for a separator, or for none.
fn disguised(path: &[u8]) -> bool {
    let text = String::from_utf8_lossy(path).to_lowercase();
    ["%2f", "%5c", "\\", "//"].iter().any(|part| text.contains(part))
}
