//! Settings that change while the fleet runs: what there is, what each may be, and what is in force.
//!
//! [`table`] describes each one; command lines, the environment, patches and messages are all read by it. The
//! value in force is the one that was changed while running, else the flag's, else the environment's, else the
//! default.

mod arguments;
mod live;
mod patch;
mod setting;
pub mod table;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use contract::report::{Role, SettingReport, SettingSource};
use contract::settings::{LanePause, PausedLanes};
use domain::lane::Lane;

pub use self::arguments::{ApiSettings, MonitorSettings, WorkerSettings};
pub use self::live::LiveSettings;
pub use self::patch::{Overrides, Patch, Refusal};
use self::setting::Setting;
pub use self::value::{MASK, Value};

/// The settings in force, each with where its value comes from. A setting that the process did not get at its
/// start, since it is another role's, has its default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// The version of the changes in it; 0: as at the start.
    pub version: u64,
    paused_lanes: PausedLanes,
    values: BTreeMap<&'static str, (Value, SettingSource)>,
}

impl Settings {
    /// These values instead, of this source.
    #[must_use]
    pub fn with(
        mut self,
        values: impl IntoIterator<Item = (&'static Setting, Value)>,
        source: SettingSource,
    ) -> Settings {
        self.values.extend(values.into_iter().map(|(setting, value)| (setting.name, (value, source))));
        self
    }

    /// These and those of another role in the same process.
    #[must_use]
    pub fn and(mut self, other: Settings) -> Settings {
        self.values.extend(other.values);
        self
    }

    /// These with what was changed since the start.
    pub fn overridden(&self, version: u64, overrides: &Overrides) -> Settings {
        let settings = self.clone().with(overrides.iter(), SettingSource::Runtime);
        Settings { version, ..settings }
    }

    /// These with the lanes that are paused.
    #[must_use]
    pub fn pausing(self, paused_lanes: PausedLanes) -> Settings {
        Settings { paused_lanes, ..self }
    }

    /// Why the jobs of a lane wait; `None`: it is not paused.
    pub fn pause_of(&self, lane: Lane) -> Option<&LanePause> {
        self.paused_lanes.get(&lane.0)
    }

    /// The value in force, and where it comes from.
    pub fn get(&self, setting: &Setting) -> (Value, SettingSource) {
        let held = self.values.get(setting.name).cloned();
        held.unwrap_or_else(|| (setting.default_value(), SettingSource::Default))
    }

    /// The settings that a role takes, by name; secrets are masked.
    pub fn report(&self, role: Role) -> BTreeMap<String, SettingReport> {
        let report = |setting: &'static Setting| {
            let (value, source) = self.get(setting);
            (setting.name.to_owned(), SettingReport { value: setting.shown(&value), source })
        };
        table::of(role).map(report).collect()
    }

    fn integer(&self, setting: &Setting) -> u64 {
        match self.get(setting).0 {
            Value::Integer(number) => number,
            Value::Decimal(_) | Value::Text(_) => 0,
        }
    }

    fn size(&self, setting: &Setting) -> usize {
        usize::try_from(self.integer(setting)).unwrap_or(usize::MAX)
    }

    fn milliseconds(&self, setting: &Setting) -> Duration {
        Duration::from_millis(self.integer(setting))
    }

    fn decimal(&self, setting: &Setting) -> f64 {
        match self.get(setting).0 {
            Value::Decimal(number) => number,
            Value::Integer(_) | Value::Text(_) => 0.0,
        }
    }

    fn seconds(&self, setting: &Setting) -> Duration {
        Duration::from_secs_f64(self.decimal(setting))
    }

    /// Messages that the queue hands out ahead of their acknowledgement.
    pub fn prefetch_messages(&self) -> u16 {
        u16::try_from(self.integer(&table::PREFETCH)).unwrap_or(u16::MAX)
    }

    /// Requests per second that one client may make of an ingress; `None`: as many as it likes.
    pub fn client_rate_limit(&self) -> Option<u32> {
        let requests = u32::try_from(self.integer(&table::CLIENT_RATE_LIMIT)).unwrap_or(u32::MAX);
        (requests > 0).then_some(requests)
    }

    /// Jobs per second that one client may submit at an ingress, unless its key says otherwise; `None`: as many as it likes.
    pub fn client_jobs_limit(&self) -> Option<u32> {
        let jobs = u32::try_from(self.integer(&table::CLIENT_JOBS_LIMIT)).unwrap_or(u32::MAX);
        (jobs > 0).then_some(jobs)
    }

    /// From which lag of a lane on anybody's jobs for its accounts are turned away; `None`: they are taken whatever it is.
    pub fn lane_lag_limit(&self) -> Option<Duration> {
        let limit = Duration::from_secs(self.integer(&table::LANE_LAG_LIMIT));
        (!limit.is_zero()).then_some(limit)
    }

    /// After which pause a due job that did not come is put on its lane again for the first time.
    pub fn schedule_retry(&self) -> Duration {
        Duration::from_secs(self.integer(&table::SCHEDULE_RETRY_SECONDS))
    }

    /// Where alerts are sent to; `None`: nowhere.
    pub fn alert_webhook_url(&self) -> Option<String> {
        match self.get(&table::ALERT_WEBHOOK_URL).0 {
            Value::Text(url) if !url.is_empty() => Some(url),
            _ => None,
        }
    }
}

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident -> $type:ty = $read:ident($setting:ident);)*) => {
        impl Settings {$(
            $(#[$doc])*
            pub fn $name(&self) -> $type {
                self.$read(&table::$setting)
            }
        )*}
    };
}

values! {
    /// Jobs in one batch at the most.
    batch_jobs_max -> usize = size(BATCH_PROCESSING_SIZE);
    /// How long a small batch waits for company at the most.
    linger -> Duration = milliseconds(LINGER_MS);
    /// Transactions that a worker has in flight at the same time.
    posting_concurrency -> usize = size(POSTING_CONCURRENCY);
    /// Requests that an ingress works on at once.
    concurrent_users_max -> usize = size(MAX_CONCURRENT_USERS);
    /// The 95th percentile of response times above which an alert fires, in seconds.
    alert_response_seconds -> f64 = decimal(ALERT_RESPONSE_SECONDS);
    /// CPU use above which an alert fires, in percent.
    alert_cpu_percent -> f64 = decimal(ALERT_CPU_PERCENT);
    /// Memory use above which an alert fires, in percent.
    alert_memory_percent -> f64 = decimal(ALERT_MEMORY_PERCENT);
    /// Disk use above which an alert fires, in percent.
    alert_disk_percent -> f64 = decimal(ALERT_DISK_PERCENT);
    /// Failed requests above which an alert fires, in percent of all.
    alert_error_percent -> f64 = decimal(ALERT_ERROR_PERCENT);
    /// Age of the oldest waiting job above which an alert fires, in seconds.
    alert_lag_seconds -> f64 = decimal(ALERT_LAG_SECONDS);
    /// Dead letters above which an alert fires.
    alert_dead_letters -> u64 = integer(ALERT_DEAD_LETTERS);
    /// How long a threshold is passed before its alert fires.
    alert_for -> Duration = seconds(ALERT_FOR_SECONDS);
    /// How long all is well before an alert is over.
    alert_clear -> Duration = seconds(ALERT_CLEAR_SECONDS);
}

#[cfg(test)]
mod tests;
