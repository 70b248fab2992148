//! A body of JSON that is small enough to be read as a whole, as a type that says what each field must be.

use axum::body::Body;
use axum::http::HeaderMap;
use domain::json;
use serde::de::DeserializeOwned;

use super::{BodyLimit, read};
use crate::problem::{self, Problem};

/// What says that a field is wrong: its name and why.
type Invalid = fn(&str, &str) -> Problem;

/// Reads a body.
pub async fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    limit: BodyLimit,
    invalid: Invalid,
) -> Result<T, Problem> {
    parse(&read(headers, body, limit).await?, invalid)
}

/// Reads a body that may be empty.
pub async fn read_json_or_default<T: DeserializeOwned + Default>(
    headers: &HeaderMap,
    body: Body,
    limit: BodyLimit,
    invalid: Invalid,
) -> Result<T, Problem> {
    let json = read(headers, body, limit).await?;
    if json.trim_ascii().is_empty() { Ok(T::default()) } else { parse(&json, invalid) }
}

fn parse<T: DeserializeOwned>(json: &[u8], invalid: Invalid) -> Result<T, Problem> {
    json::check(json).map_err(problem::malformed)?;
    let mut json = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = match error.path().to_string() {
            path if path == "." => "body".to_owned(),
            path => path,
        };
        invalid(&field, &error.inner().to_string())
    })
}
