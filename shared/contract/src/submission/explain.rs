//! What is wrong with a refused body.

use domain::job::Kind;
use domain::json;
use domain::schedule::NoMoment;

use super::{Invalid, Submission, VALUE_CHARS_MAX, shortened};

/// Reads a refused body once more, slowly, to say where it is wrong and what stands there.
pub(super) fn explain(json: &[u8], is_object: bool) -> Invalid {
    if let Err(error) = std::str::from_utf8(json) {
        let remedy = format!("is not UTF-8 from byte {} on; send UTF-8", error.valid_up_to());
        return Invalid { field: "body".to_owned(), value: String::new(), remedy };
    }
    if !is_object {
        let value = shortened(String::from_utf8_lossy(json).trim(), VALUE_CHARS_MAX);
        let remedy = "must be a JSON object with the fields of a job".to_owned();
        return Invalid { field: "body".to_owned(), value, remedy };
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let (path, message) = match serde_path_to_error::deserialize::<_, Submission>(&mut deserializer) {
        Err(error) => (error.path().to_string(), error.inner().to_string()),
        Ok(_) => match deserializer.end() {
            Err(error) => (".".to_owned(), error.to_string()),
            Ok(()) => (".".to_owned(), "could not be read".to_owned()),
        },
    };
    // serde names a field that is missing or unknown in its message only.
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start).and_then(|rest| rest.split('`').next()));
    let field = match (path.as_str(), named) {
        (".", Some(field)) => field.to_owned(),
        (path, Some(field)) if !path.ends_with(field) => format!("{path}.{field}"),
        (".", None) => "body".to_owned(),
        (path, None) if path.contains('?') => "body".to_owned(),
        (path, _) => path.to_owned(),
    };
    // The place in the text is of use only where no field can be named.
    let remedy = match message.split_once(" at line ") {
        _ if field == "kind" && message.starts_with("missing field") => {
            format!(
                "is missing; there are {}",
                Kind::of_clients().map(Kind::name).collect::<Vec<_>>().join(", ")
            )
        }
        Some(("number out of range", _)) => {
            "must be a number within ±1e308; where minor units stand, an integer written in digits alone"
                .to_owned()
        }
        // What a parser of dates says of its digits helps nobody.
        _ if matches!(field.as_str(), "value_date" | "rule.from" | "rule.until" | "due")
            && !["invalid type", "missing field"].iter().any(|start| message.starts_with(start)) =>
        {
            "must be a day of the calendar, written as 2026-11-24".to_owned()
        }
        _ if field == "expires_at" && !message.starts_with("invalid type") => {
            "must be an instant, written as 2026-11-24T17:00:00Z".to_owned()
        }
        _ if field == "execute_at" => NoMoment.to_string(),
        Some((what, _)) if field != "body" => what.to_owned(),
        _ => message,
    };
    let text = String::from_utf8_lossy(json);
    let value = json::find(&text, &field).map(str::to_owned).unwrap_or_default();
    Invalid { field, value, remedy }
}
