//! Histograms as the replicas export them in Prometheus' text format, and what lies between two looks at them.

use std::collections::BTreeMap;

use anyhow::Context as _;
use client::Client;
use futures::future::try_join_all;

/// The metrics of some processes at one time, text by text.
pub(crate) struct Metrics(Vec<String>);

/// A histogram between two looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Recorded {
    /// How many were at most so long, by microseconds; `u64::MAX`: all.
    up_to_us: BTreeMap<u64, f64>,
    sum_seconds: f64,
    count: f64,
}

impl Metrics {
    /// Asks every one of these processes.
    ///
    /// # Errors
    /// One does not answer.
    pub(crate) async fn of(processes: &[Client]) -> anyhow::Result<Metrics> {
        let texts = processes.iter().map(async |process| {
            let answer = process.get("/metrics").await;
            anyhow::Ok(answer.with_context(|| format!("{}/metrics", process.base()))?.body)
        });
        Ok(Metrics(try_join_all(texts).await?))
    }

    /// A gauge or counter without labels, of each process that has it.
    pub(crate) fn values(&self, name: &str) -> Vec<f64> {
        let value =
            |text: &String| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        self.0.iter().filter_map(value).collect()
    }

    /// What was recorded under this name since `before`, in all series that have these labels, of all processes.
    pub(crate) fn since(&self, before: &Metrics, name: &str, labels: &[(&str, &str)]) -> Recorded {
        let (mut now, before) = (self.recorded(name, labels), before.recorded(name, labels));
        now.sum_seconds -= before.sum_seconds;
        now.count -= before.count;
        for (up_to_us, count) in &mut now.up_to_us {
            *count -= before.up_to_us.get(up_to_us).copied().unwrap_or_default();
        }
        now
    }

    fn recorded(&self, name: &str, labels: &[(&str, &str)]) -> Recorded {
        let mut recorded = Recorded::default();
        for line in self.0.iter().flat_map(|text| text.lines()) {
            let Some((part, labelled, value)) = series(line, name) else { continue };
            if !labels.iter().all(|(label, wanted)| value_of(labelled, label) == Some(wanted)) {
                continue;
            }
            match part {
                "_sum" => recorded.sum_seconds += value,
                "_count" => recorded.count += value,
                "_bucket" => {
                    let Some(up_to_us) = value_of(labelled, "le").and_then(microseconds) else { continue };
                    *recorded.up_to_us.entry(up_to_us).or_default() += value;
                }
                _ => {}
            }
        }
        recorded
    }
}

impl Recorded {
    /// How many were recorded.
    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// The mean in milliseconds, which is exact; `None`: nothing was recorded.
    pub(crate) fn mean_ms(&self) -> Option<f64> {
        (self.count > 0.0).then(|| 1_000.0 * self.sum_seconds / self.count)
    }

    /// A quantile in milliseconds, as exact as the buckets are apart; the last bound where it lies beyond.
    #[allow(clippy::cast_precision_loss)] // Bounds of some seconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let wanted = quantile * self.count;
        let (mut from_us, mut below) = (0, 0.0);
        for (up_to_us, count) in &self.up_to_us {
            if *count >= wanted && *count > below {
                let last = if *up_to_us == u64::MAX { from_us } else { *up_to_us };
                let share = (wanted - below) / (count - below);
                return Some((from_us as f64 + share * (last - from_us) as f64) / 1_000.0);
            }
            (from_us, below) = (*up_to_us, *count);
        }
        None
    }
}

/// Takes `name_part{labels} value` apart.
fn series<'l>(line: &'l str, name: &str) -> Option<(&'l str, &'l str, f64)> {
    let rest = line.strip_prefix(name)?;
    let (series, value) = rest.rsplit_once(' ')?;
    let (part, labels) = series.split_once('{').unwrap_or((series, ""));
    Some((part, labels.strip_suffix('}').unwrap_or(labels), value.parse().ok()?))
}

/// The value of a label. No value of ours has a quotation mark.
fn value_of<'l>(labels: &'l str, label: &str) -> Option<&'l str> {
    labels.split("\",").find_map(|pair| {
        let (name, value) = pair.split_once("=\"")?;
        (name.trim() == label).then(|| value.trim_end_matches('"'))
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bounds of some seconds.
fn microseconds(bound: &str) -> Option<u64> {
    match bound {
        "+Inf" => Some(u64::MAX),
        bound => Some((bound.parse::<f64>().ok()? * 1_000_000.0).round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(fast: u32, slow: u32, sum: f64) -> Metrics {
        let all = fast + slow;
        let other = "t_seconds_bucket{route=\"/api/jobs/{id}\",le=\"0.01\"} 7\nt_seconds_sum{route=\"/api/jobs/{id}\"} 9";
        Metrics(vec![format!(
            "# TYPE t_seconds histogram\nt_seconds_bucket{{route=\"/api/jobs\",le=\"0.01\"}} {fast}\n\
             t_seconds_bucket{{route=\"/api/jobs\",le=\"0.02\"}} {all}\n\
             t_seconds_bucket{{route=\"/api/jobs\",le=\"+Inf\"}} {all}\n\
             t_seconds_sum{{route=\"/api/jobs\"}} {sum}\nt_seconds_count{{route=\"/api/jobs\"}} {all}\n{other}\nheld 16"
        )])
    }

    #[test]
    fn what_was_recorded_meanwhile_has_a_mean_and_quantiles() {
        let route = [("route", "/api/jobs")];
        let recorded = metrics(100, 100, 2.0).since(&metrics(10, 10, 0.2), "t_seconds", &route);
        assert!((recorded.count() - 180.0).abs() < 1e-9);
        assert!((recorded.mean_ms().unwrap() - 10.0).abs() < 1e-9);
        assert!((recorded.quantile_ms(0.5).unwrap() - 10.0).abs() < 1e-9);
        assert!((recorded.quantile_ms(0.25).unwrap() - 5.0).abs() < 1e-9);
        assert!((recorded.quantile_ms(0.75).unwrap() - 15.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_beyond_the_last_bound_counts_as_that_bound() {
        let text = "t_bucket{le=\"10\"} 1\nt_bucket{le=\"+Inf\"} 4\nt_sum 99\nt_count 4".to_owned();
        let recorded = Metrics(vec![text]).recorded("t", &[]);
        assert_eq!(recorded.quantile_ms(0.99), Some(10_000.0));
    }

    #[test]
    fn nothing_has_no_mean() {
        let all = metrics(1, 1, 0.1);
        let nothing = all.since(&all, "t_seconds", &[("route", "/api/jobs")]);
        assert_eq!((nothing.mean_ms(), nothing.quantile_ms(0.99)), (None, None));
        assert_eq!(all.values("held"), [16.0]);
    }
}
