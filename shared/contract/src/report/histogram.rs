//! Histograms on the wire, so that those of all replicas can be added up: a percentile of the fleet is not
//! the mean of its replicas' percentiles.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{
    DeserializeError, Deserializer, Serializer, V2SerializeError, V2Serializer,
};
use serde::{Deserialize, Deserializer as SerdeDeserializer, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What a histogram counts: microseconds, except for [`BatchJobs`](Self::BatchJobs).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum HistogramName {
    /// From the head of a request that submits jobs, and did not ask to wait, to the head of its answer.
    IngressResponse,
    /// From handing an envelope to the queue to its confirmation.
    PublishConfirm,
    /// From a job's acceptance to the commit of its batch.
    AcceptedToPosted,
    /// Jobs in a batch.
    BatchJobs,
    /// A batch's wait until its transaction begins.
    PostingWait,
    /// Of that: while as many transactions as may be are in flight.
    PostingTurn,
    /// From the first statement of a batch to its commit.
    Posting,
    /// Of that: taking a connection.
    PostingConnect,
    /// Of that: looking up what the batch refers to.
    PostingRefer,
    /// Of that: locking the accounts and reading what the jobs meet.
    PostingLockAndRead,
    /// Of that: deciding, in memory.
    PostingFold,
    /// Of that: writing and the commit.
    PostingWriteAndCommit,
    /// Waiting for a connection of any pool.
    PoolAcquire,
}

impl HistogramName {
    /// Every one.
    pub const ALL: &'static [HistogramName] = HistogramName::VARIANTS;

    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The histograms whose names this version knows.
pub(super) fn known_names<'de, D>(deserializer: D) -> Result<BTreeMap<HistogramName, HistogramWire>, D::Error>
where
    D: SerdeDeserializer<'de>,
{
    let by_name = BTreeMap::<String, HistogramWire>::deserialize(deserializer)?;
    let known = |name: &str| HistogramName::ALL.iter().copied().find(|known| known.as_str() == name);
    Ok(by_name.into_iter().filter_map(|(name, wire)| Some((known(&name)?, wire))).collect())
}

/// The lowest value that is distinguished from 0: one microsecond, or one job.
const VALUE_MIN: u64 = 1;
/// The highest value: an hour. What took longer counts as an hour.
const VALUE_MAX: u64 = 3_600_000_000;
/// Significant digits: a percentile is off by less than one in a hundred.
const DIGITS: u8 = 2;
/// The most characters on the wire; a full histogram has some 3,000 counts of at most 9 bytes each.
const WIRE_CHARS_MAX: usize = 64 * 1024;

/// An empty histogram of the bounds that all replicas keep, so that any two can be added.
#[allow(clippy::expect_used)] // The bounds are constants, and every test here makes one.
pub fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(VALUE_MIN, VALUE_MAX, DIGITS).expect("the bounds are valid")
}

/// A histogram as text: base64, without padding, of HdrHistogram's V2 form
/// (<https://docs.rs/hdrhistogram/latest/hdrhistogram/serialization/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HistogramWire(String);

impl HistogramWire {
    /// Writes a histogram.
    ///
    /// # Errors
    /// It counts more than `i64::MAX` of one value.
    pub fn from_histogram(histogram: &Histogram<u64>) -> Result<HistogramWire, HistogramError> {
        let mut bytes = Vec::new();
        V2Serializer::new().serialize(histogram, &mut bytes)?;
        Ok(HistogramWire(STANDARD_NO_PAD.encode(bytes)))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// It is not what [`from_histogram`](Self::from_histogram) writes of a [`new_histogram`].
    pub fn to_histogram(&self) -> Result<Histogram<u64>, HistogramError> {
        if self.0.len() > WIRE_CHARS_MAX {
            return Err(HistogramError::TooLong { chars: self.0.len() });
        }
        let bytes = STANDARD_NO_PAD.decode(&self.0)?;
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice())?;
        let bounds = (read.low(), read.high(), read.sigfig());
        if bounds != (VALUE_MIN, VALUE_MAX, DIGITS) {
            return Err(HistogramError::Bounds { low: bounds.0, high: bounds.1, digits: bounds.2 });
        }
        Ok(read)
    }
}

/// Why a histogram could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// It cannot be written.
    #[error("the histogram cannot be written: {0:?}")]
    Write(V2SerializeError),
    /// It is longer than any that a replica writes.
    #[error("the histogram has {chars} characters; {WIRE_CHARS_MAX} are the most")]
    TooLong {
        /// So long it is.
        chars: usize,
    },
    /// It is not base64.
    #[error("the histogram is not base64: {0}")]
    Encoding(#[from] base64::DecodeError),
    /// It is not in HdrHistogram's V2 form.
    #[error("the histogram is not in HdrHistogram's V2 form: {0:?}")]
    Form(DeserializeError),
    /// It could not be added to others.
    #[error(
        "the histogram keeps {low} to {high} with {digits} digits, not {VALUE_MIN} to {VALUE_MAX} with {DIGITS}"
    )]
    Bounds {
        /// Its lowest value.
        low: u64,
        /// Its highest value.
        high: u64,
        /// Its significant digits.
        digits: u8,
    },
}

impl From<V2SerializeError> for HistogramError {
    fn from(error: V2SerializeError) -> Self {
        HistogramError::Write(error)
    }
}

impl From<DeserializeError> for HistogramError {
    fn from(error: DeserializeError) -> Self {
        HistogramError::Form(error)
    }
}
