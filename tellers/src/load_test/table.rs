//! The result of a load test as tables.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use load_test::figures::{Figures, Times};
use load_test::report::Report;
use load_test::usage::Resources;
use load_test::verdict::{Unit, Verdict};

/// The figures, the criteria, what was found, and the verdict.
pub(crate) fn of(report: &Report) -> String {
    let mut lines = vec![figures(report), criteria(&report.verdict)];
    lines.extend(report.resources.as_ref().and_then(hosts));
    let phases =
        report.baseline.iter().map(|baseline| ("baseline", baseline)).chain([("load", &report.load)]);
    for (phase, figures) in phases {
        lines.extend(figures.errors.iter().map(|(class, count)| format!("  {phase}: {count} × {class}")));
    }
    lines.extend(report.proof.findings.iter().map(|finding| format!("  - {finding}")));
    lines.push(report.verdict.sentence.clone());
    lines.join("\n")
}

fn figures(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header([
        "phase",
        "requests",
        "accepted",
        "posted",
        "accepted/s",
        "posted/s",
        "response p50 / p95 / p99 / max, ms",
        "accepted to posted p50 / p95 / p99 / max, ms",
    ]);
    let mut row = |phase: &str, figures: &Figures| {
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.0}"));
        table.add_row([
            phase.to_owned(),
            figures.requests.to_string(),
            figures.accepted.to_string(),
            figures.posted.to_string(),
            rate(Some(figures.accepted_per_second)),
            rate(figures.posted_per_second),
            times(figures.response),
            times(figures.accepted_to_posted),
        ]);
    };
    if let Some(baseline) = &report.baseline {
        row("baseline", baseline);
    }
    row("load", &report.load);
    table.to_string()
}

fn times(times: Option<Times>) -> String {
    let Some(times) = times else { return "–".to_owned() };
    let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
    [times.p50_seconds, times.p95_seconds, times.p99_seconds, times.max_seconds].map(ms).join(" / ")
}

/// Beside the criterion, which goes by what each replica used itself.
fn hosts(used: &Resources) -> Option<String> {
    let (cpu, memory) = (used.host_cpu_percent_avg?, used.host_memory_percent_avg?);
    Some(format!("  busiest host, not judged: CPU {cpu:.0} % busy on average, memory {memory:.0} % full"))
}

fn criteria(verdict: &Verdict) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["criterion", "measured", "limit", "verdict"]);
    for criterion in &verdict.criteria {
        let amount = |value: f64| match criterion.unit {
            Unit::Percent => format!("{value:.1} %"),
            Unit::Seconds => format!("{value:.3} s"),
            Unit::Jobs => format!("{value:.0} jobs"),
            Unit::Accounts => format!("{value:.0} accounts"),
        };
        table.add_row([
            criterion.name.in_words().to_owned(),
            criterion.measured.map_or_else(|| "–".to_owned(), amount),
            amount(criterion.limit),
            match criterion.passed {
                Some(true) => "passed",
                Some(false) => "FAILED",
                None => "not judged",
            }
            .to_owned(),
        ]);
    }
    table.to_string()
}
