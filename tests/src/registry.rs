//! Registries of packages, which tests take tools from and which may be out of reach.

use std::fs::OpenOptions;
use std::io::Write as _;

/// What pip and npm say where they reach nobody.
const UNREACHED: [&str; 12] = [
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "NameResolutionError",
    "Max retries exceeded",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
];

/// Whether an install succeeded; `false`: its registry cannot be reached.
///
/// # Errors
/// It failed otherwise.
pub fn is_installed(install: anyhow::Result<String>) -> anyhow::Result<bool> {
    match install {
        Ok(_) => Ok(true),
        Err(error) if UNREACHED.iter().any(|said| error.to_string().contains(said)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says what was not tested, here and in the file that `.ci/run` shows at its end.
///
/// # Errors
/// The file cannot be written.
#[allow(clippy::print_stdout)] // Whoever runs the test alone reads it there.
pub fn last_words(words: &str) -> anyhow::Result<()> {
    println!("==> {words}");
    let Some(file) = std::env::var_os("LAST_WORDS") else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    Ok(writeln!(file, "==> {words}")?)
}
