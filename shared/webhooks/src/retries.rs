//! When an attempt that failed is made again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Pauses between attempts, as Standard Webhooks publishes them: three days in all.
const PUBLISHED_SECONDS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The longest pause that may be set, and that an endpoint may ask for: a day.
const PAUSE_MAX: Duration = Duration::from_secs(86_400);
/// The most pauses that may be set.
const PAUSES_MAX: usize = 30;
/// The part of a pause by which it is longer or shorter, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// The pauses between the attempts of one delivery. As text: seconds, with commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retries(Vec<Duration>);

/// Not pauses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no list of pauses: write 1 to {PAUSES_MAX} numbers of seconds from 1 to 86400, such as 5,300,1800"
)]
pub struct InvalidRetries(String);

impl Default for Retries {
    fn default() -> Retries {
        Retries(PUBLISHED_SECONDS.map(Duration::from_secs).into())
    }
}

impl Retries {
    /// The pause after so many attempts that failed, at least 1; `None`: it is given up. `asked`: the pause that the endpoint
    /// asked for, which is kept to where it is longer.
    pub fn after(&self, attempts: u32, asked: Option<Duration>) -> Option<Duration> {
        let place = usize::try_from(attempts).ok()?.checked_sub(1)?;
        let pause = self.0.get(place)?.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
        Some(pause.max(asked.unwrap_or_default().min(PAUSE_MAX)))
    }

    /// How many attempts there are at the most.
    pub fn attempts_max(&self) -> usize {
        self.0.len() + 1
    }
}

impl FromStr for Retries {
    type Err = InvalidRetries;

    fn from_str(text: &str) -> Result<Retries, InvalidRetries> {
        let invalid = || InvalidRetries(text.chars().take(80).collect());
        let pause = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
        let pauses: Option<Vec<_>> = text.split(',').map(pause).collect();
        let fits = |pause: &Duration| (Duration::from_secs(1)..=PAUSE_MAX).contains(pause);
        match pauses {
            Some(pauses) if pauses.len() <= PAUSES_MAX && pauses.iter().all(fits) => Ok(Retries(pauses)),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds: Vec<_> = self.0.iter().map(|pause| pause.as_secs().to_string()).collect();
        f.write_str(&seconds.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_at_the_published_pauses_and_then_end() {
        let retries = Retries::default();
        for (attempts, seconds) in (1..).zip(PUBLISHED_SECONDS) {
            let pause = retries.after(attempts, None).unwrap().as_secs_f64();
            let published = seconds as f64;
            assert!((0.8 * published..=1.2 * published).contains(&pause), "{attempts}: {pause}");
        }
        assert_eq!(retries.after(10, None), None);
        assert_eq!(retries.attempts_max(), 10);
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_pause_of_up_to_a_day() {
        let retries = Retries::default();
        assert_eq!(retries.after(1, Some(Duration::from_secs(60))), Some(Duration::from_secs(60)));
        assert!(retries.after(2, Some(Duration::from_secs(1))).unwrap() > Duration::from_secs(200));
        assert_eq!(retries.after(1, Some(Duration::from_secs(1 << 40))), Some(PAUSE_MAX));
        assert_eq!(retries.after(10, Some(Duration::from_secs(60))), None);
    }

    #[test]
    fn pauses_are_numbers_of_seconds() {
        let set: Retries = "1, 2,86400".parse().unwrap();
        assert_eq!((set.to_string().as_str(), set.attempts_max()), ("1,2,86400", 4));
        for wrong in ["", "0", "1,", "86401", "a", "-1", &["1"; 31].join(",")] {
            assert!(wrong.parse::<Retries>().is_err(), "{wrong}");
        }
    }
}
