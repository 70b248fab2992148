//! The jobs of a file, as they stand there.

use std::io::Read as _;

use anyhow::{Context as _, ensure};
use serde_json::value::RawValue;

use super::JOBS_AT_ONCE;

/// Bytes of one file: larger ones are for `tellers import`, which reads them piece by piece.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one request, as the ingress has it.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// What a file or standard input (`-`) has.
pub(super) fn read(file: &str) -> anyhow::Result<Vec<u8>> {
    let what = || format!("{file} cannot be read");
    let mut bytes = Vec::new();
    let most = FILE_BYTES_MAX + 1;
    if file == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).with_context(what)?;
    } else {
        std::fs::File::open(file)
            .with_context(what)?
            .take(most)
            .read_to_end(&mut bytes)
            .with_context(what)?;
    }
    ensure!(
        bytes.len() as u64 <= FILE_BYTES_MAX,
        "{file} has more than {} MB; `tellers import` reads files of any size",
        FILE_BYTES_MAX >> 20
    );
    Ok(bytes)
}

/// The jobs, each as it stands there. Nothing is sent of a file that is not JSON to its end.
pub(super) fn jobs_of(bytes: &[u8]) -> anyhow::Result<Vec<&RawValue>> {
    const HOLDS: &str =
        "a file of jobs holds JSON: an object for each job, one after the other, or an array of them";
    let mut jobs = Vec::new();
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    while let Some(value) = values.next() {
        let at = values.byte_offset();
        let value = value.with_context(|| {
            let before = bytes.get(..at).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("nothing was sent; behind line {line} stands what is no JSON. {HOLDS}")
        })?;
        if value.get().starts_with('[') {
            jobs.extend(serde_json::from_str::<Vec<&RawValue>>(value.get())?);
        } else {
            jobs.push(value);
        }
    }
    ensure!(!jobs.is_empty(), "it is empty; {HOLDS}");
    check_sizes(&jobs)?;
    Ok(jobs)
}

/// Before the first request: a file goes out as a whole, or none of it does for what can be known before.
fn check_sizes(jobs: &[&RawValue]) -> anyhow::Result<()> {
    for (place, jobs) in (0..).step_by(JOBS_AT_ONCE).zip(jobs.chunks(JOBS_AT_ONCE)) {
        let bytes: usize = jobs.iter().map(|job| job.get().len() + 1).sum();
        ensure!(
            bytes <= REQUEST_BYTES_MAX,
            "nothing was sent; jobs {} to {} have {bytes} bytes, and {REQUEST_BYTES_MAX} is the most of one request. \
             `tellers import` takes them",
            place + 1,
            place + jobs.len()
        );
    }
    Ok(())
}

/// Whether a job has a name of its own, by which the ingress knows it under whatever key it comes.
pub(super) fn has_reference(job: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Named {
        reference: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_str::<Named>(job.get()).is_ok_and(|job| job.reference.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        jobs_of(text.as_bytes()).unwrap().iter().map(|job| job.get().to_owned()).collect()
    }

    #[test]
    fn jobs_stand_in_lines_in_an_array_or_alone() {
        assert_eq!(found("{\"a\": 1.50}\n\n{\"b\":2}\n"), ["{\"a\": 1.50}", "{\"b\":2}"], "to the digit");
        assert_eq!(found(" [{\"a\":1}, {\"b\":2}]"), ["{\"a\":1}", "{\"b\":2}"]);
        assert_eq!(found("{\n  \"a\": 1\n}"), ["{\n  \"a\": 1\n}"]);
        let told = format!("{:#}", jobs_of(b"{\"a\":1}\n{\"b\":\n").unwrap_err());
        assert!(told.contains("nothing was sent") && told.contains("line"), "{told}");
        assert!(jobs_of(b" \n").unwrap_err().to_string().contains("empty"));
    }
    #[test]
    fn jobs_that_are_too_much_for_a_request_are_known_before_the_first_is_sent() {
        let job = format!("{{\"memo\":\"{}\"}}\n", "x".repeat(20_000));
        let told = jobs_of(job.repeat(900).as_bytes()).unwrap_err().to_string();
        assert!(told.contains("nothing was sent; jobs 1 to 900 have"), "{told}");
        let file = "{}\n".repeat(1_000) + &job.repeat(800);
        assert_eq!(jobs_of(file.as_bytes()).unwrap().len(), 1_800);
    }

    #[test]
    fn a_reference_is_a_name_of_a_jobs_own() {
        for (job, expected) in [
            (r#"{"kind": "deposit", "reference": "INV-7"}"#, true),
            (r#"{"reference": null}"#, false),
            (r#"{"metadata": {"reference": "INV-7"}}"#, false),
            ("7", false),
        ] {
            assert_eq!(has_reference(jobs_of(job.as_bytes()).unwrap()[0]), expected, "{job}");
        }
    }
}
