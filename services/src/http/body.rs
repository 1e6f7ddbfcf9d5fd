//! A request's body as one JSON object, read field by field, so that every refusal names its field.
//!
//! serde's derive would name a missing field and not a mistyped one; and what can be read but not stored (422) is another
//! question than what can't be read (400). Of a key that is there twice the last counts; unknown keys are ignored.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::time::Timestamp;

/// Bytes in a body, at most.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// Bytes of a body over the limit that are read and thrown away, so that its sender gets to read the answer:
/// closing a connection on unread bytes resets it.
const DISCARDED: usize = 16 * BODY_LIMIT;

/// The fields of a body that is one JSON object.
pub struct Fields(Map<String, Value>);

impl<S: Sync> FromRequest<S> for Fields {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let bytes = read(request).await?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Error::Malformed("the body must be one JSON object".to_owned())),
            Err(problem) => Err(Error::Malformed(format!("the body must be one JSON object: {problem}"))),
        }
    }
}

async fn read(request: Request) -> Result<Bytes, Error> {
    let (parts, mut body) = request.into_parts();
    if announced(&parts.headers) > BODY_LIMIT && parts.headers.contains_key(header::EXPECT) {
        // The client waits to be told to send: it is told not to.
        return Err(Error::TooLarge);
    }
    let mut kept = Vec::new();
    while let Some(data) = next(&mut body).await? {
        if kept.len() + data.len() > BODY_LIMIT {
            discard(&mut body).await;
            return Err(Error::TooLarge);
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept.into())
}

fn announced(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Error> {
    let broken = |_| Error::Malformed("the body ended too early".to_owned());
    let frame = body.frame().await.transpose().map_err(broken)?;
    Ok(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

async fn discard(body: &mut Body) {
    let mut left = DISCARDED;
    while let Ok(Some(data)) = next(body).await {
        match left.checked_sub(data.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

impl Fields {
    /// A text.
    ///
    /// # Errors
    /// [`Error::Malformed`], as of every reader here, where the field is missing or of another shape.
    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        self.converted(name, Shape::Text, |value| value.as_str().map(str::to_owned))
    }

    /// A list of texts.
    ///
    /// # Errors
    /// As of [`Fields::text`].
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Error> {
        self.converted(name, Shape::Texts, |value| serde_json::from_value(value).ok())
    }

    /// A number.
    ///
    /// # Errors
    /// As of [`Fields::text`].
    pub fn number(&mut self, name: &str) -> Result<f64, Error> {
        self.converted(name, Shape::Number, |value| value.as_f64())
    }

    /// An id as the database keeps them, of 32 bits.
    ///
    /// # Errors
    /// As of [`Fields::text`].
    pub fn id(&mut self, name: &str) -> Result<i32, Error> {
        self.converted(name, Shape::Id, |value| i32::try_from(value.as_i64()?).ok())
    }

    /// A point in time.
    ///
    /// # Errors
    /// As of [`Fields::text`].
    pub fn time(&mut self, name: &str) -> Result<Timestamp, Error> {
        self.converted(name, Shape::Time, |value| Timestamp::parse(value.as_str()?))
    }

    /// A field that is only passed on, as it was written.
    ///
    /// # Errors
    /// As of [`Fields::text`].
    pub fn value(&mut self, name: &str, shape: Shape) -> Result<Value, Error> {
        self.converted(name, shape, |value| shape.fits(&value).then_some(value))
    }

    /// The same for a field that may be missing or null.
    ///
    /// # Errors
    /// As of [`Fields::text`], where it is there.
    pub fn value_if_there(&mut self, name: &str, shape: Shape) -> Result<Option<Value>, Error> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.value(name, shape).map(Some),
        }
    }

    fn converted<T>(&mut self, name: &str, shape: Shape, convert: impl FnOnce(Value) -> Option<T>) -> Result<T, Error> {
        let value = self.0.remove(name).ok_or_else(|| Error::Malformed(format!("{name} is missing")))?;
        convert(value).ok_or_else(|| Error::Malformed(format!("{name} must be {}", shape.described())))
    }
}

/// Refuses a text that can't be stored: longer than `most` characters (None: any length), or with a NUL in it.
///
/// # Errors
/// [`Error::Invalid`], with the field's name.
pub fn bounded(name: &str, text: &str, most: Option<usize>) -> Result<(), Error> {
    if text.contains('\0') {
        return Err(Error::Invalid(format!("{name} must not hold NUL")));
    }
    match most {
        Some(most) if text.chars().count() > most => {
            Err(Error::Invalid(format!("{name} is longer than {most} characters")))
        }
        _ => Ok(()),
    }
}

/// What a field must look like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A number.
    Number,
    /// An integer of 64 bits.
    Integer,
    /// An integer of 32 bits, as the database's ids.
    Id,
    /// A point in time in RFC 3339.
    Time,
}

impl Shape {
    fn described(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Number => "a number",
            Self::Integer => "an integer",
            Self::Id => "an integer of at most 2147483647",
            Self::Time => "a time like 2026-01-31T12:00:00Z",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64(),
            Self::Id => value.as_i64().is_some_and(|id| i32::try_from(id).is_ok()),
            Self::Time => value.as_str().is_some_and(|text| Timestamp::parse(text).is_some()),
        }
    }
}
