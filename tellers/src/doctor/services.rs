//! The services, over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use client::Problem;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::DATE;
use reqwest::{Method, StatusCode};
use runtime::tls;
use serde_json::Value;

use super::finding::Finding;
use crate::remote::cells::{text, time};
use crate::remote::{Service, refused};
use crate::status::problem;

/// This program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A service that is well answers at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A certificate that ends within this is to be renewed.
const RENEW_AHEAD: Duration = Duration::from_secs(21 * 24 * 3_600);
/// A difference of clocks from which on times are wrong by what people notice; the time of an answer is a whole second.
const CLOCK_SECONDS_MAX: i64 = 3;

/// The ingress: whether it takes jobs, and the key.
pub(super) async fn ingress(ingress: &Service) -> Vec<Finding> {
    let Some(mut findings) = reached(ingress).await else { return vec![away(ingress).await] };
    findings.push(key(ingress, "/api/keys/self").await);
    findings
}

/// The monitor, and what it says of the fleet.
pub(super) async fn monitor(monitor: &Service) -> Vec<Finding> {
    let Some(mut findings) = reached(monitor).await else { return vec![away(monitor).await] };
    findings.push(key(monitor, "/api/scalability/status").await);
    if let Ok(status) = monitor.read("/api/scalability/status").await {
        findings.extend(fleet(&status));
    }
    findings
}

fn check(service: &Service, what: &str) -> String {
    format!("{}/{what}", service.which().name())
}

/// `None`: it does not answer.
async fn reached(service: &Service) -> Option<Vec<Finding>> {
    let request = service.request(Method::GET, "/readyz").timeout(ANSWER_WITHIN);
    let answer = service.answer(request).await.ok()?;
    let (base, status) = (service.base(), answer.status);
    let mut findings = vec![match status {
        status if status.is_success() => {
            Finding::ok(check(service, "reachable"), format!("{base} answers and is ready"))
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Finding::fail(check(service, "reachable"), format!("{base} is not ready: {}", answer.body.trim()))
        }
        status => Finding::fail(check(service, "reachable"), format!("{base}/readyz answers {status}"))
            .remedy(format!(
                "see that {} is the URL of the {}",
                service.which().setting(),
                service.which().name()
            )),
    }];
    findings.push(encryption(service).await);
    findings.extend(clock(service, answer.header(DATE.as_str())));
    Some(findings)
}

async fn away(service: &Service) -> Finding {
    let request = service.request(Method::GET, "/readyz").timeout(ANSWER_WITHIN);
    let why = match service.answer(request).await {
        Err(error) => format!("{error:#}"),
        // It is back since.
        Ok(answer) => format!("it answers {} only at the second try; run this again", answer.status),
    };
    Finding::fail(check(service, "reachable"), why)
}

/// Whether what goes there is encrypted, and for how long its certificate is good.
async fn encryption(service: &Service) -> Finding {
    let (check, base) = (check(service, "encryption"), service.base());
    let Ok(url) = reqwest::Url::parse(base) else { return Finding::fail(check, format!("{base} is no URL")) };
    if url.scheme() == "http" {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_here =
            host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if is_here {
            return Finding::ok(check, "not encrypted, and it does not leave this machine");
        }
        return Finding::warn(
            check,
            "not encrypted: the key and all that is answered can be read on the way",
        )
        .remedy(format!(
            "set TLS_CERT and TLS_KEY of the service, and write https:// in {}",
            service.which().setting()
        ));
    }
    match expires_within(base, RENEW_AHEAD).await {
        Ok(false) => Finding::ok(check, "its certificate is trusted, and good for three weeks and more"),
        Ok(true) => Finding::warn(check, "a certificate of it ends within three weeks")
            .remedy("renew it; the service reads its files again by itself"),
        Err(error) => Finding::warn(
            check,
            format!("for how long its certificate is good could not be looked at: {error:#}"),
        ),
    }
}

/// Whether a handshake that works now fails by the clock of then.
async fn expires_within(base: &str, ahead: Duration) -> anyhow::Result<bool> {
    let config = tls::client_config_ahead(ahead)?;
    let http = reqwest::Client::builder().tls_backend_preconfigured(config).timeout(ANSWER_WITHIN).build()?;
    Ok(http.get(format!("{base}/livez")).send().await.is_err())
}

/// How far its clock is from this machine's, by the head of its answer.
fn clock(service: &Service, date: &str) -> Option<Finding> {
    let there = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let seconds = there.as_second() - Timestamp::now().as_second();
    let check = check(service, "clock");
    Some(if seconds.abs() < CLOCK_SECONDS_MAX {
        Finding::ok(check, "agrees with the clock of this machine")
    } else {
        let way = if seconds > 0 { "ahead of" } else { "behind" };
        Finding::warn(check, format!("{} s {way} the clock of this machine", seconds.abs()))
            .remedy("let both be set by NTP")
    })
}

/// Whether the key is taken there, and where the service tells it, what it allows.
async fn key(service: &Service, path: &str) -> Finding {
    let check = check(service, "key");
    let answer = service.answer(service.request(Method::GET, path).timeout(ANSWER_WITHIN)).await;
    match answer {
        Ok(answer) if answer.status.is_success() => match answer.json::<Value>() {
            _ if !service.has_key() => Finding::ok(check, "it asks for no key"),
            Ok(key) if key["scopes"].is_array() => allowed(check, &key),
            _ => Finding::ok(check, "the key is known, and may read"),
        },
        Ok(answer) => {
            let said = refused(&Problem::of(answer.status, &answer.body));
            match answer.status {
                StatusCode::FORBIDDEN => {
                    Finding::warn(check, format!("the key is known, and may not read there: {said}"))
                }
                _ => Finding::fail(check, said.to_string()),
            }
        }
        Err(error) => Finding::fail(check, format!("{error:#}")),
    }
}

/// What a key allows, and whether it ends soon.
fn allowed(check: String, key: &Value) -> Finding {
    let names =
        |name: &str| key[name].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ");
    let (id, client, scopes, accounts) =
        (text(&key["id"]), text(&key["client"]), names("scopes"), names("accounts"));
    let found = format!("the key {id} of {client} allows {scopes} on the accounts {accounts}");
    let Some(end) = key["expires_at"].as_str().and_then(|end| end.parse::<Timestamp>().ok()) else {
        return Finding::ok(check, found);
    };
    let found = format!("{found}, until {} UTC", time(&key["expires_at"]));
    if Timestamp::now() + RENEW_AHEAD < end {
        return Finding::ok(check, found);
    }
    Finding::warn(check, found).remedy(format!("have it replaced: tellers keys rotate {id}"))
}

/// What the monitor says: problems, versions, replicas.
fn fleet(status: &Value) -> Vec<Finding> {
    let rows = |name: &str| status[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut findings = Vec::new();
    let verdict = text(&status["verdict"]);
    let problems = rows("problems");
    if problems.is_empty() {
        findings.push(Finding::ok("fleet/state", verdict));
    }
    for reported in problems {
        let check = format!("fleet/{}", text(&reported["kind"]));
        // Of these the money is safe, and the fleet at work.
        let is_mild = matches!(reported["kind"].as_str(), Some("alert_firing" | "dead_letters"));
        let reported = problem(reported);
        findings.push(if is_mild { Finding::warn(check, reported) } else { Finding::fail(check, reported) });
    }
    let versions: BTreeSet<String> = rows("replicas")
        .iter()
        .filter(|replica| replica["state"] == "live")
        .map(|replica| text(&replica["version"]))
        .collect();
    findings.push(match versions.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Finding::warn("fleet/versions", "no replica reports")
            .remedy("see that they have the same AMQP_URL as the monitor"),
        [VERSION] => Finding::ok("fleet/versions", format!("every replica, and this command, is {VERSION}")),
        [one] => {
            Finding::warn("fleet/versions", format!("every replica is {one}, and this command {VERSION}"))
                .remedy("take the command of the fleet's release")
        }
        several => Finding::warn(
            "fleet/versions",
            format!("replicas are of several releases: {}", several.join(", ")),
        )
        .remedy("finish the upgrade"),
    });
    let skewed = rows("replicas")
        .iter()
        .filter(|replica| replica["clock_ahead_seconds"].as_f64().is_some_and(|ahead| ahead.abs() > 1.0));
    let skewed: Vec<_> = skewed.map(|replica| text(&replica["replica"])).collect();
    findings.push(if skewed.is_empty() {
        Finding::ok("fleet/clocks", "the clocks of the replicas agree within a second")
    } else {
        Finding::warn(
            "fleet/clocks",
            format!("the clocks of {} differ from the others' by more than a second", skewed.join(", ")),
        )
        .remedy("let all be set by NTP; money goes by the clock of the database, and only figures are wrong")
    });
    findings
}
