//! What is being measured, for whoever waits.

use crate::output;

/// Standard output is for the figures.
pub(crate) fn show_progress(what: &str) {
    output::beside(format_args!("… {what}"));
}
