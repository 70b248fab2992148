//! `tellers jobs`: find a job, see what became of it, post jobs.

pub(crate) mod args;
mod post;
mod shown;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use self::args::{FindArgs, JobsArgs, JobsCommand, ScheduledArgs};
use crate::output;
use crate::remote::Service;
use crate::remote::cells::text;
use crate::remote::listing::Listing;

/// What an answer takes beyond the time that the ingress is asked to wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// An id looks like this; anything else is looked up as a reference.
const ID_CHARS: usize = 36;

pub(crate) async fn run(args: JobsArgs) -> anyhow::Result<ExitCode> {
    let ingress = args.ingress.service(&args.key)?;
    match args.command {
        JobsCommand::Find(find) => find_jobs(&ingress, &find).await?,
        JobsCommand::Scheduled(scheduled) => scheduled_jobs(&ingress, &scheduled).await?,
        JobsCommand::Show { id, wait, json } => {
            let id = id_of(&ingress, &id).await?;
            let seconds = wait.unwrap_or_default();
            let query = if seconds > 0 { format!("?wait={seconds}") } else { String::new() };
            let request = ingress.request(Method::GET, &format!("/api/jobs/{id}{query}"));
            let request = request.timeout(Duration::from_secs(seconds) + ANSWER_WITHIN);
            let answer = ingress.ask(request).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                shown::job(&answer.json()?)?;
            }
        }
        JobsCommand::Timeline { id, json } => {
            let id = id_of(&ingress, &id).await?;
            let answer = ingress.get(&format!("/api/jobs/{id}/timeline")).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                shown::timeline(&answer.json()?)?;
            }
        }
        JobsCommand::Cancel { id, reason, json } => {
            let id = utf8_percent_encode(id.trim(), NON_ALPHANUMERIC);
            let request = ingress.request(Method::DELETE, &format!("/api/jobs/{id}"));
            let answer = ingress.ask(request.query(&[("reason", reason)])).await?;
            if json.json {
                output::line(answer.body.trim_end())?;
            } else {
                output::line(format!(
                    "job {} is cancelled, and never posts",
                    text(&answer.json::<Value>()?["id"])
                ))?;
            }
        }
        JobsCommand::Post(post) => return post::run(&ingress, &post).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn find_jobs(ingress: &Service, find: &FindArgs) -> anyhow::Result<()> {
    let listing = Listing {
        service: ingress,
        path: "/api/jobs",
        list: "jobs",
        columns: &shown::COLUMNS,
        row: &shown::row,
    };
    listing.show(&find.filter.query()?, &find.list).await
}

async fn scheduled_jobs(ingress: &Service, scheduled: &ScheduledArgs) -> anyhow::Result<()> {
    let listing = Listing {
        service: ingress,
        path: "/api/scheduled-jobs",
        list: "jobs",
        columns: &shown::SCHEDULED_COLUMNS,
        row: &shown::scheduled_row,
    };
    listing.show(&scheduled.query(), &scheduled.list).await
}

/// The id of a job that is named by its id, or by its reference.
async fn id_of(ingress: &Service, name: &str) -> anyhow::Result<String> {
    let name = name.trim();
    if is_id(name) {
        return Ok(name.to_owned());
    }
    let reference = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let found = ingress.read(&format!("/api/jobs?reference={reference}&limit=10")).await?;
    let ids: Vec<_> = found["jobs"].as_array().into_iter().flatten().filter_map(id).collect();
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => bail!(
            "no job with an outcome has the reference {name:?}, and it is no id; `tellers jobs find` looks for jobs by what else is known \
             of them"
        ),
        several => {
            bail!("several jobs have the reference {name:?}; name one by its id: {}", several.join(", "))
        }
    }
}

fn id(job: &Value) -> Option<String> {
    job["id"].as_str().map(str::to_owned)
}

fn is_id(name: &str) -> bool {
    name.len() == ID_CHARS && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_no_reference() {
        assert!(is_id("0193590b-7a4d-8a01-8203-0405068f2b6e"));
        for reference in ["INV-7", "", "0193590b-7a4d-8a01-8203-0405068f2b6x"] {
            assert!(!is_id(reference), "{reference}");
        }
    }
}
