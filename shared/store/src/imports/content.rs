//! What a file says, whatever it is wrapped in, and what it shares with others.

use std::collections::BTreeMap;

use domain::fingerprint::Fingerprint;

/// Rows, by hash, that a sketch keeps: files of as many different rows are compared exactly, larger ones within some
/// three percent.
const KEPT_MAX: usize = 1_024;
/// Bytes of a kept row as stored: its hash and how often it is there.
const KEPT_BYTES: usize = 12;

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The same for every file of the same text, whatever its map makes of it.
    pub identity: [u8; 32],
    /// For comparing its jobs with those of others. Only those count that have no reference, which is what others are
    /// known by.
    pub sketch: Sketch,
}

/// Gathers a [`Content`] row by row.
#[derive(Debug, Default)]
pub struct ContentOf {
    hasher: blake3::Hasher,
    sketch: Sketch,
}

impl ContentOf {
    /// Adds a text: what stands before the rows, or a row.
    pub fn add_text(&mut self, text: &[u8]) {
        self.hasher.update(&(text.len() as u64).to_be_bytes()).update(text);
    }

    /// Adds the job that a row is.
    pub fn add_job(&mut self, body: Fingerprint) {
        self.sketch.add(u64::from_be_bytes(body.0.first_chunk().copied().unwrap_or_default()));
    }

    /// All of it.
    pub fn finish(self) -> Content {
        Content { identity: *self.hasher.finalize().as_bytes(), sketch: self.sketch }
    }
}

/// The rows with the smallest hashes (a bottom-k sketch), each with how often it is there: a fair sample that is the
/// same whatever the order of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    rows: BTreeMap<u64, u32>,
    /// Rows were left out.
    is_sample: bool,
}

impl Sketch {
    fn add(&mut self, row: u64) {
        if let Some(times) = self.rows.get_mut(&row) {
            *times = times.saturating_add(1);
            return;
        }
        self.rows.insert(row, 1);
        if self.rows.len() > KEPT_MAX {
            self.rows.pop_last();
            self.is_sample = true;
        }
    }

    /// How many rows both files have: exact where neither had to leave rows out.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // An estimate.
    pub fn shared_rows(&self, other: &Sketch) -> u64 {
        let end =
            |sketch: &Sketch| sketch.rows.last_key_value().map(|(row, _)| *row).filter(|_| sketch.is_sample);
        // Both keep all of their rows up to here.
        let end = end(self).unwrap_or(u64::MAX).min(end(other).unwrap_or(u64::MAX));
        let both = self.rows.range(..=end).filter_map(|(row, times)| Some((times, other.rows.get(row)?)));
        let shared: u64 = both.map(|(one, other)| u64::from(*one.min(other))).sum();
        if end == u64::MAX { shared } else { (shared as f64 / (end as f64 / u64::MAX as f64)).round() as u64 }
    }

    /// Whether it holds no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As stored: whether rows were left out, then each with how often it is there.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + KEPT_BYTES * self.rows.len());
        bytes.push(u8::from(self.is_sample));
        for (row, times) in &self.rows {
            bytes.extend_from_slice(&row.to_be_bytes());
            bytes.extend_from_slice(&times.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Sketch::to_bytes`] wrote; `None` if it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Sketch> {
        let (is_sample, rows) = bytes.split_first()?;
        let (rows, rest) = rows.as_chunks::<KEPT_BYTES>();
        let row = |kept: &[u8; KEPT_BYTES]| {
            let (row, times) = kept.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*row), u32::from_be_bytes(*times.first_chunk::<4>()?)))
        };
        let rows = rows.iter().map(row).collect::<Option<_>>()?;
        rest.is_empty().then_some(Sketch { rows, is_sample: *is_sample != 0 })
    }
}

/// Rows of an import that another one of the same client has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The number of the other import.
    pub import: u64,
    /// How many rows; of large files about as many.
    pub rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(rows: impl IntoIterator<Item = u64>) -> Content {
        let mut content = ContentOf::default();
        for row in rows {
            content.add_text(row.to_string().as_bytes());
            content.add_job(Fingerprint::of(&row.to_string()));
        }
        content.finish()
    }

    #[test]
    fn a_file_is_what_its_rows_say_in_their_order() {
        assert_eq!(content([1, 2, 3]), content([1, 2, 3]));
        assert_ne!(content([1, 2, 3]).identity, content([2, 1, 3]).identity);
        assert_ne!(content([12, 3]).identity, content([1, 23]).identity);
    }

    #[test]
    fn small_files_are_compared_exactly() {
        let [one, other] = [content([1, 1, 1, 2, 3]).sketch, content([4, 1, 1, 3]).sketch];
        assert_eq!(one.shared_rows(&other), 3);
        assert_eq!(other.shared_rows(&one), 3);
        assert_eq!(content([7]).sketch.shared_rows(&one), 0);
        assert_eq!(Sketch::from_bytes(&one.to_bytes()), Some(one));
        assert_eq!(Sketch::from_bytes(&[0, 1]), None);
    }

    #[test]
    fn large_files_are_compared_well_enough() {
        let [one, other] = [content(0..50_000).sketch, content(40_000..90_000).sketch];
        let shared = one.shared_rows(&other);
        assert!((8_000..=12_000).contains(&shared), "{shared} of 10,000");
        assert!(one.to_bytes().len() <= 1 + KEPT_BYTES * KEPT_MAX);
        let small = content(45_000..45_010).sketch;
        assert!(small.shared_rows(&one) < 1_000, "a few rows of many may be missed, or be thought more");
    }
}
