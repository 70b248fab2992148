//! What is being measured, for whoever waits.

#[allow(clippy::print_stderr)] // Standard output is for the figures.
pub(crate) fn show_progress(what: &str) {
    eprintln!("… {what}");
}
