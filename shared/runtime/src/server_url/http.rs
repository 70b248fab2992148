//! URLs of an ingress or a monitor, as flags and the environment have them.

use url::Url;

/// Reads an http:// or https:// URL with a host, as it was written.
///
/// # Errors
/// It is none; the message says what to write.
pub fn http_url(text: &str) -> Result<String, String> {
    read(text).map(|_| text.to_owned())
}

/// The same for a URL that paths are put behind: what stands behind a ? or # of its own would swallow them.
///
/// # Errors
/// It is none; the message says what to write.
pub fn http_base(text: &str) -> Result<String, String> {
    let url = read(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a ? or a #; write what stands before that".to_owned());
    }
    Ok(text.to_owned())
}

fn read(text: &str) -> Result<Url, String> {
    const WRITE: &str =
        "write one such as http://127.0.0.1:8080, http://[::1]:8080 or https://tellers.example";
    let url = Url::parse(text).map_err(|error| format!("{error}; {WRITE}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("it is no http:// or https:// URL with a host; {WRITE}"));
    }
    Ok(url)
}
