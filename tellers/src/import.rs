//! `tellers import`: a file goes to the ingress, and its progress comes back.

pub(crate) mod args;
pub(crate) mod table;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use client::{Answer, Client, Problem};
use futures::stream;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reqwest::{Body, Method, RequestBuilder};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use self::args::ImportArgs;

use crate::output;

/// Standard input, as a file.
const STDIN: &str = "/dev/stdin";
/// Bytes that are read from the file at a time.
const READ_BYTES: usize = 256 * 1024;
/// How often the ingress is asked for progress, and for how long it may be away meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const AWAY_LOOKS_MAX: u32 = 120;
/// A wait for one answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Exit status 0: every row is in the ledger; 1: some are not; 2: the file was not imported.
pub(crate) async fn run(args: ImportArgs) -> ExitCode {
    match import(&args).await {
        Ok(import) => {
            output::done(if args.json { format!("{import:#}") } else { table::of(&import) });
            match import["state"].as_str() {
                Some("done") if table::are_all_in_the_books(&import) => ExitCode::SUCCESS,
                Some("done") => ExitCode::from(1),
                _ => ExitCode::from(2),
            }
        }
        Err(error) => {
            output::beside(format_args!("tellers: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn import(args: &ImportArgs) -> anyhow::Result<Value> {
    // Sending a large file takes its time.
    let http = reqwest::Client::builder().connect_timeout(ANSWER_WITHIN);
    let key = args.api_key.clone().map_or_else(|| args.key.read(), |key| Ok(Some(key)))?;
    let ingress = Client::through(http, &args.ingress.api_url, key.as_deref())?;
    let bar = bar(args.json);
    let sent = send(&ingress, args, &bar).await;
    let ended = match sent {
        Ok(number) => follow(&ingress, number, &bar).await,
        Err(error) => Err(error),
    };
    bar.finish_and_clear();
    ended
}

/// The JSON of an answer that is no problem.
async fn ask(ingress: &Client, request: RequestBuilder) -> anyhow::Result<Value> {
    let answer = Answer::to(request).await.with_context(|| format!("{} does not answer", ingress.base()))?;
    ensure!(answer.status.is_success(), "{}", Problem::of(answer.status, &answer.body));
    Ok(answer.json()?)
}

/// Sends the file as it is read, and returns its number.
async fn send(ingress: &Client, args: &ImportArgs, bar: &ProgressBar) -> anyhow::Result<u64> {
    let path = if args.file == "-" { STDIN } else { &args.file };
    let what = || format!("{} cannot be read", args.file);
    let file = tokio::fs::File::open(path).await.with_context(what)?;
    let bytes = file.metadata().await.with_context(what)?;
    // What comes through a pipe has no length yet.
    let bytes = bytes.is_file().then_some(bytes.len());
    let name = Path::new(&args.file).file_name().filter(|_| args.file != "-");
    let dry_run = args.dry_run.then(|| "true".to_owned());
    let said = [
        ("name", name.map(|name| name.to_string_lossy().into_owned())),
        ("format", args.format.clone()),
        ("map", args.map.clone()),
        ("charset", args.charset.clone()),
        ("dry_run", dry_run),
    ];
    let said: Vec<_> = said.into_iter().filter(|(_, value)| value.is_some()).collect();
    bar.set_length(bytes.unwrap_or_default());
    bar.set_message("sending");
    let chunks = stream::unfold((file, bar.clone()), |(mut file, bar)| async {
        let mut chunk = vec![0; READ_BYTES];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                bar.inc(read as u64);
                Some((Ok(Bytes::from(chunk)), (file, bar)))
            }
            Err(error) => Some((Err(error), (file, bar))),
        }
    });
    let request = ingress.request(Method::POST, "/api/imports").query(&said);
    let mut request = request.body(Body::wrap_stream(chunks));
    if let Some(bytes) = bytes {
        // The ingress can turn away at once what it would not take.
        request = request.header("content-length", bytes);
    }
    let import = ask(ingress, request).await?;
    import["id"].as_u64().with_context(|| format!("an unexpected answer: {import}"))
}

/// Asks until it has ended.
async fn follow(ingress: &Client, number: u64, bar: &ProgressBar) -> anyhow::Result<Value> {
    let mut away = 0;
    loop {
        let request = ingress.request(Method::GET, &format!("/api/imports/{number}"));
        match ask(ingress, request.timeout(ANSWER_WITHIN)).await {
            Ok(import) => {
                away = 0;
                show(&import, bar);
                if !["queued", "reading", "draining"].contains(&import["state"].as_str().unwrap_or_default())
                {
                    return Ok(import);
                }
            }
            // The file is on its disk: it may have been restarted.
            Err(_) if away < AWAY_LOOKS_MAX => {
                away += 1;
                bar.set_message(format!("import {number}: the ingress does not answer"));
            }
            Err(error) => return Err(error.context(format!("import {number} goes on, and cannot be seen"))),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn show(import: &Value, bar: &ProgressBar) {
    let count = |name: &str| import[name].as_u64().unwrap_or_default();
    let settled: u64 = ["posted", "rejected", "duplicates", "conflicts", "dead", "cancelled", "scheduled"]
        .map(count)
        .iter()
        .sum();
    let (position, length) = match import["state"].as_str() {
        Some("draining") => (settled, count("accepted")),
        _ => (count("bytes_read"), count("bytes")),
    };
    bar.set_length(length);
    bar.set_position(position);
    let left = import["seconds_left"].as_f64().map(|left| format!(", {left:.0} s left")).unwrap_or_default();
    bar.set_message(format!(
        "{}: {} rows, {} refused, {settled} settled, {:.0} rows/s{left}{}",
        import["state"].as_str().unwrap_or_default(),
        count("rows_read"),
        count("refused"),
        import["rows_per_second"].as_f64().unwrap_or_default(),
        import["waits"].as_str().map(|waits| format!(", {waits}")).unwrap_or_default(),
    ));
}

fn bar(hidden: bool) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    if hidden || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
