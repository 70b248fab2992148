//! The trace that a job belongs to, as it travels with the job.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// Characters of a [`TraceParent`].
const CHARS: usize = 55;

/// A span as the `traceparent` of W3C Trace Context has it: `00-<trace>-<span>-<flags>`, in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceParent([u8; CHARS]);

impl TraceParent {
    /// Takes what has the form of one; which span it names is for the tracer to read.
    #[must_use]
    pub fn parse(text: &str) -> Option<TraceParent> {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        let bytes: [u8; CHARS] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(is_hex).then_some(TraceParent(bytes))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Reads the trace of a job. A trace that cannot be read costs the trace, never the job.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceParent>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.as_deref().and_then(TraceParent::parse))
}
