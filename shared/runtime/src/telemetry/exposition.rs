//! The figures of a process as Prometheus reads them.

use std::sync::Arc;

use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_process::Collector;

use super::names::{self, Part};

/// Renders figures for a scrape.
#[derive(Clone)]
pub struct Exposition {
    recorded: PrometheusHandle,
    process: Arc<Collector>,
    /// `None`: everything that the process recorded.
    parts: Option<&'static [Part]>,
}

impl Exposition {
    /// Of everything that is recorded, with help for each metric.
    pub(super) fn of(recorded: PrometheusHandle) -> Exposition {
        let process = Arc::new(Collector::default());
        Exposition { recorded, process, parts: None }
    }

    /// Says to the recorder what each metric is, and records which program this is.
    pub(super) fn describe(&self) {
        names::describe();
        self.process.describe();
        let (version, commit) =
            (env!("CARGO_PKG_VERSION"), option_env!("TELLERS_COMMIT").unwrap_or("unknown"));
        gauge!(names::BUILD_INFO, "version" => version, "commit" => commit).set(1.0);
    }

    /// The same with these parts alone: where roles share a process and each is scraped, each figure is shown once.
    #[must_use]
    pub fn only(&self, parts: &'static [Part]) -> Exposition {
        Exposition { parts: Some(parts), ..self.clone() }
    }

    /// Text in the format of Prometheus, version 0.0.4.
    pub fn render(&self) -> String {
        self.process.collect();
        let all = self.recorded.render();
        match self.parts {
            None => all,
            Some(parts) => of_parts(&all, parts),
        }
    }

    /// Keeps the recorder's memory small: without a scrape it keeps every value that is recorded, until then.
    pub fn run_upkeep(&self) {
        self.recorded.run_upkeep();
    }
}

/// The metrics of these parts: each is some lines, and an empty one behind them.
fn of_parts(all: &str, parts: &[Part]) -> String {
    let shown = all.split_inclusive("\n\n").filter(|metric| {
        let mut words = metric.split_whitespace().skip_while(|word| *word != "TYPE").skip(1);
        words.next().is_none_or(|name| parts.contains(&names::part_of(name)))
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_shows_its_own_metrics() {
        let all = "# HELP tellers_lanes_held Lanes\n# TYPE tellers_lanes_held gauge\ntellers_lanes_held 3\n\n\
                   # TYPE tellers_health_score gauge\ntellers_health_score 90\n\n\
                   # TYPE process_threads gauge\nprocess_threads 4\n\n";
        assert!(of_parts(all, &[Part::Worker]).ends_with("gauge\ntellers_lanes_held 3\n\n"));
        assert_eq!(of_parts(all, &[Part::Worker, Part::Monitor, Part::Process]), all);
        assert_eq!(of_parts(all, &[Part::Process]), "# TYPE process_threads gauge\nprocess_threads 4\n\n");
    }
}
