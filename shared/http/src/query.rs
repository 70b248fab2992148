//! Queries: one way to read them, and one answer to those that cannot be read.

use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use strum::VariantArray;
use url::form_urlencoded::parse;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::problem::Problem;

/// The query of a request, as its type reads it; the OpenAPI document has its parameters from the same type. What cannot
/// be read is a problem that names the parameter, its value and what to do: the type denies unknown fields, and the
/// error of a field says what the field must be.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// That a query is empty: a parameter that means nothing here is not passed over in silence.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

impl<S: Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, Problem> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let read = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(parse(query)));
        read.map(Query).map_err(|error| {
            let taken = T::into_params(|| None).into_iter().map(|parameter| parameter.name).collect();
            refused(query, taken, &error.path().to_string(), &error.inner().to_string())
        })
    }
}

fn refused(query: &[u8], taken: Vec<String>, field: &str, remedy: &str) -> Problem {
    for (name, value) in parse(query) {
        if !taken.iter().any(|taken| *taken == name) {
            let remedy = match taken.split_last() {
                None => "is no parameter here, there is none; remove it".to_owned(),
                Some((only, [])) => format!("is no parameter here; there is only {only}"),
                Some((last, others)) => {
                    format!("is no parameter here; there are {} and {last}", others.join(", "))
                }
            };
            return Problem::parameter(&name, &value, &remedy);
        }
    }
    let mut seen = HashSet::new();
    for (name, value) in parse(query) {
        if !seen.insert(name.clone()) {
            return Problem::parameter(&name, &value, "is given a second time; give it once");
        }
    }
    let value = parse(query).find_map(|(name, value)| (name == field).then_some(value));
    Problem::parameter(field, &value.unwrap_or_default(), remedy)
}

/// How many of a list make a page: `DEFAULT` unless the client asks for another number, from 1 to `MAX`.
#[derive(Debug, Clone, Copy)]
pub struct Limit<const DEFAULT: u32, const MAX: u32>(pub u32);

impl<const DEFAULT: u32, const MAX: u32> Default for Limit<DEFAULT, MAX> {
    fn default() -> Self {
        Limit(DEFAULT)
    }
}

impl<const DEFAULT: u32, const MAX: u32> PartialSchema for Limit<DEFAULT, MAX> {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer);
        schema.minimum(Some(1)).maximum(Some(MAX)).default(Some(DEFAULT.into())).into()
    }
}

impl<const DEFAULT: u32, const MAX: u32> ToSchema for Limit<DEFAULT, MAX> {}

impl<'de, const DEFAULT: u32, const MAX: u32> Deserialize<'de> for Limit<DEFAULT, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=MAX).contains(limit)).map(Limit);
        parameter(deserializer, &format!("must be a whole number from 1 to {MAX}"), read)
    }
}

/// A parameter that `read` understands; `remedy` says what it must be.
///
/// # Errors
/// `read` does not understand it.
pub fn parameter<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    remedy: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    read(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(remedy))
}

/// `true` or `false`.
///
/// # Errors
/// It is neither.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    parameter(deserializer, "must be true or false", |text| text.parse().ok())
}

/// One of the names of an enum.
///
/// # Errors
/// It is none of them.
pub fn name<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: VariantArray + Copy + Into<&'static str>,
{
    let names: Vec<&str> = T::VARIANTS.iter().map(|known| (*known).into()).collect();
    let remedy = format!("must be one of {}", names.join(", "));
    parameter(deserializer, &remedy, |text| {
        let known = names.iter().position(|name| *name == text)?;
        T::VARIANTS.get(known).copied().map(Some)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[derive(Debug, Deserialize, IntoParams)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        #[param(inline)]
        limit: Limit<20, 100>,
        #[serde(default, deserialize_with = "boolean")]
        fresh: bool,
        cursor: Option<String>,
    }

    async fn read<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T, String> {
        let uri = format!("/list?{query}");
        let mut parts = Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        let read = Query::from_request_parts(&mut parts, &()).await;
        read.map(|Query(read)| read).map_err(|problem| problem.field_and_detail().1)
    }

    #[tokio::test]
    async fn a_query_is_read_as_its_type_says() {
        let asked: Asked = read("limit=5&cursor=a%20b&fresh=true&").await.unwrap();
        assert_eq!((asked.limit.0, asked.cursor.as_deref(), asked.fresh), (5, Some("a b"), true));
        let usual: Asked = read("").await.unwrap();
        assert_eq!((usual.limit.0, usual.cursor, usual.fresh), (20, None, false));
        assert!(read::<NoParameters>("").await.is_ok());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named_with_its_value_and_the_remedy() {
        for (query, detail) in [
            ("limit=0", "`limit` is \"0\": must be a whole number from 1 to 100"),
            ("cursor=x&limit=101", "`limit` is \"101\": must be a whole number from 1 to 100"),
            ("fresh", "`fresh` is \"\": must be true or false"),
            ("limit=1&limit=2", "`limit` is \"2\": is given a second time; give it once"),
            ("limits=1", "`limits` is \"1\": is no parameter here; there are limit, fresh and cursor"),
        ] {
            assert_eq!(read::<Asked>(query).await.unwrap_err(), detail);
        }
        let none = "`force` is \"\": is no parameter here, there is none; remove it";
        assert_eq!(read::<NoParameters>("force").await.unwrap_err(), none);
    }
}
