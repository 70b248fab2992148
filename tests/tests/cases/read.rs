//! What an import read of each line of a file.

use std::fmt;

use serde_json::Value;

use super::bank::Entry;

/// An import into one account, and the entries that it made there.
#[derive(Debug)]
pub struct Read {
    pub import: Value,
    pub entries: Vec<Entry>,
    file: String,
    lines: usize,
}

impl Read {
    /// Of a file whose rows take a line each.
    pub fn of(import: Value, entries: Vec<Entry>, file: &[u8]) -> Read {
        let file = String::from_utf8_lossy(file).into_owned();
        Read { import, entries, lines: file.lines().count(), file }
    }

    /// The amount of each line after the header; `None` where the row was refused.
    pub fn amounts(&self) -> Vec<Option<i64>> {
        self.each(2, |entry| entry.amount)
    }

    /// The value date of each line after the header; `None` where the row was refused.
    pub fn dates(&self) -> Vec<Option<String>> {
        self.each(2, |entry| entry.value_date.clone())
    }

    /// The amount and the value date of each line of a file without a header.
    pub fn rows_without_header(&self) -> Vec<Option<(i64, String)>> {
        self.each(1, |entry| (entry.amount, entry.value_date.clone()))
    }

    fn each<T>(&self, first: usize, of: impl Fn(&Entry) -> T) -> Vec<Option<T>> {
        let refused = self.refused_lines();
        let mut posted = self.entries.iter();
        // An entry too many is told as a line too many, and one that is missing as a line that is missing.
        let mut rows: Vec<_> = (first..=self.lines)
            .filter_map(|line| {
                if refused.contains(&line) { Some(None) } else { posted.next().map(|entry| Some(of(entry))) }
            })
            .collect();
        rows.extend(posted.map(|entry| Some(of(entry))));
        rows
    }

    /// The lines whose rows were refused: all of them, if the file was.
    pub fn refused_lines(&self) -> Vec<usize> {
        if self.import["state"] == "refused" {
            return (1..=self.lines).collect();
        }
        let refusals = self.import["first_refusals"].as_array().cloned().unwrap_or_default();
        refusals
            .iter()
            .filter_map(|refusal| usize::try_from(refusal["line"].as_u64().unwrap_or_default()).ok())
            .collect()
    }

    /// Why the row of a line was refused, or its file.
    pub fn reason(&self, line: usize) -> String {
        if self.import["state"] == "refused" {
            return self.import["error"]["detail"].as_str().unwrap_or_default().to_owned();
        }
        let refusals = self.import["first_refusals"].as_array().cloned().unwrap_or_default();
        let of_line = refusals.iter().find(|refusal| refusal["line"].as_u64() == u64::try_from(line).ok());
        of_line.and_then(|refusal| refusal["reason"].as_str()).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for Read {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let posted: Vec<_> =
            self.entries.iter().map(|entry| (entry.amount, &entry.value_date, &entry.memo)).collect();
        let Read { import, file, .. } = self;
        write!(to, "import {} of {file:?} is {}, posted {posted:?}", import["id"], import["state"])?;
        for outcome in ["accepted", "rejected", "duplicates", "conflicts", "dead", "cancelled", "scheduled"] {
            if import[outcome] != 0 {
                write!(to, ", {outcome} {}", import[outcome])?;
            }
        }
        if self.import["state"] == "refused" {
            return write!(to, ", since {}", self.reason(1));
        }
        self.refused_lines().iter().try_for_each(|line| write!(to, "; line {line}: {}", self.reason(*line)))
    }
}

/// What is wrong with any of many variants: all are tried before a test fails.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// What was found has to be one of `right`.
    pub fn one_of<T: PartialEq + fmt::Debug>(&mut self, found: &T, right: &[T], why: impl fmt::Display) {
        if !right.contains(found) {
            self.0.push(format!("{found:?} is none of {right:?}: {why}"));
        }
    }

    /// All variants came out right.
    #[track_caller]
    pub fn none(self) {
        assert!(self.0.is_empty(), "{} are wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// The dates of rows that were all read.
pub fn dated<const N: usize>(dates: [&str; N]) -> Vec<Option<String>> {
    dates.iter().map(|date| Some((*date).to_owned())).collect()
}
