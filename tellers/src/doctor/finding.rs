//! What a check found.

use derive_more::Display;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::output;
use crate::remote::cells::printable;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// As it should be.
    #[display("ok  ")]
    Ok,
    /// It works, and an operator should know this.
    #[display("warn")]
    Warn,
    /// It does not work, or money is in doubt.
    #[display("FAIL")]
    Fail,
}

/// What one check found.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at, such as `database/schema`.
    pub(super) check: String,
    pub(super) level: Level,
    /// What was found.
    pub(super) found: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { check: check.into(), level: Level::Ok, found: found.into(), remedy: None }
    }

    pub(super) fn warn(check: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { level: Level::Warn, ..Finding::ok(check, found) }
    }

    pub(super) fn fail(check: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { level: Level::Fail, ..Finding::ok(check, found) }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding { remedy: Some(remedy.into()), ..self }
    }
}

/// Prints a line for each, and how many there are of each level.
pub(super) fn print(findings: &[Finding]) {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for Finding { check, level, found, remedy } in findings {
        let remedy = remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        output::done(format_args!("{level}  {check:width$}  {}", printable(&format!("{found}{remedy}"))));
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let [ok, warn, fail] = [Level::Ok, Level::Warn, Level::Fail].map(count);
    output::beside(format_args!("{ok} ok, {warn} to know of, {fail} failed"));
}
