//! Metadata: what a client keeps with its job, byte for byte.

use serde_json::value::RawValue;

use super::json::{self, NotExact};

/// A small JSON object as its client wrote it.
#[derive(Debug, Clone)]
pub struct Metadata(Box<RawValue>);

/// JSON that is no metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// A text, a number or a list.
    #[error("must be a JSON object")]
    NoObject,
    /// Longer than [`Metadata::BYTES_MAX`].
    #[error("must be at most {} bytes of JSON; it is {bytes}", Metadata::BYTES_MAX)]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// A member of it can be read in two ways, or in none.
    #[error(transparent)]
    NotExact(#[from] NotExact),
}

impl Metadata {
    /// The most bytes of JSON, blanks among them.
    pub const BYTES_MAX: usize = 1_024;

    /// Takes the JSON as it is.
    ///
    /// # Errors
    /// It is no object, too long, nested too deeply, names a member twice, or holds a string that is no text.
    pub fn new(json: Box<RawValue>) -> Result<Metadata, InvalidMetadata> {
        let text = json.get();
        if !text.starts_with('{') {
            return Err(InvalidMetadata::NoObject);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(InvalidMetadata::TooLong { bytes: text.len() });
        }
        json::normal(&json)?;
        Ok(Metadata(json))
    }
}

impl From<Metadata> for Box<RawValue> {
    fn from(metadata: Metadata) -> Box<RawValue> {
        metadata.0
    }
}

/// Byte for byte.
impl PartialEq for Metadata {
    fn eq(&self, other: &Metadata) -> bool {
        self.0.get() == other.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(json: &str) -> Result<Metadata, InvalidMetadata> {
        Metadata::new(RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn an_object_stays_as_it_is() {
        for json in ["{}", "{ \"b\" : 1.10,\n\"a\":-0 }", r#"{"a":"\u00e9\/"}"#] {
            let kept: Box<RawValue> = new(json).unwrap().into();
            assert_eq!(kept.get(), json);
        }
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for json in ["[]", "1", "\"a\"", "null"] {
            assert_eq!(new(json), Err(InvalidMetadata::NoObject), "{json}");
        }
        let blanks = format!("{{{}}}", " ".repeat(Metadata::BYTES_MAX));
        assert_eq!(new(&blanks), Err(InvalidMetadata::TooLong { bytes: Metadata::BYTES_MAX + 2 }));
        let twice = new(r#"{"a":{"b":1,"b":2}}"#).unwrap_err();
        assert!(matches!(twice, InvalidMetadata::NotExact(NotExact::Repeated { path }) if path == ".a.b"));
    }
}
