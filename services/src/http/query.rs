//! `?id=` and `?user_id=`: which entities a GET asks for.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::error::Error;

/// The ids of a query, read when asked for: what a path does not know of is ignored, however wrong it is.
pub struct Ids {
    id: Option<String>,
    user_id: Option<String>,
}

impl Ids {
    /// `id`, or None for the list.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is no integer of 32 bits.
    pub fn id(&self) -> Result<Option<i32>, Error> {
        parsed("id", self.id.as_deref())
    }

    /// `user_id`, or None for everybody's.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is no integer of 32 bits.
    pub fn user_id(&self) -> Result<Option<i32>, Error> {
        parsed("user_id", self.user_id.as_deref())
    }
}

fn parsed(name: &str, text: Option<&str>) -> Result<Option<i32>, Error> {
    let wrong = |_| Error::Malformed(format!("{name} must be an integer of at most 2147483647"));
    text.map(|text| text.parse().map_err(wrong)).transpose()
}

impl<S: Sync> FromRequestParts<S> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = pairs.map_err(|_| Error::Malformed("the query can't be read".to_owned()))?;
        // The first of several counts, and one with nothing after it is as if it were not there.
        let first = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let first = |name: &str| first(name).filter(|value| !value.is_empty());
        Ok(Self { id: first("id"), user_id: first("user_id") })
    }
}
