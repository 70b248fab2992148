//! What a scenario measured.

use serde::Serialize;

use super::figures::Latency;

/// What a scenario measured.
#[derive(Debug, Serialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
    /// Why there is nothing, or what to know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// One line of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) posted_per_second: Option<f64>,
    /// Of the row that the scenario compares with, which is its first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
}

impl Scenario {
    /// A scenario that fails costs none of the figures before it.
    pub(crate) fn or_why_not(name: &str, measured: anyhow::Result<Scenario>) -> Scenario {
        measured.unwrap_or_else(|why| Scenario::not_measured(name.to_owned(), &why))
    }

    pub(crate) fn not_measured(name: String, why: &anyhow::Error) -> Scenario {
        Scenario { name, rows: Vec::new(), note: Some(format!("not measured: {why:#}")) }
    }
}

/// A rate, beside the one that it is compared with.
pub(crate) fn posted(what: String, per_second: f64, of: Option<f64>) -> Row {
    let ratio = of.filter(|of| *of > 0.0).map(|of| per_second / of);
    Row { what, posted_per_second: Some(per_second), ratio, latency: None }
}
