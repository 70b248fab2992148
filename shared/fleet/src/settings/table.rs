//! The table: one row for each setting that changes while running.

use std::ops::RangeInclusive;

use contract::report::Role;
use contract::settings::PREFETCH_MESSAGES_MAX;
use queue::{BATCH_JOBS_MAX, PREFETCH_MESSAGES};

pub use super::setting::{Kind, Setting};

/// `default` within `bounds`.
const fn integer(default: u64, bounds: RangeInclusive<u64>) -> Kind {
    Kind::Integer { default, bounds }
}

const fn decimal(default: f64, bounds: RangeInclusive<f64>) -> Kind {
    Kind::Decimal { default, bounds }
}

const fn row(
    name: &'static str,
    role: Role,
    kind: Kind,
    unit: &'static str,
    sentence: &'static str,
) -> Setting {
    Setting { name, role, kind, unit, sentence, secret: false }
}

/// Jobs in one batch at the most.
pub static BATCH_PROCESSING_SIZE: Setting = row(
    "BATCH_PROCESSING_SIZE",
    Role::Worker,
    integer(BATCH_JOBS_MAX as u64, 1..=BATCH_JOBS_MAX as u64),
    "jobs",
    "Most jobs in one batch, which is one database transaction",
);

/// How long a small batch waits for company.
pub static LINGER_MS: Setting = row(
    "LINGER_MS",
    Role::Worker,
    integer(20, 0..=10_000),
    "milliseconds",
    "Most milliseconds that a small batch waits for a transaction in flight to end, to share the next one",
);

/// Transactions in flight at the same time.
pub static POSTING_CONCURRENCY: Setting = row(
    "POSTING_CONCURRENCY",
    Role::Worker,
    integer(4, 1..=256),
    "transactions",
    "Transactions that one worker has in flight at the same time, no two with the same account; waiting batches share the next one",
);

/// When a due job that did not come is put on its lane again.
pub static SCHEDULE_RETRY_SECONDS: Setting = row(
    "SCHEDULE_RETRY_SECONDS",
    Role::Worker,
    integer(300, 1..=86_400),
    "seconds",
    "Seconds after which a due job that was put on its lane and has not come is put there once more; the pause doubles each time, up to a day",
);

/// Messages handed out ahead of their acknowledgement.
pub static PREFETCH: Setting = row(
    "PREFETCH",
    Role::Worker,
    integer(PREFETCH_MESSAGES as u64, 1..=PREFETCH_MESSAGES_MAX as u64),
    "messages",
    "Messages of one lane that the queue hands to a worker ahead of their acknowledgement",
);

/// Requests worked on at once.
pub static MAX_CONCURRENT_USERS: Setting = row(
    "MAX_CONCURRENT_USERS",
    Role::Api,
    integer(1_000, 1..=100_000),
    "requests",
    "Requests that one ingress works on at once; further requests get 503 with Retry-After",
);

/// Requests of one client.
pub static CLIENT_RATE_LIMIT: Setting = row(
    "CLIENT_RATE_LIMIT",
    Role::Api,
    integer(0, 0..=100_000),
    "requests per second",
    "Requests per second of one client at one ingress; further requests get 429 with Retry-After; 0: no limit",
);

/// Jobs of one client.
pub static CLIENT_JOBS_LIMIT: Setting = row(
    "CLIENT_JOBS_LIMIT",
    Role::Api,
    integer(0, 0..=1_000_000),
    "jobs per second",
    "Jobs per second of one client at one ingress, unless its key has a rate; further jobs get 429 with Retry-After; 0: no limit",
);

/// How far a lane may be behind.
pub static LANE_LAG_LIMIT: Setting = row(
    "LANE_LAG_LIMIT",
    Role::Api,
    integer(0, 0..=86_400),
    "seconds",
    "Age of a lane's oldest job from which on further jobs for its accounts get 429 with Retry-After; 0: only of clients that send more than others do",
);

/// Alert: slow answers.
pub static ALERT_RESPONSE_SECONDS: Setting = row(
    "ALERT_RESPONSE_SECONDS",
    Role::Monitor,
    decimal(2.0, 0.001..=3_600.0),
    "seconds",
    "An alert fires when the 95th percentile of response times is above so many seconds",
);

/// Alert: busy processors.
pub static ALERT_CPU_PERCENT: Setting = row(
    "ALERT_CPU_PERCENT",
    Role::Monitor,
    decimal(80.0, 1.0..=100.0),
    "percent",
    "An alert fires when a host's processors are busier than so many percent",
);

/// Alert: full memory.
pub static ALERT_MEMORY_PERCENT: Setting = row(
    "ALERT_MEMORY_PERCENT",
    Role::Monitor,
    decimal(80.0, 1.0..=100.0),
    "percent",
    "An alert fires when more than so many percent of a host's memory are in use",
);

/// Alert: full disk.
pub static ALERT_DISK_PERCENT: Setting = row(
    "ALERT_DISK_PERCENT",
    Role::Monitor,
    decimal(90.0, 1.0..=100.0),
    "percent",
    "An alert fires when more than so many percent of a disk are in use",
);

/// Alert: failed requests.
pub static ALERT_ERROR_PERCENT: Setting = row(
    "ALERT_ERROR_PERCENT",
    Role::Monitor,
    decimal(5.0, 0.0..=100.0),
    "percent",
    "An alert fires when more than so many percent of the requests fail",
);

/// Alert: jobs wait for long.
pub static ALERT_LAG_SECONDS: Setting = row(
    "ALERT_LAG_SECONDS",
    Role::Monitor,
    decimal(30.0, 0.1..=86_400.0),
    "seconds",
    "An alert fires when the oldest waiting job is older than so many seconds",
);

/// Alert: dead letters.
pub static ALERT_DEAD_LETTERS: Setting = row(
    "ALERT_DEAD_LETTERS",
    Role::Monitor,
    integer(0, 0..=1_000_000_000),
    "letters",
    "An alert fires when there are more than so many dead letters",
);

/// How long until an alert fires.
pub static ALERT_FOR_SECONDS: Setting = row(
    "ALERT_FOR_SECONDS",
    Role::Monitor,
    decimal(5.0, 0.0..=3_600.0),
    "seconds",
    "Seconds for which a threshold must be passed before its alert fires",
);

/// How long until an alert is over.
pub static ALERT_CLEAR_SECONDS: Setting = row(
    "ALERT_CLEAR_SECONDS",
    Role::Monitor,
    decimal(10.0, 0.0..=3_600.0),
    "seconds",
    "Seconds for which a condition must be clear before its alert resolves",
);

/// Where alerts go. It may carry a token.
pub static ALERT_WEBHOOK_URL: Setting = Setting {
    name: "ALERT_WEBHOOK_URL",
    role: Role::Monitor,
    kind: Kind::Url,
    unit: "",
    sentence: "URL to which the monitor posts alerts as JSON; empty: none",
    secret: true,
};

/// Every setting.
pub static ALL: [&Setting; 19] = [
    &BATCH_PROCESSING_SIZE,
    &LINGER_MS,
    &POSTING_CONCURRENCY,
    &PREFETCH,
    &SCHEDULE_RETRY_SECONDS,
    &MAX_CONCURRENT_USERS,
    &CLIENT_RATE_LIMIT,
    &CLIENT_JOBS_LIMIT,
    &LANE_LAG_LIMIT,
    &ALERT_RESPONSE_SECONDS,
    &ALERT_CPU_PERCENT,
    &ALERT_MEMORY_PERCENT,
    &ALERT_DISK_PERCENT,
    &ALERT_ERROR_PERCENT,
    &ALERT_LAG_SECONDS,
    &ALERT_DEAD_LETTERS,
    &ALERT_FOR_SECONDS,
    &ALERT_CLEAR_SECONDS,
    &ALERT_WEBHOOK_URL,
];

/// The setting of this name.
pub fn find(name: &str) -> Option<&'static Setting> {
    ALL.into_iter().find(|setting| setting.name == name)
}

/// The settings that a role takes.
pub fn of(role: Role) -> impl Iterator<Item = &'static Setting> {
    ALL.into_iter().filter(move |setting| setting.role == role)
}
