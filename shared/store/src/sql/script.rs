//! SQL as text: several statements in one packet, so that a batch costs two round trips.
//!
//! Text needs no cache of prepared statements whatever the size of the batch, and no round trip for each statement. A server
//! spends a fifth to a third of a batch on reading it, though; so where it is near, [`bulk`] has full groups of rows prepared.
//! What a client wrote stands between quotes where it is printable ASCII without a quote or a backslash, which no mode of a
//! server reads otherwise, and else as hexadecimal digits; all else is numbers and names of closed sets. So nothing is
//! left to escape.

mod bulk;

use std::fmt::Write;

use domain::account::AccountNumber;
use domain::entry::Digest;
use domain::fingerprint::Fingerprint;
use domain::id::JobId;
use domain::lane::Lane;
use domain::money::Currency;

pub(crate) use self::bulk::Step;

/// How a database wants a text that is given as hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dialect {
    /// `_utf8mb4 x'…'`
    MySql,
    /// `CAST(x'…' AS TEXT)`
    Sqlite,
}

/// One or more SQL statements under construction.
#[derive(Debug)]
pub(crate) struct Script {
    dialect: Dialect,
    /// Whether full groups of rows are inserted by statements that the server has read before.
    prepares: bool,
    /// What goes before `text`.
    steps: Vec<Step>,
    text: String,
}

/// What a statement may be given: by its types, nothing in it needs escaping.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// A number.
    Int(i64),
    /// A name of a closed set.
    Name(&'static str),
    /// An account's number, which has no quote in it.
    Number(&'a AccountNumber),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Whatever somebody wrote.
    Text(&'a str),
    /// `NULL`
    Null,
}

impl Script {
    /// An empty script.
    pub fn new(dialect: Dialect) -> Script {
        Script { dialect, prepares: false, steps: Vec::new(), text: String::with_capacity(1 << 14) }
    }

    /// What it is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// SQL as it stands in the source.
    pub fn sql(&mut self, sql: &'static str) -> &mut Script {
        self.text.push_str(sql);
        self
    }

    /// The start of an insert that leaves out the rows whose key is there already.
    pub fn insert_ignore(&mut self) -> &mut Script {
        self.sql(match self.dialect {
            Dialect::MySql => "INSERT IGNORE INTO ",
            Dialect::Sqlite => "INSERT OR IGNORE INTO ",
        })
    }

    /// One value.
    pub fn value<'a>(&mut self, value: impl Into<Value<'a>>) -> &mut Script {
        let text = &mut self.text;
        // Writing to a string never fails.
        match (value.into(), self.dialect) {
            (Value::Int(n), _) => drop(write!(text, "{n}")),
            (Value::Name(name), _) => drop(write!(text, "'{name}'")),
            (Value::Number(number), _) => drop(write!(text, "'{number}'")),
            (Value::Bytes(bytes), _) => push_hex(text, "x'", bytes, "'"),
            (Value::Text(written), _) if is_plain(written) => {
                text.push('\'');
                text.push_str(written);
                text.push('\'');
            }
            (Value::Text(written), Dialect::MySql) => push_hex(text, "_utf8mb4 x'", written.as_bytes(), "'"),
            (Value::Text(written), Dialect::Sqlite) => {
                push_hex(text, "CAST(x'", written.as_bytes(), "' AS TEXT)");
            }
            (Value::Null, _) => text.push_str("NULL"),
        }
        self
    }

    /// `a,b,c`
    pub fn list<'a, V: Into<Value<'a>>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Script {
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            self.value(value);
        }
        self
    }

    /// Ids for an `IN (…)`, which must not be empty: then `NULL`, which nothing equals.
    pub fn keys<'a>(&mut self, ids: impl IntoIterator<Item = &'a JobId>) -> &mut Script {
        let mut ids = ids.into_iter().peekable();
        if ids.peek().is_none() { self.value(Value::Null) } else { self.list(ids) }
    }

    /// `(a,b),(c,d)`
    pub fn rows<'a, const COLUMNS: usize>(
        &mut self,
        rows: impl IntoIterator<Item = [Value<'a>; COLUMNS]>,
    ) -> &mut Script {
        for (place, row) in rows.into_iter().enumerate() {
            self.text.push_str(if place > 0 { ",(" } else { "(" });
            self.list(row);
            self.text.push(')');
        }
        self
    }

    /// The finished text of a script that prepares nothing.
    pub fn into_text(self) -> String {
        debug_assert!(self.steps.is_empty(), "a part of the script would be lost");
        self.text
    }
}

/// Whether a text means itself between single quotes, in every mode and character set of a server.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\')
}

fn push_hex(text: &mut String, before: &str, bytes: &[u8], after: &str) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    text.push_str(before);
    text.reserve(2 * bytes.len() + after.len());
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text.push_str(after);
}

impl From<i64> for Value<'_> {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}

impl From<Lane> for Value<'_> {
    fn from(lane: Lane) -> Self {
        Value::Int(i64::from(lane.0))
    }
}

impl From<Currency> for Value<'_> {
    fn from(currency: Currency) -> Self {
        Value::Name(currency.code())
    }
}

impl<'a> From<&'a AccountNumber> for Value<'a> {
    fn from(number: &'a AccountNumber) -> Self {
        Value::Number(number)
    }
}

impl<'a> From<&'a JobId> for Value<'a> {
    fn from(id: &'a JobId) -> Self {
        Value::Bytes(id.as_bytes())
    }
}

impl<'a> From<&'a Fingerprint> for Value<'a> {
    fn from(fingerprint: &'a Fingerprint) -> Self {
        Value::Bytes(&fingerprint.0)
    }
}

impl<'a> From<&'a Digest> for Value<'a> {
    fn from(digest: &'a Digest) -> Self {
        Value::Bytes(&digest.0)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wrote_leaves_no_quotes() {
        let mut script = Script::new(Dialect::MySql);
        script.sql("SELECT ").list(["'; DROP TABLE jobs; --", "\\", "\n", "", r#"{"a":1}"#]);
        let expected = "SELECT _utf8mb4 x'273b2044524f50205441424c45206a6f62733b202d2d',_utf8mb4 x'5c',\
                        _utf8mb4 x'0a','','{\"a\":1}'";
        assert_eq!(script.into_text(), expected);
    }

    #[test]
    fn rows_are_lists_in_brackets() {
        let mut script = Script::new(Dialect::Sqlite);
        script.rows([[Value::Int(-1), Value::Null], [Value::Name("open"), Value::Text("é")]]);
        assert_eq!(script.into_text(), "(-1,NULL),('open',CAST(x'c3a9' AS TEXT))");
    }
}
