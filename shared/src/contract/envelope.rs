//! The wire form of queued work: 1..=100 jobs of one lane in one message.
//!
//! ```json
//! {"version":2,"ingress":"api-1","jobs":[{"accepted_at":1795453200000000,"job":{"kind":"deposit"}}]}
//! ```
//!
//! A job of an import says so beside its time: `{"accepted_at":…,"import":{"number":17,"row":5},"job":…}`.
//!
//! A job is raw JSON here: the ingress has serialised it once already, and a reader that parses the
//! jobs one by one loses nothing but the one that it can not read.

use std::borrow::Cow;
use std::io::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::job::Origin;

/// What this build writes. It reads this one and all before it.
///
/// | version | what it added |
/// |---|---|
/// | 2 | the ids that a job had before; `payment` in a job's body |
pub const VERSION: u32 = 2;

/// Bytes around one job at the most, unless it comes from an import: `{"accepted_at":-9223372036854775808,"job":},`.
const FRAME_BYTES: usize = 48;
/// Bytes that an import adds to that at the most.
const ORIGIN_BYTES: usize = 72;

/// One job as it is put into an envelope.
#[derive(Debug, Clone, Copy)]
pub struct Enclosed<'j> {
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The row of an import that it comes from.
    pub origin: Option<Origin>,
    /// Its JSON.
    pub job: &'j [u8],
}

impl<'j> From<(Timestamp, &'j [u8])> for Enclosed<'j> {
    /// A job that comes from no import.
    fn from((accepted_at, job): (Timestamp, &'j [u8])) -> Enclosed<'j> {
        Enclosed { accepted_at, origin: None, job }
    }
}

impl Enclosed<'_> {
    fn bytes_max(&self) -> usize {
        self.job.len() + FRAME_BYTES + self.origin.map_or(0, |_| ORIGIN_BYTES)
    }
}

/// Jobs of one lane, in the order in which one ingress replica accepted them.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// At most [`VERSION`] after [`Envelope::read`].
    pub version: u32,
    /// The ingress replica that accepted the jobs.
    #[serde(borrow)]
    pub ingress: Cow<'a, str>,
    /// Each a [`QueuedJob`], to be read on its own.
    #[serde(borrow)]
    pub jobs: Vec<&'a RawValue>,
}

/// One job and the time at which it was accepted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct QueuedJob<'a> {
    /// Microseconds since the Unix epoch; grows strictly within one ingress replica and lane.
    pub accepted_at: i64,
    /// The row of an import that it comes from.
    #[serde(default)]
    pub import: Option<Origin>,
    /// The job's own JSON.
    #[serde(borrow)]
    pub job: &'a RawValue,
}

/// Why a message is no envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not JSON, or not of this shape.
    #[error("the message is no envelope: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer build, or by none.
    #[error(
        "the envelope has version {found}, this build reads up to version {VERSION}; upgrade the workers first"
    )]
    Version {
        /// The version that the message states.
        found: u32,
    },
}

impl EnvelopeError {
    /// Whether a worker of the next release reads it. Versions beyond that one are no release's, as far as this
    /// build can know: what claims one may be anything.
    #[must_use]
    pub fn is_of_the_next_release(&self) -> bool {
        matches!(self, EnvelopeError::Version { found } if *found == VERSION + 1)
    }
}

/// What every version of an envelope has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl<'a> Envelope<'a> {
    /// Reads a message without copying its jobs.
    ///
    /// # Errors
    /// The message is no envelope, or one of another version.
    pub fn read(message: &'a [u8]) -> Result<Envelope<'a>, EnvelopeError> {
        // The version first: of another one nothing else is known.
        let Versioned { version } = serde_json::from_slice(message)?;
        if !(1..=VERSION).contains(&version) {
            return Err(EnvelopeError::Version { found: version });
        }
        Ok(serde_json::from_slice(message)?)
    }
}

impl<'a> QueuedJob<'a> {
    /// Reads one of [`Envelope::jobs`].
    ///
    /// # Errors
    /// It has no acceptance time or no job.
    pub fn read(job: &'a RawValue) -> Result<QueuedJob<'a>, EnvelopeError> {
        Ok(serde_json::from_str(job.get())?)
    }
}

/// Writes an envelope by concatenation; `jobs` are JSON already.
#[must_use]
pub fn write<'j, J: Into<Enclosed<'j>>>(ingress: &str, jobs: impl IntoIterator<Item = J> + Clone) -> Bytes {
    let bytes = jobs.clone().into_iter().map(|job| job.into().bytes_max()).sum::<usize>();
    let mut envelope = Vec::with_capacity(bytes + ingress.len() + FRAME_BYTES);
    // Writing to a `Vec` does not fail, nor does a string have a form that JSON could not take.
    let _ = write!(envelope, r#"{{"version":{VERSION},"ingress":"#);
    let _ = serde_json::to_writer(&mut envelope, ingress);
    envelope.extend_from_slice(br#","jobs":["#);
    for (position, job) in jobs.into_iter().enumerate() {
        let Enclosed { accepted_at, origin, job } = job.into();
        if position > 0 {
            envelope.push(b',');
        }
        let _ = write!(envelope, r#"{{"accepted_at":{}"#, accepted_at.as_microsecond());
        if let Some(Origin { import, row }) = origin {
            let _ = write!(envelope, r#","import":{{"number":{import},"row":{row}}}"#);
        }
        envelope.extend_from_slice(br#","job":"#);
        envelope.extend_from_slice(job);
        envelope.push(b'}');
    }
    envelope.extend_from_slice(b"]}");
    Bytes::from(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is on the wire, for ever: a message of today may wait in a queue through an upgrade.
    const GOLDEN: &str = r#"{"version":2,"ingress":"api-1","jobs":[{"accepted_at":1795453200000000,"job":{"kind":"deposit","amount":5}},{"accepted_at":1795453200000001,"job":{"kind":"withdrawal"}}]}"#;

    fn at(microsecond: i64) -> Timestamp {
        Timestamp::from_microsecond(microsecond).unwrap()
    }

    #[test]
    fn an_envelope_is_written_as_agreed() {
        let jobs: [(Timestamp, &[u8]); 2] = [
            (at(1_795_453_200_000_000), br#"{"kind":"deposit","amount":5}"#),
            (at(1_795_453_200_000_001), br#"{"kind":"withdrawal"}"#),
        ];
        assert_eq!(write("api-1", jobs), GOLDEN);
    }

    #[test]
    fn an_envelope_is_read_as_agreed() {
        for version in 1..=VERSION {
            let golden = GOLDEN.replace("\"version\":2", &format!("\"version\":{version}"));
            let envelope = Envelope::read(golden.as_bytes()).unwrap();
            let (ingress, jobs) = (envelope.ingress.as_ref(), envelope.jobs.len());
            assert_eq!((envelope.version, ingress, jobs), (version, "api-1", 2));
            let second = QueuedJob::read(envelope.jobs[1]).unwrap();
            assert_eq!(second.accepted_at, 1_795_453_200_000_001);
            assert_eq!(second.job.get(), r#"{"kind":"withdrawal"}"#);
        }
    }

    #[test]
    fn a_job_of_an_import_says_so() {
        let golden = r#"{"version":2,"ingress":"api-1","jobs":[{"accepted_at":7,"import":{"number":17,"row":5},"job":{"kind":"deposit"}}]}"#;
        let origin = Some(Origin { import: 17, row: 5 });
        let written =
            write("api-1", [Enclosed { accepted_at: at(7), origin, job: br#"{"kind":"deposit"}"# }]);
        assert_eq!(written, golden);
        let envelope = Envelope::read(golden.as_bytes()).unwrap();
        assert_eq!(QueuedJob::read(envelope.jobs[0]).unwrap().import, origin);
        let plain = Envelope::read(GOLDEN.as_bytes()).unwrap();
        assert_eq!(QueuedJob::read(plain.jobs[0]).unwrap().import, None);
    }

    #[test]
    fn an_unreadable_job_harms_no_other() {
        let message = br#"{"version":1,"ingress":"a","jobs":[7,{"accepted_at":1,"job":null}]}"#;
        let envelope = Envelope::read(message).unwrap();
        assert!(QueuedJob::read(envelope.jobs[0]).is_err());
        assert_eq!(QueuedJob::read(envelope.jobs[1]).unwrap().job.get(), "null");
    }

    #[test]
    fn a_replicas_id_is_escaped() {
        let none: [(Timestamp, &[u8]); 0] = [];
        let envelope = write("a\"\\\n", none);
        assert_eq!(Envelope::read(&envelope).unwrap().ingress, "a\"\\\n");
    }

    #[test]
    fn another_version_and_garbage_are_refused() {
        let newer = Envelope::read(br#"{"version":3,"ingress":"a","jobs":[]}"#).unwrap_err();
        assert!(newer.to_string().contains("version 3") && newer.is_of_the_next_release(), "{newer}");
        let none = Envelope::read(br#"{"version":0,"ingress":"a","jobs":[]}"#).unwrap_err();
        assert!(!none.is_of_the_next_release(), "{none}");
        for garbage in [&b"\xff\xfe"[..], b"", b"[]", b"{}", br#"{"version":1,"ingress":"a","jobs":7}"#] {
            assert!(Envelope::read(garbage).is_err(), "{garbage:?}");
        }
    }
}
