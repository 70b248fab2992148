//! What every way of writing a statement has.

use jiff::Timestamp;
use store::ledger::EntryRange;

use super::line::Line;
use super::period::Period;

/// What stands at the head of a statement.
#[derive(Debug)]
pub struct Head {
    /// The entries and the balances at both ends.
    pub range: EntryRange,
    /// What was asked for.
    pub period: Period,
    /// When the statement is written.
    pub written_at: Timestamp,
}

/// How a statement is written: pieces of a text that follow one another.
pub(super) trait Writer {
    /// All that comes before the first entry.
    fn begin(&self, head: &Head) -> String;
    /// Adds an entry.
    fn entry(&self, text: &mut String, head: &Head, line: &Line<'_>);
    /// All that comes after the last entry.
    fn end(&self, head: &Head) -> String;
}

impl Head {
    /// Its first moment, in microseconds since the Unix epoch.
    pub(super) fn from(&self) -> i64 {
        self.period.from.or(self.range.begins_at).unwrap_or(self.until())
    }

    /// The moment at which it ends, which is not part of it, in microseconds since the Unix epoch.
    pub(super) fn until(&self) -> i64 {
        let now = self.written_at.as_microsecond();
        self.period.to.unwrap_or(self.period.from.map_or(now, |from| from.max(now)))
    }
}
