//! The tables of the page.

use std::fmt::Write as _;

use super::escaped;
use crate::figures::{Figures, Times};
use crate::proof::Proof;
use crate::report::Report;
use crate::verdict::{Unit, Verdict};

/// One row for each criterion.
pub(super) fn criteria(verdict: &Verdict) -> String {
    let mut rows = String::new();
    for criterion in &verdict.criteria {
        let (class, word) = match criterion.passed {
            Some(true) => ("passed", "passed"),
            Some(false) => ("failed", "failed"),
            None => ("note", "not judged"),
        };
        let amount = |value: f64| match criterion.unit {
            Unit::Percent => format!("{value:.1} %"),
            Unit::Seconds => format!("{value:.3} s"),
            Unit::Jobs | Unit::Accounts => format!("{value:.0}"),
        };
        let measured = criterion.measured.map_or_else(|| "–".to_owned(), amount);
        let _ = writeln!(
            rows,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td><td class=\"number\">{measured}</td><td class=\"number\">{}</td></tr>",
            escaped(&criterion.sentence),
            amount(criterion.limit)
        );
    }
    table(
        "<th>Verdict</th><th>Criterion</th><th class=\"number\">Measured</th><th class=\"number\">Limit</th>",
        &rows,
    )
}

/// One column for the load, and one for the baseline if there is one.
pub(super) fn figures(report: &Report) -> String {
    let columns: Vec<(&str, &Figures)> = report
        .baseline
        .iter()
        .map(|baseline| ("Baseline", baseline))
        .chain([("Load", &report.load)])
        .collect();
    let mut rows = String::new();
    let mut row = |label: &str, of: &dyn Fn(&Figures) -> String| {
        let _ = write!(rows, "<tr><td>{label}</td>");
        for (_, figures) in &columns {
            let _ = write!(rows, "<td class=\"number\">{}</td>", of(figures));
        }
        rows.push_str("</tr>\n");
    };
    row("users at once", &|figures| figures.users.map_or_else(|| "–".to_owned(), |users| users.to_string()));
    row("requests", &|figures| figures.requests.to_string());
    row("accepted", &|figures| figures.accepted.to_string());
    row("posted", &|figures| figures.posted.to_string());
    row("success", &|figures| format!("{:.2} %", figures.success_percent));
    row("length", &|figures| format!("{:.2} s", figures.seconds));
    row("accepted jobs/s", &|figures| format!("{:.0}", figures.accepted_per_second));
    row("posted jobs/s", &|figures| {
        figures.posted_per_second.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.0}"))
    });
    for (label, of) in TIMES {
        row(&format!("response, {label}"), &|figures| ms(figures.response, of));
    }
    for (label, of) in TIMES {
        row(&format!("accepted to posted, {label}"), &|figures| ms(figures.accepted_to_posted, of));
    }
    let mut head = "<th></th>".to_owned();
    for (title, _) in &columns {
        let _ = write!(head, "<th class=\"number\">{title}</th>");
    }
    table(&head, &rows)
}

type OfTimes = fn(&Times) -> f64;
const TIMES: [(&str, OfTimes); 6] = [
    ("shortest", |times| times.min_seconds),
    ("mean", |times| times.avg_seconds),
    ("median", |times| times.p50_seconds),
    ("95 %", |times| times.p95_seconds),
    ("99 %", |times| times.p99_seconds),
    ("longest", |times| times.max_seconds),
];

fn ms(times: Option<Times>, of: OfTimes) -> String {
    times.map_or_else(|| "–".to_owned(), |times| format!("{:.1} ms", of(&times) * 1e3))
}

/// What was read again.
pub(super) fn proof(proof: &Proof) -> String {
    let money_found = proof.money_found.map_or_else(|| "not all read".to_owned(), |found| found.to_string());
    let mut rows = String::new();
    for (label, value) in [
        ("jobs accepted", proof.accepted.to_string()),
        ("posted", proof.posted.to_string()),
        ("rejected", proof.rejected.to_string()),
        ("dead", proof.dead.to_string()),
        ("cancelled", proof.cancelled.to_string()),
        ("lost", proof.lost.to_string()),
        ("doubled", proof.doubled.to_string()),
        ("entries that no request explains", proof.foreign_entries.to_string()),
        ("posted, though the client received no acceptance", proof.unconfirmed_posted.to_string()),
        ("accounts read of those opened", format!("{} of {}", proof.accounts_read, proof.accounts)),
        ("accounts that do not hold what the outcomes say", proof.accounts_off.to_string()),
        ("money given, minor units of XTS", proof.money_given.to_string()),
        ("money found", money_found),
    ] {
        let _ = writeln!(rows, "<tr><td>{label}</td><td class=\"number\">{value}</td></tr>");
    }
    let mut html = table("<th>Read again</th><th class=\"number\"></th>", &rows);
    if !proof.findings.is_empty() {
        html.push_str("<ul>\n");
        for finding in &proof.findings {
            let _ = writeln!(html, "<li>{}</li>", escaped(finding));
        }
        html.push_str("</ul>\n");
    }
    html
}

/// What went wrong, by phase and class; `None`: nothing did.
pub(super) fn errors(report: &Report) -> Option<String> {
    let mut rows = String::new();
    let phases =
        report.baseline.iter().map(|baseline| ("baseline", baseline)).chain([("load", &report.load)]);
    for (phase, figures) in phases {
        for (class, count) in &figures.errors {
            let class = escaped(class);
            let _ =
                writeln!(rows, "<tr><td>{phase}</td><td>{class}</td><td class=\"number\">{count}</td></tr>");
        }
    }
    (!rows.is_empty()).then(|| table("<th>Phase</th><th>Error</th><th class=\"number\">Count</th>", &rows))
}

fn table(head: &str, rows: &str) -> String {
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}
