//! `tellers jobs post`: jobs of a file go to the ingress, and their outcomes come back.
//!
//! They go in requests of [`JOBS_AT_ONCE`]. To an ingress, a job without a reference is one of its request's key and its
//! content: the same content twice in one request is two jobs, and in two requests under one key it is one. So each request
//! has a key of its own, made of the key of the file and the place of the request in it.

mod file;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use backon::{ExponentialBuilder, Retryable as _};
use client::{Answer, Error};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ANSWER_WITHIN;
use super::args::PostArgs;
use crate::output;
use crate::remote::cells::text;
use crate::remote::table::{Column, Table, left, right};
use crate::remote::{Service, refused};

/// Jobs of one request: far fewer than an ingress takes, so that the outcomes of one request come in time. Another number
/// would give the jobs of a file other identities: a file that was posted by a release before would be posted twice.
const JOBS_AT_ONCE: usize = 1_000;
/// How often a request is sent in all: under one key it is the same jobs.
const ATTEMPTS_MAX: usize = 6;

/// Exit status 0: all jobs were accepted and, after a wait, posted; 1: some were not.
pub(super) async fn run(ingress: &Service, args: &PostArgs) -> anyhow::Result<ExitCode> {
    let bytes = file::read(&args.file)?;
    let jobs = file::jobs_of(&bytes).with_context(|| format!("{} cannot be posted", args.file))?;
    let key = match &args.idempotency_key {
        Some(key) => key.clone(),
        None => format!("tellers-{:08x}{:08x}", getrandom::u32()?, getrandom::u32()?),
    };
    let needs_key = !jobs.iter().all(|job| file::has_reference(job));
    let mut posting =
        Posting { ingress, args, key, needs_key, table: Table::new(&COLUMNS), sent: 0, short: 0 };
    if needs_key && args.idempotency_key.is_none() {
        // Before anything is sent: whatever ends the command from here on, the key is known.
        output::beside(format!("If this breaks off, {}.", posting.again()));
    }
    let mut ended = Ok(());
    for (number, jobs) in (1..).zip(jobs.chunks(JOBS_AT_ONCE)) {
        ended = posting.send(number, jobs).await;
        if ended.is_err() {
            break;
        }
    }
    posting.end(ended)
}

const COLUMNS: [Column; 4] = [right("job"), left("id"), left("status"), left("why")];

struct Posting<'a> {
    ingress: &'a Service,
    args: &'a PostArgs,
    /// Of the file; each request has one made of it.
    key: String,
    /// Whether some jobs are known by it alone.
    needs_key: bool,
    table: Table,
    /// Jobs that were sent, and of these those that did not come out as they should.
    sent: usize,
    short: usize,
}

impl Posting<'_> {
    async fn send(&mut self, number: usize, jobs: &[&RawValue]) -> anyhow::Result<()> {
        // A lone job goes so too: it is the same job when others stand behind it. A line's end within a job is a blank to
        // JSON, and no string has one.
        let lines = jobs.iter().map(|job| job.get().replace(['\r', '\n'], " ") + "\n");
        let answer = self.attempt(number, lines.collect()).await?;
        if self.args.json {
            output::done(answer.body.trim_end());
        }
        let said: Value = answer.json().map_err(|error| self.unknown(&error))?;
        let results = said["results"].as_array().map(Vec::as_slice).unwrap_or_default();
        let before = self.sent;
        for (place, result) in (before + 1..).zip(results) {
            self.note(place, result);
        }
        self.sent = before + results.len();
        ensure!(
            results.len() == jobs.len(),
            self.unknown(&format!("{} jobs were sent, and {} answered", jobs.len(), results.len()))
        );
        Ok(())
    }

    fn note(&mut self, place: usize, result: &Value) {
        let status = text(&result["status"]);
        let is_well = match status.as_str() {
            "posted" | "scheduled" => true,
            "queued" | "pending" => self.args.wait.is_none(),
            _ => false,
        };
        self.short += usize::from(!is_well);
        if self.args.json {
            return;
        }
        let why = match result["error"]["detail"].as_str() {
            Some(_) => text(&result["error"]["detail"]),
            None => text(&result["reason"]),
        };
        self.table.row([place.to_string(), text(&result["id"]), status, why]);
    }

    /// Sends one request, again and again while the ingress is busy or away.
    async fn attempt(&self, number: usize, body: String) -> anyhow::Result<Answer> {
        let seconds = self.args.wait.unwrap_or_default();
        let query = if seconds > 0 { format!("?wait={seconds}") } else { String::new() };
        let path = format!("/api/jobs/batch{query}");
        let key = key_of(&self.key, number);
        let send = || async {
            let request =
                self.ingress.request(Method::POST, &path).header(CONTENT_TYPE, "application/x-ndjson");
            let request = request.header("idempotency-key", &key).body(body.clone());
            let answer = Answer::to(request.timeout(Duration::from_secs(seconds) + ANSWER_WITHIN)).await?;
            // An answer that tells of each line may have any status.
            let is_told = answer.json::<Value>().is_ok_and(|said| said["results"].is_array());
            if answer.status.is_success() || is_told { Ok(answer) } else { Err(answer.refusal()) }
        };
        let delays = ExponentialBuilder::new().with_jitter().with_max_times(ATTEMPTS_MAX - 1);
        let sent =
            send.retry(delays).when(|error| !matches!(error, Error::Refused(_) | Error::Answer(_))).await;
        sent.map_err(|error| match error {
            Error::Refused(problem) => anyhow!(
                "job {} and those behind it are not accepted: {}. Once that is mended, {}",
                self.sent + 1,
                refused(&problem),
                self.again()
            ),
            error => self.unknown(&error),
        })
    }

    /// Some jobs may be accepted or not.
    fn unknown(&self, why: &impl std::fmt::Display) -> anyhow::Error {
        anyhow!(
            "{why}; it is not known whether the jobs from number {} on were accepted. To be sure, {}",
            self.sent + 1,
            self.again()
        )
    }

    /// What to do where it is not known how it went.
    fn again(&self) -> String {
        format!("post the same jobs again{}: none is posted twice", self.with_key())
    }

    /// By which the jobs are the same ones.
    fn with_key(&self) -> String {
        if self.needs_key { format!(" with --idempotency-key {}", quoted(&self.key)) } else { String::new() }
    }

    /// Tells what became of the jobs, whether or not all were sent and anybody reads it.
    fn end(self, ended: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
        let with_key = self.with_key();
        output::despite(self.table.write_all());
        ended?;
        if self.short == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let wanted = if self.args.wait.is_some() { "posted" } else { "accepted" };
        output::beside(format!(
            "{} of {} jobs are not {wanted}. Posting the same jobs again{with_key} posts none twice.",
            self.short, self.sent
        ));
        Ok(ExitCode::FAILURE)
    }
}

/// The key of a request, which says where in the file its jobs stand.
fn key_of(key: &str, number: usize) -> String {
    format!("{key}-{number}")
}

/// As a shell takes it for one word.
fn quoted(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@+,=".contains(c);
    if key.chars().all(is_plain) { key.to_owned() } else { format!("'{}'", key.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::jobs::args::KEY_CHARS_MAX;

    #[test]
    fn no_two_requests_have_one_key() {
        let keys = ["k", "k-1", "k-11", "k-1-1"];
        let of_requests: HashSet<_> =
            keys.iter().flat_map(|key| (1..=20).map(|number| key_of(key, number))).collect();
        assert_eq!(of_requests.len(), 4 * 20);
    }

    #[test]
    fn the_longest_key_leaves_room_for_the_place_of_every_request() {
        // The shortest job has three bytes with its line's end.
        let requests_max = (64 << 20) / 3 / JOBS_AT_ONCE + 1;
        assert!(key_of(&"k".repeat(KEY_CHARS_MAX), requests_max).len() <= 255);
    }

    #[test]
    fn a_key_is_one_word_to_a_shell() {
        assert_eq!(quoted("salaries-2026-11"), "salaries-2026-11");
        assert_eq!(quoted("Ann's file"), r"'Ann'\''s file'");
    }
}
