//! The database and the broker, where their URLs are given.

use std::time::Duration;

use amqp::connector::exposed_host;
use domain::lane::Lanes;
use fleet::config::FleetConfig;
use queue::Queue as _;
use queue::policies::Policies;
use queue::rabbitmq::{RabbitMq, RabbitMqSettings};
use store::mysql::{Examination, Exposure, examine, exposure};
use tokio::time::timeout;

use super::finding::Finding;
use crate::parts;

/// How long the schema and the broker may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A difference of clocks, in microseconds, that people notice.
const CLOCK_US_MAX: i64 = 1_000_000;

/// The primary, and the servers for reads.
pub(super) async fn database(fleet: &FleetConfig) -> Vec<Finding> {
    let Some(url) = &fleet.database_url else { return Vec::new() };
    let mut findings = match examine("DATABASE_URL", url).await {
        Ok(primary) => {
            let mut findings = examined("database", "DATABASE_URL", url, &primary);
            findings.extend(of_primary(&primary, fleet));
            findings.push(schema(fleet).await);
            findings
        }
        Err(error) => vec![Finding::fail("database/reachable", error.to_string())],
    };
    let replicas = [
        ("database_readonly", "DATABASE_READONLY_URL", &fleet.database_readonly_url),
        ("database_analytics", "DATABASE_ANALYTICS_URL", &fleet.database_analytics_url),
    ];
    for (check, setting, url) in replicas {
        let Some(url) = url else { continue };
        match examine(setting, url).await {
            Ok(replica) => findings.extend(examined(check, setting, url, &replica)),
            Err(error) => findings.push(Finding::fail(format!("{check}/reachable"), error.to_string())),
        }
    }
    findings
}

/// What is asked of every server.
fn examined(check: &str, setting: &'static str, url: &str, server: &Examination) -> Vec<Finding> {
    let Examination { address, version, user, cipher, .. } = server;
    let of = |what: &str| format!("{check}/{what}");
    let encryption = match (cipher, exposure(setting, url)) {
        (None, Some(_)) => Finding::warn(of("encryption"), "not encrypted on the way to another machine")
            .remedy(format!("write ssl-mode=VERIFY_IDENTITY in {setting}, and set TLS_CA where its authority is a private one")),
        (Some(cipher), Some((Exposure::Unverified | Exposure::Plain, _))) => {
            Finding::warn(of("encryption"), format!("encrypted ({cipher}), and the server is not verified"))
                .remedy(format!("set TLS_CA, or write ssl-mode=VERIFY_IDENTITY in {setting}"))
        }
        (Some(cipher), None) => Finding::ok(of("encryption"), format!("encrypted ({cipher})")),
        (None, None) => Finding::ok(of("encryption"), "not encrypted, and it does not leave this machine"),
    };
    let clock = if server.clock_ahead_us.abs() < CLOCK_US_MAX {
        Finding::ok(of("clock"), "agrees with the clock of this machine within a second")
    } else {
        #[allow(clippy::cast_precision_loss)] // Of a difference that is shown to a tenth of a second.
        let seconds = server.clock_ahead_us as f64 / 1e6;
        Finding::warn(of("clock"), format!("{seconds:+.1} s from the clock of this machine"))
            .remedy("let both be set by NTP; money goes by the clock of the database")
    };
    let release = if server.is_supported() {
        Finding::ok(of("release"), version)
    } else {
        Finding::warn(of("release"), format!("{version} is not among those that the fleet is tested with"))
            .remedy("take MySQL 8.4 or later, or MariaDB 10.11 or later")
    };
    vec![Finding::ok(of("reachable"), format!("{address} lets {user} in")), release, encryption, clock]
}

/// What is asked of the primary alone.
fn of_primary(primary: &Examination, fleet: &FleetConfig) -> Vec<Finding> {
    let mut findings = vec![
        if primary.is_read_only {
            Finding::fail("database/writable", "it is read-only")
                .remedy("name the primary in DATABASE_URL, or see why it was made read-only")
        } else {
            Finding::ok("database/writable", "it takes writes")
        },
        if primary.may_change_entries {
            Finding::warn(
                "database/rights",
                format!("{} may change and remove entries, which nobody should", primary.user),
            )
            .remedy("give each role a user of its own: docs/RIGHTS.md")
        } else {
            Finding::ok("database/rights", format!("{} may not change entries", primary.user))
        },
    ];
    if primary.weaknesses.is_empty() {
        findings.push(Finding::ok("database/durability", "it keeps committed postings through a power cut"));
    }
    for weak in &primary.weaknesses {
        let found =
            format!("{} is {}: committed postings may be lost in a power cut", weak.setting, weak.value);
        let remedy = format!("set it to {} in the server's configuration", weak.must_be);
        let is_allowed = fleet.allow_weak_durability || weak.is_as_shipped;
        let finding = if is_allowed {
            Finding::warn("database/durability", found)
        } else {
            Finding::fail("database/durability", found)
        };
        findings.push(finding.remedy(remedy));
    }
    findings
}

/// Whether the schema is that of this release, and holds as many lanes.
async fn schema(fleet: &FleetConfig) -> Finding {
    let ledger = match parts::existing_ledger(fleet).await {
        Ok(ledger) => ledger,
        Err(error) => return Finding::fail("database/schema", format!("{error:#}")),
    };
    let checked = timeout(ANSWER_WITHIN, ledger.check(fleet.lanes)).await;
    ledger.close().await;
    match checked {
        Ok(Ok(())) => {
            Finding::ok("database/schema", format!("up to date, with {} lanes", fleet.lanes.count()))
        }
        Ok(Err(error)) => Finding::fail("database/schema", error.to_string()),
        Err(_) => Finding::fail("database/schema", format!("no answer within {ANSWER_WITHIN:?}")),
    }
}

/// The broker: whether it lets this process in, and what is set on the queues. Nothing is declared.
pub(super) async fn broker(fleet: &FleetConfig) -> Vec<Finding> {
    let Some(url) = &fleet.amqp_url else { return Vec::new() };
    let queue = match open(url, fleet.amqp_management_url.as_deref(), fleet.lanes) {
        Ok(queue) => queue,
        Err(error) => return vec![Finding::fail("broker/reachable", format!("{error:#}"))],
    };
    let let_in = timeout(ANSWER_WITHIN, queue.lets_in()).await;
    let mut findings = vec![match let_in {
        Ok(Ok(())) => Finding::ok(
            "broker/reachable",
            "it lets the user of AMQP_URL into the virtual host, and takes messages",
        ),
        Ok(Err(error)) => Finding::fail("broker/reachable", error.to_string()),
        Err(_) => Finding::fail("broker/reachable", format!("no answer within {ANSWER_WITHIN:?}")),
    }];
    findings.push(match exposed_host(url) {
        Some(host) => Finding::warn("broker/encryption", format!("not encrypted on the way to {host}"))
            .remedy("write amqps:// in AMQP_URL, and set TLS_CA where its authority is a private one"),
        None => Finding::ok("broker/encryption", "encrypted, or it does not leave this machine"),
    });
    let policies = queue.policies().await;
    findings.push(match &policies {
        Policies::Harmless => Finding::ok("broker/policies", policies.sentence()),
        Policies::Harmful(_) => Finding::fail("broker/policies", policies.sentence())
            .remedy("remove it: docs/runbooks/queue_policy.md"),
        Policies::NotLookedAt(_) => {
            Finding::warn("broker/policies", policies.sentence()).remedy("set AMQP_MANAGEMENT_URL")
        }
    });
    queue.close().await;
    findings
}

fn open(url: &str, management: Option<&str>, lanes: Lanes) -> anyhow::Result<RabbitMq> {
    let queue = RabbitMq::new(url, RabbitMqSettings::new(lanes))?;
    Ok(match management {
        Some(management) => queue.with_management(url, management)?,
        None => queue,
    })
}
