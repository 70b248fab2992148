//! What a command says to whoever called it, and what it makes of a reader that has gone.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;

/// Exit status of a command that could not be understood, as where its arguments are wrong.
pub(crate) const USAGE: u8 = 2;

/// The reader of standard output, such as `head`, has what it wanted: a command that only reads ends in silence.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub(crate) struct ReaderGone;

/// What was asked for cannot be understood. The message says what to write instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misused(pub(crate) String);

/// A line of the answer.
///
/// # Errors
/// [`ReaderGone`], or it cannot be written.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    written(writeln!(io::stdout().lock(), "{text}"))
}

/// A part of the answer, as it is.
///
/// # Errors
/// As [`line()`].
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// A line about something that was done, whether or not anybody reads it: the rest is done, and judged, all the same.
pub(crate) fn done(text: impl Display) {
    despite(line(text));
}

/// The same of what was written already.
pub(crate) fn despite(written: anyhow::Result<()>) {
    if let Err(error) = written
        && !error.is::<ReaderGone>()
    {
        beside(format_args!("standard output cannot be written: {error:#}"));
    }
}

/// What is shown this once. Nobody can read it later, so that a reader who is gone is a failure here.
///
/// # Errors
/// It cannot be written.
pub(crate) fn secret(text: impl Display) -> anyhow::Result<()> {
    let written = writeln!(io::stdout().lock(), "{text}");
    written.context("the key was made, and could not be printed: revoke it, and make another one")
}

/// A line beside the answer, on standard error.
pub(crate) fn beside(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn written(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        result => Ok(result?),
    }
}
