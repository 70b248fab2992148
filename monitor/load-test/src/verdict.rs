//! The verdict on a load test. Pure: from what was measured to passed or failed, criterion by criterion.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::figures::Figures;
use crate::proof::Proof;
use crate::usage::Resources;

/// More requests than this have to be accepted and posted.
pub const SUCCESS_PERCENT: f64 = 95.0;
/// The 95th percentile of the response times has to be below this.
pub const RESPONSE_SECONDS: f64 = 2.5;
/// Of ten times the baseline's throughput, less than this may be missing under ten times its load.
pub const DEGRADATION_PERCENT: f64 = 50.0;
/// CPU and memory of every replica have to stay below this.
pub const RESOURCES_PERCENT: f64 = 85.0;

/// Whether a load test passed, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestVerdict)]
pub struct Verdict {
    /// Whether no criterion failed.
    pub passed: bool,
    /// The verdict in a sentence.
    pub sentence: String,
    /// Every criterion with its result.
    pub criteria: Vec<Criterion>,
}

/// A criterion of the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestCriterion)]
pub struct Criterion {
    /// The criterion's name.
    pub name: CriterionName,
    /// The measured value, in `unit`; `null`: not measured, and not judged.
    pub measured: Option<f64>,
    /// The limit for the measured value, in `unit`.
    pub limit: f64,
    /// The unit of `measured` and `limit`.
    pub unit: Unit,
    /// Whether the criterion is met; `null`: not judged.
    pub passed: Option<bool>,
    /// The measured value and the demanded one, in a sentence.
    pub sentence: String,
}

/// The name of a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestCriterionName)]
#[serde(rename_all = "snake_case")]
pub enum CriterionName {
    /// Of the requests, those that were accepted and posted, of the baseline too: above the limit.
    Success,
    /// 95th percentile of the response times: below the limit.
    Response,
    /// Throughput that is missing to ten times the baseline's, under ten times its load: below the limit.
    Degradation,
    /// The larger of CPU and memory of any replica: below the limit. The report shows the host beside it.
    Resources,
    /// Accepted jobs that are lost: none.
    NothingLost,
    /// Jobs with more entries than they should have: none.
    NothingDoubled,
    /// Accounts that do not stand where the outcomes say: none, and all of them were read.
    BooksBalance,
}

impl CriterionName {
    /// It and its limit, in a few words.
    pub fn in_words(self) -> &'static str {
        match self {
            CriterionName::Success => "success, above",
            CriterionName::Response => "response p95, below",
            CriterionName::Degradation => "degradation, below",
            CriterionName::Resources => "resources, below",
            CriterionName::NothingLost => "lost",
            CriterionName::NothingDoubled => "doubled",
            CriterionName::BooksBalance => "out of balance",
        }
    }
}

/// The unit of a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LoadTestUnit)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it.
pub enum Unit {
    Percent,
    Seconds,
    Jobs,
    Accounts,
}

/// Judges the phase that is to be judged, by the baseline if there is one, and the proof.
#[must_use]
pub fn judge(
    figures: &Figures,
    baseline: Option<&Figures>,
    resources: Option<&Resources>,
    proof: &Proof,
) -> Verdict {
    let criteria = vec![
        success(figures, baseline),
        response(figures),
        degradation(figures, baseline),
        used(resources),
        none(CriterionName::NothingLost, Unit::Jobs, proof.lost, "jobs were accepted and are lost", true),
        none(
            CriterionName::NothingDoubled,
            Unit::Jobs,
            proof.doubled,
            "jobs have more entries than they should",
            proof.accounts_read == proof.accounts,
        ),
        books(proof),
    ];
    let failed: Vec<&str> = criteria
        .iter()
        .filter(|criterion| criterion.passed == Some(false))
        .map(|criterion| criterion.sentence.as_str())
        .collect();
    let passed = failed.is_empty();
    let mut sentence =
        if passed { passed_sentence(figures) } else { format!("failed: {}", failed.join("; ")) };
    for criterion in criteria.iter().filter(|criterion| is_missed(criterion, baseline)) {
        sentence += &format!("; not judged: {}", criterion.sentence);
    }
    Verdict { passed, sentence, criteria }
}

fn passed_sentence(figures: &Figures) -> String {
    let Figures { requests, posted, accepted_per_second, .. } = figures;
    let response = figures.response.map_or_else(String::new, |times| {
        format!(", answered within {:.1} ms (95 %)", times.p95_seconds * 1e3)
    });
    format!(
        "passed: {posted} of {requests} jobs posted at {accepted_per_second:.0}/s{response}, none lost, none doubled"
    )
}

/// It should have been judged and was not. Without a baseline nobody expects degradation to be.
fn is_missed(criterion: &Criterion, baseline: Option<&Figures>) -> bool {
    criterion.passed.is_none() && (criterion.name != CriterionName::Degradation || baseline.is_some())
}

/// A baseline that fails is none: whichever of both is worse is judged.
fn success(load: &Figures, baseline: Option<&Figures>) -> Criterion {
    let (figures, of) = match baseline {
        Some(baseline) if baseline.success_percent < load.success_percent => (baseline, " of the baseline"),
        _ => (load, ""),
    };
    let measured = figures.success_percent;
    Criterion {
        name: CriterionName::Success,
        measured: Some(measured),
        limit: SUCCESS_PERCENT,
        unit: Unit::Percent,
        passed: Some(measured > SUCCESS_PERCENT),
        sentence: format!(
            "{} of {} requests{of} ({measured:.1} %) were accepted and posted; it must be more than {SUCCESS_PERCENT} %",
            figures.posted, figures.requests
        ),
    }
}

/// Without an answer there is no time to judge; the requests are missed by `success`.
fn response(figures: &Figures) -> Criterion {
    let measured = figures.response.map(|times| times.p95_seconds);
    Criterion {
        name: CriterionName::Response,
        measured,
        limit: RESPONSE_SECONDS,
        unit: Unit::Seconds,
        passed: measured.map(|seconds| seconds < RESPONSE_SECONDS),
        sentence: match measured {
            Some(seconds) => format!(
                "95 % of the requests were answered within {seconds:.3} s; it must be less than {RESPONSE_SECONDS} s"
            ),
            None => "no request was accepted, so there is no response time".to_owned(),
        },
    }
}

fn degradation(figures: &Figures, baseline: Option<&Figures>) -> Criterion {
    let measured = baseline.and_then(|baseline| missing_percent(figures, baseline));
    Criterion {
        name: CriterionName::Degradation,
        measured,
        limit: DEGRADATION_PERCENT,
        unit: Unit::Percent,
        passed: measured.map(|percent| percent < DEGRADATION_PERCENT),
        sentence: match measured {
            Some(percent) => format!(
                "{percent:.1} % of the throughput that the baseline promises is missing; it must be less than {DEGRADATION_PERCENT} %"
            ),
            None => "there is no baseline; the mode `validate` measures one".to_owned(),
        },
    }
}

/// Users keep their pace, so ten times as many ought to get ten times as much done: what is missing to that,
/// accepted or posted, whichever is worse.
fn missing_percent(figures: &Figures, baseline: &Figures) -> Option<f64> {
    let growth = f64::from(figures.users?) / f64::from(baseline.users?);
    let missing = |loaded: f64, baseline: f64| {
        let promised = baseline * growth;
        (promised > 0.0).then(|| (100.0 * (1.0 - loaded / promised)).clamp(0.0, 100.0))
    };
    let accepted = missing(figures.accepted_per_second, baseline.accepted_per_second)?;
    let posted = missing(figures.posted_per_second.unwrap_or(0.0), baseline.posted_per_second?)?;
    Some(accepted.max(posted))
}

fn used(resources: Option<&Resources>) -> Criterion {
    let measured = resources.map(|used| used.cpu_percent_max.max(used.memory_percent_max));
    Criterion {
        name: CriterionName::Resources,
        measured,
        limit: RESOURCES_PERCENT,
        unit: Unit::Percent,
        passed: measured.map(|percent| percent < RESOURCES_PERCENT),
        sentence: match resources {
            Some(used) => format!(
                "{} used {:.0} % of its CPU, {} {:.0} % of its memory; it must be less than {RESOURCES_PERCENT} %{}",
                used.cpu_replica,
                used.cpu_percent_max,
                used.memory_replica,
                used.memory_percent_max,
                host(used)
            ),
            None => "no replica reported its CPU and memory; name the monitor, or start the load test there"
                .to_owned(),
        },
    }
}

/// What else keeps a host busy is not known, and this load test is part of it: the host is shown and not
/// judged.
fn host(used: &Resources) -> String {
    match (used.host_cpu_percent_avg, used.host_memory_percent_avg) {
        (Some(cpu), Some(memory)) => format!(
            " (not judged: with everything else on it, the busiest host's CPU was {cpu:.0} % busy on average, its memory {memory:.0} % \
             full)"
        ),
        _ => String::new(),
    }
}

/// What was not read is not proven.
fn none(name: CriterionName, unit: Unit, count: u64, what: &str, was_read: bool) -> Criterion {
    let measured = (was_read || count > 0).then_some(count as f64);
    Criterion {
        name,
        measured,
        limit: 0.0,
        unit,
        passed: Some(was_read && count == 0),
        sentence: if was_read || count > 0 {
            format!("{count} {what}; there must be none")
        } else {
            format!("the accounts could not be read again, so it is not known whether {what}")
        },
    }
}

fn books(proof: &Proof) -> Criterion {
    let off = u64::from(proof.accounts_off) + proof.foreign_entries;
    let was_read = proof.money_found.is_some();
    let criterion = none(
        CriterionName::BooksBalance,
        Unit::Accounts,
        off,
        "accounts do not hold what the outcomes say",
        was_read,
    );
    let sentence = match proof.money_found {
        Some(found) if found != proof.money_given => {
            format!("{}; they were given {} and hold {found}", criterion.sentence, proof.money_given)
        }
        _ => criterion.sentence,
    };
    Criterion { passed: Some(proof.books_balance()), sentence, ..criterion }
}

#[cfg(test)]
mod tests;
