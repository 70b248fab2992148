//! The result of a load test as a page: self-contained, light and dark, printable.

mod chart;
mod tables;

use std::fmt::Write as _;

use self::chart::{Chart, Line};
use crate::plan::Load;
use crate::report::Report;
use crate::series::Point;

const STYLE: &str = include_str!("page/style.css");

/// The page.
pub fn of(report: &Report) -> String {
    let verdict = &report.verdict;
    let (class, word) = if verdict.passed { ("passed", "Passed") } else { ("failed", "Failed") };
    let mut page = String::with_capacity(64 * 1024);
    let title = format!("Load test {}: {}", report.run, word.to_lowercase());
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">Tellers load test <code>{run}</code></p>\n\
         <h1 class=\"{class}\">{word}</h1>\n<p class=\"verdict\">{sentence}</p>\n<p>{what}</p>\n</header>\n",
        title = escaped(&title),
        run = escaped(&report.run),
        sentence = escaped(&verdict.sentence),
        what = escaped(&what(report)),
    );
    section(&mut page, "Criteria", &tables::criteria(verdict));
    section(&mut page, "Figures", &tables::figures(report));
    section(&mut page, "Response time of the ingress", &responses(&report.points));
    section(&mut page, "From acceptance to posting", &postings(&report.points));
    section(&mut page, "Throughput", &throughput(&report.points));
    section(&mut page, "Proof", &tables::proof(&report.proof));
    if let Some(errors) = tables::errors(report) {
        section(&mut page, "Errors", &errors);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, title: &str, content: &str) {
    let _ = write!(page, "<section>\n<h2>{title}</h2>\n{content}</section>\n");
}

/// What was done, in a sentence.
fn what(report: &Report) -> String {
    let plan = match &report.plan.load {
        Load::Closed { concurrent_users, requests_per_user, .. } => {
            format!("{concurrent_users} users with {requests_per_user} requests each")
        }
        Load::Open { rate, duration_seconds } => format!("{rate} requests a second for {duration_seconds} s"),
        Load::Sustained { concurrent_users, minutes, .. } => {
            format!("{concurrent_users} users for {minutes} min")
        }
        Load::Validate => "10 users with 20 requests each, then 100 users at the same pace".to_owned(),
    };
    format!(
        "{plan}, against {} on {:.0}; {:.1} s from opening {} accounts to the verdict.",
        report.target, report.started_at, report.seconds, report.plan.accounts
    )
}

fn responses(points: &[Point]) -> String {
    let line = |label, class, of: fn(&Point) -> Option<f64>| Line::new(label, class, points, of);
    Chart { what: "Response time in milliseconds over time", unit: "ms", scale: 1e3 }.draw(&[
        line("median", "a", |point| point.response_p50_seconds),
        line("95 %", "b", |point| point.response_p95_seconds),
        line("99 %", "c", |point| point.response_p99_seconds),
    ])
}

fn postings(points: &[Point]) -> String {
    let line = |label, class, of: fn(&Point) -> Option<f64>| Line::new(label, class, points, of);
    Chart { what: "Time from acceptance to posting in milliseconds over time", unit: "ms", scale: 1e3 }.draw(
        &[
            line("median", "a", |point| point.accepted_to_posted_p50_seconds),
            line("95 %", "b", |point| point.accepted_to_posted_p95_seconds),
            line("99 %", "c", |point| point.accepted_to_posted_p99_seconds),
        ],
    )
}

fn throughput(points: &[Point]) -> String {
    let line = |label, class, of: fn(&Point) -> Option<f64>| Line::new(label, class, points, of);
    Chart { what: "Jobs a second over time", unit: "jobs/s", scale: 1.0 }.draw(&[
        line("accepted", "a", |point| Some(point.accepted_per_second)),
        line("posted", "b", |point| Some(point.posted_per_second)),
        line("failed", "d", |point| Some(point.failed_per_second)),
    ])
}

/// What came from elsewhere is text, never markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
