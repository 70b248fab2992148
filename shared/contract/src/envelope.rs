//! The wire form of queued work: 1..=100 jobs of one lane in one message.
//!
//! ```json
//! {"version":2,"ingress":"api-1","jobs":[{"accepted_at":1795453200000000,"job":{"kind":"deposit"}}],"checksum":"bfcf84b13c025aec"}
//! ```
//!
//! The checksum is always last: the first 8 bytes, in hex, of the BLAKE3 hash of all that comes before its comma. So
//! a message that was altered where it was stored is known before anything that it says is believed, its version
//! too.
//!
//! A job of an import says so beside its time: `{"accepted_at":…,"import":{"number":17,"row":5},"job":…}`. One that was
//! given up before says how often: `{"accepted_at":…,"failed":{"attempts":2,"first_at":1795453200000000},"job":…}`.
//! One whose request is traced says by which span: `{"accepted_at":…,"traceparent":"00-…-01","job":…}`.
//!
//! A job is raw JSON here: the ingress has serialised it once already, and a reader that parses the
//! jobs one by one loses nothing but the one that it cannot read.

use std::borrow::Cow;
use std::io::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use domain::job::Origin;

use crate::trace::{self, TraceParent};

/// What this build writes. It reads this one and all before it.
///
/// | version | what it added |
/// |---|---|
/// | 2 | the ids that a job had before; `payment` and `execute_at` in a job's body; the checksum |
pub const VERSION: u32 = 2;

/// What comes before the checksum.
const CHECKSUM_FIELD: &[u8] = br#","checksum":""#;
/// What comes after it.
const END: &[u8] = br#""}"#;
/// Digits of the checksum.
const CHECKSUM_DIGITS: usize = 16;

/// Bytes around one job at the most, unless it comes from an import: `{"accepted_at":-9223372036854775808,"job":},`.
const FRAME_BYTES: usize = 48;
/// Bytes that an import adds to that at the most.
const ORIGIN_BYTES: usize = 72;
/// Bytes that earlier failures add to that at the most.
const FAILED_BYTES: usize = 72;

/// Bytes that a trace adds to that.
const TRACE_BYTES: usize = 72;

/// How often a job was given up and kept as a dead letter. Releases that do not know it pass over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// How often: 1 at first, and one more for each replay that failed.
    pub attempts: u32,
    /// When it was given up for the first time, in microseconds since the Unix epoch.
    pub first_at: i64,
}

/// One job as it is put into an envelope.
#[derive(Debug, Clone, Copy)]
pub struct Enclosed<'j> {
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The row of an import that it comes from.
    pub origin: Option<Origin>,
    /// How often it was given up before; `None`: never.
    pub failed: Option<Failed>,
    /// The span of the request that brought it, where it is recorded.
    pub trace: Option<TraceParent>,
    /// Its JSON.
    pub job: &'j [u8],
}

impl<'j> From<(Timestamp, &'j [u8])> for Enclosed<'j> {
    /// A job that comes from no import.
    fn from((accepted_at, job): (Timestamp, &'j [u8])) -> Enclosed<'j> {
        Enclosed { accepted_at, origin: None, failed: None, trace: None, job }
    }
}

impl Enclosed<'_> {
    fn bytes_max(&self) -> usize {
        let origin = self.origin.map_or(0, |_| ORIGIN_BYTES);
        let trace = self.trace.map_or(0, |_| TRACE_BYTES);
        self.job.len() + FRAME_BYTES + origin + self.failed.map_or(0, |_| FAILED_BYTES) + trace
    }
}

/// Jobs of one lane, in the order in which one ingress replica accepted them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)] // One whose checksum's name was altered has a field that nobody knows.
pub struct Envelope<'a> {
    /// At most [`VERSION`] after [`Envelope::read`].
    pub version: u32,
    /// The ingress replica that accepted the jobs.
    #[serde(borrow)]
    pub ingress: Cow<'a, str>,
    /// Each a [`QueuedJob`], to be read on its own.
    #[serde(borrow)]
    pub jobs: Vec<&'a RawValue>,
    /// `None` in version 1.
    #[serde(default, borrow)]
    checksum: Option<&'a str>,
}

/// One job and the time at which it was accepted.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct QueuedJob<'a> {
    /// Microseconds since the Unix epoch; grows strictly within one ingress replica and lane.
    pub accepted_at: i64,
    /// The row of an import that it comes from.
    pub import: Option<Origin>,
    /// How often it was given up before.
    pub failed: Option<Failed>,
    /// The span of the request that brought it. Releases that do not know it pass over it.
    #[serde(default, rename = "traceparent", deserialize_with = "trace::lenient")]
    pub trace: Option<TraceParent>,
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
    /// It says something else than what was written.
    #[error(
        "the envelope was altered after it was written: its checksum says {stated}, what it holds has {computed}; \
         check the disk or the broker that stored it, and have its jobs sent again"
    )]
    Altered {
        /// The checksum in the message.
        stated: String,
        /// The checksum of what comes before it.
        computed: String,
    },
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
        let is_checked = check(message)?;
        // The version first: of another one nothing else is known.
        let Versioned { version } = serde_json::from_slice(message)?;
        if !(1..=VERSION).contains(&version) {
            return Err(EnvelopeError::Version { found: version });
        }
        let envelope: Envelope<'a> = serde_json::from_slice(message)?;
        if envelope.checksum.is_some() && !is_checked {
            let misplaced = serde::de::Error::custom("its checksum is not in the last place");
            return Err(EnvelopeError::Malformed(misplaced));
        }
        Ok(envelope)
    }
}

/// Whether the message has a checksum in its place, which is right then.
fn check(message: &[u8]) -> Result<bool, EnvelopeError> {
    let Some((rest, stated)) = message
        .strip_suffix(END)
        .and_then(|message| message.split_at_checked(message.len().checked_sub(CHECKSUM_DIGITS)?))
        .and_then(|(rest, stated)| Some((rest.strip_suffix(CHECKSUM_FIELD)?, stated)))
    else {
        return Ok(false);
    };
    let computed = checksum(rest);
    if stated == computed.as_bytes() {
        return Ok(true);
    }
    Err(EnvelopeError::Altered { stated: String::from_utf8_lossy(stated).into_owned(), computed })
}

fn checksum(written: &[u8]) -> String {
    let hash = blake3::hash(written);
    let mut digits = hash.to_hex().to_string();
    digits.truncate(CHECKSUM_DIGITS);
    digits
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
pub fn write<'j, J: Into<Enclosed<'j>>>(ingress: &str, jobs: impl IntoIterator<Item = J> + Clone) -> Bytes {
    let bytes = jobs.clone().into_iter().map(|job| job.into().bytes_max()).sum::<usize>();
    let mut envelope = Vec::with_capacity(bytes + ingress.len() + 2 * FRAME_BYTES);
    // Writing to a `Vec` does not fail, nor does a string have a form that JSON could not take.
    let _ = write!(envelope, r#"{{"version":{VERSION},"ingress":"#);
    let _ = serde_json::to_writer(&mut envelope, ingress);
    envelope.extend_from_slice(br#","jobs":["#);
    for (position, job) in jobs.into_iter().enumerate() {
        let Enclosed { accepted_at, origin, failed, trace, job } = job.into();
        if position > 0 {
            envelope.push(b',');
        }
        let _ = write!(envelope, r#"{{"accepted_at":{}"#, accepted_at.as_microsecond());
        if let Some(Origin { import, row }) = origin {
            let _ = write!(envelope, r#","import":{{"number":{import},"row":{row}}}"#);
        }
        if let Some(Failed { attempts, first_at }) = failed {
            let _ = write!(envelope, r#","failed":{{"attempts":{attempts},"first_at":{first_at}}}"#);
        }
        if let Some(trace) = trace {
            let _ = write!(envelope, r#","traceparent":"{}""#, trace.as_str());
        }
        envelope.extend_from_slice(br#","job":"#);
        envelope.extend_from_slice(job);
        envelope.push(b'}');
    }
    envelope.push(b']');
    let checksum = checksum(&envelope);
    envelope.extend_from_slice(CHECKSUM_FIELD);
    envelope.extend_from_slice(checksum.as_bytes());
    envelope.extend_from_slice(END);
    Bytes::from(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is on the wire, for ever: a message of today may wait in a queue through an upgrade.
    const GOLDEN: &str = r#"{"version":2,"ingress":"api-1","jobs":[{"accepted_at":1795453200000000,"job":{"kind":"deposit","amount":5}},{"accepted_at":1795453200000001,"job":{"kind":"withdrawal"}}],"checksum":"2d20778d0daa72a7"}"#;

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
        let (unchecked, _) = GOLDEN.split_once(r#","checksum""#).unwrap();
        let first = format!("{}}}", unchecked.replace("\"version\":2", "\"version\":1"));
        for (golden, version) in [(GOLDEN, 2), (first.as_str(), 1)] {
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
        let golden = r#"{"version":2,"ingress":"api-1","jobs":[{"accepted_at":7,"import":{"number":17,"row":5},"job":{"kind":"deposit"}}],"checksum":"71fa233e2c365a25"}"#;
        let origin = Some(Origin { import: 17, row: 5 });
        let written = write(
            "api-1",
            [Enclosed {
                accepted_at: at(7),
                origin,
                failed: None,
                trace: None,
                job: br#"{"kind":"deposit"}"#,
            }],
        );
        assert_eq!(written, golden);
        let envelope = Envelope::read(golden.as_bytes()).unwrap();
        assert_eq!(QueuedJob::read(envelope.jobs[0]).unwrap().import, origin);
        let plain = Envelope::read(GOLDEN.as_bytes()).unwrap();
        assert_eq!(QueuedJob::read(plain.jobs[0]).unwrap().import, None);
    }

    #[test]
    fn a_job_that_was_given_up_before_says_so() {
        let failed = Some(Failed { attempts: 2, first_at: 1_795_453_200_000_000 });
        let job = br#"{"kind":"deposit"}"#;
        let written =
            write("api-1", [Enclosed { accepted_at: at(7), origin: None, failed, trace: None, job }]);
        let text = String::from_utf8(written.to_vec()).unwrap();
        let golden = r#""jobs":[{"accepted_at":7,"failed":{"attempts":2,"first_at":1795453200000000},"job":{"kind":"deposit"}}]"#;
        assert!(text.contains(golden), "{text}");
        let envelope = Envelope::read(&written).unwrap();
        assert_eq!(QueuedJob::read(envelope.jobs[0]).unwrap().failed, failed);
    }

    #[test]
    fn a_job_whose_request_is_traced_says_so() {
        let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert!(trace.is_some());
        let job = br#"{"kind":"deposit"}"#;
        let enclosed = Enclosed { trace, ..Enclosed::from((at(7), job.as_slice())) };
        let written = String::from_utf8(write("api-1", [enclosed]).to_vec()).unwrap();
        let golden = r#"[{"accepted_at":7,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","job":{"kind":"deposit"}}]"#;
        assert!(written.contains(golden), "{written}");
        let envelope = Envelope::read(written.as_bytes()).unwrap();
        assert_eq!(QueuedJob::read(envelope.jobs[0]).unwrap().trace, trace);
        let odd: QueuedJob<'_> =
            serde_json::from_str(r#"{"accepted_at":7,"traceparent":"\u0030","job":{}}"#).unwrap();
        assert_eq!(odd.trace, None);
    }

    #[test]
    fn one_bit_that_was_altered_makes_it_no_envelope() {
        let golden = GOLDEN.as_bytes();
        for position in 0..golden.len() {
            for bit in 0..8 {
                let mut altered = golden.to_vec();
                altered[position] ^= 1 << bit;
                let read = Envelope::read(&altered);
                let read =
                    read.map(|envelope| envelope.version).map_err(|error| error.is_of_the_next_release());
                assert_eq!(read, Err(false), "{}", String::from_utf8_lossy(&altered));
            }
        }
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
