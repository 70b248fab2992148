//! `tellers jobs post`: jobs of a file go to the ingress, and their outcomes come back.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
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

/// Jobs of one request: far fewer than an ingress takes, so that the outcomes of one request come in time.
const JOBS_AT_ONCE: usize = 1_000;
/// Bytes of one file: larger ones are for `tellers import`, which reads them piece by piece.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How often a request is sent in all: under one key it is the same jobs.
const ATTEMPTS_MAX: usize = 6;

/// Exit status 0: all jobs were accepted and, after a wait, posted; 1: some were not.
pub(super) async fn run(ingress: &Service, args: &PostArgs) -> anyhow::Result<ExitCode> {
    let bytes = read(&args.file)?;
    let jobs = jobs_of(&bytes).with_context(|| format!("{} cannot be posted", args.file))?;
    let key = match &args.idempotency_key {
        Some(key) => key.clone(),
        None => format!("tellers-{:08x}{:08x}", getrandom::u32()?, getrandom::u32()?),
    };
    let mut posting = Posting { ingress, args, key, table: Table::new(&COLUMNS), sent: 0, short: 0 };
    for jobs in jobs.chunks(JOBS_AT_ONCE) {
        posting.send(jobs).await?;
    }
    posting.table.write_all()?;
    let Posting { sent, short, key, .. } = posting;
    if short > 0 {
        let wanted = if args.wait.is_some() { "posted" } else { "accepted" };
        output::beside(format!(
            "{short} of {sent} jobs are not {wanted}. Posting the file again with --idempotency-key {key} posts none twice."
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: [Column; 4] = [right("job"), left("id"), left("status"), left("why")];

struct Posting<'a> {
    ingress: &'a Service,
    args: &'a PostArgs,
    key: String,
    table: Table,
    /// Jobs that were sent, and of these those that did not come out as they should.
    sent: usize,
    short: usize,
}

impl Posting<'_> {
    async fn send(&mut self, jobs: &[&RawValue]) -> anyhow::Result<()> {
        let answer = match jobs {
            [job] => self.attempt("/api/jobs", "application/json", job.get().to_owned()).await?,
            jobs => {
                // A line's end within a job is a blank to JSON, and no string has one.
                let lines = jobs.iter().map(|job| job.get().replace(['\r', '\n'], " ") + "\n");
                self.attempt("/api/jobs/batch", "application/x-ndjson", lines.collect()).await?
            }
        };
        if self.args.json {
            output::line(answer.body.trim_end())?;
        }
        let said: Value = answer.json()?;
        let before = self.sent;
        self.sent += jobs.len();
        match said["results"].as_array() {
            Some(results) => {
                for (place, result) in (before + 1..).zip(results) {
                    self.note(place, result);
                }
            }
            None => self.note(before + 1, &said),
        }
        Ok(())
    }

    fn note(&mut self, place: usize, result: &Value) {
        let status = text(&result["status"]);
        let is_well = match status.as_str() {
            "posted" => true,
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
    async fn attempt(&self, path: &str, content_type: &str, body: String) -> anyhow::Result<Answer> {
        let seconds = self.args.wait.unwrap_or_default();
        let path = if seconds > 0 { format!("{path}?wait={seconds}") } else { path.to_owned() };
        let send = || async {
            let request = self.ingress.request(Method::POST, &path).header(CONTENT_TYPE, content_type);
            let request = request.header("idempotency-key", &self.key).body(body.clone());
            let answer = Answer::to(request.timeout(Duration::from_secs(seconds) + ANSWER_WITHIN)).await?;
            // An answer that tells of each line may have any status.
            let is_told = answer.json::<Value>().is_ok_and(|said| said["results"].is_array());
            if answer.status.is_success() || is_told { Ok(answer) } else { Err(answer.refusal()) }
        };
        let delays = ExponentialBuilder::new().with_jitter().with_max_times(ATTEMPTS_MAX - 1);
        let sent =
            send.retry(delays).when(|error| !matches!(error, Error::Refused(_) | Error::Answer(_))).await;
        match sent {
            Ok(answer) => Ok(answer),
            Err(Error::Refused(problem)) => {
                bail!("job {} and those behind it are not accepted: {}", self.sent + 1, refused(&problem))
            }
            Err(error) => bail!(
                "{error}; it is not known whether the jobs from number {} on were accepted. Post the file again with \
                 --idempotency-key {}: what was accepted takes effect once",
                self.sent + 1,
                self.key
            ),
        }
    }
}

fn read(file: &str) -> anyhow::Result<Vec<u8>> {
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
fn jobs_of(bytes: &[u8]) -> anyhow::Result<Vec<&RawValue>> {
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
    Ok(jobs)
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
}
