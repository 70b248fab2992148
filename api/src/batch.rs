//! The lines of a batch.

use domain::json;

use crate::problem::{self, Problem, ProblemType};

/// The most jobs of one request.
pub const JOBS_MAX: usize = 10_000;

/// One job's bytes in the body of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Of NDJSON the number of its line, of an array its place; from 1.
    pub number: usize,
    /// What stands there; nothing is promised of it.
    pub json: &'a [u8],
}

/// The lines of NDJSON; empty ones are passed over.
pub fn lines(body: &[u8]) -> Result<Vec<Line<'_>>, Problem> {
    let all = (1..).zip(body.split(|byte| *byte == b'\n'));
    let filled = all
        .map(|(number, line)| Line { number, json: line.trim_ascii() })
        .filter(|line| !line.json.is_empty());
    let lines: Vec<_> = filled.take(JOBS_MAX + 1).collect();
    if lines.is_empty() {
        Err(problem::malformed("is empty; send at least one job".to_owned()))
    } else {
        limited(lines)
    }
}

/// The elements of a JSON array.
///
/// Only brackets, strings and commas are looked at: an element that is not JSON is refused later, and
/// on its own.
pub fn elements(body: &[u8]) -> Result<Vec<Line<'_>>, Problem> {
    let Some(body) = body.trim_ascii().strip_prefix(b"[") else {
        json::check(body).map_err(problem::malformed)?;
        return Err(invalid(
            "the body must be a JSON array of jobs, or NDJSON with the type application/x-ndjson",
        ));
    };
    let mut elements = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => (),
            b'[' | b'{' => depth += 1,
            b']' if depth == 0 => {
                let last = between(body, start, at);
                if !(last.is_empty() && elements.is_empty()) {
                    elements.push(last);
                }
                if !between(body, at + 1, body.len()).is_empty() {
                    let why = "is not JSON: something follows the end of the array; send one array";
                    return Err(problem::malformed(why.to_owned()));
                }
                let numbered = (1..).zip(elements).map(|(number, json)| Line { number, json });
                return limited(numbered.collect());
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                elements.push(between(body, start, at));
                start = at + 1;
                if elements.len() > JOBS_MAX {
                    return Err(too_many());
                }
            }
            _ => (),
        }
    }
    let why = "is not JSON: the array is not closed; send it whole. A string or a bracket in it may be open";
    Err(problem::malformed(why.to_owned()))
}

fn between(body: &[u8], start: usize, end: usize) -> &[u8] {
    body.get(start..end).unwrap_or_default().trim_ascii()
}

fn limited(lines: Vec<Line<'_>>) -> Result<Vec<Line<'_>>, Problem> {
    match lines.len() {
        0 => Err(invalid("there is no job in the body; send at least one")),
        1..=JOBS_MAX => Ok(lines),
        _ => Err(too_many()),
    }
}

fn too_many() -> Problem {
    let detail = format!("the batch has more than {JOBS_MAX} jobs and none was accepted; send it in parts");
    Problem::new(ProblemType::TooManyJobs, detail)
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(ProblemType::InvalidBatch, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(split: &Result<Vec<Line<'a>>, Problem>) -> Vec<(usize, &'a str)> {
        let lines = split.as_ref().unwrap();
        lines.iter().map(|line| (line.number, std::str::from_utf8(line.json).unwrap())).collect()
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(texts(&lines(b"{\"a\":1}\r\n\n  \n{\"b\":2}")), [(1, "{\"a\":1}"), (4, "{\"b\":2}")]);
        assert_eq!(lines(b"\n \n").unwrap_err().slug(), "malformed-json");
    }

    #[test]
    fn elements_are_kept_apart_whatever_is_in_them() {
        let body = br#" [ {"a":"]},\"[" , "b":[1,2]} , nonsense,, {"c":{}} ] "#;
        let expected = [(1, r#"{"a":"]},\"[" , "b":[1,2]}"#), (2, "nonsense"), (3, ""), (4, r#"{"c":{}}"#)];
        assert_eq!(texts(&elements(body)), expected);
        assert_eq!(texts(&elements(b"[1,]")), [(1, "1"), (2, "")]);
    }

    #[test]
    fn an_array_that_has_no_end_is_refused_whole() {
        for body in ["", "[", "[1", "[1]]", "[1] 2", r#"["a]"#, r#"[{"a":[1}, {"b":2}]"#, "nonsense", "{} {}"]
        {
            assert_eq!(elements(body.as_bytes()).unwrap_err().slug(), "malformed-json", "{body}");
        }
        for body in ["{}", "[]", "[ ]", "null", "7"] {
            assert_eq!(elements(body.as_bytes()).unwrap_err().slug(), "invalid-batch", "{body}");
        }
        let deep = "[".repeat(100_000);
        assert!(elements(deep.as_bytes()).is_err());
    }

    #[test]
    fn ten_thousand_are_the_most() {
        assert_eq!(lines("{}\n".repeat(JOBS_MAX).as_bytes()).unwrap().len(), JOBS_MAX);
        assert!(lines("{}\n".repeat(JOBS_MAX + 1).as_bytes()).is_err());
        let array = |count| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(elements(array(JOBS_MAX).as_bytes()).unwrap().len(), JOBS_MAX);
        assert!(elements(array(JOBS_MAX + 1).as_bytes()).is_err());
    }
}
