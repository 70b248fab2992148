//! Rules about what clients get. Percentiles and shares of a handful of requests say little, and stay for as long
//! as the window: one request alone never fires anything.

use super::Reading;
use crate::facts::Facts;
use crate::views::metrics::{Errors, Times};
use crate::words::counted;

/// From so many requests on, a single one is not their 95th percentile: the 19th of 20 is.
const MANY: u64 = 20;
/// Fewer than so many requests in a minute are not judged.
const FEW: u64 = 3;
/// Requests that have to fail before there is a rate of failures.
const FAILURES_MIN: u64 = 2;

/// The 95th percentile of the last 10 s; in a quiet fleet that of the last minute; with a few requests, their median.
pub(super) fn response_time(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_response_seconds();
    let count = |times: Option<Times>| times.map_or(0, |times| times.count);
    let (short, long) = (facts.last_10_s.response_times, facts.last_60_s.response_times);
    if let Some(times) = short.filter(|_| count(short) >= MANY) {
        let p95 = times.p95_seconds;
        return Reading::above(p95, threshold, format!("95 % of requests are answered within {p95:.3} s"));
    }
    let Some(times) = long.filter(|_| count(long) >= FEW) else {
        return few(count(long), threshold);
    };
    let requests = counted(times.count, "request");
    if times.count >= MANY {
        let p95 = times.p95_seconds;
        let sentence = format!("95 % of the {requests} of the last minute were answered within {p95:.3} s");
        return Reading::above(p95, threshold, sentence);
    }
    let p50 = times.p50_seconds;
    let sentence = format!("half of the {requests} of the last minute took longer than {p50:.3} s");
    Reading::above(p50, threshold, sentence)
}

/// The share of the last 10 s; in a quiet fleet that of the last minute.
pub(super) fn error_rate(facts: &Facts) -> Reading {
    let threshold = facts.thresholds.alert_error_percent();
    let (short, long) = (&facts.last_10_s.errors, &facts.last_60_s.errors);
    let (errors, when) = if short.requests >= MANY { (short, "") } else { (long, " of the last minute") };
    let Some(failed) = errors.failed_requests_percent.filter(|_| errors.requests >= FEW) else {
        return few(errors.requests, threshold);
    };
    let reading = Reading::above(failed, threshold, of_failures(errors, failed, when));
    if errors.failed_requests >= FAILURES_MIN {
        return reading;
    }
    Reading { holds: Some(false), clear: Some(true), ..reading }
}

fn of_failures(errors: &Errors, failed: f64, when: &str) -> String {
    let most = errors.by_type.first();
    let most = most.map(|error| format!(", most often {}", error.r#type)).unwrap_or_default();
    format!("{failed:.1} % of requests{when} fail{most}")
}

fn few(requests: u64, threshold: f64) -> Reading {
    let sentence = match requests {
        0 => "no request in the last minute".to_owned(),
        some => format!("{} in the last minute, too few to judge", counted(some, "request")),
    };
    Reading::nothing(threshold, &sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;

    /// So many requests in a window, the slowest `slow` of which took 2.1 s and failed.
    fn window(window: &mut crate::views::metrics::Window, requests: u64, slow: u64) {
        let took = |slow: bool| if slow { 2.1 } else { 0.005 };
        window.response_times = (requests > 0).then(|| Times {
            count: requests,
            p50_seconds: took(2 * slow > requests),
            p95_seconds: took(20 * slow > requests),
            max_seconds: took(slow > 0),
            ..Times::default()
        });
        let percent = (requests > 0).then(|| f64::from(u32::try_from(100 * slow / requests).unwrap()));
        window.errors =
            Errors { requests, failed_requests: slow, failed_requests_percent: percent, by_type: Vec::new() };
    }

    fn holds(short: (u64, u64), long: (u64, u64)) -> [Option<bool>; 2] {
        let mut facts = well();
        window(&mut facts.last_10_s, short.0, short.1);
        window(&mut facts.last_60_s, long.0, long.1);
        [response_time(&facts).holds, error_rate(&facts).holds]
    }

    #[test]
    fn one_request_alone_never_fires() {
        for others in 0..200 {
            for before in 0..200 {
                let (short, long) = ((1 + others, 1), (1 + others + before, 1));
                assert_eq!(holds(short, long), [Some(false); 2], "{short:?} in 10 s, {long:?} in a minute");
            }
        }
    }

    #[test]
    fn many_that_are_slow_or_fail_are_reported() {
        let both = [Some(true); 2];
        assert_eq!(holds((100, 10), (600, 10)), both, "a busy fleet is judged by its last 10 s");
        assert_eq!(holds((0, 0), (40, 4)), both, "a quiet one by its last minute");
        assert_eq!(holds((2, 2), (4, 3)), both, "and by few requests, if most are");
        assert_eq!(holds((2, 2), (2, 2)), [Some(false); 2], "two are too few");
        assert_eq!(
            holds((100, 0), (700, 300)),
            [Some(false); 2],
            "it is over as soon as ten seconds are well"
        );
    }
}
