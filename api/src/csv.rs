//! Cells of comma-separated values (RFC 4180) that somebody else wrote.

/// One cell. A spreadsheet takes a text that starts like a formula for one, so such a text gets an apostrophe in front
/// (OWASP, "CSV Injection").
pub fn quoted(text: Option<&str>) -> String {
    let Some(text) = text else { return String::new() };
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_text_stays_one_cell_and_never_becomes_a_formula() {
        assert_eq!(quoted(Some("rent")), "rent");
        assert_eq!(quoted(Some("rent, \"June\"")), "\"rent, \"\"June\"\"\"");
        assert_eq!(quoted(Some("=1+1")), "\"'=1+1\"");
        assert_eq!(quoted(None), "");
    }
}
