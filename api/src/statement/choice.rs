//! Which form a client wants.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use strum::{IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::problem::{Problem, ProblemType};

/// A form of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, ToSchema)]
#[schema(as = StatementFormat)]
pub enum Format {
    /// JSON, as all else here.
    #[strum(serialize = "json")]
    #[schema(rename = "json")]
    Json,
    /// Comma-separated values (RFC 4180).
    #[strum(serialize = "csv")]
    #[schema(rename = "csv")]
    Csv,
    /// ISO 20022 BankToCustomerStatement, camt.053.001.08.
    #[strum(serialize = "camt.053")]
    #[schema(rename = "camt.053")]
    Camt053,
}

impl Format {
    /// What it is sent as.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Camt053 => "application/xml; charset=utf-8",
        }
    }

    /// The end of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Camt053 => "xml",
        }
    }

    fn media_types(self) -> &'static [&'static str] {
        match self {
            Format::Json => &["application/json"],
            Format::Csv => &["text/csv"],
            Format::Camt053 => &["application/xml", "text/xml"],
        }
    }

    /// The form that `format=` names, or else the one that `Accept` prefers (RFC 9110, section 12.5.1); JSON where
    /// all are as good.
    ///
    /// # Errors
    /// There is no form that `Accept` takes.
    pub fn of(named: Option<Format>, headers: &HeaderMap) -> Result<Format, Problem> {
        if let Some(format) = named {
            return Ok(format);
        }
        let lines: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let accepted = lines.join(",");
        if accepted.trim().is_empty() {
            return Ok(Format::Json);
        }
        let ranked = Format::VARIANTS.iter().map(|format| (quality(&accepted, *format), *format));
        // The first of the best.
        let best = ranked.rev().max_by_key(|(quality, _)| *quality).filter(|(quality, _)| *quality > 0);
        best.map(|(_, format)| format).ok_or_else(|| {
            let shown: String = accepted.chars().take(80).collect();
            let detail = format!(
                "a statement is not to be had as {shown:?}; accept application/json, text/csv or application/xml (camt.053), \
                 or name it: format=json, csv or camt.053"
            );
            Problem::new(ProblemType::NotAcceptable, detail)
        })
    }
}

/// How much a form is wanted, in thousandths: the most precise range that covers it decides.
fn quality(accepted: &str, format: Format) -> u32 {
    let ranges = accepted.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_range = parts.next()?.to_ascii_lowercase();
        let precision =
            format.media_types().iter().filter_map(|media_type| covers(&media_range, media_type)).max()?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((precision, weight.map_or(1_000, thousandths)))
    });
    ranges.max_by_key(|(precision, _)| *precision).map_or(0, |(_, quality)| quality)
}

fn covers(media_range: &str, media_type: &str) -> Option<u8> {
    let family = media_type.split('/').next().unwrap_or_default();
    match media_range {
        exact if exact == media_type => Some(3),
        range if range.strip_suffix("/*") == Some(family) => Some(2),
        "*/*" => Some(1),
        _ => None,
    }
}

/// `0.5` is 500; what is no weight is none.
fn thousandths(weight: &str) -> u32 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let fraction = format!("{fraction:0<3}");
    let digits = fraction.get(..3).and_then(|digits| digits.parse::<u32>().ok());
    match (whole, digits) {
        ("1", _) => 1_000,
        ("0", Some(digits)) => digits,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Option<Format> {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        Format::of(None, &headers).ok()
    }

    #[test]
    fn the_form_that_is_preferred_is_sent() {
        assert_eq!(Format::of(None, &HeaderMap::new()).ok(), Some(Format::Json));
        for (accept, expected) in [
            ("*/*", Some(Format::Json)),
            ("text/csv", Some(Format::Csv)),
            ("Text/XML", Some(Format::Camt053)),
            ("application/xml, application/json;q=0.9", Some(Format::Camt053)),
            ("text/html, application/xml;q=0.9, */*;q=0.8", Some(Format::Camt053)),
            ("text/*", Some(Format::Csv)),
            ("application/*;q=0.2, text/csv;q=0.25", Some(Format::Csv)),
            ("*/*, application/json;q=0", Some(Format::Csv)),
            ("image/png", None),
            ("text/csv;q=0", None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_name_wins() {
        let headers = HeaderMap::from_iter([(ACCEPT, "text/csv".parse().unwrap())]);
        assert_eq!(Format::of(Some(Format::Camt053), &headers).ok(), Some(Format::Camt053));
    }
}
